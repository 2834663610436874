//! `fialka-server serve`

use std::time::Duration;

use anyhow::Context;
use axum::{Router, extract::State, routing::get};
use tokio::signal::unix::{SignalKind, signal};

use super::{ConfigFile, init::prepare_data_dir};
use crate::{
    Config, Server, admin,
    clock::SystemClock,
    config::Listen,
    http::{Connections, Listener, router::router},
    ops::{admin_socket::AdminSocket, backups, housekeeping, logging, metrics::Metrics},
};

/// How long the last requests and jobs may take after a signal. A supervisor kills after ten seconds or more.
const LAST_WORK: Duration = Duration::from_secs(8);
/// Threads for reading the database, per processor.
const BLOCKING_THREADS_PER_CORE: usize = 4;

pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let config = file.load()?;
    logging::start(&config.log)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .max_blocking_threads(cores.max(4) * BLOCKING_THREADS_PER_CORE)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(serve(config));
    // What still runs has had its time.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // First of all, so that a signal during a long start is not lost, also where nobody else handles it: as process 1.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    // A container starts with a configuration and an empty volume.
    prepare_data_dir(&config.data_dir)?;
    let admin_socket = AdminSocket::bind(&config.admin_socket())?;
    if let Err(error) = backups::check_dir(&config) {
        // A disk that is not there today is no reason to shut everybody out.
        tracing::error!("{error:#}");
    }
    let listeners = config
        .listen
        .iter()
        .enumerate()
        .map(|(index, listen)| Listener::bind(listen).with_context(|| format!("listen[{index}]")))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let metrics_listener = metrics_listener(&config)?;
    let server = Server::open(config, SystemClock::shared())?;
    let connections = Connections::new();
    let counted = connections.clone();
    server
        .metrics
        .gauge("fialka_connections", "Open connections.", move || {
            counted.count() as f64
        });

    // Before anybody asks in their name.
    let started = server.appservices.start(&server.jobs).await;
    started.map_err(|error| anyhow::anyhow!("cannot start application services: {error}"))?;
    for listener in listeners {
        let scheme = if listener.is_tls() { "https" } else { "http" };
        tracing::info!(
            "serving {} on {scheme}://{}",
            server.config.server_name,
            listener.address()?
        );
        let router = router(server.clone());
        server
            .jobs
            .track(listener.serve(router, connections.clone(), server.jobs.clone()));
    }
    if let Some(listener) = metrics_listener {
        let router = metrics_router(server.metrics.clone());
        server
            .jobs
            .track(listener.serve(router, connections.clone(), server.jobs.clone()));
    }
    server.jobs.track(admin_socket.serve(server.clone()));
    server.push.start(&server.jobs);
    admin::routes::resume(&server).await?;
    let kept = server.clone();
    server
        .jobs
        .spawn("housekeeping", move || housekeeping::run(kept.clone()));
    let deleting = server.clone();
    server.jobs.spawn("deletions", move || {
        let lifetime = deleting.config.rooms.retention.map(|period| period.0);
        let rooms = deleting.rooms.clone();
        rooms.run_deletions(deleting.jobs.clone(), lifetime)
    });
    let delayed = server.clone();
    server.jobs.spawn("delayed events", move || {
        delayed.delayed.clone().run(delayed.jobs.clone())
    });
    if server.config.federation.enabled {
        server.inbound.resume(&server)?;
        server.to_servers.start(&server);
    }
    if server.config.campus.announce {
        let announced = server.clone();
        server.jobs.track(async move {
            crate::join::announce(&announced.config, &announced.join, announced.jobs.clone()).await;
        });
    }
    let answering = server.clone();
    server.jobs.spawn("answers to feedback", move || {
        let (users, admin) = (answering.users.clone(), answering.admin.clone());
        let feedback = answering.feedback.clone();
        feedback.run_replies(users, admin, answering.jobs.clone())
    });
    let indexed = server.clone();
    server.jobs.spawn("search index", move || {
        indexed.search.clone().run_indexer(indexed.jobs.clone())
    });
    let users = server.users.clone();
    server.jobs.track(async move {
        if let Err(error) = users.finish_spreading_profiles().await {
            tracing::error!("rooms could not be told of new profiles: {error}");
        }
    });
    let (presence, jobs) = (server.presence.clone(), server.jobs.clone());
    server
        .jobs
        .spawn("presence", move || presence.clone().run(jobs.clone()));
    let backed_up = server.clone();
    server
        .jobs
        .spawn("backups", move || backups::run(backed_up.clone()));

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    server.jobs.stop();
    tokio::select! {
        ended = server.jobs.ended(LAST_WORK) => if !ended {
            tracing::warn!("some work did not end in time and is abandoned");
        },
        // Whoever asks twice does not want to wait.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn metrics_listener(config: &Config) -> anyhow::Result<Option<Listener>> {
    let listen = |address| Listen {
        address,
        tls_cert: None,
        tls_key: None,
        trusted_proxies: Vec::new(),
    };
    config
        .metrics
        .address
        .map(|address| Listener::bind(&listen(address)).context("metrics.address"))
        .transpose()
}

fn metrics_router(metrics: Metrics) -> Router {
    let text = async |State(metrics): State<Metrics>| metrics.to_text();
    Router::new()
        .route("/metrics", get(text))
        .with_state(metrics)
}

//! Listeners and connections.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{interval, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use super::{address::Peer, connections::Connections, patience::Patient, tls::Certificate};
use crate::{
    config::{Listen, TlsFiles},
    jobs::Jobs,
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long peers may take before a request is there.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    /// For the TLS handshake.
    handshake: Duration,
    /// For a request's head; as long may a connection lie idle.
    head: Duration,
}

const TIMEOUTS: Timeouts = Timeouts {
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(30),
};
/// How often a silent HTTP/2 connection is asked whether anybody is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);
/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 100;
/// The most that a request's head may take.
const HEAD_SIZE: u32 = 64 * 1024;
/// How long requests may go on after the server was told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How often a listener looks whether its certificate was replaced.
const CERTIFICATES_LOOKED_AT: Duration = Duration::from_secs(60);
/// The pause when the system has no more connections to give.
const OUT_OF_FILES: Duration = Duration::from_millis(200);

/// An address that is listened on, before anything is served there.
pub struct Listener {
    socket: TcpListener,
    tls: Option<(Arc<Certificate>, TlsAcceptor)>,
    trusted_proxies: Arc<[IpAddr]>,
}

impl Listener {
    /// Takes hold of an address. A certificate that cannot be read or an address that is taken is an error now.
    pub fn bind(listen: &Listen) -> anyhow::Result<Self> {
        let tls = listen.tls().map(load_tls).transpose()?;
        let trusted_proxies = listen
            .trusted_proxies
            .iter()
            .map(IpAddr::to_canonical)
            .collect();
        let socket =
            bind(listen.address).with_context(|| format!("cannot listen on {}", listen.address))?;
        Ok(Self {
            socket,
            tls,
            trusted_proxies,
        })
    }

    /// Reads a certificate and its key as [`Listener::bind`] does, without listening.
    pub fn check_tls(files: TlsFiles<'_>) -> anyhow::Result<()> {
        load_tls(files).map(drop)
    }

    /// The address, with the port that was chosen if the configuration left that to the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until the server stops.
    pub async fn serve(self, router: Router, connections: Connections, jobs: Jobs) {
        let mut look_again = interval(CERTIFICATES_LOOKED_AT);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                _ = look_again.tick(), if self.is_tls() => {
                    self.reload_certificate();
                    continue;
                }
                () = jobs.stopping() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer.ip(), &router, &connections, &jobs),
                Err(error) if is_fault_of_peer(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(OUT_OF_FILES).await;
                }
            }
        }
    }

    /// Takes over a certificate that was replaced. Reads two small files.
    fn reload_certificate(&self) {
        let Some((certificate, _)) = &self.tls else {
            return;
        };
        match certificate.reload() {
            Ok(false) => {}
            Ok(true) => tracing::info!("{certificate:?} was replaced and is used from now on"),
            Err(error) => tracing::warn!("a new certificate cannot be used: {error:#}"),
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        address: IpAddr,
        router: &Router,
        connections: &Connections,
        jobs: &Jobs,
    ) {
        let Some(admitted) = connections.admit(address) else {
            tracing::debug!(%address, "a connection was turned away: there are too many");
            return;
        };
        let peer = Peer {
            address,
            trusted_proxies: Arc::clone(&self.trusted_proxies),
        };
        let tls = self.tls.as_ref().map(|(_, acceptor)| acceptor.clone());
        let (router, stopping) = (router.clone(), jobs.clone());
        jobs.track(async move {
            if let Err(error) = connection(stream, tls, router, peer, stopping, TIMEOUTS).await {
                tracing::debug!(%address, "a connection ended early: {error}");
            }
            drop(admitted);
        });
    }
}

fn load_tls(files: TlsFiles<'_>) -> anyhow::Result<(Arc<Certificate>, TlsAcceptor)> {
    let certificate = Certificate::load(files)?;
    let acceptor = certificate.acceptor()?;
    Ok((certificate, acceptor))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_fault_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    peer: Peer,
    jobs: Jobs,
    timeouts: Timeouts,
) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        return serve_within(timeouts, stream, false, router, Some(peer), jobs).await;
    };
    let stream = timeout(timeouts.handshake, tls.accept(stream)).await??;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    serve_within(timeouts, stream, is_http2, router, Some(peer), jobs).await
}

/// Serves one connection until it ends, or for a little while after the server was told to stop. When the client goes
/// away, the request it made is dropped wherever it waits.
///
/// The version is settled by TLS and not guessed from the first bytes: Hyper would wait for those without a limit.
pub(crate) async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_http2: bool,
    router: Router,
    peer: Option<Peer>,
    jobs: Jobs,
) -> Result<(), Failure> {
    serve_within(TIMEOUTS, stream, is_http2, router, peer, jobs).await
}

async fn serve_within(
    timeouts: Timeouts,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_http2: bool,
    router: Router,
    peer: Option<Peer>,
    jobs: Jobs,
) -> Result<(), Failure> {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        router.clone().call(request)
    });
    let builder = builder(is_http2, timeouts);
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(Patient::new(stream)), service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = jobs.stopping() => connection.as_mut().graceful_shutdown(),
    }
    timeout(LAST_REQUESTS, connection).await?
}

fn builder(is_http2: bool, timeouts: Timeouts) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if is_http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_SIZE as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_SIZE)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

#[cfg(test)]
mod tests;

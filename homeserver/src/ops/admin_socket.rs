//! The admin socket: how the command line talks to the running server.
//!
//! It is HTTP over a Unix socket in the data directory that only the server's own user can open; whoever can open it
//! could read the database just as well, so there is no further authentication. What is served here is not reachable
//! from the network.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, net::SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use axum::{
    Router,
    extract::State,
    middleware::map_request,
    response::Response,
    routing::{get, post},
};
use tokio::net::UnixListener;

use crate::{
    ApiError, ApiResult, Server,
    http::{json, serve::serve_stream, trusted},
    ops::{
        backups::{self, Made},
        stats::Stats,
    },
};

/// Every path of the admin socket begins like this.
pub const PREFIX: &str = "/_fialka/admin/v1";

/// The socket, open but not served yet. It is removed when dropped.
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Opens the socket. A socket that a killed server left behind is replaced; one that answers is an error.
    pub fn bind(path: &Path) -> anyhow::Result<Self> {
        SocketAddr::from_pathname(path).with_context(|| {
            format!(
                "{} is too long for a socket: choose a data_dir with a shorter path",
                path.display()
            )
        })?;
        let is_answered = std::os::unix::net::UnixStream::connect(path).is_ok();
        ensure!(
            !is_answered,
            "a server is already running on this data directory: {} answers",
            path.display()
        );
        let listener =
            bind_private(path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Serves until the server stops.
    pub async fn serve(self, server: Server) {
        let router = router(server.clone());
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = server.jobs.stopping() => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            let (router, jobs) = (router.clone(), server.jobs.clone());
            server.jobs.track(async move {
                if let Err(error) = serve_stream(stream, false, router, None, jobs).await {
                    tracing::debug!("a connection to the admin socket ended early: {error}");
                }
            });
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the admin socket could not be removed");
        }
    }
}

/// Opens the socket under another name first: between its making and its closing to others nobody can find it.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let unfinished = path.with_extension("new");
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    let listener = UnixListener::bind(&unfinished)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
    fs::rename(&unfinished, path)?;
    Ok(listener)
}

fn router(server: Server) -> Router {
    let commands = Router::new()
        .route("/stats", get(stats))
        .route("/backups", post(back_up))
        .merge(crate::users::routes::admin::router())
        .merge(crate::feedback::routes::admin::router())
        .merge(crate::roster::routes::admin_router())
        // Whoever can open the socket is no stranger.
        .layer(map_request(trusted));
    Router::new()
        .nest(PREFIX, commands)
        .fallback(|| async { ApiError::unrecognized() })
        .with_state(server)
}

/// Makes a backup.
async fn back_up(State(server): State<Server>) -> ApiResult<Response> {
    let path = backups::create_now(&server).await.map_err(|error| {
        // Whoever can reach this socket may know.
        ApiError::internal(anyhow::anyhow!("{error:#}")).because(error)
    })?;
    json(&Made { path })
}

async fn stats(State(server): State<Server>) -> ApiResult<Response> {
    json(&Stats::of(&server).await?)
}

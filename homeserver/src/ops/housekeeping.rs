//! Small work of every day.

use std::time::Duration;

use crate::{Server, join};

/// How often it is done, beside once at the start.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Forgets what need not be known any longer, until the server stops.
pub async fn run(server: Server) {
    loop {
        let now = server.clock.now().to_system_time();
        let renewed = now.map(|now| join::renew_certificate(&server.config, now));
        match renewed {
            Some(Ok(true)) => tracing::info!("made a new certificate"),
            Some(Err(error)) => tracing::error!("the certificate could not be renewed: {error:#}"),
            _ => {}
        }
        if let Err(error) = server.e2ee.forget_old_transactions().await {
            tracing::error!("old transactions could not be forgotten: {error}");
        }
        if let Err(error) = server.delayed.forget_old().await {
            tracing::error!("old delayed events could not be forgotten: {error}");
        }
        if let Err(error) = server.media.expire().await {
            tracing::error!("old files could not be deleted: {error}");
        }
        if let Err(error) = server.users.forget_expired_openid_tokens().await {
            tracing::error!("expired OpenID tokens could not be forgotten: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = server.jobs.stopping() => return,
        }
    }
}

//! Notices on the desktop, by the system's own service.

use notify_rust::{Notification, Timeout};

use crate::bridge::trouble::Trouble;

/// How long a notice stays, in milliseconds.
const SHOWN: u32 = 6000;

/// Shows a notice. A desktop without the service shows none; the list of rooms tells the same.
pub(super) async fn show(title: String, text: String) -> Result<(), Trouble> {
    let shown = tokio::task::spawn_blocking(move || {
        Notification::new()
            .appname("Fialka")
            .summary(&title)
            .body(&escape(&text))
            .icon("fialka")
            .timeout(Timeout::Milliseconds(SHOWN))
            .show()
            .map(drop)
    });
    match shown.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => tracing::debug!(%error, "no notice was shown"),
        Err(error) => tracing::warn!(%error, "a notice ended with a panic"),
    }
    Err(Trouble::Unsupported)
}

/// Some desktops take the text for markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

//! From the SDK's errors to troubles a person understands.

use std::{
    io,
    time::{Duration, SystemTime},
};

use matrix_sdk::{
    ClientBuildError, Error, HttpError,
    encryption::{recovery::RecoveryError, secret_storage::SecretStorageError},
    room::edit::EditError,
    ruma::api::error::{ErrorKind, LimitExceededErrorData, RetryAfter},
};
use matrix_sdk_ui::timeline;

use crate::bridge::trouble::Trouble;

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        http(&error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        sdk(&error)
    }
}

impl From<ClientBuildError> for Trouble {
    fn from(error: ClientBuildError) -> Self {
        match &error {
            ClientBuildError::Http(error) => http(error),
            ClientBuildError::InvalidServerName | ClientBuildError::Url(_) => Self::ServerNotFound,
            ClientBuildError::AutoDiscovery(_) | ClientBuildError::SlidingSyncVersion(_) => {
                Self::NotAMatrixServer
            }
            ClientBuildError::SqliteStore(error) => local_data(error),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<timeline::Error> for Trouble {
    fn from(error: timeline::Error) -> Self {
        match &error {
            timeline::Error::EventNotInTimeline(_) => Self::NotFound,
            timeline::Error::InvalidAttachmentData | timeline::Error::InvalidAttachmentFileName => {
                Self::FileUnreadable
            }
            timeline::Error::RedactError(timeline::RedactError::HttpError(error)) => http(error),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<EditError> for Trouble {
    fn from(error: EditError) -> Self {
        match &error {
            EditError::Fetch(error) => sdk(error),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<RecoveryError> for Trouble {
    fn from(error: RecoveryError) -> Self {
        match &error {
            RecoveryError::Sdk(error) => sdk(error),
            RecoveryError::SecretStorage(SecretStorageError::Sdk(error)) => sdk(error),
            // A wrong key shows as a broken decoding or message authentication code, depending on its form.
            RecoveryError::SecretStorage(_) => Self::WrongRecoveryKey,
            RecoveryError::BackupExistsOnServer => Self::Other(error.to_string()),
        }
    }
}

fn sdk(error: &Error) -> Trouble {
    match error {
        Error::Http(error) => http(error),
        Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => Trouble::DiskFull,
        Error::Io(_) => Trouble::FileUnreadable,
        Error::StateStore(_)
        | Error::EventCacheStore(_)
        | Error::MediaStore(_)
        | Error::CryptoStoreError(_) => local_data(error),
        other => Trouble::Other(other.to_string()),
    }
}

fn http(error: &HttpError) -> Trouble {
    if let Some(kind) = error.client_api_error_kind() {
        return api(kind);
    }
    match error {
        HttpError::Reqwest(error) => transport(error),
        HttpError::Api(error) => Trouble::Other(error.to_string()),
        HttpError::RefreshToken(_) => Trouble::SessionEnded,
        HttpError::Cached(error) => http(error),
        other => Trouble::Other(other.to_string()),
    }
}

fn local_data(error: &(dyn std::error::Error + 'static)) -> Trouble {
    match is_disk_full(error) {
        true => Trouble::DiskFull,
        false => Trouble::LocalData,
    }
}

/// Whether a database could not be written for want of room. Its own error is wrapped several times, some of them only
/// as text.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if said.contains("disk is full") || said.contains("No space left") {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// What a request that got no answer says.
pub(super) fn transport(error: &reqwest::Error) -> Trouble {
    // The certificate error is wrapped several times, by a type of the TLS library that is not ours to name.
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(trouble) = certificate(&inner.to_string()) {
            return trouble;
        }
        cause = inner.source();
    }
    if error.is_builder() {
        Trouble::ServerNotFound
    } else {
        Trouble::NoConnection
    }
}

/// What the TLS library says when it refuses a certificate.
fn certificate(said: &str) -> Option<Trouble> {
    if !said.contains("certificate") {
        return None;
    }
    let at_this_time = ["expired", "Expired", "not valid yet", "NotValidYet"];
    Some(match at_this_time.iter().any(|word| said.contains(word)) {
        true => Trouble::CertificateOutOfDate,
        false => Trouble::CertificateNotTrusted,
    })
}

/// [spec](https://spec.matrix.org/v1.19/client-server-api/#standard-error-response)
fn api(kind: &ErrorKind) -> Trouble {
    match kind {
        ErrorKind::UnknownToken { .. } | ErrorKind::MissingToken => Trouble::SessionEnded,
        ErrorKind::UserDeactivated | ErrorKind::UserLocked | ErrorKind::UserSuspended => {
            Trouble::AccountLocked
        }
        ErrorKind::LimitExceeded(limit) => Trouble::SlowDown(wait(limit)),
        ErrorKind::Forbidden | ErrorKind::Unauthorized => Trouble::NotAllowed,
        ErrorKind::Unrecognized => Trouble::Unsupported,
        ErrorKind::NotFound => Trouble::NotFound,
        ErrorKind::TooLarge => Trouble::TooLarge(None),
        ErrorKind::UserInUse | ErrorKind::Exclusive => Trouble::NameTaken,
        ErrorKind::InvalidUsername => Trouble::NameInvalid,
        ErrorKind::WeakPassword => Trouble::PasswordWeak,
        other => Trouble::Other(format!("{other:?}")),
    }
}

fn wait(limit: &LimitExceededErrorData) -> Option<Duration> {
    match limit.retry_after? {
        RetryAfter::Delay(delay) => Some(delay),
        RetryAfter::DateTime(at) => at.duration_since(SystemTime::now()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_another_time_is_told_from_one_of_strangers() {
        for (said, trouble) in [
            (
                "invalid peer certificate: certificate expired: verification time 1795672800 (UNIX), but certificate is not valid after 1",
                Some(Trouble::CertificateOutOfDate),
            ),
            (
                "invalid peer certificate: certificate not valid yet: verification time 1 (UNIX), but certificate is not valid before 2",
                Some(Trouble::CertificateOutOfDate),
            ),
            (
                "invalid peer certificate: UnknownIssuer",
                Some(Trouble::CertificateNotTrusted),
            ),
            ("connection refused", None),
        ] {
            assert_eq!(certificate(said), trouble, "{said}");
        }
    }

    #[test]
    fn a_full_disk_is_recognised_behind_other_errors() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(sdk(&Error::Io(full)), Trouble::DiskFull);
        let behind = io::Error::other("database or disk is full");
        assert_eq!(local_data(&io::Error::other(behind)), Trouble::DiskFull);
        assert_eq!(
            local_data(&io::Error::other("malformed")),
            Trouble::LocalData
        );
    }
}

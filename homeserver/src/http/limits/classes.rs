//! What kinds of requests there are, and how many of each are fair.
//!
//! The numbers per address let a classroom of thirty behind one router start at the same minute; the numbers per
//! account are far above what a person does and stop a script.

use http::Method;

use super::Allowance;

/// A kind of request by what it costs or what it can be abused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Trying a password.
    SignIn,
    /// Making an account.
    Register,
    /// Writing an event, or a profile that every room shows.
    Send,
    /// Making, joining and inviting to rooms.
    Join,
    /// Uploading a file.
    Upload,
    /// Downloading a file or a thumbnail.
    Download,
    /// Searching among events, people and public rooms.
    Search,
    /// Reporting a problem.
    Feedback,
    /// Reporting a person, a room or an event.
    Report,
    /// Requests of other homeservers.
    Federation,
    /// Everything else.
    Other,
}

impl Class {
    /// The class of an endpoint.
    pub fn of(method: &Method, path: &str) -> Self {
        // Nobody signs it, and other servers may be asked because of it.
        if path.ends_with("/3pid/onbind") {
            return Self::Join;
        }
        if path.starts_with("/_matrix/federation/") || path.starts_with("/_matrix/key/") {
            return Self::Federation;
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let last = path
            .rsplit('/')
            .find(|segment| !segment.is_empty() && !segment.starts_with('{'));
        match last.unwrap_or_default() {
            "login" | "password" | "refresh" | "get_token" if !is_read => Self::SignIn,
            "register" | "available" | "validity" => Self::Register,
            "send" | "redact" | "state" | "profile" if !is_read => Self::Send,
            "report" if !is_read => Self::Report,
            "createRoom" | "join" | "knock" | "invite" | "upgrade" if !is_read => Self::Join,
            "upload" => Self::Upload,
            "download" | "thumbnail" | "preview_url" => Self::Download,
            "feedback" if !is_read => Self::Feedback,
            "similar" | "search" | "publicRooms" | "hierarchy" | "timestamp_to_event" => {
                Self::Search
            }
            _ => Self::Other,
        }
    }

    /// For everybody at one address together.
    pub(super) fn per_address(self) -> Allowance {
        let (burst, per_second) = match self {
            Self::SignIn => (90, 1.0),
            Self::Register => (180, 0.5),
            Self::Send => (1_200, 120.0),
            Self::Join => (600, 20.0),
            Self::Upload => (300, 20.0),
            Self::Download => (6_000, 300.0),
            Self::Search => (900, 60.0),
            Self::Feedback => (300, 1.0),
            Self::Report => (300, 5.0),
            Self::Federation => (5_000, 500.0),
            Self::Other => (6_000, 400.0),
        };
        Allowance { burst, per_second }
    }

    /// For one account.
    pub(super) fn per_account(self) -> Allowance {
        let (burst, per_second) = match self {
            Self::SignIn => (10, 1.0 / 6.0),
            Self::Register => (10, 1.0 / 6.0),
            Self::Send => (100, 10.0),
            Self::Join => (100, 1.0),
            Self::Upload => (60, 2.0),
            Self::Download => (1_000, 50.0),
            Self::Search => (200, 5.0),
            Self::Feedback => (10, 1.0 / 360.0),
            Self::Report => (30, 0.2),
            Self::Federation => (5_000, 500.0),
            // A client that opens a large space, or sets the notifications of every room, asks hundreds of times.
            Self::Other => (1_500, 50.0),
        };
        Allowance { burst, per_second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_their_classes() {
        let cases = [
            (
                Method::PUT,
                "/_matrix/client/v3/profile/{userId}/{keyName}",
                Class::Send,
            ),
            (
                Method::POST,
                "/_matrix/client/v3/rooms/{roomId}/report/{eventId}",
                Class::Report,
            ),
            (Method::POST, "/_matrix/client/v3/login", Class::SignIn),
            (Method::GET, "/_matrix/client/v3/login", Class::Other),
            (Method::POST, "/_matrix/client/v3/register", Class::Register),
            (
                Method::PUT,
                "/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}",
                Class::Send,
            ),
            (
                Method::PUT,
                "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}",
                Class::Send,
            ),
            (
                Method::GET,
                "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}",
                Class::Other,
            ),
            (
                Method::POST,
                "/_matrix/client/v3/join/{room_id_or_alias}",
                Class::Join,
            ),
            (Method::POST, "/_matrix/client/v3/createRoom", Class::Join),
            (Method::POST, "/_matrix/media/v3/upload", Class::Upload),
            (
                Method::GET,
                "/_matrix/client/v1/media/download/{server_name}/{media_id}",
                Class::Download,
            ),
            (
                Method::POST,
                "/_matrix/client/v3/user_directory/search",
                Class::Search,
            ),
            (Method::GET, "/_matrix/client/v3/sync", Class::Other),
            (Method::POST, "/_fialka/client/v1/feedback", Class::Feedback),
            (Method::GET, "/_fialka/client/v1/feedback", Class::Other),
            (
                Method::POST,
                "/_fialka/client/v1/feedback/similar",
                Class::Search,
            ),
            (
                Method::PUT,
                "/_matrix/federation/v1/send/{transaction_id}",
                Class::Federation,
            ),
        ];
        for (method, path, class) in cases {
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }
}

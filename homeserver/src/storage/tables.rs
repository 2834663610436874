//! Every table of the database: key, value, and what a row says.
//!
//! Row types live in the domain that owns them. This file alone may name them all; it calls nothing.

use ruma::{OwnedDeviceId, OwnedEventId, OwnedRoomId, OwnedServerName};

use super::{Family, Table};
use crate::{
    account_data::store::AccountDataRow,
    admin::store::TaskRow,
    appservice::store::TransactionRow,
    delayed::store::DelayedEventRow,
    e2ee::store::{BackupVersionRow, ClaimableRow, DehydratedDeviceRow, FallbackKeyRow},
    federation::{
        BackoffRow, ServerKeyRow, ServerKeysRow,
        inbound::rows::StagedEvent,
        outbound::rows::{DestinationRow, LoggedEvent},
    },
    feedback::store::{FeedbackRow, ProblemId, ProblemRow, ReplyRow},
    ids::{EventNid, RoomNid, StateKeyNid, StreamPos, TypeNid, UserNid},
    media::store::{MediaRow, PreviewRow, QuarantineRow, ReservedMediaRow},
    push::store::{PushEventRow, PusherFailureRow, PusherRow, QueuedPushRow},
    reports::store::{ReportId, ReportRow},
    rooms::{
        deletion::JobRow,
        receipts::{ReceiptKind, ReceiptRow},
        relations::{Aggregate, RelatedRow},
        rows::{EventRow, Membership, RoomSummary, TimelineRow, UserRoomRow},
        thread_subscriptions::SubscriptionRow,
    },
    roster::store::{ClassRow, PersonRow},
    users::store::{
        AccountRow, DeviceRow, LastSeenRow, OpenIdTokenRow, RefreshTokenRow, RegistrationTokenRow,
        SessionRow, TermsRow, TokenHash,
    },
};

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, $family:ident $prefix:literal;)*) => {
        $($(#[$doc])* pub const $name: Table<$key, $value> = Table::new(stringify!($name), Family::$family, $prefix);)*

        /// Name, family and prefix of every table.
        pub const ALL: &[(&str, Family, u8)] = &[$((stringify!($name), Family::$family, $prefix)),*];
    };
}

tables! {
    // The server itself

    /// The last stream position given out.
    STREAM_POSITION: () => StreamPos, Meta 1;
    /// The version of the schema.
    SCHEMA_VERSION: () => u32, Meta 2;
    /// Which life of the database this is.
    EPOCH: () => u32, Meta 3;
    /// No event from here on was ever there: the numbers of events that were removed are not given out again.
    NEXT_EVENT: () => EventNid, Meta 110;

    // Interned texts

    /// Room id to number.
    ROOM_NID: String => RoomNid, Interned 1;
    /// Number to room id.
    ROOM_TEXT: RoomNid => String, Interned 2;
    /// User id to number.
    USER_NID: String => UserNid, Interned 3;
    /// Number to user id.
    USER_TEXT: UserNid => String, Interned 4;
    /// Event type to number.
    TYPE_NID: String => TypeNid, Interned 5;
    /// Number to event type.
    TYPE_TEXT: TypeNid => String, Interned 6;
    /// Event type and state key to number.
    STATE_KEY_NID: String => StateKeyNid, Interned 7;
    /// Number to event type and state key.
    STATE_KEY_TEXT: StateKeyNid => String, Interned 8;

    // Events

    /// Every event this server knows, with its place in the room's history.
    EVENT: EventNid => EventRow, Events 1;
    /// Event id to number.
    EVENT_NID: OwnedEventId => EventNid, EventIds 1;
    /// The events that allowed an event.
    AUTH_EDGES: EventNid => Vec<EventNid>, Auth 1;

    // Unread counts

    /// What a user sent last, and has read therefore: user, room, and the thread (`main` outside of threads).
    READ: (UserNid, RoomNid, String) => StreamPos, UserData 33;
    /// Where push rules say something else of a user than of most: user, room, position; the difference in notifying
    /// events plus one, whether it is a mention, and the thread (empty outside of threads).
    PERSONAL_NOTIFYING: (UserNid, RoomNid, StreamPos) => (u8, u8, String), UserData 34;
    /// Events in threads that notify by default: room, position; the thread and the sender.
    THREAD_NOTIFYING: (RoomNid, StreamPos) => (String, UserNid), Timeline 5;
    /// Events that are a mention for everybody: room, position; the thread (empty outside of threads) and the sender.
    MENTIONING_ALL: (RoomNid, StreamPos) => (String, UserNid), Timeline 120;
    /// Events that count no longer, since they were redacted: room, position; whether they notified by default outside
    /// of threads.
    RETRACTED: (RoomNid, StreamPos) => u8, Timeline 121;

    // Push

    /// Pushers: user, app id, pushkey.
    PUSHER: (UserNid, String, String) => PusherRow, UserData 120;
    /// Events that have to be pushed to some of their room's members.
    PUSH_EVENT: StreamPos => PushEventRow, Outbox 120;
    /// Events that have to be pushed to a pusher.
    PUSH_QUEUE: (UserNid, String, String, StreamPos) => QueuedPushRow, Outbox 121;
    /// Pushers whose gateway does not answer.
    PUSHER_FAILURE: (UserNid, String, String) => PusherFailureRow, Outbox 122;

    // Application services

    /// Events that a service has to be told: service, position.
    APPSERVICE_EVENT: (String, StreamPos) => EventNid, Outbox 123;
    /// How far a service has been told.
    APPSERVICE_TRANSACTION: String => TransactionRow, Outbox 124;
    /// Rooms in the directories of other networks: network, room.
    NETWORK_ROOM: (String, RoomNid) => (), Rooms 120;

    // Rooms

    /// A room's events in the order they are shown: room, position, order within the position.
    TIMELINE: (RoomNid, StreamPos, u32) => TimelineRow, Timeline 1;
    /// A room's events without successors.
    EXTREMITY: (RoomNid, EventNid) => (), Timeline 2;
    /// Changes of the current state: room, position, key; the event now and the one before (zero: none).
    STATE_DELTA: (RoomNid, StreamPos, StateKeyNid) => (EventNid, EventNid), Timeline 3;
    /// Events that refer to another one: room, event referred to, place; the event and the kind of relation.
    RELATION: (RoomNid, OwnedEventId, StreamPos, u32) => (EventNid, String), Timeline 4;
    /// The same by the kind of relation: room, event referred to, kind, place; the event with its sender, type and id.
    RELATED: (RoomNid, OwnedEventId, String, StreamPos, u32) => RelatedRow, Timeline 100;
    /// Edits: room, event edited, sender, time, id; the last one of a sender is the newest.
    EDIT: (RoomNid, OwnedEventId, UserNid, u64, OwnedEventId) => EventNid, Timeline 101;
    /// How many events refer to one, by kind. Absent where none does.
    AGGREGATE: (RoomNid, OwnedEventId) => Aggregate, Timeline 102;
    /// How many replies somebody has in a thread: room, first event, sender.
    THREAD_SENDER: (RoomNid, OwnedEventId, UserNid) => u64, Timeline 103;
    /// Threads in the order of their newest replies: room, newest reply; the first event.
    THREAD: (RoomNid, EventNid) => OwnedEventId, Timeline 104;
    /// Annotations: room, event annotated, sender, type and key.
    ANNOTATION: (RoomNid, OwnedEventId, UserNid, String) => EventNid, Timeline 105;
    /// Events by the time their servers gave them, in milliseconds: room, time, place.
    BY_TIME: (RoomNid, u64, StreamPos, u32) => EventNid, Timeline 106;
    /// Events that were fetched after others had come that followed them: when they were sent, in milliseconds.
    PAST_EVENT: (RoomNid, EventNid) => u64, Rooms 174;
    /// Events in a room's timeline before which others are missing: 0; and those before which others were put that
    /// came after them: 1.
    GAP: (RoomNid, StreamPos, u32) => u8, Timeline 190;
    /// One redaction of an event that has not come yet, from before there could be several: room, event; the redaction.
    AWAITED_REDACTION: (RoomNid, OwnedEventId) => EventNid, Timeline 191;
    /// Redactions of events that have not come yet: room, event, redaction.
    AWAITED_REDACTIONS: (RoomNid, OwnedEventId, EventNid) => (), Timeline 182;
    /// Nodes of state trees by hash.
    STATE_NODE: [u8; 16] => Vec<u8>, State 1;
    /// The current state: room, type, state key.
    CURRENT_STATE: (RoomNid, String, String) => EventNid, State 2;
    /// Summaries.
    ROOM: RoomNid => RoomSummary, Rooms 1;
    /// Members by membership: the member event and when it came.
    MEMBER: (RoomNid, Membership, UserNid) => (EventNid, StreamPos), Rooms 2;
    /// Rooms by user.
    USER_ROOM: (UserNid, RoomNid) => UserRoomRow, Rooms 3;
    /// Rooms in the public directory.
    PUBLIC_ROOM: RoomNid => (), Rooms 4;
    /// Aliases of this server: the room and who made it.
    ALIAS: String => (RoomNid, UserNid), Rooms 5;
    /// Aliases by room.
    ROOM_ALIAS: (RoomNid, String) => (), Rooms 6;
    /// How many users of another server are in a room.
    ROOM_SERVER: (RoomNid, OwnedServerName) => u64, Rooms 170;
    /// The same the other way round: since when.
    SERVER_ROOM: (OwnedServerName, RoomNid) => StreamPos, Rooms 171;
    /// Receipts of a room in stream order.
    RECEIPT: (RoomNid, StreamPos) => ReceiptRow, Receipts 1;
    /// A user's receipt by room, user, thread and kind: when it came, and the place of the event it names.
    LATEST_RECEIPT: (RoomNid, UserNid, String, ReceiptKind) => (StreamPos, StreamPos, u32), Receipts 2;
    /// Whether a user is subscribed to a thread, by their own will or by a client's, and since when.
    THREAD_SUBSCRIPTION: (RoomNid, OwnedEventId, UserNid) => SubscriptionRow, Receipts 175;
    /// The same by user and time: the thread.
    THREAD_SUBSCRIPTION_CHANGE: (UserNid, StreamPos) => (RoomNid, OwnedEventId), Receipts 176;
    /// What a device's transaction made: user, device, transaction; the event.
    TRANSACTION: (UserNid, String, String) => OwnedEventId, Users 1;
    /// The device that sent an event and the transaction id it gave.
    EVENT_TRANSACTION: EventNid => (String, String), Users 2;
    /// Whose transaction made an event and its key, where neither the sender nor the event tells them.
    UNUSUAL_TRANSACTION: EventNid => (UserNid, String), Users 192;

    // Deletion

    /// Deletions of rooms and of history by their ids, under way or over.
    DELETION_JOB: String => JobRow, Rooms 110;
    /// Members whom the deletion of a room concerned: job, user; 1 if they were taken out, 2 if they could not be.
    DELETION_MEMBER: (String, UserNid) => u8, Rooms 112;
    /// Up to where a room's history was removed, state aside: the place and how many events notified until then.
    HISTORY_START: RoomNid => (StreamPos, u32, u64), Rooms 111;
    /// Events of a room that stand outside of its timeline.
    OUTLIER: (RoomNid, EventNid) => (), Timeline 110;
    /// Events that left the timeline when they were the newest, and go once they are not.
    PRUNED: (RoomNid, EventNid) => (), Timeline 114;
    /// States of a room that no event in its timeline names.
    FORMER_STATE: (RoomNid, [u8; 16]) => (), State 110;

    // Delayed events

    /// Events that are to be sent later, by their id, and what became of them.
    DELAYED_EVENT: String => DelayedEventRow, Rooms 150;
    /// Those that wait by when they are sent, in milliseconds.
    DELAYED_DUE: (u64, String) => (), Rooms 151;
    /// Those of a user: user, 0 for waiting or 1 for ended, when it is sent or ended, id.
    DELAYED_OF_USER: (UserNid, u8, u64, String) => (), Rooms 152;
    /// What a transaction scheduled: user, transaction; the id.
    DELAYED_TRANSACTION: (UserNid, String) => String, Rooms 153;

    // Search

    /// Events by the terms of their texts: room, hash of the term, number that distances count from; a list.
    POSTING: (RoomNid, u64, EventNid) => Vec<u8>, Search 1;
    /// Events that wait to be filed.
    INDEX_QUEUE: StreamPos => (RoomNid, EventNid), Timeline 111;
    /// Events that wait to be taken out of the index: the hashes of their terms.
    INDEX_REMOVAL: (RoomNid, EventNid) => Vec<u8>, Timeline 112;
    /// Deleted rooms whose index waits to go.
    INDEX_GONE: RoomNid => (), Timeline 113;
    /// The events from before there was an index: the next one to be filed, and the first one that need not be.
    INDEX_BACKFILL: () => (EventNid, EventNid), Meta 111;

    // Users

    /// The accounts of this server.
    ACCOUNT: UserNid => AccountRow, Users 3;
    /// What users say about themselves: a JSON object.
    PROFILE: UserNid => String, Users 4;
    /// Devices that are signed in.
    DEVICE: (UserNid, OwnedDeviceId) => DeviceRow, Users 5;
    /// When and from where a device was last seen.
    LAST_SEEN: (UserNid, OwnedDeviceId) => LastSeenRow, Users 6;
    /// Access tokens.
    SESSION: TokenHash => SessionRow, Users 7;
    /// Refresh tokens.
    REFRESH_TOKEN: TokenHash => RefreshTokenRow, Users 8;
    /// The tokens of a device: 1 for an access token, 2 for a refresh token.
    DEVICE_TOKEN: (UserNid, OwnedDeviceId, TokenHash) => u8, Users 9;
    /// Invitations to make an account.
    REGISTRATION_TOKEN: String => RegistrationTokenRow, Users 10;
    /// What people accepted when they registered.
    ACCEPTED_TERMS: UserNid => TermsRow, Users 131;
    /// Users whose rooms have not all been told of their newest profile.
    UNTOLD_PROFILE: UserNid => (), Users 133;
    /// Users who left for good and asked that newcomers do not see their messages: when that was.
    ERASED_USER: UserNid => StreamPos, Users 134;
    /// Tokens that tell other services who a user is.
    OPENID_TOKEN: TokenHash => OpenIdTokenRow, Users 132;

    // Reports

    /// What users reported, in the order it came.
    REPORT: ReportId => ReportRow, Users 130;

    // Feedback

    /// What is wrong with Fialka, or missing, as several people say.
    PROBLEM: ProblemId => ProblemRow, Users 210;
    /// What people wrote: the problem, when it came.
    FEEDBACK: (ProblemId, StreamPos) => FeedbackRow, Users 211;
    /// The same by who wrote it: the problem.
    FEEDBACK_OF_USER: (UserNid, StreamPos) => ProblemId, Users 212;
    /// The same by the ids that their clients gave: when it came.
    FEEDBACK_SENT: (UserNid, String) => StreamPos, Users 213;
    /// Who reported a problem, and when last, in milliseconds.
    PROBLEM_PERSON: (ProblemId, UserNid) => u64, Users 214;
    /// Problems that turned out to be the same as another one.
    MERGED_PROBLEM: ProblemId => ProblemId, Users 215;
    /// Answers to those who reported a problem.
    FEEDBACK_REPLY: (ProblemId, StreamPos) => ReplyRow, Users 216;
    /// Those who have not got an answer yet: which one, who; the problem.
    FEEDBACK_UNTOLD: (StreamPos, UserNid) => ProblemId, Users 217;

    // The roster

    /// Students and teachers, those who have left included.
    ROSTER_PERSON: UserNid => PersonRow, Users 218;
    /// Classes, those that are no more included.
    ROSTER_CLASS: String => ClassRow, Rooms 210;
    /// Rooms of the academy as a whole: 1 for the space, 2 for announcements.
    ROSTER_ROOM: u8 => OwnedRoomId, Rooms 211;

    // What belongs to a user

    /// Account data by room, number 0 for none, and type.
    ACCOUNT_DATA: (UserNid, RoomNid, String) => AccountDataRow, UserData 1;
    /// Account data by the position of its last change: its room and type.
    ACCOUNT_DATA_CHANGE: (UserNid, StreamPos) => (RoomNid, String), UserData 2;
    /// Users who changed their push rules.
    CUSTOM_PUSH_RULES: UserNid => (), UserData 3;
    /// Filters by their id: a JSON object.
    FILTER: (UserNid, String) => String, UserData 4;

    // End-to-end encryption

    /// Keys of devices as they were uploaded: JSON objects.
    DEVICE_KEYS: (UserNid, OwnedDeviceId) => String, E2ee 1;
    /// One-time keys: user, device, algorithm, upload, key id.
    ONE_TIME_KEY: (UserNid, OwnedDeviceId, String, StreamPos, String) => String, E2ee 2;
    /// Fallback keys by algorithm.
    FALLBACK_KEY: (UserNid, OwnedDeviceId, String) => FallbackKeyRow, E2ee 3;
    /// What can still be claimed from a device.
    CLAIMABLE: (UserNid, OwnedDeviceId) => ClaimableRow, E2ee 4;
    /// Cross-signing keys by usage: JSON objects.
    CROSS_SIGNING_KEY: (UserNid, u8) => String, E2ee 5;
    /// Signatures that came after a key: owner, device id or public key, signer, signing key.
    KEY_SIGNATURE: (UserNid, String, UserNid, String) => String, E2ee 6;
    /// Users whose keys a user signed: signer, position, owner.
    USER_SIGNATURE: (UserNid, StreamPos, UserNid) => (), E2ee 7;
    /// Users whose keys changed, each at the newest change.
    DEVICE_LIST_CHANGE: StreamPos => UserNid, E2ee 8;
    /// The newest change of a user's keys.
    DEVICE_LIST_LATEST: UserNid => StreamPos, E2ee 9;
    /// Messages that wait for a device: JSON objects.
    TO_DEVICE: (UserNid, OwnedDeviceId, StreamPos) => String, E2ee 10;
    /// Transactions of messages to devices: sender, device, type, transaction; when it was, in milliseconds.
    TO_DEVICE_TXN: (UserNid, OwnedDeviceId, String, String) => u64, E2ee 11;
    /// Until when a user may replace their cross-signing keys without their password, in milliseconds.
    CROSS_SIGNING_UNLOCKED: UserNid => u64, E2ee 189;
    /// The device of a user that only receives.
    DEHYDRATED_DEVICE: UserNid => DehydratedDeviceRow, E2ee 150;
    /// Versions of key backups.
    BACKUP_VERSION: (UserNid, u64) => BackupVersionRow, E2ee 12;
    /// Keys in a backup: user, version, room, session; JSON objects.
    BACKUP_KEY: (UserNid, u64, OwnedRoomId, String) => String, E2ee 13;

    // Other servers: events on their way

    /// Events that other servers wait for, in stream order.
    FEDERATION_LOG: StreamPos => LoggedEvent, Outbox 170;
    /// How far each server is in that log.
    DESTINATION: OwnedServerName => DestinationRow, Outbox 171;
    /// What a server is told beside events, and must not miss: JSON.
    OUTBOUND_EDU: (OwnedServerName, StreamPos) => String, Outbox 172;
    /// The same by position, until it is sent.
    OUTBOUND_EDU_AT: (StreamPos, OwnedServerName) => (), Outbox 173;
    /// Up to where other servers have been told, or are about to be told, of changed devices.
    DEVICE_LISTS_TOLD: () => StreamPos, Meta 170;
    /// Users of this server who entered a room, until its other servers are told of their devices.
    DEVICES_ENTERED: (StreamPos, UserNid) => RoomNid, Outbox 174;
    /// Events received whose room has not taken them in yet, in the order in which they came.
    STAGED_EVENT: (RoomNid, StreamPos) => StagedEvent, Inbound 170;
    /// Those that lack something which nobody could be asked for: they are tried again later.
    HELD_EVENT: (RoomNid, StreamPos) => StagedEvent, Inbound 174;

    // Media

    /// What media ids stand for: server, media id.
    MEDIA: (OwnedServerName, String) => MediaRow, Meta 16;
    /// Media ids by content: hash, server, media id.
    MEDIA_OF_CONTENT: ([u8; 32], OwnedServerName, String) => (), Meta 17;
    /// Media ids of this server that wait for their file.
    RESERVED_MEDIA: String => ReservedMediaRow, Meta 18;
    /// The same by user: until when they wait, in milliseconds.
    RESERVED_MEDIA_OF_USER: (UserNid, String) => u64, Meta 19;
    /// Files of this server by who uploaded them and when, in milliseconds; the size.
    MEDIA_OF_USER: (UserNid, u64, String) => u64, Meta 141;
    /// When a file was last fetched, in milliseconds.
    MEDIA_ACCESS: (OwnedServerName, String) => u64, Meta 142;
    /// Contents that nobody may fetch, by hash.
    QUARANTINED_CONTENT: [u8; 32] => QuarantineRow, Meta 143;
    /// Media ids of this server that quarantine by user or room leaves alone.
    PROTECTED_MEDIA: String => (), Meta 144;
    /// What pages on the web say of themselves, by SHA-256 of address and language.
    URL_PREVIEW: [u8; 32] => PreviewRow, Meta 145;

    // Other servers

    /// Servers that do not answer.
    BACKOFF: OwnedServerName => BackoffRow, Meta 160;
    /// Signing keys of other servers: server, id of the key.
    SERVER_KEY: (OwnedServerName, String) => ServerKeyRow, Meta 161;
    /// What a server last said about its signing keys.
    SERVER_KEYS: OwnedServerName => ServerKeysRow, Meta 162;
    /// What a server said of keys that it does not mention any more: server, id of the key.
    FORMER_SERVER_KEYS: (OwnedServerName, String) => ServerKeysRow, Meta 180;

    // Administration

    /// Work that goes on after its request was answered.
    ADMIN_TASK: String => TaskRow, Meta 140;
    /// Rooms that nobody here may enter; who decided so.
    BLOCKED_ROOM: String => String, Rooms 140;
    /// The room in which a user gets notices of the server.
    NOTICE_ROOM: UserNid => RoomNid, Rooms 141;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ALL;

    #[test]
    fn no_two_tables_share_a_prefix() {
        let mut seen = HashSet::new();
        for (name, family, prefix) in ALL {
            assert!(
                seen.insert((family, prefix)),
                "{name} has the prefix of another table"
            );
        }
    }
}

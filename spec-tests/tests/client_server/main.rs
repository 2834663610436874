//! The client-server API, one module for each section of the specification.
//!
//! One binary: linking is paid once, and all modules share one server.

mod account;
mod account_data;
mod aliases;
mod authentication;
mod bad_input;
mod calls;
mod create_room;
mod cross_signing;
mod dehydrated_device;
mod delayed_events;
mod device_lists;
mod devices;
mod directory;
mod e2ee_keys;
mod filters;
mod history;
mod kept_as_is;
mod key_backup;
mod login;
mod media;
mod membership;
mod notifications;
mod profiles;
mod push_rules;
mod pushers;
mod receipts;
mod registration;
mod robustness;
mod room_versions;
mod search;
mod sending;
mod sliding_connections;
mod sliding_extensions;
mod sliding_sync;
mod state;
mod sync;
mod sync_departures;
mod sync_filters;
mod sync_lazy;
mod to_device;
mod unread;
mod user_directory;
mod versions;
mod visibility;

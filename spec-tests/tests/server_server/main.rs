//! The server-server API, one module for each section of the specification.

mod acl;
mod administration;
mod asking;
mod devices;
mod files;
mod forks;
mod gaps;
mod history;
mod hostile_answers;
mod hostile_events;
mod invitations;
mod keys;
mod large_room;
mod long_absence;
mod people;
mod policy_servers;
mod presence;
mod queries;
mod request_authentication;
mod restricted;
mod rooms;
mod spaces;
mod third_party_invites;
mod two_servers;
mod unsupported;
mod user_keys;

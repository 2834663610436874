//! Names of users.

use ruma::{OwnedUserId, ServerName, UserId, api::error::ErrorKind};

use crate::{ApiError, ApiResult};

/// Bytes of the longest user id, sigil and server name included.
const MAX_USER_ID_LENGTH: usize = 255;

/// The user id of a new account. Its local part has to follow today's rules.
/// [spec](https://spec.matrix.org/v1.19/appendices/#user-identifiers)
pub(super) fn new_user_id(localpart: &str, server_name: &ServerName) -> ApiResult<OwnedUserId> {
    if localpart.is_empty() {
        return Err(invalid("The user name is empty."));
    }
    if !localpart.bytes().all(is_allowed) {
        return Err(invalid(
            "A user name may have the characters a-z, 0-9, \".\", \"_\", \"=\", \"-\", \"/\" and \"+\".",
        ));
    }
    if localpart.len() + server_name.as_str().len() + 2 > MAX_USER_ID_LENGTH {
        return Err(invalid(
            "The user name is too long: the whole user id may have 255 bytes.",
        ));
    }
    UserId::parse(format!("@{localpart}:{server_name}"))
        .map_err(|_| invalid("The user name is not valid."))
}

/// The local user meant by what somebody types when signing in: a whole user id or its local part. Historical
/// characters are allowed, since such accounts exist.
pub(super) fn typed_user_id(typed: &str, server_name: &ServerName) -> Option<OwnedUserId> {
    let user_id = if typed.starts_with('@') {
        UserId::parse(typed).ok()?
    } else {
        UserId::parse(format!("@{typed}:{server_name}")).ok()?
    };
    (user_id.server_name() == server_name).then_some(user_id)
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'=' | b'-' | b'/' | b'+')
}

fn invalid(message: &'static str) -> ApiError {
    ApiError::bad_request(ErrorKind::InvalidUsername, message)
}

#[cfg(test)]
mod tests {
    use ruma::server_name;

    use super::*;

    #[test]
    fn new_names_follow_the_rules_of_today() {
        let server = server_name!("b.example");
        assert_eq!(
            new_user_id("a.b_c=d-e/f+0", server).unwrap(),
            "@a.b_c=d-e/f+0:b.example"
        );
        for bad in [
            "",
            "Alice",
            "élan",
            "a b",
            "a:b",
            "!",
            "a\0",
            &"a".repeat(245),
        ] {
            let error = new_user_id(bad, server).unwrap_err();
            assert!(matches!(error.kind(), Some(ErrorKind::InvalidUsername)));
        }
    }

    #[test]
    fn whole_ids_and_local_parts_name_the_same_user() {
        let server = server_name!("b.example");
        let expected = "@Anna!:b.example";
        assert_eq!(typed_user_id("Anna!", server).unwrap(), expected);
        assert_eq!(typed_user_id(expected, server).unwrap(), expected);
    }

    #[test]
    fn user_of_another_server_is_nobody_here() {
        assert_eq!(
            typed_user_id("@a:elsewhere.example", server_name!("b.example")),
            None
        );
    }
}

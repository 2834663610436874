//! From whom a user takes invitations.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#invite-permission)
//!
//! The specification knows one switch for all invitations. Some clients keep finer lists under the unstable name of
//! [MSC4155](https://github.com/matrix-org/matrix-spec-proposals/pull/4155), which count as well.

use ruma::UserId;
use serde::Deserialize;

use super::store::{self, Scope};
use crate::{
    config::glob,
    ids::UserNid,
    storage::{Result, Snapshot},
};

const STABLE: &str = "m.invite_permission_config";
const UNSTABLE: &str = "org.matrix.msc4155.invite_permission_config";

/// What is to be done with an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteVerdict {
    /// The user is shown it.
    Allow,
    /// It takes effect, but the user is not shown it.
    Ignore,
    /// It is refused. The code is the one of the configuration that refuses.
    Block {
        /// `M_INVITE_BLOCKED`, or the code of the proposal.
        errcode: &'static str,
    },
}

/// A user's wishes about invitations.
#[derive(Clone, Debug, Default)]
pub struct InvitePermission {
    blocks_all: bool,
    lists: Option<Lists>,
}

#[derive(Deserialize)]
struct Stable<'a> {
    #[serde(borrow)]
    default_action: Option<std::borrow::Cow<'a, str>>,
}

/// The lists of MSC4155: patterns of user ids and server names in which `*` stands for any text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    enabled: Option<bool>,
    allowed_users: Vec<String>,
    ignored_users: Vec<String>,
    blocked_users: Vec<String>,
    allowed_servers: Vec<String>,
    ignored_servers: Vec<String>,
    blocked_servers: Vec<String>,
}

impl InvitePermission {
    /// The wishes of a user as of a snapshot.
    pub fn of(snapshot: &Snapshot<'_>, user: UserNid) -> Result<Self> {
        let content = |kind| {
            let row = store::get(snapshot, user, Scope::Global, kind);
            Ok::<_, crate::storage::Error>(row?.map(|row| row.content))
        };
        Ok(Self::parse(
            content(STABLE)?.as_deref(),
            content(UNSTABLE)?.as_deref(),
        ))
    }

    fn parse(stable: Option<&str>, unstable: Option<&str>) -> Self {
        let stable = stable.and_then(|content| serde_json::from_str::<Stable<'_>>(content).ok());
        Self {
            blocks_all: stable.is_some_and(|content| {
                content
                    .default_action
                    .is_some_and(|action| action == "block")
            }),
            lists: unstable
                .and_then(|content| serde_json::from_str::<Lists>(content).ok())
                .filter(|lists| lists.enabled != Some(false)),
        }
    }

    /// What is to be done with an invitation by somebody.
    pub fn judge(&self, inviter: &UserId) -> InviteVerdict {
        if self.blocks_all {
            return InviteVerdict::Block {
                errcode: "M_INVITE_BLOCKED",
            };
        }
        self.lists
            .as_ref()
            .map_or(InviteVerdict::Allow, |lists| lists.judge(inviter))
    }
}

impl Lists {
    /// What is said of the user comes before what is said of their server, and what allows before what refuses.
    fn judge(&self, inviter: &UserId) -> InviteVerdict {
        let block = InviteVerdict::Block {
            errcode: "ORG.MATRIX.MSC4155.M_INVITE_BLOCKED",
        };
        let server = inviter.server_name().as_str();
        let steps = [
            (&self.allowed_users, inviter.as_str(), InviteVerdict::Allow),
            (&self.ignored_users, inviter.as_str(), InviteVerdict::Ignore),
            (&self.blocked_users, inviter.as_str(), block),
            (&self.allowed_servers, server, InviteVerdict::Allow),
            (&self.ignored_servers, server, InviteVerdict::Ignore),
            (&self.blocked_servers, server, block),
        ];
        let found = steps.into_iter().find(|(patterns, text, _)| {
            patterns
                .iter()
                .any(|pattern| glob(pattern.as_bytes(), text.as_bytes()))
        });
        found.map_or(InviteVerdict::Allow, |(_, _, verdict)| verdict)
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    fn is_blocked(permission: &InvitePermission, inviter: &UserId) -> bool {
        matches!(permission.judge(inviter), InviteVerdict::Block { .. })
    }

    #[test]
    fn only_the_word_block_blocks() {
        let rosa = user_id!("@rosa:b.example");
        for (content, blocks) in [
            (r#"{"default_action":"block"}"#, true),
            (r#"{"default_action":"allow"}"#, false),
            (r#"{"default_action":1}"#, false),
            ("{}", false),
        ] {
            let permission = InvitePermission::parse(Some(content), None);
            assert_eq!(is_blocked(&permission, rosa), blocks, "{content}");
        }
        assert!(!is_blocked(&InvitePermission::parse(None, None), rosa));
    }

    #[test]
    fn users_come_before_servers_and_allowing_before_refusing() {
        let lists = r#"{"allowed_users":["@rosa:evil.example"],"ignored_users":["@spam*:*"],
            "blocked_servers":["evil.example"]}"#;
        let permission = InvitePermission::parse(None, Some(lists));
        let judge = |id| permission.judge(<&UserId>::try_from(id).unwrap());
        assert_eq!(judge("@rosa:evil.example"), InviteVerdict::Allow);
        assert_eq!(judge("@spammer:good.example"), InviteVerdict::Ignore);
        assert!(is_blocked(&permission, user_id!("@x:evil.example")));
        assert_eq!(judge("@x:good.example"), InviteVerdict::Allow);
        let off = r#"{"enabled":false,"blocked_users":["*"]}"#;
        let off = InvitePermission::parse(None, Some(off));
        assert!(!is_blocked(&off, user_id!("@x:evil.example")));
    }
}

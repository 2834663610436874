//! The rules everybody begins with.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#predefined-rules)

use ruma::{UserId, push::Ruleset};

/// The rules everybody begins with: those of the specification, and those for polls (MSC3930).
pub fn default_rules(user_id: &UserId) -> Ruleset {
    known_kinds(Ruleset::server_default(user_id))
}

/// Only rules of the kinds that the specification knows. Ruma has one more (for subscriptions to threads, which this server
/// does not have) as soon as any crate of the same build asks for it, as the client's does.
pub(super) fn known_kinds(rules: Ruleset) -> Ruleset {
    let mut known = Ruleset::new();
    known.override_ = rules.override_;
    known.content = rules.content;
    known.room = rules.room;
    known.sender = rules.sender;
    known.underride = rules.underride;
    known
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn every_default_rule_is_one_of_the_specification_or_for_polls() {
        for rule in &default_rules(user_id!("@lilia:b.example")) {
            let id = rule.rule_id();
            let is_known = [".m.rule.", ".org.matrix.msc3930.rule.poll_"];
            assert!(is_known.iter().any(|known| id.starts_with(known)), "{id}");
        }
    }

    #[test]
    fn polls_have_their_rules() {
        let rules = default_rules(user_id!("@lilia:b.example"));
        let polls = rules
            .iter()
            .filter(|rule| rule.rule_id().contains(".rule.poll_"));
        assert_eq!(polls.count(), 5);
    }
}

//! The rules everybody begins with.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#predefined-rules)

use ruma::{
    UserId,
    push::{ConditionalPushRule, Ruleset},
};

/// The rules everybody begins with: those of the specification, and those for polls (MSC3930).
pub fn default_rules(user_id: &UserId) -> Ruleset {
    let mut rules = Ruleset::server_default(user_id);
    rules.postcontent.clear();
    rules
}

/// Gives a user the rules about threads they are subscribed to or not (MSC4306). They silence every thread that the user
/// is not subscribed to, so nobody has them whose clients subscribe to none.
pub(super) fn add_thread_rules(rules: &mut Ruleset) {
    if rules.postcontent.is_empty() {
        rules.postcontent.extend([
            ConditionalPushRule::unsubscribed_thread(),
            ConditionalPushRule::subscribed_thread(),
        ]);
    }
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

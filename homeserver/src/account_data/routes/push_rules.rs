//! Push rules.

use axum::extract::State;
use ruma::{
    api::client::push::{
        RuleKind, delete_pushrule, get_pushrule, get_pushrule_actions, get_pushrule_enabled,
        get_pushrules_all, get_pushrules_global_scope, set_pushrule, set_pushrule_actions,
        set_pushrule_enabled,
    },
    push::{AnyPushRuleRef, Ruleset},
};
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use crate::{
    ApiError, ApiResult, Server,
    account_data::{NewRule, NewRuleBody, Placement, Rule, rules_json},
    http::{Own, Raw, Ruma, Session, json},
};

type RulePath = (RuleKind, String);

/// All push rules.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrules)
pub(super) async fn all(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_pushrules_all::v3::Request>,
) -> ApiResult<Raw> {
    let rules = server.account_data.push_rules(session.user).await?;
    let rules = rules_json(&rules.ruleset).map_err(ApiError::internal)?;
    json(&json!({ "global": rules })).map(Raw)
}

/// All push rules but for their scope, of which there is one.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobal)
pub(super) async fn global(
    State(server): State<Server>,
    session: Session,
    Ruma(_): Ruma<get_pushrules_global_scope::v3::Request>,
) -> ApiResult<Raw> {
    let rules = server.account_data.push_rules(session.user).await?;
    json(&rules_json(&rules.ruleset).map_err(ApiError::internal)?).map(Raw)
}

/// One push rule.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid)
pub(super) async fn rule(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_pushrule::v3::Request>,
) -> ApiResult<get_pushrule::v3::Response> {
    let rules = server.account_data.push_rules(session.user).await?;
    let rule = find(&rules.ruleset, request.kind, &request.rule_id)?;
    Ok(get_pushrule::v3::Response::new(rule.into()))
}

fn find<'a>(rules: &'a Ruleset, kind: RuleKind, id: &str) -> ApiResult<AnyPushRuleRef<'a>> {
    rules
        .get(known_kind(kind), id)
        .ok_or_else(|| ApiError::not_found("There is no such push rule."))
}

/// Rules about threads have the name of the proposal in Ruma, and the name they are to have in sets of rules.
fn known_kind(kind: RuleKind) -> RuleKind {
    match kind.as_str() {
        "postcontent" => RuleKind::PostContent,
        _ => kind,
    }
}

/// Where a client wants a rule.
#[derive(Deserialize)]
pub(super) struct PlacementQuery {
    before: Option<String>,
    after: Option<String>,
}

/// Adds or changes a push rule.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid)
pub(super) async fn set_rule(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_pushrule::v3::Request, RulePath, NewRuleBody, PlacementQuery>>,
) -> ApiResult<set_pushrule::v3::Response> {
    let (kind, id) = request.path;
    let new = NewRule {
        rule: Rule { kind, id },
        body: request.body,
    };
    let PlacementQuery { before, after } = request.query;
    server
        .account_data
        .set_push_rule(session.user, new, Placement { before, after })
        .await?;
    Ok(set_pushrule::v3::Response::new())
}

/// Removes a push rule.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid)
pub(super) async fn delete_rule(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<delete_pushrule::v3::Request>,
) -> ApiResult<delete_pushrule::v3::Response> {
    let rule = Rule {
        kind: known_kind(request.kind),
        id: request.rule_id,
    };
    server
        .account_data
        .delete_push_rule(session.user, &rule)
        .await?;
    Ok(delete_pushrule::v3::Response::new())
}

/// Whether a push rule is on.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled)
pub(super) async fn enabled(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_pushrule_enabled::v3::Request>,
) -> ApiResult<get_pushrule_enabled::v3::Response> {
    let rules = server.account_data.push_rules(session.user).await?;
    let enabled = find(&rules.ruleset, request.kind, &request.rule_id)?.enabled();
    Ok(get_pushrule_enabled::v3::Response::new(enabled))
}

/// Switches a push rule on or off.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled)
pub(super) async fn set_enabled(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<set_pushrule_enabled::v3::Request>,
) -> ApiResult<set_pushrule_enabled::v3::Response> {
    let rule = Rule {
        kind: known_kind(request.kind),
        id: request.rule_id,
    };
    server
        .account_data
        .set_push_rule_enabled(session.user, &rule, request.enabled)
        .await?;
    Ok(set_pushrule_enabled::v3::Response::new())
}

/// What a push rule does.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions)
pub(super) async fn actions(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<get_pushrule_actions::v3::Request>,
) -> ApiResult<get_pushrule_actions::v3::Response> {
    let rules = server.account_data.push_rules(session.user).await?;
    let actions = find(&rules.ruleset, request.kind, &request.rule_id)?.actions();
    Ok(get_pushrule_actions::v3::Response::new(actions.to_vec()))
}

/// The body of a change of actions.
#[derive(Deserialize)]
pub(super) struct ActionsBody {
    actions: Vec<JsonValue>,
}

/// Sets what a push rule does.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions)
pub(super) async fn set_actions(
    State(server): State<Server>,
    session: Session,
    Ruma(request): Ruma<Own<set_pushrule_actions::v3::Request, RulePath, ActionsBody>>,
) -> ApiResult<set_pushrule_actions::v3::Response> {
    let (kind, id) = request.path;
    let rule = Rule {
        kind: known_kind(kind),
        id,
    };
    server
        .account_data
        .set_push_rule_actions(session.user, &rule, request.body.actions)
        .await?;
    Ok(set_pushrule_actions::v3::Response::new())
}

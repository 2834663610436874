//! Every operation of the specification meets spoilt requests: a table made from the specification and from
//! `fixtures/requests.json`. What comes back is never a server error, and always in the form of an error.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#standard-error-response)

use serde_json::{Map, Value, json};
use spec_tests::{
    Reply,
    endpoints::{self, Endpoint, client_server},
    homeserver,
    http::Request,
    plausible::Scene,
};

/// Answers that any request may get besides those its operation documents.
/// [spec](https://spec.matrix.org/v1.19/client-server-api/#common-error-codes)
const ALWAYS_ALLOWED: [u16; 6] = [400, 401, 403, 404, 413, 414];

/// Operations that a server may lack: where there is no OAuth, there is nothing to say of it.
const MAY_BE_ABSENT: [&str; 1] = ["getAuthMetadata"];

/// A server that lacks an operation says so; so does one that is asked for a path that leads elsewhere.
fn may_be_absent(endpoint: &Endpoint, reply: &Reply) -> bool {
    let is_own_path = endpoints::find(&reply.method, &reply.path)
        .is_some_and(|found| found.operation == endpoint.operation);
    !is_own_path
        || MAY_BE_ABSENT.contains(&endpoint.operation.as_str())
        || homeserver().is_synapse()
}

/// Collects what was wrong, so that one run tells everything.
#[derive(Default)]
struct Verdict(Vec<String>);

impl Verdict {
    fn judge(&mut self, endpoint: &Endpoint, what: &str, request: Request) -> Option<Reply> {
        let reply = match request.try_send() {
            Ok(reply) => reply,
            Err(error) => {
                self.0.push(format!("{what}: no answer: {error}"));
                return None;
            }
        };
        let is_absent =
            matches!(reply.status, 404 | 405) && reply.json["errcode"] == "M_UNRECOGNIZED";
        if is_absent && !may_be_absent(endpoint, &reply) {
            self.0.push(format!("{what}: there is no such operation"));
        }
        let documented = is_absent
            || endpoint.statuses.contains(&reply.status)
            || ALWAYS_ALLOWED.contains(&reply.status)
            || reply.status / 100 == 2;
        let is_error = reply.status >= 400;
        let is_explained = reply.json["errcode"].is_string() && reply.json["error"].is_string()
            || reply.status == 401 && reply.json["flows"].is_array();
        if !documented || is_error && !is_explained {
            self.0.push(format!("{what}: {reply}"));
        }
        Some(reply)
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

fn scene() -> Scene {
    Scene::new(homeserver().register("alice"))
}

/// Operations with a body, each with a scene of its own: some of them end sessions and accounts.
fn with_bodies() -> impl Iterator<Item = (&'static Endpoint, Scene, Map<String, Value>)> {
    client_server().filter_map(|endpoint| {
        let scene = scene();
        let body = scene.body(&endpoint.operation)?;
        Some((endpoint, scene, body))
    })
}

fn send(verdict: &mut Verdict, scene: &Scene, endpoint: &Endpoint, what: &str, body: &Value) {
    let request = scene
        .request(endpoint, &scene.path(endpoint))
        .bytes("application/json", body.to_string());
    let what = format!("{} with {what}", endpoint.operation);
    verdict.judge(endpoint, &what, request);
}

/// Every place in a body: the keys that lead to it.
fn places(value: &Value, above: &[String], found: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => (0..).map(|at: usize| at.to_string()).zip(items).collect(),
        _ => return,
    };
    for (key, child) in children {
        let mut place = above.to_vec();
        place.push(key);
        found.push(place.clone());
        places(child, &place, found);
    }
}

fn replaced(body: &Value, place: &[String], by: Value) -> Value {
    let mut changed = body.clone();
    let pointer: String = place
        .iter()
        .map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")))
        .collect();
    if let Some(target) = changed.pointer_mut(&pointer) {
        *target = by;
    }
    changed
}

#[test]
fn values_of_every_wrong_type_in_every_place_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    for (endpoint, scene, body) in with_bodies() {
        let body = Value::Object(body);
        let mut all = Vec::new();
        places(&body, &[], &mut all);
        for place in all {
            for wrong in [
                json!(null),
                json!(true),
                json!(-7),
                json!(1.5),
                json!("\u{0}\u{202e}"),
                json!([]),
                json!([[1]]),
                json!({ "a": 1 }),
            ] {
                let what = format!("{} = {wrong}", place.join("."));
                let spoilt = replaced(&body, &place, wrong);
                send(&mut verdict, &scene, endpoint, &what, &spoilt);
            }
        }
    }
    verdict.finish();
}

#[test]
fn missing_and_unknown_fields_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    for (endpoint, scene, body) in with_bodies() {
        for key in body.keys() {
            let mut without = body.clone();
            without.remove(key);
            let what = format!("no {key}");
            send(&mut verdict, &scene, endpoint, &what, &without.into());
        }
        let mut with_more = body;
        with_more.insert("org.example.unknown".to_owned(), json!({ "x": [1, null] }));
        send(
            &mut verdict,
            &scene,
            endpoint,
            "an unknown field",
            &with_more.into(),
        );
        send(
            &mut verdict,
            &scene,
            endpoint,
            "an empty object",
            &json!({}),
        );
        send(&mut verdict, &scene, endpoint, "a list", &json!([1]));
    }
    verdict.finish();
}

#[test]
fn huge_texts_and_deep_nesting_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    let long = json!("ы".repeat(500_000));
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({ "a": [deep] });
    }
    for (endpoint, scene, body) in with_bodies() {
        let body = Value::Object(body);
        let mut all = Vec::new();
        places(&body, &[], &mut all);
        for place in all {
            let name = place.join(".");
            let spoilt = replaced(&body, &place, long.clone());
            send(
                &mut verdict,
                &scene,
                endpoint,
                &format!("1 MB in {name}"),
                &spoilt,
            );
            let spoilt = replaced(&body, &place, deep.clone());
            send(
                &mut verdict,
                &scene,
                endpoint,
                &format!("nesting in {name}"),
                &spoilt,
            );
        }
    }
    verdict.finish();
}

/// [spec](https://spec.matrix.org/v1.19/appendices/#canonical-json)
#[test]
fn numbers_outside_canonical_json_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    for (endpoint, scene, body) in with_bodies() {
        for number in [
            "9007199254740993",
            "-9007199254740993",
            "1e3",
            "0.5",
            "-0",
            "1e400",
        ] {
            let mut spoilt = body.clone();
            spoilt.insert("number".to_owned(), json!("NUMBER"));
            let text = Value::Object(spoilt)
                .to_string()
                .replace("\"NUMBER\"", number);
            let request = scene
                .request(endpoint, &scene.path(endpoint))
                .bytes("application/json", text);
            let what = format!("{} with the number {number}", endpoint.operation);
            verdict.judge(endpoint, &what, request);
        }
    }
    verdict.finish();
}

#[test]
fn foreign_ids_and_tricks_in_paths_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    let long = "a".repeat(3_000);
    for endpoint in client_server().filter(|endpoint| endpoint.path.contains('{')) {
        let scene = scene();
        for trick in [
            "%40someone%3Aelsewhere.test",
            "%21room%3Aelsewhere.test",
            "%24event",
            "%23alias%3Aelsewhere.test",
            "..",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "%00",
            "%ff%fe",
            "a%0d%0aX-Injected%3A%201",
            "%F0%9F%92%A9",
            "-1",
            "99999999999999999999999",
            long.as_str(),
        ] {
            let path = scene.path_with(endpoint, |_| Some(trick.to_owned()));
            let mut request = scene.request(endpoint, &path);
            if matches!(endpoint.method.as_str(), "POST" | "PUT") {
                let body = scene.body(&endpoint.operation).unwrap_or_default();
                request = request.json(&body.into());
            }
            let what = format!("{} at {trick:.40}", endpoint.operation);
            let reply = verdict.judge(endpoint, &what, request);
            assert!(
                reply.is_none_or(|reply| reply.header("x-injected").is_empty()),
                "{what}: a header was injected"
            );
        }
    }
    verdict.finish();
}

#[test]
fn queries_of_nonsense_are_answered_as_documented() {
    let mut verdict = Verdict::default();
    let long = format!("?from={0}&since={0}", "x".repeat(4_000));
    let scene = scene();
    for endpoint in client_server().filter(|endpoint| endpoint.method == "GET") {
        for query in [
            "?limit=-1&dir=x&from=%00&to=x",
            "?limit=99999999999999999999&from=x&since=x&dir=b&timeout=0",
            "?limit=x&timeout=x&filter=%7B",
            "?filter=%7B%22room%22%3A1%7D&timeout=0",
            "?ts=-1&dir=b&width=0&height=-1&method=x&url=x&user_id=x",
            "?%ff=%fe&timeout=0",
            "?=&&&==&timeout=0",
            long.as_str(),
        ] {
            let path = scene.path(endpoint);
            let path = path.split('?').next().unwrap_or_default();
            let request = scene.request(endpoint, &format!("{path}{query}"));
            let what = format!("{} with {query:.60}", endpoint.operation);
            verdict.judge(endpoint, &what, request);
        }
    }
    verdict.finish();
}

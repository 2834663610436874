//! The specification's table of operations, from `MATRIX_SPEC_DATA/endpoints.tsv`.

use std::{fs, sync::LazyLock};

use crate::schema;

/// One operation of the client-server or the server-server API.
#[derive(Debug)]
pub struct Endpoint {
    /// The API: `client-server` or `server-server`.
    pub api: String,
    /// The part of the API it belongs to.
    pub area: String,
    /// HTTP method.
    pub method: String,
    /// Path with `{names}` for its parameters.
    pub path: String,
    /// The specification's name of the operation; with `server-server/` before it in that API, since some names are in
    /// both.
    pub operation: String,
    /// `access_token`, `access_token?`, `signed_request` or `none`, among others.
    pub auth: String,
    /// Whether new clients should not use it.
    pub is_deprecated: bool,
    /// Status codes that the specification documents.
    pub statuses: Vec<u16>,
}

/// All client-server operations; empty where the specification's data is not at hand.
pub fn client_server() -> impl Iterator<Item = &'static Endpoint> {
    all()
        .iter()
        .filter(|endpoint| endpoint.api == "client-server")
}

/// All server-server operations; empty where the specification's data is not at hand.
pub fn server_server() -> impl Iterator<Item = &'static Endpoint> {
    all()
        .iter()
        .filter(|endpoint| endpoint.api == "server-server")
}

/// The name that an operation has here.
pub(crate) fn name(api: &str, operation: &str) -> String {
    match api {
        "server-server" => format!("{api}/{operation}"),
        _ => operation.to_owned(),
    }
}

/// All operations that a homeserver offers; empty where the specification's data is not at hand.
pub fn all() -> &'static [Endpoint] {
    static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
        let Some(folder) = schema::folder() else {
            return Vec::new();
        };
        let table = fs::read_to_string(folder.join("endpoints.tsv"))
            .unwrap_or_else(|error| panic!("MATRIX_SPEC_DATA has no endpoints.tsv: {error}"));
        table.lines().skip(1).filter_map(parse).collect()
    });
    &TABLE
}

fn parse(row: &str) -> Option<Endpoint> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [
        api,
        area,
        method,
        path,
        operation,
        auth,
        deprecated,
        _,
        _,
        statuses,
        ..,
    ] = columns[..]
    else {
        return None;
    };
    matches!(api, "client-server" | "server-server").then(|| Endpoint {
        api: api.to_owned(),
        area: area.to_owned(),
        method: method.to_owned(),
        path: path.trim_end().to_owned(),
        operation: name(api, operation),
        auth: auth.to_owned(),
        is_deprecated: !deprecated.is_empty(),
        statuses: statuses
            .split(',')
            .filter_map(|status| status.parse().ok())
            .collect(),
    })
}

/// The operation that a request was for.
pub fn find(method: &str, path: &str) -> Option<&'static Endpoint> {
    let path = path.split('?').next().unwrap_or(path);
    let mut found: Vec<&Endpoint> = all()
        .iter()
        .filter(|endpoint| endpoint.method == method && matches(&endpoint.path, path))
        .collect();
    // A literal segment wins over a parameter.
    found.sort_by_key(|endpoint| endpoint.path.matches('{').count());
    found.first().copied()
}

fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = template.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|segment| wanted.starts_with('{') || wanted == segment)
    });
    // State events with an empty key may leave it out together with its slash.
    fits && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn parameters_match_one_segment() {
        let template = "/rooms/{roomId}/state";
        assert!(matches(template, "/rooms/!a:b/state"));
        assert!(!matches(template, "/rooms/!a:b/state/m.room.name"));
        assert!(!matches(template, "/rooms/!a:b/messages"));
    }
}

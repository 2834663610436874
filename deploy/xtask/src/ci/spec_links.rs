//! Links to the specification name an operation that exists.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

const SPECIFICATION: &str = "https://spec.matrix.org/";
/// How an anchor begins that names an operation; others name headings, which the data does not list.
const OPERATION_ANCHORS: [&str; 6] = ["get_", "put_", "post_", "delete_", "options_", "head_"];

/// Checks every link in code and documents that leads to an operation of the specification.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let Some(folder) = workspace.spec_data() else {
        println!("MATRIX_SPEC_DATA is not set: links to the specification are not checked.");
        return Ok(());
    };
    let endpoints = fs::read_to_string(folder.join("endpoints.tsv"))?;
    let known: Vec<&str> = endpoints
        .lines()
        .skip(1)
        .filter_map(|row| row.split('\t').next_back())
        .collect();
    let version = known
        .first()
        .and_then(|link| version(link))
        .context("endpoints.tsv names no specification")?;

    let mut checked = 0_usize;
    let mut wrong = Vec::new();
    for path in workspace.files()? {
        if !path.ends_with(".rs") && !path.ends_with(".md") {
            continue;
        }
        let text = fs::read_to_string(workspace.root.join(&path))?;
        for (index, line) in text.lines().enumerate() {
            for link in links(line) {
                checked += 1;
                if let Some(reason) = fault(link, version, &known) {
                    wrong.push(format!("{path}:{}: {link}: {reason}", index + 1));
                }
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    println!("{checked} links");
    Ok(())
}

fn fault(link: &str, version: &str, known: &[&str]) -> Option<&'static str> {
    let (_, anchor) = link.split_once('#')?;
    if !link[SPECIFICATION.len()..].starts_with(&format!("{version}/")) {
        return Some("another version of the specification");
    }
    let names_operation = OPERATION_ANCHORS
        .iter()
        .any(|start| anchor.starts_with(start));
    // A part of an operation: `…sync_response-200_roomsummary`.
    let operation = link
        .find("_response-")
        .or(link.find("_request"))
        .map_or(link, |end| &link[..end]);
    (names_operation && !known.contains(&operation)).then_some("no such operation")
}

/// `v1.19` in `https://spec.matrix.org/v1.19/…`.
fn version(link: &str) -> Option<&str> {
    link.strip_prefix(SPECIFICATION)?.split('/').next()
}

fn links(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(SPECIFICATION).map(|(start, _)| {
        let link = &line[start..];
        &link[..link
            .find([')', '>', '"', ' ', '`', ']', '<'])
            .unwrap_or(link.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::{fault, links};

    const PING: &str =
        "https://spec.matrix.org/v1.19/application-service-api/#post_matrixappv1ping";

    #[test]
    fn links_end_where_markdown_ends_them() {
        let line = format!("/// [spec]({PING}) and <https://spec.matrix.org/v1.19/rooms/v12/>");
        assert_eq!(
            links(&line).collect::<Vec<_>>(),
            [PING, "https://spec.matrix.org/v1.19/rooms/v12/"]
        );
    }

    #[test]
    fn unknown_operations_and_other_versions_are_faults() {
        let heading = "https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility";
        assert_eq!(fault(PING, "v1.19", &[PING]), None);
        assert_eq!(fault(heading, "v1.19", &[PING]), None);
        assert_eq!(
            fault(&format!("{PING}_response-200_room"), "v1.19", &[PING]),
            None
        );
        assert_eq!(fault(PING, "v1.19", &[]), Some("no such operation"));
        assert_eq!(
            fault(PING, "v1.18", &[PING]),
            Some("another version of the specification")
        );
    }
}

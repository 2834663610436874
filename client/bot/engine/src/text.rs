//! Messages are written once, in a few signs, and sent as plain text and as HTML.
//!
//! `**bold**`, `` `code` `` and lines between ``` fences are all there is.

/// A message in both forms that a client may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub plain: String,
    pub html: String,
}

/// Renders the signs of a message.
pub fn render(source: &str) -> Rendered {
    let mut plain = String::new();
    let mut html = String::new();
    let mut fenced = false;
    let mut after_line = false;
    for line in source.trim_end().lines() {
        if line == "```" {
            html.push_str(if fenced {
                "</code></pre>"
            } else {
                "<pre><code>"
            });
            fenced = !fenced;
            after_line = false;
            continue;
        }
        if !plain.is_empty() {
            plain.push('\n');
        }
        if after_line {
            html.push_str(if fenced { "\n" } else { "<br>" });
        }
        if fenced {
            plain.push_str(line);
            escape(line, &mut html);
        } else {
            plain.push_str(&line.replace("**", ""));
            inline(line, &mut html);
        }
        after_line = true;
    }
    Rendered { plain, html }
}

/// Bold and code within a line. An odd sign stays what it is.
fn inline(line: &str, html: &mut String) {
    let bolds = line.matches("**").count() / 2 * 2;
    for (index, part) in line.split("**").enumerate() {
        if index > 0 {
            html.push_str(match (index <= bolds, index % 2) {
                (false, _) => "**",
                (true, 1) => "<b>",
                (true, _) => "</b>",
            });
        }
        let codes = part.matches('`').count() / 2 * 2;
        for (index, piece) in part.split('`').enumerate() {
            if index > 0 {
                html.push_str(match (index <= codes, index % 2) {
                    (false, _) => "`",
                    (true, 1) => "<code>",
                    (true, _) => "</code>",
                });
            }
            escape(piece, html);
        }
    }
}

fn escape(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

/// Somebody's name as part of a message: one short line without signs that mean something.
pub(crate) fn tame_name(name: &str) -> String {
    let tame: String = name
        .chars()
        .filter(|letter| !letter.is_control() && !matches!(letter, '*' | '`' | '@'))
        .take(32)
        .collect();
    let tame = tame.trim();
    if tame.is_empty() {
        "?".to_owned()
    } else {
        tame.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn signs_become_html_and_leave_the_plain_text() {
        let rendered = render("**Ход** `e4` <i>\n```\na b\nc d\n```\nконец ** `");
        assert_eq!(rendered.plain, "Ход `e4` <i>\na b\nc d\nконец  `");
        assert_eq!(
            rendered.html,
            "<b>Ход</b> <code>e4</code> &lt;i&gt;<pre><code>a b\nc d</code></pre>конец ** `"
        );
    }
}

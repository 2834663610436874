//! Colours for code: one small lexer for all languages people paste. It looks at words, texts, numbers and comments,
//! not at grammar; what it does not know stays plain.

/// What a piece of code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Keyword,
    /// A text or character literal.
    Text,
    Number,
    /// The name of what is called.
    Name,
    Comment,
}

/// A run of code of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    pub tone: Tone,
    pub text: &'a str,
}

/// Longer code is not coloured.
const LIMIT: usize = 20_000;

const KEYWORDS: [&str; 96] = [
    "abstract",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "bool",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "def",
    "default",
    "del",
    "do",
    "double",
    "elif",
    "else",
    "enum",
    "except",
    "export",
    "extends",
    "false",
    "False",
    "final",
    "finally",
    "float",
    "fn",
    "for",
    "foreach",
    "from",
    "func",
    "function",
    "global",
    "if",
    "impl",
    "implements",
    "import",
    "in",
    "include",
    "int",
    "interface",
    "is",
    "lambda",
    "let",
    "long",
    "loop",
    "match",
    "mod",
    "mut",
    "namespace",
    "new",
    "nil",
    "None",
    "not",
    "null",
    "or",
    "package",
    "pass",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "return",
    "self",
    "Self",
    "short",
    "static",
    "string",
    "struct",
    "super",
    "switch",
    "this",
    "throw",
    "trait",
    "true",
    "True",
    "try",
    "type",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "use",
    "using",
    "var",
    "void",
    "where",
    "while",
    "yield",
];

const SQL: [&str; 40] = [
    "add", "all", "alter", "and", "as", "asc", "avg", "between", "by", "case", "count", "create",
    "delete", "desc", "distinct", "drop", "exists", "foreign", "from", "group", "having", "in",
    "index", "inner", "insert", "into", "join", "key", "left", "like", "not", "null", "on", "or",
    "order", "primary", "select", "set", "update", "where",
];

/// Cuts code into pieces, in order and without gaps.
#[must_use]
pub fn pieces<'a>(code: &'a str, language: Option<&str>) -> Vec<Piece<'a>> {
    let language = language.unwrap_or_default().to_lowercase();
    if code.len() > LIMIT || matches!(language.as_str(), "text" | "plain" | "txt" | "console") {
        return vec![Piece {
            tone: Tone::Plain,
            text: code,
        }];
    }
    let mut lexer = Lexer {
        code,
        at: 0,
        sql: language == "sql",
        hash_comments: !matches!(
            language.as_str(),
            "c" | "cpp"
                | "c++"
                | "h"
                | "rust"
                | "rs"
                | "java"
                | "js"
                | "javascript"
                | "ts"
                | "css"
                | "go"
        ),
        pieces: Vec::new(),
    };
    while lexer.at < code.len() {
        lexer.step();
    }
    lexer.pieces
}

struct Lexer<'a> {
    code: &'a str,
    at: usize,
    sql: bool,
    /// `#` begins a comment, as in Python, shell and YAML.
    hash_comments: bool,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) {
        let rest = &self.code[self.at..];
        let Some(first) = rest.chars().next() else {
            return;
        };
        if self.begins_comment(rest) {
            let end = rest.find('\n').unwrap_or(rest.len());
            self.push(Tone::Comment, end);
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            self.push(Tone::Comment, end);
        } else if matches!(first, '"' | '\'' | '`') {
            self.push(Tone::Text, text_end(rest, first));
        } else if first.is_ascii_digit() {
            let is_part =
                |letter: char| letter.is_ascii_alphanumeric() || letter == '.' || letter == '_';
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            self.push(Tone::Number, end);
        } else if first.is_alphabetic() || first == '_' {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let tone = self.tone_of(&rest[..end], &rest[end..]);
            self.push(tone, end);
        } else {
            self.push(Tone::Plain, first.len_utf8());
        }
    }

    fn begins_comment(&self, rest: &str) -> bool {
        rest.starts_with("//") && !self.code[..self.at].ends_with(':')
            || (self.hash_comments && rest.starts_with('#'))
            || (self.sql && rest.starts_with("--"))
    }

    fn tone_of(&self, word: &str, after: &str) -> Tone {
        let is_keyword = match self.sql {
            true => SQL.contains(&word.to_lowercase().as_str()),
            false => KEYWORDS.contains(&word),
        };
        if is_keyword {
            Tone::Keyword
        } else if after.starts_with('(') {
            Tone::Name
        } else if matches!(word, "f" | "r" | "b" | "u") && after.starts_with(['"', '\'']) {
            Tone::Text
        } else {
            Tone::Plain
        }
    }

    fn push(&mut self, tone: Tone, length: usize) {
        let text = &self.code[self.at..self.at + length];
        match self.pieces.last_mut() {
            Some(last) if last.tone == tone => {
                let start = self.at - last.text.len();
                last.text = &self.code[start..self.at + length];
            }
            _ => self.pieces.push(Piece { tone, text }),
        }
        self.at += length;
    }
}

/// Where a text literal ends: at its quotation mark, or at the end of the line when there is none. Three marks begin
/// a text of several lines.
fn text_end(rest: &str, mark: char) -> usize {
    let triple: String = std::iter::repeat_n(mark, 3).collect();
    if rest.starts_with(&triple) {
        return rest[3..].find(&triple).map_or(rest.len(), |end| end + 6);
    }
    let mut escaped = false;
    for (index, letter) in rest.char_indices().skip(1) {
        match letter {
            '\n' if mark != '`' => return index,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == mark => return index + mark.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::{Tone, pieces};

    fn toned(code: &str, language: &str, tone: Tone) -> Vec<String> {
        let pieces = pieces(code, Some(language));
        let whole: String = pieces.iter().map(|piece| piece.text).collect();
        assert_eq!(whole, code, "nothing is lost");
        let wanted = pieces.into_iter().filter(|piece| piece.tone == tone);
        wanted.map(|piece| piece.text.to_owned()).collect()
    }

    #[test]
    fn python_is_recognised() {
        let code = "def add(item, box=[]):  # ловушка\n    return f\"{box} «{item}»\" + str(12.5)";
        assert_eq!(toned(code, "python", Tone::Keyword), ["def", "return"]);
        assert_eq!(toned(code, "python", Tone::Name), ["add", "str"]);
        assert_eq!(toned(code, "python", Tone::Text), ["f\"{box} «{item}»\""]);
        assert_eq!(toned(code, "python", Tone::Number), ["12.5"]);
        assert_eq!(toned(code, "python", Tone::Comment), ["# ловушка"]);
    }

    #[test]
    fn sql_words_may_be_large_or_small() {
        let code = "SELECT имя from склад -- всё";
        assert_eq!(toned(code, "sql", Tone::Keyword), ["SELECT", "from"]);
        assert_eq!(toned(code, "sql", Tone::Comment), ["-- всё"]);
    }

    #[test]
    fn an_open_text_ends_with_its_line() {
        assert_eq!(toned("x = 'a\ny", "python", Tone::Text), ["'a"]);
        assert_eq!(
            toned("#include <a>", "c", Tone::Comment),
            Vec::<String>::new()
        );
    }
}

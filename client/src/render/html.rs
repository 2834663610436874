//! Message HTML to blocks.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes)

use matrix_sdk::ruma::{OwnedUserId, matrix_uri::MatrixId};
use ruma_html::{
    Children, Html, NodeRef, SanitizerConfig,
    matrix::{AnchorUri, MatrixElement},
};

use super::blocks::{Block, Span, Style};

/// Parses the `formatted_body` of a message. Whatever is not allowed there is dropped, with its text kept where the
/// specification says so; the quotation old clients put before a reply is dropped too.
#[must_use]
pub fn parse(html: &str) -> Vec<Block> {
    let html = Html::parse(html);
    // Unknown elements go and their text stays; the text of these was never meant to be read.
    let config = SanitizerConfig::compat()
        .remove_reply_fallback()
        .remove_elements(["script", "style", "title"]);
    html.sanitize_with(&config);
    blocks_of(html.children(), &Context::default())
}

/// What the elements around a text say about it.
#[derive(Clone, Default)]
struct Context {
    style: Style,
    link: Option<String>,
    mention: Option<OwnedUserId>,
}

/// Blocks found so far, and the line being filled.
#[derive(Default)]
struct Page {
    blocks: Vec<Block>,
    line: Vec<Span>,
}

fn blocks_of(children: Children, context: &Context) -> Vec<Block> {
    let mut page = Page::default();
    for node in children {
        page.add(&node, context);
    }
    page.end_line();
    page.blocks
}

impl Page {
    fn add(&mut self, node: &NodeRef, context: &Context) {
        if let Some(text) = node.as_text() {
            self.push_text(&text.borrow(), context);
        } else if let Some(element) = node.as_element() {
            self.add_element(node, element.to_matrix().element, context);
        }
    }

    fn add_element(&mut self, node: &NodeRef, element: MatrixElement, context: &Context) {
        match element {
            MatrixElement::P
            | MatrixElement::Div(_)
            | MatrixElement::Details
            | MatrixElement::Summary => {
                self.end_line();
                self.add_children(node, context);
                self.end_line();
            }
            MatrixElement::H(heading) => {
                let spans = spans_of(node, context);
                self.push_block(Block::Heading(heading.level.value(), spans));
            }
            MatrixElement::Blockquote => {
                self.push_block(Block::Quote(blocks_of(node.children(), context)));
            }
            MatrixElement::Pre => self.push_block(code_block(node)),
            MatrixElement::Ul => self.push_block(list(node, false, 1, context)),
            MatrixElement::Ol(data) => {
                let start = data
                    .start
                    .and_then(|start| u64::try_from(start).ok())
                    .unwrap_or(1);
                self.push_block(list(node, true, start, context));
            }
            MatrixElement::Table => self.push_block(Block::Table(table_rows(node, context))),
            MatrixElement::Hr => self.push_block(Block::Rule),
            MatrixElement::Br => self.push_break(context),
            MatrixElement::Img(image) => {
                if let Some(words) = image.alt.or(image.title) {
                    self.push_text(&words, context);
                }
            }
            inline => self.add_children(node, &context.within(inline)),
        }
    }

    fn add_children(&mut self, node: &NodeRef, context: &Context) {
        for child in node.children() {
            self.add(&child, context);
        }
    }

    fn push_block(&mut self, block: Block) {
        self.end_line();
        let is_empty = match &block {
            Block::Heading(_, spans) => spans.is_empty(),
            Block::Quote(blocks) => blocks.is_empty(),
            Block::List { items, .. } => items.is_empty(),
            Block::Table(rows) => rows.is_empty(),
            Block::Code { text, .. } => text.is_empty(),
            Block::Paragraph(_) | Block::Rule => false,
        };
        if !is_empty {
            self.blocks.push(block);
        }
    }

    /// HTML shows any white space as one space, and none at the beginning of a line.
    fn push_text(&mut self, text: &str, context: &Context) {
        let mut after_space = self
            .line
            .last()
            .is_none_or(|span| span.text.ends_with([' ', '\n']));
        let mut collapsed = String::with_capacity(text.len());
        for letter in text.chars() {
            let is_space = matches!(letter, ' ' | '\n' | '\r' | '\t' | '\u{c}');
            if !is_space {
                collapsed.push(letter);
            } else if !after_space {
                collapsed.push(' ');
            }
            after_space = is_space;
        }
        self.push_span(collapsed, context);
    }

    fn push_break(&mut self, context: &Context) {
        if let Some(last) = self.line.last_mut() {
            last.text.truncate(last.text.trim_end_matches(' ').len());
        }
        self.push_span("\n".to_owned(), context);
    }

    fn push_span(&mut self, text: String, context: &Context) {
        if text.is_empty() {
            return;
        }
        match self.line.last_mut() {
            Some(last) if context.is_of(last) => last.text.push_str(&text),
            _ => self.line.push(Span {
                text,
                style: context.style,
                link: context.link.clone(),
                mention: context.mention.clone(),
            }),
        }
    }

    fn end_line(&mut self) {
        while let Some(last) = self.line.last_mut() {
            last.text.truncate(last.text.trim_end().len());
            if !last.text.is_empty() {
                break;
            }
            self.line.pop();
        }
        if !self.line.is_empty() {
            self.blocks
                .push(Block::Paragraph(std::mem::take(&mut self.line)));
        }
    }
}

impl Context {
    fn within(&self, element: MatrixElement) -> Self {
        let mut inner = self.clone();
        match element {
            MatrixElement::B | MatrixElement::Strong | MatrixElement::Th => inner.style.bold = true,
            MatrixElement::I | MatrixElement::Em => inner.style.italic = true,
            MatrixElement::U => inner.style.underline = true,
            MatrixElement::S | MatrixElement::Del => inner.style.strike = true,
            MatrixElement::Code(_) => inner.style.code = true,
            MatrixElement::Span(data) => inner.style.spoiler |= data.spoiler.is_some(),
            MatrixElement::A(anchor) => inner.set_link(anchor.href),
            _ => {}
        }
        inner
    }

    fn set_link(&mut self, href: Option<AnchorUri>) {
        let id = match &href {
            Some(AnchorUri::MatrixTo(uri)) => Some(uri.id()),
            Some(AnchorUri::Matrix(uri)) => Some(uri.id()),
            _ => None,
        };
        if let Some(MatrixId::User(user)) = id {
            self.mention = Some(user.clone());
        }
        self.link = match href {
            Some(AnchorUri::MatrixTo(uri)) => Some(uri.to_string()),
            Some(AnchorUri::Matrix(uri)) => Some(uri.to_string()),
            Some(AnchorUri::Other(uri)) if is_safe_link(&uri) => Some(uri.to_string()),
            _ => None,
        };
    }

    fn is_of(&self, span: &Span) -> bool {
        self.style == span.style && self.link == span.link && self.mention == span.mention
    }
}

/// Whether a click may hand this address to the system.
#[must_use]
pub fn is_safe_link(link: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| link.starts_with(scheme))
}

fn spans_of(node: &NodeRef, context: &Context) -> Vec<Span> {
    let mut spans = Vec::new();
    for block in blocks_of(node.children(), context) {
        if let Block::Paragraph(line) | Block::Heading(_, line) = block {
            if !spans.is_empty() {
                spans.push(Span {
                    text: " ".to_owned(),
                    ..Span::default()
                });
            }
            spans.extend(line);
        }
    }
    spans
}

fn list(node: &NodeRef, ordered: bool, start: u64, context: &Context) -> Block {
    let items = node
        .children()
        .filter(|child| is_element(child, |element| matches!(element, MatrixElement::Li)));
    let items = items
        .map(|item| blocks_of(item.children(), context))
        .collect();
    Block::List {
        ordered,
        start,
        items,
    }
}

fn code_block(pre: &NodeRef) -> Block {
    let mut language = None;
    let mut text = String::new();
    for child in pre.children() {
        if let Some(MatrixElement::Code(code)) = child
            .as_element()
            .map(|element| element.to_matrix().element)
        {
            language = code.language.map(|language| language.to_string());
        }
        raw_text(&child, &mut text);
    }
    text.truncate(text.trim_end_matches('\n').len());
    Block::Code { language, text }
}

fn raw_text(node: &NodeRef, out: &mut String) {
    if let Some(text) = node.as_text() {
        out.push_str(&text.borrow());
    }
    if is_element(node, |element| matches!(element, MatrixElement::Br)) {
        out.push('\n');
    }
    for child in node.children() {
        raw_text(&child, out);
    }
}

fn table_rows(node: &NodeRef, context: &Context) -> Vec<Vec<Vec<Span>>> {
    let mut rows = Vec::new();
    for child in node.children() {
        match child
            .as_element()
            .map(|element| element.to_matrix().element)
        {
            Some(MatrixElement::Tr) => rows.push(table_cells(&child, context)),
            Some(MatrixElement::Thead | MatrixElement::Tbody) => {
                rows.extend(table_rows(&child, context));
            }
            _ => {}
        }
    }
    rows
}

fn table_cells(row: &NodeRef, context: &Context) -> Vec<Vec<Span>> {
    let mut cells = Vec::new();
    for child in row.children() {
        if let Some(cell @ (MatrixElement::Th | MatrixElement::Td)) = child
            .as_element()
            .map(|element| element.to_matrix().element)
        {
            cells.push(spans_of(&child, &context.within(cell)));
        }
    }
    cells
}

fn is_element(node: &NodeRef, wanted: impl Fn(&MatrixElement) -> bool) -> bool {
    node.as_element()
        .is_some_and(|element| wanted(&element.to_matrix().element))
}

#[cfg(test)]
mod tests;

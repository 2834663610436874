//! What a page in HTML says of itself.

use std::sync::LazyLock;

use reqwest::Url;
use scraper::{ElementRef, Html, Node, Selector};
use serde_json::{Map, Value};

/// Properties taken of one page.
const MAX_PROPERTIES: usize = 50;
/// Characters of the longest property.
const MAX_LENGTH: usize = 1_000;
/// Characters of a description that is made of the text of a page.
const DESCRIPTION_LENGTH: usize = 300;
/// Pixels of the smallest picture that stands for a page, where the page says how large it is.
const SMALLEST_SIDE: u32 = 30;

/// Elements whose text says nothing about what a page is about.
const SILENT: [&str; 14] = [
    "header", "nav", "aside", "footer", "script", "noscript", "style", "svg", "iframe", "template",
    "form", "button", "select", "head",
];

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// OpenGraph properties.
    pub(super) properties: Map<String, Value>,
    /// The picture.
    pub(super) image: Option<Url>,
    /// What the picture shows.
    pub(super) image_alt: Option<String>,
}

macro_rules! selector {
    ($text:literal) => {{
        static SELECTOR: LazyLock<Option<Selector>> = LazyLock::new(|| Selector::parse($text).ok());
        SELECTOR.as_ref()
    }};
}

fn select<'a>(
    page: &'a Html,
    selector: Option<&'a Selector>,
) -> impl Iterator<Item = ElementRef<'a>> {
    selector
        .into_iter()
        .flat_map(|selector| page.select(selector))
}

impl Page {
    /// Reads a page that came from an address.
    pub(super) fn read(text: &str, url: &Url) -> Self {
        let html = Html::parse_document(text);
        let base = base(&html, url);
        let mut properties = stated(&html);
        let image = image(&html, &properties, &base);
        let image_alt = properties
            .get("og:image:alt")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(title) = missing(&properties, "og:title")
            .then(|| title(&html))
            .flatten()
        {
            properties.insert("og:title".to_owned(), title.into());
        }
        if missing(&properties, "og:description")
            && let Some(description) = description(&html)
        {
            properties.insert("og:description".to_owned(), description.into());
        }
        Self {
            properties,
            image,
            image_alt,
        }
    }
}

fn missing(properties: &Map<String, Value>, name: &str) -> bool {
    !properties.contains_key(name)
}

/// What addresses in the page are relative to.
fn base(html: &Html, url: &Url) -> Url {
    let base = select(html, selector!("base[href]")).next();
    base.and_then(|base| url.join(base.attr("href")?).ok())
        .unwrap_or_else(|| url.clone())
}

/// The OpenGraph properties of a page. What only another vocabulary says counts where OpenGraph says nothing.
fn stated(html: &Html) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut others = Vec::new();
    for meta in select(html, selector!("meta[content]")) {
        let name = meta.attr("property").or_else(|| meta.attr("name"));
        let (Some(name), Some(content)) = (name, meta.attr("content")) else {
            continue;
        };
        let content = shortened(content, MAX_LENGTH);
        if content.is_empty() || properties.len() >= MAX_PROPERTIES {
            continue;
        }
        if name.starts_with("og:") && name.len() <= 100 {
            // Of several pictures the first one counts.
            properties
                .entry(name)
                .or_insert_with(|| content.clone().into());
        } else if let Some(rest) = name.strip_prefix("twitter:")
            && matches!(rest, "title" | "description" | "image" | "image:alt")
        {
            others.push((format!("og:{rest}"), content));
        }
    }
    for (name, content) in others {
        properties.entry(name).or_insert_with(|| content.into());
    }
    properties
}

fn title(html: &Html) -> Option<String> {
    let candidates = select(html, selector!("title"))
        .filter(|title| !is_inside(title, "svg"))
        .chain(select(html, selector!("h1")))
        .chain(select(html, selector!("h2")))
        .chain(select(html, selector!("h3")));
    candidates
        .map(|element| shortened(&element.text().collect::<String>(), MAX_LENGTH))
        .find(|title| !title.is_empty())
}

fn description(html: &Html) -> Option<String> {
    let stated = select(html, selector!("meta[name=description i][content]"))
        .filter_map(|meta| meta.attr("content"))
        .map(|content| shortened(content, MAX_LENGTH))
        .find(|content| !content.is_empty());
    stated.or_else(|| {
        let body = select(html, selector!("body")).next()?;
        let mut text = String::new();
        collect(body, &mut text, 0);
        let text = shortened(&text, DESCRIPTION_LENGTH);
        (!text.is_empty()).then_some(text)
    })
}

/// The text that a reader sees, as far as it is needed.
fn collect(element: ElementRef<'_>, text: &mut String, depth: usize) {
    // Nobody nests a text that deep; what does is meant to exhaust the stack.
    if depth > 200 {
        return;
    }
    for child in element.children() {
        if text.len() > 4 * DESCRIPTION_LENGTH * 4 {
            return;
        }
        match child.value() {
            Node::Text(found) => text.push_str(found),
            Node::Element(found) if !SILENT.contains(&found.name()) => {
                if let Some(child) = ElementRef::wrap(child) {
                    text.push(' ');
                    collect(child, text, depth + 1);
                }
            }
            _ => {}
        }
    }
}

/// The picture that stands for a page: the one it names, the first large one in it, its icon.
fn image(html: &Html, properties: &Map<String, Value>, base: &Url) -> Option<Url> {
    let named = ["og:image:secure_url", "og:image", "og:image:url"]
        .into_iter()
        .filter_map(|name| properties.get(name)?.as_str());
    let items = select(html, selector!("meta[itemprop=image i][content]"))
        .filter_map(|meta| meta.attr("content"));
    let links =
        select(html, selector!("link[rel=image_src i][href]")).filter_map(|link| link.attr("href"));
    let pictures = select(html, selector!("img[src]"))
        .filter(|picture| is_large(picture) && !is_inside(picture, "noscript"))
        .filter_map(|picture| picture.attr("src"));
    let icons =
        select(html, selector!("link[rel~=icon i][href]")).filter_map(|link| link.attr("href"));
    named
        .chain(items)
        .chain(links)
        .chain(pictures)
        .chain(icons)
        .filter_map(|address| base.join(address.trim()).ok())
        .find(|address| matches!(address.scheme(), "http" | "https"))
}

/// Whether a picture may be large: pages count visits with pictures of one pixel.
fn is_large(picture: &ElementRef<'_>) -> bool {
    ["width", "height"].into_iter().all(|side| {
        let pixels = picture.attr(side).and_then(|text| {
            let text = text.trim().trim_end_matches("px");
            text.parse::<u32>().ok()
        });
        pixels.is_none_or(|pixels| pixels >= SMALLEST_SIDE)
    })
}

fn is_inside(element: &ElementRef<'_>, name: &str) -> bool {
    element
        .ancestors()
        .filter_map(|node| node.value().as_element())
        .any(|element| element.name() == name)
}

/// A text without needless white space, cut between words if it is too long.
fn shortened(text: &str, length: usize) -> String {
    let mut short = String::new();
    let mut characters = 0;
    for word in text.split_whitespace() {
        let more = word.chars().count() + usize::from(!short.is_empty());
        if characters + more > length {
            if short.is_empty() {
                short.extend(word.chars().take(length));
            }
            short.push('…');
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
        characters += more;
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Page {
        let url = Url::parse("https://example.org/a/b.html").unwrap();
        Page::read(text, &url)
    }

    #[test]
    fn what_a_page_states_is_taken() {
        let page = read(
            "<html><head><title>Other</title>
             <meta property='og:title' content=' A  title '>
             <meta name='og:type' content='article'>
             <meta property='og:image' content='/first.png'>
             <meta property='og:image' content='/second.png'>
             <meta name='twitter:description' content='Said elsewhere'>
             <meta name='viewport' content='width=100'></head><body>Text</body></html>",
        );
        assert_eq!(
            Value::Object(page.properties),
            json!({
                "og:title": "A title",
                "og:type": "article",
                "og:image": "/first.png",
                "og:description": "Said elsewhere",
            })
        );
        assert_eq!(
            page.image.unwrap().as_str(),
            "https://example.org/first.png"
        );
    }

    #[test]
    fn page_that_states_nothing_is_read() {
        let page = read(
            "<title>Лекция</title><nav>Menu</nav><script>var a = '<b>';</script>
             <p>First   words</p><p>and more.</p>
             <img src='pixel.gif' width=1 height=1><img src='data:image/png;base64,AA'>
             <img src='large.png' width='200px'>",
        );
        assert_eq!(page.properties["og:title"], "Лекция");
        assert_eq!(page.properties["og:description"], "First words and more.");
        assert_eq!(
            page.image.unwrap().as_str(),
            "https://example.org/a/large.png"
        );
    }

    #[test]
    fn headings_are_titles_and_icons_are_pictures_where_there_is_nothing_else() {
        let page = read(
            "<base href='https://cdn.example.org/x/'><link rel='shortcut icon' href='icon.png'>
             <svg><title>no</title></svg><h2>Heading</h2>",
        );
        assert_eq!(page.properties["og:title"], "Heading");
        assert_eq!(
            page.image.unwrap().as_str(),
            "https://cdn.example.org/x/icon.png"
        );
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        assert_eq!(shortened("one two three", 8), "one two…");
        assert_eq!(shortened("непрерывно", 4), "непр…");
        assert_eq!(shortened(" a \n b ", 10), "a b");
        assert_eq!(shortened("", 10), "");
    }

    #[test]
    fn hostile_pages_do_no_harm() {
        let deep = "<div>".repeat(20_000);
        assert!(read(&deep).properties.is_empty());
        for text in ["", "<html", "\0", "<meta property='og:title' content=''>"] {
            assert!(read(text).image.is_none(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_page_is_read(
            text in crate::any_input::text_like(&[
                "<html><head><title>A &amp; b</title><meta property=\"og:image\" content=\"/a.png\"><meta property='og:image:width' content='10'></head><body><p>Text</p><img src=b.png alt=c></body></html>",
                "<!doctype html><title>A</title><script>var a = '<p>';</script><p>Text &#8364; &nosuch;",
            ]),
        ) {
            drop(read(&text));
        }
    }
}

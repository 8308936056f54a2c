//! What a post says, as elements.
//!
//! A body is Markdown, of which the parser's events alone are taken: each becomes an element of a kind
//! that is named here, or text. So nothing that somebody writes is ever taken for HTML, here or on the
//! server, and links lead where [`target`] says alone.

use leptos::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream};

use crate::erased::{Erase, Erased};

/// How deep elements stand in each other: what is deeper stands beside.
const DEPTH: usize = 12;

/// How many links of a post may become more than links.
const CHIPS: usize = 5;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Text(String),
    Of(Kind, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Paragraph,
    Heading,
    List(Option<u64>),
    Item,
    Quote,
    CodeBlock,
    Code,
    Emphasis,
    Strong,
    Strike,
    Link(String),
    Image(String),
    Mention,
    Break,
    Rule,
    /// What it holds, alone.
    Nothing,
}

/// The elements of a body. `chip`: what stands for a link to a table, if anything does.
pub fn view(body: &str, chip: impl Fn(&str) -> Option<Erased>) -> Erased {
    let mut left = CHIPS;
    let mut chips = move |href: &str| {
        let made = (left > 0).then(|| chip(href)).flatten();
        left -= usize::from(made.is_some());
        made
    };
    all(parse(body), &mut chips)
}

type Chips<'a> = &'a mut dyn FnMut(&str) -> Option<Erased>;

fn all(nodes: Vec<Node>, chips: Chips<'_>) -> Erased {
    let made: Vec<Erased> = nodes.into_iter().map(|node| one(node, chips)).collect();
    made.erased()
}

fn one(node: Node, chips: Chips<'_>) -> Erased {
    let (kind, inner) = match node {
        Node::Text(text) => return text.erased(),
        Node::Of(kind, inner) => (kind, inner),
    };
    if let Kind::Link(href) = &kind
        && let Some(chip) = chips(href)
    {
        return chip;
    }
    let alt = matches!(kind, Kind::Image(_)).then(|| words(&inner));
    let inner = all(inner, chips);
    match kind {
        Kind::Paragraph => view! { <p>{inner}</p> }.erased(),
        // The page's own headings are the headings.
        Kind::Heading => view! { <p class="post-heading"><strong>{inner}</strong></p> }.erased(),
        Kind::List(None) => view! { <ul>{inner}</ul> }.erased(),
        Kind::List(Some(first)) => view! { <ol start=first.to_string()>{inner}</ol> }.erased(),
        Kind::Item => view! { <li>{inner}</li> }.erased(),
        Kind::Quote => view! { <blockquote>{inner}</blockquote> }.erased(),
        Kind::CodeBlock => view! { <pre tabindex="0"><code>{inner}</code></pre> }.erased(),
        Kind::Code => view! { <code>{inner}</code> }.erased(),
        Kind::Emphasis => view! { <em>{inner}</em> }.erased(),
        Kind::Strong => view! { <strong>{inner}</strong> }.erased(),
        Kind::Strike => view! { <del>{inner}</del> }.erased(),
        Kind::Mention => view! { <span class="mention">{inner}</span> }.erased(),
        Kind::Link(href) => {
            let rel = match href.starts_with('/') {
                true => "external",
                false => "external noopener noreferrer nofollow",
            };
            view! { <a href=href rel=rel>{inner}</a> }.erased()
        }
        Kind::Image(src) => {
            let href = src.clone();
            view! {
                <a class="post-image" href=href rel="external">
                    <img src=src alt=alt.unwrap_or_default() loading="lazy" decoding="async" />
                </a>
            }
            .erased()
        }
        Kind::Break => view! { <br /> }.erased(),
        Kind::Rule => view! { <hr /> }.erased(),
        Kind::Nothing => inner,
    }
}

/// The text alone.
fn words(nodes: &[Node]) -> String {
    let of = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        Node::Of(_, inner) => words(inner),
    };
    nodes.iter().map(of).collect()
}

/// The beginning of a body as one line of text.
pub fn brief(body: &str) -> String {
    const LETTERS: usize = 100;
    let line: String = parse(body)
        .iter()
        .map(|node| words(std::slice::from_ref(node)))
        .collect::<Vec<_>>()
        .join(" ");
    let mut brief: String = line.chars().take(LETTERS).collect();
    if line.chars().nth(LETTERS).is_some() {
        brief.push('…');
    }
    brief
}

/// The names in a body that are shown as such, as they are written; not more than the first 200.
#[cfg(any(feature = "ssr", test))]
pub fn named_in(body: &str) -> Vec<String> {
    const MOST: usize = 200;
    fn collect(nodes: &[Node], named: &mut Vec<String>) {
        for node in nodes {
            match node {
                Node::Of(Kind::Mention, inner) if named.len() < MOST => {
                    let name = words(inner);
                    named.push(name.trim_start_matches('@').trim_matches('"').to_owned());
                }
                Node::Of(_, inner) => collect(inner, named),
                Node::Text(_) => {}
            }
        }
    }
    let mut named = Vec::new();
    if body.contains('@') {
        collect(&parse(body), &mut named);
    }
    named
}

fn parse(body: &str) -> Vec<Node> {
    let events = TextMergeStream::new(Parser::new_ext(body, Options::ENABLE_STRIKETHROUGH));
    // What is open, and what it holds so far.
    let mut open: Vec<(Kind, Vec<Node>)> = vec![(Kind::Nothing, Vec::new())];
    // How many are open that are deeper than elements stand.
    let mut beyond = 0_usize;
    for event in events {
        let node = match event {
            Event::Start(tag) => {
                match open.len() < DEPTH {
                    true => open.push((kind(tag), Vec::new())),
                    false => beyond += 1,
                }
                continue;
            }
            Event::End(_) if beyond > 0 => {
                beyond -= 1;
                continue;
            }
            Event::End(end) => {
                let Some((kind, inner)) = open.pop() else {
                    break;
                };
                closed(kind, inner, end)
            }
            Event::Text(text) => {
                let is_plain = !open.iter().any(|(kind, _)| {
                    matches!(kind, Kind::Link(_) | Kind::CodeBlock | Kind::Image(_))
                });
                match is_plain {
                    true => linked(&text),
                    false => Node::Text(text.into_string()),
                }
            }
            // What looks like HTML is what it looks like.
            Event::Html(text) | Event::InlineHtml(text) => Node::Text(text.into_string()),
            Event::Code(text) => Node::Of(Kind::Code, vec![Node::Text(text.into_string())]),
            Event::SoftBreak | Event::HardBreak => Node::Of(Kind::Break, Vec::new()),
            Event::Rule => Node::Of(Kind::Rule, Vec::new()),
            _ => continue,
        };
        if let Some((_, inner)) = open.last_mut() {
            inner.push(node);
        }
    }
    while open.len() > 1 {
        if let (Some((kind, inner)), Some((_, outer))) = (open.pop(), open.last_mut()) {
            outer.push(Node::Of(kind, inner));
        }
    }
    open.pop().map(|(_, nodes)| nodes).unwrap_or_default()
}

fn kind(tag: Tag<'_>) -> Kind {
    match tag {
        Tag::Paragraph => Kind::Paragraph,
        Tag::Heading { .. } => Kind::Heading,
        Tag::BlockQuote(_) => Kind::Quote,
        Tag::CodeBlock(CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) => Kind::CodeBlock,
        Tag::List(first) => Kind::List(first),
        Tag::Item => Kind::Item,
        Tag::Emphasis => Kind::Emphasis,
        Tag::Strong => Kind::Strong,
        Tag::Strikethrough => Kind::Strike,
        Tag::Link { dest_url, .. } => match target(&dest_url) {
            Some(href) => Kind::Link(href),
            None => Kind::Nothing,
        },
        Tag::Image { dest_url, .. } => match is_image(&dest_url) {
            true => Kind::Image(dest_url.into_string()),
            // One from elsewhere would tell there who reads this.
            false => target(&dest_url).map_or(Kind::Nothing, Kind::Link),
        },
        Tag::HtmlBlock => Kind::Paragraph,
        _ => Kind::Nothing,
    }
}

fn closed(kind: Kind, mut inner: Vec<Node>, end: TagEnd) -> Node {
    if matches!(kind, Kind::Link(_)) && inner.is_empty() && end == TagEnd::Image {
        inner.push(Node::Text("image".to_owned()));
    }
    Node::Of(kind, inner)
}

/// Where a link leads, if it may: to a page of this server, or to one of another's.
pub fn target(href: &str) -> Option<String> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if href.len() > 2000 || href.contains(is_odd) {
        return None;
    }
    let is_own = href.starts_with('/') && !href.starts_with("//");
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        let begin = href.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)) && href.len() > scheme.len()
    });
    (is_own || is_web).then(|| href.to_owned())
}

/// Whether an image is one of ours.
fn is_image(src: &str) -> bool {
    src.strip_prefix("/feed/images/").is_some_and(|id| {
        (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Text, in which addresses are links and names are marked.
fn linked(text: &str) -> Node {
    let mut nodes = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(letter) = rest.chars().next() {
        let found = match letter {
            '@' if !is_of_word(before) => name_at(rest).map(|end| (end, Kind::Mention)),
            'h' | '/' if before.is_whitespace() || before == '(' => {
                address_at(rest).map(|(end, href)| (end, Kind::Link(href)))
            }
            _ => None,
        };
        let end = match found {
            Some((end, kind)) => {
                if !plain.is_empty() {
                    nodes.push(Node::Text(std::mem::take(&mut plain)));
                }
                nodes.push(Node::Of(kind, vec![Node::Text(rest[..end].to_owned())]));
                end
            }
            None => {
                plain.push(letter);
                letter.len_utf8()
            }
        };
        before = rest[..end].chars().next_back().unwrap_or(' ');
        rest = &rest[end..];
    }
    if !plain.is_empty() {
        nodes.push(Node::Text(plain));
    }
    match nodes.len() {
        1 => nodes.remove(0),
        _ => Node::Of(Kind::Nothing, nodes),
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '@' | '/' | '.')
}

/// Where the name ends that an `@` begins with: `@ann`, `@"Ann Lee"`.
fn name_at(text: &str) -> Option<usize> {
    let after = text.strip_prefix('@')?;
    if let Some(quoted) = after.strip_prefix('"') {
        let end = quoted.find('"').filter(|end| (1..=256).contains(end))?;
        return (!quoted[..end].contains(char::is_control)).then_some(end + 3);
    }
    let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let end = after.find(|c| !of_name(c)).unwrap_or(after.len());
    let name = after[..end].trim_end_matches(['.', '-']);
    let begins = name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    begins.then_some(name.len() + 1)
}

/// Where the address ends that a text begins with, and where it leads.
fn address_at(text: &str) -> Option<(usize, String)> {
    let is_address = ["https://", "http://", "/tables/", "/feed/"];
    if !is_address.iter().any(|begin| text.starts_with(begin)) {
        return None;
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    // What is longer leads nowhere, and to look at it from each place in it would take long.
    if end > 4000 {
        return None;
    }
    let mut address = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '"', '\'']);
    // What closes a parenthesis that it does not open is behind it.
    let opened = address.matches('(').count();
    let mut closed = address.matches(')').count();
    while address.ends_with(')') && closed > opened {
        address = &address[..address.len() - 1];
        closed -= 1;
    }
    Some((address.len(), target(address)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, text: &str) -> Node {
        Node::Of(kind, vec![Node::Text(text.to_owned())])
    }

    /// The links, images and names of a body.
    fn found(body: &str) -> Vec<Kind> {
        fn collect(nodes: &[Node], found: &mut Vec<Kind>) {
            for node in nodes {
                if let Node::Of(kind, inner) = node {
                    if matches!(kind, Kind::Link(_) | Kind::Image(_) | Kind::Mention) {
                        found.push(kind.clone());
                    }
                    collect(inner, found);
                }
            }
        }
        let mut kinds = Vec::new();
        collect(&parse(body), &mut kinds);
        kinds
    }

    #[test]
    fn markdown_becomes_elements_and_html_text() {
        assert_eq!(
            parse("a **b** `c`"),
            [Node::Of(
                Kind::Paragraph,
                vec![
                    Node::Text("a ".to_owned()),
                    of(Kind::Strong, "b"),
                    Node::Text(" ".to_owned()),
                    of(Kind::Code, "c"),
                ]
            )]
        );
        let body = "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> & <b>b</b>";
        assert!(found(body).is_empty());
        let said: String = parse(body)
            .iter()
            .map(|node| words(std::slice::from_ref(node)))
            .collect();
        assert!(
            said.contains("<script>alert(1)</script>") && said.contains("<b>b</b>"),
            "{said}"
        );
    }

    #[test]
    fn links_lead_to_pages_alone() {
        for (href, leads) in [
            ("https://example.com/a?b", true),
            ("HTTP://example.com", true),
            ("/tables/orders?id=eq.7", true),
            ("/", true),
            ("javascript:alert(1)", false),
            ("JavaScript:alert(1)", false),
            ("data:text/html,x", false),
            ("vbscript:x", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("\\\\evil.example", false),
            ("https://", false),
            ("java\nscript:x", false),
            ("tables/orders", false),
            ("#x", false),
            ("", false),
        ] {
            assert_eq!(target(href).is_some(), leads, "{href}");
        }
        assert!(
            found("[x](javascript:alert(1)) <javascript:alert(1)> [y](java&#115;cript:x)")
                .is_empty()
        );
    }

    #[test]
    fn images_are_our_own() {
        assert_eq!(
            found("![a](/feed/images/7)"),
            [Kind::Image("/feed/images/7".to_owned())]
        );
        let elsewhere = "https://example.com/track.png";
        assert_eq!(
            found(&format!("![a]({elsewhere})")),
            [Kind::Link(elsewhere.to_owned())]
        );
        assert!(found("![a](javascript:x) ![b](data:image/png;base64,x)").is_empty());
        assert_eq!(
            found("![a](/feed/images/../x)"),
            [Kind::Link("/feed/images/../x".to_owned())]
        );
    }

    #[test]
    fn addresses_and_names_are_found_outside_code() {
        assert_eq!(
            found(
                "see /tables/a?b=eq.1&c=eq.2, (https://x.example/a_(b)) and @ann. `@bob /tables/x`"
            ),
            [
                Kind::Link("/tables/a?b=eq.1&c=eq.2".to_owned()),
                Kind::Link("https://x.example/a_(b)".to_owned()),
                Kind::Mention,
            ]
        );
        assert!(found("mail ann@example.com or a/tables/x\n\n```\n@ann\n```").is_empty());
        assert_eq!(
            linked("@\"Ann Lee\"!"),
            Node::Of(
                Kind::Nothing,
                vec![
                    of(Kind::Mention, "@\"Ann Lee\""),
                    Node::Text("!".to_owned()),
                ]
            )
        );
    }

    #[test]
    fn those_are_named_who_are_shown_as_named() {
        for (body, named) in [
            (
                "@ann, @\"Ann Lee\"! (@zoë) @a.b.",
                &["ann", "Ann Lee", "zoë", "a.b"][..],
            ),
            ("``a ` @ann`` @bob", &["bob"]),
            ("`a\n@ann` @bob", &["bob"]),
            ("    @ann\n\n@bob", &["bob"]),
            ("> ```\n> @ann\n> ```\n> @bob", &["bob"]),
            ("- @ann\n  ~~~\n  @eve\n  ~~~\n", &["ann"]),
            ("[@ann](/x) \\@bob x@eve", &["bob"]),
        ] {
            assert_eq!(named_in(body), named, "{body}");
        }
        assert_eq!(named_in(&"@a ".repeat(3_000)).len(), 200);
    }

    #[test]
    fn what_is_very_deep_is_no_deeper_than_it_may_be() {
        fn depth(nodes: &[Node]) -> usize {
            let of = |node: &Node| match node {
                Node::Text(_) => 0,
                Node::Of(_, inner) => 1 + depth(inner),
            };
            nodes.iter().map(of).max().unwrap_or(0)
        }
        let deep = format!("{}x @ann", ">".repeat(9_000));
        assert!(depth(&parse(&deep)) <= DEPTH + 2);
        assert_eq!(found(&deep), [Kind::Mention]);
        let deep = "[".repeat(5_000) + &"](/a)".repeat(900);
        assert!(depth(&parse(&deep)) <= DEPTH + 2);
    }

    #[test]
    fn a_body_in_brief_is_one_line() {
        assert_eq!(brief("# a\n\nb **c**"), "a b c");
        assert_eq!(brief(&"x".repeat(200)).chars().count(), 101);
    }
}

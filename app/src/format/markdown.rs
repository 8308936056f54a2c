//! Markdown, as much of it as fits into a line.
//!
//! What becomes of it is text in elements, never markup: nothing in a value can do more than
//! look different, and a link leads where [`super::address::follow`] lets one lead.

use super::address;

/// A piece of text and how it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// What sets it apart: some of `strong`, `em`, `code` and `del`, with spaces between.
    pub class: String,
    /// Where it leads.
    pub href: Option<String>,
}

/// The marks of emphasis, longer ones before those that they begin with.
const MARKS: [(&str, &str); 6] = [
    ("**", "strong"),
    ("__", "strong"),
    ("~~", "del"),
    ("*", "em"),
    ("_", "em"),
    ("`", "code"),
];

/// The text of a value as spans. Its lines become one.
pub fn spans(text: &str) -> Vec<Span> {
    let mut out = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !out.is_empty() {
            push(&mut out, " ", "", None);
        }
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        if (1..=6).contains(&level) && heading.starts_with(' ') {
            read(heading.trim(), "strong", None, &mut out);
        } else if let Some(item) = ["- ", "* ", "+ "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
        {
            push(&mut out, "• ", "", None);
            read(item, "", None, &mut out);
        } else {
            read(line.strip_prefix("> ").unwrap_or(line), "", None, &mut out);
        }
    }
    out
}

fn read(text: &str, class: &str, href: Option<&str>, out: &mut Vec<Span>) {
    let mut plain = 0;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        if let Some(escaped) = escaped.filter(char::is_ascii_punctuation) {
            push(out, &text[plain..at], class, href);
            plain = at + 1;
            at = plain + escaped.len_utf8();
            continue;
        }
        if let Some((inside, name, length)) = emphasis(text, at) {
            push(out, &text[plain..at], class, href);
            let inner = [class, name].join(" ");
            let inner = inner.trim();
            if name == "code" {
                push(out, inside, inner, href);
            } else {
                read(inside, inner, href, out);
            }
            at += length;
            plain = at;
            continue;
        }
        if let Some((label, to, length)) = link(rest).filter(|_| href.is_none()) {
            push(out, &text[plain..at], class, href);
            match address::follow(to) {
                Some(to) => read(label, class, Some(&to), out),
                None => read(label, class, None, out),
            }
            at += length;
            plain = at;
            continue;
        }
        at += character.len_utf8();
    }
    push(out, &text[plain..], class, href);
}

/// What stands between two marks at that place, its name, and the length of it all.
fn emphasis(text: &str, at: usize) -> Option<(&str, &'static str, usize)> {
    let rest = &text[at..];
    let (mark, name) = MARKS.into_iter().find(|(mark, _)| rest.starts_with(mark))?;
    let after = &rest[mark.len()..];
    let end = after.find(mark)?;
    let inside = &after[..end];
    let tight = !inside.is_empty() && inside.trim() == inside;
    // snake_case_names are no emphasis.
    let is_word = |of: Option<char>| of.is_some_and(char::is_alphanumeric);
    let next = after[end + mark.len()..].chars().next();
    let in_word =
        mark.starts_with('_') && (is_word(text[..at].chars().next_back()) || is_word(next));
    (tight && !in_word).then_some((inside, name, 2 * mark.len() + end))
}

/// The label and the address of `[label](address)` at the beginning, and its length.
fn link(text: &str) -> Option<(&str, &str, usize)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (to, _) = rest.split_once(')')?;
    let is_one = !label.is_empty() && !label.contains(['[', ']']);
    is_one.then_some((label, to, label.len() + to.len() + 4))
}

fn push(out: &mut Vec<Span>, text: &str, class: &str, href: Option<&str>) {
    if text.is_empty() {
        return;
    }
    match out.last_mut() {
        Some(last) if last.class == class && last.href.as_deref() == href => {
            last.text.push_str(text);
        }
        _ => out.push(Span {
            text: text.to_owned(),
            class: class.to_owned(),
            href: href.map(str::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |span: Span| match (span.class.as_str(), span.href) {
            ("", None) => span.text,
            (class, None) => format!("<{class}>{}</>", span.text),
            (class, Some(to)) => format!("<a {to} {class}>{}</>", span.text),
        };
        spans(text).into_iter().map(one).collect()
    }

    #[test]
    fn emphasis_code_and_links_are_told_apart() {
        for (text, expected) in [
            ("a **b** c", "a <strong>b</> c"),
            ("**a *b***", "<strong>a *b</>*"),
            ("_a_ and ~~b~~", "<em>a</> and <del>b</>"),
            ("`**a**`", "<code>**a**</>"),
            ("[a](https://b.example/c)", "<a https://b.example/c >a</>"),
            ("[*a*](/b)", "<a /b em>a</>"),
            ("# One\n- two\n\n> three", "<strong>One</> • two three"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        for text in [
            "a_b_c",
            "2 * 3 * 4",
            "**",
            "[a]",
            "[a](",
            "a ** b",
            "#tag",
            "ü*",
        ] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown(r"\*a\*"), "*a*");
    }

    #[test]
    fn a_link_that_runs_something_is_none() {
        assert_eq!(shown("[a](javascript:alert(1))"), "a)");
        assert_eq!(shown("<b>x</b>"), "<b>x</b>");
    }
}

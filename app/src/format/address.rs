//! Addresses in values: where a link may lead, and what may be shown as a picture.
//!
//! Values are written by anyone. A link leads to a web address or to a path of this server,
//! never to what a browser would run.

use crate::address::encode;

/// Where a link with this text leads; `None` if it is no address to follow.
pub fn follow(text: &str) -> Option<String> {
    let text = text.trim();
    let is_one = !text.contains(|of: char| of.is_whitespace() || of.is_control());
    let scheme = ["http://", "https://"].iter().find(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    });
    (is_one && (scheme.is_some() || is_own_path(text))).then(|| text.to_owned())
}

/// An address as it is read: without `https://` before it and a slash behind it.
pub fn short(address: &str) -> &str {
    let short = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .unwrap_or(address);
    short
        .strip_suffix('/')
        .filter(|of| !of.is_empty())
        .unwrap_or(short)
}

/// The address that writes to that mailbox; `None` if it is none.
pub fn mail(text: &str) -> Option<String> {
    let (name, host) = text.trim().split_once('@')?;
    let is_one = !name.is_empty()
        && host.contains('.')
        && !host.contains('@')
        && !text
            .trim()
            .contains(|of: char| of.is_whitespace() || of.is_control());
    is_one.then(|| format!("mailto:{}@{}", encode(name), encode(host)))
}

/// What an image element takes as its source: a path of this server, or the picture itself.
/// Pictures of other servers are not loaded, for that would tell them who reads what.
pub fn picture(text: &str) -> Option<String> {
    let text = text.trim();
    let own = ["png", "jpeg", "gif", "webp", "avif", "svg+xml"];
    let inline = text.strip_prefix("data:image/").is_some_and(|rest| {
        own.iter().any(|kind| {
            let rest = rest.strip_prefix(kind);
            rest.is_some_and(|rest| rest.starts_with([';', ',']))
        })
    });
    (inline || is_own_path(text)).then(|| text.to_owned())
}

/// The last part of an address's path: `cat.png`.
pub fn file_name(address: &str) -> &str {
    if address.starts_with("data:") {
        return "picture";
    }
    let path = address.split(['?', '#']).next().unwrap_or(address);
    let path = path.trim_end_matches('/');
    path.rsplit('/')
        .next()
        .filter(|of| !of.is_empty())
        .unwrap_or(path)
}

fn is_own_path(text: &str) -> bool {
    // Two slashes begin another server's address, and browsers read a backslash as a slash.
    text.starts_with('/')
        && !text[1..].starts_with(['/', '\\'])
        && !text.contains(|of: char| of.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_or_stay_here() {
        for text in ["https://a.example", "HTTP://a.example/b?c#d", "/tables/a"] {
            assert_eq!(follow(text).as_deref(), Some(text));
        }
        for text in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//a.example",
            "/\\a.example",
            "/\t/a.example",
            "https://",
            "https://a b",
            "a.example",
            "ü",
            "",
        ] {
            assert_eq!(follow(text), None, "{text}");
        }
    }

    #[test]
    fn pictures_are_of_this_server_or_in_the_value() {
        assert!(picture("/favicon.svg").is_some());
        assert!(picture("data:image/png;base64,AAAA").is_some());
        for text in [
            "https://a.example/b.png",
            "//a/b.png",
            "data:text/html,x",
            "x.png",
        ] {
            assert_eq!(picture(text), None, "{text}");
        }
        assert_eq!(file_name("https://a.example/b/cat.png?c=/d"), "cat.png");
    }

    #[test]
    fn a_mailbox_says_nothing_but_itself() {
        assert_eq!(
            mail("a.b@c.example").as_deref(),
            Some("mailto:a.b@c.example")
        );
        assert_eq!(
            mail("a?bcc=x@c.example").as_deref(),
            Some("mailto:a%3Fbcc%3Dx@c.example")
        );
        for text in ["a", "a@b", "@c.example", "a b@c.example", "a@b@c.example"] {
            assert_eq!(mail(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_read_without_what_all_have() {
        assert_eq!(short("https://a.example/"), "a.example");
        assert_eq!(short("http://a.example/b/"), "a.example/b");
        assert_eq!(short("/"), "/");
    }
}

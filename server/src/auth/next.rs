//! Where to go after signing in: an address of this server, whoever named it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest address that is kept.
const LONGEST: usize = 8 * 1024;

/// What stays as it is in a parameter's value.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// `next` if it is a path of this server; else the page that lists the tables.
///
/// Browsers take `//host` and `/\host` for other servers, and pass over tabs and line breaks.
pub fn local(next: Option<&str>) -> &str {
    let is_local = |next: &&str| {
        next.len() <= LONGEST
            && next.starts_with('/')
            && !next.starts_with("//")
            && next.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
            && !next.contains('\\')
    };
    next.filter(is_local).unwrap_or("/")
}

/// The address of the sign-in page that leads to `next`.
pub fn sign_in(next: &str) -> String {
    match local(Some(next)) {
        "/" => "/login".to_owned(),
        next => format!("/login?next={}", utf8_percent_encode(next, PLAIN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_to() {
        for next in [
            "/",
            "/tables/t?a=eq.1&b=in.(1,2)",
            "/tables/%C3%A9",
            "/a//b",
            "/?q=http://x",
        ] {
            assert_eq!(local(Some(next)), next);
        }
        for next in [
            "",
            "//example.com",
            "///example.com",
            "/\\example.com",
            "/a\\b",
            "\\\\example.com",
            "http://example.com/",
            "javascript:alert(1)",
            "tables",
            "/\t/example.com",
            "/a\r\nSet-Cookie: a=b",
            "/ü",
            " /",
        ] {
            assert_eq!(local(Some(next)), "/", "{next}");
        }
        assert_eq!(local(None), "/");
        assert_eq!(local(Some(&format!("/{}", "a".repeat(9000)))), "/");
    }

    #[test]
    fn the_way_back_is_one_parameter() {
        assert_eq!(sign_in("/"), "/login");
        assert_eq!(sign_in("//x"), "/login");
        assert_eq!(
            sign_in("/tables/t?a=eq.1&q=b c"),
            "/login",
            "no browser sends a space"
        );
        assert_eq!(
            sign_in("/tables/t?a=eq.1&b=%26"),
            "/login?next=/tables/t%3Fa%3Deq.1%26b%3D%2526"
        );
    }
}

//! The reader: the name that whoever uses this browser goes by.
//!
//! Who has signed in is called as their account is. Where nobody has to, the name is one that they
//! have given: it stands beside what they change and where they are, and views that are only
//! theirs are kept under it. It is no secret, and proves nothing.

use leptos::prelude::*;

use crate::format::letters::upper;
#[cfg(feature = "hydrate")]
use crate::signed_in::SignedIn;

/// What the name is kept under: in the browser's storage, where the page finds it, and in a
/// cookie, for the server to know which view this reader opens a table with.
pub const KEPT: &str = "rowcast.name";

/// What stands before the cookie's name over an encrypted way, so that browsers take it from nobody
/// but this very host.
const OWN: &str = "__Host-";

/// The most characters of a name.
pub const LONGEST: usize = 64;

/// The reader of this page: a context of the application.
#[derive(Clone, Copy)]
pub struct Reader(RwSignal<Option<String>>);

impl Reader {
    /// The reader, provided as a context. The name is known once the page is hydrated.
    pub fn provide() -> Self {
        let reader = Self(RwSignal::new(None));
        provide_context(reader);
        #[cfg(feature = "hydrate")]
        crate::erased::effect(move || {
            reader.learn();
            // Another page of this browser may give or change it.
            let told = window_event_listener_untyped("storage", move |_| reader.learn());
            on_cleanup(move || told.remove());
        });
        reader
    }

    /// The application's.
    ///
    /// # Panics
    ///
    /// Outside the application.
    pub fn expect() -> Self {
        expect_context()
    }

    /// Their name, if they have given one.
    pub fn name(self) -> Option<String> {
        self.0.get()
    }

    /// Their name now, whatever becomes of it.
    pub fn name_untracked(self) -> Option<String> {
        self.0.get_untracked()
    }

    #[cfg(feature = "hydrate")]
    fn learn(self) {
        let account = SignedIn::current().map(|account| account.name);
        if account.is_none() {
            set_cookie(kept().as_deref());
        }
        let name = account.or_else(kept);
        if *self.0.read_untracked() != name {
            self.0.set(name);
        }
    }

    /// Keeps a name, or none if the text is no name. Where the browser keeps nothing it lasts as
    /// long as the page.
    #[cfg(feature = "hydrate")]
    pub fn keep(self, text: &str) {
        let name = checked(text);
        if let Ok(Some(storage)) = window().local_storage() {
            // A full storage takes nothing; the page still knows the name.
            let _ = match &name {
                Some(name) => storage.set_item(KEPT, name),
                None => storage.remove_item(KEPT),
            };
        }
        set_cookie(name.as_deref());
        self.0.set(name);
    }
}

/// The name that this browser keeps.
#[cfg(feature = "hydrate")]
pub fn kept() -> Option<String> {
    let storage = window().local_storage().ok()??;
    checked(&storage.get_item(KEPT).ok()??)
}

#[cfg(feature = "hydrate")]
fn set_cookie(name: Option<&str>) {
    use wasm_bindgen::JsCast;
    let text = crate::address::encode(name.unwrap_or_default());
    let age = if name.is_some() { 31_536_000 } else { 0 };
    if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
        let is_secure = window()
            .location()
            .protocol()
            .is_ok_and(|it| it == "https:");
        let (prefix, secure) = if is_secure {
            (OWN, "; Secure")
        } else {
            ("", "")
        };
        let cookie = format!("{prefix}{KEPT}={text}; Path=/; Max-Age={age}; SameSite=Lax{secure}");
        // Where cookies are forbidden tables open as they do for everybody.
        let _ = document.set_cookie(&cookie);
    }
}

/// A name as it may be kept: one line of at most [`LONGEST`] characters.
pub fn checked(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|char| !char.is_control()).collect();
    let name: String = plain.trim().chars().take(LONGEST).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The name in a request's `Cookie` header.
pub fn in_cookies(header: &str) -> Option<String> {
    let mut pairs = header.split(';').map(str::trim);
    let value = pairs.find_map(|pair| {
        let pair = pair.strip_prefix(OWN).unwrap_or(pair);
        pair.strip_prefix(KEPT)?.strip_prefix('=')
    })?;
    checked(&crate::address::decode(value))
}

/// One or two letters that stand for a name; none where it has no letters.
pub fn initials(name: &str) -> String {
    let mut letters = name
        .split_whitespace()
        .filter_map(|word| word.chars().find(|char| char.is_alphanumeric()));
    let (first, last) = (letters.next(), letters.next_back());
    let both = first.into_iter().chain(last);
    upper(&both.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_bounded_length() {
        assert_eq!(checked("  Zoë\tBauer\n"), Some("ZoëBauer".to_owned()));
        assert_eq!(checked(" \u{7} "), None);
        let long = checked(&"ä".repeat(100)).unwrap_or_default();
        assert_eq!(long.chars().count(), LONGEST);
    }

    #[test]
    fn the_name_is_found_among_cookies() {
        let header = "a=1; rowcast.names=Max; rowcast.name=Zo%C3%AB%20B; b=2";
        assert_eq!(in_cookies(header), Some("Zoë B".to_owned()));
        let secure = "a=1; __Host-rowcast.name=Ann";
        assert_eq!(in_cookies(secure), Some("Ann".to_owned()));
        assert_eq!(in_cookies("rowcast.name="), None);
        assert_eq!(in_cookies("other=rowcast.name=Ann"), None);
    }

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ann", "A"),
            ("ann marie (sales) lee", "AL"),
            ("ßeta", "SS"),
            ("李 雷", "李雷"),
            ("!? …", ""),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}

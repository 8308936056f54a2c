//! What a reader calls columns, says of them and shows them as, as the address writes it.

use crate::{
    address::{decode, encode},
    format::Format,
};

/// The longest label, in characters.
pub const LONGEST_LABEL: usize = 100;
/// The longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 500;

/// What was chosen for how columns look.
///
/// As text, `~labels=amount:Price&~descriptions=amount:With%20tax&~format=amount:currency(EUR)`:
/// three lists of columns, each with what was chosen for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks(Vec<(String, Look)>);

/// How one column looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What it is called; its name if nothing was chosen.
    pub label: Option<String>,
    /// What is said of it; its comment in the database if nothing was chosen.
    pub description: Option<String>,
    /// What its values are shown as; what their type says if nothing was chosen.
    pub format: Option<Format>,
}

/// The parameters of an address that are about looks.
pub const PARAMETERS: [&str; 3] = ["~labels", "~descriptions", "~format"];

impl Looks {
    /// Takes what a parameter says, if it is one about looks. What can't be read is as if it
    /// weren't there, and of what is said twice the first holds.
    pub fn read(&mut self, parameter: &str, value: &str) {
        let Some(which) = PARAMETERS.iter().position(|name| *name == parameter) else {
            return;
        };
        for (name, text) in value.split(',').filter_map(|one| one.split_once(':')) {
            let (name, text) = (decode(name), decode(text));
            let look = self.entry(&name);
            match which {
                0 => keep_first(&mut look.label, clipped(&text, LONGEST_LABEL)),
                1 => keep_first(&mut look.description, clipped(&text, LONGEST_DESCRIPTION)),
                _ => keep_first(&mut look.format, Format::parse(&text)),
            }
        }
        self.0.retain(|(_, look)| *look != Look::default());
    }

    /// The parameters that say all this; none if nothing was chosen.
    pub fn parameters(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (which, parameter) in PARAMETERS.iter().enumerate() {
            let said = self.0.iter().filter_map(|(name, look)| {
                let text = match which {
                    0 => encode(look.label.as_deref()?),
                    1 => encode(look.description.as_deref()?),
                    // Its marks are none of an address's own.
                    _ => look.format.as_ref()?.to_string(),
                };
                Some(format!("{}:{text}", encode(name)))
            });
            let said: Vec<String> = said.collect();
            if !said.is_empty() {
                out.push(format!("{parameter}={}", said.join(",")));
            }
        }
        out
    }

    /// How a column looks, if anything was chosen.
    pub fn of(&self, name: &str) -> Option<&Look> {
        self.0
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, look)| look)
    }

    /// What a column is called.
    pub fn label<'a>(&'a self, name: &'a str) -> &'a str {
        let label = self.of(name).and_then(|look| look.label.as_deref());
        label.unwrap_or(name)
    }

    /// Has a column look that way.
    pub fn set(&mut self, name: &str, look: Look) {
        *self.entry(name) = look;
        self.0.retain(|(_, look)| *look != Look::default());
    }

    fn entry(&mut self, name: &str) -> &mut Look {
        let at = self.0.iter().position(|(of, _)| of == name);
        let at = at.unwrap_or_else(|| {
            self.0.push((name.to_owned(), Look::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// The text without blanks around it, as far as it may be long; `None` if nothing is left.
pub fn clipped(text: &str, longest: usize) -> Option<String> {
    let text: String = text.trim().chars().take(longest).collect();
    (!text.is_empty()).then_some(text)
}

fn keep_first<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[String]) -> Looks {
        let mut looks = Looks::default();
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            looks.read(name, value);
        }
        looks
    }

    #[test]
    fn looks_survive_their_address() {
        let mut looks = Looks::default();
        for (name, text) in [("amount", "Price, net: 1+1 = 2 & more"), ("a:b,c", "ü (x)")] {
            looks.set(
                name,
                Look {
                    label: Some(text.to_owned()),
                    description: Some(text.to_owned()),
                    format: Format::parse("currency(EUR;0)"),
                },
            );
        }
        assert_eq!(read(&looks.parameters()), looks);
        assert_eq!(looks.label("a:b,c"), "ü (x)");
        assert_eq!(looks.label("other"), "other");
    }

    #[test]
    fn what_says_nothing_is_not_there() {
        let of = |text: &str| read(&[text.to_owned()]).parameters();
        assert!(of("~labels=a:,b:%20").is_empty());
        assert!(of("~format=a:blink,b,c").is_empty());
        assert_eq!(of("~format=a:percent(1),a:bytes"), ["~format=a:percent(1)"]);
        let mut looks = read(&["~labels=a:A".to_owned()]);
        looks.set("a", Look::default());
        assert_eq!(looks, Looks::default());
    }
}

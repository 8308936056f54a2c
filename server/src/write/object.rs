//! JSON objects whose values stay as they are written.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// An object's members in the order in which they stand, each name once.
#[derive(Clone, Debug, Default)]
pub struct Object(pub Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of values by column")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut members, mut names) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("{name:?} is given twice")));
                    }
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_are_written_and_names_are_given_once() {
        let object: Object =
            serde_json::from_str(r#"{"b": 1.50, "a": {"x": 1e400}}"#).expect("an object");
        let members: Vec<(&str, &str)> = object.0.iter().map(|(n, v)| (&**n, v.get())).collect();
        assert_eq!(members, [("b", "1.50"), ("a", r#"{"x": 1e400}"#)]);
        for wrong in [r#"{"a":1,"a":2}"#, "[1]", "1", "null", r#"{"a":}"#] {
            assert!(serde_json::from_str::<Object>(wrong).is_err(), "{wrong}");
        }
    }
}

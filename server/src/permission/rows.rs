//! Row filters: conditions in the grammar of queries that say which rows somebody may see or
//! write, in terms of who it is.

use rowcast_protocol::{
    ApiError,
    query::{Filter, Is, Operator, Query, Test},
};
use serde_json::{Map, Value};

/// What stands for whoever asks.
const MARK: &str = "$user";

/// Who asks, as filters name it.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// `$user.id`
    pub id: Option<i64>,
    /// `$user.name`
    pub name: &'a str,
    /// `$user.` and anything else.
    pub attributes: &'a Map<String, Value>,
}

/// Refuses what is no row filter.
///
/// # Errors
/// Those of the grammar; `invalid_permission`.
pub fn check(text: &str) -> Result<(), ApiError> {
    let filters = parse(text)?;
    for test in filters.iter().flat_map(Filter::tests) {
        match &test.operator {
            Operator::Like(pattern) | Operator::Ilike(pattern) if pattern.contains(MARK) => {
                return Err(invalid(
                    "an attribute can't stand in a pattern: what it holds could be one",
                    "compare with eq or in",
                ));
            }
            other => literals(other)
                .iter()
                .try_for_each(|text| attribute(text).map(drop))?,
        }
    }
    Ok(())
}

/// The conditions of a row filter for somebody; `None` if it lets nothing through, for it names
/// what they have not.
///
/// # Errors
/// As [`check`].
pub fn for_user(text: &str, user: User<'_>) -> Result<Option<Vec<Filter>>, ApiError> {
    let mut filters = parse(text)?;
    let mut is_known = true;
    for filter in &mut filters {
        each_test(filter, &mut |test| {
            is_known &= user.put_into(&mut test.operator)?;
            Ok(())
        })?;
    }
    Ok(is_known.then_some(filters))
}

/// The conditions of a row filter as far as they hold of anybody: to see whether its values can be
/// compared with their columns. What an attribute stands for is not known; an account's number is.
///
/// # Errors
/// As [`check`].
pub fn for_anybody(text: &str) -> Result<Vec<Filter>, ApiError> {
    let mut filters = parse(text)?;
    for filter in &mut filters {
        each_test(filter, &mut |test| {
            if let Operator::In(texts) = &mut test.operator {
                let mut values = Vec::with_capacity(texts.len());
                for text in texts.drain(..) {
                    match attribute(&text)? {
                        None => values.push(text),
                        Some("id") => values.push("1".to_owned()),
                        Some(_) => {}
                    }
                }
                match values.is_empty() {
                    true => test.operator = Operator::Is(Is::Null),
                    false => *texts = values,
                }
                return Ok(());
            }
            let [text] = literals(&test.operator) else {
                return Ok(());
            };
            match attribute(text)? {
                None => {}
                Some("id") => put(&mut test.operator, "1".to_owned()),
                Some(_) => test.operator = Operator::Is(Is::Null),
            }
            Ok(())
        })?;
    }
    Ok(filters)
}

/// A condition that holds for no row.
pub fn nothing(column: &str) -> Filter {
    let is_null = |negated| {
        Filter::Test(Test {
            column: column.to_owned(),
            negated,
            operator: Operator::Is(Is::Null),
        })
    };
    Filter::And {
        negated: false,
        of: vec![is_null(false), is_null(true)],
    }
}

fn parse(text: &str) -> Result<Vec<Filter>, ApiError> {
    let query = Query::parse(text)?;
    let only_filter = Query {
        filter: query.filter.clone(),
        ..Query::default()
    };
    if query != only_filter || query.filter.is_empty() {
        return Err(invalid(
            "a row filter is made of conditions on columns alone",
            "such as assignee=eq.$user.name",
        ));
    }
    Ok(query.filter)
}

fn each_test(
    filter: &mut Filter,
    each: &mut impl FnMut(&mut Test) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    match filter {
        Filter::And { of, .. } | Filter::Or { of, .. } => {
            of.iter_mut().try_for_each(|part| each_test(part, each))
        }
        Filter::Test(test) => each(test),
    }
}

/// The values of a comparison. A pattern is none: what stands in an attribute must not be one.
fn literals(operator: &Operator) -> &[String] {
    match operator {
        Operator::Eq(text)
        | Operator::Neq(text)
        | Operator::Gt(text)
        | Operator::Gte(text)
        | Operator::Lt(text)
        | Operator::Lte(text) => std::slice::from_ref(text),
        Operator::In(texts) => texts,
        Operator::Like(_) | Operator::Ilike(_) | Operator::Is(_) => &[],
    }
}

/// Puts another value in the place of the one that a comparison is with.
fn put(operator: &mut Operator, value: String) {
    if let Operator::Eq(text)
    | Operator::Neq(text)
    | Operator::Gt(text)
    | Operator::Gte(text)
    | Operator::Lt(text)
    | Operator::Lte(text) = operator
    {
        *text = value;
    }
}

/// The attribute that a literal names, if it names one.
///
/// # Errors
/// `invalid_permission` if it holds the mark in any other way, so that nobody takes for a rule
/// what is none.
fn attribute(literal: &str) -> Result<Option<&str>, ApiError> {
    if !literal.contains(MARK) {
        return Ok(None);
    }
    let is_name = |name: &&str| {
        !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
    };
    match literal
        .strip_prefix(MARK)
        .and_then(|rest| rest.strip_prefix('.'))
        .filter(is_name)
    {
        Some(name) => Ok(Some(name)),
        None => Err(invalid(
            format!("{literal:?}: $user.attribute stands alone, for the whole value"),
            "such as team=in.($user.teams)",
        )),
    }
}

fn invalid(message: impl Into<String>, hint: &str) -> ApiError {
    ApiError::new("invalid_permission", message, hint)
}

impl User<'_> {
    /// Puts what attributes hold in their place. `false` if there is nothing to put there.
    fn put_into(self, operator: &mut Operator) -> Result<bool, ApiError> {
        if let Operator::In(texts) = operator {
            let mut values = Vec::with_capacity(texts.len());
            for text in texts.iter() {
                match attribute(text)? {
                    None => values.push(text.clone()),
                    Some(name) => values.extend(self.values(name)),
                }
            }
            *texts = values;
            return Ok(!texts.is_empty());
        }
        let [text] = literals(operator) else {
            return Ok(true);
        };
        let Some(name) = attribute(text)? else {
            return Ok(true);
        };
        let values = self.values(name);
        // Several are no value to compare with.
        let Ok([value]) = <[String; 1]>::try_from(values) else {
            return Ok(false);
        };
        put(operator, value);
        Ok(true)
    }

    /// The texts that an attribute holds: several if it is an array, none if there is none.
    fn values(self, name: &str) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::Null | Value::Object(_) | Value::Array(_) => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Number(number) => Some(number.to_string()),
        };
        match (name, self.id) {
            ("id", id) => id.iter().map(ToString::to_string).collect(),
            ("name", Some(_)) => vec![self.name.to_owned()],
            ("name", None) => Vec::new(),
            _ => match self.attributes.get(name) {
                Some(Value::Array(several)) => several.iter().filter_map(text).collect(),
                Some(one) => text(one).into_iter().collect(),
                None => Vec::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(text: &str, attributes: &Value) -> Option<String> {
        let user = User {
            id: Some(7),
            name: "ann",
            attributes: attributes.as_object().expect("an object"),
        };
        let filter = for_user(text, user).expect("a row filter")?;
        Some(
            Query {
                filter,
                ..Query::default()
            }
            .to_string(),
        )
    }

    #[test]
    fn attributes_stand_for_what_they_hold() {
        let attributes = json!({"team": "north", "teams": ["a,b", "c"], "level": 3, "on": true});
        for (text, expected) in [
            ("a=eq.$user.name", "a=eq.ann"),
            ("a=eq.$user.id&b=gte.$user.level", "a=eq.7&b=gte.3"),
            (
                "or=(a.eq.$user.team,b.eq.$user.on)",
                "or=(a.eq.north,b.eq.true)",
            ),
            ("a=not.in.(x,$user.teams)", "a=not.in.(x,\"a,b\",c)"),
            ("a=in.($user.name)", "a=in.(ann)"),
            ("a=is.null", "a=is.null"),
        ] {
            let expected = Query::parse(expected).expect("a query").to_string();
            assert_eq!(printed(text, &attributes), Some(expected), "{text}");
        }
    }

    #[test]
    fn who_has_not_what_is_named_sees_nothing_however_it_is_denied() {
        let attributes = json!({"teams": ["a", "b"], "none": null, "empty": [], "deep": {"a": 1}});
        for text in [
            "a=eq.$user.team",
            "a=not.eq.$user.team",
            "or=(a.eq.1,b.neq.$user.none)",
            "a=eq.$user.teams",
            "a=in.($user.empty)",
            "a=not.in.($user.deep)",
        ] {
            assert_eq!(printed(text, &attributes), None, "{text}");
        }
        let nobody = User {
            id: None,
            name: "",
            attributes: &Map::new(),
        };
        for text in ["a=eq.$user.name", "a=neq.$user.id"] {
            assert_eq!(for_user(text, nobody).expect("a row filter"), None);
        }
    }

    #[test]
    fn what_is_known_of_anybody_is_left_of_a_filter() {
        for (text, expected) in [
            ("a=eq.$user.team&b=gt.3", "a=is.null&b=gt.3"),
            ("a=eq.$user.id", "a=eq.1"),
            ("a=in.($user.teams)", "a=is.null"),
            (
                "or=(a.in.($user.teams,4,$user.id),b.like.x*)",
                "or=(a.in.(4,1),b.like.x*)",
            ),
        ] {
            let filter = for_anybody(text).expect("a row filter");
            let query = Query {
                filter,
                ..Query::default()
            };
            assert_eq!(query, Query::parse(expected).expect("a query"), "{text}");
        }
    }

    #[test]
    fn what_is_no_row_filter_is_refused() {
        for text in [
            "",
            "limit=3",
            "a=eq.1&order=b",
            "a=eq.1&q=word",
            "a=eq.$user",
            "a=eq.$user.",
            "a=eq.x$user.name",
            "a=in.(1,$users.name)",
            "a=eq.$user.a b",
            "a=like.$user.name*",
            "a",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        check("a=eq.$user.first-name&or=(b.is.null,c.in.($user.teams,1))").expect("a row filter");
    }
}

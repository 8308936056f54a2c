//! The operators that the filter form offers.

use rowcast_protocol::{
    ColumnKind,
    query::{Is, Operator, Test},
};

use super::{join, literal, split, unliteral, value_of};

/// An operator of the filter form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The same value.
    Equal,
    /// Another value.
    NotEqual,
    /// A greater one.
    Greater,
    /// A greater one or the same.
    GreaterOrEqual,
    /// A smaller one.
    Less,
    /// A smaller one or the same.
    LessOrEqual,
    /// Text in which the value occurs, any case.
    Contains,
    /// Text in which it does not.
    NotContains,
    /// Text that begins with it, any case.
    StartsWith,
    /// Text of a pattern, `*` standing for anything.
    Like,
    /// One of several values.
    In,
    /// None of several values.
    NotIn,
    /// `true`.
    True,
    /// `false`.
    False,
    /// NULL.
    Null,
    /// Not NULL.
    NotNull,
}

/// What a choice asks for besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing.
    Nothing,
    /// One value of the column's type.
    Value,
    /// Some text.
    Text,
    /// Several values.
    Values,
}

use Choice::*;

impl Choice {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Equal,
        NotEqual,
        Greater,
        GreaterOrEqual,
        Less,
        LessOrEqual,
        Contains,
        NotContains,
        StartsWith,
        Like,
        In,
        NotIn,
        True,
        False,
        Null,
        NotNull,
    ];

    /// Those that fit a column, the likeliest first.
    pub fn fitting(kind: ColumnKind, nullable: bool) -> Vec<Self> {
        let mut choices = match kind {
            ColumnKind::Boolean => vec![True, False],
            ColumnKind::Text => vec![
                Contains,
                Equal,
                StartsWith,
                NotContains,
                NotEqual,
                In,
                NotIn,
                Like,
                Greater,
                Less,
            ],
            ColumnKind::Enum | ColumnKind::Uuid => vec![Equal, NotEqual, In, NotIn],
            ColumnKind::Json | ColumnKind::Array | ColumnKind::Other => vec![Equal, NotEqual],
            _ => vec![
                Equal,
                NotEqual,
                Greater,
                GreaterOrEqual,
                Less,
                LessOrEqual,
                In,
                NotIn,
            ],
        };
        if nullable {
            choices.extend([Null, NotNull]);
        }
        choices
    }

    /// The name that forms send.
    pub fn name(self) -> &'static str {
        match self {
            Equal => "eq",
            NotEqual => "neq",
            Greater => "gt",
            GreaterOrEqual => "gte",
            Less => "lt",
            LessOrEqual => "lte",
            Contains => "contains",
            NotContains => "not.contains",
            StartsWith => "starts",
            Like => "ilike",
            In => "in",
            NotIn => "not.in",
            True => "is.true",
            False => "is.false",
            Null => "is.null",
            NotNull => "not.is.null",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }

    /// What people read, between the column and the value.
    pub fn label(self, kind: ColumnKind) -> &'static str {
        let time = matches!(
            kind,
            ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz | ColumnKind::Time
        );
        match self {
            Equal => "is",
            NotEqual => "is not",
            Greater if time => "after",
            GreaterOrEqual if time => "from",
            Less if time => "before",
            LessOrEqual if time => "until",
            Greater => ">",
            GreaterOrEqual => "≥",
            Less => "<",
            LessOrEqual => "≤",
            Contains => "contains",
            NotContains => "does not contain",
            StartsWith => "starts with",
            Like => "matches",
            In => "is any of",
            NotIn => "is none of",
            True => "is true",
            False => "is false",
            Null => "is NULL",
            NotNull => "is not NULL",
        }
    }

    /// What it asks for.
    pub fn input(self) -> Input {
        match self {
            True | False | Null | NotNull => Input::Nothing,
            In | NotIn => Input::Values,
            Contains | NotContains | StartsWith | Like => Input::Text,
            _ => Input::Value,
        }
    }

    /// The test of a column that it stands for.
    pub fn test(self, column: &str, value: &str) -> Test {
        let text = || value.to_owned();
        let (negated, operator) = match self {
            Equal => (false, Operator::Eq(text())),
            NotEqual => (false, Operator::Neq(text())),
            Greater => (false, Operator::Gt(text())),
            GreaterOrEqual => (false, Operator::Gte(text())),
            Less => (false, Operator::Lt(text())),
            LessOrEqual => (false, Operator::Lte(text())),
            Contains => (false, Operator::Ilike(format!("*{}*", literal(value)))),
            NotContains => (true, Operator::Ilike(format!("*{}*", literal(value)))),
            StartsWith => (false, Operator::Ilike(format!("{}*", literal(value)))),
            Like => (false, Operator::Ilike(text())),
            In => (false, Operator::In(split(value))),
            NotIn => (true, Operator::In(split(value))),
            True => (false, Operator::Is(Is::True)),
            False => (false, Operator::Is(Is::False)),
            Null => (false, Operator::Is(Is::Null)),
            NotNull => (true, Operator::Is(Is::Null)),
        };
        Test {
            column: column.to_owned(),
            negated,
            operator,
        }
    }

    /// The choice and the value that a test stands for, if there is one.
    pub fn of(test: &Test) -> Option<(Self, String)> {
        let choice = match (&test.operator, test.negated) {
            (Operator::Ilike(pattern), negated) => {
                let inside = pattern
                    .strip_prefix('*')
                    .and_then(|rest| rest.strip_suffix('*'))
                    .and_then(unliteral);
                if let Some(text) = inside {
                    return Some((if negated { NotContains } else { Contains }, text));
                }
                let start = pattern.strip_suffix('*').and_then(unliteral);
                return match start {
                    _ if negated => None,
                    Some(text) => Some((StartsWith, text)),
                    None => Some((Like, pattern.clone())),
                };
            }
            (Operator::In(values), negated) => {
                return Some((if negated { NotIn } else { In }, join(values)));
            }
            (Operator::Is(Is::Null), true) => NotNull,
            (_, true) | (Operator::Like(_), false) => return None,
            (Operator::Is(Is::Null), false) => Null,
            (Operator::Is(Is::True), false) => True,
            (Operator::Is(Is::False), false) => False,
            (Operator::Eq(_), false) => Equal,
            (Operator::Neq(_), false) => NotEqual,
            (Operator::Gt(_), false) => Greater,
            (Operator::Gte(_), false) => GreaterOrEqual,
            (Operator::Lt(_), false) => Less,
            (Operator::Lte(_), false) => LessOrEqual,
        };
        let value = value_of(&test.operator).unwrap_or_default();
        Some((choice, value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_can_be_edited_again() {
        for choice in Choice::ALL {
            let value = match choice.input() {
                Input::Nothing => "",
                Input::Value | Input::Text => "a*b%c",
                Input::Values => "x, y",
            };
            let value = if choice == Contains || choice == NotContains || choice == StartsWith {
                "50% _off_"
            } else {
                value
            };
            let test = choice.test("c", value);
            assert_eq!(Choice::of(&test), Some((choice, value.to_owned())));
            assert_eq!(Choice::parse(choice.name()), Some(choice));
        }
    }
}

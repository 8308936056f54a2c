//! The operators that the filter form offers.

use rowcast_protocol::{
    ColumnKind,
    query::{Is, Operator, Relative, Test},
};

use super::{join, literal, split, unliteral};

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
    /// Text that does not.
    NotStartsWith,
    /// Text that ends with it, any case.
    EndsWith,
    /// Text that does not.
    NotEndsWith,
    /// Text of a pattern, `*` standing for anything, any case.
    Like,
    /// Text not of it.
    NotLike,
    /// Text of a pattern, in its case.
    LikeCase,
    /// Text not of it.
    NotLikeCase,
    /// One of several values.
    In,
    /// None of several values.
    NotIn,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `false` or NULL.
    NotTrue,
    /// `true` or NULL.
    NotFalse,
    /// NULL.
    Null,
    /// Not NULL.
    NotNull,
    /// A time no longer ago than a span.
    Last,
    /// A time longer ago.
    Older,
    /// A time no further ahead than a span.
    Within,
    /// A time further ahead.
    Later,
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
    /// A span of time, such as `15m`.
    Span,
}

use Choice::*;

impl Choice {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Equal,
        NotEqual,
        Greater,
        GreaterOrEqual,
        Less,
        LessOrEqual,
        Contains,
        NotContains,
        StartsWith,
        NotStartsWith,
        EndsWith,
        NotEndsWith,
        Like,
        NotLike,
        LikeCase,
        NotLikeCase,
        In,
        NotIn,
        True,
        False,
        NotTrue,
        NotFalse,
        Null,
        NotNull,
        Last,
        Older,
        Within,
        Later,
    ];

    /// Those that fit a column, the likeliest first.
    pub fn fitting(kind: ColumnKind, nullable: bool) -> Vec<Self> {
        let mut choices = match kind {
            ColumnKind::Boolean => vec![True, False],
            ColumnKind::Text => vec![
                Contains,
                NotContains,
                Equal,
                NotEqual,
                StartsWith,
                EndsWith,
                In,
                NotIn,
                Like,
                Greater,
                Less,
            ],
            ColumnKind::Enum | ColumnKind::Uuid => vec![Equal, NotEqual, In, NotIn],
            ColumnKind::Json | ColumnKind::Array | ColumnKind::Other => vec![Equal, NotEqual],
            _ if knows_now(kind) => vec![
                Last,
                Older,
                Equal,
                NotEqual,
                Greater,
                GreaterOrEqual,
                Less,
                LessOrEqual,
                Within,
                Later,
            ],
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
            NotStartsWith => "not.starts",
            EndsWith => "ends",
            NotEndsWith => "not.ends",
            Like => "ilike",
            NotLike => "not.ilike",
            LikeCase => "like",
            NotLikeCase => "not.like",
            In => "in",
            NotIn => "not.in",
            True => "is.true",
            False => "is.false",
            NotTrue => "not.is.true",
            NotFalse => "not.is.false",
            Null => "is.null",
            NotNull => "not.is.null",
            Last => "last",
            Older => "older",
            Within => "within",
            Later => "later",
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
            NotStartsWith => "does not start with",
            EndsWith => "ends with",
            NotEndsWith => "does not end with",
            Like => "matches",
            NotLike => "does not match",
            LikeCase => "matches exactly",
            NotLikeCase => "does not match exactly",
            In => "is any of",
            NotIn => "is none of",
            True => "is true",
            False => "is false",
            NotTrue => "is not true",
            NotFalse => "is not false",
            Null => "is NULL",
            NotNull => "is not NULL",
            Last => "in the last",
            Older => "longer ago than",
            Within => "within the next",
            Later => "later than in",
        }
    }

    /// What it asks for.
    pub fn input(self) -> Input {
        match self {
            True | False | NotTrue | NotFalse | Null | NotNull => Input::Nothing,
            In | NotIn => Input::Values,
            Contains | NotContains | StartsWith | NotStartsWith | EndsWith | NotEndsWith | Like
            | NotLike | LikeCase | NotLikeCase => Input::Text,
            Last | Older | Within | Later => Input::Span,
            _ => Input::Value,
        }
    }

    /// Whether `value` is all that it asks for, in a column of that kind.
    pub fn is_complete(self, value: &str, kind: ColumnKind) -> bool {
        match self.input() {
            Input::Nothing => true,
            Input::Text => !value.is_empty(),
            Input::Values => !split(value).is_empty(),
            Input::Span => is_span(value),
            Input::Value => kind == ColumnKind::Text || !value.trim().is_empty(),
        }
    }

    /// The test of a column that it stands for.
    pub fn test(self, column: &str, value: &str) -> Test {
        let text = || value.to_owned();
        let around = |before, after| [before, &*literal(value), after].concat();
        let (negated, operator) = match self {
            Equal => (false, Operator::Eq(text())),
            NotEqual => (false, Operator::Neq(text())),
            Greater => (false, Operator::Gt(text())),
            GreaterOrEqual => (false, Operator::Gte(text())),
            Less => (false, Operator::Lt(text())),
            LessOrEqual => (false, Operator::Lte(text())),
            Contains | NotContains => (self == NotContains, Operator::Ilike(around("*", "*"))),
            StartsWith | NotStartsWith => (self == NotStartsWith, Operator::Ilike(around("", "*"))),
            EndsWith | NotEndsWith => (self == NotEndsWith, Operator::Ilike(around("*", ""))),
            Like | NotLike => (self == NotLike, Operator::Ilike(text())),
            LikeCase | NotLikeCase => (self == NotLikeCase, Operator::Like(text())),
            In | NotIn => (self == NotIn, Operator::In(split(value))),
            True | NotTrue => (self == NotTrue, Operator::Is(Is::True)),
            False | NotFalse => (self == NotFalse, Operator::Is(Is::False)),
            Null | NotNull => (self == NotNull, Operator::Is(Is::Null)),
            Last => (false, Operator::Gte(["now-", value.trim()].concat())),
            Older => (false, Operator::Lt(["now-", value.trim()].concat())),
            Within => (false, Operator::Lte(["now+", value.trim()].concat())),
            Later => (false, Operator::Gt(["now+", value.trim()].concat())),
        };
        Test {
            column: column.to_owned(),
            negated,
            operator,
        }
    }

    /// The choice and the value that a test of a column of that kind stands for.
    pub fn of(test: &Test, kind: ColumnKind) -> (Self, String) {
        let either = |plain, negated| if test.negated { negated } else { plain };
        let (choice, value) = match &test.operator {
            Operator::Ilike(pattern) => {
                let (rest, open) = match pattern.strip_prefix('*') {
                    Some(rest) => (rest, true),
                    None => (&**pattern, false),
                };
                let (inside, more) = match rest.strip_suffix('*') {
                    Some(inside) => (inside, true),
                    None => (rest, false),
                };
                let choice = match (open, more) {
                    (true, true) => either(Contains, NotContains),
                    (false, true) => either(StartsWith, NotStartsWith),
                    (true, false) => either(EndsWith, NotEndsWith),
                    (false, false) => either(Like, NotLike),
                };
                return match unliteral(inside) {
                    Some(text) if open || more => (choice, text),
                    _ => (either(Like, NotLike), pattern.clone()),
                };
            }
            Operator::Like(pattern) => (either(LikeCase, NotLikeCase), pattern),
            Operator::In(values) => return (either(In, NotIn), join(values)),
            Operator::Is(is) => {
                let choice = match is {
                    Is::Null => either(Null, NotNull),
                    Is::True => either(True, NotTrue),
                    Is::False => either(False, NotFalse),
                };
                return (choice, String::new());
            }
            // A comparison that is not so is the opposite one: of NULL, neither is.
            Operator::Eq(value) => (either(Equal, NotEqual), value),
            Operator::Neq(value) => (either(NotEqual, Equal), value),
            Operator::Gt(value) => (either(Greater, LessOrEqual), value),
            Operator::Gte(value) => (either(GreaterOrEqual, Less), value),
            Operator::Lt(value) => (either(Less, GreaterOrEqual), value),
            Operator::Lte(value) => (either(LessOrEqual, Greater), value),
        };
        if knows_now(kind) {
            let relative = match choice {
                GreaterOrEqual => Some((Last, "now-")),
                Less => Some((Older, "now-")),
                LessOrEqual => Some((Within, "now+")),
                Greater => Some((Later, "now+")),
                _ => None,
            };
            let span = relative.and_then(|(choice, before)| {
                let span = value.strip_prefix(before).filter(|span| is_span(span))?;
                Some((choice, span.to_owned()))
            });
            if let Some(relative) = span {
                return relative;
            }
        }
        (choice, value.clone())
    }
}

/// Whether columns of the kind are compared with times relative to now.
pub fn knows_now(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::TimestampTz
    )
}

/// Whether it is a span of time, such as `15m`.
fn is_span(text: &str) -> bool {
    matches!(
        Relative::parse(&["now-", text.trim()].concat()),
        Some(Ok(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_can_be_edited_again() {
        let kind = ColumnKind::TimestampTz;
        for choice in Choice::ALL {
            let value = match choice.input() {
                Input::Nothing => "",
                Input::Value => "a*b%c",
                Input::Text if matches!(choice, Like | NotLike | LikeCase | NotLikeCase) => "a*b%c",
                Input::Text => "50% _off_",
                Input::Values => "x, y",
                Input::Span => "15m",
            };
            let test = choice.test("c", value);
            assert_eq!(Choice::of(&test, kind), (choice, value.to_owned()));
            assert_eq!(Choice::parse(choice.name()), Some(choice));
            assert!(choice.is_complete(value, kind), "{choice:?}");
        }
    }

    #[test]
    fn what_is_not_so_is_shown_as_its_opposite() {
        let test = |negated, operator| Test {
            column: "c".to_owned(),
            negated,
            operator,
        };
        let of = |test: Test| Choice::of(&test, ColumnKind::Integer).0;
        assert_eq!(of(test(true, Operator::Eq("1".into()))), NotEqual);
        assert_eq!(of(test(true, Operator::Gt("1".into()))), LessOrEqual);
        assert_eq!(of(test(true, Operator::Is(Is::True))), NotTrue);
        assert_eq!(of(test(true, Operator::Ilike("a*b".into()))), NotLike);
        assert_eq!(of(test(false, Operator::Ilike("*".into()))), EndsWith);
        // Text of that spelling is no time.
        assert_eq!(
            of(test(false, Operator::Gte("now-1d".into()))),
            GreaterOrEqual
        );
    }

    #[test]
    fn what_is_missing_is_known() {
        assert!(!Contains.is_complete("", ColumnKind::Text));
        assert!(Equal.is_complete("", ColumnKind::Text));
        assert!(!Equal.is_complete(" ", ColumnKind::Integer));
        assert!(!In.is_complete(" , ", ColumnKind::Text));
        assert!(!Last.is_complete("m", ColumnKind::Date));
    }
}

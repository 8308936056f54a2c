//! How a name becomes part of an SQL statement.
//!
//! Values never do: they are bound as parameters. Names can't be bound, so this is the one
//! place where text from the database's catalog enters a statement.

/// `name` as a quoted identifier. Whatever the name holds, PostgreSQL reads the result as
/// exactly that one identifier: it does so under every `standard_conforming_strings`, for
/// inside double quotes only a double quote is special.
pub fn quote_ident(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for character in name.chars() {
        if character == '"' {
            quoted.push('"');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// `"schema"."name"`.
pub fn quote_qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_ident(schema), quote_ident(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_are_doubled_and_nothing_else_changes() {
        assert_eq!(quote_ident("order"), "\"order\"");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(
            quote_ident("\"; DROP TABLE x; --"),
            "\"\"\"; DROP TABLE x; --\""
        );
        assert_eq!(quote_ident("Zoë \\ 表"), "\"Zoë \\ 表\"");
        assert_eq!(quote_qualified("a.b", "c"), "\"a.b\".\"c\"");
    }

    proptest! {
        #[test]
        fn the_name_can_be_read_back(name in any::<String>()) {
            let quoted = quote_ident(&name);
            let inside = &quoted[1..quoted.len() - 1];
            let read = inside.replace("\"\"", "\"");
            prop_assert_eq!(&read, &name);
            // Every run of quotes inside is of even length, so none ends the identifier.
            let odd = inside
                .split(|character| character != '"')
                .any(|run| run.len() % 2 == 1);
            prop_assert!(!odd);
        }
    }
}

//! The names that permissions know tables by: one for each table.

/// The path that stands for every table of which nothing else is said.
pub const EVERY_TABLE: &str = "*";

/// `schema.table`; a part that holds a dot or a quote is quoted, as in SQL, so that no two
/// tables have one path.
pub fn path(schema: &str, table: &str) -> String {
    format!("{}.{}", part(schema), part(table))
}

/// The schema and the table of a path that [`path`] has made; `None` of any other text.
pub fn parts(text: &str) -> Option<(String, String)> {
    let (schema, rest) = first(text)?;
    let (table, rest) = first(rest.strip_prefix('.')?)?;
    let is_path = rest.is_empty() && path(&schema, &table) == text;
    is_path.then_some((schema, table))
}

fn part(name: &str) -> String {
    match name.contains(['.', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

/// The part that a text begins with, and what follows it.
fn first(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_a_path_of_its_own() {
        let names = [
            "a", "a.b", "b.c", "a\"b", "\"a\"", "a.\"b", "\"", ".", "*", "Ä ö",
        ];
        let mut paths = std::collections::HashMap::new();
        for schema in names {
            for table in names {
                let path = path(schema, table);
                let both = (schema.to_owned(), table.to_owned());
                assert_eq!(parts(&path), Some(both.clone()), "{path}");
                assert_eq!(paths.insert(path.clone(), both), None, "{path}");
            }
        }
        assert_eq!(path("public", "orders"), "public.orders");
        assert_eq!(path("a", "b.c"), "a.\"b.c\"");
        assert_eq!(path("a.b", "c"), "\"a.b\".c");
    }

    #[test]
    fn other_texts_are_no_paths() {
        for text in [
            "",
            "*",
            "orders",
            "a.b.c",
            "\"a\".b",
            "\"a.b",
            "\"a.b\"",
            "\"a.b\"c.d",
            "a.\"b.c\".",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}

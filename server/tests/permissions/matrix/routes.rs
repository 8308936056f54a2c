//! The routes that there are, by the source of the router.

use std::{fs, path::Path};

const METHODS: [(&str, &str); 6] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("any", "ANY"),
];

/// Every route of the server as `METHOD /address`, sorted; that of what no route has is
/// `GET fallback`.
pub fn declared() -> Vec<String> {
    let mut routes = vec!["GET fallback".to_owned()];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&source, &mut routes);
    for listing in rowcast::routes::pages::listed() {
        for method in listing.methods() {
            let method = format!("{method:?}").to_uppercase();
            routes.push(format!("{method} {}", listing.path()));
        }
    }
    routes.sort();
    routes.dedup();
    routes
}

fn read(directory: &Path, routes: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, routes);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            routes.extend(known(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The routes that a file declares, sorted. Panics at what it can't read as one.
pub fn known(source: &str) -> Vec<String> {
    let source = source
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    for other in [".nest(", ".nest_service(", ".route_service("] {
        assert!(
            !source.contains(other),
            "{other} declares routes that are not looked for"
        );
    }
    let mut routes = Vec::new();
    for rest in source.split(".route(").skip(1) {
        let address = rest.trim_start().strip_prefix('"');
        let (address, rest) = address
            .and_then(|rest| rest.split_once('"'))
            .unwrap_or_else(|| panic!("a route whose address is no literal: {rest:.60}"));
        let before = routes.len();
        for (word, method) in METHODS {
            if handlers(rest).contains(&word) {
                routes.push(format!("{method} {address}"));
            }
        }
        assert!(
            routes.len() > before,
            "{address} has no method that is known"
        );
    }
    routes.sort();
    routes
}

/// The words that are called in what is left of a route, up to its end.
fn handlers(rest: &str) -> Vec<&str> {
    let mut depth = 1;
    let mut words = Vec::new();
    let mut begin = 0;
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' => {
                words.push(&rest[begin..at]);
                depth += 1;
            }
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if !(letter.is_alphanumeric() || letter == '_') {
            begin = at + letter.len_utf8();
        }
    }
    words
}

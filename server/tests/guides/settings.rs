//! Settings that documents and examples name.

use std::{fs, path::Path};

use clap::{Command, CommandFactory, Parser};
use rowcast::{cli::Cli, config::Config, serve::connections_needed};

use crate::document::{Code, Document, root};

/// What is no setting of the program's, by its beginning: of its embedded PostgreSQL, of the benchmarks.
const OTHERS: [&str; 2] = ["ROWCAST_PG_BIN", "ROWCAST_BENCH_"];

/// The settings in a text.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
    let ours = |word: &&str| word.starts_with("ROWCAST_") || word.starts_with("DATABASE_URL");
    words
        .filter(ours)
        .filter(|word| !OTHERS.iter().any(|other| word.starts_with(*other)))
}

/// All files under a directory, with their texts.
fn files(directory: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // Passwords, of whoever has started what is there.
        if path.ends_with("compose/secrets") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[test]
fn each_setting_that_is_named_exists() {
    let command = Cli::command();
    // Those of one command, too.
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let names = commands
        .flat_map(Command::get_arguments)
        .filter_map(|argument| argument.get_env());
    let known: Vec<&str> = names.filter_map(|name| name.to_str()).collect();
    let mut count = 0;
    let documents = Document::all().into_iter();
    let documents = documents.map(|one| (one.path.display().to_string(), one.whole().to_owned()));
    for (path, text) in documents.chain(files(&root().join("deploy"))) {
        for name in named(&text) {
            count += 1;
            assert!(known.contains(&name), "{path}: {name}");
        }
    }
    assert!(count > 100, "only {count} were found");
}

#[test]
fn what_is_shown_of_a_proxy_is_what_is_tested() {
    let shown = Document::read("docs/deploy.md").code();
    for (language, file) in [("nginx", "nginx/rowcast.conf"), ("", "caddy/Caddyfile")] {
        let example = fs::read_to_string(root().join("deploy").join(file)).unwrap();
        let is_shown = |code: &Code| code.language == language && code.text == example;
        assert!(shown.iter().any(is_shown), "{file}");
    }
}

#[test]
fn a_server_opens_as_many_connections_as_the_documents_say() {
    let url = ["--database-url", "postgres://localhost/shop"];
    let cli = Cli::try_parse_from(["rowcast"].into_iter().chain(url)).unwrap();
    let needed = connections_needed(&Config::new(&cli.settings).unwrap());
    let said = format!("opens up to {needed} connections");
    let cli = Document::read("docs/cli.md");
    assert!(
        cli.whole().contains(&said),
        "docs/cli.md does not say that it {said}"
    );
    let said = format!("as many as `doctor` says, {needed} unless");
    let install = Document::read("docs/install.md");
    assert!(
        install.whole().contains(&said),
        "docs/install.md does not say {said}"
    );
}

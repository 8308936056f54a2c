//! The commands of the guides, run as they are written.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::{cluster::Cluster, document::Document, server::Server};

/// The guides whose commands are run: of blocks that are called `sh` all, of those that are called
/// `console` none.
const GUIDES: [&str; 7] = [
    "backup",
    "install",
    "observe",
    "scale",
    "troubleshoot",
    "tune",
    "upgrade",
];

/// How what can't be run here begins: it needs a machine of its own, a cluster, a release, or does
/// not end.
const ELSEWHERE: [&str; 6] = [
    "docker ",
    "journalctl ",
    "kubectl ",
    "rowcast tail ",
    "sha256sum --check SHA256SUMS",
    "sudo ",
];

/// What the guides' database has in it.
const SHOP: &str = "CREATE TABLE customers (id bigint PRIMARY KEY, name text);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers,
        title text, status text NOT NULL DEFAULT 'open', amount numeric(10,2),
        created_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob');
    INSERT INTO orders (id, customer_id, title) VALUES (1, 1, 'Paper'), (2, 2, 'Ink');";

/// How long the commands of one guide may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn guide(name: &str) -> Document {
    Document::read(format!("docs/{name}.md"))
}

/// Runs a guide from its beginning to its end, beside a server; only the database's and the
/// server's addresses are others.
async fn run(name: &str) {
    static RUN: AtomicU32 = AtomicU32::new(0);
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    database.execute(SHOP).await;
    let server = Server::with(&database.url, &[("ROWCAST_AUTH", "on")]).await;
    database
        .execute("SELECT rowcast.watch('orders'), rowcast.watch('customers')")
        .await;
    let mut script = String::new();
    for (number, code) in guide(name).code().iter().enumerate() {
        if code.language == "sh" {
            script += &format!("echo 'block {number}' >&2\n{}", code.text);
        }
    }
    assert!(!script.is_empty(), "{name}");
    let copy = format!("{}_copy", database.name);
    for (from, to) in [
        ("127.0.0.1:3000", server.address.clone()),
        (
            "postgres://me@localhost/shop_copy",
            format!("{}_copy", database.url),
        ),
        ("postgres://me@localhost/shop", database.url.clone()),
        ("shop_copy", copy),
    ] {
        script = script.replace(from, &to);
    }
    let number = RUN.fetch_add(1, Ordering::Relaxed);
    let directory = format!("rowcast-guide-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(directory);
    fs::create_dir_all(&directory).unwrap();
    let output = timeout(PATIENCE, shell(&script, &directory, &cluster.bin).output());
    let output = output
        .await
        .expect("an end of the guide's commands")
        .unwrap();
    assert!(
        output.status.success(),
        "docs/{name}.md\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    server.stop().await;
    fs::remove_dir_all(&directory).unwrap();
}

/// A shell that finds the program that is tested and PostgreSQL's, and knows no setting.
fn shell(script: &str, directory: &Path, postgres: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_rowcast"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = [program.parent().unwrap().to_owned(), postgres.to_owned()];
    let path = std::env::join_paths(first.into_iter().chain(std::env::split_paths(&path)));
    let mut shell = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ROWCAST_") || name.starts_with("DATABASE_URL") {
            shell.env_remove(&*name);
        }
    }
    shell
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(directory)
        .env("PATH", path.unwrap())
        .env("HOME", directory)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    shell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_of_the_guides_works_as_it_is_written() {
    for name in GUIDES {
        run(name).await;
    }
}

#[test]
fn what_is_not_run_could_not_be() {
    for name in GUIDES {
        for code in guide(name).code() {
            // A shell by another name would be run by nobody.
            assert!(
                ["sh", "console", ""].contains(&&*code.language),
                "{name}: {}",
                code.language
            );
            if code.language != "console" {
                continue;
            }
            for line in code.text.lines() {
                let command = line.strip_prefix("$ ");
                let command = command.unwrap_or_else(|| panic!("docs/{name}.md: {line}"));
                let is_elsewhere = ELSEWHERE.iter().any(|begin| command.starts_with(begin));
                assert!(is_elsewhere, "docs/{name}.md: {line}");
            }
        }
    }
}

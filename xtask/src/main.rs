//! Builds what the browser downloads, without cargo-leptos.
//!
//! `cargo xtask site` reads the same `[[workspace.metadata.leptos]]` that cargo-leptos does
//! and leaves the same files under the same names, so either may build the site and the
//! server can't tell which did.

mod bindgen;
mod compress;
mod fingerprint;
mod metadata;
mod optimise;
mod site;
mod split;
mod stylesheet;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask COMMAND

Commands:
  site              build the site quickly, for development
  site --release    build it small: optimised, minified and compressed (.br, .gz)
  compress DIR      write .br and .gz beside every file under DIR that they make smaller
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["site"] => site::build(site::Mode::Development),
        ["site", "--release"] => site::build(site::Mode::Release),
        ["compress", directory] => compress::directory(directory.as_ref()),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("unknown command `{}`\n\n{HELP}", other.join(" ")),
    }
}

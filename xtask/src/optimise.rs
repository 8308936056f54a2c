//! Smaller files of the same meaning, by programs that npm installs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::fingerprint;
use crate::metadata::Metadata;

const WASM_OPTIONS: &[&str] = &[
    "-Oz",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--strip-debug",
    "--strip-producers",
];

const TEXT_OPTIONS: &[&str] = &["--minify", "--target=es2022", "--log-level=warning"];

/// Optimises the wasm files and minifies the scripts and the stylesheet in `package`, in place.
/// Fails where the programs are missing: a release is never silently a large one.
pub fn package(metadata: &Metadata, package: &Path) -> Result<()> {
    for file in fingerprint::files(package)? {
        match file.extension().and_then(|it| it.to_str()) {
            Some("wasm") => replace(metadata, "wasm-opt", &file, WASM_OPTIONS, "-o")?,
            Some("js" | "css") => replace(metadata, "esbuild", &file, TEXT_OPTIONS, "--outfile")?,
            _ => {}
        }
    }
    Ok(())
}

fn replace(
    metadata: &Metadata,
    program: &str,
    file: &Path,
    options: &[&str],
    output: &str,
) -> Result<()> {
    let smaller = file.with_extension("smaller");
    let path = metadata.node_program(program);
    let mut command = Command::new(&path);
    command.arg(file).args(options);
    if output.starts_with("--") {
        command.arg(format!("{output}={}", smaller.display()));
    } else {
        command.arg(output).arg(&smaller);
    }
    let status = command
        .status()
        .with_context(|| format!("{} can't be run; `make setup` installs it", path.display()))?;
    ensure!(status.success(), "{program} failed on {}", file.display());
    fs::rename(&smaller, file)?;
    Ok(())
}

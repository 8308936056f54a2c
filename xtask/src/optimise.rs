//! Smaller files of the same meaning, by programs that npm installs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::metadata::Metadata;

/// Optimises the wasm and minifies the script and the stylesheet in `package`, in place.
/// Fails where the programs are missing: a release is never silently a large one.
pub fn package(metadata: &Metadata, package: &Path) -> Result<()> {
    let wasm = package.join(format!("{}.wasm", metadata.name));
    replace(
        metadata,
        "wasm-opt",
        &wasm,
        &[
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
        ],
        "-o",
    )?;
    for extension in ["js", "css"] {
        let file = package.join(format!("{}.{extension}", metadata.name));
        replace(
            metadata,
            "esbuild",
            &file,
            &["--minify", "--target=es2022", "--log-level=warning"],
            "--outfile",
        )?;
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

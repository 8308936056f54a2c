//! From one wasm file to what the first page needs and what is loaded when it is first used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use wasm_split_cli_support::{Options, transform};

/// The script through which the first file loads the others, for a site called `name`.
fn loader(name: &str) -> String {
    format!("./{name}.split.js")
}

/// Takes the linker's `wasm` apart: writes the parts that are loaded later, and the script
/// that loads them, into `package`, and what is left, which is wasm-bindgen's to finish, to
/// `first`. Returns the parts.
pub fn split(wasm: &Path, package: &Path, name: &str, first: &Path) -> Result<Vec<PathBuf>> {
    let content = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let (loader, script) = (loader(name), format!("./{name}.js"));
    let mut options = Options::new(&content);
    options.output_dir = package;
    options.main_out_path = first;
    options.link_name = &loader;
    options.main_module = &script;
    // Its errors are eyre's, which are no standard errors.
    let parts = transform(options)
        .map_err(|error| anyhow!("{error:#}"))
        .with_context(|| format!("splitting {}", wasm.display()))?;
    Ok(parts.split_modules)
}

/// Has the scripts in `package` ask for each other and for `parts` by addresses that carry the
/// build, as the page does: a module that is imported by two addresses is there twice.
pub fn version(package: &Path, name: &str, parts: &[PathBuf], build: &str) -> Result<()> {
    let (loader, script) = (loader(name), format!("./{name}.js"));
    rewrite(&package.join(format!("{name}.js")), |text| {
        imported(text, &loader, build)
    })?;
    rewrite(&package.join(&loader), |text| {
        let mut text = imported(text, &script, build)?;
        for part in parts {
            let part = part.file_name().and_then(|it| it.to_str());
            let part = part.context("a part's name is not text")?;
            text = text.replace(part, &format!("{part}?v={build}"));
        }
        Ok(text)
    })
}

/// The script with its import of `module` at the build's address. Nothing else that names the
/// module is touched: wasm-bindgen names the wasm's imports by it.
fn imported(text: &str, module: &str, build: &str) -> Result<String> {
    let mut out = text.to_owned();
    for quote in ['"', '\''] {
        for space in ["", " "] {
            let from = format!("from{space}{quote}{module}{quote}");
            let to = format!("from{space}{quote}{module}?v={build}{quote}");
            out = out.replace(&from, &to);
        }
    }
    ensure!(out != text, "a script does not import {module}");
    Ok(out)
}

fn rewrite(file: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let text = change(&text).with_context(|| file.display().to_string())?;
    fs::write(file, text).with_context(|| file.display().to_string())
}

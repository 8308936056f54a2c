//! From the compiled wasm to a script that loads it and a wasm that the script can load.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::site::Mode;

/// Writes `NAME.js` and `NAME.wasm` into `package`.
///
/// The generator is a library of the lockfile's version of wasm-bindgen, so it always fits
/// the wasm, which embeds the version that it needs.
pub fn generate(wasm: &Path, package: &Path, name: &str, mode: Mode) -> Result<()> {
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)?
        .typescript(false)
        .remove_name_section(mode == Mode::Release)
        .remove_producers_section(mode == Mode::Release)
        .omit_default_module_path(true)
        // The parts that are loaded later import what the first one exports, by these names.
        .keep_lld_exports(true)
        .demangle(false)
        .generate(package)
        .with_context(|| format!("wasm-bindgen on {}", wasm.display()))?;
    // Leptos asks for the wasm without wasm-bindgen's suffix; see .cargo/config.toml.
    fs::rename(
        package.join(format!("{name}_bg.wasm")),
        package.join(format!("{name}.wasm")),
    )
    .context("wasm-bindgen left no wasm")
}

//! Taking out of the wasm what is compiled and never called.
//!
//! Every view whose type is hidden (`AnyView`) holds a pointer to the code that hydrates it
//! step by step while lazily loaded routes arrive. Our pages hydrate in one go and have no such
//! routes, but a linker keeps what a pointer leads to: a seventh of the code
//! (leptos issue 4852; leptos 0.9 leaves it out, and this goes with the move to it). Here those
//! functions become traps. It is done in development as well, so that the browser tests
//! would fall over one that is called after all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use walrus::ModuleConfig;

/// What the names of functions hold that are never called.
const NEVER_CALLED: &str = "hydrate_async";

/// Empties the functions of `wasm` that are never called, in place; their names have to be in
/// it. Returns how many there were.
pub fn slim(wasm: &Path) -> Result<usize> {
    let content = fs::read(wasm).with_context(|| wasm.display().to_string())?;
    let mut module = ModuleConfig::new()
        .generate_producers_section(false)
        .parse(&content)
        .map_err(|error| anyhow!("{error:#}"))
        .with_context(|| wasm.display().to_string())?;
    let is_named = |id| module.funcs.get(id).name.is_some();
    // A part may be of data alone.
    ensure!(
        module.funcs.iter_local().next().is_none()
            || module.funcs.iter_local().any(|(id, _)| is_named(id)),
        "{} names no function",
        wasm.display()
    );
    let named: Vec<_> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| {
            let name = module.funcs.get(*id).name.as_deref();
            name.is_some_and(|name| name.contains(NEVER_CALLED))
        })
        .collect();
    for &id in &named {
        let function = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let mut body = function.builder_mut().func_body();
        body.instrs_mut().clear();
        body.unreachable();
    }
    module
        .emit_wasm_file(wasm)
        .map_err(|error| anyhow!("{error:#}"))
        .with_context(|| wasm.display().to_string())?;
    Ok(named.len())
}

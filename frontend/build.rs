//! Has the linker leave in the wasm what taking it apart needs to know.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let split = std::env::var_os("CARGO_FEATURE_SPLIT").is_some();
    let browser = std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm");
    if split && browser {
        println!("cargo::rustc-link-arg-cdylib=--emit-relocs");
    }
}

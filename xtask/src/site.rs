//! The site as a whole: from the sources to the directory that the server serves.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::fingerprint::Fingerprint;
use crate::metadata::Metadata;
use crate::{bindgen, compress, optimise, split, stylesheet};

/// What the site is built for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Mode {
    /// Quick to build.
    Development,
    /// Quick to download.
    Release,
}

/// Builds the site. Afterwards the site's root holds exactly the files of this build, and
/// `build-id` names them. Nothing is written when neither the sources nor the site, which
/// cargo-leptos may have built meanwhile, have changed since the last time.
pub fn build(mode: Mode) -> Result<()> {
    let begun = Instant::now();
    let metadata = Metadata::read()?;
    fs::create_dir_all(&metadata.target)?;
    // Two builds at once would write into the same directories. Held until this one returns.
    let turn = File::create(metadata.target.join("site.lock"))?;
    turn.lock().context("the lock between builds of the site")?;
    let profile = match mode {
        Mode::Development => &metadata.profile_development,
        Mode::Release => &metadata.profile_release,
    };
    compile(&metadata, profile)?;

    let wasm = metadata.wasm(profile);
    let style = stylesheet::bundle(&metadata.style, &metadata.assets)?;
    let sources = Fingerprint::of_sources(mode, &wasm, &style, &metadata.assets)?;
    let stamp = metadata.target.join("site.stamp");
    let stamped = |site: &Fingerprint| format!("{sources} {site}\n");
    let found = Fingerprint::of_directory(&metadata.site)?;
    if fs::read_to_string(&stamp).is_ok_and(|seen| seen == stamped(&found)) {
        println!("site: up to date");
        return Ok(());
    }

    // Built beside the old one, which stays whole until this one is.
    let staging = metadata.target.join("site.staging");
    remove(&staging)?;
    let package = staging.join(&metadata.package_directory);
    fs::create_dir_all(&package).with_context(|| package.display().to_string())?;
    copy(&metadata.assets, &staging)?;
    let first = metadata.target.join("site.first.wasm");
    let parts = split::split(&wasm, &package, &metadata.name, &first)?;
    bindgen::generate(&first, &package, &metadata.name, mode)?;
    fs::remove_file(&first)?;
    let sheet = package.join(format!("{}.css", metadata.name));
    fs::write(&sheet, style).with_context(|| sheet.display().to_string())?;
    if mode == Mode::Release {
        optimise::package(&metadata, &package)?;
    }
    let id = Fingerprint::of_directory(&staging)?.to_string();
    split::version(&package, &metadata.name, &parts, &id)?;
    fs::write(staging.join("build-id"), id)?;
    if mode == Mode::Release {
        compress::directory(&staging)?;
    }

    let old = metadata.target.join("site.old");
    remove(&old)?;
    if let Some(parent) = metadata.site.parent() {
        fs::create_dir_all(parent)?;
    }
    if metadata.site.exists() {
        fs::rename(&metadata.site, &old)?;
    }
    fs::rename(&staging, &metadata.site)?;
    remove(&old)?;
    fs::write(&stamp, stamped(&Fingerprint::of_directory(&metadata.site)?))?;
    println!(
        "site: {} built in {:.1} s",
        metadata.site.display(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

fn compile(metadata: &Metadata, profile: &str) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .current_dir(&metadata.root)
        .args(["build", "--lib", "--target=wasm32-unknown-unknown"])
        .args(["--package", &metadata.library, "--profile", profile])
        .args(["--features", "split"])
        .status()
        .context("cargo build can't be run")?;
    ensure!(status.success(), "the browser's part did not compile");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    Ok(())
}

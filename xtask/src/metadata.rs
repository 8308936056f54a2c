//! The leptos metadata of the workspace: the one description of the site, cargo-leptos' too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

/// Where the site's parts come from and where they go.
pub struct Metadata {
    /// The workspace's root.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The stem of the script, the wasm file and the stylesheet.
    pub name: String,
    /// The package that is compiled to wasm.
    pub library: String,
    /// The cargo profile of that package while developing.
    pub profile_development: String,
    /// The cargo profile of that package in a release.
    pub profile_release: String,
    /// The directory that is served as `/`.
    pub site: PathBuf,
    /// The directory under [`site`](Self::site) of what is generated.
    pub package_directory: String,
    /// The stylesheet that imports the others.
    pub style: PathBuf,
    /// The directory that is copied to `/`.
    pub assets: PathBuf,
}

impl Metadata {
    /// Asks cargo for it. Fails where a key is missing that the site can't do without.
    pub fn read() -> Result<Self> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--format-version=1"])
            .output()
            .context("cargo metadata can't be run")?;
        anyhow::ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let all: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let root = PathBuf::from(text(&all, "workspace_root")?);
        let leptos = all
            .pointer("/metadata/leptos/0")
            .context("Cargo.toml has no [[workspace.metadata.leptos]]")?;
        Ok(Self {
            target: PathBuf::from(text(&all, "target_directory")?),
            name: text(leptos, "name")?,
            library: text(leptos, "lib-package")?,
            profile_development: text(leptos, "lib-profile-dev")?,
            profile_release: text(leptos, "lib-profile-release")?,
            site: root.join(text(leptos, "site-root")?),
            package_directory: text(leptos, "site-pkg-dir")?,
            style: root.join(text(leptos, "style-file")?),
            assets: root.join(text(leptos, "assets-dir")?),
            root,
        })
    }

    /// The wasm file that cargo leaves for `profile`.
    pub fn wasm(&self, profile: &str) -> PathBuf {
        let file = format!("{}.wasm", self.library.replace('-', "_"));
        self.target
            .join("wasm32-unknown-unknown")
            .join(profile)
            .join(file)
    }

    /// Where a program that npm installed for xtask lies.
    pub fn node_program(&self, name: &str) -> PathBuf {
        self.root
            .join(Path::new("xtask/node_modules/.bin"))
            .join(name)
    }
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("`{key}` is missing in the leptos metadata of Cargo.toml"))?
        .to_owned())
}

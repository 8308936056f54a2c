//! Names for a content: what the site was built from, and what was built.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::site::Mode;

/// A hash of some files' names and bytes. Equal contents have equal fingerprints.
#[derive(Eq, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of everything that decides what the site becomes, this program included.
    pub fn of_sources(mode: Mode, wasm: &Path, style: &str, assets: &Path) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update([mode as u8]);
        let program = std::env::current_exe().context("this program's own path")?;
        add(&mut hash, "xtask", &program)?;
        add(&mut hash, "wasm", wasm)?;
        hash.update(style.as_bytes());
        hash.update([0]);
        for file in files(assets)? {
            add(&mut hash, &file.to_string_lossy(), &file)?;
        }
        Ok(Self(hash.finalize().into()))
    }

    /// Of all files under `directory`.
    pub fn of_directory(directory: &Path) -> Result<Self> {
        let mut hash = Sha256::new();
        for file in files(directory)? {
            let name = file.strip_prefix(directory).unwrap_or(&file);
            add(&mut hash, &name.to_string_lossy(), &file)?;
        }
        Ok(Self(hash.finalize().into()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 64 bits tell one build from another; the rest would only lengthen addresses.
        for byte in &self.0[..8] {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// All files under `directory`, in the order of their paths; none where it does not exist.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        if !next.exists() {
            continue;
        }
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn add(hash: &mut Sha256, name: &str, file: &Path) -> Result<()> {
    let content = fs::read(file).with_context(|| file.display().to_string())?;
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update((content.len() as u64).to_le_bytes());
    hash.update(content);
    Ok(())
}

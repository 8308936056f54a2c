//! What the server sends to a browser that takes compressed files, compressed beforehand.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::fingerprint;

/// Extensions of what is compressed already, or is a product of this module.
const DENSE: &[&str] = &["br", "gz", "png", "jpg", "webp", "avif", "woff2", "ico"];

/// Writes `FILE.br` and `FILE.gz` beside each file under `directory` that gets smaller by it.
pub fn directory(directory: &Path) -> Result<()> {
    for file in fingerprint::files(directory)? {
        let extension = file.extension().and_then(|it| it.to_str()).unwrap_or("");
        if DENSE.contains(&extension) {
            continue;
        }
        let content = fs::read(&file).with_context(|| file.display().to_string())?;
        keep_if_smaller(&file, "br", &content, brotli(&content)?)?;
        keep_if_smaller(&file, "gz", &content, gzip(&content)?)?;
    }
    Ok(())
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn keep_if_smaller(file: &Path, suffix: &str, content: &[u8], compressed: Vec<u8>) -> Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    let target = PathBuf::from(name);
    if compressed.len() < content.len() {
        fs::write(&target, compressed).with_context(|| target.display().to_string())?;
    }
    Ok(())
}

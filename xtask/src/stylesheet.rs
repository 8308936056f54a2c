//! One stylesheet out of the main one and those that it imports.
//!
//! An import is a line of its own, `@import "PATH";`. A path that begins with `/` names a
//! file of the assets, as it does in the browser: so the main stylesheet also works as it
//! is, which is how cargo-leptos serves it. Any other path is relative to its file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The text of `main` with every import, in its place, replaced by the file it names.
pub fn bundle(main: &Path, assets: &Path) -> Result<String> {
    let mut bundled = String::new();
    inline(main, assets, &mut Vec::new(), &mut bundled)?;
    Ok(bundled)
}

fn inline(file: &Path, assets: &Path, open: &mut Vec<PathBuf>, bundled: &mut String) -> Result<()> {
    ensure!(
        !open.iter().any(|outer| outer == file),
        "{} imports itself",
        file.display()
    );
    open.push(file.to_owned());
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    for line in text.lines() {
        match imported(line) {
            Some(path) => {
                let target = match path.strip_prefix('/') {
                    Some(asset) => assets.join(asset),
                    None => file.parent().unwrap_or(Path::new("")).join(path),
                };
                inline(&target, assets, open, bundled)
                    .with_context(|| format!("imported by {}", file.display()))?;
            }
            None => {
                bundled.push_str(line);
                bundled.push('\n');
            }
        }
    }
    open.pop();
    Ok(())
}

/// The path in `@import "PATH";` or `@import url("PATH");`, the whole line.
fn imported(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("@import")?.trim();
    let rest = rest.strip_suffix(';')?.trim();
    let rest = match rest.strip_prefix("url(") {
        Some(inner) => inner.strip_suffix(')')?.trim(),
        None => rest,
    };
    for quote in ['"', '\''] {
        let inner = rest
            .strip_prefix(quote)
            .and_then(|it| it.strip_suffix(quote));
        if let Some(path) = inner {
            return (!path.contains("://")).then_some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::imported;

    #[test]
    fn an_import_is_found_in_each_spelling() {
        assert_eq!(imported("@import \"./tokens.css\";"), Some("./tokens.css"));
        assert_eq!(imported("  @import 'a.css' ;"), Some("a.css"));
        assert_eq!(imported("@import url(\"/css/a.css\");"), Some("/css/a.css"));
    }

    #[test]
    fn what_is_not_ours_to_inline_stays() {
        assert_eq!(
            imported("@import url(\"https://example.org/a.css\");"),
            None
        );
        assert_eq!(imported("@import \"a.css\" print;"), None);
        assert_eq!(imported("a { color: red }"), None);
    }
}

//! The documents of the repository, as far as they are Markdown.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A document.
pub struct Document {
    /// Where it is, from the repository's root.
    pub path: PathBuf,
    text: String,
}

/// A block of code.
pub struct Code {
    /// What stands behind its fence.
    pub language: String,
    /// Its lines.
    pub text: String,
}

/// The repository.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap()
}

impl Document {
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// All that are for readers.
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir(root().join("docs")).unwrap();
        let guides = entries.map(|entry| Path::new("docs").join(entry.unwrap().file_name()));
        let others = [
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "deploy/README.md",
        ];
        guides
            .filter(|path| path.extension().is_some_and(|end| end == "md"))
            .chain(others.map(PathBuf::from))
            .map(Self::read)
            .collect()
    }

    /// All of it.
    pub fn whole(&self) -> &str {
        &self.text
    }

    /// Its blocks of code, in order.
    pub fn code(&self) -> Vec<Code> {
        self.parts().1
    }

    /// What is no block of code.
    pub fn prose(&self) -> String {
        self.parts().0
    }

    /// What its headings are linked by, as the pages that show Markdown make it.
    pub fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        let mut found: Vec<String> = Vec::new();
        for heading in headings {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                _ => c.is_alphanumeric().then_some(c),
            });
            let name: String = kept.collect();
            let mut anchor = name.clone();
            let mut number = 0;
            while found.contains(&anchor) {
                number += 1;
                anchor = format!("{name}-{number}");
            }
            found.push(anchor);
        }
        found
    }

    fn parts(&self) -> (String, Vec<Code>) {
        let mut prose = String::new();
        let mut blocks: Vec<Code> = Vec::new();
        let mut is_code = false;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), is_code) {
                (Some(language), false) => blocks.push(Code {
                    language: language.to_owned(),
                    text: String::new(),
                }),
                (Some(_), true) => {}
                (None, false) => prose += &format!("{line}\n"),
                (None, true) => {
                    // A line of code is behind a fence that has begun a block.
                    let block = blocks.last_mut().unwrap();
                    block.text += &format!("{line}\n");
                }
            }
            is_code ^= line.starts_with("```");
        }
        assert!(!is_code, "{}: a block has no end", self.path.display());
        (prose, blocks)
    }
}

#[test]
fn headings_are_linked_by_their_words() {
    let document = Document {
        path: PathBuf::new(),
        text: "# A `b`, c_d (e-f)\n```\n# no\n```\n## A b, c_d (e-f)\n".to_owned(),
    };
    assert_eq!(document.anchors(), ["a-b-c_d-e-f", "a-b-c_d-e-f-1"]);
    assert_eq!(document.code()[0].text, "# no\n");
}

//! Links between the documents.

use crate::document::{Document, root};

/// What the links of a document lead to.
fn links(document: &Document) -> Vec<String> {
    let prose = document.prose();
    // What is between backticks is no link.
    let text: String = prose.split('`').step_by(2).collect();
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// Why a link leads nowhere; `None` if it leads somewhere, or out of the repository.
fn fault(document: &Document, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = match file {
        "" => document.path.clone(),
        // Each document is in a directory, if only in that of the repository.
        file => document.path.parent().unwrap().join(file),
    };
    if !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    let anchor = anchor?;
    let is_there = Document::read(path)
        .anchors()
        .iter()
        .any(|known| known == anchor);
    (!is_there).then(|| format!("it has no #{anchor}"))
}

#[test]
fn each_link_leads_somewhere() {
    let mut count = 0;
    let mut faults = Vec::new();
    for document in Document::all() {
        for target in links(&document) {
            count += 1;
            if let Some(fault) = fault(&document, &target) {
                faults.push(format!("{}: {target}: {fault}", document.path.display()));
            }
        }
    }
    assert!(count > 300, "only {count} links were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let document = Document::read("docs/install.md");
    assert!(fault(&document, "#nowhere").is_some());
    assert!(fault(&document, "nowhere.md").is_some());
    assert!(fault(&document, "cli.md#nowhere").is_some());
    assert!(fault(&document, "cli.md#settings").is_none());
}

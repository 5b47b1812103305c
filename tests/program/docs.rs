//! The documents keep their word: links lead somewhere, and the melodies they show are sound.

use crate::house::House;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)).into();
    for folder in ["docs", "docs/src"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder of documents");
        pages.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let foreign = file.is_empty() || file.contains("://") || file.contains(' ');
            if !foreign && !page.with_file_name(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn melodies_in_the_documents_are_sound() {
    let house = House::new();
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.starts_with("format = 1")) {
            found += 1;
            house.write("shown.melody.toml", block);
            let said = house.say(&["check", "shown.melody.toml"]);
            assert_eq!(said.code, Some(0), "{}\n{}", page.display(), said.stderr);
        }
    }
    assert!(found >= 2, "the documents show melodies");
}

#[test]
fn every_exit_code_is_documented_once() {
    let page = fs::read_to_string(root().join("docs/src/exit-codes.md")).expect("the page");
    let help = House::new().expect(0, &["--help"]).stdout;
    for code in ["0", "1", "2", "3", "4", "5", "130"] {
        assert_eq!(page.matches(&format!("\n| {code} |")).count(), 1, "{code}");
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}\n{help}");
    }
}

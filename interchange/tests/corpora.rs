//! Files that nobody here wrote: every one is imported, counted and checked, or refused with its line.
//!
//! They lie in the folder `SYMPHONY_DATA`; without it these tests say that they skip.

use std::path::{Path, PathBuf};
use symphony_interchange::wfformat;

/// The files of a corpus below a folder, or nothing where there is no corpus.
fn files(folder: &str, ending: &str) -> Option<Vec<PathBuf>> {
    let Some(data) = std::env::var_os("SYMPHONY_DATA") else {
        eprintln!("skipped: SYMPHONY_DATA is not set");
        return None;
    };
    let mut files = Vec::new();
    gather(&PathBuf::from(data).join(folder), ending, &mut files);
    files.sort();
    Some(files)
}

fn gather(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, ending, files);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            files.push(path);
        }
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Tasks and distinct links between parent and child, counted without our reader.
fn counted(text: &str) -> (usize, usize) {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let tasks = json["workflow"]["specification"]["tasks"].as_array().unwrap();
    let links = tasks.iter().map(|task| task["parents"].as_array().unwrap().len()).sum();
    (tasks.len(), links)
}

#[test]
fn every_recorded_execution_is_read() {
    let Some(files) = files("wfinstances", "json") else { return };
    assert_eq!(files.len(), 109);
    for path in files {
        let text = text(&path);
        let recorded = wfformat::read(&text).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        assert_eq!((recorded.tasks.len(), recorded.edges()), counted(&text), "{}", path.display());
        assert!(recorded.tasks.iter().any(|task| task.runtime_s > 0.0), "{}", path.display());
    }
}

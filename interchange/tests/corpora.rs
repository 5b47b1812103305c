//! Files that nobody here wrote: every one is imported, counted and checked, or refused with its line.
//!
//! They lie in the folder `SYMPHONY_DATA`; without it these tests say that they skip.

mod house;

use house::{checked, nodes};
use std::path::{Path, PathBuf};
use symphony_ecs_core::melody::parse;
use symphony_interchange::{Format, Imported, import, wfformat};

/// Imports a file of a corpus and checks the melody.
fn imported(path: &Path, format: Format) -> (Imported, usize) {
    let bytes = std::fs::read(path).unwrap();
    let imported = import("x", &bytes, None).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
    assert_eq!(imported.report.format, format, "{}", path.display());
    let nodes = nodes(&checked(&path.display().to_string(), &imported));
    (imported, nodes)
}

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
fn every_recorded_execution_comes_through_and_back() {
    let Some(files) = files("wfinstances", "json") else { return };
    assert_eq!(files.len(), 109);
    for path in files {
        let text = text(&path);
        let recorded = wfformat::read(&text).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        let (imported, nodes) = imported(&path, Format::WfFormat);
        let report = &imported.report;
        assert_eq!((report.nodes, report.edges), counted(&text), "{}", path.display());
        assert_eq!(nodes, report.nodes, "{}", path.display());
        let melody = parse("x", &imported.files[0].text).unwrap().melody;
        assert_eq!(melody.nodes.iter().map(|node| node.needs.len()).sum::<usize>(), report.edges);

        let exported = wfformat::export(&melody).0;
        let second = import("x", exported.as_bytes(), None).unwrap();
        let nodes_of = |imported: &Imported| imported.files[0].text.split_once("[node.").unwrap().1.to_owned();
        assert_eq!(nodes_of(&second), nodes_of(&imported), "{}", path.display());
        let again = wfformat::read(&exported).unwrap();
        assert_eq!(again.tasks.len(), recorded.tasks.len());
        let name = |of: &wfformat::Recorded, place: &u32| of.tasks[*place as usize].id.clone();
        for (a, b) in again.tasks.iter().zip(&recorded.tasks) {
            let parents = |of: &wfformat::Recorded, task: &wfformat::Task| -> Vec<String> {
                task.parents.iter().map(|place| name(of, place)).collect()
            };
            assert_eq!(parents(&again, a), parents(&recorded, b), "{}: {}", path.display(), b.id);
            let plain = |task: &wfformat::Task| wfformat::Task {
                parents: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                ..task.clone()
            };
            assert_eq!(plain(a), plain(b), "{}", path.display());
            assert_eq!((a.inputs.len(), a.outputs.len()), (b.inputs.len(), b.outputs.len()));
        }
    }
}

/// Nodes and edges as Graphviz counts them (`gc -n -e`, version 2.43).
const GRAPHS: [(&str, usize, usize); 37] = [
    ("Heawood", 14, 21),
    ("KW91", 10, 12),
    ("Latin1", 1, 0),
    ("Petersen", 10, 15),
    ("abstract", 47, 68),
    ("alf", 19, 20),
    ("clust", 8, 9),
    ("clust1", 9, 10),
    ("clust3", 9, 10),
    ("clust4", 10, 13),
    ("ctext", 8, 6),
    ("dfa", 10, 20),
    ("fsm", 9, 14),
    ("grammar", 43, 42),
    ("honda-tokoro", 24, 40),
    ("html2", 4, 3),
    ("html4", 1, 0),
    ("japanese", 7, 8),
    ("longflat", 3, 2),
    ("mike", 33, 39),
    ("oldarrows", 35, 34),
    ("pgram", 59, 78),
    ("pmpipe", 13, 18),
    ("process", 10, 13),
    ("psfonttest", 35, 26),
    ("records", 7, 7),
    ("rowe", 43, 68),
    ("shells", 29, 38),
    ("states", 4, 5),
    ("switch", 64, 80),
    ("table", 3, 2),
    ("trapeziumlr", 53, 52),
    ("tree", 9, 8),
    ("try", 7, 8),
    ("unix", 41, 49),
    ("viewfile", 27, 34),
    ("world", 48, 69),
];

#[test]
fn every_graph_is_read() {
    let Some(files) = files("dot", "gv") else { return };
    assert_eq!(files.len(), 37);
    for path in files {
        let (imported, nodes) = imported(&path, Format::Dot);
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let report = &imported.report;
        assert!(
            GRAPHS.contains(&(stem.as_str(), report.nodes, report.edges)),
            "{stem}: {} {}",
            report.nodes,
            report.edges
        );
        assert_eq!(nodes, report.nodes, "{stem}");
    }
}

#[test]
fn every_workflow_of_n8n_comes_through() {
    let Some(files) = files("n8n", "json") else { return };
    let (invalid, sound): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| path.parent().is_some_and(|folder| folder.ends_with("invalid")));
    assert!(sound.len() >= 219 && invalid.len() == 6, "{} and {}", sound.len(), invalid.len());
    for path in sound {
        let (imported, nodes) = imported(&path, Format::N8n);
        let json: serde_json::Value = serde_json::from_str(&text(&path)).unwrap();
        let all = json["nodes"].as_array().unwrap().iter();
        let real = all.filter(|node| node["type"] != "n8n-nodes-base.stickyNote").count();
        let kinds =
            json["connections"].as_object().unwrap().values().flat_map(|kinds| kinds.as_object().unwrap().values());
        let slots = kinds.flat_map(|slots| slots.as_array().unwrap());
        let links: usize = slots.filter_map(|slot| slot.as_array()).map(Vec::len).sum();
        assert_eq!((imported.report.nodes, imported.report.edges), (real, links), "{}", path.display());
        assert_eq!(nodes, real, "{}", path.display());
    }
    // Where Python's reader sees the fault too.
    let lines = [
        ("Perplexity", 1389),
        ("Exa.ai", 1359),
        ("ERPNext", 733),
        ("Supercharge", 397),
        ("ALL_unique", 1),
        ("LlamaParse", 601),
    ];
    for path in invalid {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let refusal = import("x", &std::fs::read(&path).unwrap(), None).unwrap_err();
        let (_, line) = lines.iter().find(|(part, _)| name.contains(part)).unwrap();
        assert_eq!(refusal.place.map(|(line, _)| line), Some(*line), "{name}: {refusal}");
        assert!(!refusal.help.is_empty());
    }
}

#[test]
fn every_workflow_of_comfyui_comes_through() {
    let Some(files) = files("comfyui", "json") else { return };
    let (indexes, workflows): (Vec<PathBuf>, Vec<PathBuf>) = files
        .into_iter()
        .partition(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("index")));
    assert!(workflows.len() >= 429 && indexes.len() == 10, "{} and {}", workflows.len(), indexes.len());
    for path in workflows {
        let (imported, nodes) = imported(&path, Format::ComfyUi);
        let json: serde_json::Value = serde_json::from_str(&text(&path)).unwrap();
        let none = Vec::new();
        let subgraphs = json["definitions"]["subgraphs"].as_array().unwrap_or(&none);
        let (mut real, mut links) = (0, 0);
        for graph in std::iter::once(&json).chain(subgraphs) {
            let note = |node: &&serde_json::Value| matches!(node["type"].as_str(), Some("Note" | "MarkdownNote"));
            real += graph["nodes"].as_array().unwrap().iter().filter(|node| !note(node)).count();
            links += graph["links"].as_array().unwrap().len();
        }
        assert_eq!((imported.report.nodes, imported.report.edges), (real, links), "{}", path.display());
        assert_eq!(nodes, real, "{}", path.display());
    }
    for path in indexes {
        let refusal = import("x", &std::fs::read(&path).unwrap(), None).unwrap_err();
        assert!(refusal.place.is_some() && !refusal.help.is_empty(), "{}: {refusal}", path.display());
    }
}

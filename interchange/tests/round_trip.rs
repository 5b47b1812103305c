//! Exporting a melody as WfFormat and importing it again gives the same graph.

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use symphony_ecs_core::melody::model::Melody;
use symphony_ecs_core::melody::{parse, render};
use symphony_interchange::{import, wfformat};

fn read(text: &str) -> Melody {
    parse("t.melody.toml", text).unwrap_or_else(|found| panic!("{}\n{text}", render(&found, false))).melody
}

/// Ids, titles and run times of the nodes, and who waits for whom, whatever the edge is made of.
type Graph = Vec<(String, Option<f64>, BTreeSet<String>)>;

fn graph(exported: &str) -> Graph {
    let recorded = wfformat::read(exported).unwrap_or_else(|refusal| panic!("{refusal}\n{exported}"));
    let name = |place: &u32| recorded.tasks[*place as usize].id.clone();
    recorded
        .tasks
        .iter()
        .map(|task| (task.id.clone(), Some(task.runtime_s), task.parents.iter().map(name).collect()))
        .collect()
}

/// A node: whether it has a title, its run time, and edges to earlier nodes with their spelling.
type Drawn = (Option<String>, u32, Vec<(prop::sample::Index, u8)>);

fn any_dag() -> impl Strategy<Value = Vec<Drawn>> {
    let edges = proptest::collection::vec((any::<prop::sample::Index>(), 0u8..5), 0..4);
    let title = proptest::option::of("[A-Za-z][A-Za-z0-9 _.-]{0,9}");
    proptest::collection::vec((title, 0u32..100_000, edges), 1..24)
}

fn melody(nodes: &[Drawn]) -> (String, Vec<BTreeSet<String>>) {
    let mut text = "format = 1\nname = \"t\"\n".to_owned();
    let mut expected = Vec::new();
    for (place, (title, millis, edges)) in nodes.iter().enumerate() {
        let _ = writeln!(text, "[node.n{place}]\nuses = \"operator:kind{}/run\"", place % 3);
        let _ = writeln!(text, "estimate = {{ seconds = {} }}", f64::from(*millis) / 1000.0);
        if let Some(title) = title {
            let _ = writeln!(text, "title = \"{title}\"");
        }
        let (mut needs, mut ports, mut condition, mut parents) = (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
        for (from, kind) in edges.iter().filter(|_| place > 0) {
            let from = format!("n{}", from.index(place));
            match kind {
                0 => needs.push(format!("\"{from}\"")),
                1 => needs.push(format!("{{ node = \"{from}\", kind = \"soft\" }}")),
                2 => ports.push(format!("p{} = \"{from}.out\"", ports.len())),
                3 => ports.push(format!("p{} = {{ first_of = [\"{from}.out\"] }}", ports.len())),
                _ => condition.push(format!("has({from}.out)")),
            }
            parents.insert(from);
        }
        let _ = writeln!(text, "needs = [{}]\nin = {{ {} }}", needs.join(", "), ports.join(", "));
        if !condition.is_empty() {
            let _ = writeln!(text, "if = \"{}\"", condition.join(" && "));
        }
        expected.push(parents);
    }
    (text, expected)
}

proptest! {
    #[test]
    fn export_then_import_is_the_identity(nodes in any_dag()) {
        let (text, expected) = melody(&nodes);
        let first = read(&text);
        let exported = wfformat::export(&first).0;
        let imported = import("t", exported.as_bytes(), None).unwrap();
        prop_assert_eq!(imported.report.nodes, nodes.len());
        prop_assert_eq!(imported.report.edges, expected.iter().map(BTreeSet::len).sum::<usize>());

        let second = read(&imported.files[0].text);
        let ids = |melody: &Melody| melody.nodes.iter().map(|node| node.id.value.clone()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&second), ids(&first));
        let parents: Vec<BTreeSet<String>> = second.nodes.iter()
            .map(|node| node.needs.iter().map(|need| need.node.value.clone()).collect()).collect();
        prop_assert_eq!(parents, expected);
        for (a, b) in second.nodes.iter().zip(&first.nodes) {
            prop_assert_eq!(a.estimate.seconds, b.estimate.seconds);
            prop_assert_eq!(&a.title, &b.title);
        }

        // What was imported survives the next round in every letter.
        let again = wfformat::export(&second).0;
        prop_assert_eq!(graph(&again), graph(&exported));
        let third = import("t", again.as_bytes(), None).unwrap();
        prop_assert_eq!(&third.files[0].text, &imported.files[0].text);
    }
}

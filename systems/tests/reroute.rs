//! Rewiring: melodies are edited at any frame of their playing. What comes out is what the edited melody gives when it
//! is played from the start; a run that is cut anywhere goes on to the same; travel shows both melodies at their times.

mod stand;

use stand::plan::Rng;
use stand::{export, options, parts, play, score};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{Notice, RunStatus};
use symphony_ecs_core::ids::RunSlot;
use symphony_ecs_core::score::Score;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::Lore;
use symphony_systems::options::RescoreHandle;
use symphony_systems::orchestra::NodeView;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::run::{Edit, Rescore};
use symphony_systems::travel::{Fold, Timeline};
use symphony_systems::{Orchestra, Pulse, RunOptions};

const BODY: &str = "format = 1\nname = \"body\"\n[inputs]\nn = { type = \"int\", default = 0 }\n\
    [outputs]\nn = \"one.n\"\n[node.one]\nuses = \"operator:test/do\"\nin = { n = \"inputs.n\" }\nwith = { add = 3 }\n\
    out = { n = \"int\" }\n";

/// A change is a list of replaced ids and the whole new text.
struct Texts;

impl Rescore for Texts {
    fn edit(&self, _last: Option<&str>, change: &str) -> Result<Edit, String> {
        let (replaced, text) = change.split_once('\n').ok_or("no text")?;
        Ok(Edit { text: text.to_owned(), replaced: replaced.split_whitespace().map(str::to_owned).collect() })
    }

    fn score(&self, edit: &str) -> Result<Arc<Score>, String> {
        Ok(score(edit, &[("body.melody.toml", BODY)]))
    }
}

/// A node: the nodes it takes from, how, what it adds, and whether it is a nested melody.
#[derive(Clone, Debug)]
struct Node {
    takes: Vec<String>,
    join: bool,
    add: u32,
    nested: bool,
    took: u32,
}

type Melody = BTreeMap<String, Node>;

fn text(melody: &Melody) -> String {
    let mut text = "format = 1\nname = \"test\"\n".to_owned();
    for (id, node) in melody {
        let _ = writeln!(text, "[node.{id}]");
        let ports: Vec<String> = match (node.nested, node.join, node.takes.is_empty()) {
            (_, _, true) => Vec::new(),
            (true, ..) => vec![format!("n = \"{}.n\"", node.takes[0])],
            (_, true, _) => {
                let all: Vec<String> = node.takes.iter().map(|id| format!("\"{id}.n\"")).collect();
                vec![format!("all = {{ all = [{}] }}", all.join(", "))]
            }
            _ => (0..).zip(&node.takes).map(|(ix, id)| format!("i{ix} = \"{id}.n\"")).collect(),
        };
        let _ = writeln!(text, "in = {{ {} }}", ports.join(", "));
        let _ = match node.nested {
            true => writeln!(text, "uses = \"melody:body.melody.toml\""),
            false => writeln!(
                text,
                "uses = \"operator:test/do\"\nwith = {{ add = {}, took_us = {} }}\nout = {{ n = \"int\" }}",
                node.add, node.took
            ),
        };
    }
    text
}

fn node(rng: &mut Rng, ids: &[String]) -> Node {
    let takes: Vec<String> =
        (0..rng.below(4)).filter(|_| !ids.is_empty()).map(|_| ids[rng.below(ids.len())].clone()).collect();
    let mut takes = takes;
    takes.sort();
    takes.dedup();
    Node {
        takes,
        join: rng.below(3) == 0,
        add: rng.below(9) as u32,
        nested: rng.below(5) == 0,
        took: 500 * rng.below(9) as u32,
    }
}

fn drawn(rng: &mut Rng) -> Melody {
    let mut melody = Melody::new();
    let mut ids: Vec<String> = Vec::new();
    for place in 0..3 + rng.below(8) {
        let id = format!("{}{place}", ["m", "a", "z"][rng.below(3)]);
        melody.insert(id.clone(), node(rng, &ids));
        ids.push(id);
    }
    melody
}

/// All that comes before a node.
fn before(melody: &Melody, id: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut left = vec![id.to_owned()];
    while let Some(id) = left.pop() {
        for taken in melody.get(&id).map(|node| node.takes.clone()).unwrap_or_default() {
            if !found.contains(&taken) {
                found.push(taken.clone());
                left.push(taken);
            }
        }
    }
    found
}

/// A change of a melody, and which ids it replaces: a node comes (between others, or anywhere), goes or is replaced.
fn edited(melody: &Melody, rng: &mut Rng, fresh: usize) -> (Melody, Vec<String>) {
    let mut new = melody.clone();
    let ids: Vec<String> = melody.keys().cloned().collect();
    let id = ids[rng.below(ids.len())].clone();
    let behind: Vec<String> =
        ids.iter().filter(|other| **other != id && !before(melody, other).contains(&id)).cloned().collect();
    match rng.below(4) {
        0 => {
            new.insert(format!("x{fresh}"), node(rng, &ids));
            (new, Vec::new())
        }
        1 => {
            // Between what it takes and itself, which is replaced.
            let comes = format!("b{fresh}");
            let takes = melody[&id].takes.clone();
            new.insert(comes.clone(), Node { takes, nested: false, join: false, ..node(rng, &[]) });
            new.insert(id.clone(), Node { takes: vec![comes], ..melody[&id].clone() });
            (new, vec![id])
        }
        2 => {
            new.remove(&id);
            new.values_mut().for_each(|node| node.takes.retain(|taken| *taken != id));
            let changed = melody.iter().filter(|(_, node)| node.takes.contains(&id)).map(|(id, _)| id.clone());
            (new, changed.collect())
        }
        _ => {
            new.insert(id.clone(), node(rng, &behind));
            (new, vec![id])
        }
    }
}

fn tracked(melody: &Melody) -> RunOptions {
    RunOptions {
        rescore: Some(RescoreHandle(Arc::new(Texts))),
        tracking: Some(Arc::new(Lore::default())),
        ..options(score(&text(melody), &[("body.melody.toml", BODY)]))
    }
}

fn views(orchestra: &mut Orchestra, slot: RunSlot) -> Vec<NodeView> {
    orchestra.nodes(slot)
}

fn over(orchestra: &Orchestra, slot: RunSlot) -> bool {
    orchestra.status(slot) != RunStatus::Playing && matches!(orchestra.pulse(), Pulse::Rest(_))
}

struct Record {
    frames: Vec<(u64, Vec<u8>)>,
    checkpoints: BTreeMap<u64, Vec<u8>>,
    notices: Vec<Notice>,
    nodes: Vec<NodeView>,
    last: Melody,
    edits: usize,
}

fn record(rng: &mut Rng, first: &Melody) -> Record {
    let options = tracked(first);
    let mut orchestra = Orchestra::new(parts());
    let slot = orchestra.play(&options, None);
    let (mut frames, mut checkpoints, mut last, mut edits) = (Vec::new(), BTreeMap::new(), first.clone(), 0);
    while !over(&orchestra, slot) {
        orchestra.frame();
        frames.extend(orchestra.sealed(slot));
        if let Some((frame, blob)) = orchestra.checkpoint(slot)
            && orchestra.status(slot) == RunStatus::Playing
        {
            checkpoints.insert(frame, blob);
        }
        if edits < 4 && rng.below(3) == 0 && orchestra.status(slot) == RunStatus::Playing {
            let (melody, replaced) = edited(&last, rng, edits);
            let change = format!("{}\n{}", replaced.join(" "), text(&melody));
            let begun: Vec<String> = views(&mut orchestra, slot)
                .into_iter()
                .filter(|view| !matches!(view.status, Status::Pending | Status::Ready) && !view.path.contains('.'))
                .map(|view| view.path)
                .collect();
            let touched = |id: &String| replaced.contains(id) || !melody.contains_key(id);
            match orchestra.reroute(slot, &change, "test") {
                Ok(effect) => {
                    assert!(!begun.iter().any(touched), "something that had begun was changed: {effect:?}");
                    (last, edits) = (melody, edits + 1);
                }
                Err(why) => {
                    let known = why.contains("only nodes that have not begun") || why.contains("changes nothing");
                    assert!(known || why.contains("has not begun"), "{why}");
                    assert!(begun.iter().any(touched) || !why.contains("only nodes"), "{why}");
                }
            }
        }
    }
    assert_eq!(orchestra.status(slot), RunStatus::Completed);
    let look = orchestra.outlook(slot, Default::default()).expect("it is tracked");
    assert!(look.nodes.iter().all(|node| node.status.is_over()) && look.end.0 <= look.now.0);
    let notices = orchestra.notices();
    let nodes = views(&mut orchestra, slot);
    Record { frames: (0..).zip(frames).collect(), checkpoints, notices, nodes, last, edits }
}

/// How each node stands, and what it gave.
type Values<'n> = BTreeMap<&'n str, (Status, &'n [(String, Value)])>;

fn values(nodes: &[NodeView]) -> Values<'_> {
    nodes
        .iter()
        .filter(|node| !node.path.contains('.'))
        .map(|node| (&*node.path, (node.status, &*node.outputs)))
        .collect()
}

#[test]
fn an_edited_run_comes_to_what_the_edited_melody_gives_and_so_do_its_pieces() {
    let count = if std::env::var_os("SYMPHONY_LONG").is_some() { 5_000 } else { 150 };
    let (mut edits, mut cut_after) = (0, 0);
    for seed in 0..count {
        let mut rng = Rng(seed);
        let first = drawn(&mut rng);
        let record = record(&mut rng, &first);
        edits += record.edits;
        let place = format!("seed {seed}\n{}\nbecomes\n{}", text(&first), text(&record.last));
        let fresh = play(&options(score(&text(&record.last), &[("body.melody.toml", BODY)])));
        assert_eq!(fresh.status, RunStatus::Completed, "{place}");
        let mut again = Orchestra::new(parts());
        let slot = again.play(&options(score(&text(&record.last), &[("body.melody.toml", BODY)])), None);
        again.play_to_end(slot);
        let expected = views(&mut again, slot);
        assert_eq!(values(&record.nodes), values(&expected), "{place}");

        // Told again, and cut anywhere.
        let options = tracked(&first);
        let story = export(&record.notices);
        let mut fold = Fold::new(&options, "test");
        for (frame, blob) in &record.frames {
            fold.frame(*frame, blob, u64::MAX).unwrap_or_else(|error| panic!("{error}\n{place}"));
        }
        assert_eq!(export(&fold.notices()), story, "{place}");
        for _ in 0..3 {
            let cut = rng.below(record.frames.len() + 1);
            let from = record.checkpoints.range(..cut as u64).next_back();
            for from in [None, from] {
                let from = from.map(|(frame, blob)| (*frame, blob.clone()));
                let begin = from.as_ref().map_or(0, |(frame, _)| *frame as usize + 1);
                let restored =
                    Restored { checkpoint: from, frames: &record.frames[begin..cut], path: "test", play_on: true };
                let mut resumed = Orchestra::new(parts());
                let slot = restore(&mut resumed, &options, &restored, None)
                    .unwrap_or_else(|error| panic!("{error}\ncut {cut}, from {begin}\n{place}"));
                resumed.play_to_end(slot);
                assert_eq!(resumed.status(slot), RunStatus::Completed, "cut {cut}\n{place}");
                let told = |orchestra: &mut Orchestra| export(&orchestra.notices()).matches("\"rerouted\"").count();
                // If all edits were sealed by then, it comes to the same.
                if told(&mut resumed) == 0 && cut == record.frames.len() {
                    assert_eq!(values(&views(&mut resumed, slot)), values(&record.nodes), "cut {cut}\n{place}");
                    cut_after += record.edits;
                }
            }
        }

        // Travel: at every point the nodes are those of a fold up to there.
        let frames = || record.frames.iter().map(|(frame, blob)| (*frame, blob.as_slice()));
        let timeline = Timeline::read(&options, "test", frames()).unwrap();
        for told in 0..=timeline.told() {
            if told % 5 != 0 && told != timeline.told() {
                continue;
            }
            let mut fold = Fold::new(&options, "test");
            for (frame, blob) in &record.frames {
                if !fold.frame(*frame, blob, told).unwrap() {
                    break;
                }
            }
            let moment = timeline.moment(told);
            let nodes = fold.run().tally.nodes;
            let (mut folded, slot) = fold.seat();
            let expected: Vec<(String, Status)> =
                views(&mut folded, slot).into_iter().map(|node| (node.path, node.status)).collect();
            let found: Vec<(String, Status)> = moment.nodes().map(|node| (node.path, node.status)).collect();
            assert_eq!(found, expected, "after {told} notices\n{place}");
            assert_eq!(moment.tally().nodes, nodes, "after {told} notices\n{place}");
        }
    }
    assert!(edits > count as usize / 2 && cut_after > 0, "{edits} edits took effect, {cut_after} were resumed");
}

#[test]
fn refusals_name_the_node_and_what_hinders() {
    let mut melody = Melody::new();
    let plain = |takes: &[&str]| Node {
        takes: takes.iter().map(|id| (*id).to_owned()).collect(),
        join: false,
        add: 1,
        nested: false,
        took: 900,
    };
    melody.insert("a".into(), plain(&[]));
    melody.insert("b".into(), plain(&["a"]));
    let options = tracked(&melody);
    let mut orchestra = Orchestra::new(parts());
    let slot = orchestra.play(&options, None);
    orchestra.frame();
    let mut without = melody.clone();
    without.remove("a");
    without.insert("b".into(), plain(&[]));
    let why = orchestra.reroute(slot, &format!("b\n{}", text(&without)), "test").unwrap_err();
    assert_eq!(why, "`a` is running: only nodes that have not begun can be changed");
    let same = format!("\n{}", text(&melody));
    assert_eq!(orchestra.reroute(slot, &same, "test").unwrap_err(), "the edit changes nothing");
    let inputs = same.replace("name = \"test\"", "name = \"test\"\n[inputs]\nn = { type = \"int\", default = 1 }");
    assert!(orchestra.reroute(slot, &inputs, "test").unwrap_err().contains("inputs cannot be changed"));
    melody.insert("c".into(), plain(&["b"]));
    let change = format!("\n{}", text(&melody));
    assert_eq!(orchestra.reroute(slot, &change, "test").unwrap().added, ["c"]);
    assert!(orchestra.reroute(slot, &change, "test").unwrap_err().contains("try again"));
    orchestra.play_to_end(slot);
    assert!(orchestra.reroute(slot, &change, "test").unwrap_err().contains("the run is ending"));
    assert_eq!(orchestra.tally(slot).played, 3);
    let plain = options_without(&options);
    let slot = orchestra.play(&plain, None);
    assert!(orchestra.reroute(slot, &change, "test").unwrap_err().contains("cannot be rewired"));
}

fn options_without(options: &RunOptions) -> RunOptions {
    RunOptions { rescore: None, ..options.clone() }
}

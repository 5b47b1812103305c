//! The same melody, inputs and seed give the same event export and the same sealed frames, byte for byte, on any
//! number of threads and beside any other runs.

mod stand;

use stand::plan::{Profile, draw};
use stand::{export, options, options_of, parts, play, score};
use std::fmt::Write;
use symphony_ecs_core::ids::RunId;
use symphony_systems::{Orchestra, RunOptions};

const HEAD: &str = "format = 1\nname = \"m\"\n";

/// One node and then `width` functions in one wave, the odd ones with an optional input from the one before.
fn wide(width: usize, optional: bool) -> RunOptions {
    let mut text = format!("{HEAD}[outputs]\nall = {{ all = [\"s_*.x\"] }}\n");
    text.push_str("[node.first]\nuses = \"operator:test/do\"\nwith = { add = 3 }\nout = { x = \"int\" }\n");
    for place in 0..width {
        let mut inputs = "a = \"first.x\"".to_owned();
        if optional && place > 0 {
            let _ = write!(inputs, ", b = {{ from = \"s_{:04}.x\", kind = \"optional\" }}", place - 1);
        }
        let broken = place % 37 == 5;
        let _ = writeln!(
            text,
            "[node.s_{place:04}]\nuses = \"builtin:test/sum\"\nwith = {{ add = {place}, broken = {broken} }}\n\
             in = {{ {inputs} }}\nout = {{ x = \"int\" }}\non_error = \"skip\"\n\
             retry = {{ max = 2, backoff = \"fixed\", base = \"5ms\", vary = {{ broken = [{}] }} }}",
            place % 2 == 0
        );
    }
    options(score(&text, &[]))
}

/// A map over many items, each a nested melody with a loop in it.
fn deep(items: usize) -> RunOptions {
    let list: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    let text = format!(
        "{HEAD}[outputs]\nall = \"each.x\"\n[node.list]\nuses = \"operator:test/do\"\n\
         with = {{ give = {{ xs = [{}] }} }}\nout = {{ xs = \"list<int>\" }}\n[node.each]\n\
         uses = \"melody:body\"\nmap = {{ over = \"list.xs\" }}\nin = {{ a = \"item\" }}\nout = {{ x = \"int\" }}\n",
        list.join(", ")
    );
    let body = format!(
        "{HEAD}[inputs]\na = {{ type = \"int\", default = 1 }}\n[outputs]\nx = \"again.x\"\n[node.again]\n\
         loop = {{ body = \"round\", carry = {{ x = \"a\" }}, until = \"outputs.x > 40\", max = 4 }}\n\
         in = {{ a = \"inputs.a\" }}\nout = {{ x = \"int\" }}\n"
    );
    let round = format!(
        "{HEAD}[inputs]\na = {{ type = \"int\", default = 1 }}\n[outputs]\nx = \"more.x\"\n[node.more]\n\
         uses = \"builtin:test/sum\"\nwith = {{ add = 9 }}\nin = {{ a = \"inputs.a\" }}\nout = {{ x = \"int\" }}\n"
    );
    options(score(&text, &[("body", &body), ("round", &round)]))
}

/// Many nodes with undos, of which the last fails and compensates.
fn compensated(width: usize) -> RunOptions {
    let mut text = HEAD.to_owned();
    for place in 0..width {
        let _ = writeln!(
            text,
            "[node.a{place}]\nuses = \"builtin:test/sum\"\nwith = {{ add = {place} }}\nout = {{ x = \"int\" }}\n\
             undo = {{ uses = \"operator:test/do\", in = {{ v = \"a{place}.x\" }} }}"
        );
    }
    text.push_str(
        "[node.last]\nuses = \"operator:test/do\"\nwith = { fail = -1 }\nout = { x = \"int\" }\n\
         on_error = \"compensate\"\nretry = { max = 3 }\n",
    );
    options(score(&text, &[]))
}

fn melodies() -> Vec<(String, RunOptions)> {
    let mut melodies = vec![
        ("wide".to_owned(), wide(500, false)),
        ("wide and optional".to_owned(), wide(200, true)),
        ("deep".to_owned(), deep(3_000)),
        ("compensated".to_owned(), compensated(100)),
    ];
    for seed in 0..40 {
        let profile = Profile { races: true, halts: true, parallel: seed % 2 == 0, budget: seed % 3 == 0 };
        melodies.push((format!("seed {seed}"), options_of(&draw(seed, profile))));
    }
    melodies
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let play_on = |threads: usize, options: &RunOptions| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let played = pool.install(|| play(options));
        (export(&played.notices), played.frames)
    };
    for (name, options) in melodies() {
        let alone = play_on(1, &options);
        assert!(alone.0.lines().count() > 2 && !alone.1.is_empty(), "{name} says nothing");
        for threads in [1, 2, 8] {
            let again = play_on(threads, &options);
            assert!(alone.0 == again.0, "{name}: the export differs on {threads} threads");
            assert!(alone.1 == again.1, "{name}: the frames differ on {threads} threads");
        }
    }
}

#[test]
fn runs_beside_each_other_do_not_touch() {
    let mut melodies = melodies();
    for (number, (_, options)) in (0u128..).zip(&mut melodies) {
        options.id = RunId::new(1, number);
        options.seed = number as u64;
    }
    let mut orchestra = Orchestra::new(parts());
    let mut slots = Vec::new();
    for (place, (_, options)) in melodies.iter().enumerate() {
        slots.push(orchestra.play(options, None));
        // They do not all begin together.
        (0..place % 5).for_each(|_| orchestra.frame());
    }
    for slot in &slots {
        orchestra.play_to_end(*slot);
    }
    let notices = orchestra.notices();
    for ((name, options), slot) in melodies.iter().zip(slots) {
        let alone = play(options);
        let beside: Vec<_> = notices.iter().filter(|notice| notice.run == options.id).cloned().collect();
        assert!(export(&alone.notices) == export(&beside), "{name}: the export differs beside others");
        assert!(alone.frames == orchestra.sealed(slot), "{name}: the frames differ beside others");
    }
}

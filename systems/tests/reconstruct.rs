//! Reconstruction: what a node's players could not give is obtained from other results, and only then.

mod stand;

use stand::{Played, Script, options, parts_with, play, play_text, played, score};
use std::sync::{Arc, Mutex};
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::identity::CallIdentity;
use symphony_ecs_core::ports::{FinishedCall, ReusePort};
use symphony_ecs_core::value::Value;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::{Orchestra, Pulse, Reusing, RunOptions};

/// `lost` fails after 20 ms; `spare` gives 42 after `took` ms, and `lost` is made of it.
fn melody(took: u32, lost: &str) -> String {
    format!(
        r#"
        format = 1
        name = "test"
        [outputs]
        x = "after.x"
        [node.spare]
        uses = "operator:test/do"
        with = {{ took = {took}, give = {{ x = 42 }} }}
        out = {{ x = "int" }}
        [node.lost]
        uses = ["operator:test/do", "instrument:test/do"]
        with = {{ took = 10, fail = -1, class = "crash" }}
        out = {{ x = "int" }}
        on_error = "reconstruct"
        reconstruct = {{ uses = "operator:test/do", in = {{ from = "spare.x" }}, with = {{ add = 100, took = 5 }} }}
        {lost}
        [node.after]
        uses = "operator:test/do"
        in = {{ x = "lost.x" }}
        with = {{ took = 1 }}
        out = {{ x = "int" }}
        "#
    )
}

/// What happened to a node, with the moments in milliseconds.
fn story(played: &Played, node: &str) -> Vec<String> {
    let own = played.notices.iter().filter(|notice| notice.node.as_deref() == Some(node));
    let word = |what: &What| match what {
        What::NodeStarted { player, attempt, reconstructs } => {
            format!("{player} {attempt}{}", if *reconstructs { " reconstructs" } else { "" })
        }
        What::AttemptFailed { reconstructs: true, .. } => "faulted, to be reconstructed".to_owned(),
        What::AttemptFailed { message, .. } => format!("faulted: {message}"),
        What::NodePlayed { reconstructed, .. } => {
            format!("played{}", if *reconstructed { ", reconstructed" } else { "" })
        }
        What::NodeFailed { class, message } => format!("failed: {class}: {message}"),
        other => format!("{other:?}"),
    };
    own.map(|notice| format!("{} {}", notice.time.0 / 1_000_000, word(&notice.what))).collect()
}

#[test]
fn it_follows_the_fallbacks_as_an_attempt_of_its_own() {
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let options = options(score(&melody(3, ""), &[]));
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    let view = orchestra.nodes(slot).into_iter().find(|node| node.path == "lost").unwrap();
    assert!(view.reconstructed && !view.reused && view.attempt == 3);
    let played = played(&mut orchestra, slot, &options, notices);
    let expected = [
        "0 operator:test/do 1",
        "10 faulted: attempt 1 fails",
        "10 instrument:test/do 2",
        "20 faulted, to be reconstructed",
        "20 operator:test/do 3 reconstructs",
        "25 played, reconstructed",
    ];
    assert_eq!(story(&played, "lost"), expected);
    assert_eq!((played.status, &played.outputs["x"]), (RunStatus::Completed, &Value::Int(142)));
    let calls = script.take();
    let keys: Vec<&str> = calls.iter().filter(|call| call.path == "lost").map(|call| call.key.as_str()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[2].ends_with("/lost/3"), "{keys:?}");
}

#[test]
fn it_waits_for_what_it_takes_and_the_node_does_not() {
    let played = play_text(&melody(90, ""));
    let story = story(&played, "lost");
    assert_eq!(
        story[3..],
        ["20 faulted, to be reconstructed", "90 operator:test/do 3 reconstructs", "95 played, reconstructed"]
    );
    assert_eq!(played.seconds, 0.096);
}

#[test]
fn a_node_that_plays_is_not_reconstructed() {
    let played = play_text(&melody(90, "").replace("fail = -1", "fail = 1"));
    assert_eq!(story(&played, "lost")[3..], ["20 played"]);
}

#[test]
fn a_node_that_is_skipped_is_not_reconstructed() {
    let played = play_text(&melody(3, "if = \"spare.x == 1\""));
    assert_eq!(story(&played, "lost").len(), 1);
    assert_eq!(played.words(), "after=skipped lost=skipped spare=done");
}

#[test]
fn its_outputs_must_fit_the_ports_and_pass_the_gate_or_the_node_fails() {
    let played = play_text(&melody(3, "gate = \"outputs.x > 1000\""));
    let last = "25 failed: refused: its reconstruction failed: its gate was not passed: `outputs.x > 1000`";
    assert_eq!(story(&played, "lost").last().unwrap(), last);
    assert_eq!(played.status, RunStatus::Failed);
    let text = melody(3, "").replace("with = { add = 100, took = 5 }", "with = { give = { x = \"no number\" } }");
    let played = play_text(&text);
    let last = story(&played, "lost").pop().unwrap();
    assert!(last.contains("failed: invalid_output: its reconstruction failed: output `x`"), "{last}");
}

#[test]
fn without_its_inputs_the_node_fails_as_it_failed_before() {
    let text = melody(30, "")
        .replace("give = { x = 42 }", "fail = -1")
        .replace("[node.lost]", "on_error = \"skip\"\n[node.lost]");
    let played = play_text(&text);
    let last = "30 failed: crash: attempt 2 fails; it could not be reconstructed: \
                input `from` of `reconstruct`: its producer gave nothing";
    assert_eq!(story(&played, "lost").last().unwrap(), last);
    assert_eq!(played.status, RunStatus::Failed);
    // What may be absent is left out, and a default stands in.
    for input in ["{ from = \"spare.x\", default = 7 }", "{ first_of = [\"spare.x\", \"inputs.y\"] }"] {
        let text = text
            .replace("\"spare.x\"", input)
            .replace("[outputs]", "[inputs]\ny = { type = \"int\", default = 7 }\n[outputs]");
        let played = play_text(&text);
        assert_eq!((played.status, &played.outputs["x"]), (RunStatus::Completed, &Value::Int(107)), "{input}");
    }
}

#[test]
fn a_body_that_fails_is_reconstructed_as_a_whole_and_within_a_body_it_saves_the_body() {
    let body = "format = 1\nname = \"body\"\n[outputs]\nx = \"b.x\"\n[node.b]\nuses = \"operator:test/do\"\nwith = { fail = -1 }\nout = { x = \"int\" }\n";
    let uses = "uses = [\"operator:test/do\", \"instrument:test/do\"]\n        with = { took = 10, fail = -1, class = \"crash\" }";
    let text = melody(3, "").replace(uses, "uses = \"melody:body.melody.toml\"");
    let played = play(&options(score(&text, &[("body.melody.toml", body)])));
    assert_eq!(
        story(&played, "lost")[2..],
        ["10 faulted, to be reconstructed", "10 operator:test/do 2 reconstructs", "15 played, reconstructed"]
    );
    assert_eq!(played.outputs["x"], Value::Int(142));
    let saved = format!(
        "{body}on_error = \"reconstruct\"\nreconstruct = {{ uses = \"builtin:test/sum\", with = {{ add = 5 }} }}\n"
    );
    let played = play(&options(score(&text, &[("body.melody.toml", &saved)])));
    assert_eq!((played.status, &played.outputs["x"]), (RunStatus::Completed, &Value::Int(5)));
    assert_eq!(story(&played, "lost").len(), 3, "{:?}", story(&played, "lost"));
}

/// Remembers what was kept.
#[derive(Default)]
struct Kept(Mutex<Vec<Vec<Value>>>);

impl ReusePort for Kept {
    fn find(&self, _: &CallIdentity) -> Option<FinishedCall> {
        None
    }
    fn keep(&self, _: &CallIdentity, finished: FinishedCall) {
        self.0.lock().unwrap().push(finished.outputs);
    }
}

#[test]
fn its_result_is_not_kept_as_that_of_the_players() {
    let kept = Arc::new(Kept::default());
    let results = Arc::clone(&kept) as Arc<dyn ReusePort>;
    let reusing = Some(Arc::new(Reusing { results, rules: Vec::new(), seed: None }));
    play(&RunOptions { reusing, ..options(score(&melody(3, ""), &[])) });
    let mut kept = kept.0.lock().unwrap().clone();
    kept.sort_by_key(|outputs| outputs[0].as_int());
    // `spare`, and `after`: 42 and 142.
    assert_eq!(kept, [vec![Value::Int(42)], vec![Value::Int(142)]]);
}

#[test]
fn it_is_taken_up_after_a_kill_at_any_frame_with_the_same_key() {
    let melodies = [
        melody(90, ""),
        melody(3, ""),
        melody(3, "gate = \"outputs.x > 1000\""),
        melody(60, "").replace("in = { from", "in = { and = \"after_spare.x\", from")
            + "[node.after_spare]\nuses = \"operator:test/do\"\nneeds = [\"spare\"]\nout = { x = \"int\" }\n",
    ];
    for text in melodies {
        let options = options(score(&text, &[]));
        let script = Arc::new(Script::default());
        let mut orchestra = Orchestra::new(parts_with(&script));
        let slot = orchestra.play(&options, None);
        let (mut frames, mut checkpoints) = (Vec::new(), Vec::new());
        while orchestra.status(slot) == RunStatus::Playing || !matches!(orchestra.pulse(), Pulse::Rest(_)) {
            orchestra.frame();
            frames.extend(orchestra.sealed(slot));
            checkpoints.push(orchestra.checkpoint(slot));
        }
        let frames: Vec<(u64, Vec<u8>)> = (0..).zip(frames).collect();
        let notices = orchestra.notices();
        let whole = played(&mut orchestra, slot, &options, notices);
        let key = |script: &Script| script.take().into_iter().rfind(|call| call.path == "lost").map(|call| call.key);
        let first = key(&script);
        for cut in 0..frames.len() {
            let from = checkpoints.iter().flatten().rfind(|(frame, _)| (*frame as usize) < cut).cloned();
            for checkpoint in [None, from] {
                let after = checkpoint.as_ref().map_or(0, |(frame, _)| *frame as usize + 1);
                let restored = Restored { checkpoint, frames: &frames[after..cut], path: "test", play_on: true };
                let mut orchestra = Orchestra::new(parts_with(&script));
                let slot = restore(&mut orchestra, &options, &restored, None).unwrap();
                orchestra.play_to_end(slot);
                let notices = orchestra.notices();
                let ended = played(&mut orchestra, slot, &options, notices);
                assert_eq!((ended.words(), &ended.outputs), (whole.words(), &whole.outputs), "cut {cut}\n{text}");
                let again = key(&script);
                assert!(again.is_none() || again == first, "cut {cut}: {again:?}\n{text}");
            }
        }
    }
}

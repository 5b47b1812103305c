//! What the simulation once found, each as the smallest melody that shows it.

mod stand;

use stand::{Script, options, parts_with, play, play_text, played, score};
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{RunStatus, What};
use symphony_ecs_core::value::Value;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::{Command, Orchestra};

fn melody(body: &str) -> String {
    format!("format = 1\nname = \"test\"\n{body}")
}

#[test]
fn a_refused_approval_is_not_passed_on_to_the_fallback() {
    for retry in ["", "retry = { max = 3, on = [\"denied\"] }"] {
        let played = play_text(&melody(&format!(
            r#"
            [node.a]
            uses = ["operator:test/do", "instrument:test/do"]
            out = {{ x = "int" }}
            approve = {{ by = "human", timeout = "1s", else = "fail" }}
            {retry}
            "#
        )));
        assert_eq!(played.status, RunStatus::Failed);
        assert!(played.story("node_started").is_empty(), "it plays without permission");
    }
}

#[test]
fn the_end_of_an_old_wait_answers_no_new_question() {
    let body = melody(
        r#"
        [outputs]
        x = "b.x"
        [node.a]
        uses = "operator:test/do"
        out = { x = "int" }
        approve = { by = "human", timeout = "10s", else = "fail" }
        [node.b]
        uses = "operator:test/do"
        with = { took = 6000 }
        in = { x = "a.x" }
        out = { x = "int" }
        "#,
    );
    let text = melody(
        r#"
        [node.again]
        loop = { body = "body", max = 2 }
        out = { x = "int" }
        "#,
    );
    let options = options(score(&text, &[("body", &body)]));
    let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
    let slot = orchestra.play(&options, None);
    let approve = |node: &str| Command::Approve { node: node.to_owned(), approved: true, by: "test".to_owned() };
    let mut asked = Vec::new();
    for _ in 0..200 {
        orchestra.frame();
        for notice in orchestra.notices() {
            if let (What::ApprovalAsked { until_ns }, Some(node)) = (&notice.what, &notice.node) {
                assert_eq!(until_ns.map(|until| until.0 - notice.time.0), Some(10_000_000_000));
                asked.push(node.clone());
                // The first answer comes at once; the second would come too late for the first question.
                if asked.len() == 1 {
                    orchestra.command(slot, approve(node));
                }
            }
            if let What::ApprovalAnswered { approved: false, .. } = notice.what {
                assert!(notice.time.0 > 16_000_000_000, "answered at {}", notice.time.0);
            }
        }
    }
    assert_eq!(asked, ["again[0].a", "again[1].a"]);
    assert_eq!(orchestra.status(slot), RunStatus::Failed);
}

#[test]
fn an_incomplete_all_with_a_default_gives_the_default() {
    let played = play_text(&melody(
        r#"
        [outputs]
        sum = "c.x"
        list = { all = ["a.x", "b.x"], default = 7 }
        some = { all = ["a.x", "b.x"] }
        [node.a]
        uses = "operator:test/do"
        out = { x = "int" }
        [node.b]
        uses = "operator:test/do"
        with = { fail = -1 }
        out = { x = "int" }
        on_error = "skip"
        [node.c]
        uses = "builtin:test/sum"
        with = { add = 0 }
        in = { x = { all = ["a.x", "b.x"], default = 40 } }
        out = { x = "int" }
        "#,
    ));
    assert_eq!(played.outputs["sum"], Value::Int(40));
    assert_eq!(played.outputs["list"], Value::Int(7));
    assert_eq!(played.outputs["some"], Value::list(vec![Value::Int(1)]));
}

#[test]
fn each_item_of_a_map_is_undone_with_its_own_output() {
    let text = melody(
        r#"
        [node.list]
        uses = "operator:test/do"
        with = { give = { xs = [10, 20] } }
        out = { xs = "list<int>" }
        [node.each]
        map = { over = "list.xs" }
        uses = "operator:test/do"
        with = { add = 1 }
        in = { y = "item" }
        out = { x = "int" }
        undo = { uses = "operator:test/do", in = { made = "each.x", it = "item", twice = { expr = "each.x * 2" } } }
        [node.last]
        uses = "operator:test/do"
        in = { xs = "each.x" }
        with = { fail = -1 }
        on_error = "compensate"
        "#,
    );
    let options = options(score(&text, &[]));
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let undos: Vec<_> = script.take().into_iter().filter(|call| call.path.ends_with(".undo")).collect();
    let seen: Vec<_> = undos.iter().map(|call| (call.path.as_str(), call.inputs)).collect();
    assert_eq!(seen, [("each[1].undo", 21 + 20 + 42), ("each[0].undo", 11 + 10 + 22)]);
}

#[test]
fn a_hard_edge_brings_a_value_or_nothing_plays() {
    let body = melody(
        r#"
        [outputs]
        x = "a.x"
        [node.a]
        if = "false"
        uses = "operator:test/do"
        out = { x = "int" }
        "#,
    );
    let text = melody(
        r#"
        [node.nested]
        uses = "melody:body"
        out = { x = "int" }
        [node.after]
        uses = "operator:test/do"
        in = { x = "nested.x" }
        out = { x = "int" }
        "#,
    );
    let played = play(&options(score(&text, &[("body", &body)])));
    assert_eq!(played.words(), "after=skipped nested=done");
}

#[test]
fn later_iterations_keep_the_name_of_their_loop() {
    let body = melody("[outputs]\nx = \"a.x\"\n[node.a]\nuses = \"operator:test/do\"\nout = { x = \"int\" }\n");
    let text = melody("[node.again]\nloop = { body = \"body\", max = 3 }\nout = { x = \"int\" }\n");
    let played = play(&options(score(&text, &[("body", &body)])));
    assert_eq!(played.story("body_opened"), ["again[0]", "again[1]", "again[2]"]);
}

/// A body that fails and the node that fails with it are one frame: a journal that ends between them would play the
/// body a second time.
#[test]
fn a_body_and_its_node_fail_in_one_frame() {
    let body = melody(
        r#"
        [outputs]
        x = "a.x"
        [node.done]
        uses = "operator:test/do"
        out = { x = "int" }
        [node.a]
        uses = "operator:test/do"
        in = { x = "done.x" }
        with = { fail = -1 }
        out = { x = "int" }
        "#,
    );
    let text = melody("[node.nested]\nuses = \"melody:body\"\nout = { x = \"int\" }\non_error = \"skip\"\n");
    let options = options(score(&text, &[("body", &body)]));
    let whole = play(&options);
    let frames: Vec<_> = (0..).zip(whole.frames.iter().cloned()).collect();
    for cut in 0..=frames.len() {
        let script = Arc::new(Script::default());
        let mut orchestra = Orchestra::new(parts_with(&script));
        let restored = Restored { checkpoint: None, frames: &frames[..cut], path: "test", play_on: true };
        let slot = restore(&mut orchestra, &options, &restored, None).unwrap();
        orchestra.play_to_end(slot);
        let notices = orchestra.notices();
        let again = played(&mut orchestra, slot, &options, notices);
        assert_eq!(again.nodes["nested"], Status::Skipped);
        let failed = again.story("node_failed").len();
        assert!(failed <= 1 && script.take().len() <= 2, "cut after {cut}: the body plays again");
    }
}

#[test]
fn the_undo_of_a_function_that_failed_survives_a_resume() {
    let text = melody(
        r#"
        [node.a]
        uses = "builtin:test/sum"
        with = { broken = true }
        out = { x = "int" }
        undo = { uses = "operator:test/do", in = { x = "a.x" } }
        on_error = "compensate"
        retry = { max = 2, backoff = "fixed", base = "1s" }
        "#,
    );
    let options = options(score(&text, &[]));
    let whole = play(&options);
    assert_eq!(whole.story("undo_started"), ["a"]);
    let frames: Vec<_> = (0..).zip(whole.frames.iter().cloned()).collect();
    for cut in 0..frames.len() {
        let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
        let restored = Restored { checkpoint: None, frames: &frames[..cut], path: "test", play_on: true };
        let slot = restore(&mut orchestra, &options, &restored, None).unwrap();
        orchestra.play_to_end(slot);
        assert_eq!(orchestra.nodes(slot)[0].attempt, 2, "cut after {cut}");
        let undo_ended =
            orchestra.notices().iter().filter(|notice| matches!(notice.what, What::UndoEnded { .. })).count();
        // The undo may have ended in the frames that were kept.
        let kept = whole.frames.len() - cut;
        assert!(undo_ended == 1 || kept <= 1, "cut after {cut}: {undo_ended} undos");
    }
}

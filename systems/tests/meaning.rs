//! What melodies mean: one small melody per rule of the format, played under the virtual clock.

mod stand;

use stand::{options, play, play_text, score, score_for};
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::value::Value;

const HEAD: &str = "format = 1\nname = \"test\"\n";

fn melody(body: &str) -> String {
    format!("{HEAD}{body}")
}

#[test]
fn a_branch_not_taken_is_skipped_with_its_descendants() {
    let played = play_text(&melody(
        r#"
        [node.a]
        uses = "operator:test/do"
        out = { x = "int" }
        [node.yes]
        if = "a.x == 1"
        uses = "operator:test/do"
        in = { x = "a.x" }
        out = { x = "int" }
        [node.no]
        if = "a.x == 2"
        uses = "operator:test/do"
        in = { x = "a.x" }
        out = { x = "int" }
        [node.after_no]
        uses = "operator:test/do"
        in = { x = "no.x" }
        out = { x = "int" }
        [node.end]
        uses = "operator:test/do"
        in = { x = { first_of = ["no.x", "yes.x"] }, y = { from = "after_no.x", kind = "soft" } }
        out = { x = "int" }
        "#,
    ));
    assert_eq!(played.status, RunStatus::Completed);
    assert_eq!(played.words(), "a=done after_no=skipped end=done no=skipped yes=done");
}

#[test]
fn outputs_are_bound_and_defaults_stand_in() {
    let played = play_text(&melody(
        r#"
        [outputs]
        got = "b.x"
        none = "c.x"
        [node.a]
        uses = "operator:test/do"
        with = { fail = -1 }
        on_error = "skip"
        out = { x = "int" }
        [node.b]
        uses = "operator:test/do"
        in = { x = { from = "a.x", default = 41 } }
        out = { x = "int" }
        [node.c]
        uses = "operator:test/do"
        in = { x = "a.x" }
        out = { x = "int" }
        "#,
    ));
    assert_eq!(played.status, RunStatus::Completed);
    assert_eq!(played.words(), "a=skipped b=done c=skipped");
    assert_eq!(played.outputs["got"], Value::Int(41));
    assert_eq!(played.outputs["none"], Value::Absent);
}

#[test]
fn a_loop_plays_until_its_condition_holds_and_never_more_than_max() {
    let body = melody(
        r#"
        [inputs]
        n = { type = "int", required = true }
        [outputs]
        n = "step.n"
        [node.step]
        uses = "builtin:test/sum"
        in = { n = "inputs.n" }
        out = { n = "int" }
        "#,
    );
    let text = |until: &str, max: u32| {
        melody(&format!(
            r#"
            [outputs]
            n = "count.n"
            [node.count]
            loop = {{ body = "body.melody.toml", carry = {{ n = "n" }}, until = "{until}", max = {max} }}
            in = {{ n = {{ value = 0 }} }}
            out = {{ n = "int" }}
            "#
        ))
    };
    for (until, max, expected) in [("outputs.n >= 3", 10, 3), ("outputs.n >= 30", 5, 5), ("iteration == 1", 9, 2)] {
        let played = play(&options(score(&text(until, max), &[("body.melody.toml", &body)])));
        assert_eq!(played.outputs["n"], Value::Int(expected), "{until}");
        assert_eq!(played.story("node_played").len() as i64, expected + 1);
    }
}

#[test]
fn a_map_fans_out_in_order_and_leaves_failed_items_out_if_forgiven() {
    let text = |extra: &str, with: &str| {
        melody(&format!(
            r#"
            [outputs]
            all = "each.y"
            [node.list]
            uses = "operator:test/do"
            with = {{ give = {{ xs = [3, 1, 2] }} }}
            out = {{ xs = "list<int>" }}
            [node.each]
            map = {{ over = "list.xs", as = "x", max_parallel = 2 }}
            uses = "operator:test/do"
            in = {{ y = "item", i = "index" }}
            with = {{ {with} }}
            out = {{ y = "int" }}
            {extra}
            "#
        ))
    };
    let played = play_text(&text("", "took = 10"));
    assert_eq!(played.outputs["all"], Value::list(vec![Value::Int(3), Value::Int(1), Value::Int(2)]));
    assert_eq!(played.story("node_played"), ["list", "each[0]", "each[1]", "each[2]", "each"]);
    assert!((played.seconds - 0.03).abs() < 1e-9, "two at a time: {}", played.seconds);
    let played = play_text(&text("on_error = \"skip\"", "fail = -1"));
    assert_eq!(played.status, RunStatus::Completed);
    assert_eq!(played.outputs["all"], Value::list(vec![]));
    let played = play_text(&text("", "fail = -1"));
    assert_eq!(played.status, RunStatus::Failed);
}

#[test]
fn retries_back_off_then_fall_back_then_fail() {
    let text = |fail: i64| {
        melody(&format!(
            r#"
            [node.a]
            uses = ["operator:test/do", "instrument:test/do"]
            with = {{ fail = {fail}, took = 10 }}
            retry = {{ max = 2, backoff = "fixed", base = "100ms" }}
            out = {{ x = "int" }}
            "#
        ))
    };
    assert!((play_text(&text(1)).seconds - 0.12).abs() < 1e-9);
    let played = play_text(&text(3));
    assert_eq!((played.status, played.story("attempt_failed").len()), (RunStatus::Completed, 3));
    assert!((played.seconds - 0.24).abs() < 1e-9, "{}", played.seconds);
    let played = play_text(&text(9));
    assert_eq!((played.status, played.story("attempt_failed").len()), (RunStatus::Failed, 4));
}

#[test]
fn compensation_undoes_in_reverse_and_halts() {
    let played = play_text(&melody(
        r#"
        [node.a]
        uses = "operator:test/do"
        out = { id = "int" }
        undo = { uses = "operator:test/do", in = { id = "a.id" } }
        [node.b]
        uses = "operator:test/do"
        in = { id = "a.id" }
        out = { id = "int" }
        undo = { uses = "operator:test/do", in = { id = "b.id" } }
        [node.c]
        uses = "operator:test/do"
        in = { id = "b.id" }
        with = { fail = -1 }
        out = { id = "int" }
        undo = { uses = "operator:test/do", in = { id = "c.id" } }
        on_error = "compensate"
        [node.d]
        uses = "operator:test/do"
        in = { id = "c.id" }
        out = { id = "int" }
        "#,
    ));
    assert_eq!(played.status, RunStatus::Halted);
    assert_eq!(played.words(), "a=done b=done c=failed d=pending");
    assert_eq!(played.story("undo_started"), ["c", "b", "a"]);
}

#[test]
fn a_failed_body_fails_its_node_and_climbs_its_ladder() {
    let body = melody(
        r#"
        [outputs]
        x = "deep.x"
        [node.deep]
        uses = "operator:test/do"
        with = { fail = -1 }
        out = { x = "int" }
        [node.beside]
        uses = "operator:test/do"
        with = { took = 10000 }
        out = { x = "int" }
        "#,
    );
    let text = melody(
        r#"
        [node.nested]
        uses = "melody:body.melody.toml"
        out = { x = "int" }
        on_error = "skip"
        [node.after]
        uses = "operator:test/do"
        in = { x = { from = "nested.x", default = 1 } }
        out = { x = "int" }
        "#,
    );
    let played = play(&options(score(&text, &[("body.melody.toml", &body)])));
    assert_eq!(played.status, RunStatus::Completed);
    assert_eq!(played.words(), "after=done nested=skipped");
    assert_eq!(played.story("node_cancelled"), ["nested.beside"]);
    assert!(played.seconds < 1.0, "the sibling was stopped");
}

#[test]
fn budgets_are_reserved_and_refuse_what_they_cannot_pay() {
    let text = melody(
        r#"
        limits = { cost_usd = 0.0001 }
        [node.a]
        uses = "instrument:test/do"
        limits = { cost_usd = 0.00006 }
        with = { cost = 60 }
        out = { x = "int" }
        on_error = "skip"
        [node.b]
        uses = "instrument:test/do"
        limits = { cost_usd = 0.00006 }
        with = { cost = 60 }
        out = { x = "int" }
        on_error = "skip"
        "#,
    );
    let score = score(&text, &[]);
    let mut options = options(score);
    options.limits.cost_micros = Some(100);
    let played = play(&options);
    assert_eq!(played.words(), "a=done b=skipped");
}

#[test]
fn a_gate_judges_every_attempt_item_and_body() {
    let body = melody(
        r#"
        [outputs]
        x = "deep.x"
        [node.deep]
        uses = "operator:test/do"
        out = { x = "int" }
        "#,
    );
    let text = melody(
        r#"
        [node.varied]
        uses = "operator:test/do"
        with = { add = 1 }
        out = { x = "int" }
        gate = "outputs.x >= 9"
        retry = { max = 3, backoff = "none", on = ["refused"], vary = { add = [5, 9] } }
        [node.forgiven]
        uses = "builtin:test/sum"
        in = { x = "varied.x" }
        out = { x = "int" }
        gate = "outputs.x > 10"
        on_error = "skip"
        [node.items]
        map = { over = { expr = "[1, 2, 3]" }, as = "n" }
        uses = "operator:test/do"
        in = { n = "n" }
        with = { add = 0 }
        out = { x = "int" }
        gate = "outputs.x != 2"
        on_error = "skip"
        [node.nested]
        uses = "melody:body.melody.toml"
        out = { x = "int" }
        gate = "outputs.x == 2"
        on_error = "skip"
        [outputs]
        items = "items.x"
        varied = "varied.x"
        "#,
    );
    let played = play(&options(score(&text, &[("body.melody.toml", &body)])));
    assert_eq!(played.status, RunStatus::Completed);
    assert_eq!(played.words(), "forgiven=skipped items=done nested=skipped varied=done");
    assert_eq!(played.outputs["varied"], Value::Int(9));
    assert_eq!(played.outputs["items"], Value::list(vec![Value::Int(1), Value::Int(3)]));
    let mut failed = played.story("attempt_failed");
    failed.sort();
    assert_eq!(failed, ["forgiven", "items[1]", "nested", "varied", "varied"]);
}

#[test]
fn settings_are_seen_by_expressions() {
    let text = melody(
        r#"
        [node.careful]
        if = "has(settings.care) && settings.care > 2"
        uses = "operator:test/do"
        out = { x = "int" }
        [node.plain]
        uses = "operator:test/do"
        in = { x = { expr = "has(settings.care) ? settings.care : 7" } }
        with = { add = 0 }
        out = { x = "int" }
        gate = "outputs.x >= (has(settings.care) ? settings.care : 0)"
        [outputs]
        x = "plain.x"
        "#,
    );
    let played = play(&options(score(&text, &[])));
    assert_eq!((played.words().as_str(), &played.outputs["x"]), ("careful=skipped plain=done", &Value::Int(7)));
    let preferred = score_for(&text, &[], &Value::map([("care", Value::Int(3))]));
    let played = play(&options(preferred));
    assert_eq!((played.words().as_str(), &played.outputs["x"]), ("careful=done plain=done", &Value::Int(3)));
}

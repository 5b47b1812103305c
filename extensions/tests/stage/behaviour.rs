//! Players that play, fail, crash, hang, flood and are stopped.

use crate::harness::{PATIENCE, Theatre, eventually, is_alive, set};
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallWhat, ExtensionPort, SettingValue, Usage};
use symphony_ecs_core::value::Value;

#[test]
fn a_call_comes_back_with_its_outputs_and_its_cost() {
    let mut theatre = Theatre::new();
    let value = Value::map([
        ("text", Value::from("ä\0\u{1f3bc}")),
        ("bytes", Value::Bytes(vec![0, 255].into())),
        ("list", Value::list(vec![Value::Int(i64::MIN), Value::Float(0.5), Value::Absent])),
    ]);
    let request = theatre.request("echo", &[("x", value.clone())]);
    let played = theatre.play(request);
    assert_eq!(played.value(), &value);
    assert_eq!(played.end.unwrap().usage, Usage { cost_micros: 3, tokens: 5 });
}

#[test]
fn a_player_knows_its_call_and_nothing_of_the_host() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("about", &[]);
    request.settings = vec![("token".into(), SettingValue::Secret("PATH".into()))];
    let played = theatre.play(request);
    let about = |key: &str| played.value().get(key).cloned().unwrap();
    assert_eq!(about("key"), Value::from("run/node/1"));
    assert_eq!(about("path"), Value::from("fix_loop[3].patch"));
    assert_eq!(about("attempt"), Value::Int(2));
    assert_eq!(about("seed"), Value::from((u64::MAX - 1).to_string()));
    assert_eq!(about("token"), Value::from(std::env::var("PATH").unwrap()));
    assert_eq!(about("cwd"), about("working_dir"));
    // Standard input, output and error, and the bus.
    assert_eq!(about("fds"), Value::Int(4));
    let env = about("env");
    let allowed = ["PATH", "LANG", "HOME", "TMPDIR", "SYMPHONY_BUS_FD", "SYMPHONY_BUS_CODEC"];
    for name in env.as_list().unwrap() {
        let name = name.as_text().unwrap();
        // A program that counts its lines (`cargo xtask coverage`) sets this one for itself.
        let counts = name.starts_with("__LLVM_PROFILE");
        assert!(counts || allowed.contains(&name), "{name:?} reached the player");
    }
}

#[test]
fn processes_are_kept_warm_and_play_side_by_side() {
    let mut theatre = Theatre::with(&["serve"], "20s", |config| config.idle = Duration::from_millis(300));
    let pid = |theatre: &mut Theatre| theatre.simple("about", &[]).value().get("pid").cloned().unwrap();
    let first = pid(&mut theatre);
    assert_eq!(pid(&mut theatre), first, "the same process plays again");
    let waiting = theatre.request("wait", &[]);
    let id = waiting.id;
    theatre.host.call(waiting).unwrap();
    assert_ne!(pid(&mut theatre), first, "a second call has a second process");
    assert_eq!(theatre.host.processes()["operator:trial"], 2);
    theatre.host.cancel(id);
    assert_eq!(theatre.wait(id).failure().class, ErrorClass::Cancelled);
    eventually("idle processes end", || theatre.host.processes().is_empty());
    assert!(theatre.simple("echo", &[]).end.is_ok(), "and a new one comes when it is needed");
}

#[test]
fn failures_arrive_whole_and_without_secrets() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("fail", &[]);
    request.settings = vec![("token".into(), SettingValue::Secret("PATH".into()))];
    let played = theatre.play(request);
    let failure = played.failure();
    assert_eq!(failure.class, ErrorClass::RateLimited);
    assert_eq!(failure.message, "come back later, •••");
    assert_eq!(failure.retry_after, Some(Duration::from_millis(1500)));
    assert_eq!(failure.usage, Usage { cost_micros: 7, tokens: 9 });
    let mut request = theatre.request("fail", &[]);
    request.settings = vec![("token".into(), SettingValue::Secret("SYMPHONY_NO_SUCH".into()))];
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Denied);
    assert!(played.failure().message.contains("set the environment variable SYMPHONY_NO_SUCH"));
}

#[test]
fn crashes_say_what_happened() {
    let mut theatre = Theatre::new();
    for (operation, words) in [
        ("crash", "operator:trial was ended by signal 6 (abort)"),
        ("exit", "operator:trial ended with status 3 in the middle of a call; its last words:\nlast words"),
        ("panic", "the player panicked: out of tune"),
    ] {
        let played = theatre.simple(operation, &[]);
        assert_eq!(played.failure().class, ErrorClass::Crash, "{operation}");
        assert!(played.failure().message.contains(words), "{operation}: {}", played.failure().message);
        assert!(theatre.simple("echo", &[]).end.is_ok(), "the next call has a new process");
    }
}

#[test]
fn a_hanging_player_is_ended_in_time_and_a_polite_one_lives_on() {
    let mut theatre = Theatre::new();
    let mut request = theatre.request("hang", &[]);
    request.timeout = Some(Duration::from_millis(100));
    let begun = Instant::now();
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Timeout);
    assert!(begun.elapsed() >= Duration::from_millis(600), "100 ms and 500 ms of grace");
    let pid = |theatre: &mut Theatre| theatre.simple("about", &[]).value().get("pid").cloned();
    let polite = pid(&mut theatre);
    let mut request = theatre.request("wait", &[]);
    request.timeout = Some(Duration::from_millis(50));
    let played = theatre.play(request);
    assert_eq!(played.failure().class, ErrorClass::Timeout);
    assert_eq!(played.failure().usage.tokens, 42, "what it cost is still told");
    assert_eq!(pid(&mut theatre), polite);
}

#[test]
fn short_deadlines_hold_while_the_thread_sleeps_for_long() {
    let mut theatre = Theatre::new();
    theatre.simple("echo", &[]);
    for span in [2000, 60, 30] {
        let mut request = theatre.request("wait", &[]);
        request.timeout = Some(Duration::from_millis(span));
        let begun = Instant::now();
        assert_eq!(theatre.play(request).failure().class, ErrorClass::Timeout);
        assert!(begun.elapsed() < Duration::from_millis(span + 1500), "{span} ms took {:?}", begun.elapsed());
    }
}

#[test]
fn cancelled_calls_end_whether_they_listen_or_not() {
    let mut theatre = Theatre::new();
    for operation in ["wait", "hang", "spin"] {
        let request = theatre.request(operation, &[]);
        let id = request.id;
        theatre.host.call(request).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        theatre.host.cancel(id);
        assert_eq!(theatre.wait(id).failure().class, ErrorClass::Cancelled, "{operation}");
    }
    // One that has no process yet.
    let mut theatre = Theatre::with(&["silent"], "20s", |_| {});
    let request = theatre.request("echo", &[]);
    let id = request.id;
    theatre.host.call(request).unwrap();
    theatre.host.cancel(id);
    assert_eq!(theatre.wait(id).failure().class, ErrorClass::Cancelled);
}

#[test]
fn a_flood_starves_nobody() {
    let mut theatre = Theatre::new();
    theatre.simple("echo", &[]);
    let mut flood = theatre.request("flood", &[]);
    flood.settings = set(&[("ms", Value::Int(1500))]);
    let id = flood.id;
    theatre.host.call(flood).unwrap();
    // Nobody takes the flood's events while others play, save what comes between.
    let begun = Instant::now();
    let mut calls = 0;
    while begun.elapsed() < Duration::from_millis(800) {
        assert!(theatre.simple("echo", &[]).end.is_ok());
        calls += 1;
    }
    assert!(calls > 20, "{calls} calls got through");
    let played = theatre.wait(id);
    assert!(played.end.is_ok(), "{:?}", played.end);
    assert!(played.told.len() < 300, "{} events of a flood", played.told.len());
}

#[test]
fn streams_arrive_whole_and_in_order() {
    let mut theatre = Theatre::new();
    let pieces = 50_000;
    let played = theatre.simple("stream", &[("pieces", Value::Int(pieces))]);
    assert!(played.end.is_ok());
    let mut text = String::new();
    for what in &played.told {
        if let CallWhat::Chunk { port, text: piece } = what {
            assert_eq!(port, "y");
            text.push_str(piece);
        }
    }
    let expected: String = (0..pieces).map(|piece| format!("{piece},")).collect();
    assert_eq!(text.len(), expected.len());
    assert_eq!(text, expected);
    assert!(played.told.len() < 5000, "pieces are joined: {} events", played.told.len());
}

#[test]
fn a_full_house_says_so_and_has_room_again() {
    let mut theatre = Theatre::with(&["serve"], "20s", |config| config.max_processes = 2);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = theatre.request("wait", &[]);
        ids.push(request.id);
        theatre.host.call(request).unwrap();
    }
    let third = theatre.request("echo", &[]);
    let busy = theatre.host.call(third).expect_err("two processes are at work");
    theatre.host.cancel(ids[0]);
    theatre.wait(ids[0]);
    let id = busy.0.id;
    theatre.host.call(*busy.0).expect("room again as soon as the end was told");
    assert!(theatre.wait(id).end.is_ok());
    theatre.host.cancel(ids[1]);
    theatre.wait(ids[1]);
}

#[test]
fn calling_never_blocks_and_dropping_ends_everything() {
    let mut theatre = Theatre::with(&["serve"], "20s", |config| config.max_processes = 4);
    let mut pids = Vec::new();
    for _ in 0..2 {
        let request = theatre.request("orphan", &[]);
        let begun = Instant::now();
        theatre.host.call(request).unwrap();
        assert!(begun.elapsed() < Duration::from_millis(100), "call() took {:?}", begun.elapsed());
    }
    while pids.len() < 2 {
        if let CallWhat::Progress { message: Some(message), .. } = theatre.next(Instant::now() + PATIENCE).what {
            pids.push(message.strip_prefix("grandchild ").unwrap().parse::<u32>().unwrap());
        }
    }
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    drop(theatre);
    for pid in pids {
        eventually("grandchildren are gone with the host", || !is_alive(pid));
    }
}

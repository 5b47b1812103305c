//! Processes that are started ahead, and what the stage reports of them: a player that dies is told of wherever it is
//! in its life.

use crate::harness::{PATIENCE, Theatre, eventually, is_alive};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{ExtensionPort, ProcessReport, ProcessWhat, WarmOrder};
use symphony_ecs_core::value::Value;

fn order(theatre: &Theatre, seats: u32) -> WarmOrder {
    let operation = theatre.operation("trial", "echo");
    WarmOrder { operation, mem: None, cpu: None, seats, keep: Duration::from_secs(60) }
}

/// Waits for reports until one holds, and gives all.
fn reports(theatre: &mut Theatre, until: impl Fn(&ProcessWhat) -> bool) -> Vec<ProcessReport> {
    let mut all: Vec<ProcessReport> = Vec::new();
    let limit = Instant::now() + PATIENCE;
    while !all.iter().any(|report| until(&report.what)) {
        assert!(Instant::now() < limit, "only this was reported: {all:?}");
        all.extend(theatre.host.lives());
        std::thread::sleep(Duration::from_millis(2));
    }
    all
}

fn words(reports: &[ProcessReport]) -> Vec<&'static str> {
    let word = |report: &ProcessReport| match report.what {
        ProcessWhat::Starting { ahead: true } => "starting ahead",
        ProcessWhat::Starting { ahead: false } => "starting",
        ProcessWhat::Spawned => "spawned",
        ProcessWhat::Ready { .. } => "ready",
        ProcessWhat::Retired => "retired",
        ProcessWhat::Died { .. } => "died",
    };
    reports.iter().map(word).collect()
}

fn is_ready(what: &ProcessWhat) -> bool {
    matches!(what, ProcessWhat::Ready { .. })
}

fn is_gone(what: &ProcessWhat) -> bool {
    matches!(what, ProcessWhat::Died { .. } | ProcessWhat::Retired)
}

/// A theatre that is watched, with one process that is ready, and its number on the stage and in the system.
fn one_ready() -> (Theatre, u64, u32) {
    let mut theatre = Theatre::new();
    assert!(theatre.host.lives().is_empty());
    assert_eq!(theatre.host.warm(&order(&theatre, 1)), 1);
    let told = reports(&mut theatre, is_ready);
    assert_eq!(words(&told), ["starting ahead", "spawned", "ready"]);
    let process = told[0].process;
    assert!(told.iter().all(|report| report.process == process && &*report.pool == "operator:trial"));
    let ProcessWhat::Ready { memory: Some(memory) } = told[2].what else { panic!("{told:?}") };
    assert!(memory > 100_000, "{memory} bytes");
    let request = theatre.request("about", &[]);
    let id = request.id;
    assert_eq!(theatre.host.call_on(request, Some(process)).unwrap(), Some(process), "the warm one plays");
    let pid = theatre.wait(id).value().get("pid").and_then(Value::as_int).unwrap();
    (theatre, process, u32::try_from(pid).unwrap())
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_warm_process_plays_the_first_call() {
    let (mut theatre, _, _) = one_ready();
    assert_eq!(theatre.host.warm(&order(&theatre, 1)), 0, "it is idle: nothing more is needed");
    assert_eq!(theatre.host.warm(&order(&theatre, 3)), 2);
    eventually("three processes", || theatre.host.processes()["operator:trial"] == 3);
}

#[test]
fn a_call_joins_a_process_that_is_on_its_way() {
    let mut theatre = Theatre::with(&["slow-start"], "20s", |_| {});
    theatre.host.lives();
    theatre.host.warm(&order(&theatre, 1));
    let request = theatre.request("echo", &[]);
    let id = request.id;
    let process = theatre.host.call_on(request, None).unwrap();
    let told = reports(&mut theatre, is_ready);
    assert_eq!(Some(told[0].process), process);
    assert!(theatre.wait(id).end.is_ok());
    assert_eq!(theatre.host.processes()["operator:trial"], 1, "no second one was started for it");
}

#[test]
fn what_was_started_ahead_makes_way_for_a_call() {
    let folder = tempfile::tempdir().unwrap();
    crate::harness::trial(&folder.path().join("extensions"), &["serve"], "20s");
    let other = std::fs::read_to_string(folder.path().join("extensions/trial/Symphony.toml")).unwrap();
    std::fs::create_dir_all(folder.path().join("extensions/other")).unwrap();
    let other = other.replace("id = \"trial\"", "id = \"other\"").replace("\"serve\"", "\"silent\"");
    std::fs::write(folder.path().join("extensions/other/Symphony.toml"), other).unwrap();
    let mut theatre = Theatre::over(folder, |config| config.max_processes = 1);
    let silent = WarmOrder { operation: theatre.operation("other", "echo"), ..order(&theatre, 1) };
    assert_eq!(theatre.host.warm(&silent), 1);
    assert_eq!(theatre.host.warm(&order(&theatre, 1)), 0, "what is only foreseen drives nobody out");
    let request = theatre.request("echo", &[]);
    assert!(theatre.play(request).end.is_ok(), "a call does");
}

#[test]
fn one_that_dies_while_it_is_loaded_is_told_of() {
    for (arguments, startup, said) in [
        (["die"], "20s", "operator:trial ended with status 7 before it said HELLO; its last words:\nno strength left"),
        (["silent"], "300ms", "operator:trial did not say HELLO within 300ms of its start"),
    ] {
        let mut theatre = Theatre::with(&arguments, startup, |_| {});
        theatre.host.lives();
        theatre.host.warm(&order(&theatre, 1));
        let told = reports(&mut theatre, is_gone);
        assert_eq!(words(&told), ["starting ahead", "spawned", "died"]);
        let ProcessWhat::Died { message } = &told[2].what else { panic!("{told:?}") };
        assert_eq!(message, said);
    }
}

#[test]
fn one_that_is_killed_while_it_is_loaded_is_told_of() {
    let mut theatre = Theatre::with(&["silent", "to-be-killed"], "20s", |_| {});
    theatre.host.lives();
    theatre.host.warm(&order(&theatre, 1));
    reports(&mut theatre, |what| *what == ProcessWhat::Spawned);
    let child = || {
        let all =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(|pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent.and_then(|parent| parent.parse().ok()) == Some(std::process::id())
        })
        .find(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().ends_with(b"silent\0to-be-killed\0")
        })
    };
    eventually("the player runs", || child().is_some());
    kill(child().unwrap());
    let told = reports(&mut theatre, is_gone);
    assert!(matches!(&told[0].what, ProcessWhat::Died { message } if message.contains("signal 9")), "{told:?}");
}

#[test]
fn one_that_dies_while_it_is_ready_is_told_of_and_replaced() {
    let (mut theatre, process, pid) = one_ready();
    kill(pid);
    let told = reports(&mut theatre, is_gone);
    assert_eq!((told[0].process, words(&told)), (process, vec!["died"]));
    assert!(!theatre.host.unload(process), "what is gone cannot go");
    let request = theatre.request("echo", &[]);
    let id = request.id;
    let next = theatre.host.call_on(request, Some(process)).unwrap();
    assert_ne!(next, Some(process));
    assert!(theatre.wait(id).end.is_ok());
}

#[test]
fn one_that_dies_with_a_call_fails_the_call_and_is_told_of() {
    let (mut theatre, process, _) = one_ready();
    let request = theatre.request("crash", &[]);
    let id = request.id;
    assert_eq!(theatre.host.call_on(request, Some(process)).unwrap(), Some(process));
    assert_eq!(theatre.wait(id).failure().class, ErrorClass::Crash);
    let told = reports(&mut theatre, is_gone);
    assert_eq!((told[0].process, words(&told)), (process, vec!["died"]));
}

#[test]
fn one_that_is_let_go_retires_even_if_it_is_killed_on_its_way_out() {
    let (mut theatre, process, pid) = one_ready();
    assert!(theatre.host.unload(process));
    assert!(!theatre.host.unload(process), "once");
    let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL);
    let told = reports(&mut theatre, is_gone);
    assert_eq!(words(&told), ["retired"]);
    eventually("it is gone", || !is_alive(pid));
}

#[test]
fn one_that_is_not_wanted_any_more_goes_before_it_is_ready() {
    let mut theatre = Theatre::with(&["silent"], "20s", |_| {});
    theatre.host.lives();
    theatre.host.warm(&order(&theatre, 1));
    let told = reports(&mut theatre, |what| *what == ProcessWhat::Spawned);
    assert!(theatre.host.unload(told[0].process));
    assert_eq!(words(&reports(&mut theatre, is_gone)), ["retired"]);
}

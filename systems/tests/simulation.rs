//! Deterministic simulation: thousands of random melodies with random faults, held against the oracle.
//!
//! `SYMPHONY_SEED=n` plays one seed and prints its melody; `SYMPHONY_LONG=1` plays 100,000.

mod stand;

use stand::oracle::{Expected, Oracle, undone_before};
use stand::plan::{Plan, Profile, What, draw};
use stand::stories::{Stories, check_invariants, stories, timeless};
use stand::{Played, Script, options_of, parts_with, played};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use symphony_systems::Orchestra;

fn profile_of(seed: u64) -> Profile {
    match seed % 4 {
        0 | 1 => Profile { races: true, halts: true, ..Profile::default() },
        2 => Profile { parallel: true, ..Profile::default() },
        _ => Profile { parallel: true, budget: true, halts: seed % 8 == 7, ..Profile::default() },
    }
}

/// Which seeds are played: those asked for, or as many as there is time for.
fn seeds() -> std::ops::Range<u64> {
    let asked: Option<u64> = std::env::var("SYMPHONY_SEED").ok().and_then(|seed| seed.parse().ok());
    match (asked, std::env::var_os("SYMPHONY_LONG")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(_)) => 0..100_000,
        (None, None) => 0..2_000,
    }
}

#[test]
fn melodies_come_to_what_the_oracle_says() {
    let begun = std::time::Instant::now();
    let seeds = seeds();
    let (mut wrong, mut ends) = (Vec::new(), BTreeMap::<String, u32>::new());
    for seed in seeds.clone() {
        let plan = draw(seed, profile_of(seed));
        match catch_unwind(AssertUnwindSafe(|| check(&plan, seed))) {
            Ok(Ok(end)) => *ends.entry(end).or_default() += 1,
            Ok(Err(why)) => wrong.push((seed, why, plan)),
            Err(_) => wrong.push((seed, "it panics".to_owned(), plan)),
        }
    }
    let count = seeds.end - seeds.start;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{count} melodies in {seconds:.1} s, {:.0} a second; {ends:?}", count as f64 / seconds);
    wrong.sort_by_key(|(.., plan)| plan.print().len());
    if let Some((seed, why, plan)) = wrong.first() {
        let mut kinds = BTreeMap::<&str, Vec<u64>>::new();
        for (seed, why, _) in &wrong {
            kinds
                .entry(why.lines().next().unwrap_or("").split(" n").next().unwrap_or("").trim())
                .or_default()
                .push(*seed);
        }
        for (kind, seeds) in kinds {
            println!("{:6} × {kind}: {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
        }
        panic!("{}\nseed {seed} (the shortest of {} that are wrong): {why}", plan.print(), wrong.len());
    }
}

fn check(plan: &Plan, seed: u64) -> Result<String, String> {
    let options = options_of(plan);
    let script = Arc::new(Script::default());
    let mut orchestra = Orchestra::new(parts_with(&script));
    let slot = orchestra.play(&options, None);
    orchestra.play_to_end(slot);
    let notices = orchestra.notices();
    let spent = orchestra.run(slot).unwrap().budget.spent.cost_micros;
    let now = orchestra.run(slot).unwrap().now.0;
    let played = played(&mut orchestra, slot, &options, notices);
    check_invariants(plan, &played.notices)?;
    check_budget(plan, spent)?;
    let calls: Vec<_> = script.take().into_iter().map(|call| (call.path, call.attempt, call.inputs)).collect();
    let end = played.status.as_str().to_owned();
    let profile = profile_of(seed);
    if profile.budget {
        return Ok(end);
    }
    let expected = Oracle::play(plan);
    check_outcome(&played, &expected, calls)?;
    let (seen, undos) = stories(&played.notices);
    if profile.parallel {
        same("the timeless stories", &timeless(&seen), &timeless(&expected.stories))?;
    } else {
        same_stories(&seen, &expected.stories)?;
        same("the end", &now, &expected.end)?;
    }
    check_undos(plan, undos, &expected)?;
    Ok(end)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what}\n    seen {seen:?}\nexpected {expected:?}")) }
}

fn same_stories(seen: &Stories, expected: &Stories) -> Result<(), String> {
    for path in seen.keys().chain(expected.keys()) {
        same(&format!("the story of {path}"), &seen.get(path), &expected.get(path))?;
    }
    Ok(())
}

fn check_outcome(played: &Played, expected: &Expected, calls: Vec<(String, u32, i64)>) -> Result<(), String> {
    same("how the run ended", &played.status.as_str(), &expected.status)?;
    let nodes: BTreeMap<String, &str> =
        played.nodes.iter().map(|(path, status)| (path.clone(), status.as_str())).collect();
    same("the nodes", &nodes, &expected.nodes)?;
    let sorted = |mut calls: Vec<(String, u32, i64)>| {
        calls.sort();
        calls
    };
    same("the calls", &sorted(calls), &sorted(expected.calls.clone()))?;
    same("the outputs", &played.outputs.values().cloned().collect(), &expected.outputs)
}

/// Every undo that must be, once, and none before something that waited for it.
fn check_undos(plan: &Plan, seen: Vec<String>, expected: &Expected) -> Result<(), String> {
    let sorted = |mut paths: Vec<String>| {
        paths.sort();
        paths
    };
    let wanted = expected.undos.iter().map(|undo| undo.path.clone()).collect();
    same("the undos", &sorted(seen.clone()), &sorted(wanted))?;
    let undo = |path: &String| expected.undos.iter().find(|undo| undo.path == *path).unwrap();
    for (place, first) in seen.iter().enumerate() {
        for second in &seen[place + 1..] {
            if first != second && !undone_before(plan, undo(first), undo(second)) {
                return Err(format!("{first} is undone before {second}"));
            }
        }
    }
    Ok(())
}

/// What is spent may exceed the limit by what one call took that declared nothing.
fn check_budget(plan: &Plan, spent: u64) -> Result<(), String> {
    let Some(limit) = plan.cost else { return Ok(()) };
    let undeclared = plan.melodies.iter().flat_map(|melody| &melody.nodes).filter_map(|node| match node.what {
        What::Do { cost, worst: None, .. } => Some(cost),
        _ => None,
    });
    match spent <= limit + undeclared.max().unwrap_or(0) {
        true => Ok(()),
        false => Err(format!("{spent} micro-dollars are spent of {limit}")),
    }
}

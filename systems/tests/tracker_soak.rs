//! A soak of the DAG Tracker: graphs of all kinds of dependencies are played, tracked, checkpointed and restored, scores
//! are rewired and compacted, losses planned, lore merged and written, again and again. Memory must not grow.
//!
//! A second by default; `SYMPHONY_SOAK_SECONDS` says how long (the long tier: ten minutes).

mod stand;

use stand::plan::Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::melody::model::JoinKind;
use symphony_ecs_core::score::{Action, EdgeMode, NodeSpec, Score, Wiring};
use symphony_pit::dag::{Lore, Losses, Refusal, Routes};
use symphony_systems::restore::{Restored, restore};
use symphony_systems::{Orchestra, RunOptions};

const ROWS: usize = 4_000;

/// Resident memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn drawn(rng: &mut Rng) -> Score {
    use EdgeMode::{Group, Hard, Optional, Soft};
    let mut edges = Vec::new();
    for row in 1..ROWS {
        let mode = [Hard, Hard, Soft, Group, Optional][rng.below(5)];
        for _ in 0..3 {
            edges.push(((row - 1 - rng.below(row.min(256))) as u32, row as u32, mode));
        }
    }
    edges.sort_unstable_by_key(|(from, to, mode)| (*to, *from, *mode));
    edges.dedup();
    let specs = [JoinKind::All, JoinKind::AnyOf, JoinKind::NOf(2)].into_iter().zip(1..).map(|(group, seconds)| {
        let span = Duration::from_secs(seconds);
        NodeSpec { group, ..NodeSpec::plain(Action::Pause(span), span) }
    });
    let spec_of = (0..ROWS).map(|_| rng.below(3) as u32).collect();
    Score::in_waves("soak", ROWS as u32, &edges, specs.collect(), spec_of, Wiring::Order).expect("acyclic")
}

fn round(rng: &mut Rng, orchestra: &mut Orchestra, lore: &mut Lore) {
    let score = Arc::new(drawn(rng));
    let known = Arc::new(lore.clone());
    let options =
        RunOptions { record: true, tracking: Some(known), ..RunOptions::simulated(Arc::clone(&score), rng.next()) };
    let slot = orchestra.play(&options, None);
    let half = ROWS as u64 / 2;
    while orchestra.tally(slot).played < half {
        orchestra.frame();
        orchestra.sealed(slot).clear();
    }
    let (frame, blob) = orchestra.checkpoint(slot).expect("it has begun");
    orchestra.play_to_end(slot);
    assert_eq!(orchestra.status(slot), RunStatus::Completed);
    let end = orchestra.outlook(slot, Default::default()).expect("it is tracked").end;
    lore.merge(&orchestra.learned(slot).expect("it is tracked"));
    drop(orchestra.leave(slot));

    let from = Restored { checkpoint: Some((frame, blob)), frames: &[], path: "soak", play_on: true };
    let slot = restore(orchestra, &options, &from, None).expect("it was sound");
    orchestra.play_to_end(slot);
    assert_eq!(orchestra.tally(slot).played, ROWS as u64);
    // What was playing at the checkpoint plays again from its beginning.
    let again = orchestra.outlook(slot, Default::default()).expect("it is tracked").end;
    assert!(again >= end && again.since(end) <= Duration::from_secs(6), "{again:?} after {end:?}");
    drop(orchestra.leave(slot));

    let mut routes = Routes::new(&score.topology, |row| row < 400);
    for _ in 0..2_000 {
        let node = routes.add();
        let (one, other) = (400 + rng.below(ROWS - 400) as u32, 400 + rng.below(ROWS - 400) as u32);
        for (from, to) in [(one, node), (node, other)] {
            match routes.connect(from, to, EdgeMode::Hard) {
                Ok(()) | Err(Refusal::Cycle(_)) => {}
                Err(refusal) => panic!("{refusal}"),
            }
        }
    }
    let compacted = routes.compact();
    let rows = compacted.topology.rows() as usize;
    let mut losses = Losses { barred: vec![false; rows], spare: vec![false; rows], ..Losses::default() };
    for row in 0..rows as u32 {
        losses.giver.push(row);
        losses.lost.push(rng.below(2) == 0);
        losses.takes.push(compacted.topology.waited(row).iter().copied());
        losses.spare_takes.push([]);
        losses.took.push(rng.below(9) as u64);
    }
    let wanted: Vec<u32> = (0..rows as u32).filter(|row| row % 97 == 0).collect();
    let plan = losses.plan(&wanted);
    assert!(plan.hopeless.is_empty() && plan.order.len() == plan.steps.len());
    *lore = Lore::from_json(&lore.to_json()).expect("it was written just now");
}

#[test]
fn memory_does_not_grow() {
    let seconds = std::env::var("SYMPHONY_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(1);
    let (mut rng, mut orchestra, mut lore) = (Rng(7), Orchestra::default(), Lore::default());
    // Allocators and tables find their size first.
    for _ in 0..6 {
        round(&mut rng, &mut orchestra, &mut lore);
    }
    let (begun, before) = (Instant::now(), resident());
    let mut rounds = 0u32;
    while begun.elapsed() < Duration::from_secs(seconds) || rounds < 3 {
        round(&mut rng, &mut orchestra, &mut lore);
        rounds += 1;
    }
    let grown = resident().saturating_sub(before);
    println!(
        "{rounds} rounds of {ROWS} nodes; {:.1} MiB before, {:.1} more after",
        before as f64 / 1e6,
        grown as f64 / 1e6
    );
    assert!(grown < 8 << 20, "memory grew by {grown} bytes in {rounds} rounds");
}

//! Tracking: a run plays the same with and without it, and the outlook is the same however the run was made: played,
//! folded from its frames, restored from a checkpoint.

mod stand;

use stand::plan::{Plan, Profile, draw};
use stand::{options_of, parts_with};
use std::sync::Arc;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::RunSlot;
use symphony_pit::dag::Lore;
use symphony_systems::outlook::Outlook;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::{Orchestra, Pulse, RunOptions};

const CALM: Profile = Profile { races: false, halts: false, parallel: false, budget: false };

fn tracked(plan: &Plan) -> RunOptions {
    RunOptions { tracking: Some(Arc::new(Lore::default())), ..options_of(plan) }
}

fn frames_of(orchestra: &mut Orchestra, slot: RunSlot, mut after: impl FnMut(&mut Orchestra, usize)) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    loop {
        orchestra.frame();
        let sealed = orchestra.sealed(slot);
        let some = !sealed.is_empty();
        frames.extend(sealed);
        if some {
            after(orchestra, frames.len());
        }
        if orchestra.status(slot) != RunStatus::Playing && matches!(orchestra.pulse(), Pulse::Rest(_)) {
            return frames;
        }
    }
}

fn outlook(orchestra: &mut Orchestra, slot: RunSlot) -> Outlook {
    orchestra.outlook(slot, Default::default()).expect("it is tracked and has begun")
}

#[test]
fn a_tracked_run_plays_the_same_and_its_outlook_is_that_of_its_record() {
    let count = if std::env::var_os("SYMPHONY_LONG").is_some() { 5_000 } else { 120 };
    for seed in 0..count {
        let plan = draw(seed, CALM);
        let place = || format!("{}\nseed {seed}", plan.print());
        let mut plain = Orchestra::new(parts_with(&Arc::default()));
        let slot = plain.play(&options_of(&plan), None);
        let without = frames_of(&mut plain, slot, |_, _| {});

        let options = tracked(&plan);
        let mut orchestra = Orchestra::new(parts_with(&Arc::default()));
        let slot = orchestra.play(&options, None);
        let (mut looks, mut checkpoints) = (Vec::new(), Vec::new());
        let frames = frames_of(&mut orchestra, slot, |orchestra, _| {
            looks.push(outlook(orchestra, slot));
            checkpoints.push(orchestra.checkpoint(slot));
        });
        assert!(frames == without, "tracking changes what is played\n{}", place());
        for look in &looks {
            assert!(look.nodes.iter().all(|node| node.head.0 + node.took <= look.end.0), "{}", place());
            let path: Vec<_> = look.critical.iter().map(|row| &look.nodes[*row as usize]).collect();
            assert!(path.last().is_some_and(|last| last.head.0 + last.took == look.end.0), "{}", place());
            assert!(path.iter().all(|node| node.slack.unwrap_or(0) == 0), "{}", place());
        }
        // Whatever was thought on the way, a run that is over ended when its last node did.
        let run = orchestra.run(slot).expect("it is seated");
        assert!(looks.last().is_some_and(|look| look.end <= run.now), "{}", place());

        let frames: Vec<(u64, Vec<u8>)> = (0..).zip(frames).collect();
        for cut in [1, frames.len() / 2, frames.len()].into_iter().filter(|cut| *cut > 0) {
            for from in [None, checkpoints[cut / 2].clone().filter(|(frame, _)| *frame < cut as u64)] {
                let first = from.as_ref().map_or(0, |(frame, _)| *frame as usize + 1);
                let restored = Restored { checkpoint: from, frames: &frames[first..cut], path: "test", play_on: false };
                let mut again = Orchestra::new(parts_with(&Arc::default()));
                let slot = restore(&mut again, &options, &restored, None).expect("it was sound");
                let (found, known) = (outlook(&mut again, slot), &looks[cut - 1]);
                let brief = |look: &Outlook| (look.now, look.end, look.nodes.clone());
                assert_eq!(brief(&found), brief(known), "cut after {cut} frames, from {first}\n{}", place());
            }
        }
        let lore = orchestra.learned(slot).expect("it is tracked");
        let finished: u64 = lore.kinds().map(|(_, kind)| kind.finished).sum();
        assert_eq!(finished, orchestra.tally(slot).played, "every node that was played taught something\n{}", place());
    }
}

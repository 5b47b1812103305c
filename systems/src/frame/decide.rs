//! Decide: the conductor judges failed attempts and says in which order ready rows play.

use crate::decide::Conductor;
use crate::run::Queued;
use crate::runs::Runs;
use bevy_ecs::prelude::*;
use symphony_pit::dag::{Columns, NodeQuery};

pub(super) fn decide(mut runs: ResMut<Runs>, mut conductor: ResMut<Conductor>, nodes: Query<'_, '_, NodeQuery>) {
    let mut columns = Columns::of(nodes);
    let conductor = conductor.port();
    let mut priorities = Vec::new();
    for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
        let run = &mut seat.run;
        if !run.failures.is_empty() || !run.reconstructions.is_empty() {
            run.judge(&mut columns, conductor);
        }
        // With room for all, the order does not matter: they all play now.
        let room = run.budget.room() as usize;
        if run.candidates.is_empty() || (run.backlog.is_empty() && run.candidates.len() <= room) {
            continue;
        }
        priorities.clear();
        conductor.prioritize(&run.candidates, &mut priorities);
        let ranked = run.candidates.drain(..).zip(priorities.iter().chain(std::iter::repeat(&0)));
        run.backlog.extend(ranked.map(|(candidate, priority)| Queued {
            priority: *priority,
            block: candidate.block,
            row: candidate.row,
        }));
    }
}

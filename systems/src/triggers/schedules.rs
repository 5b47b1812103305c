//! Schedules: time tables of melodies, how far each has seen, and what becomes of moments that were missed.

use super::{Armed, MelodyRow, Ms};
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::melody::timetable::Timetable;
use symphony_ecs_core::melody::triggers::Missed;

/// A moment that is seen at most this late is not missed.
pub const GRACE: Ms = 60_000;

/// Missed moments that are made up for in one go; the next tick goes on with the rest.
const MOST: usize = 1000;

/// Columns of schedules.
#[derive(Default)]
pub(super) struct Schedules {
    id: Vec<String>,
    melody: Vec<MelodyRow>,
    table: Vec<Timetable>,
    missed: Vec<Missed>,
    seen: Vec<Ms>,
    next: Vec<Option<Ms>>,
    /// The next moment of each, in order.
    queue: BTreeSet<(Ms, u32)>,
}

/// A schedule whose time has come.
pub(super) struct Due {
    pub schedule: u32,
    pub melody: MelodyRow,
    /// Moments that start a run.
    pub moments: Vec<Ms>,
    /// It has seen everything up to here.
    pub seen: Ms,
}

impl Schedules {
    pub fn new(armed: &[Armed]) -> Self {
        let mut schedules = Self::default();
        for (melody, armed) in (0..).zip(armed) {
            for schedule in &armed.on.schedules {
                let table = &schedule.table;
                let id = format!("{}|{}|{}", armed.name, table.cron(), table.zone());
                // Equal entries of one melody are told apart by their order.
                let same = schedules.id.iter().filter(|known| **known == id || known.starts_with(&format!("{id}|")));
                let place = same.count();
                schedules.id.push(if place == 0 { id } else { format!("{id}|{place}") });
                schedules.melody.push(melody);
                schedules.table.push(schedule.table.clone());
                schedules.missed.push(schedule.missed);
                schedules.seen.push(0);
                schedules.next.push(None);
            }
        }
        schedules
    }

    /// A name that stays as long as the melody's name, the pattern and the zone do.
    pub fn id(&self, schedule: u32) -> &str {
        self.id.get(schedule as usize).map_or("", String::as_str)
    }

    /// Goes on from what was seen; new schedules begin now. Gives those, with their beginning.
    pub fn take_up(&mut self, seen: &BTreeMap<String, Ms>, now: Ms) -> Vec<(u32, Ms)> {
        let mut begun = Vec::new();
        for at in 0..self.melody.len() {
            let known = seen.get(&self.id[at]).copied();
            // A clock that was set back must not silence a schedule until it has caught up.
            let from = known.filter(|seen| *seen <= now.saturating_add(GRACE)).unwrap_or(now);
            if known != Some(from) {
                begun.push((at as u32, from));
            }
            self.seen[at] = from;
            self.plan(at);
        }
        begun
    }

    fn plan(&mut self, at: usize) {
        if let Some(next) = self.next[at].take() {
            self.queue.remove(&(next, at as u32));
        }
        self.next[at] = self.table[at].next_after(self.seen[at]);
        self.queue.extend(self.next[at].map(|next| (next, at as u32)));
    }

    /// The earliest next moment of all.
    pub fn next(&self) -> Option<Ms> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// A melody's next moment, and how people of its zone write it.
    pub fn next_of(&self, melody: MelodyRow) -> Option<(Ms, String)> {
        let of = (0..self.melody.len()).filter(|at| self.melody[*at] == melody);
        let (next, at) = of.filter_map(|at| Some((self.next[at]?, at))).min()?;
        Some((next, self.table[at].local(next)))
    }

    /// Schedules with moments up to now, and which of these start a run.
    pub fn due(&mut self, now: Ms) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some((next, schedule)) = self.queue.first().copied().filter(|(next, _)| *next <= now) {
            let at = schedule as usize;
            let (moments, seen) = moments(&self.table[at], self.missed[at], next, now);
            self.seen[at] = seen;
            self.plan(at);
            due.push(Due { schedule, melody: self.melody[at], moments, seen });
        }
        due
    }
}

/// Which moments from `first` to now start a run, and up to when everything is seen.
fn moments(table: &Timetable, missed: Missed, first: Ms, now: Ms) -> (Vec<Ms>, Ms) {
    if missed == Missed::All {
        let moments = table.between(first - 1, now, MOST);
        let seen = moments.last().copied().unwrap_or(first);
        return (moments, seen);
    }
    let last = table.last_between(first - 1, now).unwrap_or(first);
    let on_time = now - last <= GRACE;
    let starts = on_time || missed == Missed::Once;
    (starts.then_some(last).into_iter().collect(), last)
}

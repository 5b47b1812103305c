//! The recovery plan: the fewest rows to play again so that lost values are there again.
//!
//! A row is needed if it gave a lost value that somebody wants, or that a needed row takes when it plays. A needed row
//! whose reconstruction finds everything there needs nothing else. Every set of rows that brings the wanted values back
//! holds all needed rows, so they are the smallest one, and there is only one. Passes over the columns find it:
//! upwards which rows can be had again at all, downwards which are needed.
//!
//! Players are lost as well as values. A row plays with the first of its players that is left; one that has none left is
//! as good as barred. The plan says in which order to play its rows: who has the longest way to the end of the plan
//! comes first, so the critical path never waits for what has time (the upward rank of HEFT, Topcuoglu, Hariri and Wu,
//! 2002).

/// A table of lists, one list a row.
#[derive(Clone, Debug)]
pub struct Lists {
    first: Vec<u32>,
    items: Vec<u32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { first: vec![0], items: Vec::new() }
    }
}

impl Lists {
    /// Adds the list of the next row.
    pub fn push(&mut self, list: impl IntoIterator<Item = u32>) {
        self.items.extend(list);
        self.first.push(self.items.len() as u32);
    }

    /// The list of a row; empty beyond the last.
    pub fn of(&self, row: usize) -> &[u32] {
        match self.first.get(row..row + 2) {
            Some([from, to]) => &self.items[*from as usize..*to as usize],
            _ => &[],
        }
    }
}

/// What is known of a run whose values are to be had again. Columns have one entry a row or a slot; rows stand in
/// topological order, so what a row takes comes from rows before it.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The row that gave each slot.
    pub giver: Vec<u32>,
    /// Whether the value of each slot is lost.
    pub lost: Vec<bool>,
    /// The slots whose values each row takes when it plays.
    pub takes: Lists,
    /// Rows that cannot play again: they take something that no row gives.
    pub barred: Vec<bool>,
    /// Whether each row has a reconstruction that takes nothing but slots.
    pub spare: Vec<bool>,
    /// The slots that it takes.
    pub spare_takes: Lists,
    /// The players of each row, the first choice first; rows without any need none.
    pub players: Lists,
    /// Whether each player is lost.
    pub lost_players: Vec<bool>,
    /// Rows that are not over.
    pub open: Vec<bool>,
    /// How long each row is thought to take, in nanoseconds; missing ones take none.
    pub took: Vec<u64>,
}

/// How a row is to be had again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its players play it.
    Play,
    /// Its reconstruction finds everything that it takes.
    Reconstruct,
}

/// A row to play again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The row.
    pub row: u32,
    /// How.
    pub way: Way,
    /// Its lost slots that somebody wants.
    pub wanted: Vec<u32>,
    /// Rows of the plan that take one of its lost slots.
    pub taken_by: Vec<u32>,
    /// Which of its players plays it: 0 for the first choice.
    pub choice: u32,
    /// The longest way from its start to the end of the plan, in nanoseconds.
    pub tail: u64,
}

/// What to play again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryPlan {
    /// Rows to play, in topological order.
    pub steps: Vec<Step>,
    /// Wanted slots that cannot be had again.
    pub hopeless: Vec<u32>,
    /// Rows of the plan in the order in which to begin them: the critical path first, producers before consumers.
    pub order: Vec<u32>,
    /// The critical path of the plan.
    pub critical: Vec<u32>,
    /// Rows that are not over and have lost their first player, with the one that is left.
    pub switched: Vec<(u32, u32)>,
    /// Rows that are not over and have no player left.
    pub stranded: Vec<u32>,
}

impl Losses {
    /// The smallest set of rows that brings back those of the `wanted` slots that can be had again.
    pub fn plan(&self, wanted: &[u32]) -> RecoveryPlan {
        let rows = self.barred.len();
        let is_lost = |slot: &&u32| self.lost.get(**slot as usize) == Some(&true);
        let giver = |slot: &u32| self.giver.get(*slot as usize).map_or(usize::MAX, |row| *row as usize);
        let spare: Vec<bool> = (0..rows)
            .map(|row| self.spare[row] && !self.spare_takes.of(row).iter().any(|slot| is_lost(&slot)))
            .collect();
        let choices: Vec<Option<u32>> = (0..rows).map(|row| self.choice(row)).collect();
        let mut plays = vec![false; rows];
        for row in 0..rows {
            let can = |slot: &u32| plays.get(giver(slot)) == Some(&true) || spare.get(giver(slot)) == Some(&true);
            plays[row] =
                !self.barred[row] && choices[row].is_some() && self.takes.of(row).iter().filter(is_lost).all(can);
        }

        let mut steps: Vec<Option<Step>> = vec![None; rows];
        let mut plan = RecoveryPlan::default();
        let mut wanted: Vec<u32> = wanted.iter().filter(is_lost).copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let step = |row: u32| {
            let choice = choices.get(row as usize).copied().flatten().unwrap_or_default();
            Step { row, way: Way::Play, wanted: Vec::new(), taken_by: Vec::new(), choice, tail: 0 }
        };
        for slot in wanted {
            let row = giver(&slot);
            match plays.get(row).zip(spare.get(row)) {
                Some((true, _) | (_, true)) => steps[row].get_or_insert(step(row as u32)).wanted.push(slot),
                _ => plan.hopeless.push(slot),
            }
        }
        for row in (0..rows).rev() {
            let Some(needed) = &mut steps[row] else { continue };
            let lost = || self.takes.of(row).iter().filter(is_lost);
            if spare[row] && (!plays[row] || lost().next().is_some()) {
                needed.way = Way::Reconstruct;
                continue;
            }
            for slot in lost() {
                let before = giver(slot);
                steps[before].get_or_insert(step(before as u32)).taken_by.push(row as u32);
            }
        }
        // What comes back anyway lets a row play itself.
        for row in 0..rows {
            let reconstructs = steps[row].as_ref().is_some_and(|step| step.way == Way::Reconstruct);
            let mut lost = self.takes.of(row).iter().filter(is_lost).map(giver);
            if reconstructs
                && !self.barred[row]
                && choices[row].is_some()
                && lost.all(|before| steps.get(before).is_some_and(Option::is_some))
            {
                for before in self.takes.of(row).iter().filter(is_lost).map(giver) {
                    steps[before].get_or_insert(step(before as u32)).taken_by.push(row as u32);
                }
                steps[row].get_or_insert(step(row as u32)).way = Way::Play;
            }
        }
        plan.steps = steps.into_iter().flatten().collect();
        for step in &mut plan.steps {
            step.taken_by.sort_unstable();
            step.taken_by.dedup();
        }
        plan.rank(&self.took);
        for row in (0..rows).filter(|row| self.open.get(*row) == Some(&true)) {
            match choices[row] {
                Some(0) => {}
                Some(choice) => plan.switched.push((row as u32, choice)),
                None if spare[row] => {}
                None => plan.stranded.push(row as u32),
            }
        }
        plan
    }

    /// The first player of a row that is left; 0 for a row that needs none.
    pub(super) fn choice(&self, row: usize) -> Option<u32> {
        let players = self.players.of(row);
        let left = |player: &u32| self.lost_players.get(*player as usize) != Some(&true);
        if players.is_empty() { Some(0) } else { players.iter().position(left).map(|choice| choice as u32) }
    }
}

impl RecoveryPlan {
    /// Ranks the steps and puts them in order. Steps stand in topological order.
    fn rank(&mut self, took: &[u64]) {
        let place = |steps: &[Step], row: u32| steps.binary_search_by_key(&row, |step| step.row).ok();
        let mut next: Vec<Option<usize>> = vec![None; self.steps.len()];
        for at in (0..self.steps.len()).rev() {
            let consumers = self.steps[at].taken_by.iter().filter_map(|row| place(&self.steps, *row));
            next[at] = consumers.max_by_key(|at| (self.steps[*at].tail, std::cmp::Reverse(*at)));
            let after = next[at].map_or(0, |next| self.steps[next].tail);
            let own = took.get(self.steps[at].row as usize).copied().unwrap_or(0);
            self.steps[at].tail = after.saturating_add(own);
        }
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        // Who takes from a row has a shorter tail or, if the row takes no time, a higher number.
        order.sort_by_key(|at| (std::cmp::Reverse(self.steps[*at].tail), *at));
        let path = std::iter::successors(order.first().copied(), |at| next[*at]);
        self.critical = path.map(|at| self.steps[at].row).collect();
        self.order = order.into_iter().map(|at| self.steps[at].row).collect();
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;

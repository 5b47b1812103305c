//! Slack: how much later a row may end without the run ending later, kept while the run plays.
//!
//! ```text
//! took[row]   how long the row takes: its estimate, what it really took once it is over
//! head[row]   when it begins at the earliest; when it began, once it has
//! tail[row]   took[row] and the longest tail among the consumers that wait for it and have not begun
//!
//! end of the run  =  the latest head + took          slack[row]  =  end of the run − head[row] − tail[row]
//! ```
//!
//! Times are nanoseconds of the run. Heads and tails are the longest paths of the critical path method (Kelley and
//! Walker, 1959). Joins and groups count as if they waited for all of their candidates until their row has begun; then
//! its head is what happened. Optional edges wait for nothing.
//!
//! What happens costs a comparison and at most one bit: [`began`](Slack::began) and [`ended`](Slack::ended) write what
//! is now certain, and mark the row if that is not what was expected. [`repair`](Slack::repair) walks the marked rows
//! upwards for heads and downwards for tails. Rows stand in topological order, so it looks at each row once per
//! direction and stops where nothing changes; it can be done in slices. The latest end is kept per page of rows, so
//! that one row that ends earlier does not cost a look at all of them.

use super::bits::Bits;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::score::{EdgeMode, Topology};

/// The head of a row that has begun carries this bit, and the next one when it is over.
const BEGAN: u64 = 1 << 63;
const OVER: u64 = 1 << 62;
const TIME: u64 = OVER - 1;

/// Rows whose latest end is kept together.
const PAGE: usize = 1024;

/// Heads, tails and slack of a score's rows while it is played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slack {
    head: Vec<u64>,
    took: Vec<u64>,
    tail: Vec<u64>,
    /// Rows with joins or groups: they may begin before all of their producers are over.
    loose: Bits,
    /// Rows whose end is not what their consumers and their page think.
    moved: Bits,
    /// Rows whose head must be found anew.
    stale: Bits,
    /// Rows whose tail must be found anew.
    cut: Bits,
    /// Words of `moved` and `stale` below this are empty.
    from: usize,
    /// Words of `cut` from this on are empty.
    until: usize,
    /// The latest end of each page, and the pages where it must be found anew.
    pages: Vec<u64>,
    turned: Bits,
    end: u64,
}

impl Slack {
    /// The slack of a score that has not begun, from how long each row is thought to take (nanoseconds).
    pub fn new(topology: &Topology, took: impl Fn(u32) -> u64) -> Self {
        Self::of(topology, (0..topology.rows()).map(took).collect(), |_| 0)
    }

    /// Heads and tails in one sweep each. `known` is the head of a row that has begun, 0 for others.
    fn of(topology: &Topology, mut took: Vec<u64>, known: impl Fn(u32) -> u64) -> Self {
        let rows = topology.rows();
        took.iter_mut().for_each(|took| *took = (*took).min(TIME >> 1));
        let mut head = vec![0u64; rows as usize];
        for row in 0..rows {
            let end =
                |producer: &u32| (head[*producer as usize] & TIME).saturating_add(took[*producer as usize]).min(TIME);
            let known = known(row);
            let begun = known & BEGAN != 0;
            head[row as usize] = if begun { known } else { topology.waited(row).iter().map(end).max().unwrap_or(0) };
        }
        let pages = (rows as usize).div_ceil(PAGE);
        let mut slack = Self {
            tail: vec![0; rows as usize],
            loose: Bits::none(rows),
            moved: Bits::none(rows),
            stale: Bits::none(rows),
            cut: Bits::none(rows),
            from: usize::MAX,
            until: 0,
            pages: vec![0; pages],
            turned: Bits::none(pages as u32),
            end: 0,
            head,
            took,
        };
        for row in (0..rows).rev() {
            slack.tail[row as usize] = slack.tail_of(topology, row);
        }
        for (_, consumer, _) in topology.edges().filter(|(.., mode)| matches!(mode, EdgeMode::Join | EdgeMode::Group)) {
            slack.loose.put(consumer);
        }
        slack.turned.fill(pages as u32);
        slack.turn_pages();
        slack
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.head.len() as u32
    }

    /// A row begins. What is due is known to the nanosecond: its head is exact from here on. An attempt after the first
    /// changes nothing, for the row has begun.
    #[inline]
    pub fn began(&mut self, row: u32, now: Time) {
        let head = &mut self.head[row as usize];
        if *head & BEGAN != 0 {
            return;
        }
        let expected = std::mem::replace(head, now.0 | BEGAN);
        if expected != now.0 || self.loose.has(row) {
            self.mark(row);
        }
    }

    /// A row is over; gives how long it took. A row that never began takes no time.
    #[inline]
    pub fn ended(&mut self, row: u32, now: Time) -> u64 {
        let head = self.head[row as usize];
        if head & BEGAN == 0 {
            self.began(row, now);
        }
        let head = &mut self.head[row as usize];
        *head |= OVER;
        let took = now.0.saturating_sub(*head & TIME);
        if took != self.took[row as usize] {
            self.took[row as usize] = took;
            self.mark(row);
        }
        took
    }

    /// The row is thought to take this long. Takes effect with the next [`repair`](Self::repair); what is over stays.
    pub fn estimate(&mut self, row: u32, took: u64) {
        let took = took.min(TIME >> 1);
        if row < self.rows() && self.head[row as usize] & OVER == 0 && self.took[row as usize] != took {
            self.took[row as usize] = took;
            self.mark(row);
            self.cut(row);
        }
    }

    /// It is `now`, and the row is not over: one that plays ends now at the earliest, one that waits begins now at the
    /// earliest. For the rows of the frontier, before somebody looks.
    pub fn still(&mut self, row: u32, now: Time) {
        if row >= self.rows() {
            return;
        }
        let head = self.head[row as usize];
        if head & OVER != 0 {
            return;
        }
        if head & BEGAN == 0 {
            if head < now.0 {
                self.head[row as usize] = now.0;
                self.mark(row);
            }
        } else if (head & TIME).saturating_add(self.took[row as usize]) < now.0 {
            self.took[row as usize] = now.0 - (head & TIME);
            self.mark(row);
            self.cut(row);
        }
    }

    /// Looks at marked rows, `most` at once; gives how many it looked at. Nothing is left once that is less than
    /// `most`.
    pub fn repair(&mut self, topology: &Topology, most: u32) -> u32 {
        let mut looked = 0;
        while looked < most && self.from < self.moved.words.len() {
            let word = self.moved.words[self.from] | self.stale.words[self.from];
            if word == 0 {
                self.from += 1;
                continue;
            }
            // Consumers have higher rows: what stands before the lowest marked row is settled.
            self.look_ahead(topology, self.from as u32 * 64 + word.trailing_zeros());
            looked += 1;
        }
        if looked < most {
            self.from = usize::MAX;
        }
        while looked < most && self.until > 0 {
            let word = self.cut.words[self.until - 1];
            if word == 0 {
                self.until -= 1;
                continue;
            }
            self.look_back(topology, self.until as u32 * 64 - 1 - word.leading_zeros());
            looked += 1;
        }
        // Of what is still being put right nobody asks when it ends.
        if looked < most {
            self.turn_pages();
        }
        looked
    }

    /// The row's head, and what follows from it for its consumers.
    fn look_ahead(&mut self, topology: &Topology, row: u32) {
        let at = row as usize;
        let mut moved = self.moved.has(row);
        self.moved.take(row);
        if self.stale.has(row) {
            self.stale.take(row);
            if self.head[at] & BEGAN == 0 {
                let head = topology.waited(row).iter().map(|producer| self.end_of(*producer)).max().unwrap_or(0);
                moved |= std::mem::replace(&mut self.head[at], head) != head;
            }
        }
        if !moved {
            return;
        }
        self.turned.put(row / PAGE as u32);
        for edge in topology.succ(row) {
            if edge.mode() != EdgeMode::Optional && self.head[edge.row() as usize] & BEGAN == 0 {
                self.stale.put(edge.row());
            }
        }
        if self.head[at] & BEGAN != 0 && self.loose.has(row) {
            // Some of its producers may not be over: it does not wait for them any more.
            for producer in topology.waited(row) {
                if self.head[*producer as usize] & OVER == 0 {
                    self.cut(*producer);
                }
            }
        }
    }

    fn look_back(&mut self, topology: &Topology, row: u32) {
        self.cut.take(row);
        let tail = self.tail_of(topology, row);
        if std::mem::replace(&mut self.tail[row as usize], tail) != tail {
            for producer in topology.waited(row) {
                if self.head[*producer as usize] & OVER == 0 {
                    self.cut.put(*producer);
                }
            }
        }
    }

    fn tail_of(&self, topology: &Topology, row: u32) -> u64 {
        let waits = |consumer: u32| self.head[consumer as usize] & BEGAN == 0;
        let edges = topology.succ(row).iter().filter(|edge| edge.mode() != EdgeMode::Optional);
        let tails = edges.filter(|edge| waits(edge.row())).map(|edge| self.tail[edge.row() as usize]);
        tails.max().unwrap_or(0).saturating_add(self.took[row as usize])
    }

    fn turn_pages(&mut self) {
        let mut changed = false;
        for place in 0..self.turned.words.len() {
            while self.turned.words[place] != 0 {
                let page = place * 64 + self.turned.words[place].trailing_zeros() as usize;
                self.turned.take(page as u32);
                let rows = page * PAGE..((page + 1) * PAGE).min(self.head.len());
                let end = rows.map(|row| self.end_of(row as u32)).max().unwrap_or(0);
                changed |= std::mem::replace(&mut self.pages[page], end) != end;
            }
        }
        if changed {
            self.end = self.pages.iter().copied().max().unwrap_or(0);
        }
    }

    fn mark(&mut self, row: u32) {
        self.moved.put(row);
        self.from = self.from.min(row as usize / 64);
    }

    fn cut(&mut self, row: u32) {
        self.cut.put(row);
        self.until = self.until.max(row as usize / 64 + 1);
    }

    #[inline]
    fn end_of(&self, row: u32) -> u64 {
        (self.head[row as usize] & TIME).saturating_add(self.took[row as usize])
    }

    /// Whether the row has begun.
    pub fn has_begun(&self, row: u32) -> bool {
        self.head.get(row as usize).is_some_and(|head| head & BEGAN != 0)
    }

    /// Whether the row is over.
    pub fn is_over(&self, row: u32) -> bool {
        self.head.get(row as usize).is_some_and(|head| head & OVER != 0)
    }

    /// When the row begins at the earliest, or began. Up to date after a [`repair`](Self::repair), as are the others.
    pub fn head(&self, row: u32) -> Time {
        Time(self.head.get(row as usize).map_or(0, |head| head & TIME))
    }

    /// How long the row takes, or took, in nanoseconds.
    pub fn took(&self, row: u32) -> u64 {
        self.took.get(row as usize).copied().unwrap_or(0)
    }

    /// The longest path from the row's start to the end of the run, in nanoseconds.
    pub fn tail(&self, row: u32) -> u64 {
        self.tail.get(row as usize).copied().unwrap_or(0)
    }

    /// When the run ends at the earliest.
    pub fn end(&self) -> Time {
        Time(self.end)
    }

    /// How much later the row may end without the run ending later, in nanoseconds; 0 on the critical path.
    pub fn slack(&self, row: u32) -> u64 {
        self.end.saturating_sub(self.head(row).0.saturating_add(self.tail(row)))
    }

    /// The critical path: rows from one that waited for nobody to the one that ends last. Each waits for the one before
    /// it longer than for its others.
    pub fn critical_path(&self, topology: &Topology) -> Vec<u32> {
        let Some(mut row) = (0..self.rows()).max_by_key(|row| (self.end_of(*row), std::cmp::Reverse(*row))) else {
            return Vec::new();
        };
        let mut path = vec![row];
        let later = |row: u32| {
            let begun = self.has_begun(row);
            // What was still playing when the row began did not hold it up.
            let held = topology.waited(row).iter().copied().filter(move |producer| {
                !begun || (self.is_over(*producer) && self.end_of(*producer) <= self.head(row).0)
            });
            held.max_by_key(|producer| (self.end_of(*producer), std::cmp::Reverse(*producer)))
        };
        while let Some(before) = later(row) {
            path.push(before);
            row = before;
        }
        path.reverse();
        path
    }

    /// What a checkpoint keeps: heads with how the rows stand, and how long they took. See [`restored`](Self::restored).
    pub fn kept(&self) -> (&[u64], &[u64]) {
        (&self.head, &self.took)
    }

    /// The slack that a checkpoint kept; `None` if it does not fit the score.
    pub fn restored(topology: &Topology, head: Vec<u64>, took: Vec<u64>) -> Option<Self> {
        let rows = topology.rows() as usize;
        if head.len() != rows || took.len() != rows {
            return None;
        }
        Some(Self::of(topology, took, |row| head[row as usize]))
    }

    /// The slack after the score was compiled anew. `from` says which row of the old score each row was; what is new
    /// takes what `took` says.
    pub fn recompiled(
        &self,
        topology: &Topology,
        from: impl Fn(u32) -> Option<u32>,
        took: impl Fn(u32) -> u64,
    ) -> Self {
        let old = |row: u32| from(row).filter(|old| *old < self.rows());
        let rows = || 0..topology.rows();
        let kept = rows().map(|row| old(row).map_or(0, |old| self.head[old as usize])).collect();
        let took = rows().map(|row| old(row).map_or_else(|| took(row), |old| self.took(old))).collect();
        Self::restored(topology, kept, took).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;

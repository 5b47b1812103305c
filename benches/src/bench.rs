//! The bench: takes samples in turn, keeps the best, prints lines and remembers whether they hold.

use crate::error::BenchError;
use crate::line::{Goal, Line};
use crate::meter;
use crate::peers::Peer;
use crate::sample::{self, Sample};

/// Runs of which the best counts: on a shared machine noise only ever adds.
const ROUNDS: usize = 5;

/// Prints lines as they come.
pub struct Bench {
    json: bool,
    all_hold: bool,
}

/// What is compared with ours.
#[derive(Clone, Copy)]
pub enum Rival<'a> {
    /// A sample of this program: `FIGURE WORD…`.
    Own(&'static str, &'a [&'a str]),
    /// A peer's program.
    Peer(Peer, &'a [&'a str]),
}

impl Bench {
    /// A bench that prints for people, or one JSON object a line.
    pub fn new(json: bool) -> Self {
        let (load, cores) = meter::load();
        eprintln!("load {load:.2} on {cores} cores; processor time, best of {ROUNDS} runs each");
        Self { json, all_hold: true }
    }

    /// Whether every line printed so far holds.
    pub fn all_hold(&self) -> bool {
        self.all_hold
    }

    /// The best of several samples of ours, by `key` (lower is better).
    pub fn best(&self, id: &str, words: &[&str], key: impl Fn(&Sample) -> f64) -> Result<Sample, BenchError> {
        let mut best = None;
        for _ in 0..ROUNDS {
            keep(&mut best, sample::of_ours(id, words)?, &key);
        }
        best.ok_or_else(|| BenchError::Wrong("nothing was measured".to_owned()))
    }

    /// Ours and a rival in turn: the best of each by processor time per task. Both must have computed the same.
    pub fn duel(&self, id: &str, words: &[&str], rival: Rival<'_>) -> Result<(Sample, Option<Sample>), BenchError> {
        let (mut ours, mut theirs) = (None, None);
        for _ in 0..ROUNDS {
            keep(&mut ours, sample::of_ours(id, words)?, &Sample::cpu_per_task);
            let sample = match rival {
                Rival::Own(_, words) => Some(sample::of_ours(id, words)?),
                Rival::Peer(peer, words) => peer.sample(words)?,
            };
            if let Some(sample) = sample {
                keep(&mut theirs, sample, &Sample::cpu_per_task);
            }
        }
        let ours = ours.ok_or_else(|| BenchError::Wrong("nothing was measured".to_owned()))?;
        if let (Some(sum), Some(peer)) = (ours.checksum, theirs.as_ref().and_then(|theirs: &Sample| theirs.checksum))
            && sum != peer
        {
            let (what, peer_name) = (words.join(" "), rival.name().to_owned());
            return Err(BenchError::Differs { what, ours: sum, peer_name, peer });
        }
        Ok((ours, theirs))
    }

    /// Duels and prints the line of processor nanoseconds per task; gives our sample back.
    pub fn compare(
        &mut self,
        id: &'static str,
        what: &str,
        words: &[&str],
        rival: Rival<'_>,
        goal: Goal,
    ) -> Result<Sample, BenchError> {
        let (ours, theirs) = self.duel(id, words, rival)?;
        self.print(&Line {
            id,
            what: what.to_owned(),
            unit: "ns",
            ours: ours.cpu_per_task(),
            peer_name: Some(rival.name()),
            peer: theirs.map(|sample| sample.cpu_per_task()),
            goal,
        });
        Ok(ours)
    }

    /// Prints a line of ours alone.
    pub fn alone(&mut self, id: &'static str, what: impl Into<String>, unit: &'static str, ours: f64, goal: Goal) {
        self.print(&Line { id, what: what.into(), unit, ours, peer_name: None, peer: None, goal });
    }

    /// Prints a line.
    pub fn print(&mut self, line: &Line) {
        self.all_hold &= line.holds();
        println!("{}", if self.json { line.json() } else { line.text() });
    }
}

impl Rival<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Own(name, _) => name,
            Self::Peer(peer, _) => peer.name,
        }
    }
}

fn keep(best: &mut Option<Sample>, sample: Sample, key: &impl Fn(&Sample) -> f64) {
    if best.as_ref().is_none_or(|best| key(&sample) < key(best)) {
        *best = Some(sample);
    }
}

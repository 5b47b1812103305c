//! The history: which player follows which after how long, per melody and over all, and what players cost.
//!
//! After each request a run stands in several **contexts** at once, from the most to the least telling: the last two
//! players of this melody, its last player, the last player of any melody, the hour of the day. For each context and
//! each player the history counts how often the player was asked after it, in buckets of the time that passed until
//! then. So one table answers for every horizon: *how probable is it that this player is asked within 30 seconds from
//! here?* Contexts that were seen seldom lean on the next wider one: an estimate from `n` observations weighs
//! `n / (n + 2)` (interpolated back-off, after Witten and Bell 1991).
//!
//! Counts age: a context that was seen [`FULL`] times is halved, so what is new weighs more.

use super::recording::Recording;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A player by its number in a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlayerNo(pub u32);

/// Buckets of time: the first ends after [`SHORTEST`], each further one lasts 2.5 times as long (the last ends after
/// about two and a half hours).
pub(super) const BUCKETS: usize = 16;
const SHORTEST: f64 = 0.01;
const GROWTH: f64 = 2.5;
/// Observations at which a context is halved.
const FULL: u32 = 8192;
/// Requests after which a context is no longer waited on.
const WINDOW: usize = 512;
/// Players that a context counts; the rarest make way.
const FOLLOWERS: usize = 24;
/// Observations by which a wider context outweighs a narrower one.
const DOUBT: f64 = 2.0;
/// Contexts that are kept; those seen least go first.
const MOST_CONTEXTS: usize = 20_000;
/// Hours of a day that are one bucket.
const HOURS: u8 = 4;

/// Where a prediction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whence {
    /// The last two players of this melody.
    LastTwo,
    /// The last player of this melody.
    Last,
    /// The last player, over all melodies.
    AnyMelody,
    /// The time of day.
    Hour,
    /// A row of the score that will be due.
    Score,
}

/// A context: its kind, the melody, and up to two players, [`NOBODY`] where there is none.
pub(super) type Context = (Whence, u32, u32, u32);
pub(super) const NOBODY: u32 = u32::MAX;

/// What followed a context.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Followers {
    /// How often the context was seen.
    pub seen: u32,
    /// Who was asked after it, by bucket of time.
    pub players: BTreeMap<PlayerNo, [u16; BUCKETS]>,
}

/// What is known of a player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Times it was loaded.
    pub loads: u64,
    /// Mean time to load it, in seconds; the newest weigh most.
    pub load_seconds: f64,
    /// Calls.
    pub calls: u64,
    /// Calls that failed by its fault, and loads that did.
    pub failures: u64,
    /// Mean time of a call, in seconds.
    pub call_seconds: f64,
    /// Bytes of memory when it was ready.
    pub memory: u64,
    /// Micro-dollars of all calls.
    pub cost_micros: u64,
}

impl Facts {
    /// It was loaded.
    pub fn loaded(&mut self, took: Duration, memory: Option<u64>) {
        self.loads += 1;
        self.load_seconds = newer(self.load_seconds, took.as_secs_f64(), self.loads);
        self.memory = memory.unwrap_or(self.memory);
    }

    /// A call of it ended.
    pub fn called(&mut self, took: Duration, well: bool, cost_micros: u64) {
        self.calls += 1;
        self.failures += u64::from(!well);
        self.cost_micros = self.cost_micros.saturating_add(cost_micros);
        self.call_seconds = newer(self.call_seconds, took.as_secs_f64(), self.calls);
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The melody.
    pub melody: &'a str,
    /// The player before the last one.
    pub before: Option<PlayerNo>,
    /// The last one that was another; `None` when the run begins.
    pub last: Option<PlayerNo>,
    /// Hour of the day, 0 to 23.
    pub hour: u8,
}

/// A row of the score that will be due, as the caller sees it: the columns of a look ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upcoming {
    /// Who plays it.
    pub player: PlayerNo,
    /// When, in seconds from now.
    pub seconds: f64,
    /// How probable it is that it plays at all, 0 to 1.
    pub odds: f64,
}

/// One reason of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Term {
    /// Where it comes from.
    pub whence: Whence,
    /// How probable it says a request is.
    pub probability: f64,
    /// Observations behind it.
    pub seen: u32,
}

/// How probable it is that a player is asked within a horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The player.
    pub player: PlayerNo,
    /// 0 to 1.
    pub probability: f64,
    /// Expected time that it would be held for nothing, in seconds: until it is asked, at most the horizon.
    pub idle_seconds: f64,
    /// Expected time until it is asked, if it is asked within the horizon, in seconds.
    pub due_seconds: f64,
    /// Why.
    pub terms: Vec<Term>,
}

/// Everything that was learned. See [`History::learn`] and [`History::forecast`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub(super) players: Vec<Arc<str>>,
    pub(super) by_player: BTreeMap<Arc<str>, PlayerNo>,
    pub(super) melodies: Vec<Arc<str>>,
    pub(super) by_melody: BTreeMap<Arc<str>, u32>,
    pub(super) facts: Vec<Facts>,
    pub(super) contexts: BTreeMap<Context, Followers>,
    /// Runs that were learned from.
    pub(super) runs: u64,
}

fn bucket(seconds: f64) -> usize {
    let mut end = SHORTEST;
    for bucket in 0..BUCKETS - 1 {
        if seconds <= end {
            return bucket;
        }
        end *= GROWTH;
    }
    BUCKETS - 1
}

/// Beginning and end of a bucket.
fn span(bucket: usize) -> (f64, f64) {
    let end = SHORTEST * GROWTH.powi(bucket as i32);
    (if bucket == 0 { 0.0 } else { end / GROWTH }, end)
}

impl History {
    /// The number of a player; a new one if it was not known.
    pub fn player(&mut self, name: &str) -> PlayerNo {
        if let Some(known) = self.by_player.get(name) {
            return *known;
        }
        let (number, name) = (PlayerNo(self.players.len() as u32), Arc::<str>::from(name));
        self.by_player.insert(Arc::clone(&name), number);
        self.players.push(name);
        self.facts.push(Facts::default());
        number
    }

    /// The number of a player that is known.
    pub fn find(&self, name: &str) -> Option<PlayerNo> {
        self.by_player.get(name).copied()
    }

    /// The name of a player.
    pub fn name(&self, player: PlayerNo) -> &str {
        self.players.get(player.0 as usize).map_or("", |name| name)
    }

    /// All players, in the order of their coming.
    pub fn players(&self) -> impl Iterator<Item = (PlayerNo, &str)> {
        (0u32..).map(PlayerNo).zip(self.players.iter().map(|name| &**name))
    }

    /// All melodies.
    pub fn melodies(&self) -> impl Iterator<Item = &str> {
        self.melodies.iter().map(|name| &**name)
    }

    /// Runs that were learned from.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Contexts that were seen.
    pub fn contexts(&self) -> usize {
        self.contexts.len()
    }

    /// What is known of a player.
    pub fn facts(&self, player: PlayerNo) -> Facts {
        self.facts.get(player.0 as usize).copied().unwrap_or_default()
    }

    /// A player was loaded.
    pub fn loaded(&mut self, player: PlayerNo, took: Duration, memory: Option<u64>) {
        if let Some(facts) = self.facts.get_mut(player.0 as usize) {
            facts.loaded(took, memory);
        }
    }

    /// A player's call ended.
    pub fn called(&mut self, player: PlayerNo, took: Duration, well: bool, cost_micros: u64) {
        if let Some(facts) = self.facts.get_mut(player.0 as usize) {
            facts.called(took, well, cost_micros);
        }
    }

    /// A player died while nobody's call played on it.
    pub fn died(&mut self, player: PlayerNo) {
        if let Some(facts) = self.facts.get_mut(player.0 as usize) {
            facts.failures += 1;
        }
    }

    /// Forgets a player, or a melody, or everything (`None`): its counts, not its name. Says whether anything was known.
    pub fn forget(&mut self, what: Option<&str>) -> bool {
        let Some(name) = what else {
            let known = self.runs > 0 || !self.players.is_empty();
            *self = Self::default();
            return known;
        };
        let player = self.find(name);
        let melody = self.by_melody.get(name).copied();
        if let Some(player) = player {
            let number = player.0;
            self.contexts.retain(|context, _| context.2 != number && context.3 != number);
            for followers in self.contexts.values_mut() {
                followers.players.remove(&player);
            }
            if let Some(facts) = self.facts.get_mut(number as usize) {
                *facts = Facts::default();
            }
        }
        if let Some(melody) = melody {
            self.contexts.retain(|context, _| context.1 != melody);
        }
        player.is_some() || melody.is_some()
    }

    /// Learns from a run that is over.
    pub fn learn(&mut self, run: &Recording) {
        let melody = self.melody(&run.melody);
        let mut open: VecDeque<(f64, [Context; 4], u64)> = VecDeque::new();
        // Which occurrences of a context a player has answered already: those before its last request.
        let mut answered: BTreeMap<PlayerNo, u64> = BTreeMap::new();
        let (mut before, mut last) = (NOBODY, NOBODY);
        let mut serial = 0;
        let begin = run.asked.first().map_or(0, |(at, _)| at.0);
        self.seen(&contexts(melody, before, last, run.hour));
        open.push_back((0.0, contexts(melody, before, last, run.hour), serial));
        for (at, player) in &run.asked {
            let now = at.0.saturating_sub(begin) as f64 / 1e9;
            let from = answered.insert(*player, serial + 1).unwrap_or(0);
            for (then, contexts, number) in open.iter().rev() {
                if *number < from {
                    break;
                }
                for context in contexts {
                    self.followed(context, *player, now - then);
                }
            }
            if last != player.0 {
                (before, last) = (last, player.0);
            }
            serial += 1;
            let now_in = contexts(melody, before, last, run.hour);
            self.seen(&now_in);
            open.push_back((now, now_in, serial));
            if open.len() > WINDOW {
                open.pop_front();
            }
        }
        self.runs += 1;
        if self.contexts.len() > MOST_CONTEXTS + MOST_CONTEXTS / 2 {
            self.thin();
        }
    }

    /// Whether there are more contexts than are kept.
    pub(super) fn is_large(&self) -> bool {
        self.contexts.len() > MOST_CONTEXTS
    }

    /// Forgets the contexts that were seen least, when there are very many.
    pub(super) fn thin(&mut self) {
        if self.is_large() {
            let mut seen: Vec<(u32, Context)> =
                self.contexts.iter().map(|(context, one)| (one.seen, *context)).collect();
            seen.sort_unstable_by(|a, b| b.cmp(a));
            for (_, context) in seen.into_iter().skip(MOST_CONTEXTS) {
                self.contexts.remove(&context);
            }
        }
    }

    fn melody(&mut self, name: &str) -> u32 {
        if let Some(known) = self.by_melody.get(name) {
            return *known;
        }
        let (number, name) = (self.melodies.len() as u32, Arc::<str>::from(name));
        self.by_melody.insert(Arc::clone(&name), number);
        self.melodies.push(name);
        number
    }

    fn seen(&mut self, contexts: &[Context; 4]) {
        for context in contexts {
            let followers = self.contexts.entry(*context).or_default();
            followers.seen += 1;
            if followers.seen >= FULL {
                followers.seen /= 2;
                followers.players.values_mut().flatten().for_each(|count| *count /= 2);
                followers.players.retain(|_, counts| counts.iter().any(|count| *count > 0));
            }
        }
    }

    fn followed(&mut self, context: &Context, player: PlayerNo, seconds: f64) {
        let Some(followers) = self.contexts.get_mut(context) else { return };
        let full = followers.players.len() >= FOLLOWERS && !followers.players.contains_key(&player);
        if full {
            let weight = |counts: &[u16; BUCKETS]| counts.iter().map(|count| u32::from(*count)).sum::<u32>();
            let rarest = followers.players.iter().min_by_key(|(_, counts)| weight(counts)).map(|(player, _)| *player);
            rarest.map(|rarest| followers.players.remove(&rarest));
        }
        let counts = followers.players.entry(player).or_default();
        if let Some(count) = counts.get_mut(bucket(seconds)) {
            *count = count.saturating_add(1);
        }
    }

    /// Who will be asked from here within the horizon (which may differ by player), and how probable that is. `ahead`
    /// is what the score says. In the order of players' numbers; those without any sign are left out.
    pub fn forecast(&self, here: Asked<'_>, ahead: &[Upcoming], horizon: impl Fn(PlayerNo) -> f64) -> Vec<Forecast> {
        let melody = self.by_melody.get(here.melody).copied().unwrap_or(NOBODY);
        let number = |player: Option<PlayerNo>| player.map_or(NOBODY, |player| player.0);
        let contexts = contexts(melody, number(here.before), number(here.last), here.hour);
        let found = contexts.map(|context| self.contexts.get(&context).filter(|followers| followers.seen > 0));
        let mut wanted: Vec<PlayerNo> =
            found.iter().flatten().flat_map(|followers| followers.players.keys().copied()).collect();
        wanted.extend(ahead.iter().map(|row| row.player));
        wanted.sort_unstable();
        wanted.dedup();
        wanted.into_iter().map(|player| forecast_of(player, &contexts, &found, ahead, horizon(player))).collect()
    }
}

fn forecast_of(
    player: PlayerNo,
    contexts: &[Context; 4],
    found: &[Option<&Followers>; 4],
    ahead: &[Upcoming],
    horizon: f64,
) -> Forecast {
    let mut terms = Vec::new();
    // From the widest to the most telling context: each leans on the one before. `waited` is the time until the
    // request, summed over the chances that there is one.
    let (mut probability, mut waited) = (0.0, 0.0);
    for (context, followers) in contexts.iter().zip(found).rev() {
        let Some(followers) = followers else { continue };
        let counts = followers.players.get(&player);
        let (own, own_waited) = counts.map_or((0.0, 0.0), |counts| within(counts, followers.seen, horizon));
        let seen = f64::from(followers.seen);
        let weight = seen / (seen + DOUBT);
        probability += weight * (own - probability);
        waited += weight * (own_waited - waited);
        terms.push(Term { whence: context.0, probability: own, seen: followers.seen });
    }
    let rows = ahead.iter().filter(|row| row.player == player && row.seconds <= horizon);
    if let Some(row) = rows.max_by(|a, b| a.odds.total_cmp(&b.odds).then(b.seconds.total_cmp(&a.seconds))) {
        let odds = row.odds.clamp(0.0, 1.0);
        if odds >= probability {
            (probability, waited) = (odds, odds * row.seconds.max(0.0));
        }
        terms.push(Term { whence: Whence::Score, probability: odds, seen: 1 });
    }
    terms.reverse();
    let probability: f64 = probability.clamp(0.0, 1.0);
    let due_seconds = if probability > 0.0 { (waited / probability).clamp(0.0, horizon) } else { horizon };
    let idle_seconds = (probability * due_seconds + (1.0 - probability) * horizon).clamp(0.0, horizon);
    Forecast { player, probability, idle_seconds, due_seconds, terms }
}

/// How probable a request within the horizon is, and the time until it, summed over the chances that there is one.
fn within(counts: &[u16; BUCKETS], seen: u32, horizon: f64) -> (f64, f64) {
    let (mut asked, mut waited) = (0.0, 0.0);
    for (bucket, count) in counts.iter().enumerate() {
        let (begin, end) = span(bucket);
        if begin >= horizon {
            break;
        }
        // A bucket that reaches beyond the horizon counts for the part before it.
        let part = ((horizon - begin) / (end - begin)).min(1.0);
        let count = f64::from(*count) * part;
        asked += count;
        waited += count * (begin + end.min(horizon)) / 2.0;
    }
    let seen = f64::from(seen.max(1));
    let probability = (asked / seen).min(1.0);
    (probability, (waited / seen).min(horizon * probability))
}

/// The contexts in which a run stands, the most telling first.
fn contexts(melody: u32, before: u32, last: u32, hour: u8) -> [Context; 4] {
    [
        (Whence::LastTwo, melody, before, last),
        (Whence::Last, melody, NOBODY, last),
        (Whence::AnyMelody, NOBODY, NOBODY, last),
        (Whence::Hour, NOBODY, NOBODY, u32::from(hour / HOURS)),
    ]
}

/// A mean in which the newest weigh most.
fn newer(mean: f64, value: f64, count: u64) -> f64 {
    mean + (value - mean) / (count.clamp(1, 8) as f64)
}

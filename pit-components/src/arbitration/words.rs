//! Decisions in words: a record with its names, as one sentence and what it rests on.

use super::demand::ResourceId;
use super::parties::PartyId;
use super::queue::Strategy;
use super::record::{Reason, Record, Verb};
use super::stock::Kind;
use super::value::{ONE, Terms};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Who is meant by the numbers of a record.
pub trait Names {
    /// A request.
    fn request(&self, label: u64) -> String;
    /// A party.
    fn party(&self, party: PartyId) -> String;
    /// A resource.
    fn resource(&self, resource: ResourceId) -> String;
}

/// A request within a decision, by name. Values, terms and measures are from 0 to 1, times are seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The terms of the value, by their names.
    pub business: f64,
    /// User impact.
    pub impact: f64,
    /// Cost efficiency.
    pub cost: f64,
    /// Learning value.
    pub learning: f64,
    /// How long it had waited.
    pub waited_s: f64,
    /// What the strategy compared: value, skill, dominant share over weight, or the number of the turn.
    pub measure: f64,
}

/// A decision with its names: what is kept of it, and what programs read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The decision's number within its engine.
    pub id: u64,
    /// When, in seconds since the engine began.
    pub at_s: f64,
    /// What was decided.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// The strategy.
    pub strategy: Strategy,
    /// The resource's name.
    pub resource: String,
    /// What it is.
    pub kind: Kind,
    /// The request.
    pub request: Side,
    /// The request's party.
    pub party: String,
    /// The next in line.
    pub rivals: Vec<Side>,
    /// What of the resource was in use afterwards.
    pub in_use: u64,
    /// What there is of it.
    pub capacity: u64,
    /// How many waited beside it.
    pub waiting: u32,
    /// Numbers of the reason.
    pub numbers: [f64; 2],
    /// Whether somebody had to wait.
    pub contended: bool,
}

impl Record {
    /// Puts names to the numbers.
    pub fn tell(&self, names: &impl Names) -> Told {
        let side = |label: u64, value: u16, terms: [u16; 4], waited_ns: u64, measure: u32| {
            let [business, impact, cost, learning] = terms.map(part);
            let measure = match self.strategy {
                Strategy::RoundRobin => f64::from(measure),
                _ => f64::from(measure) / f64::from(ONE),
            };
            let (name, value, waited_s) = (names.request(label), part(value), seconds(waited_ns));
            Side { name, value, business, impact, cost, learning, waited_s, measure }
        };
        let Terms { business, impact, cost, learning } = self.terms;
        let terms = [business, impact, cost, learning];
        let rivals = self.rivals.iter().filter(|rival| rival.label != 0);
        let scale = if self.reason == Reason::Preempted { 1e3 } else { 1.0 };
        Told {
            id: self.id,
            at_s: seconds(self.at_ns),
            verb: self.verb,
            reason: self.reason,
            strategy: self.strategy,
            resource: names.resource(self.resource),
            kind: self.kind,
            request: side(self.label, self.value, terms, self.waited_ns, self.measure),
            party: names.party(self.party),
            rivals: rivals.map(|one| side(one.label, one.value, one.terms, one.waited_ns, one.measure)).collect(),
            in_use: self.in_use,
            capacity: self.capacity,
            waiting: self.waiting,
            numbers: self.numbers.map(|number| number as f64 / scale),
            contended: self.contended,
        }
    }
}

impl Told {
    /// The decision as a sentence.
    ///
    /// ```text
    /// `review` got model `sonnet` before `draft`: value 0.82 against 0.61 after 3 s of waiting; 2 of 2 seats were in use
    /// ```
    pub fn sentence(&self) -> String {
        let Self { request, kind, resource, .. } = self;
        let what = format!("{} `{resource}`", kind.as_str());
        let rival = self.rivals.first();
        let before = rival.map(|rival| format!(" before `{}`", rival.name)).unwrap_or_default();
        let against = |word: &str, ours: f64, theirs: Option<f64>| match theirs {
            Some(theirs) => format!("{word} {ours:.2} against {theirs:.2}"),
            None => format!("{word} {ours:.2}"),
        };
        let theirs = rival.map(|rival| rival.measure);
        let name = &request.name;
        let mut text = match (self.verb, self.reason) {
            (Verb::Refused, Reason::Quota) => {
                return format!("`{name}` was refused {what}: {} may never have as much", self.party);
            }
            (Verb::Refused, _) => {
                return format!("`{name}` was refused {what}: {}, and what is gone does not come back", self.state());
            }
            (Verb::Stopped, _) => {
                let [gain, loss] = self.numbers;
                let other = rival.map_or("another", |rival| rival.name.as_str());
                return format!(
                    "`{name}` gives {what} up for `{other}`: that gains {gain:.1} s of full value and loses {loss:.1} s \
                     (what was done, a new start, and the wait)"
                );
            }
            (Verb::Granted, Reason::Held) => format!("`{name}` goes on with {what} that it held"),
            (Verb::Granted, Reason::Claimed) => format!("`{name}` got more of {what}, which it had claimed"),
            (Verb::Granted, Reason::Alike) => {
                let [members, _] = self.numbers;
                format!("`{name}` shares {what} with what is like it: {members} in the batch")
            }
            (Verb::Granted, Reason::Due) => format!("`{name}` got {what}{before}: nobody may be passed over longer"),
            (Verb::Granted, Reason::Turn) => {
                format!("`{name}` got {what}{before}: it was the turn of {} (turn {})", self.party, request.measure)
            }
            (Verb::Granted, Reason::Share) => {
                let shares = against("dominant share", request.measure, theirs);
                let whose = if theirs.is_some() { " of the other party" } else { "" };
                format!("`{name}` got {what}{before}: {shares}{whose}")
            }
            (Verb::Granted, Reason::Skill) => {
                format!("`{name}` got {what}{before}: {}", against("skill at this work", request.measure, theirs))
            }
            (Verb::Granted, _) => {
                format!("`{name}` got {what}{before}: {}", against("value", request.measure, theirs))
            }
        };
        match request.waited_s > 0.0 {
            true => {
                let _ = write!(text, " after {} of waiting", span(request.waited_s));
            }
            false if self.contended => text.push_str(" without waiting"),
            false => {}
        }
        let _ = write!(text, "; {}", self.state());
        text
    }

    /// How the resource stood.
    fn state(&self) -> String {
        let (used, all) = (self.in_use, self.capacity);
        match self.kind {
            Kind::Model => format!("{used} of {all} seats were in use"),
            Kind::Gpu => format!("{used} of {all} shares were in use"),
            Kind::Memory => format!("{} of {} MiB were in use", used >> 20, all >> 20),
            Kind::Money => format!("${:.4} of ${:.4} are promised or spent", used as f64 / 1e6, all as f64 / 1e6),
            Kind::Rate => format!("{} of {all} are left in the bucket", all.saturating_sub(used)),
            Kind::File => format!("{used} of {all} holds it"),
        }
    }
}

fn part(ten_thousandths: u16) -> f64 {
    f64::from(ten_thousandths) / f64::from(ONE)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A time as people say it.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 10.0 => format!("{} s", (s * 10.0).round() / 10.0),
        s if s < 120.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arbitration::record::Rival;

    struct Plain;

    impl Names for Plain {
        fn request(&self, label: u64) -> String {
            ["?", "review", "draft"][label as usize].to_owned()
        }
        fn party(&self, party: PartyId) -> String {
            format!("melody {}", party.0)
        }
        fn resource(&self, _: ResourceId) -> String {
            "sonnet".to_owned()
        }
    }

    fn record() -> Record {
        Record {
            id: 7,
            at_ns: 5_000_000_000,
            label: 1,
            waited_ns: 3_000_000_000,
            rivals: [Rival { label: 2, measure: 6_100, value: 6_100, ..Rival::default() }, Rival::default()],
            in_use: 2,
            capacity: 2,
            numbers: [0; 2],
            party: PartyId(4),
            waiting: 1,
            measure: 8_200,
            value: 8_200,
            terms: Terms::default(),
            resource: ResourceId(0),
            kind: Kind::Model,
            strategy: Strategy::Prioritise,
            verb: Verb::Granted,
            reason: Reason::Value,
            contended: true,
        }
    }

    #[test]
    fn a_decision_reads_as_a_sentence() {
        let told = |record: Record| record.tell(&Plain).sentence();
        assert_eq!(
            told(record()),
            "`review` got model `sonnet` before `draft`: value 0.82 against 0.61 after 3 s of waiting; \
             2 of 2 seats were in use"
        );
        let fair = Record { strategy: Strategy::Fair, reason: Reason::Share, measure: 2_500, waited_ns: 0, ..record() };
        assert_eq!(
            told(fair),
            "`review` got model `sonnet` before `draft`: dominant share 0.25 against 0.61 of the other party \
             without waiting; 2 of 2 seats were in use"
        );
        let alone = Record { rivals: [Rival::default(); 2], contended: false, waited_ns: 0, in_use: 1, ..record() };
        assert_eq!(told(alone), "`review` got model `sonnet`: value 0.82; 1 of 2 seats were in use");
        let turn = Record { strategy: Strategy::RoundRobin, reason: Reason::Turn, measure: 3, ..record() };
        assert!(told(turn).contains("it was the turn of melody 4 (turn 3) after 3 s"), "{}", told(turn));
        let stopped = Record { verb: Verb::Stopped, reason: Reason::Preempted, numbers: [9_000, 4_000], ..record() };
        assert!(told(stopped).contains("gains 9.0 s of full value and loses 4.0 s"), "{}", told(stopped));
    }

    #[test]
    fn what_is_kept_reads_back() {
        let told = record().tell(&Plain);
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Told>(&json).unwrap(), told);
    }
}

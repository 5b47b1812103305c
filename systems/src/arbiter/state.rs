//! The arbiter's state: the engine, and who is meant by its numbers.

use super::post::{Answer, Ask, Back};
use super::rules::{Rules, RulesError};
use crossbeam_channel::Sender;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use symphony_ecs_core::ids::RunId;
use symphony_pit::arbitration::{
    Decision, Demand, Engine, Experience, HoldId, Names, Outcome, PartyId, Refusal, Request, ResourceId, Ticket, Told,
};

/// A call that asked, until it is over.
#[derive(Debug)]
struct Asked {
    world: usize,
    token: u64,
    run: RunId,
    melody: Arc<str>,
    path: String,
    resource: ResourceId,
    work: u32,
    ticket: Option<Ticket>,
    hold: Option<HoldId>,
    /// Since when it holds.
    since_ns: u64,
}

#[derive(Debug)]
struct World {
    wake: Sender<()>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
pub(super) struct State {
    pub engine: Engine,
    /// By label.
    asked: HashMap<u64, Asked>,
    label_of: HashMap<(usize, u64), u64>,
    by_hold: HashMap<HoldId, u64>,
    last_label: u64,
    parties: BTreeMap<Arc<str>, PartyId>,
    works: BTreeMap<String, u32>,
    worlds: Vec<Option<World>>,
    decisions: Vec<Decision>,
}

/// Names as a run sees them: its own nodes by path, others with their melody and run.
struct SeenBy<'a> {
    state: &'a State,
    rules: &'a Rules,
    run: &'a RunId,
}

impl Names for SeenBy<'_> {
    fn request(&self, label: u64) -> String {
        match self.state.asked.get(&label) {
            Some(asked) if asked.run == *self.run => asked.path.clone(),
            Some(asked) => format!("{} of {} ({})", asked.path, asked.melody, asked.run),
            None => "?".to_owned(),
        }
    }

    fn party(&self, party: PartyId) -> String {
        let found = self.state.parties.iter().find(|(_, known)| **known == party);
        found.map_or_else(|| "?".to_owned(), |(name, _)| format!("melody `{name}`"))
    }

    fn resource(&self, resource: ResourceId) -> String {
        self.rules.resources.get(resource.ix()).map_or_else(|| "?".to_owned(), |one| one.name.clone())
    }
}

impl State {
    pub fn new(rules: &Rules) -> Result<Self, RulesError> {
        Ok(Self {
            engine: Engine::new(&rules.engine()?)?,
            asked: HashMap::new(),
            label_of: HashMap::new(),
            by_hold: HashMap::new(),
            last_label: 0,
            parties: BTreeMap::new(),
            works: BTreeMap::new(),
            worlds: Vec::new(),
            decisions: Vec::new(),
        })
    }

    pub fn join(&mut self, wake: Sender<()>) -> usize {
        let world = Some(World { wake, answers: Vec::new() });
        match self.worlds.iter().position(Option::is_none) {
            Some(place) => {
                self.worlds[place] = world;
                place
            }
            None => {
                self.worlds.push(world);
                self.worlds.len() - 1
            }
        }
    }

    /// A world is gone, and all its calls with it.
    pub fn leave(&mut self, rules: &Rules, world: usize) {
        let mut tokens: Vec<u64> =
            self.label_of.keys().filter(|(of, _)| *of == world).map(|(_, token)| *token).collect();
        tokens.sort_unstable();
        for token in tokens {
            self.withdraw(world, token);
        }
        self.worlds[world] = None;
        // Times never run backwards: an earlier one counts as the latest.
        self.decide(rules, 0, usize::MAX);
    }

    pub fn work(&mut self, name: &str) -> u32 {
        if let Some(known) = self.works.get(name) {
            return *known;
        }
        let number = self.works.len() as u32;
        self.works.insert(name.to_owned(), number);
        number
    }

    fn party(&mut self, rules: &Rules, melody: &Arc<str>) -> PartyId {
        if let Some(known) = self.parties.get(melody) {
            return *known;
        }
        let (weight, quotas) = rules.party(melody);
        let party = self.engine.add_party(weight, quotas);
        self.parties.insert(Arc::clone(melody), party);
        party
    }

    pub fn ask(&mut self, rules: &Rules, world: usize, ask: Ask, now_ns: u64) {
        self.last_label += 1;
        let label = self.last_label;
        let party = self.party(rules, &ask.melody);
        let work = self.work(&format!("{}/{}", ask.melody, ask.node));
        let demand = Demand::of(ask.parts.iter().copied()).unwrap_or_default();
        let request = Request {
            terms: ask.terms,
            deadline_ns: ask.deadline_ns,
            estimate_ns: ask.estimate_ns,
            work,
            alike: ask.alike,
            preemptible: ask.preemptible,
            ..Request::new(label, party, demand)
        };
        let (ticket, hold) = match ask.adopt {
            true => (None, self.engine.adopt(&request, now_ns)),
            false => match self.engine.submit(request, now_ns) {
                Ok(ticket) => (Some(ticket), None),
                Err(refusal) => {
                    let why = self.why_refused(rules, refusal, &ask);
                    self.tell(world, Answer::Refused(ask.token, why, None));
                    return;
                }
            },
        };
        let resource = demand.first().unwrap_or_default();
        let Ask { token, run, melody, path, .. } = ask;
        self.label_of.insert((world, token), label);
        if let Some(hold) = hold {
            self.by_hold.insert(hold, label);
        }
        self.asked
            .insert(label, Asked { world, token, run, melody, path, resource, work, ticket, hold, since_ns: now_ns });
    }

    fn why_refused(&self, rules: &Rules, refusal: Refusal, ask: &Ask) -> String {
        let name = |resource: ResourceId| rules.resources.get(resource.ix()).map_or("?", |one| one.name.as_str());
        match refusal {
            Refusal::Never(resource) => format!(
                "the call takes more of `{}` than there ever is ({}); raise its capacity in the settings",
                name(resource),
                self.engine.stock().capacity(resource)
            ),
            Refusal::Quota(resource) => {
                format!("the call takes more of `{}` than the quota of melody `{}` allows", name(resource), ask.melody)
            }
            other => format!("the call cannot be arbitrated: {other}"),
        }
    }

    pub fn give_back(&mut self, world: usize, back: Back, now_ns: u64) {
        let Some(label) = self.label_of.get(&(world, back.token)).copied() else { return };
        let Some(asked) = self.asked.get(&label) else { return };
        let Some(hold) = asked.hold else { return };
        if let Some(quality) = back.quality {
            let (resource, work) = (asked.resource, asked.work);
            let took_ns = now_ns.saturating_sub(asked.since_ns);
            self.engine.skills_mut().learn(resource, work, quality, took_ns);
        }
        self.engine.give_back(hold, back.spent);
        self.forget(label);
    }

    pub fn withdraw(&mut self, world: usize, token: u64) {
        let Some(label) = self.label_of.get(&(world, token)).copied() else { return };
        let Some(asked) = self.asked.get(&label) else { return };
        match (asked.hold, asked.ticket) {
            // Granted, and the world has not looked yet.
            (Some(hold), _) => {
                self.engine.give_back(hold, 0);
            }
            (None, Some(ticket)) => {
                self.engine.withdraw(ticket);
            }
            (None, None) => {}
        }
        self.forget(label);
    }

    fn forget(&mut self, label: u64) {
        if let Some(asked) = self.asked.remove(&label) {
            self.label_of.remove(&(asked.world, asked.token));
            if let Some(hold) = asked.hold {
                self.by_hold.remove(&hold);
            }
        }
    }

    fn tell(&mut self, world: usize, answer: Answer) {
        if let Some(Some(to)) = self.worlds.get_mut(world) {
            to.answers.push(answer);
        }
    }

    /// Decides, and leaves the answers with their worlds; `here` is looking already and needs not be woken.
    pub fn decide(&mut self, rules: &Rules, now_ns: u64, here: usize) {
        let mut decisions = std::mem::take(&mut self.decisions);
        decisions.clear();
        self.engine.decide(now_ns, &mut decisions);
        for decision in &decisions {
            let told = self.told(rules, decision);
            match decision.outcome {
                Outcome::Granted(hold) => {
                    let Some(asked) = self.asked.get_mut(&decision.label) else { continue };
                    (asked.hold, asked.since_ns) = (Some(hold), now_ns);
                    let (world, token) = (asked.world, asked.token);
                    self.by_hold.insert(hold, decision.label);
                    self.tell(world, Answer::Granted(token, told));
                }
                Outcome::Refused(_) => {
                    let Some(asked) = self.asked.get(&decision.label) else { continue };
                    let (world, token) = (asked.world, asked.token);
                    let why = told.as_ref().map(|told| told.sentence()).unwrap_or_default();
                    self.tell(world, Answer::Refused(token, why, told));
                    self.forget(decision.label);
                }
                Outcome::Stop(hold) => {
                    let label = self.by_hold.get(&hold).copied();
                    let (Some(asked), Some(told)) = (label.and_then(|label| self.asked.get(&label)), told) else {
                        continue;
                    };
                    let (world, token) = (asked.world, asked.token);
                    self.tell(world, Answer::Stop(token, told));
                }
            }
        }
        self.decisions = decisions;
        for (place, world) in self.worlds.iter().enumerate() {
            if let Some(world) = world
                && place != here
                && !world.answers.is_empty()
            {
                // One wake is enough; it may be there already.
                let _ = world.wake.try_send(());
            }
        }
    }

    /// The decision in names, if it made somebody wait.
    fn told(&self, rules: &Rules, decision: &Decision) -> Option<Box<Told>> {
        if !decision.contended {
            return None;
        }
        let record = self.engine.ring().get(decision.id)?;
        let run = &self.asked.get(&decision.label)?.run;
        Some(Box::new(record.tell(&SeenBy { state: self, rules, run })))
    }

    pub fn answers(&mut self, world: usize) -> Vec<Answer> {
        let world = self.worlds.get_mut(world).and_then(Option::as_mut);
        world.map(|world| std::mem::take(&mut world.answers)).unwrap_or_default()
    }

    pub fn learned(&self, rules: &Rules) -> Vec<(String, String, Experience)> {
        let works: HashMap<u32, &String> = self.works.iter().map(|(name, number)| (*number, name)).collect();
        let named = self.engine.skills().iter().filter_map(|(resource, work, seen)| {
            let resource = rules.resources.get(resource.ix())?.name.clone();
            Some((resource, (*works.get(&work)?).clone(), seen))
        });
        named.collect()
    }

    pub fn learn(&mut self, rules: &Rules, learned: &[(String, String, Experience)]) {
        for (resource, work, seen) in learned {
            if let Some(place) = rules.resources.iter().position(|one| one.name == *resource) {
                let work = self.work(work);
                self.engine.skills_mut().set(ResourceId(place as u8), work, *seen);
            }
        }
    }
}

//! The oracle: what a plan must come to, found by the slowest and plainest interpreter of melodies there is. It
//! shares nothing with the engine but values: it scans all nodes of all bodies again and again until nothing moves,
//! then lets failures be judged, then lets calls begin, then goes to the next moment at which something happens.

use super::plan::{Cond, JoinOf, Kind, Melody, Node, OnErr, Over, Plan, Port, Retry, Source, Until, What};
use super::{jitter, sum_of};
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::value::Value;

/// What must be seen.
#[derive(Debug, Default)]
pub struct Expected {
    pub status: &'static str,
    /// Per path the story of the node: (time, what).
    pub stories: BTreeMap<String, Vec<(u64, String)>>,
    /// Calls: path, attempt, sum of inputs.
    pub calls: Vec<(String, u32, i64)>,
    pub outputs: Vec<Value>,
    /// Final statuses of the nodes of bodies that are still open.
    pub nodes: BTreeMap<String, &'static str>,
    /// Undos, each with its place: body by body from the root, (place of the body, melody, node).
    pub undos: Vec<Undo>,
    pub end: u64,
    /// Two things ended at the same moment, and who came first is not said by the melody.
    pub tied: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Undo {
    pub path: String,
    pub chain: Vec<(usize, usize, usize)>,
}

#[derive(Clone, Debug)]
struct Row {
    status: &'static str,
    x: Value,
    xs: Value,
    attempt: u32,
    tries: u32,
    choice: usize,
    /// When it was over, counted over all nodes.
    over: Option<u64>,
    asked: bool,
    /// Its players have failed, and it waits for its reconstruction or plays it.
    reconstructs: Option<&'static str>,
    items: Vec<Value>,
    next: usize,
    playing: u32,
    results: Vec<Option<Value>>,
}

fn fresh() -> Row {
    Row {
        status: "pending",
        x: Value::Absent,
        xs: Value::Absent,
        attempt: 0,
        tries: 0,
        choice: 0,
        over: None,
        asked: false,
        reconstructs: None,
        items: Vec::new(),
        next: 0,
        playing: 0,
        results: Vec::new(),
    }
}

/// A body that plays: a melody, or one item of a mapped node.
#[derive(Clone, Debug)]
struct Scope {
    melody: usize,
    item: Option<Item>,
    parent: Option<(usize, usize)>,
    inputs: [Value; 2],
    rows: Vec<Row>,
    open: bool,
    iteration: usize,
}

#[derive(Clone, Debug)]
struct Item {
    node: usize,
    index: usize,
    inputs: Vec<Result<Value, ()>>,
    undo_of_other: Value,
}

#[derive(Clone, Debug)]
enum Ev {
    Answer(usize, usize, u32, Box<Result<(Value, Value), &'static str>>),
    Retry(usize, usize, u32),
    ApprovalOver(usize, usize),
    Wall,
}

struct Failure {
    scope: usize,
    row: usize,
    class: &'static str,
    last: bool,
}

pub struct Oracle<'a> {
    plan: &'a Plan,
    now: u64,
    scopes: Vec<Scope>,
    events: BTreeMap<(u64, u64), Ev>,
    count: u64,
    failures: Vec<Failure>,
    halting: Option<(&'static str, bool)>,
    undo_log: Vec<(Undo, i64, bool)>,
    seen: Expected,
}

fn over(row: &Row) -> bool {
    matches!(row.status, "done" | "skipped" | "failed" | "cancelled")
}

impl<'a> Oracle<'a> {
    pub fn play(plan: &'a Plan) -> Expected {
        let mut oracle = Oracle {
            plan,
            now: 0,
            scopes: Vec::new(),
            events: BTreeMap::new(),
            count: 0,
            failures: Vec::new(),
            halting: None,
            undo_log: Vec::new(),
            seen: Expected::default(),
        };
        if let Some(wall) = plan.wall_ms {
            oracle.at(wall * 1_000_000, Ev::Wall);
        }
        let defaults = plan.melodies[0].defaults.map(Value::Int);
        oracle.open(0, None, None, defaults);
        oracle.run();
        oracle.seen.end = oracle.now;
        for scope in 0..oracle.scopes.len() {
            if oracle.scopes[scope].open {
                for row in 0..oracle.scopes[scope].rows.len() {
                    oracle.seen.nodes.insert(oracle.path(scope, row), oracle.scopes[scope].rows[row].status);
                }
            }
        }
        oracle.seen
    }

    fn run(&mut self) {
        loop {
            if self.halting.is_none() {
                self.settle();
                if !self.scopes[0].open || self.scopes[0].rows.iter().all(over) {
                    let outputs = &self.plan.melodies[0].outputs;
                    self.seen.outputs = outputs.iter().map(|source| self.output(0, source)).collect();
                    self.seen.status = "completed";
                    return;
                }
                let judged = self.judge();
                if self.halting.is_none() {
                    self.start_ready();
                    let due = self.events.first_key_value().is_some_and(|((at, _), _)| *at <= self.now);
                    if judged && !due {
                        continue;
                    }
                }
            }
            if let Some((status, compensate)) = self.halting {
                return self.stop_all(status, compensate);
            }
            let Some(((at, _), _)) = self.events.first_key_value() else { panic!("the oracle is stuck") };
            self.now = self.now.max(*at);
            let mut ends = 0;
            while let Some((_, event)) = self.events.pop_first_if_due(self.now) {
                ends += u32::from(self.happen(event));
            }
            self.seen.tied |= ends > 1;
        }
    }

    fn at(&mut self, at: u64, event: Ev) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    fn melody(&self, scope: usize) -> &'a Melody {
        &self.plan.melodies[self.scopes[scope].melody]
    }

    fn node(&self, scope: usize, row: usize) -> &'a Node {
        let node = self.scopes[scope].item.as_ref().map_or(row, |item| item.node);
        &self.melody(scope).nodes[node]
    }

    fn path(&self, scope: usize, row: usize) -> String {
        match (&self.scopes[scope].item, self.scopes[scope].parent) {
            (Some(_), _) => self.body_path(scope),
            (None, None) => format!("n{row}"),
            (None, Some(_)) => format!("{}.n{row}", self.body_path(scope)),
        }
    }

    fn body_path(&self, scope: usize) -> String {
        let Some((above, row)) = self.scopes[scope].parent else { return String::new() };
        let path = self.path(above, row);
        match (&self.scopes[scope].item, &self.node(above, row).what) {
            (Some(item), _) => format!("{path}[{}]", item.index),
            (None, What::Loop { .. }) => format!("{path}[{}]", self.scopes[scope].iteration),
            (None, _) => path,
        }
    }

    fn tell(&mut self, scope: usize, row: usize, what: String) {
        let path = self.path(scope, row);
        self.seen.stories.entry(path).or_default().push((self.now, what));
    }

    fn open(&mut self, melody: usize, item: Option<Item>, parent: Option<(usize, usize)>, inputs: [Value; 2]) {
        let rows = if item.is_some() { 1 } else { self.plan.melodies[melody].nodes.len() };
        let is_item = item.is_some();
        self.scopes.push(Scope { melody, item, parent, inputs, rows: vec![fresh(); rows], open: true, iteration: 0 });
        let scope = self.scopes.len() - 1;
        if parent.is_some() && !is_item {
            let path = self.body_path(scope);
            self.seen.stories.entry(path).or_default().push((self.now, "body_opened".into()));
        }
    }

    /// Everything that follows without time, a failure's verdict or a call.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            let mut scope = 0;
            while scope < self.scopes.len() {
                for row in self.in_order(scope) {
                    if self.scopes[scope].open
                        && self.scopes[scope].rows[row].status == "pending"
                        && self.is_due(scope, row)
                    {
                        self.consider(scope, row);
                        moved = true;
                    }
                }
                if self.scopes[scope].open && scope > 0 && self.scopes[scope].rows.iter().all(over) {
                    self.scope_over(scope);
                    moved = true;
                }
                scope += 1;
            }
            if !moved {
                return;
            }
        }
    }

    /// Rows in the order of the text, which decides between what happens at the same moment.
    fn in_order(&self, scope: usize) -> Vec<usize> {
        if self.scopes[scope].item.is_some() { vec![0] } else { self.melody(scope).order.clone() }
    }

    fn sources(&self, scope: usize, row: usize) -> Vec<Source> {
        let node = self.node(scope, row);
        let mut sources = node.inputs.clone();
        if let Some((Over::List(of) | Over::Mapped(of), _)) = node.map {
            sources.push(Source::Ref { port: Port::Node(of), kind: Kind::Hard, default: None });
        }
        sources
    }

    /// Every node it waits for, and whether it must give something.
    fn waits(&self, scope: usize, row: usize) -> Vec<(usize, bool)> {
        let mut waits = Vec::new();
        for source in self.sources(scope, row) {
            match source {
                Source::Ref { port: Port::Node(of), kind, default } => match kind {
                    Kind::Hard => waits.push((of, default.is_none())),
                    Kind::Soft => waits.push((of, false)),
                    Kind::Optional => {}
                },
                Source::Add(Port::Node(of), _) => waits.push((of, false)),
                _ => {}
            }
        }
        let node = self.node(scope, row);
        for (of, kind) in &node.needs {
            match kind {
                Kind::Hard => waits.push((*of, true)),
                Kind::Soft => waits.push((*of, false)),
                Kind::Optional => {}
            }
        }
        if let Some(Cond::Has(of) | Cond::HasNot(of) | Cond::Above(Port::Node(of), _)) = node.cond {
            waits.push((of, false));
        }
        waits
    }

    fn is_due(&self, scope: usize, row: usize) -> bool {
        if self.scopes[scope].item.is_some() {
            return true;
        }
        let rows = &self.scopes[scope].rows;
        self.waits(scope, row).iter().all(|(of, _)| over(&rows[*of]))
            && self.sources(scope, row).iter().all(|source| match source {
                Source::Join { of, from, .. } => self.decided(scope, *of, from).is_some(),
                _ => true,
            })
    }

    /// Whether a join is decided, and how.
    fn decided(&self, scope: usize, of: JoinOf, from: &[Port]) -> Option<bool> {
        let known: Vec<Option<bool>> = from.iter().map(|port| self.known(scope, *port)).collect();
        let present = known.iter().filter(|known| **known == Some(true)).count();
        let unknown = known.iter().filter(|known| known.is_none()).count();
        let wanted = match of {
            JoinOf::All => from.len(),
            JoinOf::Any => 1,
            JoinOf::N(n) => n,
            JoinOf::First => {
                return match known.iter().find(|known| **known != Some(false)) {
                    Some(Some(true)) => Some(true),
                    Some(_) => None,
                    None => Some(false),
                };
            }
        };
        match () {
            () if present >= wanted => Some(true),
            () if present + unknown < wanted => Some(false),
            () => None,
        }
    }

    fn known(&self, scope: usize, port: Port) -> Option<bool> {
        match port {
            Port::Node(of) => {
                let row = &self.scopes[scope].rows[of];
                over(row).then(|| row.x.is_present())
            }
            _ => Some(true),
        }
    }

    fn consider(&mut self, scope: usize, row: usize) {
        let node = self.node(scope, row);
        if self.scopes[scope].item.is_none() {
            let rows = &self.scopes[scope].rows;
            let blocked = self.waits(scope, row).iter().any(|(of, must)| *must && rows[*of].status != "done")
                || node.inputs.iter().any(|source| match source {
                    Source::Join { of, from, default: None } => self.decided(scope, *of, from) == Some(false),
                    _ => false,
                });
            if blocked || !self.holds(scope, node.cond) {
                return self.skip(scope, row);
            }
        }
        // A mapped node's inputs are its items' affair.
        let is_map = self.is_map(scope, row);
        if !is_map && self.inputs(scope, row).is_err() {
            return self.skip(scope, row);
        }
        if let (Some((millis, _)), true) = (node.approve, self.scopes[scope].item.is_none()) {
            let until = self.now + millis * 1_000_000;
            self.scopes[scope].rows[row].status = "awaiting_approval";
            self.tell(scope, row, format!("asked {until}"));
            return self.at(until, Ev::ApprovalOver(scope, row));
        }
        self.admit(scope, row);
    }

    fn is_map(&self, scope: usize, row: usize) -> bool {
        self.scopes[scope].item.is_none() && self.node(scope, row).map.is_some()
    }

    fn holds(&self, scope: usize, cond: Option<Cond>) -> bool {
        let value = |of: usize| &self.scopes[scope].rows[of].x;
        match cond {
            None => true,
            Some(Cond::Has(of)) => value(of).is_present(),
            Some(Cond::HasNot(of)) => !value(of).is_present(),
            Some(Cond::Above(Port::In(of), bound)) => {
                self.scopes[scope].inputs[of].as_int().is_some_and(|int| int > bound)
            }
            Some(Cond::Above(Port::Node(of), bound)) => value(of).as_int().is_some_and(|int| int > bound),
            Some(Cond::Above(..)) => false,
        }
    }

    fn value(&self, scope: usize, port: Port, item: Option<(&Value, usize)>) -> Value {
        match (port, item) {
            (Port::Node(of), _) => self.scopes[scope].rows[of].x.clone(),
            (Port::In(of), _) => self.scopes[scope].inputs[of].clone(),
            (Port::Item, Some((item, _))) => item.clone(),
            (Port::Index, Some((_, index))) => Value::Int(index as i64),
            (Port::Item | Port::Index, None) => Value::Absent,
        }
    }

    fn gather(&self, scope: usize, source: &Source, item: Option<(&Value, usize)>) -> Result<Value, ()> {
        match source {
            Source::Literal(value) => Ok(Value::Int(*value)),
            Source::Ref { port, kind, default } => {
                let value = self.value(scope, *port, item);
                match (value.is_present(), default, kind) {
                    (true, ..) => Ok(value),
                    (false, Some(default), _) => Ok(Value::Int(*default)),
                    (false, None, Kind::Hard) => Err(()),
                    (false, None, _) => Ok(Value::Absent),
                }
            }
            Source::Add(port, add) => match self.value(scope, *port, item) {
                Value::Int(int) => Ok(Value::Int(int + add)),
                _ => Err(()),
            },
            Source::Join { of, from, default } => {
                let value = self.join(scope, *of, from, false);
                match (value.is_present(), default) {
                    (true, _) => Ok(value),
                    (false, Some(default)) => Ok(Value::Int(*default)),
                    (false, None) => Err(()),
                }
            }
        }
    }

    fn join(&self, scope: usize, of: JoinOf, from: &[Port], partly: bool) -> Value {
        let value = |port: &Port| self.value(scope, *port, None);
        let mut present: Vec<&Port> = from.iter().filter(|port| value(port).is_present()).collect();
        match of {
            JoinOf::First => present.first().map(|port| value(port)).unwrap_or_default(),
            JoinOf::All if partly || present.len() == from.len() => {
                Value::list(present.into_iter().map(value).collect())
            }
            JoinOf::All => Value::Absent,
            JoinOf::Any | JoinOf::N(_) => {
                let came = |port: &Port| match port {
                    Port::Node(of) => self.scopes[scope].rows[*of].over.unwrap_or(u64::MAX),
                    _ => 0,
                };
                let n = if let JoinOf::N(n) = of { n } else { 1 };
                present.sort_by_key(|port| came(port));
                present.truncate(n);
                if present.len() < n {
                    return Value::Absent;
                }
                if of == JoinOf::Any {
                    return value(present[0]);
                }
                Value::list(from.iter().filter(|port| present.contains(port)).map(value).collect())
            }
        }
    }

    fn output(&self, scope: usize, source: &Source) -> Value {
        match source {
            Source::Join { of, from, default: None } => self.join(scope, *of, from, true),
            other => self.gather(scope, other, None).unwrap_or_default(),
        }
    }

    /// The inputs of a node or an item.
    fn inputs(&self, scope: usize, row: usize) -> Result<Vec<Value>, ()> {
        match &self.scopes[scope].item {
            Some(item) => item.inputs.iter().cloned().collect(),
            None => self.node(scope, row).inputs.iter().map(|source| self.gather(scope, source, None)).collect(),
        }
    }

    fn admit(&mut self, scope: usize, row: usize) {
        if self.is_map(scope, row) {
            return self.begin_map(scope, row);
        }
        let node = self.node(scope, row);
        match &node.what {
            What::Do { .. } => self.scopes[scope].rows[row].status = "ready",
            What::Sum { fail } => {
                let Ok(inputs) = self.inputs(scope, row) else { return self.skip(scope, row) };
                let (add, broken) = self.settings(scope, row, *fail);
                self.scopes[scope].rows[row].attempt += 1;
                if broken {
                    self.scopes[scope].rows[row].status = "running";
                    return self.failures.push(Failure { scope, row, class: node.class, last: false });
                }
                let x = Value::Int(inputs.iter().map(sum_of).sum::<i64>() + add);
                self.finish(scope, row, x, Value::Absent);
            }
            What::Nested(body) | What::Loop { body, .. } => {
                let Ok(inputs) = self.inputs(scope, row) else { return self.skip(scope, row) };
                let word = if matches!(node.what, What::Nested(_)) { "melody" } else { "loop" };
                self.begin(scope, row, word);
                let defaults = self.plan.melodies[*body].defaults;
                let bound = |place: usize| inputs.get(place).filter(|value| value.is_present()).cloned();
                let inputs = [0, 1].map(|place| bound(place).unwrap_or(Value::Int(defaults[place])));
                self.open(*body, None, Some((scope, row)), inputs);
            }
        }
    }

    /// `add` of this attempt, and whether a function is broken.
    fn settings(&self, scope: usize, row: usize, broken: bool) -> (i64, bool) {
        let node = self.node(scope, row);
        let tries = self.scopes[scope].rows[row].tries as usize;
        match node.retry.as_ref().map(|retry| retry.vary_add.as_slice()) {
            Some(vary @ [_, _]) if tries > 0 => (vary[(tries - 1).min(1)], tries < 2),
            _ => (node.add, broken),
        }
    }

    fn begin(&mut self, scope: usize, row: usize, word: &str) {
        let this = &mut self.scopes[scope].rows[row];
        this.attempt += 1;
        this.status = "running";
        let attempt = this.attempt;
        self.tell(scope, row, format!("started {word} {attempt}"));
    }

    fn begin_map(&mut self, scope: usize, row: usize) {
        let over = match self.node(scope, row).map {
            Some((Over::List(of), _)) => self.scopes[scope].rows[of].xs.clone(),
            Some((Over::Mapped(of), _)) => self.scopes[scope].rows[of].x.clone(),
            None => Value::Absent,
        };
        let Value::List(items) = over else { return self.skip(scope, row) };
        self.begin(scope, row, "map");
        let this = &mut self.scopes[scope].rows[row];
        (this.next, this.playing) = (0, 0);
        this.results = vec![None; items.len()];
        this.items = items.to_vec();
        self.feed(scope, row);
    }

    fn feed(&mut self, scope: usize, row: usize) {
        let node = self.node(scope, row);
        let most = node.map.and_then(|(_, most)| most).unwrap_or(u32::MAX);
        loop {
            let this = &self.scopes[scope].rows[row];
            let (index, playing) = (this.next, this.playing);
            if playing >= most || index >= this.items.len() {
                break;
            }
            let value = this.items[index].clone();
            let inputs = node.inputs.iter().map(|source| self.gather(scope, source, Some((&value, index)))).collect();
            let other = node.undo.and_then(|(_, other)| other);
            let undo_of_other = other.map_or(Value::Absent, |of| self.scopes[scope].rows[of].x.clone());
            let item = Item { node: row, index, inputs, undo_of_other };
            let melody = self.scopes[scope].melody;
            self.open(melody, Some(item), Some((scope, row)), [Value::Absent, Value::Absent]);
            let this = &mut self.scopes[scope].rows[row];
            this.next += 1;
            this.playing += 1;
        }
        let this = &self.scopes[scope].rows[row];
        if this.playing == 0 && this.next == this.items.len() {
            let x = Value::list(this.results.iter().flatten().cloned().collect());
            self.finish(scope, row, x, Value::Absent);
        }
    }

    fn scope_over(&mut self, scope: usize) {
        let Some((above, row)) = self.scopes[scope].parent else { return };
        if let Some(item) = self.scopes[scope].item.clone() {
            let only = &self.scopes[scope].rows[0];
            let result = (only.status == "done").then(|| only.x.clone());
            self.scopes[scope].open = false;
            let this = &mut self.scopes[above].rows[row];
            this.results[item.index] = result;
            this.playing -= 1;
            return self.feed(above, row);
        }
        let x = self.output(scope, &self.melody(scope).outputs[0]);
        if let What::Loop { until, max, .. } = &self.node(above, row).what {
            let iteration = self.scopes[scope].iteration;
            let ends = match until {
                None => false,
                Some(Until::Above(bound)) => x.as_int().is_some_and(|int| int > *bound),
                Some(Until::Iteration(bound)) => iteration as i64 >= *bound,
            };
            if iteration + 1 < *max as usize && !ends {
                let this = &mut self.scopes[scope];
                this.iteration += 1;
                if x.is_present() {
                    this.inputs[0] = x;
                }
                this.rows = vec![fresh(); this.rows.len()];
                let path = self.body_path(scope);
                self.seen.stories.entry(path).or_default().push((self.now, "body_opened".into()));
                return;
            }
        }
        self.scopes[scope].open = false;
        self.finish(above, row, x, Value::Absent);
    }

    fn end(&mut self, scope: usize, row: usize, status: &'static str) {
        self.count += 1;
        let this = &mut self.scopes[scope].rows[row];
        this.status = status;
        this.over = Some(self.count);
    }

    fn finish(&mut self, scope: usize, row: usize, x: Value, xs: Value) {
        let mut ports = format!("x={}", x.digest());
        if !x.is_present() {
            ports.clear();
        }
        if xs.is_present() {
            ports.push_str(&format!(" xs={}", xs.digest()));
        }
        self.tell(scope, row, format!("played {ports}"));
        let this = &mut self.scopes[scope].rows[row];
        (this.x, this.xs) = (x, xs);
        self.end(scope, row, "done");
        self.remember_undo(scope, row);
    }

    fn skip(&mut self, scope: usize, row: usize) {
        self.tell(scope, row, "skipped".into());
        self.end(scope, row, "skipped");
    }

    fn remember_undo(&mut self, scope: usize, row: usize) {
        let Some((fails, other)) = self.node(scope, row).undo else { return };
        if self.is_map(scope, row) {
            return;
        }
        let other = match (&self.scopes[scope].item, other) {
            (Some(item), _) => item.undo_of_other.clone(),
            (None, Some(of)) => self.scopes[scope].rows[of].x.clone(),
            (None, None) => Value::Absent,
        };
        let inputs = sum_of(&self.scopes[scope].rows[row].x) + sum_of(&other);
        let mut chain = Vec::new();
        let mut here = Some((scope, row));
        while let Some((scope, row)) = here {
            let this = &self.scopes[scope];
            let (place, row) = match &this.item {
                Some(item) => (item.index, item.node),
                None => (this.iteration, row),
            };
            chain.push((place, this.melody, row));
            here = this.parent;
        }
        chain.reverse();
        let path = self.path(scope, row);
        self.undo_log.push((Undo { path, chain }, inputs, fails));
    }

    fn start_ready(&mut self) {
        for scope in 0..self.scopes.len() {
            for row in 0..self.scopes[scope].rows.len() {
                if self.scopes[scope].open && self.scopes[scope].rows[row].status == "ready" {
                    self.start(scope, row);
                }
            }
        }
    }

    fn start_reconstruction(&mut self, scope: usize, row: usize) {
        let node = self.node(scope, row);
        let Some(reconstruct) = &node.reconstruct else { return };
        self.begin(scope, row, "operator:test/do");
        let inputs = reconstruct.inputs.iter().filter_map(|source| self.gather(scope, source, None).ok());
        let inputs: i64 = inputs.map(|value| sum_of(&value)).sum();
        let path = self.path(scope, row);
        let attempt = self.scopes[scope].rows[row].attempt;
        let end = self.now + reconstruct.took_us * 1_000 + jitter(&path, attempt);
        self.seen.calls.push((path, attempt, inputs));
        let xs = node.list.as_ref().map(|list| Value::list(list.iter().map(|int| Value::Int(*int)).collect()));
        let result = match reconstruct.fails {
            true => Err("io"),
            false => Ok((Value::Int(reconstruct.add + inputs), xs.unwrap_or_default())),
        };
        self.at(end, Ev::Answer(scope, row, attempt, Box::new(result)));
    }

    fn start(&mut self, scope: usize, row: usize) {
        if self.scopes[scope].rows[row].reconstructs.is_some() {
            return self.start_reconstruction(scope, row);
        }
        let node = self.node(scope, row);
        let What::Do { players, took_us, fail, .. } = &node.what else { return };
        let player = players[self.scopes[scope].rows[row].choice];
        self.begin(scope, row, player);
        let inputs: i64 = self.inputs(scope, row).unwrap_or_default().iter().map(sum_of).sum();
        let path = self.path(scope, row);
        let attempt = self.scopes[scope].rows[row].attempt;
        let end = self.now + took_us * 1_000 + jitter(&path, attempt);
        self.seen.calls.push((path, attempt, inputs));
        let result = if *fail < 0 || i64::from(attempt) <= *fail {
            Err(node.class)
        } else {
            let (add, _) = self.settings(scope, row, false);
            let dear = if player.starts_with("instrument") { 1000 } else { 0 };
            let xs = node.list.as_ref().map(|list| Value::list(list.iter().map(|int| Value::Int(*int)).collect()));
            Ok((Value::Int(add + inputs + dear), xs.unwrap_or_default()))
        };
        self.at(end, Ev::Answer(scope, row, attempt, Box::new(result)));
    }

    /// Says whether a call, a wait for a person or the run's time ended.
    fn happen(&mut self, event: Ev) -> bool {
        match event {
            Ev::Wall => {
                self.halting.get_or_insert(("halted", false));
            }
            Ev::Answer(scope, row, attempt, result) => {
                let this = &self.scopes[scope].rows[row];
                if !self.scopes[scope].open || this.status != "running" || this.attempt != attempt {
                    return false;
                }
                match *result {
                    Ok((x, xs)) => self.finish(scope, row, x, xs),
                    Err(class) => self.failures.push(Failure { scope, row, class, last: false }),
                }
            }
            Ev::Retry(scope, row, attempt) => {
                let this = &self.scopes[scope].rows[row];
                if self.scopes[scope].open && this.status == "backoff" && this.attempt == attempt {
                    self.admit(scope, row);
                }
                return false;
            }
            Ev::ApprovalOver(scope, row) => {
                if !self.scopes[scope].open || self.scopes[scope].rows[row].status != "awaiting_approval" {
                    return false;
                }
                self.tell(scope, row, "answered false time-out".into());
                match self.node(scope, row).approve {
                    Some((_, true)) => self.skip(scope, row),
                    _ => self.failures.push(Failure { scope, row, class: "denied", last: true }),
                }
            }
        }
        true
    }

    /// What becomes of failures; says whether there were any.
    fn judge(&mut self) -> bool {
        let mut any = false;
        while !self.failures.is_empty() || self.reconstruct_next() {
            any = true;
            if self.failures.is_empty() {
                continue;
            }
            let Failure { scope, row, class, last } = self.failures.remove(0);
            if !self.scopes[scope].open || over(&self.scopes[scope].rows[row]) {
                continue;
            }
            if self.halting.is_some() {
                self.stop(scope, row);
                continue;
            }
            match self.verdict(scope, row, class).filter(|_| !last) {
                Some((delay, fallback)) => {
                    let at = self.now + delay;
                    self.tell(scope, row, format!("attempt_failed {class} {at}"));
                    let this = &mut self.scopes[scope].rows[row];
                    this.status = "backoff";
                    this.tries = if fallback { 0 } else { this.tries + 1 };
                    this.choice += usize::from(fallback);
                    let attempt = this.attempt;
                    self.at(at, Ev::Retry(scope, row, attempt));
                }
                None if self.can_reconstruct(scope, row) && !last => {
                    self.tell(scope, row, format!("attempt_failed {class}"));
                    let this = &mut self.scopes[scope].rows[row];
                    this.status = "backoff";
                    this.reconstructs = Some(class);
                }
                None => {
                    self.tell(scope, row, format!("attempt_failed {class}"));
                    self.give_up(scope, row, class);
                }
            }
        }
        any
    }

    /// The delay before the next attempt, and whether the next player plays it.
    fn verdict(&self, scope: usize, row: usize, class: &str) -> Option<(u64, bool)> {
        if self.is_map(scope, row) || self.scopes[scope].rows[row].reconstructs.is_some() {
            return None;
        }
        let node = self.node(scope, row);
        let this = &self.scopes[scope].rows[row];
        let attempts = this.tries + 1;
        if let Some(Retry { max, backoff, base_ms, on, .. }) = &node.retry {
            let can_pass = ["timeout", "io", "crash", "rate_limited", "invalid_output"].contains(&class);
            if attempts < *max && if on.is_empty() { can_pass } else { on.contains(&class) } {
                let factor = match *backoff {
                    "none" => 0,
                    "fixed" => 1,
                    "linear" => u64::from(attempts),
                    _ => 1 << (attempts - 1),
                };
                return Some((base_ms * 1_000_000 * factor, false));
            }
        }
        let players = if let What::Do { players, .. } = &node.what { players.len() } else { 1 };
        (this.choice + 1 < players).then_some((0, true))
    }

    fn can_reconstruct(&self, scope: usize, row: usize) -> bool {
        self.node(scope, row).reconstruct.is_some() && self.scopes[scope].rows[row].reconstructs.is_none()
    }

    /// Decides about one row that waits for its reconstruction and for nothing else; says whether there was one.
    fn reconstruct_next(&mut self) -> bool {
        if self.halting.is_some() {
            return false;
        }
        for scope in 0..self.scopes.len() {
            for row in 0..self.scopes[scope].rows.len() {
                let this = &self.scopes[scope];
                let (Some(class), "backoff", true) = (this.rows[row].reconstructs, this.rows[row].status, this.open)
                else {
                    continue;
                };
                let Some(reconstruct) = &self.node(scope, row).reconstruct else { continue };
                let mut waits = Vec::new();
                for source in &reconstruct.inputs {
                    match source {
                        Source::Ref { port, .. } | Source::Add(port, _) => waits.push(*port),
                        Source::Join { from, .. } => waits.extend(from),
                        Source::Literal(_) => {}
                    }
                }
                let known = |port: &Port| match port {
                    Port::Node(of) => over(&this.rows[*of]),
                    _ => true,
                };
                if !waits.iter().all(known) {
                    continue;
                }
                if reconstruct.inputs.iter().all(|source| self.gather(scope, source, None).is_ok()) {
                    self.scopes[scope].rows[row].status = "ready";
                } else {
                    self.give_up(scope, row, class);
                }
                return true;
            }
        }
        false
    }

    fn give_up(&mut self, scope: usize, row: usize, class: &'static str) {
        let on_error = self.node(scope, row).on_error;
        if on_error == OnErr::Skip {
            return self.skip(scope, row);
        }
        self.tell(scope, row, format!("failed {class}"));
        self.end(scope, row, "failed");
        if self.scopes[scope].rows[row].attempt > 0 {
            self.remember_undo(scope, row);
        }
        match (on_error, self.scopes[scope].parent) {
            (OnErr::Halt, _) => self.halting = Some(("halted", false)),
            (OnErr::Compensate, _) => self.halting = Some(("halted", true)),
            (_, None) => self.halting = Some(("failed", false)),
            (_, Some((above, composite))) => {
                for below in 0..self.scopes.len() {
                    if self.scopes[below].open && self.is_below(below, above, composite) {
                        self.stop_rows(below);
                    }
                }
                for below in 0..self.scopes.len() {
                    if self.is_below(below, above, composite) {
                        self.scopes[below].open = false;
                    }
                }
                self.failures.push(Failure { scope: above, row: composite, class, last: false });
            }
        }
    }

    fn is_below(&self, scope: usize, above: usize, row: usize) -> bool {
        let mut here = self.scopes[scope].parent;
        while let Some(step) = here {
            if step == (above, row) {
                return true;
            }
            here = self.scopes[step.0].parent;
        }
        false
    }

    fn stop_rows(&mut self, scope: usize) {
        for row in 0..self.scopes[scope].rows.len() {
            let this = &self.scopes[scope].rows[row];
            if matches!(this.status, "running" | "backoff" | "awaiting_approval")
                || this.status == "ready" && this.attempt > 0
            {
                self.stop(scope, row);
            }
        }
    }

    fn stop(&mut self, scope: usize, row: usize) {
        self.tell(scope, row, "cancelled".into());
        self.end(scope, row, "cancelled");
        if self.scopes[scope].rows[row].attempt > 0 {
            self.remember_undo(scope, row);
        }
    }

    fn stop_all(&mut self, status: &'static str, compensate: bool) {
        for scope in 0..self.scopes.len() {
            if self.scopes[scope].open {
                self.stop_rows(scope);
            }
        }
        self.seen.status = status;
        if compensate {
            for (undo, inputs, _fails) in std::mem::take(&mut self.undo_log) {
                self.seen.calls.push((format!("{}.undo", undo.path), 1, inputs));
                self.now += 10_000_000;
                self.seen.undos.push(undo);
            }
        }
    }
}

/// Whether `first` may be undone before `second`; `None` where it does not matter.
pub fn undone_before(plan: &Plan, first: &Undo, second: &Undo) -> bool {
    for (one, other) in first.chain.iter().zip(&second.chain) {
        if one == other {
            continue;
        }
        let ((place, melody, node), (other_place, _, other_node)) = (*one, *other);
        if place != other_place {
            return place > other_place;
        }
        // What waited for the other is undone before it, so `first` must not be something that `second` waited for.
        return !ancestors(&plan.melodies[melody], other_node).contains(&node);
    }
    true
}

/// All nodes that a node waited for, directly or not.
fn ancestors(melody: &Melody, node: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        for before in producers(&melody.nodes[node], true) {
            if found.insert(before) {
                open.push(before);
            }
        }
    }
    found
}

/// Every node that a node waits for; those of joins only with `joins`, because a join may be decided early.
pub fn producers(node: &Node, joins: bool) -> Vec<usize> {
    let mut found = Vec::new();
    let mut port = |port: &Port| {
        if let Port::Node(of) = port {
            found.push(*of);
        }
    };
    for source in &node.inputs {
        match source {
            Source::Ref { kind: Kind::Optional, .. } | Source::Literal(_) => {}
            Source::Ref { port: of, .. } | Source::Add(of, _) => port(of),
            Source::Join { from, .. } if joins => from.iter().for_each(&mut port),
            Source::Join { .. } => {}
        }
    }
    match node.cond {
        Some(Cond::Has(of) | Cond::HasNot(of)) => found.push(of),
        Some(Cond::Above(Port::Node(of), _)) => found.push(of),
        _ => {}
    }
    if let Some((Over::List(of) | Over::Mapped(of), _)) = node.map {
        found.push(of);
    }
    found.extend(node.needs.iter().filter(|(_, kind)| *kind != Kind::Optional).map(|(of, _)| *of));
    found
}

trait PopDue {
    fn pop_first_if_due(&mut self, now: u64) -> Option<((u64, u64), Ev)>;
}

impl PopDue for BTreeMap<(u64, u64), Ev> {
    fn pop_first_if_due(&mut self, now: u64) -> Option<((u64, u64), Ev)> {
        let due = self.first_key_value().is_some_and(|((at, _), _)| *at <= now);
        if due { self.pop_first() } else { None }
    }
}

//! Random melodies: a plan is a melody as plain data, from which both its text and the oracle's reading are made.

use std::fmt::Write;

/// A small random number generator (SplitMix64), the same on every machine.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What a plan may hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile {
    /// Things whose outcome depends on who comes first: `any_of`, `n_of`, optional edges, approvals, a wall limit.
    pub races: bool,
    /// Failures that end the run.
    pub halts: bool,
    /// A limit of calls in flight.
    pub parallel: bool,
    /// A limit of money.
    pub budget: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    /// The melody, then its bodies; each refers only to later ones.
    pub melodies: Vec<Melody>,
    pub wall_ms: Option<u64>,
    pub parallel: Option<u32>,
    pub cost: Option<u64>,
}

/// A melody has two inputs, `a` and `b`, and each of its nodes (`n0`, `n1`, …) gives `x`.
#[derive(Clone, Debug, Default)]
pub struct Melody {
    pub defaults: [i64; 2],
    pub nodes: Vec<Node>,
    /// The output `x`, and for the root more.
    pub outputs: Vec<Source>,
    /// In which order the nodes stand in the text.
    pub order: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Node(usize),
    In(usize),
    Item,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hard,
    Soft,
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOf {
    All,
    Any,
    First,
    N(usize),
}

#[derive(Clone, Debug)]
pub enum Source {
    Ref {
        port: Port,
        kind: Kind,
        default: Option<i64>,
    },
    Literal(i64),
    /// `{ expr = "n1.x + 5" }`
    Add(Port, i64),
    Join {
        of: JoinOf,
        from: Vec<Port>,
        default: Option<i64>,
    },
}

#[derive(Clone, Copy, Debug)]
pub enum Cond {
    Above(Port, i64),
    Has(usize),
    HasNot(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Over {
    /// The list `xs` of a node.
    List(usize),
    /// The outputs of a mapped node.
    Mapped(usize),
}

#[derive(Clone, Copy, Debug)]
pub enum Until {
    Above(i64),
    Iteration(i64),
}

#[derive(Clone, Debug)]
pub enum What {
    Do { players: Vec<&'static str>, took_us: u64, fail: i64, cost: u64, worst: Option<u64> },
    Sum { fail: bool },
    Nested(usize),
    Loop { body: usize, until: Option<Until>, max: u32 },
}

#[derive(Clone, Debug)]
pub struct Retry {
    pub max: u32,
    pub backoff: &'static str,
    pub base_ms: u64,
    pub on: Vec<&'static str>,
    pub vary_add: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnErr {
    Fail,
    Skip,
    Halt,
    Compensate,
    Reconstruct,
}

/// How a node is reconstructed.
#[derive(Clone, Debug)]
pub struct Reconstruct {
    pub inputs: Vec<Source>,
    pub add: i64,
    pub took_us: u64,
    pub fails: bool,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub what: What,
    pub class: &'static str,
    pub add: i64,
    pub list: Option<Vec<i64>>,
    pub inputs: Vec<Source>,
    pub needs: Vec<(usize, Kind)>,
    pub cond: Option<Cond>,
    /// What it goes over, and how many at once.
    pub map: Option<(Over, Option<u32>)>,
    pub retry: Option<Retry>,
    pub on_error: OnErr,
    /// There is one if `on_error` asks for it.
    pub reconstruct: Option<Reconstruct>,
    /// Whether the undo fails, and another node whose output it takes.
    pub undo: Option<(bool, Option<usize>)>,
    /// Milliseconds, and whether its time-out skips.
    pub approve: Option<(u64, bool)>,
}

impl Node {
    pub fn is_composite(&self) -> bool {
        matches!(self.what, What::Nested(_) | What::Loop { .. })
    }
    pub fn is_timed(&self) -> bool {
        matches!(self.what, What::Do { .. }) && self.map.is_none()
    }
    pub fn input_name(&self, place: usize) -> String {
        if self.is_composite() { ["a", "b"][place].to_owned() } else { format!("i{place}") }
    }
}

const CLASSES: [&str; 7] = ["timeout", "io", "crash", "rate_limited", "invalid_output", "refused", "denied"];

/// Draws a plan.
pub fn draw(seed: u64, profile: Profile) -> Plan {
    let rng = &mut Rng(seed);
    let bodies = rng.below(4);
    let mut melodies = vec![Melody::default(); bodies + 1];
    for which in (0..=bodies).rev() {
        let count = if which == 0 { 3 + rng.below(8) } else { 1 + rng.below(4) };
        melodies[which] = draw_melody(rng, profile, which, bodies, count);
    }
    Plan {
        melodies,
        wall_ms: (profile.races && profile.halts && rng.chance(10)).then(|| 100 + rng.below(2_000) as u64),
        parallel: profile.parallel.then(|| 1 + rng.below(4) as u32),
        cost: profile.budget.then(|| 50 + rng.below(400) as u64),
    }
}

fn draw_melody(rng: &mut Rng, profile: Profile, which: usize, bodies: usize, count: usize) -> Melody {
    let mut nodes: Vec<Node> = Vec::new();
    for _ in 0..count {
        let node = draw_node(rng, profile, which, bodies, &nodes);
        nodes.push(node);
    }
    let all: Vec<usize> = (0..count).collect();
    let plain: Vec<usize> = all.iter().copied().filter(|node| nodes[*node].map.is_none()).collect();
    let ports = |rng: &mut Rng, from: &[usize]| -> Vec<Port> {
        let mut ports: Vec<Port> = from.iter().filter(|_| rng.chance(50)).map(|node| Port::Node(*node)).collect();
        ports.push(Port::In(0));
        ports
    };
    let mut outputs = vec![match plain.last() {
        Some(last) if rng.chance(60) => Source::Ref { port: Port::Node(*last), kind: Kind::Hard, default: None },
        _ => Source::Join { of: JoinOf::First, from: ports(rng, &plain), default: None },
    }];
    if which == 0 {
        outputs.push(Source::Join { of: JoinOf::All, from: ports(rng, &all), default: None });
        outputs.push(Source::Join { of: JoinOf::All, from: ports(rng, &all), default: Some(7) });
        outputs.push(Source::Ref { port: Port::Node(0), kind: Kind::Hard, default: Some(5) });
    }
    let mut order = all;
    for place in (1..order.len()).rev() {
        order.swap(place, rng.below(place + 1));
    }
    Melody { defaults: [rng.below(20) as i64, rng.below(20) as i64], nodes, outputs, order }
}

fn draw_node(rng: &mut Rng, profile: Profile, which: usize, bodies: usize, before: &[Node]) -> Node {
    let deeper = which < bodies;
    let body = |rng: &mut Rng| which + 1 + rng.below(bodies - which);
    let what = match rng.below(100) {
        0..=11 if deeper => What::Nested(body(rng)),
        12..=23 if deeper => What::Loop {
            body: body(rng),
            until: match rng.below(3) {
                0 => None,
                1 => Some(Until::Above(rng.below(60) as i64)),
                _ => Some(Until::Iteration(rng.below(3) as i64)),
            },
            max: 1 + rng.below(3) as u32,
        },
        24..=45 => What::Sum { fail: rng.chance(15) },
        _ => {
            let players = match rng.below(5) {
                0 => vec!["operator:test/do", "instrument:test/do"],
                1 => vec!["instrument:test/do"],
                _ => vec!["operator:test/do"],
            };
            let worst = profile.budget && rng.chance(70);
            // An operator that declares nothing costs nothing; only an instrument may surprise.
            let cost = if worst || players == ["instrument:test/do"] { rng.below(40) as u64 } else { 0 };
            What::Do {
                players,
                took_us: 1_000 + rng.below(300_000) as u64,
                fail: if rng.chance(25) { rng.pick(&[1, 2, 3, -1]) } else { 0 },
                cost,
                worst: worst.then(|| cost + rng.below(10) as u64),
            }
        }
    };
    let composite = matches!(what, What::Nested(_) | What::Loop { .. });
    let lists: Vec<Over> = (0..before.len())
        .filter_map(|node| match (&before[node].list, before[node].map.is_some()) {
            (Some(_), _) => Some(Over::List(node)),
            (None, true) => Some(Over::Mapped(node)),
            (None, false) => None,
        })
        .collect();
    let loops = matches!(what, What::Loop { .. });
    let map = (!lists.is_empty() && !loops && rng.chance(35))
        .then(|| (rng.pick(&lists), rng.chance(50).then(|| 1 + rng.below(3) as u32)));
    let mapped = map.is_some();
    let inputs = (0..rng.below(3)).map(|_| draw_source(rng, profile, before, composite, mapped)).collect();
    let needs = match before.len() {
        0 => Vec::new(),
        count if rng.chance(20) => {
            vec![(rng.below(count), rng.pick(&[Kind::Hard, Kind::Soft]))]
        }
        _ => Vec::new(),
    };
    let cond = (!before.is_empty() && rng.chance(20)).then(|| {
        let node = rng.below(before.len());
        match (rng.below(4), before[node].map.is_some()) {
            (0, _) => Cond::Has(node),
            (1, _) => Cond::HasNot(node),
            (2, _) | (_, true) => Cond::Above(Port::In(rng.below(2)), rng.below(20) as i64),
            (_, false) => Cond::Above(Port::Node(node), rng.below(30) as i64),
        }
    });
    let retry = rng.chance(35).then(|| Retry {
        max: 1 + rng.below(3) as u32,
        backoff: rng.pick(&["none", "fixed", "linear", "exp"]),
        base_ms: 1 + rng.below(90) as u64,
        on: if rng.chance(30) { vec![rng.pick(&CLASSES), "io"] } else { Vec::new() },
        vary_add: if rng.chance(30) { vec![rng.below(50) as i64, 50 + rng.below(50) as i64] } else { Vec::new() },
    });
    let zero_time = matches!(what, What::Sum { .. });
    let on_error = match rng.below(10) {
        _ if zero_time || !profile.halts => OnErr::Skip,
        0..=4 => OnErr::Skip,
        5..=6 => OnErr::Fail,
        7 => OnErr::Halt,
        _ => OnErr::Compensate,
    };
    // An approval's time-out fails outside the ladder; where nothing may halt it skips.
    let approve = (profile.races && !zero_time && rng.chance(8))
        .then(|| (10 + rng.below(900) as u64, !profile.halts || rng.chance(50)));
    // Nobody waits for what an undo takes, so it may only name nodes that end at a moment of their own.
    let timed: Vec<usize> = (0..before.len()).filter(|node| before[*node].is_timed()).collect();
    let undo = (!composite && rng.chance(40))
        .then(|| (rng.chance(20), (!timed.is_empty() && rng.chance(40)).then(|| rng.pick(&timed))));
    let list = (!composite && map.is_none() && matches!(what, What::Do { .. }) && rng.chance(30))
        .then(|| (0..rng.below(5)).map(|_| rng.below(20) as i64).collect());
    let may_reconstruct = !mapped && (profile.halts || !profile.budget);
    let reconstruct = (may_reconstruct && rng.chance(25))
        .then(|| draw_reconstruct(rng, profile, before, !zero_time && profile.halts));
    let on_error = if reconstruct.is_some() { OnErr::Reconstruct } else { on_error };
    let class = rng.pick(&CLASSES);
    let add = 1 + rng.below(20) as i64;
    Node { what, class, add, list, inputs, needs, cond, map, retry, on_error, reconstruct, undo, approve }
}

/// Where a failure would end the run at a moment that is not its own, or no run may end early, it never fails.
fn draw_reconstruct(rng: &mut Rng, profile: Profile, before: &[Node], may_fail: bool) -> Reconstruct {
    let profile = Profile { races: false, ..profile };
    let mut inputs: Vec<Source> =
        (0..1 + rng.below(3)).map(|_| draw_source(rng, profile, before, false, false)).collect();
    if !may_fail {
        for source in &mut inputs {
            match source {
                Source::Ref { default, .. } | Source::Join { default, .. } => drop(default.get_or_insert(3)),
                Source::Add(..) => *source = Source::Literal(4),
                Source::Literal(_) => {}
            }
        }
    }
    let (add, took_us) = (1 + rng.below(20) as i64, 1_000 + rng.below(300_000) as u64);
    Reconstruct { inputs, add, took_us, fails: may_fail && rng.chance(20) }
}

fn draw_source(rng: &mut Rng, profile: Profile, before: &[Node], int_only: bool, mapped: bool) -> Source {
    if mapped && rng.chance(50) {
        return match rng.below(3) {
            0 => Source::Ref { port: Port::Item, kind: Kind::Hard, default: None },
            1 => Source::Ref { port: Port::Index, kind: Kind::Hard, default: None },
            _ => Source::Add(Port::Item, rng.below(9) as i64),
        };
    }
    let any: Vec<usize> = (0..before.len()).filter(|node| !int_only || before[*node].map.is_none()).collect();
    let plain: Vec<usize> = (0..before.len()).filter(|node| before[*node].map.is_none()).collect();
    let timed: Vec<usize> = (0..before.len()).filter(|node| before[*node].is_timed()).collect();
    let default = rng.chance(35).then(|| rng.below(30) as i64);
    let candidates = |rng: &mut Rng, from: &[usize]| -> Vec<Port> {
        let mut ports: Vec<Port> = (0..1 + rng.below(3)).map(|_| Port::Node(rng.pick(from))).collect();
        ports.dedup();
        let mut seen = Vec::new();
        ports.retain(|port| {
            if seen.contains(port) {
                false
            } else {
                seen.push(*port);
                true
            }
        });
        ports
    };
    match rng.below(12) {
        0 => Source::Literal(rng.below(30) as i64),
        1 => Source::Ref { port: Port::In(rng.below(2)), kind: Kind::Hard, default: None },
        2 if !plain.is_empty() => Source::Add(Port::Node(rng.pick(&plain)), rng.below(9) as i64),
        3 if !any.is_empty() => Source::Join { of: JoinOf::First, from: candidates(rng, &any), default },
        4 if !any.is_empty() && !int_only => Source::Join { of: JoinOf::All, from: candidates(rng, &any), default },
        5 if !timed.is_empty() && profile.races => {
            Source::Join { of: JoinOf::Any, from: candidates(rng, &timed), default }
        }
        6 if !timed.is_empty() && profile.races && !int_only => {
            let from = candidates(rng, &timed);
            let n = 1 + rng.below(from.len());
            Source::Join { of: JoinOf::N(n), from, default }
        }
        7 if !timed.is_empty() && profile.races => {
            Source::Ref { port: Port::Node(rng.pick(&timed)), kind: Kind::Optional, default }
        }
        8 if !any.is_empty() => Source::Ref { port: Port::Node(rng.pick(&any)), kind: Kind::Soft, default },
        _ if !any.is_empty() => Source::Ref { port: Port::Node(rng.pick(&any)), kind: Kind::Hard, default },
        _ => Source::Ref { port: Port::In(rng.below(2)), kind: Kind::Hard, default: None },
    }
}

impl Plan {
    /// The texts: the melody's, and those of its bodies by path.
    pub fn texts(&self) -> (String, Vec<(String, String)>) {
        let mut bodies = Vec::new();
        for (which, melody) in self.melodies.iter().enumerate().skip(1) {
            bodies.push((body_path(which), melody_text(melody, which)));
        }
        (melody_text(&self.melodies[0], 0), bodies)
    }

    /// Everything, for a message.
    pub fn print(&self) -> String {
        let (text, bodies) = self.texts();
        let mut all =
            format!("{text}\n# wall_ms {:?} parallel {:?} cost {:?}\n", self.wall_ms, self.parallel, self.cost);
        for (path, body) in bodies {
            let _ = write!(all, "\n# ---- {path}\n{body}");
        }
        all
    }
}

pub fn body_path(which: usize) -> String {
    format!("body{which}.melody.toml")
}

fn port_text(port: Port) -> String {
    match port {
        Port::Node(node) => format!("n{node}.x"),
        Port::In(input) => format!("inputs.{}", ["a", "b"][input]),
        Port::Item => "item".to_owned(),
        Port::Index => "index".to_owned(),
    }
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Hard => "hard",
        Kind::Soft => "soft",
        Kind::Optional => "optional",
    }
}

fn source_text(source: &Source) -> String {
    let default = |default: &Option<i64>| default.map(|value| format!(", default = {value}")).unwrap_or_default();
    match source {
        Source::Ref { port, kind: Kind::Hard, default: None } => format!("\"{}\"", port_text(*port)),
        Source::Ref { port, kind, default: value } => {
            format!("{{ from = \"{}\", kind = \"{}\"{} }}", port_text(*port), kind_text(*kind), default(value))
        }
        Source::Literal(value) => format!("{{ value = {value} }}"),
        Source::Add(port, value) => format!("{{ expr = \"{} + {value}\" }}", port_text(*port)),
        Source::Join { of, from, default: value } => {
            let list: Vec<String> = from.iter().map(|port| format!("\"{}\"", port_text(*port))).collect();
            let list = list.join(", ");
            let value = default(value);
            match of {
                JoinOf::All => format!("{{ all = [{list}]{value} }}"),
                JoinOf::Any => format!("{{ any_of = [{list}]{value} }}"),
                JoinOf::First => format!("{{ first_of = [{list}]{value} }}"),
                JoinOf::N(n) => format!("{{ n_of = {n}, from = [{list}]{value} }}"),
            }
        }
    }
}

fn melody_text(melody: &Melody, which: usize) -> String {
    let mut text = format!("format = 1\nname = \"m{which}\"\n[inputs]\n");
    for (name, default) in ["a", "b"].iter().zip(melody.defaults) {
        let _ = writeln!(text, "{name} = {{ type = \"int\", default = {default} }}");
    }
    text.push_str("[outputs]\n");
    for (place, source) in melody.outputs.iter().enumerate() {
        let name = if place == 0 { "x".to_owned() } else { format!("x{place}") };
        let _ = writeln!(text, "{name} = {}", source_text(source));
    }
    for node in &melody.order {
        node_text(&mut text, *node, &melody.nodes[*node]);
    }
    text
}

fn node_text(text: &mut String, id: usize, node: &Node) {
    let _ = writeln!(text, "[node.n{id}]");
    let mut with = vec![format!("add = {}", node.add)];
    let mut limits = None;
    match &node.what {
        What::Do { players, took_us, fail, cost, worst } => {
            let players: Vec<String> = players.iter().map(|player| format!("\"{player}\"")).collect();
            let _ = writeln!(text, "uses = [{}]", players.join(", "));
            with.push(format!("took_us = {took_us}, fail = {fail}, class = \"{}\", cost = {cost}", node.class));
            limits = worst.map(|worst| format!("limits = {{ cost_usd = {:.6} }}", worst as f64 / 1e6));
        }
        What::Sum { fail } => {
            let _ = writeln!(text, "uses = \"builtin:test/sum\"");
            with.push(format!("broken = {fail}, class = \"{}\"", node.class));
        }
        What::Nested(body) => {
            let _ = writeln!(text, "uses = \"melody:{}\"", body_path(*body));
        }
        What::Loop { body, until, max } => {
            let until = match until {
                None => String::new(),
                Some(Until::Above(value)) => format!("until = \"outputs.x > {value}\", "),
                Some(Until::Iteration(value)) => format!("until = \"iteration >= {value}\", "),
            };
            let path = body_path(*body);
            let _ = writeln!(text, "loop = {{ body = \"{path}\", carry = {{ x = \"a\" }}, {until}max = {max} }}");
        }
    }
    let give = node.list.as_ref().map(|list| {
        let list: Vec<String> = list.iter().map(i64::to_string).collect();
        format!("give = {{ xs = [{}] }}", list.join(", "))
    });
    with.extend(give);
    if !node.is_composite() {
        let _ = writeln!(text, "with = {{ {} }}", with.join(", "));
    }
    let _ = writeln!(text, "out = {{ x = \"int\"{} }}", if node.list.is_some() { ", xs = \"list<int>\"" } else { "" });
    if let Some(limits) = limits {
        let _ = writeln!(text, "{limits}");
    }
    let inputs = node.inputs.iter().enumerate();
    let inputs: Vec<String> =
        inputs.map(|(place, source)| format!("{} = {}", node.input_name(place), source_text(source))).collect();
    let _ = writeln!(text, "in = {{ {} }}", inputs.join(", "));
    for (need, kind) in &node.needs {
        let _ = writeln!(text, "needs = [{{ node = \"n{need}\", kind = \"{}\" }}]", kind_text(*kind));
    }
    match node.cond {
        Some(Cond::Above(port, value)) => drop(writeln!(text, "if = \"{} > {value}\"", port_text(port))),
        Some(Cond::Has(node)) => drop(writeln!(text, "if = \"has(n{node}.x)\"")),
        Some(Cond::HasNot(node)) => drop(writeln!(text, "if = \"!has(n{node}.x)\"")),
        None => {}
    }
    if let Some((over, most)) = &node.map {
        let over = match over {
            Over::List(node) => format!("n{node}.xs"),
            Over::Mapped(node) => format!("n{node}.x"),
        };
        let most = most.map(|most| format!(", max_parallel = {most}")).unwrap_or_default();
        let _ = writeln!(text, "map = {{ over = \"{over}\"{most} }}");
    }
    if let Some(retry) = &node.retry {
        let on: Vec<String> = retry.on.iter().map(|class| format!("\"{class}\"")).collect();
        let on = if on.is_empty() { String::new() } else { format!(", on = [{}]", on.join(", ")) };
        let vary = match (&node.what, retry.vary_add.as_slice()) {
            (What::Nested(_) | What::Loop { .. }, _) => String::new(),
            (What::Sum { .. }, [first, second]) => {
                format!(", vary = {{ add = [{first}, {second}], broken = [true, false] }}")
            }
            (_, [first, second]) => format!(", vary = {{ add = [{first}, {second}] }}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "retry = {{ max = {}, backoff = \"{}\", base = \"{}ms\"{on}{vary} }}",
            retry.max, retry.backoff, retry.base_ms
        );
    }
    match node.on_error {
        OnErr::Fail => {}
        OnErr::Skip => text.push_str("on_error = \"skip\"\n"),
        OnErr::Halt => text.push_str("on_error = \"halt\"\n"),
        OnErr::Compensate => text.push_str("on_error = \"compensate\"\n"),
        OnErr::Reconstruct => text.push_str("on_error = \"reconstruct\"\n"),
    }
    if let Some(Reconstruct { inputs, add, took_us, fails }) = &node.reconstruct {
        let inputs: Vec<String> =
            inputs.iter().enumerate().map(|(place, source)| format!("r{place} = {}", source_text(source))).collect();
        let mut with = vec![format!("add = {add}, took_us = {took_us}, fail = {}", if *fails { -1 } else { 0 })];
        with.extend(node.list.as_ref().map(|list| format!("give = {{ xs = {list:?} }}")));
        let _ = writeln!(
            text,
            "reconstruct = {{ uses = \"operator:test/do\", in = {{ {} }}, with = {{ {} }} }}",
            inputs.join(", "),
            with.join(", ")
        );
    }
    if let Some((timeout, skip)) = node.approve {
        let otherwise = if skip { "skip" } else { "fail" };
        let _ = writeln!(text, "approve = {{ by = \"human\", timeout = \"{timeout}ms\", else = \"{otherwise}\" }}");
    }
    if let Some((fails, other)) = &node.undo {
        let other = other.map(|other| format!(", w = \"n{other}.x\"")).unwrap_or_default();
        let fail = if *fails { -1 } else { 0 };
        let _ = writeln!(
            text,
            "undo = {{ uses = \"operator:test/do\", in = {{ v = \"n{id}.x\"{other} }}, with = {{ fail = {fail} }} }}"
        );
    }
}

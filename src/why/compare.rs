//! The comparison behind `why`: a node now and in the run, part by part, and what it follows from.

use super::answer::{Answer, Reason, Step, Verdict};
use crate::opening::Opened;
use crate::past::Made;
use crate::view::in_short;
use std::collections::BTreeMap;
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::melody::model::{Candidate, RefTarget, Reference, Setting, Source};
use symphony_ecs_core::ports::{Operation, Reuse};
use symphony_ecs_core::score::{Action, NodeSpec, Score};
use symphony_systems::run::{Fate, Sketch};

/// Steps of a chain: a reason that is further away is told by its own `why`.
const LONGEST: usize = 12;

/// What is compared.
pub struct Comparison<'a> {
    pub opened: &'a Opened,
    pub score: &'a Score,
    pub before: Option<&'a Made>,
    pub now: &'a BTreeMap<String, Sketch>,
}

impl Comparison<'_> {
    /// Whether a node plays, and the chain of reasons.
    pub fn answer(&self, node: &str) -> Answer {
        let mut chain: Vec<Step> = Vec::new();
        let mut next = Some(node.to_owned());
        while let Some(node) = next.take().filter(|node| chain.iter().all(|step| step.node != *node)) {
            let (step, because) = self.step(&node);
            chain.push(step);
            next = because.filter(|_| chain.len() < LONGEST);
        }
        Answer::of(node, self.before.map(|made| made.run.clone()), chain)
    }

    /// What there is to say of one node, and the node that it follows from.
    fn step(&self, node: &str) -> (Step, Option<String>) {
        let step = |verdict: Verdict, reasons: Vec<Reason>| Step { node: node.to_owned(), verdict, reasons };
        let Some(sketch) = self.now.get(node) else { return self.not_reached(node) };
        if let Some(why) = self.always(node, sketch.score.spec(sketch.row)) {
            return (step(Verdict::Plays, vec![always(&why)]), None);
        }
        match &sketch.fate {
            Fate::Skipped(why) => {
                let reason = Reason { what: "skipped", words: why.clone(), ..Reason::default() };
                (step(Verdict::Skipped, vec![reason]), None)
            }
            Fate::Reused(from) => match self.unsure(node) {
                Some(on) => (step(Verdict::Depends { on: on.clone() }, Vec::new()), Some(on)),
                None => {
                    let words = "player, settings and inputs are those of a call that finished".to_owned();
                    let reason = Reason { what: "unchanged", words, ..Reason::default() };
                    (step(Verdict::Reused { from: from.clone() }, vec![reason]), None)
                }
            },
            Fate::Begun | Fate::Played | Fate::Asks | Fate::Failed if sketch.operation().is_some() => {
                let (reasons, because) = self.differences(node, sketch);
                (step(Verdict::Plays, reasons), because)
            }
            Fate::Begun | Fate::Played | Fate::Asks | Fate::Failed => match self.inside(node) {
                Some(inner) => {
                    let words = format!("`{inner}` within it plays");
                    let reason = Reason { what: "inside", name: Some(inner.clone()), words, ..Reason::default() };
                    (step(Verdict::Plays, vec![reason]), Some(inner))
                }
                None => {
                    let words = "nothing within it has been played before".to_owned();
                    let reason = Reason { what: "never_played", words, ..Reason::default() };
                    (step(Verdict::Plays, vec![reason]), None)
                }
            },
        }
    }

    /// A node that never came to begin: something before it plays first.
    fn not_reached(&self, node: &str) -> (Step, Option<String>) {
        let on = self.blocker(node);
        let spec = self.place(node).map(|(_, score, row)| score.spec(row));
        let reasons = match (self.before, self.before.and_then(|made| made.sketches.get(node))) {
            (Some(made), Some(then)) => match (spec, &then.fate) {
                (_, Fate::Begun | Fate::Asks | Fate::Failed) => vec![unfinished()],
                (Some(spec), _) => match self.always(node, spec) {
                    Some(why) => vec![always(&why)],
                    None => own_differences(made, spec, then.score.spec(then.row)),
                },
                (None, _) => Vec::new(),
            },
            (Some(_), None) => vec![never("it did not play in that run")],
            (None, _) => vec![never("the melody has no run to compare with")],
        };
        let verdict = match &on {
            // Whatever comes of the nodes before it, it is not what it was.
            _ if !reasons.is_empty() => Verdict::Plays,
            Some(on) => Verdict::Depends { on: on.clone() },
            None => Verdict::Plays,
        };
        (Step { node: node.to_owned(), verdict, reasons }, on)
    }

    /// The nearest node before another that plays (or itself waits for one).
    fn blocker(&self, node: &str) -> Option<String> {
        let (prefix, score, row) = self.place(node)?;
        let mut givers: Vec<String> =
            score.givers(row.0).into_iter().map(|giver| format!("{prefix}{}", score.id(Row(giver)))).collect();
        givers.sort();
        let plays = |node: &String| {
            !matches!(self.now.get(node).map(|sketch| &sketch.fate), Some(Fate::Reused(_) | Fate::Skipped(_)))
        };
        let found = givers.iter().find(|node| plays(node) && self.now.contains_key(*node));
        found.or_else(|| givers.iter().find(|node| plays(node))).cloned()
    }

    /// Where a node stands: the prefix of the paths beside it, the score, the row.
    fn place(&self, node: &str) -> Option<(String, &Score, Row)> {
        if let Some(row) = self.score.row_of(node) {
            return Some((String::new(), self.score, row));
        }
        let id = node.rsplit('.').next()?;
        let beside = |sketch: &&Sketch| sketch.score.row_of(id).is_some();
        let prefix = node.get(..node.len() - id.len())?;
        let sketch = self
            .now
            .iter()
            .filter(|(path, _)| path.rsplit_once('.').is_some_and(|(above, _)| format!("{above}.") == prefix));
        let sketch = sketch.map(|(_, sketch)| sketch).find(beside)?;
        Some((prefix.to_owned(), &sketch.score, sketch.score.row_of(id)?))
    }

    /// A node before this one that always plays: what it gives now is not known.
    fn unsure(&self, node: &str) -> Option<String> {
        let top = node.split(['.', '[']).next()?;
        let row = self.score.row_of(top)?;
        let before = self.score.cone_before(&[row.0]);
        let mut rows: Vec<u32> = (0..row.0).filter(|at| before[*at as usize]).collect();
        rows.reverse();
        let inside = |path: &String, top: &str| {
            path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        for at in rows {
            let id = self.score.id(Row(at));
            let all = self.now.iter().filter(|(path, _)| inside(path, &id));
            if let Some((path, _)) =
                all.into_iter().find(|(path, sketch)| self.always(path, sketch.score.spec(sketch.row)).is_some())
            {
                return Some(path.clone());
            }
        }
        // Within its own body as well: what stands before it there.
        let (prefix, score, row) = self.place(node).filter(|(prefix, ..)| !prefix.is_empty())?;
        let before = score.cone_before(&[row.0]);
        let mut beside = (0..score.rows()).filter(|at| *at != row.0 && before[*at as usize]);
        beside.find_map(|at| {
            let path = format!("{prefix}{}", score.id(Row(at)));
            let always = |sketch: &Sketch| self.always(&path, sketch.score.spec(sketch.row)).is_some();
            self.now.get(&path).is_some_and(always).then_some(path)
        })
    }

    /// Why a node always plays, if it does; for a body, why something within it does.
    fn always(&self, node: &str, own: &NodeSpec) -> Option<String> {
        let operation = operation_of(own)?;
        let around = node.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| &node[..at]);
        for above in around {
            let says = self.now.get(above).is_some_and(|sketch| sketch.score.spec(sketch.row).reuse == Some(false));
            if says {
                return Some(format!("`{above}` says `reuse = false`"));
            }
        }
        match own.reuse {
            Some(true) => None,
            Some(false) => Some("it says `reuse = false`".to_owned()),
            None if own.undo.is_some() => Some("it has an `undo`, so it changes the world".to_owned()),
            None if operation.reuse == Reuse::Never => {
                Some(format!("{} looks at the world, or changes it", operation.name))
            }
            None => None,
        }
    }

    /// The first node within a body that plays.
    fn inside(&self, node: &str) -> Option<String> {
        let inside = |path: &str| path.strip_prefix(node).is_some_and(|rest| rest.starts_with(['.', '[']));
        let plays = |path: &str, sketch: &Sketch| {
            let begun = !matches!(sketch.fate, Fate::Reused(_) | Fate::Skipped(_));
            sketch.operation().is_some() && (begun || self.always(path, sketch.score.spec(sketch.row)).is_some())
        };
        self.now.iter().find(|(path, sketch)| inside(path) && plays(path, sketch)).map(|(path, _)| path.clone())
    }

    /// What is different from the run, and the node whose outputs made it so.
    fn differences(&self, node: &str, now: &Sketch) -> (Vec<Reason>, Option<String>) {
        let Some(made) = self.before else { return (vec![never("the melody has no run to compare with")], None) };
        let Some(then) = made.sketches.get(node) else { return (vec![never("it did not play in that run")], None) };
        let mut reasons = own_differences(made, now.score.spec(now.row), then.score.spec(then.row));
        let (changed, because) = self.inputs(node, now, then);
        reasons.extend(changed);
        if reasons.is_empty() {
            reasons.push(match &then.fate {
                Fate::Played | Fate::Reused(_) => Reason {
                    what: "forgotten",
                    words:
                        "it is as it was, but its result is not kept: a fallback gave it, its artifact is gone, or the \
                            memory of results was lost"
                            .to_owned(),
                    ..Reason::default()
                },
                Fate::Begun | Fate::Asks | Fate::Failed | Fate::Skipped(_) => unfinished(),
            });
        }
        (reasons, because)
    }

    fn inputs(&self, node: &str, now: &Sketch, then: &Sketch) -> (Vec<Reason>, Option<String>) {
        let value = |sketch: &Sketch, port: &str| {
            sketch
                .inputs
                .iter()
                .find(|(name, value)| **name == *port && value.is_present())
                .map(|(_, value)| value.clone())
        };
        let mut ports: Vec<&str> = now.inputs.iter().chain(&then.inputs).map(|(name, _)| &**name).collect();
        ports.sort_unstable();
        ports.dedup();
        let (mut reasons, mut because) = (Vec::new(), None);
        for port in ports {
            let (is, was) = (value(now, port), value(then, port));
            if is.as_ref().map(|is| is.digest()) == was.as_ref().map(|was| was.digest()) {
                continue;
            }
            let (from, giver) = self.origin(node, now, port);
            let from = from.map(|from| format!(" (from `{from}`)")).unwrap_or_default();
            let brief = |value: &Option<_>| value.as_ref().map_or("nothing".to_owned(), in_short);
            let (was, is) = (brief(&was), brief(&is));
            let words = match was == is {
                true => format!("input `{port}`{from} changed: other content, {is}"),
                false => format!("input `{port}`{from} changed: {was} → {is}"),
            };
            reasons.push(Reason { what: "input", name: Some(port.to_owned()), was: Some(was), is: Some(is), words });
            because = because.or(giver.filter(|giver| self.now.contains_key(giver)));
        }
        (reasons, because)
    }

    /// Where an input comes from, as the melody says it, and the path of the node that gives it.
    fn origin(&self, node: &str, sketch: &Sketch, port: &str) -> (Option<String>, Option<String>) {
        let id = sketch.score.id(sketch.row);
        let melodies = self.opened.checked.melodies.iter().map(|checked| &checked.melody);
        let found = melodies.filter(|melody| *melody.path == *sketch.score.path);
        let declared = found.flat_map(|melody| &melody.nodes).find(|known| *known.id.value == *id);
        let binding = declared.and_then(|node| node.inputs.iter().find(|binding| binding.port.value == port));
        let beside = |given: &str| {
            let own = node.strip_suffix(&*id).or_else(|| node.rfind(&*id).and_then(|at| node.get(..at)));
            own.map(|prefix| format!("{prefix}{given}"))
        };
        let of = |reference: &Reference| match &reference.target {
            RefTarget::Port(giver, _) => beside(giver),
            _ => None,
        };
        match binding.map(|binding| &binding.from) {
            Some(Source::Ref(reference)) => (Some(reference.target.to_string()), of(reference)),
            Some(Source::Expr(expr)) => {
                let giver = expr
                    .references()
                    .iter()
                    .find_map(|used| beside(&used.name).filter(|path| self.now.contains_key(path)));
                (Some(expr.text().to_owned()), giver)
            }
            Some(Source::Join(join)) => {
                let giver = join.candidates.iter().find_map(|candidate| match candidate {
                    Candidate::One(reference) => of(reference),
                    Candidate::Pattern { .. } => None,
                });
                (Some(format!("a join `{}`", join.kind.word())), giver)
            }
            Some(Source::Literal(_)) | None => (None, None),
        }
    }
}

/// The operation whose result counts; none for bodies.
fn operation_of(spec: &NodeSpec) -> Option<&Operation> {
    match &spec.action {
        Action::Call(players) => players.first().map(|player| &**player),
        Action::Function(operation, _) => Some(operation),
        Action::Pause(_) | Action::Nested(_) | Action::Loop(_) | Action::Map(_) => None,
    }
}

/// What changed of a node by itself: its player and its parameters.
fn own_differences(made: &Made, is: &NodeSpec, was: &NodeSpec) -> Vec<Reason> {
    let players = operation_of(is).zip(operation_of(was));
    let mut reasons: Vec<Reason> = players.and_then(|(is, was)| player(made, is, was)).into_iter().collect();
    reasons.extend(parameters(is, was));
    reasons
}

fn always(why: &str) -> Reason {
    Reason { what: "always", words: format!("it always plays: {why}"), ..Reason::default() }
}

fn unfinished() -> Reason {
    Reason { what: "unfinished", words: "it did not finish in that run".to_owned(), ..Reason::default() }
}

fn never(words: &str) -> Reason {
    Reason { what: "never_played", words: words.to_owned(), ..Reason::default() }
}

/// What changed of the player.
fn player(made: &Made, is: &Operation, was: &Operation) -> Option<Reason> {
    let reason = |words: String, was: String, is: String| {
        Some(Reason { what: "player", name: None, was: Some(was), is: Some(is), words })
    };
    if is.name != was.name {
        return reason(format!("player {} → {}", was.name, is.name), was.name.clone(), is.name.clone());
    }
    let then = made.birth.versions.get(&is.name);
    let version = is.version.to_string();
    match (then, made.birth.players.get(&is.name)) {
        (Some(then), _) if *then != version => {
            reason(format!("player {}: version {then} → {version}", is.name), then.clone(), version)
        }
        (_, Some(digest)) if *digest != is.digest => {
            let words = format!("player {}: its files changed (version {version} as before)", is.name);
            reason(words, digest.to_string(), is.digest.to_string())
        }
        _ => None,
    }
}

/// What changed of the settings, of what `retry` varies and of the declared outputs.
fn parameters(is: &NodeSpec, was: &NodeSpec) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let brief = |setting: Option<&Setting>| match setting {
        None => "nothing".to_owned(),
        Some(Setting::Value(value)) => in_short(value),
        Some(Setting::Secret(name)) => format!("secret {}", name.value),
    };
    let mut names: Vec<&str> = is.with.iter().chain(was.with.iter()).map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let find = |with: &[(std::sync::Arc<str>, Setting)]| {
            with.iter().find(|(known, _)| **known == *name).map(|(_, setting)| setting.clone())
        };
        let (is, was) = (find(&is.with), find(&was.with));
        let same = match (&is, &was) {
            (Some(Setting::Value(is)), Some(Setting::Value(was))) => is == was,
            (Some(Setting::Secret(is)), Some(Setting::Secret(was))) => is.value == was.value,
            _ => false,
        };
        if !same {
            let (was, is) = (brief(was.as_ref()), brief(is.as_ref()));
            let words = match was == is {
                true => format!("parameter `with.{name}` changed: other content, {is}"),
                false => format!("parameter `with.{name}`: {was} → {is}"),
            };
            reasons.push(Reason {
                what: "parameter",
                name: Some(name.to_owned()),
                was: Some(was),
                is: Some(is),
                words,
            });
        }
    }
    let vary = |spec: &NodeSpec| {
        let vary = spec.retry.as_deref().map(|retry| retry.vary.as_slice()).unwrap_or_default();
        vary.iter().map(|(name, values)| (name.value.clone(), values.clone())).collect::<Vec<_>>()
    };
    if vary(is) != vary(was) {
        let words = "parameter `retry.vary` changed".to_owned();
        reasons.push(Reason { what: "parameter", name: Some("retry.vary".to_owned()), words, ..Reason::default() });
    }
    let ports = |spec: &NodeSpec| {
        spec.outputs.iter().map(|port| format!("{}: {}", port.name, port.ty)).collect::<Vec<_>>().join(", ")
    };
    if ports(is) != ports(was) {
        let (was, is) = (ports(was), ports(is));
        let words = format!("declared outputs: {was} → {is}");
        reasons.push(Reason { what: "output", name: None, was: Some(was), is: Some(is), words });
    }
    reasons
}

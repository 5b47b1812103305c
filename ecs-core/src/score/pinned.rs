//! Pinned scores: nodes that give fixed values instead of playing, as tests want them.
//!
//! A pinned row becomes a function of this process that gives the pinned values; so it plays under every clock, its
//! outputs are held against its ports as a player's are, and nobody is called. Of a mapped node every item gives them.

use super::{Action, LoopSpec, MapSpec, Marks, NodeSpec, Score};
use crate::ids::Row;
use crate::ports::{CallFailure, InProcess, InProcessCall, Operation, Port};
use crate::value::{Digest, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Values of output ports by node path; iterations and items have none in it (`fix.patch`).
pub type PinnedValues = BTreeMap<String, BTreeMap<String, Value>>;

struct Pinned(BTreeMap<String, Value>);

impl InProcess for Pinned {
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        for (port, result) in call.outputs.iter().zip(call.results.iter_mut()) {
            *result = self.0.get(&port.name).cloned().unwrap_or_default();
        }
        Ok(())
    }
}

/// The score with these nodes pinned, and with nobody asked for an approval. Paths that it does not have do nothing.
pub fn pinned(score: &Score, pins: &PinnedValues) -> Score {
    within(score, pins, "")
}

/// The output ports of a node by its path, and the schemas their types name; `None` if there is no such node.
pub fn ports_of<'s>(score: &'s Score, path: &str) -> Option<(&'s [Port], &'s Score)> {
    let (id, below) = path.split_once('.').map_or((path, None), |(id, below)| (id, Some(below)));
    let spec = score.spec(score.row_of(id)?);
    match below {
        None => Some((&spec.outputs, score)),
        Some(below) => ports_of(body_of(spec)?, below),
    }
}

/// Paths of the nodes that a player out of this process plays, in score order.
pub fn calls(score: &Score) -> Vec<String> {
    let mut paths = Vec::new();
    collect(score, "", &mut paths);
    let mut seen = BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths
}

fn collect(score: &Score, above: &str, paths: &mut Vec<String>) {
    for row in (0..score.rows()).map(Row) {
        let path = format!("{above}{}", score.id(row));
        let mut spec = score.spec(row);
        // What a mapped node plays is the one row of its body.
        if let Action::Map(map) = &spec.action {
            spec = map.body.spec(Row(0));
        }
        match &spec.action {
            Action::Call(_) => paths.push(path),
            Action::Nested(_) | Action::Loop(_) | Action::Map(_) => {
                if let Some(body) = body_of(spec) {
                    collect(body, &format!("{path}."), paths);
                }
            }
            Action::Function(..) | Action::Pause(_) => {}
        }
    }
}

/// The melody that a composite node plays; for a mapped one, what each item plays.
fn body_of(spec: &NodeSpec) -> Option<&Score> {
    match &spec.action {
        Action::Nested(body) => Some(body),
        Action::Loop(repeat) => Some(&repeat.body),
        Action::Map(map) => body_of(map.body.spec(Row(0))),
        Action::Call(_) | Action::Function(..) | Action::Pause(_) => None,
    }
}

fn within(score: &Score, pins: &PinnedValues, above: &str) -> Score {
    let mut made = score.clone();
    made.specs.iter_mut().for_each(|spec| spec.approve = None);
    if made.spec_of.is_empty() {
        made.spec_of = vec![0; made.rows() as usize];
    }
    for row in (0..score.rows()).map(Row) {
        let path = format!("{above}{}", score.id(row));
        let prefix = format!("{path}.");
        let inner = pins.range(prefix.clone()..).next().is_some_and(|(known, _)| known.starts_with(&prefix));
        let values = pins.get(&path);
        let mut spec = made.spec(row).clone();
        let composite = matches!(spec.action, Action::Nested(_) | Action::Loop(_) | Action::Map(_));
        if !inner && values.is_none() && !composite {
            continue;
        }
        let mark = pin_row(&mut spec, values, pins, &path);
        made.spec_of[row.ix()] = made.specs.len() as u32;
        made.specs.push(spec);
        if let Some(mark) = made.marks.get_mut(row.ix()).filter(|_| mark) {
            *mark = Marks(mark.0 & !Marks::COMPOSITE.0).and(Marks::IN_PROCESS);
        }
    }
    made
}

/// Pins one row, or what is within it; true when it became a function.
fn pin_row(spec: &mut NodeSpec, values: Option<&BTreeMap<String, Value>>, pins: &PinnedValues, path: &str) -> bool {
    let prefix = format!("{path}.");
    let action = match (&spec.action, values) {
        (Action::Map(map), _) => {
            let mut body = (*map.body).clone();
            body.specs.iter_mut().for_each(|item| item.approve = None);
            if let Some(item) = body.specs.first_mut()
                && pin_row(item, values, pins, path)
            {
                let marks = body.marks.iter_mut();
                marks.for_each(|mark| *mark = Marks(mark.0 & !Marks::COMPOSITE.0).and(Marks::IN_PROCESS));
            }
            spec.action = Action::Map(Arc::new(MapSpec { body: Arc::new(body), ..(**map).clone() }));
            return false;
        }
        (_, Some(values)) => Action::Function(Arc::new(operation(path)), Arc::new(Pinned(values.clone()))),
        (Action::Nested(body), None) => Action::Nested(Arc::new(within(body, pins, &prefix))),
        (Action::Loop(repeat), None) => {
            let body = Arc::new(within(&repeat.body, pins, &prefix));
            Action::Loop(Arc::new(LoopSpec { body, ..(**repeat).clone() }))
        }
        (action, None) => action.clone(),
    };
    if values.is_some() {
        // Settings and secrets are for the player.
        spec.with = Arc::from([]);
        spec.undo = None;
        // Ports that nobody pinned give nothing; who needs them is skipped and says so.
        let ports = spec.outputs.iter().map(|port| Port { required: false, ..port.clone() });
        spec.outputs = ports.collect();
        spec.estimate = Duration::ZERO;
    }
    spec.action = action;
    values.is_some()
}

/// The player of a pinned node.
fn operation(path: &str) -> Operation {
    Operation {
        name: format!("pin:{path}"),
        version: semver::Version::new(1, 0, 0),
        digest: Digest::of(path.as_bytes()),
        origin: "pinned".to_owned(),
        inputs: Vec::new(),
        open_inputs: true,
        outputs: Vec::new(),
        open_outputs: true,
        settings: None,
        in_process: true,
        idempotent: true,
        worst_cost_micros: None,
        worst_tokens: None,
        max_parallel: None,
        timeout: None,
        reuse: crate::ports::Reuse::Never,
    }
}

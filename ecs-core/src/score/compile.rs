//! From a checked melody to a score: nodes become rows, references become slots, names become numbers.

use super::build::marks_of;
use super::gather::{Bind, BoundNames, CandidateFrom, Gather, JoinSpec, NameFrom, Wanted};
use super::topology::{EdgeMode, Topology, topological_order};
use super::{Action, InputSpec, LoopSpec, Marks, NodeSpec, OutputSpec, Score, UndoSpec};
use crate::expr::{Expr, SETTINGS};
use crate::melody::check::{Checked, CheckedMelody, CheckedNode};
use crate::melody::model::{
    Binding, Candidate, EdgeKind, Join, MapDecl, Melody, Node, RefTarget, Reference, Setting, SideCall, Source, Spanned,
};
use crate::ports::{InProcess, Operation};
use crate::types::PortType;
use crate::value::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Why a checked melody could not be compiled: what the checker promised does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: `{node}` cannot be compiled: {what}")]
pub struct CompileError {
    /// The melody.
    pub path: String,
    /// The node.
    pub node: String,
    /// What does not hold.
    pub what: String,
}

/// Finds the function of an in-process operation by its full name.
pub type FindFunction<'a> = &'a dyn Fn(&str) -> Option<Arc<dyn InProcess>>;

/// Compiles a checked melody and every body it reaches. `settings` is a map of the person's preferences, or absent.
pub fn compile(checked: &Checked, functions: FindFunction<'_>, settings: &Value) -> Result<Arc<Score>, CompileError> {
    // Who has no settings has an empty map, so that `has(settings.name)` is false.
    let none = Value::map::<String>([]);
    let settings = if settings.is_present() { settings } else { &none };
    Compiler { checked, functions, settings, done: vec![None; checked.melodies.len()] }.melody(0)
}

struct Compiler<'a> {
    checked: &'a Checked,
    functions: FindFunction<'a>,
    settings: &'a Value,
    done: Vec<Option<Arc<Score>>>,
}

impl Compiler<'_> {
    fn melody(&mut self, which: usize) -> Result<Arc<Score>, CompileError> {
        if let Some(score) = self.done.get(which).and_then(Clone::clone) {
            return Ok(score);
        }
        let checked = self.checked;
        let Some(melody) = checked.melodies.get(which) else {
            return Err(CompileError { path: String::new(), node: String::new(), what: "its body is missing".into() });
        };
        let mut bodies = Vec::with_capacity(melody.nodes.len());
        for node in &melody.nodes {
            bodies.push(node.body.map(|body| self.melody(body)).transpose()?);
        }
        let score = Arc::new(Rows::new(melody, self.settings)?.score(&bodies, self.functions)?);
        self.done[which] = Some(Arc::clone(&score));
        Ok(score)
    }
}

/// The rows of one melody: where each node goes and where its outputs lie.
pub(super) struct Rows<'a> {
    pub(super) melody: &'a Melody,
    pub(super) nodes: &'a [CheckedNode],
    pub(super) checked: &'a CheckedMelody,
    /// Node number by id.
    pub(super) by_id: HashMap<&'a str, u32>,
    inputs_by_name: HashMap<&'a str, u32>,
    topology: Topology,
    /// Node number by row, and row by node number.
    pub(super) order: Vec<u32>,
    pub(super) place: Vec<u32>,
    slot_off: Vec<u32>,
    gathers: Vec<Gather>,
    joins: Vec<JoinSpec>,
    pub(super) settings: &'a Value,
}

impl<'a> Rows<'a> {
    fn new(checked: &'a CheckedMelody, settings: &'a Value) -> Result<Self, CompileError> {
        let melody = &*checked.melody;
        let by_id: HashMap<&str, u32> = (0..).zip(&melody.nodes).map(|(ix, node)| (&*node.id.value, ix)).collect();
        let inputs_by_name = (0..).zip(&melody.inputs).map(|(ix, input)| (&*input.name.value, ix)).collect();
        let count = melody.nodes.len() as u32;
        let edges = edges_of(melody, &by_id);
        let order = topological_order(count, &edges).map_err(|cycle| CompileError {
            path: melody.path.clone(),
            node: cycle.0.first().map(|node| melody.nodes[*node as usize].id.value.clone()).unwrap_or_default(),
            what: "it waits for itself".into(),
        })?;
        let mut place = vec![0; count as usize];
        for (row, node) in order.iter().enumerate() {
            place[*node as usize] = row as u32;
        }
        let placed = edges.iter().map(|(from, to, mode)| (place[*from as usize], place[*to as usize], *mode));
        let mut placed: Vec<_> = placed.collect();
        placed.sort_unstable();
        let mut slot_off = vec![0u32];
        for node in &order {
            let width = checked.nodes[*node as usize].outputs.len() as u32;
            slot_off.push(slot_off[slot_off.len() - 1] + width);
        }
        Ok(Self {
            melody,
            nodes: &checked.nodes,
            checked,
            by_id,
            inputs_by_name,
            topology: Topology::from_sorted(count, &placed),
            order,
            place,
            slot_off,
            gathers: Vec::new(),
            joins: Vec::new(),
            settings,
        })
    }

    fn score(mut self, bodies: &[Option<Arc<Score>>], functions: FindFunction<'_>) -> Result<Score, CompileError> {
        let count = self.order.len();
        let mut specs = Vec::with_capacity(count);
        let (mut marks, mut bind_off, mut binds) = (Vec::with_capacity(count), vec![0u32], Vec::new());
        for row in 0..count {
            let node = self.order[row] as usize;
            let (declared, checked) = (&self.melody.nodes[node], &self.nodes[node]);
            let action = self.action(declared, checked, bodies[node].as_ref(), functions)?;
            let mapped = declared.map.as_ref();
            let spec = match mapped {
                Some(map) => self.mapped_spec(row as u32, declared, checked, map, action),
                None => {
                    for binding in &declared.inputs {
                        binds.push(self.bind(row as u32, &binding.from));
                    }
                    self.spec(declared, checked, action, &declared.inputs, &checked.input_types)
                }
            };
            bind_off.push(binds.len() as u32);
            let mut own = marks_of(&spec);
            if binds.len() as u32 > bind_off[row] && matches!(spec.action, Action::Call(_)) {
                own = own.and(Marks::GATED);
            }
            if declared.inputs.iter().any(|binding| is_optional(&binding.from)) {
                own = own.and(Marks::OPTIONAL);
            }
            marks.push(own);
            specs.push(spec);
        }
        self.reconstructs(&mut specs);
        let melody = self.melody;
        let outputs: Vec<OutputSpec> = melody
            .outputs
            .iter()
            .map(|output| OutputSpec {
                name: output.name.value.as_str().into(),
                from: self.gather(u32::MAX, &output.from.from, true),
            })
            .collect();
        let mut waits: Vec<u32> = (0..count).map(|_| 0).collect();
        for row in 0..count as u32 {
            for edge in self.topology.succ(row) {
                waits[edge.row() as usize] += u32::from(edge.mode() != EdgeMode::Join);
            }
        }
        let mut join_edges = Vec::new();
        for (ix, join) in self.joins.iter().enumerate() {
            if let Some(waits) = waits.get_mut(join.consumer as usize) {
                *waits += 1;
            }
            for (candidate, from) in join.candidates.iter().enumerate() {
                if let CandidateFrom::Slot { row, .. } = from {
                    marks[*row as usize] = marks[*row as usize].and(Marks::JOINS);
                    join_edges.push((*row, ix as u32, candidate as u32));
                }
            }
        }
        join_edges.sort_unstable();
        let micros = |row: u32| u32::try_from(specs[row as usize].estimate.as_micros()).unwrap_or(u32::MAX);
        let inputs = melody.inputs.iter().map(|input| InputSpec {
            name: input.name.value.as_str().into(),
            ty: input.ty.value.clone(),
            required: input.required,
            default: input.default.clone(),
        });
        Ok(Score {
            name: melody.name.value.as_str().into(),
            path: melody.path.as_str().into(),
            rank: self.topology.ranks(micros),
            waits,
            groups: Vec::new(),
            marks,
            spec_of: (0..count as u32).collect(),
            specs,
            ids: self.order.iter().map(|node| melody.nodes[*node as usize].id.value.as_str().into()).collect(),
            slot_off: self.slot_off,
            bind_off,
            binds,
            gathers: self.gathers,
            joins: self.joins,
            join_edges,
            schemas: Arc::clone(&self.checked.schemas),
            inputs: inputs.collect(),
            outputs,
            settings: self.settings.clone(),
            topology: self.topology,
        })
    }

    fn action(
        &self,
        node: &Node,
        checked: &CheckedNode,
        body: Option<&Arc<Score>>,
        functions: FindFunction<'_>,
    ) -> Result<Action, CompileError> {
        let broken = |what: &str| CompileError {
            path: self.melody.path.clone(),
            node: node.id.value.clone(),
            what: what.to_owned(),
        };
        if let Some(repeat) = &node.repeat {
            let body = body.ok_or_else(|| broken("its loop has no body"))?;
            let output = |name: &str| body.outputs.iter().position(|output| &*output.name == name);
            let input = |name: &str| body.inputs.iter().position(|input| &*input.name == name);
            let mut carry = Vec::new();
            for (from, to) in &repeat.carry {
                let from = output(&from.value).ok_or_else(|| broken("`carry` names no output of the body"))?;
                let to = input(&to.value).ok_or_else(|| broken("`carry` names no input of the body"))?;
                carry.push((from as u32, to as u32));
            }
            let until = repeat.until.as_ref().map(|until| until.value.clone());
            return Ok(Action::Loop(Arc::new(LoopSpec { body: Arc::clone(body), carry, until, max: repeat.max })));
        }
        if let Some(body) = body {
            return Ok(Action::Nested(Arc::clone(body)));
        }
        match checked.players.as_slice() {
            [] => Err(broken("it has no player")),
            [only] if only.in_process => {
                let function = functions(&only.name).ok_or_else(|| broken("its function is not in this program"))?;
                Ok(Action::Function(Arc::clone(only), function))
            }
            players => Ok(Action::Call(players.into())),
        }
    }

    pub(super) fn spec(
        &self,
        node: &Node,
        checked: &CheckedNode,
        action: Action,
        inputs: &[Binding],
        types: &[PortType],
    ) -> NodeSpec {
        let estimate = estimate_of(&action);
        NodeSpec {
            input_names: names_of(inputs),
            input_types: types.into(),
            outputs: Arc::clone(&checked.outputs),
            with: settings_of(&node.with),
            condition: node.condition.as_ref().map(|condition| self.names(&condition.value, node.map.as_ref())),
            gate: node.gate.as_ref().map(|gate| gate.value.clone()),
            retry: node.retry.clone().map(Arc::new),
            on_error: node.on_error,
            approve: node.approve.clone(),
            limits: Arc::new(node.limits.clone()),
            undo: self.undo(node, checked),
            reuse: node.reuse,
            declared: node.estimate.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            ..NodeSpec::plain(action, estimate)
        }
    }

    pub(super) fn undo(&self, node: &Node, checked: &CheckedNode) -> Option<Arc<UndoSpec>> {
        let (SideCall { inputs, with, .. }, operation) = (node.undo.as_ref()?, checked.undo.as_ref()?);
        let lenient = |binding: &Binding| match &binding.from {
            Source::Literal(value) => Gather::Literal(value.clone()),
            Source::Ref(reference) => self.reference(reference, true),
            Source::Expr(expr) => {
                let (expr, names) = self.names(expr, None);
                Gather::Expr(expr, names, Wanted::Lenient)
            }
            // The checker refuses joins here.
            Source::Join(_) => Gather::Literal(Value::Absent),
        };
        Some(Arc::new(UndoSpec {
            operation: Arc::clone(operation),
            input_names: names_of(inputs),
            inputs: inputs.iter().map(lenient).collect(),
            with: settings_of(with),
        }))
    }

    fn bind(&mut self, row: u32, source: &Source) -> Bind {
        match self.gather(row, source, false) {
            Gather::Slot(slot, Wanted::Required) => Bind::Slot(slot),
            Gather::Input(input, Wanted::Required) => Bind::Input(input),
            other => {
                self.gathers.push(other);
                Bind::Gather(self.gathers.len() as u32 - 1)
            }
        }
    }

    pub(super) fn gather(&mut self, row: u32, source: &Source, lenient: bool) -> Gather {
        self.gather_in(row, source, lenient, None)
    }

    pub(super) fn gather_in(&mut self, row: u32, source: &Source, lenient: bool, map: Option<&MapDecl>) -> Gather {
        let otherwise = if lenient { Wanted::Lenient } else { Wanted::Required };
        match source {
            Source::Literal(value) => Gather::Literal(value.clone()),
            Source::Ref(reference) => self.reference(reference, lenient),
            Source::Expr(expr) => {
                let (expr, names) = self.names(expr, map);
                Gather::Expr(expr, names, otherwise)
            }
            Source::Join(join) => {
                let wanted = join.default.clone().map_or(otherwise, Wanted::Default);
                Gather::Join(self.join(row, join, lenient), wanted)
            }
        }
    }

    fn join(&mut self, row: u32, join: &Join, lenient: bool) -> u32 {
        let candidates = join.candidates.iter().filter_map(|candidate| match candidate {
            Candidate::One(reference) => self.candidate(reference),
            // Patterns were expanded by the checker.
            Candidate::Pattern { .. } => None,
        });
        let lenient = lenient || join.default.is_some();
        let candidates = candidates.collect();
        self.joins.push(JoinSpec { consumer: row, kind: join.kind, candidates, lenient });
        self.joins.len() as u32 - 1
    }

    fn candidate(&self, reference: &Reference) -> Option<CandidateFrom> {
        match &reference.target {
            RefTarget::Input(name) => self.inputs_by_name.get(&**name).map(|input| CandidateFrom::Input(*input)),
            RefTarget::Port(node, port) => {
                let (row, slot) = self.slot(node, port)?;
                Some(CandidateFrom::Slot { slot, row })
            }
            RefTarget::Item | RefTarget::Index => None,
        }
    }

    pub(super) fn reference(&self, reference: &Reference, lenient: bool) -> Gather {
        let wanted = match (&reference.default, reference.kind) {
            (Some(default), _) => Wanted::Default(default.clone()),
            (None, EdgeKind::Hard) if !lenient => Wanted::Required,
            (None, _) => Wanted::Lenient,
        };
        let found = match &reference.target {
            RefTarget::Input(name) => self.inputs_by_name.get(&**name).map(|input| Gather::Input(*input, wanted)),
            RefTarget::Port(node, port) => self.slot(node, port).map(|(_, slot)| Gather::Slot(slot, wanted)),
            RefTarget::Item => Some(Gather::Item),
            RefTarget::Index => Some(Gather::Index),
        };
        found.unwrap_or(Gather::Literal(Value::Absent))
    }

    /// Row and slot of a port.
    fn slot(&self, node: &str, port: &str) -> Option<(u32, u32)> {
        let node = *self.by_id.get(node)? as usize;
        let row = self.place[node];
        let ix = self.nodes[node].outputs.iter().position(|known| known.name == port)?;
        Some((row, self.slot_off[row as usize] + ix as u32))
    }

    /// An expression with where its names come from.
    pub(super) fn names(&self, expr: &Expr, map: Option<&MapDecl>) -> (Expr, BoundNames) {
        let item = map.and_then(|map| map.item_name.as_ref()).map(|name| name.value.as_str());
        let mut names: BTreeMap<String, NameFrom> = BTreeMap::new();
        for used in expr.references() {
            let from = match used.name.as_str() {
                "inputs" => NameFrom::Inputs,
                SETTINGS => NameFrom::Settings,
                "item" => NameFrom::Item,
                "index" => NameFrom::Index,
                name if Some(name) == item => NameFrom::Item,
                name => match self.by_id.get(name) {
                    Some(node) => NameFrom::Row(self.place[*node as usize]),
                    None => continue,
                },
            };
            names.insert(used.name.clone(), from);
        }
        (expr.clone(), names.into_iter().collect())
    }
}

/// Edges between nodes by number, one of a kind per pair (a hard edge makes a soft one needless), sorted.
fn edges_of(melody: &Melody, by_id: &HashMap<&str, u32>) -> Vec<(u32, u32, EdgeMode)> {
    let mut edges: Vec<(u32, u32, EdgeMode)> = Vec::new();
    for (consumer, node) in (0u32..).zip(&melody.nodes) {
        let mut add = |name: &str, mode: EdgeMode| {
            if let Some(producer) = by_id.get(name) {
                edges.push((*producer, consumer, mode));
            }
        };
        for source in node.inputs.iter().map(|binding| &binding.from).chain(node.map.as_ref().map(|map| &map.over)) {
            source_edges(source, &mut add);
        }
        for need in &node.needs {
            if let Some(mode) = mode_of(need.kind) {
                add(&need.node.value, mode);
            }
        }
        if let Some(condition) = &node.condition {
            condition.value.references().iter().for_each(|used| add(&used.name, EdgeMode::Soft));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    // Hard sorts before soft, so a soft edge after a hard one of the same pair is needless.
    let mut last_hard = None;
    edges.retain(|(producer, consumer, mode)| match mode {
        EdgeMode::Hard => {
            last_hard = Some((*producer, *consumer));
            true
        }
        EdgeMode::Soft => last_hard != Some((*producer, *consumer)),
        EdgeMode::Join | EdgeMode::Group | EdgeMode::Optional => true,
    });
    edges
}

pub(super) fn source_edges(source: &Source, add: &mut impl FnMut(&str, EdgeMode)) {
    match source {
        Source::Literal(_) => {}
        Source::Expr(expr) => expr.references().iter().for_each(|used| add(&used.name, EdgeMode::Soft)),
        Source::Ref(reference) => {
            // A default stands in for a value that does not come.
            let kind = match (&reference.default, reference.kind) {
                (Some(_), EdgeKind::Hard) => EdgeKind::Soft,
                (_, kind) => kind,
            };
            if let (RefTarget::Port(node, _), Some(mode)) = (&reference.target, mode_of(kind)) {
                add(node, mode);
            }
        }
        Source::Join(join) => {
            for candidate in &join.candidates {
                if let Candidate::One(Reference { target: RefTarget::Port(node, _), .. }) = candidate {
                    add(node, EdgeMode::Join);
                }
            }
        }
    }
}

/// Whether a source takes a value for which nobody waits.
fn is_optional(source: &Source) -> bool {
    matches!(source, Source::Ref(Reference { target: RefTarget::Port(..), kind: EdgeKind::Optional, .. }))
}

fn mode_of(kind: EdgeKind) -> Option<EdgeMode> {
    match kind {
        EdgeKind::Hard => Some(EdgeMode::Hard),
        EdgeKind::Soft => Some(EdgeMode::Soft),
        EdgeKind::Optional => None,
    }
}

/// How long one attempt is thought to take before anything was measured: enough to tell models from utilities.
fn estimate_of(action: &Action) -> Duration {
    let longest = |score: &Score| Duration::from_micros(score.rank.iter().max().copied().unwrap_or(0).into());
    match action {
        Action::Function(..) => Duration::from_micros(10),
        Action::Pause(span) => *span,
        Action::Nested(body) => longest(body),
        Action::Loop(repeat) => longest(&repeat.body) * 2,
        Action::Map(map) => longest(&map.body),
        Action::Call(players) => match players.first() {
            Some(player) if is_instrument(player) => Duration::from_secs(2),
            _ => Duration::from_millis(100),
        },
    }
}

fn is_instrument(operation: &Operation) -> bool {
    operation.name.starts_with("instrument:")
}

pub(super) fn names_of(bindings: &[Binding]) -> Arc<[Arc<str>]> {
    bindings.iter().map(|binding| binding.port.value.as_str().into()).collect()
}

pub(super) fn settings_of(with: &[(Spanned<String>, Setting)]) -> Arc<[(Arc<str>, Setting)]> {
    with.iter().map(|(name, setting)| (name.value.as_str().into(), setting.clone())).collect()
}

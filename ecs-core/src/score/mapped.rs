//! Mapped nodes, compiled: an outer row that fans out, and a score of one row that plays one item.

use super::build::marks_of;
use super::compile::{Rows, names_of, settings_of};
use super::gather::{Bind, Gather, NameFrom, Wanted};
use super::topology::Topology;
use super::{Action, InputSpec, MapSpec, Marks, NodeSpec, Score, UndoSpec};
use crate::melody::check::CheckedNode;
use crate::melody::model::{MapDecl, Node, OnError, RefTarget, Source};
use crate::types::PortType;
use crate::value::Value;
use std::sync::Arc;
use std::time::Duration;

impl Rows<'_> {
    /// A mapped node: an outer row that fans out, and a score of one row that plays one item.
    pub(super) fn mapped_spec(
        &mut self,
        row: u32,
        node: &Node,
        checked: &CheckedNode,
        map: &MapDecl,
        action: Action,
    ) -> NodeSpec {
        let over = self.gather(row, &map.over, false);
        let mut item_inputs = Vec::new();
        let mut binds = Vec::new();
        let mut gathers = Vec::new();
        for (ix, binding) in (0u32..).zip(&node.inputs) {
            let from = self.gather_in(row, &binding.from, false, Some(map));
            if matches!(
                &from,
                Gather::Slot(_, Wanted::Lenient) | Gather::Input(_, Wanted::Lenient) | Gather::Join(_, Wanted::Lenient)
            ) {
                binds.push(Bind::Gather(gathers.len() as u32));
                gathers.push(Gather::Input(ix, Wanted::Lenient));
            } else {
                binds.push(Bind::Input(ix));
            }
            item_inputs.push(from);
        }
        let inner = NodeSpec {
            condition: None,
            approve: None,
            undo: self.item_undo(node, checked, map, &mut item_inputs),
            ..self.spec(node, checked, action, &node.inputs, &checked.input_types)
        };
        let outer = NodeSpec {
            outputs: Arc::clone(&inner.outputs),
            condition: node.condition.as_ref().map(|condition| self.names(&condition.value, None)),
            approve: node.approve.clone(),
            on_error: node.on_error,
            ..NodeSpec::plain(Action::Pause(Duration::ZERO), inner.estimate)
        };
        let input = |name: &str, ty: PortType| InputSpec { name: name.into(), ty, required: false, default: None };
        let mut inputs: Vec<InputSpec> =
            node.inputs.iter().zip(&checked.input_types).map(|(at, ty)| input(&at.port.value, ty.clone())).collect();
        inputs.resize_with(item_inputs.len(), || input("undo", PortType::Any));
        let width = inner.outputs.len() as u32;
        let mut marks = marks_of(&inner);
        if !binds.is_empty() && matches!(inner.action, Action::Call(_)) {
            marks = marks.and(Marks::GATED);
        }
        let rank = u32::try_from(inner.estimate.as_micros()).unwrap_or(u32::MAX);
        let body = Arc::new(Score {
            name: node.id.value.as_str().into(),
            path: self.melody.path.as_str().into(),
            topology: Topology::from_sorted(1, &[]),
            waits: vec![0],
            marks: vec![marks],
            rank: vec![rank],
            ids: vec![node.id.value.as_str().into()],
            slot_off: vec![0, width],
            bind_off: vec![0, binds.len() as u32],
            binds,
            gathers,
            schemas: Arc::clone(&self.checked.schemas),
            inputs,
            settings: self.settings.clone(),
            specs: vec![inner],
            ..Score::default()
        });
        let spec = MapSpec {
            over,
            item_name: map.item_name.as_ref().map(|name| name.value.clone()),
            max_parallel: map.max_parallel.unwrap_or(u32::MAX).max(1),
            body,
            item_inputs: item_inputs.into(),
            skip_failed: node.on_error == OnError::Skip,
        };
        NodeSpec { action: Action::Map(Arc::new(spec)), ..outer }
    }

    /// The undo of one item: it sees the item's own outputs. What it takes from elsewhere is handed to the item's body
    /// when it opens, after the inputs of the node, because the body does not see the melody around it.
    fn item_undo(
        &self,
        node: &Node,
        checked: &CheckedNode,
        map: &MapDecl,
        item_inputs: &mut Vec<Gather>,
    ) -> Option<Arc<UndoSpec>> {
        let (call, operation) = (node.undo.as_ref()?, checked.undo.as_ref()?);
        let own = node.id.value.as_str();
        let mut inputs = Vec::with_capacity(call.inputs.len());
        for binding in &call.inputs {
            let mut from_outside = |gather: Gather| {
                item_inputs.push(gather);
                Gather::Input(item_inputs.len() as u32 - 1, Wanted::Lenient)
            };
            inputs.push(match &binding.from {
                Source::Literal(value) => Gather::Literal(value.clone()),
                Source::Ref(reference) => match &reference.target {
                    RefTarget::Port(id, port) if id == own => {
                        let wanted = reference.default.clone().map_or(Wanted::Lenient, Wanted::Default);
                        match checked.outputs.iter().position(|known| known.name == *port) {
                            Some(slot) => Gather::Slot(slot as u32, wanted),
                            None => Gather::Literal(Value::Absent),
                        }
                    }
                    _ => from_outside(self.reference(reference, true)),
                },
                // An expression over the item's outputs sees nothing else: its other names are absent.
                Source::Expr(expr) if expr.references().iter().any(|used| used.name == own) => {
                    Gather::Expr(expr.clone(), Arc::new([(own.to_owned(), NameFrom::Row(0))]), Wanted::Lenient)
                }
                Source::Expr(expr) => {
                    let (expr, names) = self.names(expr, Some(map));
                    from_outside(Gather::Expr(expr, names, Wanted::Lenient))
                }
                // The checker refuses joins here.
                Source::Join(_) => Gather::Literal(Value::Absent),
            });
        }
        let (input_names, with) = (names_of(&call.inputs), settings_of(&call.with));
        Some(Arc::new(UndoSpec { operation: Arc::clone(operation), input_names, inputs, with }))
    }
}

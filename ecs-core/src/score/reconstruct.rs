//! Reconstructions, compiled: an inverse operator, where its inputs come from, and for which rows it waits.

use super::compile::{Rows, names_of, settings_of, source_edges};
use super::{NodeSpec, ReconstructSpec};
use crate::melody::model::{OnError, SideCall};
use crate::types::PortType;
use std::sync::Arc;

impl Rows<'_> {
    /// Gives the specs of nodes that can be reconstructed what they need for it. Their joins have no consumer that
    /// counts waits, so they stand after those that have one.
    pub(super) fn reconstructs(&mut self, specs: &mut [NodeSpec]) {
        for (row, spec) in (0u32..).zip(specs) {
            let node = self.order[row as usize] as usize;
            let (declared, checked) = (&self.melody.nodes[node], &self.nodes[node]);
            let (Some(SideCall { inputs, with, .. }), Some(operation), OnError::Reconstruct) =
                (&declared.reconstruct, &checked.reconstruct, declared.on_error)
            else {
                continue;
            };
            let mut waits = Vec::new();
            let mut gathers = Vec::with_capacity(inputs.len());
            for binding in inputs {
                source_edges(&binding.from, &mut |name, _| {
                    waits.extend(self.by_id.get(name).map(|producer| self.place[*producer as usize]));
                });
                let port = operation.inputs.iter().find(|port| port.name == binding.port.value);
                // `any` does not say that it may be empty.
                let may_be_absent = port.is_some_and(|port| port.ty.may_be_absent() && port.ty != PortType::Any);
                gathers.push(self.gather(u32::MAX, &binding.from, may_be_absent));
            }
            waits.sort_unstable();
            waits.dedup();
            spec.reconstruct = Some(Arc::new(ReconstructSpec {
                operation: Arc::clone(operation),
                input_names: names_of(inputs),
                inputs: gathers,
                with: settings_of(with),
                waits,
            }));
        }
    }
}

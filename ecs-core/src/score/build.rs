//! Scores made by programs: generated graphs, simulations, benches.

use super::group::Group;
use super::topology::{Cycle, EdgeMode, Topology, topological_order};
use super::{Action, Bind, Marks, NodeSpec, Score};
use crate::melody::model::JoinKind;
use std::sync::Arc;

/// How values run along the edges of a generated score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Order only.
    Order,
    /// Every row has one output, and one input per producer, in the order of its producers.
    Values,
}

impl Score {
    /// A score from edges (producer, consumer, mode; no joins, which feed ports, but groups). `spec_of` may be empty: all rows have `specs[0]`.
    /// Nodes keep their numbers unless an edge runs backwards; then they are numbered in waves. Rows are called `n0`,
    /// `n1`, … by their final place.
    ///
    /// # Panics
    /// When `specs` is empty or a number is out of range: callers are programs, not people.
    pub fn from_edges(
        name: &str,
        rows: u32,
        edges: &[(u32, u32, EdgeMode)],
        specs: Vec<NodeSpec>,
        spec_of: Vec<u32>,
        wiring: Wiring,
    ) -> Result<Self, Cycle> {
        assert!(!specs.is_empty(), "a score has at least one spec");
        assert!(spec_of.is_empty() || spec_of.len() == rows as usize, "one spec a row");
        if edges.iter().all(|(producer, consumer, _)| producer < consumer) {
            return Ok(Self::from_sorted(name, Topology::from_sorted(rows, edges), specs, spec_of, wiring));
        }
        Self::in_waves(name, rows, edges, specs, spec_of, wiring)
    }

    /// As [`from_edges`](Self::from_edges), but always numbered in waves, as the rows of a compiled melody are: those
    /// that play together stand together, which the frame walks with fewer cache misses.
    ///
    /// # Panics
    /// As `from_edges`.
    pub fn in_waves(
        name: &str,
        rows: u32,
        edges: &[(u32, u32, EdgeMode)],
        specs: Vec<NodeSpec>,
        spec_of: Vec<u32>,
        wiring: Wiring,
    ) -> Result<Self, Cycle> {
        assert!(!specs.is_empty(), "a score has at least one spec");
        if stand_in_waves(rows, edges) {
            return Ok(Self::from_sorted(name, Topology::from_sorted(rows, edges), specs, spec_of, wiring));
        }
        let order = topological_order(rows, edges)?;
        let mut place = vec![0u32; rows as usize];
        for (row, node) in order.iter().enumerate() {
            place[*node as usize] = row as u32;
        }
        let spec_of = match spec_of.is_empty() {
            true => spec_of,
            false => order.iter().map(|node| spec_of[*node as usize]).collect(),
        };
        drop(order);
        let edges = edges.iter().map(|(from, to, mode)| (place[*from as usize], place[*to as usize], *mode));
        Ok(Self::from_sorted(name, Topology::placed(rows, edges), specs, spec_of, wiring))
    }

    fn from_sorted(name: &str, topology: Topology, specs: Vec<NodeSpec>, spec_of: Vec<u32>, wiring: Wiring) -> Self {
        let rows = topology.rows();
        let spec_at = |row: u32| &specs[spec_of.get(row as usize).map_or(0, |spec| *spec as usize)];
        let (waits, groups) = waits_of(&topology, |row| spec_at(row).group);
        let micros = |row: u32| u32::try_from(spec_at(row).estimate.as_micros()).unwrap_or(u32::MAX);
        let rank = topology.ranks(micros);
        let wired = wiring == Wiring::Values;
        let marks = (0..rows).map(|row| {
            let marks = marks_of(spec_at(row));
            if wired { marks.and(Marks::OUTPUTS) } else { marks }
        });
        let marks = marks.collect();
        let (mut slot_off, mut bind_off, mut binds) = (Vec::new(), Vec::new(), Vec::new());
        if wired {
            slot_off = (0..=rows).collect();
            binds.reserve_exact(topology.edge_count());
            bind_off.reserve_exact(rows as usize + 1);
            bind_off.push(0);
            for row in 0..rows {
                binds.extend(topology.pred(row).iter().map(|producer| Bind::Slot(*producer)));
                bind_off.push(binds.len() as u32);
            }
        }
        let name: Arc<str> = name.into();
        Self {
            name,
            topology,
            waits,
            marks,
            rank,
            spec_of,
            specs,
            slot_off,
            bind_off,
            binds,
            groups,
            ..Self::default()
        }
    }
}

/// The waits of every row, and its group if any row has one.
fn waits_of(topology: &Topology, kind: impl Fn(u32) -> JoinKind) -> (Vec<u32>, Vec<Group>) {
    let plain = (0..topology.rows()).all(|row| topology.succ(row).iter().all(|edge| edge.waits()));
    if plain {
        return ((0..topology.rows()).map(|row| topology.pred(row).len() as u32).collect(), Vec::new());
    }
    let mut waits = vec![0u32; topology.rows() as usize];
    let mut members = vec![0u16; topology.rows() as usize];
    for (_, consumer, mode) in topology.edges() {
        match mode {
            EdgeMode::Hard | EdgeMode::Soft => waits[consumer as usize] += 1,
            EdgeMode::Group => {
                let members = &mut members[consumer as usize];
                assert!(*members < u16::MAX, "a group has at most 65,534 members");
                *members += 1;
            }
            EdgeMode::Join | EdgeMode::Optional => {}
        }
    }
    let mut groups = Vec::new();
    for (row, members) in (0u32..).zip(members).filter(|(_, members)| *members > 0) {
        groups.resize(waits.len(), Group::default());
        groups[row as usize] = Group::new(kind(row), members);
        waits[row as usize] += 1;
    }
    (waits, groups)
}

/// Whether rows stand in waves already: every producer in an earlier wave than its consumer, and no wave before an
/// earlier one. Only edges in the order of their consumers are understood, as generators give them; for all others
/// the answer is no, which costs a sort and nothing else.
fn stand_in_waves(rows: u32, edges: &[(u32, u32, EdgeMode)]) -> bool {
    let mut wave = vec![0u32; rows as usize];
    let mut last = 0;
    for (producer, consumer, _) in edges {
        if producer >= consumer || *consumer < last {
            return false;
        }
        last = *consumer;
        let at_least = wave[*producer as usize] + 1;
        let wave = &mut wave[last as usize];
        *wave = at_least.max(*wave);
    }
    wave.is_sorted()
}

/// The marks that follow from a spec alone.
pub(super) fn marks_of(spec: &NodeSpec) -> Marks {
    let mut marks = match &spec.action {
        Action::Call(_) | Action::Pause(_) => Marks::default(),
        Action::Function(..) => Marks::IN_PROCESS,
        Action::Nested(_) | Action::Loop(_) | Action::Map(_) => Marks::COMPOSITE,
    };
    if spec.condition.is_some() || spec.approve.is_some() {
        marks = marks.and(Marks::GATED);
    }
    if !spec.outputs.is_empty() {
        marks = marks.and(Marks::OUTPUTS);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Action;
    use std::time::Duration;

    fn plain() -> Vec<NodeSpec> {
        vec![NodeSpec::plain(Action::Pause(Duration::ZERO), Duration::ZERO)]
    }

    /// Edges of a score as pairs of rows.
    fn pairs(score: &Score) -> Vec<(u32, u32)> {
        let of = |row| score.topology.succ(row).iter().map(move |edge| (row, edge.row()));
        (0..score.rows()).flat_map(of).collect()
    }

    #[test]
    fn forward_edges_keep_their_numbers_and_waves_stand_together() {
        let edges = [(0, 1, EdgeMode::Hard), (1, 2, EdgeMode::Hard), (3, 4, EdgeMode::Hard)];
        let kept = Score::from_edges("m", 5, &edges, plain(), Vec::new(), Wiring::Order).unwrap();
        assert_eq!(pairs(&kept), [(0, 1), (1, 2), (3, 4)]);
        // Sources 0 and 3, then 1 and 4, then 2.
        let waves = Score::in_waves("m", 5, &edges, plain(), Vec::new(), Wiring::Order).unwrap();
        assert_eq!(pairs(&waves), [(0, 2), (1, 3), (2, 4)]);
        let again: Vec<_> = pairs(&waves).into_iter().map(|(from, to)| (from, to, EdgeMode::Hard)).collect();
        assert!(stand_in_waves(5, &again));
        let back = [(1, 0, EdgeMode::Hard)];
        let turned = Score::from_edges("m", 2, &back, plain(), Vec::new(), Wiring::Order).unwrap();
        assert_eq!(pairs(&turned), [(0, 1)]);
        let cycle = [(0, 1, EdgeMode::Hard), (1, 0, EdgeMode::Hard)];
        assert!(Score::in_waves("m", 2, &cycle, plain(), Vec::new(), Wiring::Order).is_err());
    }
}

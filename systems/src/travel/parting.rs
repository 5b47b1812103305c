//! What a fork takes along: of every body that is open at the point, which rows keep their past.
//!
//! A row keeps its past when it finished (or was skipped) and so did everything it waited for; a composite row also
//! while it plays a body that is open. All other rows are as if nothing had happened to them, and play anew.

use super::fold::Fold;
use std::collections::{BTreeMap, BTreeSet};
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::score::{EdgeMode, Marks};

/// Which rows keep their past.
#[derive(Debug, Default)]
pub(super) struct Parting {
    /// For every open body: its iteration, and for each row whether it keeps its past.
    open: BTreeMap<BlockId, (u32, Vec<bool>)>,
}

impl Parting {
    /// Decides at the end of a fold. Rows in `forced` play anew whatever they were.
    pub fn at(fold: &mut Fold, forced: &BTreeSet<(BlockId, Row)>) -> Self {
        let bodies: Vec<_> = fold.run().blocks().map(|block| (block.id, block.parent, block.iteration)).collect();
        let parents: BTreeSet<_> =
            bodies.iter().filter_map(|(_, parent, _)| parent.map(|parent| (parent.block, parent.row))).collect();
        let maps: BTreeSet<_> = fold.run().maps.keys().copied().collect();
        let mut parting = Self::default();
        for (id, _, iteration) in bodies {
            let kept = fold.look(id, |block, columns| {
                let score = &block.score;
                let mut kept = vec![true; score.rows() as usize];
                for row in (0..score.rows()).map(Row) {
                    let composite = score.marks[row.ix()].any(Marks::COMPOSITE);
                    let plays = || parents.contains(&(id, row)) || maps.contains(&(id, row));
                    let keeps = match columns.status[block.at(row)] {
                        Status::Done | Status::Skipped => true,
                        Status::Running | Status::Cancelled => composite && plays(),
                        _ => false,
                    };
                    kept[row.ix()] &= keeps && !forced.contains(&(id, row));
                    if !kept[row.ix()] {
                        // Rows stand in topological order, so what waits for this one is looked at later.
                        let waits = score.topology.succ(row.0).iter().filter(|edge| edge.mode() != EdgeMode::Join);
                        waits.for_each(|edge| kept[edge.row() as usize] = false);
                    }
                }
                kept
            });
            parting.open.insert(id, (iteration, kept.unwrap_or_default()));
        }
        parting
    }

    /// Whether what happens to a row in this iteration of its body is taken along.
    pub fn keeps(&self, block: BlockId, iteration: u32, row: u32) -> bool {
        match self.open.get(&block) {
            // Earlier iterations, and bodies that are closed, are over as a whole.
            Some((last, kept)) if *last == iteration => kept.get(row as usize).copied().unwrap_or(false),
            _ => true,
        }
    }

    /// Whether a body is open at the point.
    pub fn is_open(&self, block: BlockId) -> bool {
        self.open.contains_key(&block)
    }

    /// Rows that had begun something and play anew, in order.
    pub fn anew(&self, fold: &mut Fold) -> Vec<String> {
        let mut paths = Vec::new();
        for (id, (_, kept)) in &self.open {
            let begun = fold.look(*id, |block, columns| {
                let begun = |row: &Row| {
                    let status = columns.status[block.at(*row)];
                    !kept[row.ix()] && !matches!(status, Status::Pending | Status::Skipped)
                };
                (0..block.rows()).map(Row).filter(begun).collect::<Vec<_>>()
            });
            if let Some(block) = fold.run().find(*id) {
                paths.extend(begun.unwrap_or_default().into_iter().map(|row| fold.run().path(block, row)));
            }
        }
        paths
    }
}

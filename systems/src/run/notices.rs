//! Notices: the run's story for people and programs, with nodes named by path.

use super::Run;
use symphony_ecs_core::components::Choice;
use symphony_ecs_core::events::{Notice, Place, What};
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::score::{Action, NodeSpec};
use symphony_pit::dag::Block;

impl Run {
    /// Writes a notice down, if anybody wants one. The closure gives (path, what).
    pub(crate) fn note(&mut self, notice: impl FnOnce() -> (Option<String>, What)) {
        if self.noticing {
            let (node, what) = notice();
            let seq = Some(self.notice_seq);
            self.notice_seq += 1;
            self.notices.push(Notice { run: self.id.clone(), seq, time: self.now, node, what });
        }
    }

    /// Writes a notice about a row down.
    pub(crate) fn note_node(&mut self, block: &Block, row: Row, what: impl FnOnce() -> What) {
        if self.noticing {
            let path = self.path(block, row);
            self.note(|| (Some(path), what()));
        }
    }

    /// A notice that is not kept: progress, chunks, log lines.
    pub(crate) fn mention(&mut self, node: Option<String>, what: What) {
        if self.noticing {
            self.notices.push(Notice { run: self.id.clone(), seq: None, time: self.now, node, what });
        }
    }

    /// Path of a row: `fix_loop[3].patch`, `pages[7]`, `ship`.
    pub fn path(&self, block: &Block, row: Row) -> String {
        match block.place {
            // A mapped node and its one item share the node's name.
            Place::Item(_) => self.body_path(block),
            Place::Root => block.score.id(row).into_owned(),
            Place::Nested | Place::Loop => format!("{}.{}", self.body_path(block), block.score.id(row)),
        }
    }

    /// Path of a body: its composite row, with the iteration or item.
    pub(crate) fn body_path(&self, block: &Block) -> String {
        let Some(parent) = block.parent else { return String::new() };
        let above = match self.find(parent.block) {
            Some(above) => self.path(above, parent.row),
            None => "?".to_owned(),
        };
        match block.place {
            Place::Root | Place::Nested => above,
            Place::Loop => format!("{above}[{}]", block.iteration),
            Place::Item(index) => format!("{above}[{index}]"),
        }
    }
}

/// Who plays a row, in one word.
pub(crate) fn player_word(spec: &NodeSpec, choice: u32) -> String {
    if let (Some(reconstruct), true) = (&spec.reconstruct, is_reconstruction(choice)) {
        return reconstruct.operation.name.clone();
    }
    match &spec.action {
        Action::Call(players) => players.get(choice as usize).map(|player| player.name.clone()).unwrap_or_default(),
        Action::Function(operation, _) => operation.name.clone(),
        Action::Pause(_) => "pause".to_owned(),
        Action::Nested(_) => "melody".to_owned(),
        Action::Loop(_) => "loop".to_owned(),
        Action::Map(_) => "map".to_owned(),
    }
}

/// Whether an attempt with this choice is a reconstruction.
pub(crate) fn is_reconstruction(choice: u32) -> bool {
    choice == u32::from(Choice::RECONSTRUCTION.0)
}

//! Identity of nodes across two texts of a melody: the same id, the same players, the same outputs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::score::{Action, NodeSpec, Score};

/// A row as it is in the new score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its number there.
    pub row: u32,
    /// For each of its outputs there, the place of the same port in the old score.
    pub ports: Vec<usize>,
}

/// Which rows of which scores are the same, found out once for each pair of scores.
#[derive(Default)]
pub(super) struct Kin(BTreeMap<(usize, usize), Vec<Result<Identity, String>>>);

impl Kin {
    /// The row of the new score that an old one is; the error says in words that follow "it is finished, and".
    pub fn of(
        &mut self,
        (old_ix, old): (usize, &Arc<Score>),
        (new_ix, new): (usize, &Arc<Score>),
        row: Row,
    ) -> Result<Identity, String> {
        let rows = self.0.entry((old_ix, new_ix)).or_insert_with(|| compare(old, new));
        rows.get(row.ix()).cloned().unwrap_or_else(|| Err("is missing".to_owned()))
    }
}

fn compare(old: &Arc<Score>, new: &Arc<Score>) -> Vec<Result<Identity, String>> {
    let named: HashMap<_, _> = (0..new.rows()).map(|row| (new.id(Row(row)), row)).collect();
    let identity = |row: Row| {
        let there = *named.get(&old.id(row)).ok_or_else(|| "is missing".to_owned())?;
        let (was, is) = (old.spec(row), new.spec(Row(there)));
        same_player(was, is)?;
        let place = |name: &str| was.outputs.iter().position(|port| port.name == name);
        let ports: Option<Vec<usize>> = is.outputs.iter().map(|port| place(&port.name)).collect();
        let ports = ports.filter(|ports| ports.len() == was.outputs.len());
        let ports = ports.ok_or_else(|| "has other outputs".to_owned())?;
        let same = |(place, port): (&usize, &symphony_ecs_core::ports::Port)| was.outputs[*place].ty == port.ty;
        if !ports.iter().zip(is.outputs.iter()).all(same) {
            return Err("has outputs of other types".to_owned());
        }
        Ok(Identity { row: there, ports })
    };
    (0..old.rows()).map(Row).map(identity).collect()
}

fn same_player(was: &NodeSpec, is: &NodeSpec) -> Result<(), String> {
    let names = |action: &Action| match action {
        Action::Call(players) => players.iter().map(|player| player.name.clone()).collect(),
        Action::Function(player, _) => vec![player.name.clone()],
        Action::Pause(_) => vec!["time".to_owned()],
        Action::Nested(_) => vec!["a nested melody".to_owned()],
        Action::Loop(_) => vec!["a loop".to_owned()],
        Action::Map(_) => vec!["a map".to_owned()],
    };
    let (was, is): (Vec<String>, Vec<String>) = (names(&was.action), names(&is.action));
    match was == is {
        true => Ok(()),
        false => Err(format!("is played by {} instead of {}", is.join(", "), was.join(", "))),
    }
}

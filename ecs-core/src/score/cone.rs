//! Cones: what comes before and after some rows of a score, values that nobody waits for included.

use super::{Action, Bind, Gather, Score};

impl Score {
    /// Which rows are among `rows` or give something to one of them, near or far, be it for a reconstruction; one entry
    /// a row.
    pub fn cone_before(&self, rows: &[u32]) -> Vec<bool> {
        let giving = |row: u32| {
            let mut givers = self.givers(row);
            if let Some(reconstruct) = &self.spec(crate::ids::Row(row)).reconstruct {
                givers.extend_from_slice(&reconstruct.waits);
            }
            givers
        };
        let givers: Vec<Vec<u32>> = (0..self.rows()).map(giving).collect();
        flood(rows, &givers)
    }

    /// Which rows are among `rows` or take something from one of them, near or far; one entry a row.
    pub fn cone_after(&self, rows: &[u32]) -> Vec<bool> {
        let mut takers = vec![Vec::new(); self.rows() as usize];
        for row in 0..self.rows() {
            for giver in self.givers(row) {
                takers[giver as usize].push(row);
            }
        }
        flood(rows, &takers)
    }

    /// The rows that a row waits for or takes values from.
    pub fn givers(&self, row: u32) -> Vec<u32> {
        let mut givers = self.topology.pred(row).to_vec();
        let slot_row = |slot: u32| (self.slot_off.partition_point(|first| *first <= slot) as u32).saturating_sub(1);
        let mut take = |gather: &Gather| {
            if let Gather::Slot(slot, _) = gather {
                givers.push(slot_row(*slot));
            }
        };
        let row = crate::ids::Row(row);
        for bind in self.binds(row) {
            if let Bind::Gather(gather) = bind {
                take(&self.gathers[*gather as usize]);
            }
        }
        if let Action::Map(map) = &self.spec(row).action {
            map.item_inputs.iter().for_each(take);
        }
        givers.sort_unstable();
        givers.dedup();
        givers
    }
}

fn flood(rows: &[u32], next: &[Vec<u32>]) -> Vec<bool> {
    let mut reached = vec![false; next.len()];
    let mut front = rows.to_vec();
    while let Some(row) = front.pop() {
        if reached.get(row as usize) == Some(&false) {
            reached[row as usize] = true;
            front.extend_from_slice(&next[row as usize]);
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use crate::melody::check::tests::plays;
    use crate::score::{Score, compile};

    fn named(score: &Score, reached: &[bool]) -> Vec<String> {
        let rows = (0..score.rows()).filter(|row| reached[*row as usize]);
        let mut names: Vec<String> = rows.map(|row| score.id(crate::ids::Row(row)).into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn cones_follow_order_and_values_even_those_that_nobody_waits_for() {
        let text = r#"
            [node.a]
            uses = "operator:git/log"
            [node.b]
            uses = "operator:git/log"
            in = { since = "a.head" }
            [node.c]
            uses = "operator:git/log"
            in = { since = { from = "a.head", kind = "optional" } }
            [node.d]
            uses = "operator:git/log"
            needs = ["c"]
            [node.e]
            uses = "operator:git/log"
        "#;
        let score = compile(&plays(text), &|_| None, &crate::value::Value::Absent).unwrap();
        let row = |id: &str| score.row_of(id).unwrap().0;
        assert_eq!(named(&score, &score.cone_before(&[row("d")])), ["a", "c", "d"]);
        assert_eq!(named(&score, &score.cone_after(&[row("a")])), ["a", "b", "c", "d"]);
        assert_eq!(named(&score, &score.cone_after(&[row("e"), 99])), ["e"]);
    }
}

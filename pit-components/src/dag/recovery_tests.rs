//! Random losses of small graphs, held against an oracle that tries every set of rows.

use super::*;
use proptest::prelude::*;

/// A row: what it takes from rows before it, what its reconstruction takes, whether it is barred; it gives one slot.
#[derive(Clone, Debug)]
struct Drawn {
    takes: Vec<bool>,
    spare: Option<Vec<bool>>,
    barred: bool,
    lost: bool,
    wanted: bool,
    /// Which of five players it has; the last two are lost.
    players: Vec<u32>,
    took: u64,
    open: bool,
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let bits = || prop::collection::vec(prop::bool::weighted(0.3), 9);
    let row = (bits(), prop::option::weighted(0.4, bits()), prop::bool::weighted(0.1), any::<bool>(), any::<bool>());
    let more = (prop::collection::vec(0u32..5, 0..3), 0u64..4, any::<bool>());
    let row = (row, more).prop_map(|((takes, spare, barred, lost, wanted), (players, took, open))| Drawn {
        takes,
        spare,
        barred,
        lost,
        wanted,
        players,
        took,
        open,
    });
    prop::collection::vec(row, 1..9)
}

fn taken(bits: &[bool], row: usize) -> Vec<u32> {
    (0..row as u32).filter(|slot| bits[*slot as usize]).collect()
}

/// A reconstruction may take from any row but its own.
fn taken_by_spare(bits: &[bool], row: usize, rows: usize) -> Vec<u32> {
    (0..rows as u32).filter(|slot| bits[*slot as usize] && *slot as usize != row).collect()
}

fn losses(rows: &[Drawn]) -> Losses {
    let mut losses = Losses::default();
    for (ix, row) in rows.iter().enumerate() {
        losses.giver.push(ix as u32);
        losses.lost.push(row.lost);
        losses.takes.push(taken(&row.takes, ix));
        losses.barred.push(row.barred);
        losses.spare.push(row.spare.is_some());
        losses.spare_takes.push(row.spare.iter().flat_map(|bits| taken_by_spare(bits, ix, rows.len())));
        losses.players.push(row.players.iter().copied());
        losses.took.push(row.took);
        losses.open.push(row.open);
    }
    losses.lost_players = vec![false, false, false, true, true];
    losses
}

/// Whether the row has lost all of its players.
fn silent(row: &Drawn) -> bool {
    !row.players.is_empty() && row.players.iter().all(|player| *player >= 3)
}

/// Whether playing just these rows works, each in one way or the other.
fn works(rows: &[Drawn], set: u32) -> bool {
    let there = |slot: &u32| !rows[*slot as usize].lost || set >> slot & 1 == 1;
    (0..rows.len()).filter(|row| set >> row & 1 == 1).all(|row| {
        let plays = !rows[row].barred && !silent(&rows[row]) && taken(&rows[row].takes, row).iter().all(there);
        let spare = rows[row].spare.as_ref();
        plays
            || spare
                .is_some_and(|bits| taken_by_spare(bits, row, rows.len()).iter().all(|slot| !rows[*slot as usize].lost))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_smaller_set_brings_everything_back(rows in drawn()) {
        let wanted: Vec<u32> = (0..rows.len() as u32).filter(|row| rows[*row as usize].wanted).collect();
        let plan = losses(&rows).plan(&wanted);
        let sets: Vec<u32> = (0..1u32 << rows.len()).filter(|set| works(&rows, *set)).collect();
        let lost = wanted.iter().filter(|slot| rows[**slot as usize].lost);
        let (can, cannot): (Vec<u32>, Vec<u32>) = lost.partition(|slot| sets.iter().any(|set| set >> **slot & 1 == 1));
        prop_assert_eq!(&plan.hopeless, &cannot);
        let brings = |set: &u32| can.iter().all(|slot| set >> slot & 1 == 1);
        let fewest = sets.iter().copied().filter(brings).map(u32::count_ones).min();
        let set = plan.steps.iter().fold(0u32, |set, step| set | 1 << step.row);
        prop_assert!(works(&rows, set) && brings(&set), "{plan:?}");
        prop_assert_eq!(Some(set.count_ones()), fewest);
        prop_assert!(plan.steps.is_sorted_by_key(|step| step.row));
        for step in &plan.steps {
            let row = step.row as usize;
            let missing = |slots: Vec<u32>| slots.into_iter().any(|slot| rows[slot as usize].lost && set >> slot & 1 == 0);
            prop_assert!(!step.wanted.is_empty() || !step.taken_by.is_empty());
            match (&step.way, &rows[row].spare) {
                (Way::Play, _) => prop_assert!(!rows[row].barred && !silent(&rows[row]) && !missing(taken(&rows[row].takes, row))),
                (Way::Reconstruct, Some(bits)) => {
                    prop_assert!(rows[row].barred || silent(&rows[row]) || missing(taken(&rows[row].takes, row)), "its own player could play");
                    let taken = taken_by_spare(bits, row, rows.len());
                    prop_assert!(taken.iter().all(|slot| !rows[*slot as usize].lost));
                }
                (Way::Reconstruct, None) => prop_assert!(false, "nothing reconstructs {row}"),
            }
            let players = &rows[row].players;
            let left = players.iter().position(|player| *player < 3);
            if step.way == Way::Play {
                prop_assert_eq!(step.choice as usize, left.unwrap_or(0));
            }
        }
        // The critical path is the longest of the plan, begins the order, and nobody comes before what it takes.
        let tail = |row: u32| plan.steps.iter().find(|step| step.row == row).map_or(0, |step| step.tail);
        let took = |row: u32| rows[row as usize].took;
        for step in &plan.steps {
            let longest = step.taken_by.iter().map(|row| tail(*row)).max().unwrap_or(0);
            prop_assert_eq!(step.tail, longest + took(step.row));
        }
        prop_assert_eq!(plan.critical.iter().map(|row| took(*row)).sum::<u64>(), plan.steps.iter().map(|step| step.tail).max().unwrap_or(0));
        prop_assert_eq!(plan.critical.first(), plan.order.first());
        let place = |row: &u32| plan.order.iter().position(|known| known == row);
        prop_assert!(plan.steps.iter().all(|step| step.taken_by.iter().all(|row| place(&step.row) < place(row))));
        prop_assert_eq!(plan.order.len(), plan.steps.len());
        // Whoever is not over and has lost a player is told.
        for (row, drawn) in (0u32..).zip(&rows) {
            let left = drawn.players.iter().position(|player| *player < 3);
            let switched = plan.switched.iter().find(|(known, _)| *known == row).map(|(_, choice)| *choice as usize);
            prop_assert_eq!(switched, left.filter(|left| *left > 0 && drawn.open));
            let spare = drawn.spare.as_ref().is_some_and(|bits| {
                taken_by_spare(bits, row as usize, rows.len()).iter().all(|slot| !rows[*slot as usize].lost)
            });
            prop_assert_eq!(plan.stranded.contains(&row), drawn.open && silent(drawn) && !spare);
        }
    }
}

/// a → b → c, each with a slot; c can be reconstructed from a.
fn chain(lost: [bool; 3]) -> Losses {
    let mut losses = Losses { lost: lost.to_vec(), giver: vec![0, 1, 2], barred: vec![false; 3], ..Losses::default() };
    losses.spare = vec![false, false, true];
    for (takes, spare) in [(None, None), (Some(0), None), (Some(1), Some(0))] {
        losses.takes.push(takes);
        losses.spare_takes.push(spare);
    }
    losses
}

#[test]
fn a_plan_stops_where_something_is_there_and_says_who_takes_what() {
    let rows = |plan: &RecoveryPlan| plan.steps.iter().map(|step| (step.row, step.way)).collect::<Vec<_>>();
    assert_eq!(rows(&chain([true, false, true]).plan(&[2])), [(2, Way::Play)]);
    assert_eq!(rows(&chain([false, true, true]).plan(&[2])), [(2, Way::Reconstruct)]);
    let plan = chain([true; 3]).plan(&[2]);
    assert_eq!(rows(&plan), [(0, Way::Play), (1, Way::Play), (2, Way::Play)]);
    assert_eq!((&plan.steps[0].taken_by, &plan.steps[2].wanted), (&vec![1], &vec![2]));
    assert_eq!(chain([true, true, false]).plan(&[2]), RecoveryPlan::default());
    assert_eq!((plan.order, plan.critical), (vec![0, 1, 2], vec![0, 1, 2]));
    let barred = Losses { barred: vec![true, false, false], ..chain([true; 3]) };
    assert_eq!(barred.plan(&[2]).hopeless, [2]);
}

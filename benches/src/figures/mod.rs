//! The figures, one file each.

pub mod arbitration;
pub mod call;
pub mod check;
pub mod cold;
pub mod dag;
pub mod dirty;
pub mod durable;
pub mod huge;
pub mod import;
pub mod loops;
pub mod makespan;
pub mod pool;
pub mod roundtrip;
pub mod simulate;
pub mod track;
pub mod travel;
pub mod triggers;

use crate::bench::Bench;
use crate::error::BenchError;
use crate::sample::Sample;

/// A figure: a name, what it says, and how it is taken.
#[derive(Clone, Copy)]
pub struct Figure {
    /// Its id.
    pub id: &'static str,
    /// What it says, in a line.
    pub what: &'static str,
    /// Measures it and prints its lines.
    pub measure: fn(&mut Bench) -> Result<(), BenchError>,
    /// Takes one sample of it in this process, as the words say.
    pub sample: fn(&[&str]) -> Result<Sample, BenchError>,
}

/// All figures, in the order in which they are measured.
pub static ALL: &[Figure] = &[
    track::FIGURE,
    call::FIGURE,
    durable::FIGURE,
    roundtrip::FIGURE,
    huge::FIGURE,
    loops::FIGURE,
    cold::FIGURE,
    check::FIGURE,
    dirty::FIGURE,
    import::FIGURE,
    simulate::FIGURE,
    travel::FIGURE,
    triggers::FIGURE,
    arbitration::BATCH,
    arbitration::SINGLE,
    arbitration::FAIRNESS,
    makespan::FIGURE,
    dag::FIGURES[0],
    dag::FIGURES[1],
    dag::FIGURES[2],
    dag::FIGURES[3],
    dag::FIGURES[4],
    dag::FIGURES[5],
    pool::ALLOC,
    pool::CONTENDED,
    pool::PREDICT,
];

/// A sample that nobody knows.
fn unknown(words: &[&str]) -> BenchError {
    BenchError::Wrong(format!("there is no such sample: {words:?}"))
}

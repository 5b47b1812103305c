//! The layered graph as a dagx graph: one typed task per task, wired by handles.

use std::iter;

use dagx::{DagResult, DagRunner, Task, TaskHandle, task};
use tokio::runtime::Runtime;

pub struct Shape {
    pub layers: usize,
    pub width: usize,
    pub fanin: Fanin,
}

/// How many inputs a task has. dagx fixes arity by type, so each has a task type of its own.
#[derive(Clone, Copy)]
pub enum Fanin {
    One = 1,
    Two = 2,
    Three = 3,
}

impl Shape {
    pub fn tasks(&self) -> usize {
        self.layers * self.width
    }

    pub fn edges(&self) -> usize {
        (self.layers - 1) * self.width * self.fanin as usize
    }
}

/// A built graph, and the handles through which its last layer is read.
pub struct Layered {
    dag: DagRunner,
    last: Vec<TaskHandle<i64>>,
}

impl Layered {
    pub fn build(shape: &Shape) -> Self {
        let dag = DagRunner::new();
        let sources: Vec<_> = iter::repeat_with(|| dag.add_task(Source).into()).take(shape.width).collect();
        let last = (1..shape.layers).fold(sources, |above, _| layer(&dag, shape.fanin, &above));
        Self { dag, last }
    }

    pub fn run(&self, runtime: &Runtime) -> DagResult<()> {
        runtime.block_on(self.dag.run(|task| {
            tokio::spawn(task);
        }))
    }

    /// The wrapping sum over the last layer, the same number in every peer.
    pub fn checksum(&self) -> DagResult<i64> {
        self.last.iter().try_fold(0, |sum: i64, task| Ok(sum.wrapping_add(self.dag.get(task)?)))
    }
}

fn layer(dag: &DagRunner, fanin: Fanin, above: &[TaskHandle<i64>]) -> Vec<TaskHandle<i64>> {
    let width = above.len();
    let add = |i: usize| {
        let input = |k: usize| &above[(i + k * 7919) % width];
        match fanin {
            Fanin::One => dag.add_task(Sum1).depends_on(input(0)),
            Fanin::Two => dag.add_task(Sum2).depends_on((input(0), input(1))),
            Fanin::Three => dag.add_task(Sum3).depends_on((input(0), input(1), input(2))),
        }
    };
    (0..width).map(add).collect()
}

struct Source;
struct Sum1;
struct Sum2;
struct Sum3;

#[task]
impl Source {
    fn run() -> i64 {
        1
    }
}

#[task]
impl Sum1 {
    fn run(a: &i64) -> i64 {
        a.wrapping_add(1)
    }
}

#[task]
impl Sum2 {
    fn run(a: &i64, b: &i64) -> i64 {
        a.wrapping_add(*b).wrapping_add(1)
    }
}

#[task]
impl Sum3 {
    fn run(a: &i64, b: &i64, c: &i64) -> i64 {
        a.wrapping_add(*b).wrapping_add(*c).wrapping_add(1)
    }
}

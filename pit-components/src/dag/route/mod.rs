//! Routes: a score that is rewired while it plays. Nodes and edges come and go beside its rows, every edge is checked for
//! cycles when it comes, and between frames everything is made into a new score.
//!
//! ```text
//! CSR of the score          what it was, shared and never written
//! links, one list a node    edges that came since
//! order                     a place for every node, such that every edge runs forward
//! ```
//!
//! Invariant: the order is topological for all edges that stand. An edge that runs forward costs nothing to check. One that
//! runs backward, from `x` to an earlier `y`, starts two searches that take turns: forward from `y` among the nodes before
//! `x`, backward from `x` among the nodes after `y`. If they meet, the edge would close a cycle and is refused, with the
//! cycle. If one of them comes to its end, what it found moves to the other end of the edge and the order is right again.
//! So a check costs twice the smaller of the two sides (two-way search: Alpern, Hoover, Rosen, Sweeney and Zadeck, 1990;
//! bounded to the affected region as by Pearce and Kelly, 2006; in turns as by Haeupler, Kavitha, Mathew, Sen and Tarjan,
//! 2012). A node that is put between two others is the common case and costs its own edges.
//!
//! Rows that have begun stay as they are: nothing can be put before them any more.

mod order;

use super::bits::Bits;
use foldhash::HashSet;
use foldhash::HashSetExt as _;
use order::{NONE, Order};
use std::collections::{BinaryHeap, VecDeque};
use symphony_ecs_core::score::{EdgeMode, Topology};

/// Why an edit is refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The edge would close a cycle: these nodes, the first repeated at the end.
    #[error("it would wait for itself, through {0:?}")]
    Cycle(Vec<u32>),
    /// The node has begun: what it waits for, and that it plays, cannot be changed.
    #[error("node {0} has begun already")]
    Begun(u32),
    /// There is no such node, or no more.
    #[error("there is no node {0}")]
    Unknown(u32),
}

#[derive(Clone, Copy, Debug)]
struct Link {
    node: u32,
    mode: EdgeMode,
    next: u32,
}

/// Edits of a score: its rows keep their numbers, nodes that come get the numbers after them.
#[derive(Clone, Debug)]
pub struct Routes<'t> {
    topology: &'t Topology,
    order: Order,
    begun: Bits,
    gone: Bits,
    /// Edges of the score that are gone.
    cut: HashSet<(u32, u32)>,
    first_out: Vec<u32>,
    first_in: Vec<u32>,
    outs: Vec<Link>,
    ins: Vec<Link>,
    /// For each node, the search that saw it last: twice its number, and one more on the way backward.
    seen: Vec<u32>,
    search: u32,
    /// From which node it was seen.
    via: Vec<u32>,
}

/// A score's adjacency after its edits.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// The new adjacency.
    pub topology: Topology,
    /// Which node each new row was.
    pub nodes: Vec<u32>,
    /// The new row of each node; `None` for those that are gone.
    pub rows: Vec<Option<u32>>,
}

impl<'t> Routes<'t> {
    /// No edits yet. `begun` says which rows have begun.
    pub fn new(topology: &'t Topology, begun: impl Fn(u32) -> bool) -> Self {
        let rows = topology.rows();
        let mut routes = Self {
            topology,
            order: Order::new(rows),
            begun: Bits::none(rows),
            gone: Bits::none(rows),
            cut: HashSet::new(),
            first_out: vec![NONE; rows as usize],
            first_in: vec![NONE; rows as usize],
            outs: Vec::new(),
            ins: Vec::new(),
            seen: vec![0; rows as usize],
            search: 0,
            via: vec![NONE; rows as usize],
        };
        (0..rows).filter(|row| begun(*row)).for_each(|row| routes.begun.put(row));
        routes
    }

    /// Nodes that ever were: rows of the score and those that came, also those that are gone.
    pub fn nodes(&self) -> u32 {
        self.seen.len() as u32
    }

    /// Whether the node is there.
    pub fn has(&self, node: u32) -> bool {
        node < self.nodes() && !self.gone.has(node)
    }

    /// A node begins while edits are open.
    pub fn began(&mut self, node: u32) -> Result<(), Refusal> {
        self.known(node)?;
        self.begun.put(node);
        Ok(())
    }

    /// A new node that waits for nobody and for which nobody waits.
    pub fn add(&mut self) -> u32 {
        self.push(None)
    }

    fn push(&mut self, after: Option<u32>) -> u32 {
        let node = self.order.push(after);
        self.first_out.push(NONE);
        self.first_in.push(NONE);
        self.seen.push(0);
        self.via.push(NONE);
        let words = self.seen.len().div_ceil(64);
        self.begun.words.resize(words, 0);
        self.gone.words.resize(words, 0);
        node
    }

    /// A new edge. Optional edges do not wait, but what a node uses must have a place before it, so they count here.
    pub fn connect(&mut self, from: u32, to: u32, mode: EdgeMode) -> Result<(), Refusal> {
        self.known(from)?;
        self.not_begun(to)?;
        if from == to {
            return Err(Refusal::Cycle(vec![from, from]));
        }
        if self.order.label(from) > self.order.label(to) {
            self.reorder(from, to)?;
        }
        let next = std::mem::replace(&mut self.first_out[from as usize], self.outs.len() as u32);
        self.outs.push(Link { node: to, mode, next });
        let next = std::mem::replace(&mut self.first_in[to as usize], self.ins.len() as u32);
        self.ins.push(Link { node: from, mode, next });
        Ok(())
    }

    /// Takes all edges between two nodes away; says whether there was one.
    pub fn disconnect(&mut self, from: u32, to: u32) -> Result<bool, Refusal> {
        self.known(from)?;
        self.not_begun(to)?;
        let mut found = false;
        if from < self.topology.rows() && self.topology.succ(from).iter().any(|edge| edge.row() == to) {
            found |= self.cut.insert((from, to));
        }
        for (first, links, other) in
            [(self.first_out[from as usize], &mut self.outs, to), (self.first_in[to as usize], &mut self.ins, from)]
        {
            let mut at = first;
            while let Some(link) = links.get_mut(at as usize) {
                found |= link.node == other;
                if link.node == other {
                    link.node = NONE;
                }
                at = link.next;
            }
        }
        Ok(found)
    }

    /// Takes a node away, with its edges.
    pub fn remove(&mut self, node: u32) -> Result<(), Refusal> {
        self.not_begun(node)?;
        self.gone.put(node);
        Ok(())
    }

    /// A new node in the place of another one, which goes: who waited for that waits for the new one, which waits for
    /// nobody yet.
    pub fn replace(&mut self, node: u32) -> Result<u32, Refusal> {
        self.not_begun(node)?;
        // What has begun waits for nobody.
        let consumers: Vec<(u32, EdgeMode)> = self.succ(node).filter(|(to, _)| !self.begun.has(*to)).collect();
        let new = self.push(Some(node));
        for (consumer, mode) in consumers {
            self.connect(new, consumer, mode)?;
        }
        self.gone.put(node);
        Ok(new)
    }

    /// Consumers of a node.
    pub fn succ(&self, node: u32) -> impl Iterator<Item = (u32, EdgeMode)> + '_ {
        let base = if node < self.topology.rows() { self.topology.succ(node) } else { &[] };
        let base = base.iter().map(|edge| (edge.row(), edge.mode())).filter(move |(to, _)| self.stands(node, *to));
        base.chain(links(&self.outs, self.first_out[node as usize])).filter(|(to, _)| self.has(*to))
    }

    fn pred(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let base = if node < self.topology.rows() { self.topology.pred(node) } else { &[] };
        let base = base.iter().copied().filter(move |from| self.stands(*from, node));
        base.chain(links(&self.ins, self.first_in[node as usize]).map(|(from, _)| from)).filter(|from| self.has(*from))
    }

    fn stands(&self, from: u32, to: u32) -> bool {
        self.cut.is_empty() || !self.cut.contains(&(from, to))
    }

    fn known(&self, node: u32) -> Result<(), Refusal> {
        if self.has(node) { Ok(()) } else { Err(Refusal::Unknown(node)) }
    }

    fn not_begun(&self, node: u32) -> Result<(), Refusal> {
        self.known(node)?;
        if self.begun.has(node) { Err(Refusal::Begun(node)) } else { Ok(()) }
    }

    /// Makes room for an edge that runs backward in the order, or finds the cycle that it would close.
    fn reorder(&mut self, from: u32, to: u32) -> Result<(), Refusal> {
        if self.search >= u32::MAX / 2 - 1 {
            self.seen.fill(0);
            self.search = 0;
        }
        self.search += 1;
        let (ahead, back) = (self.search * 2, self.search * 2 + 1);
        let (first, last) = (self.order.label(to), self.order.label(from));
        (self.seen[to as usize], self.seen[from as usize]) = (ahead, back);
        (self.via[to as usize], self.via[from as usize]) = (NONE, NONE);
        // Ahead the latest first, which is the shortest way to where they meet; back in rings around the beginning.
        let mut heap = BinaryHeap::from([(first, to)]);
        let mut ring = VecDeque::from([from]);
        let (mut found_ahead, mut found_back) = (vec![to], vec![from]);
        let (mut paid_ahead, mut paid_back) = (0u64, 0u64);
        let mut others: Vec<u32> = Vec::new();
        loop {
            let go_ahead = paid_ahead <= paid_back;
            let node = if go_ahead { heap.pop().map(|(_, node)| node) } else { ring.pop_front() };
            let Some(node) = node else {
                // This side is whole, and what it found has nothing of the other.
                let mut found = if go_ahead { found_ahead } else { found_back };
                found.sort_unstable_by_key(|node| self.order.label(*node));
                match go_ahead {
                    true => self.order.move_after(&found, from),
                    false => self.order.move_before(&found, to),
                }
                return Ok(());
            };
            others.clear();
            if go_ahead {
                others.extend(self.succ(node).map(|(to, _)| to).filter(|to| self.order.label(*to) <= last));
                paid_ahead += 1 + others.len() as u64;
            } else {
                others.extend(self.pred(node).filter(|from| self.order.label(*from) >= first));
                paid_back += 1 + others.len() as u64;
            }
            let (own, other) = if go_ahead { (ahead, back) } else { (back, ahead) };
            for next in others.drain(..) {
                if self.seen[next as usize] == other {
                    let (ahead, back) = if go_ahead { (node, next) } else { (next, node) };
                    return Err(Refusal::Cycle(self.cycle(ahead, back)));
                }
                if self.seen[next as usize] != own {
                    self.seen[next as usize] = own;
                    self.via[next as usize] = node;
                    if go_ahead {
                        heap.push((self.order.label(next), next));
                        found_ahead.push(next);
                    } else {
                        ring.push_back(next);
                        found_back.push(next);
                    }
                }
            }
        }
    }

    /// The cycle through an edge between the two searches.
    fn cycle(&self, ahead: u32, back: u32) -> Vec<u32> {
        let way = |node: u32| {
            std::iter::successors(Some(node), |node| Some(self.via[*node as usize]).filter(|node| *node != NONE))
        };
        let mut cycle: Vec<u32> = way(ahead).collect();
        cycle.reverse();
        cycle.extend(way(back));
        cycle.extend(cycle.first().copied());
        cycle
    }

    /// The score's adjacency with all edits. Rows stand in the order that was kept, so most keep their neighbours.
    pub fn compact(&self) -> Compacted {
        let nodes: Vec<u32> = self.order.iter().filter(|node| !self.gone.has(*node)).collect();
        let mut rows = vec![None; self.seen.len()];
        for (node, row) in nodes.iter().zip(0u32..) {
            rows[*node as usize] = Some(row);
        }
        let mut edges = Vec::with_capacity(self.topology.edge_count() + self.outs.len());
        for (node, from) in nodes.iter().zip(0u32..) {
            edges.extend(self.succ(*node).filter_map(|(to, mode)| Some((from, rows[to as usize]?, mode))));
        }
        Compacted { topology: Topology::from_sorted(nodes.len() as u32, &edges), nodes, rows }
    }
}

fn links(links: &[Link], first: u32) -> impl Iterator<Item = (u32, EdgeMode)> + '_ {
    let all = std::iter::successors(links.get(first as usize), |link| links.get(link.next as usize));
    all.filter(|link| link.node != NONE).map(|link| (link.node, link.mode))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

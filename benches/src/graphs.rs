//! The graphs that are played: the same for us and for the peers.

use symphony_ecs_core::score::EdgeMode;

/// Edges as a score takes them: producer, consumer, mode.
pub type Edges = Vec<(u32, u32, EdgeMode)>;

/// A step of the layered graph that spreads a row's producers over the layer before.
const STRIDE: u64 = 7919;

/// `layers` × `width` nodes; node `i` of a layer takes `(i + k·7919) mod width`, `k < fan_in`, of the layer before.
pub fn layered(layers: u32, width: u32, fan_in: u32) -> Edges {
    let mut edges = Vec::with_capacity(layers.saturating_sub(1) as usize * width as usize * fan_in as usize);
    for layer in 1..layers {
        let (above, here) = ((layer - 1) * width, layer * width);
        for place in 0..width {
            edges.extend((0..fan_in).map(|step| {
                let producer = (u64::from(place) + u64::from(step) * STRIDE) % u64::from(width);
                (above + producer as u32, here + place, EdgeMode::Hard)
            }));
        }
    }
    edges
}

/// Nodes that take `fan_in` producers each, drawn evenly from the `window` nodes before them.
pub fn window(nodes: u32, window: u32, fan_in: u32) -> Edges {
    let mut draw = Draw(0x5EED);
    let mut edges = Vec::with_capacity(nodes as usize * fan_in as usize);
    for node in 1..nodes {
        let reach = node.min(window);
        edges.extend((0..fan_in).map(|_| (node - 1 - draw.below(reach), node, EdgeMode::Hard)));
    }
    edges
}

/// Kinds of nodes in a mixed graph.
pub const KINDS: u32 = 4;

/// A graph with dependencies of all kinds.
pub struct Mixed {
    /// Number of nodes.
    pub rows: u32,
    /// Its edges.
    pub edges: Edges,
    /// For each node three times its kind, and how many of its group it needs: 0 for all, 1 for any, 2 for two.
    pub spec_of: Vec<u32>,
}

/// The same edges with all kinds of modes: of twenty nodes ten wait hard for all, five have soft or optional edges among
/// them or only soft ones, five wait for a group: all, any or two of it, some with a hard edge beside it.
pub fn mixed(rows: u32, mut edges: Edges) -> Mixed {
    use EdgeMode::{Group, Hard, Optional, Soft};
    let mut draw = Draw(0xDA6);
    let mut spec_of = vec![0; rows as usize];
    let mut modes = [Hard; 3];
    let (mut node, mut place) = (u32::MAX, 0);
    for (_, consumer, mode) in &mut edges {
        if *consumer != node {
            (node, place) = (*consumer, 0);
            let (drawn, need) = match draw.below(20) {
                0..=9 => ([Hard; 3], 0),
                10 | 11 => ([Hard, Hard, Soft], 0),
                12 => ([Soft; 3], 0),
                13 | 14 => ([Hard, Hard, Optional], 0),
                15 => ([Group; 3], 0),
                16 | 17 => ([Group; 3], 1),
                18 => ([Hard, Group, Group], 1),
                _ => ([Group; 3], 2),
            };
            modes = drawn;
            spec_of[node as usize] = 3 * draw.below(KINDS) + need;
        }
        *mode = modes[place % 3];
        place += 1;
    }
    Mixed { rows, edges, spec_of }
}

/// Random numbers, the same on every machine (Steele, Lea and Flood, "SplitMix", 2014).
pub struct Draw(u64);

impl Draw {
    /// Numbers from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (((mixed >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_run_forward_and_stay_in_reach() {
        let edges = layered(3, 5, 2);
        assert_eq!(edges.len(), 2 * 5 * 2);
        assert!(edges.iter().all(|(from, to, _)| from / 5 + 1 == to / 5));
        let edges = window(2_000, 64, 3);
        assert_eq!(edges.len(), 1_999 * 3);
        assert!(edges.iter().all(|(from, to, _)| from < to && to - from <= 64));
    }
}

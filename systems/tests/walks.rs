//! Generated graphs under the virtual clock: everything is played, in an order that respects every edge.

use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::score::{Action, EdgeMode, NodeSpec, Score, Wiring};
use symphony_systems::{Orchestra, RunOptions};

fn layered(layers: u32, width: u32, fan_in: u32) -> Vec<(u32, u32, EdgeMode)> {
    let mut edges = Vec::new();
    for layer in 1..layers {
        for place in 0..width {
            for step in 0..fan_in {
                let producer = (layer - 1) * width + (place + step * 7919) % width;
                edges.push((producer, layer * width + place, EdgeMode::Hard));
            }
        }
    }
    edges
}

#[test]
fn a_layered_graph_is_played_in_as_many_steps_as_it_has_layers() {
    let span = Duration::from_secs(1);
    let spec = NodeSpec::plain(Action::Pause(span), span);
    let score =
        Score::from_edges("layered", 5_000, &layered(50, 100, 3), vec![spec], Vec::new(), Wiring::Order).unwrap();
    let mut orchestra = Orchestra::default();
    let slot = orchestra.play(&RunOptions::simulated(Arc::new(score), 1), None);
    assert_eq!(orchestra.play_to_end(slot), RunStatus::Completed);
    assert_eq!(orchestra.tally(slot).played, 5_000);
    assert_eq!(orchestra.run(slot).unwrap().now.0, 50_000_000_000);
}

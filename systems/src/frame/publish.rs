//! Publish: notices of committed frames are handed out, so that nothing is shown that a crash could take back.

use crate::runs::Runs;
use bevy_ecs::prelude::*;

pub(super) fn publish(mut runs: ResMut<Runs>) {
    let mut published = std::mem::take(&mut runs.published);
    for seat in runs.iter_mut() {
        while seat.outlet.front().is_some_and(|(frame, _)| *frame < seat.run.committed) {
            if let Some((_, notices)) = seat.outlet.pop_front() {
                published.extend(notices);
            }
        }
    }
    runs.published = published;
}

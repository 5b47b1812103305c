//! Retire, first half: after what left and what came back, players that will be wanted are warmed and others let go.

use crate::pools::PoolKeeper;
use crate::stage::Stage;
use bevy_ecs::prelude::*;

pub(super) fn foresee(mut pools: ResMut<PoolKeeper>, mut stage: ResMut<Stage>) {
    pools.foresee(&mut stage);
}

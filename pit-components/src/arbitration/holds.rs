//! Holds: what was granted and has not come back, in columns; a hold's number goes stale when it does.

use super::demand::Demand;
use super::parties::PartyId;

/// A grant that must be given back. Its number is never 0 and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(std::num::NonZeroU64);

impl HoldId {
    fn new(slot: u32, serial: u32) -> Self {
        let number = u64::from(serial) << 32 | u64::from(slot);
        Self(std::num::NonZeroU64::new(number).unwrap_or(std::num::NonZeroU64::MAX))
    }

    fn slot(self) -> usize {
        (self.0.get() & u64::from(u32::MAX)) as usize
    }

    fn serial(self) -> u32 {
        (self.0.get() >> 32) as u32
    }
}

/// What is known of a grant while it is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub label: u64,
    pub party: PartyId,
    pub demand: Demand,
    /// The most it may come to hold.
    pub claim: Demand,
    pub since_ns: u64,
    pub estimate_ns: u64,
    pub restart_ns: u64,
    pub value: u16,
    /// 0 unless it shares a seat: the batch, from 1.
    pub batch: u32,
    pub preemptible: bool,
    /// It was told to stop.
    pub leaving: bool,
}

/// The columns of holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    /// Odd while it is held: taking and giving back each add one.
    serial: Vec<u32>,
    hold: Vec<Hold>,
    free: Vec<u32>,
    count: usize,
}

impl Holds {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn slots(&self) -> usize {
        self.serial.len()
    }

    pub fn add(&mut self, hold: Hold) -> HoldId {
        self.count += 1;
        match self.free.pop() {
            Some(slot) => {
                self.hold[slot as usize] = hold;
                self.serial[slot as usize] = self.serial[slot as usize].wrapping_add(1);
                HoldId::new(slot, self.serial[slot as usize])
            }
            None => {
                self.hold.push(hold);
                self.serial.push(1);
                HoldId::new((self.serial.len() - 1) as u32, 1)
            }
        }
    }

    pub fn get(&self, id: HoldId) -> Option<&Hold> {
        (*self.serial.get(id.slot())? == id.serial()).then(|| &self.hold[id.slot()])
    }

    pub fn get_mut(&mut self, id: HoldId) -> Option<&mut Hold> {
        (*self.serial.get(id.slot())? == id.serial()).then(|| &mut self.hold[id.slot()])
    }

    pub fn remove(&mut self, id: HoldId) -> Option<Hold> {
        let hold = *self.get(id)?;
        self.serial[id.slot()] = self.serial[id.slot()].wrapping_add(1);
        self.free.push(id.slot() as u32);
        self.count -= 1;
        Some(hold)
    }

    /// All that is held, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (HoldId, &Hold)> {
        let all = self.serial.iter().zip(&self.hold).zip(0u32..);
        all.filter(|((serial, _), _)| **serial % 2 == 1)
            .map(|((serial, hold), slot)| (HoldId::new(slot, *serial), hold))
    }
}

//! The fold: a run made again from its frames, event by event, by the transitions that recorded them.

use crate::options::RunOptions;
use crate::orchestra::Orchestra;
use crate::record::FrameRecord;
use crate::restore::replay_event;
use crate::run::Run;
use crate::runs::Seat;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::events::{Event, Notice};
use symphony_ecs_core::ids::{BlockId, RunSlot};
use symphony_ecs_core::ports::JournalError;
use symphony_pit::dag::{Block, Columns, NodeTable};

/// A run that is being made again. Nobody plays in it.
pub struct Fold {
    orchestra: Orchestra,
    run: Run,
    /// The frame that must come next.
    next: u64,
    /// Notices of the events that were folded in.
    told: u64,
    path: String,
}

impl Fold {
    /// Nothing has happened yet. `path` names the journal in messages; notices are written if the options say so.
    pub fn new(options: &RunOptions, path: &str) -> Self {
        let mut run = Run::new(RunSlot(u32::MAX), options);
        run.recording = false;
        Self { orchestra: Orchestra::default(), run, next: 0, told: 0, path: path.to_owned() }
    }

    /// The run as it is now.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Notices of what was folded in so far, whether they were written or not.
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Decodes the next frame.
    ///
    /// # Errors
    /// A frame is missing, or its blob is damaged.
    pub fn open(&mut self, frame: u64, blob: &[u8]) -> Result<FrameRecord, JournalError> {
        if frame != self.next {
            return Err(self.damaged(format!("frame {} is missing", self.next)));
        }
        self.next += 1;
        FrameRecord::decode(blob, &self.path)
    }

    /// Folds the next frame in, up to the point after `until` notices. False when the point is reached.
    ///
    /// # Errors
    /// What the frame says does not fit the run.
    pub fn frame(&mut self, frame: u64, blob: &[u8], until: u64) -> Result<bool, JournalError> {
        let record = self.open(frame, blob)?;
        self.set_time(frame, record.time);
        for event in record.events {
            let left = until.saturating_sub(self.told);
            let notices = event.notices();
            let (now, later) = if notices > left { event.split(left) } else { (Some(event), None) };
            if let Some(event) = now {
                self.event(event)?;
            }
            if later.is_some() {
                return Ok(false);
            }
        }
        self.close();
        Ok(true)
    }

    /// Begins a frame: the run's clock stands.
    pub(super) fn set_time(&mut self, frame: u64, time: Time) {
        self.run.now = time;
        self.run.frame = frame;
    }

    /// Folds one event in.
    pub(super) fn event(&mut self, event: Event) -> Result<(), JournalError> {
        self.told += event.notices();
        let frame = self.run.frame;
        replay_event(&mut self.orchestra, &mut self.run, event)
            .map_err(|why| self.damaged(format!("frame {frame}: {why}")))
    }

    /// Ends a frame: rows of closed bodies go back.
    pub(super) fn close(&mut self) {
        let mut table = self.orchestra.world().0.resource_mut::<NodeTable>();
        for block in self.run.closed.drain(..) {
            table.give_back(block.base, block.rows());
        }
        // Bodies to look at are for those who play on.
        self.run.dirty.clear();
    }

    /// A block that is open or was closed in this frame, and all columns.
    pub(super) fn look<T>(&mut self, id: BlockId, look: impl FnOnce(&Block, &Columns<'_>) -> T) -> Option<T> {
        let (world, nodes) = self.orchestra.world();
        let columns = Columns::of(nodes.query_mut(world));
        self.run.find(id).map(|block| look(block, &columns))
    }

    /// Notices since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.run.notices)
    }

    /// The run, seated in an orchestra, to be looked at as any other.
    pub fn seat(self) -> (Orchestra, RunSlot) {
        let Self { mut orchestra, mut run, next, .. } = self;
        run.frame = next;
        run.committed = next;
        run.notices.clear();
        let slot = orchestra.seat_restored(|slot| {
            run.slot = slot;
            Seat::new(run, None)
        });
        (orchestra, slot)
    }

    fn damaged(&self, message: String) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), message }
    }
}

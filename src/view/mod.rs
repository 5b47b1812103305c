//! The progress view of a run: what `play` and `resume` show while it plays.
//!
//! The run loop hands [`Notice`]s over a bounded channel; a thread of the view's own writes them, so that a slow
//! terminal never holds the orchestra up more than a full channel does. What is not kept (progress, pieces of text) is
//! dropped when the channel is full; what is kept waits.
//!
//! ```text
//! run loop ── Sink ──► channel ──► thread ──► tree    stdout is a terminal
//!                                         ├─► plain   it is not
//!                                         └─► json    --json
//! ```

mod json;
mod line;
mod plain;
mod stats;
mod tree;
mod words;

pub use words::{closing, in_short};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io::{self, Write};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use symphony_ecs_core::events::Notice;
use symphony_ecs_core::events::notice::Summary;

/// Notices that may wait for the view.
const WAITING: usize = 8192;

/// Shortest time between two pictures.
const BETWEEN_PICTURES: Duration = Duration::from_millis(100);

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A live tree.
    Tree,
    /// One line of words for every transition.
    Plain,
    /// One JSON object a line, the summary last.
    Json,
    /// The closing words only.
    Quiet,
}

/// What is known of the melody before it plays.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Its name.
    pub melody: String,
    /// Ids of its nodes and what plays them, in score order.
    pub nodes: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Closing {
    /// For programs.
    pub summary: Summary,
    /// For people: the melody's outputs in a few words each.
    pub outputs: Vec<(String, String)>,
}

/// A run's view and its thread.
#[derive(Debug)]
pub struct View {
    sender: Sender<Message>,
    thread: JoinHandle<()>,
}

/// Where the run loop puts notices.
#[derive(Clone, Debug)]
pub struct Sink {
    sender: Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Notice(Box<Notice>),
    End(Box<Closing>),
}

/// Something that shows a run.
trait Painter: Send {
    /// Takes a notice in (and writes it, where every notice is a line).
    fn notice(&mut self, notice: &Notice, out: &mut dyn Write) -> io::Result<()>;
    /// Whether it draws pictures rather than lines.
    fn is_live(&self) -> bool {
        false
    }
    /// Draws how the run stands over what it drew last.
    fn picture(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
    /// Closes.
    fn end(&mut self, closing: &Closing, out: &mut dyn Write) -> io::Result<()>;
}

impl View {
    /// Starts the view's thread; it writes to standard output.
    pub fn start(style: Style, plan: Plan) -> io::Result<Self> {
        let painter: Box<dyn Painter> = match style {
            Style::Tree => Box::new(tree::Tree::new(plan)),
            Style::Plain => Box::new(plain::Plain::default()),
            Style::Json => Box::new(json::Json),
            Style::Quiet => Box::new(plain::Quiet),
        };
        let (sender, receiver) = bounded(WAITING);
        let show = move || show(painter, &receiver, &mut io::BufWriter::new(io::stdout()));
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(show)?;
        Ok(Self { sender, thread })
    }

    /// Where the run loop puts notices.
    pub fn sink(&self) -> Sink {
        Sink { sender: self.sender.clone() }
    }

    /// Shows how the run ended, after everything that was said before.
    pub fn end(self, closing: Closing) {
        // A view that is gone (a closed pipe) has nothing to close.
        let _ = self.sender.send(Message::End(Box::new(closing)));
        drop(self.sender);
        let _ = self.thread.join();
    }
}

impl Sink {
    /// Hands a notice over.
    pub fn notice(&self, notice: Notice) {
        let kept = notice.seq.is_some();
        let message = Message::Notice(Box::new(notice));
        // The view may be gone (a closed pipe); the run goes on without it.
        if kept {
            let _ = self.sender.send(message);
        } else {
            let _ = self.sender.try_send(message);
        }
    }
}

/// Shows messages until the end, or until nobody reads any more.
fn show(mut painter: Box<dyn Painter>, messages: &Receiver<Message>, out: &mut dyn Write) {
    let mut next_picture = Instant::now() + BETWEEN_PICTURES;
    loop {
        // Lines sleep until there is one; pictures also move while nothing happens (clocks tick).
        let message = match painter.is_live() {
            true => messages.recv_deadline(next_picture),
            false => messages.recv().map_err(RecvTimeoutError::from),
        };
        let mut outcome = match message {
            Ok(Message::Notice(notice)) => painter.notice(&notice, out),
            Ok(Message::End(closing)) => {
                let _ = painter.end(&closing, out).and_then(|()| out.flush());
                return;
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if painter.is_live() && Instant::now() >= next_picture {
            next_picture = Instant::now() + BETWEEN_PICTURES;
            outcome = outcome.and_then(|()| painter.picture(out)).and_then(|()| out.flush());
        } else if messages.is_empty() {
            outcome = outcome.and_then(|()| out.flush());
        }
        if outcome.is_err() {
            return;
        }
    }
}

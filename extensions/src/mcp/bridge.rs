//! The bridge: a player process that plays the tools of one server. It is the hidden subcommand `__mcp` of the program:
//!
//! ```text
//! __mcp serve LISTING FOLDER -- PROGRAM ARGUMENTS…    plays calls until the host closes the bus
//! __mcp list FOLDER -- PROGRAM ARGUMENTS…             prints what the server has, as one JSON object
//! ```
//!
//! LISTING is what the melody was checked with: a tool whose schema is another one by now is not called.

use super::client::Session;
use super::handshake::{Era, runtime};
use super::listing::Listing;
use super::{Tool, ports};
use crate::sdk::{self, Call, ErrorClass, Failure, Level, Outcome, Player, Reporter};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// The hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "__mcp";
/// Plays calls.
pub(crate) const SERVE: &str = "serve";
/// Lists tools.
pub(super) const LIST: &str = "list";

/// Runs the bridge: the hidden subcommand `__mcp`, with the arguments that follow it.
pub fn helper(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match run(arguments.into_iter()) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let mut next = || arguments.next().ok_or("the bridge lacks an argument");
    let what = next()?;
    let listing = if what == SERVE { Some(PathBuf::from(next()?)) } else { None };
    let folder = Some(PathBuf::from(next()?)).filter(|folder| !folder.as_os_str().is_empty());
    if next()? != "--" {
        return Err("the bridge lacks `--`".to_owned());
    }
    let words = arguments.map(|word| word.into_string().map_err(|word| format!("{} is not UTF-8", word.display())));
    let words: Vec<String> = words.collect::<Result<_, _>>()?;
    let server = Server { words, folder, runtime: runtime()? };
    match listing {
        Some(listing) => {
            let bridge = Bridge::new(server, Listing::read(&listing)?);
            Ok(sdk::serve(&bridge))
        }
        None if what == LIST => Ok(list(&server)),
        None => Err(format!("the bridge does not know {}", what.display())),
    }
}

/// How the server is started.
struct Server {
    words: Vec<String>,
    folder: Option<PathBuf>,
    runtime: Handle,
}

impl Server {
    fn begin(&self, era: Era, report: Option<&dyn Reporter>) -> Result<Session, Failure> {
        let folder: Option<&Path> = self.folder.as_deref();
        Session::begin(&self.runtime, &self.words, folder, era, report)
            .map_err(|failure| Failure { message: format!("the server did not start: {}", failure.message), ..failure })
    }
}

/// Prints what the server has, or why not.
fn list(server: &Server) -> ExitCode {
    match server.begin(Era::Unknown, None) {
        Ok(session) => {
            let opened = session.opened();
            let (name, version) = opened.about();
            let listing = Listing {
                server: name,
                version,
                protocol: opened.protocol(),
                modern: opened.era() == Era::Modern,
                tools: session.tools().to_vec(),
            };
            println!("{}", listing.to_json());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{}", serde_json::json!({ "error": failure.message }));
            ExitCode::FAILURE
        }
    }
}

/// The player: a server that is started before the first call, kept, and started again when it is gone.
struct Bridge {
    server: Server,
    listing: Listing,
    session: Mutex<Option<Result<Session, Failure>>>,
}

impl Bridge {
    fn new(server: Server, listing: Listing) -> Self {
        // Before HELLO is said, so that the server's start counts as the player's and not against a call's time.
        let session = Mutex::new(Some(server.begin(Self::era(&listing), None)));
        Self { server, listing, session }
    }

    fn era(listing: &Listing) -> Era {
        if listing.modern { Era::Modern } else { Era::Legacy }
    }

    /// The tool as it was checked, if the server still has it like that.
    fn tool<'l>(&'l self, name: &str, session: &Session) -> Result<&'l Tool, Failure> {
        let refused = |what: &str| {
            let message = format!("the tool `{name}` {what}; `symphony check --refresh` reads the server's tools anew");
            Failure::new(ErrorClass::Refused, message)
        };
        let checked = self.listing.tool(name).ok_or_else(|| refused("is not among those that were checked"))?;
        match session.tools().iter().find(|tool| tool.name == name) {
            None => Err(refused("is gone from its server")),
            Some(now) if now.input != checked.input || now.output != checked.output => {
                Err(refused("has another schema than when the melody was checked"))
            }
            Some(_) => Ok(checked),
        }
    }
}

impl Player for Bridge {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let mut kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure to start is told once; the next attempt tries again.
        let mut well = None;
        if let Some(mut session) = kept.take().transpose()? {
            if session.is_well() {
                well = Some(session);
            } else {
                report.log(Level::Warn, "the server does not answer any more and is started again");
            }
        }
        let mut session = match well {
            Some(session) => session,
            None => self.server.begin(Self::era(&self.listing), Some(report))?,
        };
        let prepared = self.tool(&call.operation, &session).and_then(|tool| {
            let arguments = ports::arguments(tool, call, report)?;
            Ok((tool, arguments))
        });
        let (tool, arguments) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                *kept = Some(Ok(session));
                return Err(failure);
            }
        };
        let (outcome, gone) = session.call(tool, arguments, report);
        *kept = (!gone).then_some(Ok(session));
        outcome
    }
}

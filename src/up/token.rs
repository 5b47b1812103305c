//! Who may reach the process that watches triggers: its lock, the key to its API, and where it listens.

use crate::failure::Failure;
use crate::state::State;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// The key to the API.
#[derive(Clone)]
pub struct Token(String);

/// Where the API listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The process.
    pub pid: u32,
}

impl Token {
    /// The token of a state folder, which is made if there is none. Only its owner can read it.
    pub fn of(state: &State) -> Result<Self, Failure> {
        let path = state.up("token");
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= 32 => return Ok(Self(text.trim().to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::state_io(&path, &error)),
        }
        let mut bytes = [0; 32];
        let source = Path::new("/dev/urandom");
        let drawn = File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
        drawn.map_err(|error| Failure::state_io(source, &error))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, &format!("{text}\n"))?;
        Ok(Self(text))
    }

    /// The token that is there.
    pub fn found(state: &State) -> Result<Self, Failure> {
        let path = state.up("token");
        let text = fs::read_to_string(&path).map_err(|error| Failure::state_io(&path, &error))?;
        Ok(Self(text.trim().to_owned()))
    }

    /// Whether this is the token; takes as long for a wrong one as for the right one.
    pub fn is(&self, given: &str) -> bool {
        // Digests are compared in constant time, and are of one length.
        blake3::hash(self.0.as_bytes()) == blake3::hash(given.as_bytes())
    }

    /// The header that shows it.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

/// Takes the right to watch triggers with this state folder; let go when dropped, by whatever means.
pub fn lock(state: &State) -> Result<File, Failure> {
    let path = state.up("lock");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| Failure::state_io(&path, &error))?;
    // Whoever looks whether somebody watches holds the lock for an instant: look again.
    for _ in 0..20 {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(Failure::state_io(&path, &error.into())),
        }
    }
    let by = address(state).map(|address| format!(" by process {}", address.pid)).unwrap_or_default();
    let message = format!("{}: its triggers are watched already{by}", state.root().display());
    Err(Failure::state(message)
        .help("stop that `symphony up`, or give this one a state folder of its own with --state DIR"))
}

/// Says where the API listens.
pub fn publish(state: &State, address: Address) -> Result<(), Failure> {
    let text = serde_json::to_string(&address).map_err(Failure::state)?;
    write_private(&state.up("json"), &format!("{text}\n"))
}

/// Where the API of a process that watches now listens. A file that a killed process left says nothing: its port may be
/// somebody else's, who must not see the token.
pub fn listening(state: &State) -> Option<Address> {
    let file = File::open(state.up("lock")).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => address(state),
        _ => None,
    }
}

/// Where the API listens, as the last process said.
fn address(state: &State) -> Option<Address> {
    serde_json::from_str(&fs::read_to_string(state.up("json")).ok()?).ok()
}

/// Writes a file that only its owner can read; it appears whole.
fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::state_io(path, &error);
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_token_stays_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::locate(Some(folder.path())).unwrap();
        let token = Token::of(&state).unwrap();
        let header = token.header();
        let given = header.strip_prefix("Bearer ").unwrap();
        assert_eq!(given.len(), 64);
        assert!(Token::of(&state).unwrap().is(given));
        assert!(!token.is("") && !token.is(&given[1..]) && !token.is(&format!("{given} ")));
        let mode = fs::metadata(state.up("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_process_watches() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::locate(Some(folder.path())).unwrap();
        let held = lock(&state).unwrap();
        publish(&state, Address { port: 7, pid: 42 }).unwrap();
        assert_eq!(listening(&state).map(|address| address.port), Some(7));
        assert!(lock(&state).unwrap_err().to_string().contains("by process 42"));
        drop(held);
        assert_eq!(listening(&state), None);
        assert!(lock(&state).is_ok());
    }
}

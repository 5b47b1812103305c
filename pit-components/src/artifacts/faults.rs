//! A disk for tests that forgets what was not synced and fails when it is told to.
//!
//! A file system in memory that keeps two states of everything: what programs see, and what is on the platter.
//! Syncing a file moves its content to the platter; syncing a folder moves its names. [`FaultyDisk::crash`] is a
//! power cut: each name and each file that was not synced comes back as it was, as it became, or (a file) torn at
//! any byte, as the seed decides. That is harsher than real file systems, which keep some order.
//!
//! ```
//! use std::{io::Write as _, path::Path};
//! use symphony_pit::artifacts::{Disk as _, faults::FaultyDisk};
//!
//! let disk = FaultyDisk::new(1);
//! let mut file = disk.create(Path::new("/a"))?;
//! file.write_all(b"synced")?;
//! file.sync()?;
//! disk.sync_dir(Path::new("/"))?;
//! disk.crash();
//! assert_eq!(disk.content(Path::new("/a")).as_deref(), Some(&b"synced"[..]));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It is made for tests, here and in other crates; nothing else uses it.

use super::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an operation can be made to fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no room: a write keeps a part of its bytes and fails.
    NoSpace,
    /// The device fails.
    Io,
    /// The file system is read-only: everything that would change it fails, from here on.
    ReadOnly,
    /// The power is cut: everything fails until [`FaultyDisk::crash`].
    PowerCut,
}

/// The disk; clones share it.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Mutex<State>>);

type Ino = usize;

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    random: u64,
    /// Operations so far.
    operations: u64,
    /// Faults to come, by the number of the operation.
    faults: BTreeMap<u64, Fault>,
    /// A fault that stays.
    lasting: Option<Fault>,
    /// Crashes so far: files opened before the last one are dead.
    crashes: u64,
}

#[derive(Clone, Debug)]
enum Node {
    File { seen: Vec<u8>, platter: Vec<u8> },
    Folder { seen: BTreeMap<String, Ino>, platter: BTreeMap<String, Ino> },
}

const ROOT: Ino = 0;

impl FaultyDisk {
    /// An empty disk with a root folder `/`. Relative paths start there too.
    pub fn new(seed: u64) -> Self {
        let root = Node::Folder { seen: BTreeMap::new(), platter: BTreeMap::new() };
        Self(Arc::new(Mutex::new(State { nodes: vec![root], random: seed, ..State::default() })))
    }

    /// Makes the n-th operation from now (0 is the next) fail.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        let mut state = self.state();
        let at = state.operations + operations;
        state.faults.insert(at, fault);
    }

    /// Operations so far (each write, sync, rename … is one).
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Cuts the power and restores it: what was not synced is lost, kept or torn, as the seed decides. All faults
    /// are over. Files that are open for writing are dead.
    pub fn crash(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.crashes += 1;
        (state.lasting, state.faults) = (None, BTreeMap::new());
        let random = &mut state.random;
        for node in &mut state.nodes {
            match node {
                Node::File { seen, platter } => {
                    if seen != platter {
                        *seen = torn(random, platter, seen);
                    }
                    platter.clone_from(seen);
                }
                Node::Folder { seen, platter } => {
                    let names: Vec<String> = seen.keys().chain(platter.keys()).cloned().collect();
                    for name in names {
                        if draw(random, 2) == 0 {
                            match seen.get(&name) {
                                Some(&ino) => platter.insert(name, ino),
                                None => platter.remove(&name),
                            };
                        }
                    }
                    seen.clone_from(platter);
                }
            }
        }
    }

    /// What programs see in a file.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        match state.nodes.get(state.find(path).ok()?)? {
            Node::File { seen, .. } => Some(seen.clone()),
            Node::Folder { .. } => None,
        }
    }

    /// Flips a bit of a file (counted from its beginning) behind everybody's back.
    ///
    /// # Panics
    /// If there is no such bit.
    pub fn flip(&self, path: &Path, bit: usize) {
        let mut state = self.state();
        let ino = state.find(path).expect("a file to damage");
        let Some(Node::File { seen, platter }) = state.nodes.get_mut(ino) else { panic!("{path:?} is no file") };
        seen[bit / 8] ^= 1 << (bit % 8);
        platter.clone_from(seen);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next number of the seed's sequence (SplitMix64), below `end`.
fn draw(random: &mut u64, end: usize) -> usize {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % end.max(1) as u64) as usize
}

/// What a power cut leaves of a file that was changed since it was synced.
fn torn(random: &mut u64, before: &[u8], after: &[u8]) -> Vec<u8> {
    let at = draw(random, after.len() + 1);
    let (head, tail) = after.split_at(at);
    match draw(random, 4) {
        0 => before.to_vec(),
        1 => after.to_vec(),
        2 => head.to_vec(),
        // The length arrived, the bytes did not.
        _ => [head, &vec![0; tail.len()]].concat(),
    }
}

impl State {
    /// Counts an operation and says whether it is to fail.
    fn begin(&mut self, changes: bool) -> Result<(), Fault> {
        let due = self.faults.remove(&self.operations);
        self.operations += 1;
        if let Some(fault @ (Fault::ReadOnly | Fault::PowerCut)) = due {
            self.lasting = Some(fault);
        }
        match self.lasting.or(due) {
            Some(Fault::ReadOnly | Fault::NoSpace) if !changes => Ok(()),
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<Ino> {
        let mut ino = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let name = name.to_str().ok_or(ErrorKind::InvalidInput)?;
                ino = *self.folder(ino)?.get(name).ok_or(ErrorKind::NotFound)?;
            }
        }
        Ok(ino)
    }

    /// The folder that a path lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(Ino, String)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(ErrorKind::AlreadyExists)?;
        let folder = self.find(path.parent().unwrap_or(Path::new("/")))?;
        self.folder(folder)?;
        Ok((folder, name.to_owned()))
    }

    fn folder(&self, ino: Ino) -> io::Result<&BTreeMap<String, Ino>> {
        match self.nodes.get(ino) {
            Some(Node::Folder { seen, .. }) => Ok(seen),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn folder_mut(&mut self, ino: Ino) -> io::Result<&mut BTreeMap<String, Ino>> {
        match self.nodes.get_mut(ino) {
            Some(Node::Folder { seen, .. }) => Ok(seen),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<Ino> {
        let (folder, name) = self.place(path)?;
        if self.folder(folder)?.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let ino = self.nodes.len();
        self.nodes.push(node);
        self.folder_mut(folder)?.insert(name, ino);
        Ok(ino)
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoSpace => ErrorKind::StorageFull.into(),
            Fault::ReadOnly => ErrorKind::ReadOnlyFilesystem.into(),
            Fault::Io | Fault::PowerCut => Self::other("the device failed"),
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(true)?;
        state.add(path, Node::Folder { seen: BTreeMap::new(), platter: BTreeMap::new() }).map(drop)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.begin(true)?;
        let ino = state.add(path, Node::File { seen: Vec::new(), platter: Vec::new() })?;
        let crashes = state.crashes;
        drop(state);
        Ok(Box::new(FaultyFile { disk: self.clone(), ino, crashes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(true)?;
        let (old, old_name) = state.place(from)?;
        let (new, new_name) = state.place(to)?;
        let ino = state.folder_mut(old)?.remove(&old_name).ok_or(ErrorKind::NotFound)?;
        state.folder_mut(new)?.insert(new_name, ino);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(true)?;
        let (folder, name) = state.place(path)?;
        state.folder_mut(folder)?.remove(&name).map(drop).ok_or(ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(false)?;
        let ino = state.find(path)?;
        match state.nodes.get_mut(ino) {
            Some(Node::Folder { seen, platter }) => platter.clone_from(seen),
            _ => return Err(ErrorKind::NotADirectory.into()),
        }
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.begin(false)?;
        let ino = state.find(path)?;
        Ok(state.folder(ino)?.keys().cloned().collect())
    }

    /// A real file without a name that holds what programs see now.
    fn open(&self, path: &Path) -> io::Result<File> {
        let mut state = self.state();
        state.begin(false)?;
        let ino = state.find(path)?;
        let Some(Node::File { seen, .. }) = state.nodes.get(ino) else { return Err(ErrorKind::IsADirectory.into()) };
        let mut file = File::from(rustix::fs::memfd_create("artifact", rustix::fs::MemfdFlags::CLOEXEC)?);
        file.write_all(seen)?;
        io::Seek::rewind(&mut file)?;
        Ok(file)
    }
}

/// A file of a [`FaultyDisk`] that is open for writing.
struct FaultyFile {
    disk: FaultyDisk,
    ino: Ino,
    crashes: u64,
}

impl FaultyFile {
    /// Counts an operation and hands out what the file holds, with how many of `len` bytes may be written before
    /// the fault, if one is due.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, Option<usize>) -> T,
        len: usize,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.crashes != self.crashes {
            return Err(Fault::PowerCut.into());
        }
        let fault = state.begin(true).err();
        let part = fault.map(|_| draw(&mut state.random, len + 1));
        let Some(Node::File { seen, platter }) = state.nodes.get_mut(self.ino) else {
            return Err(ErrorKind::NotFound.into());
        };
        let changed = change(seen, platter, part);
        fault.map_or(Ok(changed), |fault| Err(fault.into()))
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = |seen: &mut Vec<u8>, _: &mut Vec<u8>, part: Option<usize>| {
            seen.extend_from_slice(&bytes[..part.unwrap_or(bytes.len())]);
            bytes.len()
        };
        self.change(write, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        let sync = |seen: &mut Vec<u8>, platter: &mut Vec<u8>, part: Option<usize>| {
            if part.is_none() {
                platter.clone_from(seen);
            }
        };
        self.change(sync, 0)
    }
}

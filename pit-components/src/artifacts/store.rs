//! The store: writing, finding and reading artifacts.

use super::disk::Disk;
use super::known::{Known, Stamp};
use super::layout::{self, TMP};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort};
use symphony_ecs_core::value::{ArtifactRef, Digest};

/// Bytes that are copied or hashed at once.
const PIECE: usize = 256 * 1024;

/// A content-addressed store in one folder. Any number of threads and processes may use the same folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    known: Mutex<Known>,
    /// Folders of artifacts whose own names are on the disk.
    folders: Mutex<BTreeSet<String>>,
}

/// Bytes in `tmp/`, synced, on their way to their place. Removed if they do not get there.
struct Temp<'a> {
    store: &'a Store,
    path: PathBuf,
    arrived: bool,
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.arrived {
            let _ = self.store.disk.remove(&self.path);
        }
    }
}

impl Store {
    /// Opens the store in the folder `root` (the `artifacts` folder itself), which is made if it is missing.
    ///
    /// Temporary files that dead processes left are removed. A store in a folder that cannot be written opens and
    /// reads.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] names the folder that cannot be made or read.
    pub fn open(root: &Path, disk: Arc<dyn Disk>) -> Result<Self, ArtifactError> {
        let store = Self { root: root.to_owned(), disk, known: Mutex::default(), folders: Mutex::default() };
        let names = match store.disk.read_dir(root) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                store.make_dir(root)?;
                Vec::new()
            }
            other => other.map_err(|error| io_error(root, error))?,
        };
        if names.iter().any(|name| name == TMP) {
            store.clean();
        }
        if names.iter().any(|name| layout::is_folder(name)) {
            store.sync_dir(root)?;
            store.folders().extend(names.into_iter().filter(|name| layout::is_folder(name)));
        }
        Ok(store)
    }

    /// The folder it lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Stores several artifacts (bytes, media type) at once: each folder is synced once, after all renames.
    ///
    /// # Errors
    /// [`ArtifactError::Io`]; those that were stored before the failure stay, none is torn.
    pub fn put_many(&self, artifacts: &[(&[u8], &str)]) -> Result<Vec<ArtifactRef>, ArtifactError> {
        let mut handles = Vec::with_capacity(artifacts.len());
        let mut temps = BTreeMap::new();
        for (bytes, media_type) in artifacts {
            let digest = Digest::of(bytes);
            handles.push(ArtifactRef { digest, media_type: (*media_type).to_owned(), size: bytes.len() as u64 });
            if !temps.contains_key(&digest) && !self.holds(&digest, bytes)? {
                temps.insert(digest, self.write_temp(bytes)?);
            }
        }
        for (digest, temp) in &mut temps {
            self.place(temp, digest)?;
        }
        self.sync_names(handles.iter().map(|handle| &handle.digest))?;
        Ok(handles)
    }

    /// Whether exactly these bytes lie at their place already. What lies there damaged is to be replaced.
    fn holds(&self, digest: &Digest, bytes: &[u8]) -> Result<bool, ArtifactError> {
        let path = layout::path_of(&self.root, digest);
        let Some((file, stamp)) = self.find(&path)? else { return Ok(false) };
        if self.known().is_verified(digest, &stamp) {
            return Ok(true);
        }
        // As the bytes are at hand, a comparison is the cheapest verification.
        let mut rest = bytes;
        let equal = pieces(&file, |piece| {
            let equal = rest.starts_with(piece);
            rest = rest.get(piece.len()..).unwrap_or_default();
            equal
        });
        let equal = equal.map_err(|error| io_error(&path, error))? && rest.is_empty();
        match equal {
            true => self.known().verified(digest, stamp),
            false => self.known().forget(digest),
        }
        Ok(equal)
    }

    /// Writes bytes to a synced temporary file.
    fn write_temp(&self, bytes: &[u8]) -> Result<Temp<'_>, ArtifactError> {
        self.temp(|file| file.write_all(bytes)).map(|(temp, ())| temp)
    }

    /// Lets `write` fill a temporary file and syncs it.
    fn temp<T>(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> Result<(Temp<'_>, T), ArtifactError> {
        let folder = self.root.join(TMP);
        let path = folder.join(layout::temp_name());
        let mut file = match self.disk.create(&path) {
            // The first file of this store.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_dir(&folder)?;
                self.disk.create(&path)
            }
            other => other,
        }
        .map_err(|error| io_error(&path, error))?;
        let temp = Temp { store: self, path, arrived: false };
        let written = write(&mut *file).and_then(|value| file.sync().map(|()| value));
        match written {
            Ok(value) => Ok((temp, value)),
            Err(error) => Err(io_error(&temp.path, error)),
        }
    }

    /// Renames a temporary file to the place of its digest. The name is not on the disk yet.
    fn place(&self, temp: &mut Temp<'_>, digest: &Digest) -> Result<(), ArtifactError> {
        let (folder, file) = layout::split(digest);
        let path = self.root.join(&folder).join(file);
        if !self.folders().contains(&folder) {
            self.make_dir(&self.root.join(&folder))?;
            self.folders().insert(folder);
        }
        self.known().forget(digest);
        self.disk.rename(&temp.path, &path).map_err(|error| io_error(&path, error))?;
        temp.arrived = true;
        if let Some((_, stamp)) = self.find(&path)? {
            self.known().verified(digest, stamp);
        }
        Ok(())
    }

    /// Syncs the folders of artifacts whose names may not be on the disk yet: also of those that were found there,
    /// since another thread may have renamed them an instant ago.
    fn sync_names<'d>(&self, digests: impl Iterator<Item = &'d Digest> + Clone) -> Result<(), ArtifactError> {
        let known = self.known();
        let fresh: Vec<&Digest> = digests.filter(|digest| !known.is_durable(digest)).collect();
        drop(known);
        let folders: BTreeSet<String> = fresh.iter().map(|digest| layout::split(digest).0).collect();
        for folder in folders {
            self.sync_dir(&self.root.join(&folder))?;
        }
        let mut known = self.known();
        fresh.into_iter().for_each(|digest| known.durable(digest));
        Ok(())
    }

    /// The file at a path with its stamp, or nothing.
    fn find(&self, path: &Path) -> Result<Option<(File, Stamp)>, ArtifactError> {
        match self.disk.open(path).and_then(|file| file.metadata().map(|meta| (file, meta))) {
            Ok((_, meta)) if !meta.is_file() => Err(io_error(path, ErrorKind::IsADirectory.into())),
            Ok((file, meta)) => Ok(Some((file, Stamp::of(&meta)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(path, error)),
        }
    }

    /// The artifact's path, its open file and what tells that file from others.
    fn look_up(&self, digest: &Digest) -> Result<(PathBuf, File, Stamp), ArtifactError> {
        let path = layout::path_of(&self.root, digest);
        let (file, stamp) = self.find(&path)?.ok_or(ArtifactError::Missing(*digest))?;
        Ok((path, file, stamp))
    }

    /// Reads all of an artifact and compares it with its digest; gives its length.
    pub(super) fn check(&self, digest: &Digest) -> Result<u64, ArtifactError> {
        let (path, file, stamp) = self.look_up(digest)?;
        self.read_through(digest, &path, &file, stamp)
    }

    fn read_through(&self, digest: &Digest, path: &Path, file: &File, stamp: Stamp) -> Result<u64, ArtifactError> {
        let mut hasher = blake3::Hasher::new();
        let hash = |piece: &[u8]| {
            hasher.update(piece);
            true
        };
        pieces(file, hash).map_err(|error| io_error(path, error))?;
        self.judge(digest, hasher.finalize(), stamp)?;
        Ok(hasher.count())
    }

    /// Takes note of what a reading gave.
    fn judge(&self, expected: &Digest, found: blake3::Hash, stamp: Stamp) -> Result<(), ArtifactError> {
        if found.as_bytes() == &expected.0 {
            self.known().verified(expected, stamp);
            Ok(())
        } else {
            self.known().forget(expected);
            Err(ArtifactError::Damaged(*expected))
        }
    }

    /// Makes a folder and every missing one above it, each name synced to the disk.
    fn make_dir(&self, path: &Path) -> Result<(), ArtifactError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match self.disk.create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound && parent != path => {
                self.make_dir(parent)?;
                match self.disk.create_dir(path) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io_error(path, error)),
                    _ => {}
                }
            }
            Err(error) => return Err(io_error(path, error)),
        }
        self.sync_dir(parent)
    }

    fn sync_dir(&self, path: &Path) -> Result<(), ArtifactError> {
        self.disk.sync_dir(path).map_err(|error| io_error(path, error))
    }

    /// Removes what dead processes left in `tmp/`. What cannot be removed does no harm.
    fn clean(&self) {
        let folder = self.root.join(TMP);
        for name in self.disk.read_dir(&folder).unwrap_or_default() {
            if layout::is_stale(&name) {
                let _ = self.disk.remove(&folder.join(name));
            }
        }
    }

    /// A panic while a lock is held leaves these sets as they were, so poison means nothing here.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folders(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArtifactPort for Store {
    fn put(&self, bytes: &[u8], media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let digest = Digest::of(bytes);
        if !self.holds(&digest, bytes)? {
            self.place(&mut self.write_temp(bytes)?, &digest)?;
        }
        self.sync_names(std::iter::once(&digest))?;
        Ok(ArtifactRef { digest, media_type: media_type.to_owned(), size: bytes.len() as u64 })
    }

    /// Copies the whole file, from its beginning wherever its cursor stands; a pipe is read to its end.
    ///
    /// What is hashed is what is copied, so a file that changes meanwhile gives an artifact that is sound.
    fn put_file(&self, file: File, media_type: &str) -> Result<ArtifactRef, ArtifactError> {
        let mut hasher = blake3::Hasher::new();
        let (mut temp, ()) = self.temp(|temp| {
            let copy = |piece: &[u8]| {
                hasher.update(piece);
                temp.write_all(piece)
            };
            copy_all(file, copy)
        })?;
        let size = hasher.count();
        let digest = Digest(*hasher.finalize().as_bytes());
        match self.open(&digest) {
            Ok(_) => drop(temp),
            Err(ArtifactError::Missing(_) | ArtifactError::Damaged(_)) => self.place(&mut temp, &digest)?,
            Err(error) => return Err(error),
        }
        self.sync_names(std::iter::once(&digest))?;
        Ok(ArtifactRef { digest, media_type: media_type.to_owned(), size })
    }

    /// The first opening in this process reads the whole file to verify it; later ones trust what was seen, as long
    /// as the file is the same and unchanged.
    fn open(&self, digest: &Digest) -> Result<File, ArtifactError> {
        let (path, file, stamp) = self.look_up(digest)?;
        if !self.known().is_verified(digest, &stamp) {
            self.read_through(digest, &path, &file, stamp)?;
        }
        Ok(file)
    }

    fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
        let (path, mut file, stamp) = self.look_up(digest)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| io_error(&path, error))?;
        self.judge(digest, blake3::hash(&bytes), stamp)?;
        Ok(bytes)
    }

    fn has(&self, digest: &Digest) -> bool {
        layout::path_of(&self.root, digest).is_file()
    }
}

/// Hands a file to `take` in pieces, from the beginning, without moving its cursor, until `take` says no.
/// Gives what `take` said last.
fn pieces(file: &File, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => return Ok(true),
            Ok(len) => {
                at += len as u64;
                if !take(buffer.get(..len).unwrap_or_default()) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Hands all of a file to `copy`: by place if it has places, else (pipes, sockets) as it comes.
fn copy_all(mut file: File, mut copy: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut failure = Ok(());
    let mut take = |piece: &[u8]| {
        failure = copy(piece);
        failure.is_ok()
    };
    match pieces(&file, &mut take) {
        Err(error) if error.kind() == ErrorKind::NotSeekable => {
            let mut buffer = vec![0; PIECE];
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(len) if take(buffer.get(..len).unwrap_or_default()) => {}
                    Ok(_) => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        other => drop(other?),
    }
    failure
}

pub(super) fn io_error(path: &Path, source: io::Error) -> ArtifactError {
    ArtifactError::Io { path: path.display().to_string(), source }
}

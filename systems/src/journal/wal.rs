//! A look at the write-ahead log before SQLite opens it, for damage that SQLite takes for a torn end.
//!
//! SQLite reads the log up to the first page that fails its checksum and forgets the rest. That is right for the
//! last transaction, which a power cut may have torn, and wrong for a bit that flipped further in front: committed
//! frames would vanish without a word. Because a transaction begins only when the one before it is on the disk, at
//! most one commit can lie behind a tear. Two or more are damage.
//!
//! ```text
//! header(32) │ page(24 + size) │ page … commit │ page … commit │ …
//!              page number, size after commit (0 = none), salt 1, salt 2, checksum 1, checksum 2
//! ```

use super::io_error;
use super::schema::damaged;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read as _};
use std::path::Path;
use symphony_ecs_core::ports::JournalError;

/// The log's name beside the database.
pub(super) const NAME: &str = "journal.db-wal";

const HEADER: usize = 32;
const PAGE_HEADER: usize = 24;

/// Whether there is a log with anything in it.
pub(super) fn is_present(dir: &Path) -> bool {
    fs::metadata(dir.join(NAME)).is_ok_and(|meta| meta.len() > 0)
}

/// Says whether committed transactions lie behind damage in the log of the journal in `dir`.
pub(super) fn check(dir: &Path) -> Result<(), JournalError> {
    let path = dir.join(NAME);
    match scan(&path) {
        Ok(Scan { sound_pages, commits_lost: 2.. }) => {
            Err(damaged(&path, format!("committed frames lie behind page {}, which is damaged", sound_pages + 1)))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(io_error(&path, &error)),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Scan {
    /// Pages that pass their checksum, from the beginning.
    sound_pages: u64,
    /// Commits of the same generation behind them.
    commits_lost: u64,
}

fn scan(path: &Path) -> io::Result<Scan> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Scan::default()),
        other => other?,
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        return Ok(Scan::default());
    }
    let big_endian = word(&header, 0) & 1 == 1;
    let page_size = match word(&header, 8) as usize {
        size if size.is_power_of_two() && (512..=65_536).contains(&size) => size,
        _ => 4_096,
    };
    let mut sum = checksum((0, 0), &header[..24], big_endian);
    let mut sound = sum == (word(&header, 24), word(&header, 28));
    // With a broken header the first page says which generation the log is of.
    let mut salts = sound.then(|| (word(&header, 16), word(&header, 20)));
    let mut scan = Scan::default();
    let mut page = vec![0; PAGE_HEADER + page_size];
    while fill(&mut file, &mut page)? {
        let of_page = (word(&page, 8), word(&page, 12));
        let same = *salts.get_or_insert(of_page) == of_page;
        if sound {
            sum = checksum(checksum(sum, &page[..8], big_endian), &page[PAGE_HEADER..], big_endian);
            sound = same && sum == (word(&page, 16), word(&page, 20));
        }
        if sound {
            scan.sound_pages += 1;
        } else if same && word(&page, 4) != 0 {
            scan.commits_lost += 1;
        }
    }
    Ok(scan)
}

/// Fills `bytes`; false at the end of the file (also within a piece: a torn page).
fn fill(file: &mut BufReader<File>, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The big-endian word at a place; 0 beyond the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// SQLite's checksum: two sums over pairs of words, each running through the other.
fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let (first, second) = (word(pair, 0), word(pair, 4));
        let native = |word: u32| if big_endian { word } else { word.swap_bytes() };
        one = one.wrapping_add(native(first)).wrapping_add(two);
        two = two.wrapping_add(native(second)).wrapping_add(one);
    }
    (one, two)
}

//! How the checker reaches other files: bodies, nested melodies and schemas.

/// Reads files for the checker. `ecs-core` knows no I/O, so the program hands one in (tests hand in a map).
pub trait Sources {
    /// Reads a text file. `path` is relative to the folder of `from` (the path of the file that names it; empty for
    /// the first). Returns the path by which the file is known from then on and its text, or why it could not be
    /// read, in words.
    fn read(&self, from: &str, path: &str) -> Result<(String, String), String>;
}

//! `cargo xtask coverage`: line coverage of the whole workspace, with the compiler's own instrumentation.
//!
//! The tests are built in `target/coverage` with `-Cinstrument-coverage`, every process they start writes its counts
//! there as well, and LLVM's tools (the toolchain's, else Debian's of version 19 or later, which read what the
//! compiler writes) merge and count them.

use crate::{packages, steps, test};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The oldest LLVM whose tools read the counts of the workspace's compiler, and the package that has it.
const OLDEST_LLVM: u32 = 19;
const LLVM_PACKAGE: &str = "llvm-19";

/// What is counted: the workspace's own code, without tests, benches and tasks.
const IGNORED: &str = r"(/\.cargo/|/rustc/|/rustlib/|/target/|/tests/|/benches/|/xtask/|/build\.rs$)";

/// Measures and prints; `html` also writes a report to browse.
pub fn run(root: &Path, html: Option<&Path>) -> Result<(), String> {
    packages::ensure(root)?;
    let tools = Tools::find_or_install(root)?;
    let target = root.join("target/coverage");
    let counts = target.join("counts");
    let _ = std::fs::remove_dir_all(&counts);
    std::fs::create_dir_all(&counts).map_err(|error| format!("{}: {error}", counts.display()))?;

    let mut tests = steps::cargo(root, &["test", "--workspace", "--exclude", "xtask", "--no-fail-fast"]);
    tests.env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
    // Cargo uses encoded flags before plain ones; both could be set by the caller.
    tests.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", "-Cinstrument-coverage");
    // The processes of one program share eight files and merge into them as they end, so thousands fit.
    tests.env("LLVM_PROFILE_FILE", counts.join("%8m.profraw"));
    if let Some(folder) = test::data(root) {
        tests.env("SYMPHONY_DATA", folder);
    }
    // A test that fails has run lines all the same; its failure is told in the end.
    let tested = steps::run("tests with counters", &mut tests);

    let merged = target.join("merged.profdata");
    merge(root, &tools, &counts, &merged)?;
    let programs = programs(&target.join("debug"))?;
    let report = export(root, &tools, &programs, &merged)?;
    print!("{}", table(root, &report));
    if let Some(folder) = html {
        show(root, &tools, &programs, &merged, folder)?;
    }
    tested
}

/// `llvm-profdata` and `llvm-cov` of one version.
struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Tools {
    fn find_or_install(root: &Path) -> Result<Self, String> {
        if let Some(tools) = Self::find(root) {
            return Ok(tools);
        }
        packages::install(root, &[LLVM_PACKAGE])?;
        Self::find(root).ok_or_else(|| format!("llvm-profdata and llvm-cov {OLDEST_LLVM} or later are not to be found"))
    }

    /// The toolchain's own tools, else versioned ones on the path, else unversioned ones that are new enough.
    fn find(root: &Path) -> Option<Self> {
        let sysroot = steps::output(&mut steps::command(root, "rustc", &["--print", "sysroot"]));
        let rustlib = sysroot.map(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib"));
        let hosts = rustlib.and_then(|rustlib| std::fs::read_dir(rustlib).ok()).into_iter().flatten().flatten();
        let toolchain = hosts
            .map(|host| host.path().join("bin"))
            .map(|bin| Self { profdata: bin.join("llvm-profdata"), cov: bin.join("llvm-cov") });
        let versioned = (OLDEST_LLVM..OLDEST_LLVM + 12).rev().map(|version| Self {
            profdata: format!("llvm-profdata-{version}").into(),
            cov: format!("llvm-cov-{version}").into(),
        });
        let plain = Self { profdata: "llvm-profdata".into(), cov: "llvm-cov".into() };
        toolchain.chain(versioned).chain([plain]).find(|tools| tools.serve(root))
    }

    fn serve(&self, root: &Path) -> bool {
        let version = |program: &Path| {
            let text = steps::output(&mut steps::command(root, program, &["--version"]))?;
            let (_, after) = text.split_once("LLVM version ")?;
            after.split('.').next()?.parse::<u32>().ok()
        };
        let new = |program: &Path| version(program).is_some_and(|version| version >= OLDEST_LLVM);
        new(&self.cov) && new(&self.profdata)
    }
}

fn merge(root: &Path, tools: &Tools, counts: &Path, merged: &Path) -> Result<(), String> {
    let files = std::fs::read_dir(counts).map_err(|error| format!("{}: {error}", counts.display()))?;
    let raw: BTreeSet<PathBuf> = files.flatten().map(|entry| entry.path()).collect();
    let list = counts.with_extension("list");
    let lines: Vec<String> = raw.iter().map(|path| path.display().to_string()).collect();
    std::fs::write(&list, lines.join("\n")).map_err(|error| format!("{}: {error}", list.display()))?;
    // A process that was killed while writing leaves a torn file; the others still count.
    let mut command = steps::command(root, &tools.profdata, &["merge", "-sparse", "-failure-mode=all", "-o"]);
    command.arg(merged).arg("-f").arg(&list);
    steps::run(&format!("merge the counts of {} processes", raw.len()), &mut command)
}

/// The programs that ran: test programs in `deps`, and the binaries that tests start.
fn programs(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = BTreeSet::new();
    for folder in [folder.to_path_buf(), folder.join("deps")] {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let programs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_none());
        found.extend(programs.filter(|path| is_elf(path)));
    }
    Ok(found.into_iter().collect())
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok()) && magic == *b"\x7fELF"
}

fn with_programs(command: &mut std::process::Command, programs: &[PathBuf], merged: &Path) {
    command.arg(format!("-ignore-filename-regex={IGNORED}")).arg("-instr-profile").arg(merged);
    for (place, program) in programs.iter().enumerate() {
        if place > 0 {
            command.arg("-object");
        }
        command.arg(program);
    }
}

/// Lines counted per file, as LLVM exports them in the LCOV notation.
fn export(root: &Path, tools: &Tools, programs: &[PathBuf], merged: &Path) -> Result<String, String> {
    let mut command = steps::command(root, &tools.cov, &["export", "-format=lcov", "-summary-only"]);
    with_programs(&mut command, programs, merged);
    steps::output(&mut command).ok_or_else(|| "llvm-cov export failed".to_owned())
}

fn show(root: &Path, tools: &Tools, programs: &[PathBuf], merged: &Path, folder: &Path) -> Result<(), String> {
    let mut command = steps::command(root, &tools.cov, &["show", "-format=html", "-output-dir"]);
    command.arg(folder);
    with_programs(&mut command, programs, merged);
    steps::run(&format!("write {}/index.html", folder.display()), &mut command)
}

/// One line a crate, then the total. Input: `SF:` file, `LF:` lines that count, `LH:` lines that ran.
fn table(root: &Path, lcov: &str) -> String {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let mut crates: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut current = None;
    for line in lcov.lines() {
        if let Some(file) = line.strip_prefix("SF:") {
            let inside = Path::new(file).strip_prefix(&root).ok();
            current = inside.and_then(|path| path.iter().next()).map(|part| part.to_string_lossy().into_owned());
        }
        let number = |prefix| line.strip_prefix(prefix).and_then(|text| text.parse::<u64>().ok());
        let Some(name) = &current else { continue };
        if let Some(lines) = number("LF:") {
            crates.entry(name.clone()).or_default().0 += lines;
        }
        if let Some(ran) = number("LH:") {
            crates.entry(name.clone()).or_default().1 += ran;
        }
    }
    let percent = |lines: u64, ran: u64| if lines == 0 { 100.0 } else { ran as f64 * 100.0 / lines as f64 };
    let mut text = format!("\n{:<20} {:>8} {:>8} {:>8}\n", "folder", "lines", "ran", "percent");
    let mut total = (0, 0);
    for (name, (lines, ran)) in &crates {
        text += &format!("{name:<20} {lines:>8} {ran:>8} {:>7.2}%\n", percent(*lines, *ran));
        total = (total.0 + lines, total.1 + ran);
    }
    text + &format!("{:<20} {:>8} {:>8} {:>7.2}%\n", "line coverage", total.0, total.1, percent(total.0, total.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_summed_and_the_total_stands_last() {
        let lcov = "SF:/w/a/src/x.rs\nLF:10\nLH:5\nend_of_record\nSF:/w/a/src/y.rs\nLF:10\nLH:10\nend_of_record\n\
                    SF:/w/b/src/z.rs\nLF:20\nLH:0\nend_of_record\nSF:/elsewhere/q.rs\nLF:99\nLH:99\nend_of_record\n";
        let text = table(Path::new("/w"), lcov);
        let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["a", "20", "15", "75.00%"]);
        assert_eq!(rows[1], ["b", "20", "0", "0.00%"]);
        assert_eq!(rows[2], ["line", "coverage", "40", "15", "37.50%"]);
    }
}

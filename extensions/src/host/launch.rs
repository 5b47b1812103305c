//! The launcher: sets limits in the process that is about to become a player, moves the bus to its place, and execs.
//!
//! `__launch --parent PID --bus FD [--mem BYTES] [--cpu SECONDS] -- PROGRAM ARGUMENTS…`, with the bus on descriptor 0.
//! A program of its own does this, and not a closure between fork and exec of a host full of threads.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The hidden subcommand.
pub(super) const SUBCOMMAND: &str = "__launch";
/// Where players other than Rust's find the bus.
pub(super) const BUS: i32 = 3;

/// Largest file a player may write.
const FILE_BYTES: u64 = 8 << 30;
/// Open descriptors.
const DESCRIPTORS: u64 = 4096;

/// Exit status when the program could not be executed.
const CANNOT_EXEC: u8 = 127;

/// Runs the launcher: the hidden subcommand `__launch`, with the arguments that follow it. Returns only when it
/// failed; the reason is on standard error.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match try_launch(arguments.into_iter()) {
        Ok(never) => match never {},
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(CANNOT_EXEC)
        }
    }
}

enum Never {}

fn try_launch(mut arguments: impl Iterator<Item = OsString>) -> Result<Never, String> {
    let (mut parent, mut bus, mut mem, mut cpu) = (None, BUS, None, None);
    loop {
        let option = arguments.next().ok_or("the launcher lacks a program")?;
        if option == "--" {
            break;
        }
        let value = arguments.next().and_then(|value| value.to_str().and_then(|value| value.parse::<u64>().ok()));
        let value = value.ok_or_else(|| format!("{} wants a number", option.display()))?;
        match option.to_str() {
            Some("--parent") => parent = i32::try_from(value).ok(),
            Some("--bus") => bus = if value == 0 { 0 } else { BUS },
            Some("--mem") => mem = Some(value),
            Some("--cpu") => cpu = Some(value),
            _ => return Err(format!("the launcher does not know {}", option.display())),
        }
    }
    let program = arguments.next().ok_or("the launcher lacks a program")?;
    let told = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {}", io::Error::from(error));

    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(told("cannot tie the player to its host"))?;
    // The host may have died before the line above.
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()) != parent {
        return Err("the host is gone".to_owned());
    }
    limit(Resource::Core, Some(0)).map_err(told("core limit"))?;
    limit(Resource::Fsize, Some(FILE_BYTES)).map_err(told("file limit"))?;
    limit(Resource::Nofile, Some(DESCRIPTORS)).map_err(told("descriptor limit"))?;
    limit(Resource::Data, mem).map_err(told("memory limit"))?;
    limit(Resource::Cpu, cpu).map_err(told("processor limit"))?;
    close_all_but_standard().map_err(|error| format!("cannot close inherited descriptors: {error}"))?;
    if bus == BUS {
        // All from 3 on are closed, so the duplicate is number 3; it stays open over the exec.
        let stdin = io::stdin();
        let bus = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), BUS).map_err(told("cannot place the bus"))?;
        rustix::io::fcntl_setfd(&bus, rustix::io::FdFlags::empty()).map_err(told("cannot place the bus"))?;
        let null = File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
        rustix::stdio::dup2_stdin(null).map_err(told("cannot place the bus"))?;
        std::mem::forget(bus);
    }
    let error = Command::new(&program).args(arguments).exec();
    Err(format!("cannot start {}: {error}", program.display()))
}

/// Lowers a limit; never raises one.
fn limit(resource: Resource, wanted: Option<u64>) -> Result<(), rustix::io::Errno> {
    let Some(wanted) = wanted else { return Ok(()) };
    let now = getrlimit(resource);
    let within = |known: Option<u64>, wanted: u64| Some(known.map_or(wanted, |known| known.min(wanted)));
    // One more second before the hard limit: the soft one has a signal of its own, which tells what happened.
    let slack = u64::from(resource == Resource::Cpu);
    let maximum = within(now.maximum, wanted.saturating_add(slack));
    setrlimit(resource, Rlimit { current: within(now.current, wanted), maximum })
}

/// Closes what the host's own parent left open.
fn close_all_but_standard() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()).filter(|fd| *fd > 2));
    }
    for fd in open {
        // One of them was the listing itself, which is closed already.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

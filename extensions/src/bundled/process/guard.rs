//! A guard over a child's process group: ends the group when this process dies before it could do so itself.
//!
//! A player may be killed at any moment, and then nobody would end the children that it started in a group of their
//! own. The guard is a shell that waits on a pipe whose other end only this process holds. A line means that all is
//! well; the end of the pipe without a line means that this process is gone.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A waiting guard.
pub(super) struct Guard(Child);

impl Guard {
    /// Sets a guard over the group that a child leads. Without a shell there is none; the child plays all the same.
    pub fn over(child: &Child) -> Option<Self> {
        let script = r#"IFS= read -r line || kill -s KILL -- "-$1""#;
        Command::new("/bin/sh")
            .args(["-c", script, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()
            .map(Self)
    }

    /// Sends the guard home; the group is over.
    pub fn dismiss(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn sleeper() -> Child {
        Command::new("sleep").arg("100").process_group(0).spawn().unwrap()
    }

    fn ends_soon(child: &mut Child) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            child.try_wait().unwrap().is_some()
        })
    }

    #[test]
    fn a_broken_pipe_ends_the_group() {
        let mut child = sleeper();
        let mut guard = Guard::over(&child).unwrap();
        drop(guard.0.stdin.take());
        assert!(ends_soon(&mut child));
        guard.0.wait().unwrap();
    }

    #[test]
    fn a_dismissed_guard_leaves_the_group_alone() {
        let mut child = sleeper();
        Guard::over(&child).unwrap().dismiss();
        std::thread::sleep(Duration::from_millis(50));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

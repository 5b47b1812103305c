//! Moves bytes and file descriptors over a connected Unix socket.
//!
//! Descriptors arrive with the first bytes of the message they were sent with, so when a frame is whole its
//! descriptors are in the queue; they are taken from it in the order of the frames.

use super::frame::FrameReader;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Descriptors that one message carries at most (the kernel's own limit is 253).
pub const FDS_PER_MESSAGE: usize = 200;

/// Makes a pair of connected sockets: the host's end and the player's.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    Ok((ours.into(), theirs.into()))
}

/// Whether to wait for the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Wait.
    Yes,
    /// Come back with [`io::ErrorKind::WouldBlock`].
    No,
}

/// Sends bytes, and descriptors with the first of them. Returns how many bytes went; when at least one went, all
/// descriptors did. More than [`FDS_PER_MESSAGE`] descriptors are refused. Never raises SIGPIPE.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: Wait) -> io::Result<usize> {
    let mut flags = SendFlags::NOSIGNAL;
    if wait == Wait::No {
        flags |= SendFlags::DONTWAIT;
    }
    if fds.is_empty() {
        return rustix::io::retry_on_intr(|| rustix::net::send(socket.as_fd(), bytes, flags)).map_err(io::Error::from);
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_PER_MESSAGE))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // The buffer may have a little more room than asked for.
    if fds.len() > FDS_PER_MESSAGE || !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors for one message"));
    }
    loop {
        match sendmsg(socket.as_fd(), &[IoSlice::new(bytes)], &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            sent => return sent.map_err(io::Error::from),
        }
    }
}

/// Sends everything, waiting as long as it takes.
pub fn send_all(socket: impl AsFd, mut bytes: &[u8], mut fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = send(socket.as_fd(), bytes, fds, Wait::Yes)?;
        bytes = bytes.get(sent..).unwrap_or_default();
        fds = &[];
    }
    Ok(())
}

/// Receives what is there into `reader`, and descriptors (close-on-exec) into `fds`, of which at most `max_fds` may
/// be waiting. Returns the number of bytes, 0 at the end of the stream.
pub fn receive(
    socket: impl AsFd,
    reader: &mut FrameReader,
    fds: &mut VecDeque<OwnedFd>,
    max_fds: usize,
    wait: Wait,
) -> io::Result<usize> {
    let mut flags = RecvFlags::CMSG_CLOEXEC;
    if wait == Wait::No {
        flags |= RecvFlags::DONTWAIT;
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_PER_MESSAGE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        match recvmsg(socket.as_fd(), &mut [IoSliceMut::new(reader.space())], &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            received => break received?,
        }
    };
    for passed in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = passed {
            fds.extend(passed);
        }
    }
    reader.filled(message.bytes);
    if message.flags.contains(ReturnFlags::CTRUNC) || fds.len() > max_fds {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too many file descriptors at once"));
    }
    Ok(message.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{FrameType, MAX_PAYLOAD, begin, finish};
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, Write};

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let start = begin(FrameType::FdPass, &mut bytes);
        bytes.extend_from_slice(payload);
        finish(start, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn files_arrive_with_their_frames() {
        let (ours, theirs) = pair().unwrap();
        let files: Vec<File> = (0..3)
            .map(|number| {
                let mut file = tempfile::tempfile().unwrap();
                write!(file, "file {number}").unwrap();
                file.rewind().unwrap();
                file
            })
            .collect();
        send_all(&ours, &frame(b"two"), &[files[0].as_fd(), files[1].as_fd()]).unwrap();
        send_all(&ours, &frame(b"none"), &[]).unwrap();
        send_all(&ours, &frame(b"one"), &[files[2].as_fd()]).unwrap();
        let (mut reader, mut fds, mut seen) = (FrameReader::new(MAX_PAYLOAD), VecDeque::new(), Vec::new());
        while seen.len() < 3 {
            assert!(receive(&theirs, &mut reader, &mut fds, 10, Wait::Yes).unwrap() > 0);
            while let Some(frame) = reader.next().unwrap() {
                for _ in 0..(match &frame.payload[..] {
                    b"two" => 2,
                    b"one" => 1,
                    _ => 0,
                }) {
                    let mut text = String::new();
                    File::from(fds.pop_front().unwrap()).read_to_string(&mut text).unwrap();
                    seen.push(text);
                }
            }
        }
        assert_eq!(seen, ["file 0", "file 1", "file 2"]);
    }

    #[test]
    fn too_many_descriptors_are_refused_at_both_ends() {
        let (ours, theirs) = pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let many = vec![file.as_fd(); FDS_PER_MESSAGE + 1];
        assert!(send(&ours, b"x", &many, Wait::Yes).is_err());
        send(&ours, b"x", &many[..20], Wait::Yes).unwrap();
        let mut fds = VecDeque::new();
        assert!(receive(&theirs, &mut FrameReader::new(10), &mut fds, 10, Wait::Yes).is_err());
    }

    #[test]
    fn a_full_socket_does_not_block() {
        let (ours, _theirs) = pair().unwrap();
        let bytes = vec![0; 1 << 16];
        let error = loop {
            if let Err(error) = send(&ours, &bytes, &[], Wait::No) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

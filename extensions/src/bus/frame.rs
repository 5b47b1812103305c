//! A frame is `[version u8 = 1][type u8][length u32, little-endian][payload]`. Every limit is checked on the header,
//! before anything is allocated.

/// Version of the framing.
pub const VERSION: u8 = 1;
/// Bytes of a header.
pub const HEADER: usize = 6;
/// Longest payload: 1 MiB of content and some slack for names around it.
pub const MAX_PAYLOAD: usize = (1 << 20) + (64 << 10);
/// Longest payload before the handshake is done.
pub const MAX_HELLO: usize = 4 << 10;

/// Bytes read at a time while no long frame is on its way.
const STEP: usize = 16 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// Player → host: I am here.
    Hello = 0,
    /// Host → player: welcome.
    HelloAck = 1,
    /// Host → player: play this.
    Request = 2,
    /// Player → host: the outputs.
    Response = 3,
    /// Player → host: it failed.
    Error = 4,
    /// Player → host: a piece of an output.
    StreamData = 5,
    /// Host → player: stop playing.
    Cancel = 7,
    /// Player → host: progress.
    Event = 9,
    /// Either way: are you there?
    Ping = 10,
    /// Either way: I am.
    Pong = 11,
    /// Either way: file descriptors travel with this frame.
    FdPass = 12,
    /// Player → host: a line for the log.
    Log = 14,
    /// Host → player: no more requests; player → host: I take no more.
    Goaway = 15,
}

impl FrameType {
    /// All types.
    pub const ALL: [Self; 13] = [
        Self::Hello,
        Self::HelloAck,
        Self::Request,
        Self::Response,
        Self::Error,
        Self::StreamData,
        Self::Cancel,
        Self::Event,
        Self::Ping,
        Self::Pong,
        Self::FdPass,
        Self::Log,
        Self::Goaway,
    ];

    /// The type of a number, if it is known.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u8 == number)
    }
}

/// A frame, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameType,
    /// What is in it, in the codec of the connection.
    pub payload: Vec<u8>,
}

/// What breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not our framing.
    #[error("the first byte of a frame is {0}; frames begin with version {VERSION}")]
    Version(u8),
    /// A type below 128 that nobody knows.
    #[error("unknown frame type {0}; types from 128 on may be ignored, this one may not")]
    Type(u8),
    /// Longer than allowed at this point.
    #[error("a frame announces {announced} bytes; at most {limit} are allowed here")]
    TooLong {
        /// What the header says.
        announced: u32,
        /// What is allowed.
        limit: usize,
    },
}

/// Starts a frame at the end of `out`: writes a header whose length [`finish`] fills in.
pub fn begin(kind: FrameType, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[VERSION, kind as u8, 0, 0, 0, 0]);
    start
}

/// Ends the frame that began at `start`. An over-long payload is taken back and refused.
pub fn finish(start: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = out.len().saturating_sub(start + HEADER);
    if length > MAX_PAYLOAD {
        out.truncate(start);
        return Err(FrameError::TooLong { announced: u32::try_from(length).unwrap_or(u32::MAX), limit: MAX_PAYLOAD });
    }
    if let (Some(place), Ok(length)) = (out.get_mut(start + 2..start + HEADER), u32::try_from(length)) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// Cuts a stream into frames. Holds at most one frame and one read's worth of bytes.
#[derive(Debug)]
pub struct FrameReader {
    /// Bytes received; those in `start..end` are not consumed yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
}

impl FrameReader {
    /// A reader that accepts payloads up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, limit }
    }

    /// Changes the limit, once the handshake is done.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether bytes of an unfinished frame are held.
    pub fn is_partial(&self) -> bool {
        self.start < self.end
    }

    /// Bytes of memory held.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Where the next bytes go. Tell [`filled`](Self::filled) how many came.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > 4 * STEP {
                // A long frame is through; its memory goes back.
                self.buffer = Vec::new();
            }
        }
        let wanted = match self.announced() {
            Some(length) if length <= self.limit => (HEADER + length).saturating_sub(self.end - self.start).max(1),
            _ => 1,
        };
        if self.buffer.len() - self.end < wanted && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let needed = (self.end + wanted).max(STEP);
        if self.buffer.len() < needed {
            self.buffer.reserve_exact(needed - self.buffer.len());
            self.buffer.resize(needed, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Notes that `count` bytes were written to [`space`](Self::space).
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// Bytes that the header at the front announces, once it is whole.
    fn announced(&self) -> Option<usize> {
        let header = self.buffer.get(self.start..self.end)?.get(..HEADER)?;
        let length = header.get(2..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*length)).ok()
    }

    /// The next whole frame; `None` when more bytes are needed. After an error the stream is of no more use.
    #[allow(clippy::should_implement_trait)] // It is no iterator: `None` means "not yet".
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let held = self.buffer.get(self.start..self.end).unwrap_or_default();
            match held {
                [version, ..] if *version != VERSION => return Err(FrameError::Version(*version)),
                [_, number, ..] if *number < 128 && FrameType::of(*number).is_none() => {
                    return Err(FrameError::Type(*number));
                }
                _ => {}
            }
            let Some(length) = self.announced() else { return Ok(None) };
            if length > self.limit {
                let announced = u32::try_from(length).unwrap_or(u32::MAX);
                return Err(FrameError::TooLong { announced, limit: self.limit });
            }
            let Some(payload) = held.get(HEADER..HEADER + length) else { return Ok(None) };
            let frame =
                held.get(1).copied().and_then(FrameType::of).map(|kind| Frame { kind, payload: payload.to_vec() });
            self.start += HEADER + length;
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(reader: &mut FrameReader, mut bytes: &[u8], step: usize) -> Result<Vec<Frame>, FrameError> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let space = reader.space();
            let count = space.len().min(bytes.len()).min(step.max(1));
            space[..count].copy_from_slice(&bytes[..count]);
            reader.filled(count);
            bytes = &bytes[count..];
            while let Some(frame) = reader.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    fn write(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            let start = begin(frame.kind, &mut bytes);
            bytes.extend_from_slice(&frame.payload);
            finish(start, &mut bytes).unwrap();
        }
        bytes
    }

    fn some_frames() -> impl Strategy<Value = Vec<Frame>> {
        let kind = proptest::sample::select(FrameType::ALL.to_vec());
        let length = prop_oneof![4 => 0..300usize, 1 => 0..100_000usize];
        let frame =
            (kind, length, any::<u8>()).prop_map(|(kind, length, fill)| Frame { kind, payload: vec![fill; length] });
        proptest::collection::vec(frame, 0..6)
    }

    proptest! {
        #[test]
        fn frames_round_trip_at_any_split(frames in some_frames(), step in 1..40_000usize) {
            let mut reader = FrameReader::new(MAX_PAYLOAD);
            prop_assert_eq!(feed(&mut reader, &write(&frames), step), Ok(frames));
            prop_assert!(!reader.is_partial());
        }

        #[test]
        fn arbitrary_bytes_neither_panic_nor_over_allocate(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), honest in any::<bool>(), step in 1..500usize,
        ) {
            let mut reader = FrameReader::new(MAX_HELLO);
            let bytes = if honest { [&[VERSION, 3], &bytes[..]].concat() } else { bytes };
            let _ = feed(&mut reader, &bytes, step);
            prop_assert!(reader.capacity() <= MAX_HELLO + 2 * STEP, "{} bytes held", reader.capacity());
        }
    }

    #[test]
    fn a_giant_length_is_refused_before_allocation() {
        let mut reader = FrameReader::new(MAX_PAYLOAD);
        let error = feed(&mut reader, &[1, 3, 0xff, 0xff, 0xff, 0xff], 6).unwrap_err();
        assert_eq!(error, FrameError::TooLong { announced: u32::MAX, limit: MAX_PAYLOAD });
        assert!(reader.capacity() <= STEP);
    }

    #[test]
    fn memory_of_a_long_frame_goes_back() {
        let mut reader = FrameReader::new(MAX_PAYLOAD);
        let long = Frame { kind: FrameType::Response, payload: vec![7; MAX_PAYLOAD] };
        assert_eq!(feed(&mut reader, &write(std::slice::from_ref(&long)), 100_000), Ok(vec![long]));
        reader.space();
        assert!(reader.capacity() <= 4 * STEP);
    }

    #[test]
    fn types_from_128_are_passed_over_and_others_are_errors() {
        let ping = write(&[Frame { kind: FrameType::Ping, payload: vec![] }]);
        let mut bytes = vec![1, 200, 2, 0, 0, 0, 9, 9];
        bytes.extend_from_slice(&ping);
        assert_eq!(feed(&mut FrameReader::new(10), &bytes, 3).unwrap().len(), 1);
        assert_eq!(feed(&mut FrameReader::new(10), &[1, 6], 1), Err(FrameError::Type(6)));
        assert_eq!(feed(&mut FrameReader::new(10), &[2], 1), Err(FrameError::Version(2)));
    }

    #[test]
    fn an_over_long_payload_is_not_written() {
        let mut bytes = vec![1, 2, 3];
        let start = begin(FrameType::Request, &mut bytes);
        bytes.resize(start + HEADER + MAX_PAYLOAD + 1, 0);
        assert!(finish(start, &mut bytes).is_err());
        assert_eq!(bytes, [1, 2, 3]);
    }
}

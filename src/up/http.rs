//! HTTP/1.1 as far as the API needs it: one request a connection, read within bounds of size and time.
//!
//! Heads are parsed by `httparse`. A body is read only when it is asked for, so a caller without the token costs its
//! head and no more.

use crossbeam_channel::{Receiver, TrySendError, bounded};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Largest head, in bytes, and the most headers in it.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;
/// Time for a whole request; and for a caller to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads that answer, and connections that may wait for one.
const THREADS: usize = 8;
const WAITING: usize = 128;
/// What of an unread body is taken so that the answer arrives, in bytes.
const DRAIN: usize = 4 << 20;

/// A request whose body was not read yet.
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Without what follows a question mark.
    pub path: String,
    headers: Vec<(String, String)>,
    stream: TcpStream,
    /// The part of the body that came with the head.
    begun: Vec<u8>,
    until: Instant,
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum BadBody {
    /// More than allowed.
    TooLarge,
    /// Its length is not said.
    NoLength,
    /// It did not come.
    Broken(String),
}

/// A listening server; it stops when dropped.
pub struct Server {
    port: u16,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Listens on a port of 127.0.0.1 (0: any that is free) and answers each request with a status and a JSON text.
    pub fn start<A>(port: u16, answer: A) -> io::Result<Self>
    where
        A: Fn(&mut Request) -> (u16, String) + Clone + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let stopping = Arc::new(AtomicBool::new(false));
        let (queue, connections) = bounded::<TcpStream>(WAITING);
        for _ in 0..THREADS {
            let (answer, connections): (A, Receiver<TcpStream>) = (answer.clone(), connections.clone());
            // A caller that misbehaves loses its own answer and nothing else.
            let work = move || connections.iter().for_each(|stream| drop(serve(stream, &answer)));
            std::thread::Builder::new().name("api".to_owned()).spawn(work)?;
        }
        let seen = Arc::clone(&stopping);
        let accept = move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::Acquire) {
                    return;
                }
                match stream.map(|stream| queue.try_send(stream)) {
                    Ok(Err(TrySendError::Full(stream))) => {
                        let busy = "{\"error\":\"too many connections\",\"help\":\"try again in a moment\"}\n";
                        let _ = respond(&stream, 503, busy);
                    }
                    Ok(_) => {}
                    // Too many open files, most likely: they close when others are done.
                    Err(_) => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        };
        std::thread::Builder::new().name("api".to_owned()).spawn(accept)?;
        Ok(Self { port, stopping })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // The listener wakes for this connection and sees the flag.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(stream: TcpStream, answer: &impl Fn(&mut Request) -> (u16, String)) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let copy = stream.try_clone()?;
    match Request::read(stream) {
        Ok(mut request) => {
            let (status, text) = answer(&mut request);
            respond(&copy, status, &text)?;
        }
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            let text = serde_json::json!({ "error": error.to_string(), "help": "send HTTP/1.1" });
            respond(&copy, 400, &format!("{text}\n"))?;
        }
        Err(error) => return Err(error),
    }
    // A connection that is closed with something unread is reset, and the answer may be lost with it.
    copy.shutdown(Shutdown::Write)?;
    copy.set_read_timeout(Some(Duration::from_millis(500)))?;
    let until = Instant::now() + Duration::from_secs(1);
    let (mut rest, mut taken) = ([0; 16 * 1024], 0);
    while taken < DRAIN && Instant::now() < until {
        match (&copy).read(&mut rest)? {
            0 => break,
            count => taken += count,
        }
    }
    Ok(())
}

fn respond(mut stream: &TcpStream, status: u16, text: &str) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let challenge = if status == 401 { "WWW-Authenticate: Bearer\r\n" } else { "" };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         {challenge}Connection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{text}").as_bytes())
}

impl Request {
    fn read(stream: TcpStream) -> io::Result<Self> {
        let until = Instant::now() + PATIENCE;
        let mut bytes = Vec::new();
        loop {
            if let Some((method, path, headers, length)) = parse(&bytes)? {
                let begun = bytes.split_off(length.min(bytes.len()));
                return Ok(Self { method, path, headers, stream, begun, until });
            }
            if bytes.len() >= HEAD {
                return Err(io::Error::new(ErrorKind::InvalidData, "the head of the request is too large"));
            }
            more(&stream, until, &mut bytes)?;
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Reads the body, of at most this many bytes. Without one it is empty.
    pub fn body(&mut self, most: usize) -> Result<Vec<u8>, BadBody> {
        let broken = |error: io::Error| BadBody::Broken(error.to_string());
        if self.header("Transfer-Encoding").is_some() {
            return Err(BadBody::NoLength);
        }
        let length = match self.header("Content-Length").map(|text| text.trim().parse::<u64>()) {
            None => 0,
            Some(Ok(length)) => usize::try_from(length).unwrap_or(usize::MAX),
            Some(Err(_)) => return Err(BadBody::NoLength),
        };
        if length > most {
            return Err(BadBody::TooLarge);
        }
        if self.header("Expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
            (&self.stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(broken)?;
        }
        let mut bytes = std::mem::take(&mut self.begun);
        while bytes.len() < length {
            more(&self.stream, self.until, &mut bytes).map_err(broken)?;
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

type Head = (String, String, Vec<(String, String)>, usize);

/// The head of a request with its length, once it is whole.
fn parse(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let bad = |error: httparse::Error| io::Error::new(ErrorKind::InvalidData, format!("no HTTP: {error}"));
    let httparse::Status::Complete(length) = head.parse(bytes).map_err(bad)? else { return Ok(None) };
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    let path = head.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let named = head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
    Ok(Some((head.method.unwrap_or_default().to_owned(), path, named, length)))
}

/// Reads what has come, within the time that is left.
fn more(mut stream: &TcpStream, until: Instant, bytes: &mut Vec<u8>) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut part = [0; 16 * 1024];
    match stream.read(&mut part)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend_from_slice(part.get(..count).unwrap_or_default());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> Server {
        Server::start(0, |request: &mut Request| match request.body(10) {
            Ok(body) => (200, format!("{} {} {}", request.method, request.path, String::from_utf8_lossy(&body))),
            Err(error) => (413, format!("{error:?}")),
        })
        .unwrap()
    }

    fn ask(server: &Server, text: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
        stream.write_all(text).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_are_read_and_answered() {
        let server = echo();
        let answer = ask(&server, b"POST /a/b?c HTTP/1.1\r\ncontent-length: 3\r\n\r\nxyz");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nPOST /a/b xyz"), "{answer}");
        assert!(ask(&server, b"GET / HTTP/1.1\r\n\r\n").ends_with("GET / "));
    }

    #[test]
    fn what_is_too_large_or_nonsense_is_refused_and_harms_nothing() {
        let server = echo();
        for (text, words) in [
            (&b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n"[..], "TooLarge"),
            (b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n", "TooLarge"),
            (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "NoLength"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "NoLength"),
            (b"\xff\xfe\r\n\r\n", "400 Bad Request"),
            (&[b'A'; HEAD + 1], "400 Bad Request"),
        ] {
            let answer = ask(&server, text);
            assert!(answer.contains(words), "{answer}");
        }
        assert!(ask(&server, b"GET /still HTTP/1.1\r\n\r\n").ends_with("GET /still "));
    }
}

//! A scripted HTTP server on this machine, for tests: each connection gets the next answer, piece by piece.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A step of an answer.
pub enum Step {
    /// Send these bytes.
    Send(String),
    /// Wait.
    Wait(Duration),
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST /v1/chat/completions HTTP/1.1`, and the header lines.
    pub head: String,
    /// The body.
    pub body: String,
}

/// A running server.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Starts a server that gives these answers, one for each connection, and is then gone.
    pub fn with(answers: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&received);
        std::thread::spawn(move || {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
                let length =
                    |line: &str| line.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok();
                let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                seen.lock().unwrap().push(Received { head, body: String::from_utf8(body).unwrap() });
                for step in answer {
                    match step {
                        Step::Send(bytes) => {
                            if stream.write_all(bytes.as_bytes()).and_then(|()| stream.flush()).is_err() {
                                break;
                            }
                        }
                        Step::Wait(time) => std::thread::sleep(time),
                    }
                }
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Self { url, received }
    }

    /// A server with one answer of known length.
    pub fn once(status: &str, headers: &str, body: &str) -> Self {
        Self::with(vec![vec![Step::Send(answer(status, headers, body))]])
    }

    /// What has arrived.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

/// A whole answer as text. Header lines end with `\r\n`.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

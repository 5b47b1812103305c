//! The HTTP client of the bundled players: one request with its limits, and what its failures mean.

use super::retry_after;
use crate::bundled::ask::refused;
use crate::sdk::{ErrorClass, Failure};
use std::time::{Duration, SystemTime};
use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(15);

/// A request before it is sent.
pub(in crate::bundled) struct Asked {
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to; `http` or `https`.
    pub url: String,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// What is sent, if anything is.
    pub body: Option<Vec<u8>>,
    /// The whole exchange must end within it.
    pub timeout: Duration,
    /// How many redirects are followed.
    pub redirects: u32,
}

impl Asked {
    /// The method and the URL without user, password and query: what messages may show.
    pub fn name(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        let bare = match bare.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                format!("{scheme}://{host}{}", path.map(|path| format!("/{path}")).unwrap_or_default())
            }
            None => bare.to_owned(),
        };
        format!("{} {bare}", self.method)
    }

    /// Sends it and waits for the head of the answer. An answer of any status is an answer.
    pub fn send(&self) -> Result<Response<Body>, Failure> {
        let name = self.name();
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(refused(format!("{name}: only http:// and https:// are spoken")));
        }
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.url);
        for (header, value) in &self.headers {
            request = request.header(header, value);
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .user_agent(concat!("symphony/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(self.timeout))
            .timeout_connect(Some(self.timeout.min(CONNECT)))
            .max_redirects(self.redirects);
        // A proxy of the environment is for the world outside; this machine is reached directly.
        let config = if is_loopback(&self.url) { config.proxy(None) } else { config };
        let agent = config.build().new_agent();
        let malformed = |error: ureq::http::Error| refused(format!("{name}: {error}"));
        let answer = match &self.body {
            Some(body) => agent.run(request.body(body.as_slice()).map_err(malformed)?),
            None => agent.run(request.body(()).map_err(malformed)?),
        };
        answer.map_err(|error| failure(&name, error, self.timeout))
    }
}

/// Whether a URL names this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

/// What a failed exchange means to a melody.
fn failure(name: &str, error: ureq::Error, timeout: Duration) -> Failure {
    use ureq::Error;
    let timed_out = |error: &std::io::Error| error.kind() == std::io::ErrorKind::TimedOut;
    let class = match &error {
        Error::Timeout(_) => ErrorClass::Timeout,
        Error::Io(error) if timed_out(error) => ErrorClass::Timeout,
        Error::BadUri(_) | Error::Http(_) | Error::TooManyRedirects | Error::RedirectFailed => ErrorClass::Refused,
        _ => ErrorClass::Io,
    };
    let cure = match &error {
        Error::HostNotFound => "; check the host's name and the network",
        Error::ConnectionFailed => "; check that the server runs and the port is right",
        Error::Timeout(_) => &format!(" (the call may take {timeout:?})"),
        _ => "",
    };
    Failure::new(class, format!("{name}: {error}{cure}"))
}

/// A failure while the answer's body is read.
pub(in crate::bundled) fn broken(name: &str, error: &std::io::Error) -> Failure {
    // The client's own failures travel inside of the reader's.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    let timeout = error.kind() == std::io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)));
    let class = if timeout { ErrorClass::Timeout } else { ErrorClass::Io };
    Failure::new(class, format!("{name}: the answer broke off: {error}"))
}

/// The class of an answer that is an error, and when to come again.
pub(in crate::bundled) fn class_of(status: u16, headers: &HeaderMap) -> (ErrorClass, Option<Duration>) {
    let after = headers.get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| retry_after::parse(text, SystemTime::now()));
    match status {
        429 | 503 => (ErrorClass::RateLimited, after),
        401 | 403 | 407 => (ErrorClass::Denied, None),
        408 => (ErrorClass::Io, after),
        400..=499 => (ErrorClass::Refused, None),
        _ => (ErrorClass::Io, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str) -> Asked {
        Asked {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(5),
            redirects: 0,
        }
    }

    #[test]
    fn messages_show_no_secrets() {
        let name = asked("https://ada:secret@example.org:8080/a/b?key=secret#x").name();
        assert_eq!(name, "GET https://example.org:8080/a/b");
    }

    #[test]
    fn this_machine_is_known() {
        for url in ["http://127.0.0.1:80/x", "http://localhost", "https://u:p@[::1]:1/"] {
            assert!(is_loopback(url), "{url}");
        }
        assert!(!is_loopback("http://example.org/localhost"));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for url in ["file:///etc/passwd", "ftp://example.org", "http://", "nonsense"] {
            assert_eq!(asked(url).send().unwrap_err().class, ErrorClass::Refused, "{url}");
        }
        // Port 1 of this machine: nobody listens.
        assert_eq!(asked("http://127.0.0.1:1/").send().unwrap_err().class, ErrorClass::Io);
    }
}

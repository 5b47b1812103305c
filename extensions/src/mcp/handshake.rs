//! The beginning of a session: which era of the protocol the server speaks, and its tools.
//!
//! A server of 2026-07-28 or later answers `server/discover` and keeps no session; an older one answers with an error
//! and wants the `initialize` handshake. A server that does not answer an unknown method at all, or ends because of
//! it, is started once more and greeted in the old way.

#![expect(deprecated, reason = "servers of the older era still send log messages")]

use super::Tool;
use super::start::{Pipes, Process};
use rmcp::model::{
    ClientCapabilities, ClientConfig, ClientRequest, Implementation, ListToolsRequest, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ProtocolVersion,
    ServerResult,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, RoleClient};
use serde_json::Value as Json;
use std::future::{Future, ready};
use std::path::Path;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Reports that may wait to be passed on; what comes beyond is left out.
const WAITING: usize = 256;
/// Pages of tools that are read.
const PAGES: usize = 100;
/// Tools that a server may have.
const TOOLS: usize = 5000;

/// The era of the protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// Not known yet.
    Unknown,
    /// The `initialize` handshake, to 2025-11-25.
    Legacy,
    /// `server/discover` and requests that stand alone, from 2026-07-28.
    Modern,
}

/// What a server says beside its answers.
pub(super) enum Heard {
    Progress { token: ProgressToken, fraction: Option<f32>, message: String },
    Log { level: crate::sdk::Level, message: String },
}

/// Hears what the server says, and answers what it asks: nothing but a ping, because nothing else was offered to it.
pub(super) struct Ears(mpsc::Sender<Heard>);

impl ClientHandler for Ears {
    fn on_progress(
        &self,
        said: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        let fraction =
            said.total.filter(|total| *total > 0.0).map(|total| (said.progress / total).clamp(0.0, 1.0) as f32);
        let message = said.message.unwrap_or_default();
        let _ = self.0.try_send(Heard::Progress { token: said.progress_token, fraction, message });
        ready(())
    }

    fn on_logging_message(
        &self,
        said: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) -> impl Future<Output = ()> + Send + '_ {
        let level = match said.level {
            LoggingLevel::Debug => crate::sdk::Level::Debug,
            LoggingLevel::Info | LoggingLevel::Notice => crate::sdk::Level::Info,
            LoggingLevel::Warning => crate::sdk::Level::Warn,
            _ => crate::sdk::Level::Error,
        };
        let message = said.data.as_str().map_or_else(|| said.data.to_string(), str::to_owned);
        let _ = self.0.try_send(Heard::Log { level, message });
        ready(())
    }

    fn get_info(&self) -> ClientConfig {
        let symphony = Implementation::new("symphony", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), symphony).with_protocol_version(ProtocolVersion::V_2025_11_25)
    }
}

/// A session that has begun.
pub(super) struct Opened {
    pub service: RunningService<RoleClient, Ears>,
    pub heard: mpsc::Receiver<Heard>,
    pub process: Process,
}

/// Starts the server and greets it.
pub(super) async fn open(words: &[String], folder: Option<&Path>, era: Era) -> Result<Opened, String> {
    let modern = || vec![ProtocolVersion::V_2026_07_28];
    let handshake = || ClientLifecycleMode::Initialize;
    let first = match era {
        Era::Legacy => handshake(),
        Era::Modern => ClientLifecycleMode::Discover { preferred_versions: modern() },
        Era::Unknown => ClientLifecycleMode::Auto {
            preferred_versions: modern(),
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    };
    let again = !matches!(first, ClientLifecycleMode::Initialize);
    match greet(words, folder, first).await {
        Err(Greeting::Refused(_)) if again => greet(words, folder, handshake()).await,
        other => other,
    }
    .map_err(|error| match error {
        Greeting::Absent(message) | Greeting::Refused(message) => message,
    })
}

/// Why a server could not be greeted.
enum Greeting {
    /// It is not there.
    Absent(String),
    /// It is, and did not understand.
    Refused(String),
}

async fn greet(words: &[String], folder: Option<&Path>, lifecycle: ClientLifecycleMode) -> Result<Opened, Greeting> {
    let (mut process, Pipes { to, from }) = Process::start(words, folder).map_err(Greeting::Absent)?;
    let piped = |error: std::io::Error| Greeting::Absent(format!("its pipes: {error}"));
    let from = pipe::Receiver::from_owned_fd(from).map_err(piped)?;
    let to = pipe::Sender::from_owned_fd(to).map_err(piped)?;
    let (sender, heard) = mpsc::channel(WAITING);
    match Ears(sender).serve_with_lifecycle((from, to), lifecycle).await {
        Ok(service) => Ok(Opened { service, heard, process }),
        Err(error) => {
            let ended = process.ended().map(|status| format!("it ended ({status}); ")).unwrap_or_default();
            Err(Greeting::Refused(format!("{ended}{error}{}", process.last_words())))
        }
    }
}

impl Opened {
    /// The version of the protocol that was agreed on.
    pub fn protocol(&self) -> String {
        self.service.peer_info().map(|info| info.protocol_version.to_string()).unwrap_or_default()
    }

    /// Whether it is of the era without handshake.
    pub fn era(&self) -> Era {
        match self.service.peer_info() {
            Some(info) if info.protocol_version >= ProtocolVersion::V_2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }

    /// Name and version that the server gives itself.
    pub fn about(&self) -> (String, String) {
        let about = self.service.peer_info().and_then(|info| info.server_info.clone());
        about.map(|about| (about.name, about.version)).unwrap_or_default()
    }

    /// All its tools, sorted by name.
    pub async fn tools(&self) -> Result<Vec<Tool>, String> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let params = cursor.take().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let request = ListToolsRequest { method: Default::default(), params, extensions: Default::default() };
            let answer = self
                .service
                .send_request_with_option(ClientRequest::ListToolsRequest(request), PeerRequestOptions::no_options())
                .await;
            let answer = match answer {
                Ok(handle) => handle.await_response().await,
                Err(error) => Err(error),
            };
            let page = match answer.map_err(|error| format!("it does not list its tools: {error}"))? {
                ServerResult::ListToolsResult(page) => page,
                _ => return Err("what it gives as a list of tools is none".to_owned()),
            };
            tools.extend(page.tools.into_iter().map(tool_of));
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() > TOOLS {
                break;
            }
        }
        if tools.len() > TOOLS || cursor.is_some() {
            return Err(format!("its list of tools does not end (more than {TOOLS} tools or {PAGES} pages)"));
        }
        tools.sort_by(|a: &Tool, b: &Tool| a.name.cmp(&b.name));
        Ok(tools)
    }
}

fn tool_of(tool: rmcp::model::Tool) -> Tool {
    let hint = tool.annotations.as_ref();
    let says = |hint: Option<bool>| hint == Some(true);
    Tool {
        name: tool.name.into_owned(),
        description: tool.description.map(std::borrow::Cow::into_owned),
        input: Json::Object((*tool.input_schema).clone()),
        output: tool.output_schema.map(|schema| Json::Object((*schema).clone())),
        idempotent: hint.is_some_and(|hint| says(hint.idempotent_hint) || says(hint.read_only_hint)),
    }
}

/// A runtime of one thread that lives as long as the process, so that the server is answered between calls as well.
pub(super) fn runtime() -> Result<Handle, String> {
    let failed = |error: std::io::Error| format!("no runtime: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let handle = runtime.handle().clone();
    let forever = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("mcp".to_owned()).spawn(forever).map_err(failed)?;
    Ok(handle)
}

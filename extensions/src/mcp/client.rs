//! A session with a server: one call at a time, with its progress, its cancellation and the ways in which it fails.

use super::handshake::{Era, Heard, Opened, open};
use super::{Tool, results};
use crate::sdk::{ErrorClass, Failure, Outcome, Reporter};
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, ErrorCode, InputRequiredResult, ServerResult,
};
use rmcp::service::{PeerRequestOptions, RequestHandle, ServiceError};
use serde_json::{Map, Value as Json};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;

/// How often a waiting call looks whether it is cancelled.
const GLANCE: Duration = Duration::from_millis(20);
/// A server that was cancelled in a call must answer within it before the next.
const LIFE_SIGN: Duration = Duration::from_secs(2);
/// Rounds in which a server may ask for the same call again with its own state.
const ROUNDS: usize = 8;

/// A session with a running server.
pub(super) struct Session {
    opened: Opened,
    runtime: Handle,
    /// A call was cancelled: the server may still be busy with it.
    doubtful: bool,
    /// The tools as this process of the server lists them.
    tools: Vec<Tool>,
}

/// What the next round of a call needs, or its end.
enum Round {
    Done(Box<rmcp::model::CallToolResult>),
    Again(String),
}

impl Session {
    /// Starts and greets the server and reads its tools. Ends early when the call is cancelled.
    pub fn begin(
        runtime: &Handle,
        words: &[String],
        folder: Option<&Path>,
        era: Era,
        report: Option<&dyn Reporter>,
    ) -> Result<Self, Failure> {
        let begin = async {
            let opened = open(words, folder, era).await?;
            let tools = opened.tools().await.map_err(|error| format!("{error}{}", opened.process.last_words()))?;
            Ok::<_, String>((opened, tools))
        };
        let begun = runtime.block_on(async {
            tokio::select! {
                begun = begin => begun.map_err(|message| Failure::new(ErrorClass::Crash, message)),
                () = cancelled(report) => Err(Failure::cancelled()),
            }
        });
        let (opened, tools) = begun?;
        Ok(Self { opened, runtime: runtime.clone(), doubtful: false, tools })
    }

    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// Whether the server still answers; looked at only after a call was cancelled.
    pub fn is_well(&mut self) -> bool {
        if self.doubtful {
            let sign = async { tokio::time::timeout(LIFE_SIGN, self.opened.tools()).await };
            self.doubtful = !matches!(self.runtime.clone().block_on(sign), Ok(Ok(_)));
        }
        !self.doubtful && !self.opened.service.is_closed()
    }

    /// Calls a tool. The second value says whether the server is gone.
    pub fn call(
        &mut self,
        tool: &Tool,
        arguments: Map<String, Json>,
        report: &dyn Reporter,
    ) -> (Result<Outcome, Failure>, bool) {
        // What it said about earlier calls is of no interest any more.
        while self.opened.heard.try_recv().is_ok() {}
        let runtime = self.runtime.clone();
        match runtime.block_on(self.rounds(tool, arguments, report)) {
            Ok(result) => (results::outcome(tool, *result, report), false),
            Err(Stopped::Failed(failure)) => (Err(failure), false),
            Err(Stopped::Cancelled) => {
                self.doubtful = true;
                (Err(Failure::cancelled()), false)
            }
            Err(Stopped::Gone) => (Err(self.obituary()), true),
        }
    }

    async fn rounds(
        &mut self,
        tool: &Tool,
        arguments: Map<String, Json>,
        report: &dyn Reporter,
    ) -> Result<Box<rmcp::model::CallToolResult>, Stopped> {
        let mut params = CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments);
        for _ in 0..ROUNDS {
            match self.round(&params, report).await? {
                Round::Done(result) => return Ok(result),
                Round::Again(state) => params.request_state = Some(state),
            }
        }
        Err(refused(format!("the tool `{}` asked for its own call again {ROUNDS} times", tool.name)))
    }

    async fn round(&mut self, params: &CallToolRequestParams, report: &dyn Reporter) -> Result<Round, Stopped> {
        let request = CallToolRequest::new(params.clone());
        let sent = self
            .opened
            .service
            .send_cancellable_request(ClientRequest::CallToolRequest(request), PeerRequestOptions::no_options());
        let mut handle: RequestHandle<RoleClient> = sent.await.map_err(stopped)?;
        let token = handle.progress_token.clone();
        let answer = loop {
            tokio::select! {
                answer = &mut handle.rx => break answer.unwrap_or(Err(ServiceError::TransportClosed)),
                Some(heard) = self.opened.heard.recv() => pass_on(heard, &token, report),
                () = cancelled(Some(report)) => {
                    let _ = handle.cancel(Some("the run no longer wants it".to_owned())).await;
                    return Err(Stopped::Cancelled);
                }
            }
        };
        // What it said before it answered is still passed on.
        while let Ok(heard) = self.opened.heard.try_recv() {
            pass_on(heard, &token, report);
        }
        match answer.map_err(stopped)? {
            ServerResult::CallToolResult(result) => Ok(Round::Done(Box::new(result))),
            ServerResult::InputRequiredResult(InputRequiredResult {
                input_requests: None,
                request_state: Some(state),
                ..
            }) => Ok(Round::Again(state)),
            answer if asks_for_input(&answer) => {
                let cure = "a melody gives all inputs with the call; let an `approve` node ask people";
                Err(refused(format!(
                    "the tool `{}` asks for more input in the middle of its call; {cure}",
                    params.name
                )))
            }
            _ => {
                let message = format!("the answer of the tool `{}` is not the result of a tool", params.name);
                Err(Stopped::Failed(Failure::new(ErrorClass::InvalidOutput, message)))
            }
        }
    }

    /// The server is gone: how, and its last words.
    fn obituary(&mut self) -> Failure {
        let process = &mut self.opened.process;
        let how = process.ended().map_or_else(|| "closed its output".to_owned(), |status| format!("ended ({status})"));
        let message = format!("the server {how} in the middle of a call{}", process.last_words());
        Failure::new(ErrorClass::Crash, message)
    }
}

/// Why a call has no result.
enum Stopped {
    Failed(Failure),
    Cancelled,
    Gone,
}

fn refused(message: String) -> Stopped {
    Stopped::Failed(Failure::new(ErrorClass::Refused, message))
}

fn stopped(error: ServiceError) -> Stopped {
    match error {
        ServiceError::McpError(error) => {
            let class = match error.code {
                ErrorCode::INVALID_PARAMS | ErrorCode::METHOD_NOT_FOUND | ErrorCode::INVALID_REQUEST => {
                    ErrorClass::Refused
                }
                _ => ErrorClass::Io,
            };
            let data = error.data.map(|data| format!(" ({data})")).unwrap_or_default();
            Stopped::Failed(Failure::new(class, format!("{}{data} (code {})", error.message, error.code.0)))
        }
        ServiceError::TransportClosed | ServiceError::TransportSend(_) | ServiceError::Cancelled { .. } => {
            Stopped::Gone
        }
        other => Stopped::Failed(Failure::new(ErrorClass::InvalidOutput, other.to_string())),
    }
}

/// Whether an answer asks for input, also in a form that is not known here.
fn asks_for_input(answer: &ServerResult) -> bool {
    match answer {
        ServerResult::InputRequiredResult(_) => true,
        ServerResult::CustomResult(custom) => custom.0.get("resultType").is_some_and(|kind| kind == "input_required"),
        _ => false,
    }
}

/// Comes back when the call is cancelled.
async fn cancelled(report: Option<&dyn Reporter>) {
    let Some(report) = report else { return std::future::pending().await };
    while !report.is_cancelled() {
        tokio::time::sleep(GLANCE).await;
    }
}

fn pass_on(heard: Heard, token: &rmcp::model::ProgressToken, report: &dyn Reporter) {
    match heard {
        Heard::Progress { token: of, fraction, message } if of == *token => report.progress(fraction, &message),
        Heard::Progress { .. } => {}
        Heard::Log { level, message } => report.log(level, &message),
    }
}

//! The description of a built-in: its ports, settings, documentation and the function that plays it.

use serde_json::{Value as Json, json};
use symphony_ecs_core::ports::{CallFailure, InProcess, InProcessCall, Operation, Port};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Digest;

/// The function of a built-in.
pub(super) type Play = fn(&mut InProcessCall<'_>) -> Result<(), CallFailure>;

/// A built-in player.
#[derive(Clone)]
pub struct Builtin {
    name: &'static str,
    version: (u64, u64, u64),
    summary: &'static str,
    example: &'static str,
    inputs: Vec<Port>,
    open_inputs: bool,
    outputs: Vec<Port>,
    open_outputs: bool,
    settings: serde_json::Map<String, Json>,
    required_settings: Vec<&'static str>,
    play: Play,
}

impl Builtin {
    /// Version 1.0.0 of a built-in without ports and settings; `summary` is a sentence or two.
    pub(super) fn new(name: &'static str, play: Play, summary: &'static str) -> Self {
        Self {
            name,
            version: (1, 0, 0),
            summary,
            example: "",
            inputs: Vec::new(),
            open_inputs: false,
            outputs: Vec::new(),
            open_outputs: false,
            settings: serde_json::Map::new(),
            required_settings: Vec::new(),
            play,
        }
    }

    /// An input that must be bound.
    pub(super) fn takes(mut self, name: &str, ty: PortType) -> Self {
        self.inputs.push(Port { name: name.to_owned(), ty, required: true });
        self
    }

    /// An input that may be left out.
    pub(super) fn may_take(mut self, name: &str, ty: PortType) -> Self {
        self.inputs.push(Port { name: name.to_owned(), ty, required: false });
        self
    }

    /// Inputs of any name.
    pub(super) fn takes_any(mut self) -> Self {
        self.open_inputs = true;
        self
    }

    /// An output.
    pub(super) fn gives(mut self, name: &str, ty: PortType) -> Self {
        self.outputs.push(Port { name: name.to_owned(), ty, required: true });
        self
    }

    /// Outputs as the node declares them.
    pub(super) fn gives_any(mut self) -> Self {
        self.open_outputs = true;
        self
    }

    /// A setting: its name, the type word of JSON Schema (`"string"`, `"boolean"`; empty for any) and what it is.
    pub(super) fn with(self, name: &'static str, ty: &str, description: &str) -> Self {
        let schema = match ty {
            "" => json!({ "description": description }),
            ty => json!({ "type": ty, "description": description }),
        };
        self.with_schema(name, schema)
    }

    /// A setting with a whole schema.
    pub(super) fn with_schema(mut self, name: &'static str, schema: Json) -> Self {
        self.settings.insert(name.to_owned(), schema);
        self
    }

    /// A setting that must be given.
    pub(super) fn must(mut self, name: &'static str) -> Self {
        self.required_settings.push(name);
        self
    }

    /// An example in the melody format.
    pub(super) fn example_is(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// `builtin:text/join`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it does, in a sentence or two.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// A node that uses it, in the melody format.
    pub fn example(&self) -> &'static str {
        self.example
    }

    /// What the catalog knows of it.
    pub fn operation(&self) -> Operation {
        let version = semver::Version::new(self.version.0, self.version.1, self.version.2);
        let schema = json!({
            "title": self.name,
            "description": self.summary,
            "examples": [self.example],
            "type": "object",
            "properties": self.settings,
            "required": self.required_settings,
            "additionalProperties": false,
        });
        Operation {
            name: self.name.to_owned(),
            digest: Digest::of(format!("{}@{version}", self.name).as_bytes()),
            version,
            origin: "builtin".to_owned(),
            inputs: self.inputs.clone(),
            open_inputs: self.open_inputs,
            outputs: self.outputs.clone(),
            open_outputs: self.open_outputs,
            settings: Some(schema),
            in_process: true,
            idempotent: true,
            reuse: Default::default(),
            worst_cost_micros: Some(0),
            worst_tokens: Some(0),
            max_parallel: None,
            timeout: None,
        }
    }
}

impl InProcess for Builtin {
    fn play(&self, call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
        (self.play)(call)
    }
}

/// `list<T>`.
pub(super) fn list(of: PortType) -> PortType {
    PortType::List(Box::new(of))
}

/// `json`.
pub(super) fn any_json() -> PortType {
    PortType::Json(None)
}

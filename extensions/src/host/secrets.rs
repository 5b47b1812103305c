//! Where the values of secrets come from. They are put into a call at the last moment and never journaled.

/// A source of secrets.
pub trait Secrets: Send {
    /// The value of a secret, if it is known. Must not block.
    fn secret(&self, name: &str) -> Option<String>;
    /// What a person does so that it becomes known, as half a sentence.
    fn cure(&self, name: &str) -> String;
}

/// Secrets are environment variables of the same name.
pub struct EnvSecrets;

impl Secrets for EnvSecrets {
    fn secret(&self, name: &str) -> Option<String> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var(name).ok()
    }
    fn cure(&self, name: &str) -> String {
        format!("set the environment variable {name}")
    }
}

/// There are none.
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn secret(&self, _: &str) -> Option<String> {
        None
    }
    fn cure(&self, _: &str) -> String {
        "this host has no secrets".to_owned()
    }
}

/// Takes the values of secrets out of a text that people will read.
pub(super) fn scrub(text: String, secrets: &[String]) -> String {
    // Very short values would only garble the text.
    secrets.iter().filter(|secret| secret.len() >= 4).fold(text, |text, secret| {
        if text.contains(secret.as_str()) { text.replace(secret.as_str(), "•••") } else { text }
    })
}

//! What bends the course of a node: `map`, `loop`, `retry`, `undo`, `reconstruct`, `approve`.

use super::edges::Scope;
use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{
    Approve, ApproveElse, Backoff, LoopDecl, MapDecl, Retry, Setting, SideCall, Source, Spanned,
};
use std::time::Duration;

/// The first delay of `retry` where none is written.
pub(in crate::melody) const RETRY_BASE: Duration = Duration::from_secs(1);

impl<'t> Reader<'t> {
    /// The value of `map`.
    pub fn map_decl(&mut self, tree: Tree<'t>) -> Option<MapDecl> {
        let span = tree.span.clone();
        let form = "map = { over = \"node.port\" }";
        let (mut over, mut item_name, mut max_parallel, mut has_over) = (None, None, None, false);
        for Entry { key, value } in self.table("`map`", tree, form)?.entries {
            match key.text.as_ref() {
                "over" => {
                    has_over = true;
                    over = self.over(value);
                }
                "as" => {
                    item_name = self
                        .text("`as`", value)
                        .filter(|name| name.value == "item" || self.check_id("an item", &name.value, &name.span))
                }
                "max_parallel" => max_parallel = self.small_count("`max_parallel`", &value, 1),
                _ => has_over |= self.unknown_key(&key, &keys::MAP) == Some("over"),
            }
        }
        if !has_over {
            self.missing(
                "missing-key",
                "`map` does not say what it goes over",
                span,
                "`over` is missing",
                format!("write `{form}`"),
            );
        }
        let (over, span) = over?;
        Some(MapDecl { over, span, item_name, max_parallel })
    }

    fn over(&mut self, value: Tree<'t>) -> Option<(Source, std::ops::Range<usize>)> {
        let span = value.span.clone();
        match self.source(value, &Scope::default())? {
            source @ (Source::Ref(_) | Source::Expr(_)) => Some((source, span)),
            Source::Literal(_) | Source::Join(_) => {
                let finding = Diagnostic::error("bad-join", "`over` goes over one list")
                    .at(span, "neither a reference nor an expression");
                self.report(finding.help("write `over = \"node.port\"` or `over = { expr = \"[1, 2, 3]\" }`"));
                None
            }
        }
    }

    /// The value of `loop`.
    pub fn loop_decl(&mut self, tree: Tree<'t>) -> Option<LoopDecl> {
        let span = tree.span.clone();
        let form = "loop = { body = \"fix.melody.toml\", until = \"outputs.ok\", max = 5 }";
        let (mut body, mut carry, mut until, mut max) = (None, Vec::new(), None, None);
        let (mut has_body, mut has_max) = (false, false);
        for Entry { key, value } in self.table("`loop`", tree, form)?.entries {
            match key.text.as_ref() {
                "body" => {
                    has_body = true;
                    body = self.path("`body`", value);
                }
                "carry" => carry = self.carry(value),
                "until" => until = self.expression("`until`", value),
                "max" => {
                    has_max = true;
                    max = self.small_count("`max` of a loop", &value, 1);
                }
                _ => match self.unknown_key(&key, &keys::LOOP) {
                    Some("body") => has_body = true,
                    Some("max") => has_max = true,
                    _ => {}
                },
            }
        }
        if !has_body {
            self.missing(
                "missing-key",
                "`loop` has no body",
                span.clone(),
                "`body` is missing",
                "write `body = \"PATH\"`, a melody relative to this file",
            );
        }
        if !has_max {
            self.missing(
                "missing-key",
                "`loop` has no bound",
                span,
                "`max` is missing",
                "write `max = 5`: every loop ends for certain after so many iterations",
            );
        }
        Some(LoopDecl { body: body?, carry, until, max: max? })
    }

    /// `carry`: output of the body → its input in the next iteration.
    fn carry(&mut self, value: Tree<'t>) -> Vec<(Spanned<String>, Spanned<String>)> {
        let Some(table) = self.table("`carry`", value, "carry = { output = \"input\" }") else { return Vec::new() };
        let mut carry = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let output = self.id("an output", key);
            let Some(input) = self.text("an entry of `carry`", value) else { continue };
            if let Some(plain) = input.value.strip_prefix("inputs.") {
                let finding =
                    Diagnostic::error("bad-reference", "`carry` names an input of the body, without `inputs.`")
                        .at(input.span, "write the input's name only");
                self.report(finding.help(format!("write \"{plain}\"")));
            } else if self.check_id("an input", &input.value, &input.span) {
                carry.push((output, input));
            }
        }
        carry
    }

    /// A path of another file: not empty.
    pub fn path(&mut self, what: &str, value: Tree<'t>) -> Option<Spanned<String>> {
        let path = self.text(what, value)?;
        if path.value.trim().is_empty() {
            let finding = Diagnostic::error("bad-path", format!("{what} is empty")).at(path.span, "no path");
            self.report(finding.help("write a path relative to this file"));
            return None;
        }
        Some(path)
    }

    /// The value of `retry`.
    pub fn retry(&mut self, tree: Tree<'t>) -> Option<Retry> {
        let span = tree.span.clone();
        let form = "retry = { max = 3 }";
        let mut retry =
            Retry { max: 1, backoff: Backoff::default(), base: RETRY_BASE, on: Vec::new(), vary: Vec::new() };
        let mut has_max = false;
        for Entry { key, value } in self.table("`retry`", tree, form)?.entries {
            match key.text.as_ref() {
                "max" => {
                    has_max = true;
                    retry.max = self.small_count("`max` of a retry", &value, 1).unwrap_or(1);
                }
                "backoff" => retry.backoff = self.word("`backoff`", value).unwrap_or_default(),
                "base" => retry.base = self.duration("`base`", &value).unwrap_or(RETRY_BASE),
                "on" => {
                    let items = self.list("`on` of a retry", value, "on = [\"timeout\", \"io\"]").unwrap_or_default();
                    retry.on = items.into_iter().filter_map(|item| self.word("an error class", item)).collect();
                }
                "vary" => retry.vary = self.vary(value),
                _ => has_max |= self.unknown_key(&key, &keys::RETRY) == Some("max"),
            }
        }
        if !has_max {
            self.missing(
                "missing-key",
                "`retry` has no bound",
                span,
                "`max` is missing",
                "write `max = 3`: attempts in all, the first one included",
            );
        }
        Some(retry)
    }

    /// `vary`: setting → its value in attempt 2, 3, …
    fn vary(&mut self, value: Tree<'t>) -> Vec<(Spanned<String>, Vec<crate::value::Value>)> {
        let form = "vary = { temperature = [0.2, 0.7] }";
        let Some(table) = self.table("`vary`", value, form) else { return Vec::new() };
        let mut vary = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let span = value.span.clone();
            let Some(items) = self.list("an entry of `vary`", value, form) else { continue };
            if items.is_empty() {
                let finding = Diagnostic::error("bad-vary", format!("`vary` has no values for `{}`", key.text))
                    .at(span, "an empty list");
                self.report(finding.help("name the value of the second attempt, of the third, …; the last one stays"));
                continue;
            }
            let setting = Spanned { value: key.text.into_owned(), span: key.span };
            vary.push((setting, items.iter().map(Tree::to_value).collect()));
        }
        vary
    }

    /// The value of `undo` or `reconstruct`.
    pub fn side_call(&mut self, what: &str, tree: Tree<'t>, scope: &Scope) -> Option<SideCall> {
        let span = tree.span.clone();
        let form = "undo = { uses = \"KIND:NAME/OPERATION\", in = { … } }";
        let (mut uses, mut inputs, mut with, mut has_uses) = (None, Vec::new(), Vec::new(), false);
        for Entry { key, value } in self.table(what, tree, form)?.entries {
            match key.text.as_ref() {
                "uses" => {
                    has_uses = true;
                    uses = self.side_player(what, value);
                }
                "in" => inputs = self.bindings("`in`", "a port", value, scope),
                "with" => with = self.settings(value),
                _ => has_uses |= self.unknown_key(&key, &keys::SIDE_CALL) == Some("uses"),
            }
        }
        if !has_uses {
            self.missing(
                "missing-key",
                format!("{what} names no player"),
                span,
                "`uses` is missing",
                "write `uses = \"KIND:NAME/OPERATION\"`",
            );
        }
        Some(SideCall { uses: uses?, inputs, with })
    }

    fn side_player(&mut self, what: &str, value: Tree<'t>) -> Option<Spanned<crate::melody::model::PlayerRef>> {
        if let TreeValue::List(_) = value.value {
            self.wrong_type(
                "`uses` here",
                &value,
                "one player",
                format!("{what} has no fallbacks: write one player in quotes"),
            );
            return None;
        }
        self.player("`uses`", value)
    }

    /// The value of `with`: settings of a player.
    pub fn settings(&mut self, tree: Tree<'t>) -> Vec<(Spanned<String>, Setting)> {
        let Some(table) = self.table("`with`", tree, "with = { setting = value }") else { return Vec::new() };
        let mut settings = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let name = Spanned { value: key.text.into_owned(), span: key.span };
            if let Some(setting) = self.setting(value) {
                settings.push((name, setting));
            }
        }
        settings
    }

    fn setting(&mut self, mut value: Tree<'t>) -> Option<Setting> {
        match &mut value.value {
            TreeValue::Table(table) if table.find("secret").is_some() && table.entries.len() == 1 => {
                let secret = table.entries.pop()?;
                let name = self.text("`secret`", secret.value)?;
                if name.value.trim().is_empty() {
                    let finding = Diagnostic::error("bad-secret", "a secret has no name").at(name.span, "empty");
                    self.report(
                        finding.help("write the name under which the host keeps it: `{ secret = \"OPENAI_API_KEY\" }`"),
                    );
                    return None;
                }
                Some(Setting::Secret(name))
            }
            _ => {
                self.nested_secrets(&value, 0);
                Some(Setting::Value(value.to_value()))
            }
        }
    }

    /// A secret deeper down would be taken for a constant and written to the journal, so it is refused.
    fn nested_secrets(&mut self, tree: &Tree<'t>, depth: usize) {
        match &tree.value {
            TreeValue::List(items) => items.iter().for_each(|item| self.nested_secrets(item, depth + 1)),
            TreeValue::Table(table) => {
                let secret = table
                    .entries
                    .iter()
                    .find(|entry| entry.key.text == "secret" && matches!(entry.value.value, TreeValue::Text(_)));
                if let Some(entry) = secret.filter(|_| depth > 0 || table.entries.len() > 1) {
                    let finding = Diagnostic::error("bad-secret", "a secret must be a setting of its own")
                        .at(entry.key.span.clone(), "part of another value");
                    self.report(finding.help(
                        "write `setting = { secret = \"NAME\" }` directly in `with`, with no other key beside it",
                    ));
                }
                table.entries.iter().for_each(|entry| self.nested_secrets(&entry.value, depth + 1));
            }
            _ => {}
        }
    }

    /// The value of `approve`.
    pub fn approve(&mut self, tree: Tree<'t>) -> Option<Approve> {
        let form = "approve = { by = \"human\", timeout = \"1d\", else = \"skip\" }";
        let mut approve = Approve { by: "human".to_owned(), timeout: None, otherwise: ApproveElse::default() };
        for Entry { key, value } in self.table("`approve`", tree, form)?.entries {
            match key.text.as_ref() {
                "by" => match self.text("`by`", value) {
                    Some(by) if by.value != "human" => {
                        let finding = Diagnostic::error("bad-word", format!("`by` cannot be `{}`", by.value))
                            .at(by.span, "not someone who can approve");
                        self.report(finding.help("write `by = \"human\"`"));
                    }
                    _ => {}
                },
                "timeout" => approve.timeout = self.positive_duration("`timeout` of an approval", &value),
                "else" => approve.otherwise = self.word("`else`", value).unwrap_or_default(),
                _ => {
                    self.unknown_key(&key, &keys::APPROVE);
                }
            }
        }
        Some(approve)
    }
}

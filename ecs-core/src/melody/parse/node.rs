//! `[node.ID]`.

use super::edges::Scope;
use super::keys;
use super::limits::LimitsOf;
use super::reader::Reader;
use super::tree::{Entry, Key, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Estimate, Limits, Node, OnError, OutPort, Span, Spanned};

impl<'t> Reader<'t> {
    /// The value of `node`: every node, in the order of the text.
    pub fn nodes(&mut self, tree: Tree<'t>) -> Vec<Node> {
        if let TreeValue::List(_) = tree.value {
            self.wrong_type(
                "`node`",
                &tree,
                "a table of nodes",
                "write `[node.ID]` for each node, with its id in the header, instead of `[[node]]`",
            );
            return Vec::new();
        }
        let Some(table) = self.table("`node`", tree, "[node.ID]") else { return Vec::new() };
        let mut nodes = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            if let Some(node) = self.node(key, value) {
                nodes.push(node);
            }
        }
        nodes
    }

    fn node(&mut self, key: Key<'t>, tree: Tree<'t>) -> Option<Node> {
        // Everything below a node that is itself no table would be reported with it; one finding is enough.
        if let (true, false) =
            (keys::NODE.known.contains(&key.text.as_ref()), matches!(tree.value, TreeValue::Table(_)))
        {
            let finding =
                Diagnostic::error("missing-id", format!("`{}` stands in `[node]`, which is no node", key.text));
            self.report(
                finding.at(key.span, "belongs to a node").help("write the node's id in the header: `[node.ID]`"),
            );
            return None;
        }
        let id = self.id("a node", key);
        let table = self.table(&format!("node `{}`", id.value), tree, &format!("[node.{}]", id.value))?;
        Some(self.node_table(id, table))
    }

    fn node_table(&mut self, id: Spanned<String>, table: Table<'t>) -> Node {
        let scope = scope_of(&table);
        let mut node = empty_node(id);
        let (mut uses_key, mut loop_key, mut note_key): (Option<Span>, Option<Span>, Option<Span>) = (None, None, None);
        let mut meant_player = false;
        for Entry { key, value } in table.entries {
            match key.text.as_ref() {
                "title" => node.title = self.text("`title`", value).map(|text| text.value),
                "description" | "note" => {
                    if let Some(first) = note_key.replace(key.span.clone()) {
                        let finding =
                            Diagnostic::error("conflicting-keys", "`description` and `note` are the same key")
                                .at(key.span, "written again");
                        self.report(finding.see(first, "first written here").help("keep one of them"));
                    }
                    node.description = self.text("`description`", value).map(|text| text.value);
                }
                "uses" => {
                    uses_key = Some(key.span);
                    node.uses = self.players(value);
                }
                "in" => node.inputs = self.bindings("`in`", "a port", value, &scope),
                "with" => node.with = self.settings(value),
                "out" => node.out = self.out_ports(value),
                "needs" => node.needs = self.needs(value),
                "if" => node.condition = self.expression("`if`", value),
                "map" => node.map = self.map_decl(value),
                "loop" => {
                    loop_key = Some(key.span);
                    node.repeat = self.loop_decl(value);
                }
                "retry" => node.retry = self.retry(value),
                "on_error" => node.on_error = self.word("`on_error`", value).unwrap_or_default(),
                "reconstruct" => node.reconstruct = self.side_call("`reconstruct`", value, &scope),
                "undo" => node.undo = self.side_call("`undo`", value, &scope),
                "approve" => node.approve = self.approve(value),
                "limits" => node.limits = self.limits(value, LimitsOf::Node),
                "estimate" => node.estimate = self.estimate(value),
                _ => meant_player |= matches!(self.unknown_key(&key, &keys::NODE), Some("uses" | "loop")),
            }
        }
        match (uses_key, loop_key) {
            (None, None) if !meant_player => self.missing(
                "missing-player",
                format!("node `{}` has neither `uses` nor `loop`", node.id.value),
                node.id.span.clone(),
                "nobody plays this node",
                "write `uses = \"KIND:NAME/OPERATION\"`, such as \"builtin:template\" or \"operator:shell/run\"",
            ),
            (Some(uses), Some(repeat)) => {
                let message = format!("node `{}` has both `uses` and `loop`", node.id.value);
                let finding = Diagnostic::error("conflicting-keys", message)
                    .at(repeat, "a loop plays its body")
                    .see(uses, "and this names a player");
                self.report(finding.help("keep `loop` and call the player in its body, or keep `uses`"));
            }
            _ => {}
        }
        node
    }

    /// The value of `out`.
    fn out_ports(&mut self, tree: Tree<'t>) -> Vec<OutPort> {
        let Some(table) = self.table("`out`", tree, "out = { port = \"type\" }") else { return Vec::new() };
        let mut ports = Vec::with_capacity(table.entries.len());
        for Entry { key, value } in table.entries {
            let name = self.id("a port", key);
            if let Some(ty) = self.port_type("the type of a port", value) {
                ports.push(OutPort { name, ty });
            }
        }
        ports
    }
}

/// What `item` means in a node. Read first, because `in` may stand before `map`.
fn scope_of(table: &Table<'_>) -> Scope {
    let Some(map) = table.get("map") else { return Scope::default() };
    let TreeValue::Table(map) = &map.value else { return Scope { mapped: true, item_name: None } };
    let item_name = match map.get("as") {
        Some(Tree { value: TreeValue::Text(name), .. }) => Some(name.to_string()),
        _ => None,
    };
    Scope { mapped: true, item_name }
}

fn empty_node(id: Spanned<String>) -> Node {
    Node {
        id,
        title: None,
        description: None,
        uses: Vec::new(),
        inputs: Vec::new(),
        with: Vec::new(),
        out: Vec::new(),
        needs: Vec::new(),
        condition: None,
        map: None,
        repeat: None,
        retry: None,
        on_error: OnError::default(),
        reconstruct: None,
        undo: None,
        approve: None,
        limits: Limits::default(),
        estimate: Estimate::default(),
    }
}

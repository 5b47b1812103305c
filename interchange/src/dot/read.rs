//! From the DOT language to nodes and edges, counted as Graphviz counts them.

use super::lex::{Kind, Lexer, Token};
use crate::report::Refusal;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Deeper subgraphs are refused: the reader recurses.
const MAX_DEPTH: usize = 128;

/// Attributes by name; a value may be HTML.
pub(super) type Attributes = BTreeMap<String, (String, bool)>;

/// A graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub name: Option<String>,
    pub directed: bool,
    pub strict: bool,
    pub attributes: Attributes,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    /// Where something follows the graph.
    pub more: Option<usize>,
    places: HashMap<String, usize>,
    known: HashSet<(usize, usize)>,
    subgraphs: HashMap<String, Vec<usize>>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    pub at: usize,
    pub attributes: Attributes,
    /// Labels of the clusters around its first mention, the outermost first.
    pub clusters: Vec<String>,
}

/// An edge between places of nodes.
#[derive(Debug)]
pub(super) struct Edge {
    pub from: usize,
    pub to: usize,
    pub at: usize,
    pub attributes: Attributes,
    /// It ends at ports of its nodes.
    pub ports: bool,
}

/// What counts within a pair of braces.
#[derive(Clone, Default)]
struct Scope {
    nodes: Attributes,
    edges: Attributes,
    clusters: Vec<usize>,
}

/// One end of an edge: a node, or all nodes of a subgraph.
struct End {
    nodes: Vec<usize>,
    port: bool,
}

/// Reads the first graph of a text.
pub(super) fn read(text: &str) -> Result<Graph, Refusal> {
    let mut reader =
        Reader { text, lexer: Lexer::new(text), ahead: None, graph: Graph::default(), labels: Vec::new(), depth: 0 };
    reader.graph()?;
    let Reader { mut graph, labels, .. } = reader;
    for node in &mut graph.nodes {
        // Labels of clusters may stand behind their nodes, so they are looked up last.
        let numbers = std::mem::take(&mut node.clusters);
        let label = |number: &String| number.parse().ok().and_then(|number: usize| labels.get(number)).cloned();
        node.clusters = numbers.iter().filter_map(label).collect();
    }
    Ok(graph)
}

struct Reader<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    ahead: Option<Token>,
    graph: Graph,
    /// Labels of clusters (their names where they have none).
    labels: Vec<String>,
    depth: usize,
}

type Read<T> = Result<T, Refusal>;

impl Reader<'_> {
    fn peek(&mut self) -> Read<Option<&Token>> {
        if self.ahead.is_none() {
            self.ahead = self.lexer.next()?;
        }
        Ok(self.ahead.as_ref())
    }

    fn next(&mut self) -> Read<Option<Token>> {
        self.peek()?;
        Ok(self.ahead.take())
    }

    /// The place of the next word.
    fn here(&mut self) -> Read<usize> {
        let end = self.text.len();
        Ok(self.peek()?.map_or(end, |token| token.at))
    }

    fn refuse<T>(&self, at: usize, message: impl Into<String>, help: &str) -> Read<T> {
        Err(Refusal::new(message, help).at(self.text, at))
    }

    /// Takes a sign if it comes next.
    fn take(&mut self, sign: char) -> Read<bool> {
        let found = self.peek()?.is_some_and(|token| token.kind == Kind::Sign(sign));
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    /// Takes a keyword if it comes next.
    fn keyword(&mut self, word: &str) -> Read<bool> {
        let is = |token: &Token| matches!(&token.kind, Kind::Id { text, quoted: false, .. } if text.eq_ignore_ascii_case(word));
        let found = self.peek()?.is_some_and(is);
        if found {
            self.ahead = None;
        }
        Ok(found)
    }

    /// Takes a name if one comes next, with the parts that `+` joins to it.
    fn id(&mut self) -> Read<Option<(String, bool)>> {
        if !matches!(self.peek()?, Some(Token { kind: Kind::Id { .. }, .. })) {
            return Ok(None);
        }
        let Some(Token { kind: Kind::Id { mut text, html, .. }, .. }) = self.next()? else { return Ok(None) };
        while self.take('+')? {
            let at = self.here()?;
            match self.next()? {
                Some(Token { kind: Kind::Id { text: more, quoted: true, .. }, .. }) => text.push_str(&more),
                _ => return self.refuse(at, "`+` joins texts in quotes", "write a text in quotes after it"),
            }
        }
        Ok(Some((text, html)))
    }

    fn graph(&mut self) -> Read<()> {
        let start = self.here()?;
        self.graph.strict = self.keyword("strict")?;
        self.graph.directed = self.keyword("digraph")?;
        if !self.graph.directed && !self.keyword("graph")? {
            let help = "a graph begins with `graph {` or `digraph {`; is it the right file?";
            return self.refuse(start, "this is no graph of Graphviz", help);
        }
        self.graph.name = self.id()?.map(|(name, _)| name);
        let at = self.here()?;
        if !self.take('{')? {
            return self.refuse(at, "a `{` is missing", "write the statements of the graph in braces");
        }
        self.statements(&mut Scope::default(), &mut Vec::new(), None)?;
        self.graph.more = self.peek()?.map(|token| token.at);
        Ok(())
    }

    /// Statements up to the closing brace. `members` gathers the nodes that are named.
    fn statements(&mut self, scope: &mut Scope, members: &mut Vec<usize>, cluster: Option<usize>) -> Read<()> {
        loop {
            if self.take('}')? {
                return Ok(());
            }
            if self.take(';')? || self.take(',')? {
                continue;
            }
            if self.peek()?.is_none() {
                return self.refuse(
                    self.text.len(),
                    "the graph is not closed",
                    "write `}` at its end; the file may be cut off",
                );
            }
            self.statement(scope, members, cluster)?;
        }
    }

    fn statement(&mut self, scope: &mut Scope, members: &mut Vec<usize>, cluster: Option<usize>) -> Read<()> {
        let at = self.here()?;
        for (word, which) in [("graph", 0), ("node", 1), ("edge", 2)] {
            if self.keyword(word)? {
                let attributes = self.attributes()?;
                match which {
                    0 => self.graph_attributes(attributes, cluster),
                    1 => scope.nodes.extend(attributes),
                    _ => scope.edges.extend(attributes),
                }
                return Ok(());
            }
        }
        let first = if self.keyword("subgraph")? {
            let name = self.id()?.map(|(name, _)| name);
            self.subgraph(scope, name, at)?
        } else if matches!(self.peek()?, Some(Token { kind: Kind::Sign('{'), .. })) {
            self.subgraph(scope, None, at)?
        } else {
            let Some((name, _)) = self.id()? else {
                let help = "a statement names a node, an edge `a -> b`, a subgraph, or sets `key = value`";
                return self.refuse(at, "this begins no statement", help);
            };
            if self.take('=')? {
                let Some(value) = self.id()? else {
                    return self.refuse(at, format!("`{name}` has no value"), "write one after `=`");
                };
                self.graph_attributes(BTreeMap::from([(name, value)]), cluster);
                return Ok(());
            }
            self.node(scope, &name, at)?
        };
        members.extend(&first.nodes);
        let mut ends = vec![(first, at)];
        while let Some(Token { kind: Kind::Arrow | Kind::Line, at }) = self.peek()? {
            let at = *at;
            let Some(token) = self.next()? else { break };
            if (token.kind == Kind::Arrow) != self.graph.directed {
                let (is, cure) = if self.graph.directed {
                    ("`--` stands in a digraph", "edges of a digraph are written `a -> b`")
                } else {
                    ("`->` stands in an undirected graph", "write `digraph`, or the edge as `a -- b`")
                };
                return self.refuse(at, is, cure);
            }
            let end = self.end(scope)?;
            members.extend(&end.nodes);
            ends.push((end, at));
        }
        if ends.len() == 1 {
            let attributes = self.attributes()?;
            if let Some((End { nodes, .. }, _)) = ends.first()
                && let [node] = nodes.as_slice()
                && let Some(node) = self.graph.nodes.get_mut(*node)
            {
                node.attributes.extend(attributes);
            }
            return Ok(());
        }
        let mut attributes = scope.edges.clone();
        attributes.extend(self.attributes()?);
        for pair in ends.windows(2) {
            let [(from, _), (to, at)] = pair else { continue };
            for tail in &from.nodes {
                for head in &to.nodes {
                    let edge = Edge {
                        from: *tail,
                        to: *head,
                        at: *at,
                        attributes: attributes.clone(),
                        ports: from.port || to.port,
                    };
                    self.graph.add(edge);
                }
            }
        }
        Ok(())
    }

    /// What an edge may lead to.
    fn end(&mut self, scope: &mut Scope) -> Read<End> {
        let at = self.here()?;
        if self.keyword("subgraph")? {
            let name = self.id()?.map(|(name, _)| name);
            return self.subgraph(scope, name, at);
        }
        if matches!(self.peek()?, Some(Token { kind: Kind::Sign('{'), .. })) {
            return self.subgraph(scope, None, at);
        }
        match self.id()? {
            Some((name, _)) => self.node(scope, &name, at),
            None => self.refuse(at, "an edge leads nowhere", "write a node or a subgraph after it"),
        }
    }

    fn node(&mut self, scope: &Scope, name: &str, at: usize) -> Read<End> {
        let mut port = false;
        while self.take(':')? {
            port = true;
            let at = self.here()?;
            if self.id()?.is_none() {
                return self.refuse(at, "a port has no name", "write it after the colon: `node:port`");
            }
        }
        let graph = &mut self.graph;
        let next = graph.nodes.len();
        let place = *graph.places.entry(name.to_owned()).or_insert(next);
        if place == next {
            let clusters = scope.clusters.iter().map(ToString::to_string).collect();
            graph.nodes.push(Node { name: name.to_owned(), at, attributes: scope.nodes.clone(), clusters });
        }
        Ok(End { nodes: vec![place], port })
    }

    fn subgraph(&mut self, scope: &Scope, name: Option<String>, at: usize) -> Read<End> {
        let mut nodes = Vec::new();
        if let Some(name) = &name {
            nodes.extend(self.graph.subgraphs.get(name).into_iter().flatten());
        }
        if self.take('{')? {
            if self.depth >= MAX_DEPTH {
                return self.refuse(
                    at,
                    "subgraphs are nested more than 128 deep",
                    "no drawing is; is it the right file?",
                );
            }
            self.depth += 1;
            let mut inner = scope.clone();
            let cluster = name.as_ref().filter(|name| name.starts_with("cluster")).map(|name| {
                self.labels.push(name.clone());
                self.labels.len() - 1
            });
            inner.clusters.extend(cluster);
            self.statements(&mut inner, &mut nodes, cluster.or(Some(usize::MAX)))?;
            self.depth -= 1;
        } else if name.is_none() {
            return self.refuse(at, "a subgraph has neither a name nor a body", "write its statements in braces");
        }
        let mut seen = HashSet::new();
        nodes.retain(|node| seen.insert(*node));
        if let Some(name) = name {
            self.graph.subgraphs.insert(name, nodes.clone());
        }
        Ok(End { nodes, port: false })
    }

    fn attributes(&mut self) -> Read<Attributes> {
        let mut attributes = Attributes::new();
        while self.take('[')? {
            loop {
                if self.take(']')? {
                    break;
                }
                if self.take(',')? || self.take(';')? {
                    continue;
                }
                let at = self.here()?;
                let Some((key, _)) = self.id()? else {
                    let help = "write `[key = value, key = value]`";
                    return self.refuse(at, "an attribute is missing, or the list is not closed", help);
                };
                let value = if self.take('=')? { self.id()? } else { Some(("true".to_owned(), false)) };
                let Some(value) = value else {
                    return self.refuse(at, format!("the attribute `{key}` has no value"), "write one after `=`");
                };
                attributes.insert(key, value);
            }
        }
        Ok(attributes)
    }

    fn graph_attributes(&mut self, attributes: Attributes, cluster: Option<usize>) {
        match cluster {
            None => self.graph.attributes.extend(attributes),
            Some(cluster) => {
                if let (Some(label), Some((text, false))) = (self.labels.get_mut(cluster), attributes.get("label"))
                    && !text.is_empty()
                {
                    label.clone_from(text);
                }
            }
        }
    }
}

impl Graph {
    /// Adds an edge; a strict graph has one at most between two nodes.
    fn add(&mut self, edge: Edge) {
        let ends = if self.directed || edge.from <= edge.to { (edge.from, edge.to) } else { (edge.to, edge.from) };
        if !self.strict || self.known.insert(ends) {
            self.edges.push(edge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let graph = read(text).unwrap_or_else(|refusal| panic!("{refusal}"));
        let name = |place: usize| graph.nodes[place].name.as_str();
        let edges: Vec<String> =
            graph.edges.iter().map(|edge| format!("{}>{}", name(edge.from), name(edge.to))).collect();
        let nodes: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        format!("{} | {}", nodes.join(" "), edges.join(" "))
    }

    #[test]
    fn edges_are_counted_as_graphviz_does() {
        assert_eq!(shown("digraph { a -> b -> c; a -> b }"), "a b c | a>b b>c a>b");
        assert_eq!(shown("strict digraph { a -> b; a -> b; b -> a; a -> a }"), "a b | a>b b>a a>a");
        assert_eq!(shown("strict graph { a -- b; b -- a }"), "a b | a>b");
        assert_eq!(shown("digraph { a -> {b c} -> {d; b->e} }"), "a b c d e | b>e a>b a>c b>d b>b b>e c>d c>b c>e");
        assert_eq!(shown("digraph { subgraph s { a b } subgraph s -> c }"), "a b c | a>c b>c");
        assert_eq!(shown("digraph { a:n:w -> \"b c\":x; node [shape=box] d [label=<<b>x</b>>] }"), "a b c d | a>b c");
        assert_eq!(shown("DiGraph \"x\" + \"y\" { size = \"8,8\"; 1 -> -2.5 }"), "1 -2.5 | 1>-2.5");
    }

    #[test]
    fn attributes_and_clusters_are_inherited() {
        let graph = read("digraph g { node [shape=box]; subgraph cluster_0 { a; label = \"first\" } subgraph { node [shape=oval] b } c }").unwrap();
        let shape = |place: usize| graph.nodes[place].attributes["shape"].0.as_str();
        assert_eq!((shape(0), shape(1), shape(2)), ("box", "oval", "box"));
        assert_eq!(graph.nodes[0].clusters, ["first"]);
        assert!(graph.nodes[1].clusters.is_empty() && graph.attributes.is_empty());
    }

    #[test]
    fn faults_have_places() {
        let fault = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(fault("digraph {\n a -> ;\n}"), "line 2, column 7: an edge leads nowhere");
        assert_eq!(fault("digraph { a -- b }"), "line 1, column 13: `--` stands in a digraph");
        assert_eq!(fault("graph { a -> b }"), "line 1, column 11: `->` stands in an undirected graph");
        assert_eq!(fault("digraph { a [x= ] }"), "line 1, column 14: the attribute `x` has no value");
        assert_eq!(fault("digraph { a"), "line 1, column 12: the graph is not closed");
        assert_eq!(fault("{}"), "line 1, column 1: this is no graph of Graphviz");
        assert!(fault(&format!("digraph {}", "{".repeat(10_000))).contains("nested more than 128 deep"));
    }
}

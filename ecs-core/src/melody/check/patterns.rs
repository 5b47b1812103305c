//! Patterns of joins (`"background_*.out"`), replaced by the nodes that they match.

use super::findings::{Findings, nearest};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Binding, Candidate, EdgeKind, JoinKind, Melody, RefTarget, Reference, Source, Span};

/// Replaces every pattern by its nodes, in the order of their ids. A node never matches its own pattern.
pub(super) fn expand(melody: &mut Melody, findings: &mut Findings) {
    let has_patterns = |bindings: &[Binding]| bindings.iter().any(|binding| has_pattern(&binding.from));
    let any = has_patterns_of(melody, has_patterns);
    if !any {
        return;
    }
    let mut ids: Vec<String> = melody.nodes.iter().map(|node| node.id.value.clone()).collect();
    ids.sort();
    for node in &mut melody.nodes {
        let own = Some(node.id.value.as_str());
        let side = node.undo.iter_mut().chain(&mut node.reconstruct).flat_map(|call| &mut call.inputs);
        for binding in node.inputs.iter_mut().chain(side) {
            expand_source(&mut binding.from, &binding.span, own, &ids, findings);
        }
    }
    for output in &mut melody.outputs {
        expand_source(&mut output.from.from, &output.from.span, None, &ids, findings);
    }
}

fn has_patterns_of(melody: &Melody, has: impl Fn(&[Binding]) -> bool) -> bool {
    melody.outputs.iter().any(|output| has_pattern(&output.from.from))
        || melody
            .nodes
            .iter()
            .any(|node| has(&node.inputs) || node.undo.iter().chain(&node.reconstruct).any(|call| has(&call.inputs)))
}

fn has_pattern(source: &Source) -> bool {
    let Source::Join(join) = source else { return false };
    join.candidates.iter().any(|candidate| matches!(candidate, Candidate::Pattern { .. }))
}

fn expand_source(source: &mut Source, place: &Span, own: Option<&str>, ids: &[String], findings: &mut Findings) {
    let Source::Join(join) = source else { return };
    if !join.candidates.iter().any(|candidate| matches!(candidate, Candidate::Pattern { .. })) {
        return;
    }
    let mut expanded = Vec::with_capacity(join.candidates.len());
    for candidate in join.candidates.drain(..) {
        let Candidate::Pattern { nodes, port, span } = candidate else {
            expanded.push(candidate);
            continue;
        };
        let before = expanded.len();
        // Ids that begin like the pattern lie side by side.
        let prefix = nodes.split('*').next().unwrap_or("");
        let first = ids.partition_point(|id| id.as_str() < prefix);
        let alike = ids.get(first..).unwrap_or(&[]).iter().take_while(|id| id.starts_with(prefix));
        for id in alike.filter(|id| Some(id.as_str()) != own && matches(&nodes, id)) {
            expanded.push(Candidate::One(Reference {
                target: RefTarget::Port(id.clone(), port.clone()),
                kind: EdgeKind::Hard,
                default: None,
                span: span.clone(),
            }));
        }
        if expanded.len() == before {
            let help = match nearest(prefix.trim_end_matches('_'), ids.iter().map(String::as_str)) {
                Some(id) => format!("did you mean `{id}`? `*` matches any run of characters of a node's id"),
                None => "`*` matches any run of characters of a node's id; name a node or mend the pattern".to_owned(),
            };
            let finding = Diagnostic::error("empty-pattern", format!("no node matches the pattern `{nodes}`"));
            findings.report(finding.at(span, "matches nothing").help(help));
        }
    }
    if let JoinKind::NOf(wanted) = join.kind
        && (expanded.len() as u64) < u64::from(wanted)
        && !expanded.is_empty()
    {
        let message = format!("`n_of` asks for {wanted} of {} candidates", expanded.len());
        let finding = Diagnostic::error("bad-join", message).at(place.clone(), "more than there are");
        findings.report(finding.help(format!("write `n_of = {}` or add candidates", expanded.len())));
    }
    join.candidates = expanded;
}

/// Whether an id matches a pattern in which `*` stands for any run of characters.
fn matches(pattern: &str, id: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = id.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or("");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_match_any_run() {
        for (pattern, id) in
            [("a_*", "a_"), ("a_*", "a_bc"), ("*", "x"), ("*_b", "a_b_b"), ("a*b*c", "axxbyyc"), ("a", "a")]
        {
            assert!(matches(pattern, id), "{pattern} {id}");
        }
        for (pattern, id) in [("a_*", "ab"), ("*_b", "a_bc"), ("a*b*c", "acb"), ("a", "ab"), ("ab*b", "ab")] {
            assert!(!matches(pattern, id), "{pattern} {id}");
        }
    }
}

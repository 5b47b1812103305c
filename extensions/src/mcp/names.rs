//! Names of ports for the properties of a schema: servers spell them as they like, ports are identifiers.

use std::collections::BTreeSet;
use symphony_ecs_core::melody::slug;

/// Longest name of a port.
const LONGEST: usize = 64;

/// A name for each property, in their order: `sourceTimezone` becomes `source_timezone`. Where two would be the same,
/// or one is taken, the later ones are numbered. What is a port's name already keeps it.
pub(super) fn ports_for<'p>(properties: &[&'p str], taken: &[&str]) -> Vec<(&'p str, String)> {
    let mut used: BTreeSet<String> = taken.iter().map(|name| (*name).to_owned()).collect();
    // Exact names first: a property that is an identifier is never renamed because another one resembles it.
    let exact = |property: &str| slug(property) == property && !taken.contains(&property);
    used.extend(properties.iter().filter(|property| exact(property)).map(|property| (*property).to_owned()));
    let mut named = Vec::with_capacity(properties.len());
    for property in properties {
        if exact(property) {
            named.push((*property, (*property).to_owned()));
            continue;
        }
        let name = slug(property);
        let mut port = name.clone();
        let mut number = 1_usize;
        while used.contains(&port) {
            number += 1;
            let suffix = format!("_{number}");
            port = format!("{}{suffix}", name.get(..name.len().min(LONGEST - suffix.len())).unwrap_or(&name));
        }
        used.insert(port.clone());
        named.push((*property, port));
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_identifiers_and_stay_apart() {
        let named = ports_for(&["sourceTimezone", "source_timezone", "source-timezone", "in", "9", "größe"], &[]);
        let ports: Vec<&str> = named.iter().map(|(_, port)| port.as_str()).collect();
        assert_eq!(ports, ["source_timezone_2", "source_timezone", "source_timezone_3", "in_", "n_9", "gr__e"]);
        let named = ports_for(&["text", "score"], &["text"]);
        assert_eq!(named, [("text", "text_2".to_owned()), ("score", "score".to_owned())]);
    }

    proptest! {
        #[test]
        fn every_property_has_a_name_of_its_own(properties in proptest::collection::btree_set("\\PC{0,70}|[a-zA-Z_]{0,3}", 0..20)) {
            let properties: Vec<&str> = properties.iter().map(String::as_str).collect();
            let named = ports_for(&properties, &["text"]);
            let ports: BTreeSet<&str> = named.iter().map(|(_, port)| port.as_str()).collect();
            prop_assert_eq!(ports.len(), properties.len());
            prop_assert!(!ports.contains("text"));
            for port in ports {
                prop_assert!(port.len() <= LONGEST && port.starts_with(|c: char| c.is_ascii_lowercase()), "{}", port);
                prop_assert!(port.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{}", port);
            }
        }
    }
}

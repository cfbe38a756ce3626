//! Many resources in few lines.

use windlass_runtime::change::Resource;

use crate::clean::line;

/// So many of a kind that follow each other are named; more are counted.
const NAMED: usize = 3;

/// One line for each resource to which something is done, in their order. Where not `all` are wanted, those of one kind and place
/// that follow each other and to which the same is done are counted.
pub(crate) fn lines(done: &[(&str, &Resource)], all: bool) -> Vec<String> {
    let alike = |one: &(&str, &Resource), other: &(&str, &Resource)| {
        let place = |(does, of): &(&str, &Resource)| {
            (does.to_string(), of.at.clone(), of.api_version.clone(), of.kind.clone(), of.namespace.clone())
        };
        place(one) == place(other)
    };
    let mut lines = Vec::new();
    for group in done.chunk_by(alike) {
        match group {
            [(does, first), ..] if group.len() > NAMED && !all => {
                let within = first.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
                lines.push(line(&format!("{does} {} × {}{within}", group.len(), first.kind)));
            }
            group => lines.extend(group.iter().map(|(does, resource)| line(&format!("{does} {resource}")))),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(kind: &str, namespace: &str, name: &str) -> Resource {
        let (at, api_version) = ("c".to_owned(), Some("v1".to_owned()));
        Resource { at, api_version, kind: kind.into(), namespace: Some(namespace.into()), name: name.into() }
    }

    #[test]
    fn only_what_is_alike_and_follows_each_other_is_counted() {
        let of = |kind: &str, namespace: &str, from: usize, to: usize| -> Vec<Resource> {
            (from..to).map(|number| resource(kind, namespace, &format!("n{number}\u{1b}"))).collect()
        };
        let all = [of("Pod", "a", 0, 4), of("Pod", "b", 0, 3), of("Service", "b", 0, 1), of("Pod", "a", 4, 6)].concat();
        let done: Vec<(&str, &Resource)> = all.iter().map(|one| ("delete", one)).collect();
        let short = [
            "delete 4 × Pod in a",
            "delete Pod/n0\\u{1b} in b",
            "delete Pod/n1\\u{1b} in b",
            "delete Pod/n2\\u{1b} in b",
            "delete Service/n0\\u{1b} in b",
            "delete Pod/n4\\u{1b} in a",
            "delete Pod/n5\\u{1b} in a",
        ];
        assert_eq!(lines(&done, false), short);
        assert_eq!(lines(&done, true).len(), 10);
    }
}

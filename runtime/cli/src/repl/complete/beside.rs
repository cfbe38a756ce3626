//! What is named beside a text: in its call, before the cursor and after it, or in the line of a command.

use windlass_runtime::{Runtime, TokenSort};

use super::place::{Bracket, Open};

/// What is named beside a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// What comes first: an object or a kind.
    pub(super) object: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) cluster: Option<String>,
}

impl Beside {
    /// What the innermost of these calls names, in a text that goes on after the cursor.
    pub(super) fn in_call(runtime: &Runtime, text: &str, open: &[Open<'_>]) -> Self {
        let mut beside = Self::default();
        let call = open.iter().rev().find(|open| matches!(open.bracket, Bracket::Call { .. }));
        let Some(text) = call.and_then(|call| text.get(call.at..)) else { return beside };
        let pieces: Vec<(&str, TokenSort)> =
            runtime.tokens(text).into_iter().map(|(range, sort)| (text.get(range).unwrap_or_default(), sort)).collect();
        let back = |index: usize, by: usize| Some(pieces.get(index.checked_sub(by)?)?.0);
        let mut depth = 0_usize;
        for (index, (piece, sort)) in pieces.iter().enumerate() {
            match (*piece, *sort) {
                ("(" | "#{" | "[" | "{" | "?[", TokenSort::Sign) => depth += 1,
                (")" | "]" | "}", TokenSort::Sign) => depth = depth.saturating_sub(1),
                (text, TokenSort::Text) => {
                    let own =
                        || Some(text.trim_matches(['"', '`']).to_owned()).filter(|text| !text.contains(['\\', '$']));
                    match (depth, back(index, 1), back(index, 2).map(|key| key.trim_matches(['"', '`']))) {
                        (1, Some("("), _) => beside.object = own(),
                        (2, Some(":"), Some("namespace")) => beside.namespace = own(),
                        (2, Some(":"), Some("cluster")) => beside.cluster = own(),
                        _ => {}
                    }
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        beside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::place::Place;
    use crate::repl::complete::testing::runtime;

    fn said(before: &str, after: &str) -> [String; 3] {
        let runtime = runtime();
        let place = Place::at_end(&runtime, before).unwrap();
        let Beside { object, namespace, cluster } = Beside::in_call(&runtime, &format!("{before}{after}"), &place.open);
        [object, namespace, cluster].map(Option::unwrap_or_default)
    }

    #[test]
    fn options_count_wherever_they_stand_in_the_call() {
        let after = "\", #{ namespace: \"shop\", \"cluster\": \"dr\" }); f(#{ namespace: \"x\" })";
        assert_eq!(said("cluster::get(\"Pod/w", after), ["Pod/w", "shop", "dr"]);
        let before = "cluster::logs(\"Pod/w\", #{ namespace: `shop`, container: \"";
        assert_eq!(said(before, ""), ["Pod/w", "shop", ""]);
        assert_eq!(said(before, "\" })"), ["Pod/w", "shop", ""]);
        assert_eq!(said("f(\"a\", #{ namespace: \"no\" }); g(\"", "\")"), ["", "", ""]);
        assert_eq!(said("g(1, #{ data: #{ namespace: \"no\" }, x: \"", ""), ["", "", ""]);
        assert_eq!(said("g(x, #{ namespace: \"${own}\", x: \"", ""), ["", "", ""]);
        assert_eq!(said("\"", "a\""), ["", "", ""]);
    }
}

//! The search of the history: what has all that was typed, in its order, wherever it stands.

use std::cmp::Reverse;
use std::sync::Arc;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use reedline::menu_functions::parse_selection_char;
use reedline::{Completer, CompletionResult, Span, Suggestion};

use crate::repl::history::Discreet;

/// How many lines are shown.
const SHOWN: usize = 200;

/// Searches the history.
pub(in crate::repl) struct Search {
    history: Discreet,
    matcher: Matcher,
}

impl Search {
    pub(in crate::repl) fn new(history: Discreet) -> Self {
        Self { history, matcher: Matcher::new(Config::DEFAULT) }
    }

    fn found(&mut self, words: &str) -> Vec<Arc<str>> {
        let pattern = Pattern::parse(words, CaseMatching::Smart, Normalization::Smart);
        let lines = self.history.lines();
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, &Arc<str>)> = lines
            .iter()
            .filter_map(|line| Some((pattern.score(Utf32Str::new(line, &mut buffer), &mut self.matcher)?, line)))
            .collect();
        // The newest are the first, and stay so among equals.
        scored.sort_by_key(|(score, _)| Reverse(*score));
        scored.into_iter().take(SHOWN).map(|(_, line)| line.clone()).collect()
    }
}

impl Completer for Search {
    fn complete(&mut self, line: &str, _: usize) -> CompletionResult {
        let words = parse_selection_char(line, '!').remainder;
        let span = Span { start: 0, end: line.len() };
        let suggestion = |found: Arc<str>| Suggestion { value: found.to_string(), span, ..Suggestion::default() };
        CompletionResult::fresh(self.found(words).into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(lines: &[&str], words: &str) -> Vec<String> {
        let mut search = Search::new(Discreet::of(lines));
        let result = search.complete(words, words.len());
        assert!(result.suggestions().iter().all(|found| found.span == Span { start: 0, end: words.len() }));
        result.suggestions().iter().map(|found| found.value.clone()).collect()
    }

    #[test]
    fn the_newest_come_first_and_each_once() {
        assert_eq!(searched(&["a", "b", "a", "c", "b"], ""), ["b", "c", "a"]);
        let same = ["wait::ready(\"a\")", "wait::ready(\"b\")", ":next"];
        assert_eq!(searched(&same, "ready"), ["wait::ready(\"b\")", "wait::ready(\"a\")"]);
    }

    #[test]
    fn what_was_typed_need_not_stand_together() {
        let lines = ["helm::upgrade(\"web\")", "cluster::list(\"Deployment\")", "values.fqdn"];
        assert_eq!(searched(&lines, "clsdep"), ["cluster::list(\"Deployment\")"]);
        assert_eq!(searched(&lines, "web helm"), ["helm::upgrade(\"web\")"]);
        assert!(searched(&lines, "zzz").is_empty());
        // A number at the end chooses a row.
        assert_eq!(searched(&lines, "web!0"), ["helm::upgrade(\"web\")"]);
    }
}

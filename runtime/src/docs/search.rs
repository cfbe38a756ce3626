//! Finding something in the reference.

use super::{Entry, Reference};
use crate::suggest::nearest;

/// What words find.
#[derive(Debug)]
pub enum Found<'a> {
    /// They name this one.
    One(&'a Entry),
    /// They are found in these, the best first.
    Several(Vec<&'a Entry>),
    /// Nothing has them; this name is near.
    Nothing(Option<&'a str>),
}

impl Reference {
    /// Looks for words: an exact name gives its entry, the name of a module what it has, a name that others have for something
    /// (`kubectl rollout undo`) what is meant, other words what has all of them. Without words, everything is found.
    #[must_use]
    pub fn search(&self, words: &[String]) -> Found<'_> {
        let words: Vec<String> = words.iter().flat_map(|w| w.split_whitespace()).map(str::to_lowercase).collect();
        if let [word] = &words[..] {
            // As it may be copied from a script: `wait::ready(`.
            let name = word.trim_end_matches(['(', ')', ';']).trim_start_matches('.');
            let named: Vec<&Entry> = self.entries.iter().filter(|e| e.id == name || e.name == name).collect();
            if let Some(exact) = named.iter().find(|e| e.id == name) {
                return Found::One(exact);
            }
            let module = name.trim_end_matches(':');
            let module: Vec<&Entry> = self.entries.iter().filter(|e| e.module == module).collect();
            match (&named[..], module.is_empty()) {
                ([one], _) => return Found::One(one),
                (_, false) => return Found::Several(module),
                _ => {}
            }
        }
        match self.called_otherwise(&words)[..] {
            [] => {}
            [one] => return Found::One(one),
            ref several => return Found::Several(several.to_vec()),
        }
        let mut found: Vec<(u32, &Entry)> = self.entries.iter().filter_map(|e| Some((e.rank(&words)?, e))).collect();
        if found.is_empty() {
            return Found::Nothing(self.near(&words.join(" ")));
        }
        found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        Found::Several(found.into_iter().map(|(_, entry)| entry).collect())
    }

    /// What is meant by a name that others have for it, with or without the program or module in front.
    fn called_otherwise(&self, words: &[String]) -> Vec<&Entry> {
        let name = words.join(" ").replace("::", " ").replace(['_', '-'], " ");
        let name = name.trim_end_matches(['(', ')', ';']);
        let (module, rest) = name.split_once(' ').unwrap_or_default();
        let called = |name: &str| self.entries.iter().filter(|e| e.also.contains(&name)).collect::<Vec<_>>();
        let (whole, rest) = (called(name), called(rest));
        let own: Vec<&Entry> = rest.iter().copied().filter(|e| e.module == module).collect();
        [whole, own, rest].into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The nearest name to words that nothing has.
    fn near(&self, words: &str) -> Option<&str> {
        let ids = self.entries.iter().map(|e| e.id.as_str());
        nearest(words, ids).or_else(|| {
            let names = self.entries.iter().map(|e| e.name.as_str());
            let near = nearest(words, names)?;
            self.entries.iter().find(|e| e.name == near).map(|e| e.id.as_str())
        })
    }
}

impl Entry {
    /// How well it fits; none where a word is nowhere in it.
    fn rank(&self, words: &[String]) -> Option<u32> {
        words.iter().map(|word| self.rank_of(word)).sum()
    }

    fn rank_of(&self, word: &str) -> Option<u32> {
        let has = |text: &str| text.to_lowercase().contains(word);
        let options = || self.options.iter();
        let ranks = [
            (64, self.name == word || self.id == word),
            (32, self.id.starts_with(word) || self.name.starts_with(word)),
            (24, has(&self.id)),
            (20, self.also.iter().any(|name| has(name))),
            (16, options().any(|o| o.name == word) || self.parameters.iter().any(|p| p.name == word)),
            (12, has(&self.text.summary)),
            (6, has(&self.text.description) || options().any(|o| has(&o.name))),
            (3, options().any(|o| has(&o.description) || has(&o.expects)) || has(&self.text.errors)),
            (1, self.text.examples.iter().any(|e| has(e)) || self.effect == word),
        ];
        ranks.iter().find(|(_, fits)| *fits).map(|(rank, _)| *rank)
    }
}

//! `manifest::replace_text`.

use regex::{Captures, Regex};
use windlass_runtime::options::{FromValue, Mismatch, SecretText};
use windlass_runtime::secret::{Piece, Registry, Template};
use windlass_runtime::{Call, Error, Result, Value, primitive};

use super::manifests::{Manifests, Only};
use crate::text::pattern::Pattern;

/// Replaces text in every value of manifests, wherever it stands; keys stay as they are.
///
/// The pattern is a regular expression (a dot that means itself is `[.]`). In the replacement, `$1` to `$9` are the groups
/// of the pattern, `$0` is all that was found, `${12}` and `${name}` reach the others, and `$$` is a dollar sign. The
/// replacement may hold a secret. A secret that stands in the manifests already is never looked into.
///
/// # Errors
/// `usage` for what is no regular expression, or a group that the pattern does not have.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests")
///     .replace_text("devops[0-9]*[.]ef[.]com", "cx.example.com")
///     .replace_text("^registry[.]example[.]com/(.*)", "mirror.local/$1", #{ kind: "Deployment" });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn replace_text(
    call: &Call<'_>,
    manifests: Manifests,
    pattern: Pattern,
    replacement: Replacement,
    options: Only,
) -> Result<Manifests> {
    let expansion = Expansion::parse(&replacement.0, &pattern.0)?;
    let edit = Edit { pattern: pattern.0, expansion, secrets: call.session().secrets() };
    manifests.each(&options, |object| object.values_mut().try_for_each(|value| edit.value(value)))
}

/// What comes into the place of what was found: as the script wrote it.
#[derive(Debug)]
pub struct Replacement(String);

impl FromValue for Replacement {
    fn expects() -> String {
        SecretText::expects()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        Ok(Self(match SecretText::from_value(value)? {
            SecretText::Plain(text) => text,
            SecretText::Template(template) => template.script_text(),
        }))
    }
}

enum Part {
    Text(String),
    Group(usize),
}

struct Expansion(Vec<Part>);

impl Expansion {
    fn parse(text: &str, pattern: &Regex) -> Result<Self> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let next = rest.chars().next();
            let word = match next {
                Some('$') => {
                    plain.push('$');
                    rest = &rest[1..];
                    continue;
                }
                Some(digit) if digit.is_ascii_digit() => {
                    let (word, after) = rest.split_at(1);
                    rest = after;
                    word
                }
                Some('{') if rest.contains('}') => {
                    let (word, after) = rest[1..].split_once('}').unwrap_or_default();
                    rest = after;
                    word
                }
                _ => {
                    plain.push('$');
                    continue;
                }
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Group(group(word, pattern)?));
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    fn expand(&self, found: &Captures<'_>, into: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => into.push_str(text),
                Part::Group(index) => into.push_str(found.get(*index).map_or("", |m| m.as_str())),
            }
        }
    }
}

fn group(word: &str, pattern: &Regex) -> Result<usize> {
    let by_name = || pattern.capture_names().position(|name| name == Some(word));
    let by_number = || word.parse().ok().filter(|index| *index < pattern.captures_len());
    by_number().or_else(by_name).ok_or_else(|| {
        let groups = pattern.captures_len() - 1;
        Error::usage(format!("the replacement names the group {word:?}, and the pattern has {groups} groups"))
            .hint("a group is what stands in (…); a dollar sign that means itself is written $$")
    })
}

struct Edit<'s> {
    pattern: Regex,
    expansion: Expansion,
    secrets: &'s Registry,
}

impl Edit<'_> {
    fn value(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::Text(text) => {
                if let Some(new) = self.text(text, &[]) {
                    *value = Value::text(&new, self.secrets);
                }
            }
            Value::Template(template) => {
                let (text, secrets) = flattened(template);
                if let Some(new) = self.text(&text, &secrets) {
                    *value = Value::text(&new, self.secrets);
                }
            }
            Value::List(items) => items.iter_mut().try_for_each(|item| self.value(item))?,
            Value::Map(map) => map.values_mut().try_for_each(|item| self.value(item))?,
            Value::Damaged(_) => return Err(windlass_runtime::value::damaged("")),
            _ => {}
        }
        Ok(())
    }

    /// The new text, if anything was found. `secrets` say where in the text a stand-in belongs.
    fn text(&self, text: &str, secrets: &[(usize, String)]) -> Option<String> {
        let touches = |from: usize, to: usize| secrets.iter().any(|(at, _)| (from..to).contains(at));
        let mut new = String::new();
        let mut copied = 0;
        for found in self.pattern.captures_iter(text) {
            let whole = found.get_match();
            if !touches(whole.start(), whole.end()) {
                copy(text, secrets, copied, whole.start(), &mut new);
                self.expansion.expand(&found, &mut new);
                copied = whole.end();
            } else {
                copy(text, secrets, copied, whole.end(), &mut new);
                copied = whole.end();
            }
        }
        if copied == 0 && new.is_empty() {
            return None;
        }
        copy(text, secrets, copied, text.len(), &mut new);
        Some(new)
    }
}

/// Stands for a secret while the pattern looks at a text. (No pattern that means something has it.)
const STAND_IN: char = '\u{fdd0}';

fn flattened(template: &Template) -> (String, Vec<(usize, String)>) {
    let (mut text, mut secrets) = (String::new(), Vec::new());
    for piece in template.pieces() {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Secret { placeholder, .. } => {
                secrets.push((text.len(), placeholder.as_str().to_owned()));
                text.push(STAND_IN);
            }
        }
    }
    (text, secrets)
}

/// Copies a part of the text, each secret in its place.
fn copy(text: &str, secrets: &[(usize, String)], from: usize, to: usize, into: &mut String) {
    let mut at = from;
    for (place, placeholder) in secrets.iter().filter(|(place, _)| (from..to).contains(place)) {
        into.push_str(&text[at..*place]);
        into.push_str(placeholder);
        at = place + STAND_IN.len_utf8();
    }
    into.push_str(&text[at..to]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use windlass_runtime::secret::Secret;

    use super::*;

    fn edit<'s>(pattern: &str, replacement: &str, secrets: &'s Registry) -> Option<Edit<'s>> {
        let pattern = Regex::new(pattern).ok()?;
        Some(Edit { expansion: Expansion::parse(replacement, &pattern).ok()?, pattern, secrets })
    }

    fn registry() -> (Registry, Vec<String>) {
        let registry = Registry::new();
        let register = |name: &str| {
            let secret = Secret::new(windlass_runtime::secret::Origin::Env(name.into()), format!("value of {name}"));
            registry.register(secret).unwrap().as_str().to_owned()
        };
        let placeholders = vec![register("one"), register("two")];
        (registry, placeholders)
    }

    /// A pattern of parts that stand for letters, classes, stars, groups.
    fn patterns() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["a", "b", "[a-z]", ".", "a*", "(b|c)", "[^a]+", "^", "$", "é", "\\d?"]),
            0..4,
        )
        .prop_map(|parts| format!("({})", parts.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn without_secrets_it_is_what_the_library_does(pattern in patterns(), text in "[abcé1 ]{0,12}") {
            let (registry, _) = registry();
            let edit = edit(&pattern, "<$1é>", &registry).unwrap();
            let expected = edit.pattern.replace_all(&text, "<${1}é>").into_owned();
            prop_assert_eq!(edit.text(&text, &[]).unwrap_or(text), expected);
        }

        #[test]
        fn secrets_stay_whole_and_in_order_whatever_is_replaced(
            pattern in patterns(),
            pieces in prop::collection::vec(("[abcé1 ]{0,5}", 0..2_usize), 1..4),
            replacement in "[ab$]{0,3}(\\$1)?",
        ) {
            let (registry, placeholders) = registry();
            let text: String = pieces.iter().map(|(text, which)| format!("{text}{}", placeholders[*which])).collect();
            let edit = edit(&pattern, &replacement, &registry).unwrap();
            let mut value = Value::text(&text, &registry);
            edit.value(&mut value).unwrap();
            let Value::Template(template) = value else { panic!("no secrets are left in {value:?}") };
            let found: Vec<&str> = template.placeholders().map(windlass_runtime::secret::Placeholder::as_str).collect();
            let expected: Vec<&str> = pieces.iter().map(|(_, which)| placeholders[*which].as_str()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

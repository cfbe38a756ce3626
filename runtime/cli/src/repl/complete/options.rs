//! Options of functions: their keys, and values that are words.

use windlass_runtime::Runtime;
use windlass_runtime::options::OptionField;
use windlass_runtime::primitive::Primitive;

use super::place::{Bracket, Open, Place};
use super::{Item, functions};

/// The keys of the options, where the innermost bracket is the map of them.
pub(super) fn keys(runtime: &Runtime, place: &Place<'_>) -> Vec<Item> {
    let fields = options_around(runtime, &place.open).map(|(_, fields)| fields).unwrap_or_default();
    fields.iter().map(|field| Item::new(format!("{}: ", field.name), about(field))).collect()
}

/// The map of the options, where it is the next argument and nothing is typed yet.
pub(super) fn map(runtime: &Runtime, place: &Place<'_>) -> Option<Item> {
    let call = place.open.last().filter(|_| place.word.is_empty())?;
    let Bracket::Call { module, name, method } = call.bracket else { return None };
    let primitive = functions::called(runtime, module, name, method)?;
    if primitive.options_at != Some(call.commas + usize::from(method)) || primitive.options.is_empty() {
        return None;
    }
    let keys: Vec<&str> = primitive.options.iter().map(|field| field.name).collect();
    Some(Item::new("#{ ".to_owned(), format!("options: {}", keys.join(", "))))
}

/// The option whose value is being typed, be it in a list or not.
pub(super) fn option_at<'a>(runtime: &'a Runtime, place: &Place<'_>) -> Option<&'a OptionField> {
    let open = match place.open.split_last() {
        Some((last, before)) if last.bracket == Bracket::List => before,
        _ => &place.open,
    };
    let (key, fields) = options_around(runtime, open)?;
    fields.iter().find(|field| Some(field.name) == key)
}

/// The words that a value must be one of.
pub(super) fn words(expects: &str) -> Option<Vec<String>> {
    let words = expects.trim_start_matches("a list, each item ").strip_prefix("one of ")?;
    serde_json::from_str(&format!("[{words}]")).ok()
}

/// What can stand for an option where no quote is open: its words in quotes, or whether it is.
pub(super) fn values(field: &OptionField) -> Vec<Item> {
    if field.expects == "true or false" {
        return ["true", "false"].map(|word| Item::new(word.to_owned(), about(field))).to_vec();
    }
    let words = words(&field.expects).unwrap_or_default();
    words.into_iter().map(|word| Item::new(format!("{word:?}"), about(field))).collect()
}

/// What an option is, in a line.
pub(super) fn about(field: &OptionField) -> String {
    let doc = field.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let needed = if field.required { ", needed" } else { "" };
    format!("{}{needed}: {doc}", field.expects)
}

/// The options that a map is for, and the key whose value is being typed in it.
fn options_around<'a, 'b>(runtime: &'a Runtime, open: &[Open<'b>]) -> Option<(Option<&'b str>, &'a [OptionField])> {
    let [.., call, map] = open else { return None };
    let Bracket::Call { module, name, method } = call.bracket else { return None };
    let primitive: &Primitive = functions::called(runtime, module, name, method)?;
    let is_there = primitive.options_at == Some(call.commas + usize::from(method));
    (is_there && map.bracket == Bracket::Map).then_some((map.key, &primitive.options[..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::{runtime, values as said};

    #[test]
    fn keys_are_those_of_the_function_and_only_in_its_options() {
        let runtime = runtime();
        let at = |text: &str| keys(&runtime, &Place::at_end(&runtime, text).unwrap());
        let found = at("cluster::get(\"Pod/x\", #{ namespace: \"a\", ");
        assert!(said(&found).contains(&"namespace: ") && said(&found).contains(&"cluster: "), "{found:?}");
        assert!(found[0].about.contains(": "), "{found:?}");
        for text in ["cluster::get(#{ ", "unknown(1, #{ ", "#{ ", "helm::upgrade(\"a\", \"b\", #{ values: #{ "] {
            assert!(at(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_option_that_is_a_word_has_its_words() {
        let runtime = runtime();
        let at = |text: &str| {
            let place = Place::at_end(&runtime, text).unwrap();
            option_at(&runtime, &place).map(|field| (field.name, said(&values(field)).join(" ")))
        };
        let take = at("cluster::apply(x, #{ conflicts: ").unwrap();
        assert!(take.1.contains("\"take\""), "{take:?}");
        assert_eq!(at("helm::upgrade(\"a\", \"b\", #{ wait: ").unwrap(), ("wait", "true false".to_owned()));
        assert_eq!(at("step(\"a\", #{ needs: [\"b\", \"").unwrap().0, "needs");
        assert!(at("x(#{ conflicts: ").is_none());
        assert_eq!(words("one of \"a\", \"b\"").unwrap(), ["a", "b"]);
        assert!(words("a text").is_none());
    }
}

//! The values: their paths, and what is given for them.

use windlass_runtime::Value;
use windlass_runtime::playbook::Shape;
use windlass_runtime::values::{Path, Segment};

use super::place::Link;
use super::{Answer, Item, Picture, variables};

/// What is below a path of values, as `storage.cstor` writes it.
pub(super) fn below(picture: &Picture, word: &str) -> Answer {
    let start = word.rfind('.').map_or(0, |at| at + 1);
    let above = links(word.get(..start).unwrap_or_default());
    let shape = variables::value_at(picture, &above);
    let mut items = shape.map(|shape| variables::fields(picture, shape)).unwrap_or_default();
    described(picture, &above, &mut items);
    Answer::new(start, items)
}

/// Adds to values what they are.
pub(super) fn described(picture: &Picture, above: &[Link<'_>], items: &mut [Item]) {
    let Some(schema) = &picture.known.schema else { return };
    let key = |link: &Link<'_>| match link {
        Link::Name(name) => Segment::Key((*name).to_owned()),
        Link::Item => Segment::Index(0),
    };
    let at = above.iter().map(key).fold(Path::default(), |path, segment| path.join(segment));
    for item in items {
        if let Some(said) = schema.description(&at.join(Segment::Key(item.value.clone()))) {
            item.about = format!("{}. {said}", item.about);
        }
    }
}

/// What `:set` can be given: first the paths that have no value yet, and after the `=` the value that there is.
pub(super) fn given(picture: &Picture, word: &str) -> Answer {
    match word.split_once('=') {
        Some((path, _)) => Answer::new(path.len() + 1, now(picture, path)),
        None => {
            let start = word.rfind('.').map_or(0, |at| at + 1);
            Answer::new(start, paths(picture, word.get(..start).unwrap_or_default()))
        }
    }
}

fn links(path: &str) -> Vec<Link<'_>> {
    path.split('.').filter(|part| !part.is_empty()).map(Link::Name).collect()
}

fn paths(picture: &Picture, above: &str) -> Vec<Item> {
    let Ok(at) = Path::parse(above.trim_end_matches('.')) else { return Vec::new() };
    let known = variables::value_at(picture, &links(above));
    let there: Vec<&str> = match known {
        Some(Shape::Map(entries)) => entries.iter().map(|(key, _)| key.as_str()).collect(),
        _ => Vec::new(),
    };
    let schema = picture.known.schema.as_deref();
    let named = schema.map(|schema| schema.known_keys(&at)).unwrap_or_default();
    let missing = named.into_iter().filter(|key| !there.contains(key));
    let item = |key: &str| {
        let path = at.join(Segment::Key(key.to_owned()));
        let shape = known.and_then(|known| known.get(key));
        let is_map =
            matches!(shape, Some(Shape::Map(_))) || schema.is_some_and(|schema| !schema.known_keys(&path).is_empty());
        let said = schema.and_then(|schema| schema.description(&path)).unwrap_or_default();
        let now = match shape {
            Some(_) if is_secret(picture, &path) => "a secret".to_owned(),
            Some(shape) => variables::about(picture, shape),
            None => "not given".to_owned(),
        };
        Item::new(format!("{key}{}", if is_map { "." } else { "=" }), format!("{now}. {said}"))
    };
    let plain = |key: &&str| variables::is_plain(key);
    let mut missing: Vec<Item> = missing.filter(plain).map(item).collect();
    // What has parts is seldom what is missing.
    missing.sort_by_key(|item| item.value.ends_with('.'));
    missing.into_iter().chain(there.iter().copied().filter(plain).map(item)).collect()
}

/// The value that a path has now, and the others that it can have where these are few.
fn now(picture: &Picture, path: &str) -> Vec<Item> {
    let Ok(at) = Path::parse(path) else { return Vec::new() };
    if is_secret(picture, &at) {
        return Vec::new();
    }
    let item = |value: String, about: &str| Item::new(value, about.to_owned());
    match variables::value_at(picture, &links(path)) {
        Some(Shape::One(Value::Bool(now))) => {
            vec![item((!now).to_string(), ""), item(now.to_string(), "as it is now")]
        }
        Some(Shape::One(Value::Int(now))) => vec![item(now.to_string(), "as it is now")],
        Some(Shape::One(Value::Text(now))) if picture.mask(now) == *now && !now.contains([',', '{', '}']) => {
            vec![item(now.to_string(), "as it is now")]
        }
        _ => Vec::new(),
    }
}

fn is_secret(picture: &Picture, path: &Path) -> bool {
    path.looks_secret() || picture.known.schema.as_ref().is_some_and(|schema| schema.is_secret(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::{picture, values as said};

    #[test]
    fn values_are_gone_into() {
        let picture = picture();
        let at = |word: &str| below(&picture, word);
        assert_eq!((at("").start, said(&at("").items)), (0, vec!["fqdn", "storage"]));
        assert_eq!((at("storage.en").start, said(&at("storage.en").items)), (8, vec!["engine"]));
        assert!(at("fqdn.x").items.is_empty());
        assert_eq!(at("fq").items[0].about, "\"example.com\". Where users go");
        let members = variables::members(&picture, &[Link::Name("values")]);
        assert_eq!(members[0].about, "\"example.com\". Where users go");
    }

    #[test]
    fn what_is_not_given_yet_comes_first() {
        let picture = picture();
        let at = |word: &str| given(&picture, word);
        assert_eq!(said(&at("").items), ["password=", "release=", "images.", "fqdn=", "storage."]);
        assert_eq!(at("").items[1].about, "not given. The release");
        assert_eq!(at("").items[3].about, "\"example.com\". Where users go");
        assert_eq!((at("storage.e").start, said(&at("storage.e").items)), (8, vec!["size=", "engine="]));
        assert_eq!((at("fqdn=ex").start, said(&at("fqdn=ex").items)), (5, vec!["example.com"]));
        assert!(at("release=").items.is_empty() && at("nothing.").items.is_empty());
    }

    #[test]
    fn secrets_are_not_offered_and_truth_is_turned_round() {
        let mut picture = picture();
        picture.values = Shape::of(&serde_json::json!({ "password": "hunter2", "tls": true, "odd.key": 1 }));
        assert!(given(&picture, "password=").items.is_empty());
        let paths = given(&picture, "").items;
        assert!(paths.iter().all(|item| !item.about.contains("hunter2") && item.value != "odd.key="), "{paths:?}");
        assert_eq!(said(&given(&picture, "tls=").items), ["false", "true"]);
    }
}

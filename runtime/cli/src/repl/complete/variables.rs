//! Variables, what they hold, and the paths of the values.

use windlass_runtime::Value;
use windlass_runtime::playbook::Shape;

use super::place::Link;
use super::{Item, Picture};

/// The variables, and what scripts are given.
pub(super) fn at_top(picture: &Picture) -> Vec<Item> {
    let mut items: Vec<Item> =
        picture.variables.iter().map(|(name, shape)| Item::new(name.clone(), about(picture, shape))).collect();
    if !items.iter().any(|item| item.value == "values") {
        items.push(Item::new("values".to_owned(), "the values of the playbook".to_owned()));
    }
    items
}

/// What is at the end of this path.
pub(super) fn found<'a>(picture: &'a Picture, links: &[Link<'_>]) -> Option<&'a Shape> {
    let (Link::Name(first), rest) = links.split_first()? else { return None };
    let own = picture.variables.iter().find(|(name, _)| name == first).map(|(_, shape)| shape);
    match (*first, rest) {
        // A step's own: a handle, which is not looked into.
        ("ctx", [Link::Name("state"), rest @ ..]) => inside(&picture.state, rest),
        ("values", rest) if own.is_none() => inside(&picture.values, rest),
        (_, rest) => inside(own?, rest),
    }
}

/// What the thing at the end of this path holds.
pub(super) fn members(picture: &Picture, links: &[Link<'_>]) -> Vec<Item> {
    if links == [Link::Name("ctx")] {
        return ["state", "key", "attempt", "result("].map(|name| Item::new(name.to_owned(), String::new())).to_vec();
    }
    let mut fields = found(picture, links).map(|shape| fields(picture, shape)).unwrap_or_default();
    let is_hidden = picture.variables.iter().any(|(name, _)| name == "values");
    if let [Link::Name("values"), above @ ..] = links
        && !is_hidden
    {
        super::values::described(picture, above, &mut fields);
    }
    fields
}

/// The value at the end of this path, whatever variables there are.
pub(super) fn value_at<'a>(picture: &'a Picture, links: &[Link<'_>]) -> Option<&'a Shape> {
    inside(&picture.values, links)
}

fn inside<'a>(shape: &'a Shape, links: &[Link<'_>]) -> Option<&'a Shape> {
    links.iter().try_fold(shape, |shape, link| match (link, shape) {
        (Link::Name(name), shape) => shape.get(name),
        (Link::Item, Shape::List(first)) => first.as_deref(),
        (Link::Item, _) => None,
    })
}

pub(super) fn fields(picture: &Picture, shape: &Shape) -> Vec<Item> {
    let Shape::Map(entries) = shape else { return Vec::new() };
    let named = entries.iter().filter(|(key, _)| is_name(key));
    named.map(|(key, shape)| Item::new(key.clone(), about(picture, shape))).collect()
}

fn is_name(key: &str) -> bool {
    !key.starts_with(|c: char| c.is_ascii_digit()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a key of the values needs no backslash in a path.
pub(super) fn is_plain(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// What it is, in a line.
pub(super) fn about(picture: &Picture, shape: &Shape) -> String {
    match shape {
        Shape::Map(entries) => {
            let keys: Vec<&str> = entries.iter().take(6).map(|(key, _)| key.as_str()).collect();
            let more = if entries.len() > keys.len() { ", …" } else { "" };
            format!("a map: {}{more}", keys.join(", "))
        }
        Shape::List(None) => "an empty list".to_owned(),
        Shape::List(Some(_)) => "a list".to_owned(),
        Shape::One(Value::Text(text)) => picture.mask(&format!("{text:?}")),
        Shape::One(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))) => format!("{value:?}"),
        Shape::One(value) => value.sort().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::repl::complete::testing::{picture, values};

    #[test]
    fn variables_come_with_what_they_hold() {
        let picture = picture();
        let top = at_top(&picture);
        assert_eq!(values(&top), ["pods", "x", "values"]);
        let x = top.iter().find(|item| item.value == "x").unwrap();
        assert_eq!(x.about, "a map: size, name");
        let fields = members(&picture, &[Link::Name("x")]);
        let said: Vec<(&str, &str)> = fields.iter().map(|item| (item.value.as_str(), item.about.as_str())).collect();
        assert_eq!(said, [("size", "3"), ("name", "\"web\"")]);
        assert_eq!(values(&members(&picture, &[Link::Name("pods"), Link::Item])), ["metadata"]);
        assert!(members(&picture, &[Link::Name("nothing")]).is_empty());
        assert!(members(&picture, &[Link::Name("x"), Link::Item]).is_empty());
    }

    #[test]
    fn values_and_state_are_gone_into() {
        let picture = picture();
        assert_eq!(values(&members(&picture, &[Link::Name("values"), Link::Name("storage")])), ["engine"]);
        assert_eq!(values(&members(&picture, &[Link::Name("ctx"), Link::Name("state")])), ["nodes"]);
    }

    #[test]
    fn a_variable_hides_the_values_and_odd_keys_are_left_out() {
        let mut picture = picture();
        picture.variables.push(("values".to_owned(), Shape::of(&json!({ "own": 1, "odd-key": 2, "1st": 3 }))));
        assert_eq!(values(&members(&picture, &[Link::Name("values")])), ["own"]);
        assert_eq!(values(&at_top(&picture)), ["pods", "x", "values"]);
    }
}

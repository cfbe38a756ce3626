//! Short words for reading and filling fields.

use serde_json::{Map, json};

use crate::Json;

/// The field's value, or null.
pub(crate) fn get<'a>(of: &'a Json, name: &str) -> &'a Json {
    of.get(name).unwrap_or(&Json::Null)
}

/// The text in a field; empty without.
pub(crate) fn text<'a>(of: &'a Json, name: &str) -> &'a str {
    get(of, name).as_str().unwrap_or_default()
}

/// The truth value in a field; false without.
pub(crate) fn truth(of: &Json, name: &str) -> bool {
    get(of, name).as_bool().unwrap_or_default()
}

/// The whole number in a field, or nothing.
pub(crate) fn number(of: &Json, name: &str) -> Option<i64> {
    get(of, name).as_i64()
}

/// The items of a list; none where there is no list.
pub(crate) fn items<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    get(of, name).as_array().map_or(&[], Vec::as_slice)
}

/// The entries of a map; none where there is no map.
pub(crate) fn entries<'a>(of: &'a Json, name: &str) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
    get(of, name).as_object().into_iter().flatten()
}

/// The items of a list, to change.
pub(crate) fn items_mut<'a>(of: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> + use<'a> {
    of.get_mut(name).and_then(Json::as_array_mut).into_iter().flatten()
}

/// Fills a field that is not there.
pub(crate) fn fill(of: &mut Json, name: &str, value: impl Into<Json>) {
    if let Json::Object(map) = of
        && map.get(name).is_none_or(Json::is_null)
    {
        map.insert(name.to_owned(), value.into());
    }
}

/// Sets a field.
pub(crate) fn set(of: &mut Json, name: &str, value: impl Into<Json>) {
    if let Json::Object(map) = of {
        map.insert(name.to_owned(), value.into());
    }
}

/// Takes a field away.
pub(crate) fn drop(of: &mut Json, name: &str) -> Option<Json> {
    of.as_object_mut().and_then(|map| map.shift_remove(name))
}

/// The object in a field, which is made where it is not there.
pub(crate) fn object<'a>(of: &'a mut Json, name: &str) -> Option<&'a mut Json> {
    fill(of, name, json!({}));
    of.get_mut(name).filter(|value| value.is_object())
}

/// The map in a field, which is made where it is not there.
pub(crate) fn map<'a>(of: &'a mut Json, name: &str) -> Option<&'a mut Map<String, Json>> {
    object(of, name).and_then(Json::as_object_mut)
}

/// Rounds the quantities of a list of resources up to thousandths, as the API server does.
pub(crate) fn each_resource_list(of: &mut Json, name: &str) {
    let Some(Json::Object(list)) = of.get_mut(name) else { return };
    for quantity in list.values_mut() {
        let read = quantity.as_str().and_then(|text| crate::quantity::Quantity::parse(text).ok());
        if let Some(rounded) = read.and_then(crate::quantity::Quantity::rounded_to_milli) {
            *quantity = rounded.to_string().into();
        }
    }
}

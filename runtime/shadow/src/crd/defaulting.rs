//! Defaults from a schema.

use super::props::Props;
use crate::Json;

/// Fills in what is missing, or null where null is no value of it, also inside of what it fills in.
pub(crate) fn fill(value: &mut Json, schema: &Props) {
    match value {
        Json::Object(fields) => {
            for (name, schema) in &schema.properties {
                let Some(default) = &schema.default else { continue };
                if fields.get(name).is_none_or(|value| value.is_null() && !schema.nullable) {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(own) = schema.properties.get(name) {
                    fill(value, own);
                } else if let Some(own) = schema.value() {
                    fill_null(value, own);
                }
            }
        }
        Json::Array(items) => {
            if let Some(own) = schema.item() {
                items.iter_mut().for_each(|item| fill_null(item, own));
            }
        }
        _ => {}
    }
}

/// An item, or a value of a map: there, only null is replaced.
fn fill_null(value: &mut Json, schema: &Props) {
    if value.is_null() && !schema.nullable {
        *value = schema.default.clone().unwrap_or_default();
    }
    fill(value, schema);
}

//! JSON values as YAML that every reader takes for the same.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_yaml::DoubleQuoted;

use crate::error::{Error, Result};

/// Writes a value as one YAML document. It reads back equal by [`super::read_one`] and by kubectl; a text that any
/// reader could take for something else (`yes`, `0644`, `null`) stands in quotes.
///
/// # Errors
/// [`crate::Kind::Internal`] where the emitter fails, which no JSON value causes.
pub fn write(value: &Value) -> Result<String> {
    let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
    let text = serde_yaml::to_string_with_options(&Plain(value), options)
        .map_err(|e| Error::internal("a value cannot be written as YAML").source(e))?;
    Ok(text)
}

/// A value whose texts choose their style by themselves.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Plain(item))?;
                }
                sequence.end()
            }
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&DoubleQuoted(key), &Plain(value))?;
                }
                map.end()
            }
            // In a block, a tab that comes first counts as indentation for kubectl.
            Value::String(text) if text.contains('\n') && text.trim_start_matches(['\n', ' ']).starts_with('\t') => {
                DoubleQuoted(text).serialize(serializer)
            }
            other => other.serialize(serializer),
        }
    }
}

//! State and results as the journal keeps them, and back: secrets by reference only.

use serde_json::{Value as Json, json};

use crate::secret::{Origin, StoredTemplate, from_env, from_file};
use crate::session::Session;
use crate::value::Value;
use crate::{Error, Result};

/// The only key of what stands for a text with secrets.
const TEMPLATE: &str = "windlass:template";

/// State or a result as the journal keeps it.
pub(crate) fn journaled(value: &Value) -> Json {
    let stored = |_: &str, secret: Value| match secret {
        Value::Template(template) => Ok(json!({ TEMPLATE: template.stored() })),
        _ => Ok(Json::Null),
    };
    value.clone().json_with(&mut { stored }).unwrap_or_default()
}

/// State or a result as the script had it. Its secrets are read again from where they come.
///
/// # Errors
/// Where a secret cannot be had again.
pub(crate) fn restored(session: &Session, kept: Json) -> Result<Value> {
    match kept {
        Json::Array(items) => {
            items.into_iter().map(|item| restored(session, item)).collect::<Result<_>>().map(Value::List)
        }
        Json::Object(mut map) if map.len() == 1 && map.contains_key(TEMPLATE) => {
            let stored = map.remove(TEMPLATE).unwrap_or_default();
            let stored: StoredTemplate = serde_json::from_value(stored)
                .map_err(|e| Error::internal("the journal keeps a text with secrets that is none").source(e))?;
            stored.origins().try_for_each(|origin| register(session, origin))?;
            stored.restore(session.secrets()).map(Value::Template)
        }
        Json::Object(map) => {
            let entry = |(key, item)| Ok((key, restored(session, item)?));
            map.into_iter().map(entry).collect::<Result<_>>().map(Value::Map)
        }
        plain => Ok(plain.into()),
    }
}

/// Reads a secret again, if this session has not read it yet. What comes from a command or a cluster stays to the step that
/// reads it: how it was read is not kept.
fn register(session: &Session, origin: &Origin) -> Result<()> {
    if session.secrets().placeholder_of(origin).is_some() {
        return Ok(());
    }
    let secret = match origin {
        Origin::Env(name) => Some(from_env(name)?),
        Origin::File(path) => Some(from_file(path)?),
        Origin::Prompt(text) => Some(session.ask_secret(session.cancel(), text)?),
        Origin::Age(name) | Origin::Generated(name) => session.vault().read(name)?,
        Origin::Command(_) | Origin::Kubernetes(_) => None,
    };
    match secret {
        // It is known by the origin that the script gave it, which need not be the vault's word for it.
        Some(secret) => {
            session.secrets().register(crate::secret::Secret::new(origin.clone(), secret.expose())).map(drop)
        }
        None => Ok(()),
    }
}

//! From what a script gives to what is intended: secrets go where they may, the values' `images` and `network` are
//! honoured, and each object is named.

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::Value as Json;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::cluster::ownership::{intent_hash, intent_of};
use windlass_runtime::{Call, Error, Kind, Result, Value};

use super::{ApplyOptions, Intended, surroundings};

/// The manifests in what a script gave: one map, a list of them, or the path of a file or folder.
///
/// # Errors
/// [`Kind::Usage`] for anything else, and what reading a file says.
pub fn objects_in(call: &Call<'_>, given: Value) -> Result<Vec<Value>> {
    match given {
        Value::Map(_) => Ok(vec![given]),
        Value::List(items) => match items.iter().position(|item| !matches!(item, Value::Map(_))) {
            None => Ok(items),
            Some(index) => {
                Err(Error::usage(format!("item {index} of the list is {}, not an object", items[index].sort())))
            }
        },
        Value::Text(path) => {
            Ok(crate::manifest::load::read(&call.locate(&path)?)?.into_iter().map(Value::from).collect())
        }
        other => Err(Error::usage(format!(
            "{} is {}, not an object, a list of objects or a path",
            call.primitive(),
            other.sort()
        ))),
    }
}

/// Turns a script's objects into manifests: secrets are put in clear where the kind is made for them, and refused
/// elsewhere; `images` and `network` of the values reach every pod.
pub(super) fn manifests(call: &Call<'_>, given: Vec<Value>, options: &ApplyOptions) -> Result<Vec<Json>> {
    let mut manifests = given.into_iter().map(|value| resolved(call, value, options)).collect::<Result<Vec<_>>>()?;
    let more = surroundings::Surroundings::of(call)?.reach(&mut manifests, options.namespace.as_deref());
    manifests.extend(more);
    Ok(manifests)
}

fn text<'a>(map: &'a std::collections::BTreeMap<String, Value>, key: &str) -> Option<&'a str> {
    if let Some(Value::Text(text)) = map.get(key) { Some(text) } else { None }
}

fn resolved(call: &Call<'_>, value: Value, options: &ApplyOptions) -> Result<Json> {
    let Value::Map(map) = &value else { return Err(Error::usage("a manifest is a map")) };
    let kind = text(map, "kind").unwrap_or("object").to_owned();
    let name = match map.get("metadata") {
        Some(Value::Map(metadata)) => text(metadata, "name").unwrap_or("without a name").to_owned(),
        _ => "without a name".to_owned(),
    };
    let is_secret = kind == "Secret" && text(map, "apiVersion") == Some("v1");
    let resource = format!("{kind}/{name}");
    let registry = call.session().secrets();
    let place = |path: &str, value: Value| {
        let path = path.trim_start_matches('.');
        let Value::Template(template) = value else {
            return Err(windlass_runtime::value::damaged(path).resource(&resource));
        };
        if is_secret && path.starts_with("stringData.") {
            return Ok(Json::String(template.resolve(registry)?.to_string()));
        }
        if is_secret && path.starts_with("data.") {
            let clear = template.resolve(registry)?;
            return Ok(Json::String(base64::engine::general_purpose::STANDARD.encode(clear.as_bytes())));
        }
        if options.secret_fields.iter().any(|field| field == path) {
            return Ok(Json::String(template.resolve(registry)?.to_string()));
        }
        Err(Error::new(Kind::Secret, format!("{resource} would hold {template} in clear at {path}"))
            .hint(format!("keep it in a Secret (cluster::secret) and refer to that; if this field is made for it: secret_fields: [\"{path}\"]"))
            .resource(&resource))
    };
    value.json_with(&mut { place }).map_err(|e| e.resource(&resource))
}

pub(super) fn is_definition(manifest: &Json) -> bool {
    manifest.get("kind").and_then(Json::as_str) == Some("CustomResourceDefinition")
}

/// Names each object and hashes what is intended. The same object twice with the same contents counts once.
pub(super) async fn intended(
    cluster: &Cluster,
    manifests: Vec<Json>,
    namespace: Option<&str>,
) -> Result<Vec<Intended>> {
    // Two requests at once: both are needed, and neither waits for the other.
    let (salt, _) = futures::try_join!(cluster.identity(), cluster.discovery())?;
    let salt = salt.to_owned();
    let mut intended: Vec<Intended> = Vec::with_capacity(manifests.len());
    let mut known: HashMap<_, usize> = HashMap::new();
    for mut manifest in manifests {
        let id = cluster.identify_object(&manifest, namespace).await?;
        if let (Some(namespace), Some(metadata)) =
            (&id.namespace, manifest.get_mut("metadata").and_then(Json::as_object_mut))
        {
            metadata.insert("namespace".to_owned(), namespace.clone().into());
        }
        let kind = cluster.kind_of(&id.api_version, &id.kind).await?;
        let intent = intent_of(&manifest, kind.has_subresource("status"));
        let hash = intent_hash(&intent, &salt);
        match known.get(&id) {
            Some(&first) if intended[first].intent == intent => {}
            Some(_) => {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("{id} stands twice in what is applied, with different contents"),
                )
                .hint("leave one of them out")
                .resource(&id));
            }
            None => {
                known.insert(id.clone(), intended.len());
                intended.push(Intended { id, intent, hash });
            }
        }
    }
    Ok(intended)
}

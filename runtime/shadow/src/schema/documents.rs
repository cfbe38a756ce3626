//! The OpenAPI documents: `/openapi/v3` and what it refers to.

mod custom;
mod encoded;
mod second;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::assets;
use crate::Json;
use crate::catalog::{Catalog, ResourceType};

/// The documents of a catalog, which does not change. Each is made when it is first asked for, and kept.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// By place, such as `apis/example.com/v1`.
    custom: Mutex<HashMap<String, Custom>>,
    second: OnceLock<(Bytes, Bytes)>,
}

/// A document of custom resources, as long as they are these.
#[derive(Debug, Clone)]
struct Custom {
    of: Vec<Arc<ResourceType>>,
    hash: String,
    text: Bytes,
}

impl Documents {
    /// `/openapi/v3`: where the documents are, each with a hash that changes with it.
    pub(crate) fn index(&self, catalog: &Catalog) -> Json {
        let mut hashes: BTreeMap<String, String> =
            written().documents.iter().map(|(place, document)| (place.clone(), document.hash.clone())).collect();
        for (place, of) in custom_versions(catalog) {
            let hash = self.custom(&place, of).hash;
            hashes.insert(place, hash);
        }
        let paths: Map<String, Json> = hashes
            .into_iter()
            .map(|(place, hash)| {
                let url = format!("/openapi/v3/{place}?hash={hash}");
                (place, json!({"serverRelativeURL": url}))
            })
            .collect();
        json!({"paths": paths})
    }

    /// A document by its place: what follows `/openapi/v3/`.
    pub(crate) fn get(&self, catalog: &Catalog, place: &str) -> Option<Bytes> {
        if let Some(document) = written().documents.get(place) {
            return Some(document.text.get_or_init(|| written().expand(&document.part).into()).clone());
        }
        let of = custom_versions(catalog).remove(place)?;
        Some(self.custom(place, of).text)
    }

    /// `/openapi/v2`: all in one document, as JSON and as protobuf.
    pub(crate) fn second(&self, catalog: &Catalog) -> (Bytes, Bytes) {
        let made = self.second.get_or_init(|| {
            let places: Vec<String> =
                written().documents.keys().cloned().chain(custom_versions(catalog).into_keys()).collect();
            let parse = |text: Bytes| serde_json::from_slice::<Json>(&text).ok();
            let documents: Vec<Json> = places.iter().filter_map(|place| parse(self.get(catalog, place)?)).collect();
            let version = &super::builtin().version;
            let part = |key: &str| version.get(key).and_then(Json::as_str).unwrap_or_default();
            let document = second::document(&format!("{}.{}", part("major"), part("minor")), documents.iter());
            (document.to_string().into(), encoded::encode(&document).into())
        });
        made.clone()
    }

    fn custom(&self, place: &str, of: Vec<Arc<ResourceType>>) -> Custom {
        let mut known = self.custom.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |known: &&Custom| known.of.len() == of.len() && known.of.iter().zip(&of).all(|(a, b)| Arc::ptr_eq(a, b));
        if let Some(custom) = known.get(place).filter(same) {
            return custom.clone();
        }
        let text = custom::document(&of).to_string();
        let hash = Sha256::digest(&text).iter().map(|byte| format!("{byte:02X}")).collect();
        let custom = Custom { of, hash, text: text.into() };
        known.insert(place.to_owned(), custom.clone());
        custom
    }
}

/// The custom resources by the place of their document.
fn custom_versions(catalog: &Catalog) -> BTreeMap<String, Vec<Arc<ResourceType>>> {
    let mut versions = BTreeMap::<String, Vec<_>>::new();
    for resource in catalog.all().filter(|resource| resource.definition.is_some()) {
        let place = format!("apis/{}/{}", resource.group, resource.version);
        versions.entry(place).or_default().push(Arc::clone(resource));
    }
    versions
}

/// The documents of the asset.
struct Written {
    /// What documents are put together from.
    parts: Vec<String>,
    documents: BTreeMap<String, Document>,
    /// The documents of two kinds that are there to make others from.
    samples: BTreeMap<String, String>,
}

struct Document {
    hash: String,
    part: String,
    text: OnceLock<Bytes>,
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let mut written = Written { parts: Vec::new(), documents: BTreeMap::new(), samples: BTreeMap::new() };
        for line in assets::documents().lines() {
            let mut columns = line.split('\t');
            match (columns.next(), columns.next(), columns.next()) {
                (Some(place), Some(""), Some(part)) => drop(written.samples.insert(place.into(), part.into())),
                (Some(place), Some(hash), Some(part)) => {
                    let document = Document { hash: hash.into(), part: part.into(), text: OnceLock::new() };
                    written.documents.insert(place.into(), document);
                }
                _ => written.parts.push(line.to_owned()),
            }
        }
        written
    })
}

impl Written {
    /// Replaces references (a number between U+0001 and `;`) by what they refer to.
    fn expand(&self, part: &str) -> String {
        let mut text = String::new();
        self.expand_into(part, &mut text);
        text
    }

    fn expand_into(&self, part: &str, text: &mut String) {
        let mut pieces = part.split('\u{1}');
        text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (number, rest) = piece.split_once(';').unwrap_or((piece, ""));
            if let Some(part) = number.parse().ok().and_then(|number: usize| self.parts.get(number)) {
                self.expand_into(part, text);
            }
            text.push_str(rest);
        }
    }
}

#[cfg(test)]
mod tests;

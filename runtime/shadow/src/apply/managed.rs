//! `metadata.managedFields`: who owns which fields.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::printed;
use super::set::Set;
use crate::Json;

/// Who owns fields: a manager with an operation; one who updates is another in each version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// What owners are sorted by, where the API server sorts them by their JSON.
    text: String,
    pub(crate) manager: String,
    pub(crate) applies: bool,
    /// Empty for one who applies.
    pub(crate) api_version: String,
    pub(crate) subresource: String,
}

impl Owner {
    pub(crate) fn new(manager: &str, applies: bool, api_version: &str, subresource: &str) -> Self {
        let api_version = if applies { "" } else { api_version };
        let operation = if applies { "Apply" } else { "Update" };
        let fields =
            [("manager", manager), ("operation", operation), ("apiVersion", api_version), ("subresource", subresource)];
        let said: Vec<String> = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("\"{name}\":{}", printed::quoted(value)))
            .collect();
        Self {
            text: format!("{{{}}}", said.join(",")),
            manager: manager.into(),
            applies,
            api_version: api_version.into(),
            subresource: subresource.into(),
        }
    }

    /// As a conflict names it: `"kubectl-patch" using apps/v1`.
    pub(crate) fn described(&self) -> String {
        let mut said = crate::go::quote(&self.manager);
        if !self.subresource.is_empty() {
            said = format!("{said} with subresource {}", crate::go::quote(&self.subresource));
        }
        if !self.applies {
            said = format!("{said} using {}", self.api_version);
        }
        said
    }
}

/// What somebody owns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owned {
    /// The version in which the fields are meant.
    pub(crate) api_version: String,
    pub(crate) fields: Set,
}

/// All owners of an object's fields.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Managed {
    pub(crate) owners: BTreeMap<Owner, Owned>,
    /// When they last changed something; also of some who own nothing any more.
    pub(crate) times: BTreeMap<Owner, Option<Timestamp>>,
}

impl Managed {
    /// Reads `metadata.managedFields` of an object; nobody, where it has none.
    ///
    /// # Errors
    /// If an entry is not valid.
    pub(crate) fn of(object: &Json) -> Result<Self, String> {
        match object.pointer("/metadata/managedFields") {
            Some(entries) => Self::read(entries),
            None => Ok(Self::default()),
        }
    }

    /// Reads a list of entries.
    ///
    /// # Errors
    /// If one is not valid.
    pub(crate) fn read(entries: &Json) -> Result<Self, String> {
        let mut managed = Self::default();
        for (index, entry) in entries.as_array().into_iter().flatten().enumerate() {
            let text = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
            let applies = match text("operation") {
                "Apply" => true,
                "Update" => false,
                _ => return Err("operation must be `Apply` or `Update`".into()),
            };
            let api_version = text("apiVersion");
            if api_version.is_empty() {
                return Err("apiVersion must not be empty".into());
            }
            match text("fieldsType") {
                "FieldsV1" => {}
                "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
                other => {
                    let other = crate::go::quote(other);
                    return Err(format!("invalid fieldsType {other} in managed fields entry {index}"));
                }
            }
            let fields = match entry.get("fieldsV1") {
                None | Some(Json::Null) => Set::default(),
                Some(fields) => Set::from_fields(fields).map_err(|error| format!("error decoding set: {error}"))?,
            };
            let time = match entry.get("time").and_then(Json::as_str) {
                Some(time) => Some(time.parse().map_err(|error| format!("error decoding time: {error}"))?),
                None => None,
            };
            let owner = Owner::new(text("manager"), applies, api_version, text("subresource"));
            managed.owners.insert(owner.clone(), Owned { api_version: api_version.into(), fields });
            managed.times.insert(owner, time);
        }
        Ok(managed)
    }

    /// The time of an owner, where one is known.
    pub(crate) fn time(&self, owner: &Owner) -> Option<Timestamp> {
        self.times.get(owner).copied().flatten()
    }

    /// The list of entries, in the API server's order; nothing if nobody owns anything.
    pub(crate) fn write(&self) -> Option<Json> {
        if self.owners.is_empty() {
            return None;
        }
        let entries = self.sorted().into_iter().map(|(owner, owned)| {
            let mut entry = json!({
                "manager": owner.manager,
                "operation": if owner.applies { "Apply" } else { "Update" },
                "apiVersion": owned.api_version,
            });
            if let Some(time) = self.time(owner) {
                entry["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
            }
            entry["fieldsType"] = "FieldsV1".into();
            entry["fieldsV1"] = owned.fields.to_fields();
            if !owner.subresource.is_empty() {
                entry["subresource"] = owner.subresource.as_str().into();
            }
            entry
        });
        Some(entries.collect())
    }

    /// The entries in the API server's order.
    pub(crate) fn sorted(&self) -> Vec<(&Owner, &Owned)> {
        let mut sorted: Vec<(&Owner, &Owned)> = self.owners.iter().collect();
        sorted.sort_by(|a, b| self.order(a, b));
        sorted
    }

    /// Those who apply first, then by time.
    fn order(&self, a: &(&Owner, &Owned), b: &(&Owner, &Owned)) -> Ordering {
        let seconds = |owner: &Owner| self.time(owner).map_or(0, Timestamp::as_second);
        let (owner, other) = (a.0, b.0);
        (!owner.applies)
            .cmp(&!other.applies)
            .then_with(|| seconds(owner).cmp(&seconds(other)))
            .then_with(|| owner.manager.cmp(&other.manager))
            .then_with(|| a.1.api_version.cmp(&b.1.api_version))
            .then_with(|| owner.subresource.cmp(&other.subresource))
    }

    /// Writes the entries into an object, in place of those it has.
    pub(crate) fn put(&self, object: &mut Json) {
        set_entries(object, self.write());
    }
}

/// Puts entries into an object; nothing takes them out.
pub(crate) fn set_entries(object: &mut Json, entries: Option<Json>) {
    let Json::Object(object) = object else { return };
    match entries {
        Some(entries) => {
            let metadata = object.entry("metadata").or_insert_with(|| Json::Object(serde_json::Map::new()));
            if let Json::Object(metadata) = metadata {
                metadata.shift_remove("managedFields");
                metadata.insert("managedFields".into(), entries);
            }
        }
        None => {
            if let Some(Json::Object(metadata)) = object.get_mut("metadata") {
                metadata.shift_remove("managedFields");
            }
        }
    }
}

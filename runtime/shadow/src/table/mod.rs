//! Tables: what `kubectl get` shows, which the server makes (`Accept: …;as=Table;v=v1;g=meta.k8s.io`).
//!
//! One file a group of kinds; each kind has one function that makes the cells of a row, in the order of its columns.

mod access;
mod age;
mod cluster;
mod custom;
mod devices;
mod jsonpath;
mod metrics;
mod network;
mod pod;
mod row;
mod selector;
mod storage;
mod workloads;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Map, json};

use crate::Json;
use crate::catalog::ResourceType;
use row::Row;

pub(crate) use jsonpath::JsonPath;

/// What comes with a row: `includeObject` of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Include {
    /// Nothing.
    None,
    /// The object's metadata, as a `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl Include {
    /// By its name in the request; nothing for an unknown one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "" | "Metadata" => Some(Self::Metadata),
            "None" => Some(Self::None),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// The cells of a kind's row.
type Cells = fn(&Row<'_>) -> Vec<Json>;

/// The `Table` of these objects, with an empty `metadata`, which the caller fills. Ages are those at `now`.
///
/// The objects may be in any version of the resource; all must be of it.
pub(crate) fn table<'a>(
    resource: &ResourceType,
    objects: impl Iterator<Item = &'a Json>,
    now: Timestamp,
    include: Include,
) -> Json {
    let custom = resource.definition.as_ref().map(|_| custom::Columns::of(&resource.columns));
    let built_in = cells_of(&resource.name);
    let columns = match (&custom, built_in) {
        (Some(_), _) => resource.columns.iter().map(without_path).collect(),
        (None, Some(_)) if !resource.columns.is_empty() => resource.columns.iter().map(without_path).collect(),
        _ => metadata_columns().to_vec(),
    };
    let rows: Vec<Json> = objects
        .map(|object| {
            let row = Row { object, now };
            let cells = match (&custom, built_in) {
                (Some(custom), _) => custom.cells(&row),
                (None, Some(cells)) => cells(&row),
                (None, None) => vec![row.name().into(), row.text("/metadata/creationTimestamp").into()],
            };
            assemble(object, cells, conditions(resource, &row), include)
        })
        .collect();
    // Where there are the default columns only, the API server makes no list for nothing.
    let none = rows.is_empty() && custom.is_none() && built_in.is_none();
    let rows = if none { Json::Null } else { rows.into() };
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": Json::Array(columns), "rows": rows})
}

/// The `Table` of a `Scale`, likewise.
pub(crate) fn scale(scale: &Json, now: Timestamp, include: Include) -> Json {
    let [mut name, mut age] = metadata_columns();
    name["format"] = "".into();
    (age["name"], age["type"]) = ("Age".into(), "string".into());
    let count = |name: &str, description: &str| json!({"name": name, "type": "integer", "format": "", "description": description, "priority": 0});
    let columns = [
        name,
        count("Desired", "replicas is the desired number of instances for the scaled object."),
        count("Available", "replicas is the actual number of observed instances of the scaled object."),
        age,
    ];
    let row = Row { object: scale, now };
    let cells = row::cells![row.name(), row.number("/spec/replicas"), row.number("/status/replicas"), row.age()];
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns,
        "rows": [assemble(scale, cells, None, include)],
    })
}

fn assemble(object: &Json, cells: Vec<Json>, conditions: Option<Json>, include: Include) -> Json {
    let mut row = Map::new();
    row.insert("cells".into(), Json::Array(cells));
    if let Some(conditions) = conditions {
        row.insert("conditions".into(), conditions);
    }
    let shown = match include {
        Include::None => Json::Null,
        Include::Metadata => json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": crate::object::metadata(object),
        }),
        Include::Object => object.clone(),
    };
    row.insert("object".into(), shown);
    Json::Object(row)
}

/// A pod that is over says so, so that `kubectl` can leave it out.
fn conditions(resource: &ResourceType, row: &Row<'_>) -> Option<Json> {
    if &*resource.name != "pods" {
        return None;
    }
    let (reason, message) = match row.text("/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}

/// The JSON path of a custom column is not the client's business.
fn without_path(column: &Json) -> Json {
    let mut column = column.clone();
    if let Json::Object(fields) = &mut column {
        fields.shift_remove("jsonPath");
    }
    column
}

/// The columns of a kind that has none of its own.
pub(crate) fn metadata_columns() -> [Json; 2] {
    let name = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
    let created = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
    [
        json!({"name": "Name", "type": "string", "format": "name", "description": name, "priority": 0}),
        json!({"name": "Created At", "type": "date", "format": "", "description": created, "priority": 0}),
    ]
}

/// The function for a built-in resource; nothing where the server has only the default columns.
fn cells_of(resource: &str) -> Option<Cells> {
    access::cells(resource)
        .or_else(|| cluster::cells(resource))
        .or_else(|| devices::cells(resource))
        .or_else(|| network::cells(resource))
        .or_else(|| storage::cells(resource))
        .or_else(|| workloads::cells(resource))
}

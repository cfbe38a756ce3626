//! Rows of devices and claims to them (`resource.k8s.io`).

use super::Cells;
use super::cluster::name_and_age;
use super::row::{Row, cells};
use crate::Json;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "deviceclasses.resource.k8s.io" | "resourceclaimtemplates.resource.k8s.io" => name_and_age,
        "resourceclaims.resource.k8s.io" => claims,
        "resourceslices.resource.k8s.io" => slices,
        _ => return None,
    })
}

fn claims(row: &Row<'_>) -> Vec<Json> {
    let allocated = row.has("/status/allocation");
    let states = [
        ("deleted", row.is_deleting()),
        ("pending", !allocated && !row.is_deleting()),
        ("allocated", allocated),
        ("reserved", allocated && !row.list("/status/reservedFor").is_empty()),
    ];
    let states: Vec<&str> = states.iter().filter(|(_, is)| *is).map(|(state, _)| *state).collect();
    cells![row.name(), states.join(","), row.age()]
}

fn slices(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/spec/nodeName"), row.text("/spec/driver"), row.text("/spec/pool/name"), row.age()]
}

//! A CustomResourceDefinition, as far as this crate looks into it.

use serde::Deserialize;

use super::props::Props;
use super::scale::Scale;
use crate::Json;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Definition {
    pub(super) spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) group: String,
    pub(super) scope: String,
    pub(super) names: Names,
    pub(super) preserve_unknown_fields: bool,
    pub(super) conversion: Option<Json>,
    #[serde(deserialize_with = "or_none")]
    pub(super) versions: Vec<VersionSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VersionSpec {
    pub(super) name: String,
    pub(super) served: bool,
    pub(super) storage: bool,
    pub(super) deprecated: bool,
    pub(super) deprecation_warning: Option<String>,
    pub(super) schema: Option<SchemaSpec>,
    pub(super) subresources: Option<Subresources>,
    pub(super) additional_printer_columns: Vec<Json>,
    pub(super) selectable_fields: Vec<Selectable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SchemaSpec {
    #[serde(rename = "openAPIV3Schema")]
    pub(super) schema: Option<Props>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subresources {
    pub(super) status: Option<Json>,
    pub(super) scale: Option<Scale>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selectable {
    pub(super) json_path: String,
}

#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Names {
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) kind: String,
    pub(super) list_kind: String,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
}

/// A list that may be null.
fn or_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<VersionSpec>, D::Error> {
    Option::<Vec<VersionSpec>>::deserialize(from).map(Option::unwrap_or_default)
}

impl VersionSpec {
    pub(super) fn props(&self) -> Option<&Props> {
        self.schema.as_ref()?.schema.as_ref()
    }
}

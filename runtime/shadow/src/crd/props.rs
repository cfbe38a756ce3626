//! The schema of a custom resource (`JSONSchemaProps`), as the definition has it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;

use super::pattern;
use crate::Json;

/// One schema: of a field, an item, or a condition in `allOf` and its like.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Props {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Json>,
    #[serde(rename = "enum")]
    pub(crate) values: Option<Vec<Json>>,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) max_length: Option<i64>,
    pub(crate) min_length: Option<i64>,
    pub(crate) pattern: String,
    pub(crate) max_items: Option<i64>,
    pub(crate) min_items: Option<i64>,
    pub(crate) unique_items: bool,
    pub(crate) max_properties: Option<i64>,
    pub(crate) min_properties: Option<i64>,
    pub(crate) required: Vec<String>,
    pub(crate) items: Option<Items>,
    pub(crate) properties: BTreeMap<String, Props>,
    pub(crate) additional_properties: Option<Additional>,
    pub(crate) all_of: Vec<Props>,
    pub(crate) any_of: Vec<Props>,
    pub(crate) one_of: Vec<Props>,
    pub(crate) not: Option<Box<Props>>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub(crate) preserve: Option<bool>,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    pub(crate) embedded: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub(crate) int_or_string: bool,
    #[serde(rename = "x-kubernetes-list-type")]
    pub(crate) list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub(crate) map_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    pub(crate) map_type: Option<String>,
    #[serde(rename = "x-kubernetes-validations")]
    pub(crate) rules: Vec<Rule>,
    // What no custom resource's schema may have; read in order to be refused.
    pub(crate) id: String,
    #[serde(rename = "$schema")]
    pub(crate) schema: String,
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    pub(crate) additional_items: Option<Json>,
    pub(crate) pattern_properties: BTreeMap<String, Json>,
    pub(crate) definitions: BTreeMap<String, Json>,
    pub(crate) dependencies: Option<Json>,
    #[serde(skip)]
    regex: OnceLock<Option<Regex>>,
}

/// `items`: one schema, or (refused) several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Items {
    /// Of all items.
    One(Box<Props>),
    /// Of each its own.
    Several(Vec<Props>),
}

/// `additionalProperties`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Additional {
    /// Whether there may be any.
    Any(bool),
    /// What they look like.
    Of(Box<Props>),
}

/// One of `x-kubernetes-validations`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) message_expression: String,
    pub(crate) reason: Option<String>,
    pub(crate) field_path: String,
    pub(crate) optional_old_self: Option<bool>,
}

impl Props {
    /// The schema of a list's items.
    pub(crate) fn item(&self) -> Option<&Props> {
        match &self.items {
            Some(Items::One(item)) => Some(item),
            _ => None,
        }
    }

    /// The schema of a map's values.
    pub(crate) fn value(&self) -> Option<&Props> {
        match &self.additional_properties {
            Some(Additional::Of(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether fields without a schema of their own may be there (`additionalProperties` is not absent).
    pub(crate) fn has_values(&self) -> bool {
        self.additional_properties.is_some()
    }

    /// The schema of a field: its own, or that of the map's values.
    pub(crate) fn field(&self, name: &str) -> Option<&Props> {
        self.properties.get(name).or_else(|| self.value())
    }

    /// Whether unknown fields are kept.
    pub(crate) fn preserves(&self) -> bool {
        self.preserve == Some(true)
    }

    /// Whether it is a list of this type.
    pub(crate) fn is_list(&self, kind: &str) -> bool {
        self.list_type.as_deref() == Some(kind)
    }

    /// The pattern, compiled; nothing where there is none, or none that this crate can judge.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| pattern::compile(&self.pattern)).as_ref()
    }

    /// All schemas in it, itself first, in a stable order.
    pub(crate) fn all(&self) -> Vec<&Props> {
        let mut found = vec![self];
        let mut at = 0;
        while let Some(&props) = found.get(at) {
            found.extend(props.item());
            if let Some(Items::Several(several)) = &props.items {
                found.extend(several);
            }
            found.extend(props.all_of.iter().chain(&props.any_of).chain(&props.one_of));
            found.extend(props.not.as_deref());
            found.extend(props.properties.values());
            found.extend(props.value());
            at += 1;
        }
        found
    }
}

//! One version of a custom resource: what its objects are checked and completed by.

use std::sync::Arc;

use super::fault::{self, Path};
use super::props::Props;
use super::scale::Scale;
use super::{cel, defaulting, embedded, lists, openapi, prune, status};
use crate::error::Cause;
use crate::go;
use crate::table::JsonPath;
use crate::{Json, UNVALIDATED, object};

/// One version of a custom resource.
#[derive(Debug, Default)]
pub(crate) struct Version {
    /// The CustomResourceDefinition.
    pub(crate) definition: Arc<Json>,
    pub(crate) schema: Option<Props>,
    pub(crate) scale: Option<Scale>,
    /// What lists can be narrowed by (`spec.x`), and where that is.
    pub(crate) selectable: Vec<(String, Option<JsonPath>)>,
    /// Whether unknown fields are kept throughout.
    pub(crate) keeps_unknown: bool,
    /// Since which of the store's versions it is like this: what was stored before may be pruned and completed otherwise.
    pub(crate) since: u64,
    /// What a request to it is answered with besides, as a warning: that it is deprecated.
    pub(crate) deprecation: Option<String>,
    pub(crate) rules: cel::Rules,
}

/// What was found about an object.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// What is wrong with it.
    pub(crate) causes: Vec<Cause>,
    /// What is wrong with it, but was before: warnings to its writer.
    pub(crate) warnings: Vec<String>,
    /// What could not be judged, in words: the object is accepted, and these are warnings to its writer.
    pub(crate) unvalidated: Vec<String>,
}

impl Version {
    /// Drops what the schema does not know, and nulls that it does not allow. Gives the paths of the unknown fields, sorted;
    /// `metadata` is not looked at.
    pub(crate) fn prune(&self, object: &mut Json) -> Vec<String> {
        if self.keeps_unknown {
            return Vec::new();
        }
        let dropped = prune::prune(object, self.schema.as_ref());
        prune::drop_nulls(object, self.schema.as_ref());
        dropped
    }

    /// Fills in the defaults.
    pub(crate) fn fill(&self, object: &mut Json) {
        if let Some(schema) = &self.schema {
            defaulting::fill(object, schema);
        }
    }

    /// Judges an object that is to replace `old`, or to be created; its metadata is left to others. `subresource` is empty,
    /// `status` or `scale`.
    pub(crate) fn validate(&self, object: &Json, old: Option<&Json>, subresource: &str) -> Verdict {
        let root = Path::root();
        let mut causes = Vec::new();
        let whole = subresource != "status";
        if let Some(schema) = &self.schema {
            if whole {
                causes = openapi::validate("", schema, object, old);
            } else if let (Some(own), Some(status)) = (schema.properties.get("status"), object.get("status")) {
                causes = openapi::validate("status", own, status, old.and_then(|old| old.get("status")));
            }
        }
        if let Some(scale) = &self.scale {
            if whole {
                scale.check_spec(object, &mut causes);
            }
            scale.check_status(object, &mut causes);
        }
        let Some(schema) = &self.schema else { return Verdict { causes, ..Verdict::default() } };
        if whole {
            embedded::check(&root, schema, object, &mut causes);
        }
        let twice = |object: &Json| {
            let mut wrong = Vec::new();
            lists::check(&root, schema, object, &mut wrong);
            wrong
        };
        if old.is_none_or(|old| twice(old).is_empty()) {
            causes.extend(twice(object));
        }
        let (mut warnings, mut unvalidated) = (Vec::new(), unreadable_patterns(schema));
        if !self.rules.is_empty() {
            if causes.iter().any(blocks_rules) {
                let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
                causes.push(fault::invalid(&root, &Json::Null, detail));
            } else {
                let judged = self.rules.judge(schema, object, old);
                causes.extend(judged.causes);
                warnings = judged.warnings;
                unvalidated.extend(judged.unvalidated);
            }
        }
        Verdict { causes, warnings, unvalidated }
    }

    /// What an object says in a field that it can be selected by: one of [`selectable`](Self::selectable).
    pub(crate) fn selected(&self, field: usize, object: &Json) -> String {
        let path = self.selectable.get(field).and_then(|(_, path)| path.as_ref());
        let found = path.and_then(|path| path.find(object)).unwrap_or_default();
        found.first().filter(|value| !value.is_null()).map_or_else(String::new, |value| go::print(value))
    }

    /// The kind of lists.
    pub(crate) fn list_kind(&self) -> Option<&str> {
        object::text(&self.definition, "/status/acceptedNames/listKind").filter(|kind| !kind.is_empty())
    }

    /// Whether the definition is being deleted, with its objects.
    pub(crate) fn is_terminating(&self) -> bool {
        status::is_true(&self.definition, "Terminating")
    }

    /// Brings an object that was stored in this version into the form that the schema has by now.
    pub(crate) fn refresh(&self, object: &mut Json) {
        self.prune(object);
        self.fill(object);
    }
}

/// Faults after which rules would be judged on what they do not expect.
fn blocks_rules(cause: &Cause) -> bool {
    matches!(
        cause.reason,
        "FieldValueNotSupported"
            | "FieldValueRequired"
            | "FieldValueTooLong"
            | "FieldValueTooMany"
            | "FieldValueTypeInvalid"
    )
}

/// Patterns that this crate cannot read, though Go can.
fn unreadable_patterns(schema: &Props) -> Vec<String> {
    let unread = schema.all().into_iter().filter(|s| !s.pattern.is_empty() && s.regex().is_none());
    unread.map(|s| format!("{UNVALIDATED}the pattern '{}' could not be judged", s.pattern)).collect()
}

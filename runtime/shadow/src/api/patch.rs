//! Patches, by their content type.

mod unreadable;

use std::sync::Arc;

use super::body::{self, media_type};
use super::request::{Kind, Request, no_kind};
use crate::Json;
use crate::apply::printed::{go_kind, plain};
use crate::catalog::ResourceType;
use crate::crd::{Version, check_metadata};
use crate::error::ApiError;
use crate::patch::{json, merge, strategic, unsupported};
use crate::schema::{self, Id, Schemas, check_fields};
use crate::world::{Edit, FieldValidation, Making, Writer};

/// The edit that a patch of an object of this kind asks for.
pub(crate) fn patch<'a>(request: &Request<'_>, kind: &'a ResourceType) -> Result<(Writer, Edit<'a>), ApiError> {
    let schema = kind.schema.as_ref().map(|(schemas, id)| (schemas, *id));
    patch_of(request, &Kind::of(kind), schema, kind.definition.as_deref())
}

/// The edit that a patch of an object of these types asks for.
pub(crate) fn patch_of<'a>(
    request: &Request<'_>,
    kind: &Kind<'a>,
    schema: Option<(&'a Arc<Schemas>, Id)>,
    definition: Option<&'a Version>,
) -> Result<(Writer, Edit<'a>), ApiError> {
    let content_type = media_type(request.content_type());
    let custom = definition.is_some();
    let applies = content_type == "application/apply-patch+yaml";
    let known = matches!(content_type, "application/json-patch+json" | "application/merge-patch+json")
        || applies
        || (content_type == "application/strategic-merge-patch+json" && !custom);
    if !known {
        return Err(unsupported(custom));
    }
    let writer = request.query.writer("PatchOptions", request.user_agent(), applies)?;
    let broken = |why: String| ApiError::bad_request(format!("error decoding patch: {why}"));
    if applies {
        let intent = body::read_yaml(request.body)
            .and_then(|intent| match &intent {
                Json::Object(_) => Ok(intent),
                other => Err(format!(
                    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
                     map[string]interface {{}}",
                    go_kind(other)
                )),
            })
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))?;
        return Ok((writer, Edit::Apply { intent, force: request.query.flag("force") }));
    }
    let (patch, _) = super::json::read(request.body).map_err(|why| match content_type {
        "application/strategic-merge-patch+json" => ApiError::bad_request(why),
        _ => broken(why),
    })?;
    let strict = writer.field_validation == FieldValidation::Strict;
    let reads = Reads { kind: *kind, schema: schema.filter(|_| !custom), definition, strict };
    let edit: Making<'a> = match content_type {
        "application/json-patch+json" => Box::new(move |live| {
            let patched = json(live, &patch)?;
            reads.check(patched, |patched| match definition {
                Some(_) => unreadable::custom(patched),
                None => unreadable::by_operations(patched, &patch),
            })
        }),
        "application/merge-patch+json" => Box::new(move |live| {
            let patched = merge(live, &patch)?;
            reads.check(patched, |patched| match definition {
                Some(_) => unreadable::custom(patched),
                None => unreadable::by_merge(patched, &patch),
            })
        }),
        _ => match schema {
            Some((schemas, id)) => Box::new(move |live| {
                let patched = strategic(live, &patch, schemas, id)?;
                reads.check_restored(patched, &patch)
            }),
            None => return Err(unsupported(true)),
        },
    };
    Ok((writer, Edit::Patch(edit)))
}

/// Whether what comes of a patch can be read at all.
#[derive(Debug, Clone, Copy)]
struct Reads<'a> {
    kind: Kind<'a>,
    /// The type, where it is one of Kubernetes' own.
    schema: Option<(&'a Arc<Schemas>, Id)>,
    /// Where it is a custom one.
    definition: Option<&'a Version>,
    strict: bool,
}

impl Reads<'_> {
    fn error(&self, patched: &Json) -> Option<String> {
        if let Some(why) = self.definition.and_then(|_| check_metadata(patched).err()) {
            return Some(why);
        }
        if let Some(definition) = self.definition.filter(|_| self.strict) {
            let unknown = definition.prune(&mut patched.clone());
            let unknown: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
            return (!unknown.is_empty()).then(|| schema::strict(&unknown));
        }
        let (schemas, id) = self.schema?;
        match check_fields(schemas, id, &mut patched.clone()) {
            Err(why) => Some(why),
            Ok(unknown) if self.strict && !unknown.is_empty() => Some(schema::strict(&unknown)),
            Ok(_) => None,
        }
    }

    /// The patched object; a refusal shows all of it, as `said`.
    fn check(&self, patched: Json, said: impl FnOnce(&Json) -> String) -> Result<Json, ApiError> {
        let own = |key: &str| patched.get(key).and_then(Json::as_str).unwrap_or_default();
        let renamed = self.definition.is_none() && !own("kind").is_empty() && own("kind") != self.kind.kind;
        let why = if renamed { Some(no_kind(own("kind"), own("apiVersion"))) } else { self.error(&patched) };
        match why {
            Some(why) => Err(unreadable::refused(&said(&patched), &why)),
            None => Ok(patched),
        }
    }

    /// The patched object; a refusal shows the patch.
    fn check_restored(&self, patched: Json, patch: &Json) -> Result<Json, ApiError> {
        match self.error(&patched) {
            Some(why) => Err(unreadable::refused(&plain(patch), &unreadable::restored(&why))),
            None => Ok(patched),
        }
    }
}

//! Where the other parts of the API server are called on a write's way: the one place in which they meet.

use std::sync::Arc;

use super::versions::Kinds;
use super::{FieldValidation, Target, World, Writer, meta};
use crate::admission::{self, Request};
use crate::apply::{self, Manager, Reset};
use crate::catalog::ResourceType;
use crate::crd::{self, Verdict};
use crate::defaults::{self, prepare};
use crate::error::ApiError;
use crate::store::Stored;
use crate::{Json, object, schema, validation};

/// The resource whose objects make resources.
pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Brings an object into the form in which the API server reads it. What the type does not know is dropped, and told: as an
/// error, as warnings, or not at all.
pub(crate) fn decode(
    kind: &ResourceType,
    object: &mut Json,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let refuse = |words: &str| schema::cannot_be_handled(&kind.kind, &kind.version, words);
    let mut unknown = read(kind, object, schema::check_given).map_err(|words| refuse(&words))?;
    if let Some(definition) = &kind.definition {
        crd::check_metadata(object).map_err(|words| refuse(&words))?;
        unknown.extend(definition.prune(object).iter().map(|path| format!("unknown field {path:?}")));
    }
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Strict if !unknown.is_empty() => Err(refuse(&schema::strict(&unknown))),
        _ => Ok(unknown),
    }
}

/// Does the same with what has been made of an applied configuration.
pub(super) fn decode_applied(kind: &ResourceType, object: &mut Json) -> Result<(), ApiError> {
    if kind.definition.is_some() {
        return decode(kind, object, FieldValidation::Ignore).map(drop);
    }
    let name = object::name(object).to_owned();
    read(kind, object, schema::check_given).map(drop).map_err(|words| {
        let of = format!("{}/{}, Kind={}", kind.group, kind.version, kind.kind);
        let said = format!(
            "failed to convert new object (/{name}; {of}) to proper version: unable to convert unstructured \
             object to {of}: {words}"
        );
        ApiError::new(500, "", said)
    })
}

/// How an object is read.
type Check = fn(&schema::Schemas, schema::Id, &mut Json) -> Result<Vec<String>, String>;

/// Brings an object of a built-in kind into the form in which the API server keeps it; gives what it does not know in it.
fn read(kind: &ResourceType, object: &mut Json, check: Check) -> Result<Vec<String>, String> {
    match &kind.schema {
        Some((schemas, id)) if kind.definition.is_none() => check(schemas, *id, object),
        _ => Ok(Vec::new()),
    }
}

/// Fills in the defaults of the kind in this version.
pub(super) fn default(kind: &ResourceType, mut object: Json) -> Json {
    match &kind.definition {
        Some(definition) => definition.fill(&mut object),
        None => defaults::apply(&kind.group, &kind.version, &kind.kind, &mut object),
    }
    object
}

/// Records in `managedFields` what the writer has changed.
pub(super) fn track(
    world: &World,
    target: &Target<'_>,
    live: Option<&Json>,
    object: Json,
    writer: &Writer,
    now: jiff::Timestamp,
) -> Json {
    if target.kind.schema.is_none() && target.kind.definition.is_none() {
        return object;
    }
    let (version, reset) = (target.kind.api_version(), reset(target));
    let kinds = Kinds { catalog: &world.catalog, kind: target.kind };
    apply::track(&kinds, live, object, &manager(target, &version, writer, &reset), now)
}

/// Server-side apply: the object that the intent makes of what is there.
pub(super) fn apply(
    world: &World,
    target: &Target<'_>,
    live: Option<&Json>,
    intent: &Json,
    writer: &Writer,
    now: jiff::Timestamp,
    force: bool,
) -> Result<Json, ApiError> {
    let (version, reset) = (target.kind.api_version(), reset(target));
    let kinds = Kinds { catalog: &world.catalog, kind: target.kind };
    apply::apply(&kinds, live, intent, &manager(target, &version, writer, &reset), force, now)
}

fn reset(target: &Target<'_>) -> Reset {
    match &target.kind.definition {
        Some(_) => Reset::custom(target.subresource, target.kind.subresource("status").is_some()),
        None => Reset::built_in(&target.kind.name, target.subresource),
    }
}

fn manager<'a>(target: &'a Target<'_>, version: &'a str, writer: &'a Writer, reset: &'a Reset) -> Manager<'a> {
    Manager {
        name: &writer.manager,
        api_version: version,
        kind: &target.kind.kind,
        subresource: target.subresource,
        reset,
    }
}

/// What becomes of an object before it is judged: the admission that changes objects, and what the registry of the kind
/// fills in. `labelled`: whether the client gave it labels.
pub(super) fn prepare(
    world: &World,
    target: &Target<'_>,
    stored: &ResourceType,
    live: Option<&Json>,
    object: &mut Json,
    labelled: bool,
) -> Result<(), ApiError> {
    if stored.definition.is_some() || !is_whole(target) {
        return Ok(());
    }
    let request = request(target, stored);
    admission::mutate(&request, object, live, world)?;
    let now = meta::time(world.clock().wall());
    let (group, kind) = (&*stored.group, &*stored.kind);
    match live {
        Some(live) => prepare::update(group, kind, live, object),
        None => prepare::create(group, kind, object, now.as_str().unwrap_or_default(), labelled),
    }
    if &*stored.name == DEFINITIONS {
        crd::prepare(object, live);
    }
    Ok(())
}

/// A judged object as it is read from the store: filled in once more, and written as the API server writes it.
pub(super) fn settle(target: &Target<'_>, stored: &ResourceType, object: &mut Json) -> Result<(), ApiError> {
    if stored.definition.is_some() || !is_whole(target) {
        return Ok(());
    }
    *object = default(stored, object.take());
    read(stored, object, schema::check_fields).map(drop).map_err(|words| ApiError::new(500, "InternalError", words))
}

/// What is said about an object that is accepted.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// To its writer.
    pub(super) warnings: Vec<String>,
    /// Which rules could not be judged.
    pub(super) unvalidated: Vec<String>,
}

/// Judges an object, in the order in which the API server does: what is wrong with it, then the admission that only judges.
pub(super) fn judge(
    world: &World,
    target: &Target<'_>,
    stored: &ResourceType,
    live: Option<&Json>,
    object: &Json,
) -> Result<Judged, ApiError> {
    if object::is_deeper(object, object::DEEPEST) {
        let said =
            format!("the object is too deep: at most {} maps and lists may stand in each other", object::DEEPEST);
        return Err(ApiError::bad_request(said));
    }
    let (verdict, request) = (verdict(target, stored, live, object), request(target, stored));
    if !verdict.causes.is_empty() {
        let name = crate::object::name(object);
        return Err(ApiError::invalid(&stored.group, &stored.kind, name, &verdict.causes));
    }
    let mut warnings = verdict.warnings;
    if stored.definition.is_none() {
        warnings.extend(match target.subresource {
            "status" => validation::warnings::of_status(&stored.group, &stored.kind, object),
            "" => validation::warnings::of(&stored.group, &stored.kind, object, live),
            _ => Vec::new(),
        });
    }
    if stored.definition.is_some() && is_whole(target) {
        warnings.extend(crd::finalizer_warnings(object, live));
    }
    if stored.definition.is_none() && is_whole(target) {
        warnings.extend(admission::check(&request, object, live, world)?);
    }
    Ok(Judged { warnings, unvalidated: verdict.unvalidated })
}

/// What the namespace's quotas have been used up by an object that is good.
pub(super) fn charged(
    world: &World,
    target: &Target<'_>,
    stored: &ResourceType,
    live: Option<&Json>,
    object: &Json,
) -> Vec<Json> {
    if is_whole(target) { admission::charged(&request(target, stored), object, live, world) } else { Vec::new() }
}

fn verdict(target: &Target<'_>, stored: &ResourceType, live: Option<&Json>, object: &Json) -> Verdict {
    let mut verdict = Verdict::default();
    // Events of the newer group are judged more strictly, though they are stored alike.
    let (group, version, kind) = (&*target.kind.group, &*stored.version, &*stored.kind);
    if let Some(live) = live {
        let built_in = stored.definition.is_none() && &*stored.name != DEFINITIONS;
        let (group, part) = (built_in.then_some(group), target.subresource);
        verdict.causes = validation::metadata_update(group, kind, part, object, live, stored.namespaced);
    }
    if live.is_none() && (target.kind.definition.is_some() || &*stored.name == DEFINITIONS) {
        verdict.causes = validation::custom_metadata(object, stored.namespaced);
    }
    if let Some(definition) = &target.kind.definition {
        let own = definition.validate(object, live, target.subresource);
        verdict.causes.extend(own.causes);
        return Verdict { causes: verdict.causes, ..own };
    }
    if &*stored.name == DEFINITIONS {
        verdict.causes.extend(crd::validate(object, live, target.subresource));
        verdict.warnings = crd::format_warnings(object, live);
    } else if is_whole(target) {
        verdict.causes.extend(match live {
            Some(live) => validation::update(group, version, kind, object, live),
            None => validation::create(group, version, kind, object, stored.namespaced),
        });
    } else if let Some(live) = live {
        verdict.causes.extend(validation::update_part(group, kind, target.subresource, object, live));
    }
    if live.is_none() && verdict.causes.is_empty() {
        verdict.causes = validation::metadata(object, stored.namespaced);
    }
    verdict
}

/// Whether the object itself is written, rather than a part of it that has rules of its own.
fn is_whole(target: &Target<'_>) -> bool {
    matches!(target.subresource, "" | "scale")
}

fn request<'a>(target: &Target<'a>, stored: &'a ResourceType) -> Request<'a> {
    Request { group: &stored.group, kind: &stored.kind, resource: &stored.plural, namespace: target.namespace }
}

/// What a request is told besides, whatever it does: that the version is deprecated.
pub(crate) fn deprecation(kind: &ResourceType) -> Option<String> {
    match &*kind.name {
        "componentstatuses" => Some("v1 ComponentStatus is deprecated in v1.19+".into()),
        "endpoints" => Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".into()),
        _ => kind.definition.as_ref()?.deprecation.clone(),
    }
}

/// The same object in another version of its kind.
pub(crate) fn convert(mut object: Json, to: &ResourceType) -> Json {
    let api_version = to.api_version();
    let from = crate::object::text(&object, "/apiVersion").unwrap_or_default();
    if from == api_version {
        return object;
    }
    let Some(definition) = &to.definition else { return schema::convert::convert(&object, from, &api_version) };
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".into(), api_version.into());
    }
    definition.prune(&mut object);
    object
}

/// An object that the store has, in some version of its kind; `versions` are all that a custom kind has.
pub(crate) fn refreshed(versions: &[Arc<ResourceType>], stored: &Stored, kind: &ResourceType) -> Json {
    let mut object = stored.json();
    if !is_outdated(stored, kind) {
        return convert(object, kind);
    }
    let api_version = crate::object::text(&object, "/apiVersion").unwrap_or_default();
    let written = versions.iter().find(|version| version.api_version() == api_version);
    if let Some(definition) = written.and_then(|written| written.definition.as_ref()) {
        definition.refresh(&mut object);
    }
    convert(object, kind)
}

/// Whether the schema has changed since the object was stored.
pub(crate) fn is_outdated(stored: &Stored, kind: &ResourceType) -> bool {
    kind.definition.as_ref().is_some_and(|definition| stored.index.version < definition.since)
}

/// Told of every object that was stored or removed (then `new` is nothing), after the fact: definitions make resources.
pub(super) fn committed(world: &mut World, kind: &Arc<ResourceType>, old: Option<&Json>, new: Option<&Json>) {
    match &*kind.name {
        "services" => return world.take_addresses(old, new),
        DEFINITIONS => {}
        _ => return,
    }
    let since = since(world, old, new);
    let names = |definition: Option<&Json>| {
        let text = |path| crate::object::text(definition?, path).map(str::to_owned);
        Some((text("/spec/group")?, text("/status/acceptedNames/plural")?))
    };
    for (group, plural) in [names(old), names(new)].into_iter().flatten() {
        world.catalog.remove(&group, &plural);
        world.documents = Arc::default();
    }
    if let Some(new) = new {
        crd::define(&mut world.catalog, new, since);
        // They are written anew when they are asked for.
        world.documents = Arc::default();
    }
}

/// Since when objects are of the schemas that a definition has now.
fn since(world: &World, old: Option<&Json>, new: Option<&Json>) -> u64 {
    let spec = |definition: Option<&Json>| definition.and_then(|definition| definition.get("spec")).cloned();
    let name = new.map(crate::object::name).unwrap_or_default();
    let known = world.catalog.stored(name).and_then(|kind| kind.definition.as_ref());
    match known {
        Some(known) if spec(old) == spec(new) => known.since,
        _ => world.store.version(),
    }
}

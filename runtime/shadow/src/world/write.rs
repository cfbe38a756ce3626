//! The one way of writing: decode, defaults, managed fields, admission, validation, the store, the history.

use std::sync::Arc;

use super::{World, Writer, meta, parts, reach, strategy};
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::store::{Key, Stored};
use crate::{Json, object};

/// What a write is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// In the version that the writer speaks.
    pub(crate) kind: &'a Arc<ResourceType>,
    /// Empty for what is cluster-wide.
    pub(crate) namespace: &'a str,
    /// Empty where a created object brings its own.
    pub(crate) name: &'a str,
    /// Such as `status`; empty for the object itself.
    pub(crate) subresource: &'a str,
}

/// What makes of an object another.
pub(crate) type Making<'a> = Box<dyn FnOnce(&Json) -> Result<Json, ApiError> + 'a>;

/// What to write; objects are in the target's version.
pub(crate) enum Edit<'a> {
    /// A new object.
    Create(Json),
    /// The whole object.
    Replace(Json),
    /// What becomes of the object as it is.
    Patch(Making<'a>),
    /// What the server itself makes of the object as it is, owners included.
    Made(Making<'a>),
    /// Server-side apply; with `force`, conflicts are won.
    Apply { intent: Json, force: bool },
}

/// What a write has come to.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The object, in its storage version.
    pub(crate) object: Arc<Stored>,
    pub(crate) created: bool,
    /// What the client is told besides.
    pub(crate) warnings: Vec<String>,
}

impl Target<'_> {
    pub(crate) fn key(&self) -> Key {
        Key { resource: self.kind.name.clone(), namespace: self.namespace.into(), name: self.name.into() }
    }

    pub(crate) fn not_found(&self) -> ApiError {
        // One kind has its own name in that place.
        let plural = if &*self.kind.name == "componentstatuses" { "componentstatus" } else { &self.kind.plural };
        ApiError::not_found(&self.kind.group, plural, self.name)
    }
}

impl World {
    /// Writes an object, with all that the API server does about it.
    pub(crate) fn write(&mut self, target: &Target<'_>, writer: &Writer, edit: Edit<'_>) -> Result<Written, ApiError> {
        let mut warnings = Vec::new();
        match self.change(target, writer, edit, &mut warnings) {
            Ok(written) => Ok(Written { warnings, ..written }),
            Err(error) => Err(ApiError { warnings, ..error }),
        }
    }

    fn change(
        &mut self,
        target: &Target<'_>,
        writer: &Writer,
        edit: Edit<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Written, ApiError> {
        let live = self.store.get(&target.key()).filter(|_| !target.name.is_empty());
        match (live, edit) {
            (_, Edit::Create(object)) => {
                if object::text(&object, "/metadata/resourceVersion")
                    .is_some_and(|version| !matches!(version, "" | "0"))
                {
                    let said = "resourceVersion should not be set on objects to be created";
                    return Err(ApiError::new(500, "", said));
                }
                self.insert(target, writer, object, false, warnings)
            }
            (Some(live), edit) => self.modify(target, writer, &live, edit, warnings),
            (None, Edit::Replace(object))
                if target.subresource.is_empty() && strategy::creates_on_update(&target.kind.name) =>
            {
                meta::same_uid(&object, &Json::Null, target)?;
                self.insert(target, writer, object, false, warnings)
            }
            (None, Edit::Apply { intent, .. }) if target.subresource.is_empty() => {
                self.insert(target, writer, intent, true, warnings)
            }
            (None, Edit::Replace(mut object)) => {
                // What is sent is read before anything is looked up.
                warnings.extend(parts::decode(target.kind, &mut object, writer.field_validation)?);
                meta::settle(&mut object, target.kind, target.namespace)?;
                meta::same_name(&object, target.name)?;
                Err(target.not_found())
            }
            (None, _) => Err(target.not_found()),
        }
    }

    fn insert(
        &mut self,
        target: &Target<'_>,
        writer: &Writer,
        mut object: Json,
        applied: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Written, ApiError> {
        let kind = target.kind;
        let stored_kind = self.stored_type(&kind.name)?;
        let now = self.clock().wall();
        if applied {
            object = parts::apply(self, target, None, &object, writer, now, false)?;
            parts::decode_applied(kind, &mut object)?;
            meta::same_name(&object, target.name)?;
        } else {
            warnings.extend(parts::decode(kind, &mut object, writer.field_validation)?);
        }
        meta::wipe_system_fields(&mut object);
        meta::settle(&mut object, kind, target.namespace)?;
        reach::create(kind, &mut object);
        let labelled = object.pointer("/metadata/labels").is_some_and(|labels| !labels.is_null());
        object = parts::default(kind, object);
        if !applied {
            object = parts::track(self, target, None, object, writer, now);
        }
        let judged_kind = judged_in(kind, &stored_kind);
        let mut object = parts::convert(object, judged_kind);

        let prefix = object::text(&object, "/metadata/generateName").unwrap_or_default().to_owned();
        let generated = object::name(&object).is_empty() && !prefix.is_empty();
        if generated {
            let name = self.new_name(&kind.name, target.namespace, &prefix, writer.dry_run);
            meta::set(&mut object, "name", name.into());
        }
        let key = Key { name: object::name(&object).into(), ..target.key() };
        meta::set(&mut object, "uid", self.new_uid(&key, writer.dry_run).into());
        meta::set(&mut object, "creationTimestamp", meta::time(now));
        if strategy::begins_with_generation(judged_kind) {
            meta::set(&mut object, "generation", 1.into());
        }

        self.namespace_accepts(&key, judged_kind)?;
        self.definition_accepts(kind, &key.name)?;
        parts::prepare(self, target, judged_kind, None, &mut object, labelled)?;
        let judged = parts::judge(self, target, judged_kind, None, &object)?;
        parts::settle(target, judged_kind, &mut object)?;
        if let Some(there) = self.store.get(&key) {
            let mut error = ApiError::already_exists(&kind.group, &kind.plural, &key.name);
            if there.index.deleting {
                error.message = format!("object is being deleted: {}", error.message);
            }
            warnings.extend(judged.warnings);
            return Err(error);
        }
        if !writer.dry_run {
            self.charge(target, &stored_kind, None, &object)?;
        }
        let object = to_store(object, &stored_kind);
        let stored = self.commit(&key, &stored_kind, object, writer.dry_run);
        warnings.extend(self.accepted(&key, judged, writer.dry_run));
        Ok(Written { object: stored, created: true, warnings: Vec::new() })
    }

    fn modify(
        &mut self,
        target: &Target<'_>,
        writer: &Writer,
        live: &Arc<Stored>,
        edit: Edit<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Written, ApiError> {
        let (kind, key) = (target.kind, target.key());
        let stored_kind = self.stored_type(&kind.name)?;
        let judged_kind = judged_in(kind, &stored_kind);
        let before = parts::refreshed(&self.catalog.versions(kind), live, kind);
        let old = parts::convert(before.clone(), judged_kind);
        let now = self.clock().wall();
        let (applied, made) = (matches!(edit, Edit::Apply { .. }), matches!(edit, Edit::Made(_)));
        let mut object = match edit {
            Edit::Apply { intent, force } => parts::apply(self, target, Some(&before), &intent, writer, now, force)?,
            Edit::Patch(edit) | Edit::Made(edit) => edit(&before)?,
            Edit::Create(object) | Edit::Replace(object) => {
                meta::same_uid(&object, &old, target)?;
                object
            }
        };
        let forgets = object.pointer("/metadata/managedFields").and_then(Json::as_array).is_some_and(Vec::is_empty);
        if applied {
            parts::decode_applied(kind, &mut object)?;
        } else {
            warnings.extend(parts::decode(kind, &mut object, writer.field_validation)?);
        }
        meta::settle(&mut object, kind, target.namespace)?;
        if forgets {
            // An empty list ends the tracking of owners, as does one with an empty entry; none at all does not.
            meta::set(&mut object, "managedFields", serde_json::json!([{}]));
        }
        meta::same_name(&object, target.name)?;
        object = parts::default(kind, object);
        // What such a part cannot change is tracked before it is given back.
        let late = matches!(target.subresource, "ephemeralcontainers" | "resize");
        if !made && !late {
            reach::update(target, &mut object, &before);
        }
        if !applied && !made {
            object = parts::track(self, target, Some(&before), object, writer, now);
        }
        if !made && late {
            reach::update(target, &mut object, &before);
        }
        object = parts::convert(object, judged_kind);
        self.check_version(&mut object, live, kind)?;
        meta::restore(&mut object, &old);
        parts::prepare(self, target, judged_kind, Some(&old), &mut object, true)?;
        // Neither the status nor a binding is something that a controller has to observe.
        let asks = !matches!(target.subresource, "status" | "binding");
        if asks && strategy::moves_generation(judged_kind, &old, &object) {
            let generation = old.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or_default() + 1;
            meta::set(&mut object, "generation", generation.into());
        }
        crate::apply::keep_times(&old, &mut object);

        let judged = parts::judge(self, target, judged_kind, Some(&old), &object)?;
        parts::settle(target, judged_kind, &mut object)?;
        let object = to_store(object, &stored_kind);
        warnings.extend(self.accepted(&key, judged, writer.dry_run));
        if live.index.deleting && meta::is_over(&object) && strategy::ends_by_update(&key.resource, &object) {
            let last = Arc::new(Stored::encode(&key.resource, &object));
            if !writer.dry_run {
                self.bury(&key, &stored_kind, object);
            }
            return Ok(Written { object: last, created: false, warnings: Vec::new() });
        }
        if object == live.json() {
            return Ok(Written { object: live.clone(), created: false, warnings: Vec::new() });
        }
        if !writer.dry_run {
            self.charge(target, &stored_kind, Some(&old), &object)?;
        }
        let stored = self.commit(&key, &stored_kind, object, writer.dry_run);
        Ok(Written { object: stored, created: false, warnings: Vec::new() })
    }

    /// Remembers what could not be judged about an object that is accepted; gives all that its writer is told.
    fn accepted(&mut self, key: &Key, judged: parts::Judged, dry_run: bool) -> Vec<String> {
        let parts::Judged { mut warnings, unvalidated } = judged;
        if !dry_run {
            self.unvalidated.remove(key);
            if !unvalidated.is_empty() {
                self.unvalidated.insert(key.clone(), unvalidated.clone());
            }
        }
        warnings.extend(unvalidated);
        warnings
    }

    /// Has the namespace's quotas know of an object that is about to be stored.
    fn charge(
        &mut self,
        target: &Target<'_>,
        stored: &ResourceType,
        live: Option<&Json>,
        object: &Json,
    ) -> Result<(), ApiError> {
        let charged = parts::charged(self, target, stored, live, object);
        if charged.is_empty() {
            return Ok(());
        }
        let kind = self.stored_type("resourcequotas")?;
        let writer = Writer { manager: "kube-apiserver".into(), ..Writer::default() };
        for quota in charged {
            let name = object::name(&quota).to_owned();
            let target = Target { kind: &kind, namespace: target.namespace, name: &name, subresource: "status" };
            self.write(&target, &writer, Edit::Replace(quota))?;
        }
        Ok(())
    }

    /// Optimistic locking.
    fn check_version(&self, object: &mut Json, live: &Stored, kind: &ResourceType) -> Result<(), ApiError> {
        let version = object::text(object, "/metadata/resourceVersion").unwrap_or_default();
        let live_version = live.index.version.to_string();
        if version.is_empty() || version == "0" {
            if !strategy::updates_unconditionally(kind) {
                let cause = crate::error::Cause {
                    reason: "FieldValueInvalid",
                    message: "Invalid value: 0: must be specified for an update".into(),
                    field: "metadata.resourceVersion".into(),
                };
                return Err(ApiError::invalid(&kind.group, &kind.plural, live.name(), &[cause]));
            }
            meta::set(object, "resourceVersion", live_version.into());
            return Ok(());
        }
        if version.parse::<u64>().is_err() {
            let message = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
            return Err(ApiError::new(500, "", message));
        }
        if version != live_version {
            return Err(ApiError::conflict(&kind.group, &kind.plural, live.name(), OUTDATED));
        }
        Ok(())
    }

    /// Stores an object under the next version.
    pub(super) fn commit(
        &mut self,
        key: &Key,
        kind: &Arc<ResourceType>,
        mut object: Json,
        dry_run: bool,
    ) -> Arc<Stored> {
        if dry_run {
            return Arc::new(Stored::encode(&key.resource, &object));
        }
        meta::set_version(&mut object, self.store.next_version());
        let before = self.store.get(key).map(|before| before.json());
        let stored = self.store.put(key, &object);
        parts::committed(self, kind, before.as_ref(), Some(&object));
        stored
    }

    /// Nothing is made of a definition that is being deleted.
    fn definition_accepts(&self, kind: &ResourceType, name: &str) -> Result<(), ApiError> {
        if !kind.definition.as_ref().is_some_and(|definition| definition.is_terminating()) {
            return Ok(());
        }
        let why = "create not allowed while custom resource definition is terminating";
        Err(ApiError::forbidden(&kind.group, &kind.plural, name, why))
    }

    /// What lives in a namespace needs it, and nothing is made in one that ends.
    pub(crate) fn namespace_accepts(&self, key: &Key, kind: &ResourceType) -> Result<(), ApiError> {
        if !kind.namespaced {
            return Ok(());
        }
        let Some(namespace) = self.store.find("namespaces", "", &key.namespace) else {
            return Err(ApiError::not_found("", "namespaces", &key.namespace));
        };
        if !namespace.index.deleting {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {} because it is being terminated", key.namespace);
        let mut error = ApiError::forbidden(&kind.group, &kind.plural, &key.name, &why);
        let cause = serde_json::json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {} is being terminated", key.namespace),
            "field": "metadata.namespace",
        });
        if let Some(Json::Object(details)) = error.details.as_deref_mut() {
            details.insert("causes".into(), Json::Array(vec![cause]));
        }
        Err(error)
    }
}

/// The version in which an object is judged: a custom one in that of the request, others in that of the store.
fn judged_in<'a>(kind: &'a Arc<ResourceType>, stored: &'a Arc<ResourceType>) -> &'a Arc<ResourceType> {
    if kind.definition.is_some() { kind } else { stored }
}

/// The object as it is stored. The defaults of that version show from then on, whichever version it came in.
fn to_store(object: Json, stored: &ResourceType) -> Json {
    let is_other = object::text(&object, "/apiVersion") != Some(&stored.api_version());
    let mut object = parts::convert(object, stored);
    if let Some(definition) = stored.definition.as_ref().filter(|_| is_other) {
        definition.fill(&mut object);
    }
    object
}

/// The real one's sentence about an outdated resourceVersion.
const OUTDATED: &str = "the object has been modified; please apply your changes to the latest version and try again";

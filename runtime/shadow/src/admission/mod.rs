//! From an object that a client sends to one that is stored: the way of the API server's create and update, in its order.
//! What the API server calls admission stands here, one file a subject; the rest is called from here.

mod classes;
mod limits;
mod pods;
mod quota;
mod security;

use crate::defaults::fields::get;
use crate::defaults::prepare::service::{Taken, allocate};
use crate::defaults::{self, prepare};
use crate::error::Cause;
use crate::world::Objects;
use crate::{ApiError, Json, validation};

/// What is being written: the names of its type, and where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    /// The plural name: `pods`.
    pub(crate) resource: &'a str,
    /// Empty for what is cluster-wide.
    pub(crate) namespace: &'a str,
}

impl Request<'_> {
    /// 403 of an admission, for the object: `why` in the words of the API server.
    pub(crate) fn forbid<T>(&self, object: &Json, why: impl AsRef<str>) -> Result<T, ApiError> {
        Err(ApiError::forbidden(self.group, self.resource, crate::object::name(object), why.as_ref()))
    }

    fn is(&self, group: &str, resource: &str) -> bool {
        self.group == group && self.resource == resource
    }

    /// 422, where there are causes.
    fn judge(&self, object: &Json, causes: &[Cause]) -> Result<(), ApiError> {
        let name = crate::object::name(object);
        if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.group, self.kind, name, causes)) }
    }
}

/// Makes of a new object what is stored: it is decoded and has its name, namespace, uid and creation time by now.
/// Objects of kinds that are not built in only have their metadata judged here, and their namespace.
///
/// # Errors
/// As the API server refuses it: 403, 404 of the namespace, 422.
pub(crate) fn create(request: &Request<'_>, object: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    let Request { group, version, kind, .. } = *request;
    defaults::apply(group, version, kind, object);
    namespace(request, object, objects)?;
    mutate(request, object, objects)?;
    if request.is("", "services") {
        allocate_service(request, object, None, objects)?;
    }
    let now = objects.wall().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    prepare::create(group, version, kind, object, &now);
    request.judge(object, &validation::create(group, version, kind, object))?;
    let common = validation::metadata(object);
    request.judge(object, &common)?;
    admit(request, object, None, objects)?;
    defaults::tidy_kind(group, version, kind, object);
    Ok(())
}

/// Makes of a changed object what is stored; `old` is the one that is stored now.
///
/// # Errors
/// As the API server refuses it: 403, 422.
pub(crate) fn update(
    request: &Request<'_>,
    old: &Json,
    object: &mut Json,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    let Request { group, version, kind, .. } = *request;
    defaults::apply(group, version, kind, object);
    pods::update(request, old, object);
    if request.is("", "pods") {
        pods::tolerate_lost_nodes(object);
    }
    classes::mutate(request, object, objects)?;
    if request.is("", "services") {
        allocate_service(request, object, Some(old), objects)?;
    }
    prepare::update(group, version, kind, old, object);
    let mut causes = validation::metadata_update(object, old);
    causes.extend(validation::update(group, version, kind, object, old));
    request.judge(object, &causes)?;
    admit(request, object, Some(old), objects)?;
    defaults::tidy_kind(group, version, kind, object);
    Ok(())
}

/// What changes a new object.
fn mutate(request: &Request<'_>, object: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    match (request.group, request.resource) {
        ("", "pods") => {
            limits::fill(request, object, objects);
            pods::create(request, object, objects)
        }
        ("", "nodes") => {
            pods::taint_new_node(object);
            Ok(())
        }
        _ => classes::mutate(request, object, objects),
    }
}

/// What judges an object that is otherwise fine.
fn admit(request: &Request<'_>, object: &Json, old: Option<&Json>, objects: &dyn Objects) -> Result<(), ApiError> {
    limits::check(request, object, old, objects)?;
    security::check(request, object, old, objects)?;
    classes::check(request, object, old, objects)?;
    pods::check(request, object, old, objects)?;
    quota::check(request, object, old, objects)
}

/// A new object needs a namespace that is there to stay.
fn namespace(request: &Request<'_>, object: &Json, objects: &dyn Objects) -> Result<(), ApiError> {
    let name = request.namespace;
    if name.is_empty() || request.group == "authorization.k8s.io" {
        return Ok(());
    }
    let Some(found) = objects.get("namespaces", "", name) else {
        return Err(ApiError::not_found("", "namespaces", name));
    };
    if found.pointer("/status/phase").is_none_or(|phase| phase != "Terminating") {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {name} because it is being terminated");
    let cause = Cause {
        reason: "NamespaceTerminating",
        message: format!("namespace {name} is being terminated"),
        field: "metadata.namespace".to_owned(),
    };
    let refused = ApiError::forbidden(request.group, request.resource, crate::object::name(object), &why);
    Err(refused.with_causes(&[cause]))
}

fn allocate_service(
    request: &Request<'_>,
    service: &mut Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    let name = crate::object::name(service).to_owned();
    let others = objects.list("services", None);
    let others = others
        .iter()
        .filter(|other| crate::object::name(other) != name || crate::object::namespace(other) != request.namespace);
    let taken = Taken::by(others.map(|other| &**other));
    let chance = objects.chance(&["address", request.namespace, &name]);
    if get(service, "spec").is_object() { allocate(service, old, taken, chance) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

//! From an object that a client sends to one that is stored: the way of the API server's create and update, in its order.
//! What the API server calls admission stands here, one file a subject; the rest is called from here.

mod classes;
mod limits;
mod pods;
mod quota;
mod security;

use crate::defaults::fields::get;
use crate::defaults::prepare::service::{Taken, allocate};

use crate::world::Objects;
use crate::{ApiError, Json};

/// What is being written: the names of its type, and where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) group: &'a str,
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
}

/// Changes an object that is decoded and filled in, before it is judged; `old` is the one that is stored now.
///
/// # Errors
/// As the API server refuses it: 403, 422.
pub(crate) fn mutate(
    request: &Request<'_>,
    object: &mut Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    match (request.group, request.resource, old) {
        ("", "pods", None) => {
            limits::fill(request, object, objects);
            pods::create(request, object, objects)?;
        }
        ("", "pods", Some(old)) => {
            pods::update(request, old, object);
            pods::tolerate_lost_nodes(object);
        }
        ("", "nodes", None) => pods::taint_new_node(object),
        (_, _, None) => classes::mutate(request, object, objects)?,
        _ => {}
    }
    if request.is("", "services") {
        allocate_service(request, object, old, objects)?;
    }
    Ok(())
}

/// What judges an object that is otherwise fine; gives warnings.
///
/// # Errors
/// 403, as the API server refuses it.
pub(crate) fn check(
    request: &Request<'_>,
    object: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<Vec<String>, ApiError> {
    limits::check(request, object, old, objects)?;
    let warnings = security::check(request, object, old, objects)?;
    classes::check(request, object, old, objects)?;
    pods::check(request, object, old, objects)?;
    quota::check(request, object, old, objects)?;
    Ok(warnings)
}

pub(crate) use quota::charged;

fn allocate_service(
    request: &Request<'_>,
    service: &mut Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    let name = crate::object::name(service).to_owned();
    let others = objects.list("services", None);
    let is_itself = |other: &&std::sync::Arc<Json>| {
        old.is_some() && crate::object::name(other) == name && crate::object::namespace(other) == request.namespace
    };
    let others = others.iter().filter(|other| !is_itself(other));
    let taken = Taken::by(others.map(|other| &**other));
    let chance = objects.chance(&["address", request.namespace, &name]);
    if get(service, "spec").is_object() { allocate(service, old, taken, chance) } else { Ok(()) }
}

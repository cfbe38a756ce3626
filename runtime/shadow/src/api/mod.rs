//! The API: from an HTTP request to an HTTP response.

mod answer;
mod body;
mod delete;
pub(crate) mod json;
mod list;
mod objects;
mod patch;
mod query;
mod request;
mod reviews;
mod route;
mod selector;
mod server;
mod subresource;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod words;

use bytes::Bytes;
use http::{Request, Response};

use answer::Answer;
pub use body::Body;
use body::{Accept, Form};
use query::Query;
use request::accept;
use route::Route;
use words::no_such_resource;

use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::world::{World, deprecation};

/// Answers a request.
pub(crate) fn handle(world: &mut World, request: &Request<Bytes>) -> Response<Body> {
    let accepted = accept(request.headers());
    let accept = Accept::parse(&accepted);
    let form = accept.as_ref().map_or(Form::Json, |accept| accept.form);
    let answer = match Route::parse(request.uri().path()) {
        Route::Other(path) => server::answer(world, request, &path),
        Route::Resource(path) => match accept {
            Err(refusal) => Err(refusal.into_error(&path)),
            Ok(accept) => {
                let query = Query::parse(request.uri().query().unwrap_or_default());
                let (method, headers, body) = (request.method(), request.headers(), request.body());
                let request = request::Request { method, path: &path, query, accept, headers, body };
                resource(world, &request)
            }
        },
    };
    answer.unwrap_or_else(Answer::from).into_response(form)
}

fn resource(world: &mut World, request: &request::Request<'_>) -> Result<Answer, ApiError> {
    let path = request.path;
    let kind = world.catalog.get(&path.group, &path.version, &path.resource).cloned();
    let Some(kind) = kind.filter(|kind| is_in_scope(kind, request)) else {
        return if server::is_built_in(&path.group) {
            Err(no_such_resource())
        } else {
            Ok(Answer::text(404, "404 page not found\n"))
        };
    };
    let mut answer = of_kind(world, request, &kind).unwrap_or_else(Answer::from);
    // Told first, whatever comes of the request.
    answer.warnings.splice(0..0, deprecation(&kind));
    Ok(answer)
}

/// Whether the path is one that the kind has: in a namespace, or not. Custom objects of all namespaces can only be seen.
fn is_in_scope(kind: &ResourceType, request: &request::Request<'_>) -> bool {
    match request.path.namespace.is_empty() {
        true => kind.definition.is_none() || !kind.namespaced || matches!(request.verb(), "list" | "watch"),
        false => kind.namespaced,
    }
}

fn of_kind(
    world: &mut World,
    request: &request::Request<'_>,
    kind: &std::sync::Arc<ResourceType>,
) -> Result<Answer, ApiError> {
    let path = request.path;
    // Objects of all namespaces can be seen together, and nothing else.
    if kind.namespaced && path.namespace.is_empty() {
        if !path.name.is_empty() || !kind.verbs.iter().any(|verb| verb == "list") {
            return Err(no_such_resource());
        }
        if !matches!(request.verb(), "list" | "watch") {
            return Err(words::method_not_allowed());
        }
    }
    if !path.subresource.is_empty() {
        let none = || match kind.definition {
            Some(_) => ApiError::not_found(&kind.group, &kind.plural, &path.name),
            None => no_such_resource(),
        };
        let subresource = kind.subresource(&path.subresource).ok_or_else(none)?;
        return subresource::answer(world, request, kind, subresource);
    }
    if let Some(answer) = reviews::answer(world, request, kind)? {
        return Ok(answer);
    }
    objects::answer(world, request, kind)
}

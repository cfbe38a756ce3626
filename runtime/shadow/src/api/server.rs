//! What the server says of itself: health, version, what it serves.

use bytes::Bytes;
use http::Request;
use http::header::HOST;
use serde_json::json;

use super::answer::Answer;
use super::query::Query;
use super::request::{accept, header};
use super::words::{method_not_allowed, no_such_resource};
use crate::catalog::discovery::{AGGREGATED, api_versions};
use crate::error::ApiError;
use crate::schema::builtin;
use crate::world::World;

/// What is looked at for the server's health.
const CHECKS: [&str; 3] = ["ping", "log", "etcd"];

/// The content type of the OpenAPI document that Go's clients ask for.
const SECOND: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Answers a request to a path that is no resource's.
pub(crate) fn answer(world: &World, request: &Request<Bytes>, path: &str) -> Result<Answer, ApiError> {
    let not_found = || Ok(Answer::text(404, "404 page not found\n"));
    if !matches!(*request.method(), http::Method::GET | http::Method::HEAD) {
        return Err(method_not_allowed());
    }
    let accept = accept(request.headers());
    // A client that knows the newer form names it first.
    let aggregated = accept.split(',').next().is_some_and(|first| {
        first.contains("as=APIGroupDiscoveryList") && first.split(';').any(|part| part.trim() == "v=v2")
    });
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let resources = |group, version| world.catalog.resource_list(group, version).map(|list| Answer::json(200, &list));
    let known = match parts[..] {
        [] => Some(Answer::indented(&json!({"paths": paths(world)}))),
        [name @ ("healthz" | "livez" | "readyz")] => Some(Answer::text(200, health(name, request))),
        ["healthz" | "livez" | "readyz", check] if CHECKS.contains(&check) => Some(Answer::text(200, "ok")),
        ["version"] => Some(Answer::indented(&builtin().version)),
        [root @ ("api" | "apis")] if aggregated => {
            let groups = world.catalog.aggregated(root == "api").to_string();
            Some(Answer::typed(AGGREGATED, groups))
        }
        ["api"] => Some(Answer::json(200, &api_versions(address(request)))),
        ["apis"] => Some(Answer::json(200, &world.catalog.group_list())),
        ["apis", group] => world.catalog.group(group).map(|group| Answer::json(200, &group)),
        ["api", version] if is_served(world, "", version) => resources("", version),
        ["apis", group, version] if is_served(world, group, version) => resources(group, version),
        ["openapi", "v2"] => {
            let (json, protobuf) = world.documents.second(&world.catalog);
            let wants_json = accept.is_empty() || accept.starts_with("application/json") || accept.contains("*/*");
            Some(if wants_json { Answer::typed("application/json", json) } else { Answer::typed(SECOND, protobuf) })
        }
        ["openapi", "v3"] => {
            let index = world.documents.index(&world.catalog).to_string();
            Some(Answer::typed("text/plain; charset=utf-8", index))
        }
        ["openapi", "v3", ..] => {
            let place = path.strip_prefix("/openapi/v3/").unwrap_or_default();
            let document = world.documents.get(&world.catalog, place);
            Some(document.map_or_else(Answer::nothing, |document| Answer::typed("application/json", document)))
        }
        ["api", ..] => return Err(no_such_resource()),
        ["apis", group, ..] if is_built_in(group) => return Err(no_such_resource()),
        _ => None,
    };
    known.map_or_else(not_found, Ok)
}

/// All is well where there is an answer at all.
fn health(name: &str, request: &Request<Bytes>) -> String {
    if !Query::parse(request.uri().query().unwrap_or_default()).flag("verbose") {
        return "ok".into();
    }
    let checks: String = CHECKS.iter().map(|check| format!("[+]{check} ok\n")).collect();
    format!("{checks}{name} check passed\n")
}

/// The server's own address, as the client knows it.
fn address(request: &Request<Bytes>) -> &str {
    match header(request.headers(), HOST) {
        "" => request.uri().authority().map_or("", |authority| authority.as_str()),
        host => host,
    }
}

fn is_served(world: &World, group: &str, version: &str) -> bool {
    world.catalog.all().any(|kind| kind.group == group && kind.version == version)
}

/// Whether the group is one of Kubernetes' own.
pub(crate) fn is_built_in(group: &str) -> bool {
    builtin().groups.iter().any(|known| known == group)
}

fn paths(world: &World) -> Vec<String> {
    let mut paths: Vec<String> =
        ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            .map(String::from)
            .into();
    for kind in world.catalog.all().filter(|kind| !kind.group.is_empty()) {
        paths.push(format!("/apis/{}", kind.group));
        paths.push(format!("/apis/{}/{}", kind.group, kind.version));
    }
    paths.sort();
    paths.dedup();
    paths
}

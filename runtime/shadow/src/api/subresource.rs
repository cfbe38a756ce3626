//! Subresources that are something else than the object: its scale, a pod's binding, eviction and log, a token.

mod evict;
mod scale;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, json};

use super::answer::Answer;
use super::body::Body;
use super::request::{Kind, Request};
use super::words::{method_not_allowed, plain};
use super::{objects, reviews};
use crate::Json;
use crate::catalog::{ResourceType, Subresource};
use crate::container::{self, Session, Streams, What};
use crate::controllers::fields::is_true;
use crate::error::ApiError;
use crate::object::{name, namespace, text, uid};
use crate::world::{Objects, World};

/// Answers a request to a subresource.
pub(crate) fn answer(
    world: &mut World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    subresource: &Subresource,
) -> Result<Answer, ApiError> {
    if !subresource.verbs.iter().any(|verb| verb == request.verb()) {
        return Err(if kind.definition.is_some() { unsupported(kind, request.verb()) } else { method_not_allowed() });
    }
    match subresource.name.as_str() {
        "scale" => scale::answer(world, request, kind),
        "eviction" => evict::evict(world, request, kind),
        "binding" => bind(world, request, &request.path.name),
        "log" => log(world, request, kind),
        "exec" => exec(world, request, kind),
        "portforward" => forward(world, request, kind),
        "token" => token(world, request, kind),
        _ if subresource.kind == kind.kind => objects::answer(world, request, kind),
        other => Err(plain(501, "NotImplemented", &format!("the simulated cluster has no {other}"))),
    }
}

/// 405 of a custom resource.
fn unsupported(kind: &ResourceType, verb: &str) -> ApiError {
    let said = format!("{verb} is not supported on resources of kind \"{}\"", kind.name);
    let details = json!({"group": kind.group, "kind": kind.plural});
    ApiError { details: Some(Box::new(details)), ..ApiError::new(405, "MethodNotAllowed", said) }
}

/// A binding assigns a pod to a node; `name` is the pod's.
pub(crate) fn bind(world: &mut World, request: &Request<'_>, pod: &str) -> Result<Answer, ApiError> {
    let (mut binding, _) = request.object(&world.catalog, &Kind { group: "", version: "v1", kind: "Binding" })?;
    let writer = request.query.writer("CreateOptions", request.user_agent(), false)?;
    if name(&binding) != pod {
        return Err(ApiError::bad_request("name in URL does not match name in Binding object"));
    }
    let target_kind = text(&binding, "/target/kind").unwrap_or_default();
    let mut wrong = Vec::new();
    if !matches!(target_kind, "" | "Node") {
        wrong.push(format!("target.kind: Unsupported value: {target_kind:?}: supported values: \"Node\", \"<empty>\""));
    }
    if text(&binding, "/target/name").unwrap_or_default().is_empty() {
        wrong.push("target.name: Required value".to_owned());
    }
    match wrong.as_slice() {
        [] => {}
        [one] => return Err(ApiError::new(500, "", one.clone())),
        all => return Err(ApiError::new(500, "", format!("[{}]", all.join(", ")))),
    }
    if let Some(metadata) = binding.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.insert("namespace".into(), request.path.namespace.clone().into());
    }
    world.bind(&writer, &binding)?;
    Ok(created())
}

/// The answer to a binding or an eviction.
fn created() -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Answer::json(201, &status)
}

/// What the containers of a simulated pod have to say.
fn log(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let pod = world.store.get(&target.key()).ok_or_else(|| target.not_found())?.json();
    let query = &request.query;
    let since_time = query.given("sinceTime").filter(|time| !time.is_empty()).map(str::parse).transpose();
    let wanted = container::Wanted {
        container: query.text("container"),
        previous: query.flag("previous"),
        timestamps: query.flag("timestamps"),
        tail: query.number("tailLines")?,
        since_seconds: query.number("sinceSeconds")?,
        since_time: since_time.map_err(|error| ApiError::bad_request(format!("sinceTime: {error}")))?,
        limit_bytes: query.number("limitBytes")?,
    };
    if query.flag("follow") {
        return Ok(Answer::stream("text/plain", Body::lines(container::follow(world, &target.key(), &pod, &wanted)?)));
    }
    Ok(Answer::typed("text/plain", container::log(&pod, &wanted, world.wall())?))
}

/// A command in a container.
fn exec(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let (key, query) = (target.key(), &request.query);
    let pod = world.store.get(&key).ok_or_else(|| target.not_found())?.json();
    let command: Vec<String> = query.all("command").map(str::to_owned).collect();
    let streams = Streams { stdin: query.flag("stdin"), stdout: query.flag("stdout"), stderr: query.flag("stderr") };
    if !(streams.stdin || streams.stdout || streams.stderr) {
        return Err(ApiError::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
    }
    if query.flag("tty") {
        return Err(plain(501, "NotImplemented", "the simulated cluster has no terminals"));
    }
    let (whose, task) = container::exec(world, &key, &pod, query.text("container"), &command)?;
    Ok(Answer::session(Session::new(What::Run { whose, task, streams }, request.headers)?))
}

/// Connections to ports of a pod: they are accepted while its containers are ready. Only what each side of kubelet and client
/// says is simulated: nothing answers there.
fn forward(world: &World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let pod = world.store.get(&target.key()).ok_or_else(|| target.not_found())?.json();
    if text(&pod, "/spec/nodeName").unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", name(&pod))));
    }
    if text(&pod, "/status/phase") != Some("Running") {
        let said = format!(
            "unable to forward port because pod is not running. Current status={}",
            text(&pod, "/status/phase").unwrap_or_default()
        );
        return Err(ApiError::bad_request(said));
    }
    let given: Vec<&str> = request.query.all("ports").flat_map(|ports| ports.split(',')).collect();
    let read = |port: &&str| match port.parse() {
        Ok(0) | Err(_) => Err(ApiError::bad_request(format!("unable to parse {port:?} as a port"))),
        Ok(port) => Ok(port),
    };
    let ports: Vec<u16> = given.iter().map(read).collect::<Result<_, _>>()?;
    if ports.is_empty() || ports.len() > 100 {
        // Who speaks SPDY, as kubectl does, names them later.
        return Err(ApiError::bad_request(
            "the simulated cluster speaks v4.channel.k8s.io to ports: query parameter \"ports\" is required",
        ));
    }
    let is_ready = is_true(&pod["status"], "ContainersReady");
    Ok(Answer::session(Session::new(What::Ports { ports, is_ready }, request.headers)?))
}

/// A token for a ServiceAccount: it looks like one, and opens nothing.
fn token(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let of = Kind { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" };
    let (asked, _) = request.object(&world.catalog, &of)?;
    let target = request.target(kind);
    let account = world.store.get(&target.key()).ok_or_else(|| target.not_found())?.json();
    let seconds = asked.pointer("/spec/expirationSeconds").and_then(Json::as_i64).unwrap_or(3600);
    if seconds < 600 {
        let cause = reviews::too_short(seconds);
        return Err(ApiError::invalid(of.group, of.kind, "", &[cause]));
    }
    let now = world.wall();
    let ends = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
    let audiences =
        asked.pointer("/spec/audiences").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let audiences = audiences.cloned().unwrap_or_else(|| json!([reviews::ISSUER]));
    let subject = format!("system:serviceaccount:{}:{}", namespace(&account), name(&account));
    let claims = json!({
        "aud": audiences, "exp": ends.as_second(), "iat": now.as_second(), "iss": reviews::ISSUER, "sub": subject,
        "kubernetes.io": {"namespace": namespace(&account), "serviceaccount": {"name": name(&account), "uid": uid(&account)}},
    });
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signature = format!("{:032x}", world.chance(&["token", uid(&account), &now.to_string()]));
    let token =
        format!("{}.{}.{}", part(json!({"alg": "none"}).to_string()), part(claims.to_string()), part(signature));
    let mut spec = asked.get("spec").and_then(Json::as_object).cloned().unwrap_or_else(Map::new);
    spec.insert("audiences".into(), audiences);
    spec.insert("expirationSeconds".into(), seconds.into());
    spec.entry("boundObjectRef").or_insert(Json::Null);
    Ok(Answer::json(
        201,
        &json!({
            "kind": of.kind, "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": name(&account), "namespace": namespace(&account), "uid": uid(&account),
                "creationTimestamp": crate::world::time(now),
            },
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": crate::world::time(ends)},
        }),
    ))
}

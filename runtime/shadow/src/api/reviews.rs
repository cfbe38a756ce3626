//! Questions about who one is and what one may do: one is an administrator, and may do anything.

use std::sync::Arc;

use serde_json::{Map, json};

use super::answer::Answer;
use super::request::{Kind, Request};
use super::subresource;
use super::words::{method_not_allowed, no_such_resource};
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::object::text;
use crate::world::{World, decode};

/// Who the tokens of ServiceAccounts are from, and for.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc";

/// Answers a request to a kind of which nothing is kept; nothing for other kinds.
pub(super) fn answer(
    world: &mut World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
) -> Result<Option<Answer>, ApiError> {
    let of_nothing_kept =
        matches!(&*kind.group, "authentication.k8s.io" | "authorization.k8s.io") || &*kind.name == "bindings";
    if !of_nothing_kept {
        return Ok(None);
    }
    if !request.path.name.is_empty() {
        return Err(no_such_resource());
    }
    if request.verb() != "create" {
        return Err(method_not_allowed());
    }
    if &*kind.name == "bindings" {
        let (binding, _) = request.object(&world.catalog, &Kind::of(kind))?;
        return subresource::bind(world, request, crate::object::name(&binding)).map(Some);
    }
    let (mut asked, _) = request.object(&world.catalog, &Kind::of(kind))?;
    let writer = request.query.writer("CreateOptions", request.user_agent(), false)?;
    decode(kind, &mut asked, writer.field_validation)?;
    let asked = world.tracked(&request.target(kind), &writer, asked);
    let spec = asked.get("spec").cloned();
    let status = match kind.kind.as_str() {
        "SelfSubjectReview" => json!({"userInfo": user("shadow")}),
        "TokenReview" => token(world, asked.pointer("/spec/token").and_then(Json::as_str).unwrap_or_default()),
        "SelfSubjectRulesReview" => rules(),
        _ => json!({"allowed": true}),
    };
    let mut metadata = Map::new();
    for key in ["namespace", "managedFields"] {
        if let Some(value) = asked.get("metadata").and_then(|metadata| metadata.get(key)) {
            metadata.insert(key.into(), value.clone());
        }
    }
    if kind.kind == "SelfSubjectReview" {
        metadata.insert("creationTimestamp".into(), crate::world::time(world.clock().wall()));
    }
    let mut review = json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata});
    if let (Some(spec), Some(fields)) = (spec, review.as_object_mut()) {
        fields.insert("spec".into(), spec);
    }
    if let Some(fields) = review.as_object_mut() {
        fields.insert("status".into(), status);
    }
    Ok(Some(Answer::json(201, &review)))
}

fn user(name: &str) -> Json {
    json!({"username": name, "uid": name, "groups": ["system:masters", "system:authenticated"]})
}

/// What an administrator may do, and what everybody may in a cluster as it is at first.
fn rules() -> Json {
    let review =
        |group: &str, resources: &[&str]| json!({"verbs": ["create"], "apiGroups": [group], "resources": resources});
    let health = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let discovery = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
    let reads: Vec<&str> = discovery.iter().chain(&health).copied().collect();
    json!({
        "resourceRules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            review("authentication.k8s.io", &["selfsubjectreviews"]),
            review("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
        ],
        "nonResourceRules": [
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
            {"verbs": ["get"], "nonResourceURLs": reads},
            {"verbs": ["get"], "nonResourceURLs": health},
        ],
        "incomplete": false,
    })
}

/// Whose token it is: of a ServiceAccount by what it claims, of the administrator otherwise.
fn token(world: &World, token: &str) -> Json {
    use base64::Engine;
    let claims = token.split('.').nth(1).and_then(|part| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Json>(&bytes).ok()
    });
    let Some(claims) = claims else {
        return json!({"authenticated": true, "user": user("shadow"), "audiences": [ISSUER]});
    };
    let claim = |pointer: &str| text(&claims, pointer).unwrap_or_default();
    let (namespace, name) = (claim("/kubernetes.io/namespace"), claim("/kubernetes.io/serviceaccount/name"));
    let ends = claims.get("exp").and_then(Json::as_i64).unwrap_or_default();
    let account = world.store.find("serviceaccounts", namespace, name);
    let account = account.filter(|account| account.uid() == claim("/kubernetes.io/serviceaccount/uid"));
    if account.is_none() || ends < world.clock().wall().as_second() {
        return json!({"user": {}, "error": "invalid bearer token"});
    }
    let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}"), "system:authenticated"];
    json!({
        "authenticated": true,
        "user": {
            "username": format!("system:serviceaccount:{namespace}:{name}"),
            "uid": claim("/kubernetes.io/serviceaccount/uid"), "groups": groups,
        },
        "audiences": claims.get("aud").cloned().unwrap_or_default(),
    })
}

/// What is wrong with a token that lasts for this short.
pub(super) fn too_short(seconds: i64) -> Cause {
    Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {seconds}: may not specify a duration less than 10 minutes"),
        field: "spec.expirationSeconds".into(),
    }
}

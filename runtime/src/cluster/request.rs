//! The verbs, on plain JSON.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::exchange::{Exchange, parse, uri};
use super::failure::Failure;
use super::fields::FieldPath;
use super::options::{ApplyOptions, DeleteOptions, Deleted, Patch, PatchOptions, WriteOptions};
use super::ownership::EDIT_MANAGER;
use super::resource::ResourceId;
use super::retry::Repeat;
use super::{Cluster, Json};
use crate::error::{Error, Kind, Result};

const JSON: &str = "application/json";
/// JSON is YAML, and this is the only name that every supported server takes.
const APPLY: &str = "application/apply-patch+yaml";

impl Cluster {
    /// The object, or none if there is none.
    ///
    /// # Errors
    /// What the cluster or the connection says; a kind or group that is not served is an error too.
    pub async fn get(&self, id: &ResourceId) -> Result<Option<Json>> {
        match self.exchange_json(&Exchange::get(id.path(), id.subject("get"))).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if is_absent(&failure) => Ok(None),
            Err(failure) => Err(failure.into_error(&id.subject("get"))),
        }
    }

    /// A subresource such as `scale` or `status`, or none if the object is not there.
    ///
    /// # Errors
    /// What the cluster or the connection says.
    pub async fn get_subresource(&self, id: &ResourceId, subresource: &str) -> Result<Option<Json>> {
        let exchange = Exchange::get(format!("{}/{subresource}", id.path()), id.subject("get"));
        match self.exchange_json(&exchange).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if is_absent(&failure) => Ok(None),
            Err(failure) => Err(failure.into_error(&id.subject("get"))),
        }
    }

    /// Creates the object; it must not exist.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`], [`Kind::Rejected`] and what else the
    /// cluster or the connection says.
    pub async fn create(&self, id: &ResourceId, object: &Json, options: &WriteOptions) -> Result<Json> {
        let mut query = write_query(&options.manager, options.dry_run);
        query.push(("fieldValidation", "Strict"));
        let uri = id.collection().uri(&query);
        self.write(id, "create", Method::POST, uri, (JSON, object), options.dry_run).await
    }

    /// Replaces the object by this one, which must carry the `metadata.resourceVersion` that was read: a replacement
    /// without one never conflicts, and so may undo somebody's work.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if it has changed since, and what else the cluster or the connection
    /// says.
    pub async fn update(&self, id: &ResourceId, object: &Json, options: &WriteOptions) -> Result<Json> {
        if object.pointer("/metadata/resourceVersion").and_then(Json::as_str).is_none_or(str::is_empty) {
            return Err(Error::internal(format!("{id} was to be replaced without the version that was read")));
        }
        let mut query = write_query(&options.manager, options.dry_run);
        query.push(("fieldValidation", "Strict"));
        let uri = uri(&id.path(), &query);
        self.write(id, "update", Method::PUT, uri, (JSON, object), options.dry_run).await
    }

    /// Server-side apply: makes the object have what `intent` says, and makes the manager own that. What the manager
    /// owned and `intent` no longer says is removed. Unknown fields are refused.
    ///
    /// # Errors
    /// [`Kind::Conflict`] with [`Failure::field_conflicts`] if fields belong to others, or without any
    /// if the object is no longer at `resource_version`; and what else the cluster or the connection says.
    pub async fn apply(&self, id: &ResourceId, intent: &Json, options: &ApplyOptions) -> Result<Json> {
        let mut query = write_query(&options.manager, options.dry_run);
        query.push(("fieldValidation", "Strict"));
        query.push(("force", if options.force { "true" } else { "false" }));
        let uri = uri(&id.path(), &query);
        let versioned;
        let body = match &options.resource_version {
            None => intent,
            Some(version) => {
                let mut copy = intent.clone();
                FieldPath::of(["metadata", "resourceVersion"]).set(&mut copy, Json::String(version.clone()))?;
                versioned = copy;
                &versioned
            }
        };
        match self.write(id, "apply", Method::PATCH, uri, (APPLY, body), options.dry_run).await {
            Err(error) if error.kind() == Kind::Rejected => Err(self.with_nearest_field(id, error).await),
            other => other,
        }
    }

    /// Adds, to the refusal of an unknown field, the one that was probably meant.
    async fn with_nearest_field(&self, id: &ResourceId, error: Error) -> Error {
        let unknown = error.message().split_once(": field not declared in schema").map(|(before, _)| before);
        let path = unknown.and_then(|u| u.rsplit(' ').next()).and_then(|p| FieldPath::parse(p).ok());
        let Some(path) = path else { return error };
        match self.schema(&id.api_version, &id.kind).await {
            Ok(Some(schema)) => match schema.nearest(&path) {
                Some(meant) => error.hint(format!("did you mean {meant}?")),
                None => error,
            },
            // The refusal is what counts, not that the schema could not be read.
            _ => error,
        }
    }

    /// Changes a part of the object, or of one of its subresources.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not there, [`Kind::Conflict`] if the
    /// patch names a resourceVersion that has passed, and what else the cluster or the connection says.
    pub async fn patch(&self, id: &ResourceId, patch: &Patch, options: &PatchOptions) -> Result<Json> {
        let path = match &options.subresource {
            Some(subresource) => format!("{}/{subresource}", id.path()),
            None => id.path(),
        };
        let mut query = write_query(&options.manager, options.dry_run);
        query.push(("fieldValidation", "Strict"));
        self.write(id, "patch", Method::PATCH, uri(&path, &query), patch.content(), options.dry_run).await
    }

    /// Posts to a subresource: `eviction`, `token`, `binding`. Never repeated: for an eviction, "too many requests"
    /// means that a disruption budget forbids it.
    ///
    /// # Errors
    /// What the cluster or the connection says; [`Failure::of`] has the status.
    pub async fn create_subresource(
        &self,
        id: &ResourceId,
        subresource: &str,
        body: &Json,
        dry_run: bool,
    ) -> Result<Json> {
        let uri = uri(&format!("{}/{subresource}", id.path()), dry_run_query(dry_run).as_slice());
        let mut exchange = self.writing(id, "create", Method::POST, uri, (JSON, body), false);
        exchange.repeat = Repeat::Never;
        self.exchange_json(&exchange).await.map_err(|failure| failure.into_error(&exchange.subject))
    }

    /// Deletes the object, if it is there.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if uid or version are others by now, and what else the cluster or the
    /// connection says.
    pub async fn delete(&self, id: &ResourceId, options: &DeleteOptions) -> Result<Deleted> {
        let mut body = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": options.propagation.as_str(),
        });
        if options.uid.is_some() || options.resource_version.is_some() {
            let mut preconditions = serde_json::Map::new();
            let parts = [("uid", &options.uid), ("resourceVersion", &options.resource_version)];
            for (key, value) in parts {
                if let Some(value) = value {
                    preconditions.insert(key.into(), Json::String(value.clone()));
                }
            }
            body["preconditions"] = Json::Object(preconditions);
        }
        if let Some(seconds) = options.grace_period_seconds {
            body["gracePeriodSeconds"] = seconds.into();
        }
        let uri = uri(&id.path(), dry_run_query(options.dry_run).as_slice());
        let exchange = self.writing(id, "delete", Method::DELETE, uri, (JSON, &body), options.dry_run);
        match self.exchange_json(&exchange).await {
            Ok(answer) if answer.pointer("/metadata/deletionTimestamp").is_some() => Ok(Deleted::Going(answer)),
            Ok(_) => Ok(Deleted::Gone),
            Err(failure) if is_absent(&failure) => Ok(Deleted::Absent),
            Err(failure) => Err(failure.into_error(&exchange.subject)),
        }
    }

    async fn write(
        &self,
        id: &ResourceId,
        verb: &'static str,
        method: Method,
        uri: String,
        content: (&'static str, &Json),
        dry_run: bool,
    ) -> Result<Json> {
        let exchange = self.writing(id, verb, method, uri, content, dry_run);
        let answer = self.exchange(&exchange).await.and_then(|bytes| parse(&bytes));
        answer.map_err(|failure| failure.into_error(&exchange.subject))
    }

    fn writing(
        &self,
        id: &ResourceId,
        verb: &'static str,
        method: Method,
        uri: String,
        (content_type, body): (&'static str, &Json),
        dry_run: bool,
    ) -> Exchange {
        Exchange {
            method,
            uri,
            accept: JSON,
            body: Some((content_type, Bytes::from(body.to_string()))),
            repeat: if dry_run { Repeat::Always } else { Repeat::IfUnprocessed },
            subject: id.subject(verb),
        }
    }
}

/// A manager is always named: the server would take one from the client's name, which is the one of whole objects.
fn write_query(manager: &str, dry_run: bool) -> Vec<(&'static str, &str)> {
    let manager = if manager.is_empty() { EDIT_MANAGER } else { manager };
    std::iter::once(("fieldManager", manager)).chain(dry_run_query(dry_run)).collect()
}

fn dry_run_query(dry_run: bool) -> Option<(&'static str, &'static str)> {
    dry_run.then_some(("dryRun", "All"))
}

/// Whether the object is what is missing, and not its kind: then the status names it.
fn is_absent(failure: &Failure) -> bool {
    failure.status().is_some_and(|s| s.code == 404 && !s.name.is_empty())
}

#[cfg(test)]
mod tests;

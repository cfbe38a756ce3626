//! Watches: what has happened since a version, and what happens from now on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use serde_json::json;

use super::answer::{Answer, Version};
use super::body::Body;
use super::list::{self, too_large};
use super::query::Query;
use super::request::Request;
use super::selector::Selection;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::store::{ChangeKind, Record, Scope, Stored, Watcher};
use crate::world::World;

/// Begins a watch.
pub(crate) fn watch(
    world: &mut World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    lines: Lines,
) -> Result<Answer, ApiError> {
    let query = &request.query;
    check_options(query)?;
    let selection = request.selection(kind)?;
    let version = list::resource_version(query).map_err(|error| {
        let message = error.message.trim_start_matches("invalid resource version: ");
        ApiError::new(500, "", message)
    })?;
    let timeout = query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
    let named = if request.path.name.is_empty() { selection.name() } else { Some(request.path.name.as_str()) };
    let scope = Scope {
        resource: kind.name.clone(),
        namespace: (!request.path.namespace.is_empty()).then(|| request.path.namespace.as_str().into()),
        name: named.map(Into::into),
    };
    let bookmarks = query.flag("allowWatchBookmarks");
    // Without a version, a watch begins with what there is, whether that is asked for or not.
    let initial = query.given("sendInitialEvents").map_or(version == 0, |_| query.flag("sendInitialEvents"));
    let mut stream = Events {
        lines,
        selection,
        ready: VecDeque::new(),
        watcher: None,
        timeout: None,
        bookmark: bookmarks.then(|| world.store.version()),
    };
    let now = world.store.version();
    if initial && version > now {
        return Err(too_large(version, now));
    }
    if initial {
        for stored in world.store.list(&kind.name, scope.namespace.as_deref()) {
            if scope.name.as_deref().is_none_or(|name| name == stored.name()) && stream.selection.matches(&stored) {
                stream.ready.push_back(stream.lines.line("ADDED", &stored));
            }
        }
        if bookmarks {
            stream.ready.push_back(stream.lines.bookmark(now, true));
        }
    } else if version > 0 {
        match world.store.changes_since(version) {
            Ok(records) => {
                for record in records.filter(|record| scope.contains(&record.change)) {
                    stream.take(record);
                }
            }
            Err(gone) => {
                let message = format!("too old resource version: {version} ({})", gone.oldest);
                let error = ApiError::new(410, "Expired", message);
                let line = json!({"type": "ERROR", "object": error.to_status()});
                stream.ready.push_back(format!("{line}\n").into());
                return Ok(Answer::lines(Body::lines(stream)));
            }
        }
    }
    stream.watcher = Some(world.store.watch(scope));
    stream.timeout = timeout.map(|seconds| {
        let clock = world.clock();
        clock.sleep_weakly_until(clock.now() + Duration::from_secs(seconds.unsigned_abs()))
    });
    Ok(Answer::lines(Body::lines(stream)))
}

fn check_options(query: &Query) -> Result<(), ApiError> {
    let matching = query.text("resourceVersionMatch");
    let initial = query.given("sendInitialEvents").is_some();
    let mut causes = Vec::new();
    let mut add = |reason, message: &str| {
        causes.push(Cause { reason, message: message.to_owned(), field: "resourceVersionMatch".to_owned() });
    };
    let forbidden = "FieldValueForbidden";
    if initial && matching != "NotOlderThan" {
        add(forbidden, "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if !matching.is_empty() {
        if !initial {
            let said = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            add(forbidden, said);
        }
        if matching != "NotOlderThan" {
            let said = format!("Unsupported value: {matching:?}: supported values: \"NotOlderThan\"");
            add("FieldValueNotSupported", &said);
        }
        if !query.text("continue").is_empty() {
            add(forbidden, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
        }
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid("meta.k8s.io", "ListOptions", "", &causes)) }
}

/// How objects are written into a watch: as themselves, as tables, as their metadata.
pub(crate) struct Lines {
    pub(crate) version: Version,
    /// Where objects are not given as themselves.
    pub(crate) reshape: Option<super::view::Reshape>,
    pub(crate) kind: Arc<ResourceType>,
}

impl Lines {
    fn line(&self, event: &str, stored: &Stored) -> Bytes {
        let mut line = format!("{{\"type\":\"{event}\",\"object\":").into_bytes();
        match &self.reshape {
            None => self.version.write(&mut line, stored),
            Some(reshape) => {
                let object = serde_json::from_slice(&self.version.encode(stored)).unwrap_or_default();
                line.extend_from_slice(reshape(&object).to_string().as_bytes());
            }
        }
        line.extend_from_slice(b"}\n");
        line.into()
    }

    fn bookmark(&self, version: u64, ends_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if ends_initial && let Some(fields) = metadata.as_object_mut() {
            fields.insert("annotations".into(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata});
        let line = json!({"type": "BOOKMARK", "object": object});
        format!("{line}\n").into()
    }
}

struct Events {
    lines: Lines,
    selection: Selection,
    ready: VecDeque<Bytes>,
    /// Nothing when the watch has ended.
    watcher: Option<Watcher>,
    timeout: Option<BoxFuture<'static, ()>>,
    /// The version that a last bookmark would tell, where bookmarks are wanted.
    bookmark: Option<u64>,
}

impl Events {
    /// What a change is to someone who sees only a selection.
    fn take(&mut self, record: &Record) {
        if let Some(version) = &mut self.bookmark {
            *version = record.change.version;
        }
        let was = record.before.as_ref().is_some_and(|before| self.selection.matches(before));
        let is = record.change.kind != ChangeKind::Deleted && self.selection.matches(&record.object);
        let line = match (was, is) {
            (false, false) => return,
            (false, true) => self.lines.line("ADDED", &record.object),
            (true, true) => self.lines.line("MODIFIED", &record.object),
            (true, false) if record.change.kind == ChangeKind::Deleted => self.lines.line("DELETED", &record.object),
            (true, false) => {
                // It has left the selection: shown as it was, under the version at which it left.
                let Some(before) = &record.before else { return };
                let mut object = before.json();
                if let Some(version) = object.pointer_mut("/metadata/resourceVersion") {
                    *version = record.change.version.to_string().into();
                }
                self.lines.line("DELETED", &Stored::encode(&record.change.key.resource, &object))
            }
        };
        self.ready.push_back(line);
    }
}

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Poll::Ready(Some(line));
            }
            let Some(watcher) = &mut self.watcher else { return Poll::Ready(None) };
            match watcher.poll_recv(context) {
                Poll::Ready(Some(record)) => self.take(&record),
                Poll::Ready(None) => self.watcher = None,
                Poll::Pending => {
                    let over = self.timeout.as_mut().is_some_and(|timeout| timeout.as_mut().poll(context).is_ready());
                    if !over {
                        return Poll::Pending;
                    }
                    self.watcher = None;
                    let last = self.bookmark.map(|version| self.lines.bookmark(version, false));
                    self.ready.extend(last);
                }
            }
        }
    }
}

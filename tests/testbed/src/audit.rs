//! What the API server wrote down about who asked for what.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// A place in the audit log: only later events are looked at from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditMark(pub(crate) u64);

/// Requests that the API server answered, in the order in which they ended.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The requests.
    pub events: Vec<Event>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Event {
    /// Kubernetes' verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The path and query.
    pub uri: String,
    /// Who asked.
    pub user: String,
    /// The program that asked, by its own account.
    pub user_agent: String,
    /// What was asked about; none for paths that are not of an object.
    pub object: Option<ObjectRef>,
    /// The HTTP status of the answer.
    pub code: u16,
    dry_run: bool,
}

/// The object of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// The API group, empty for the core.
    pub api_group: String,
    /// The plural name, such as `pods`.
    pub resource: String,
    /// The subresource, such as `status`; else empty.
    pub subresource: String,
    /// The namespace; empty for what is in none.
    pub namespace: String,
    /// The name; empty for lists, and for creations with a generated name.
    pub name: String,
}

impl ObjectRef {
    fn of_path(path: &str) -> Option<ObjectRef> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let mut of = ObjectRef::default();
        if parts.next()? == "apis" {
            parts.next()?.clone_into(&mut of.api_group);
        }
        parts.next()?;
        let mut rest: Vec<&str> = parts.collect();
        if let ["namespaces", namespace, _, ..] = rest[..] {
            namespace.clone_into(&mut of.namespace);
            rest.drain(..2);
        }
        (*rest.first()?).clone_into(&mut of.resource);
        for (part, place) in rest.iter().skip(1).zip([&mut of.name, &mut of.subresource]) {
            (*part).clone_into(place);
        }
        Some(of)
    }
}

/// The query says it; for deletions and evictions, the body may.
fn is_dry_run(query: &str, body: Option<&Value>) -> bool {
    let in_body = body.is_some_and(|body| {
        let options = body.get("deleteOptions").unwrap_or(body);
        options.get("dryRun").and_then(|list| list.as_array()).is_some_and(|list| !list.is_empty())
    });
    in_body || query.split('&').any(|pair| pair == "dryRun=All")
}

impl Event {
    /// A request as an API server would write it down that keeps no log: the simulated one.
    #[must_use]
    pub fn seen(method: &str, uri: &str, user: &str, user_agent: &str, body: &Value, code: u16) -> Event {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let object = ObjectRef::of_path(path);
        let named = object.as_ref().is_some_and(|object| !object.name.is_empty());
        let watches = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1"));
        let verb = match (method, named) {
            ("GET", _) if watches => "watch",
            ("GET", false) if object.is_some() => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => "get",
        };
        let (verb, uri, user, user_agent) = (verb.to_owned(), uri.to_owned(), user.to_owned(), user_agent.to_owned());
        let dry_run = is_dry_run(query, Some(body));
        Event { verb, uri, user, user_agent, object, code, dry_run }
    }

    /// Whether the request could only try and not change anything. The verb does not tell; the query does, and for
    /// deletions and evictions the body.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether the verb is one that writes an object, be it a dry run or refused. Reviews, which ask what one may do,
    /// are created too but write nothing.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let review = self.object.as_ref().is_some_and(|object| {
            matches!(object.api_group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
                && object.resource.ends_with("reviews")
        });
        let writes = matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection");
        writes && !review
    }
}

impl Audit {
    /// The requests of `user` that change something or were meant to: writes that are not dry runs, refused ones included.
    #[must_use]
    pub fn mutating_by<'a>(&'a self, user: &'a str) -> Vec<&'a Event> {
        self.by(user).filter(|event| event.is_write() && !event.is_dry_run()).collect()
    }

    /// The dry runs of `user`.
    #[must_use]
    pub fn dry_runs_by<'a>(&'a self, user: &'a str) -> Vec<&'a Event> {
        self.by(user).filter(|event| event.is_write() && event.is_dry_run()).collect()
    }

    /// All requests of `user`.
    pub fn by<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Event> + 'a {
        self.events.iter().filter(move |event| event.user == user)
    }

    /// Reads the log from `mark` on. A line that is not whole, which a killed server leaves, is passed over.
    pub(crate) fn read(log: &Path, mark: AuditMark) -> Result<Audit, Error> {
        let mut text = Vec::new();
        let mut file = File::open(log).map_err(Error::file("open", log))?;
        file.seek(SeekFrom::Start(mark.0)).map_err(Error::file("read", log))?;
        file.read_to_end(&mut text).map_err(Error::file("read", log))?;
        let lines = text.split(|byte| *byte == b'\n');
        let events =
            lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()).filter_map(Line::event).collect();
        Ok(Audit { events })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
    request_object: Option<Value>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl Line {
    /// What takes long (watches, logs) is in the log when the answer begins and again when it ends; it counts once.
    fn event(self) -> Option<Event> {
        let code = self.response_status.map_or(0, |status| status.code);
        let counts = match self.stage.as_str() {
            "ResponseStarted" => self.verb == "watch",
            "ResponseComplete" => self.verb != "watch" || code >= 400,
            stage => stage == "Panic",
        };
        if !counts {
            return None;
        }
        let query = self.request_uri.split_once('?').map_or("", |(_, query)| query);
        let dry_run = is_dry_run(query, self.request_object.as_ref());
        Some(Event {
            verb: self.verb,
            uri: self.request_uri,
            user: self.user.username,
            user_agent: self.user_agent,
            object: self.object_ref,
            code,
            dry_run,
        })
    }
}

//! For the tests of primitives: run a script against a cluster, simulated or real, and look at what came of it.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{Entry, Journal, MemoryJournal, Point, Side, Watched};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::Report;
use windlass_runtime::session::SessionBuilder;
use windlass_runtime::target::{NoTarget, Target};
use windlass_runtime::undo::Undone;
use windlass_runtime::{Error, Kind, Runtime};
pub use windlass_support::{Bed, Mark, bare, config_map, deployment, merged, on, secret};

/// A runtime with every primitive; one for all tests.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::builder().with(crate::all()).build().unwrap())
}

/// What a test's cluster is used for here: scripts run on it, and what came of them is looked at.
pub trait Scripting {
    /// Runs a script.
    fn run(&self, script: &str) -> Ran;

    /// Runs a script in a session that is set up further.
    fn run_with(&self, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran;

    /// Runs a script as another user.
    fn run_as(&self, user: &str, script: &str) -> Ran;

    /// Takes back what a run changed, in a session of its own.
    fn undo(&self, ran: &Ran) -> windlass_runtime::Result<Vec<Undone>>;

    fn undo_entries(&self, entries: &[Entry]) -> windlass_runtime::Result<Vec<Undone>>;

    /// What the tests' user changed since then at paths that hold `part`; the tests that run beside are its too.
    fn writes_since(&self, mark: Mark, part: &str) -> Vec<windlass_testbed::Event>;

    /// An object as undo has to bring it back: without its version and generation, its status, and what controllers note.
    fn comparable(&self, what: &str, namespace: &str) -> Json;

    /// Runs a script that changes one object: the first time it does, the second time it sends nothing, and undo brings
    /// back fields and owners exactly. Gives the first run.
    fn converges_and_is_undone(&self, script: &str, what: &str, namespace: &str) -> Ran;
}

impl Scripting for Bed {
    fn run(&self, script: &str) -> Ran {
        self.run_with(script, |b| b)
    }

    fn run_with(&self, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
        run_on(self.target(), script, set)
    }

    fn run_as(&self, user: &str, script: &str) -> Ran {
        run_on(self.target_as(user), script, |b| b)
    }

    fn undo(&self, ran: &Ran) -> windlass_runtime::Result<Vec<Undone>> {
        self.undo_entries(&ran.journal.entries().unwrap())
    }

    fn undo_entries(&self, entries: &[Entry]) -> windlass_runtime::Result<Vec<Undone>> {
        windlass_runtime::undo(&runtime().session(self.target()).open(), entries)
    }

    fn writes_since(&self, mark: Mark, part: &str) -> Vec<windlass_testbed::Event> {
        let asked = self.asked_since(mark);
        let ours = asked.mutating_by(windlass_testbed::TESTER).into_iter().filter(|e| e.uri.contains(part));
        ours.cloned().collect()
    }

    fn comparable(&self, what: &str, namespace: &str) -> Json {
        let mut object = self.get(what, namespace);
        object.as_object_mut().unwrap().shift_remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for name in ["resourceVersion", "generation"] {
            metadata.shift_remove(name);
        }
        if let Some(Json::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.shift_remove("deployment.kubernetes.io/revision");
        }
        let mut owners = metadata.get("managedFields").and_then(Json::as_array).cloned().unwrap_or_default();
        owners.retain(|o| o.get("subresource").and_then(Json::as_str) != Some("status"));
        owners.sort_by_key(ToString::to_string);
        metadata.insert("managedFields".to_owned(), owners.into());
        object
    }

    fn converges_and_is_undone(&self, script: &str, what: &str, namespace: &str) -> Ran {
        let before = self.comparable(what, namespace);
        let first = self.run(script);
        assert!(first.value()["changed"] == true, "{:#}", first.value());
        let after = self.comparable(what, namespace);
        assert_ne!(after, before);
        let mark = self.mark();
        let second = self.run(script);
        assert!(second.value()["changed"] == false, "{:#}", second.value());
        assert!(second.value()["reason"].as_str().is_some_and(|r| !r.is_empty()), "{:#}", second.value());
        let part = match (namespace, what.split_once('/')) {
            ("", Some((_, name))) => format!("/{name}?"),
            _ => format!("/namespaces/{namespace}/"),
        };
        assert!(self.writes_since(mark, &part).is_empty(), "{:?}", self.writes_since(mark, &part));
        assert_eq!(self.comparable(what, namespace), after);
        let undone = self.undo(&first).unwrap();
        assert!(undone.len() == 1 && undone[0].changed(), "{undone:#?}");
        let back = self.comparable(what, namespace);
        assert_eq!(back, before, "{back:#}\nis not\n{before:#}");
        first
    }
}

/// What a server needs for TLS as `localhost`, and its certificate.
pub fn tls() -> (Arc<rustls::ServerConfig>, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (pem, der) = (certificate.pem(), certificate.der().clone());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (Arc::new(builder.with_no_client_auth().with_single_cert(vec![der], key).unwrap()), pem)
}

/// Runs a script without a cluster.
pub fn run(script: &str) -> Ran {
    run_on(NoTarget::new(), script, |b| b)
}

pub fn run_on(target: impl Target, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
    let events = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::new(MemoryJournal::new());
    let sink = events.clone();
    let builder = runtime().session(target).journal(journal.clone());
    let session = set(builder.sink(move |e: &Event| sink.lock().unwrap().push(e.clone()))).open();
    let prepared = session.prepare(&Playbook::text("test.rhai", script)).unwrap_or_else(|e| panic!("{e:?}"));
    let report = prepared.start(&Selection::default()).unwrap().wait().unwrap();
    let events = events.lock().unwrap().clone();
    Ran { report, events, journal }
}

/// What came of a script.
pub struct Ran {
    pub report: Report,
    pub events: Vec<Event>,
    pub journal: Arc<MemoryJournal>,
}

impl Ran {
    /// What a script without steps returned. Panics with the error if it failed.
    pub fn value(&self) -> Json {
        assert!(self.report.steps[0].error.is_none(), "{:#}", self.report.steps[0].error.clone().unwrap());
        self.journal.steps()[0].value.clone()
    }

    /// The error of the first step that failed.
    pub fn error(&self) -> Json {
        let failed = self.report.steps.iter().find_map(|s| s.error.clone());
        failed.unwrap_or_else(|| panic!("nothing failed: {}", serde_json::to_string_pretty(&self.report).unwrap()))
    }

    pub fn logs(&self) -> Vec<String> {
        let log = |e: &Event| if let What::Log { text, .. } = &e.what { Some(text.clone()) } else { None };
        self.events.iter().filter_map(log).collect()
    }

    /// Everything that was told and recorded, as one text: for the search of what must not be in it.
    pub fn everything(&self) -> String {
        let entries = self.journal.entries().unwrap();
        let json = |v: &dyn erased::Json| v.json();
        [json(&self.report), json(&self.events), json(&entries), format!("{:?}", self.journal.steps())].join("\n")
    }
}

mod erased {
    pub trait Json {
        fn json(&self) -> String;
    }
    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}

/// A journal of a run that dies: at the intent (nothing is done then), or after acting, before the result is written.
pub struct Cut {
    pub kept: Arc<MemoryJournal>,
    pub before_acting: bool,
}

impl Cut {
    pub fn new(before_acting: bool) -> Self {
        Self { kept: Arc::new(MemoryJournal::new()), before_acting }
    }

    pub fn journal(&self) -> Arc<dyn Journal> {
        let point = if self.before_acting { (Point::Intent, Side::After) } else { (Point::Result, Side::Before) };
        Arc::new(Watched::new(self.kept.clone(), move |at, side| match (at, side) == point {
            true => Err(Error::new(Kind::System, "cut")),
            false => Ok(()),
        }))
    }
}

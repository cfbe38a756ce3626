//! For the tests of primitives: run a script against the real control plane, and look at what came of it.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{Journal, MemoryJournal};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::Report;
use windlass_runtime::session::SessionBuilder;
use windlass_runtime::target::{Live, NoTarget, Target};
use windlass_runtime::{Runtime, Session};
use windlass_testbed::Testbed;

/// A runtime with every primitive; one for all tests.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: std::sync::OnceLock<Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::builder().with(crate::all()).build().unwrap())
}

/// A real control plane, and how to run scripts on it.
pub struct Bed {
    pub testbed: &'static Testbed,
}

/// The real control plane, where it may be had; says `skipped` otherwise (and fails where nothing may be skipped).
pub fn live() -> Option<Bed> {
    windlass_testbed::shared().map(|testbed| Bed { testbed })
}

impl Bed {
    pub fn target(&self) -> Live {
        Live::builder().kubeconfig(self.testbed.kubeconfig()).build()
    }

    /// A namespace that nobody else uses.
    pub fn namespace(&self) -> String {
        self.testbed.fresh_namespace("test").unwrap()
    }

    pub fn run(&self, script: &str) -> Ran {
        self.run_with(script, |b| b)
    }

    pub fn run_with(&self, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
        run_on(self.target(), script, set)
    }

    /// Runs a script as another user.
    pub fn run_as(&self, user: &str, script: &str) -> Ran {
        let kubeconfig = self.testbed.kubeconfig_for(user).unwrap();
        run_on(Live::builder().kubeconfig(kubeconfig).build(), script, |b| b)
    }

    /// An object, by kubectl.
    pub fn kubectl_get(&self, what: &[&str]) -> Json {
        let mut arguments = vec!["get", "-o", "json", "--show-managed-fields"];
        arguments.extend(what);
        serde_json::from_str(&self.testbed.kubectl_ok(&arguments, "").unwrap()).unwrap()
    }
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
    Ran { session, report, events, journal }
}

/// What came of a script.
pub struct Ran {
    pub session: Session,
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

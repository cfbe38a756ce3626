//! Primitives of different kinds to try the boundary with, and how to run a script with them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use windlass_runtime::cancel::Cancel;
use windlass_runtime::change::{
    Acted, Change, Handler, Inverse, Op, Outcome, Part, PartImage, Plan, Probed, Recipe, Resource,
};
use windlass_runtime::closure::Closure;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::MemoryJournal;
use windlass_runtime::playbook::{Console, Playbook, Selection, Walk};
use windlass_runtime::report::Report;
use windlass_runtime::secret::{Origin, Secret};
use windlass_runtime::session::SessionBuilder;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{
    Call, Error, Kind, Options, Package, Result, Runtime, RuntimeBuilder, STACK, Session, Value, primitive,
};

pub static STORE: Mutex<BTreeMap<String, i64>> = Mutex::new(BTreeMap::new());

pub mod read {
    use super::*;
    /// Reads a value.
    #[primitive(module = "test", effect = Read)]
    pub fn get(_: &Call<'_>, key: String) -> Result<Value> {
        STORE
            .lock()
            .unwrap()
            .get(&key)
            .map(|v| Value::Int(*v))
            .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no {key}")).hint("set it first").resource(key))
    }
}

pub mod write {
    use super::*;
    /// The options of `test::set`.
    #[derive(Options)]
    pub struct SetOptions {
        /// Fails instead.
        #[option(default = "false")]
        pub fail: bool,
        /// How long it takes.
        pub delay: Option<Duration>,
        /// Panics instead.
        #[option(default = "false")]
        pub panic: bool,
        /// Why it cannot be taken back.
        pub cannot: Option<String>,
    }

    /// Sets a value.
    #[primitive(module = "test", effect = Change)]
    pub fn set(call: &Call<'_>, key: String, value: i64, options: SetOptions) -> Result<Outcome> {
        let before = STORE.lock().unwrap().get(&key).copied();
        let resource =
            Resource { at: "store".into(), api_version: None, kind: "Key".into(), namespace: None, name: key.clone() };
        let plan = if before == Some(value) {
            Plan::Unchanged(format!("it is {value} already"))
        } else {
            Plan::Act { op: Op::Update, diff: vec![format!("{before:?} → {value}")], note: None }
        };
        let clock = call.clock();
        call.change(Change {
            parts: vec![Part { resource, before: before.map(Into::into), plan }],
            act: Box::new(move || {
                Box::pin(async move {
                    if let Some(delay) = options.delay {
                        clock.sleep(delay).await;
                    }
                    assert!(!options.panic, "told to");
                    if options.fail {
                        return Ok(vec![Acted::Failed(Error::new(Kind::Rejected, "told to fail"))]);
                    }
                    STORE.lock().unwrap().insert(key, value);
                    Ok(vec![Acted::Done(Some(value.into()))])
                })
            }),
            probe: Recipe { handler: "store".into(), data: value.into() },
            inverse: match options.cannot {
                Some(reason) => Inverse::Cannot(reason),
                None => Inverse::By(Recipe { handler: "store".into(), data: value.into() }),
            },
        })
    }
}

/// Whether the answer is lost to the next change by which something is taken back.
static LOST: AtomicBool = AtomicBool::new(false);

/// What is taken back next is so, and nobody knows.
pub fn lose_next_answer() {
    LOST.store(true, Ordering::SeqCst);
}

/// What is stopped when a change is looked at next that is to be taken back.
static STOPPED: Mutex<Option<Cancel>> = Mutex::new(None);

/// Somebody stops this in the middle of planning to take something back.
pub fn stop_next_look(cancel: &Cancel) {
    STOPPED.lock().unwrap().replace(cancel.clone());
}

/// Probes and takes back what `test::set` has set.
pub struct StoreHandler;

impl Handler for StoreHandler {
    fn name(&self) -> &'static str {
        "store"
    }

    fn probe(&self, _: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>> {
        let store = STORE.lock().unwrap();
        let is_set = |part: &PartImage| store.get(&part.resource.name).copied() == recipe.data.as_i64();
        Ok(parts.iter().map(|part| if is_set(part) { Probed::TookEffect } else { Probed::DidNot }).collect())
    }

    fn inverse(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Change> {
        if let Some(cancel) = STOPPED.lock().unwrap().take() {
            cancel.stop(Error::new(Kind::Cancelled, "stopped by hand"));
            call.wait(std::future::pending::<Result<()>>())?;
        }
        let part = &parts[0];
        let (name, before) = (part.resource.name.clone(), part.before.as_ref().and_then(serde_json::Value::as_i64));
        let now = STORE.lock().unwrap().get(&name).copied();
        if now != before && now != recipe.data.as_i64() {
            return Err(Error::new(Kind::Conflict, format!("{name} was changed by somebody else")));
        }
        let plan = if now == before {
            Plan::Unchanged("it is back already".into())
        } else {
            Plan::Act { op: Op::Update, diff: vec!["back".into()], note: None }
        };
        let data = before.into();
        Ok(Change {
            parts: vec![Part { resource: part.resource.clone(), before: now.map(Into::into), plan }],
            act: Box::new(move || {
                Box::pin(async move {
                    let mut store = STORE.lock().unwrap();
                    match before {
                        Some(before) => store.insert(name, before),
                        None => store.remove(&name),
                    };
                    if LOST.swap(false, Ordering::SeqCst) {
                        return Ok(vec![Acted::Broken(Error::new(Kind::Unavailable, "the answer was lost"))]);
                    }
                    Ok(vec![Acted::Done(before.map(Into::into))])
                })
            }),
            probe: Recipe { handler: "store".into(), data },
            inverse: Inverse::Cannot("a test".into()),
        })
    }
}

pub mod until {
    use super::*;
    /// The options of `test::until`.
    #[derive(Options)]
    pub struct UntilOptions {
        /// How long to wait.
        #[option(default = "\"5s\"")]
        pub timeout: Duration,
    }

    /// Waits until a closure says true.
    #[primitive(module = "test", effect = Wait)]
    pub fn until(call: &Call<'_>, options: UntilOptions, look: Closure) -> Result<i64> {
        let clock = call.clock();
        let end = clock.now() + options.timeout;
        let mut looks = 0;
        loop {
            looks += 1;
            if let Value::Bool(true) = call.run(&look, vec![])? {
                return Ok(looks);
            }
            if clock.now() >= end {
                return Err(Error::new(Kind::Timeout, "it did not happen"));
            }
            let clock = clock.clone();
            call.wait(async move {
                clock.sleep(Duration::from_millis(10)).await;
                Ok(())
            })?;
        }
    }
}

pub mod each {
    use super::*;
    /// Runs a closure for each item side by side.
    #[primitive(module = "test", effect = Wait)]
    pub fn each(call: &Call<'_>, items: Vec<Value>, body: Closure) -> Result<Vec<Value>> {
        let results = call.side_by_side(&body, items, 4)?;
        Ok(results.into_iter().map(|r| r.unwrap_or_else(|e| Value::Text(format!("{}: {e}", e.kind())))).collect())
    }
}

pub mod each8 {
    use super::*;
    /// Runs a closure for up to eight items side by side; fails with the first that fails.
    #[primitive(module = "test", effect = Wait)]
    pub fn each8(call: &Call<'_>, items: Vec<Value>, body: Closure) -> Result<Vec<Value>> {
        call.side_by_side(&body, items, 8)?.into_iter().collect()
    }
}

pub mod beside {
    use super::*;
    /// Runs a closure for each item side by side, as the script's own: its failures are those of what stands in the closure.
    #[primitive(module = "test", effect = Control)]
    pub fn beside(call: &Call<'_>, items: Vec<Value>, body: Closure) -> Result<Vec<Value>> {
        call.side_by_side(&body, items, 4)?.into_iter().collect()
    }
}

pub mod claim {
    use super::*;
    /// Says what an object is to look like, as what applies it does.
    #[primitive(module = "test", effect = Read)]
    pub fn claim(call: &Call<'_>, object: String, intent: String) -> Result<()> {
        call.claim(&object, &intent)
    }
}

pub mod secret {
    use super::*;
    /// Registers a secret.
    #[primitive(module = "test", effect = Read)]
    pub fn secret(call: &Call<'_>, name: String) -> Result<windlass_runtime::secret::Placeholder> {
        call.session().secrets().register(Secret::new(Origin::Env(name), CANARY))
    }
}

pub mod text {
    use super::*;
    /// Takes a text that may hold no secret.
    #[primitive(module = "test", effect = Read)]
    pub fn text(_: &Call<'_>, text: String) -> Result<String> {
        Ok(text)
    }
}

pub mod final_error {
    use super::*;
    /// Fails with an error of the kind that is named.
    #[primitive(module = "test", effect = Read)]
    pub fn fail(_: &Call<'_>, kind: String) -> Result<Value> {
        let kind = Kind::from_word(&kind).ok_or_else(|| Error::usage("no such kind"))?;
        let cause = std::io::Error::other("the deepest cause");
        Err(Error::new(kind, "told to fail").hint("do not").details(serde_json::json!({ "n": 1 })).source(cause))
    }
}

pub mod within {
    use super::*;
    /// Runs a closure for a time; gives `()` if it did not end.
    #[primitive(module = "test", effect = Wait)]
    pub fn within(call: &Call<'_>, limit: Duration, body: Closure) -> Result<Value> {
        Ok(call.run_within(limit, &body, vec![])?.unwrap_or(Value::Null))
    }
}

pub mod pure {
    use super::*;
    /// Gives back what it was given.
    #[primitive(module = "test", effect = Pure)]
    pub fn same(_: &Call<'_>, value: Value) -> Result<Value> {
        Ok(value)
    }
}

pub mod json {
    use super::*;
    /// Takes data without secrets.
    #[primitive(module = "test", effect = Read)]
    pub fn json(_: &Call<'_>, data: serde_json::Value) -> Result<i64> {
        Ok(data.to_string().len() as i64)
    }
}

pub const CANARY: &str = "correct-horse-battery";

pub fn runtime() -> Runtime {
    builder().build().unwrap()
}

/// One whose scripts can be followed.
pub fn followed() -> Runtime {
    builder().followed().build().unwrap()
}

fn builder() -> RuntimeBuilder {
    let primitives = vec![
        read::primitive(),
        write::primitive(),
        until::primitive(),
        each::primitive(),
        each8::primitive(),
        beside::primitive(),
        claim::primitive(),
        secret::primitive(),
        text::primitive(),
        final_error::primitive(),
        within::primitive(),
        pure::primitive(),
        json::primitive(),
    ];
    Runtime::builder().with(Package::new(primitives).handler(StoreHandler))
}

pub struct Ran {
    pub report: Report,
    pub events: Vec<Event>,
    pub journal: Arc<MemoryJournal>,
}

impl Ran {
    pub fn step(&self, key: &str) -> &windlass_runtime::report::StepReport {
        self.report.steps.iter().find(|s| s.key == key).unwrap()
    }
    pub fn error(&self, key: &str) -> String {
        self.step(key).error.as_ref().map(ToString::to_string).unwrap_or_default()
    }
    pub fn logs(&self) -> Vec<String> {
        let log = |e: &Event| if let What::Log { text, .. } = &e.what { Some(text.clone()) } else { None };
        self.events.iter().filter_map(log).collect()
    }
}

pub fn try_run(script: &str, selection: &Selection, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Result<Ran> {
    try_run_in(&runtime(), script, selection, set)
}

pub fn try_run_in(
    runtime: &Runtime,
    script: &str,
    selection: &Selection,
    set: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> Result<Ran> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::new(MemoryJournal::new());
    let sink = events.clone();
    let builder = runtime
        .session(NoTarget::new())
        .journal(journal.clone())
        .sink(move |e: &Event| sink.lock().unwrap().push(e.clone()));
    let session = set(builder).open();
    let report = session.prepare(&Playbook::text("test.rhai", script))?.start(selection)?.wait()?;
    let events = events.lock().unwrap().clone();
    Ok(Ran { report, events, journal })
}

pub fn run(script: &str) -> Ran {
    try_run(script, &Selection::default(), |b| b).unwrap()
}

pub fn refused(script: &str) -> Error {
    try_run(script, &Selection::default(), |b| b).err().expect("refused")
}

/// What lines give that are typed one after the other, as JSON or as the kind and message of the error.
pub fn typed(console: &mut Console, lines: &[&str]) -> Vec<String> {
    let say = |line: &&str| match console.evaluate("<input>", line, &Cancel::root()) {
        Ok(value) => value.into_json().map_or_else(|e| e.to_string(), |json| json.to_string()),
        Err(error) => format!("{}: {}", error.kind(), error.message()),
    };
    lines.iter().map(say).collect()
}

/// Goes through a playbook on a thread whose stack is large enough for scripts.
pub fn walking<T: Send>(session: &Session, playbook: &Playbook, work: impl FnOnce(&mut Walk) -> T + Send) -> T {
    std::thread::scope(|threads| {
        let go = || work(&mut session.prepare(playbook).unwrap().walk().unwrap());
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, go).unwrap().join().unwrap()
    })
}

//! Declaring steps: what a unit's top level does, and all that it may do.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use rhai::{AST, Dynamic, GlobalRuntimeState, NativeCallContext, Scope as RhaiScope};
use windlass_macros::Options;

use super::body::{Body, Code};
use super::hooks::{DeclaredHook, Hook};
use crate::call::Call;
use crate::cancel::Cancel;
use crate::closure::Closure;
use crate::engine::{MAX_CALL_LEVELS, check_import, seal};
use crate::scope::{Phase, Scope, StepAt};
use crate::script_error::{from_parse, from_script};
use crate::session::Session;
use crate::sync::lock;
use crate::{Error, Kind, Place, Result, words};

words! {
    /// What becomes of a run when a step of it fails.
    pub enum OnError {
        /// The run ends.
        Stop = "stop",
        /// Steps that do not need it still run; the run counts as failed.
        Continue = "continue",
        /// As if it had not failed.
        Ignore = "ignore",
        /// A person decides; without one, the run ends.
        Ask = "ask",
    }
}

/// The options of `step`.
#[derive(Debug, Clone, Options)]
pub struct StepOptions {
    /// What the step does, in a few words; its key if it is not given.
    pub title: Option<String>,
    /// The keys of the steps that must be done before.
    #[option(default = "[]")]
    pub needs: Vec<String>,
    /// Words by which steps can be chosen, as by their keys.
    #[option(default = "[]")]
    pub tags: Vec<String>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How often the step is tried again after a failure. What is refused (`denied`, `locked`) and what computes too much
    /// (`budget`) is not tried again.
    #[option(default = "0")]
    pub retries: u32,
    /// The time before the first new attempt; it doubles with each, up to five minutes.
    #[option(default = "\"5s\"")]
    pub backoff: Duration,
    /// What becomes of the run if the step fails.
    #[option(default = "\"stop\"")]
    pub on_error: OnError,
    /// Whether what it does cannot be taken back: an undo stops there.
    #[option(default = "false")]
    pub irreversible: bool,
}

/// A script file that declares steps: its functions, and its state at the end of its top level.
pub struct Unit {
    /// The name under which it runs, as it is shown.
    pub source: String,
    /// Its text.
    pub text: String,
    pub(crate) ast: AST,
    end: OnceLock<GlobalRuntimeState>,
    parameters: OnceLock<HashMap<String, usize>>,
}

/// A declared step.
pub struct Step {
    /// Its key.
    pub key: String,
    /// Its options.
    pub options: StepOptions,
    /// What it runs.
    pub body: Body,
    /// Where it is declared.
    pub place: Place,
    /// What hooks make of it, in the order written.
    pub hooks: Vec<Hook>,
}

impl StepOptions {
    /// Those of a step that says nothing but what it is called.
    pub(crate) fn titled(title: &str) -> Self {
        Self {
            title: Some(title.to_owned()),
            needs: Vec::new(),
            tags: Vec::new(),
            timeout: None,
            retries: 0,
            backoff: Duration::ZERO,
            on_error: OnError::Stop,
            irreversible: false,
        }
    }
}

impl Step {
    /// Its title, or its key.
    #[must_use]
    pub fn title(&self) -> &str {
        self.options.title.as_deref().unwrap_or(&self.key)
    }

    /// Whether a word chooses it: its key, a tag, or the folder of its key (`storage` for `storage/openebs`).
    #[must_use]
    pub fn answers_to(&self, word: &str) -> bool {
        self.key == word
            || self.options.tags.iter().any(|tag| tag == word)
            || self.key.strip_prefix(word).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The unit that its code belongs to, where it has one.
    #[must_use]
    pub fn unit(&self) -> Option<&Arc<Unit>> {
        match &self.body {
            Body::Closure(code) => Some(code.unit()),
            Body::Script(unit) => Some(unit),
            Body::Native(_) => None,
        }
    }

    /// The units that its code and that of its hooks belong to.
    pub(crate) fn units(&self) -> impl Iterator<Item = &Arc<Unit>> {
        self.unit().into_iter().chain(self.codes_around().map(|code| code.unit()))
    }
}

/// Collects the steps while the top levels of the units run.
#[derive(Default)]
pub(crate) struct Collector {
    inner: Mutex<Collected>,
}

/// What the top levels declare.
#[derive(Default)]
pub(super) struct Collected {
    open: Vec<Arc<Unit>>,
    pub(super) units: Vec<Arc<Unit>>,
    pub(super) steps: Vec<Step>,
    pub(super) hooks: Vec<DeclaredHook>,
    places: HashMap<String, Place>,
    pub(super) included: HashSet<String>,
    pub(super) problems: Vec<Error>,
    /// Whether it is the customer's hooks that are evaluated, which declare no steps.
    pub(super) customer: bool,
}

impl Collected {
    /// Takes a key for a step; where another has it already, that is kept as a problem, so that all that is wrong can be
    /// said at once.
    pub(super) fn take_key(&mut self, key: &str, place: &Place) -> bool {
        if let Some(first) = self.places.get(key) {
            let error = Error::usage(format!("step \"{key}\" is declared twice (first at {first})")).hint(
                "each key names one step: a loop over several needs its item in the key, such as `storage/${name}`",
            );
            self.problems.push(error.at(place.clone()));
            return false;
        }
        self.places.insert(key.to_owned(), place.clone());
        true
    }

    /// The unit whose top level runs.
    pub(super) fn unit(&self) -> Result<Arc<Unit>> {
        self.open.last().cloned().ok_or_else(|| Error::internal("a declaration outside a unit"))
    }
}

impl Collector {
    /// Stores the state of the unit that is being evaluated.
    pub(crate) fn seal(&self, global: &GlobalRuntimeState) {
        if let Some(unit) = lock(&self.inner).open.last()
            && global.source() == Some(unit.source.as_str())
        {
            let _ = unit.end.set(global.clone());
        }
    }

    /// What is collected.
    pub(super) fn collected(&self) -> MutexGuard<'_, Collected> {
        lock(&self.inner)
    }

    /// All that was collected, and what was wrong with it.
    pub(super) fn finish(&self) -> Collected {
        std::mem::take(&mut *lock(&self.inner))
    }
}

impl Unit {
    pub(crate) fn compile(session: &Session, source: &str, text: &str, declares: bool) -> Result<Arc<Self>> {
        let sealed = if declares { seal(text) } else { text.to_owned() };
        let mut ast = session.runtime().engine().compile(&sealed).map_err(|e| from_parse(&e, text, source, &[]))?;
        ast.set_source(source);
        session.outline(source, &ast);
        let (source, text) = (source.to_owned(), text.to_owned());
        Ok(Arc::new(Self { source, text, ast, end: OnceLock::new(), parameters: OnceLock::new() }))
    }

    /// How many parameters a function of it has, captures included.
    pub(crate) fn parameters(&self, name: &str) -> Option<usize> {
        let count = |f: rhai::ScriptFnMetadata<'_>| (f.name.to_owned(), f.params.len());
        self.parameters.get_or_init(|| self.ast.iter_functions().map(count).collect()).get(name).copied()
    }

    /// The state with which its closures are called.
    pub(crate) fn end(&self) -> Result<GlobalRuntimeState> {
        self.end.get().cloned().ok_or_else(|| {
            Error::new(Kind::Script, format!("{} ended before its last line", self.source))
                .hint("a `return` at the top level of a script with steps leaves out the rest of it: remove it")
                .at(Place { source: self.source.clone(), line: 0, column: 0 })
        })
    }
}

/// Evaluates a script's statements in a scope, `level` calls deep; gives its value.
pub(crate) fn evaluate(unit: &Unit, scope: &Arc<Scope>, level: usize) -> Result<Dynamic> {
    let engine = scope.session.runtime().engine();
    let mut global = engine.new_global_runtime_state();
    global.tag = scope.tag();
    global.level = level;
    global.source = Some(unit.source.as_str().into());
    global.lib.push(unit.ast.shared_lib().clone());
    let mut names = RhaiScope::new();
    let entered = scope.enter();
    #[allow(deprecated)] // the only way in that takes a tag of one's own and gives the script's value
    let result = engine.eval_statements_raw(&mut global, &mut rhai::Caches::new(), &mut names, unit.ast.statements());
    drop(entered);
    match result {
        Ok(value) => Ok(value),
        Err(error) => match *error {
            rhai::EvalAltResult::Return(value, _) | rhai::EvalAltResult::Exit(value, _) => Ok(value),
            other => Err(from_script(other, &unit.source, Some(scope))),
        },
    }
}

/// Runs the top level of a unit, which declares its steps.
pub(crate) fn evaluate_unit(
    scope: &Arc<Scope>,
    collector: &Arc<Collector>,
    unit: &Arc<Unit>,
    level: usize,
) -> Result<()> {
    if level > MAX_CALL_LEVELS {
        return Err(Error::new(Kind::Script, "step files include each other too deeply"));
    }
    {
        let mut collected = lock(&collector.inner);
        if collected.open.iter().any(|open| open.source == unit.source) {
            return Err(Error::new(Kind::Script, format!("{} includes itself, in a circle", unit.source)));
        }
        collected.open.push(unit.clone());
        collected.units.push(unit.clone());
    }
    let result = evaluate(unit, scope, level);
    lock(&collector.inner).open.pop();
    let _ = result?;
    unit.end().map(|_| ())
}

/// The scope in which units are evaluated.
pub(crate) fn declaring(session: &Session, cancel: Cancel, collector: &Arc<Collector>) -> Arc<Scope> {
    let step = StepAt { index: 0, key: "(declaring)".to_owned(), attempt: 1 };
    Scope::new(session.clone(), Phase::Declare(collector.clone()), step, cancel)
}

/// `step(key, [options,] closure)`.
pub(crate) fn declare(call: &Call<'_>, key: &str, options: StepOptions, closure: Closure) -> Result<()> {
    let Phase::Declare(collector) = &call.scope.phase else {
        return Err(Error::usage(format!("step \"{key}\" is declared inside a step"))
            .hint("steps are declared at the top level, so that they can be listed before anything runs"));
    };
    check_key(key)?;
    let mut collected = lock(&collector.inner);
    if collected.customer {
        return Err(Error::usage(format!("step \"{key}\" is declared by a customer's hooks"))
            .hint("a step of the customer's says where it belongs: insert(\"key\", #{ after: \"another\" }, || …)"));
    }
    let code = Code::declared(call, collected.unit()?, closure)?;
    let place = call.place().clone();
    if collected.take_key(key, &place) {
        collected.steps.push(Step {
            key: key.to_owned(),
            options,
            body: Body::Closure(code),
            place,
            hooks: Vec::new(),
        });
    }
    Ok(())
}

/// Where in the script a declaration is called from.
pub(super) fn in_script<'a>(call: &Call<'a>) -> Result<&'a NativeCallContext<'a>> {
    call.context.ok_or_else(|| Error::internal("a step is declared outside a script"))
}

pub(super) fn check_key(key: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !key.is_empty() && key.len() <= 100 && key.chars().all(fine) && !key.starts_with(['-', '/']) {
        return Ok(());
    }
    Err(Error::usage(format!("{key:?} cannot be a step's key"))
        .hint("a key has letters, digits and - _ . / and is typed on the command line, such as storage/openebs"))
}

/// Whether a script declares steps: it, or what it imports, calls `step` or `include_steps`.
pub(crate) fn declares_steps(session: &Session, source: &str, text: &str) -> Result<bool> {
    fn look(session: &Session, source: &str, text: &str, seen: &mut HashSet<String>) -> Result<bool> {
        if !seen.insert(source.to_owned()) {
            return Ok(false);
        }
        let ast = session.runtime().engine().compile(text).map_err(|e| from_parse(&e, text, source, &[]))?;
        let found = crate::analysis::calls_and_imports(&ast);
        if found.calls.iter().any(|c| c == "step" || c == "include_steps") {
            return Ok(true);
        }
        for import in found.imports {
            if let Ok((name, text)) = check_import(session, source, &import)
                && look(session, &name, &text, seen)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
    look(session, source, text, &mut HashSet::new())
}

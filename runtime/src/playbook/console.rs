//! Lines of a script that are evaluated one after the other: what a person types, outside of steps or in the middle of one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rhai::{AST, Caches, Dynamic, EvalAltResult, GlobalRuntimeState, Scope as Names};

use super::shape::Shape;
use crate::analysis::called;
use crate::cancel::Cancel;
use crate::closure::copies;
use crate::files::Home;
use crate::journal::{StepRecord, StepStart};
use crate::report::{StepReport, StepStatus};
use crate::scope::{self, Phase, Scope, StepAt, Using, names};
use crate::script_error::{from_parse, from_script};
use crate::session::Session;
use crate::value::Value;
use crate::{Error, Kind, Place, Result, Runtime};

/// The key under which the journal has what is typed outside of steps.
pub const TYPED: &str = "(typed)";
/// So many functions are named in the title of a line.
const MOST_NAMED: usize = 5;

/// Where lines are evaluated, with what earlier ones left: variables, functions, imports.
///
/// It belongs to the thread of whoever types, whose stack must be of [`crate::STACK`]. What its lines change is recorded as
/// what steps change. It never stops at its own statements, failures and changes.
pub struct Console {
    number: u64,
    session: Session,
    scope: Arc<Scope>,
    names: Names<'static>,
    global: GlobalRuntimeState,
    functions: AST,
    place: Option<Place>,
    too_large: Vec<String>,
    using: Using,
    /// Whether the step in the middle of which this is has ended.
    over: bool,
    /// The names of the variables that the script has.
    own: BTreeSet<String>,
}

/// A variable that lines can read.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether it cannot be assigned.
    pub constant: bool,
    /// What it holds.
    pub value: Value,
}

/// Why a text is no script, if it is none.
#[must_use]
pub fn parse_error(runtime: &Runtime, text: &str) -> Option<Error> {
    runtime.engine().compile(text).err().map(|error| from_parse(&error, text, "<script>", &[]))
}

/// What the journal says of lines: the functions that they call. Their text can hold what nobody knows yet to be secret, and
/// titles are not sealed.
fn title_of(ast: &AST) -> String {
    let mut called: Vec<String> = called(ast).into_iter().collect();
    let more = called.len().saturating_sub(MOST_NAMED);
    called.truncate(MOST_NAMED);
    match (called.as_slice(), more) {
        ([], _) => "a typed line".to_owned(),
        (names, 0) => format!("a typed line: {}", names.join(", ")),
        (names, more) => format!("a typed line: {} and {more} more", names.join(", ")),
    }
}

impl Console {
    pub(crate) fn within(
        scope: Arc<Scope>,
        names: Names<'static>,
        global: GlobalRuntimeState,
        place: Option<Place>,
    ) -> Self {
        static CONSOLES: AtomicU64 = AtomicU64::new(0);
        Self {
            number: CONSOLES.fetch_add(1, Ordering::Relaxed),
            session: scope.session.clone(),
            own: names.iter_raw().map(|(name, ..)| name.to_owned()).collect(),
            scope,
            names,
            global,
            functions: AST::empty(),
            place,
            too_large: Vec::new(),
            using: Using::default(),
            over: false,
        }
    }

    /// One outside of steps, whose lines see nothing but `values` yet.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        let step = StepAt { index: u32::MAX, key: TYPED.to_owned(), attempt: 0 };
        let scope = Scope::new(session.clone(), Phase::Run, step, session.cancel().child());
        let global = session.runtime().engine().new_global_runtime_state();
        Self::within(scope, Names::new(), global, None)
    }

    /// One where the script of this thread stands, in a runtime that is [followed](crate::RuntimeBuilder::followed): its lines
    /// see copies of the step's variables, but for those that are too large to be copied at each statement.
    #[must_use]
    pub fn here() -> Option<Self> {
        Self::at(&*scope::current()?, None)
    }

    /// One where a step has failed with this error.
    pub(super) fn after(scope: &Scope, error: &Error) -> Option<Self> {
        // Functions that have returned are no part of the error's way.
        Self::at(scope, Some(error.trace().len())).map(|console| Self { over: true, ..console })
    }

    fn at(scope: &Scope, calls: Option<usize>) -> Option<Self> {
        let last = scope.last_statement(calls)?;
        let global = GlobalRuntimeState::clone(&last.callable);
        let console = Self::within(scope.unfollowed(scope.cancel.clone()), last.names, global, Some(last.place));
        Some(Self { too_large: last.too_large, ..console })
    }

    /// One outside of steps in another session, whose lines see copies of the variables.
    #[must_use]
    pub fn fork(&self, session: &Session) -> Self {
        let known: Vec<_> = self.names.iter_raw().collect();
        let copies = copies(known.iter().map(|(.., value)| *value));
        let copied = known.into_iter().zip(copies).map(|((name, constant, _), value)| (name, constant, value));
        let names = names(copied.rev());
        let (global, functions) = (self.scope.callable(&self.global), self.functions.clone());
        let (too_large, using) = (self.too_large.clone(), self.using.clone());
        Self { names, global, functions, too_large, using, ..Self::new(session) }
    }

    /// What tells it from all other consoles: what lines have left in one is not in another.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The session in which its lines are evaluated.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What lines look at where they do not say.
    #[must_use]
    pub fn using(&self) -> &Using {
        &self.using
    }

    /// What lines look at where they do not say: what was chosen, or what the script has chosen in the middle of which this is.
    #[must_use]
    pub fn looks_at(&self) -> Using {
        let scope = self.scope.typed(self.scope.cancel.clone(), &self.using);
        Using { cluster: scope.cluster.clone(), namespace: scope.namespace.clone() }
    }

    /// Lets lines look at this where they do not say. Steps are not concerned.
    ///
    /// # Errors
    /// Where there is no such cluster, or it cannot be opened.
    pub fn use_from_here(&mut self, using: Using) -> Result<()> {
        if let Some(cluster) = &using.cluster {
            self.session.cluster(Some(cluster), self.session.cancel())?;
        }
        self.using = using;
        Ok(())
    }

    /// Ends the step in the middle of which this is, with all of its branches, whatever the script catches.
    pub fn stop_step(&self, why: &str) {
        self.scope.stop_attempt(Error::new(Kind::Cancelled, why));
    }

    /// Where the script stands in the middle of which this is.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The step in the middle of which this is.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        Some(self.scope.step.key.as_str()).filter(|key| *key != TYPED)
    }

    /// Whether a text names a variable that the script has in the middle of which this is: it means nothing elsewhere.
    #[must_use]
    pub fn names_own(&self, text: &str) -> bool {
        let named = self.session.runtime().variables_named(text);
        self.own.iter().any(|name| named.contains(name.as_str()))
    }

    /// The variables, each once: a later one hides an earlier one of its name.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        let mut seen = std::collections::HashSet::new();
        let newest_first = self.names.iter_raw().filter(|(name, ..)| seen.insert((*name).to_owned()));
        let known = newest_first.filter_map(|(name, constant, value)| self.variable(name, constant, value));
        let mut variables: Vec<Variable> = known.collect();
        variables.reverse();
        variables
    }

    /// What the variables are made of, each once. However large they are, this takes no longer than a moment.
    #[must_use]
    pub fn shapes(&self) -> Vec<(String, Shape)> {
        let mut seen = std::collections::HashSet::new();
        let newest_first = self.names.iter_raw().filter(|(name, ..)| seen.insert((*name).to_owned()));
        let mut room = Shape::ROOM;
        let shape = |(name, _, value): (&str, bool, &Dynamic)| {
            (name.to_owned(), Shape::of_dynamic(value, self.session.secrets(), &mut room))
        };
        newest_first.map(shape).collect()
    }

    /// The functions of scripts that its lines can call, as `name(parameters)`, each once.
    #[must_use]
    pub fn signatures(&self) -> Vec<String> {
        let libraries = self.global.lib.iter().map(|library| &**library).chain([self.functions.shared_lib().as_ref()]);
        let all = libraries.flat_map(|library| library.gen_fn_signatures_with_mapper(Into::into));
        let named = all.filter(|signature| signature.starts_with(|c: char| c.is_alphabetic() || c == '_'));
        let own = named.filter(|signature| !signature.contains('$'));
        own.filter_map(|text| Some(text.get(..=text.find(')')?)?.to_owned()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn variable(&self, name: &str, constant: bool, value: &Dynamic) -> Option<Variable> {
        let value = Value::from_dynamic(value, self.session.secrets()).ok()?;
        Some(Variable { name: name.to_owned(), constant, value })
    }

    /// The variables that can be assigned, with what they hold now.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = (&str, &Dynamic)> {
        let mut seen = std::collections::HashSet::new();
        let newest = self.names.iter_raw().filter(move |(name, ..)| seen.insert(*name));
        newest.filter(|(_, constant, _)| !constant).map(|(name, _, value)| (name, value))
    }

    /// Whether the text is whole, as the parser sees it: what is not can go on in the next line.
    #[must_use]
    pub fn is_whole(runtime: &Runtime, text: &str) -> bool {
        use rhai::{LexError, ParseErrorType as E};
        let (engine, text) = (runtime.engine(), text.trim_end());
        let Err(error) = engine.compile(text) else { return true };
        let is_open_text = |error: &rhai::ParseError| *error.err_type() == E::BadInput(LexError::UnterminatedString);
        match error.err_type() {
            E::UnexpectedEOF => false,
            // A text in backticks goes over lines, one in quotes does not.
            _ if is_open_text(&error) => engine.compile(format!("{text}`")).is_err_and(|closed| is_open_text(&closed)),
            // What is missing at the very end can come in the next line.
            _ => {
                let end = runtime.tokens(text).last().map_or(0, |(range, _)| range.end);
                let before = text.get(..end).unwrap_or(text);
                let (count, last) = (before.lines().count(), before.lines().last().unwrap_or_default().chars().count());
                let (line, column) = (error.position().line(), error.position().position());
                line.is_some_and(|line| line < count || (line == count && column.is_some_and(|column| column <= last)))
            }
        }
    }

    /// Evaluates a line, or several, until `cancel` is stopped; gives the value of the last expression. `source` is the name
    /// under which errors place it.
    ///
    /// # Errors
    /// [`Kind::Script`] if it does not parse; whatever it fails with.
    pub fn evaluate(&mut self, source: &str, text: &str, cancel: &Cancel) -> Result<Value> {
        self.session.add_home(source, Home::Disk(".".into()));
        let engine = self.session.runtime().engine();
        let mut ast = engine.compile(text).map_err(|e| from_parse(&e, text, source, &[]))?;
        ast.set_source(source);
        let running = self.session.running(cancel);
        let title = title_of(&ast);
        let scope = self.scope_of_line(&title, &running);
        self.functions = self.functions.merge(&ast.clone_functions_only());
        let mut global = self.global.clone();
        global.tag = scope.tag();
        global.source = Some(source.into());
        global.lib.push(self.functions.shared_lib().clone());
        let entered = scope.enter();
        #[allow(deprecated)] // the only way in that takes a tag of one's own and gives the script's value
        let result = engine.eval_statements_raw(&mut global, &mut Caches::new(), &mut self.names, ast.statements());
        drop(entered);
        let _ = global.lib.pop();
        // Imports stay; a name that the lines took for one keeps its place.
        self.global = global;
        let result = match result {
            Ok(value) => Ok(value),
            Err(error) => match *error {
                EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _) => Ok(value),
                other => Err(from_script(other, source, Some(&scope))),
            },
        };
        let result = result.and_then(|value| match scope.cancel.reason() {
            None => Value::from_dynamic(&value, self.session.secrets()),
            Some(reason) => Err(reason),
        });
        let result = result.map_err(|error| self.session.mask_error(self.missed(error)));
        self.end_line(&scope, &title, result.as_ref().err())?;
        result
    }

    /// An error that says why a variable is not there which the script has.
    fn missed(&self, error: Error) -> Error {
        let is_it = |name: &&String| error.message() == format!("there is no variable `{name}` here");
        match self.too_large.iter().find(is_it) {
            Some(name) => {
                Error::new(Kind::Script, format!("`{name}` is too large to be looked at after its statement"))
                    .hint("stop at the statement itself, by stepping through the step: there it is whole")
            }
            None => error,
        }
    }

    /// Where the changes of a line belong: to the step in the middle of which it is typed, or to an attempt of its own.
    fn scope_of_line(&self, title: &str, cancel: &Cancel) -> Arc<Scope> {
        self.session.forget_claims_of(TYPED);
        if self.scope.step.key != TYPED {
            return self.scope.typed(cancel.clone(), &self.using);
        }
        let step = self.session.next_typed();
        let (number, key, attempt) = (step.index, step.key.clone(), step.attempt);
        let scope =
            Scope::new(self.session.clone(), Phase::Run, step, cancel.clone()).typed(cancel.clone(), &self.using);
        let (title, at) = (title.to_owned(), self.session.clock().wall());
        scope.record_first(StepStart { number, key, title, attempt, irreversible: false, at });
        scope
    }

    /// Records the end of a line that has changed something.
    fn end_line(&self, scope: &Scope, title: &str, error: Option<&Error>) -> Result<()> {
        if self.scope.step.key != TYPED && !self.over {
            return Ok(());
        }
        // It is told, and is not the next attempt's.
        let outcome = self.session.take_outcomes();
        if self.over || scope.is_unrecorded() {
            return Ok(());
        }
        let status = match error.map(Error::kind) {
            None => StepStatus::Ok,
            Some(Kind::Cancelled) => StepStatus::Cancelled,
            Some(_) => StepStatus::Failed,
        };
        let mut report = StepReport::of(TYPED, title, status);
        (report.attempts, report.outcome, report.error) = (1, outcome, error.map(Error::to_json));
        report.count();
        self.session.journal().step_ended(&StepRecord {
            number: scope.step.index,
            key: TYPED.to_owned(),
            attempt: scope.step.attempt,
            report,
            value: serde_json::Value::Null,
            state: Default::default(),
            inventory: self.session.take_inventory(),
            at: self.session.clock().wall(),
        })
    }
}

//! A call of a primitive: everything that it may ask of its session.

mod changing;

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rhai::{Dynamic, NativeCallContext};

use crate::cancel::Deadline;
use crate::change::Op;
use crate::closure::Closure;
use crate::cluster::Cluster;
use crate::event::{Level, What};
use crate::journal::{RemarkSort, Undoes};
use crate::scope::Scope;
use crate::session::Session;
use crate::sync::lock;
use crate::target::ClusterSource;
use crate::value::Value;
use crate::{Clock, Error, Kind, Place, Result, bridge, script_error};

/// Tells progress from inside a future: the subject, and how far it is.
pub type Teller = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// A call of a primitive. It lives as long as the call; what it lends out by clone (cluster, clock) lives longer.
pub struct Call<'a> {
    pub(crate) scope: Arc<Scope>,
    pub(crate) context: Option<&'a NativeCallContext<'a>>,
    pub(crate) primitive: String,
    pub(crate) place: Place,
    permits: Mutex<Vec<String>>,
    /// The recorded change that its changes take back.
    undoes: Mutex<Option<Undoes>>,
    /// How long its changes may go on after a cancel.
    grace: Mutex<Duration>,
    /// Whether it ran branches, whose time is told of by themselves.
    branched: AtomicBool,
}

/// Does what takes longer than a moment on a thread of its own, see [`Call::computer`].
#[derive(Clone)]
pub struct Computer(bridge::Bridge);

impl Computer {
    /// Does it. On a simulated target it takes no time. It goes on to its end, whatever becomes of the change.
    ///
    /// # Errors
    /// The work's own, or [`Kind::Internal`] for a panic inside.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        self.0.compute_beside(work).await
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        scope: Arc<Scope>,
        context: Option<&'a NativeCallContext<'a>>,
        primitive: String,
        place: Place,
    ) -> Self {
        Self {
            scope,
            context,
            primitive,
            place,
            permits: Mutex::default(),
            undoes: Mutex::default(),
            grace: Mutex::new(bridge::CHANGE_GRACE),
            branched: AtomicBool::new(false),
        }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.scope.session
    }

    /// The clock of the session's target.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.session().clock().clone()
    }

    /// The primitive's name: `cluster::apply`.
    #[must_use]
    pub fn primitive(&self) -> &str {
        &self.primitive
    }

    /// The key of the step that the call belongs to.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.scope.step.key
    }

    /// How many calls of functions it is inside of.
    pub(crate) fn depth(&self) -> usize {
        // The call itself counts there.
        self.context.map(NativeCallContext::call_level).unwrap_or_default().saturating_sub(1)
    }

    /// Where in the script the call stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Waits for a future: the only way from a primitive to the asynchronous world. Ends early when the call is
    /// cancelled or its deadline passes.
    ///
    /// # Errors
    /// The future's own, or why it was stopped.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        self.session().bridge().wait(&self.scope.cancel, self.session().clock(), future)
    }

    /// Computes something that takes longer than a moment (a key pair), so that a cancel is acknowledged meanwhile.
    ///
    /// # Errors
    /// The computation's own, or why it was stopped.
    pub fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        self.session().bridge().compute(&self.scope.cancel, self.session().clock(), work)
    }

    /// What a change computes by, and reads and writes files, from inside of its future.
    #[must_use]
    pub fn computer(&self) -> Computer {
        Computer(self.session().bridge().clone())
    }

    /// The cluster that the call is about: the one named, or else the one of `cluster::using`, or else the session's.
    ///
    /// # Errors
    /// Where it cannot be reached or is not known.
    pub fn cluster(&self, name: Option<&str>) -> Result<Cluster> {
        let cluster = self.session().cluster(name.or(self.scope.cluster.as_deref()), &self.scope.cancel)?;
        Ok(match &self.scope.namespace {
            Some(namespace) => cluster.in_namespace(namespace),
            None => cluster,
        })
    }

    /// Opens a cluster that the script has found by itself, and gives it a name in this session.
    ///
    /// # Errors
    /// Where it cannot be opened; [`Kind::Usage`] where the name is another cluster's already.
    pub fn connect(&self, name: &str, by: ClusterSource) -> Result<Cluster> {
        self.session().connect(name, by, &self.scope.cancel)
    }

    /// The cluster that a change recorded as [`crate::change::Resource::at`].
    ///
    /// # Errors
    /// Where it cannot be reached or is not one of this session's.
    pub fn cluster_called(&self, own_name: &str) -> Result<Cluster> {
        self.session().cluster_called(own_name, &self.scope.cancel)
    }

    /// Calls a closure of the script.
    ///
    /// # Errors
    /// What the closure throws, or [`crate::Kind::Script`] if it changed what it captured.
    pub fn run(&self, closure: &Closure, arguments: Vec<Value>) -> Result<Value> {
        self.run_in(&self.scope, closure, arguments)
    }

    /// Calls a closure of the script with another cluster as the one that is meant without a name.
    ///
    /// # Errors
    /// As [`Call::run`].
    pub fn run_on_cluster(&self, cluster: &str, closure: &Closure) -> Result<Value> {
        self.run_in(&self.scope.on_cluster(cluster), closure, Vec::new())
    }

    /// Calls a closure of the script for `limit` at most; none if it did not end by then.
    ///
    /// # Errors
    /// As [`Call::run`]; a deadline or a cancel from outside stays the error that it is.
    pub fn run_within(&self, limit: Duration, closure: &Closure, arguments: Vec<Value>) -> Result<Option<Value>> {
        let clock = self.session().clock();
        let deadline = Deadline { at: clock.now() + limit, limit, what: self.primitive.clone() };
        let late = deadline.error();
        let scope = self.scope.under(self.scope.cancel.child_until(deadline));
        match self.run_in(&scope, closure, arguments) {
            // Its own deadline, and not one from inside or around it.
            Err(error)
                if error.kind() == Kind::Deadline
                    && error.message() == late.message()
                    && self.scope.cancel.reason().is_none() =>
            {
                self.scope.cancel.check_deadline(&**clock).map_or(Ok(None), Err)
            }
            result => result.map(Some),
        }
    }

    pub(crate) fn run_in(&self, scope: &Arc<Scope>, closure: &Closure, arguments: Vec<Value>) -> Result<Value> {
        let Some(context) = self.context else {
            return Err(Error::internal("a closure was called outside a script"));
        };
        let result = call_closure(context, scope, closure, arguments)?;
        Value::from_dynamic(&result, self.session().secrets())
    }

    /// Calls a closure once for each item, at most `parallel` at a time, each on a thread and in a scope of its own.
    /// A panic in a branch is that branch's error; a failed branch does not stop the others.
    ///
    /// # Errors
    /// Where no thread can be started. What happens in a branch is in its result.
    pub fn side_by_side(&self, closure: &Closure, items: Vec<Value>, parallel: usize) -> Result<Vec<Result<Value>>> {
        let Some(context) = self.context else {
            return Err(Error::internal("a closure was called outside a script"));
        };
        self.branched.store(true, Ordering::Relaxed);
        crate::branch::side_by_side(self, context, closure, items, parallel)
    }

    pub(crate) fn has_branched(&self) -> bool {
        self.branched.load(Ordering::Relaxed)
    }

    /// A kubeconfig for programs that are to work on this cluster, which is one of the session's. It holds credentials: it goes
    /// into a file that only its owner can read.
    ///
    /// # Errors
    /// [`Kind::System`] where the target gives none.
    pub fn kubeconfig_of(&self, cluster: &Cluster) -> Result<zeroize::Zeroizing<String>> {
        self.session().kubeconfig_of(cluster, &self.scope.cancel)
    }

    /// Lets changes of this call go on for so long after a cancel, so that what they run can end in order.
    pub fn grant(&self, grace: Duration) {
        *lock(&self.grace) = grace;
    }

    pub(crate) fn grace(&self) -> Duration {
        *lock(&self.grace)
    }

    /// Notes something explicitly allowed beyond the ordinary; it goes into the journal with the next change.
    pub fn permit(&self, what: impl Into<String>) {
        lock(&self.permits).push(what.into());
    }

    /// Says which recorded change its next changes take back.
    pub(crate) fn undoes(&self, undoes: Undoes) {
        *lock(&self.undoes) = Some(undoes);
    }

    /// Records a remark for the run's report, with what is recorded next.
    pub fn remark(&self, sort: RemarkSort, text: &str) {
        self.scope.remark(sort, text);
    }

    /// Tells how far something is that takes longer than a second.
    pub fn progress(&self, subject: impl Into<String>, text: impl Into<String>) {
        self.session().tell(Some(&self.scope.step.key), What::Progress { subject: subject.into(), text: text.into() });
    }

    /// A function that tells progress from inside a future.
    #[must_use]
    pub fn teller(&self) -> Teller {
        let (session, step) = (self.session().clone(), self.scope.step.key.clone());
        Arc::new(move |subject, text| {
            session.tell(Some(&step), What::Progress { subject: subject.to_owned(), text: text.to_owned() });
        })
    }

    /// Asks a person for a secret; deadlines rest meanwhile.
    ///
    /// # Errors
    /// [`crate::Kind::System`] where nobody can be asked.
    pub fn ask_secret(&self, text: &str) -> Result<crate::secret::Secret> {
        self.session().ask_secret(&self.scope.cancel, text)
    }

    /// Writes a log line.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.session().tell(Some(&self.scope.step.key), What::Log { level, text: text.into() });
    }

    /// A function that writes log lines from inside a future.
    #[must_use]
    pub fn logger(&self, level: Level) -> crate::target::Tell {
        let (session, step) = (self.session().clone(), self.scope.step.key.clone());
        Arc::new(move |text| session.tell(Some(&step), What::Log { level, text: text.to_owned() }))
    }

    /// A path that a script wrote: an absolute one as it is, a relative one from the script's own folder.
    ///
    /// # Errors
    /// [`crate::Kind::Denied`] outside the folders that the session may read.
    pub fn locate(&self, path: &str) -> Result<crate::files::Located> {
        self.session().files().locate(&self.place.source, path, self.session().access())
    }

    /// The folder on disk of a path that a script wrote, where it has one.
    ///
    /// # Errors
    /// As [`Call::locate`].
    pub fn locate_on_disk(&self, path: &str) -> Result<PathBuf> {
        self.locate(path)?.on_disk()
    }

    /// Records that this run intends `object` to look like `intent`.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] if the same run has applied the same object with another intent: the second would undo the first.
    pub fn claim(&self, object: &str, intent: &str) -> Result<()> {
        self.session().claim(self.scope.claimant(), object, intent, &self.place)
    }
}

/// Calls a closure in a scope: its own copy of the captures, the scope in the tag, the cancel token of the scope.
pub(crate) fn call_closure(
    context: &NativeCallContext<'_>,
    scope: &Arc<Scope>,
    closure: &Closure,
    arguments: Vec<Value>,
) -> Result<Dynamic> {
    let mut global = context.global_runtime_state().clone();
    global.tag = scope.tag();
    global.level = context.call_level() + 1;
    let inner = NativeCallContext::new_with_all_fields(
        context.engine(),
        context.fn_name(),
        context.fn_source(),
        &global,
        context.call_position(),
    );
    let called = closure.for_call();
    let arguments: Vec<Dynamic> = arguments.into_iter().map(Value::into_dynamic).collect();
    let source = context.call_source().unwrap_or_default().to_owned();
    let entered = scope.enter();
    let result = called.call_raw(&inner, None, arguments);
    drop(entered);
    let result = result.map_err(|e| script_error::from_script(*e, &source, Some(scope)));
    // What was stopped did not get done, even where the script has caught or swallowed the stop.
    if let Some(reason) = scope.cancel.reason() {
        return Err(match result {
            Err(error) if error.kind() == reason.kind() => error,
            _ => reason,
        });
    }
    let result = result?;
    closure.check_unchanged(&called, || captured_names(context, closure))?;
    Ok(result)
}

/// The names of what a closure captured: its function's first parameters.
pub(crate) fn captured_names(context: &NativeCallContext<'_>, closure: &Closure) -> Vec<String> {
    let mut functions = context.iter_namespaces().flat_map(rhai::Module::iter_script_fn_info);
    functions
        .find(|(_, _, name, _, _)| *name == closure.name())
        .map(|(_, _, _, _, function)| {
            function.params.iter().take(closure.captures()).map(ToString::to_string).collect()
        })
        .unwrap_or_default()
}

impl Op {
    /// Whether undoing it means to remove what it made.
    #[must_use]
    pub fn makes(self) -> bool {
        matches!(self, Op::Create)
    }
}

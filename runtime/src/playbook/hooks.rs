//! Hooks: what a customer makes of the steps of a playbook, without a copy of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use windlass_macros::Options;

use super::body::{Body, Code};
use super::declare::{OnError, Step, StepOptions, check_key};
use crate::call::Call;
use crate::closure::Closure;
use crate::customer::Customer;
use crate::files::{Home, Located};
use crate::scope::Phase;
use crate::{Error, Place, Result, words};

/// The file of a customer folder that has its hooks.
pub const HOOKS_FILE: &str = "hooks.rhai";

words! {
    /// What a hook does to a step.
    pub enum HookSort {
        /// Something runs before it.
        Before = "before",
        /// Something runs after it.
        After = "after",
        /// Something runs in its place.
        Replace = "replace",
        /// It does not run.
        Skip = "skip",
        /// It is the customer's own.
        Insert = "insert",
        /// Something runs around it.
        Wrap = "wrap",
    }
}

/// A hook on a step.
#[derive(Clone)]
pub struct Hook {
    /// What it does.
    pub sort: HookSort,
    /// Where it is written.
    pub place: Place,
    /// Whether it is one of the customer's, and not of the playbook's own.
    pub customer: bool,
    /// Why the step is skipped.
    pub reason: Option<String>,
    /// What it runs.
    pub(super) code: Option<Arc<Code>>,
}

/// A customer's hooks before they are evaluated: their script and where that is.
#[derive(Debug, Clone)]
pub struct HooksFile {
    /// The name under which the script runs, as it is shown.
    pub source: String,
    /// The script's text.
    pub text: String,
    /// Its folder.
    pub home: Home,
    /// Whether a hook that names a step which does not exist is an error.
    pub strict: bool,
}

impl HooksFile {
    /// The hooks of a customer folder, if it has any. For a playbook other than the folder's `own`, those that name none of
    /// its steps are passed over.
    ///
    /// # Errors
    /// [`crate::Kind::System`] or [`crate::Kind::Malformed`] where the file cannot be read.
    pub fn of(customer: &Customer, own: bool) -> Result<Option<Self>> {
        let file: PathBuf = customer.folder.join(HOOKS_FILE);
        if !file.is_file() {
            return Ok(None);
        }
        let text = Located::Disk(file.clone()).read_text()?;
        let home = Home::Disk(customer.folder.clone());
        Ok(Some(Self { source: file.display().to_string(), text, home, strict: own }))
    }
}

/// The options of `replace`: those of the step that are to be others.
#[derive(Debug, Clone, Options)]
pub struct ReplaceOptions {
    /// What the step does, in a few words.
    pub title: Option<String>,
    /// The keys of the steps that must be done before.
    pub needs: Option<Vec<String>>,
    /// Words by which steps can be chosen, as by their keys.
    pub tags: Option<Vec<String>>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How often the step is tried again after a failure. What is refused (`denied`, `locked`) and what computes too much
    /// (`budget`) is not tried again.
    pub retries: Option<u32>,
    /// The time before the first new attempt; it doubles with each, up to five minutes.
    pub backoff: Option<Duration>,
    /// What becomes of the run if the step fails.
    pub on_error: Option<OnError>,
    /// Whether what it does cannot be taken back: an undo stops there.
    pub irreversible: Option<bool>,
}

impl ReplaceOptions {
    pub(super) fn put_into(self, options: &mut StepOptions) {
        fn put<T>(given: Option<T>, slot: &mut T) {
            if let Some(given) = given {
                *slot = given;
            }
        }
        options.title = self.title.or(options.title.take());
        options.timeout = self.timeout.or(options.timeout);
        put(self.needs, &mut options.needs);
        put(self.tags, &mut options.tags);
        put(self.retries, &mut options.retries);
        put(self.backoff, &mut options.backoff);
        put(self.on_error, &mut options.on_error);
        put(self.irreversible, &mut options.irreversible);
    }
}

/// The options of `insert`.
#[derive(Debug, Clone, Options)]
pub struct InsertOptions {
    /// The key of the step that it comes right before, and that needs it from then on.
    pub before: Option<String>,
    /// The key of the step that it comes right after, and that it needs.
    pub after: Option<String>,
    /// Those of a step.
    #[option(flatten)]
    pub step: StepOptions,
}

/// A hook as it is declared, before the steps are known.
pub(super) struct DeclaredHook {
    /// The step that it names.
    pub(super) key: String,
    pub(super) hook: Hook,
    pub(super) does: Does,
}

/// What a declared hook brings besides its code.
pub(super) enum Does {
    /// Nothing.
    Plain,
    Replace(ReplaceOptions),
    /// A new step: before the one that the hook names, or else after it.
    Insert {
        step: Box<Step>,
        before: bool,
    },
}

/// `before`, `after`, `wrap`.
pub(crate) fn around(call: &Call<'_>, sort: HookSort, key: String, closure: Closure) -> Result<()> {
    declare(call, sort, key, None, Some(closure), |_| Ok(Does::Plain))
}

/// `skip(key, reason)`.
pub(crate) fn skip(call: &Call<'_>, key: String, reason: String) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::usage(format!("skip(\"{key}\", …) gives no reason"))
            .hint("say why the step is not needed: who reads the report wants to know"));
    }
    declare(call, HookSort::Skip, key, Some(reason), None, |_| Ok(Does::Plain))
}

/// `replace(key, [options,] closure)`.
pub(crate) fn replace(call: &Call<'_>, key: String, options: ReplaceOptions, closure: Closure) -> Result<()> {
    declare(call, HookSort::Replace, key, None, Some(closure), |_| Ok(Does::Replace(options)))
}

/// `insert(key, options, closure)`.
pub(crate) fn insert(call: &Call<'_>, key: &str, options: InsertOptions, closure: Closure) -> Result<()> {
    check_key(key)?;
    let (anchor, before) = match (options.before, options.after) {
        (Some(anchor), None) => (anchor, true),
        (None, Some(anchor)) => (anchor, false),
        _ => {
            return Err(Error::usage(format!(
                "insert(\"{key}\", …) needs the option `before` or `after`, one of them"
            ))
            .hint("say which step it belongs to: insert(\"key\", #{ after: \"another\" }, || …)"));
        }
    };
    let (key, options) = (key.to_owned(), options.step);
    declare(call, HookSort::Insert, anchor, None, Some(closure), move |hook| {
        let Some(code) = hook.code.clone() else { return Err(Error::internal("an inserted step without code")) };
        let (hooks, place) = (vec![hook.clone()], hook.place.clone());
        Ok(Does::Insert { step: Box::new(Step { key, options, body: Body::Closure(code), place, hooks }), before })
    })
}

fn declare(
    call: &Call<'_>,
    sort: HookSort,
    key: String,
    reason: Option<String>,
    closure: Option<Closure>,
    does: impl FnOnce(&Hook) -> Result<Does>,
) -> Result<()> {
    let Phase::Declare(collector) = &call.scope.phase else {
        return Err(Error::usage(format!("{}(\"{key}\", …) stands inside a step", sort.as_str()))
            .hint("hooks stand at the top level, so that all steps are known before anything runs"));
    };
    let mut collected = collector.collected();
    let code = closure.map(|closure| Code::declared(call, collected.unit()?, closure)).transpose()?;
    if let Some(code) = &code {
        check_arguments(sort, code)?;
    }
    let hook = Hook { sort, place: call.place().clone(), customer: collected.customer, reason, code };
    let does = does(&hook)?;
    if let Does::Insert { step, .. } = &does
        && !collected.take_key(&step.key, &step.place)
    {
        return Ok(());
    }
    collected.hooks.push(DeclaredHook { key, hook, does });
    Ok(())
}

/// Whether the closure takes what a hook of this sort gives it.
fn check_arguments(sort: HookSort, code: &Code) -> Result<()> {
    let (least, most, takes) = match sort {
        HookSort::Wrap => (2, 2, "`ctx` and `original`: |ctx, original| { …; original.call(ctx) }"),
        HookSort::After => (0, 2, "nothing, `ctx`, or `ctx` and the step's result: || …, |ctx| …, |ctx, result| …"),
        _ => (0, 1, "nothing or `ctx`: || …, |ctx| …"),
    };
    if (least..=most).contains(&code.takes()) {
        return Ok(());
    }
    let count = if code.takes() == 1 { "1 argument".to_owned() } else { format!("{} arguments", code.takes()) };
    Err(Error::usage(format!("the closure of {} takes {count}", sort.as_str())).hint(format!("it is given {takes}")))
}

impl Step {
    /// Why it does not run, where a hook skips it.
    #[must_use]
    pub fn skipped(&self) -> Option<&str> {
        self.hooks.iter().find(|hook| hook.sort == HookSort::Skip).and_then(|hook| hook.reason.as_deref())
    }

    /// The code of its hooks of this sort, in the order written.
    pub(crate) fn hook_codes(&self, sort: HookSort) -> impl Iterator<Item = &Arc<Code>> {
        self.hooks.iter().filter(move |hook| hook.sort == sort).filter_map(|hook| hook.code.as_ref())
    }

    /// All code that it runs besides its body.
    pub(crate) fn codes_around(&self) -> impl Iterator<Item = &Arc<Code>> {
        [HookSort::Before, HookSort::Wrap, HookSort::After].into_iter().flat_map(|sort| self.hook_codes(sort))
    }
}

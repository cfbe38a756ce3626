//! Finding a playbook and declaring its steps.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::arrange::{Unmatched, arranged};
use super::body::Body;
use super::declare::{Collected, Collector, Step, StepOptions, Unit, declares_steps, declaring, evaluate_unit};
use super::hooks::HooksFile;
use super::order::sorted;
use super::run::Run;
use super::select::{Selection, skipped};
use crate::files::{Home, Located, Tree};
use crate::lock::Patience;
use crate::session::{HeldLock, Session, SessionBuilder};
use crate::{Error, Kind, Place, Result};

/// A playbook before it is prepared: its script and where that is.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// Its name.
    pub name: String,
    /// The name under which its script runs, as it is shown.
    pub source: String,
    /// The script's text.
    pub text: String,
    /// The script's folder.
    pub home: Home,
    /// What a customer changes about its steps.
    pub hooks: Option<HooksFile>,
}

impl Playbook {
    /// The playbook in a folder: its `playbook.rhai`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is none.
    pub fn folder(path: &Path) -> Result<Self> {
        let script = path.join("playbook.rhai");
        if !script.is_file() {
            return Err(Error::new(Kind::NotFound, format!("{} has no playbook.rhai", path.display())).hint(
                "a playbook is a folder with a playbook.rhai, and may have a values.yaml and a values.schema.json",
            ));
        }
        let name = path.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
        let mut playbook = Self::script(&script)?;
        playbook.name = name.unwrap_or_else(|| path.display().to_string());
        Ok(playbook)
    }

    /// A single script.
    ///
    /// # Errors
    /// [`Kind::NotFound`] or [`Kind::System`] where it cannot be read.
    pub fn script(path: &Path) -> Result<Self> {
        let text = Located::Disk(path.to_owned()).read_text()?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, source: path.display().to_string(), text, home: Home::Disk(folder.to_owned()), hooks: None })
    }

    /// A playbook of a built-in tree: the folder of this name.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where there is none.
    pub fn stock(tree: Tree, name: &str) -> Result<Self> {
        let located = Located::Built(tree, format!("{name}/playbook.rhai"));
        if !located.exists() {
            return Err(Error::new(Kind::NotFound, format!("there is no stock playbook {name}")));
        }
        let text = located.read_text()?;
        Ok(Self {
            name: name.to_owned(),
            source: located.shown(),
            text,
            home: Home::Built(tree, name.to_owned()),
            hooks: None,
        })
    }

    /// A script from somewhere else: the command line, a test, an embedder.
    #[must_use]
    pub fn text(source: &str, text: &str) -> Self {
        let home = Home::Disk(".".into());
        Self { name: source.to_owned(), source: source.to_owned(), text: text.to_owned(), home, hooks: None }
    }

    /// A file beside the script.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a path that leads out of a built-in tree.
    pub fn file(&self, name: &str) -> Result<Located> {
        self.home.join(name)
    }
}

/// A playbook whose steps are declared and in order.
pub struct Prepared {
    pub(crate) session: Session,
    pub(crate) name: String,
    pub(crate) units: Vec<Arc<Unit>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) unmatched: Vec<Unmatched>,
    pub(crate) uses_cluster: bool,
}

impl Session {
    /// Declares the steps of a playbook: runs the top levels of its units, in which nothing can act.
    ///
    /// # Errors
    /// What is wrong with the script: it does not parse, declares a step twice, needs what is no step.
    pub fn prepare(&self, playbook: &Playbook) -> Result<Prepared> {
        self.declare(playbook).map_err(|problems| {
            let first = problems.into_iter().next();
            self.mask_error(first.unwrap_or_else(|| Error::internal("a playbook was refused without a reason")))
        })
    }

    /// As [`Session::prepare`], with all that is wrong.
    pub(crate) fn declare(&self, playbook: &Playbook) -> std::result::Result<Prepared, Vec<Error>> {
        self.add_home(&playbook.source, playbook.home.clone());
        let declares = declares_steps(self, &playbook.source, &playbook.text).map_err(|e| vec![e])?;
        let unit = Unit::compile(self, &playbook.source, &playbook.text, declares).map_err(|e| vec![e])?;
        let hooks = playbook.hooks.as_ref().map(|hooks| self.hooks_unit(hooks)).transpose().map_err(|e| vec![e])?;
        let collector = Arc::new(Collector::default());
        let scope = declaring(self, self.cancel().child(), &collector);
        let evaluate = || {
            if declares {
                evaluate_unit(&scope, &collector, &unit, 0)?;
            } else {
                collector.collected().is_whole(playbook, &unit);
            }
            let Some(hooks) = &hooks else { return Ok(()) };
            collector.collected().customer = true;
            evaluate_unit(&scope, &collector, hooks, 0)
        };
        // Scripts need more stack than a thread of the embedder's may have.
        let evaluated = std::thread::scope(|threads| {
            let builder = std::thread::Builder::new().name("windlass-declare".to_owned()).stack_size(crate::STACK);
            let thread = builder
                .spawn_scoped(threads, evaluate)
                .map_err(|e| Error::new(Kind::System, "no thread can be started").source(e))?;
            thread.join().unwrap_or_else(|panic| Err(crate::bridge::panicked(panic.as_ref())))
        });
        let mut collected = collector.finish();
        collected.problems.extend(evaluated.err());
        if !collected.problems.is_empty() {
            return Err(collected.problems);
        }
        if collected.steps.is_empty() {
            let error = Error::usage(format!("{} declares no step", playbook.source));
            return Err(vec![error.hint("it calls `step` or `include_steps`, but not when it runs")]);
        }
        let (steps, unmatched) = arranged(sorted(collected.steps)?, collected.hooks)?;
        let strict = playbook.hooks.as_ref().is_none_or(|hooks| hooks.strict);
        let wrong = unmatched.iter().filter(|hook| strict || !hook.customer);
        let wrong: Vec<Error> = wrong.map(|hook| hook.error.clone()).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Prepared {
            session: self.clone(),
            name: playbook.name.clone(),
            units: collected.units,
            steps,
            unmatched,
            uses_cluster: false,
        })
    }

    /// A customer's hooks, ready to be evaluated.
    fn hooks_unit(&self, hooks: &HooksFile) -> Result<Arc<Unit>> {
        self.add_home(&hooks.source, hooks.home.clone());
        Unit::compile(self, &hooks.source, &hooks.text, true)
    }
}

impl Collected {
    /// A script without steps is one step.
    fn is_whole(&mut self, playbook: &Playbook, unit: &Arc<Unit>) {
        let options = StepOptions::titled(&playbook.name);
        let place = Place { source: playbook.source.clone(), line: 1, column: 1 };
        let body = Body::Script(unit.clone());
        self.units.push(unit.clone());
        self.take_key("main", &place);
        self.steps.push(Step { key: "main".to_owned(), options, body, place, hooks: Vec::new() });
    }
}

impl Prepared {
    /// Steps of the engine's own, in the order in which they run.
    pub(crate) fn of_steps(session: &Session, name: &str, steps: Vec<Step>, uses_cluster: bool) -> Self {
        Self {
            session: session.clone(),
            name: name.to_owned(),
            units: Vec::new(),
            steps,
            unmatched: Vec::new(),
            uses_cluster,
        }
    }

    /// The steps, in the order in which they run.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The hooks that name a step which does not exist, where that is no error.
    #[must_use]
    pub fn unmatched(&self) -> &[Unmatched] {
        &self.unmatched
    }

    /// Opens the session's cluster if a script of the playbook calls what needs one, so that a context that is not there is
    /// found before the first step. Nothing is sent to it. Only what [`Session::prepare_checked`] has prepared knows that.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open_cluster(&self) -> Result<()> {
        if self.uses_cluster {
            let opened = self.session.cluster(None, self.session.cancel());
            opened.map_err(|e| self.session.mask_error(e))?;
        }
        Ok(())
    }

    /// Takes the locks that the session was set up for, before the first step: those of its clusters if a script of the
    /// playbook calls what needs one, as far as [`Session::prepare_checked`] has found that out.
    ///
    /// # Errors
    /// As [`Session::take_lock`].
    pub fn take_lock(&self, patience: Patience) -> Result<HeldLock> {
        self.session.take_lock(self.uses_cluster, patience)
    }

    /// The units whose top levels were evaluated.
    #[must_use]
    pub fn units(&self) -> &[Arc<Unit>] {
        &self.units
    }

    /// The playbook's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session that it was prepared in.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What steps read of the state that no step before them leaves, if all of them run.
    #[must_use]
    pub fn state_problems(&self) -> Vec<Error> {
        Selection::default().check_state(&self.steps, &skipped(&self.steps), &BTreeSet::new())
    }
}

impl SessionBuilder {
    /// Opens the session, prepares the playbook and runs all its steps.
    ///
    /// # Errors
    /// As [`Session::prepare`] and [`Prepared::start`].
    pub fn start(self, playbook: &Playbook) -> Result<Run> {
        self.open().prepare(playbook)?.start(&Selection::default())
    }
}

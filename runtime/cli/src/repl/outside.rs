//! The prompt outside of steps: the lines, and the commands that go through steps and open playbooks.

mod edit;
mod steps;
mod upcoming;

use std::time::Instant;

use windlass_runtime::playbook::Walk;
use windlass_runtime::{Error, Kind};

use super::book::Book;
use super::command::{Changes, Command};
use super::desk::Desk;
use super::evaluate::evaluate;
use super::lines::Lines;
use super::show;
use super::typed::Line;
use crate::args;
use crate::failed::Failed;
use crate::io::Ui;
use crate::render::Sources;

/// What becomes of a REPL after a line.
enum Flow {
    /// The next line.
    Next,
    /// No further line.
    Quit,
}

/// A REPL outside of steps.
pub(super) struct Repl {
    args: args::Repl,
    desk: std::sync::Arc<Desk>,
    book: Book,
    /// What was edited last and could not be evaluated.
    draft: String,
}

impl Repl {
    pub(super) fn open(args: &args::Repl, ui: &Ui) -> Result<Self, Failed> {
        let desk = Desk::new(args, ui)?;
        let book = Book::open(&desk, args, args.what.what.as_deref())?;
        book.check_faults()?;
        Ok(Self { args: args.clone(), desk, book, draft: String::new() })
    }

    pub(super) fn all_lines(mut self) -> Result<u8, Failed> {
        self.book.greet(&self.desk);
        let read = self.until_the_end();
        self.book.say_idle_faults(&self.desk);
        // However it ends, the run is ended, and its lock given back.
        self.book.end();
        read?;
        if let Some(code) = self.desk.interrupt().ended() {
            return Ok(code);
        }
        // A person has seen what failed; a script is told.
        Ok(if self.desk.is_terminal() { crate::exit::OK } else { self.desk.failed().unwrap_or(crate::exit::OK) })
    }

    fn until_the_end(&mut self) -> Result<(), Failed> {
        loop {
            let line = match self.desk.read_outside(&self.book.standing(&self.desk), self.book.console()) {
                Ok(Line::Text(text) | Line::Ahead(text)) => text,
                Ok(Line::Dropped) => continue,
                Ok(Line::End) => return Ok(()),
                Err(error) if error.kind() == Kind::Malformed => {
                    self.desk.report(&error.into());
                    continue;
                }
                Err(error) => return Err(Failed::while_running(error, Sources::default())),
            };
            match self.line(&line) {
                Ok(Flow::Next) => {}
                Ok(Flow::Quit) => return Ok(()),
                Err(failed) => self.desk.report(&failed),
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<Flow, Failed> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Flow::Next);
        }
        if let Some(command) = line.strip_prefix(':') {
            return self.command(command);
        }
        evaluate(&self.desk, self.book.console_mut(), line)?;
        Ok(Flow::Next)
    }

    /// Opens something else in the place of what is open.
    fn load(&mut self, what: Option<&str>) -> Result<(), Failed> {
        let failed = match Book::open(&self.desk, &self.args, what) {
            Ok(book) if !book.is_unready() => {
                std::mem::replace(&mut self.book, book).end();
                self.book.greet(&self.desk);
                if let Err(error) = self.book.check_faults() {
                    self.desk.warn(&error.to_string());
                }
                return Ok(());
            }
            Ok(book) => {
                book.end();
                Failed::told(crate::exit::USAGE)
            }
            Err(failed) => failed,
        };
        // What is open stays open.
        self.desk.looks_after_nothing();
        self.desk.looks_after(&self.book.session, None);
        self.book.recalls_problems(&self.desk);
        Err(failed)
    }

    fn command(&mut self, line: &str) -> Result<Flow, Failed> {
        let begun = Instant::now();
        let read = Command::read(line);
        let result = match read {
            Ok(Command::Quit) => {
                self.desk.done(self.book.console(), &format!(":{line}"), true);
                return Ok(Flow::Quit);
            }
            Ok(command) => self.obey(command),
            Err(error) => Err(error.into()),
        };
        self.desk.done(self.book.console(), &format!(":{line}"), result.is_ok());
        self.desk.timed(begun);
        result.map(|()| Flow::Next)
    }

    fn obey(&mut self, command: Command) -> Result<(), Failed> {
        if let Some(done) = command.look(&self.desk, self.book.console_mut()) {
            done.map_err(|error| Failed::of_line(error, self.desk.sources()))?;
            if let Command::Mode { mode: Some(Changes::ReadOnly) } = command {
                self.book.gives_locks_back(&self.desk);
            }
            return Ok(());
        }
        match command {
            Command::Load { what } => {
                let same = self.book.what.clone();
                self.load(what.as_deref().or(same.as_deref()))
            }
            Command::Reload => self.book.reload(&self.desk, &self.args),
            Command::Set { values } => self.set(values),
            Command::Steps => {
                let text = steps::list(&self.desk, self.book.walk()?);
                Ok(show::paged(&self.desk, &text)?)
            }
            Command::Next => self.walking(steps::next),
            Command::Step => self.walking(steps::step),
            Command::Plan { .. } => Ok(upcoming::plan(&self.desk, &mut self.book)?),
            Command::RunTo { step } => self.walking(|desk, walk| steps::run_to(desk, walk, &step)),
            Command::Continue => self.walking(steps::go_on),
            Command::Skip { step } => self.walking(|desk, walk| Ok(steps::skip(desk, walk, step.as_deref())?)),
            Command::Redo { step } => self.walking(|desk, walk| steps::redo(desk, walk, step.as_deref())),
            Command::Back { step, even_in_part } => {
                self.walking(|desk, walk| steps::back(desk, walk, step.as_deref(), even_in_part))
            }
            Command::Edit { step } => self.edit(step.as_deref()),
            Command::Source { file } => {
                let text = std::fs::read_to_string(&file)
                    .map_err(|e| Error::new(Kind::NotFound, format!("{} cannot be read", file.display())).source(e))?;
                Ok(self.desk.read_from(Lines::of_text(&text))?)
            }
            _ => Err(Error::usage("no step is held up")
                .hint(":step goes through the next one statement by statement")
                .into()),
        }
    }

    /// Gives values; where they cannot be given, everything is as before.
    fn set(&mut self, values: Vec<String>) -> Result<(), Failed> {
        let given = &mut self.args.what.values.given.set;
        let before = given.len();
        given.extend(values);
        let result = self.book.reload_checked(&self.desk, &self.args);
        if result.is_err() {
            self.args.what.values.given.set.truncate(before);
        }
        result
    }

    /// Goes through steps, and takes note of where that ended.
    fn walking(&mut self, go: impl FnOnce(&Desk, &mut Walk) -> Result<(), Failed>) -> Result<(), Failed> {
        let result = go(&self.desk, self.book.walk()?);
        // What was refused before anything ran has errors that are not told yet.
        if !result.as_ref().is_err_and(|failed| !failed.errors.is_empty()) {
            self.book.step_ended();
        }
        if result.is_err() {
            self.desk.drops_what_was_typed_ahead();
        }
        result?;
        if self.desk.stops().says_next {
            upcoming::say(&self.desk, &mut self.book)?;
        }
        Ok(())
    }
}

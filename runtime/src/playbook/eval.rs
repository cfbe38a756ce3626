//! One script, for its value: `windlass eval`, and what an embedder wants to know.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::declare::{Unit, evaluate};
use super::load::Playbook;
use crate::scope::{Phase, Scope, StepAt};
use crate::session::Session;
use crate::value::Value;
use crate::{Error, Kind, Result};

impl Session {
    /// Runs a script that declares no steps, outside any run, and gives the value of its last expression.
    ///
    /// # Errors
    /// [`Kind::Script`] if it does not parse, with a `details` of `{"parse": true}`; whatever it fails with.
    pub fn evaluate(&self, script: &Playbook) -> Result<Value> {
        self.add_home(&script.source, script.home.clone());
        let unit = Unit::compile(self, &script.source, &script.text, false)
            .map_err(|e| e.details(serde_json::json!({ "parse": true })))?;
        let step = StepAt { index: 0, key: "eval".to_owned(), attempt: 1 };
        let scope = Scope::new(self.clone(), Phase::Run, step, self.cancel().child());
        let run = || {
            let _working = self.bridge().work()?;
            let value = evaluate(&unit, &scope, 0)?;
            match scope.cancel.reason() {
                None => Value::from_dynamic(&value, self.secrets()),
                Some(reason) => Err(reason),
            }
        };
        // Scripts need more stack than a thread of the embedder's may have.
        let result = std::thread::scope(|threads| {
            let builder = std::thread::Builder::new().name("windlass-eval".to_owned()).stack_size(crate::STACK);
            let guarded = || catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|p| Err(crate::bridge::panicked(&*p)));
            let thread = builder
                .spawn_scoped(threads, guarded)
                .map_err(|e| Error::new(Kind::System, "no thread can be started").source(e))?;
            thread.join().unwrap_or_else(|panic| Err(crate::bridge::panicked(panic.as_ref())))
        });
        result.map_err(|e| self.mask_error(e))
    }
}

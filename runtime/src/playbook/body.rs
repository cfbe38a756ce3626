//! What a step runs: its own closure or script, and what hooks put around that.

use std::sync::Arc;

use rhai::{Dynamic, FnPtr, GlobalRuntimeState, NativeCallContext, Position};

use super::context::StepContext;
use super::declare::{Step, Unit, evaluate, in_script};
use super::hooks::HookSort;
use crate::call::{Call, captured_names};
use crate::closure::Closure;
use crate::engine::is_tried;
use crate::scope::Scope;
use crate::script_error::{from_script, raise};
use crate::undo::native;
use crate::{Error, Place, Result};

/// A closure that a unit's top level gave to a declaration.
pub struct Code {
    closure: Closure,
    unit: Arc<Unit>,
    /// The state of the module that declared it, where that is not the unit itself.
    own: Option<Box<GlobalRuntimeState>>,
    place: Place,
    /// How many arguments it takes.
    takes: usize,
}

/// What a step runs.
#[derive(Clone)]
pub enum Body {
    /// A closure of a unit.
    Closure(Arc<Code>),
    /// A whole script without steps.
    Script(Arc<Unit>),
    /// Work of the engine's own.
    Native(Native),
}

/// Work of the engine's own, as the body of a step.
pub type Native = Arc<dyn Fn(&Call<'_>) -> Result<()> + Send + Sync>;

impl Code {
    /// The closure that a call at the top level of a unit was given.
    pub(super) fn declared(call: &Call<'_>, unit: Arc<Unit>, closure: Closure) -> Result<Arc<Self>> {
        let context = in_script(call)?;
        let in_unit = context.call_source() == Some(unit.source.as_str());
        let own = (!in_unit).then(|| Box::new(context.global_runtime_state().clone()));
        let parameters = match own {
            Some(_) => parameters_of(context, closure.name()),
            None => unit.parameters(closure.name()),
        };
        let takes = parameters.unwrap_or_default().saturating_sub(closure.captures());
        Ok(Arc::new(Self { closure, unit, own, place: call.place().clone(), takes }))
    }

    /// The unit whose top level declared it.
    #[must_use]
    pub fn unit(&self) -> &Arc<Unit> {
        &self.unit
    }

    /// The name of its function.
    #[must_use]
    pub fn name(&self) -> &str {
        self.closure.name()
    }

    /// How many arguments it takes.
    pub(super) fn takes(&self) -> usize {
        self.takes
    }

    /// Calls it, `level` calls deep, with as many of the arguments as it takes.
    fn call(&self, scope: &Arc<Scope>, level: usize, mut arguments: Vec<Dynamic>) -> Result<Dynamic> {
        let mut global = match &self.own {
            Some(own) => (**own).clone(),
            None => self.unit.end()?,
        };
        global.tag = scope.tag();
        global.level = level;
        let source = global.source().unwrap_or(&self.unit.source).to_owned();
        let engine = scope.session.runtime().engine();
        let context = NativeCallContext::new_with_all_fields(engine, "step", Some(&source), &global, Position::NONE);
        arguments.truncate(self.takes);
        let called = self.closure.for_call();
        // What ran before it in the same step, such as a hook, is not where it stands.
        scope.has_returned(level);
        let entered = scope.enter();
        let result = called.call_raw(&context, None, arguments);
        drop(entered);
        let value = result.or_else(|error| match *error {
            rhai::EvalAltResult::Exit(value, _) => Ok(value),
            other => Err(from_script(other, &source, Some(scope))),
        })?;
        let names = || captured_names(&context, &self.closure);
        self.closure.check_unchanged(&called, names).map_err(|e| e.at(self.place.clone()))?;
        Ok(value)
    }
}

/// How many parameters a function has, captures included.
fn parameters_of(context: &NativeCallContext<'_>, name: &str) -> Option<usize> {
    let mut functions = context.iter_namespaces().flat_map(rhai::Module::iter_script_fn_info);
    functions.find(|(_, _, other, _, _)| *other == name).map(|(_, _, _, parameters, _)| parameters)
}

/// A body within its wraps, of which the first is the outermost.
struct Wrapped {
    wraps: Vec<Arc<Code>>,
    body: Body,
}

impl Wrapped {
    /// Calls what lies within so many of the wraps.
    fn call(self: &Arc<Self>, within: usize, scope: &Arc<Scope>, level: usize) -> Result<Dynamic> {
        let Some(wrap) = self.wraps.get(within) else {
            return match &self.body {
                Body::Script(unit) => evaluate(unit, scope, level),
                Body::Closure(code) => code.call(scope, level, vec![Dynamic::from(StepContext)]),
                Body::Native(work) => work(&native(scope)).map(|()| Dynamic::UNIT),
            };
        };
        let original = self.clone().original(within + 1)?;
        wrap.call(scope, level, vec![Dynamic::from(StepContext), Dynamic::from(original)])
    }

    /// What a wrap is given to call: what lies within it, in whatever scope it is called.
    fn original(self: Arc<Self>, within: usize) -> Result<FnPtr> {
        let call = move |context: NativeCallContext<'_>, _: &mut [&mut Dynamic]| {
            let scope = Scope::of(&context)
                .map_err(|e| Box::new(rhai::EvalAltResult::ErrorSystem(String::new(), Box::new(e))))?;
            let place = crate::place_of(&context);
            let scope = if is_tried(&context, &scope) { scope.inside_try() } else { scope };
            self.call(within, &scope, context.call_level() + 1).map_err(|error| raise(&scope, error.at(place)))
        };
        #[allow(deprecated)] // marked as subject to change, not as going away
        FnPtr::from_fn("original", call).map_err(|e| Error::internal(format!("`original` cannot be given: {e}")))
    }
}

impl Step {
    /// Runs it: what hooks put before it, its body within its wraps, what hooks put after it; gives the body's value.
    pub(super) fn run(&self, scope: &Arc<Scope>) -> Result<Dynamic> {
        for code in self.hook_codes(HookSort::Before) {
            let _ = code.call(scope, 0, vec![Dynamic::from(StepContext)])?;
        }
        let wraps = self.hook_codes(HookSort::Wrap).cloned().collect();
        let value = Arc::new(Wrapped { wraps, body: self.body.clone() }).call(0, scope, 0)?;
        for code in self.hook_codes(HookSort::After) {
            let _ = code.call(scope, 0, vec![Dynamic::from(StepContext), value.clone()])?;
        }
        Ok(value)
    }
}

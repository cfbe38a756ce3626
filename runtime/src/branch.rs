//! Closures side by side: branches on threads of their own.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, RwLock};

use rhai::{GlobalRuntimeState, NativeCallContext};

use crate::bridge::panicked;
use crate::call::{Call, call_closure};
use crate::closure::Closure;
use crate::engine::STACK;
use crate::event::Level;
use crate::journal::Note;
use crate::playbook::{journaled, restored};
use crate::scope::Scope;
use crate::session;
use crate::sync::lock;
use crate::value::Value;
use crate::{Error, Kind, Result};

/// The most branches that run at the same time.
pub const MAX_PARALLEL: usize = 64;

/// Gives a thread a copy of the constants: reading `global::X` takes a write lock, over which branches would stumble.
fn own_constants(global: &mut GlobalRuntimeState) {
    if let Some(constants) = &global.constants {
        let copied = constants.read().map(|map| map.clone()).unwrap_or_default();
        global.constants = Some(Arc::new(RwLock::new(copied)));
    }
}

pub(crate) fn side_by_side(
    call: &Call<'_>,
    context: &NativeCallContext<'_>,
    closure: &Closure,
    items: Vec<Value>,
    parallel: usize,
) -> Result<Vec<Result<Value>>> {
    let count = items.len();
    let branches = call.scope.branches(count).into_iter().zip(items).enumerate();
    let queue = Mutex::new(branches.collect::<VecDeque<_>>());
    let results: Mutex<Vec<Option<Result<Value>>>> = Mutex::new((0..count).map(|_| None).collect());
    let work = || {
        loop {
            let Some((index, (scope, item))) = lock(&queue).pop_front() else { return };
            let run = || one(context, &scope, closure, item);
            let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            lock(&results)[index] = Some(result);
        }
    };
    let turn = session::turn();
    let (mut branches, tickets) = call.session().bridge().branches(parallel.clamp(1, MAX_PARALLEL).min(count));
    std::thread::scope(|threads| -> Result<()> {
        for (number, ticket) in tickets.into_iter().enumerate() {
            let builder = std::thread::Builder::new().name(format!("branch-{number}")).stack_size(STACK);
            // Without its turn, there is no simulation left to do anything in.
            let (turn, work) = (turn.clone(), &work);
            let started = builder.spawn_scoped(threads, move || {
                session::inherit_turn(turn);
                ticket.start().map(|_working| work())
            });
            match started {
                Ok(_) => {}
                // Those that run do the work of the others.
                Err(_) if number > 0 => break,
                Err(e) => return Err(Error::new(Kind::System, "a thread for branches cannot be started").source(e)),
            }
        }
        branches.begin()
    })?;
    branches.rejoin()?;
    if let Some(reason) = call.scope.cancel.reason() {
        return Err(reason);
    }
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let results: Vec<Result<Value>> = results
        .into_iter()
        .map(|r| r.unwrap_or_else(|| Err(Error::internal("a branch ended without a result"))))
        .collect();
    // What nobody may catch, no primitive may make a line in a list of.
    match results.iter().find_map(|r| r.as_ref().err().filter(|e| e.kind().is_final())) {
        Some(error) => Err(error.clone()),
        None => Ok(results),
    }
}

fn one(context: &NativeCallContext<'_>, scope: &Arc<Scope>, closure: &Closure, item: Value) -> Result<Value> {
    let (session, step) = (&scope.session, &scope.step.key);
    let branch = scope.branch_key(&item);
    if let Some(known) = session.branch_done(step, &branch) {
        session.log(Some(step), Level::Info, format!("branch {} is done already", branch.item));
        return restored(session, known);
    }
    let mut global = context.global_runtime_state().clone();
    own_constants(&mut global);
    let own = NativeCallContext::new_with_all_fields(
        context.engine(),
        context.fn_name(),
        context.fn_source(),
        &global,
        context.call_position(),
    );
    let result = call_closure(&own, scope, closure, vec![item])?;
    let value = Value::from_dynamic(&result, session.secrets())?;
    let ended = Note::BranchEnded { step: step.clone(), branch, value: journaled(&value) };
    session.journal().note(ended);
    Ok(value)
}

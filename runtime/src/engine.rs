//! The Rhai engine as Windlass has it: limits, progress, modules, and the primitives behind the boundary.

mod boundary;
mod builtin;
mod follow;
mod given;
mod modules;
mod waiting;

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, Engine, FnNamespace, FuncRegistration, ImmutableString, Module, NativeCallContext, Position};

use crate::event::Level;
use crate::primitive::Primitive;
use crate::runtime::RegisterType;
use crate::scope::{self, Scope};
use crate::script_error::Uncatchable;

pub(crate) use boundary::{impure, place_of};
pub(crate) use builtin::{own_primitives, seal};
pub(crate) use follow::is_tried;
pub(crate) use given::{Given, given};
pub(crate) use modules::{check_import, find_module};

/// How deeply functions may call each other: the same in debug and release builds.
pub const MAX_CALL_LEVELS: usize = 64;

/// The stack that a thread needs which evaluates scripts, in bytes: what the deepest calls take in a debug build.
pub const STACK: usize = 16 << 20;

pub(crate) fn build(primitives: &[Primitive], types: &[RegisterType], followed: bool) -> Engine {
    let mut engine = Engine::new();
    engine.set_max_call_levels(MAX_CALL_LEVELS);
    engine.set_max_expr_depths(64, 64);
    engine.set_max_string_size(16 << 20);
    engine.set_max_array_size(1 << 20);
    engine.set_max_map_size(1 << 18);
    engine.set_max_variables(10_000);
    engine.set_max_functions(10_000);
    engine.set_max_modules(1000);
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    engine.disable_symbol("eval");
    // `wait::until` and `log::debug` are ours; Rhai's `do { … } until` goes without, its `debug(…)` stays.
    #[allow(deprecated)] // marked as subject to change, not as going away
    engine.on_parse_token(|token, _, _| match token {
        rhai::Token::Until => rhai::Token::Identifier(Box::new("until".into())),
        rhai::Token::Reserved(word) if *word == "debug" => rhai::Token::Identifier(word),
        token => token,
    });
    engine.set_module_resolver(modules::Resolver);
    engine.on_progress(|_| scope::progress().map(|error| Dynamic::from(Uncatchable(error))));
    engine.on_print(|text| log(Level::Info, text));
    engine.on_debug(|text, _, _| log(Level::Debug, text));
    #[allow(deprecated)] // marked as subject to change, not as going away
    engine.on_var(|name, _, context| {
        // A variable or parameter of the script's own goes before.
        if name != "values" || context.scope().contains(name) {
            return Ok(None);
        }
        Ok(Scope::from_tag(context.tag()).map(|scope| scope.session.values_dynamic()))
    });
    builtin::register(&mut engine);
    types.iter().for_each(|register| register(&mut engine));
    register(&mut engine, primitives);
    if followed {
        follow::register(&mut engine);
    }
    engine
}

fn log(level: Level, text: &str) {
    if let Some(scope) = scope::current() {
        scope.session.log(Some(&scope.step.key), level, text);
    }
}

/// Registers every primitive under its module, for each number of arguments that it takes.
fn register(engine: &mut Engine, primitives: &[Primitive]) {
    let mut modules: std::collections::BTreeMap<&str, Module> = std::collections::BTreeMap::new();
    for primitive in primitives {
        let shared = Arc::new(primitive.clone());
        let module = modules.entry(primitive.module).or_default();
        for arity in primitive.arities() {
            for types in argument_types(primitive, arity) {
                let primitive = shared.clone();
                let namespace = if primitive.method || primitive.module.is_empty() {
                    FnNamespace::Global
                } else {
                    FnNamespace::Internal
                };
                FuncRegistration::new(primitive.name)
                    .with_namespace(namespace)
                    .with_comments([primitive.doc])
                    .set_into_module_raw(module, types, native(primitive));
            }
        }
    }
    for (name, module) in modules {
        if name.is_empty() {
            engine.register_global_module(module.into());
        } else {
            engine.register_static_module(name, module.into());
        }
    }
}

/// The argument types to register: anything, but for a method or a global function also what Rhai's own functions of the
/// same name would take first.
fn argument_types(primitive: &Primitive, arity: usize) -> Vec<Vec<TypeId>> {
    let any = vec![TypeId::of::<Dynamic>(); arity];
    if primitive.module.is_empty() && arity == 1 {
        let exact = [TypeId::of::<i64>(), TypeId::of::<f64>(), TypeId::of::<ImmutableString>()];
        return exact.into_iter().map(|t| vec![t]).chain([any]).collect();
    }
    if primitive.method && arity > 0 {
        let owners = [TypeId::of::<rhai::Array>(), TypeId::of::<rhai::Map>()];
        let typed = owners.into_iter().map(|owner| {
            let mut types = any.clone();
            types[0] = owner;
            types
        });
        return typed.chain([any.clone()]).collect();
    }
    vec![any]
}

fn native(primitive: Arc<Primitive>) -> rhai::RhaiFunc {
    let function = move |context: Option<NativeCallContext<'_>>, arguments: &mut [&mut Dynamic]| match context {
        Some(context) => boundary::cross(&primitive, &context, arguments),
        None => {
            Err(Box::new(rhai::EvalAltResult::ErrorRuntime("a primitive needs a call context".into(), Position::NONE)))
        }
    };
    rhai::RhaiFunc::Pure { func: Arc::new(function), has_context: true, is_pure: false, is_volatile: true }
}

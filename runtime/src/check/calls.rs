//! Calls: is there such a function, does it take so many arguments, does it take these.

use std::collections::BTreeSet;

use rhai::{Expr, FnCallExpr, Position};

use super::literal::{begin, literal};
use super::names::{Names, is_name};
use super::units::{Script, Units};
use super::{Problems, hinted, script};
use crate::Error;
use crate::analysis::{call_in, visit};
use crate::options::{Mismatch, OptionField, unknown_option};
use crate::primitive::Primitive;
use crate::runtime::Runtime;
use crate::suggest::nearest;
use crate::value::Value;

/// Where nothing known is like it.
const NO_SUCH_FUNCTION: &str =
    "nothing like it is known: a primitive is called with its module, such as cluster::apply";

/// Looks at every call of one script.
pub(super) struct Calls<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) names: &'a Names,
    pub(super) units: &'a Units,
    pub(super) unit: &'a Script,
    pub(super) problems: &'a mut Problems,
}

impl Calls<'_> {
    pub(super) fn check(&mut self) {
        let unit = self.unit;
        visit(&unit.ast, |path| {
            let Some((call, position, method)) = path.last().and_then(call_in) else { return };
            if !is_name(&call.name) {
                return;
            }
            if method {
                self.method(call, position);
            } else if call.is_qualified() {
                self.qualified(call, position);
            } else {
                self.plain(call, position);
            }
        });
        if self.units.declares {
            let top_level = unit.top_level();
            visit(&top_level, |path| {
                let Some((call, position, false)) = path.last().and_then(call_in) else { return };
                let module = module_of(call).unwrap_or_default();
                if let Some(primitive) = self.runtime.primitive(&module, &call.name)
                    && primitive.effect.acts()
                    && !unit.functions.contains_key(call.name.as_str())
                {
                    self.problem(crate::engine::impure(primitive), position);
                }
            });
        }
    }

    fn problem(&mut self, error: Error, position: Position) {
        self.problems.add(error.at(self.unit.place(position)));
    }

    fn qualified(&mut self, call: &FnCallExpr, position: Position) {
        let Some(module) = module_of(call) else { return };
        let name = call.name.as_str();
        if module == "global" {
            return self.script_function(&self.unit.functions, name, call, position);
        }
        if let Some(source) = self.unit.imports.get(&module) {
            if let Some(imported) = self.units.get(source) {
                self.script_function(&imported.exported, name, call, position);
            }
            return;
        }
        if let Some(primitive) = self.runtime.primitive(&module, name) {
            return self.primitive(primitive, call, position, 0);
        }
        if let Some(counts) = self.names.of_module(&module, name) {
            if !counts.contains(&call.args.len()) {
                self.problem(wrong_count(&format!("{module}::{name}"), call.args.len(), counts), position);
            }
            return;
        }
        let error = if self.names.has_module(&module) {
            let error = script(format!("there is no function {module}::{name}"));
            let known: Vec<&str> = self.names.functions(&module).collect();
            match (self.runtime.other_name(&module, name), nearest(name, known.iter().copied())) {
                (Some(meant), _) => error.hint(meant),
                (None, Some(near)) => error.hint(format!("did you mean \"{module}::{near}\"?")),
                (None, None) => error.hint(format!("{module} has: {}", known.join(", "))),
            }
        } else {
            let error = script(format!("there is no module {module}"));
            match self.runtime.nearest_primitive(&module, name) {
                Some(hint) => error.hint(hint),
                None => hinted(error, &module, self.names.modules(), || {
                    "modules are the standard library's, and those that the script imports".to_owned()
                }),
            }
        };
        self.problem(error, position);
    }

    fn script_function(
        &mut self,
        functions: &std::collections::BTreeMap<String, Vec<usize>>,
        name: &str,
        call: &FnCallExpr,
        position: Position,
    ) {
        match functions.get(name) {
            Some(counts) if counts.contains(&call.args.len()) => {}
            Some(counts) => {
                let counts = counts.iter().copied().collect();
                self.problem(wrong_count(name, call.args.len(), &counts), position);
            }
            None => {
                let error = script(format!("there is no function {name} in that module"));
                let known = functions.keys().map(String::as_str).filter(|n| is_name(n));
                self.problem(
                    hinted(error, name, known, || "a private function cannot be called from elsewhere".to_owned()),
                    position,
                );
            }
        }
    }

    fn plain(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        if Names::is_keyword(name) || self.unit.variables.contains(name) {
            return;
        }
        if let Some(counts) = self.unit.functions.get(name) {
            let counts: BTreeSet<usize> = counts.iter().copied().collect();
            if !counts.contains(&call.args.len()) && self.names.global(name).is_none() {
                self.problem(wrong_count(name, call.args.len(), &counts), position);
            }
            return;
        }
        if let Some(primitive) = self.runtime.primitive("", name).filter(|own| !is_of_values(own, call)) {
            return self.primitive(primitive, call, position, 0);
        }
        match self.names.global(name) {
            Some(counts) if counts.contains(&call.args.len()) => {
                if let Some(primitive) = self.method_primitive(name, call.args.len()) {
                    self.literals(&primitive, call, 0);
                }
            }
            Some(counts) => self.problem(wrong_count(name, call.args.len(), counts), position),
            None => {
                let error = script(format!("there is no function {name}"));
                let elsewhere = self.runtime.primitives().iter().find(|p| p.name == name && !p.module.is_empty());
                let error = match (elsewhere, self.runtime.other_name("", name)) {
                    (Some(primitive), _) => error.hint(format!("did you mean {:?}?", primitive.id())),
                    (None, Some(meant)) => error.hint(meant),
                    (None, None) => {
                        let own = self.unit.functions.keys().map(String::as_str).filter(|n| is_name(n));
                        let ids: Vec<String> = self.runtime.primitives().iter().map(Primitive::id).collect();
                        let known = own.chain(self.names.globals()).chain(ids.iter().map(String::as_str));
                        hinted(error, name, known, || NO_SUCH_FUNCTION.to_owned())
                    }
                };
                self.problem(error, position);
            }
        }
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        let count = call.args.len() + 1;
        if Names::is_keyword(name) || self.unit.variables.contains(name) {
            return;
        }
        // A script's own function sees the object as `this`.
        if self.unit.functions.get(name).is_some_and(|counts| counts.contains(&call.args.len())) {
            return;
        }
        match self.names.global(name) {
            Some(counts) if counts.contains(&count) => {
                if let Some(primitive) = self.method_primitive(name, count) {
                    self.literals(&primitive, call, 1);
                }
            }
            Some(counts) => {
                let counts = counts.iter().filter(|c| **c > 0).map(|c| c - 1).collect();
                self.problem(wrong_count(&format!(".{name}"), call.args.len(), &counts), position);
            }
            None => {
                let error = script(format!("there is no method {name}"));
                if let Some(primitive) = self.runtime.primitives().iter().find(|p| p.name == name) {
                    return self.problem(error.hint(format!("call it as {}", primitive.signature())), position);
                }
                let own = self.unit.functions.keys().map(String::as_str).filter(|n| is_name(n));
                let known = own.chain(self.names.globals());
                self.problem(hinted(error, name, known, || NO_SUCH_FUNCTION.to_owned()), position);
            }
        }
    }

    /// The primitive behind a method, where no function of Rhai's has that name and as many arguments.
    fn method_primitive(&self, name: &str, count: usize) -> Option<Primitive> {
        if self.names.is_rhai(name, count) {
            return None;
        }
        let mut found =
            self.runtime.primitives().iter().filter(|p| p.method && p.name == name && p.arities().contains(&count));
        let first = found.next()?;
        found.next().is_none().then(|| first.clone())
    }

    fn primitive(&mut self, primitive: &Primitive, call: &FnCallExpr, position: Position, bound: usize) {
        if !primitive.arities().contains(&(call.args.len() + bound)) {
            let needs_options =
                primitive.options.iter().any(|o| o.required) && primitive.parameters.len() == call.args.len() + bound;
            let missing: Vec<String> =
                primitive.options.iter().filter(|o| o.required).map(|o| format!("`{}`", o.name)).collect();
            let error = if needs_options {
                Error::usage(format!("{} needs the option {}", primitive.id(), missing.join(", ")))
            } else {
                Error::usage(format!("{} takes other arguments than these {}", primitive.id(), call.args.len()))
            };
            return self.problem(error.hint(format!("call it as {}", primitive.signature())), position);
        }
        self.literals(primitive, call, bound);
    }

    /// Checks the arguments that are written out; the first `bound` stand before the call.
    fn literals(&mut self, primitive: &Primitive, call: &FnCallExpr, bound: usize) {
        let has_options = call.args.len() + bound > primitive.parameters.len();
        let mut parameters = primitive.parameters.iter().skip(bound);
        for (index, argument) in call.args.iter().enumerate() {
            if has_options && primitive.options_at == Some(index + bound) {
                self.options(&primitive.id(), &primitive.options, argument);
                continue;
            }
            let Some(parameter) = parameters.next() else { return };
            let subject = format!("argument `{}` of {}", parameter.name, primitive.id());
            self.fits(argument, parameter.check, &subject, &parameter.expects);
        }
    }

    fn fits(
        &mut self,
        expression: &Expr,
        check: fn(Value) -> std::result::Result<(), Mismatch>,
        subject: &str,
        expects: &str,
    ) {
        let Some(value) = literal(expression) else { return };
        if let Err(mismatch) = check(value) {
            self.problem(mismatch.into_error(subject, expects), begin(expression));
        }
    }

    fn options(&mut self, id: &str, fields: &[OptionField], argument: &Expr) {
        let Expr::Map(map, position) = argument else {
            if let Some(value) = literal(argument).filter(|v| !matches!(v, Value::Null)) {
                let subject = format!("the last argument of {id}");
                let error =
                    Mismatch::sort(&value).into_error(&subject, "a map of options such as #{ namespace: \"x\" }");
                self.problem(error, begin(argument));
            }
            return;
        };
        for (key, value) in &map.0 {
            match fields.iter().find(|f| f.name == key.name.as_str()) {
                None => self.problem(unknown_option(id, &key.name, fields), key.pos),
                Some(field) if matches!(value, Expr::Unit(_)) && !field.required => {}
                Some(field) => {
                    self.fits(value, field.check, &format!("option `{}` of {id}", field.name), &field.expects);
                }
            }
        }
        for field in fields.iter().filter(|f| f.required) {
            if !map.0.iter().any(|(key, _)| key.name == field.name) {
                let error = Error::usage(format!("{id} needs the option `{}`", field.name));
                self.problem(error.hint(format!("add `{}: …`, {}", field.name, field.expects)), *position);
            }
        }
    }
}

/// Whether a script calls what needs a cluster, as far as its calls are written out.
pub(super) fn uses_cluster(runtime: &Runtime, names: &Names, unit: &Script) -> bool {
    let mut found = false;
    visit(&unit.ast, |path| {
        let Some((call, _, method)) = path.last().and_then(call_in) else { return };
        let name = call.name.as_str();
        // It acts on a cluster that it names itself.
        let elsewhere = |argument: &Expr| matches!(argument, Expr::Map(map, _) if map.0.iter().any(|(key, _)| key.name == "cluster"));
        if call.args.iter().any(elsewhere) {
            return;
        }
        found |= if method {
            let primitives = runtime.primitives().iter();
            !names.is_rhai(name, call.args.len() + 1)
                && !unit.functions.contains_key(name)
                && primitives.filter(|p| p.method && p.name == name).any(needs_cluster)
        } else {
            module_of(call).and_then(|module| runtime.primitive(&module, name)).is_some_and(needs_cluster)
        };
    });
    found
}

fn needs_cluster(primitive: &Primitive) -> bool {
    match primitive.module {
        "cluster" => primitive.effect.acts(),
        // The others wait for what a closure says.
        "wait" => primitive.parameters.iter().any(|parameter| parameter.name == "target"),
        _ => false,
    }
}

/// Whether it is Rhai's function of the same name, `replace(text, "a", "b")` or `insert(list, 0, x)`: what stands where the
/// options would is none.
fn is_of_values(primitive: &Primitive, call: &FnCallExpr) -> bool {
    let three = matches!(primitive.name, "replace" | "insert") && call.args.len() == 3;
    three && !matches!(call.args.get(1), Some(Expr::Map(..)))
}

/// The module in front of a call.
fn module_of(call: &FnCallExpr) -> Option<String> {
    let parts: Vec<&str> = call.namespace.path.iter().map(|part| part.name.as_str()).collect();
    (!parts.is_empty()).then(|| parts.join("::"))
}

fn wrong_count(name: &str, given: usize, counts: &BTreeSet<usize>) -> Error {
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let plural = if counts.len() == 1 && counts[0] == "1" { "" } else { "s" };
    Error::new(crate::Kind::Script, format!("{name} is given {given} argument{}", if given == 1 { "" } else { "s" }))
        .hint(format!("it takes {} argument{plural}", counts.join(" or ")))
}

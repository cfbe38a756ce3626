//! What can be said of a script without running it.

mod outline;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::playbook::{Body, Code, Step, Unit};

pub(crate) use outline::{Outline, Outlined, Outlines};

/// What a script calls and imports, by name.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) calls: Vec<String>,
    pub(crate) imports: Vec<String>,
}

/// The call in a node, if it is one, and where.
pub(crate) fn call_in<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position, bool)> {
    match node {
        ASTNode::Expr(Expr::MethodCall(call, position)) => Some((call, *position, true)),
        ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position)) => {
            Some((call, *position, false))
        }
        _ => None,
    }
}

/// Visits every node of a script: its statements and the bodies of its functions.
pub(crate) fn visit(ast: &AST, mut look: impl FnMut(&[ASTNode<'_>])) {
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        look(path);
        true
    });
}

pub(crate) fn calls_and_imports(ast: &AST) -> Found {
    let mut found = Found::default();
    visit(ast, |path| {
        let Some(node) = path.last() else { return };
        if let Some((call, _, false)) = call_in(node)
            && !call.is_qualified()
        {
            found.calls.push(call.name.to_string());
        }
        if let ASTNode::Stmt(Stmt::Import(import, _)) = node
            && let Expr::StringConstant(path, _) = &import.0
        {
            found.imports.push(path.to_string());
        }
    });
    found
}

/// The functions that a script calls, by their names with those of their modules. Operators are none.
pub(crate) fn called(ast: &AST) -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    visit(ast, |path| {
        let Some((call, ..)) = path.last().and_then(call_in) else { return };
        if call.name.starts_with(|first: char| first.is_alphabetic()) && !call.name.contains('$') {
            let modules = call.namespace.path.iter().map(|module| module.name.as_str());
            called.insert(modules.chain([call.name.as_str()]).collect::<Vec<_>>().join("::"));
        }
    });
    called
}

/// The keys of `ctx.state` that a piece of script reads, writes, and asks for (`"key" in ctx.state`).
#[derive(Debug, Default, Clone)]
pub(crate) struct StateUse {
    pub(crate) reads: BTreeSet<String>,
    pub(crate) writes: BTreeSet<String>,
    asks: BTreeSet<String>,
    /// The paths of the values that it reads.
    pub(crate) values: BTreeSet<String>,
    /// Whether it may write keys that it does not spell out.
    pub(crate) opaque: bool,
}

/// What the functions of units do with `ctx.state`, as far as they say it in the form `ctx.state.key` or
/// `ctx.state["key"]`: each function of a unit is looked at once, however many steps there are.
#[derive(Default)]
pub(crate) struct StateUses {
    units: HashMap<*const Unit, HashMap<String, FunctionUse>>,
}

#[derive(Default)]
struct FunctionUse {
    state: StateUse,
    /// The functions that it calls or makes closures of.
    leads_to: Vec<String>,
}

impl StateUses {
    /// What a step and its hooks do with the state: their closures, closures inside them, and the functions that they call.
    pub(crate) fn of(&mut self, step: &Step) -> StateUse {
        let mut used = StateUse::default();
        match &step.body {
            Body::Closure(code) => self.add(code, &mut used),
            Body::Script(unit) => {
                let mut whole = FunctionUse::default();
                visit(&unit.ast, |path| whole.look(path));
                used.values = whole.state.values;
            }
            Body::Native(_) => {}
        }
        step.codes_around().for_each(|code| self.add(code, &mut used));
        // Who asks whether it is there can do without.
        used.reads.retain(|key| !used.asks.contains(key));
        used
    }

    fn add(&mut self, code: &Code, used: &mut StateUse) {
        let unit = code.unit();
        let functions = self.units.entry(Arc::as_ptr(unit)).or_insert_with(|| functions_of(unit));
        let mut open = vec![code.name()];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            if let Some(function) = functions.get(name)
                && seen.insert(name)
            {
                used.reads.extend(function.state.reads.iter().cloned());
                used.writes.extend(function.state.writes.iter().cloned());
                used.asks.extend(function.state.asks.iter().cloned());
                used.values.extend(function.state.values.iter().cloned());
                used.opaque |= function.state.opaque;
                open.extend(function.leads_to.iter().map(String::as_str));
            }
        }
    }
}

/// Functions of one name that take other arguments count as one.
fn functions_of(unit: &Unit) -> HashMap<String, FunctionUse> {
    let names: BTreeSet<&str> = unit.ast.iter_functions().map(|function| function.name).collect();
    let mut functions = HashMap::new();
    each_alone(&unit.ast.clone_functions_only(), &names.into_iter().collect::<Vec<_>>(), &mut |name, alone| {
        let mut found = FunctionUse::default();
        visit(alone, |path| found.look(path));
        functions.insert(name.to_owned(), found);
    });
    functions
}

/// Looks at each function in a script of its own. Rhai gives out the body of one function only with those of all
/// others, so they are halved until each is alone: n·log n, where taking out each by itself would be n².
fn each_alone(all: &AST, names: &[&str], look: &mut impl FnMut(&str, &AST)) {
    match names {
        [] => {}
        [name] => look(name, all),
        _ => {
            for half in [&names[..names.len() / 2], &names[names.len() / 2..]] {
                let (first, last) = (half[0], half[half.len() - 1]);
                let mut part = all.clone_functions_only();
                part.retain_functions(|_, _, name, _| (first..=last).contains(&name));
                each_alone(&part, half, look);
            }
        }
    }
}

impl FunctionUse {
    fn look(&mut self, path: &[ASTNode<'_>]) {
        let Some(node) = path.last() else { return };
        if let Some((call, _, _)) = call_in(node) {
            self.leads_to.push(call.name.to_string());
            // `"key" in ctx.state`
            if let ("contains", [Expr::Dot(chain, _, _), Expr::StringConstant(key, _)]) =
                (call.name.as_str(), &call.args[..])
                && is_state(chain)
            {
                self.state.asks.insert(key.to_string());
            }
        }
        if let ASTNode::Expr(expression) = node
            && let Some(path) = crate::check::value_path(expression)
        {
            self.state.values.insert(path.to_string());
        }
        match node {
            ASTNode::Expr(Expr::DynamicConstant(value, _)) => {
                self.leads_to.extend(value.read_lock::<rhai::FnPtr>().map(|pointer| pointer.fn_name().to_owned()));
            }
            ASTNode::Expr(Expr::Dot(chain, _, _)) => {
                let Some(key) = state_key(chain) else {
                    let asked =
                        path.iter().rev().nth(1).and_then(call_in).is_some_and(|(call, ..)| call.name == "contains");
                    self.state.opaque |= is_in_state(chain) && !asked;
                    return;
                };
                let assigned = path.iter().rev().nth(1).is_some_and(|parent| is_target(parent, path.last()));
                if assigned {
                    self.state.writes.insert(key);
                } else {
                    if path.iter().any(|around| matches!(around, ASTNode::Stmt(Stmt::TryCatch(..)))) {
                        self.state.asks.insert(key.clone());
                    }
                    self.state.reads.insert(key);
                }
            }
            _ => {}
        }
    }
}

/// Whether it is `x.state`.
fn is_state(chain: &rhai::BinaryExpr) -> bool {
    matches!((&chain.lhs, &chain.rhs), (Expr::Variable(..), Expr::Property(property, _)) if property.2.as_str() == "state")
}

/// Whether it is `x.state` or something in it.
fn is_in_state(chain: &rhai::BinaryExpr) -> bool {
    let (Expr::Dot(rest, _, _) | Expr::Index(rest, _, _)) = &chain.rhs else { return is_state(chain) };
    matches!((&chain.lhs, &rest.lhs), (Expr::Variable(..), Expr::Property(state, _)) if state.2.as_str() == "state")
}

/// The `key` of `x.state.key` or `x.state["key"]`.
fn state_key(chain: &rhai::BinaryExpr) -> Option<String> {
    let Expr::Variable(..) = &chain.lhs else { return None };
    let (Expr::Dot(rest, _, _) | Expr::Index(rest, _, _)) = &chain.rhs else { return None };
    let Expr::Property(state, _) = &rest.lhs else { return None };
    if state.2.as_str() != "state" {
        return None;
    }
    match &rest.rhs {
        Expr::Property(key, _) => Some(key.2.to_string()),
        Expr::StringConstant(key, _) => Some(key.to_string()),
        Expr::Dot(deeper, _, _) | Expr::Index(deeper, _, _) => match &deeper.lhs {
            Expr::Property(key, _) => Some(key.2.to_string()),
            Expr::StringConstant(key, _) => Some(key.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn is_target(parent: &ASTNode<'_>, child: Option<&ASTNode<'_>>) -> bool {
    let (ASTNode::Stmt(Stmt::Assignment(assignment)), Some(ASTNode::Expr(child))) = (parent, child) else {
        return false;
    };
    !assignment.0.is_op_assignment() && std::ptr::eq(&assignment.1.lhs, *child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionBuilder;

    #[test]
    fn what_a_step_does_with_the_state_is_found_through_closures_and_functions() {
        let script = r#"
            fn save(ctx, v) { ctx.state.pool = v; deeper(ctx) }
            fn deeper(ctx) { ctx.state["disk"] = 1; ctx.state.list.push(1); }
            step("a", |ctx| { [1].for_each(|x| save(ctx, x)); });
            step("b", |ctx| if "pool" in ctx.state { ctx.state.pool } else { ctx.state.name.len() });
        "#;
        let runtime = crate::Runtime::builder().build().unwrap();
        let session: SessionBuilder = runtime.session(crate::target::NoTarget::new());
        let prepared = session.open().prepare(&crate::playbook::Playbook::text("t", script)).unwrap();
        let mut uses = StateUses::default();
        let words = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        let a = uses.of(&prepared.steps()[0]);
        assert_eq!((words(&a.reads), words(&a.writes)), ("list".into(), "disk pool".into()));
        let b = uses.of(&prepared.steps()[1]);
        assert_eq!((words(&b.reads), words(&b.writes)), ("name".into(), String::new()));
        assert!(!a.opaque && !b.opaque);
    }

    #[test]
    fn what_is_read_and_left_by_nobody_is_found_unless_it_cannot_be_known() {
        let problems = |script: &str| {
            let runtime = crate::Runtime::builder().build().unwrap();
            let session: SessionBuilder = runtime.session(crate::target::NoTarget::new());
            let prepared = session.open().prepare(&crate::playbook::Playbook::text("t", script)).unwrap();
            let all = prepared.state_problems();
            all.iter().map(|e| format!("{} ({})", e.message(), e.hint_text().unwrap_or(""))).collect::<Vec<_>>()
        };
        let two = problems(
            r#"
            step("a", |ctx| { ctx.state.pool = 1; });
            step("b", |ctx| ctx.state.poool + ctx.state.late);
            step("c", |ctx| { ctx.state.late = 1; });
        "#,
        );
        assert_eq!(two.len(), 2, "{two:?}");
        assert!(two[0].contains("ctx.state.late") && two[0].contains("step \"c\""), "{two:?}");
        assert!(two[1].contains("ctx.state.poool") && two[1].contains("did you mean \"pool\"?"), "{two:?}");
        for fine in [
            r#"step("a", |ctx| { let k = "x"; ctx.state[k] = 1; }); step("b", |ctx| ctx.state.x);"#,
            r#"step("a", |ctx| { ctx.state.x = 1; ctx.state.x });"#,
            r#"step("b", |ctx| if "x" in ctx.state { ctx.state.x });"#,
            r#"step("b", |ctx| { try { ctx.state.x } catch { 1 } });"#,
            r#"step("a", |ctx| { let s = ctx.state; s.x = 1; }); step("b", |ctx| ctx.state.x);"#,
        ] {
            assert_eq!(problems(fine), Vec::<String>::new(), "{fine}");
        }
    }
}

//! The scripts of a playbook: the entry, the step files that it includes, the modules that all these import.

use std::collections::{BTreeMap, HashSet};

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::{Problems, place_at};
use crate::analysis::{call_in, visit};
use crate::engine::find_module;
use crate::files::Home;
use crate::playbook::{Playbook, find_steps};
use crate::script_error::from_parse;
use crate::session::Session;

/// One script.
pub(super) struct Script {
    pub(super) source: String,
    pub(super) ast: AST,
    /// The sources of its imports, by the names that it gives them.
    pub(super) imports: BTreeMap<String, String>,
    /// The numbers of parameters of its functions, by name.
    pub(super) functions: BTreeMap<String, Vec<usize>>,
    /// Those of them that other scripts may call.
    pub(super) exported: BTreeMap<String, Vec<usize>>,
    /// All names that a variable, a parameter or a constant has somewhere in it, and the keys of its maps: a closure may
    /// stand in any of them.
    pub(super) variables: HashSet<String>,
}

/// All scripts, the entry first.
pub(super) struct Units {
    scripts: Vec<Script>,
    whole: bool,
    /// Whether the playbook declares steps; otherwise its top level is its one step.
    pub(super) declares: bool,
}

struct Waiting {
    source: String,
    text: String,
    home: Home,
}

impl Units {
    pub(super) fn find(session: &Session, playbook: &Playbook, problems: &mut Problems) -> Self {
        let entry =
            Waiting { source: playbook.source.clone(), text: playbook.text.clone(), home: playbook.home.clone() };
        let mut units = Self { scripts: Vec::new(), whole: true, declares: false };
        let mut seen = HashSet::new();
        units.follow(session, entry, &mut seen, problems);
        if let Some(hooks) = &playbook.hooks {
            let declares = units.declares;
            let hooks = Waiting { source: hooks.source.clone(), text: hooks.text.clone(), home: hooks.home.clone() };
            units.follow(session, hooks, &mut seen, problems);
            // Whether the playbook's top level may act is not for a customer's hooks to say.
            units.declares = declares;
        }
        units
    }

    /// Takes a script and all that it includes and imports.
    fn follow(&mut self, session: &Session, first: Waiting, seen: &mut HashSet<String>, problems: &mut Problems) {
        let mut waiting = std::collections::VecDeque::from([first]);
        while let Some(next) = waiting.pop_front() {
            if seen.insert(next.source.clone()) {
                waiting.extend(self.take(session, next, problems));
            }
        }
    }

    fn take(&mut self, session: &Session, script: Waiting, problems: &mut Problems) -> Vec<Waiting> {
        session.add_home(&script.source, script.home);
        let ast = match session.runtime().engine().compile(&script.text) {
            Ok(ast) => ast,
            Err(error) => {
                problems.add(from_parse(&error, &script.text, &script.source, KEYWORDS));
                self.whole = false;
                return Vec::new();
            }
        };
        let source = script.source;
        let mut script = Script {
            functions: BTreeMap::new(),
            exported: BTreeMap::new(),
            variables: HashSet::new(),
            imports: BTreeMap::new(),
            source: source.clone(),
            ast: AST::empty(),
        };
        for function in ast.iter_functions() {
            script.functions.entry(function.name.to_owned()).or_default().push(function.params.len());
            if function.access == rhai::FnAccess::Public {
                script.exported.entry(function.name.to_owned()).or_default().push(function.params.len());
            }
            script.variables.extend(function.params.iter().map(ToString::to_string));
        }
        let mut found = Vec::new();
        visit(&ast, |path| {
            let Some(node) = path.last() else { return };
            script.variables.extend(names_in(node));
            if let ASTNode::Stmt(Stmt::Import(import, position)) = node {
                let Expr::StringConstant(name, _) = &import.0 else { return };
                match find_module(session, &source, name) {
                    Ok((module, text, home)) => {
                        script.imports.insert(import.1.name.to_string(), module.clone());
                        found.push(Waiting { source: module, text, home });
                    }
                    Err(error) => {
                        self.whole = false;
                        problems.add(error.at(place_at(&source, *position)));
                    }
                }
            }
            let Some((call, position, false)) = call_in(node) else { return };
            if call.is_qualified() {
                return;
            }
            self.declares |= matches!(call.name.as_str(), "step" | "include_steps");
            if call.name == "include_steps"
                && let Some(Expr::StringConstant(name, at)) = call.args.first()
            {
                let position = if at.is_none() { position } else { *at };
                match find_steps(session, &source, name)
                    .and_then(|(file, home)| Ok((file.shown(), file.read_text()?, home)))
                {
                    Ok((source, text, home)) => found.push(Waiting { source, text, home }),
                    Err(error) => {
                        self.whole = false;
                        problems.add(error.at(place_at(&source, position)));
                    }
                }
            }
        });
        script.ast = ast;
        self.scripts.push(script);
        found
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Script> {
        self.scripts.iter()
    }

    pub(super) fn get(&self, source: &str) -> Option<&Script> {
        self.scripts.iter().find(|s| s.source == source)
    }

    /// Whether all of them parse and are there.
    pub(super) fn are_whole(&self) -> bool {
        self.whole
    }

    /// Where a script stands among the others.
    pub(super) fn position(&self, source: &str) -> usize {
        self.scripts.iter().position(|s| s.source == source).unwrap_or(usize::MAX)
    }
}

/// The names that a node declares, under which a closure could be called.
fn names_in(node: &ASTNode<'_>) -> Vec<String> {
    match node {
        ASTNode::Stmt(Stmt::Var(variable, ..)) => vec![variable.0.name.to_string()],
        ASTNode::Stmt(Stmt::For(parts, _)) => vec![parts.0.name.to_string()],
        ASTNode::Expr(Expr::Map(map, _)) => map.0.iter().map(|(key, _)| key.name.to_string()).collect(),
        _ => Vec::new(),
    }
}

impl Script {
    /// Whether a statement at this place stands at the top level.
    pub(super) fn top_level(&self) -> AST {
        self.ast.clone_statements_only()
    }

    pub(super) fn place(&self, position: Position) -> crate::Place {
        place_at(&self.source, position)
    }
}

const KEYWORDS: &[&str] = &[
    "let", "const", "if", "else", "switch", "for", "in", "while", "loop", "break", "continue", "return", "throw",
    "try", "catch", "fn", "import", "export", "as", "private", "true", "false", "this",
];

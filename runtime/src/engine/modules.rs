//! `import`: only from inside the playbook, the customer folder's `lib/` and the standard library.

use rhai::{Engine, GlobalRuntimeState, Module, ModuleResolver, Position, Scope as RhaiScope};

use crate::engine::MAX_CALL_LEVELS;
use crate::files::{Home, Located};
use crate::scope::Scope;
use crate::script_error::from_parse;
use crate::session::Session;
use crate::sync::lock;
use crate::{Error, Kind, Result};

pub(super) struct Resolver;

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        _: Position,
    ) -> std::result::Result<rhai::Shared<Module>, Box<rhai::EvalAltResult>> {
        let error = Error::internal(format!("the import of {path} was resolved outside a session"));
        Err(Box::new(rhai::EvalAltResult::ErrorSystem(String::new(), Box::new(error))))
    }

    fn resolve_raw(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        _: &mut RhaiScope<'_>,
        path: &str,
        position: Position,
    ) -> std::result::Result<rhai::Shared<Module>, Box<rhai::EvalAltResult>> {
        let system = |error: Error| Box::new(rhai::EvalAltResult::ErrorSystem(String::new(), Box::new(error)));
        let scope =
            Scope::from_tag(&global.tag).ok_or_else(|| system(Error::internal("an import outside a session")))?;
        let source = global.source().unwrap_or_default().to_owned();
        let (name, text, home) = find_module(&scope.session, &source, path).map_err(system)?;
        // One module in another takes stack as one function in another does.
        if global.level >= MAX_CALL_LEVELS {
            return Err(Box::new(rhai::EvalAltResult::ErrorStackOverflow(position)));
        }
        let _importing = Importing::begin(&scope, &source, &name).map_err(system)?;
        scope.session.add_home(&name, home);
        let mut ast = engine.compile(&text).map_err(|e| system(from_parse(&e, &text, &name, &[])))?;
        ast.set_source(name.as_str());
        scope.session.outline(&name, &ast);
        let mut inner = global.clone();
        inner.source = Some(name.as_str().into());
        inner.level += 1;
        let mut names = RhaiScope::new();
        let module = Module::eval_ast_as_new_raw(engine, &mut names, &mut inner, &ast)?;
        Ok(module.into())
    }
}

/// A module whose top level is being evaluated.
struct Importing<'a>(&'a Scope);

impl<'a> Importing<'a> {
    /// # Errors
    /// [`Kind::Script`] for one that is being evaluated already: it would import itself without an end.
    fn begin(scope: &'a Scope, source: &str, name: &str) -> Result<Self> {
        let mut open = lock(&scope.importing);
        if open.iter().any(|(from, to)| from == name || to == name) {
            let way: Vec<&str> = open.iter().map(|(_, to)| to.as_str()).chain([name]).collect();
            return Err(Error::new(
                Kind::Script,
                format!("modules import each other in a circle: {}", way.join(" imports ")),
            )
            .hint("put what both need into a third module"));
        }
        open.push((source.to_owned(), name.to_owned()));
        Ok(Self(scope))
    }
}

impl Drop for Importing<'_> {
    fn drop(&mut self) {
        lock(&self.0.importing).pop();
    }
}

/// Checks a literal import without evaluating it.
///
/// # Errors
/// [`Kind::Denied`]-like usage errors for a path that leads out, [`Kind::NotFound`] for one that is not there.
pub(crate) fn check_import(session: &Session, source: &str, path: &str) -> Result<(String, String)> {
    find_module(session, source, path).map(|(name, text, _)| (name, text))
}

/// The module of this path: the name under which it runs, its text, its folder.
pub(crate) fn find_module(session: &Session, source: &str, path: &str) -> Result<(String, String, Home)> {
    let refused = |why: &str| {
        Error::new(Kind::Usage, format!("import \"{path}\" is refused: {why}")).hint(
            "modules come from the script's own folder and below, from its lib/ folder, and from the standard library",
        )
    };
    if path.is_empty() || path.contains('\0') {
        return Err(refused("it names no file"));
    }
    if std::path::Path::new(path).is_absolute() {
        return Err(refused("it is an absolute path"));
    }
    if std::path::Path::new(path).components().any(|c| matches!(c, std::path::Component::ParentDir)) {
        return Err(refused("it leads out of the script's folder"));
    }
    let file = if path.ends_with(".rhai") { path.to_owned() } else { format!("{path}.rhai") };
    let home = session.files().home(source);
    for candidate in [file.clone(), format!("lib/{file}")] {
        let located = home.join(&candidate)?;
        if !located.exists() {
            continue;
        }
        if let (Located::Disk(found), Home::Disk(folder)) = (&located, &*home) {
            let inside = |p: &std::path::Path| p.canonicalize().ok();
            if let (Some(found), Some(folder)) = (inside(found), inside(folder))
                && !found.starts_with(&folder)
            {
                return Err(refused("a link leads out of the script's folder"));
            }
        }
        let folder = match &located {
            Located::Disk(p) => Home::Disk(p.parent().map(ToOwned::to_owned).unwrap_or_default()),
            Located::Built(tree, p) => {
                Home::Built(*tree, p.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default())
            }
        };
        return Ok((located.shown(), located.read_text()?, folder));
    }
    Err(Error::new(
        Kind::NotFound,
        format!("import \"{path}\": there is no {file} beside the script or in its lib/ folder"),
    ))
}

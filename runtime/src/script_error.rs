//! Errors on their way into a script and out of it.

use rhai::{Dynamic, EvalAltResult, LexError, Map, ParseError, ParseErrorType, Position};

use crate::runtime::Runtime;
use crate::scope::Scope;
use crate::suggest::did_you_mean;
use crate::value::Value;
use crate::{Error, Kind, Place};

/// An error of ours inside one of Rhai's that no script can catch.
#[derive(Clone)]
pub(crate) struct Uncatchable(pub(crate) Error);

/// An error as a script sees it: thrown as a map, or, where nobody may catch it, as a termination that also stops the
/// call's token (some of Rhai's array functions turn terminations into errors that can be caught).
pub(crate) fn raise(scope: &Scope, error: Error) -> Box<EvalAltResult> {
    if error.kind().is_final() {
        return terminate(scope, error);
    }
    scope.remember(&error);
    Box::new(EvalAltResult::ErrorRuntime(to_map(&error).into(), Position::NONE))
}

/// An error that ends the script, whatever stands around the call.
pub(crate) fn terminate(scope: &Scope, error: Error) -> Box<EvalAltResult> {
    scope.cancel.stop(error.clone());
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::from(Uncatchable(error)), Position::NONE))
}

/// What a script catches: `#{kind, message, hint, resource, details}`.
fn to_map(error: &Error) -> Map {
    let mut map = Map::new();
    let text = |t: Option<&str>| t.map_or(Dynamic::UNIT, |t| t.to_owned().into());
    map.insert("kind".into(), error.kind().as_str().into());
    map.insert("message".into(), error.message().to_owned().into());
    map.insert("hint".into(), text(error.hint_text()));
    map.insert("resource".into(), text(error.resource_name()));
    let details = error.detail_value().cloned().map_or(Dynamic::UNIT, |d| Value::from(d).into_dynamic());
    map.insert("details".into(), details);
    map
}

fn place(source: &str, position: Position) -> Place {
    Place { source: source.to_owned(), line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
}

/// A Rhai error as one of ours. `source` is the unit in which the outermost position lies; `scope` knows the errors that
/// went into the script.
pub(crate) fn from_script(error: EvalAltResult, source: &str, scope: Option<&Scope>) -> Error {
    use EvalAltResult as E;
    let position = error.position();
    let located = |error: Error| if position.is_none() { error } else { error.at(place(source, position)) };
    match error {
        E::ErrorInFunctionCall(_, inner_source, inner, _) => {
            let inner_source = if inner_source.is_empty() { source } else { &inner_source };
            located(from_script(*inner, inner_source, scope))
        }
        E::ErrorInModule(path, inner, _) => {
            let inner_source = if path.is_empty() { source.to_owned() } else { path };
            located(from_script(*inner, &inner_source, scope))
        }
        E::ErrorTerminated(token, _) => match token.try_cast::<Uncatchable>() {
            Some(Uncatchable(error)) => {
                let known = error.place().is_some();
                let stopped_at = scope.and_then(Scope::place).filter(|_| !known);
                stopped_at.map_or(error.clone(), |place| error.at(place))
            }
            None => located(Error::new(Kind::Cancelled, "the script was stopped")),
        },
        E::ErrorSystem(text, inner) => match inner.downcast::<Error>() {
            Ok(error) => located(*error),
            Err(inner) if inner.is::<ParseError>() => located(Error::new(Kind::Script, inner.to_string())),
            Err(inner) => located(Error::new(Kind::Script, if text.is_empty() { inner.to_string() } else { text })),
        },
        E::ErrorRuntime(value, _) => located(thrown(&value, scope)),
        E::ErrorTooManyOperations(_) => located(Error::new(Kind::Budget, "the script computed for too long")),
        E::ErrorStackOverflow(_) => located(
            Error::new(Kind::Script, "functions call each other too deeply (more than 64 levels)")
                .hint("does one of them call itself without an end?"),
        ),
        E::ErrorDataTooLarge(what, _) => located(
            Error::new(Kind::Budget, format!("a value grew too large: {what}"))
                .hint("lists, maps and texts are limited"),
        ),
        E::ErrorFunctionNotFound(signature, _) => {
            located(unknown_function(&signature, scope.map(|scope| scope.session.runtime())))
        }
        E::ErrorVariableNotFound(name, _) => located(
            Error::new(Kind::Script, format!("there is no variable `{name}` here"))
                .hint("a function sees only its parameters, `values` and constants of its file"),
        ),
        E::ErrorDotExpr(text, _) => located(no_field(&text)),
        E::ErrorParsing(kind, _) => located(Error::new(Kind::Script, kind.to_string())),
        E::ErrorModuleNotFound(name, _) => located(Error::new(Kind::Script, format!("there is no module `{name}`"))),
        E::ErrorDataRace(what, _) => located(
            Error::new(Kind::Script, format!("a variable is used while it is being changed: {what}"))
                .hint("does the value hold itself, by a closure inside it that captured it?"),
        ),
        E::Exit(..) => located(
            Error::new(Kind::Script, "`exit` ends a whole step, and stands in a closure that a function was given")
                .hint("use `return` to end the closure"),
        ),
        mut other => {
            other.set_position(Position::NONE);
            located(Error::new(Kind::Script, in_script_words(&other.to_string())))
        }
    }
}

/// The error for a function that is not there. `runtime` knows how its primitives are called.
fn unknown_function(signature: &str, runtime: Option<&Runtime>) -> Error {
    let error = Error::new(Kind::Script, format!("there is no function {}", in_script_words(signature)));
    if signature.starts_with("anon$") {
        let given = signature.split_once(" (").map_or("", |(_, types)| types.trim_end_matches(')'));
        let count = if given.is_empty() { 0 } else { given.split(", ").count() };
        return Error::new(Kind::Script, format!("the closure cannot be called here with {count} arguments"))
            .hint("it takes another number, or was made in an imported module: then call it there, or make it here, as |x| module::function(x)");
    }
    let called = signature.split_once(" (").map_or(signature, |(name, _)| name);
    let (module, name) = called.rsplit_once("::").unwrap_or(("", called));
    match runtime.and_then(|runtime| how_to_call(runtime, module, name)) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The error for a field of what has none: of nothing, mostly.
fn no_field(text: &str) -> Error {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some("()")) => {
            let text = format!("there is no `{name}` here: what stands before it is nothing");
            Error::new(Kind::Script, text).hint(
                "is it a value that nobody has given, or a field that is not there? `?.` reads nothing of nothing",
            )
        }
        (Some(name), Some(of)) => Error::new(Kind::Script, format!("a {} has no `{name}`", in_script_words(of))),
        _ => Error::new(Kind::Script, in_script_words(text)),
    }
}

/// Rhai names types as its own source does; people know those that `type_of` and a YAML file name.
fn in_script_words(text: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("&str | ImmutableString | String", "string"),
        ("'i64'", "a whole number"),
        ("'f64'", "a number"),
        ("i64", "whole number"),
        ("f64", "number"),
    ];
    WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

/// How the primitive of this name is called, or the nearest one.
fn how_to_call(runtime: &Runtime, module: &str, name: &str) -> Option<String> {
    if let Some(primitive) = runtime.primitive(module, name) {
        return Some(format!("call it as {}", primitive.signature()));
    }
    if let Some(meant) = runtime.other_name(module, name) {
        return Some(meant);
    }
    let mut of_that_name = runtime.primitives().iter().filter(|p| p.name == name);
    match (of_that_name.next(), of_that_name.next()) {
        (Some(primitive), None) => Some(format!("call it as {}", primitive.signature())),
        _ => runtime.nearest_primitive(module, name),
    }
}

/// What a script threw: a map like ours, or anything else.
fn thrown(value: &Dynamic, scope: Option<&Scope>) -> Error {
    let Some(map) = value.read_lock::<Map>() else {
        let text = value.as_immutable_string_ref().map_or_else(|_| value.to_string(), |text| text.to_string());
        return Error::new(Kind::Script, text);
    };
    let text = |key: &str| map.get(key).and_then(|v| v.as_immutable_string_ref().ok().map(|t| t.to_string()));
    let message = text("message").unwrap_or_else(|| "the script threw an error without a message".to_owned());
    // A script cannot make what nobody may catch.
    let kind = text("kind").and_then(|word| Kind::from_word(&word)).filter(|k| !k.is_final()).unwrap_or(Kind::Script);
    let known = scope.and_then(|s| s.recall(kind, &message));
    let mut error = Error::new(kind, message);
    if let Some(known) = known {
        let said = to_map(&known);
        let same = |key: &str| format!("{:?}", map.get(key)) == format!("{:?}", said.get(key));
        if ["hint", "resource", "details"].into_iter().all(same) {
            return known;
        }
        // The script has added something to it.
        error = error.source(known.clone());
        if let Some(place) = known.place() {
            error = error.at(place.clone());
        }
    }
    if let Some(hint) = text("hint") {
        error = error.hint(hint);
    }
    if let Some(resource) = text("resource") {
        error = error.resource(resource);
    }
    if let Some(details) = map.get("details").filter(|d| !d.is_unit())
        && let Ok(Ok(json)) = Value::from_dynamic(details, &crate::secret::Registry::new()).map(Value::into_json)
    {
        error = error.details(json);
    }
    error
}

/// A parse error of this text as one of ours.
pub(crate) fn from_parse(error: &ParseError, text: &str, source: &str, keywords: &[&str]) -> Error {
    let said = error.err_type().to_string();
    let hint = habit(error, text)
        .map(str::to_owned)
        .or_else(|| said.split('\'').nth(1).and_then(|word| did_you_mean(word, keywords.iter().copied())));
    let found = Error::new(Kind::Script, said).at(place(source, error.position()));
    match hint {
        Some(hint) => found.hint(hint),
        None => found,
    }
}

/// What people write who come from YAML, JSON, Python or shell.
fn habit(error: &ParseError, text: &str) -> Option<&'static str> {
    if matches!(error.err_type(), ParseErrorType::BadInput(LexError::MalformedChar(_))) {
        return Some("a string stands in double quotes, or in backticks, where `${…}` puts a value in");
    }
    let (line, column) = (error.position().line()?, error.position().position()?);
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let mut rest = line.chars().skip(column.checked_sub(1)?);
    let before: String = line.chars().take(column - 1).collect();
    let key = before.trim_end().trim_end_matches(|c: char| c.is_alphanumeric() || "_-\"".contains(c)).trim_end();
    let opens = key.ends_with('{') && !key.ends_with("#{");
    (rest.next() == Some(':') && opens).then_some("a map is written with a hash: #{ key: value }")
}

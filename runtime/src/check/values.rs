//! `values.a.b`: is there such a value.

use rhai::{ASTNode, Expr};
use serde_json::Value as Json;

use super::units::Script;
use super::{Problems, hinted};
use crate::analysis::visit;
use crate::values::{Path, Schema, Segment};
use crate::{Error, Kind};

pub(super) fn check(unit: &Script, values: &Json, schema: Option<&Schema>, problems: &mut Problems) {
    visit(&unit.ast, |path| {
        let Some(ASTNode::Expr(expression)) = path.last() else { return };
        let Some(written) = written(expression) else { return };
        let guarded = path.iter().rev().nth(1).is_some_and(asks_whether_it_is_there);
        let mut at = Path::default();
        let mut holder = Some(values);
        for (segment, position) in written {
            if let Segment::Key(key) = &segment
                && let Some(error) = unknown(&at, key, holder, schema, guarded)
            {
                problems.add(error.at(unit.place(position)));
                return;
            }
            holder = holder.and_then(|value| segment.of(value));
            at.push(segment);
        }
    });
}

/// The path of the value that an expression such as `values.a.b` reads, as far as it is written out.
pub(crate) fn value_path(expression: &Expr) -> Option<Path> {
    let mut path = Path::default();
    written(expression)?.into_iter().for_each(|(segment, _)| path.push(segment));
    Some(path)
}

/// What is written out behind `values`.
fn written(expression: &Expr) -> Option<Vec<(Segment, rhai::Position)>> {
    let (Expr::Dot(chain, ..) | Expr::Index(chain, ..)) = expression else { return None };
    let Expr::Variable(name, _, _) = &chain.lhs else { return None };
    let indexed = matches!(expression, Expr::Index(..));
    (name.1 == "values" && name.2.is_empty()).then(|| segments(&chain.rhs, indexed))
}

/// `values.a ?? b`, `values.a == ()`: the script is prepared for nothing.
fn asks_whether_it_is_there(parent: &ASTNode<'_>) -> bool {
    match parent {
        ASTNode::Expr(Expr::Coalesce(..)) => true,
        ASTNode::Expr(Expr::FnCall(call, _)) => {
            matches!(call.name.as_str(), "==" | "!=") && call.args.iter().any(|a| matches!(a, Expr::Unit(_)))
        }
        _ => false,
    }
}

/// The keys and indices behind `values`, as far as they are written out.
fn segments(rest: &Expr, indexed: bool) -> Vec<(Segment, rhai::Position)> {
    let mut found = Vec::new();
    let (mut rest, mut indexed) = (rest, indexed);
    loop {
        let (this, next) = match rest {
            Expr::Dot(chain, ..) => (&chain.lhs, Some((&chain.rhs, false))),
            Expr::Index(chain, ..) => (&chain.lhs, Some((&chain.rhs, true))),
            other => (other, None),
        };
        let segment = match (this, indexed) {
            (Expr::Property(name, position), false) => (Segment::Key(name.2.to_string()), *position),
            (Expr::StringConstant(key, position), true) => (Segment::Key(key.to_string()), *position),
            (Expr::IntegerConstant(index, position), true) => match usize::try_from(*index) {
                Ok(index) => (Segment::Index(index), *position),
                Err(_) => return found,
            },
            _ => return found,
        };
        found.push(segment);
        match next {
            Some(next) => (rest, indexed) = next,
            None => return found,
        }
    }
}

fn unknown(at: &Path, key: &str, holder: Option<&Json>, schema: Option<&Schema>, guarded: bool) -> Option<Error> {
    if holder.and_then(|h| h.get(key)).is_some() {
        return None;
    }
    let path = at.join(Segment::Key(key.to_owned()));
    let here: Vec<&str> =
        holder.and_then(Json::as_object).into_iter().flat_map(|m| m.keys()).map(String::as_str).collect();
    let error = match schema {
        Some(schema) => {
            let (mut known, closed) = schema.keys_at(at);
            if !closed || known.contains(&key) {
                return None;
            }
            known.extend(here);
            let error = Error::new(Kind::Values, format!("the playbook's values have no {path}"));
            hinted(error, key, known, || "values.schema.json says what they have".to_owned())
        }
        None if guarded || holder.is_none_or(|h| !h.is_object()) => return None,
        None => {
            let error = Error::new(Kind::Values, format!("values.{path} is read, and nobody gives it"));
            hinted(error, key, here, || format!("give it with --set {path}=… or -f FILE"))
        }
    };
    Some(error)
}

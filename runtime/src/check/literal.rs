//! What a script writes out as a value.

use rhai::{Expr, Position};

use crate::secret::Registry;
use crate::value::Value;

/// The value of an expression that is written out; nothing where it is computed.
pub(super) fn literal(expression: &Expr) -> Option<Value> {
    Some(match expression {
        Expr::BoolConstant(b, _) => Value::Bool(*b),
        Expr::IntegerConstant(i, _) => Value::Int(*i),
        Expr::FloatConstant(x, _) => Value::Float(**x),
        Expr::CharConstant(c, _) => Value::Text(c.to_string()),
        Expr::StringConstant(text, _) => Value::Text(text.to_string()),
        Expr::Unit(_) => Value::Null,
        Expr::Array(items, _) => Value::List(items.iter().map(literal).collect::<Option<_>>()?),
        Expr::Map(map, _) => Value::Map(
            map.0.iter().map(|(key, value)| Some((key.name.to_string(), literal(value)?))).collect::<Option<_>>()?,
        ),
        Expr::DynamicConstant(value, _) => Value::from_dynamic(value, &Registry::new()).ok()?,
        _ => return None,
    })
}

/// Where an expression begins.
pub(super) fn begin(expression: &Expr) -> Position {
    expression.start_position()
}

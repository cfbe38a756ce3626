//! Whether a number is in the range that its schema gives.

use serde_json::Number;

use super::fault;
use super::openapi::{At, Found};
use super::props::Props;
use crate::Json;
use crate::go;

pub(super) fn check(schema: &Props, number: &Number, at: &At<'_>, found: &mut Found) {
    let float = number.as_f64().unwrap_or_default();
    let whole = number.as_i64();
    if !fits(schema, whole, float) {
        found.whole(at, out_of_range(schema, "Checked", at));
    }
    if let Some(factor) = schema.multiple_of {
        let native = bound(schema, factor, "MultipleOf", at, found);
        multiple(factor, whole.filter(|_| native), number, at, found);
    }
    let limits = [
        (schema.minimum, schema.exclusive_minimum, "Minimum boundary", "greater than"),
        (schema.maximum, schema.exclusive_maximum, "Maximum boundary", "less than"),
    ];
    for (limit, exclusive, prefix, side) in limits {
        let Some(limit) = limit else { continue };
        let native = bound(schema, limit, prefix, at, found);
        let (order, limit) = match whole.filter(|_| native) {
            Some(whole) => (Some(whole.cmp(&(limit as i64))), (limit as i64).to_string()),
            None => (float.partial_cmp(&limit), go::float(limit)),
        };
        let inside = if side == "less than" {
            order.is_some_and(std::cmp::Ordering::is_lt)
        } else {
            order.is_some_and(std::cmp::Ordering::is_gt)
        };
        if !inside && (exclusive || !order.is_some_and(std::cmp::Ordering::is_eq)) {
            let or_equal = if exclusive { "" } else { " or equal to" };
            let said = format!("{} in body should be {side}{or_equal} {limit}", at.name());
            found.field(at, said, |path, said| fault::invalid(path, &Json::Number(number.clone()), said));
        }
    }
}

/// Whether a limit is itself in the range of the type; it is compared as one of the type only then.
fn bound(schema: &Props, limit: f64, prefix: &str, at: &At<'_>, found: &mut Found) -> bool {
    let whole = (limit.fract() == 0.0 && limit.abs() < i64::MAX as f64).then_some(limit as i64);
    let fits = fits(schema, whole, limit);
    if !fits {
        found.whole(at, out_of_range(schema, prefix, at));
    }
    fits
}

fn fits(schema: &Props, whole: Option<i64>, float: f64) -> bool {
    match (schema.kind.as_str(), schema.format.as_str()) {
        _ if schema.int_or_string => true,
        ("integer", "int32") => whole.is_some_and(|n| i32::try_from(n).is_ok()),
        ("integer", _) => whole.is_some() || (float.fract() == 0.0 && float.abs() < i64::MAX as f64),
        ("number", "float") => float.abs() <= f64::from(f32::MAX),
        _ => true,
    }
}

fn out_of_range(schema: &Props, prefix: &str, at: &At<'_>) -> String {
    let kind = &schema.kind;
    match schema.format.as_str() {
        format @ ("int32" | "int64" | "float" | "double") => {
            format!("{prefix} value must be of type {kind} with format {format} in {}", at.name())
        }
        _ => format!("{prefix} value must be of type {kind} (default format) in {}", at.name()),
    }
}

fn multiple(factor: f64, whole: Option<i64>, number: &Number, at: &At<'_>, found: &mut Found) {
    let (multiple, factor_said, positive) = match whole {
        Some(whole) => {
            let factor = factor as i64;
            (factor > 0 && whole % factor == 0, factor.to_string(), factor > 0)
        }
        None => {
            let value = number.as_f64().unwrap_or_default();
            let times = if factor < 1.0 { 1.0 / factor * value } else { value / factor };
            ((times - times.round()).abs() < 1e-9, go::float(factor), factor > 0.0)
        }
    };
    let value = Json::Number(number.clone());
    if !positive {
        let shown = whole.map_or(Json::from(factor), |_| Json::from(factor as i64));
        let said = format!("factor MultipleOf declared for {} must be positive: {factor_said}", at.name());
        found.field(at, said, |path, said| fault::invalid(path, &shown, said));
    } else if !multiple {
        let said = format!("{} in body should be a multiple of {factor_said}", at.name());
        found.field(at, said, |path, said| fault::invalid(path, &value, said));
    }
}

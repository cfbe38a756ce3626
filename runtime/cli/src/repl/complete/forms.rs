//! The forms in which a line can be shown, after a bar at its end.

use clap::ValueEnum as _;
use clap::builder::PossibleValue;

use super::place::{Place, Sort};
use super::{Answer, Item};
use crate::repl::form::Form;

/// The forms, where the end of a line is the place of one: after a value and a bar.
pub(super) fn at_end(text: &str, place: &Place<'_>) -> Option<Answer> {
    let before = text.get(..place.start)?.trim_end().strip_suffix('|')?.trim_end();
    let ends_a_value =
        before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '`' | ')' | ']' | '}'));
    if !ends_a_value || place.sort != Sort::Name || !place.open.is_empty() {
        return None;
    }
    Some(Answer::new(place.start, all()))
}

/// The forms.
pub(super) fn all() -> Vec<Item> {
    let forms = Form::value_variants().iter().filter_map(Form::to_possible_value);
    let about = |form: &PossibleValue| form.get_help().map(ToString::to_string).unwrap_or_default();
    forms.map(|form| Item::new(form.get_name().to_owned(), about(&form))).collect()
}

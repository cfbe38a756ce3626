//! The forms in which a line can be shown, after a bar at its end.

use super::place::{Place, Sort};
use super::{Answer, Item};

/// The forms, where the end of a line is the place of one: after a value and a bar.
pub(super) fn at_end(text: &str, place: &Place<'_>) -> Option<Answer> {
    let before = text.get(..place.start)?.trim_end().strip_suffix('|')?.trim_end();
    let ends_a_value =
        before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '`' | ')' | ']' | '}'));
    if !ends_a_value || place.sort != Sort::Name || !place.open.is_empty() {
        return None;
    }
    let forms = [("json", "shown as JSON"), ("yaml", "shown as YAML"), ("table", "shown as a table")];
    let item = |(word, about): (&str, &str)| Item::new(word.to_owned(), about.to_owned());
    Some(Answer::new(place.start, forms.map(item).to_vec()))
}

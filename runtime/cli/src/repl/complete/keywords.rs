//! The words of the language.

use super::Item;
use super::place::Place;

/// Those that begin a statement.
const STATEMENTS: [(&str, &str); 11] = [
    ("let ", "a variable: let x = 1"),
    ("const ", "a variable that keeps its value: const X = 1"),
    ("if ", "if x > 1 { … } else { … }"),
    ("for ", "for x in list { … }"),
    ("while ", "while x < 3 { … }"),
    ("loop ", "loop { … break; }"),
    ("switch ", "switch x { 1 => …, _ => … }"),
    ("return ", "ends the function with a value"),
    ("throw ", "fails with a value"),
    ("try ", "try { … } catch (error) { … }"),
    ("fn ", "a function: fn name(x) { … }"),
];
/// Those that give a value.
const VALUES: [(&str, &str); 4] = [
    ("if ", "if x > 1 { … } else { … }"),
    ("switch ", "switch x { 1 => …, _ => … }"),
    ("true", "yes"),
    ("false", "no"),
];

/// The words that can stand at this place.
pub(super) fn at(place: &Place<'_>) -> Vec<Item> {
    let all: Vec<(&str, &str)> = match (place.begins, place.open.is_empty()) {
        (true, true) => STATEMENTS.into_iter().chain([("import ", "import \"file\" as name")]).chain(truth()).collect(),
        // Functions are made outside of blocks.
        (true, false) => STATEMENTS.into_iter().filter(|(word, _)| *word != "fn ").chain(truth()).collect(),
        (false, _) => VALUES.to_vec(),
    };
    all.into_iter().map(|(word, about)| Item::new(word.to_owned(), about.to_owned())).collect()
}

fn truth() -> impl Iterator<Item = (&'static str, &'static str)> {
    VALUES.into_iter().skip(2)
}

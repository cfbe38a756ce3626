//! Regular expressions as an argument.

use regex::{Regex, RegexBuilder};
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Error, Value};

/// How large a compiled expression may become.
const SIZE_LIMIT: usize = 4 << 20;

/// A regular expression. Its time grows linearly with the text, whatever the expression.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl FromValue for Pattern {
    fn expects() -> String {
        "a regular expression such as \"devops[0-9]*[.]ef[.]com\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Text(text) = &value else { return Err(Mismatch::sort(&value)) };
        RegexBuilder::new(text)
            .size_limit(SIZE_LIMIT)
            .build()
            .map(Pattern)
            .map_err(|e| Mismatch::Refused(refused(text, e)))
    }
}

fn refused(text: &str, error: regex::Error) -> Error {
    let said = error.to_string();
    let reason = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let hint = if said.contains("look-around") || said.contains("backreference") {
        "the expression must do without look-around (?=…) and backreferences \\1"
    } else {
        "a character that means itself stands in brackets: [.] [(] [$]"
    };
    Error::usage(format!("{text:?} is no regular expression: {reason}")).hint(hint).source(error)
}

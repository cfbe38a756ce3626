//! `text::matches`.

use windlass_runtime::{Call, Result, primitive};

use super::pattern::Pattern;

/// Says whether a regular expression fits somewhere in a text. For the whole text, write `^…$`.
///
/// The syntax is that of RE2 and Rust: without look-around and backreferences.
///
/// # Errors
/// `usage` for what is no regular expression; `secret` for a text that holds a secret.
///
/// # Example
/// ```rhai
/// if text::matches("devops231.ef.com", "^devops[0-9]*[.]ef[.]com$") {
///     log::warn("this is the placeholder");
/// }
/// ```
#[primitive(module = "text", effect = Pure)]
pub fn matches(_: &Call<'_>, text: String, pattern: Pattern) -> Result<bool> {
    Ok(pattern.0.is_match(&text))
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn an_expression_is_looked_for_anywhere_in_the_text() {
        for (text, pattern, fits) in [
            ("a devops12.ef.com b", "devops[0-9]*[.]ef[.]com", true),
            ("x", "^y$", false),
            ("", "^$", true),
            ("Ü", "^.$", true),
        ] {
            assert_eq!(run(&format!("text::matches({text:?}, {pattern:?})")).value(), fits, "{text} {pattern}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_its_reason() {
        let error = run("text::matches(\"a\", \"(\")").error();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().unwrap().contains("unclosed group"), "{error}");
        let error = run("text::matches(\"a\", \"(?=a)\")").error();
        assert!(error["hint"].as_str().unwrap().contains("look-around"), "{error}");
        let error = run("text::matches(\"a\", \"((a{1,1000}){1,1000}){1,1000}\")").error();
        assert!(error["message"].as_str().unwrap().contains("size limit"), "{error}");
        let error = run("text::matches(5, \"a\")").error();
        assert!(
            error["message"].as_str().unwrap().contains("argument `text` of text::matches must be a text"),
            "{error}"
        );
    }

    #[test]
    fn a_text_with_a_secret_is_not_looked_at() {
        let ran = run("text::matches(`x${secret::generate(\"db\")}`, \"a\")");
        assert_eq!(ran.error()["kind"], "secret");
    }
}

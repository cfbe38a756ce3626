//! A line that gives values, without those that are not to be seen.

use windlass_runtime::values::{Path, Schema, Typing, parse_set};

use super::command::{is, words};
use crate::workspace::HIDDEN;

/// The line without its secrets, where it gives values of which one is a secret by its path.
pub(super) fn without_secrets(line: &str, schema: Option<&Schema>) -> Option<String> {
    let command = line.trim().strip_prefix(':')?.trim_start();
    let (name, rest) = command.split_once(char::is_whitespace)?;
    // As a shell reads it.
    let name = name.replace(['"', '\'', '\\'], "");
    if !is("set", &name) {
        return None;
    }
    let is_secret = |path: &Path| path.looks_secret() || schema.is_some_and(|schema| schema.is_secret(path));
    // A quote that is not closed leaves one word.
    let given = words(rest).unwrap_or_else(|| vec![rest.to_owned()]);
    let hidden: Vec<Option<String>> = given.iter().map(|word| hidden(word, is_secret)).collect();
    if hidden.iter().all(Option::is_none) {
        return None;
    }
    let words = hidden.into_iter().zip(given).map(|(hidden, word)| hidden.unwrap_or(word));
    Some(format!(":{name} {}", words.collect::<Vec<_>>().join(" ")))
}

/// The paths of an assignment, if one of them is that of a secret. What cannot be read is a secret where any part of it could be
/// the path of one.
fn hidden(word: &str, is_secret: impl Fn(&Path) -> bool) -> Option<String> {
    let paths: Vec<Path> = match parse_set(word, Typing::Guess) {
        Ok(all) => all.into_iter().map(|assignment| assignment.path).collect(),
        Err(_) => {
            let parts = word.split(['=', ',', ' ']).filter_map(|part| Path::parse(part.trim_matches(['"', '\''])).ok());
            return parts.filter(is_secret).map(|path| format!("{path}={HIDDEN}")).next();
        }
    };
    let all = paths.iter().map(|path| format!("{path}={HIDDEN}")).collect::<Vec<_>>();
    paths.iter().any(is_secret).then(|| all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_secrets_by_their_paths_are_left_out() {
        let said = |line: &str| without_secrets(line, None).unwrap_or_default();
        assert_eq!(said(":set a=1 db.password=canary"), ":set a=1 db.password=(secret)");
        assert_eq!(said(":se db.password='can ary',a=2"), ":se db.password=(secret),a=(secret)");
        assert_eq!(said(": set db.password=canary"), ":set db.password=(secret)");
        assert_eq!(said(":\"set\" db.password=canary"), ":set db.password=(secret)");
        assert_eq!(said(":set db.password=\"canary"), ":set db.password=(secret)");
        assert_eq!(said(":set db.password={canary"), ":set db.password=(secret)");
        for line in [":set a=1", ":values db.password", "let password = 1", ":setting db.password=1"] {
            assert_eq!(said(line), "", "{line}");
        }
    }
}

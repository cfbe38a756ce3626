//! `--set a.b[0].c=value`, read as Helm reads it.

use serde_json::Value;

use super::path::{Fault, Path, Reader};
use crate::error::{Error, Kind, Result};

/// One value for one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// Where it goes.
    pub path: Path,
    /// What is put there; null removes the key.
    pub value: Value,
}

/// Whether the right side of an assignment has a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    /// As `--set`: `true`, `false`, `null` and whole numbers are what they look like, the rest is text.
    Guess,
    /// As `--set-string`: all is text.
    Text,
}

impl Typing {
    pub(super) fn option(self) -> &'static str {
        match self {
            Typing::Guess => "--set",
            Typing::Text => "--set-string",
        }
    }

    fn read(self, text: String) -> Value {
        if self == Typing::Text {
            return Value::String(text);
        }
        match text.as_str() {
            "0" => 0.into(),
            t if t.eq_ignore_ascii_case("true") => true.into(),
            t if t.eq_ignore_ascii_case("false") => false.into(),
            t if t.eq_ignore_ascii_case("null") => Value::Null,
            // A number that starts with a zero is rather a code or a file mode: Helm leaves it a text.
            t if t.starts_with('0') => Value::String(text),
            t => t.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from),
        }
    }
}

/// Reads the argument of `--set` or `--set-string`: assignments with commas between them. Unlike in Helm, `a={}` is an
/// empty list, and not one with an empty text in it.
///
/// ```
/// use serde_json::json;
/// use windlass_runtime::values::{Typing, parse_set};
/// let all = parse_set("a.b[0].c=5,hosts={x,y},text=a\\,b", Typing::Guess)?;
/// assert_eq!(all[0].path.to_string(), "a.b[0].c");
/// assert_eq!(all[0].value, json!(5));
/// assert_eq!(all[1].value, json!(["x", "y"]));
/// assert_eq!(all[2].value, json!("a,b"));
/// # Ok::<(), windlass_runtime::Error>(())
/// ```
///
/// # Errors
/// Of [`crate::Kind::Usage`], with the position of the character. The error does not repeat the value, which may be a
/// secret.
pub fn parse_set(text: &str, typing: Typing) -> Result<Vec<Assignment>> {
    let mut reader = Reader::new(text);
    let mut all = Vec::new();
    while reader.peek().is_some() {
        // What stands behind a comma may be the rest of a secret that has one in it.
        let in_secret = all.last().is_some_and(|before: &Assignment| before.path.looks_secret());
        match assignment(&mut reader, typing, in_secret) {
            Ok(assignment) => all.push(assignment),
            Err(fault) => return Err(explain(&fault, typing, all.last())),
        }
    }
    if all.is_empty() {
        return Err(explain(&Fault { position: 1, why: "it is empty".into() }, typing, None));
    }
    Ok(all)
}

fn explain(fault: &Fault, typing: Typing, before: Option<&Assignment>) -> Error {
    let option = typing.option();
    let after = before.map(|a| format!(", after {}", a.path)).unwrap_or_default();
    Error::new(Kind::Usage, format!("{option}: {} at character {}{after}", fault.why, fault.position))
        .hint(format!("write it as {option} a.b[0].c=value; a comma inside a value stands after a backslash"))
        .details(serde_json::json!({"character": fault.position}))
}

fn assignment(reader: &mut Reader<'_>, typing: Typing, in_secret: bool) -> Result<Assignment, Fault> {
    let path = reader.path()?;
    if !reader.eat('=') {
        if in_secret || path.looks_secret() {
            return reader.fault("`=` and a value are missing");
        }
        return reader.fault(format!("{path} has no value: `=` is missing"));
    }
    if reader.eat('{') {
        let items = list(reader, typing)?;
        if reader.peek().is_some() && !reader.eat(',') {
            return reader.fault("a comma is expected after `}`");
        }
        return Ok(Assignment { path, value: items.into() });
    }
    let value = typing.read(reader.until(&[',']));
    reader.eat(',');
    Ok(Assignment { path, value })
}

fn list(reader: &mut Reader<'_>, typing: Typing) -> Result<Vec<Value>, Fault> {
    let mut items = Vec::new();
    if reader.eat('}') {
        return Ok(items);
    }
    loop {
        items.push(typing.read(reader.until(&[',', '}'])));
        match reader.next() {
            Some(',') => {}
            Some(_) => return Ok(items),
            None => return reader.fault("`}` is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<(String, Value)> {
        let all = parse_set(text, Typing::Guess).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        all.into_iter().map(|a| (a.path.to_string(), a.value)).collect()
    }

    #[test]
    fn values_have_helms_types() {
        for (text, value) in [
            ("a=1", json!(1)),
            ("a=-5", json!(-5)),
            ("a=+5", json!(5)),
            ("a=0", json!(0)),
            ("a=0644", json!("0644")),
            ("a=00", json!("00")),
            ("a=1.5", json!("1.5")),
            ("a=1e3", json!("1e3")),
            ("a=9223372036854775807", json!(i64::MAX)),
            ("a=9223372036854775808", json!("9223372036854775808")),
            ("a=true", json!(true)),
            ("a=True", json!(true)),
            ("a=FALSE", json!(false)),
            ("a=yes", json!("yes")),
            ("a=null", Value::Null),
            ("a=Null", Value::Null),
            ("a=~", json!("~")),
            ("a=", json!("")),
            ("a= x ", json!(" x ")),
            ("a=b=c", json!("b=c")),
            ("a=x[0].y", json!("x[0].y")),
            (r"a=x\,y", json!("x,y")),
            (r"a=x\\y", json!("x\\y")),
            (r"a=x\", json!("x")),
            (r"a=\{x", json!("{x")),
            ("a={}", json!([])),
            ("a={x}", json!(["x"])),
            ("a={1,true,null,x}", json!([1, true, null, "x"])),
            (r"a={x\,y,z\}}", json!(["x,y", "z}"])),
            ("a={,}", json!(["", ""])),
            ("a=x}", json!("x}")),
            ("a=é😀", json!("é😀")),
        ] {
            assert_eq!(read(text), [("a".to_owned(), value)], "{text}");
        }
    }

    #[test]
    fn texts_have_no_types() {
        let all = parse_set("a=1,b=true,c=null,d={1,0}", Typing::Text).unwrap();
        let values: Vec<_> = all.into_iter().map(|a| a.value).collect();
        assert_eq!(values, [json!("1"), json!("true"), json!("null"), json!(["1", "0"])]);
    }

    #[test]
    fn several_assignments() {
        assert_eq!(
            read(r"a.b[0].c=1,d\.e=x,f={1,2},g=,h[1][2]=y,"),
            [
                ("a.b[0].c".to_owned(), json!(1)),
                (r"d\.e".to_owned(), json!("x")),
                ("f".to_owned(), json!([1, 2])),
                ("g".to_owned(), json!("")),
                ("h[1][2]".to_owned(), json!("y")),
            ]
        );
    }

    #[test]
    fn what_is_wrong_says_at_which_character_and_hides_the_value() {
        for (text, why, position) in [
            ("", "it is empty", 1),
            ("a", "a has no value: `=` is missing", 2),
            ("a,b=1", "a has no value: `=` is missing", 2),
            ("password=1,hunter2", "`=` and a value are missing", 19),
            ("db.password:hunter2", "`=` and a value are missing", 20),
            ("ok=1,b", "b has no value: `=` is missing at character 7, after ok", 7),
            ("=x", "a key is missing", 1),
            (",", "a key is missing", 1),
            ("a=1,,b=2", "a key is missing", 5),
            ("a.=x", "a key is missing", 3),
            ("é.=x", "a key is missing", 3),
            ("a[=x", "an index", 3),
            ("a[b]=x", "an index", 4),
            ("a[-1]=x", "an index", 5),
            ("a[0=x", "`]` is missing", 4),
            ("a[0]b=x", "a point is expected", 5),
            ("a[65536]=x", "too large", 8),
            ("a[99999999999999999999]=x", "an index", 23),
            ("a={hunter2,b", "`}` is missing", 13),
            ("a={hunter2}b", "a comma is expected after `}`", 12),
        ] {
            let error = parse_set(text, Typing::Guess).unwrap_err();
            assert!(error.message().contains(why), "{text}: {error:?}");
            assert!(error.message().contains(&format!("at character {position}")), "{text}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2"));
            assert!(error.hint_text().is_some());
        }
    }
}

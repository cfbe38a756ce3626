//! Where in the values something stands: `images.registry`, `hosts[0].name`, `labels.example\.com/role`.

use std::fmt;

use serde_json::Value;

use crate::error::{Error, Result};

/// One step down: into a map by its key, into a list by its index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// The key of a map.
    Key(String),
    /// The index of a list, counted from 0.
    Index(usize),
}

/// A place in the values, written `a.b[0].c`. In a key, a point, a comma, a bracket, an equals sign and a backslash stand
/// after a backslash, as in `--set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

impl Path {
    /// Reads a path. The empty text is the root.
    ///
    /// # Errors
    /// Of [`crate::Kind::Usage`] for an empty key or a bracket without an index.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(text);
        let path = reader.path().map_err(|fault| fault.error(text))?;
        match reader.next() {
            None => Ok(path),
            Some(c) => {
                Err(Fault { position: reader.position() - 1, why: format!("`{c}` is not expected") }.error(text))
            }
        }
    }

    /// The path of a JSON Pointer into this value.
    pub(super) fn from_pointer(pointer: &str, mut value: Option<&Value>) -> Self {
        let mut path = Self::default();
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let segment = match (value, part.parse()) {
                (Some(Value::Array(_)), Ok(index)) => Segment::Index(index),
                _ => Segment::Key(part),
            };
            value = value.and_then(|v| segment.of(v));
            path.0.push(segment);
        }
        path
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The path of something in it.
    #[must_use]
    pub fn join(&self, segment: Segment) -> Self {
        let mut all = self.0.clone();
        all.push(segment);
        Self(all)
    }

    /// Whether `self` stands at `outer` or inside of it.
    #[must_use]
    pub fn is_within(&self, outer: &Path) -> bool {
        self.0.starts_with(&outer.0)
    }

    /// Whether one of its keys is called like a secret: what stands there is not shown.
    #[must_use]
    pub fn looks_secret(&self) -> bool {
        self.0.iter().any(|segment| matches!(segment, Segment::Key(key) if is_secret_word(key)))
    }

    /// What stands there.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| segment.of(value))
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl Segment {
    pub(crate) fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Segment::Key(key) => value.as_object()?.get(key),
            Segment::Index(index) => value.as_array()?.get(*index),
        }
    }
}

/// Whether a key is called like a secret: `password`, `apiKey`, `client-secret`, `auth`.
pub(super) fn is_secret_word(key: &str) -> bool {
    let flat = key.to_lowercase();
    if ["password", "passwd", "passphrase", "secret", "token", "credential"].iter().any(|word| flat.contains(word)) {
        return true;
    }
    // `keycloak` and `author` are no secrets: these count as whole words, or at the end of one.
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.iter().any(|word| ["key", "keys", "auth", "pass", "pwd"].iter().any(|end| word.ends_with(end)))
}

impl From<&[Segment]> for Path {
    fn from(segments: &[Segment]) -> Self {
        Self(segments.to_vec())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    for c in key.chars() {
                        if matches!(c, '.' | ',' | '[' | ']' | '=' | '\\') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with a path or an assignment, and at which character, counted from 1.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) position: usize,
    pub(super) why: String,
}

impl Fault {
    fn error(self, text: &str) -> Error {
        Error::usage(format!("{text:?} is no path: {} at character {}", self.why, self.position))
            .hint("write it as a.b[0].c; a point inside a key stands after a backslash: labels.example\\.com/role")
    }
}

/// How many levels a path may have, and how long a list it may make: Helm's own bounds.
const DEPTH: usize = 30;
const INDEX: usize = 65_536;

/// Reads the characters of a path or an assignment.
pub(super) struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    taken: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { chars: text.chars().peekable(), taken: 0 }
    }

    /// The position of the next character, counted from 1.
    pub(super) fn position(&self) -> usize {
        self.taken + 1
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.taken += 1;
        Some(c)
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn fault<T>(&self, why: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { position: self.position(), why: why.into() })
    }

    /// The characters up to one that ends the part; a backslash takes the next one as it is.
    pub(super) fn until(&mut self, ends: &[char]) -> String {
        let mut part = String::new();
        while let Some(c) = self.peek() {
            if ends.contains(&c) {
                break;
            }
            self.next();
            match c {
                '\\' => part.extend(self.next()),
                c => part.push(c),
            }
        }
        part
    }

    /// A path, up to `=`, `,` or the end.
    pub(super) fn path(&mut self) -> Result<Path, Fault> {
        let mut path = Path::default();
        loop {
            let key = self.until(&['.', '[', '=', ',']);
            if key.is_empty() {
                return self.fault("a key is missing");
            }
            path.push(Segment::Key(key));
            while self.eat('[') {
                let digits = self.until(&[']', '=', ',', '[', '.']);
                match digits.parse::<usize>() {
                    Ok(index) if index < INDEX => path.push(Segment::Index(index)),
                    Ok(_) => return self.fault(format!("the index {digits} is too large")),
                    Err(_) => return self.fault("an index such as [0] is expected"),
                }
                if !self.eat(']') {
                    return self.fault("`]` is missing");
                }
            }
            if path.segments().len() > DEPTH {
                return self.fault(format!("there are more than {DEPTH} levels"));
            }
            match self.peek() {
                Some('.') => {
                    self.next();
                }
                Some('=' | ',') | None => return Ok(path),
                Some(_) => return self.fault("a point is expected after `]`"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_read_and_show() {
        for text in ["a", "a.b[0].c", "a[0][1]", "labels.example\\.com/role", "a b.é", "x\\[0\\]", "a\\=b\\,c\\\\"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        let value = json!({"a": {"b": [{"c": 1}], "x.y": 2}});
        assert_eq!(Path::parse("a.b[0].c").unwrap().find(&value), Some(&json!(1)));
        assert_eq!(Path::parse("a.x\\.y").unwrap().find(&value), Some(&json!(2)));
        assert_eq!(Path::parse("a.b[1]").unwrap().find(&value), None);
        assert_eq!(Path::parse("a[0]").unwrap().find(&value), None);
        assert_eq!(Path::parse("").unwrap().find(&value), Some(&value));
    }

    #[test]
    fn what_is_no_path_says_where() {
        for (text, why, position) in [
            (".a", "a key is missing", 1),
            ("a.", "a key is missing", 3),
            ("a..b", "a key is missing", 3),
            ("[0]", "a key is missing", 1),
            ("a[x]", "an index", 4),
            ("a[-1]", "an index", 5),
            ("a[0", "`]` is missing", 4),
            ("a[0]b", "a point is expected", 5),
            ("a[65536]", "too large", 8),
            ("a=b", "`=` is not expected", 2),
            ("a,b", "`,` is not expected", 2),
        ] {
            let error = Path::parse(text).unwrap_err();
            let expected = format!("at character {position}");
            assert!(error.message().contains(why) && error.message().ends_with(&expected), "{text}: {error:?}");
        }
        assert!(Path::parse(&"a.".repeat(100_000)).unwrap_err().message().contains("more than 30 levels"));
    }

    #[test]
    fn pointers() {
        let value = json!({"a/b": [{"0": {"~": 1}}]});
        let path = Path::from_pointer("/a~1b/0/0/~0", Some(&value));
        assert_eq!(path.to_string(), "a/b[0].0.~");
        assert_eq!(path.find(&value), Some(&json!(1)));
    }

    proptest! {
        #[test]
        fn every_path_reads_back(keys in prop::collection::vec(("[^\u{0}]{1,8}", prop::option::of(0_usize..100)), 1..5)) {
            let mut path = Path::default();
            for (key, index) in keys {
                path.push(Segment::Key(key));
                path.0.extend(index.map(Segment::Index));
            }
            prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
        }
    }
}

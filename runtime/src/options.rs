//! Arguments and options: from a [`Value`] to what a primitive's Rust function takes, with errors that say what was
//! expected, what was found, and the nearest key.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use crate::closure::Closure;
use crate::secret::Template;
use crate::suggest::did_you_mean;
use crate::value::Value;
use crate::{Error, Kind, Result, duration};

/// Why a value does not fit.
#[derive(Debug)]
pub enum Mismatch {
    /// It is of another sort: what was found.
    Sort(String),
    /// It is refused for what it says.
    Refused(Error),
}

impl Mismatch {
    /// The mismatch of a value of the wrong sort.
    #[must_use]
    pub fn sort(value: &Value) -> Self {
        match value {
            Value::Template(template) => Mismatch::Refused(
                Error::new(Kind::Secret, format!("holds {template}, which may not go there"))
                    .hint("secrets go into a Secret (cluster::secret), Helm values, stdin or a child's environment"),
            ),
            Value::Damaged(_) => Mismatch::Refused(crate::value::damaged("")),
            Value::Int(i) => Mismatch::Sort(format!("the number {i}")),
            Value::Float(x) => Mismatch::Sort(format!("the number {x}")),
            Value::Bool(b) => Mismatch::Sort(b.to_string()),
            Value::Text(text) if text.chars().count() <= 60 => Mismatch::Sort(format!("the text {text:?}")),
            other => Mismatch::Sort(other.sort().to_owned()),
        }
    }

    /// As the error of something that has a name: ``option `timeout` of wait::ready``.
    #[must_use]
    pub fn into_error(self, subject: &str, expects: &str) -> Error {
        match self {
            Mismatch::Sort(found) => Error::usage(format!("{subject} must be {expects}, not {found}")),
            Mismatch::Refused(error) => error.context(subject),
        }
    }
}

/// A type that an argument or an option can have.
pub trait FromValue: Sized {
    /// What it is, in words that follow "must be": `a text`, `a duration such as "90s"`.
    fn expects() -> String;

    /// Reads it.
    ///
    /// # Errors
    /// [`Mismatch`] if the value does not fit.
    fn from_value(value: Value) -> std::result::Result<Self, Mismatch>;
}

macro_rules! from_value {
    ($type:ty, $expects:expr, $($pattern:pat $(if $guard:expr)? => $value:expr),+ $(,)?) => {
        impl FromValue for $type {
            fn expects() -> String {
                $expects.to_string()
            }
            fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
                match value {
                    $($pattern $(if $guard)? => $value,)+
                    #[allow(unreachable_patterns)]
                    other => Err(Mismatch::sort(&other)),
                }
            }
        }
    };
}

from_value!(bool, "true or false", Value::Bool(b) => Ok(b));
from_value!(i64, "a whole number", Value::Int(i) => Ok(i));
from_value!(NonZeroU16, "a port: a number from 1 to 65535", Value::Int(i) => {
    u16::try_from(i).ok().and_then(NonZeroU16::new).ok_or_else(|| Mismatch::Sort(format!("the number {i}")))
});
from_value!(u32, "a whole number from 0 up", Value::Int(i) => u32::try_from(i).map_err(|_| Mismatch::Sort(format!("the number {i}"))));
from_value!(u64, "a whole number from 0 up", Value::Int(i) => u64::try_from(i).map_err(|_| Mismatch::Sort(format!("the number {i}"))));
from_value!(f64, "a number", Value::Float(x) => Ok(x), Value::Int(i) => Ok(i as f64));
from_value!(String, "a text", Value::Text(text) => Ok(text));
from_value!(PathBuf, "a path", Value::Text(text) if !text.is_empty() && !text.contains('\0') => Ok(text.into()));
from_value!(Closure, "a closure such as || …", Value::Closure(closure) => Ok(closure));
from_value!(Value, "a value", value => Ok(value));
from_value!(Duration, "a duration such as \"90s\", \"10m\" or a number of seconds",
    Value::Text(text) => duration::parse(&text).map_err(Mismatch::Refused),
    Value::Int(i) => duration::from_seconds_f64(i as f64).map_err(Mismatch::Refused),
    Value::Float(x) => duration::from_seconds_f64(x).map_err(Mismatch::Refused));

impl FromValue for Json {
    fn expects() -> String {
        "data: a text, number, list or map".to_owned()
    }
    fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
        value.into_json().map_err(Mismatch::Refused)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn expects() -> String {
        T::expects()
    }
    fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn expects() -> String {
        format!("a list, each item {}", T::expects())
    }
    fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
        let Value::List(items) = value else { return Err(Mismatch::sort(&value)) };
        let item = |(index, item)| {
            T::from_value(item).map_err(|m| Mismatch::Refused(m.into_error(&format!("item {index}"), &T::expects())))
        };
        items.into_iter().enumerate().map(item).collect()
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn expects() -> String {
        format!("a map, each value {}", T::expects())
    }
    fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
        let Value::Map(map) = value else { return Err(Mismatch::sort(&value)) };
        let entry = |(key, value)| match T::from_value(value) {
            Ok(value) => Ok((key, value)),
            Err(m) => Err(Mismatch::Refused(m.into_error(&format!("`{key}`"), &T::expects()))),
        };
        map.into_iter().map(entry).collect()
    }
}

/// A text that may hold secrets: the type of an option that is a sink made for them.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretText {
    /// A text without secrets.
    Plain(String),
    /// A text with secrets.
    Template(Template),
}

from_value!(SecretText, "a text or a secret",
    Value::Text(text) => Ok(SecretText::Plain(text)),
    Value::Template(template) => Ok(SecretText::Template(template)));

impl SecretText {
    /// The text with its secrets in clear. For the sink only.
    ///
    /// # Errors
    /// Where a secret is not known to this session.
    pub fn resolve(&self, registry: &crate::secret::Registry) -> Result<zeroize::Zeroizing<String>> {
        match self {
            SecretText::Plain(text) => Ok(zeroize::Zeroizing::new(text.clone())),
            SecretText::Template(template) => template.resolve(registry),
        }
    }
}

/// One option of a primitive, as its struct declares it.
#[derive(Clone)]
pub struct OptionField {
    /// Its key.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// What it must be.
    pub expects: String,
    /// What it is when it is not given, as the script would write it.
    pub default: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether a literal fits, for `windlass check`.
    pub check: fn(Value) -> std::result::Result<(), Mismatch>,
}

/// A struct of options, derived by `#[derive(Options)]`.
pub trait Options: Sized {
    /// The options, in the order of the struct.
    fn fields() -> Vec<OptionField>;

    /// Takes the struct's own keys out of the reader.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a wrong type or a missing option.
    fn take(reader: &mut OptionReader) -> Result<Self>;

    /// Reads the whole map; a key that is none of the struct's is an error.
    ///
    /// # Errors
    /// [`Kind::Usage`], naming the nearest key.
    fn read(primitive: &str, value: Value) -> Result<Self> {
        let mut reader = OptionReader::new(primitive, value)?;
        let options = Self::take(&mut reader)?;
        reader.finish(&Self::fields())?;
        Ok(options)
    }
}

/// The options of a primitive that has none.
#[derive(Debug, Clone, Default)]
pub struct NoOptions {}

impl Options for NoOptions {
    fn fields() -> Vec<OptionField> {
        Vec::new()
    }
    fn take(_: &mut OptionReader) -> Result<Self> {
        Ok(Self {})
    }
}

/// A map of options that is being read.
pub struct OptionReader {
    primitive: String,
    map: BTreeMap<String, Value>,
}

impl OptionReader {
    /// A reader of this value, which must be a map.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not a map.
    pub fn new(primitive: &str, value: Value) -> Result<Self> {
        match value {
            Value::Map(map) => Ok(Self { primitive: primitive.to_owned(), map }),
            Value::Null => Ok(Self { primitive: primitive.to_owned(), map: BTreeMap::new() }),
            other => Err(Mismatch::sort(&other).into_error(
                &format!("the last argument of {primitive}"),
                "a map of options such as #{ namespace: \"x\" }",
            )),
        }
    }

    /// Takes an option, if it is given. `()` counts as not given.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a wrong type.
    pub fn optional<T: FromValue>(&mut self, name: &str) -> Result<Option<T>> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::from_value(value)
                .map(Some)
                .map_err(|m| m.into_error(&format!("option `{name}` of {}", self.primitive), &T::expects())),
        }
    }

    /// Takes an option that must be given.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is missing or of a wrong type.
    pub fn required<T: FromValue>(&mut self, name: &str) -> Result<T> {
        self.optional(name)?.ok_or_else(|| {
            Error::usage(format!("{} needs the option `{name}`", self.primitive))
                .hint(format!("add `{name}: …`, {}", T::expects()))
        })
    }

    /// Ends the reading: what is left over is unknown.
    ///
    /// # Errors
    /// [`Kind::Usage`] for the first unknown key, naming the nearest one.
    pub fn finish(self, fields: &[OptionField]) -> Result<()> {
        match self.map.into_keys().next() {
            None => Ok(()),
            Some(key) => Err(unknown_option(&self.primitive, &key, fields)),
        }
    }
}

/// The error for an option that a primitive does not have.
#[must_use]
pub fn unknown_option(primitive: &str, key: &str, fields: &[OptionField]) -> Error {
    let error = Error::usage(format!("{primitive} has no option `{key}`"));
    let names: Vec<&str> = fields.iter().map(|f| f.name).collect();
    match did_you_mean(key, names.iter().copied()) {
        Some(hint) => error.hint(hint),
        None if names.is_empty() => error.hint("it takes no options"),
        None => error.hint(format!("it has: {}", names.join(", "))),
    }
}

/// Declares an enum whose variants are words in scripts: `conflicts: "take"`.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// The words, in order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word in scripts.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl $crate::options::FromValue for $name {
            fn expects() -> String {
                let quoted: Vec<String> = Self::WORDS.iter().map(|w| format!("{w:?}")).collect();
                format!("one of {}", quoted.join(", "))
            }
            fn from_value(value: $crate::Value) -> ::std::result::Result<Self, $crate::options::Mismatch> {
                match &value {
                    $crate::Value::Text(text) => match text.as_str() {
                        $($word => Ok($name::$variant),)+
                        _ => Err($crate::options::Mismatch::sort(&value)),
                    },
                    _ => Err($crate::options::Mismatch::sort(&value)),
                }
            }
        }
    };
}

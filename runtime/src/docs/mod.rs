//! The reference: what scripts can call and read, from the registrations and from nothing else.
//!
//! [`Reference`] is the data; it is written as Markdown pages, as a page for the terminal, as JSON, and as definitions for
//! editors.

mod definitions;
mod markdown;
mod parts;
mod search;
mod terminal;

use serde::Serialize;
use serde_json::Value as Json;

use crate::engine::{Given, given};
use crate::primitive::Primitive;
use crate::runtime::Runtime;

pub use parts::Parts;
pub use search::Found;
pub use terminal::{Tone, wrapped};

/// The module under which the functions are listed that stand in no module.
pub const GLOBAL: &str = "global";

/// Everything that scripts can call and read.
#[derive(Debug, Serialize)]
pub struct Reference {
    /// The entries, by module and name; those without a module are the first.
    pub entries: Vec<Entry>,
    /// What Rhai knows of itself, as definitions for editors: file name and text.
    #[serde(skip)]
    builtin: Vec<(String, String)>,
}

/// A function, or something that scripts are given.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// How scripts name it: `cluster::scale`.
    pub id: String,
    /// Its module; [`GLOBAL`] where it has none.
    pub module: String,
    /// Its name in the module.
    pub name: String,
    /// `pure`, `read`, `change`, `wait`, `control`; `value` for what is no function.
    pub effect: &'static str,
    /// How it is called.
    pub signature: String,
    /// Whether it can be called as a method of its first argument too.
    pub method: bool,
    /// What its doc comment says.
    #[serde(flatten)]
    pub text: Parts,
    /// Its positional arguments.
    pub parameters: Vec<Argument>,
    /// Its options.
    pub options: Vec<Choice>,
    /// What others call it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub also: &'static [&'static str],
    /// At which position the options stand.
    #[serde(skip)]
    pub(crate) options_at: Option<usize>,
    /// What it returns; nothing is said of what is no function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
}

/// A positional argument.
#[derive(Debug, Clone, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it must be.
    #[serde(rename = "type")]
    pub expects: String,
    /// Whether it can be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// An option.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// Its key.
    pub name: String,
    /// What it must be.
    #[serde(rename = "type")]
    pub expects: String,
    /// What it is when it is not given, as data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Json>,
    /// The same, as the script would write it.
    #[serde(skip)]
    pub written_default: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// What it does.
    pub description: String,
}

impl Runtime {
    /// The reference of everything that scripts can call and read here.
    #[must_use]
    pub fn reference(&self) -> Reference {
        let given = given().into_iter().map(|g| Entry::of_given(&g));
        let mut entries: Vec<Entry> = self.primitives().iter().map(Entry::of).chain(given).collect();
        let place = |e: &Entry| (e.module != GLOBAL, e.module.clone(), e.name.clone());
        entries.sort_by_key(place);
        let files = self.engine().definitions().iter_files().collect::<Vec<_>>();
        let builtin = files.into_iter().filter(|(name, _)| name.starts_with("__builtin")).collect();
        Reference { entries, builtin }
    }
}

impl Reference {
    /// The modules, in order.
    #[must_use]
    pub fn modules(&self) -> Vec<&str> {
        let mut modules: Vec<&str> = self.entries.iter().map(|e| e.module.as_str()).collect();
        modules.dedup();
        modules
    }

    /// The entries of a module.
    pub fn of_module<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |e| e.module == module)
    }
}

impl Entry {
    fn of(primitive: &Primitive) -> Self {
        let module = if primitive.module.is_empty() { GLOBAL } else { primitive.module };
        let argument = |p: &crate::primitive::Parameter| Argument {
            name: p.name.to_owned(),
            expects: p.expects.clone(),
            optional: p.optional,
        };
        let choice = |field: &crate::options::OptionField| Choice {
            name: field.name.to_owned(),
            expects: field.expects.clone(),
            // `#{}` is the one literal of scripts that is not JSON too.
            default: field.default.and_then(|d| serde_json::from_str(&d.replace("#{", "{")).ok()),
            written_default: field.default,
            required: field.required,
            description: parts::one_line(field.doc),
        };
        Self {
            id: primitive.id(),
            module: module.to_owned(),
            name: primitive.name.to_owned(),
            effect: primitive.effect.as_str(),
            signature: primitive.signature(),
            method: primitive.method,
            text: Parts::of(primitive.doc),
            parameters: primitive.parameters.iter().map(argument).collect(),
            options: primitive.options.iter().map(choice).collect(),
            also: primitive.also,
            options_at: primitive.options_at,
            returns: Some(primitive.returns.clone()),
        }
    }

    fn of_given(given: &Given) -> Self {
        Self {
            id: given.name.to_owned(),
            module: GLOBAL.to_owned(),
            name: given.name.to_owned(),
            effect: "value",
            signature: given.name.to_owned(),
            method: false,
            text: Parts::of(given.doc),
            parameters: Vec::new(),
            options: Vec::new(),
            also: &[],
            options_at: None,
            returns: None,
        }
    }

    /// Whether it is a function.
    #[must_use]
    pub fn is_function(&self) -> bool {
        self.returns.is_some()
    }

    /// How it is called as a method of its first argument, where it can be.
    #[must_use]
    pub fn method_call(&self) -> Option<String> {
        let (first, rest) = self.signature.split_once('(')?.1.split_once([',', ')'])?;
        let rest = rest.trim().trim_end_matches(')');
        self.method.then(|| format!("{first}.{}({rest})", self.name))
    }
}

#[cfg(test)]
mod tests;

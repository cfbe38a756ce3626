//! The registration of a primitive: one documented Rust function, from which the engine's function, the reference, the
//! help, the completion and `windlass check` come.

use crate::call::Call;
use crate::options::{FromValue, OptionField, Options};
use crate::value::Value;
use crate::{Error, Result};

/// What a primitive does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it computes. Allowed at the top level of a script.
    Pure,
    /// It reads a cluster, a host, the time, chance.
    Read,
    /// It changes something.
    Change,
    /// It waits for something.
    Wait,
    /// None of its own: it directs the script, by declaring steps or running closures. Allowed at the top level.
    Control,
}

impl Effect {
    /// The word in the reference.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Pure => "pure",
            Effect::Read => "read",
            Effect::Change => "change",
            Effect::Wait => "wait",
            Effect::Control => "control",
        }
    }

    /// Whether it touches the world: not allowed at the top level of a script that declares steps.
    #[must_use]
    pub fn acts(self) -> bool {
        matches!(self, Effect::Read | Effect::Change | Effect::Wait)
    }
}

/// A positional argument.
#[derive(Clone)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub expects: String,
    /// Whether a literal fits, for `windlass check`.
    pub check: fn(Value) -> std::result::Result<(), crate::options::Mismatch>,
    /// Whether it can be left out, as the last one.
    pub optional: bool,
}

/// The function behind a primitive.
pub type Invoke = fn(&Call<'_>, Arguments) -> Result<Value>;

/// A primitive, as `#[primitive]` registers it.
#[derive(Clone)]
pub struct Primitive {
    /// The module in scripts; empty for a function without one, such as `confirm`.
    pub module: &'static str,
    /// The function in scripts.
    pub name: &'static str,
    /// What others call it, in small letters: `rollout undo`. Whoever looks for that, or calls it so, is led here.
    pub also: &'static [&'static str],
    /// What it does to the world.
    pub effect: Effect,
    /// Whether it can be called as a method of its first argument too.
    pub method: bool,
    /// The doc comment.
    pub doc: &'static str,
    /// The positional arguments.
    pub parameters: Vec<Parameter>,
    /// At which position the options stand, where it takes any.
    pub options_at: Option<usize>,
    /// The options.
    pub options: Vec<OptionField>,
    /// What it returns.
    pub returns: String,
    /// The function.
    pub invoke: Invoke,
}

impl Primitive {
    /// `module::verb`.
    #[must_use]
    pub fn id(&self) -> String {
        if self.module.is_empty() { self.name.to_owned() } else { format!("{}::{}", self.module, self.name) }
    }

    /// How it is called: `cluster::scale(target, replicas, #{ … })`.
    #[must_use]
    pub fn signature(&self) -> String {
        let word = |p: &Parameter| if p.optional { format!("[{}]", p.name) } else { p.name.to_owned() };
        let mut words: Vec<String> = self.parameters.iter().map(word).collect();
        if let Some(at) = self.options_at {
            let required = self.options.iter().any(|o| o.required);
            match words.get_mut(at) {
                Some(next) if !required => *next = format!("[#{{ … }},] {next}"),
                _ => words.insert(at.min(words.len()), if required { "#{ … }".into() } else { "[#{ … }]".into() }),
            }
        }
        format!("{}({})", self.id(), words.join(", "))
    }

    /// Whether others call it by this name, written as words or as a function: `rollout undo`, `rollout_undo`.
    #[must_use]
    pub fn is_also(&self, name: &str) -> bool {
        let name = name.to_lowercase().replace(['_', '-'], " ");
        self.also.contains(&name.as_str())
    }

    /// The numbers of arguments with which it can be called.
    #[must_use]
    pub fn arities(&self) -> Vec<usize> {
        let without = self.parameters.len();
        match self.options_at {
            None => (self.required()..=without).collect(),
            Some(_) if self.options.iter().any(|o| o.required) => vec![without + 1],
            Some(_) => vec![without, without + 1],
        }
    }

    /// How many positional arguments cannot be left out.
    fn required(&self) -> usize {
        self.parameters.iter().filter(|parameter| !parameter.optional).count()
    }

    /// The first sentence of the doc comment, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        crate::docs::Parts::of(self.doc).summary
    }
}

/// The arguments of a call, on their way into the function.
pub struct Arguments {
    primitive: String,
    given: std::collections::VecDeque<Value>,
    options: Option<Value>,
}

impl Arguments {
    /// Splits what a script gave into positional arguments and options.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] for a wrong number of arguments.
    pub fn new(primitive: &Primitive, given: Vec<Value>) -> Result<Self> {
        if !primitive.arities().contains(&given.len()) {
            let error = Error::usage(format!("{} takes other arguments than these {}", primitive.id(), given.len()));
            return Err(error.hint(format!("call it as {}", primitive.signature())));
        }
        let mut given: std::collections::VecDeque<Value> = given.into();
        let options = match primitive.options_at {
            Some(at) if given.len() > primitive.parameters.len() => given.remove(at),
            _ => None,
        };
        Ok(Self { primitive: primitive.id(), given, options })
    }

    /// The next positional argument.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] for a wrong type.
    pub fn next<T: FromValue>(&mut self, name: &str) -> Result<T> {
        let value = self.given.pop_front().unwrap_or(Value::Null);
        T::from_value(value)
            .map_err(|m| m.into_error(&format!("argument `{name}` of {}", self.primitive), &T::expects()))
    }

    /// The options.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] for a wrong, missing or unknown option.
    pub fn options<T: Options>(&mut self) -> Result<T> {
        T::read(&self.primitive, self.options.take().unwrap_or(Value::Null))
    }
}

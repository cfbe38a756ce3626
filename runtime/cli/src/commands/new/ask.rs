//! The questions of `windlass new`, drawn from the schema.

use serde_json::{Map, Value as Json};
use windlass_runtime::secret::MIN_MASKED;
use windlass_runtime::values::{Path, Schema, Segment, Values};
use windlass_runtime::{Error, Result};
use zeroize::Zeroizing;

use super::files::{comment, plain};
use super::outline::Part;
use crate::asking::Asking;
use crate::clean::{clean, line};

/// Asks for values, and keeps what is to be encrypted apart.
pub(super) struct Questions<'a> {
    pub(super) person: &'a Asking,
    pub(super) schema: &'a std::sync::Arc<Schema>,
    pub(super) defaults: &'a Json,
    /// Secrets that were typed, by their names.
    pub(super) typed: Vec<(String, Zeroizing<String>)>,
}

impl Questions<'_> {
    /// Asks for what the playbook needs and is not given yet.
    pub(super) fn ask(&mut self, root: &Part<'_>, given: &mut Map<String, Json>) -> Result<()> {
        for (key, part) in root.properties() {
            let required = root.requires(&key);
            if given.contains_key(&key) || !(required || part.is_asked()) {
                continue;
            }
            let path = Path::default().join(Segment::Key(key.clone()));
            if let Some(value) = self.value(&path, &part, required)? {
                given.insert(key, value);
            }
        }
        Ok(())
    }

    fn value(&mut self, path: &Path, part: &Part<'_>, required: bool) -> Result<Option<Json>> {
        let forms = part.secret_forms();
        if !forms.is_empty() {
            self.tell(path, part);
            return self.secret(path, &forms).map(Some);
        }
        if part.is("object") {
            return self.map(path, part, required);
        }
        if part.is("array") || part.get("writeOnly") == Some(&Json::Bool(true)) {
            // Lists are written in an editor; a secret in clear is not written at all.
            return Ok(None);
        }
        self.scalar(path, part, required)
    }

    fn map(&mut self, path: &Path, part: &Part<'_>, required: bool) -> Result<Option<Json>> {
        let inner: Vec<(String, Part<'_>)> =
            part.properties().into_iter().filter(|(key, inner)| part.requires(key) || inner.is_asked()).collect();
        if inner.is_empty() {
            return Ok(None);
        }
        self.tell(path, part);
        if !required
            && self.person.choice(&format!("Give {}? [y/N]", line(&path.to_string())), &['n', 'y'], true)? == 'n'
        {
            return Ok(None);
        }
        let mut map = Map::new();
        for (key, inner) in inner {
            if let Some(value) = self.value(&path.join(Segment::Key(key.clone())), &inner, part.requires(&key))? {
                map.insert(key, value);
            }
        }
        Ok((!map.is_empty()).then_some(Json::Object(map)))
    }

    fn scalar(&mut self, path: &Path, part: &Part<'_>, required: bool) -> Result<Option<Json>> {
        self.tell(path, part);
        let own = path.find(self.defaults).filter(|own| !own.is_object() && !own.is_array());
        let choices: Vec<String> = part.choices().iter().map(plain).collect();
        let example = part.get("examples").and_then(Json::as_array).and_then(|all| all.first());
        let mut aside = Vec::new();
        if !choices.is_empty() {
            aside.push(choices.join(" | "));
        }
        let is_path = part.get("format").and_then(Json::as_str) == Some("path");
        match (own, example) {
            (Some(own), _) => aside.push(format!("without an answer {}", plain(own))),
            (None, _) if is_path => aside.push("a relative path starts where you are now".to_owned()),
            (None, Some(example)) if choices.is_empty() => aside.push(format!("such as {}", plain(example))),
            _ if !required => aside.push("may stay empty".to_owned()),
            _ => {}
        }
        let aside = if aside.is_empty() { String::new() } else { format!(" ({})", line(&aside.join("; "))) };
        let style = self.person.style;
        let question = format!("{}{}: ", style.bold(line(&path.to_string())), style.dim(aside));
        loop {
            let answer = self.person.line(&question)?;
            if answer.is_empty() {
                // What the playbook has already needs no line of its own.
                if own.is_some() || !required {
                    return Ok(None);
                }
                self.person.say("It is needed.\n");
                continue;
            }
            match self.checked(path, typed(part, &answer)) {
                Ok(value) => return Ok(Some(value)),
                Err(error) => {
                    let why = error.message().replace(" (set by the answer)", "");
                    self.person.say(&format!("{} {}\n", style.yellow("not so:"), line(&why)));
                }
            }
        }
    }

    /// The value as it is to be written, if the schema takes it there.
    fn checked(&self, path: &Path, value: Json) -> Result<Json> {
        let nested = path.segments().iter().rev().fold(value, |value, segment| match segment {
            Segment::Key(key) => serde_json::json!({ key.as_str(): value }),
            Segment::Index(_) => value,
        });
        let here = std::env::current_dir().unwrap_or_default();
        let values = Values::builder().schema(self.schema.clone()).layer_in("the answer", nested, &here).build()?;
        let of_it = |error: &Error| {
            let at = error.detail_value().and_then(|details| details.get("path")?.as_str().map(str::to_owned));
            at.and_then(|at| Path::parse(&at).ok()).is_some_and(|at| at.is_within(path))
        };
        match self.schema.validate(&values).err().unwrap_or_default().into_iter().find(of_it) {
            Some(error) => Err(error),
            None => values.at(path).cloned().ok_or_else(|| Error::usage("it is no value")),
        }
    }

    fn secret(&mut self, path: &Path, forms: &[&str]) -> Result<Json> {
        let words = [
            ("age", 't', "[t]ype it now, to be kept in secrets.age"),
            ("generate", 'g', "[g]enerate it once"),
            ("env", 'e', "an [e]nvironment variable"),
            ("file", 'f', "a [f]ile"),
            ("prompt", 'a', "[a]sk in each run"),
        ];
        let offered: Vec<_> = words.iter().filter(|(form, ..)| forms.contains(form)).collect();
        let question = offered.iter().map(|(.., text)| *text).collect::<Vec<_>>().join(", ");
        let letters: Vec<char> = offered.iter().map(|(_, letter, _)| *letter).collect();
        let style = self.person.style;
        let name = path.to_string();
        self.person.say(&format!("{}\n", style.dim("It is a secret: values.yaml only says where it comes from.")));
        let letter = self.person.choice(&format!("{}: {question}?", line(&name)), &letters, false)?;
        let form = words.iter().find(|(_, known, _)| *known == letter).map_or("env", |(form, ..)| *form);
        let asked = |what: &str| loop {
            let answer = self.person.line(&format!("{} ", style.bold(what)))?;
            if !answer.is_empty() {
                return Ok::<String, Error>(answer);
            }
        };
        let plain_name: String =
            name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let value = match form {
            "age" => {
                self.typed_twice(&plain_name)?;
                plain_name
            }
            "generate" => plain_name,
            "file" => asked("Path of the file:")?,
            "prompt" => format!("{name}:"),
            _ => asked("Name of the variable:")?,
        };
        self.checked(path, serde_json::json!({ form: value }))
    }

    fn typed_twice(&mut self, name: &str) -> Result<()> {
        loop {
            let first = self.person.secret(&format!("Value of {name}"))?;
            if first.chars().count() < MIN_MASKED {
                self.person.say(&format!("It has at least {MIN_MASKED} characters.\n"));
            } else if *first == *self.person.secret("Once more")? {
                self.typed.push((name.to_owned(), first));
                return Ok(());
            } else {
                self.person.say("These were not the same. Once again:\n");
            }
        }
    }

    /// What the question is about.
    fn tell(&self, path: &Path, part: &Part<'_>) {
        let text = if part.description().is_empty() { path.to_string() } else { part.description().to_owned() };
        let text = comment(&clean(&text)).replace("# ", "");
        self.person.say(&format!("\n{}", self.person.style.dim(text)));
    }
}

/// The answer as the schema has it: a number, true or false, one of the choices, or a text.
fn typed(part: &Part<'_>, answer: &str) -> Json {
    if let Some(choice) = part.choices().iter().find(|choice| plain(choice) == answer) {
        return choice.clone();
    }
    if part.is("boolean") {
        match answer.to_lowercase().as_str() {
            "y" | "yes" | "true" => return true.into(),
            "n" | "no" | "false" => return false.into(),
            _ => {}
        }
    }
    let number = part.is("integer") || part.is("number");
    match serde_json::from_str(answer) {
        Ok(Json::Number(value)) if number => Json::Number(value),
        _ => answer.into(),
    }
}

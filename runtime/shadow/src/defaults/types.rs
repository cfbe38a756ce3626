//! The Go types of the built-in kinds: which fields there are, in which order, and what becomes of empty ones.
//!
//! The OpenAPI schemas do not tell a field that Go leaves out when it is zero from one that it keeps, and the answers of
//! the API server depend on it. `go_types.txt` has one type a line: its name, then each field's name, its presence
//! (`?` left out when empty, `!` always there, `*` a pointer: there when it was given, `^` a pointer that may be null) and
//! its type. A type is a letter, `[` or `{` and the type of a list's or a map's values, or the name of another line.

use std::collections::HashMap;
use std::sync::OnceLock;

pub(super) const SOURCE: &str = include_str!("go_types.txt");

/// What becomes of a field that is absent, null or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Left out when empty.
    Omitted,
    /// Always there.
    Always,
    /// There when given.
    Pointer,
    /// Null when absent.
    Nullable,
}

/// A Go type, as far as JSON shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    String(&'static str),
    /// The name of the Go type, and its bits.
    Integer(&'static str, u8),
    Unsigned,
    Float,
    Bool(&'static str),
    Bytes,
    Quantity,
    Time,
    MicroTime,
    Duration,
    IntOrString,
    /// Anything, kept as it is.
    Raw,
    /// In a CRD: a schema, a list of schemas, or a truth value.
    SchemaOr,
    List(Box<Type>),
    Map(Box<Type>),
    Struct(usize),
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) presence: Presence,
    pub(super) of: Type,
}

#[derive(Debug)]
pub(super) struct Struct {
    /// `apps/v1.DeploymentSpec`.
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
}

impl Struct {
    /// The name without its package: `DeploymentSpec`.
    pub(super) fn short(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

#[derive(Debug)]
pub(super) struct Types {
    structs: Vec<Struct>,
    by_name: HashMap<&'static str, usize>,
}

impl Types {
    /// All of them, read once.
    pub(super) fn all() -> &'static Types {
        static ALL: OnceLock<Types> = OnceLock::new();
        ALL.get_or_init(|| Types::read(SOURCE))
    }

    fn read(source: &'static str) -> Types {
        let names = source.lines().filter_map(|line| line.split(' ').next());
        let by_name: HashMap<_, _> = names.enumerate().map(|(at, name)| (name, at)).collect();
        let structs = source.lines().map(|line| {
            let (name, fields) = line.split_once(' ').unwrap_or((line, ""));
            Struct { name, fields: fields.split(' ').filter_map(|field| read_field(field, &by_name)).collect() }
        });
        Types { structs: structs.collect(), by_name }
    }

    /// The type of a built-in kind.
    pub(super) fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<Type> {
        let package = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or(group) };
        // Custom groups may begin with the same label.
        let built_in = group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io");
        let name = format!("{package}/{version}.{kind}");
        built_in.then(|| self.by_name.get(name.as_str()).copied().map(Type::Struct)).flatten()
    }

    pub(super) fn named(&self, name: &str) -> Option<Type> {
        self.by_name.get(name).copied().map(Type::Struct)
    }

    pub(super) fn get(&self, at: usize) -> Option<&Struct> {
        self.structs.get(at)
    }
}

fn read_field(text: &'static str, by_name: &HashMap<&'static str, usize>) -> Option<Field> {
    let at = text.find(['?', '!', '*', '^'])?;
    let (name, rest) = text.split_at_checked(at)?;
    let (presence, of) = rest.split_at_checked(1)?;
    let presence = match presence {
        "?" => Presence::Omitted,
        "!" => Presence::Always,
        "*" => Presence::Pointer,
        _ => Presence::Nullable,
    };
    Some(Field { name, presence, of: read_type(of, by_name)? })
}

fn read_type(word: &'static str, by_name: &HashMap<&'static str, usize>) -> Option<Type> {
    if let Some(items) = word.strip_prefix('[') {
        return Some(Type::List(Box::new(read_type(items, by_name)?)));
    }
    if let Some(values) = word.strip_prefix('{') {
        return Some(Type::Map(Box::new(read_type(values, by_name)?)));
    }
    let (letter, name) = match word.split_once('/') {
        Some((letter, name)) if letter.len() == 1 => (letter, Some(name)),
        _ => (word, None),
    };
    Some(match letter {
        "s" => Type::String(name.unwrap_or("string")),
        "i" => Type::Integer(name.unwrap_or("int32"), 32),
        "l" => Type::Integer(name.unwrap_or("int64"), 64),
        "n" => Type::Integer(name.unwrap_or("int"), 64),
        "g" => Type::Unsigned,
        "f" => Type::Float,
        "b" => Type::Bool(name.unwrap_or("bool")),
        "y" => Type::Bytes,
        "q" => Type::Quantity,
        "t" => Type::Time,
        "u" => Type::MicroTime,
        "d" => Type::Duration,
        "x" => Type::IntOrString,
        "j" => Type::Raw,
        "J" => Type::SchemaOr,
        _ => Type::Struct(*by_name.get(word)?),
    })
}

//! The types as Go sees them: what its JSON decoder takes and says, and what its encoder leaves out. The API's schemas
//! tell neither.

use std::collections::HashMap;

use serde::Deserialize;

/// A place in [`GoTypes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GoId(u32);

/// Types that refer to each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GoTypes {
    types: Vec<GoType>,
    by_expression: HashMap<String, GoId>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoType {
    /// As in Go, but with full names: `[]io.k8s.api.core.v1.Container`.
    expression: String,
    pub(crate) shape: GoShape,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GoShape {
    Bool,
    /// With its size in bits.
    Int(u32),
    Float,
    String,
    Bytes,
    Slice(GoId),
    Map(GoId),
    Pointer(GoId),
    Struct(GoStruct),
    /// Decoded by code of its own.
    Special(Special),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    /// Any JSON, kept as it is: `RawExtension`, `FieldsV1`, `JSON`.
    Raw,
    /// A JSONSchemaProps, or a boolean.
    SchemaOrBool,
    /// A JSONSchemaProps, or several.
    SchemaOrArray,
    /// A JSONSchemaProps, or names.
    SchemaOrNames,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GoStruct {
    /// In the order in which JSON shows them.
    pub(crate) fields: Vec<GoField>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GoField {
    pub(crate) name: String,
    pub(crate) id: GoId,
    /// `omitempty` or `omitzero`.
    pub(crate) omit: Omit,
    /// The names of the embedded structs that it is reached through, with dots.
    pub(crate) through: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Omit {
    pub(crate) empty: bool,
    pub(crate) zero: bool,
}

/// A type as the asset has it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Written<'a> {
    Is(&'a str),
    #[serde(borrow)]
    Fields(Vec<Vec<&'a str>>),
    /// `true`.
    Special(serde::de::IgnoredAny),
}

impl GoType {
    /// Whether it has a name of its own, rather than being written as what it is.
    pub(crate) fn is_named(&self) -> bool {
        self.expression.contains('.')
            && !self.expression.starts_with(['[', '*'])
            && !self.expression.starts_with("map[")
    }
}

impl GoStruct {
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl GoTypes {
    pub(crate) fn get(&self, id: GoId) -> &GoType {
        &self.types[id.0 as usize]
    }

    pub(crate) fn named(&self, name: &str) -> Option<GoId> {
        self.by_expression.get(name).copied()
    }

    /// The name of a type without its package: `DeploymentSpec`.
    pub(crate) fn short_name(&self, id: GoId) -> &str {
        let expression = &self.get(id).expression;
        expression.rsplit_once('.').map_or(expression, |(_, name)| name)
    }

    /// A type as Go's errors name it: `[]v1.Container`.
    pub(crate) fn words(&self, id: GoId) -> String {
        words(&self.get(id).expression)
    }

    pub(super) fn read(written: Vec<(&str, Written<'_>)>) -> Self {
        let mut types = Self::default();
        // Names first: types refer to each other.
        for (name, _) in &written {
            types.add((*name).to_owned(), GoShape::Bool);
        }
        for (name, written) in written {
            let shape = match written {
                Written::Special(_) => GoShape::Special(special(name)),
                Written::Is(expression) => types.shape(expression),
                Written::Fields(fields) => GoShape::Struct(types.structure(&fields)),
            };
            if let Some(id) = types.named(name) {
                types.types[id.0 as usize].shape = shape;
            }
        }
        types
    }

    fn structure(&mut self, fields: &[Vec<&str>]) -> GoStruct {
        let mut structure = GoStruct::default();
        for field in fields {
            let part = |place: usize| field.get(place).copied().unwrap_or_default();
            let omit = Omit { empty: part(2).contains('o'), zero: part(2).contains('z') };
            let id = self.expression(part(1));
            structure.by_name.insert(part(0).to_owned(), structure.fields.len());
            structure.fields.push(GoField { name: part(0).to_owned(), id, omit, through: part(3).to_owned() });
        }
        structure
    }

    fn expression(&mut self, expression: &str) -> GoId {
        if let Some(id) = self.named(expression) {
            return id;
        }
        let shape = self.shape(expression);
        self.add(expression.to_owned(), shape)
    }

    fn shape(&mut self, expression: &str) -> GoShape {
        if let Some(inner) = expression.strip_prefix('*') {
            return GoShape::Pointer(self.expression(inner));
        }
        if let Some(inner) = expression.strip_prefix("[]") {
            return if inner == "uint8" { GoShape::Bytes } else { GoShape::Slice(self.expression(inner)) };
        }
        if let Some((_, value)) = expression.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
            return GoShape::Map(self.expression(value));
        }
        match expression {
            "bool" => GoShape::Bool,
            "int32" => GoShape::Int(32),
            "int64" => GoShape::Int(64),
            "float64" => GoShape::Float,
            _ => GoShape::String,
        }
    }

    fn add(&mut self, expression: String, shape: GoShape) -> GoId {
        let id = GoId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.by_expression.insert(expression.clone(), id);
        self.types.push(GoType { expression, shape });
        id
    }
}

fn special(name: &str) -> Special {
    match name.rsplit('.').next().unwrap_or_default() {
        "Quantity" => Special::Quantity,
        "IntOrString" => Special::IntOrString,
        "Time" => Special::Time,
        "MicroTime" => Special::MicroTime,
        "JSONSchemaPropsOrBool" => Special::SchemaOrBool,
        "JSONSchemaPropsOrArray" => Special::SchemaOrArray,
        "JSONSchemaPropsOrStringArray" => Special::SchemaOrNames,
        _ => Special::Raw,
    }
}

/// Go shows the last part of a package's name only.
fn words(expression: &str) -> String {
    let mut words = String::new();
    for piece in expression.split_inclusive(['*', '[', ']']) {
        match piece.rmatch_indices('.').nth(1) {
            Some((dot, _)) => words.push_str(&piece[dot + 1..]),
            None => words.push_str(piece),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_go_names_them() {
        assert_eq!(words("[]io.k8s.api.core.v1.Container"), "[]v1.Container");
        assert_eq!(
            words("map[io.k8s.api.core.v1.ResourceName]io.k8s.apimachinery.pkg.api.resource.Quantity"),
            "map[v1.ResourceName]resource.Quantity"
        );
        assert_eq!(words("map[string]string"), "map[string]string");
    }
}

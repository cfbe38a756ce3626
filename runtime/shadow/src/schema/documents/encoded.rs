//! The document of OpenAPI 2 as protobuf, by the numbers of `openapi.v2.Document`: all that Go's clients read.

use crate::Json;

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.extend((number & 0x7f | 0x80).to_le_bytes().first());
            number >>= 7;
        }
        self.0.extend(number.to_le_bytes().first());
    }

    fn bytes(&mut self, number: u64, bytes: &[u8]) {
        self.varint(number << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, number: u64, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(number, &inner.0);
    }

    fn text(&mut self, number: u64, value: &Json) {
        self.bytes(number, value.as_str().unwrap_or_default().as_bytes());
    }

    fn texts(&mut self, number: u64, value: &Json) {
        items(value).for_each(|text| self.text(number, text));
    }

    /// A flag or a whole number.
    fn number(&mut self, number: u64, value: &Json) {
        self.varint(number << 3);
        self.varint(value.as_u64().unwrap_or_else(|| value.as_bool().unwrap_or_default().into()));
    }

    fn float(&mut self, number: u64, value: &Json) {
        self.varint(number << 3 | 1);
        self.0.extend_from_slice(&value.as_f64().unwrap_or_default().to_le_bytes());
    }

    /// A value of any type, as YAML; JSON is YAML.
    fn any(&mut self, number: u64, value: &Json) {
        self.message(number, |any| any.bytes(2, value.to_string().as_bytes()));
    }

    /// A map: messages of a name and a value.
    fn named(&mut self, number: u64, map: &Json, write: impl Fn(&mut Message, &Json)) {
        for (name, value) in map.as_object().into_iter().flatten() {
            self.message(number, |entry| {
                entry.bytes(1, name.as_bytes());
                entry.message(2, |inner| write(inner, value));
            });
        }
    }

    /// A field `x-…`.
    fn extension(&mut self, number: u64, name: &str, value: &Json) {
        if name.starts_with("x-") {
            self.message(number, |entry| {
                entry.bytes(1, name.as_bytes());
                entry.any(2, value);
            });
        }
    }
}

fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}

fn fields(object: &Json) -> impl Iterator<Item = (&str, &Json)> {
    object.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

/// A document as `document` of the second version makes it.
pub(super) fn encode(document: &Json) -> Vec<u8> {
    let mut message = Message::default();
    message.text(1, &document["swagger"]);
    message.message(2, |info| {
        info.text(1, &document["info"]["title"]);
        info.text(2, &document["info"]["version"]);
    });
    message.message(8, |paths| paths.named(2, &document["paths"], path));
    message.message(9, |definitions| definitions.named(1, &document["definitions"], schema));
    message.0
}

fn path(out: &mut Message, path: &Json) {
    for (key, value) in fields(path) {
        let number = match key {
            "get" => 2,
            "put" => 3,
            "post" => 4,
            "delete" => 5,
            "options" => 6,
            "head" => 7,
            "patch" => 8,
            "parameters" => {
                items(value).for_each(|value| parameter(out, 9, value));
                continue;
            }
            _ => continue,
        };
        out.message(number, |out| operation(out, value));
    }
}

fn operation(out: &mut Message, operation: &Json) {
    for (key, value) in fields(operation) {
        match key {
            "tags" => out.texts(1, value),
            "description" => out.text(3, value),
            "operationId" => out.text(5, value),
            "produces" => out.texts(6, value),
            "consumes" => out.texts(7, value),
            "parameters" => items(value).for_each(|value| parameter(out, 8, value)),
            "responses" => {
                out.message(9, |out| out.named(1, value, |out, value| out.message(1, |out| response(out, value))));
            }
            "deprecated" => out.number(11, value),
            _ => out.extension(13, key, value),
        }
    }
}

fn response(out: &mut Message, response: &Json) {
    out.text(1, &response["description"]);
    if let Some(of) = response.get("schema") {
        out.message(2, |out| out.message(1, |out| schema(out, of)));
    }
}

fn parameter(out: &mut Message, number: u64, parameter: &Json) {
    let place = parameter["in"].as_str().unwrap_or_default();
    out.message(number, |out| {
        out.message(1, |out| match place {
            "body" => out.message(1, |out| {
                out.text(2, &parameter["name"]);
                out.text(3, &parameter["in"]);
                out.number(4, &parameter["required"]);
                out.message(5, |out| schema(out, &parameter["schema"]));
            }),
            // Of a path, there is one number less, and one parameter of the four kinds more.
            _ => out.message(2, |out| {
                let (kind, kind_number, unique) = if place == "path" { (4, 5, 18) } else { (3, 6, 20) };
                out.message(kind, |out| {
                    out.number(1, &parameter["required"]);
                    out.text(2, &parameter["in"]);
                    out.text(3, &parameter["description"]);
                    out.text(4, &parameter["name"]);
                    out.text(kind_number, &parameter["type"]);
                    out.number(unique, &parameter["uniqueItems"]);
                });
            }),
        });
    });
}

fn schema(out: &mut Message, of: &Json) {
    for (key, value) in fields(of) {
        match key {
            "$ref" => out.text(1, value),
            "format" => out.text(2, value),
            "title" => out.text(3, value),
            "description" => out.text(4, value),
            "maximum" => out.float(7, value),
            "exclusiveMaximum" => out.number(8, value),
            "minimum" => out.float(9, value),
            "exclusiveMinimum" => out.number(10, value),
            "maxLength" => out.number(11, value),
            "minLength" => out.number(12, value),
            "pattern" => out.text(13, value),
            "maxItems" => out.number(14, value),
            "minItems" => out.number(15, value),
            "uniqueItems" => out.number(16, value),
            "maxProperties" => out.number(17, value),
            "minProperties" => out.number(18, value),
            "required" => out.texts(19, value),
            "enum" => items(value).for_each(|value| out.any(20, value)),
            "additionalProperties" if value.is_boolean() => out.message(21, |out| out.number(2, value)),
            "additionalProperties" => out.message(21, |out| out.message(1, |out| schema(out, value))),
            "type" => out.message(22, |out| out.text(1, value)),
            "items" => out.message(23, |out| out.message(1, |out| schema(out, value))),
            "properties" => out.message(25, |out| out.named(1, value, schema)),
            _ => out.extension(31, key, value),
        }
    }
}

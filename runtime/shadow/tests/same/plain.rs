//! Answers without what is never the same.

use regex::Regex;
use serde_json::Value;

/// Makes answers comparable: uids by the order of their appearance, no times, no versions, fields in order.
#[derive(Default)]
pub struct Plain {
    uids: Vec<String>,
}

impl Plain {
    pub fn plain(&mut self, code: u16, body: &str) -> String {
        let text = match serde_json::from_str::<Value>(body) {
            Ok(mut value) => {
                self.visit(&mut value);
                value.sort_all_objects();
                value.to_string()
            }
            Err(_) => body.to_owned(),
        };
        let mut text = format!("{code} {text}");
        for (number, uid) in self.uids.iter().enumerate() {
            text = text.replace(uid.as_str(), &format!("UID{number}"));
        }
        for (pattern, plain) in
            [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"), (r"ResourceVersion in record \(\d+\)", "VERSION")]
        {
            text = Regex::new(pattern).unwrap().replace_all(&text, plain).into_owned();
        }
        text
    }

    fn visit(&mut self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                if let Some(uid) = map.get("uid").and_then(Value::as_str).filter(|uid| uid.len() == 36) {
                    let uid = uid.to_owned();
                    if !self.uids.contains(&uid) {
                        self.uids.push(uid);
                    }
                }
                for (key, value) in map.iter_mut() {
                    if matches!(key.as_str(), "resourceVersion" | "serverAddress") && value.is_string() {
                        *value = "SOME".into();
                    }
                    self.visit(value);
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.visit(value)),
            _ => {}
        }
    }
}

//! What partial changes leave behind for the next apply.

use super::{APPLY_MANAGER, EDITED_ANNOTATION, FieldPath, Json, Operation, Owner, is_secret, owners_of, value_hash};

/// The paths that partial changes replaced in an object, and the hashes of what they replaced: the content of
/// [`EDITED_ANNOTATION`].
///
/// A playbook that applies `replicas: 1` and then scales to 3 does so each time it runs. So `apply` leaves such a path out
/// while the manifest still says the value that was replaced; once the manifest says something else, it is a conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(serde_json::Map<String, Json>);

impl Edits {
    /// Those of a live object. What cannot be read counts as none, and so does what apply has taken over again since: to
    /// leave that out would give it up.
    #[must_use]
    pub fn of(live: &Json) -> Self {
        let text = live.pointer("/metadata/annotations").and_then(|a| a.get(EDITED_ANNOTATION)).and_then(Json::as_str);
        let mut noted: serde_json::Map<String, Json> =
            text.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let ours = |owner: &Owner| owner.manager == APPLY_MANAGER && owner.operation == Operation::Apply;
        noted.retain(|text, _| FieldPath::parse(text).is_ok_and(|path| !owners_of(&path, live).iter().any(ours)));
        Self(noted)
    }

    /// Notes that `path` of `before` is being replaced. The first value counts: that is the one that was applied.
    ///
    /// The values of a Secret leave no trace here, not even a hash: an `apply` afterwards meets a conflict.
    pub fn note(&mut self, path: &FieldPath, before: &Json, salt: &str) {
        let secret =
            is_secret(before) && ["data", "stringData"].iter().any(|part| path.starts_with(&FieldPath::of([*part])));
        if !secret {
            let replaced = path.get(before).unwrap_or(&Json::Null);
            self.0.entry(path.to_string()).or_insert_with(|| value_hash(replaced, salt).into());
        }
    }

    /// Forgets a path: apply has taken it over again.
    pub fn forget(&mut self, path: &FieldPath) {
        self.0.shift_remove(&path.to_string());
    }

    /// The paths that are noted.
    #[must_use]
    pub fn paths(&self) -> Vec<FieldPath> {
        self.0.keys().filter_map(|text| FieldPath::parse(text).ok()).collect()
    }

    /// Those of which the intent still says the value that was replaced: what apply leaves out.
    #[must_use]
    pub fn left_out(&self, intent: &Json, salt: &str) -> Vec<FieldPath> {
        let same = |path: &FieldPath| {
            let wanted = path.get(intent).map(|value| value_hash(value, salt));
            wanted.is_some() && wanted.as_deref() == self.0.get(&path.to_string()).and_then(Json::as_str)
        };
        self.paths().into_iter().filter(same).collect()
    }

    /// Whether nothing is noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The annotation's text; none if there is nothing to note.
    #[must_use]
    pub fn to_annotation(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| Json::Object(self.0.clone()).to_string())
    }
}

//! Who owns what after a sequence of writes: the table is `cases.txt`.

use serde_json::json;

use super::openapi;
use crate::Json;
use crate::apply::conflict::Refusal;
use crate::apply::element::{display, same};
use crate::apply::managed::Managed;
use crate::apply::*;
use crate::schema::Schemas;

/// A kind with a field of each sort.
pub(crate) fn thing() -> Schemas {
    let meta = json!({"type": "object", "properties": {
        "name": {"type": "string"}, "namespace": {"type": "string"}, "uid": {"type": "string"},
        "resourceVersion": {"type": "string"}, "generation": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "managedFields": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "atomic"},
    }});
    let port = json!({"type": "object", "properties": {
        "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "note": {"type": "string"},
    }});
    let item = json!({"type": "object", "properties": {
        "name": {"type": "string"}, "value": {"type": "integer"},
        "args": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
        "ports": {"type": "array", "items": port, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"]},
    }});
    let items = json!({"type": "array", "items": item, "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"]});
    let root = json!({"type": "object", "properties": {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": meta,
        "number": {"type": "integer"}, "text": {"type": "string"}, "flag": {"type": "boolean"},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "numbers": {"type": "array", "items": {"type": "integer"}, "x-kubernetes-list-type": "set"},
        "list": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
        "items": items,
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "struct": {"type": "object", "properties": {
            "number": {"type": "integer"}, "text": {"type": "string"}, "items": items,
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }},
        "structs": {"type": "object", "additionalProperties": {"type": "object",
            "properties": {"number": {"type": "integer"}}}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "any": {"format": "int-or-string"},
        "status": {"type": "object", "properties": {"number": {"type": "integer"}, "text": {"type": "string"}}},
    }});
    openapi::schemas(&[json!({"components": {"schemas": {"Thing": root}}})])
}

/// Two versions that differ in nothing but their names; `old` is served no more.
pub(crate) struct Versioned<'a>(pub(crate) Types<'a>);

impl Versions for Versioned<'_> {
    fn types(&self, api_version: &str) -> Option<Types<'_>> {
        ["v1", "v2"].contains(&api_version).then_some(self.0)
    }

    fn convert(&self, object: &Json, api_version: &str) -> Option<Json> {
        self.types(api_version)?;
        let mut object = object.clone();
        object["apiVersion"] = api_version.into();
        Some(object)
    }
}

/// The state of one case.
struct Run<'a> {
    versions: Versioned<'a>,
    live: Option<Json>,
    clock: i64,
    outcome: String,
}

impl Run<'_> {
    /// `apply MANAGER: {…}`, `force MANAGER: {…}`, `update MANAGER: {…}`, `patch MANAGER: {…}` (a merge patch); a manager
    /// may be followed by `/SUBRESOURCE` and `@VERSION`.
    fn step(&mut self, verb: &str, who: &str, given: &str) {
        let (who, api_version) = who.split_once('@').unwrap_or((who, "v1"));
        let (name, subresource) = who.split_once('/').unwrap_or((who, ""));
        let reset = Reset::custom(subresource, true);
        let who = Manager { name, api_version, kind: "Thing", subresource, reset: &reset };
        let mut given: Json = serde_json::from_str(given).unwrap_or_else(|e| panic!("{e}: {given}"));
        let live = self.live.as_ref().map(|live| self.versions.convert(live, api_version).unwrap());
        self.clock += 1;
        let now = jiff::Timestamp::from_second(self.clock).unwrap();
        if verb == "patch" {
            given = crate::patch::merge(live.as_ref().unwrap(), &given).unwrap();
        } else if let (Some(live), "update") = (&live, verb) {
            let mut whole = live.clone();
            whole
                .as_object_mut()
                .unwrap()
                .retain(|name, _| ["apiVersion", "kind", "metadata"].contains(&name.as_str()));
            for (name, value) in given.as_object().unwrap() {
                whole[name] = value.clone();
            }
            given = whole;
        }
        given["apiVersion"] = api_version.into();
        given["kind"] = "Thing".into();
        let written = match verb {
            "apply" => apply(&self.versions, live.as_ref(), &given, &who, false, now),
            "force" => apply(&self.versions, live.as_ref(), &given, &who, true, now),
            _ => Ok(track(&self.versions, live.as_ref(), given, &who, now)),
        };
        self.outcome = match written {
            Ok(mut object) => {
                object["metadata"]["uid"] = "u".into();
                self.live = Some(object);
                "ok".into()
            }
            Err(error) => format!("{}: {}", error.code, error.message).replace('\n', " | "),
        };
    }

    fn object(&self) -> Json {
        let mut object = self.live.clone().unwrap();
        let fields = object.as_object_mut().unwrap();
        fields.remove("apiVersion");
        fields.remove("kind");
        let metadata = fields["metadata"].as_object_mut().unwrap();
        metadata.remove("managedFields");
        metadata.remove("uid");
        if metadata.is_empty() {
            fields.remove("metadata");
        }
        object
    }

    fn owners(&self) -> Vec<String> {
        let managed = Managed::of(self.live.as_ref().unwrap()).unwrap();
        let owners = managed.sorted().into_iter().map(|(owner, owned)| {
            let verb = if owner.applies { "applies" } else { "updates" };
            let sub = if owner.subresource.is_empty() { String::new() } else { format!("/{}", owner.subresource) };
            let time = managed.time(owner).map_or_else(|| "-".into(), |time| time.as_second().to_string());
            let paths: Vec<String> = owned.fields.paths().iter().map(|path| display(path)).collect();
            format!("{}{sub}@{} {verb} {time}: {}", owner.manager, owned.api_version, paths.join(" "))
        });
        owners.collect()
    }
}

fn run(text: &str, types: Types<'_>) {
    let mut run = Run { versions: Versioned(types), live: None, clock: 0, outcome: String::new() };
    let mut owners: Option<Vec<String>> = None;
    let mut name = "";
    let mut cases = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()).chain(["# end"]) {
        if let Some(next) = line.strip_prefix("# ") {
            assert_eq!(owners.take().unwrap_or_default(), Vec::<String>::new(), "{name}: more owners than said");
            run = Run { versions: Versioned(types), live: None, clock: 0, outcome: String::new() };
            (name, cases) = (next, cases + 1);
        } else if let Some(object) = line.strip_prefix("= ") {
            let wanted: Json = serde_json::from_str(object).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(same(&run.object(), &wanted), "{name}: the object is {}", run.object());
            owners = Some(run.owners());
        } else if let Some(words) = line.strip_prefix("! ") {
            assert_eq!(run.outcome, words, "{name}");
            run.outcome = "ok".into();
        } else if let Some(owners) = &mut owners
            && !["apply ", "force ", "update ", "patch "].iter().any(|verb| line.starts_with(verb))
        {
            assert!(!owners.is_empty(), "{name}: nobody else, but {line}");
            assert_eq!(owners.remove(0), line, "{name}");
        } else {
            assert_eq!(owners.take().unwrap_or_default(), Vec::<String>::new(), "{name}: more owners than said");
            assert!(["", "ok"].contains(&run.outcome.as_str()), "{name}: before {line}: {}", run.outcome);
            let (who, given) = line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line}"));
            let (verb, who) = who.split_once(' ').unwrap();
            run.step(verb, who, given);
        }
    }
    assert!(cases > 3);
}

#[test]
fn typed_cases() {
    let schemas = thing();
    run(include_str!("cases.txt"), Types::custom(Some((&schemas, schemas.named("Thing").unwrap()))));
}

/// Without a schema: maps are merged key by key, lists are one value.
#[test]
fn deduced_cases() {
    run(include_str!("deduced.txt"), Types::custom(None));
}

/// A version that is not served any more: its owners are forgotten at the next write.
#[test]
fn owners_of_a_version_that_is_gone_are_forgotten() {
    let schemas = thing();
    let types = Types::custom(Some((&schemas, schemas.named("Thing").unwrap())));
    let live = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"uid": "u", "managedFields": [
        {"manager": "a", "operation": "Apply", "apiVersion": "old", "fieldsType": "FieldsV1", "fieldsV1": {"f:text": {}}},
    ]}, "text": "1"});
    let who = Manager { name: "b", api_version: "v1", kind: "Thing", subresource: "", reset: &Reset::Nothing };
    let intent = json!({"apiVersion": "v1", "kind": "Thing", "text": "2"});
    let now = jiff::Timestamp::UNIX_EPOCH;
    let object = apply(&Versioned(types), Some(&live), &intent, &who, false, now).unwrap();
    let managers: Vec<&Json> = object["metadata"]["managedFields"].as_array().unwrap().iter().collect();
    assert_eq!(managers.len(), 1);
    assert_eq!(managers[0]["manager"], "b");
}

/// A list that the schema has made atomic since: who owned a part of it owns the whole.
#[test]
fn a_list_that_became_atomic_is_owned_as_one() {
    let schemas = thing();
    let types = Types::custom(Some((&schemas, schemas.named("Thing").unwrap())));
    let live = json!({"apiVersion": "v1", "kind": "Thing", "list": ["x"], "metadata": {"uid": "u", "managedFields": [
        {"manager": "a", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:list": {"v:\"x\"": {}}}},
    ]}});
    let who = Manager { name: "b", api_version: "v1", kind: "Thing", subresource: "", reset: &Reset::Nothing };
    let intent = json!({"apiVersion": "v1", "kind": "Thing", "list": ["y"]});
    let refused = apply(&Versioned(types), Some(&live), &intent, &who, false, jiff::Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(refused.message, "Apply failed with 1 conflict: conflict with \"a\": .list");
}

#[test]
fn a_conflict_has_its_causes() {
    let owner = managed::Owner::new("kubectl-patch", false, "apps/v1", "scale");
    let path = vec![element::Element::field("spec"), element::Element::field("replicas")];
    let error = Refusal::Conflicts(vec![conflict::Conflict { owner, path }]).into_error();
    let words = "conflict with \"kubectl-patch\" with subresource \"scale\" using apps/v1";
    assert_eq!(error.message, format!("Apply failed with 1 conflict: {words}: .spec.replicas"));
    let causes = json!([{"reason": "FieldManagerConflict", "message": words, "field": ".spec.replicas"}]);
    assert_eq!(error.to_status()["details"], json!({"causes": causes}));
    assert_eq!((error.code, error.reason), (409, "Conflict"));
}

/// A later write that changes nothing but times is none.
#[test]
fn times_are_kept_where_nothing_else_changes() {
    let entry = |time: &str| {
        json!({"manager": "a", "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:text": {}}})
    };
    let object = |time: &str, text: &str, version: &str| json!({"metadata": {"resourceVersion": version, "managedFields": [entry(time)]}, "text": text});
    let before = object("2026-01-01T00:00:00Z", "1", "7");
    let mut after = object("2026-01-01T00:00:09Z", "1", "");
    keep_times(&before, &mut after);
    assert_eq!(after["metadata"]["managedFields"], before["metadata"]["managedFields"]);
    let mut after = object("2026-01-01T00:00:09Z", "2", "7");
    keep_times(&before, &mut after);
    assert_eq!(after["metadata"]["managedFields"][0]["time"], "2026-01-01T00:00:09Z");
}

#[test]
fn an_intent_of_another_kind_is_refused() {
    let types = Types::custom(None);
    let who = Manager { name: "a", api_version: "v1", kind: "Thing", subresource: "", reset: &Reset::Nothing };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let refused = |intent: Json| apply(&Versioned(types), None, &intent, &who, false, now).unwrap_err();
    let error = refused(json!({"apiVersion": "apps/v1", "kind": "Other"}));
    assert_eq!((error.code, error.message.as_str()), (400, "invalid object type: apps/v1, Kind=Other"));
    let owned = json!({"apiVersion": "v1", "kind": "Thing", "metadata": {"managedFields": []}});
    assert_eq!(refused(owned).message, "metadata.managedFields must be nil");
}

/// The structures that a new object of a built-in kind has from the start are nobody's; those that come with a pointer or
/// a map are of whoever brings them.
#[test]
fn a_created_object_belongs_to_its_creator() {
    let deployments = crate::schema::builtin().catalog.get("apps", "v1", "deployments").unwrap().clone();
    let (schemas, id) = deployments.schema.clone().unwrap();
    let labels = json!({"a": "b"});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "p", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels}, "strategy": {"rollingUpdate": {"maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c"}]}}},
    });
    let versions = OneVersion { api_version: "apps/v1", types: Types::built_in(&schemas, id) };
    let who = Manager { name: "", api_version: "apps/v1", kind: "Deployment", subresource: "", reset: &Reset::Nothing };
    let tracked = track(&versions, None, object, &who, jiff::Timestamp::UNIX_EPOCH);
    let entry = &tracked["metadata"]["managedFields"][0];
    assert_eq!(entry["manager"], "unknown");
    assert_eq!(entry["time"], "1970-01-01T00:00:00Z");
    let labels = json!({".": {}, "f:a": {}});
    let wanted = json!({
        "f:metadata": {"f:labels": labels},
        "f:spec": {
            "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}},
            "f:template": {
                "f:metadata": {"f:labels": labels},
                "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}}}}}},
    });
    assert_eq!(entry["fieldsV1"], wanted);
}

/// The replicas belong to whoever scales, in the parent too.
#[test]
fn scaling_takes_the_replicas() {
    let paths: ReplicaPaths =
        [("apps/v1".into(), Some(vec![element::Element::field("spec"), element::Element::field("replicas")]))].into();
    let entry = |manager: &str, operation: &str, version: &str, sub: Option<&str>, fields: Json| {
        let mut entry = json!({"manager": manager, "operation": operation, "apiVersion": version,
            "fieldsType": "FieldsV1", "fieldsV1": fields});
        if let Some(sub) = sub {
            entry["subresource"] = sub.into();
        }
        entry
    };
    let whole = json!({"f:spec": {"f:paused": {}, "f:replicas": {}}});
    let replicas = json!({"f:spec": {"f:replicas": {}}});
    let parent = json!({"metadata": {"managedFields": [entry("a", "Apply", "apps/v1", None, whole)]}});
    let scale = to_scale(&parent, &paths).unwrap().unwrap();
    assert_eq!(scale, json!([entry("a", "Apply", "autoscaling/v1", None, replicas.clone())]));

    let taken = json!([entry("b", "Update", "autoscaling/v1", Some("scale"), replicas.clone())]);
    let taken = json!({"metadata": {"managedFields": taken}});
    let parent = scale_to_parent(&parent, &taken, "apps/v1", &paths).unwrap().unwrap();
    let rest = json!({"f:spec": {"f:paused": {}}});
    let wanted = [entry("a", "Apply", "apps/v1", None, rest), entry("b", "Update", "apps/v1", Some("scale"), replicas)];
    assert_eq!(parent, json!(wanted));
}

use serde_json::json;

use super::*;

#[test]
fn a_custom_schema_is_read_with_its_extensions() {
    let mut schemas = Schemas::default();
    let id = schemas.add_openapi(&json!({
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "format": "int32", "nullable": true, "default": 0},
            "port": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true},
            "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "empty": {"type": "object"},
        },
    }));
    let Shape::Object(object) = &schemas.node(id).shape else { panic!() };
    assert_eq!(object.required, ["size"]);
    let size = &object.fields["size"];
    assert_eq!(schemas.node(size.id), &Node { shape: Shape::Integer { bits: 32 }, nullable: true });
    assert_eq!(size.default, Some(json!(0)));
    assert_eq!(schemas.node(object.fields["port"].id).shape, Shape::IntOrString);
    assert!(matches!(schemas.node(object.fields["names"].id).shape, Shape::List { merge: ListMerge::Set, .. }));
    let Shape::Object(empty) = &schemas.node(object.fields["empty"].id).shape else { panic!() };
    assert!(!empty.open);
}

#[test]
fn endless_schemas_end() {
    let mut schema = json!({"type": "string"});
    for _ in 0..120 {
        schema = json!({"type": "array", "items": schema});
    }
    Schemas::default().add_openapi(&schema);
}

use serde_json::json;

use super::*;

#[test]
fn types_that_refer_to_each_other_are_read() {
    let documents = json!({
        "Tree": {"type": "object", "required": ["left"], "properties": {
            "left": {"allOf": [{"$ref": "#/components/schemas/Tree"}], "default": {}},
            "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set",
                "x-kubernetes-patch-strategy": "merge,retainKeys", "x-kubernetes-patch-merge-key": "name"},
            "size": {"type": "integer", "format": "int32", "default": 0},
            "kind": {"type": "string", "default": "x"},
            "raw": {"$ref": "#/components/schemas/Raw"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
        }},
        "Raw": {"type": "object"},
    });
    let mut schemas = Schemas::default();
    schemas.add_builtin(documents.as_object().unwrap().iter().map(|(name, schema)| (name.as_str(), schema)));
    let tree = schemas.named("Tree").unwrap();
    let object = |id| match &schemas.node(id).shape {
        Shape::Object(object) => object.clone(),
        other => panic!("{other:?}"),
    };
    let fields = object(tree).fields;
    assert_eq!(object(tree).required, ["left"]);
    assert_eq!((fields["left"].id, &fields["left"].default), (tree, &Some(json!({}))));
    assert_eq!(schemas.node(fields["size"].id).shape, Shape::Integer { bits: 32 });
    assert_eq!((&fields["size"].default, &fields["kind"].default), (&Some(0.into()), &Some("x".into())));
    assert!(matches!(schemas.node(fields["names"].id).shape, Shape::List { merge: ListMerge::Set, .. }));
    assert_eq!(fields["names"].patch, PatchStrategy { merge: true, retain_keys: true, merge_key: Some("name".into()) });
    assert!(object(fields["raw"].id).open);
    let map = object(fields["map"].id);
    assert!(map.atomic && !map.open && map.values.is_some());
}

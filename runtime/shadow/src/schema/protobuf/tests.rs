use serde_json::json;

use super::*;

/// A message's field of bytes.
fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(value);
    out
}

fn object(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &meta), bytes(2, raw)].concat()
}

#[test]
fn an_object_is_read_with_maps_bytes_and_times() {
    let entry = [bytes(1, b"key"), bytes(2, b"\x00\xff")].concat();
    // creationTimestamp: 100 s after 1970.
    let meta = [bytes(1, b"a"), bytes(8, &[8, 100]), bytes(11, &[bytes(1, b"l"), bytes(2, b"v")].concat())].concat();
    let secret = object("v1", "Secret", &[bytes(1, &meta), bytes(2, &entry), bytes(3, b"Opaque")].concat());
    let expected = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"key": "AP8="},
        "metadata": {"name": "a", "creationTimestamp": "1970-01-01T00:01:40Z", "labels": {"l": "v"}},
    });
    assert_eq!(read(&secret), Ok(expected));
}

#[test]
fn embedded_structs_are_part_of_the_outer_one() {
    // A volume: name = 1, the embedded source = 2, in which secret = 6 with its name = 1.
    let volume = [bytes(1, b"v"), bytes(2, &bytes(6, &bytes(1, b"s")))].concat();
    let pod = object("v1", "Pod", &bytes(2, &bytes(1, &volume)));
    assert_eq!(read(&pod).unwrap()["spec"]["volumes"], json!([{"name": "v", "secret": {"secretName": "s"}}]));
}

#[test]
fn types_with_a_json_of_their_own_are_read() {
    // strategy = 4, rollingUpdate = 2, maxSurge = 2: a text; maxUnavailable = 1: the number 3.
    let rolling = [bytes(1, &[8, 0, 16, 3]), bytes(2, &[vec![8, 1], bytes(3, b"20%")].concat())].concat();
    let deployment = object("apps/v1", "Deployment", &bytes(2, &bytes(4, &bytes(2, &rolling))));
    let strategy = read(&deployment).unwrap()["spec"]["strategy"].clone();
    assert_eq!(strategy, json!({"rollingUpdate": {"maxUnavailable": 3, "maxSurge": "20%"}}));
    // hard = 1: a map of quantities.
    let quota = bytes(1, &[bytes(1, b"pods"), bytes(2, &bytes(1, b"5"))].concat());
    let quota = object("v1", "ResourceQuota", &bytes(2, &quota));
    assert_eq!(read(&quota).unwrap()["spec"], json!({"hard": {"pods": "5"}}));
}

#[test]
fn options_are_the_same_in_every_version() {
    let options = object("policy/v1", "DeleteOptions", &[vec![8, 30], bytes(4, b"Orphan")].concat());
    let read = read(&options).unwrap();
    assert_eq!((&read["gracePeriodSeconds"], &read["propagationPolicy"]), (&json!(30), &json!("Orphan")));
}

#[test]
fn an_unknown_kind_has_its_name_only() {
    assert_eq!(read(&object("a/v1", "B", b"\xff")), Ok(json!({"apiVersion": "a/v1", "kind": "B"})));
}

#[test]
fn what_is_broken_is_refused() {
    let words = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    assert_eq!(read(b"{}"), Err(words.to_owned()));
    assert_eq!(read(&object("v1", "Pod", &[10, 200])), Err("unexpected EOF".to_owned()));
    assert_eq!(read(&object("v1", "Pod", &[10, 5, 1])), Err("unexpected EOF".to_owned()));
    assert_eq!(read(&object("v1", "Pod", &[8, 5])), Err("proto: wrong wireType = 0".to_owned()));
    assert_eq!(read(&object("v1", "Pod", &[0xff; 12])), Err("proto: integer overflow".to_owned()));
    // A schema in a schema, many times.
    let mut schema = Vec::new();
    for _ in 0..200 {
        schema = [vec![0xda, 0x01], bytes(0, &schema)[1..].to_vec()].concat(); // not = 27
    }
    let version = bytes(7, &bytes(4, &bytes(1, &schema)));
    let definition = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", &bytes(2, &version));
    assert_eq!(read(&definition), Err("proto: exceeded max depth".to_owned()));
}

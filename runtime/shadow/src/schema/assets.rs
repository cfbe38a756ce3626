//! What the crate carries of Kubernetes: `cargo xtask schemas` writes it from a test bed and from Go's own view of the
//! types; `cargo xtask schemas --check` says whether it is still what they say.
//!
//! - `structure.json.deflate`: the version, discovery, the types without prose, Go's view of them, the columns of tables.
//! - `protobuf.json.deflate`: the numbers of the fields in protobuf. Only who needs them has them decoded.
//! - `documents.txt.deflate`: the OpenAPI documents in full, prose included. Only who asks for one has it decoded.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::DeflateDecoder;
use serde::Deserialize;
use serde_json::Map;

use super::go::Written;
use crate::Json;

static STRUCTURE: &[u8] = include_bytes!("../../assets/structure.json.deflate");
static NUMBERS: &[u8] = include_bytes!("../../assets/protobuf.json.deflate");
static DOCUMENTS: &[u8] = include_bytes!("../../assets/documents.txt.deflate");

/// The decoded text of the first asset.
pub(super) fn structure() -> String {
    inflated(STRUCTURE)
}

/// The second asset: by type and field, `3`, or `2.1` for the first field of an embedded struct that is the second.
#[expect(clippy::expect_used, reason = "the assets are part of the program")]
pub(super) fn numbers() -> BTreeMap<String, BTreeMap<String, String>> {
    serde_json::from_str(&inflated(NUMBERS)).expect("the asset is what the generator writes")
}

/// The decoded text of the third.
pub(super) fn documents() -> String {
    inflated(DOCUMENTS)
}

#[expect(clippy::expect_used, reason = "the assets are part of the program")]
fn inflated(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 10);
    DeflateDecoder::new(bytes).read_to_string(&mut text).expect("an asset is deflated text");
    text
}

/// The first asset.
#[derive(Deserialize)]
pub(super) struct Structure<'a> {
    pub(super) version: Json,
    /// In the order of discovery; the core group first, which has no name.
    pub(super) groups: Vec<Group>,
    /// `autoscaling/v1/horizontalpodautoscalers`: `autoscaling/v2`, where that is another version.
    pub(super) storage: BTreeMap<String, String>,
    /// By group, version and resource, as above.
    pub(super) columns: BTreeMap<String, Vec<Json>>,
    #[serde(borrow)]
    pub(super) types: BTreeMap<&'a str, Written<'a>>,
    pub(super) schemas: Map<String, Json>,
}

#[derive(Deserialize)]
pub(super) struct Group {
    pub(super) metadata: Meta,
    pub(super) versions: Vec<Version>,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
    pub(super) resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    pub(super) resource: String,
    pub(super) response_kind: Kind,
    pub(super) scope: String,
    pub(super) singular_resource: String,
    pub(super) verbs: Vec<String>,
    #[serde(default)]
    pub(super) short_names: Vec<String>,
    #[serde(default)]
    pub(super) categories: Vec<String>,
    #[serde(default)]
    pub(super) subresources: Vec<SubresourceDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubresourceDocument {
    pub(super) subresource: String,
    pub(super) response_kind: Option<Kind>,
    pub(super) verbs: Vec<String>,
}

/// Group and version are empty where they are the resource's own.
#[derive(Deserialize, Default)]
pub(super) struct Kind {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

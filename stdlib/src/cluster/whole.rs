//! What `config_map`, `secret` and the like share: they describe one whole object and apply it.

use std::collections::BTreeMap;

use base64::Engine as _;
use windlass_runtime::change::Outcome;
use windlass_runtime::files::Located;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Kind, Options, Result, Value};

use super::applying::{ApplyOptions, Conflicts, apply_objects};

/// The most that a ConfigMap or Secret can hold: the API server's own limit.
const LIMIT: usize = 1024 * 1024;

/// The options of everything that makes one whole object.
#[derive(Debug, Clone, Options)]
pub struct WholeOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace; the context's own if it is not given.
    pub namespace: Option<String>,
    /// The object's labels.
    #[option(default = "#{}")]
    pub labels: BTreeMap<String, String>,
    /// The object's annotations.
    #[option(default = "#{}")]
    pub annotations: BTreeMap<String, String>,
    /// What becomes of a field that another manager (kubectl, Helm, a person) owns; as `customer.yaml` says if it is not
    /// given, and `"fail"` if that says nothing.
    pub conflicts: Option<Conflicts>,
}

/// Paths as an option takes them: one, a list, or a map from key to path.
#[derive(Debug, Clone, Default)]
pub struct Paths(Vec<(Option<String>, String)>);

impl FromValue for Paths {
    fn expects() -> String {
        "a path, a list of paths, or a map from key to path".to_owned()
    }

    fn from_value(value: Value) -> std::result::Result<Self, Mismatch> {
        match value {
            Value::Text(path) => Ok(Self(vec![(None, path)])),
            Value::List(items) => {
                let path = |item: Value| {
                    if let Value::Text(path) = item { Ok((None, path)) } else { Err(Mismatch::sort(&item)) }
                };
                items.into_iter().map(path).collect::<std::result::Result<_, _>>().map(Self)
            }
            Value::Map(map) => {
                let entry = |(key, item)| {
                    if let Value::Text(path) = item { Ok((Some(key), path)) } else { Err(Mismatch::sort(&item)) }
                };
                map.into_iter().map(entry).collect::<std::result::Result<_, _>>().map(Self)
            }
            other => Err(Mismatch::sort(&other)),
        }
    }
}

impl Paths {
    /// The files, each with its key: the given one, or the file's name.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn files(&self, call: &Call<'_>) -> Result<Vec<(String, Vec<u8>)>> {
        let file = |(key, path): &(Option<String>, String)| {
            let located = call.locate(path)?;
            Ok((key.clone().unwrap_or_else(|| located.name()), located.read()?))
        };
        self.0.iter().map(file).collect()
    }

    /// The files directly in the folders, by name, as `kubectl create configmap --from-file=FOLDER` takes them.
    ///
    /// # Errors
    /// Where a folder cannot be read, or holds no file.
    pub fn files_in(&self, call: &Call<'_>) -> Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        for (_, path) in &self.0 {
            let folder = call.locate(path)?;
            let files: Vec<Located> = folder.list()?.into_iter().filter(|f| !f.is_folder()).collect();
            if files.is_empty() {
                return Err(Error::new(Kind::NotFound, format!("the folder {} holds no file", folder.shown())));
            }
            for file in files {
                found.push((file.name(), file.read()?));
            }
        }
        Ok(found)
    }
}

/// A key of a ConfigMap or Secret.
///
/// # Errors
/// [`Kind::Usage`] for what the API server would refuse.
pub fn check_key(key: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !key.is_empty() && key.len() <= 253 && key.chars().all(fine) && key != "." && key != ".." {
        return Ok(());
    }
    Err(Error::usage(format!("{key:?} cannot be a key"))
        .hint("a key has letters, digits and - _ . ; another name for a file: from_file: #{ \"good-key\": \"path\" }"))
}

/// Checks that keys are given once and that all of it fits.
///
/// # Errors
/// [`Kind::Usage`], naming the key or the size.
pub fn check_content<'a>(what: &str, entries: impl Iterator<Item = (&'a str, usize)>) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    let mut size = 0;
    for (key, length) in entries {
        check_key(key).map_err(|e| e.context(what))?;
        if !seen.insert(key.to_owned()) {
            return Err(Error::usage(format!("{what}: the key {key} is given twice")));
        }
        size += key.len() + length;
    }
    if size > LIMIT {
        return Err(Error::usage(format!("{what} would hold {size} bytes, and {LIMIT} is the most"))
            .hint("spread it over several, or put the data on a volume"));
    }
    Ok(())
}

/// Bytes as the API has them.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Applies an object of the core group with this content.
///
/// # Errors
/// As [`apply_objects`].
pub fn apply_whole(
    call: &Call<'_>,
    kind: &str,
    name: &str,
    options: WholeOptions,
    content: impl IntoIterator<Item = (&'static str, Value)>,
) -> Result<Outcome> {
    let text = |t: &str| Value::Text(t.to_owned());
    let texts = |map: BTreeMap<String, String>| Value::Map(map.into_iter().map(|(k, v)| (k, Value::Text(v))).collect());
    let mut metadata = BTreeMap::from([("name".to_owned(), text(name))]);
    if !options.labels.is_empty() {
        metadata.insert("labels".to_owned(), texts(options.labels));
    }
    if !options.annotations.is_empty() {
        metadata.insert("annotations".to_owned(), texts(options.annotations));
    }
    let mut object = BTreeMap::from([
        ("apiVersion".to_owned(), text("v1")),
        ("kind".to_owned(), text(kind)),
        ("metadata".to_owned(), Value::Map(metadata)),
    ]);
    object.extend(content.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let apply = ApplyOptions {
        cluster: options.cluster,
        namespace: options.namespace,
        conflicts: options.conflicts,
        secret_fields: Vec::new(),
    };
    apply_objects(call, vec![Value::Map(object)], &apply)
}

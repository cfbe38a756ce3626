//! From the command line to a playbook with its values, and to a session on a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_runtime::customer::Customer;
use windlass_runtime::playbook::{Chosen, Layers, Playbook, Setting, choose};
use windlass_runtime::target::Live;
use windlass_runtime::values::{Leaf, Path, Schema, Segment, Typing, Values};
use windlass_runtime::{Error, Kind, Result, Runtime, yaml};

use crate::args::{Cluster, ValuesFrom};
use crate::failed::Failed;
use crate::render::Sources;

/// What stands for a value that is not to be seen.
pub(crate) const HIDDEN: &str = "(secret)";

/// A runtime with all primitives and the stock playbooks.
pub(crate) fn runtime() -> Result<Runtime> {
    Runtime::builder().with(windlass_stdlib::all()).stock(windlass_playbooks::tree()).build()
}

/// Whether there is a customer folder to take where none is named: the current folder, or one around it.
pub(crate) fn in_customer_folder() -> bool {
    std::env::current_dir().is_ok_and(|here| Customer::around(&here).is_some())
}

/// A file's path as one would write it here; any other text as it is.
pub(crate) fn shown_here(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match std::path::Path::new(path).strip_prefix(&here) {
        Ok(below) if !below.as_os_str().is_empty() => below.display().to_string(),
        _ => path.to_owned(),
    }
}

/// The customer folder that is named, or else the one that one stands in.
pub(crate) fn customer(named: Option<&std::path::Path>) -> Result<Option<Customer>> {
    let around = || std::env::current_dir().ok().and_then(|here| Customer::around(&here));
    let folder = named.map(ToOwned::to_owned).or_else(around);
    folder.map(|folder| Customer::open(&folder)).transpose()
}

/// What was chosen, with its values.
pub(crate) struct Workspace {
    pub(crate) playbook: Playbook,
    pub(crate) customer: Option<Customer>,
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) values: Values,
    pub(crate) sources: Sources,
}

impl Workspace {
    /// Finds the playbook and reads its values; they are not validated yet.
    pub(crate) fn open(what: Option<&str>, values: &ValuesFrom) -> std::result::Result<Self, Failed> {
        let tree = windlass_playbooks::tree();
        let mut sources = Sources::new(tree);
        let here = std::env::current_dir()
            .map_err(|e| Error::new(Kind::System, "the current folder cannot be found").source(e))?;
        let Chosen { playbook, customer } =
            choose(what, values.customer.as_deref(), &here, Some(tree)).map_err(|e| before(e, &sources))?;
        sources.add(&playbook.source, &playbook.text);
        let schema = playbook.schema(Some(tree)).map_err(|e| before(e, &sources))?.map(Arc::new);
        if let (Some(customer), None) = (&customer, &values.customer) {
            crate::commands::schemas::renew(customer, &playbook, schema.as_deref());
        }
        let setting = |typing: Typing| move |text: &String| Setting { text: text.clone(), typing };
        let settings = values.given.set.iter().map(setting(Typing::Guess));
        let settings = settings.chain(values.given.set_string.iter().map(setting(Typing::Text))).collect();
        let layers = Layers { customer: customer.as_ref(), files: values.given.files.clone(), settings };
        let values = playbook.values(schema.clone(), &layers).map_err(|e| before(e, &sources))?;
        Ok(Self { playbook, customer, schema, values, sources })
    }

    /// What the schema says against the values.
    pub(crate) fn value_problems(&self) -> Vec<Error> {
        match &self.schema {
            Some(schema) => schema.validate(&self.values).err().unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// The values as they may be shown, by their paths.
    pub(crate) fn shown_values(&self) -> Vec<(Path, String)> {
        let shown = |leaf: Leaf<'_>| {
            let value = leaf.value.map_or_else(|| HIDDEN.to_owned(), |v| yaml::write(v).unwrap_or_default());
            (leaf.path, value.trim_end().to_owned())
        };
        self.values.explain(self.schema.as_deref()).into_iter().map(shown).collect()
    }

    /// The merged values, but those that are not to be seen.
    pub(crate) fn seen(&self) -> Json {
        let mut values = self.values_json();
        for leaf in self.values.explain(self.schema.as_deref()) {
            if leaf.value.is_none()
                && let Some(place) = place(&mut values, &leaf.path)
            {
                *place = HIDDEN.into();
            }
        }
        values
    }

    /// The values that scripts read.
    pub(crate) fn values_json(&self) -> Json {
        self.values.to_json()
    }
}

fn place<'v>(values: &'v mut Json, path: &Path) -> Option<&'v mut Json> {
    path.segments().iter().try_fold(values, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

fn before(error: Error, sources: &Sources) -> Failed {
    Failed::before(vec![error], sources.clone())
}

/// The clusters that are meant. Nothing is opened.
pub(crate) fn target(cluster: &Cluster, customer: Option<&Customer>) -> Result<Live> {
    let none = BTreeMap::new();
    let clusters = customer.map_or(&none, |c| &c.clusters);
    if let Some((name, via)) = clusters.iter().find_map(|(name, c)| c.via.as_ref().map(|via| (name, via))) {
        return Err(Error::usage(format!(
            "clusters.{name}.via: {via}: this version cannot go through another host yet"
        ))
        .hint("open a tunnel (ssh -L), name its end in a context of the kubeconfig, and remove `via`"));
    }
    let mut builder = Live::builder();
    if let Some(kubeconfig) = &cluster.kubeconfig {
        if !kubeconfig.is_file() {
            return Err(Error::new(
                Kind::NotFound,
                format!("--kubeconfig {}: there is no such file", kubeconfig.display()),
            ));
        }
        builder = builder.kubeconfig(kubeconfig);
    }
    let default = clusters.get("default").and_then(|c| c.context.clone());
    if let Some(context) = cluster.context.clone().or(default) {
        builder = builder.context(context);
    }
    for (name, cluster) in clusters.iter().filter(|(name, _)| *name != "default") {
        builder = builder.cluster(name, cluster.context.clone());
    }
    for program in &cluster.allow_exec {
        builder = builder.allow_exec(program);
    }
    Ok(builder.build())
}

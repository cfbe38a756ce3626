//! The machines of a customer: `hosts.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use windlass_shadow::topology::{NodeSpec, Taint, Topology};

use crate::values::{Schema, Values, combine_as};
use crate::{Error, Kind, Place, Result, yaml};

/// The file in a customer folder.
pub const HOSTS_FILE: &str = "hosts.yaml";

/// The JSON Schema of `hosts.yaml`.
pub const HOSTS_SCHEMA: &str = include_str!("hosts/hosts.schema.json");

/// What a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It runs the control plane and etcd.
    Server,
    /// It only runs pods.
    Agent,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Its name, and that of its node.
    #[serde(skip)]
    pub name: String,
    /// Where it is reached.
    pub address: Option<String>,
    /// The place where it stands.
    pub site: Option<String>,
    /// What it is; an agent if that is not said.
    pub roles: Vec<Role>,
    /// Labels of its node.
    pub labels: BTreeMap<String, String>,
    /// Taints of its node: `key=value:Effect` or `key:Effect`.
    pub taints: Vec<String>,
    /// Its cores.
    pub cpu: Option<Json>,
    /// Its memory.
    pub memory: Option<String>,
    /// The disk that its pods share.
    pub disk: Option<String>,
}

/// The machines, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hosts {
    /// The machines.
    pub hosts: Vec<Host>,
}

impl Hosts {
    /// The machines of a customer folder, if it names them.
    ///
    /// # Errors
    /// [`Kind::Malformed`] or [`Kind::Values`] for what the file should not say, with the nearest key for one that is not
    /// known.
    pub fn of_folder(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(HOSTS_FILE);
        if file.is_file() { Self::open(&file).map(Some) } else { Ok(None) }
    }

    /// Reads a file of machines.
    ///
    /// # Errors
    /// As [`Hosts::of_folder`].
    pub fn open(file: &Path) -> Result<Self> {
        let shown = file.display().to_string();
        let at = |error: Error| error.at(Place { source: shown.clone(), line: 0, column: 0 });
        let schema = serde_json::from_str(HOSTS_SCHEMA)
            .map_err(|e| Error::internal("the schema of hosts.yaml is no JSON").source(e))?;
        let schema = Schema::load(schema, "hosts.schema.json", |path| {
            Err(Error::internal(format!("the schema of hosts.yaml refers to {path}")))
        })?;
        let schema = std::sync::Arc::new(schema.for_file(HOSTS_FILE));
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut read = yaml::read_one_file(file)?;
        // A machine of which nothing is said is one all the same; in values, null takes a key away.
        let said = read.get_mut("hosts").and_then(Json::as_object_mut).into_iter().flatten();
        said.map(|(_, host)| host).filter(|host| host.is_null()).for_each(|host| *host = Json::Object(Map::new()));
        let values = Values::builder().schema(schema.clone()).layer_in(HOSTS_FILE, read, folder).build();
        let values = values.map_err(at)?;
        schema.validate(&values).map_err(|errors| at(combine_as("hosts.yaml has", errors)))?;
        let unreadable = |e| at(Error::new(Kind::Malformed, format!("{HOSTS_FILE} cannot be read")).source(e));
        let json = values.to_json();
        let all = json.get("hosts").and_then(Json::as_object).into_iter().flatten();
        let host = |(name, said): (&String, &Json)| {
            serde_json::from_value::<Host>(said.clone()).map(|host| Host { name: name.clone(), ..host })
        };
        let hosts = Self { hosts: all.map(host).collect::<std::result::Result<_, _>>().map_err(unreadable)? };
        let no_node = |e: windlass_shadow::ApiError| {
            let what = format!("{HOSTS_FILE} describes a machine that cannot be a node: {}", e.message);
            at(Error::new(Kind::Values, what).source(e))
        };
        hosts.topology().check().map_err(no_node)?;
        Ok(hosts)
    }

    /// The nodes that these machines are in a simulated cluster.
    #[must_use]
    pub fn topology(&self) -> Topology {
        Topology { nodes: self.hosts.iter().map(Host::node).collect() }
    }
}

impl Host {
    fn node(&self) -> NodeSpec {
        let mut node = NodeSpec::new(&self.name);
        node.site.clone_from(&self.site);
        node.taints = self.taints.iter().filter_map(|text| taint(text)).collect();
        if self.roles.contains(&Role::Server) {
            // As RKE2 and K3s label a server, which takes pods unless it is tainted.
            for role in ["control-plane", "etcd", "master"] {
                node.labels.insert(format!("node-role.kubernetes.io/{role}"), "true".to_owned());
            }
        }
        node.labels.extend(self.labels.clone());
        let cpu = self.cpu.as_ref().map(|cpu| cpu.as_str().map_or_else(|| cpu.to_string(), str::to_owned));
        let (memory, disk) = (self.memory.clone(), self.disk.clone());
        for (resource, amount) in [("cpu", cpu), ("memory", memory), ("ephemeral-storage", disk)] {
            node.capacity.extend(amount.map(|amount| (resource.to_owned(), amount)));
        }
        node
    }
}

fn taint(text: &str) -> Option<Taint> {
    let (key, effect) = text.rsplit_once(':')?;
    let (key, value) = key.split_once('=').unwrap_or((key, ""));
    Some(Taint { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Result<Hosts> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(HOSTS_FILE), text).unwrap();
        Hosts::of_folder(dir.path()).map(Option::unwrap)
    }

    #[test]
    fn machines_become_nodes_in_their_order() {
        let text = "hosts:\n  zeta: { roles: [server], site: north, cpu: 8, memory: 64Gi, disk: 1Ti }\n  alpha:\n  beta:\n    labels: { disk: ssd }\n    taints: ['only=db:NoSchedule', 'gone:NoExecute']\n";
        let topology = hosts(text).unwrap().topology();
        let names: Vec<&str> = topology.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["zeta", "alpha", "beta"]);
        let [zeta, alpha, beta] = topology.nodes.as_slice() else { panic!("three") };
        assert_eq!(zeta.labels["node-role.kubernetes.io/control-plane"], "true");
        assert!(zeta.taints.is_empty() && !zeta.control_plane, "it takes pods");
        assert_eq!((zeta.capacity["cpu"].as_str(), zeta.capacity["memory"].as_str()), ("8", "64Gi"));
        assert_eq!(zeta.capacity["ephemeral-storage"], "1Ti");
        assert_eq!(zeta.site.as_deref(), Some("north"));
        assert_eq!(*alpha, NodeSpec::new("alpha"));
        assert_eq!(beta.labels["disk"], "ssd");
        let shown: Vec<String> = beta.taints.iter().map(|t| format!("{}|{}|{}", t.key, t.value, t.effect)).collect();
        assert_eq!(shown, ["only|db|NoSchedule", "gone||NoExecute"]);
    }

    #[test]
    fn what_the_file_should_not_say_is_an_error_with_the_nearest_key() {
        for (text, wanted) in [
            ("hosts: { a: { lables: {} } }\n", "did you mean \"labels\"?"),
            ("hosts: { a: { roles: [master] } }\n", "roles"),
            ("hosts: { a: { taints: ['x'] } }\n", "taints"),
            ("hosts: { A_B: {} }\n", "A_B"),
            ("hosts: {}\n", "hosts"),
            ("sites: []\n", "hosts"),
            ("hosts: { a: { memory: 64GB } }\n", "quantities must match"),
            ("hosts: { a: { labels: { 'a b': c } } }\n", "a b"),
        ] {
            let error = format!("{:?}", hosts(text).unwrap_err());
            assert!(error.contains(wanted) && error.contains(HOSTS_FILE), "{text}: {error}");
        }
        assert_eq!(Hosts::of_folder(Path::new("/nonexistent")).unwrap(), None);
    }
}

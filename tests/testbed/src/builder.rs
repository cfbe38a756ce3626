//! What a test bed shall be like.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::error::Error;
use crate::testbed::Testbed;

type Progress = Box<dyn FnMut(&str) + Send>;

/// Describes a test bed; see [`Testbed::builder`].
pub struct Builder {
    pub(crate) nodes: usize,
    pub(crate) labels: Vec<(String, BTreeMap<String, String>)>,
    pub(crate) users: Vec<(String, Vec<String>)>,
    pub(crate) unreachable_after: Option<Duration>,
    pub(crate) evict_after: Option<Duration>,
    pub(crate) controllers: bool,
    pub(crate) real_node: bool,
    progress: Option<Progress>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            nodes: 1,
            labels: Vec::new(),
            users: Vec::new(),
            unreachable_after: None,
            evict_after: None,
            controllers: true,
            real_node: false,
            progress: None,
        }
    }
}

impl Builder {
    /// How many nodes there are: `node-1`, `node-2` and so on. One, if this is not called.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Builder {
        self.nodes = count;
        self
    }

    /// Labels for the node of that name, beside `kubernetes.io/hostname` and the others that every node has.
    #[must_use]
    pub fn node_labels(mut self, node: &str, labels: &[(&str, &str)]) -> Builder {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.labels.push((node.to_owned(), labels));
        self
    }

    /// A further user, for [`Testbed::kubeconfig_for`]; what it may do is up to role bindings.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Builder {
        self.users.push((name.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect()));
        self
    }

    /// After how long a node that is not heard of is `NotReady`: whole seconds, at least 2. Kubernetes' own default is
    /// 50 s.
    #[must_use]
    pub fn unreachable_after(mut self, time: Duration) -> Builder {
        self.unreachable_after = Some(time);
        self
    }

    /// How long a pod stays on a node that is not ready: whole seconds. Kubernetes' own default is 300 s.
    #[must_use]
    pub fn evict_after(mut self, time: Duration) -> Builder {
        self.evict_after = Some(time);
        self
    }

    /// A node beside the simulated ones that is real: pods on it run. Its name is [`crate::REAL_NODE`]; only pods of
    /// namespaces that are made by [`Testbed::namespace_on_real_node`] go there by themselves. It needs Linux, root, and
    /// what [`Testbed::real_node_available`] asks for.
    #[must_use]
    pub fn real_node(mut self) -> Builder {
        self.real_node = true;
        self
    }

    /// Only etcd and the API server: nothing happens but what is asked for. There are no nodes then.
    #[must_use]
    pub fn without_controllers(mut self) -> Builder {
        self.controllers = false;
        self.nodes = 0;
        self.real_node = false;
        self
    }

    /// Where lines about the progress go. If this is not called, those about the build, which takes minutes, go to
    /// standard error, and the others nowhere.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(&str) + Send + 'static) -> Builder {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Tells of a phase that takes a second or two.
    pub(crate) fn tell(&mut self, line: &str) {
        if let Some(progress) = &mut self.progress {
            progress(line);
        }
    }

    /// Tells of what takes long.
    pub(crate) fn report(&mut self, line: &str) {
        match &mut self.progress {
            Some(progress) => progress(line),
            None => {
                let _ = std::io::stderr().write_all(format!("test bed: {line}\n").as_bytes());
            }
        }
    }

    /// Builds the programs if they are not there yet, and starts the test bed.
    ///
    /// # Errors
    /// If Go is missing, the build fails, or a server does not start.
    pub fn start(mut self) -> Result<Testbed, Error> {
        if let Some((node, _)) = self.labels.iter().find(|(node, _)| !(1..=self.nodes).any(|n| *node == node_name(n))) {
            return Err(Error::Usage(format!(
                "labels for node {node:?}, but the nodes are node-1 to node-{}",
                self.nodes
            )));
        }
        Testbed::start(&mut self)
    }
}

/// The name of a node, counted from 1.
pub(crate) fn node_name(number: usize) -> String {
    format!("node-{number}")
}

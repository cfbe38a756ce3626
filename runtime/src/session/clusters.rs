//! The clusters of a session: each is opened once, at its first use.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Session;
use crate::cancel::Cancel;
use crate::clock::BoxFuture;
use crate::cluster::{Cluster, Json};
use crate::journal::Note;
use crate::sync::lock;
use crate::target::ClusterSource;
use crate::{Error, Kind, Result};

impl Session {
    /// The cluster of this name, opened at its first use.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn cluster(&self, name: Option<&str>, cancel: &Cancel) -> Result<Cluster> {
        let key = name.map(str::to_owned);
        if let Some(cluster) = lock(&self.0.gathered.clusters).get(&key) {
            return Ok(cluster.clone());
        }
        self.open(key, self.0.target.cluster(name), cancel)
    }

    /// The same, for futures: to be waited for where [`crate::bridge::Bridge::handle`] says.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub async fn reach_cluster(&self, name: Option<&str>) -> Result<Cluster> {
        let key = name.map(str::to_owned);
        let known = lock(&self.0.gathered.clusters).get(&key).cloned();
        match known {
            Some(cluster) => Ok(cluster),
            None => {
                let cluster = self.0.target.cluster(name).await?;
                Ok(self.opened(key, cluster))
            }
        }
    }

    /// Opens a cluster that a script has found by itself, and gives it a name in this session.
    ///
    /// # Errors
    /// Where it cannot be opened; [`crate::Kind::Usage`] where the name is another cluster's already.
    pub(crate) fn connect(&self, name: &str, by: ClusterSource, cancel: &Cancel) -> Result<Cluster> {
        let key = Some(name.to_owned());
        let known = lock(&self.0.gathered.clusters).get(&key).cloned();
        if let Some(cluster) = known {
            return match lock(&self.0.gathered.connections).get(name) {
                Some(before) if *before == by => Ok(cluster),
                _ => {
                    Err(Error::usage(format!("the name {name} is another cluster's already"))
                        .hint("choose another one"))
                }
            };
        }
        // In the journal, and for other programs, a cluster is known by its own name. One that is not open yet has its name
        // already.
        let is_taken = self.0.target.knows(name)
            || lock(&self.0.gathered.clusters).values().any(|open| open.name() == name)
            || self.cluster(None, cancel).is_ok_and(|own| own.name() == name);
        if is_taken {
            return Err(Error::usage(format!("the name {name} is another cluster's already"))
                .hint("choose another one; a cluster that customer.yaml names needs no cluster::connect"));
        }
        let cluster = self.open(key, self.0.target.connect(name, &by), cancel)?;
        lock(&self.0.gathered.connections).insert(name.to_owned(), by);
        Ok(cluster)
    }

    fn open(&self, key: Option<String>, opening: BoxFuture<Result<Cluster>>, cancel: &Cancel) -> Result<Cluster> {
        let cluster = self.bridge().wait(cancel, &self.0.clock, opening)?;
        Ok(self.opened(key, cluster))
    }

    fn opened(&self, key: Option<String>, cluster: Cluster) -> Cluster {
        let session = Arc::downgrade(&self.0);
        let cluster = self.fenced(cluster);
        let cluster = cluster.observed(Arc::new(move |note| {
            if let Some(inner) = session.upgrade() {
                Session(inner).noted(note);
            }
        }));
        lock(&self.0.gathered.clusters).entry(key).or_insert(cluster).clone()
    }

    /// The cluster that is called so in what was recorded: [`crate::change::Resource::at`] has its own name, which need
    /// not be the one that scripts use.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not one of this session's.
    pub(crate) fn cluster_called(&self, own_name: &str, cancel: &Cancel) -> Result<Cluster> {
        if let Some(cluster) = self.open_cluster_called(own_name) {
            return Ok(cluster);
        }
        match self.cluster(None, cancel) {
            Ok(cluster) if cluster.name() == own_name => Ok(cluster),
            _ => self.cluster(Some(own_name), cancel),
        }
    }

    /// The same, where it is open.
    pub(crate) fn open_cluster_called(&self, own_name: &str) -> Option<Cluster> {
        let recalled = lock(&self.0.gathered.recalled).get(own_name).cloned();
        let is_it = |cluster: &&Cluster| cluster.name() == own_name;
        recalled.or_else(|| lock(&self.0.gathered.clusters).values().find(is_it).cloned())
    }

    /// Finds the cluster that had this name of its own and this identity when something was recorded. It may be called otherwise
    /// here: from then on, [`Session::cluster_called`] knows it by the recorded name.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it is none of this session's, or where another one is called so.
    pub(crate) fn recall(&self, own_name: &str, identity: &str, cancel: &Cancel) -> Result<()> {
        let is_it = |cluster: &Cluster| cluster.known_identity() == Some(identity);
        let open = || lock(&self.0.gathered.clusters).values().cloned().collect::<Vec<_>>();
        let mut found = open().into_iter().find(is_it);
        let (mut others, mut unreached) = (Vec::new(), None);
        let given = self.target().cluster_names();
        // The last one: a context that nobody has named here.
        let names = std::iter::once(None).chain(given.iter().map(String::as_str).chain([own_name]).map(Some));
        for name in names {
            if found.is_some() {
                break;
            }
            let asked = self.cluster(name, cancel).and_then(|cluster| {
                let asking = cluster.clone();
                let identity = async move { asking.identity().await.map(str::to_owned) };
                Ok((self.bridge().wait(cancel, &self.0.clock, identity)?, cluster))
            });
            match asked {
                Ok((_, cluster)) if is_it(&cluster) => found = Some(cluster),
                Ok((is, cluster)) => others.push(format!("{} is {is}", cluster.name())),
                Err(error) if error.kind().is_final() => return Err(error),
                Err(error) => unreached = unreached.or(Some(error)),
            }
        }
        let Some(cluster) = found else {
            let Some(error) = unreached.filter(|_| others.is_empty()) else {
                return Err(elsewhere(own_name, identity, &others.join(", ")));
            };
            return Err(error);
        };
        if cluster.name() == own_name {
            return Ok(());
        }
        if open().iter().any(|other| other.name() == own_name && !is_it(other)) {
            let text =
                format!("{own_name} is another cluster than it was: the one that was called so is {}", cluster.name());
            return Err(Error::new(Kind::Conflict, text).hint("give the contexts of the kubeconfig their former names"));
        }
        lock(&self.0.gathered.recalled).insert(own_name.to_owned(), cluster);
        Ok(())
    }

    /// Asks the clusters that are open for their identities, so that intents can name them. One that may not be asked stays
    /// without.
    pub(crate) fn ask_identities(&self, cancel: &Cancel) -> Result<()> {
        let unknown: Vec<Cluster> =
            lock(&self.0.gathered.clusters).values().filter(|c| c.known_identity().is_none()).cloned().collect();
        let mut news = false;
        for cluster in unknown {
            let asked = self.bridge().wait(cancel, &self.0.clock, async move { cluster.identity().await.map(|_| ()) });
            match asked {
                Err(error) if error.kind().is_final() => return Err(error),
                asked => news |= asked.is_ok(),
            }
        }
        if news {
            self.journal().note(Note::Identities(self.named_identities()));
        }
        self.ask_versions(cancel)
    }

    /// Asks each cluster for its version, once, so that it is recorded. One that does not say it stays without.
    fn ask_versions(&self, cancel: &Cancel) -> Result<()> {
        if !self.target().is_live() {
            return Ok(());
        }
        let is_known = |cluster: &Cluster| cluster.known_identity().is_some();
        let open: Vec<Cluster> =
            lock(&self.0.gathered.clusters).values().filter(|cluster| is_known(cluster)).cloned().collect();
        for cluster in open {
            let name = cluster.name().to_owned();
            if !lock(&self.0.gathered.asked).insert(name.clone()) {
                continue;
            }
            match self.bridge().wait(cancel, &self.0.clock, async move { cluster.check().await }) {
                Ok(version) => self.uses(&format!("Kubernetes {version} (cluster {name})")),
                Err(error) if error.kind().is_final() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The identities of the clusters that are open, by their own names.
    #[must_use]
    pub fn identities(&self) -> Json {
        let (clusters, recalled) = (lock(&self.0.gathered.clusters), lock(&self.0.gathered.recalled));
        let open = clusters.values().map(|cluster| (cluster.name(), cluster));
        let all = open.chain(recalled.iter().map(|(name, cluster)| (name.as_str(), cluster)));
        named(all)
    }

    /// The identities of the clusters that are open, by the names that scripts use: that of the one which is meant without a name is
    /// the empty one. Those that scripts have found by themselves are not among them.
    #[must_use]
    pub fn named_identities(&self) -> Json {
        let (clusters, found) = (lock(&self.0.gathered.clusters), lock(&self.0.gathered.connections));
        let names = clusters.iter().map(|(name, cluster)| (name.as_deref().unwrap_or_default(), cluster));
        named(names.filter(|(name, _)| !found.contains_key(*name)))
    }
}

fn named<'a>(clusters: impl Iterator<Item = (&'a str, &'a Cluster)>) -> Json {
    let entry = |(name, c): (&str, &Cluster)| Some((name.to_owned(), Json::String(c.known_identity()?.to_owned())));
    // In the order of their names, whatever order they were opened in.
    Json::Object(clusters.filter_map(entry).collect::<BTreeMap<_, _>>().into_iter().collect())
}

/// The error for a cluster of a run that is none of this session's; `here` says which there are.
pub(crate) fn elsewhere(name: &str, identity: &str, here: &str) -> Error {
    let name = if name.is_empty() { String::new() } else { format!(" {name}") };
    let text = format!("the cluster{name} is not the one that the run changed: that was {identity}; here, {here}");
    Error::new(Kind::Conflict, text)
        .hint("nothing was done: name that cluster's context, with --context or under clusters in customer.yaml, and its kubeconfig with --kubeconfig")
}

//! The clusters of a session: each is opened once, at its first use.

use std::sync::Arc;

use super::Session;
use crate::cancel::Cancel;
use crate::clock::BoxFuture;
use crate::cluster::{Cluster, Json};
use crate::sync::lock;
use crate::target::ClusterSource;
use crate::{Error, Result};

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
        let session = Arc::downgrade(&self.0);
        let cluster = self.fenced(cluster);
        let cluster = cluster.observed(Arc::new(move |note| {
            if let Some(inner) = session.upgrade() {
                Session(inner).noted(note);
            }
        }));
        Ok(lock(&self.0.gathered.clusters).entry(key).or_insert(cluster).clone())
    }

    /// The cluster that is called so in what was recorded: [`crate::change::Resource::at`] has its own name, which need
    /// not be the one that scripts use.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not one of this session's.
    pub(crate) fn cluster_called(&self, own_name: &str, cancel: &Cancel) -> Result<Cluster> {
        let is_it = |cluster: &&Cluster| cluster.name() == own_name;
        if let Some(cluster) = lock(&self.0.gathered.clusters).values().find(is_it) {
            return Ok(cluster.clone());
        }
        match self.cluster(None, cancel) {
            Ok(cluster) if cluster.name() == own_name => Ok(cluster),
            _ => self.cluster(Some(own_name), cancel),
        }
    }

    /// Asks the clusters that are open for their identities, so that intents can name them. One that may not be asked stays
    /// without.
    pub(crate) fn ask_identities(&self, cancel: &Cancel) -> Result<()> {
        let unknown: Vec<Cluster> =
            lock(&self.0.gathered.clusters).values().filter(|c| c.known_identity().is_none()).cloned().collect();
        for cluster in unknown {
            let asked = self.bridge().wait(cancel, &self.0.clock, async move { cluster.identity().await.map(|_| ()) });
            if let Err(error) = asked
                && error.kind().is_final()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The identities of the clusters that are open, by name.
    #[must_use]
    pub fn identities(&self) -> Json {
        let clusters = lock(&self.0.gathered.clusters);
        let entry = |c: &Cluster| c.known_identity().map(|id| (c.name().to_owned(), Json::String(id.to_owned())));
        Json::Object(clusters.values().filter_map(entry).collect())
    }
}

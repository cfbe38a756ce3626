//! The simulated target: a cluster in process, whose time costs nothing.

mod network;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use windlass_shadow::clock::Simulation;
use windlass_shadow::{Service, Shadow as Simulated};

use super::{Network, RealNetwork, Target};
use crate::clock::{self, BoxFuture, Clock};
use crate::cluster::Cluster;
use crate::sync::lock;
use crate::{Error, Kind, Result};

/// What people call it.
const NAME: &str = "simulated";

/// Sets up a [`Shadow`] target.
#[derive(Debug, Clone)]
pub struct ShadowBuilder {
    seed: u64,
    begin: jiff::Timestamp,
    clusters: Vec<String>,
}

impl ShadowBuilder {
    /// What names, uids and everything else that is left to chance come from. The same seed gives the same run.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The time of day at which the simulation begins; the next full hour without it, so that what goes by the time of day
    /// (a CronJob) is the same in two runs.
    #[must_use]
    pub fn begin_at(mut self, begin: jiff::Timestamp) -> Self {
        self.begin = begin;
        self
    }

    /// Gives a cluster a name of its own in scripts. Without any, every name is one.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.clusters.push(name.into());
        self
    }

    /// The target, with its clusters running.
    ///
    /// # Errors
    /// [`Kind::System`] where its thread cannot be started.
    pub fn build(self) -> Result<Shadow> {
        let simulation = Simulation::start(self.begin)
            .map_err(|e| Error::new(Kind::System, "the simulation's thread cannot be started").source(e))?;
        let clock: Arc<dyn Clock> = Arc::new(clock::Simulated(simulation.clock().clone()));
        let clusters = Mutex::default();
        Ok(Shadow { inner: Arc::new(Inner { options: self, simulation, clock, clusters }) })
    }
}

/// The next full hour.
fn next_hour() -> jiff::Timestamp {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now - now.rem_euclid(3600) + 3600).unwrap_or_default()
}

/// Simulated clusters: empty, with the nodes that were described. Clones are the same target.
#[derive(Clone)]
pub struct Shadow {
    inner: Arc<Inner>,
}

struct Inner {
    options: ShadowBuilder,
    simulation: Simulation,
    clock: Arc<dyn Clock>,
    clusters: Mutex<BTreeMap<String, Simulated>>,
}

impl Shadow {
    /// Starts to set one up.
    #[must_use]
    pub fn builder() -> ShadowBuilder {
        ShadowBuilder { seed: 0, begin: next_hour(), clusters: Vec::new() }
    }

    /// A cluster as it is: the one that is meant without a name, or the one of that name. Made at its first use.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a name that is none of those that were given.
    pub fn simulated(&self, name: Option<&str>) -> Result<Simulated> {
        let options = &self.inner.options;
        if let Some(name) = name
            && !options.clusters.is_empty()
            && !options.clusters.iter().any(|known| known == name)
        {
            return Err(Error::new(Kind::NotFound, format!("there is no cluster named {name}"))
                .hint(format!("customer.yaml names: {}", options.clusters.join(", "))));
        }
        let mut clusters = lock(&self.inner.clusters);
        let cluster = clusters.entry(name.unwrap_or(NAME).to_owned()).or_insert_with(|| {
            let clock = Arc::new(self.inner.simulation.clock().clone());
            Simulated::builder(clock).seed(options.seed).build()
        });
        Ok(cluster.clone())
    }

    fn client(&self, service: Service) -> kube::Client {
        // The client's worker belongs to the simulation: the clock must see what it does.
        let _entered = self.inner.simulation.handle().enter();
        kube::Client::new(service, "default")
    }
}

impl Target for Shadow {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn is_live(&self) -> bool {
        false
    }

    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        let opened = self.simulated(name).map(|cluster| {
            let client = self.client(cluster.client());
            Cluster::with_client(name.unwrap_or(NAME), client, "default", self.inner.clock.clone())
        });
        Box::pin(std::future::ready(opened))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    fn simulation(&self) -> Option<Simulation> {
        Some(self.inner.simulation.clone())
    }

    fn network(&self) -> Arc<dyn Network> {
        match self.simulated(None) {
            Ok(cluster) => Arc::new(network::Services(cluster)),
            Err(_) => Arc::new(RealNetwork),
        }
    }
}

//! The simulated target: a cluster in process, whose time costs nothing.

#[cfg(feature = "listen")]
mod door;
mod network;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};
use windlass_shadow::clock::Simulation;
use windlass_shadow::fault::{Fault, Scene};
use windlass_shadow::recording::Recording;
use windlass_shadow::topology::Topology;
use windlass_shadow::{Counted, Shadow as Simulated};

use super::{ClusterSource, Network, Target};
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
    topology: Topology,
    scene: Scene,
    base: Option<Recording>,
}

impl ShadowBuilder {
    /// What lies below the cluster that is meant without a name: a recorded one, with its nodes, which those of
    /// [`topology`](Self::topology) join.
    #[must_use]
    pub fn base(mut self, recording: Recording) -> Self {
        self.base = Some(recording);
        self
    }

    /// The machines of each cluster; three that are alike without it.
    #[must_use]
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = topology;
        self
    }

    /// How long things take, and what is broken.
    #[must_use]
    pub fn scene(mut self, scene: Scene) -> Self {
        self.scene = scene;
        self
    }

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

    /// The seed of a cluster: clusters of one target must differ in their uids, by which they are told apart.
    fn seed_of(&self, name: Option<&str>) -> u64 {
        let Some(name) = name else { return self.seed };
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(name).finalize();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// The target, with its clusters running.
    ///
    /// # Errors
    /// [`Kind::System`] where its thread cannot be started.
    pub fn build(self) -> Result<Shadow> {
        let simulation = Simulation::start(self.begin).map_err(no_thread)?;
        let scene = self.scene.clone();
        Ok(Shadow::of(self, simulation, scene))
    }
}

fn no_thread(error: std::io::Error) -> Error {
    Error::new(Kind::System, "the simulation's thread cannot be started").source(error)
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
    /// As it is now: faults may have been added since the start.
    scene: Mutex<Scene>,
    clusters: Mutex<BTreeMap<String, Begun>>,
    forwards: network::Forwards,
    /// Where the clusters listen for other programs.
    #[cfg(feature = "listen")]
    doors: Mutex<BTreeMap<String, door::Door>>,
}

/// A cluster, and what there was in it from the start.
struct Begun {
    cluster: Simulated,
    first: Vec<Counted>,
}

impl Begun {
    /// Lets the cluster go by the time of this simulation.
    fn on(simulation: &Simulation, cluster: Simulated) -> Self {
        simulation.handle().spawn(cluster.run());
        Self { first: cluster.census(), cluster }
    }
}

impl Shadow {
    fn of(options: ShadowBuilder, simulation: Simulation, scene: Scene) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(clock::Simulated(simulation.clock().clone()));
        let inner = Inner {
            options,
            simulation,
            clock,
            scene: Mutex::new(scene),
            clusters: Mutex::default(),
            forwards: network::Forwards::default(),
            #[cfg(feature = "listen")]
            doors: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Another target with the same clusters, which are now as these are, at the same time: what is done in one, and the time
    /// that it takes, is nothing to the other. What a fork has [`made`](Self::made) is what came into being in it.
    ///
    /// # Errors
    /// [`Kind::System`] where its thread cannot be started.
    pub fn fork(&self) -> Result<Self> {
        let _stands_still = self.inner.simulation.clock().hold();
        let simulation = self.inner.simulation.fork().map_err(no_thread)?;
        let forked = |(name, begun): (&String, &Begun)| {
            let cluster = begun.cluster.fork_on(Arc::new(simulation.clock().clone()));
            (name.clone(), Begun::on(&simulation, cluster))
        };
        let clusters = lock(&self.inner.clusters).iter().map(forked).collect();
        let fork = Self::of(self.inner.options.clone(), simulation, lock(&self.inner.scene).clone());
        *lock(&fork.inner.clusters) = clusters;
        Ok(fork)
    }

    /// Starts to set one up.
    #[must_use]
    pub fn builder() -> ShadowBuilder {
        ShadowBuilder {
            seed: 0,
            begin: clock::next_hour(),
            clusters: Vec::new(),
            topology: Topology::of(3),
            scene: Scene::default(),
            base: None,
        }
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
        Ok(self.begun(name))
    }

    /// The cluster of this name, made at its first use.
    fn begun(&self, name: Option<&str>) -> Simulated {
        let options = &self.inner.options;
        let mut clusters = lock(&self.inner.clusters);
        let begun = clusters.entry(name.unwrap_or(NAME).to_owned()).or_insert_with(|| {
            let clock = Arc::new(self.inner.simulation.clock().clone());
            let mut builder = Simulated::builder(clock).seed(options.seed_of(name)).topology(options.topology.clone());
            if let Some(recording) = options.base.clone().filter(|_| name.is_none()) {
                builder = builder.base(recording);
            }
            Begun::on(&self.inner.simulation, builder.scene(lock(&self.inner.scene).clone()).build())
        });
        begun.cluster.clone()
    }

    /// Breaks something in all clusters from now on.
    pub fn inject(&self, fault: &Fault) {
        lock(&self.inner.scene).inject(fault.clone());
        for begun in lock(&self.inner.clusters).values() {
            begun.cluster.inject(fault.clone());
        }
    }

    /// How many objects came into being in all clusters, by kind and group; without Events.
    #[must_use]
    pub fn made(&self) -> Vec<Counted> {
        let mut made: BTreeMap<(String, String), Counted> = BTreeMap::new();
        for Begun { cluster, first } in lock(&self.inner.clusters).values() {
            for counted in cluster.census().into_iter().filter(|counted| counted.kind != "Event") {
                let key = (counted.kind.clone(), counted.group.clone());
                let same = |other: &&Counted| other.kind == counted.kind && other.group == counted.group;
                let count = counted.count.saturating_sub(first.iter().find(same).map_or(0, |before| before.count));
                made.entry(key).or_insert(Counted { count: 0, ..counted }).count += count;
            }
        }
        made.into_values().filter(|counted| counted.count > 0).collect()
    }

    /// What is broken, each with whether it was in the way of anything in any cluster yet.
    #[must_use]
    pub fn faults(&self) -> Vec<(Fault, bool)> {
        let mut all: Vec<(Fault, bool)> =
            lock(&self.inner.scene).faults().map(|(fault, _)| (fault.clone(), false)).collect();
        for (fault, met) in lock(&self.inner.clusters).values().flat_map(|begun| begun.cluster.faults()) {
            all.iter_mut().filter(|(known, _)| *known == fault).for_each(|(_, known)| *known |= met);
        }
        all
    }

    /// What controllers of the simulation looked at without end, and have left alone: its own mistakes.
    #[must_use]
    pub fn endless(&self) -> Vec<String> {
        lock(&self.inner.clusters).values().flat_map(|begun| begun.cluster.endless()).collect()
    }

    fn open(&self, name: &str, cluster: &Simulated) -> Cluster {
        // The client's worker belongs to the simulation: the clock must see what it does.
        let _entered = self.inner.simulation.handle().enter();
        let client = kube::Client::new(cluster.client(), "default");
        Cluster::with_client(name, client, "default", self.inner.clock.clone())
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
        let opened = self.simulated(name).map(|cluster| self.open(name.unwrap_or(NAME), &cluster));
        Box::pin(std::future::ready(opened))
    }

    fn knows(&self, name: &str) -> bool {
        name == NAME || self.inner.options.clusters.iter().any(|known| known == name)
    }

    fn cluster_names(&self) -> Vec<String> {
        self.inner.options.clusters.clone()
    }

    fn connect(&self, name: &str, _: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        Box::pin(std::future::ready(Ok(self.open(name, &self.begun(Some(name))))))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    fn simulation(&self) -> Option<Simulation> {
        Some(self.inner.simulation.clone())
    }

    fn forked(&self) -> Result<Arc<dyn Target>> {
        Ok(Arc::new(self.fork()?))
    }

    fn interrupt(&self) {
        for begun in lock(&self.inner.clusters).values() {
            begun.cluster.interrupt();
        }
    }

    #[cfg(feature = "listen")]
    fn kubeconfig(
        &self,
        cluster: Option<&str>,
        _: Option<&ClusterSource>,
    ) -> BoxFuture<Result<zeroize::Zeroizing<String>>> {
        let (target, cluster) = (self.clone(), cluster.map(str::to_owned));
        Box::pin(async move { door::kubeconfig(&target, cluster.as_deref()).await })
    }

    fn network(&self) -> Arc<dyn Network> {
        match self.simulated(None) {
            Ok(cluster) => Arc::new(network::Services(cluster, self.inner.forwards.clone(), self.clock())),
            Err(_) => Arc::new(network::Nothing),
        }
    }
}

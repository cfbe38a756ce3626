//! The cluster that a test is given.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Request};
use kube::client::Body;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::cluster::Patch;
use windlass_runtime::target::{Live, Shadow, Target};
use windlass_runtime::{Clock, Moment, RealClock};
use windlass_shadow::clock::{Hold, Reason, Simulation};
use windlass_shadow::fault::Fault;
use windlass_shadow::listen::{self, Listener};
use windlass_testbed::{Audit, AuditMark, Event, FAULT, OTHER, TESTER, Testbed};

use crate::door::{self, ApiServer};
use crate::{Other, Through, merged};

/// How a request in process says who asks. The simulated cluster lets everybody do everything; its log tells them apart.
const USER: &str = "impersonate-user";

/// A cluster with the nodes `node-1` to `node-3`, simulated or real, and how to work on it. Clones are the same.
#[derive(Clone)]
pub struct Bed(Arc<Inner>);

struct Inner {
    place: Place,
    bridge: Bridge,
    clock: Arc<dyn Clock>,
    other: Other,
    /// What is broken on the simulated cluster.
    faults: Mutex<Vec<Fault>>,
    api_server: watch::Sender<ApiServer>,
}

enum Place {
    Shadow { target: Shadow, asked: Arc<Mutex<Vec<Event>>>, door: OnceLock<Door> },
    Live(Control),
}

/// Where a simulated cluster is to be had from outside of this process.
struct Door {
    _listener: Listener,
    _folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

enum Control {
    Shared(&'static Testbed),
    Own(Box<Testbed>),
}

impl Control {
    fn testbed(&self) -> &Testbed {
        match self {
            Control::Shared(testbed) => testbed,
            Control::Own(testbed) => testbed,
        }
    }
}

fn real_clock() -> Arc<dyn Clock> {
    Arc::new(RealClock::new())
}

/// The worker threads of all beds.
fn bridge() -> &'static Bridge {
    static BRIDGE: OnceLock<Bridge> = OnceLock::new();
    BRIDGE.get_or_init(|| Bridge::new().unwrap())
}

fn wait_on<T: Send + 'static>(
    bridge: &Bridge,
    clock: &Arc<dyn Clock>,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    bridge.wait(&Cancel::root(), clock, async move { Ok(future.await) }).unwrap_or_else(|e| panic!("{e:?}"))
}

impl Bed {
    pub(crate) fn shadow() -> Self {
        let target = Shadow::builder().build().unwrap();
        let asked: Arc<Mutex<Vec<Event>>> = Arc::default();
        let log = asked.clone();
        target.simulated(None).unwrap().observe(move |request, status| {
            let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
            let body = serde_json::from_slice(request.body()).unwrap_or_default();
            let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
            let (user, agent) = (header(USER).unwrap_or(TESTER), header("user-agent").unwrap_or_default());
            let event = Event::seen(request.method().as_str(), uri, user, agent, &body, status.as_u16());
            log.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        });
        let (clock, simulation) = (target.clock(), target.simulation());
        simulation.iter().for_each(keep_alive);
        let other = as_user(Arc::new(target.clone()), OTHER);
        let place = Place::Shadow { target, asked, door: OnceLock::new() };
        Self::of(place, bridge().for_target(simulation), clock, &other)
    }

    pub(crate) fn live(testbed: &'static Testbed) -> Self {
        Self::real(Control::Shared(testbed))
    }

    fn real(control: Control) -> Self {
        let other = Live::builder().kubeconfig(control.testbed().kubeconfig_for(OTHER).unwrap()).build();
        Self::of(Place::Live(control), bridge().clone(), other.clock(), &other)
    }

    fn of(place: Place, bridge: Bridge, clock: Arc<dyn Clock>, other: &dyn Target) -> Self {
        let cluster = wait_on(&bridge, &clock, other.cluster(None)).unwrap();
        Self(Arc::new(Inner {
            place,
            bridge,
            clock,
            other: Other { cluster },
            faults: Mutex::default(),
            api_server: watch::Sender::new(ApiServer::There),
        }))
    }

    /// A cluster that no other test uses, for tests that use namespaces or nodes for themselves.
    #[must_use]
    pub fn alone(self) -> Self {
        match &self.0.place {
            Place::Shadow { .. } => self,
            Place::Live(_) => {
                let builder = Testbed::builder().nodes(3);
                let builder = if self.runs_containers() { builder.real_node() } else { builder };
                Self::real(Control::Own(Box::new(builder.start().unwrap())))
            }
        }
    }

    /// What sessions are opened on, as [`TESTER`].
    #[must_use]
    pub fn target(&self) -> Arc<dyn Target> {
        match &self.0.place {
            Place::Shadow { target, .. } => Arc::new(door::through(Arc::new(target.clone()), &self.0.api_server)),
            Place::Live(control) => Arc::new(Live::builder().kubeconfig(control.testbed().kubeconfig()).build()),
        }
    }

    /// The same as another user.
    #[must_use]
    pub fn target_as(&self, user: &str) -> Arc<dyn Target> {
        match &self.0.place {
            Place::Shadow { .. } => Arc::new(as_user(self.target(), user)),
            Place::Live(control) => {
                let kubeconfig = control.testbed().kubeconfig_for(user).unwrap();
                Arc::new(Live::builder().kubeconfig(kubeconfig).build())
            }
        }
    }

    /// The real control plane, where this is one: for what only it has, such as kubectl.
    #[must_use]
    pub fn testbed(&self) -> Option<&Testbed> {
        match &self.0.place {
            Place::Shadow { .. } => None,
            Place::Live(control) => Some(control.testbed()),
        }
    }

    /// Whether containers really run.
    #[must_use]
    pub fn runs_containers(&self) -> bool {
        self.testbed().is_some_and(Testbed::has_real_node)
    }

    /// A kubeconfig of [`TESTER`]'s, for what opens the cluster by itself. A simulated one listens from then on, and its
    /// time goes on by itself.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        match &self.0.place {
            Place::Live(control) => control.testbed().kubeconfig().to_owned(),
            Place::Shadow { target, door, .. } => door.get_or_init(|| self.open(target)).kubeconfig.clone(),
        }
    }

    fn open(&self, target: &Shadow) -> Door {
        let (cluster, clock) = (target.simulated(None).unwrap(), target.simulation().map(|s| s.clock().clone()));
        let listening =
            async move { Listener::open(&cluster, &listen::Options { clock, ..listen::Options::default() }).await };
        let listener = self.outside(listening).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        listener.write_kubeconfig(&kubeconfig).unwrap();
        Door { _listener: listener, _folder: folder, kubeconfig }
    }

    /// The time on the cluster's clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// Lets the API server go away for sessions, or come back. On the real one, everybody else's work ends too: take one that is
    /// [`alone`](Self::alone).
    pub fn api_server_is(&self, state: ApiServer) {
        let before = self.0.api_server.send_replace(state);
        let Some(testbed) = self.testbed() else { return };
        match before {
            ApiServer::There => {}
            ApiServer::Silent => testbed.resume_api_server().unwrap(),
            ApiServer::Gone => testbed.start_api_server().unwrap(),
        }
        match state {
            ApiServer::There => {}
            ApiServer::Silent => testbed.pause_api_server().unwrap(),
            ApiServer::Gone => testbed.stop_api_server(),
        }
    }

    /// Keeps the time of a simulated cluster from going on for as long as the result lives: what is begun meanwhile begins
    /// at one moment.
    #[must_use]
    pub fn still(&self) -> Option<Hold> {
        match &self.0.place {
            Place::Shadow { target, .. } => target.simulation().map(|simulation| simulation.clock().hold()),
            Place::Live(_) => None,
        }
    }

    /// Runs a future to its end where the cluster's clock is.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        wait_on(&self.0.bridge, &self.0.clock, future)
    }

    /// Runs a future to its end where sockets are, in the machine's time: what opens the cluster by its kubeconfig.
    pub fn outside<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        wait_on(bridge(), &real_clock(), future)
    }

    /// Somebody else, whose work one can wait for.
    #[must_use]
    pub fn other(&self) -> Other {
        self.0.other.clone()
    }

    /// Lets somebody else do something while the test goes on.
    pub fn meanwhile<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Other) -> F) -> Later {
        let work = self.0.bridge.handle().spawn(work(self.other()));
        Later { bed: self.clone(), work: Some(work) }
    }

    fn let_other<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, work: impl FnOnce(Other) -> F) -> T {
        self.wait(work(self.other()))
    }

    /// A namespace that nobody else uses.
    #[must_use]
    pub fn namespace(&self) -> String {
        match &self.0.place {
            Place::Live(control) if control.testbed().has_real_node() => {
                control.testbed().namespace_on_real_node("test").unwrap()
            }
            Place::Live(control) => control.testbed().fresh_namespace("test").unwrap(),
            Place::Shadow { .. } => {
                static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
                let name = format!("test-{}", COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
                self.create("", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
                name
            }
        }
    }

    /// An object. Panics if it is not there.
    #[must_use]
    pub fn get(&self, what: &str, namespace: &str) -> Json {
        self.find(what, namespace).unwrap_or_else(|| panic!("there is no {what} in {namespace}"))
    }

    /// An object, if it is there.
    #[must_use]
    pub fn find(&self, what: &str, namespace: &str) -> Option<Json> {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.find(&what, &namespace).await })
    }

    /// All objects of a kind in a namespace.
    #[must_use]
    pub fn list(&self, kind: &str, namespace: &str) -> Vec<Json> {
        let (kind, namespace) = (kind.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.list(&kind, &namespace).await })
    }

    /// All objects of a kind in all namespaces.
    #[must_use]
    pub fn list_everywhere(&self, kind: &str) -> Vec<Json> {
        let kind = kind.to_owned();
        self.let_other(|other| async move { other.list_everywhere(&kind).await })
    }

    /// Somebody else makes an object.
    pub fn create(&self, namespace: &str, object: Json) -> Json {
        let namespace = namespace.to_owned();
        self.let_other(|other| async move { other.create(&namespace, object).await })
    }

    /// Somebody else applies an object as this manager, over all others.
    pub fn apply_as(&self, manager: &str, namespace: &str, object: Json) -> Json {
        let (manager, namespace) = (manager.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.apply_as(&manager, &namespace, object).await })
    }

    /// Somebody else changes an object by a merge patch.
    pub fn patch(&self, what: &str, namespace: &str, patch: Json) -> Json {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.patch(&what, &namespace, patch).await })
    }

    /// Somebody else changes an object as this manager.
    pub fn patch_as(&self, manager: &str, what: &str, namespace: &str, patch: Patch) -> Json {
        let (manager, what, namespace) = (manager.to_owned(), what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.patch_as(&manager, &what, &namespace, patch).await })
    }

    /// Somebody else deletes an object; this waits until it is gone.
    pub fn delete(&self, what: &str, namespace: &str) {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.delete(&what, &namespace).await });
    }

    /// Somebody else deletes an object; this does not wait until it is gone.
    pub fn begin_to_delete(&self, what: &str, namespace: &str) {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.begin_to_delete(&what, &namespace).await });
    }

    /// Waits until an object is gone.
    pub fn until_gone(&self, what: &str, namespace: &str) {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.until(&what, &namespace, |object| object.is_none()).await });
    }

    /// Waits until a Deployment has rolled out.
    pub fn until_rolled_out(&self, what: &str, namespace: &str) {
        let (what, namespace) = (what.to_owned(), namespace.to_owned());
        self.let_other(|other| async move { other.until_rolled_out(&what, &namespace).await });
    }

    /// A workload whose pods will have this fault in this namespace: `image-not-found`, `crash-loop` or `never-ready`. On
    /// the simulated cluster it is a fault of its scene; on the real one, an annotation tells the simulated nodes. On the real
    /// node, its first container is told to be so.
    #[must_use]
    pub fn faulty(&self, namespace: &str, workload: Json, fault: &str) -> Json {
        if let Place::Shadow { target, .. } = &self.0.place {
            let fault = fault_of(namespace, &workload, fault);
            target.inject(&fault);
            self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        }
        let mut workload =
            merged(workload, &json!({"spec": {"template": {"metadata": {"annotations": {FAULT: fault}}}}}));
        if self.runs_containers() {
            let container = &mut workload["spec"]["template"]["spec"]["containers"][0];
            *container = merged(container.take(), &really(fault));
        }
        workload
    }

    /// Takes all faults away from pods that come from now on, and from those that are there on the simulated cluster.
    pub fn mend(&self) {
        if let Place::Shadow { target, .. } = &self.0.place {
            let faults = std::mem::take(&mut *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner));
            faults.iter().for_each(|fault| target.simulated(None).unwrap().mend(fault));
        }
    }

    /// The end of the log of requests as it is now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match &self.0.place {
            Place::Live(control) => Mark::Live(control.testbed().audit_mark().unwrap()),
            Place::Shadow { asked, .. } => Mark::Shadow(asked.lock().unwrap_or_else(PoisonError::into_inner).len()),
        }
    }

    /// What was asked for since then.
    #[must_use]
    pub fn asked_since(&self, mark: Mark) -> Audit {
        match (&self.0.place, mark) {
            (Place::Live(control), Mark::Live(mark)) => control.testbed().audit_since(mark).unwrap(),
            (Place::Shadow { asked, .. }, Mark::Shadow(mark)) => {
                Audit { events: asked.lock().unwrap_or_else(PoisonError::into_inner)[mark..].to_vec() }
            }
            _ => panic!("the mark is of another cluster"),
        }
    }
}

/// A place in the log of requests.
#[derive(Debug, Clone, Copy)]
pub enum Mark {
    /// In the real API server's audit log.
    Live(AuditMark),
    /// In the list of what the simulated cluster was asked.
    Shadow(usize),
}

/// Something can always happen on a cluster where others work too: a wait there goes on to its timeout. Without anybody else,
/// a simulation says at once that nothing can happen any more.
fn keep_alive(simulation: &Simulation) {
    let clock = simulation.clock().clone();
    simulation.handle().spawn(async move {
        loop {
            clock.sleep_until(clock.now() + Duration::from_secs(1), Reason::Event).await;
        }
    });
}

fn as_user(target: Arc<dyn Target>, user: &str) -> Through {
    let user = HeaderValue::from_str(user).unwrap();
    Through::new(target, move |mut request: Request<Body>, client| {
        request.headers_mut().insert(USER, user.clone());
        async move { Ok(client.send(request).await?) }
    })
}

fn fault_of(namespace: &str, workload: &Json, fault: &str) -> Fault {
    let name = workload.pointer("/metadata/name").and_then(Json::as_str).unwrap();
    let pattern = format!("{namespace}/{name}-*");
    match fault {
        "image-not-found" => Fault::Image { pattern },
        "crash-loop" => Fault::Crash { pattern },
        "never-ready" => Fault::NeverReady { pattern },
        other => panic!("there is no fault {other}"),
    }
}

/// What makes a container of the real node faulty.
fn really(fault: &str) -> Json {
    match fault {
        "image-not-found" => json!({"image": "example.invalid/not-found:1"}),
        "crash-loop" => json!({"command": ["sh", "-c", "echo started; echo ready; exit 1"]}),
        "never-ready" => json!({"readinessProbe": {"tcpSocket": {"port": 9}}}),
        other => panic!("there is no fault {other}"),
    }
}

/// What somebody else does meanwhile.
#[must_use]
pub struct Later {
    bed: Bed,
    work: Option<tokio::task::JoinHandle<()>>,
}

impl Later {
    /// Waits until it is done; panics if it failed.
    pub fn done(mut self) {
        if let Some(work) = self.work.take() {
            self.bed.wait(work).unwrap();
        }
    }
}

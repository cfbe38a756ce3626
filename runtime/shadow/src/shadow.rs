//! The shadow as one holds it: a cluster that answers requests.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use crate::api::{self, Body};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::container::Session;
use crate::controllers::driver::{Engine, Idle};
use crate::fault::{Fault, Scene};
use crate::recording::{Loaded, Recording};
use crate::store::Key;
use crate::topology::Topology;
use crate::world::{Objects as _, World};
use crate::{Json, object};

/// How much of a connection in memory is under way.
const UPGRADED_BUFFER: usize = 64 << 10;

/// Who is told of each request, with what it was answered.
type Observer = Arc<dyn Fn(&Request<Bytes>, StatusCode) + Send + Sync>;

/// A Kubernetes cluster in process. Clones are handles to the same one; [`fork`](Self::fork) makes another.
#[derive(Clone)]
pub struct Shadow {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    /// When the controllers have something to do next.
    idle: watch::Sender<Idle>,
    /// Whether controllers that have much to do leave it until somebody asks for something.
    interrupted: AtomicBool,
    clock: Arc<dyn Clock>,
    observer: Mutex<Option<Observer>>,
}

struct State {
    world: World,
    engine: Engine,
    /// What controllers looked at without end.
    endless: BTreeSet<String>,
}

/// What a [`Shadow`] is made of.
pub struct Builder {
    seed: u64,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    topology: Topology,
    scene: Option<Scene>,
    base: Option<Recording>,
}

impl Builder {
    /// The machines; none without.
    #[must_use]
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = topology;
        self
    }

    /// What lies below all that is written here. Controllers look after what is written, and after what belongs to it: an
    /// object of the base comes up into the layer of what is written with the first change to it, and with it its dependents,
    /// the objects that control it, and the pods of a node.
    #[must_use]
    pub fn base(mut self, recording: Recording) -> Self {
        self.base = Some(recording);
        self
    }

    /// Lets controllers, scheduler and kubelets work, with things taking as long, and as broken, as the scene says. Without
    /// one, nothing happens by itself but what the API server does.
    ///
    /// [`Shadow::run`] has to run for what takes time.
    #[must_use]
    pub fn scene(mut self, scene: Scene) -> Self {
        self.scene = Some(scene);
        self
    }

    /// What uids, names and whatever else is left to chance come from; 0 without.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    #[cfg(test)]
    pub(crate) fn catalog(mut self, catalog: Catalog) -> Self {
        self.catalog = catalog;
        self
    }

    /// The cluster. Without a base, a fresh one.
    #[must_use]
    pub fn build(self) -> Shadow {
        let (catalog, base) = match self.base {
            None => (self.catalog, None),
            Some(recording) => {
                let Loaded { base, catalog } = recording.load(self.catalog);
                (catalog, Some(base))
            }
        };
        let mut world = World::new(self.seed, self.clock.clone(), catalog, base);
        world.begin();
        // What was on its way when it was recorded arrives.
        for pod in world.list("pods", None).iter().filter(|pod| is_on_its_way(pod)) {
            world.store.bring_up(&Key::new("pods", object::namespace(pod), object::name(pod)));
        }
        let now = self.clock.wall();
        for node in self.topology.objects(now) {
            // A machine that the API refuses is none: `Topology::check` tells.
            drop(world.join(node));
        }
        let shadow = Shadow::of(world, self.scene.map_or_else(Engine::api_server, Engine::new), self.clock);
        shadow.with(|_| ());
        shadow
    }
}

/// Whether a pod starts on its node, or ends there.
fn is_on_its_way(pod: &Json) -> bool {
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return false;
    }
    let lists = ["initContainerStatuses", "containerStatuses"].into_iter();
    let mut containers = lists.filter_map(|list| pod["status"][list].as_array()).flatten();
    let starts = |container: &Json| match container["state"]["waiting"]["reason"].as_str() {
        None => true,
        Some(reason) => matches!(reason, "ContainerCreating" | "PodInitializing"),
    };
    let is_leaving = pod["metadata"]["deletionTimestamp"].is_string();
    is_leaving || (pod["status"]["phase"] == "Pending" && containers.all(starts))
}

impl Shadow {
    /// Of this time.
    #[must_use]
    pub fn builder(clock: Arc<dyn Clock>) -> Builder {
        Builder { seed: 0, clock, catalog: Catalog::builtin(), topology: Topology::default(), scene: None, base: None }
    }

    fn of(world: World, engine: Engine, clock: Arc<dyn Clock>) -> Self {
        let changed = watch::Sender::new(world.store.version());
        let idle = watch::Sender::new(Idle::default());
        let interrupted = AtomicBool::new(false);
        let state = Mutex::new(State { world, engine, endless: BTreeSet::new() });
        Self { inner: Arc::new(Inner { state, changed, idle, interrupted, clock, observer: Mutex::default() }) }
    }

    /// Wakes the controllers whenever the time has come for something. To be spawned where the clock belongs; ends when no
    /// handle to the shadow is left.
    pub fn run(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::downgrade(&self.inner);
        let clock = self.inner.clock.clone();
        let mut idle = self.inner.idle.subscribe();
        async move {
            loop {
                let next = idle.borrow_and_update().clone();
                let never = || futures::future::pending().boxed();
                let interrupted = inner.upgrade().is_some_and(|inner| inner.interrupted.load(Ordering::Relaxed));
                let strong = next.strong.filter(|_| !interrupted);
                let strong = strong.map_or_else(never, |at| clock.sleep_until(at));
                let weak = next.weak.map_or_else(never, |at| clock.sleep_weakly_until(at));
                tokio::select! {
                    changed = idle.changed() => if changed.is_err() { return },
                    () = strong => {}
                    () = weak => {}
                }
                let Some(inner) = inner.upgrade() else { return };
                Self { inner }.with(|_| ());
                // Where there is much to do, it is done piece by piece.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Where controllers are in the middle of more work than is done at once: they leave it, and only go on with it, piece
    /// by piece, when somebody asks for something. For when nobody wants to wait for it any more.
    pub fn interrupt(&self) {
        let busy = self.inner.idle.borrow().strong.is_some_and(|at| at <= self.inner.clock.now());
        self.inner.interrupted.store(busy, Ordering::Relaxed);
    }

    /// Breaks something from now on.
    pub fn inject(&self, fault: Fault) {
        if let Fault::Node { name } = &fault {
            // A machine of the base is looked after from now on.
            self.with(|world| world.store.bring_up(&Key::new("nodes", "", name)));
        }
        self.engine(|engine| engine.inject(fault));
    }

    /// Mends what [`inject`](Self::inject) broke.
    pub fn mend(&self, fault: &Fault) {
        self.engine(|engine| engine.mend(fault));
    }

    /// What is broken, each with whether it was in the way of anything yet.
    #[must_use]
    pub fn faults(&self) -> Vec<(Fault, bool)> {
        self.lock().engine.faults()
    }

    fn engine(&self, work: impl FnOnce(&mut Engine)) {
        work(&mut self.lock().engine);
        self.with(|_| ());
    }

    /// What controllers looked at without end, and have left alone: mistakes of this crate. Each as
    /// `controller: resource namespace/name`.
    #[must_use]
    pub fn endless(&self) -> Vec<String> {
        self.lock().endless.iter().cloned().collect()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells somebody of each request from now on, and of the answer's status, after it was answered: what an API server's
    /// audit log is for. A [`fork`](Self::fork) has nobody to tell.
    pub fn observe(&self, observer: impl Fn(&Request<Bytes>, StatusCode) + Send + Sync + 'static) {
        *self.inner.observer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(observer));
    }

    /// Answers a request. Whoever asks may do anything.
    ///
    /// Where a connection is to be upgraded, the request must come from a server of hyper's that does that.
    pub async fn handle<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body,
    {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let request = Request::from_parts(parts, body.to_bytes());
        let mut response = self.with(|world| api::handle(world, &request));
        if let Some(session) = response.extensions_mut().remove::<Session>() {
            tokio::spawn(session.serve(self.clone(), upgrade));
        }
        let observer = self.inner.observer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(observer) = observer {
            observer(&request, response.status());
        }
        response
    }

    /// A service for clients in the same process, such as kube's: `kube::Client::new(shadow.client(), "default")`.
    #[must_use]
    pub fn client(&self) -> Service {
        Service { shadow: self.clone() }
    }

    /// Another cluster, which is now as this one is. They share the clock.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.fork_on(self.inner.clock.clone())
    }

    /// As [`fork`](Self::fork), by a clock of its own, which stands where this one's does:
    /// [`Simulation::fork`](crate::clock::Simulation::fork). [`Shadow::run`] has to run for it, too.
    #[must_use]
    pub fn fork_on(&self, clock: Arc<dyn Clock>) -> Self {
        let state = self.lock();
        let engine = state.engine.fork();
        Self::of(state.world.fork(clock.clone()), engine, clock)
    }

    /// Tells, after each request or work of a controller that changed anything, the version of the last change.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Does something to the world, alone; the controllers act on it before anybody else sees the world.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut state = self.lock();
        let State { world, engine, endless } = &mut *state;
        let result = work(world);
        let idle = engine.run(world);
        endless.extend(idle.endless.iter().cloned());
        if idle.strong.is_none_or(|at| at > self.inner.clock.now()) {
            self.inner.interrupted.store(false, Ordering::Relaxed);
        }
        self.inner.idle.send_if_modified(|last| {
            let differs = *last != idle;
            *last = idle;
            differs
        });
        let version = world.store.version();
        drop(state);
        self.inner.changed.send_if_modified(|last| {
            let newer = version > *last;
            *last = version.max(*last);
            newer
        });
        result
    }
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").field("version", &*self.inner.changed.borrow()).finish_non_exhaustive()
    }
}

/// A [`Shadow`] as a tower service.
#[derive(Debug, Clone)]
pub struct Service {
    shadow: Shadow,
}

impl<B> tower::Service<Request<B>> for Service
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shadow = self.shadow.clone();
        Box::pin(async move {
            if request.headers().contains_key(http::header::UPGRADE) {
                return Ok(upgraded(shadow, request).await.unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY)));
            }
            Ok(shadow.handle(request).await)
        })
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Answers a request that turns its connection into another one. Only hyper can hand such a connection over, so there is
/// one, in memory.
async fn upgraded<B>(shadow: Shadow, request: Request<B>) -> Result<Response<Body>, hyper::Error>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    let request = Request::from_parts(parts, Full::new(body.to_bytes()));
    let (near, far) = tokio::io::duplex(UPGRADED_BUFFER);
    let answer = service_fn(move |request| {
        let shadow = shadow.clone();
        async move { Ok::<_, Infallible>(shadow.handle(request).await) }
    });
    tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(far), answer).with_upgrades());
    let (mut sender, connection) = client::handshake(TokioIo::new(near)).await?;
    tokio::spawn(connection.with_upgrades());
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body =
        if parts.status == StatusCode::SWITCHING_PROTOCOLS { Bytes::new() } else { body.collect().await?.to_bytes() };
    Ok(Response::from_parts(parts, Body::whole(body)))
}

//! The shadow as one holds it: a cluster that answers requests.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::watch;

use crate::api::{self, Body};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::world::World;

/// A Kubernetes cluster in process. Clones are handles to the same one; [`fork`](Self::fork) makes another.
#[derive(Clone)]
pub struct Shadow {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    changed: watch::Sender<u64>,
}

/// What a [`Shadow`] is made of.
pub struct Builder {
    seed: u64,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
}

impl Builder {
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

    /// A fresh cluster.
    #[must_use]
    pub fn build(self) -> Shadow {
        let mut world = World::new(self.seed, self.clock, self.catalog, None);
        world.begin();
        Shadow::of(world)
    }
}

impl Shadow {
    /// Of this time.
    #[must_use]
    pub fn builder(clock: Arc<dyn Clock>) -> Builder {
        Builder { seed: 0, clock, catalog: Catalog::default() }
    }

    fn of(world: World) -> Self {
        let changed = watch::Sender::new(world.store.version());
        Self { inner: Arc::new(Inner { world: Mutex::new(world), changed }) }
    }

    /// Answers a request. Whoever asks may do anything.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body,
    {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            let mut response = Response::new(Body::whole(Bytes::new()));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        let request = Request::from_parts(parts, body.to_bytes());
        self.with(|world| api::handle(world, &request))
    }

    /// A service for clients in the same process, such as kube's: `kube::Client::new(shadow.client(), "default")`.
    #[must_use]
    pub fn client(&self) -> Service {
        Service { shadow: self.clone() }
    }

    /// Another cluster, which is now as this one is. They share the clock.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.with(|world| Self::of(world.fork()))
    }

    /// Tells, after each request or work of a controller that changed anything, the version of the last change.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Does something to the world, alone.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.inner.world.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut world);
        let version = world.store.version();
        drop(world);
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
        Box::pin(async move { Ok(shadow.handle(request).await) })
    }
}

//! A target whose requests pass through a function of the test's.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::Body;
use tower::BoxError;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::target::{ClusterSource, Network, Target};
use windlass_runtime::{BoxFuture, Clock, Result};
use windlass_shadow::clock::Simulation;
use zeroize::Zeroizing;

/// What comes of a request.
type Answer = std::result::Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// A target whose requests pass through a function: it may send them on by the client that it is given, change them and
/// their answers, or break the connection.
#[derive(Clone)]
pub struct Through {
    target: Arc<dyn Target>,
    pass: Arc<dyn Fn(Request<Body>, kube::Client) -> BoxFuture<Answer> + Send + Sync>,
}

impl Through {
    /// Puts the function between the target and its users.
    pub fn new<B, F>(
        target: Arc<dyn Target>,
        pass: impl Fn(Request<Body>, kube::Client) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = std::result::Result<Response<B>, BoxError>> + Send + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let pass = move |request, client| -> BoxFuture<Answer> {
            let answer = pass(request, client);
            Box::pin(async move { Ok(answer.await?.map(|body| body.map_err(Into::into).boxed_unsync())) })
        };
        Self { target, pass: Arc::new(pass) }
    }
}

impl Through {
    fn between(&self, opening: BoxFuture<Result<Cluster>>) -> BoxFuture<Result<Cluster>> {
        let pass = self.pass.clone();
        Box::pin(async move {
            let cluster = opening.await?;
            let client = cluster.client().clone();
            let service = tower::service_fn(move |request| pass(request, client.clone()));
            let (namespace, clock) = (cluster.default_namespace(), cluster.clock().clone());
            Ok(Cluster::with_client(cluster.name(), kube::Client::new(service, namespace), namespace, clock))
        })
    }
}

impl Target for Through {
    fn name(&self) -> String {
        self.target.name()
    }

    fn is_live(&self) -> bool {
        self.target.is_live()
    }

    /// A test's files are its own.
    fn writes_files(&self) -> bool {
        true
    }

    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        self.between(self.target.cluster(name))
    }

    fn knows(&self, name: &str) -> bool {
        self.target.knows(name)
    }

    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        self.between(self.target.connect(name, by))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.target.clock()
    }

    fn simulation(&self) -> Option<Simulation> {
        self.target.simulation()
    }

    fn network(&self) -> Arc<dyn Network> {
        self.target.network()
    }

    /// Other programs come in by the cluster's own door.
    fn kubeconfig(&self, cluster: Option<&str>, by: Option<&ClusterSource>) -> BoxFuture<Result<Zeroizing<String>>> {
        self.target.kubeconfig(cluster, by)
    }
}

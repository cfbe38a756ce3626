//! Opening a cluster by kubeconfig.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use zeroize::Zeroizing;

use super::exchange::Exchange;
use super::failure::{Subject, credentials_fault};
use super::kubeconfig;
use super::retry::{Repeat, RetryPolicy};
use super::transport;
use super::{Cluster, Json};
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};

/// Which cluster to open, and what its kubeconfig may do.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// What it is called; none for the context's name.
    pub name: Option<String>,
    /// The kubeconfig files, merged in this order; none for `KUBECONFIG`, else `~/.kube/config`, else the service
    /// account of the pod that this runs in.
    pub kubeconfig: Vec<PathBuf>,
    /// The context; none for the current one.
    pub context: Option<String>,
    /// The default namespace; none for the context's, else `default`.
    pub namespace: Option<String>,
    /// The credential programs (`exec:`) that may be run, each exactly as the kubeconfig names it.
    pub allow_programs: Vec<String>,
    /// Accept `insecure-skip-tls-verify`.
    pub allow_insecure_tls: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How requests are repeated.
    pub retry: RetryPolicy,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            name: None,
            kubeconfig: Vec::new(),
            context: None,
            namespace: None,
            allow_programs: Vec::new(),
            allow_insecure_tls: false,
            connect_timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
        }
    }
}

impl Cluster {
    /// Opens a cluster by kubeconfig. No request is sent yet: see [`Cluster::check`].
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a file or context that is not there, [`Kind::Denied`] for a credential program or a
    /// missing verification that the options do not allow, [`Kind::Malformed`] for anything that cannot be read.
    pub async fn open(options: OpenOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let paths = options.kubeconfig.clone();
        let (name, mut config) = match blocking(move || kubeconfig::read(&paths)).await? {
            Err(error) if error.kind() == Kind::NotFound && in_pod(&options) => {
                let unusable = |e| Error::new(Kind::Malformed, "the pod's service account cannot be used").source(e);
                ("in-cluster".to_owned(), Config::incluster().map_err(unusable)?)
            }
            read => configured(&read?, &options).await?,
        };
        let name = options.name.clone().unwrap_or(name);
        if let Some(namespace) = &options.namespace {
            config.default_namespace.clone_from(namespace);
        }
        config.connect_timeout = Some(options.connect_timeout);
        config.default_retry = false;
        let agent = HeaderValue::from_static(concat!("windlass/", env!("CARGO_PKG_VERSION")));
        config.headers.push((HeaderName::from_static("user-agent"), agent));
        let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
        // A credential program that is allowed runs while the client is made, and blocks.
        let upgrading = transport::Upgrading::of(config.clone());
        let built = blocking(move || transport::client(config)).await?;
        let client = built.map_err(|e| unbuilt(&name, e))?;
        Ok(Cluster::assemble(name, Some(server), (client, upgrading), namespace, clock, options.retry))
    }

    /// A kubeconfig with this cluster alone, and with what the options allow, for other programs: it holds the credentials.
    ///
    /// # Errors
    /// As [`Cluster::open`].
    pub async fn kubeconfig(options: OpenOptions) -> Result<Zeroizing<String>> {
        let paths = options.kubeconfig.clone();
        match blocking(move || kubeconfig::read(&paths)).await? {
            Err(error) if error.kind() == Kind::NotFound && in_pod(&options) => kubeconfig::of_pod(),
            read => kubeconfig::alone(read?, &options),
        }
    }

    /// Asks the API server for its version, once: says early whether it can be reached, is who it should be, and
    /// accepts the credentials.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] or [`Kind::Forbidden`], with what to do.
    pub async fn check(&self) -> Result<String> {
        let answer = self.version().await?;
        Ok(answer.get("gitVersion").and_then(Json::as_str).unwrap_or("unknown").to_owned())
    }

    /// What the API server says of its version, as it says it: `gitVersion`, `major`, `minor`, `platform` and others.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] or [`Kind::Forbidden`], with what to do.
    pub async fn version(&self) -> Result<Json> {
        let subject = Subject {
            verb: "read",
            resource: self.server().map_or_else(|| "the version".to_owned(), |s| format!("the version of {s}")),
            group_resource: "/version".into(),
            namespace: None,
            single: false,
            cluster: self.name().to_owned(),
        };
        let mut exchange = Exchange::get("/version".into(), subject);
        exchange.repeat = Repeat::Never;
        self.exchange_json(&exchange).await.map_err(|f| f.into_error(&exchange.subject))
    }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let cut = |e| Error::internal("opening the cluster was cut short").source(e);
    tokio::task::spawn_blocking(work).await.map_err(cut)
}

fn in_pod(options: &OpenOptions) -> bool {
    options.kubeconfig.is_empty() && options.context.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

async fn configured(file: &Kubeconfig, options: &OpenOptions) -> Result<(String, Config)> {
    let name = kubeconfig::choose(file, options)?;
    let chosen = KubeConfigOptions { context: Some(name.clone()), cluster: None, user: None };
    let mut config = Config::from_custom_kubeconfig(file.clone(), &chosen).await.map_err(|e| unusable(&name, e))?;
    let context = file.contexts.iter().find(|c| c.name == name).and_then(|c| c.context.as_ref());
    let named = file.clusters.iter().find(|c| context.is_some_and(|k| k.cluster == c.name));
    let proxy = named.and_then(|c| c.cluster.as_ref()).and_then(|c| c.proxy_url.as_deref());
    if proxy.is_none_or(str::is_empty) {
        config.proxy_url = environment_proxy(&config.cluster_url)?;
    }
    Ok((name, config))
}

/// The proxy that the environment asks for. Decided here because kube compares `NO_PROXY` with the proxy's address
/// instead of the server's, and knows no exception for this machine.
fn environment_proxy(server: &Uri) -> Result<Option<Uri>> {
    if kubeconfig::is_loopback(&server.to_string()) {
        return Ok(None);
    }
    let matcher = hyper_util::client::proxy::matcher::Matcher::from_env();
    if matcher.intercept(server).is_none() {
        return Ok(None);
    }
    let variables: &[&str] = match server.scheme_str() {
        Some("https") => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => &["http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let found = variables.iter().find_map(|v| std::env::var(v).ok().filter(|t| !t.is_empty()).map(|t| (*v, t)));
    let Some((variable, text)) = found else { return Ok(None) };
    let text = if text.contains("://") { text } else { format!("http://{text}") };
    // The address may hold a password: it is not shown.
    text.parse()
        .map(Some)
        .map_err(|e| Error::new(Kind::Malformed, format!("{variable} is no address of a proxy")).source(e))
}

pub(super) fn unbuilt(context: &str, error: kube::Error) -> Error {
    match &error {
        kube::Error::Auth(auth) => Error::new(Kind::System, format!("context {context}: {}", credentials_fault(auth)))
            .hint("if a program gives them, run it by hand: its command and arguments are in the kubeconfig"),
        _ => unusable(context, error),
    }
}

fn unusable(context: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Malformed, format!("context {context} cannot be used"))
        .source(source)
        .hint("look at its cluster and user: kubectl config view --context NAME --minify")
}

#[cfg(test)]
mod tests;

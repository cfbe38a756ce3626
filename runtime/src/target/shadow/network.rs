//! The network of a simulated cluster: what stands behind its Services, Ingresses and nodes answers while a pod that belongs
//! to it is ready. What is outside of the cluster is taken to answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt as _, Empty};
use serde_json::Value as Json;
use tokio::io::AsyncReadExt as _;
use windlass_shadow::Shadow as Simulated;

use crate::clock::{BoxFuture, Clock};
use crate::sync::lock;
use crate::target::{Connect, Dialed, Forward, Network, Tell, is_inside};
use crate::{Error, Kind, Result};

/// Why it is not known what a container says.
const CONTAINER: &str = "what containers answer is not simulated";
/// Why it is not known what somebody else says.
const OUTSIDE: &str = "what is outside of the cluster is not simulated";

pub(super) struct Services(pub(super) Simulated, pub(super) Forwards, pub(super) Arc<dyn Clock>);

/// The ports of the loopback interface that lead elsewhere. In a simulation they are no real ones.
#[derive(Clone, Default)]
pub(super) struct Forwards(Arc<Mutex<BTreeMap<u16, Connect>>>);

/// The first port that is given out.
const FIRST_PORT: u16 = 40_000;

impl Forwards {
    fn open(&self, connect: Connect) -> Result<Forward> {
        let mut open = lock(&self.0);
        let free = (FIRST_PORT..=u16::MAX).find(|port| !open.contains_key(port));
        let port = free.ok_or_else(|| Error::new(Kind::System, "no port of 127.0.0.1 is free"))?;
        open.insert(port, connect);
        Ok(Forward::new(port, Closes(self.clone(), port)))
    }
}

/// A port that is closed with this.
struct Closes(Forwards, u16);

impl Drop for Closes {
    fn drop(&mut self) {
        lock(&self.0.0).remove(&self.1);
    }
}

/// Where there is no cluster, there is no network: never the real one.
pub(super) struct Nothing;

impl Network for Nothing {
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<IpAddr>>> {
        let error = Error::new(Kind::Unavailable, format!("the name {host} cannot be resolved"));
        Box::pin(std::future::ready(Err(error.hint("there is no simulated cluster behind it"))))
    }

    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>> {
        let error = Error::new(Kind::Unavailable, format!("{host}:{port} does not accept a connection"));
        Box::pin(std::future::ready(Err(error.hint("there is no simulated cluster behind it"))))
    }
}

impl Network for Services {
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<IpAddr>>> {
        let (cluster, host) = (self.0.clone(), host.to_owned());
        Box::pin(async move {
            let service = service(&cluster, &host).await?;
            let ips = service.pointer("/spec/clusterIPs").and_then(Json::as_array).cloned().unwrap_or_default();
            let ips: Vec<IpAddr> = ips.iter().filter_map(|ip| ip.as_str()?.parse().ok()).collect();
            if ips.is_empty() {
                return Err(Error::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
                    .hint("its Service has no address of its own"));
            }
            Ok(ips)
        })
    }

    fn forward(&self, connect: Connect, _: Tell) -> BoxFuture<Result<Forward>> {
        Box::pin(std::future::ready(self.1.open(connect)))
    }

    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>> {
        if matches!(host, "127.0.0.1" | "::1" | "localhost") {
            let connecting = lock(&self.1.0).get(&port).map(|connect| connect());
            let message = format!("{host}:{port} does not accept a connection");
            let refused = move |why: &str| Error::new(Kind::Unavailable, message.clone()).hint(why.to_owned());
            let clock = self.2.clone();
            return Box::pin(async move {
                let nobody = || refused("in a simulation, only forwarded ports listen here");
                let mut stream = connecting.ok_or_else(nobody)?.await?;
                // Where nobody listens it ends at once, before any time has passed.
                let mut said = [0];
                let ended = std::pin::pin!(stream.read(&mut said));
                match select(ended, clock.sleep(Duration::from_millis(1))).await {
                    Either::Left(_) => Err(refused("the pod behind it is not ready")),
                    Either::Right(_) => Ok(Dialed::Assumed(CONTAINER)),
                }
            });
        }
        let (cluster, host) = (self.0.clone(), host.trim_end_matches('.').to_owned());
        Box::pin(async move {
            let refused = |why: &str| {
                let message = format!("{host}:{port} does not accept a connection");
                Error::new(Kind::Unavailable, message).hint(why.to_owned())
            };
            if is_inside(&host) {
                let service = service(&cluster, &host).await?;
                if !ports(&service).any(|known| number(known, "port") == Some(port)) {
                    return Err(refused("its Service does not have this port"));
                }
                return match is_ready(&cluster, &service).await {
                    true => Ok(Dialed::Assumed(CONTAINER)),
                    false => Err(refused("no pod behind its Service is ready")),
                };
            }
            let published = published(&cluster, &host, port).await;
            if published.is_empty() {
                return Ok(Dialed::Assumed(OUTSIDE));
            }
            for service in &published {
                if is_ready(&cluster, service).await {
                    return Ok(Dialed::Assumed(CONTAINER));
                }
            }
            Err(refused("no pod behind it is ready"))
        })
    }
}

fn ports(service: &Json) -> impl Iterator<Item = &Json> {
    service.pointer("/spec/ports").and_then(Json::as_array).into_iter().flatten()
}

fn number(port: &Json, key: &str) -> Option<u16> {
    port.get(key).and_then(Json::as_u64).and_then(|number| u16::try_from(number).ok())
}

/// Whether a pod behind a Service is ready.
async fn is_ready(cluster: &Simulated, service: &Json) -> bool {
    let text = |pointer: &str| service.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let path = format!(
        "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector=kubernetes.io/service-name%3D{name}"
    );
    let slices = items(cluster, &path).await;
    let mut endpoints = slices.iter().filter_map(|slice| slice.get("endpoints")?.as_array()).flatten();
    endpoints.any(|e| e.pointer("/conditions/ready").and_then(Json::as_bool) == Some(true))
}

/// The Services that are to be had from outside under a name: through an Ingress of this host, or by their port on a node.
async fn published(cluster: &Simulated, host: &str, port: u16) -> Vec<Json> {
    let mut found = Vec::new();
    if matches!(port, 80 | 443) {
        for ingress in items(cluster, "/apis/networking.k8s.io/v1/ingresses").await {
            let namespace = ingress.pointer("/metadata/namespace").and_then(Json::as_str).unwrap_or_default();
            let rules = ingress.pointer("/spec/rules").and_then(Json::as_array).into_iter().flatten();
            let own = rules.filter(|rule| rule.get("host").and_then(Json::as_str) == Some(host));
            let paths = own.filter_map(|rule| rule.pointer("/http/paths")?.as_array()).flatten();
            let names: Vec<&str> = paths.filter_map(|path| path.pointer("/backend/service/name")?.as_str()).collect();
            for name in names {
                found.extend(get(cluster, &format!("/api/v1/namespaces/{namespace}/services/{name}")).await);
            }
        }
    }
    let nodes = items(cluster, "/api/v1/nodes").await;
    let addresses = nodes.iter().filter_map(|node| node.pointer("/status/addresses")?.as_array()).flatten();
    if addresses.filter_map(|address| address.get("address")?.as_str()).any(|address| address == host) {
        let services = items(cluster, "/api/v1/services").await.into_iter();
        found.extend(services.filter(|service| ports(service).any(|known| number(known, "nodePort") == Some(port))));
    }
    found
}

/// The Service that a host's name means: `name.namespace`, with or without `.svc.cluster.local`.
async fn service(cluster: &Simulated, host: &str) -> Result<Json> {
    let short = host.trim_end_matches('.').trim_end_matches(".cluster.local").trim_end_matches(".svc");
    let found = match short.split_once('.') {
        Some((name, namespace)) if !namespace.contains('.') => {
            get(cluster, &format!("/api/v1/namespaces/{namespace}/services/{name}")).await
        }
        _ => None,
    };
    found.ok_or_else(|| {
        Error::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
            .hint("in a simulation, only the names of Services are known: name.namespace.svc.cluster.local")
    })
}

async fn items(cluster: &Simulated, path: &str) -> Vec<Json> {
    let list = get(cluster, path).await.unwrap_or_default();
    list.get("items").and_then(Json::as_array).cloned().unwrap_or_default()
}

async fn get(cluster: &Simulated, path: &str) -> Option<Json> {
    let request = http::Request::get(path).body(Empty::<Bytes>::new()).ok()?;
    let response = cluster.handle(request).await;
    if !response.status().is_success() {
        return None;
    }
    let bytes = response.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&bytes).ok()
}

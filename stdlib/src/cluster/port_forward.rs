//! `cluster::port_forward`.

use std::num::NonZeroU16;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_runtime::closure::Closure;
use windlass_runtime::cluster::{Cluster, ResourceId};
use windlass_runtime::event::Level;
use windlass_runtime::target::Connect;
use windlass_runtime::{Call, Error, Kind, Result, Value, primitive};

use super::pods::{self, Purpose};
use super::{OnCluster, Target};
use crate::fields::{list, text};

/// Lets a port of this machine lead to a port of a pod while a closure runs, and returns what the closure returns.
///
/// The closure gets the local port: a free one of 127.0.0.1, which nobody else can reach. It is closed when the closure
/// ends, also by an error or a cancel. Each connection to it is one to the pod; where nothing listens in the pod, the
/// connection is closed at once.
///
/// The target is a pod, or what has pods, as for `cluster::exec`. The port is the pod's; of a Service it is the Service's
/// port, which leads to the pod's as the Service says.
///
/// In a rehearsal, the port is known to the simulated network only. It accepts while the pod's containers are ready, and
/// `wait::http` and `wait::port` take the rest for granted: their result has `assumed`.
///
/// # Errors
/// `not_found` if there is no such object or pod, or the Service has no such port; `unavailable` if the pod does not run;
/// `usage` for a number that is no port; whatever the closure throws.
///
/// # Example
/// ```rhai
/// for pod in cluster::list("Pod", #{ namespace: "kube-system", labels: "k8s-app=metrics", limit: 1 }) {
///     cluster::port_forward(`Pod/${pod.metadata.name}`, 8080, #{ namespace: "kube-system" }, |port| {
///         log::info(`metrics are at http://127.0.0.1:${port}/metrics`);
///     });
/// }
/// ```
#[primitive(module = "cluster", effect = Wait)]
pub fn port_forward(
    call: &Call<'_>,
    target: Target,
    port: NonZeroU16,
    options: OnCluster,
    closure: Closure,
) -> Result<Value> {
    let (_, id) = options.find(call, &target)?;
    let place = pods::find(call, &options, &target, None, Purpose::Run)?;
    let (cluster, pod) = (place.cluster, place.pod);
    let port = if id.kind == "Service" { of_service(call, &cluster, &id, &pod, port.get())? } else { port.get() };
    let connect: Connect = Arc::new(move || {
        let (cluster, pod) = (cluster.clone(), pod.clone());
        Box::pin(async move { cluster.port_forward(&pod, port).await })
    });
    let network = call.network()?;
    let tell = call.logger(Level::Warn);
    let forward = call.wait(async move { network.forward(connect, tell).await })?;
    let result = call.run(&closure, vec![Value::Int(forward.port().into())]);
    drop(forward);
    result
}

/// The pod's port that a Service's port leads to.
fn of_service(call: &Call<'_>, cluster: &Cluster, id: &ResourceId, pod: &ResourceId, port: u16) -> Result<u16> {
    let read = |id: &ResourceId| {
        let (cluster, asked) = (cluster.clone(), id.clone());
        call.wait(async move { cluster.get(&asked).await })?.ok_or_else(|| super::edit::absent(id))
    };
    let service = read(id)?;
    let ports = list(&service, "/spec/ports");
    let Some(known) = ports.iter().find(|known| known["port"] == port) else {
        let all: Vec<String> = ports.iter().map(|known| known["port"].to_string()).collect();
        return Err(Error::new(Kind::NotFound, format!("{id} has no port {port}"))
            .hint(format!("it has: {}", all.join(", ")))
            .resource(id));
    };
    match &known["targetPort"] {
        Json::String(name) => {
            let pod_object = read(pod)?;
            let containers = list(&pod_object, "/spec/containers").iter();
            let mut ports = containers.flat_map(|container| list(container, "/ports"));
            let found =
                ports.find(|port| text(port, "/name") == Some(name)).and_then(|port| number(&port["containerPort"]));
            found.ok_or_else(|| {
                Error::new(
                    Kind::NotFound,
                    format!("{pod} has no port named {name}, to which port {port} of {id} leads"),
                )
                .hint("compare the Service's targetPort with the ports of the pod's containers")
                .resource(id)
            })
        }
        target => Ok(number(target).unwrap_or(port)),
    }
}

fn number(value: &Json) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on};

    fn web(bed: &Bed) -> String {
        let ns = bed.namespace();
        let ports = json!([{"name": "main", "image": "example.invalid/web:1", "ports": [{"name": "http", "containerPort": 8080}]}]);
        bed.apply_as(
            "kubectl",
            &ns,
            merged(deployment("web", 1), &json!({"spec": {"template": {"spec": {"containers": ports}}}})),
        );
        let service = |name: &str, port: &str| {
            merged(
                bare("Service", name),
                &json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": port}]}}),
            )
        };
        bed.apply_as("kubectl", &ns, service("web", "http"));
        bed.apply_as("kubectl", &ns, service("wrong", "grpc"));
        bed.until_rolled_out("deployment/web", &ns);
        ns
    }

    #[on(shadow, node)]
    fn a_port_leads_to_the_pod_while_the_closure_runs(bed: Bed) {
        let ns = web(&bed);
        let forward = |target: &str, port: u16, closure: &str| {
            format!("cluster::port_forward({target:?}, {port}, #{{ namespace: {ns:?} }}, |port| {{ {closure}; port }})")
        };
        // Only a pod that runs says something.
        let reach = match bed.runs_containers() {
            true => "wait::http(`http://127.0.0.1:${port}/`, #{ body: \"served by a real container\" })",
            false => "wait::port(\"127.0.0.1\", port)",
        };
        for (target, port) in [("Deployment/web", 8080), ("svc/web", 80)] {
            let mark = bed.mark();
            let ran = bed.run(&forward(target, port, reach));
            let local = u16::try_from(ran.value().as_u64().unwrap()).unwrap();
            // The log has it when it is over.
            bed.wait({
                let other = bed.other();
                async move { other.sleep(Duration::from_secs(1)).await }
            });
            let asked = bed.asked_since(mark);
            let is_ours = |event: &&windlass_testbed::Event| {
                event.uri.contains(&format!("/namespaces/{ns}/")) && event.uri.contains("/portforward?ports=8080")
            };
            assert!(asked.events.iter().any(|event| is_ours(&event)), "{target}: {asked:?}");
            let network = bed.target().network();
            let error = bed.wait(async move { network.dial("127.0.0.1", local).await.err() });
            assert!(error.is_some());
        }
    }

    #[on(shadow, because = "only there what is answered is assumed")]
    fn in_a_rehearsal_an_answer_is_assumed_as_soon_as_the_pod_is_ready(bed: Bed) {
        let ns = bed.namespace();
        let slow = json!([{"name": "main", "image": "example.invalid/web:1", "readinessProbe":
            {"initialDelaySeconds": 30, "httpGet": {"path": "/", "port": 8080}}}]);
        let slow = merged(deployment("web", 1), &json!({"spec": {"template": {"spec": {"containers": slow}}}}));
        bed.apply_as("kubectl", &ns, slow);
        bed.wait({
            let other = bed.other();
            async move { other.sleep(Duration::from_secs(10)).await }
        });
        let script = |timeout: &str| {
            format!(
                "cluster::port_forward(\"Deployment/web\", 8080, #{{ namespace: {ns:?} }}, \
                 |port| wait::http(`http://127.0.0.1:${{port}}/`, #{{ timeout: {timeout:?} }}))"
            )
        };
        let error = bed.run(&script("5s")).error();
        assert_eq!(error["hint"], "the pod behind it is not ready", "{error}");
        let answer = bed.run(&script("60s")).value();
        assert_eq!(answer["assumed"], "what containers answer is not simulated", "{answer}");
    }

    #[test]
    fn on_this_machine_it_is_a_real_port_of_the_loopback_interface() {
        use windlass_runtime::target::{Connect, Connection, Dialed, Network as _, RealNetwork};
        let runtime = windlass_runtime::bridge::Bridge::new().unwrap();
        let clock: Arc<dyn windlass_runtime::Clock> = Arc::new(windlass_runtime::RealClock::new());
        let connect: Connect = Arc::new(|| {
            let (near, far) = tokio::io::duplex(64);
            Box::pin(async move {
                tokio::spawn(async move {
                    let (mut read, mut write) = tokio::io::split(far);
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
                Ok(Box::new(near) as Box<dyn Connection>)
            })
        });
        let talk = async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let forward = RealNetwork.forward(connect, Arc::new(|_| {})).await?;
            let port = forward.port();
            let Dialed::Connection(mut stream) = RealNetwork.dial("127.0.0.1", port).await? else {
                panic!("no stream")
            };
            stream.write_all(b"hello").await.unwrap();
            let mut said = [0; 5];
            stream.read_exact(&mut said).await.unwrap();
            assert_eq!(&said, b"hello");
            drop(forward);
            // What went through it ends too.
            assert_eq!(stream.read(&mut said).await.unwrap_or_default(), 0);
            Ok(port)
        };
        let port = runtime.wait(&windlass_runtime::cancel::Cancel::root(), &clock, talk).unwrap();
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }

    #[on(shadow, node)]
    fn what_cannot_be_forwarded_says_why(bed: Bed) {
        let ns = web(&bed);
        for (target, port, kind, said) in [
            ("svc/web", 81, "not_found", " has no port 81"),
            ("svc/wrong", 80, "not_found", "has no port named grpc, to which port 80 of Service/wrong"),
            ("Deployment/web", 0, "usage", "a port: a number from 1 to 65535"),
            ("Deployment/web", 70_000, "usage", "a port: a number from 1 to 65535"),
            ("Pod/none", 80, "not_found", "there is no Pod/none"),
        ] {
            let error = bed
                .run(&format!("cluster::port_forward({target:?}, {port}, #{{ namespace: {ns:?} }}, |port| port)"))
                .error();
            assert_eq!(error["kind"], kind, "{target}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{target}: {error}");
        }
        let error = bed
            .run(&format!("cluster::port_forward(\"deploy/web\", 80, #{{ namespace: {ns:?} }}, |port| throw \"own\")"))
            .error();
        assert!(error["message"].as_str().unwrap().contains("own"), "{error}");
    }
}

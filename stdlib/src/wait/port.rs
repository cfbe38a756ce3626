//! `wait::port`.

use std::num::NonZeroU16;

use serde_json::{Value as Json, json};
use windlass_runtime::target::Dialed;
use windlass_runtime::{Call, Error, Result, primitive};

use super::attempts::Attempts;

/// Waits until a port accepts a connection, and returns `#{host, port}`.
///
/// The connection is closed at once, and nothing is sent. With `network.proxy` in the values, the proxy makes it, but to this
/// machine itself and to what `network.no_proxy` names. Names of Services are known only inside of a cluster:
/// `cluster::port_forward` leads there. On a simulated cluster a Service, an Ingress' host or a node's
/// port accepts while a pod behind it is ready; what is outside of the cluster is taken to accept, and the result has
/// `assumed` with the reason.
///
/// # Errors
/// `timeout` when the time is over, with what was in the way last; `usage` for a port that is none.
///
/// # Example
/// ```rhai
/// cluster::apply("manifests/web.yaml");
/// wait::ready("Deployment/web");
/// let node = cluster::nodes()[0];
/// try { wait::port(node.internal_ip, 30443, #{ timeout: "2s" }); } catch (e) { log::info(e.message); }
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn port(call: &Call<'_>, host: String, port: NonZeroU16, options: Attempts) -> Result<Json> {
    if host.trim().is_empty() || host.contains(['/', ' ']) {
        return Err(Error::usage(format!("{host:?} is no name of a host")).hint("write the name or address alone"));
    }
    let port = port.get();
    let network = call.network()?;
    let (subject, named) = (format!("{host}:{port}"), host.clone());
    let assumed = options.until(call, &subject, move || {
        let dialing = network.dial(&named, port);
        async move { Ok(if let Dialed::Assumed(why) = dialing.await? { Some(why) } else { None }) }
    })?;
    Ok(match assumed {
        None => json!({ "host": host, "port": port }),
        Some(why) => json!({ "host": host, "port": port, "assumed": why }),
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on, run};

    #[test]
    fn a_port_that_opens_ends_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = run(&format!("wait::port(\"127.0.0.1\", {port})")).value();
        assert_eq!(found, json!({ "host": "127.0.0.1", "port": port }));
        drop(listener);
        let later = std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(300));
            TcpListener::bind(("127.0.0.1", port)).unwrap()
        });
        run(&format!("wait::port(\"127.0.0.1\", {port}, #{{ every: \"20ms\", timeout: \"30s\" }})")).value();
        later.join().unwrap();
    }

    #[test]
    fn its_time_ends_it_with_what_was_in_the_way() {
        let begun = Instant::now();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error =
            run(&format!("wait::port(\"127.0.0.1\", {port}, #{{ timeout: \"100ms\", every: \"20ms\" }})")).error();
        assert_eq!(error["kind"], "timeout");
        let message = error["message"].as_str().unwrap();
        assert_eq!(
            message,
            format!("127.0.0.1:{port}: not within 0.1s (127.0.0.1:{port} does not accept a connection)")
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for (call, said) in [
            ("\"h\", 0", "a port: a number from 1 to 65535, not the number 0"),
            ("\"h\", 70000", "not the number 70000"),
            ("\"http://h\", 80", "is no name of a host"),
            ("\"h\", 80, #{ evry: 1 }", "no option `evry`"),
        ] {
            let error = run(&format!("wait::port({call})")).error();
            assert_eq!(error["kind"], "usage", "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }

    #[on(shadow, because = "the real cluster's Services are not to be had from outside")]
    fn a_service_accepts_while_a_pod_behind_it_is_ready(bed: Bed) {
        let namespace = bed.namespace();
        let spec = json!({ "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } });
        bed.create(&namespace, merged(bare("Service", "web"), &spec));
        let call = |port: u16| bed.run(&format!("wait::port(\"web.{namespace}.svc\", {port}, #{{ timeout: \"5s\" }})"));
        let error = call(80).error();
        assert!(error["hint"].as_str().unwrap().contains("no pod behind its Service is ready"), "{error}");
        bed.create(&namespace, deployment("web", 1));
        assert_eq!(call(80).value()["assumed"], "what containers answer is not simulated");
        assert!(call(81).error()["hint"].as_str().unwrap().contains("does not have this port"));
        let error = bed.run("wait::port(\"nobody.nowhere.svc\", 80, #{ timeout: \"5s\" })").error();
        assert!(error["message"].as_str().unwrap().contains("cannot be resolved"), "{error}");
        let outside = bed.run("wait::port(\"registry.example.com\", 443)").value();
        assert_eq!(outside["assumed"], "what is outside of the cluster is not simulated");
    }
}

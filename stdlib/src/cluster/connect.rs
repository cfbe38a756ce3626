//! `cluster::connect`.

use serde_json::{Value as Json, json};
use windlass_runtime::target::ClusterSource;
use windlass_runtime::{Call, Error, Options, Result, primitive};

/// The options of `cluster::connect`.
#[derive(Debug, Clone, Options)]
pub struct ConnectOptions {
    /// The kubeconfig file; the session's own if it is not given.
    pub kubeconfig: Option<String>,
    /// The context in it; its current one if it is not given.
    pub context: Option<String>,
}

/// Opens a further cluster and gives it a name, by which `cluster::using` and the option `cluster` know it from then on.
/// Returns `#{name, version, server}`.
///
/// The API server is asked for its version, so that a wrong address or missing rights show here. In a rehearsal the name is
/// that of another simulated cluster, and the file is not read.
///
/// A name means one cluster: those that `customer.yaml` names, and their contexts, keep their names, whether they were used
/// yet or not. Without such names a context is known by its own name, and a name that is given here comes before it.
///
/// # Errors
/// `not_found` for a file or context that is not there, `unavailable` if the API server does not answer, `denied` where the
/// kubeconfig runs a program or skips the check of the certificate and the command did not allow that, `usage` if the name
/// is another cluster's already.
///
/// # Example
/// ```rhai
/// let dr = cluster::connect("dr", #{ kubeconfig: "kubeconfig" });
/// log::info(`dr has ${dr.version}`);
/// for n in cluster::nodes(#{ cluster: "dr" }) { log::info(n.name); }
/// ```
#[primitive(module = "cluster", effect = Read)]
pub fn connect(call: &Call<'_>, name: String, options: ConnectOptions) -> Result<Json> {
    if name.trim().is_empty() {
        return Err(Error::usage("a cluster's name must not be empty"));
    }
    if options.kubeconfig.is_none() && options.context.is_none() {
        return Err(Error::usage(format!("cluster::connect does not know where {name} is"))
            .hint("give `context`, `kubeconfig`, or both"));
    }
    let kubeconfig = options.kubeconfig.as_deref().map(|path| call.locate_on_disk(path)).transpose()?;
    let cluster = call.connect(&name, ClusterSource { kubeconfig, context: options.context })?;
    let server = cluster.server().map(str::to_owned);
    let version = call.wait(async move { cluster.check().await })?;
    Ok(json!({ "name": name, "version": version, "server": server }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, on, run_on};

    #[on(shadow, live)]
    fn a_cluster_has_its_name_from_then_on_and_the_same_one_again_is_no_mistake(bed: Bed) {
        let kubeconfig = bed.kubeconfig().display().to_string();
        let connect = |name: &str| format!("cluster::connect(\"{name}\", #{{ kubeconfig: \"{kubeconfig}\" }});");
        let script = format!("{} {} cluster::version(#{{ cluster: \"dr\" }}).cluster", connect("dr"), connect("dr"));
        assert_eq!(bed.run(&script).value(), "dr");
        let script = format!("{} cluster::connect(\"dr\", #{{ context: \"x\" }})", connect("dr"));
        let error = bed.run(&script).error();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().unwrap().contains("the name dr is another cluster's already"), "{error}");
    }

    #[test]
    fn a_name_that_customer_yaml_gives_is_taken_before_that_cluster_is_used() {
        use windlass_runtime::target::{Live, Shadow};
        let said = |error: Json| {
            assert_eq!(error["kind"], "usage", "{error}");
            assert!(error["message"].as_str().unwrap().contains(" is another cluster's already"), "{error}");
            assert!(error["hint"].as_str().unwrap().contains("customer.yaml"), "{error}");
        };
        let script = |name: &str| format!("cluster::connect(\"{name}\", #{{ context: \"other\" }})");
        let shadow = || Shadow::builder().cluster("primary").cluster("dr").build().unwrap();
        said(run_on(shadow(), &script("dr"), |b| b).error());
        run_on(shadow(), &script("third"), |b| b).value();
        let live =
            || Live::builder().kubeconfig("/nowhere/kubeconfig").cluster("dr", Some("site-b".to_owned())).build();
        for name in ["dr", "site-b"] {
            said(run_on(live(), &script(name), |b| b).error());
        }
        assert_eq!(run_on(live(), &script("third"), |b| b).error()["kind"], "not_found");
    }

    #[on(live, because = "on the shadow no file is read")]
    fn what_is_not_there_is_told(bed: Bed) {
        let kubeconfig = bed.kubeconfig().display().to_string();
        for (options, kind) in [
            (json!({ "kubeconfig": "/nowhere/kubeconfig" }), "not_found"),
            (json!({ "kubeconfig": kubeconfig, "context": "nobody" }), "not_found"),
        ] {
            let options = options.to_string();
            let error = bed.run(&format!("cluster::connect(\"dr\", #{options})")).error();
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
        }
    }

    #[on(shadow, live)]
    fn without_a_place_or_a_name_it_is_a_mistake(bed: Bed) {
        for (call, said) in
            [("\"dr\"", "does not know where dr is"), ("\" \", #{ context: \"x\" }", "must not be empty")]
        {
            let error = bed.run(&format!("cluster::connect({call})")).error();
            assert_eq!(error["kind"], "usage");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }
}

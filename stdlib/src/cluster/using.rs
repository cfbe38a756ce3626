//! `cluster::using`.

use windlass_runtime::closure::Closure;
use windlass_runtime::{Call, Result, Value, primitive};

/// Calls a closure in which another cluster is the one that is meant without a name, and returns what it returned.
///
/// The name is one of those in `customer.yaml`, one that `cluster::connect` gave, or, where `customer.yaml` names none, a
/// context of the kubeconfig. A call inside it can still name another one with the option `cluster`.
///
/// # Errors
/// `not_found` if there is no cluster of this name, and whatever the closure throws.
///
/// # Example
/// ```rhai
/// cluster::connect("dr", #{ kubeconfig: "kubeconfig" });
/// let here = cluster::version().version;
/// let there = cluster::using("dr", || cluster::version().version);
/// if here != there { log::warn(`dr has ${there}, and this one ${here}`); }
/// ```
#[primitive(module = "cluster", effect = Control)]
pub fn using(call: &Call<'_>, name: String, work: Closure) -> Result<Value> {
    call.cluster(Some(&name))?;
    call.run_on_cluster(&name, &work)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, because = "the test bed has one cluster at a time")]
    fn what_is_inside_is_on_the_other_cluster_alone(bed: Bed) {
        let ran = bed.run(
            r#"
            let made = cluster::using("dr", || {
                cluster::namespace("there");
                cluster::using("third", || cluster::namespace("far"));
                cluster::exists("ns/there", #{ cluster: "dr" })
            });
            [made, cluster::exists("ns/there"), cluster::exists("ns/there", #{ cluster: "dr" }),
                cluster::exists("ns/far", #{ cluster: "dr" }), cluster::exists("ns/far", #{ cluster: "third" })]
            "#,
        );
        assert_eq!(ran.value(), json!([true, false, true, false, true]));
        let clusters: Vec<&str> = ran.report.steps[0].outcome.iter().map(|item| item.cluster.as_str()).collect();
        assert_eq!(clusters, ["dr", "third"]);
        assert_eq!(bed.undo(&ran).unwrap().len(), 2);
    }

    #[on(shadow, live)]
    fn an_error_inside_leaves_it_and_the_first_cluster_is_meant_again(bed: Bed) {
        let kubeconfig = bed.kubeconfig();
        let script = r#"
            cluster::connect("dr", #{ kubeconfig: "PATH" });
            try { cluster::using("dr", || throw "broken") } catch (e) { log::info(`${e}`) }
            cluster::version().cluster
        "#;
        let ran = bed.run(&script.replace("PATH", &kubeconfig.display().to_string()));
        assert_ne!(ran.value(), "dr");
        assert!(ran.logs()[0].contains("broken"), "{:?}", ran.logs());
    }

    #[on(live, because = "on the shadow every name is a cluster")]
    fn a_name_that_nobody_has_is_refused(bed: Bed) {
        let error = bed.run("cluster::using(\"nobody\", || 1)").error();
        assert_eq!(error["kind"], "not_found", "{error}");
    }
}

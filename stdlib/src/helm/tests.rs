//! The verbs together: what one leaves, another reads.

mod broken;
mod signed;

use serde_json::json;

use super::testing::with_each;
use crate::testing::{Bed, on};

#[on(shadow, live)]
fn what_was_installed_is_read_back(bed: Bed) {
    with_each(&bed, |with| {
        let set = "values: #{ replicas: 2, password: \"hidden-from-view\" }";
        with.run(&format!("helm::upgrade(\"web\", WEB, #{{ NS, {set} }})")).value();
        let status = with.status("web");
        assert_eq!(status["notes"], "web is blue.\n");
        assert_eq!((&status["deployed"], &status["app_version"]), (&json!(1), &json!("1.27")));
        with.run("helm::upgrade(\"web\", WEB, #{ NS, values: #{ replicas: 3 } })").value();
        let history = with.run("helm::history(\"web\", #{ NS })").value();
        let told: Vec<_> =
            history.as_array().unwrap().iter().map(|r| (r["revision"].clone(), r["status"].clone())).collect();
        assert_eq!(told, [(json!(1), json!("superseded")), (json!(2), json!("deployed"))]);
        let list = with.run("helm::list(#{ NS, status: \"deployed\" })").value();
        assert_eq!(
            (&list[0]["name"], &list[0]["revision"], list.as_array().unwrap().len()),
            (&json!("web"), &json!(2), 1)
        );
        let everywhere = with.run("helm::list(#{ all_namespaces: true }).map(|r| r.namespace)").value();
        assert!(everywhere.as_array().unwrap().contains(&json!(with.namespace)), "{everywhere}");
        assert_eq!(with.run("helm::values(\"web\", #{ NS })").value(), json!({ "replicas": 3 }));
        assert_eq!(with.run("helm::values(\"web\", #{ NS, all: true }).colour").value(), "blue");
        let earlier = with.run(
            "print(helm::values(\"web\", #{ NS, revision: 1 })); helm::values(\"web\", #{ NS, revision: 1 }).replicas",
        );
        assert_eq!(earlier.value(), 2);
        assert!(!earlier.logs().join("").contains("hidden-from-view"), "{:?}", earlier.logs());
        let kinds = with.run("helm::manifest(\"web\", #{ NS }).map(|o| o.kind)").value();
        assert_eq!(kinds, json!(["Secret", "Service", "Deployment"]));
        let error = with.run("helm::values(\"web\", #{ NS, revision: 7 })").error();
        assert_eq!((&error["kind"], &error["hint"]), (&json!("not_found"), &json!("it has: 1, 2")));
    });
}

#[on(shadow, live)]
fn a_chart_is_rendered_and_compared_without_a_change(bed: Bed) {
    with_each(&bed, |with| {
        let count = "helm::template(\"web\", WEB, #{ NS, set: #{ replicas: 4 } }).find(|o| o.kind == \"Deployment\").spec.replicas";
        assert_eq!(with.run(count).value(), 4);
        let diff = |set: &str| with.run(&format!("helm::diff(\"web\", WEB, #{{ NS, set: #{{ {set} }} }})")).value();
        assert!(diff("replicas: 1").as_array().unwrap().contains(&json!("Deployment/web: created")));
        assert_eq!(with.run("helm::list(#{ NS })").value(), json!([]));
        with.run("helm::upgrade(\"web\", WEB, #{ NS })").value();
        assert_eq!(diff(""), json!([]));
        assert_eq!(diff("replicas: 3"), json!(["Deployment/web: spec.replicas: 1 → 3"]));
        let secret = diff("token: \"another\"").to_string();
        assert!(
            secret.contains("Secret/web: stringData.token: changed (hidden)") && !secret.contains("another"),
            "{secret}"
        );
    });
}

#[on(shadow, live)]
fn a_release_goes_back_and_stays_back(bed: Bed) {
    with_each(&bed, |with| {
        for replicas in [1, 2] {
            with.run(&format!("helm::upgrade(\"web\", WEB, #{{ NS, values: #{{ replicas: {replicas} }} }})")).value();
        }
        let back = with.run("helm::rollback(\"web\", #{ NS, revision: 1, wait: true, timeout: \"1m\" })");
        assert_eq!(back.value()["object"]["revision"], 3, "{:#}", back.value());
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
        let again = with.run("helm::rollback(\"web\", #{ NS, revision: 1 })").value();
        assert_eq!((&again["changed"], &again["reason"]), (&json!(false), &json!("it is as revision 1 was")));
        assert!(with.undo(&back).unwrap()[0].changed());
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 2);
    });
}

#[on(shadow, live)]
fn an_uninstalled_release_comes_back_if_its_history_was_kept(bed: Bed) {
    with_each(&bed, |with| {
        with.run("helm::upgrade(\"web\", WEB, #{ NS })").value();
        let gone = with.run("helm::uninstall(\"web\", #{ NS, keep_history: true })");
        assert_eq!(gone.value()["changed"], true);
        assert!(with.find("deploy/web").is_none());
        let again = with.run("helm::uninstall(\"web\", #{ NS, keep_history: true })").value();
        assert_eq!(again["reason"], "it is uninstalled already");
        assert!(with.undo(&gone).unwrap()[0].changed());
        assert!(with.find("deploy/web").is_some());
        let for_good = with.run("helm::uninstall(\"web\", #{ NS })");
        for_good.value();
        let undone = with.undo(&for_good).unwrap();
        let windlass_runtime::undo::Undoing::Cannot(why) = &undone[0].result else { panic!("{undone:?}") };
        assert!(why.contains("keep_history"), "{why}");
        assert_eq!(with.run("helm::uninstall(\"web\", #{ NS })").value()["reason"], "it is not there");
    });
}

#[on(shadow, live)]
fn the_tests_of_a_chart_are_run(bed: Bed) {
    with_each(&bed, |with| {
        with.run("helm::upgrade(\"web\", WEB, #{ NS })").value();
        let tested = with.run("helm::test(\"web\", #{ NS, timeout: \"1m\" })");
        assert_eq!(tested.value()["items"][0]["op"], "run");
        assert_eq!(with.get("pod/web-answers")["status"]["phase"], "Succeeded");
        let error = with.run("helm::test(\"other\", #{ NS })").error();
        assert_eq!(error["kind"], "not_found");
    });
}

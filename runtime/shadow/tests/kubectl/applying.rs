//! Apply, client-side and server-side; diff.

use crate::session::{Time, with_kubectl};
use crate::{WEB, settings};

#[test]
fn apply_makes_changes_and_removes() {
    with_kubectl("apply", Time::Virtual, |session| {
        let said = session.ok_with("apply -f -", WEB);
        assert_eq!(said, "deployment.apps/web created\nservice/web created\nconfigmap/settings created\n");
        session.waits("rollout status deployment/web --timeout=60s");
        let said = session.ok_with("apply -f -", WEB);
        assert_eq!(said, "deployment.apps/web unchanged\nservice/web unchanged\nconfigmap/settings unchanged\n");

        assert_eq!(session.ok_with("apply -f -", &settings("a: '3'")), "configmap/settings configured\n");
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data}"), r#"{"a":"3"}"#);
        // One container is gone, and one variable of the other.
        let less =
            WEB.replace(", {name: B, value: '2'}", "").replace("      - name: side\n        image: busybox:1.37\n", "");
        assert!(
            session.ok_with("apply -f -", &less).starts_with("deployment.apps/web configured\nservice/web unchanged\n")
        );
        session.waits("rollout status deployment/web --timeout=60s");
        let containers = session.ok("get deployment web -o jsonpath={.spec.template.spec.containers[*].name}");
        assert_eq!(containers, "main");
        let names = session.ok("get deployment web -o jsonpath={.spec.template.spec.containers[0].env[*].name}");
        assert_eq!(names, "A");
        session.ok("apply view-last-applied configmap settings");
        session.ok("get deployment,service,configmap -o yaml");
    });
}

#[test]
fn server_side_apply_has_owners_and_conflicts() {
    with_kubectl("ssa", Time::Virtual, |session| {
        let said = session.ok_with("apply --server-side -f -", &settings("a: '1', b: '2'"));
        assert_eq!(said, "configmap/settings serverside-applied\n");
        let other = "apply --server-side --field-manager=other -f -";
        let said = session.fails_with(other, &settings("a: '9'"));
        assert!(said.contains("Apply failed with 1 conflict: conflict with \"kubectl\": .data.a"), "{said}");
        session.ok_with(&format!("{other} --force-conflicts"), &settings("a: '9'"));
        // What it no longer intends stays with the other one, and what is its alone goes.
        session.ok_with("apply --server-side -f -", &settings("c: '3'"));
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data}"), r#"{"a":"9","c":"3"}"#);
        // Which comes first depends on the second in which each wrote.
        for manager in ["kubectl", "other"] {
            let fields = format!("{{.metadata.managedFields[?(@.manager==\"{manager}\")]}}");
            let owned = session.ok(&format!("get configmap settings -o 'jsonpath={fields}' --show-managed-fields"));
            assert!(owned.contains("\"operation\":\"Apply\""), "{owned}");
        }

        // Of a list, the items that are intended no longer go; a deployment of two containers becomes one of one.
        let web = WEB.split("---").next().unwrap();
        session.ok_with("apply --server-side -f -", web);
        let less = web.replace("      - name: side\n        image: busybox:1.37\n", "");
        session.ok_with("apply --server-side -f -", &less);
        session.waits("rollout status deployment/web --timeout=60s");
        let containers = session.ok("get deployment web -o jsonpath={.spec.template.spec.containers[*].name}");
        assert_eq!(containers, "main");
        // What was applied on the client's side is taken over.
        session
            .ok_with("apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: taken}\ndata: {a: '1', b: '2'}");
        let said = session.ok_with(
            "apply --server-side -f -",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: taken}\ndata: {b: '2'}",
        );
        assert_eq!(said, "configmap/taken serverside-applied\n");
        assert_eq!(session.ok("get configmap taken -o jsonpath={.data}"), r#"{"b":"2"}"#);
    });
}

#[test]
fn diff_tells_what_would_change_and_changes_nothing() {
    with_kubectl("diff", Time::Virtual, |session| {
        session.ok_with("apply -f -", &settings("a: '1', b: '2'"));
        assert_eq!(session.ok_with("diff -f -", &settings("a: '1', b: '2'")), "");
        let said = session.fails_with("diff -f -", &settings("a: '5', b: '2'"));
        assert!(said.contains("\n-  a: \"1\"\n") && said.contains("\n+  a: \"5\"\n"), "{said}");
        let said = session.fails_with("diff --server-side --force-conflicts -f -", &settings("b: '7'"));
        assert!(said.contains("\n+  b: \"7\"\n"), "{said}");
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data.a}"), "1");
        let said = session.fails_with("diff -f -", WEB);
        assert!(said.contains("+kind: Deployment"), "{said}");
        assert!(session.fails("get deployment web").contains("NotFound"));
    });
}

#[test]
fn what_is_wrong_is_refused_in_the_words_of_the_real_one() {
    with_kubectl("wrong", Time::Virtual, |session| {
        let typo = settings("a: '1'").replace("\ndata:", "\ndato:");
        let said = session.fails_with("apply -f -", &typo);
        assert!(said.contains("unknown field \"dato\""), "{said}");
        let said = session.ok_with("apply --validate=warn -f -", &typo);
        assert!(said.contains("Warning: unknown field \"dato\""), "{said}");
        session.ok_with("apply --validate=ignore -f -", &typo);
        let said = session.fails_with(
            "apply -f -",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: A_B}]}",
        );
        assert!(said.contains("spec.containers[0].image: Required value"), "{said}");
        let said = session.fails_with("apply -f -", "apiVersion: foo/v1\nkind: Bar\nmetadata: {name: bad}");
        assert!(said.contains("no matches for kind \"Bar\" in version \"foo/v1\""), "{said}");
        let said = session.fails_with("apply -f -", &settings("a: 1"));
        assert!(said.contains("cannot convert int64 to string"), "{said}");
        let said = session.fails_with("create -f -", &settings("a: 1").replace("settings", "other"));
        assert!(said.contains("cannot unmarshal number into Go struct field ConfigMap.data of type string"), "{said}");
        let said = session.fails_with("create -f -", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: A}");
        assert!(said.contains("a lowercase RFC 1123 subdomain must consist of"), "{said}");
        let said =
            session.ok_with("create -f - --dry-run=server -o name", &settings("a: '1'").replace("settings", "dry"));
        assert_eq!(said, "configmap/dry\n");
        session.fails("get configmap dry");
    });
}

#[test]
fn apply_prunes() {
    with_kubectl("prune", Time::Virtual, |session| {
        let labelled = |name: &str| {
            format!(
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{of: set}}}}\ndata: {{a: b}}\n"
            )
        };
        let prune = "apply --prune -l of=set --prune-allowlist=core/v1/ConfigMap -f -";
        session.ok_with(prune, &(labelled("one") + &labelled("two")));
        let said = session.ok_with(prune, &labelled("two"));
        assert_eq!(said, "configmap/two unchanged\nconfigmap/one pruned\n");
        assert_eq!(session.ok("get configmap -l of=set -o name"), "configmap/two\n");
    });
}

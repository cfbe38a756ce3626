//! Get in all outputs, describe, explain, events, watches, discovery.

use crate::WEB;
use crate::session::{Time, with_kubectl};

#[test]
fn get_in_all_outputs() {
    with_kubectl("get", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        session.waits("wait --for=condition=Ready pod -l app=web --timeout=60s -o name");
        let table = session.ok("get deployment,service,configmap");
        assert!(table.contains("NAME") && table.contains("2/2"), "{table}");
        for output in [
            "wide",
            "yaml",
            "json",
            "name",
            "jsonpath={.items[*].metadata.name}",
            "custom-columns=NAME:.metadata.name,KIND:.kind",
            "go-template={{range .items}}{{.metadata.name}} {{end}}",
        ] {
            session.ok(&format!("get deployment,replicaset,service -o '{output}'"));
        }
        // Which comes first depends on the second in which each wrote.
        for manager in ["kubectl-client-side-apply", "kube-controller-manager"] {
            let fields = format!("{{.metadata.managedFields[?(@.manager==\"{manager}\")]}}");
            session.ok(&format!("get deployment web -o 'jsonpath={fields}' --show-managed-fields"));
        }
        session.ok("get pod -l app=web --no-headers --show-labels");
        session.ok("get pod -l app=web --field-selector=status.phase=Running,metadata.name!=x -o name");
        assert!(session.fails("get pod --field-selector=spec.none=1").contains("field label not supported"));
        session.ok("get pod -l app=web --sort-by=.metadata.name -o name");
        session.ok("get all");
        session.ok("get deployments.apps/web svc/web");
        session.ok("get configmap settings --template={{.data.a}}");
        assert!(session.fails("get nothing").contains("the server doesn't have a resource type \"nothing\""));
        assert!(session.fails("get pod none").contains("pods \"none\" not found"));
        assert_eq!(session.ok("get pod none --ignore-not-found"), "");
        // A page at a time, and all at once.
        let names: String =
            (0..7).map(|n| format!("---\nkind: ConfigMap\napiVersion: v1\nmetadata: {{name: c{n}}}\n")).collect();
        session.ok_with("create -f -", &names);
        let paged = session.ok("get configmap -o name --chunk-size=3");
        assert_eq!(paged, session.ok("get configmap -o name"));
        assert_eq!(session.ok("get configmap --chunk-size=2 --no-headers").lines().count(), paged.lines().count());
    });
}

#[test]
fn describe() {
    with_kubectl("describe", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        session.ok("create secret generic hidden --from-literal=a=b");
        session.ok("create ingress web --rule=example.com/=web:80");
        session.ok("create quota most --hard=pods=50");
        let said = session.ok("describe deployment web");
        assert!(said.contains("2 desired | 2 updated | 2 total | 2 available | 0 unavailable"), "{said}");
        assert!(said.contains("ScalingReplicaSet"), "{said}");
        for what in
            ["replicaset -l app=web", "configmap settings", "secret hidden", "ingress web", "serviceaccount default"]
        {
            session.ok(&format!("describe {what}"));
        }
        session.waits("wait --for=jsonpath={.status.hard.pods}=50 quota/most --timeout=60s");
        session.ok("describe quota most");
        let namespace = session.namespace();
        assert!(session.ok(&format!("describe namespace {namespace}")).contains("Status:       Active"));
        session.alone("the kubelet tells more than the test bed's", |session| {
            session.waits("wait --for=condition=Ready pod -l app=web --timeout=60s");
            let one = session.ok("get pod -l app=web -o jsonpath={.items[0].metadata.name}");
            let said = session.ok(&format!("describe pod {one}"));
            let place = |reason: &str| said.find(reason).unwrap_or_else(|| panic!("no {reason} in {said}"));
            // In the order in which they happened.
            let events = ["Scheduled ", "Pulling ", "Pulled ", "Created ", "Started "].map(place);
            assert!(events.is_sorted(), "{said}");
            assert!(session.ok("describe node node-1").contains("Allocated resources"));
        });
        session.ok("describe service web");
        assert!(session.fails("describe pod none").contains("pods \"none\" not found"));
    });
}

#[test]
fn events() {
    with_kubectl("events", Time::Virtual, |session| {
        session.ok("create deployment web --image=nginx --replicas=1");
        session.waits("rollout status deployment/web --timeout=60s");
        assert!(session.ok("events --for=deployment/web").contains("Scaled up replica set web-"));
        session.ok("get events --field-selector=involvedObject.kind=Deployment,reason=ScalingReplicaSet");
        session.ok("get events --field-selector=reason=SuccessfulCreate -o jsonpath={.items[0].source.component}");
        let scheduled = "get events --field-selector=reason=Scheduled";
        session.ok(&format!("{scheduled} -o jsonpath={{.items[0].action}}"));
        session.ok(&format!("{scheduled} -o custom-columns=M:.message,T:.lastTimestamp,R:.reportingComponent"));
        session.ok("get events.events.k8s.io --field-selector=reason=Scheduled");
    });
}

#[test]
fn explain_and_discovery() {
    with_kubectl("explain", Time::Virtual, |session| {
        for what in [
            "deployment",
            "pod --recursive",
            "deployment.spec.strategy.rollingUpdate",
            "hpa --api-version=autoscaling/v1",
            "crd.spec.versions",
            "deployment.spec --output=plaintext-openapiv2",
        ] {
            assert!(session.ok(&format!("explain {what}")).contains("KIND:"));
        }
        assert!(session.fails("explain deployment.none").contains("field \"none\" does not exist"));
        session.ok("api-versions");
        session.ok("api-resources");
        session.ok("api-resources --namespaced=false --verbs=list,watch -o name");
        session.ok("api-resources --api-group=apps -o wide");
        session.ok("version");
        session.ok("get --raw /version");
        session.ok("get --raw /healthz");
        assert_eq!(session.ok("get --raw /readyz"), "ok");
        for path in ["/apis", "/apis/apps", "/apis/apps/v1", "/api/v1", "/openapi/v3/apis/apps/v1"] {
            session.ok(&format!("get --raw {path}"));
        }
        session.ok("get --raw /apis/apps/v1/namespaces/default/deployments");
        session.fails("get --raw /apis/none/v1");
        session.fails("get --raw /none");
        session.fails("get --raw /apis/rbac.authorization.k8s.io/v1/roles/none");
    });
}

#[test]
fn a_watch_shows_what_happens() {
    with_kubectl("watch", Time::Virtual, |session| {
        session.ok("create configmap first");
        session.waits("wait --for=create configmap/kube-root-ca.crt --timeout=60s");
        let watch = session.begin("get configmap -w");
        session.until(&watch, "kube-root-ca.crt");
        let events = session
            .begin("get configmap -w --output-watch-events -o 'jsonpath={.type} {.object.metadata.name}{\"\\n\"}'");
        session.until(&events, "kube-root-ca.crt");
        let pods = session.begin("get pod -w -o name");
        session.ok("create configmap second --from-literal=a=b");
        session.until(&watch, "second");
        session.ok("label configmap second x=y");
        session.until(&watch, "second");
        session.ok("patch configmap first --type=merge -p '{\"data\":{\"a\":\"1\"}}'");
        session.until(&watch, "first");
        session.ok("delete configmap second");
        session.until(&events, "DELETED");
        session.ok("run one --image=nginx");
        session.until(&pods, "pod/one");
        session.waits("wait --for=condition=Ready pod/one --timeout=60s");
        session.ok("delete pod one");
    });
}

#[test]
fn custom_resources() {
    with_kubectl("custom", Time::Virtual, |session| {
        session.ok_with("apply -f -", DEFINITION);
        session.waits("wait --for=condition=Established crd/widgets.kubectl.windlass.test --timeout=60s");
        session.ok("api-resources --api-group=kubectl.windlass.test");
        let widget = |size: &str| {
            format!(
                "apiVersion: kubectl.windlass.test/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {{size: {size}}}\n"
            )
        };
        session.ok_with("apply -f -", &widget("3"));
        session.ok_with("apply -f -", &widget("3"));
        session.ok_with("apply -f -", &widget("4"));
        let said = session.fails_with("apply -f -", &widget("-1"));
        assert!(said.contains("spec.size in body should be greater than or equal to 0"), "{said}");
        let said = session.fails_with("apply -f -", &widget("3, colour: red"));
        assert!(said.contains("unknown field \"spec.colour\""), "{said}");
        let table = session.ok("get widgets");
        assert!(table.contains("SIZE"), "{table}");
        session.ok("get wd one -o yaml");
        session.ok("explain widget.spec");
        session.ok(r#"patch widget one --type=merge -p '{"spec":{"size":7}}'"#);
        assert!(
            session
                .fails(r#"patch widget one -p '{"spec":{"size":7}}'"#)
                .contains("application/strategic-merge-patch+json is not supported")
        );
        session.ok("scale widget one --replicas=9");
        assert_eq!(session.ok("get widget one -o jsonpath={.spec.size}"), "9");
        session.ok_with("apply --server-side --force-conflicts -f -", &widget("5"));
        session.ok("describe widget one");
        session.ok("delete widget one");
        session.ok("delete crd widgets.kubectl.windlass.test");
        // Its cache still knows them.
        assert!(session.fails("get widgets").contains("the server could not find the requested resource"));
    });
}

const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.kubectl.windlass.test}
spec:
  group: kubectl.windlass.test
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    subresources: {scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget.
        properties:
          spec:
            type: object
            properties: {size: {type: integer, minimum: 0, description: How large it is.}}
          status: {type: object, properties: {size: {type: integer}}}
";

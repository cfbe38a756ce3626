//! What else kubectl can do.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};

use crate::session::{Time, script, with_kubectl, with_kubectl_of_the_system};
use crate::{WEB, settings};

#[test]
fn another_version_of_kubectl_does_as_well() {
    with_kubectl_of_the_system("another", |session| {
        session.ok_with("apply -f -", WEB);
        session.ok("rollout status deployment/web --timeout=60s");
        assert!(session.ok("get deployment,pod -o wide").contains("2/2"));
        session.ok_with("apply --server-side --force-conflicts -f -", &settings("c: '3'"));
        session.fails_with("diff -f -", &settings("d: '4'"));
        session.ok("describe deployment web");
        session.ok("explain deployment.spec");
        session.ok("api-resources");
        session.ok("set image deployment/web main=nginx:2");
        session.ok("rollout undo deployment/web");
        session.ok("delete deployment web --cascade=foreground --timeout=60s");
        assert!(session.ok("get pod").starts_with("No resources found"));
    });
}

#[test]
fn set_and_its_like() {
    with_kubectl("set", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        session.ok("create serviceaccount robot");
        session.ok("create rolebinding readers --clusterrole=view --user=u");
        for line in [
            "set image deployment/web *=nginx:2",
            // Of several keys, kubectl takes now this and now that one first.
            "set env deployment/web --from=configmap/settings --keys=a --prefix=S_",
            "set env deployment/web --list",
            "set resources deployment web --requests=cpu=10m,memory=1Mi",
            "set serviceaccount deployment web robot",
            "set selector service web app=other",
            "set subject rolebinding readers --serviceaccount=NAMESPACE:robot --group=g",
        ] {
            session.ok(&line.replace("NAMESPACE", &session.namespace()));
        }
        assert!(session.fails("set image deployment/web none=nginx:2").contains("unable to find container named"));
        session.ok("get deployment web -o jsonpath={.spec}");
        session.ok("get service web -o jsonpath={.spec.selector}");
        session.ok("get rolebinding readers -o jsonpath={.subjects}");
        session.ok_with("apply set-last-applied -f -", &settings("z: '1'"));
        session.ok("apply view-last-applied configmap settings -o json");
        let editor = session.file("editor");
        script(&editor, "sed -i 's/  z:/  y:/' \"$1\"");
        session.editor(editor.to_str().unwrap());
        session.ok("apply edit-last-applied configmap settings");
        session.ok("apply view-last-applied configmap settings");
        session.ok("get deployment web -L app --show-kind --no-headers -o wide");
        session.ok("get configmap,service --sort-by=.metadata.name -o custom-columns=K:.kind,N:.metadata.name");
        session.ok("get configmap settings -o jsonpath-as-json={.data}");
        session.fails("get configmap settings -o jsonpath={.data[}");
        session.ok("cluster-info");
    });
}

#[test]
fn status_is_written_by_itself() {
    with_kubectl("status", Time::Virtual, |session| {
        let claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: disk}, spec: {storageClassName: none,\
                     accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
        session.ok_with("create -f -", claim);
        session.ok("create service loadbalancer web --tcp=80");
        let address =
            r#"{"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}},"spec":{"sessionAffinity":"ClientIP"}}"#;
        session.ok(&format!("patch service web --subresource=status --type=merge -p '{address}'"));
        session.ok("get service web --subresource=status");
        assert_eq!(session.ok("get service web -o jsonpath={.spec.sessionAffinity}"), "None");
        session.ok(r#"patch service web --type=merge -p '{"status":null}'"#);
        assert_eq!(session.ok("get service web -o jsonpath={.status.loadBalancer.ingress[0].ip}"), "1.2.3.4");
        session.ok("get pvc disk -o jsonpath={.spec}");
        session.fails("patch pvc disk --subresource=scale --type=merge -p '{}'");
        session.fails(r#"patch pvc disk --type=merge -p '{"spec":{"accessModes":["ReadOnlyMany"]}}'"#);
        session.fails(r#"patch pvc disk --type=json -p '[{"op":"remove","path":"/spec/none"}]'"#);
        session.fails(r#"patch pvc disk --type=json -p '{"op":"remove"}'"#);
        session.fails("patch pvc disk -p 'x: [1'");
        session.fails(r#"patch pvc none --type=merge -p '{}'"#);
        session.fails("get pvc disk --subresource=log");
        session.fails("scale pvc disk --replicas=1");
    });
}

#[test]
fn files_and_folders() {
    with_kubectl("files", Time::Virtual, |session| {
        let folder = session.file("kustomized");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("web.yaml"), WEB).unwrap();
        let kustomization = "resources: [web.yaml]\nnamePrefix: my-\nlabels: [{pairs: {made: here}}]\n\
                             configMapGenerator: [{name: more, literals: [a=b]}]\nimages: [{name: nginx, newTag: '9'}]\n";
        fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
        session.ok("kustomize kustomized");
        session.ok("apply -k kustomized");
        session.ok("apply -k kustomized --server-side --force-conflicts");
        session.waits("rollout status deployment/my-web --timeout=60s");
        session.ok("get deployment,configmap,service -l made=here -o yaml");
        session.ok("diff -k kustomized");
        session.ok("delete -k kustomized --timeout=60s");
        fs::write(session.file("one.json"), r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}}"#)
            .unwrap();
        fs::write(session.file("two.env"), "A=1\nB=2\n").unwrap();
        session.ok("apply -f one.json -f one.json");
        session.ok("create configmap two --from-file=one.json --from-file=key=two.env");
        session.ok("create configmap three --from-env-file=two.env");
        session.ok("get configmap one two three -o jsonpath={.items[*].data}");
        session.fails("apply -f none.yaml");
        session.fails("get configmap one none two");
        session.fails_with("apply -f -", "");
        session.fails_with("apply -f -", "a: [");
        session.fails_with("create -f -", "apiVersion: v1\nkind: ConfigMap\n");
        session.ok_with(
            "apply -f -",
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: four}}\n",
        );
        session
            .fails_with("apply -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: elsewhere}\n");
        session.ok("delete configmap --all");
    });
}

#[test]
fn certificates_and_secrets() {
    with_kubectl("certificates", Time::Virtual, |session| {
        let (namespace, key) = (session.namespace(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        fs::write(session.file("tls.crt"), params.clone().self_signed(&key).unwrap().pem()).unwrap();
        fs::write(session.file("tls.key"), key.serialize_pem()).unwrap();
        session.ok("create secret tls pair --cert=tls.crt --key=tls.key");
        session.ok("get secret pair -o yaml");
        session.ok("describe secret pair");
        session.fails("create secret generic bad --type=kubernetes.io/tls --from-literal=a=b");

        params.subject_alt_names.clear();
        let request = STANDARD.encode(params.serialize_request(&key).unwrap().pem().unwrap());
        for name in ["a", "b"] {
            let name = format!("{namespace}-{name}");
            let asked = format!(
                "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{name: {name}}}\n\
                 spec: {{request: {request}, signerName: example.com/signer, usages: [client auth]}}\n"
            );
            session.ok_with("create -f -", &asked);
        }
        session.ok(&format!("certificate approve {namespace}-a"));
        session.ok(&format!("certificate deny {namespace}-b"));
        session.fails(&format!("certificate approve {namespace}-none"));
        let types = "-o jsonpath={.items[*].status.conditions[*].type}/{.items[*].spec.usages}";
        session.ok(&format!("get csr {namespace}-a {namespace}-b {types}"));
        session.ok(&format!("delete csr {namespace}-a {namespace}-b"));
    });
}

//! Patches, labels, annotations, edit, replace.

use crate::session::{Time, script, with_kubectl};
use crate::{WEB, settings};

#[test]
fn patches_of_all_kinds() {
    with_kubectl("patch", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        // By the list's key, the other container stays.
        let strategic = r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"nginx:2"}]}}}}"#;
        assert_eq!(session.ok(&format!("patch deployment web -p '{strategic}'")), "deployment.apps/web patched\n");
        session.waits("rollout status deployment/web --timeout=60s");
        let images = session.ok("get deployment web -o jsonpath={.spec.template.spec.containers[*].image}");
        assert_eq!(images, "nginx:2 busybox:1.37");
        let once = r#"patch configmap settings -p '{"data":{"b":"3"}}'"#;
        assert_eq!(session.ok(once), "configmap/settings patched\n");
        assert_eq!(session.ok(once), "configmap/settings patched (no change)\n");
        let merge = r#"{"metadata":{"labels":{"x":"y","app":null}}}"#;
        session.ok(&format!("patch deployment web --type=merge -p '{merge}'"));
        assert_eq!(session.ok("get deployment web -o jsonpath={.metadata.labels}"), r#"{"x":"y"}"#);
        session.ok(r#"patch deployment web --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'"#);
        let said =
            session.fails(r#"patch deployment web --type=json -p '[{"op":"test","path":"/spec/replicas","value":7}]'"#);
        assert!(said.contains("invalid"), "{said}");
        session.ok(r#"patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":3}}'"#);
        assert_eq!(session.ok("get deployment web --subresource=scale -o jsonpath={.spec.replicas}"), "3");
        let said = session.fails(r#"patch deployment web -p '{"spec":{"replicas":"x"}}'"#);
        assert!(said.contains("unrecognized type: int32"), "{said}");
        session.ok(r#"patch configmap settings --type=merge -p '{"data":{"c":"3"}}' --dry-run=server -o yaml"#);
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data.c}"), "");
    });
}

#[test]
fn labels_and_annotations() {
    with_kubectl("label", Time::Virtual, |session| {
        session.ok_with("apply -f -", &settings("a: '1'"));
        assert_eq!(session.ok("label configmap settings a=b"), "configmap/settings labeled\n");
        assert!(
            session.fails("label configmap settings a=c").contains("already has a value (b), and --overwrite is false")
        );
        session.ok("label configmap settings a=c --overwrite");
        assert_eq!(session.ok("get configmap -l a=c,a!=b -o name"), "configmap/settings\n");
        assert_eq!(session.ok("get configmap -l 'a in (c,d),!e' -o name"), "configmap/settings\n");
        assert_eq!(session.ok("label configmap settings a-"), "configmap/settings unlabeled\n");
        session.ok("label configmap --all all=yes");
        session.fails("label configmap settings 'x y=z'");
        session.ok("label configmap settings --list");
        assert_eq!(session.ok("annotate configmap settings note='two words'"), "configmap/settings annotated\n");
        let note = session.ok("get configmap settings -o jsonpath={.metadata.annotations.note}");
        assert_eq!(note, "two words");
        session.ok("annotate configmap settings note-");
        assert!(session.fails("label configmap none a=b").contains("configmaps \"none\" not found"));
    });
}

const ONCE: &str = "{apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {template: {spec: {restartPolicy: Never,\
                    containers: [{name: once, image: x}]}}}}";

#[test]
fn edit_and_replace() {
    with_kubectl("edit", Time::Virtual, |session| {
        session.ok_with("create -f -", &settings("a: '1'"));
        let editor = session.file("editor");
        script(&editor, "sed -i 's/  a:/  b:/' \"$1\"");
        session.editor(editor.to_str().unwrap());
        assert_eq!(session.ok("edit configmap settings"), "configmap/settings edited\n");
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data}"), r#"{"b":"1"}"#);
        assert_eq!(session.ok("edit configmap settings"), "Edit cancelled, no changes made.\n");
        session.ok_with("replace -f -", &settings("c: '1'"));
        assert_eq!(session.ok("get configmap settings -o jsonpath={.data}"), r#"{"c":"1"}"#);
        session.alone("each has versions of its own", |session| {
            let before = session.ok("get configmap settings -o jsonpath={.metadata.resourceVersion}");
            let outdated =
                settings("d: '1'").replace("name: settings", &format!("name: settings, resourceVersion: '{before}'"));
            session.ok_with("replace -f -", &outdated);
            let said = session.fails_with("replace -f -", &outdated);
            assert!(
                said.contains("the object has been modified; please apply your changes to the latest version"),
                "{said}"
            );
        });
        let said = session.ok_with("replace --force -f -", &settings("e: '1'"));
        assert!(said.contains("deleted") && said.contains("configmap/settings replaced"), "{said}");
        session.fails_with("replace -f -", &settings("a: '1'").replace("settings", "none"));
        session.ok_with("create -f -", WEB.split("---").next().unwrap());
        session.ok_with("create -f -", "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {clusterIP: None}");
        session.fails(r#"patch service db -p '{"spec":{"clusterIP":"10.0.0.9"}}'"#);
        session.ok("create job once --image=x");
        session.fails_with("replace -f -", ONCE);
        session.ok("set image deployment/web main=nginx:1.28");
        session.ok("set env deployment/web C=3 A-");
        session.ok("set resources deployment/web -c=main --limits=cpu=200m");
    });
}

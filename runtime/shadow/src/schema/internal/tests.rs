use serde_json::json;

use super::*;

#[test]
fn what_is_empty_is_printed_too() {
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": "Filesystem"});
    let text = r#"{"AccessModes":["ReadWriteOnce"],"Selector":null,"Resources":{"Limits":null,"Requests":{"storage":"1Gi"}},"VolumeName":"","StorageClassName":null,"VolumeMode":"Filesystem","DataSource":null,"DataSourceRef":null,"VolumeAttributesClassName":null}"#;
    assert_eq!(printed("PersistentVolumeClaimSpec", &claim).to_string(), text);
}

#[test]
fn what_pods_share_with_their_host_is_in_their_security_context() {
    let spec = json!({"hostNetwork": true, "securityContext": {"runAsUser": 1}, "containers": []});
    let printed = printed("PodTemplateSpec", &json!({"metadata": {"labels": {"a": "b"}}, "spec": spec}));
    assert_eq!(printed["labels"]["a"], "b");
    let context = &printed["Spec"]["SecurityContext"];
    assert_eq!(
        (&context["HostNetwork"], &context["RunAsUser"], &context["HostPID"]),
        (&json!(true), &json!(1), &json!(false))
    );
}

/// As the real server says it.
#[test]
fn differences_are_shown_with_the_lines_around_them() {
    let claim = |class: &str, mode: &str| json!({"accessModes": [mode], "storageClassName": class, "resources": {"requests": {"storage": "1500M"}}});
    let said = difference("PersistentVolumeClaimSpec", &claim("a", "x"), &claim("b", "y"));
    let wanted = "@@ -1,6 +1,6 @@\n {\n  \"AccessModes\": [\n-  \"x\"\n+  \"y\"\n  ],\n  \"Selector\": null,\n  \"Resources\": {\n@@ -10,7 +10,7 @@\n   }\n  },\n  \"VolumeName\": \"\",\n- \"StorageClassName\": \"a\",\n+ \"StorageClassName\": \"b\",\n  \"VolumeMode\": null,\n  \"DataSource\": null,\n  \"DataSourceRef\": null,\n";
    assert_eq!(said, wanted);
}

use serde_json::json;

use super::*;

fn subject(verb: &'static str) -> Subject {
    Subject {
        verb,
        resource: "Deployment/web in shop".into(),
        group_resource: "deployments.apps".into(),
        namespace: Some("shop".into()),
        single: true,
        cluster: "prod".into(),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the bodies are built in the calls")]
fn error(verb: &'static str, body: Json) -> Error {
    Failure::from_status(&body, 500, None).into_error(&subject(verb))
}

#[test]
fn a_refused_right_names_verb_resource_and_user() {
    let e = error(
        "apply",
        json!({"code": 403, "reason": "Forbidden", "message":
        "deployments.apps \"web\" is forbidden: User \"jane\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\""}),
    );
    assert_eq!(e.kind(), Kind::Forbidden);
    assert_eq!(e.message(), "user jane may not patch Deployment/web in shop in cluster prod");
    assert!(e.hint_text().unwrap().contains("can-i patch deployments.apps -n shop"));
}

#[test]
fn admission_that_says_forbidden_is_a_rejection() {
    let e = error(
        "create",
        json!({"code": 403, "reason": "Forbidden", "message":
        "pods \"web\" is forbidden: exceeded quota: small"}),
    );
    assert_eq!(e.kind(), Kind::Rejected);
    assert!(e.message().contains("exceeded quota"));
}

#[test]
fn conflicts_of_server_side_apply_name_manager_and_field() {
    let e = error(
        "apply",
        json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts", "details": {"causes": [
        {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-scale\" with subresource \"scale\" using apps/v1", "field": ".spec.replicas"},
        {"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using apps/v1 at 2026-01-01T00:00:00Z", "field": ".spec.template.spec.containers[name=\"web\"].image"}]}}),
    );
    assert_eq!(e.kind(), Kind::Conflict);
    let conflicts = Failure::of(&e).unwrap().field_conflicts();
    assert_eq!(conflicts[0], FieldConflict { manager: "kubectl-scale".into(), field: ".spec.replicas".into() });
    assert_eq!(conflicts[1].manager, "helm");
    assert_eq!(conflicts[1].path().unwrap().to_string(), conflicts[1].field);
    assert_eq!(e.detail_value().unwrap().pointer("/conflicts/1/manager").unwrap(), "helm");
}

#[test]
fn causes_stand_on_lines_of_their_own() {
    let e = error(
        "apply",
        json!({"code": 422, "reason": "Invalid", "message": "…", "details": {"causes": [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
        {"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"}]}}),
    );
    assert_eq!(e.kind(), Kind::Rejected);
    assert_eq!(
        e.message(),
        "the cluster rejects Deployment/web in shop:\n  - spec.selector: Required value\n  - spec.replicas: Invalid value: -1"
    );
    let e = error(
        "create",
        json!({"code": 400, "reason": "BadRequest", "message":
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.a\", unknown field \"spec.b\""}),
    );
    assert!(e.message().ends_with(":\n  - unknown field \"spec.a\"\n  - unknown field \"spec.b\""), "{e}");
}

#[test]
fn an_apply_that_does_not_fit_the_schema_is_a_rejection_and_not_the_servers_fault() {
    let e = error(
        "apply",
        json!({"code": 500, "message": "failed to create typed patch object (/web; apps/v1, Kind=Deployment): errors:\n  \
            .spec.replicas: expected numeric (int or float), got string\n  .spec.template.spec.containers: duplicate entries for key [name=\"c\"]"}),
    );
    assert_eq!(e.kind(), Kind::Rejected);
    assert_eq!(
        e.message(),
        "the cluster rejects Deployment/web in shop:\n  - .spec.replicas: expected numeric (int or float), got string\n  \
         - .spec.template.spec.containers: duplicate entries for key [name=\"c\"]"
    );
    let e = error(
        "apply",
        json!({"code": 500, "message": "failed to create typed patch object (/web; apps/v1, Kind=Deployment): \
            .spec.x.image: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}"}),
    );
    assert_eq!(e.message(), "the cluster rejects Deployment/web in shop: .spec.x.image: expected string, got a map");
}

#[test]
fn missing_things_are_told_apart() {
    let e = error("get", json!({"code": 404, "reason": "NotFound", "details": {"name": "web", "kind": "deployments"}}));
    assert_eq!(e.message(), "there is no Deployment/web in shop");
    let e =
        error("create", json!({"code": 404, "reason": "NotFound", "details": {"name": "shop", "kind": "namespaces"}}));
    assert!(e.message().contains("there is no namespace shop"));
    let e = error(
        "list",
        json!({"code": 404, "reason": "NotFound", "message": "the server could not find the requested resource"}),
    );
    assert_eq!(e.message(), "cluster prod does not serve deployments.apps");
}

#[test]
fn gone_is_expired_and_an_outdated_version_a_conflict() {
    assert!(matches!(Failure::from_status(&json!({"code": 410, "reason": "Expired"}), 200, None), Failure::Expired(_)));
    let e = error(
        "update",
        json!({"code": 409, "reason": "Conflict", "message":
        "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes"}),
    );
    assert_eq!(e.kind(), Kind::Conflict);
    assert_eq!(e.message(), "Deployment/web in shop has been changed since it was read");
}

#[test]
fn a_refused_connection_was_not_sent_and_a_reset_one_may_have_been() {
    let io = |kind| Failure::from_transport(Arc::new(std::io::Error::from(kind)));
    assert!(matches!(io(std::io::ErrorKind::ConnectionRefused), Failure::Transport { sent: false, .. }));
    assert!(matches!(io(std::io::ErrorKind::ConnectionReset), Failure::Transport { sent: true, lasting: false, .. }));
    let tls = std::io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
    assert!(matches!(Failure::from_transport(Arc::new(tls)), Failure::Transport { lasting: true, .. }));
}

#[test]
fn what_a_credential_program_printed_is_not_shown_when_a_token_is_renewed() {
    use std::os::unix::process::ExitStatusExt as _;
    let out = std::process::Output {
        status: std::process::ExitStatus::from_raw(256),
        stdout: b"hunter2".to_vec(),
        stderr: b"warming up\nlog in first\n".to_vec(),
    };
    let failed = AuthError::AuthExecRun { cmd: "aws hunter2".into(), out: Box::new(out) };
    let failure = Failure::from_kube(kube::Error::Service(Box::new(failed)));
    assert!(matches!(&failure, Failure::Transport { sent: false, lasting: true, .. }));
    let error = failure.into_error(&subject("list"));
    assert!(error.message().contains("log in first") && error.hint_text().unwrap().contains("renew"), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn what_needs_quotes_is_told_so() {
    let said = "failed to create typed patch object (default/c; /v1, Kind=ConfigMap): errors:\n  \
                .data.x: expected string, got &value.valueUnstructured{Value:5}\n  \
                .metadata.labels.a: expected string, got &value.valueUnstructured{Value:true}\n  \
                .data.l: expected string, got &value.valueUnstructured{Value:[]interface {}{1}}";
    let e = error("apply", json!({ "code": 500, "message": said }));
    let lines = [
        ".data.x: expected string, got a number",
        ".metadata.labels.a: expected string, got a boolean",
        ".data.l: expected string, got a list",
    ];
    assert!(lines.iter().all(|line| e.message().contains(line)), "{}", e.message());
    assert!(e.hint_text().is_some_and(|hint| hint.contains("quotes")));
}

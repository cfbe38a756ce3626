use super::*;

#[test]
fn names_are_read() {
    let r = ResourceRef::parse("Certificate.cert-manager.io/web").unwrap();
    assert_eq!((r.kind.as_str(), r.name.as_str()), ("Certificate.cert-manager.io", "web"));
    assert_eq!(ResourceRef::parse("clusterrole/system:node").unwrap().name, "system:node");
    assert_eq!(ResourceRef::parse_kind("deploy").unwrap(), "deploy");
}

#[test]
fn names_that_cannot_be_are_refused_with_the_reason() {
    for (text, why) in [
        ("Deployment", "no \"/\""),
        ("Deployment/", "the name is empty"),
        ("/web", "the kind is empty"),
        ("shop/Deployment/web", "more than one"),
        ("Deployment/we b", "has no ' '"),
        ("Deployment/web\u{1b}[31m", "has no '\\u{1b}'"),
        ("Deployment/..", "no object can have"),
        ("Deploy ment/web", "a kind has no ' '"),
        ("Deployment./web", "empty part"),
        ("Deployment/wéb", "a name has no"),
    ] {
        let error = ResourceRef::parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains(why), "{text}: {error}");
        assert!(!error.message().chars().any(char::is_control));
    }
    assert!(ResourceRef::parse_kind("Pod/x").unwrap_err().hint_text().unwrap().contains("alone"));
}

#[test]
fn objects_are_shown_and_found_by_path() {
    let kind = ApiKind::for_tests("apps", "v1", "Deployment", "deployments", true);
    let id = Collection::of("prod", &kind, Some("shop")).member("web");
    assert_eq!(id.to_string(), "Deployment/web in shop");
    assert_eq!(id.path(), "/apis/apps/v1/namespaces/shop/deployments/web");
    assert_eq!(ResourceId::namespace_object("prod", "shop").path(), "/api/v1/namespaces/shop");
    assert_eq!(id.collection().to_string(), "deployments in shop");
}

#[test]
fn upper_case_and_long_names_are_refused_before_any_request() {
    let kind = ApiKind::for_tests("apps", "v1", "Deployment", "deployments", true);
    assert!(check_name("Web", &kind).unwrap_err().message().contains("not 'W'"));
    assert!(check_name("web-", &kind).is_err());
    assert!(check_name("a..b", &kind).is_err());
    let role = ApiKind::for_tests("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false);
    assert!(check_name("system:Node", &role).is_ok());
    assert_eq!(label_fault("a.b"), Some("it may have lower-case letters, digits and \"-\" only"));
}

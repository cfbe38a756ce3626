use super::*;
use crate::clock::RealClock;
use crate::cluster::testing::{Answer, Mock, run};

fn opened(server: &str) -> Result<Cluster> {
    opened_as(server, "{}", &[])
}

fn opened_as(server: &str, user: &str, programs: &[&str]) -> Result<Cluster> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\n\
         users: [{{name: u, user: {user}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u, namespace: shop}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    let allow_programs = programs.iter().map(|p| (*p).to_owned()).collect();
    let options = OpenOptions { kubeconfig: vec![path], allow_programs, ..OpenOptions::default() };
    with_time(Cluster::open(options, Arc::new(RealClock::new())))
}

#[allow(clippy::disallowed_methods, reason = "the tests' own runtime")]
fn with_time<T>(future: impl Future<Output = T>) -> T {
    use std::sync::OnceLock;
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
        .block_on(future)
}

#[test]
fn a_cluster_takes_name_and_namespace_from_its_context() {
    let cluster = opened("https://127.0.0.1:1").unwrap();
    assert_eq!((cluster.name(), cluster.default_namespace()), ("c", "shop"));
    assert_eq!(opened("not a url").unwrap_err().kind(), Kind::Malformed);
}

#[test]
fn an_allowed_program_gives_the_credentials_and_its_output_is_not_shown() {
    let user = |script: &str| {
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: [-c, '{script}']}}}}"
        )
    };
    let good = user(
        r#"echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"hunter2\"}}""#,
    );
    assert_eq!(opened_as("https://127.0.0.1:1", &good, &[]).unwrap_err().kind(), Kind::Denied);
    assert!(opened_as("https://127.0.0.1:1", &good, &["sh"]).is_ok());
    let bad = user("echo hunter2; echo log in first >&2; exit 3");
    let error = opened_as("https://127.0.0.1:1", &bad, &["sh"]).unwrap_err();
    assert_eq!(error.kind(), Kind::System);
    assert!(error.message().contains("log in first") && error.message().contains('3'), "{error:?}");
    assert!(!format!("{error:?}{}", error.to_json()).contains("hunter2"), "{error:?}");
    let garbled = opened_as("https://127.0.0.1:1", &user("echo {hunter2: [}"), &["sh"]).unwrap_err();
    assert!(!format!("{garbled:?}{}", garbled.to_json()).contains("hunter2"), "{garbled:?}");
}

#[test]
fn a_server_that_is_not_there_is_said_at_once() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = with_time(opened(&format!("https://127.0.0.1:{port}")).unwrap().check()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("efused"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("up, and reachable"));
    assert!(!crate::cluster::Failure::of(&error).unwrap().is_unknown_outcome());
}

#[test]
fn a_certificate_that_is_not_trusted_is_said_at_once() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let tls =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let tls = Arc::new(tls.unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let mut connection = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut socket).is_ok() {}
        }
    });
    let cluster = opened(&format!("https://127.0.0.1:{port}")).unwrap();
    let error = with_time(cluster.check()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.hint_text().unwrap().contains("certificate-authority"), "{error:?}");
    let error = with_time(cluster.get(&crate::cluster::ResourceId::namespace_object("c", "x"))).unwrap_err();
    assert!(error.hint_text().unwrap().contains("certificate-authority"), "not repeated for a minute: {error:?}");
}

#[test]
fn credentials_that_are_not_accepted_are_said_at_once() {
    run(async {
        let mock = Mock::new(|_, _| Answer::status(401, "Unauthorized", "Unauthorized"));
        let error = mock.cluster.check().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
        assert!(error.message().contains("does not accept the credentials"));
        assert_eq!(mock.seen().len(), 1);
    });
}

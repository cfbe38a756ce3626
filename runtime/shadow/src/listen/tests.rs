use std::sync::Arc;
use std::time::Instant;

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::runtime::Runtime;

use super::gate::LARGEST;
use super::*;
use crate::clock::RealClock;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn client(kubeconfig: &str) -> kube::Client {
    let config = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}

fn get(path: &str) -> Request<Vec<u8>> {
    Request::get(path).body(Vec::new()).unwrap()
}

fn with_listener<T>(test: impl AsyncFnOnce(Listener) -> T) -> T {
    let shadow = Shadow::builder(Arc::new(RealClock::new())).build();
    #[expect(clippy::disallowed_methods, reason = "a test")]
    runtime().block_on(async { test(Listener::open(&shadow, &Options::default()).await.unwrap()).await })
}

#[test]
fn a_client_with_the_kubeconfig_is_answered() {
    with_listener(async |listener| {
        let client = client(listener.kubeconfig()).await;
        let version: crate::Json = client.request(get("/version")).await.unwrap();
        assert_eq!(version["minor"], "36");
        listener.close().await;
    });
}

#[test]
fn who_shows_no_token_or_another_is_refused_in_the_words_of_the_real_one() {
    with_listener(async |listener| {
        let text = listener.kubeconfig();
        let (before, token) = text.split_once("token: ").unwrap();
        let (token, after) = token.split_at(48);
        let other = if token.ends_with('0') { '1' } else { '0' };
        for token in [format!("{}{other}", &token[..47]), format!("{token}0"), "x".to_owned()] {
            let refused = client(&format!("{before}token: {token}{after}")).await;
            let error = refused.request::<crate::Json>(get("/version")).await.unwrap_err();
            let kube::Error::Api(status) = error else { panic!("{error}") };
            assert_eq!(
                (status.code, status.message.as_str(), status.reason.as_str()),
                (401, "Unauthorized", "Unauthorized")
            );
        }
        let nobody = client(&text.replace("token: ", "username: ")).await;
        assert!(
            matches!(nobody.request::<crate::Json>(get("/version")).await, Err(kube::Error::Api(s)) if s.code == 401)
        );
    });
}

#[test]
fn a_request_that_is_too_large_is_refused() {
    with_listener(async |listener| {
        let client = client(listener.kubeconfig()).await;
        let request = Request::post("/api/v1/namespaces/default/configmaps").body(vec![b' '; LARGEST + 1]).unwrap();
        let error = client.request::<crate::Json>(request).await.unwrap_err();
        let kube::Error::Api(status) = error else { panic!("{error}") };
        assert_eq!((status.code, status.message.as_str()), (413, "Request entity too large: limit is 3145728"));
    });
}

#[test]
fn its_kubeconfig_is_for_its_owner_alone_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    with_listener(async |listener| {
        listener.write_kubeconfig(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), listener.kubeconfig());
        assert_eq!(listener.write_kubeconfig(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    });
}

#[test]
fn its_end_is_quick_and_lets_nobody_in() {
    with_listener(async |listener| {
        let address = listener.address();
        let silent = tokio::net::TcpStream::connect(address).await.unwrap();
        let client = client(listener.kubeconfig()).await;
        let _: crate::Json = client.request(get("/version")).await.unwrap();
        let begun = Instant::now();
        listener.close().await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        assert!(client.request::<crate::Json>(get("/version")).await.is_err());
        drop(silent);
    });
}

#[test]
fn no_more_than_so_many_are_served_at_once_and_the_next_one_waits() {
    with_listener(async |listener| {
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(tokio::net::TcpStream::connect(listener.address()).await.unwrap());
        }
        let client = client(listener.kubeconfig()).await;
        let asked = tokio::spawn(async move { client.request::<crate::Json>(get("/version")).await });
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(200)).await;
        assert!(!asked.is_finished());
        drop(silent);
        assert!(asked.await.unwrap().is_ok());
    });
}

#[test]
fn who_shows_no_token_leaves_and_does_not_move_the_clock() {
    let simulation = crate::clock::Simulation::start(jiff::Timestamp::UNIX_EPOCH).unwrap();
    let clock = simulation.clock().clone();
    let shadow = Shadow::builder(Arc::new(clock.clone())).build();
    let options = Options { clock: Some(clock.clone()), ..Options::default() };
    #[expect(clippy::disallowed_methods, reason = "a test")]
    runtime().block_on(async {
        let listener = Listener::open(&shadow, &options).await.unwrap();
        let known = client(listener.kubeconfig()).await;
        let stranger = listener.kubeconfig().replace("token: ", "username: ");
        let mut strangers = Vec::new();
        for _ in 0..CONNECTIONS {
            let stranger = client(&stranger).await;
            assert!(stranger.request::<crate::Json>(get("/version")).await.is_err());
            strangers.push(stranger);
        }
        assert_eq!(clock.outsiders(), 0);
        let _: crate::Json = known.request(get("/version")).await.unwrap();
        assert_eq!(clock.outsiders(), 1);
        drop(known);
        listener.close().await;
        assert_eq!(clock.outsiders(), 0);
    });
}

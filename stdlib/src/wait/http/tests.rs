use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::testing::{Bed, Ran, Scripting as _, bare, deployment, merged, on, run, run_on};

/// Answers each request with the next of these, the last one for ever; gives the URL. What was asked is told.
fn server(answers: &'static [&'static str]) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health?x=1", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let _ = tell.send(String::from_utf8_lossy(&asked[..length]).into_owned());
            let _ = stream.write_all(answers[number.min(answers.len() - 1)].as_bytes());
        }
    });
    (url, told)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nx-node: a\r\n\r\nhealthy";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const AWAY: &str = "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n";

fn wait(url: &str, options: &str) -> Ran {
    run(&format!("wait::http(\"{url}\", #{{ every: \"10ms\", timeout: \"20s\", {options} }})"))
}

#[test]
fn it_is_asked_until_it_answers_as_it_should() {
    let (url, asked) = server(&[BUSY, AWAY, OK]);
    let answer = wait(&url, "body: \"healthy\", headers: #{ accept: \"text/plain\" }").value();
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("healthy")));
    assert_eq!(answer["headers"]["x-node"], "a");
    let first = asked.recv().unwrap();
    assert!(first.starts_with("GET /health?x=1 HTTP/1.1\r\n") && first.contains("accept: text/plain"), "{first}");
    assert_eq!(asked.try_iter().count(), 2);
}

#[test]
fn the_status_that_is_wanted_is_the_scripts() {
    let (url, _asked) = server(&[AWAY]);
    for status in ["302", "[200, 302]", "\"3xx\"", "[\"2xx\", \"3xx\"]"] {
        assert_eq!(wait(&url, &format!("status: {status}")).value()["status"], 302, "{status}");
    }
}

#[test]
fn an_attempt_that_is_cut_off_at_the_end_does_not_hide_what_was_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            match number {
                0 => stream.write_all(BUSY.as_bytes()).unwrap(),
                _ => silent.push(stream),
            }
        }
    });
    let error = run(&format!("wait::http(\"{url}\", #{{ every: \"10ms\", timeout: \"3s\" }})")).error();
    assert!(error["message"].as_str().unwrap().contains("not within 3s (it answers 503)"), "{error}");
}

#[test]
fn its_time_ends_it_with_the_last_answer() {
    for (answers, options, said) in [
        (&[BUSY][..], "", "not within 1s (it answers 503)"),
        (&[AWAY][..], "", "(it answers 302 (to /login))"),
        (&[OK][..], "body: \"sick\"", "(it answers 200 without \"sick\" in its body)"),
        (&["nonsense\r\n\r\n"][..], "", "did not answer by HTTP"),
    ] {
        let (url, _asked) = server(answers);
        let ran = run(&format!("wait::http(\"{url}\", #{{ every: \"10ms\", timeout: \"1s\", {options} }})"));
        let error = ran.error();
        assert_eq!(error["kind"], "timeout");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(error["resource"], url);
    }
}

#[test]
fn what_is_wrong_in_itself_is_refused_at_once() {
    for (call, kind, said) in [
        ("\"cx.example.com\"", "usage", "does not begin with http://"),
        ("\"ftp://cx.example.com\"", "usage", "ftp is neither http nor https"),
        ("\"http://u:p@h/\"", "usage", "do not belong there"),
        ("\"http://h/\", #{ status: 99 }", "usage", "99 is no status of HTTP"),
        ("\"http://h/\", #{ status: \"7xx\" }", "usage", "\"7xx\" is no status"),
        ("\"http://h/\", #{ status: [] }", "usage", "must be a status code such as"),
        ("\"http://h/\", #{ method: \"G T\" }", "usage", "is no method"),
        ("\"http://h/\", #{ headers: #{ \"a b\": \"x\" } }", "usage", "the header \"a b\" cannot be sent"),
        ("\"https://h/\", #{ ca: \"/nowhere.pem\" }", "not_found", "/nowhere.pem"),
    ] {
        let error = run(&format!("wait::http({call})")).error();
        assert_eq!(error["kind"], kind, "{call}: {error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{call}: {error}");
    }
}

/// Answers one TLS connection after the other; gives its port and certificate.
fn tls_server() -> (u16, String) {
    let (config, pem) = crate::testing::tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut asked = [0; 4096];
            if stream.read(&mut asked).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(OK.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (port, pem)
}

#[test]
fn certificates_are_checked_unless_the_script_says_otherwise() {
    let (port, pem) = tls_server();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let url = format!("https://localhost:{port}/");
    let error = run(&format!("wait::http(\"{url}\", #{{ every: \"10ms\", timeout: \"2s\" }})")).error();
    assert!(error["message"].as_str().unwrap().contains("no TLS connection"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("`ca`"), "{error}");
    assert_eq!(wait(&url, &format!("ca: \"{}\"", ca.display())).value()["status"], 200);
    let ran = wait(&url, "insecure: true");
    assert_eq!(ran.value()["body"], "healthy");
    assert!(ran.logs()[0].contains("its certificate is not checked"), "{:?}", ran.logs());
    std::fs::write(&ca, "no certificate").unwrap();
    assert_eq!(wait(&url, &format!("ca: \"{}\"", ca.display())).error()["kind"], "malformed");
}

#[test]
fn a_secret_reaches_the_header_and_nothing_else() {
    let (url, asked) = server(&[BUSY, OK]);
    let call = format!(
        "wait::http(\"{url}\", #{{ every: \"10ms\", headers: #{{ authorization: \"Bearer \" + secret::generate(\"token\") }} }})"
    );
    let ran = run(&call);
    assert_eq!(ran.value()["status"], 200);
    let head = asked.recv().unwrap();
    let sent = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap().to_owned();
    assert!(sent.len() > 8 && !ran.everything().contains(&sent));
    let error = run(&call.replace("every: \"10ms\"", "insecure: true")).error();
    assert_eq!(error["kind"], "secret", "{error}");
}

#[on(shadow, because = "the real cluster's Services are not to be had from outside")]
fn a_service_and_an_ingress_answer_while_a_pod_behind_them_is_ready(bed: Bed) {
    let namespace = bed.namespace();
    let spec = json!({ "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } });
    bed.create(&namespace, merged(bare("Service", "web"), &spec));
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let rule = json!({ "host": "cx.example.com", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] } });
    bed.create(&namespace, json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "web" }, "spec": { "rules": [rule] } }));
    let call = |url: &str| bed.run(&format!("wait::http(\"{url}\", #{{ timeout: \"5s\", status: [204, 200] }})"));
    for url in [format!("http://web.{namespace}.svc.cluster.local/"), "https://cx.example.com/".to_owned()] {
        assert_eq!(call(&url).error()["kind"], "timeout", "{url}");
    }
    bed.create(&namespace, deployment("web", 1));
    for url in [format!("http://web.{namespace}.svc.cluster.local/"), "https://cx.example.com/".to_owned()] {
        let answer = call(&url).value();
        assert_eq!(
            answer,
            json!({ "status": 204, "headers": {}, "body": "", "assumed": "what containers answer is not simulated" })
        );
    }
}

/// A proxy that knows every name as this machine: it makes connections, and asks for what is not encrypted itself.
/// What it was asked for is told.
fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://user:hunter2@{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), Vec::new());
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let words: Vec<&str> = head.split(' ').collect();
            let _ = tell.send(head.clone());
            let [method, place, ..] = words[..] else { continue };
            if place.starts_with("forbidden") {
                let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
                continue;
            }
            let port = place.rsplit(':').next().unwrap().split('/').next().unwrap().parse::<u16>().unwrap();
            let Ok(mut other) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
                let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
                continue;
            };
            match method {
                "CONNECT" => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap(),
                _ => other.write_all(head.as_bytes()).unwrap(),
            }
            let (mut up, mut down) = (stream.try_clone().unwrap(), other.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut up, &mut down));
            std::thread::spawn(move || std::io::copy(&mut other, &mut stream));
        }
    });
    (proxy, told)
}

fn run_in(network: serde_json::Value, script: &str) -> Ran {
    let target = windlass_runtime::target::NoTarget::new();
    run_on(target, script, |b| b.values(json!({ "network": network })))
}

#[test]
fn the_proxy_and_the_authorities_of_the_values_count() {
    let ((proxy, asked), (port, pem)) = (proxy(), tls_server());
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let network = json!({ "proxy": proxy, "no_proxy": ["direct.invalid", "10.0.0.0/8"], "ca_bundle": ca });
    // Its certificate is for `localhost`, which is never reached by a proxy.
    let script = format!("wait::http(\"https://localhost:{port}/\", #{{ every: \"10ms\", timeout: \"30s\" }})");
    assert_eq!(run_in(network.clone(), &script).value()["body"], "healthy");
    assert_eq!(asked.try_iter().count(), 0);
    let error = run_in(json!({}), &script.replace("30s", "3s")).error();
    assert!(error["hint"].as_str().unwrap().contains("`network.ca_bundle`"), "{error}");
    // Encrypted: the proxy connects. What comes of it is not trusted only because of its name.
    let script = format!("wait::http(\"https://cx.invalid:{port}/\", #{{ every: \"10ms\", timeout: \"5s\" }})");
    let error = run_in(network.clone(), &script).error();
    assert!(error["message"].as_str().unwrap().contains("no TLS connection"), "{error}");
    let told = asked.recv().unwrap();
    assert!(told.starts_with(&format!("CONNECT cx.invalid:{port} HTTP/1.1\r\n")), "{told}");
    assert!(told.contains("proxy-authorization: Basic dXNlcjpodW50ZXIy"), "{told}");
    let insecure = script.replace("every:", "insecure: true, every:").replace("5s", "30s");
    assert_eq!(run_in(network.clone(), &insecure).value()["body"], "healthy");
    while asked.try_recv().is_ok() {}
    // Not encrypted: the proxy is asked for the whole URL.
    let (url, _told) = server(&[OK]);
    let url = url.replace("127.0.0.1", "cx.invalid");
    let answer = run_in(network.clone(), &format!("wait::http(\"{url}\", #{{ timeout: \"30s\" }})")).value();
    assert_eq!(answer["body"], "healthy");
    let told = asked.recv().unwrap();
    assert!(told.starts_with(&format!("GET {url} HTTP/1.1\r\n")), "{told}");
    assert!(told.contains("proxy-authorization: "), "{told}");
    // A port: the proxy connects to it, and says where it cannot.
    let found = run_in(network.clone(), &format!("wait::port(\"cx.invalid\", {port})")).value();
    assert_eq!(found["port"], port);
    assert!(asked.recv().unwrap().starts_with(&format!("CONNECT cx.invalid:{port} ")));
    let shown = proxy.replace("user:hunter2@", "");
    for (host, said, hint) in [
        ("cx.invalid", format!("cx.invalid:1 does not accept a connection: the proxy {shown} answers 502"), "no_proxy"),
        ("forbidden.invalid", format!("the proxy {shown} does not let connections to forbidden.invalid:1"), "no_proxy"),
        ("web.shop.svc", "the proxy ".to_owned(), "port_forward"),
        ("direct.invalid", "the name direct.invalid cannot be resolved".to_owned(), "in DNS"),
    ] {
        let ran = run_in(network.clone(), &format!("wait::port(\"{host}\", 1, #{{ timeout: \"1s\" }})"));
        let error = ran.error();
        assert!(error["message"].as_str().unwrap().contains(&said), "{error}");
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
        assert!(!ran.everything().contains("hunter2"));
    }
}

#[test]
fn a_network_that_cannot_be_used_is_told() {
    let script = "wait::port(\"cx.invalid\", 1, #{ timeout: \"50ms\" })";
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (network, kind, said, hint) in [
        (
            json!({ "proxy": "http://user:hunter2@ /" }),
            "usage",
            "network.proxy of the values is no URL",
            "write it whole",
        ),
        (json!({ "proxy": "socks5://h:1" }), "usage", "network.proxy of the values is no URL", "write it whole"),
        (
            json!({ "proxy": format!("http://user:hunter2@127.0.0.1:{port}") }),
            "timeout",
            "does not accept a connection",
            "it is `network.proxy` of the values",
        ),
        (json!({ "ca_bundle": "/nowhere/ca.pem" }), "not_found", "network.ca_bundle: /nowhere/ca.pem", ""),
    ] {
        let ran = run_in(network, script);
        let error = ran.error();
        assert_eq!(error["kind"], kind, "{error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{error}");
        assert!(!ran.everything().contains("hunter2"), "{error}");
    }
}

#[test]
fn what_lies_below_an_error_is_kept() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = run(&format!("wait::http(\"http://127.0.0.1:{port}/\", #{{ timeout: \"500ms\" }})"));
    let error = ran.error();
    assert!(error["details"]["status"].as_str().unwrap().ends_with(": Connection refused (os error 111)"), "{error}");
    let causes = ran.report.steps[0].error.as_ref().unwrap()["causes"].to_string();
    assert!(causes.contains("Connection refused"), "{causes}");
}

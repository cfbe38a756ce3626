use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::testing::{Bed, Ran, Scripting as _, bare, deployment, merged, on, run};

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
fn its_time_ends_it_with_the_last_answer() {
    for (answers, options, said) in [
        (&[BUSY][..], "", "not within 50ms (it answers 503)"),
        (&[AWAY][..], "", "(it answers 302 (to /login))"),
        (&[OK][..], "body: \"sick\"", "(it answers 200 without \"sick\" in its body)"),
        (&["nonsense\r\n\r\n"][..], "", "did not answer by HTTP"),
    ] {
        let (url, _asked) = server(answers);
        let ran = run(&format!("wait::http(\"{url}\", #{{ every: \"10ms\", timeout: \"50ms\", {options} }})"));
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

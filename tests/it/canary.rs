//! A secret's value passes through everything that a run does, and is found nowhere but where it belongs.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::support::{Cluster, User, copy, said};

/// The forms of values that are looked for, each with its name.
struct Canaries(Vec<(String, Vec<u8>)>);

impl Canaries {
    fn of(values: &[(&str, &str)]) -> Self {
        let named = |(name, value): &(&str, &str)| {
            let name = (*name).to_owned();
            forms(value).into_iter().map(move |(form, text)| (format!("{name}, {form}"), text.into_bytes()))
        };
        Self(values.iter().flat_map(named).collect())
    }

    fn find(&self, bytes: &[u8]) -> Option<&str> {
        let finder = |form: &[u8]| bytes.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form));
        self.0.iter().find(|(_, form)| finder(form)).map(|(name, _)| name.as_str())
    }

    fn assert_not_in(&self, place: &str, bytes: &[u8]) {
        if let Some(name) = self.find(bytes) {
            panic!("{place} has {name}:\n{}", String::from_utf8_lossy(bytes));
        }
    }

    fn assert_not_below(&self, folder: &Path, but_in: &[PathBuf]) -> usize {
        let mut files = 0;
        for path in below(folder).into_iter().filter(|path| !but_in.contains(path)) {
            self.assert_not_in(&path.display().to_string(), &std::fs::read(&path).unwrap());
            self.assert_not_in("a file's name", path.as_os_str().as_encoded_bytes());
            files += 1;
        }
        files
    }
}

/// A text as it is, and as it stands in URLs, in JSON, in hexadecimal, and in base64 in the three ways in which it can stand
/// between others: of these, the middle, which does not depend on them.
fn forms(text: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(text).unwrap();
    let url = |kept: &str| {
        let encode = |byte: u8| match byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02x}"),
        };
        text.bytes().map(encode).collect::<String>()
    };
    let mut forms = vec![
        ("as it is", text.to_owned()),
        ("backwards", text.chars().rev().collect()),
        ("in JSON", json.trim_matches('"').to_owned()),
        ("in JSON twice", serde_json::to_string(&json).unwrap().trim_matches('"').trim_matches(['\\', '"']).to_owned()),
        ("in a URL", url("-._~")),
        ("in the path of a URL", url("-._~!$&'()*+,;=:@")),
        ("in hexadecimal", text.bytes().map(|byte| format!("{byte:02x}")).collect()),
    ];
    for shift in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&b"xxx"[..shift], text.as_bytes()].concat());
        forms.push(("in base64", encoded[4..encoded.len() - 4].to_owned()));
    }
    forms
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { below(&path) } else { vec![path] }).collect()
}

/// A server that keeps what it is sent, and answers that all is well.
fn listener() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, kept) = (format!("http://{}/", listener.local_addr().unwrap()), Arc::new(Mutex::new(String::new())));
    let keeps = kept.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap_or(0);
            keeps.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    (url, kept)
}

/// Letters that no two runs of the test share, with what has another form in each encoding.
fn value(of: &str) -> String {
    let chance = std::process::id().wrapping_mul(2_654_435_761);
    let time = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{of}-Zq \"{chance:x}/{time:x}\" <&ä+\\>")
}

const SCRIPT: &str = r#"
    fn all(file) {
        #{ env: secret::env("CANARY_ENV"), file: secret::file(file), made: secret::generate("canary"), fresh: secret::generate("fresh"), from: secret::from(values.password) }
    }
    step("namespace", || { cluster::namespace("canary"); });
    step("take", |ctx| {
        let s = all(values.file);
        ctx.state.env = s.env;
        ctx.state.deep = [#{ url: `db://${s.file}@host/${s.made}` }, s.from];
        log::info(`${s.env} ${s.file} ${s.made} ${s.from}`);
        log::warn([s]);
        print(s);
        debug(`${s.made}`);
        let kept = once("kept", || `kept ${s.env}`);
        report::manual(`tell ${s.env} to them`);
        report::accepted(`weak: ${s.made}, ${kept}`);
        confirm("weak", "Are they good enough?");
        #{ result: s.file, all: s }
    });
    step("write", |ctx| {
        let s = all(values.file);
        cluster::secret("plain", #{ namespace: "canary", data: #{ env: `${s.env}${values.round}`, url: `x:${s.file}`, both: `${s.made}${s.from}`, fresh: s.fresh, state: ctx.state.deep[0].url } });
        cluster::label("Secret/plain", #{ touched: "yes" }, #{ namespace: "canary" });
        wait::http(values.url, #{ headers: #{ "x-token": `Bearer ${s.fresh}` } });
    });
    step("refused", #{ on_error: "ignore", retries: 1, backoff: "0s" }, || {
        let s = all(values.file);
        try { confirm("weak", `Is ${s.env} good enough, and ${s.file}?`); } catch (e) { log::error(e); }
        try { confirm(`weak ${s.made}`, "Is it?"); } catch (e) { log::error(e); }
        cluster::config_map("leak", #{ namespace: "canary", data: #{ password: s.env } });
    });
    step("thrown", #{ on_error: "ignore" }, || {
        let s = all(values.file);
        throw #{ kind: "mine", message: `no luck with ${s.env}`, hint: `try ${s.file}`, details: [s, `${s.made}`] };
    });
    step("unknown", #{ on_error: "ignore" }, || {
        let s = all(values.file);
        cluster::get(`ConfigMap/${s.env}`, #{ namespace: `${s.made}` });
    });
    if values.chart != "" {
        step("release", || {
            let s = all(values.file);
            let outcome = helm::upgrade("web", values.chart, #{ namespace: "canary", values: #{ token: s.env, password: s.file, made: s.made, from: `x${s.from}` } });
            print(outcome); print(helm::values("web", #{ namespace: "canary" })); print(helm::manifest("web", #{ namespace: "canary" }));
        });
        step("release/again", |ctx| {
            let s = all(values.file);
            print(helm::diff("web", values.chart, #{ namespace: "canary", values: #{ token: "none", password: s.made, made: s.file, from: "x" } }));
            helm::upgrade("web", values.chart, #{ namespace: "canary", values: #{ token: `${ctx.state.env}`, password: s.made, made: s.file, from: "x" } });
        });
        step("release/broken", #{ on_error: "ignore" }, || {
            let s = all(values.file);
            helm::upgrade("web", values.chart, #{ namespace: "canary", values: #{ token: s.env, password: s.file, made: s.made, from: s.from, breaks: true } });
        });
    }
    step("end", |ctx| {
        let s = all(values.file);
        print(ctx.state.deep); print(ctx.result("take"));
        cluster::secret("last", #{ namespace: "canary", data: #{ env: ctx.state.env, url: ctx.state.deep[0].url } });
    });
"#;

/// What the chart makes of its values beside a Secret: they stand in clear on the cluster.
const LEAKY: &str = r#"
{{- if .Values.breaks }}{{ fail (printf "no luck with %s" .Values.token) }}{{ end }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-leaky
  annotations: { password: {{ .Values.password | quote }} }
data:
  token: {{ .Values.token | quote }}
  made: {{ .Values.made | quote }}
  encoded: {{ .Values.from | b64enc }}
"#;

struct Customer {
    folder: tempfile::TempDir,
    user: User,
    env: BTreeMap<&'static str, String>,
    canaries: Canaries,
}

impl Customer {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs a command in the customer's name; nothing of what it says has a secret.
    fn command(&self, arguments: &[&str], dies: Option<&str>) -> Output {
        let mut command = self.user.command(arguments);
        command.current_dir(self.folder.path().join("acme")).envs(&self.env).env_remove("DIES");
        if let Some(dies) = dies {
            command.env("DIES", dies);
        }
        let output = command.output().unwrap();
        for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            self.canaries.assert_not_in(&format!("{stream} of {arguments:?}"), bytes);
        }
        output
    }

    fn succeeds(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments, None);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        output
    }

    fn assert_nothing_left(&self) {
        let own = ["password", "received"].map(|name| self.folder.path().join(name));
        let files = self.canaries.assert_not_below(self.folder.path(), &own);
        let others = self.canaries.assert_not_below(self.user.home.path(), &[]);
        assert!(files > 5 && others > 0, "{files}, {others}");
    }
}

fn customer(cluster: &Cluster, url: &str, values: &[(&'static str, String)]) -> Customer {
    let folder = tempfile::tempdir().unwrap();
    let user = User::with_helm(&cluster.kubeconfig());
    let chart = folder.path().join("chart");
    let has_helm = user.is_some();
    if has_helm {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib/tests/examples/charts/web");
        copy(&web, &chart);
        std::fs::write(chart.join("templates/leaky.yaml"), LEAKY).unwrap();
    }
    let of = |name: &str| values.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let password = folder.path().join("password");
    std::fs::write(&password, of("file")).unwrap();
    std::fs::write(folder.path().join("canary.rhai"), SCRIPT).unwrap();
    let acme = folder.path().join("acme");
    std::fs::create_dir(&acme).unwrap();
    std::fs::write(acme.join("customer.yaml"), "name: acme\nplaybook: single-node\nmade_for: 0.1.0\n").unwrap();
    let chart = if has_helm { chart.display().to_string() } else { String::new() };
    let written = format!(
        "file: {}\nurl: {url}\nchart: \"{chart}\"\nround: 1\npassword: {{ env: CANARY_FROM }}\n",
        password.display()
    );
    std::fs::write(acme.join("values.yaml"), written).unwrap();
    let named: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Customer {
        folder,
        user: user.unwrap_or_else(|| User::new(&cluster.kubeconfig())),
        env: [("CANARY_ENV", of("env")), ("CANARY_FROM", of("from"))].into(),
        canaries: Canaries::of(&named),
    }
}

#[test]
fn what_is_looked_for_is_found_in_each_form() {
    let canaries = Canaries::of(&[("x", "Zq \"ab/12\" <&ä+\\>")]);
    let folder = tempfile::tempdir().unwrap();
    for (name, form) in forms("Zq \"ab/12\" <&ä+\\>") {
        std::fs::write(folder.path().join("file"), format!("before {form} after")).unwrap();
        let caught = std::panic::catch_unwind(|| canaries.assert_not_below(folder.path(), &[]));
        assert!(caught.is_err(), "{name}");
    }
    std::fs::write(folder.path().join("file"), "before Zq after").unwrap();
    assert_eq!(canaries.assert_not_below(folder.path(), &[]), 1);
}

#[test]
fn a_secret_that_passed_through_each_kind_of_step_is_found_nowhere() {
    let cluster = Cluster::start();
    let (url, received) = listener();
    let values = ["env", "file", "made", "from"].map(|name| (name, value(name)));
    let mut customer = customer(&cluster, &url, &values);
    // A secret that is kept, and known here.
    let made = customer.path("made");
    std::fs::write(&made, &values[2].1).unwrap();
    let mut set = customer.user.command(&["secrets", "set", "canary"]);
    set.current_dir(customer.folder.path().join("acme")).stdin(std::fs::File::open(&made).unwrap());
    let set = set.output().unwrap();
    assert!(set.status.success(), "{}", said(&set));
    std::fs::remove_file(&made).unwrap();

    let script = customer.path("canary.rhai");
    let acme = customer.path("acme");
    let run = ["run", &script, "--customer", &acme, "--yes-to", "weak", "-vv"];
    let mut died = 0;
    let ended = loop {
        let dies = ["step_end before", "intent after", "result before", "step_end after"][died % 4];
        let log = customer.path(&format!("log-{died}{}", [".txt", ".jsonl"][died % 2]));
        let output = ["text", "jsonl", "json"][died % 3];
        let mut arguments = run.to_vec();
        arguments.extend(["--log", &log, "-o", output]);
        arguments.extend((died > 0).then_some("--resume"));
        let output = customer.command(&arguments, Some(dies));
        if !said(&output).contains("\ndies ") {
            break output;
        }
        died += 1;
    };
    assert!(ended.status.success() && died > 8, "{died}: {}", said(&ended));
    // The one that was generated is known from where it was sent to.
    let sent = received.lock().unwrap().clone();
    let fresh = sent.split("Bearer ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap().to_owned();
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (*name, value.as_str())).chain([("fresh", &*fresh)]).collect();
    customer.canaries = Canaries::of(&values);
    customer.assert_nothing_left();

    let whose = ["--customer", &acme];
    let with = |before: &[&str]| customer.succeeds(&[before, &whose].concat());
    let shown = String::from_utf8(with(&["runs", "show", "-o", "markdown"]).stdout).unwrap();
    assert!(shown.contains("tell \\[secret CANARY\\_ENV\\] to them") && shown.contains("weak: "), "{shown}");
    with(&["runs"]);
    with(&["runs", "show"]);
    let record: serde_json::Value = serde_json::from_slice(&with(&["runs", "show", "-o", "json"]).stdout).unwrap();
    let exported = customer.path("exported.json");
    with(&["runs", "export", record["run"].as_str().unwrap(), &exported]);
    for arguments in
        [&["values", &script][..], &["values", "--explain", &script], &["check", &script], &["show", &script]]
    {
        with(arguments);
    }
    customer
        .succeeds(&[&run[..], &["--set", "round=2", "--log", &customer.path("again.jsonl"), "-o", "jsonl"]].concat());
    // Nothing listens for it there.
    customer.command(&["rehearse", &script, "--customer", &acme, "-o", "json"], None);
    customer.command(&["eval", "-o", "json", "let s = secret::env(\"CANARY_ENV\"); [s, `${s}`, cluster::get(\"Secret/plain\", #{ namespace: \"canary\" })]"], None);
    with(&["undo", "--dry-run", "-o", "json"]);
    let undo = ["undo", "--yes-to", "undo", "-vv", "-o", "jsonl", "--log"];
    for (number, dies) in [Some("intent after"), Some("result before"), None].into_iter().enumerate() {
        let log = customer.path(&format!("undo-{number}.jsonl"));
        let undone = customer.command(&[&undo[..], &[&log], &whose].concat(), dies);
        assert!(dies.is_some() || undone.status.success(), "{}", said(&undone));
    }
    customer.command(&["undo", record["run"].as_str().unwrap(), "--yes-to", "undo", whose[0], whose[1]], None);
    with(&["runs", "show"]);
    customer.assert_nothing_left();
}

//! `windlass repl` as a person at a terminal has it: keys are pressed, and the screens are as kept.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use windlass_support::{OnTerminal, ShadowProcess, Terminal};

const WINDLASS: &str = env!("CARGO_BIN_EXE_windlass");

/// A person with a folder, and a cluster where one is needed.
struct Person {
    folder: tempfile::TempDir,
    shadow: Option<ShadowProcess>,
}

impl Person {
    fn new() -> Self {
        let person = Self { folder: tempfile::tempdir().unwrap(), shadow: None };
        for (name, text) in [("playbook.rhai", PLAYBOOK), ("values.yaml", "replicas: 2\n"), ("manifests/web.yaml", WEB)]
        {
            let path = person.path("shop").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        person
    }

    /// One on a cluster that is served by a process of its own.
    fn on_a_cluster() -> Self {
        let person = Self::new();
        let shadow = Some(ShadowProcess::start(WINDLASS, person.folder.path()));
        Self { shadow, ..person }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.path("home").display().to_string();
        let mut all = vec![
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOME", home),
            ("USER", "alice".to_owned()),
            ("CANARY", "correct-horse-battery".to_owned()),
        ];
        all.extend(self.shadow.iter().map(|shadow| ("KUBECONFIG", shadow.kubeconfig().display().to_string())));
        all
    }

    /// Sits down at a REPL.
    fn sits(&self, arguments: &[&str]) -> Option<Sitting> {
        self.sits_with(arguments, &[])
    }

    fn sits_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Option<Sitting> {
        let own = self.environment();
        let mut environment: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.extend(more);
        let on = OnTerminal { folder: self.folder.path(), environment: &environment, size: (100, 30) };
        let sitting = Sitting(on.start(WINDLASS, &[&["repl"], arguments].concat())?);
        sitting.asked();
        Some(sitting)
    }

    /// What a command without a terminal prints, and its exit code.
    fn windlass(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(WINDLASS);
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(self.environment());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    /// The lines that the history file has.
    fn history(&self) -> String {
        // What was added last may be in the file's log.
        let files =
            ["repl-history.db", "repl-history.db-wal"].map(|name| self.path("home/.local/state/windlass").join(name));
        let read: Vec<u8> = files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect();
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// A REPL that a person sits at.
struct Sitting(Terminal);

impl std::ops::Deref for Sitting {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.0
    }
}

fn last(screen: &str) -> &str {
    screen.lines().last().unwrap_or_default()
}

impl Sitting {
    /// Waits for an empty prompt, and gives the screen.
    #[track_caller]
    fn asked(&self) -> String {
        self.until("the prompt", |screen| last(screen).ends_with(" >") || last(screen).ends_with(" »"));
        self.screen()
    }

    /// Types a line and waits for the next prompt.
    #[track_caller]
    fn line(&self, line: &str) -> String {
        self.begins(line);
        self.asked()
    }

    /// Types a line, and does not wait for what comes of it.
    #[track_caller]
    fn begins(&self, line: &str) {
        self.text(line);
        self.until(line, |screen| last(screen).contains(line.trim_end()));
        self.key("Enter");
    }

    /// Ends it, and gives the exit code.
    fn leaves(&self) -> i32 {
        self.key("C-d");
        self.ended()
    }
}

/// Keeps a screen, without what varies.
macro_rules! keep {
    ($name:literal, $screen:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"(web-[0-9a-f]{9})-[a-z0-9]{5}", "$1-[pod]");
        settings.add_filter(r"web-[0-9a-f]{9,10}", "web-[set]");
        settings.add_filter(r"\(\d+(\.\d+)?(ms|s|m)", "([took]");
        settings.add_filter(r"\d\d:\d\d:\d\d", "[time]");
        settings.add_filter(r"\d{8}-\d{6}-[0-9a-f]{6}", "[run]");
        settings.bind(|| insta::assert_snapshot!($name, $screen));
    }};
}

const PLAYBOOK: &str = r#"step("namespace", || {
    cluster::namespace("shop");
});

step("web", #{ title: "Deploy the web server", needs: ["namespace"], timeout: "10m" }, |ctx| {
    let manifests = manifest::load("manifests").with_replicas(values.replicas);
    cluster::apply(manifests, #{ namespace: "shop" });
    wait::ready("Deployment/web", #{ namespace: "shop" });
    ctx.state.web = "ready";
});

step("report", || {
    let pods = cluster::list("Pod", #{ namespace: "shop" });
    print(`${pods.len()} pods`);
});
"#;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
    spec:
      containers:
        - name: web
          image: nginx:1.99
          ports: [{ containerPort: 80 }]
";

/// The image of the playbook does not exist.
const BROKEN: [&str; 4] = ["shop", "--rehearse", "--fail", "image/nginx:1.99"];

#[test]
fn lines_are_edited_go_on_in_the_next_line_and_are_dropped() {
    let person = Person::new();
    let Some(repl) = person.sits(&["shop", "--rehearse"]) else { return };
    repl.text("let xname = \"aa\"");
    repl.key("C-a");
    repl.key("M-f");
    repl.key("Right");
    repl.key("C-d");
    repl.key("C-e");
    repl.key("BSpace");
    repl.key("BSpace");
    repl.text("b\"");
    repl.sees("let name = \"ab\"");
    repl.key("Enter");
    repl.asked();
    repl.line("name + \"c\"");
    // An open brace goes on in the next line.
    repl.text("fn twice(n) {");
    repl.key("Enter");
    repl.text("n * 2");
    repl.key("Enter");
    repl.text("}");
    repl.key("Enter");
    repl.asked();
    repl.line("twice(21)");
    repl.text("half a li");
    repl.sees("half a li");
    repl.key("C-c");
    repl.asked();
    repl.line("nmae");
    keep!("edited", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn a_function_that_is_pasted_is_one_line() {
    let person = Person::new();
    let Some(repl) = person.sits(&["--rehearse"]) else { return };
    let body: String = (0..28).map(|n| format!("    let v{n} = if n > {n} {{ n }} else {{ {n} }};\n")).collect();
    repl.paste(&format!("fn many(n) {{\n{body}    v27\n}}"));
    repl.sees("    v27");
    repl.key("Enter");
    repl.asked();
    repl.line("many(40)");
    repl.line(":history");
    let all = repl.all();
    assert!(all.contains("> many(40)\n40\n") && all.contains("   1 fn many(n) {"), "{all}");
    assert!(all.contains("   2 many(40)"), "{all}");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn the_history_goes_over_sessions_and_keeps_no_secret() {
    let person = Person::new();
    let Some(repl) = person.sits(&["--rehearse"]) else { return };
    repl.line("let first = 1;");
    repl.line(" let hidden = 2;");
    repl.line("let s = secret::env(\"CANARY\");");
    repl.line("let p = \"correct-horse-battery\";");
    repl.line(":vars");
    assert_eq!(repl.leaves(), 0);
    let Some(repl) = person.sits(&["--rehearse"]) else { return };
    repl.key("Up");
    repl.sees("> :vars");
    repl.key("Up");
    repl.sees("> let s = secret::env");
    repl.key("Up");
    repl.sees("> let first = 1;");
    repl.key("C-c");
    repl.asked();
    // What was typed once is offered.
    repl.text("let fi");
    repl.sees("> let first = 1;");
    repl.key("Right");
    repl.key("Enter");
    repl.asked();
    repl.line("first + 1");
    assert!(repl.screen().contains("> first + 1\n2\n"), "{}", repl.screen());
    assert_eq!(repl.leaves(), 0);
    let history = person.history();
    assert!(history.contains("let first = 1;") && history.contains("secret::env"), "{history}");
    assert!(!history.contains("hidden") && !history.contains("correct-horse"), "{history}");
    let file = std::fs::metadata(person.path("home/.local/state/windlass/repl-history.db")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
}

#[test]
fn ctrl_c_stops_what_runs_and_not_the_repl() {
    let person = Person::on_a_cluster();
    let Some(repl) = person.sits(&[]) else { return };
    repl.begins("sleep(60)");
    // Nothing says that it sleeps, but that there is no prompt.
    repl.until("it runs", |screen| last(screen).ends_with("> sleep(60)") && !last(screen).contains("live"));
    repl.key("C-c");
    repl.sees("stopped by Ctrl-C");
    repl.asked();
    repl.line("1 + 1");
    keep!("stopped", repl.screen());
    // A wait says how far it is, and what is then typed stands below all of it.
    repl.line("cluster::config_map(\"c\", #{ namespace: \"default\", data: #{ a: \"1\" } });");
    repl.begins("wait::until(\"a word\", #{ timeout: \"5m\" }, || false)");
    repl.sees("a word: ");
    repl.key("C-c");
    repl.sees("stopped by Ctrl-C");
    repl.asked();
    repl.line("3 + 4");
    let screen = repl.screen();
    assert!(screen.contains("> 3 + 4\n7\n") && !screen.contains("a word: "), "{screen}");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn a_failure_made_by_hand_is_mended_and_the_session_saved() {
    let person = Person::new();
    let Some(repl) = person.sits(&BROKEN) else { return };
    keep!("greeting", repl.screen());
    repl.line(":next");
    repl.line(":next");
    keep!("failed", repl.screen());
    repl.line("manifests[0].spec.replicas");
    repl.line(":pods -n shop");
    repl.line(":why Deployment/web -n shop");
    repl.line(":continue");
    keep!("looked", repl.screen());
    repl.key("C-l");
    repl.line("let image = \"nginx:1.27\";");
    repl.line("let container = #{ name: \"web\", image: image };");
    repl.line("let spec = #{ template: #{ spec: #{ containers: [container] } } };");
    repl.line("cluster::patch(\"Deployment/web\", #{ spec: spec }, #{ namespace: \"shop\", type: \"strategic\" });");
    repl.line(":retry");
    repl.line(":continue");
    repl.line(":steps");
    keep!("mended", repl.screen());
    repl.key("C-l");
    repl.line("let name = \"note\";");
    repl.line("cluster::config_map(name, #{ namespace: \"default\", data: #{ a: \"1\" } });");
    repl.line(":diff");
    repl.line(":save mended.rhai");
    keep!("saved", repl.screen());
    assert_eq!(repl.leaves(), 0);
    insta::assert_snapshot!("saved_file", std::fs::read_to_string(person.path("mended.rhai")).unwrap());
    let (code, text) = person.windlass(&["rehearse", "mended.rhai"]);
    assert!(code == Some(0) && text.contains("ConfigMap/note"), "{text}");
}

#[test]
fn single_node_is_gone_through_past_an_image_that_does_not_exist() {
    let person = Person::new();
    let acme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/acme");
    let acme = acme.canonicalize().unwrap();
    let Some(repl) = person.sits(&[acme.to_str().unwrap(), "--rehearse", "--fail", "image/activemq"]) else { return };
    repl.line(":next");
    repl.line(":plan --off");
    repl.line(":run-to solution/activemq");
    assert!(last(&repl.screen()).ends_with("solution/activemq rehearsal failed »"), "{}", repl.screen());
    repl.key("C-l");
    repl.line(":why statefulset ef-amq -n ef-external");
    repl.line("let ef = #{ namespace: \"ef-external\" };");
    repl.line("let container = #{ name: \"ef-amq\", image: \"registry.example.com/cim/amq:4.2\" };");
    repl.line("let spec = #{ template: #{ spec: #{ containers: [container] } } };");
    repl.line("cluster::patch(\"StatefulSet/ef-amq\", #{ spec: spec }, ef + #{ type: \"strategic\" });");
    // A StatefulSet waits for a pod that never was ready.
    repl.line("cluster::delete(\"Pod/ef-amq-0\", ef);");
    repl.line(":retry");
    keep!("single_node", repl.screen());
    repl.line(":continue");
    repl.line("cluster::namespace(\"after\");");
    repl.line(":save mended.rhai");
    repl.line(":save mend.rhai --step mend");
    assert!(last(&repl.screen()).ends_with("single-node rehearsal >"), "{}", repl.screen());
    assert_eq!(repl.leaves(), 0);
    let step = std::fs::read_to_string(person.path("mend.rhai")).unwrap();
    assert!(step.contains("\n        cluster::patch(\"StatefulSet/ef-amq\""), "{step}");
    let (code, text) = person.windlass(&["rehearse", "mended.rhai"]);
    assert!(code == Some(0) && text.contains("Namespace/after"), "{text}");
}

#[test]
fn what_mended_a_cluster_is_saved_and_runs_on_it_again() {
    let person = Person::on_a_cluster();
    let picky = WEB.replace("      containers:", "      nodeSelector: { disk: ssd }\n      containers:");
    std::fs::write(person.path("shop/manifests/web.yaml"), picky).unwrap();
    let hasty = PLAYBOOK.replace("\"Deployment/web\", #{", "\"Deployment/web\", #{ timeout: \"2s\",");
    std::fs::write(person.path("shop/playbook.rhai"), hasty).unwrap();
    let Some(repl) = person.sits(&["shop"]) else { return };
    repl.line(":run-to web");
    assert!(last(&repl.screen()).ends_with("failed »"), "{}", repl.screen());
    repl.line("let labels = #{ disk: \"ssd\" };");
    repl.line("cluster::label(\"Node/node-1\", labels);");
    repl.line("manifests.len()");
    repl.line(":retry");
    repl.line(":continue");
    repl.line(":save mended.rhai");
    repl.begins(":quit");
    assert_eq!(repl.ended(), 0);
    insta::assert_snapshot!("saved_of_a_cluster", std::fs::read_to_string(person.path("mended.rhai")).unwrap());
    let (code, text) = person.windlass(&["run", "mended.rhai"]);
    assert!(code == Some(0) && text.contains("0 changed, 1 unchanged"), "{text}");
}

#[test]
fn a_step_is_gone_through_statement_by_statement() {
    let person = Person::new();
    std::fs::write(
        person.path("half.rhai"),
        "fn half(n) {\n  let h = n / 2;\n  h\n}\nstep(\"a\", || {\n  let n = 8;\n  let h = half(n);\n  let twice = half(n) * 4;\n  print(`h is ${h}`);\n});\n",
    )
    .unwrap();
    let Some(repl) = person.sits(&["half.rhai", "--rehearse"]) else { return };
    repl.line(":step");
    repl.line(":next");
    repl.line("n = 20");
    repl.line(":into");
    repl.line("n");
    repl.line(":out");
    repl.line(":next");
    repl.line(":continue");
    keep!("stepped", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn changes_are_asked_for_and_refused() {
    let person = Person::new();
    let Some(repl) = person.sits(&["shop", "--rehearse"]) else { return };
    repl.line(":break changes");
    repl.line(":next");
    keep!("asked", repl.screen());
    repl.line(":refuse");
    repl.line(":next");
    repl.line(":continue");
    keep!("refused", repl.screen());
    // The end of the lines, in the middle of a step, ends the step; and then the REPL.
    repl.line(":next");
    repl.key("C-d");
    repl.sees("web  Deploy the web server  cancelled");
    repl.asked();
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn one_leaves_from_the_middle_of_a_step() {
    let person = Person::new();
    let Some(repl) = person.sits(&BROKEN) else { return };
    repl.line(":next");
    repl.line(":next");
    assert!(last(&repl.screen()).ends_with("failed »"));
    repl.begins(":quit");
    assert_eq!(repl.ended(), 0);
    assert!(repl.screen().contains("cancelled"), "{}", repl.screen());
}

/// Types these lines at a REPL, and closes its terminal: whether there was one, and the process has ended.
fn closes(person: &Person, arguments: &str, lines: &[&str]) -> bool {
    let pid = person.path("pid");
    let line = format!("echo $$ > {}; exec {WINDLASS} repl {arguments}", pid.display());
    let own = person.environment();
    let environment: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let on = OnTerminal { folder: person.folder.path(), environment: &environment, size: (100, 30) };
    let Some(terminal) = on.start("sh", &["-c", &line]) else { return false };
    let repl = Sitting(terminal);
    repl.asked();
    for line in lines {
        repl.line(line);
    }
    let number = std::fs::read_to_string(&pid).unwrap();
    drop(repl);
    let process = std::path::Path::new("/proc").join(number.trim());
    let begun = std::time::Instant::now();
    while process.exists() {
        assert!(begun.elapsed().as_secs() < 30, "it lives on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    true
}

#[test]
fn a_terminal_that_goes_away_ends_it_in_the_middle_of_a_step() {
    closes(&Person::new(), "shop --rehearse --fail image/nginx:1.99", &[":next", ":next"]);
}

#[test]
fn the_mark_of_a_held_step_stays_while_a_menu_is_open() {
    let person = Person::new();
    let Some(repl) = person.sits(&BROKEN) else { return };
    repl.line(":next");
    repl.line(":next");
    repl.text("cluster::a");
    repl.key("Tab");
    repl.sees("» cluster::a\n");
    repl.sees("annotate(");
    // What comes at once after Escape belongs to it.
    repl.key("Escape");
    repl.until("no menu", |screen| last(screen).ends_with("» cluster::a"));
    repl.key("C-u");
    repl.asked();
    repl.key("C-r");
    repl.sees("» history:\n");
    repl.key("Escape");
    repl.asked();
    repl.line(":stop");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn lines_are_edited_as_in_vi() {
    let person = Person::new();
    let Some(repl) = person.sits(&["--rehearse", "--keys", "vi"]) else { return };
    repl.text("let a = 1");
    repl.sees("> let a = 1");
    repl.key("Escape");
    repl.sees(">:let a = 1");
    repl.text("0cwconst");
    repl.sees("> const a = 1");
    repl.key("Enter");
    repl.asked();
    repl.line(":vars");
    assert!(repl.screen().contains("\nconst a = 1\n"), "{}", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn a_window_that_is_resized_keeps_the_line() {
    let person = Person::new();
    let Some(repl) = person.sits(&["--rehearse"]) else { return };
    repl.line("let text = \"one\";");
    repl.text("text + \" and a line that is longer than the window is going to be\"");
    repl.sees("going to be\"");
    repl.resize(50, 12);
    repl.until("the line", |screen| screen.contains("going to be\""));
    repl.text(".len()");
    repl.sees("going to be\".len()");
    repl.resize(120, 30);
    repl.key("Enter");
    repl.asked();
    let screen = repl.screen();
    assert!(screen.contains("\none57\n"), "{screen}");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn long_output_goes_through_the_pager() {
    let person = Person::new();
    let Some(repl) = person.sits_with(&["shop", "--rehearse"], &[("PAGER", "sed 's/^/paged: /'")]) else { return };
    repl.line("let many = []; for n in 0..50 { many.push(n); } many");
    assert!(repl.screen().contains("\npaged: - 49\n"), "{}", repl.screen());
    repl.line("[7]");
    assert!(repl.screen().contains("\n- 7\n"), "{}", repl.screen());
    assert_eq!(repl.leaves(), 0);
    // In less, in the middle of a step: what is shown of the step does not come between.
    let Some(repl) = person.sits(&BROKEN) else { return };
    repl.line(":next");
    repl.line(":next");
    repl.begins("let many = []; for n in 0..50 { many.push(n); } many");
    repl.until("the pager", |screen| last(screen).starts_with("more below"));
    repl.resize(100, 20);
    repl.until("the pager", |screen| last(screen).starts_with("more below") && screen.lines().count() == 20);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(!repl.screen().contains("Deploy the web server"), "{}", repl.screen());
    repl.key("q");
    repl.asked();
    repl.begins(":quit");
    assert_eq!(repl.ended(), 0);
}

#[test]
fn colours_are_shown_where_they_are_wanted() {
    let person = Person::new();
    let Some(repl) = person.sits(&["shop", "--rehearse"]) else { return };
    repl.line("#{ a: 1 }");
    keep!("coloured", repl.colours());
    assert_eq!(repl.leaves(), 0);
    let Some(repl) = person.sits_with(&["shop", "--rehearse"], &[("NO_COLOR", "1")]) else { return };
    repl.line("#{ a: 1 }");
    assert!(!repl.colours().contains('\u{1b}'), "{}", repl.colours());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn a_terminal_that_can_do_nothing_is_good_enough() {
    let person = Person::new();
    let Some(repl) = person.sits_with(&["shop", "--rehearse"], &[("TERM", "dumb")]) else { return };
    repl.line("#{ a: 1 }");
    repl.text("fn twice(n) {");
    repl.key("Enter");
    repl.until("the next line", |screen| last(screen) == "...");
    repl.text("n * 2 }");
    repl.key("Enter");
    repl.asked();
    repl.line("twice(4)");
    repl.line(":next");
    keep!("dumb", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn help_is_read_and_a_word_of_a_shell_is_understood() {
    let person = Person::new();
    let environment = person.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let on = OnTerminal { folder: person.folder.path(), environment: &environment, size: (80, 100) };
    let Some(terminal) = on.start(WINDLASS, &["repl", "--rehearse"]) else { return };
    let repl = Sitting(terminal);
    repl.asked();
    repl.line(":help");
    keep!("help", repl.screen());
    repl.key("C-l");
    repl.line(":help logs");
    repl.line(":help next");
    repl.line(":nxet");
    repl.line("help");
    keep!("help_of_commands", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn a_value_that_is_missing_fails_only_the_step_that_reads_it() {
    let person = Person::new();
    let Some(repl) = person.sits(&["single-node", "--rehearse"]) else { return };
    repl.line(":next");
    repl.line(":next");
    keep!("missing_value", repl.screen());
    repl.line(":stop");
    repl.line(":skip");
    repl.line(":next");
    repl.line(":skip");
    repl.line(":next");
    assert!(repl.screen().contains("preflight/ingress  Which ingress controller\n"), "{}", repl.screen());
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn ctrl_c_ends_a_question_and_not_what_is_held_up() {
    let person = Person::new();
    let asks = "step(\"asks\", || { confirm(\"go\", \"Really?\"); });\nstep(\"fails\", || cluster::get(\"Pod/none\", #{ namespace: \"default\" }));\n";
    std::fs::write(person.path("asks.rhai"), asks).unwrap();
    let Some(repl) = person.sits(&["asks.rhai", "--rehearse"]) else { return };
    repl.begins(":next");
    repl.sees("Really? [go] go on? [y/N]");
    repl.key("C-c");
    repl.sees("cancelled (0s)");
    repl.asked();
    repl.line(":skip");
    repl.line(":next");
    assert!(last(&repl.screen()).ends_with("failed »"), "{}", repl.screen());
    // In a pager, Ctrl-C is for the pager.
    repl.begins("let many = []; for n in 0..100 { many.push(#{ n: n }); } many");
    repl.until("the pager", |screen| last(screen).starts_with("more below"));
    repl.key("C-c");
    repl.key("q");
    let screen = repl.asked();
    assert!(last(&screen).ends_with("failed »"), "{screen}");
    repl.line(":fail");
    // The line that ran the step is in the history, though others were typed in the middle of it.
    repl.key("Up");
    repl.sees("failed > :next");
    repl.key("C-c");
    repl.asked();
    assert_eq!(repl.leaves(), 0);
    assert!(person.history().contains(":fail"));
}

#[test]
fn a_terminal_that_goes_away_gives_the_lock_back() {
    let person = Person::on_a_cluster();
    if closes(&person, "", &["cluster::namespace(\"mine\");"]) {
        let (code, text) = person.windlass(&["eval", "cluster::namespace(\"next\").changed"]);
        assert_eq!(code, Some(0), "{text}");
    }
}

#[test]
fn what_happens_and_what_is_logged_is_followed_until_ctrl_c() {
    let person = Person::on_a_cluster();
    let Some(repl) = person.sits(&[]) else { return };
    repl.line("cluster::namespace(\"shop\");");
    let annotated = WEB.replace(
        "labels: { app: web }\n    spec",
        "labels: { app: web }\n      annotations: { shadow.windlass.dev/logs: \"started\" }\n    spec",
    );
    std::fs::write(person.path("web.yaml"), annotated).unwrap();
    repl.line("cluster::apply(manifest::load(\"web.yaml\"), #{ namespace: \"shop\" }); let ready = wait::ready(\"Deployment/web\", #{ namespace: \"shop\" });");
    repl.line(":use namespace shop");
    repl.begins(":logs -f deploy/web");
    repl.sees("started");
    repl.key("C-c");
    repl.asked();
    repl.begins(":events --watch");
    repl.sees("Pod/web-");
    // Another person lets something happen.
    let (code, text) =
        person.windlass(&["eval", "cluster::scale(\"Deployment/web\", 3, #{ namespace: \"shop\" }).changed"]);
    assert!(code == Some(0) || text.contains("lock"), "{text}");
    repl.key("C-c");
    let screen = repl.asked();
    assert!(screen.contains("Started") && !screen.contains("error"), "{screen}");
    assert_eq!(repl.leaves(), 0);
}

/// A way to a cluster that can be cut.
struct Cable {
    port: u16,
    to: u16,
    joined: std::sync::Arc<std::sync::Mutex<Vec<std::net::TcpStream>>>,
    cut: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Cable {
    fn to(port: u16) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let cable = Self {
            port: listener.local_addr().unwrap().port(),
            to: port,
            joined: Default::default(),
            cut: Default::default(),
        };
        let (joined, cut, to) = (cable.joined.clone(), cable.cut.clone(), cable.to);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if cut.load(std::sync::atomic::Ordering::Acquire) {
                    continue;
                }
                let Ok(far) = std::net::TcpStream::connect(("127.0.0.1", to)) else { continue };
                for (mut from, mut into) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    joined.lock().unwrap().push(from.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut into);
                        let _ = into.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        cable
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, std::sync::atomic::Ordering::Release);
        for stream in self.joined.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[test]
fn a_lost_cluster_is_said_above_the_line_and_in_the_prompt_and_found_again() {
    let person = Person::on_a_cluster();
    let path = person.path("kubeconfig");
    let text = std::fs::read_to_string(&path).unwrap();
    let port =
        text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()).unwrap();
    let cable = Cable::to(port.parse().unwrap());
    std::fs::write(&path, text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{}", cable.port))).unwrap();
    let Some(repl) = person.sits(&[]) else { return };
    repl.line("cluster::list(\"Node\").len()");
    repl.text("let half = 1");
    repl.sees("> let half = 1");
    cable.cut(true);
    // What is said meanwhile stands above the line that one is typing.
    repl.until("the loss", |screen| screen.contains("is lost: ") && last(screen).ends_with("> let half = 1"));
    repl.text("1;");
    repl.key("Enter");
    repl.until("the prompt", |screen| last(screen).contains("(lost)"));
    cable.cut(false);
    repl.sees("is back");
    repl.line("half");
    let screen = repl.screen();
    assert!(screen.contains("> half\n11\n") && !last(&screen).contains("lost"), "{screen}");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn what_is_typed_ahead_is_read_but_not_where_something_has_failed() {
    let person = Person::on_a_cluster();
    std::fs::write(person.path("p.rhai"), "step(\"a\", || { sleep(\"2s\"); cluster::get(\"Pod/none\"); });\n").unwrap();
    let Some(repl) = person.sits(&["p.rhai"]) else { return };
    repl.begins("sleep(\"2s\");");
    for line in ["100 + 1", "100 +", "2", "let three = 103;", "three"] {
        repl.text(line);
        repl.key("Enter");
    }
    let screen = repl.sees("> three\n103\n");
    assert!(screen.contains("> 100 + 1\n101\n") && screen.contains("> 100 +\n2\n102\n"), "{screen}");
    repl.asked();
    repl.begins(":next");
    repl.text("200 + 1");
    repl.key("Enter");
    let screen = repl.sees("dropped: typed ahead, and not for here: 200 + 1");
    assert!(!screen.contains("201"), "{screen}");
    repl.asked();
    repl.line(":fail");
    assert!(repl.line("let n = 1; n + 300").contains("301"));
    repl.key("Up");
    repl.key("Up");
    repl.key("Up");
    repl.sees("> three");
    repl.key("C-c");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn what_is_left_of_a_paste_consents_to_nothing() {
    let person = Person::new();
    std::fs::write(person.path("p.rhai"), "step(\"a\", || { cluster::namespace(\"shop\"); });\n").unwrap();
    let Some(repl) = person.sits(&["p.rhai", "--rehearse"]) else { return };
    repl.line(":use namespace kube-system");
    repl.paste(":break changes\n:next\n:continue\n6 * 7");
    repl.key("Enter");
    let screen = repl.sees("dropped: typed ahead, and not for here: :continue, 6 * 7");
    assert!(screen.contains("about to create Namespace/shop"), "{screen}");
    repl.line(":refuse");
    assert!(repl.line("cluster::exists(\"Namespace/shop\")").contains("\nfalse\n"));
    // What is chosen where a step has failed is chosen afterwards too.
    repl.line(":use namespace kube-public");
    repl.line(":skip");
    assert!(repl.line(":use").contains("namespace kube-public\n"));
    repl.key("Up");
    repl.key("Up");
    repl.key("Up");
    repl.key("Up");
    repl.key("Up");
    repl.key("Up");
    repl.sees("> :next");
    repl.key("C-c");
    assert_eq!(repl.leaves(), 0);
}

#[test]
fn commands_that_are_pasted_are_read_one_after_the_other() {
    let person = Person::new();
    let Some(repl) = person.sits(&["shop", "--rehearse"]) else { return };
    repl.paste(":mode\nlet n = 20;\nlet more = || {\n  n + 1\n};\nn + 2\n:vars");
    repl.key("Enter");
    let screen = repl.sees("> :vars\n");
    assert!(screen.contains("> n + 2\n22\n") && screen.contains("rehearsal: nothing"), "{screen}");
    repl.asked();
    assert_eq!(repl.leaves(), 0);
}

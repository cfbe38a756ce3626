//! A session with kubectl: what is typed goes to the shadow and, where a test bed is asked for, to a real API server too.

use std::io::{BufRead as _, BufReader, Write as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use windlass_shadow::Shadow;
use windlass_shadow::clock::{Clock, RealClock, Simulation};
use windlass_shadow::fault::Scene;
use windlass_shadow::listen::{Listener, Options};
use windlass_shadow::topology::Topology;
use windlass_testbed::{Binaries, Testbed};

use crate::plain::{difference, plain};

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where commands go.
struct Cluster {
    kubeconfig: PathBuf,
    cache: PathBuf,
}

/// What keeps a shadow alive.
struct Serving {
    listener: Option<Listener>,
    runtime: Runtime,
    _simulation: Option<Simulation>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            self.runtime.block_on(listener.close());
        }
    }
}

pub struct Session {
    kubectl: PathBuf,
    namespace: String,
    shadow: Cluster,
    real: Option<Cluster>,
    /// Commands whose answers are known to differ go to the shadow alone.
    alone: bool,
    editor: String,
    differences: Vec<String>,
    count: usize,
    folder: tempfile::TempDir,
    _serving: Serving,
}

/// Which time the shadow has.
#[derive(Clone, Copy, PartialEq)]
pub enum Time {
    Virtual,
    Real,
}

/// Runs a session with kubectl: that of the test bed, or where none has been built that of the system.
pub fn with_kubectl(name: &str, time: Time, work: impl FnOnce(&mut Session)) {
    let testbed = if windlass_testbed::asked() { windlass_testbed::shared() } else { None };
    let built = Binaries::built().map(|binaries| binaries.path("kubectl"));
    let Some(kubectl) = built.or_else(of_the_system) else {
        windlass_testbed::skip_or_fail("kubectl is not in PATH, and no test bed with one has been built");
        return;
    };
    let mut session = Session::open(name, time, kubectl, testbed);
    work(&mut session);
    session.close();
}

/// The same, where the test bed is of this session alone: its nodes may be touched.
pub fn with_nodes_of_its_own(name: &str, work: impl FnOnce(&mut Session)) {
    if !windlass_testbed::asked() || windlass_testbed::skipped() {
        return with_kubectl(name, Time::Virtual, work);
    }
    let testbed = Testbed::builder().nodes(3).start().unwrap();
    let mut session = Session::open(name, Time::Virtual, testbed.kubectl_path(), Some(&testbed));
    work(&mut session);
    session.close();
}

/// Runs a session with the kubectl of the system, and with the shadow alone: any version of it will do.
pub fn with_kubectl_of_the_system(name: &str, work: impl FnOnce(&mut Session)) {
    let Some(kubectl) = of_the_system() else {
        windlass_testbed::skip_or_fail("kubectl is not in PATH");
        return;
    };
    let mut session = Session::open(name, Time::Virtual, kubectl, None);
    work(&mut session);
    session.close();
}

fn of_the_system() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
}

impl Session {
    fn open(name: &str, time: Time, kubectl: PathBuf, testbed: Option<&Testbed>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let simulation = (time == Time::Virtual).then(|| Simulation::start(jiff::Timestamp::now()).unwrap());
        let clock: Arc<dyn Clock> = match &simulation {
            Some(simulation) => Arc::new(simulation.clock().clone()),
            None => Arc::new(RealClock::new()),
        };
        let shadow = Shadow::builder(clock).topology(Topology::of(3)).scene(Scene::default()).build();
        simulation.as_ref().map_or(runtime.handle(), Simulation::handle).spawn(shadow.run());
        let options = Options { clock: simulation.as_ref().map(|s| s.clock().clone()), ..Options::default() };
        let listener = runtime.block_on(Listener::open(&shadow, &options)).unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        listener.write_kubeconfig(&kubeconfig).unwrap();
        let serving = Serving { listener: Some(listener), runtime, _simulation: simulation };

        let namespace = testbed.map_or_else(|| name.to_owned(), |testbed| testbed.fresh_namespace(name).unwrap());
        let real = testbed
            .map(|testbed| Cluster { kubeconfig: testbed.kubeconfig().to_owned(), cache: folder.path().join("real") });
        let cache = folder.path().join("shadow");
        let mut session = Self {
            kubectl,
            namespace,
            shadow: Cluster { kubeconfig, cache },
            real,
            alone: false,
            editor: String::new(),
            differences: Vec::new(),
            count: 0,
            folder,
            _serving: serving,
        };
        let namespace = session.namespace.clone();
        session.on_shadow(&format!("create namespace {namespace}"));
        session
    }

    fn close(self) {
        let (differ, count) = (self.differences.len(), self.count);
        let kubectl = self.kubectl.display();
        assert!(differ == 0, "{differ} of {count} commands of {kubectl} differ:\n{}", self.differences.join("\n"));
    }

    /// The session's namespace.
    pub fn namespace(&self) -> String {
        self.namespace.clone()
    }

    /// A file that only this session uses.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `kubectl edit` is to edit with.
    pub fn editor(&mut self, command: &str) {
        command.clone_into(&mut self.editor);
    }

    /// Does without the real API server for a while; `why` its answers would differ.
    pub fn alone(&mut self, why: &str, work: impl FnOnce(&mut Self)) {
        assert!(!why.is_empty());
        let before = std::mem::replace(&mut self.alone, true);
        work(self);
        self.alone = before;
    }

    /// A command that succeeds; gives what it prints, standard error after standard output.
    pub fn ok(&mut self, line: &str) -> String {
        self.ok_with(line, "")
    }

    /// The same with this standard input.
    pub fn ok_with(&mut self, line: &str, input: &str) -> String {
        let (code, said) = self.run(line, input);
        assert!(code == Some(0), "kubectl {line}: {code:?}\n{said}");
        said
    }

    /// A command that fails.
    pub fn fails(&mut self, line: &str) -> String {
        self.fails_with(line, "")
    }

    /// The same with this standard input.
    pub fn fails_with(&mut self, line: &str, input: &str) -> String {
        let (code, said) = self.run(line, input);
        assert!(code.is_some_and(|code| code != 0), "kubectl {line}: {code:?}\n{said}");
        said
    }

    /// A command that waits until something is so. What it tells meanwhile depends on the moment, and is not compared.
    pub fn waits(&mut self, line: &str) -> String {
        let answers = self.ask(line, "");
        for answer in &answers {
            assert!(answer.status.success(), "kubectl {line}: {}\n{}", answer.status, said(answer));
        }
        answers.first().map(said).unwrap_or_default()
    }

    fn run(&mut self, line: &str, input: &str) -> (Option<i32>, String) {
        let answers = self.ask(line, input);
        let [ours, theirs @ ..] = &answers[..] else { unreachable!("the shadow is always asked") };
        if let [theirs] = theirs {
            let shown = |output: &Output| format!("{}\n{}", output.status, plain(&said(output)));
            self.compare(line, &shown(ours), &shown(theirs));
        }
        (ours.status.code(), said(ours))
    }

    fn compare(&mut self, line: &str, ours: &str, theirs: &str) {
        self.count += 1;
        if ours != theirs {
            let difference = difference(theirs, ours);
            self.differences.push(format!("kubectl {line} (- the real one, + the shadow)\n{difference}"));
        }
    }

    /// The shadow, and the real API server where it is asked.
    fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        iter::once(&self.shadow).chain(self.real.as_ref().filter(|_| !self.alone))
    }

    /// What the clusters answer, asked at the same time.
    fn ask(&self, line: &str, input: &str) -> Vec<Output> {
        let children: Vec<Child> = self.clusters().map(|cluster| self.start(cluster, line, input)).collect();
        children.into_iter().map(|child| finish(child, line)).collect()
    }

    fn on_shadow(&mut self, line: &str) {
        self.alone("it is there already", |session| {
            session.ok(line);
        });
    }

    fn command(&self, cluster: &Cluster, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(["--namespace", &self.namespace])
            .args(words(line))
            .env("KUBECONFIG", &cluster.kubeconfig)
            .env("KUBECACHEDIR", &cluster.cache)
            .env("KUBERC", "off")
            // Many short lives on few processors: nothing is to be collected, and nothing to be gained by more threads.
            .env("GOGC", "off")
            .env("GOMAXPROCS", "1")
            .env("KUBE_EDITOR", &self.editor)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, cluster: &Cluster, line: &str, input: &str) -> Child {
        let mut child = self.command(cluster, line).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.replace("NAMESPACE", &self.namespace);
        // kubectl may end without having read all of it.
        let _ = stdin.write_all(input.as_bytes());
        child
    }

    /// Begins a command that goes on by itself.
    pub fn begin(&self, line: &str) -> Running {
        let following = self.clusters().map(|cluster| Following::start(self.command(cluster, line))).collect();
        Running { following, line: line.to_owned() }
    }

    /// Waits until a command that goes on has printed a line that contains this, and gives the lines up to it.
    pub fn until(&mut self, running: &Running, wanted: &str) -> Vec<String> {
        let seen: Vec<Vec<String>> =
            running.following.iter().map(|following| following.until(wanted, &running.line)).collect();
        let [ours, theirs @ ..] = &seen[..] else { unreachable!("the shadow is always asked") };
        if let [theirs] = theirs {
            let text = |lines: &[String]| plain(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
            self.compare(&running.line, &text(ours), &text(theirs));
        }
        ours.clone()
    }
}

/// Waits for the end of a command, though not for ever.
fn finish(mut child: Child, line: &str) -> Output {
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("kubectl {line} did not end within {PATIENCE:?}: {}{}", text(&out), text(&err));
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    Output { status, stdout: text(&out).into(), stderr: text(&err).into() }
}

/// Reads on a thread of its own, so that the writer is never held up.
fn drain(from: Option<impl std::io::Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.map(|mut from| from.read_to_end(&mut text));
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });
    receiver
}

fn text(from: &Receiver<String>) -> String {
    from.recv_timeout(PATIENCE).unwrap_or_default()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// As a shell would split a line; single quotes keep words together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A command that is running, on each cluster.
pub struct Running {
    following: Vec<Following>,
    line: String,
}

struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn until(&self, wanted: &str, command: &str) -> Vec<String> {
        let (mut seen, end) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.contains(wanted);
                    seen.push(line);
                    if found {
                        return seen;
                    }
                }
                Err(_) => panic!("kubectl {command}: nothing about {wanted:?} in {seen:#?}"),
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a script that an editor can be.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

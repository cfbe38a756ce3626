//! A running test bed.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::audit::{Audit, AuditMark};
use crate::binaries::{self, Binaries, cache_dir};
use crate::builder::{Builder, node_name};
use crate::config::{Config, Ports, SELF, kubeconfig_name, log_lines, token};
use crate::error::{Error, Missing};
use crate::nodes::{is_ready, items, node, real_node as real_node_object};
use crate::pki::Pki;
use crate::ports::free_port;
use crate::process::{Output, Server, command, run, until};
use crate::real_node;
use crate::run_dir::RunDir;
use crate::{TESTER, VIEWER};

/// Enough for a machine that is busy with other things.
const STARTING: Duration = Duration::from_secs(120);

/// A real control plane with simulated nodes; it ends when this is dropped or the process ends.
#[derive(Debug)]
pub struct Testbed {
    // In the order in which they are to end: the servers before their folder.
    servers: Mutex<Servers>,
    api: Api,
    config: Config,
    binaries: Binaries,
    kubeconfig: PathBuf,
    run: RunDir,
}

/// In the order in which they are to end: the API server before etcd.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) real_node: Option<Server>,
    kwok: Option<Server>,
    scheduler: Option<Server>,
    controller_manager: Option<Server>,
    pub(crate) api_server: Option<Server>,
    etcd: Option<Server>,
}

impl Servers {
    fn running(&mut self) -> impl Iterator<Item = &mut Server> {
        let all = [
            &mut self.real_node,
            &mut self.kwok,
            &mut self.scheduler,
            &mut self.controller_manager,
            &mut self.api_server,
            &mut self.etcd,
        ];
        all.into_iter().flatten()
    }

    fn check(&mut self) -> Result<(), Error> {
        self.running().try_for_each(Server::check)
    }
}

impl Testbed {
    /// Describes a test bed to start.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Whether a test bed can be had here: its programs are built, or can be.
    ///
    /// # Errors
    /// What is missing.
    pub fn available() -> Result<(), Missing> {
        binaries::available()
    }

    pub(crate) fn start(builder: &mut Builder) -> Result<Testbed, Error> {
        let binaries = Binaries::ensure(&mut |line| builder.report(line))?;
        let mut attempt = 1;
        loop {
            match Testbed::start_once(&binaries, builder) {
                // Another process may have taken a port between our choice and the server's start.
                Err(Error::Ended { tail, .. }) if attempt < 4 && tail.contains("address already in use") => {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn start_once(binaries: &Binaries, builder: &mut Builder) -> Result<Testbed, Error> {
        let run = RunDir::create(&cache_dir().join("run"))?;
        let ports = Ports {
            etcd: free_port()?,
            etcd_peer: free_port()?,
            api_server: free_port()?,
            kubelet: free_port()?,
            real_kubelet: free_port()?,
        };
        let pki = Pki::make(run.path().join("pki"))?;
        let config = Config::write(run.path(), ports, &pki, builder)?;
        let testbed = Testbed {
            servers: Mutex::default(),
            api: Api::new(ports.api_server, &token(SELF), &pki.authority_der)?,
            kubeconfig: config.kubeconfigs.join(kubeconfig_name(TESTER)),
            config,
            binaries: binaries.clone(),
            run,
        };
        testbed.set_pod_log(&["started", "ready"])?;
        builder.tell("starting etcd and the API server");
        testbed.servers().etcd = Some(testbed.spawn("etcd", &testbed.config.etcd)?);
        until("etcd", STARTING, || {
            testbed.servers().check()?;
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, ports.etcd)).map(drop).map_err(|error| error.to_string()))
        })?;
        testbed.start_api_server()?;
        if !builder.controllers {
            return Ok(testbed);
        }
        builder.tell("starting the controllers, the scheduler and the nodes");
        {
            let mut servers = testbed.servers();
            servers.controller_manager =
                Some(testbed.spawn("kube-controller-manager", &testbed.config.controller_manager)?);
            servers.scheduler = Some(testbed.spawn("kube-scheduler", &testbed.config.scheduler)?);
            servers.kwok = Some(testbed.spawn("kwok", &testbed.config.kwok)?);
        }
        testbed.populate(builder, ports)?;
        Ok(testbed)
    }

    fn spawn(&self, name: &'static str, arguments: &[String]) -> Result<Server, Error> {
        let folder = self.run.path();
        // One of them removes the folder if we are killed; it must not be etcd, which dies of it half-way.
        let remove = (name == "kube-scheduler").then_some(("WINDLASS_TESTBED_REMOVE", folder));
        Server::spawn(name, &self.binaries.path(name), arguments, folder, remove.as_slice())
    }

    pub(crate) fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the nodes and the viewer's binding, and waits until pods could be made.
    fn populate(&self, builder: &mut Builder, ports: Ports) -> Result<(), Error> {
        if builder.real_node {
            self.api.post("/api/v1/nodes", &real_node_object(ports.real_kubelet))?;
            self.start_real_node(builder)?;
        }
        for number in 1..=builder.nodes {
            let name = node_name(number);
            let labels = builder.labels.iter().filter(|(node, _)| *node == name).flat_map(|(_, labels)| labels);
            self.api.post("/api/v1/nodes", &node(number, &name, labels, ports.kubelet))?;
        }
        let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        self.api.post(
            bindings,
            &json!({
                "metadata": {"name": "testbed-viewer"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": VIEWER}],
            }),
        )?;
        until("the nodes' readiness", STARTING, || {
            self.servers().check()?;
            let list = self.api.get("/api/v1/nodes")?;
            let ready = items(&list).filter(|node| is_ready(node)).count();
            let wanted = builder.nodes + usize::from(builder.real_node);
            Ok(if ready == wanted { Ok(()) } else { Err(format!("{ready} of {wanted} are ready")) })
        })?;
        until("the rules of the cluster role view", STARTING, || {
            // A controller puts them together from other roles.
            let role = self.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/view")?;
            let filled = role.get("rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
            Ok(if filled { Ok(()) } else { Err("there are none".to_owned()) })
        })?;
        self.wait_for_account("default")
    }

    fn start_real_node(&self, builder: &mut Builder) -> Result<(), Error> {
        let programs = real_node::programs();
        if programs.built().is_none() {
            builder.report(&format!("building {} (a minute or two the first time)", programs.what));
        }
        let mut arguments = real_node::local_arguments(&programs.ensure()?)?.to_vec();
        arguments.extend(self.config.real_node.iter().cloned());
        let server = self.spawn("node", &arguments)?;
        self.servers().real_node = Some(server.with_patience(Duration::from_secs(10)));
        Ok(())
    }

    /// A pod needs its namespace's service account; the controller manager makes it.
    fn wait_for_account(&self, namespace: &str) -> Result<(), Error> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        until(&format!("the service account of namespace {namespace}"), STARTING, || {
            self.servers().check()?;
            found(self.api.get(&path))
        })
    }

    /// The kubeconfig of [`TESTER`], the cluster administrator that the product under test comes as.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of another user: [`VIEWER`], [`crate::NOBODY`], or one that the builder was told of.
    ///
    /// # Errors
    /// If there is no such user.
    pub fn kubeconfig_for(&self, user: &str) -> Result<PathBuf, Error> {
        let path = self.config.kubeconfigs.join(kubeconfig_name(user));
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::Usage(format!("no user {user:?}; hint: tell the builder of it by `.user({user:?}, &[])`")))
        }
    }

    /// The folder with the logs of the servers, one file each.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.run.path().join("logs")
    }

    /// Whether all servers that were started and not stopped still run.
    ///
    /// # Errors
    /// If one has ended by itself, with the end of its log.
    pub fn check(&self) -> Result<(), Error> {
        self.servers().check()
    }

    /// The process ids of the servers that were started and not stopped.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.servers().running().map(|server| server.id()).collect()
    }

    /// The `kubectl` of the test bed.
    #[must_use]
    pub fn kubectl_path(&self) -> PathBuf {
        self.binaries.path("kubectl")
    }

    /// A command for `kubectl` as [`TESTER`].
    fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut kubectl = command(&self.kubectl_path());
        kubectl
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.run.path().join("kubectl-cache"))
            .env("KUBERC", "off")
            .env_remove("WINDLASS_TESTBED_LIFELINE");
        kubectl
    }

    /// Runs `kubectl` as [`TESTER`], and gives back whatever comes of it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output, Error> {
        run(&mut self.kubectl_command(arguments), None)
    }

    /// Runs `kubectl` as [`TESTER`] with `input` as its standard input, and gives back its standard output.
    ///
    /// # Errors
    /// If it cannot be started, or ends with an error.
    pub fn kubectl_ok(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let output = run(&mut self.kubectl_command(arguments), Some(input))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let arguments = arguments.join(" ");
        Err(Error::Kubectl { arguments, status: output.status, stderr: output.stderr.trim().to_owned() })
    }

    /// Asks the API server with headers of one's own, as an administrator that is not [`TESTER`], and gives back
    /// whatever it answers.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Error> {
        self.api.ask(method, path, headers, body)
    }

    /// What the API server was asked for from the start on, by everyone.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit(&self) -> Result<Audit, Error> {
        self.audit_since(AuditMark(0))
    }

    /// The present end of the audit log.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_mark(&self) -> Result<AuditMark, Error> {
        self.audit_settled()?;
        let log = &self.config.audit_log;
        Ok(AuditMark(log.metadata().map_err(Error::file("read", log))?.len()))
    }

    /// What the API server was asked for since `mark`.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn audit_since(&self, mark: AuditMark) -> Result<Audit, Error> {
        self.audit_settled()?;
        Audit::read(&self.config.audit_log, mark)
    }

    /// The API server answers before it writes to the log. A request of our own, waited for in the log, makes sure that
    /// what was answered before it is in the log too.
    fn audit_settled(&self) -> Result<(), Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if self.servers().api_server.is_none() {
            return Ok(());
        }
        let log = &self.config.audit_log;
        let before = AuditMark(log.metadata().map_err(Error::file("read", log))?.len());
        let path = format!("/version?mark={}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.api.get(&path)?;
        until("the audit log", Duration::from_secs(10), || {
            let audit = Audit::read(log, before)?;
            let seen = audit.events.iter().any(|event| event.uri == path);
            Ok(if seen { Ok(()) } else { Err(format!("no request for {path}")) })
        })
    }

    /// Kills the API server. The other servers stay and wait for it.
    pub fn stop_api_server(&self) {
        self.servers().api_server = None;
    }

    /// Starts the API server again, on the port it had, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_api_server(&self) -> Result<(), Error> {
        {
            let mut servers = self.servers();
            if servers.api_server.is_none() {
                servers.api_server = Some(self.spawn("kube-apiserver", &self.config.api_server)?);
            }
        }
        until("the API server's readiness", STARTING, || {
            self.servers().check()?;
            Ok(self.api.get("/readyz").map(drop).map_err(|error| error.to_string()))
        })
    }

    /// Takes a node away from kwok: its lease is not renewed any more, and after a while it is `NotReady` (see
    /// [`Builder::unreachable_after`]). Nothing happens to its pods but what Kubernetes itself does.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn stop_node(&self, name: &str) -> Result<(), Error> {
        self.label_node(name, &json!(null))
    }

    /// Gives a node back to kwok after [`Testbed::stop_node`].
    ///
    /// # Errors
    /// If there is no such node.
    pub fn start_node(&self, name: &str) -> Result<(), Error> {
        self.label_node(name, &json!("kwok"))
    }

    fn label_node(&self, name: &str, value: &Value) -> Result<(), Error> {
        let patch = json!({"metadata": {"labels": {"type": value}}});
        self.api.request("PATCH", &format!("/api/v1/nodes/{name}"), Some(&patch)).map(drop)
    }

    /// Sets the lines that are the log of every container, at first `started` and `ready`. Nothing can be executed in a
    /// simulated container.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_pod_log(&self, lines: &[&str]) -> Result<(), Error> {
        let path = &self.config.pod_log;
        std::fs::write(path, log_lines(lines)).map_err(Error::file("write", path))
    }

    /// Makes a namespace with a new name that begins with `prefix`, ready for pods.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn fresh_namespace(&self, prefix: &str) -> Result<String, Error> {
        self.fresh_namespace_with(prefix, &json!({}))
    }

    pub(crate) fn fresh_namespace_with(&self, prefix: &str, annotations: &Value) -> Result<String, Error> {
        let metadata = json!({"generateName": format!("{prefix}-"), "annotations": annotations});
        let made = self.api.post("/api/v1/namespaces", &json!({ "metadata": metadata }))?;
        let name = made.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.wait_for_account(&name)?;
        Ok(name)
    }

    /// Makes a storage class. Claims of every class are provisioned as soon as they are bound to be, whatever its
    /// provisioner's name is, except for `kubernetes.io/no-provisioner`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn storage_class(&self, name: &str, provisioner: &str) -> Result<(), Error> {
        self.api
            .post(
                "/apis/storage.k8s.io/v1/storageclasses",
                &json!({
                    "metadata": {"name": name},
                    "provisioner": provisioner,
                    "volumeBindingMode": "WaitForFirstConsumer",
                }),
            )
            .map(drop)
    }
}

/// For `until`: what is not there yet may still come.
fn found(answer: Result<Value, Error>) -> Result<Result<(), String>, Error> {
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(Error::Refused { code: 404, .. }) => Ok(Err("it is not there".to_owned())),
        Err(error) => Err(error),
    }
}

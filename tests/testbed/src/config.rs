//! The files and arguments that the servers of a test bed are started with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::builder::Builder;
use crate::error::Error;
use crate::pki::Pki;
use crate::real_node;
use crate::{NOBODY, OTHER, TESTER, VIEWER};

/// The user that the test bed itself asks as.
pub(crate) const SELF: &str = "testbed";
const ADMINISTRATORS: &str = "system:masters";
/// The users of the servers, by the names that Kubernetes' own roles are bound to.
const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
const SCHEDULER: &str = "system:kube-scheduler";
const KWOK: &str = "kwok";

const STAGES: [(&str, &str); 3] = [
    ("node.yaml", include_str!("../stages/node.yaml")),
    ("pod.yaml", include_str!("../stages/pod.yaml")),
    ("volume.yaml", include_str!("../stages/volume.yaml")),
];

/// The ports of one test bed, all on the loopback address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api_server: u16,
    /// Where kwok answers for the kubelets of all nodes.
    pub(crate) kubelet: u16,
    /// Where the real node's kubelet answers.
    pub(crate) real_kubelet: u16,
}

/// The arguments of each server.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) etcd: Vec<String>,
    pub(crate) api_server: Vec<String>,
    pub(crate) controller_manager: Vec<String>,
    pub(crate) scheduler: Vec<String>,
    pub(crate) kwok: Vec<String>,
    pub(crate) real_node: Vec<String>,
    pub(crate) audit_log: PathBuf,
    pub(crate) pod_log: PathBuf,
    pub(crate) kubeconfigs: PathBuf,
}

/// The token of a user. It guards nothing but a test.
pub(crate) fn token(user: &str) -> String {
    format!("{}-token", user.replace(':', "-"))
}

impl Config {
    /// Writes what the servers read into `folder`.
    pub(crate) fn write(folder: &Path, ports: Ports, pki: &Pki, builder: &Builder) -> Result<Config, Error> {
        let mut users: Vec<(&str, Vec<&str>)> = vec![
            (SELF, vec![ADMINISTRATORS]),
            (TESTER, vec![ADMINISTRATORS]),
            (OTHER, vec![ADMINISTRATORS]),
            (KWOK, vec![ADMINISTRATORS]),
            (CONTROLLER_MANAGER, vec![]),
            (SCHEDULER, vec![]),
            (VIEWER, vec![]),
            (NOBODY, vec![]),
        ];
        if builder.real_node {
            users.push((real_node::USER, vec![real_node::GROUP]));
        }
        users.extend(
            builder.users.iter().map(|(name, groups)| (name.as_str(), groups.iter().map(String::as_str).collect())),
        );
        let tokens: String = users
            .iter()
            .map(|(user, groups)| format!("{},{user},{user},\"{}\"\n", token(user), groups.join(",")))
            .collect();
        let tokens_file = write(folder, "tokens.csv", &tokens)?;
        let policy = write(folder, "audit-policy.yaml", AUDIT_POLICY)?;
        let kubeconfigs = folder.join("kubeconfig");
        for (user, _) in &users {
            write(&kubeconfigs, &kubeconfig_name(user), &kubeconfig(user, ports.api_server, &pki.authority))?;
        }
        let kubeconfig = |user| kubeconfigs.join(kubeconfig_name(user)).display().to_string();
        let audit_log = folder.join("audit.log");

        let mut kwok = vec![
            format!("--kubeconfig={}", kubeconfig(KWOK)),
            "--manage-nodes-with-label-selector=type=kwok".to_owned(),
            format!("--node-lease-duration-seconds={}", lease_seconds(builder.unreachable_after)),
            format!("--server-address=127.0.0.1:{}", ports.kubelet),
            format!("--tls-cert-file={}", pki.path("apiserver.crt")),
            format!("--tls-private-key-file={}", pki.path("apiserver.key")),
        ];
        let pod_log = folder.join("pod.log");
        let logs = write(&folder.join("stages"), "logs.yaml", &cluster_logs(&pod_log))?;
        kwok.push(format!("--config={logs}"));
        for (name, text) in STAGES {
            kwok.push(format!("--config={}", write(&folder.join("stages"), name, text)?));
        }
        Ok(Config {
            etcd: etcd(folder, ports),
            api_server: api_server(ports, pki, &tokens_file, &policy, &audit_log, builder),
            controller_manager: controller_manager(&kubeconfig(CONTROLLER_MANAGER), pki, builder),
            scheduler: vec![
                format!("--kubeconfig={}", kubeconfig(SCHEDULER)),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                "--kube-api-qps=1000".to_owned(),
                "--kube-api-burst=2000".to_owned(),
            ],
            kwok,
            real_node: real_node::arguments(ports, pki, &kubeconfig(real_node::USER)),
            audit_log,
            pod_log,
            kubeconfigs,
        })
    }
}

/// The name of a user's kubeconfig file.
pub(crate) fn kubeconfig_name(user: &str) -> String {
    format!("{}.yaml", user.replace([':', '/'], "-"))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String, Error> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let path = folder.join(name);
    fs::write(&path, text).map_err(Error::file("write", &path))?;
    Ok(path.display().to_string())
}

/// kwok renews a lease each quarter of its duration: it must be well within what counts as lost.
fn lease_seconds(unreachable_after: Option<Duration>) -> u64 {
    unreachable_after.map_or(40, |time| time.as_secs().clamp(1, 40))
}

/// All pods have one and the same log, which tests can write.
fn cluster_logs(log: &Path) -> String {
    let log = log.display();
    format!(
        "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata:\n  name: all\n\
         spec:\n  logs:\n  - logsFile: {log}\n    previousLogsFile: {log}\n"
    )
}

/// Lines as a container runtime writes them down.
pub(crate) fn log_lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("2026-01-01T00:00:00.000000000Z stdout F {line}\n")).collect()
}

fn etcd(folder: &Path, ports: Ports) -> Vec<String> {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    vec![
        "--name=testbed".to_owned(),
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=testbed={peer}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server(ports: Ports, pki: &Pki, tokens: &str, policy: &str, audit_log: &Path, builder: &Builder) -> Vec<String> {
    let mut arguments = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        "--bind-address=127.0.0.1".to_owned(),
        // What the Service `kubernetes` points to. It may not be a loopback address, and a machine may have no other.
        "--advertise-address=10.10.255.254".to_owned(),
        "--external-hostname=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.api_server),
        format!("--cert-dir={}", pki.folder.display()),
        format!("--tls-cert-file={}", pki.path("apiserver.crt")),
        format!("--tls-private-key-file={}", pki.path("apiserver.key")),
        format!("--client-ca-file={}", pki.path("ca.crt")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", pki.path("accounts.pub")),
        format!("--service-account-signing-key-file={}", pki.path("accounts.key")),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--token-auth-file={tokens}"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
        // Only the name leads to kwok; the address is for show.
        "--kubelet-preferred-address-types=InternalDNS".to_owned(),
        format!("--kubelet-client-certificate={}", pki.path("kubelet-client.crt")),
        format!("--kubelet-client-key={}", pki.path("kubelet-client.key")),
        format!("--audit-policy-file={policy}"),
        format!("--audit-log-path={}", audit_log.display()),
        // Never rotated: marks are places in this one file.
        "--audit-log-maxsize=100000".to_owned(),
    ];
    if builder.real_node {
        // They send the pods of a namespace where its annotations say.
        arguments.push("--enable-admission-plugins=PodNodeSelector,PodTolerationRestriction".to_owned());
    }
    if let Some(time) = builder.evict_after {
        arguments.push(format!("--default-unreachable-toleration-seconds={}", time.as_secs()));
        arguments.push(format!("--default-not-ready-toleration-seconds={}", time.as_secs()));
    }
    arguments
}

fn controller_manager(kubeconfig: &str, pki: &Pki, builder: &Builder) -> Vec<String> {
    let mut arguments = vec![
        format!("--kubeconfig={kubeconfig}"),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        // With the usual 20 a second it takes four seconds to make the controllers' accounts.
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=2000".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        format!("--service-account-private-key-file={}", pki.path("accounts.key")),
        format!("--root-ca-file={}", pki.path("ca.crt")),
        format!("--cluster-signing-cert-file={}", pki.path("ca.crt")),
        format!("--cluster-signing-key-file={}", pki.path("ca.key")),
        "--node-eviction-rate=10".to_owned(),
        // Claims that wait for something are looked at again this often, not each 15 s.
        "--pvclaimbinder-sync-period=2s".to_owned(),
    ];
    if let Some(time) = builder.unreachable_after {
        arguments.push("--node-monitor-period=1s".to_owned());
        arguments.push(format!("--node-monitor-grace-period={}s", time.as_secs().max(1)));
    }
    arguments
}

fn kubeconfig(user: &str, port: u16, authority: &str) -> String {
    let authority = base64(authority.as_bytes());
    let token = token(user);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: testbed\n\
         clusters:\n- name: testbed\n  cluster:\n    server: https://127.0.0.1:{port}\n    certificate-authority-data: {authority}\n\
         contexts:\n- name: testbed\n  context:\n    cluster: testbed\n    user: \"{user}\"\n\
         users:\n- name: \"{user}\"\n  user:\n    token: \"{token}\"\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Everything but what the servers read and their leases. Deletions and evictions say in their body whether they are
/// dry runs.
const AUDIT_POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:node:real-1", "kwok"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:serviceaccounts"]
  verbs: [get, list, watch]
- level: None
  users: ["system:apiserver", "system:node:real-1", "kwok"]
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: Request
  verbs: [delete, deletecollection]
- level: Request
  resources: [{group: "", resources: ["pods/eviction"]}]
- level: Metadata
"#;

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_padded() {
        assert_eq!(
            ["", "a", "ab", "abc", "\u{ff}"].map(|text| base64(text.as_bytes())),
            ["", "YQ==", "YWI=", "YWJj", "w78="]
        );
    }
}

//! The real node: containerd and a kubelet, in namespaces of their own, so that nothing of it is left when it ends.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::Ports;
use crate::error::{Error, Missing};
use crate::install::Install;
use crate::pki::Pki;
use crate::testbed::Testbed;

/// The name of the real node.
pub const REAL_NODE: &str = "real-1";
/// The key of its label and of its taint; the value of both is `real`.
pub(crate) const KEY: &str = "windlass.test/node";
/// Its kubelet's user and group, by the names that Kubernetes' node authorizer knows.
pub(crate) const USER: &str = "system:node:real-1";
pub(crate) const GROUP: &str = "system:nodes";

const CONTAINERD: &str = "v2.2.1";
const PLUGINS: &str = "v1.9.1";
/// What containers may name as their image. All of them are one, which the node makes of busybox; there is no registry.
const IMAGES: [&str; 4] =
    ["example.invalid/web:1", "example.invalid/web:2", "example.invalid/side:1", "docker.io/library/busybox:1.36"];

/// containerd and the plugins that make a pod's network.
pub(crate) fn programs() -> Install {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut containerd = words(&["-ldflags", "-s -w", "-tags", "no_btrfs no_zfs no_devmapper no_aufs"]);
    containerd.extend(
        ["containerd", "containerd-shim-runc-v2", "ctr"]
            .map(|program| format!("github.com/containerd/containerd/v2/cmd/{program}@{CONTAINERD}")),
    );
    let mut plugins = words(&["-ldflags", "-s -w"]);
    plugins.extend(
        ["main/ptp", "ipam/host-local"]
            .map(|plugin| format!("github.com/containernetworking/plugins/plugins/{plugin}@{PLUGINS}")),
    );
    Install {
        what: format!("containerd {CONTAINERD}"),
        folder: format!("containerd-{CONTAINERD}-{PLUGINS}"),
        runs: vec![containerd, plugins],
    }
}

/// What the node is started with.
pub(crate) fn arguments(ports: Ports, pki: &Pki, kubeconfig: &str) -> Vec<String> {
    let mut arguments = vec![
        format!("--name={REAL_NODE}"),
        format!("--api-server={}", ports.api_server),
        format!("--kubelet={}", ports.real_kubelet),
        format!("--kubeconfig={kubeconfig}"),
        format!("--authority={}", pki.path("ca.crt")),
    ];
    arguments.extend(IMAGES.map(|image| format!("--image={image}")));
    arguments
}

/// The two arguments that are known only where a node can be had.
pub(crate) fn local_arguments(programs: &Path) -> Result<[String; 2], Missing> {
    available()?;
    let busybox = find("busybox").unwrap_or_default();
    Ok([format!("--programs={}", programs.display()), format!("--busybox={}", busybox.display())])
}

/// Whether a real node can be had here.
pub(crate) fn available() -> Result<(), Missing> {
    let missing = |tool, why: &str, hint| Err(Missing { tool, why: why.to_owned(), hint });
    // CAP_NET_ADMIN and CAP_SYS_ADMIN.
    const NEEDED: u64 = 1 << 12 | 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or_default();
    if capabilities & NEEDED != NEEDED {
        return missing(
            "root",
            "a real node makes namespaces and mounts",
            "run the tests as root on Linux, in a container with --privileged",
        );
    }
    if find("runc").is_none() {
        return missing("runc", "it is not in PATH", "apt-get install runc");
    }
    match find("busybox").and_then(|path| fs::read(path).ok()) {
        None => missing("busybox", "it is not in PATH", "apt-get install busybox-static"),
        // One that is not static names its loader, and would not run in an image of its own.
        Some(bytes) if bytes.windows(4).any(|four| four == b"/ld-") => {
            missing("busybox", "the one in PATH is not static", "apt-get install busybox-static")
        }
        Some(_) => Ok(()),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH may not have the folders of the administrator's programs.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

impl Testbed {
    /// Whether a real node can be had here.
    ///
    /// # Errors
    /// What is missing.
    pub fn real_node_available() -> Result<(), Missing> {
        available()
    }

    /// Builds what a real node needs besides the control plane, if it is not there yet: a minute or two.
    ///
    /// # Errors
    /// If Go is missing, or the build fails.
    pub fn build_real_node() -> Result<(), Error> {
        programs().ensure().map(drop)
    }

    /// Whether it was started with a real node.
    #[must_use]
    pub fn has_real_node(&self) -> bool {
        self.servers().real_node.is_some()
    }

    /// Makes a namespace with a new name that begins with `prefix`, whose pods all go to the real node.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn namespace_on_real_node(&self, prefix: &str) -> Result<String, Error> {
        let tolerations = json!([{"key": KEY, "operator": "Exists", "effect": "NoSchedule"}]).to_string();
        self.fresh_namespace_with(
            prefix,
            &json!({
                "scheduler.alpha.kubernetes.io/node-selector": format!("{KEY}=real"),
                "scheduler.alpha.kubernetes.io/defaultTolerations": tolerations,
            }),
        )
    }
}

//! The test bed's programs: one Go binary under several names, built once and kept.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::{Error, Missing};
use crate::process::{command, run, run_watched, tail};

/// What is built. It is part of this library, so that the hash below is of what will be built.
const SOURCES: [(&str, &str); 10] = [
    ("go.mod", include_str!("../controlplane/go.mod")),
    ("go.sum", include_str!("../controlplane/go.sum")),
    ("main.go", include_str!("../controlplane/main.go")),
    ("node_linux.go", include_str!("../controlplane/node_linux.go")),
    ("node_init_linux.go", include_str!("../controlplane/node_init_linux.go")),
    ("node_other.go", include_str!("../controlplane/node_other.go")),
    ("image_linux.go", include_str!("../controlplane/image_linux.go")),
    ("containerd.toml", include_str!("../controlplane/containerd.toml")),
    ("kubelet.yaml", include_str!("../controlplane/kubelet.yaml")),
    ("network.conflist", include_str!("../controlplane/network.conflist")),
];
/// Helm and kubectl read the version from the API server.
const LINKER_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";
const NAMES: [&str; 7] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "node", "kubectl"];
const GO_HINT: &str = "install Go 1.26 or later (https://go.dev/dl) and put `go` into PATH";

/// The built programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The programs, if they are built.
    #[must_use]
    pub fn built() -> Option<Binaries> {
        let folder = cache_dir().join(format!("bin-{}", key()));
        folder.join("controlplane").is_file().then_some(Binaries { folder })
    }

    /// The programs, built now if they are not there. `progress` gets a line now and then. Processes that build at the
    /// same time wait for one another.
    ///
    /// # Errors
    /// If Go is missing, or the build fails.
    pub fn ensure(progress: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
        if let Some(built) = Binaries::built() {
            return Ok(built);
        }
        can_build()?;
        let cache = cache_dir();
        fs::create_dir_all(&cache).map_err(Error::file("create", &cache))?;
        let lock_path = cache.join("build.lock");
        let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
        if lock.try_lock().is_err() {
            progress("waiting for another process that builds the control plane");
            lock.lock().map_err(Error::file("lock", &lock_path))?;
        }
        match Binaries::built() {
            Some(built) => Ok(built),
            None => build(&cache, progress),
        }
    }

    /// One of the programs, such as `kubectl`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Whether the programs are there or can be built.
pub(crate) fn available() -> Result<(), Missing> {
    if Binaries::built().is_some() { Ok(()) } else { can_build() }
}

pub(crate) fn can_build() -> Result<(), Missing> {
    let missing = |why: String| Missing { tool: "Go", why, hint: GO_HINT };
    let output = match run(command(Path::new("go")).args(["env", "GOVERSION", "GOTOOLCHAIN"]), None) {
        Ok(output) if output.status.success() => output,
        Ok(output) => return Err(missing(format!("`go env` ended with {}: {}", output.status, output.stderr.trim()))),
        Err(Error::Start { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(missing("there is no `go` in PATH".to_owned()));
        }
        Err(error) => return Err(missing(error.to_string())),
    };
    let mut lines = output.stdout.lines();
    let version = lines.next().unwrap_or_default();
    let fetches_newer = lines.next().is_some_and(|toolchain| toolchain != "local");
    match minor_version(version) {
        // From 1.21 on, Go gets the version that a module asks for, unless it is told to be local.
        Some(minor) if minor >= 26 || (minor >= 21 && fetches_newer) => Ok(()),
        _ => Err(missing(format!("this is {version}, Kubernetes needs go1.26"))),
    }
}

/// 26 of `go1.26.8`.
fn minor_version(version: &str) -> Option<u32> {
    let minor = version.strip_prefix("go1.")?;
    minor.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn key() -> String {
    let mut hash = Sha256::new();
    for (name, text) in SOURCES {
        hash.update(format!("{name} {}\n{text}", text.len()));
    }
    hash.update(LINKER_FLAGS);
    hash.update(NAMES.join(" "));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn build(cache: &Path, progress: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
    let source = cache.join("source");
    let fresh = cache.join("bin.new");
    for folder in [&source, &fresh] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::file("remove", folder)(error)),
            _ => fs::create_dir_all(folder).map_err(Error::file("create", folder))?,
        }
    }
    for (name, text) in SOURCES {
        let path = source.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    progress("building the control plane from its Go modules (some minutes the first time)");
    let start = Instant::now();
    let mut seen = String::new();
    let (mut downloaded, mut compiled, mut told) = (0_u32, 0_u32, 0);
    let mut go = command(Path::new("go"));
    go.args(["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", LINKER_FLAGS, "-o"])
        .arg(fresh.join("controlplane"))
        .arg(".")
        .current_dir(&source)
        .env("GOWORK", "off");
    let status = run_watched(&mut go, |line| {
        match line {
            Some(line) if line.starts_with("go: downloading") => downloaded += 1,
            Some(line) if line.contains('/') && !line.contains(' ') => compiled += 1,
            _ => {}
        }
        if let Some(line) = line {
            seen.push_str(line);
            seen.push('\n');
        }
        let elapsed = start.elapsed().as_secs();
        if elapsed >= told + 5 {
            told = elapsed;
            progress(&format!(
                "building the control plane: {downloaded} modules fetched, {compiled} packages compiled, {elapsed} s"
            ));
        }
    })?;
    if !status.success() {
        return Err(Error::Build { status, output: tail(&seen, 20) });
    }
    for name in NAMES {
        let link = fresh.join(name);
        symlink("controlplane", &link).map_err(Error::file("link", &link))?;
    }
    let folder = cache.join(format!("bin-{}", key()));
    fs::rename(&fresh, &folder).map_err(Error::file("move into place", &folder))?;
    progress(&format!("built the control plane in {} s", start.elapsed().as_secs()));
    Ok(Binaries { folder })
}

/// Where the test bed keeps what it built and what runs: `$WINDLASS_TESTBED_CACHE`, else `testbed` in the target folder
/// of the running program, of `$CARGO_TARGET_DIR`, or of the workspace.
#[must_use]
pub fn cache_dir() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("WINDLASS_TESTBED_CACHE").unwrap_or_else(|| {
        running_target()
            .or_else(|| absolute("CARGO_TARGET_DIR"))
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
            .join("testbed")
    })
}

/// The target folder that the running program lies in.
fn running_target() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    // The outermost one: with `--target`, Cargo marks the folder of that target too.
    program.ancestors().filter(|folder| is_target(folder)).last().map(Path::to_path_buf)
}

/// Cargo marks a target folder by the first of these files if it makes the folder, and keeps the second in any.
fn is_target(folder: &Path) -> bool {
    ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_read() {
        assert_eq!(minor_version("go1.26.8"), Some(26));
        assert_eq!(minor_version("go1.27rc1"), Some(27));
        assert_eq!(minor_version("devel"), None);
    }

    #[test]
    fn the_cache_is_below_a_target_folder() {
        if std::env::var_os("WINDLASS_TESTBED_CACHE").is_none() {
            let cache = cache_dir();
            assert_eq!(cache.file_name().unwrap(), "testbed");
            assert!(is_target(cache.parent().unwrap()), "{}", cache.display());
        }
    }
}

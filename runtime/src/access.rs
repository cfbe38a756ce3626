//! What a session may touch. Checked at the boundary, before anything is read or changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::change::Resource;
use crate::{Error, Kind, Result};

/// The limits of a session. The default has none. Clones share the switch of [`Access::set_read_only`]; a session that is opened
/// with these limits has one of its own.
#[derive(Debug, Clone, Default)]
pub struct Access {
    read_only: Arc<AtomicBool>,
    namespaces: Option<Vec<String>>,
    hosts: Option<Vec<String>>,
    folders: Option<Vec<PathBuf>>,
}

impl Access {
    /// No limits.
    #[must_use]
    pub fn full() -> Self {
        Self::default()
    }

    /// Nothing may be changed.
    #[must_use]
    pub fn read_only() -> Self {
        let access = Self::default();
        access.set_read_only(true);
        access
    }

    /// Changes only to objects in these namespaces; cluster-wide objects stay as they are.
    #[must_use]
    pub fn namespaces<S: Into<String>>(mut self, namespaces: impl IntoIterator<Item = S>) -> Self {
        self.namespaces = Some(namespaces.into_iter().map(Into::into).collect());
        self
    }

    /// Only these hosts.
    #[must_use]
    pub fn hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Files are read only below these folders.
    #[must_use]
    pub fn folders<P: Into<PathBuf>>(mut self, folders: impl IntoIterator<Item = P>) -> Self {
        self.folders = Some(folders.into_iter().map(Into::into).collect());
        self
    }

    /// The same limits, for what may change something.
    pub(crate) fn with_changes(&self) -> Self {
        Self { read_only: Arc::default(), ..self.clone() }
    }

    /// The same limits, read-only or not as they are now, for another session.
    pub(crate) fn apart(&self) -> Self {
        let access = self.with_changes();
        access.set_read_only(!self.may_change());
        access
    }

    /// Whether the session may change anything at all.
    #[must_use]
    pub fn may_change(&self) -> bool {
        !self.read_only.load(Ordering::Acquire)
    }

    /// Lets the session whose [`Session::access`](crate::Session::access) it is change nothing from here on, or what else it
    /// grants.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Release);
    }

    /// Grants a change, or says why not.
    ///
    /// # Errors
    /// [`Kind::Denied`], naming the resource.
    pub fn check_change(&self, resource: &Resource) -> Result<()> {
        if !self.may_change() {
            return Err(denied(resource, "this session is read-only")
                .hint("nothing was changed: it may again without --read-only, in the REPL by :mode live"));
        }
        let Some(allowed) = &self.namespaces else { return Ok(()) };
        match resource.namespace.as_deref().or((resource.kind == "Namespace").then_some(resource.name.as_str())) {
            Some(namespace) if allowed.iter().any(|a| a == namespace) => Ok(()),
            Some(_) => {
                Err(denied(resource, &format!("this session may only change the namespaces {}", allowed.join(", "))))
            }
            None => Err(denied(
                resource,
                &format!(
                    "this session may only change the namespaces {}, not what is cluster-wide",
                    allowed.join(", ")
                ),
            )),
        }
    }

    /// Grants running a program of this machine of which nobody knows what it does, or says why not: it may change anything.
    ///
    /// # Errors
    /// [`Kind::Denied`], naming the program, in a session that is read-only or limited to namespaces.
    pub fn check_program(&self, program: &str) -> Result<()> {
        let why = match &self.namespaces {
            _ if !self.may_change() => "this session is read-only".to_owned(),
            Some(allowed) => format!("this session may only change the namespaces {}", allowed.join(", ")),
            None => return Ok(()),
        };
        Err(Error::new(Kind::Denied, format!("{program} may not be run: {why}, and a program may change anything")))
    }

    /// Grants the reading of a file, or says why not.
    ///
    /// # Errors
    /// [`Kind::Denied`], naming the path.
    pub fn check_file(&self, path: &Path) -> Result<()> {
        let Some(folders) = &self.folders else { return Ok(()) };
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let within = |folder: &PathBuf| real.starts_with(folder.canonicalize().unwrap_or_else(|_| folder.clone()));
        if folders.iter().any(within) {
            return Ok(());
        }
        Err(Error::new(Kind::Denied, format!("{} is outside the folders that this session may read", path.display())))
    }

    /// Grants the use of a host, or says why not.
    ///
    /// # Errors
    /// [`Kind::Denied`], naming the host.
    pub fn check_host(&self, host: &str) -> Result<()> {
        match &self.hosts {
            Some(hosts) if !hosts.iter().any(|h| h == host) => Err(Error::new(
                Kind::Denied,
                format!("this session may not use the host {host}; it may use {}", hosts.join(", ")),
            )),
            _ => Ok(()),
        }
    }
}

fn denied(resource: &Resource, why: &str) -> Error {
    Error::new(Kind::Denied, format!("{resource} may not be changed: {why}")).resource(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(kind: &str, namespace: Option<&str>, name: &str) -> Resource {
        Resource {
            at: "c".into(),
            api_version: None,
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
        }
    }

    #[test]
    fn read_only_refuses_every_change() {
        let error = Access::read_only().check_change(&resource("ConfigMap", Some("a"), "x")).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied);
        assert!(error.kind().is_final());
    }

    #[test]
    fn a_namespace_limit_holds_for_objects_namespaces_and_cluster_wide_kinds() {
        let access = Access::full().namespaces(["a"]);
        assert!(access.check_change(&resource("ConfigMap", Some("a"), "x")).is_ok());
        assert!(access.check_change(&resource("Namespace", None, "a")).is_ok());
        assert!(access.check_change(&resource("ConfigMap", Some("b"), "x")).is_err());
        assert!(access.check_change(&resource("Namespace", None, "b")).is_err());
        assert!(access.check_change(&resource("Node", None, "a")).is_err());
    }

    #[test]
    fn a_program_may_run_only_where_anything_may_be_changed() {
        assert!(Access::full().hosts(["a"]).check_program("pass").is_ok());
        for (access, why) in
            [(Access::read_only(), "read-only"), (Access::full().namespaces(["a", "b"]), "namespaces a, b")]
        {
            let error = access.check_program("pass").unwrap_err();
            assert!(error.message().starts_with("pass may not be run: ") && error.message().contains(why), "{error}");
        }
    }

    #[test]
    fn a_folder_limit_sees_through_dots_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(outside.join("f"), "x").unwrap();
        std::os::unix::fs::symlink(outside.join("f"), inside.join("link")).unwrap();
        let access = Access::full().folders([inside.clone()]);
        assert!(access.check_file(&inside.join("../out/f")).is_err());
        assert!(access.check_file(&inside.join("link")).is_err());
        assert!(access.check_file(&inside).is_ok());
    }
}

//! What a session uses of the machine that it runs on: programs, the state folder, a kubeconfig for other processes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Session;
use crate::cancel::Cancel;
use crate::cluster::Cluster;
use crate::state_folder::UserFolders;
use crate::sync::lock;
use crate::{Error, Result};

impl Session {
    /// The program of this name: the one that the session was given, or the one that `WINDLASS_<NAME>` names, or the first in
    /// `PATH`.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let named = || {
            let variable = format!("WINDLASS_{}", name.to_ascii_uppercase());
            std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        let in_path = || {
            let folders = std::env::var_os("PATH")?;
            std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| is_program(path))
        };
        match self.0.programs.get(name).cloned().or_else(named) {
            Some(path) => Some(path).filter(|path| is_program(path)),
            None => in_path(),
        }
    }

    /// Where what outlives runs is kept.
    ///
    /// # Errors
    /// [`crate::Kind::System`] where the user's folder is not known.
    pub fn state_folder(&self) -> Result<PathBuf> {
        match &self.0.state_folder {
            Some(folder) => Ok(folder.clone()),
            None => Ok(UserFolders::find()?.state),
        }
    }

    /// A kubeconfig for programs that are to work on this cluster. It holds credentials.
    ///
    /// # Errors
    /// Where the target gives none.
    pub(crate) fn kubeconfig_of(&self, cluster: &Cluster, cancel: &Cancel) -> Result<Zeroizing<String>> {
        let is_it = |(_, open): &(&Option<String>, &Cluster)| open.name() == cluster.name();
        let key = lock(&self.0.gathered.clusters).iter().find(is_it).map(|(key, _)| key.clone());
        let key = key.ok_or_else(|| Error::internal(format!("cluster {} is not open", cluster.name())))?;
        let by = key.as_ref().and_then(|name| lock(&self.0.gathered.connections).get(name).cloned());
        let given = self.0.target.kubeconfig(key.as_deref(), by.as_ref());
        self.bridge().wait_outside(cancel, &self.0.clock, |_| given)
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::Runtime;
    use crate::target::NoTarget;

    #[test]
    fn a_program_is_the_one_that_the_session_was_given_and_else_the_first_in_path() {
        let runtime = Runtime::builder().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("sh");
        std::fs::write(&own, "").unwrap();
        let session = || runtime.session(NoTarget::new()).program("sh", &own).open();
        assert_eq!(session().program("sh"), None, "it cannot be executed");
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(session().program("sh"), Some(own.clone()));
        let plain = runtime.session(NoTarget::new()).state_folder(folder.path()).open();
        assert!(plain.program("sh").is_some_and(|path| path != own));
        assert_eq!(plain.program("no-such-program"), None);
        assert_eq!(plain.state_folder().unwrap(), folder.path());
    }
}

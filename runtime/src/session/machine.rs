//! What a session uses of the machine that it runs on: programs, the state folder, a kubeconfig for other processes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zeroize::Zeroizing;

use super::Session;
use crate::cancel::Cancel;
use crate::cluster::Cluster;
use crate::state_folder::{UserFolders, create_private, own_folder, sweep};
use crate::sync::lock;
use crate::{Error, Result};

/// The folder's name in the state folder.
const PRIVATE: &str = "private";

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

    /// A new folder for what only this process and its children may read, such as values with secrets in them: it is removed
    /// when it is dropped. What processes left that were killed is removed when any session is opened.
    ///
    /// # Errors
    /// [`crate::Kind::System`] where it cannot be made.
    pub fn private_folder(&self) -> Result<TempDir> {
        let below = self.state_folder()?.join(PRIVATE);
        create_private(&below)?;
        own_folder(&below, "")
    }

    /// Removes what processes left in their private folders that were killed.
    pub(super) fn sweep(&self) {
        if let Ok(state) = self.state_folder() {
            sweep(&state.join(PRIVATE), "");
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

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_session() {
        let (runtime, state) = (Runtime::builder().build().unwrap(), tempfile::tempdir().unwrap());
        // No process has this number.
        let left = state.path().join("private/4294967295-x");
        std::fs::create_dir_all(&left).unwrap();
        let session = runtime.session(NoTarget::new()).state_folder(state.path()).open();
        assert!(!left.exists());
        let own = session.private_folder().unwrap();
        assert_eq!(own.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let _other = runtime.session(NoTarget::new()).state_folder(state.path()).open();
        assert!(own.path().exists());
    }
}

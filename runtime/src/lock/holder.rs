//! Who holds a lock, and from where.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::who::Who;

/// Who holds a lock: one run of one user on one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What tells it from all others: `user@machine/run.tag`. A run that is resumed is the same run in another process, which
    /// may still live: the tag tells the two apart.
    pub id: String,
    /// The run.
    #[serde(default)]
    pub run: String,
    /// What it runs.
    #[serde(default)]
    pub playbook: String,
    /// Since when, by that machine's clock: to be shown, and for nothing else.
    #[serde(default)]
    pub since: String,
    /// A hash that tells its machine from others.
    #[serde(default)]
    pub machine: String,
    /// The process on that machine.
    #[serde(default)]
    pub pid: u32,
}

impl Holder {
    /// This process, for a run. Whoever takes a lock has a tag of its own.
    #[must_use]
    pub fn here(run: &str, tag: &str, playbook: &str, now: jiff::Timestamp) -> Self {
        Self {
            id: format!("{}/{run}.{tag}", Who::here().named()),
            run: run.to_owned(),
            playbook: playbook.to_owned(),
            since: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            machine: machine(),
            pid: std::process::id(),
        }
    }

    /// Somebody of whom only the id is known.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.machine == machine()
    }

    /// Whether a process of its number lives on this machine.
    pub(super) fn pid_lives(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        // One of another user lives too.
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)?;
        if !self.playbook.is_empty() {
            write!(f, ", which runs {}", self.playbook)?;
        }
        if !self.since.is_empty() {
            write!(f, ", since {}", self.since)?;
        }
        Ok(())
    }
}

/// Containers of one machine share its id, but not its name.
fn machine() -> String {
    let digest = Sha256::new()
        .chain_update("windlass lock\n")
        .chain_update(read_line("/etc/machine-id"))
        .chain_update("\n")
        .chain_update(Who::here().machine)
        .finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn read_line(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_one_run_and_names_its_machine() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let (one, other) = (Holder::here("r1", "t", "acme", now), Holder::here("r1", "u", "acme", now));
        assert_ne!(one.id, other.id, "one run in two processes");
        assert!(one.id.ends_with("/r1.t") && one.id.contains('@') && one.id.matches('/').count() == 1, "{}", one.id);
        assert!(one.is_here() && one.machine == other.machine && one.machine.len() == 16);
        assert!(!Holder { machine: "0123456789abcdef".into(), ..one.clone() }.is_here());
        assert!(!Holder::of_id(&one.id).is_here(), "an id alone says nothing of the machine");
        assert_eq!(one.to_string(), format!("{}, which runs acme, since 1970-01-01T00:00:00Z", one.id));
        assert_eq!(serde_json::from_str::<Holder>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
    }
}

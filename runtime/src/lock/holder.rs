//! Who holds a lock, and from where.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Who holds a lock: one run of one user on one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What tells it from all others: `user@machine/run`.
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
    /// This process, for a run.
    #[must_use]
    pub fn here(run: &str, playbook: &str, now: jiff::Timestamp) -> Self {
        Self {
            id: format!("{}/{run}", user_at_machine()),
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

/// The user and the machine, as people know them: `alice@bastion`.
#[must_use]
pub fn user_at_machine() -> String {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME"));
    let user = user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    // What stands before the run is one word.
    let one_word = |text: &str| text.replace(|c: char| c.is_whitespace() || c.is_control() || c == '/', "-");
    format!("{}@{}", one_word(&user), one_word(&host_name()))
}

fn host_name() -> String {
    let name = read_line("/proc/sys/kernel/hostname");
    if name.is_empty() { "machine".to_owned() } else { name }
}

/// Containers of one machine share its id, but not its name.
fn machine() -> String {
    let digest = Sha256::new()
        .chain_update("windlass lock\n")
        .chain_update(read_line("/etc/machine-id"))
        .chain_update("\n")
        .chain_update(host_name())
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
        let (one, other) = (Holder::here("r1", "acme", now), Holder::here("r2", "acme", now));
        assert_ne!(one.id, other.id);
        assert!(one.id.ends_with("/r1") && one.id.contains('@') && one.id.matches('/').count() == 1, "{}", one.id);
        assert!(one.is_here() && one.machine == other.machine && one.machine.len() == 16);
        assert!(!Holder { machine: "0123456789abcdef".into(), ..one.clone() }.is_here());
        assert!(!Holder::of_id(&one.id).is_here(), "an id alone says nothing of the machine");
        assert_eq!(one.to_string(), format!("{}, which runs acme, since 1970-01-01T00:00:00Z", one.id));
        assert_eq!(serde_json::from_str::<Holder>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
    }
}

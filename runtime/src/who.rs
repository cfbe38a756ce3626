//! Who runs something, where, and with what.

use serde::{Deserialize, Serialize};

/// Who runs something, where, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user's name on this machine.
    pub user: String,
    /// The machine's name.
    pub machine: String,
    /// The machine's time zone.
    pub zone: String,
    /// The version of Windlass.
    pub version: String,
}

impl Who {
    /// The user of this process.
    #[must_use]
    pub fn here() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let system = rustix::system::uname();
        let zone = jiff::tz::TimeZone::system();
        Self {
            // Behind sudo, the person is who matters.
            user: variable("SUDO_USER")
                .or_else(|| variable("USER"))
                .or_else(|| variable("LOGNAME"))
                .unwrap_or_else(of_process),
            machine: system.nodename().to_string_lossy().into_owned(),
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The user and the machine, as people know them, in one word: `alice@bastion`.
    #[must_use]
    pub fn named(&self) -> String {
        let one_word = |text: &str| text.replace(|c: char| c.is_whitespace() || c.is_control() || c == '/', "-");
        format!("{}@{}", one_word(&self.user), one_word(&self.machine))
    }
}

/// The user that this process runs as: by name where the machine's own list has it.
fn of_process() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, of) = (fields.next()?, fields.nth(1)?);
        (of == number).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid-{number}"))
}

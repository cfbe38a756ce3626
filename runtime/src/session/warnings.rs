//! What clusters say beside their answers.

use std::collections::{HashMap, HashSet};

use windlass_shadow::UNVALIDATED;

use super::Session;
use crate::change::Resource;
use crate::cluster::{Note, WarningNote};
use crate::event::{Level, What};
use crate::sync::lock;

/// The warnings of a session's clusters.
#[derive(Default)]
pub(super) struct Warnings {
    /// Those that were told; each is told once.
    told: HashSet<(String, String, String)>,
    /// Which rules about a resource could not be judged when it was written last, by cluster and resource.
    unvalidated: HashMap<(String, String), Vec<String>>,
}

impl Session {
    /// Tells what a cluster has noted.
    pub(super) fn noted(&self, note: Note) {
        match note {
            Note::Retry(note) => {
                self.tell(None, What::Connection { peer: note.cluster.clone(), text: note.to_string() });
            }
            Note::Warning(WarningNote { cluster, resource, text }) => {
                let mut warnings = lock(&self.0.gathered.warnings);
                if let Some(why) = text.strip_prefix(UNVALIDATED) {
                    let why = why.to_owned();
                    return warnings.unvalidated.entry((cluster, resource)).or_default().push(why);
                }
                if !warnings.told.insert((cluster, resource.clone(), text.clone())) {
                    return;
                }
                drop(warnings);
                self.tell(None, What::Log { level: Level::Warn, text: format!("{resource}: {text}") });
            }
        }
    }

    /// Why it is not sure that a real cluster accepts what was just written, if it is not.
    pub(crate) fn take_unvalidated(&self, resource: &Resource) -> Option<String> {
        let key = (resource.at.clone(), resource.to_string());
        let why = lock(&self.0.gathered.warnings).unvalidated.remove(&key)?;
        Some(why.join("; "))
    }
}

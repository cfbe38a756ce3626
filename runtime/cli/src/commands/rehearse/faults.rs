//! `--fail`: what breaks in a rehearsal, and when.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::Step;
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::target::Shadow;
use windlass_runtime::{Error, Result};
use windlass_shadow::fault::{Fault, PlannedFault};

use crate::progress::Screen;

/// A fault, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct End {
    planned: PlannedFault,
    /// Whether it was in the way of anything; nothing where its step was not reached.
    met: Option<bool>,
}

impl End {
    /// As it was said.
    pub(super) fn said(&self) -> String {
        let step = self.planned.step.as_ref().map(|step| format!("@{step}"));
        format!("{}{}", self.planned.fault, step.unwrap_or_default())
    }

    /// What nobody may take for a rehearsal with that fault.
    pub(super) fn without_effect(&self) -> Option<&'static str> {
        match self.met {
            Some(true) => None,
            Some(false) => Some("was in the way of nothing: check its name"),
            None => Some("did not happen: its step was not reached"),
        }
    }

    pub(super) fn json(&self) -> Json {
        json!({ "fault": self.planned.fault.to_string(), "step": self.planned.step, "met": self.met })
    }
}

/// The faults of one rehearsal.
#[derive(Clone)]
pub(crate) struct Faults(Arc<Vec<PlannedFault>>);

impl Faults {
    /// Reads them; `nodes` are those that there are.
    pub(crate) fn read(said: &[String], nodes: &[String]) -> Result<Self> {
        let read = |text: &String| {
            let planned: PlannedFault = text.parse().map_err(|e| Error::usage(format!("--fail {text}: {e}")))?;
            if let Fault::Node { name } = &planned.fault
                && !name.contains('*')
                && !nodes.contains(name)
            {
                let names = nodes.iter().map(String::as_str);
                let hint = did_you_mean(name, names.clone());
                let shown = names.take(10).collect::<Vec<_>>().join(", ");
                return Err(Error::usage(format!("--fail {text}: there is no node {name}"))
                    .hint(hint.unwrap_or_else(|| format!("the nodes are {shown}"))));
            }
            Ok(planned)
        };
        Ok(Self(Arc::new(said.iter().map(read).collect::<Result<_>>()?)))
    }

    /// Refuses a step that is not there.
    pub(crate) fn check(&self, steps: &[Step]) -> Result<()> {
        let unknown = |planned: &&PlannedFault| {
            planned.step.as_ref().is_some_and(|key| !steps.iter().any(|step| step.key == *key))
        };
        match self.0.iter().find(unknown) {
            None => Ok(()),
            Some(planned) => {
                let key = planned.step.as_deref().unwrap_or_default();
                let known = steps.iter().map(|step| step.key.as_str());
                let hint =
                    did_you_mean(key, known).unwrap_or_else(|| "windlass list shows the keys of all steps".into());
                Err(Error::usage(format!("--fail {}@{key}: there is no step \"{key}\"", planned.fault)).hint(hint))
            }
        }
    }

    /// What became of them.
    pub(super) fn ends(&self, target: &Shadow) -> Vec<End> {
        let injected = target.faults();
        let met =
            |planned: &PlannedFault| injected.iter().find(|(fault, _)| *fault == planned.fault).map(|(_, met)| *met);
        self.0.iter().map(|planned| End { planned: planned.clone(), met: met(planned) }).collect()
    }

    /// Those that have happened and were in the way of nothing, as they were said, and why that may be.
    pub(crate) fn idle(&self, target: &Shadow) -> Vec<String> {
        let idle = self.ends(target).into_iter().filter(|end| end.met == Some(false));
        idle.map(|end| format!("--fail {} {}", end.said(), end.without_effect().unwrap_or_default())).collect()
    }

    /// Breaks what is broken from the start.
    pub(crate) fn begin(&self, target: &Shadow) {
        for planned in self.0.iter().filter(|planned| planned.step.is_none()) {
            target.inject(&planned.fault);
        }
    }

    /// Breaks the rest, each when its step begins.
    pub(crate) fn sink(&self, target: &Shadow, screen: Arc<Screen>) -> impl Fn(&Event) + Send + Sync + use<> {
        let (faults, target) = (self.clone(), target.clone());
        move |event: &Event| {
            let What::StepStarted { step, attempt: 1, .. } = &event.what else { return };
            for planned in faults.0.iter().filter(|planned| planned.step.as_ref() == Some(step)) {
                target.inject(&planned.fault);
                screen.raw(&format!("  broken from here on: {}\n", planned.fault));
            }
        }
    }
}

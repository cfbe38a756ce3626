//! Playbooks: units that declare steps, the order of the steps, and running them.

mod arrange;
mod body;
mod configure;
mod context;
mod declare;
mod eval;
mod find;
mod hooks;
mod load;
mod order;
mod run;
mod select;

pub use arrange::Unmatched;
pub use body::{Body, Code};
pub use configure::{Layers, Setting};
pub(crate) use context::register as register_context;
pub(crate) use declare::{Collector, StepOptions, declare, find_steps, include};
pub use declare::{OnError, Step, Unit};
pub use find::{Chosen, choose};
pub use hooks::{HOOKS_FILE, Hook, HookSort, HooksFile};
pub(crate) use hooks::{InsertOptions, ReplaceOptions, around, insert, replace, skip};
pub use load::{Playbook, Prepared};
pub use run::{CancelHandle, Run};
pub use select::Selection;

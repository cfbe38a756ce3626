//! Playbooks: units that declare steps, the order of the steps, and running them.

mod arrange;
mod body;
mod configure;
mod context;
mod declare;
mod eval;
mod find;
mod hooks;
mod include;
mod kept;
mod load;
mod order;
mod resume;
mod run;
mod scripts;
mod select;
mod upcoming;

pub use arrange::Unmatched;
pub use body::{Body, Code, Native};
pub use configure::{Layers, Setting};
pub(crate) use context::{keepable, register as register_context};
pub(crate) use declare::{Collector, StepOptions, declare};
pub use declare::{OnError, Step, Unit};
pub use find::{Chosen, choose};
pub use hooks::{HOOKS_FILE, Hook, HookSort, HooksFile};
pub(crate) use hooks::{InsertOptions, ReplaceOptions, around, insert, replace, skip};
pub(crate) use include::{find_steps, include};
pub(crate) use kept::{journaled, restored};
pub use load::{Playbook, Prepared};
pub use resume::Resume;
pub use run::{CancelHandle, Run};
pub use select::Selection;
pub use upcoming::Upcoming;

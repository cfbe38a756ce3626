//! Playbooks: units that declare steps, the order of the steps, and running them.

mod configure;
mod context;
mod declare;
mod eval;
mod find;
mod kept;
mod load;
mod order;
mod resume;
mod run;
mod select;

pub use configure::{Layers, Setting};
pub(crate) use context::{keepable, register as register_context};
pub use declare::{Body, Native, OnError, Step, Unit};
pub(crate) use declare::{Collector, StepOptions, declare, find_steps, include};
pub use find::{Chosen, choose};
pub(crate) use kept::{journaled, restored};
pub use load::{Playbook, Prepared};
pub use resume::Resume;
pub use run::{CancelHandle, Run};
pub use select::Selection;

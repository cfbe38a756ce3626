//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod diff_stock;
pub(crate) mod docs;
pub(crate) mod eval;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod new;
pub(crate) mod record;
pub(crate) mod rehearse;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schemas;
pub(crate) mod secrets;
pub(crate) mod shadow;
pub(crate) mod show;
pub(crate) mod undo;
pub(crate) mod values;

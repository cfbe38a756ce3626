//! `windlass show`.

use crate::args::Show;
use crate::failed::Failed;
use crate::io::Ui;

pub(crate) fn run(_: &Show, _: &Ui) -> Result<u8, Failed> {
    Ok(0)
}

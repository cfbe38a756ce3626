//! `windlass list`.

use crate::args::List;
use crate::failed::Failed;
use crate::io::Ui;

pub(crate) fn run(_: &List, _: &Ui) -> Result<u8, Failed> {
    Ok(0)
}

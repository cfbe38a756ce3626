//! `report::accepted`.

use windlass_runtime::event::Level;
use windlass_runtime::journal::RemarkSort;
use windlass_runtime::{Call, Result, primitive};

use crate::log::Line;

/// Says in the run's report that the customer lives with a finding.
///
/// It is told as a warning at once, and stands among what was accepted in `windlass runs show`. Said twice with the same words, it
/// stands there once. Secrets in it are masked.
///
/// # Example
/// ```rhai
/// report::accepted("nodes Node/worker-1: 12 GiB of memory, 16 are wanted (a test system; by Jo, until 2027-01-01)");
/// ```
#[primitive(module = "report", effect = Read)]
pub fn accepted(call: &Call<'_>, finding: Line) -> Result<()> {
    call.log(Level::Warn, format!("accepted: {}", finding.0));
    call.remark(RemarkSort::Accepted, &finding.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use windlass_runtime::journal::{MemoryJournal, Note, RemarkSort};

    use crate::testing::run;

    fn remarks(journal: &MemoryJournal) -> Vec<(RemarkSort, String)> {
        let remark = |note: Note| match note {
            Note::Remark { sort, text, .. } => Some((sort, text)),
            _ => None,
        };
        journal.notes().into_iter().filter_map(remark).collect()
    }

    #[test]
    fn what_is_accepted_and_what_is_manual_stands_in_the_journal_without_secrets() {
        let ran = run("let s = secret::generate(\"r\"); report::accepted(`disk of ${s}`); report::manual(\"voice\");");
        assert_eq!(ran.logs(), ["accepted: disk of [secret r]", "by hand: voice"]);
        let expected =
            [(RemarkSort::Accepted, "disk of [secret r]".to_owned()), (RemarkSort::Manual, "voice".to_owned())];
        assert_eq!(remarks(&ran.journal), expected);
    }
}

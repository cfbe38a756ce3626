//! What is recorded of this session.

use windlass_runtime::{Result, Session};

use crate::repl::desk::Desk;
use crate::repl::show;

/// Lists the changes that are recorded.
pub(super) fn list(desk: &Desk, session: &Session) -> Result<()> {
    let entries = session.journal().entries()?;
    if entries.is_empty() {
        desk.say("nothing is recorded: nothing was changed yet\n");
        return Ok(());
    }
    let mut rows = Vec::new();
    for (intent, result) in &entries {
        for (number, part) in intent.parts.iter().enumerate() {
            let word = result.as_ref().and_then(|result| result.results.get(number));
            rows.push(vec![
                intent.at.strftime("%H:%M:%S").to_string(),
                intent.step.clone(),
                intent.primitive.clone(),
                part.op.as_str().to_owned(),
                part.resource.to_string(),
                word.map_or_else(|| "in flight".to_owned(), |word| word.as_str().to_owned()),
            ]);
        }
    }
    show::rows(desk, session, &["AT", "STEP", "FUNCTION", "DID", "RESOURCE", "RESULT"], &rows)?;
    desk.say(&format!("{}\n", desk.ui().err_style.dim(format!("run {}", session.id()))));
    Ok(())
}

//! `windlass secrets edit`.

use windlass_runtime::secret::{AgeVault, Opened};
use windlass_runtime::{Error, Kind, Result};

use super::{Kept, tell, unchanged};
use crate::asking::Asking;
use crate::editor::{self, Draft};
use crate::io::Ui;
use crate::render::{Shown, Sources, diagnostic};

/// What an empty file begins with.
const START: &str =
    "# One secret a line, NAME: value. A script takes one by secret::age(\"NAME\"), values.yaml by { age: NAME }.\n";

pub(super) fn run(kept: &Kept, ui: &Ui) -> Result<(), super::Failed> {
    let mut opened = kept.vault.open()?;
    let start = if opened.text.is_empty() { START } else { opened.text.as_str() };
    let draft = Draft::new("secrets.yaml", start)?;
    let start = draft.read()?;
    let place = draft.path();
    tell(ui, &format!("{} is open in {}", kept.place, place.display()));
    if !draft.in_memory {
        ui.err(&format!(
            "{} there is no file system in memory here, so the text is on the disk until the editor ends\n",
            ui.err_style.yellow("warning:")
        ));
    }
    loop {
        let ended = draft.open().map_err(unchanged)?;
        let text = draft.read();
        let same = text.as_ref().is_ok_and(|text| **text == *start);
        let wrong = match &text {
            _ if !ended.success() => Some(editor::failed(ended)),
            Ok(_) if same => None,
            Ok(text) => AgeVault::names_in(text, "the text").and_then(|_| kept.vault.put(&opened, text)).err(),
            Err(error) => Some(error.clone()),
        };
        let Some(error) = wrong else {
            if same {
                tell(ui, "nothing was changed");
            } else if let Ok(text) = &text {
                kept.warn_of_short(ui, &AgeVault::names_in(text, "the text")?);
                tell(ui, &format!("{} is encrypted anew", kept.place));
            }
            return Ok(());
        };
        // What was typed is lost only where the person says so, or nobody is there to be asked.
        let person = if same { None } else { Asking::begin(ui)? };
        let Some(person) = person else {
            tell(ui, "nothing was changed");
            return Err(unchanged(error));
        };
        person.say(&diagnostic(&Shown::of(&error), &Sources::default(), ui.err_style));
        let again = go_on(&person, kept, &error, &mut opened);
        if !again.as_ref().is_ok_and(|again| *again) {
            tell(ui, "nothing was changed");
            return Ok(again.map(drop)?);
        }
    }
}

/// What to do with a text that was not taken: whether to open the editor again.
fn go_on(person: &Asking, kept: &Kept, error: &Error, opened: &mut Opened) -> Result<bool> {
    if error.kind() == Kind::Conflict {
        let question = "[e]dit again, [o]verwrite what was changed by the next save, [d]iscard what you typed?";
        return match person.choice(question, &['e', 'o', 'd'], false)? {
            'e' => Ok(true),
            'o' => {
                *opened = kept.vault.open()?;
                Ok(true)
            }
            _ => Ok(false),
        };
    }
    Ok(person.choice("[e]dit again, or [d]iscard what you typed?", &['e', 'd'], false)? == 'e')
}

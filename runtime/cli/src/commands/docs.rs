//! `windlass docs`.

use std::path::Path;

use serde_json::json;
use windlass_runtime::docs::{Entry, Found, Reference, Tone};
use windlass_runtime::{Error, Kind};

use crate::args::{Docs, Format};
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::render::Sources;
use crate::style::Style;
use crate::workspace;

/// How wide a text is where it goes to no terminal, and at most on one: longer lines are hard to read.
const WIDTH: usize = 100;

pub(crate) fn run(docs: &Docs, ui: &Ui) -> Result<u8, Failed> {
    let reference = workspace::runtime()?.reference();
    if let Some(folder) = &docs.definitions {
        return definitions(&reference, folder, ui);
    }
    let found = match reference.search(&docs.words) {
        Found::One(entry) => vec![entry],
        Found::Several(entries) => entries,
        Found::Nothing(near) => return Err(nothing(&docs.words.join(" "), near)),
    };
    if docs.output == Format::Json {
        ui.out_json(&json!({ "entries": found }));
        return Ok(exit::OK);
    }
    ui.out(&match docs.words.is_empty() {
        true => by_module(&reference, width(ui), ui),
        false => shown(&found, ui),
    });
    Ok(exit::OK)
}

/// The page of the function, value or option that these words find, or one line each where they find several.
pub(crate) fn about(reference: &Reference, words: &[String], ui: &Ui) -> Option<String> {
    match reference.search(words) {
        Found::One(entry) => Some(shown(&[entry], ui)),
        Found::Several(entries) => Some(shown(&entries, ui)),
        Found::Nothing(_) => None,
    }
}

fn shown(found: &[&Entry], ui: &Ui) -> String {
    let (style, width) = (ui.out_style, width(ui));
    match found {
        [one] => one.page(width, &|tone, text: &str| painted(style, tone, text)),
        _ => list(found, width, ui),
    }
}

fn nothing(words: &str, near: Option<&str>) -> Failed {
    let error = Error::new(Kind::NotFound, format!("nothing is found for {:?}", line(words)));
    error
        .hint(match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => "windlass docs lists everything; fewer words find more".to_owned(),
        })
        .into()
}

fn by_module(reference: &Reference, width: usize, ui: &Ui) -> String {
    let mut text = String::new();
    for (index, module) in reference.modules().into_iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        text.push_str(&format!("{gap}{}\n", ui.out_style.bold(module.to_uppercase())));
        text.push_str(&list(&reference.of_module(module).collect::<Vec<_>>(), width, ui));
    }
    text
}

fn list(entries: &[&Entry], width: usize, ui: &Ui) -> String {
    let longest = entries.iter().map(|e| e.id.chars().count()).max().unwrap_or_default();
    let paint = |tone, text: &str| painted(ui.out_style, tone, text);
    entries.iter().map(|entry| entry.line(longest, width, &paint)).collect()
}

fn painted(style: Style, tone: Tone, text: &str) -> String {
    match tone {
        Tone::Name | Tone::Heading => style.bold(text),
        Tone::Code => style.cyan(text),
        Tone::Quiet => style.dim(text),
    }
}

/// How wide a text may be.
pub(crate) fn width(ui: &Ui) -> usize {
    let columns = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let columns = if ui.io.process && ui.io.out.is_terminal() { columns() } else { None };
    columns.filter(|columns| *columns >= 40).unwrap_or(WIDTH).min(WIDTH)
}

fn definitions(reference: &Reference, folder: &Path, ui: &Ui) -> Result<u8, Failed> {
    let failed = |path: &Path, source| {
        let error = Error::new(Kind::System, format!("{} cannot be written", path.display())).source(source);
        Failed::while_running(error, Sources::default())
    };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let files = reference.definitions();
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
    }
    ui.out(&format!("{} files of definitions in {}\n", files.len(), line(&folder.display().to_string())));
    Ok(exit::OK)
}

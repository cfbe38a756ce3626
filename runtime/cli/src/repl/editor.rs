//! Editing lines at a terminal.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;

use reedline::{
    DefaultHinter, DescriptionMode, EditCommand, EditMode, Emacs, ExternalPrinter, History as _, HistoryItem, IdeMenu,
    InputMode, KeyCode, KeyModifiers, Keybindings, ListMenu, MenuBuilder as _, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, ValidationResult, Validator, Vi, default_emacs_keybindings, default_vi_insert_keybindings,
    default_vi_normal_keybindings, default_vi_visual_keybindings,
};
use windlass_runtime::{Error, Kind, Result, Runtime};

use super::ahead;
use super::complete::{Completion, Picture, Search, Seen};
use super::highlight::Rhai;
use super::history::Discreet;

use super::prompt::{GAP, Shown, Standing};
use super::typed::{Line, is_whole};
use crate::args::Keys;
use crate::io::Ui;
use crate::style::Style;

/// How many lines of others can wait until the editor shows them.
const PRINTED: usize = 10_000;

/// The menu of what can be typed next.
const COMPLETION: &str = "completion";
/// The menu of what was typed before.
const HISTORY: &str = "history";

/// The editor of a terminal.
pub(super) struct Editor {
    reedline: Reedline,
    history: Discreet,
    seen: Seen,
    /// What was typed ahead, and not read yet.
    ahead: String,
    printer: SyncSender<String>,
    style: Style,
}

impl Editor {
    pub(super) fn new(keys: Keys, runtime: &Runtime, ui: &Ui, leave: Arc<AtomicBool>) -> Self {
        let history = Discreet::open(ui.machine.folders().ok().as_ref());
        let printer = ExternalPrinter::new(PRINTED);
        let coloured = ui.out_style.is_on();
        let sender = printer.sender();
        let seen = Seen::nothing();
        let reedline = Reedline::create()
            .with_history(Box::new(history.clone()))
            .with_validator(Box::new(Whole { runtime: runtime.clone() }))
            .with_completer(Box::new(Completion::new(runtime, seen.clone())))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(completion_menu())))
            .with_menu(ReedlineMenu::WithCompleter {
                menu: Box::new(history_menu()),
                completer: Box::new(Search::new(history.clone())),
            })
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_highlighter(Box::new(Rhai { runtime: runtime.clone(), coloured }))
            .with_ansi_colors(coloured)
            .with_edit_mode(edit_mode(keys))
            .with_transient_prompt(Box::new(Shown::past()))
            .with_external_printer(printer)
            .with_break_signal(leave)
            .use_bracketed_paste(true);
        // Without colours, a hint would look like what was typed.
        let hinter = DefaultHinter::default().with_style(nu_ansi_term::Color::DarkGray.normal());
        let reedline = if coloured { reedline.with_hinter(Box::new(hinter)) } else { reedline };
        Self { reedline, history, seen, ahead: String::new(), printer: sender, style: ui.out_style }
    }

    /// What was typed before it was asked for, if that is whole; the beginning of something is for the editor to go on with.
    pub(super) fn typed_ahead(&mut self, runtime: &Runtime) -> Option<Line> {
        self.ahead.push_str(&ahead::take());
        if self.ahead.is_empty() || ahead::is_with_editor() {
            return None;
        }
        let mut end = 0;
        for line in self.ahead.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            end += line.len();
            let text = self.ahead[..end].trim_end();
            if is_whole(runtime, text) {
                let text = text.to_owned();
                self.ahead.drain(..end);
                return Some(Line::Ahead(text));
            }
        }
        let begun = std::mem::take(&mut self.ahead);
        self.reedline.run_edit_commands(&[EditCommand::InsertString(begun)]);
        None
    }

    /// Takes away what was typed before it was asked for, and gives it.
    pub(super) fn drops_typed_ahead(&mut self) -> String {
        self.ahead.push_str(&ahead::take());
        [ahead::take_from_editor(), std::mem::take(&mut self.ahead)].concat()
    }

    /// Reads a line, or several that belong together.
    pub(super) fn read(&mut self, standing: &Standing) -> Result<Line> {
        match self.reedline.read_line(&Shown::of(standing, self.style)) {
            Ok(Signal::Success(text)) => Ok(Line::Text(text)),
            Ok(Signal::CtrlD) => Ok(Line::End),
            Ok(_) => Ok(Line::Dropped),
            Err(error) => Err(Error::new(Kind::Unavailable, "the terminal cannot be read").source(error)),
        }
    }

    /// Says what there is when the next line is begun.
    pub(super) fn sees(&self, picture: Picture) {
        self.seen.set(picture);
    }

    /// Takes a line for one that was read here.
    pub(super) fn takes(&mut self, line: &str) {
        // It is only remembered until it is done.
        let _ = self.history.save(HistoryItem::from_command_line(line));
    }

    /// Keeps the line that was read last in the history, if it may be kept.
    pub(super) fn keep(&self, may_be_kept: impl Fn(&str) -> bool) {
        self.history.keep(may_be_kept);
    }

    /// Where others write while a line is edited.
    pub(super) fn printer(&self) -> SyncSender<String> {
        self.printer.clone()
    }
}

fn edit_mode(keys: Keys) -> Box<dyn EditMode> {
    match keys {
        Keys::Emacs => Box::new(Emacs::new(bound(default_emacs_keybindings()))),
        Keys::Vi => Box::new(Vi::new(
            bound(default_vi_insert_keybindings()),
            bound(default_vi_normal_keybindings()),
            default_vi_visual_keybindings(),
        )),
    }
}

fn bound(mut keys: Keybindings) -> Keybindings {
    let newline = ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, newline);
    let opened =
        |menu: &str| ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(menu.to_owned()), ReedlineEvent::MenuNext]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, opened(COMPLETION));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    keys.add_binding(KeyModifiers::CONTROL, KeyCode::Char('r'), opened(HISTORY));
    keys
}

/// What can be typed next, below the word, and beside it what it is. It closes where the word ends.
fn completion_menu() -> IdeMenu {
    IdeMenu::default()
        .with_name(COMPLETION)
        .with_marker(GAP)
        .with_description_mode(DescriptionMode::PreferRight)
        .with_max_description_width(70)
        .with_max_completion_height(12)
        .with_word_chars("_-./:")
}

/// What was typed before: the whole line is what is looked for, and is replaced.
fn history_menu() -> ListMenu {
    ListMenu::default().with_name(HISTORY).with_marker(" history: ").with_input_mode(InputMode::FullBuffer)
}

/// Whether what is typed is whole, as the parser sees it.
struct Whole {
    runtime: Runtime,
}

impl Validator for Whole {
    fn validate(&self, line: &str) -> ValidationResult {
        if is_whole(&self.runtime, line) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

//! Where the lines come from: a person at a terminal, a file or a pipe, the command line.

use std::collections::VecDeque;
use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, Sender, channel};

use windlass_runtime::{Error, Kind, Result, Runtime};

use super::editor::Editor;
use super::interrupt::Interrupt;
use super::prompt::Standing;
use super::typed::{Line, is_whole};
use crate::args;
use crate::io::{Output, Ui};

/// Where the lines come from.
pub(super) enum Lines {
    /// A person's terminal.
    Terminal(Box<Editor>),
    /// A person's terminal on which the cursor cannot be moved: the prompt goes there.
    Plain(Output, Stdin),
    /// Standard input, which is no terminal.
    Piped(Stdin),
    /// What a file gave, or a person at once.
    Given { lines: VecDeque<String>, by_hand: bool },
    /// What the command line gave: each is whole.
    Commands(VecDeque<String>),
}

impl Lines {
    /// As the command line says; who waits for lines is told of signals.
    pub(super) fn of(args: &args::Repl, runtime: &Runtime, ui: &Ui, interrupt: &Interrupt) -> Self {
        use std::io::IsTerminal as _;
        if !args.commands.is_empty() {
            return Self::Commands(args.commands.iter().cloned().collect());
        }
        let is_terminal = ui.io.process && std::io::stdin().is_terminal() && ui.io.out.is_terminal();
        let is_dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb" || name.is_empty());
        match (is_terminal, is_dumb) {
            (true, true) => Self::Plain(ui.io.out.clone(), Stdin::new(interrupt)),
            (true, false) => Self::Terminal(Box::new(Editor::new(args.keys, runtime, ui, interrupt.leave_editor()))),
            (false, _) => Self::Piped(Stdin::new(interrupt)),
        }
    }

    /// Those of a text, such as a file.
    pub(super) fn of_text(text: &str) -> Self {
        Self::Given { lines: text.lines().map(str::to_owned).collect(), by_hand: false }
    }

    /// Those of a text that a person has given at once.
    pub(super) fn pasted(text: &str) -> Self {
        Self::Given { lines: text.lines().map(str::to_owned).collect(), by_hand: true }
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_) | Self::Plain(..))
    }

    /// The next line, with those that it goes on in.
    pub(super) fn next(&mut self, standing: &Standing, runtime: &Runtime) -> Result<Line> {
        if let Self::Terminal(editor) = self {
            return match editor.typed_ahead(runtime) {
                Some(line) => Ok(line),
                None => editor.read(standing),
            };
        }
        if let Self::Commands(commands) = self {
            return Ok(commands.pop_front().map_or(Line::End, Line::Text));
        }
        let mut text = String::new();
        loop {
            if let Self::Plain(out, _) = self {
                out.write(&if text.is_empty() { standing.plain() } else { "... ".to_owned() });
            }
            match self.one()? {
                Heard::Line(line) => {
                    text.push_str(&line);
                    text.push('\n');
                }
                Heard::Signal => {
                    if let Self::Plain(out, _) = self {
                        out.write("\n");
                    }
                    return Ok(Line::Dropped);
                }
                Heard::End if text.trim().is_empty() => return Ok(Line::End),
                Heard::End => return Ok(Line::Text(text)),
            }
            if is_whole(runtime, &text) {
                return Ok(Line::Text(text));
            }
        }
    }

    fn one(&mut self) -> Result<Heard> {
        match self {
            Self::Given { lines, .. } => Ok(lines.pop_front().map_or(Heard::End, Heard::Line)),
            Self::Piped(stdin) | Self::Plain(_, stdin) => stdin.next(),
            Self::Terminal(_) | Self::Commands(_) => Ok(Heard::End),
        }
    }
}

/// What comes of waiting for a line.
enum Heard {
    Line(String),
    End,
    /// A signal came before.
    Signal,
}

/// Standard input, from which a line is read when it is asked for; waiting for it ends with a signal.
pub(super) struct Stdin {
    ask: Sender<()>,
    heard: Receiver<Option<std::io::Result<Vec<u8>>>>,
    /// Whether a line was asked for that has not come yet.
    is_asked: bool,
}

impl Stdin {
    fn new(interrupt: &Interrupt) -> Self {
        let (ask, asked) = channel();
        let (tell, heard) = channel();
        let signal = tell.clone();
        interrupt.tells(move || drop(signal.send(None)));
        // It waits for input that may never come, and ends with the process.
        std::thread::spawn(move || {
            while let Ok(()) = asked.recv() {
                let mut line = Vec::new();
                let read = std::io::stdin().lock().read_until(b'\n', &mut line);
                if tell.send(Some(read.map(|_| line))).is_err() {
                    return;
                }
            }
        });
        Self { ask, heard, is_asked: false }
    }

    fn next(&mut self) -> Result<Heard> {
        if !self.is_asked {
            // Signals of before were for what ran then.
            while self.heard.try_recv().is_ok() {}
            self.is_asked = self.ask.send(()).is_ok();
        }
        let Ok(heard) = self.heard.recv() else { return Ok(Heard::End) };
        let Some(read) = heard else { return Ok(Heard::Signal) };
        self.is_asked = false;
        let mut line = read.map_err(|e| Error::new(Kind::System, "standard input cannot be read").source(e))?;
        if line.is_empty() {
            return Ok(Heard::End);
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        String::from_utf8(line).map(Heard::Line).map_err(|_| Error::new(Kind::Malformed, "the line is no UTF-8"))
    }
}

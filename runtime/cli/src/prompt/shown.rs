//! What is shown before a question: the step that runs next, the place where a script stands.

use std::fmt::Write as _;

use windlass_runtime::playbook::{OnError, Upcoming};
use windlass_runtime::session::Breakpoint;
use windlass_runtime::values::Path;
use windlass_runtime::{duration, yaml};

use super::Terminal;
use crate::clean::{clean, line};
use crate::commands::list::hook_words;

impl Terminal {
    /// The step that runs next: its title, and what of its options matters for the decision.
    pub(super) fn heading(&self, upcoming: &Upcoming<'_>) -> String {
        let (step, style) = (upcoming.step, self.style);
        let mut notes = Vec::new();
        if !step.options.needs.is_empty() {
            notes.push(format!("needs {}", step.options.needs.join(", ")));
        }
        if let Some(timeout) = step.options.timeout {
            notes.push(format!("timeout {}", duration::display(timeout)));
        }
        if step.options.retries > 0 {
            notes.push(format!("retries {}", step.options.retries));
        }
        if step.options.on_error != OnError::Stop {
            notes.push(format!("on_error {}", step.options.on_error.as_str()));
        }
        if step.options.irreversible {
            notes.push("irreversible".to_owned());
        }
        if !step.hooks.is_empty() {
            notes.push(hook_words(step));
        }
        let title = if step.title() == step.key { String::new() } else { format!("  {}", line(step.title())) };
        let notes =
            if notes.is_empty() { String::new() } else { style.dim(format!("  ({})", line(&notes.join("; ")))) };
        let number = style.dim(format!("step {} of {}:", upcoming.number, upcoming.of));
        format!("{number} {}{title}{notes}\n", style.bold(line(&step.key)))
    }

    /// All that there is to know of a step before it runs: its source and that of its hooks, the values that it reads, and
    /// what earlier steps have left.
    pub(super) fn inspection(&self, upcoming: &Upcoming<'_>) -> String {
        let (step, style, sources) = (upcoming.step, self.style, self.progress.sources());
        let own = (&step.place, sources.step(step));
        let hooks = step.hooks.iter().filter(|hook| hook.place != step.place);
        let texts = std::iter::once(own).chain(hooks.map(|hook| (&hook.place, sources.call_at(&hook.place))));
        let mut text = String::new();
        for (place, source) in texts {
            let place = style.dim(format!("// {}", line(&place.to_string())));
            let _ = writeln!(text, "\n{place}\n{}", clean(source.trim_end()));
        }
        if !step.options.needs.is_empty() {
            let _ = writeln!(text, "\n{} {}", style.bold("needs"), line(&step.options.needs.join(", ")));
        }
        let reads: Vec<Path> = upcoming.values_read().iter().filter_map(|path| Path::parse(path).ok()).collect();
        let read = self.values.iter().filter(|(path, _)| reads.iter().any(|outer| path.is_within(outer)));
        for (number, (path, value)) in read.enumerate() {
            if number == 0 {
                let _ = writeln!(text, "\n{}", style.bold("values that it reads"));
            }
            let _ = writeln!(text, "  {}: {}", line(&path.to_string()), line(value));
        }
        let state = upcoming.state();
        match state.as_object().filter(|state| !state.is_empty()) {
            None => {
                let _ = writeln!(text, "\n{} is empty\n", style.bold("ctx.state"));
            }
            Some(_) => {
                let written = yaml::write(&state).unwrap_or_default();
                let indented: String = written.trim_end().lines().map(|line| format!("  {}\n", clean(line))).collect();
                let _ = writeln!(text, "\n{}\n{indented}", style.bold("ctx.state"));
            }
        }
        text
    }

    /// Where a script stands.
    pub(super) fn standing(&self, breakpoint: &Breakpoint<'_>) -> String {
        let (style, place) = (self.style, breakpoint.place);
        let at = style.bold_yellow(format!("breakpoint in step {}", line(breakpoint.step)));
        let said = breakpoint.text.map(|text| format!(": {}", clean(text))).unwrap_or_default();
        let source = self.progress.sources().text(&place.source).unwrap_or_default();
        let around = source.lines().enumerate().skip(place.line.saturating_sub(3)).take(5);
        let mut text = format!("{at}{said}\n{}\n", style.dim(format!("// {}", line(&place.to_string()))));
        for (number, code) in around {
            let mark = if number + 1 == place.line { ">" } else { " " };
            let _ = writeln!(text, "{} {}", style.dim(format!("{mark}{:4}", number + 1)), clean(code));
        }
        text
    }
}

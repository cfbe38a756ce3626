//! The prompt: where one stands.

use std::borrow::Cow;

use reedline::{Color, Prompt, PromptEditMode, PromptHistorySearch, PromptHistorySearchStatus, PromptViMode};

use windlass_runtime::Session;

use crate::clean::line;
use crate::style::Style;

/// Where one stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) customer: Option<String>,
    pub(super) cluster: String,
    pub(super) namespace: Option<String>,
    pub(super) playbook: Option<String>,
    pub(super) step: Option<String>,
    pub(super) mode: Mode,
    /// Whether the cluster cannot be reached.
    pub(super) lost: bool,
    /// What holds the step up in the middle of which one stands, in a word or two.
    pub(super) held: Option<&'static str>,
    /// Whether it goes on there: it has not ended.
    pub(super) goes_on: bool,
}

/// What may be changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// What is changed is changed.
    #[default]
    Live,
    /// Nothing may be changed.
    ReadOnly,
    /// Nothing is for real.
    Rehearsal,
    /// Nothing is for real, and nothing may be changed.
    RehearsalReadOnly,
}

impl Mode {
    /// What may be changed in a session.
    pub(super) fn of(session: &Session) -> Self {
        match (session.target().simulation().is_some(), session.access().may_change()) {
            (true, true) => Self::Rehearsal,
            (true, false) => Self::RehearsalReadOnly,
            (false, true) => Self::Live,
            (false, false) => Self::ReadOnly,
        }
    }
}

impl Standing {
    /// The whole prompt, for a terminal on which nothing can be painted.
    pub(super) fn plain(&self) -> String {
        format!("{} {} ", self.text(Style::off()), self.mark())
    }

    fn mark(&self) -> &'static str {
        if self.goes_on { "»" } else { ">" }
    }

    fn text(&self, style: Style) -> String {
        let mode = match self.mode {
            Mode::Live => style.bold_red("live"),
            Mode::ReadOnly => style.green("read-only"),
            Mode::Rehearsal => style.cyan("rehearsal"),
            Mode::RehearsalReadOnly => style.cyan("rehearsal read-only"),
        };
        let customer = self.customer.iter().map(|customer| style.bold(line(customer)));
        let cluster = match &self.namespace {
            Some(namespace) => format!("{}/{}", line(&self.cluster), line(namespace)),
            None => line(&self.cluster),
        };
        let playbook = self.playbook.iter().map(|playbook| match &self.step {
            Some(step) => format!("{}:{}", line(playbook), style.bold(line(step))),
            None => line(playbook),
        });
        let held = self.held.iter().map(|held| style.bold_yellow(held));
        let lost = self.lost.then(|| style.bold_red("(lost)"));
        let parts: Vec<String> =
            customer.chain([style.blue(cluster)]).chain(lost).chain(playbook).chain([mode]).chain(held).collect();
        parts.join(" ")
    }
}

/// What is between the prompt and the line. The editor replaces it while a menu is open: the mark is before it.
pub(super) const GAP: &str = " ";

/// As the editor shows it.
pub(super) struct Shown(String);

impl Shown {
    pub(super) fn of(standing: &Standing, style: Style) -> Self {
        Self(format!("{} {}", standing.text(style), style.cyan(standing.mark())))
    }

    /// What stays of it when a line was read.
    pub(super) fn past() -> Self {
        Self(">".to_owned())
    }
}

impl Prompt for Shown {
    fn get_prompt_color(&self) -> Color {
        Color::Cyan
    }
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }
    fn render_prompt_indicator(&self, mode: PromptEditMode) -> Cow<'_, str> {
        match mode {
            PromptEditMode::Vi(PromptViMode::Normal) => Cow::Borrowed(":"),
            _ => Cow::Borrowed(GAP),
        }
    }
    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("  ")
    }
    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "nothing has ",
        };
        Cow::Owned(format!("\n({found}`{}`) ", line(&search.term)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sees_where_one_stands() {
        let standing = Standing {
            customer: Some("acme".to_owned()),
            cluster: "primary".to_owned(),
            namespace: Some("shop".to_owned()),
            playbook: Some("single-node".to_owned()),
            step: Some("storage".to_owned()),
            mode: Mode::ReadOnly,
            lost: true,
            held: Some("failed"),
            goes_on: true,
        };
        assert_eq!(standing.text(Style::off()), "acme primary/shop (lost) single-node:storage read-only failed");
        let bare = Standing { cluster: "k\u{1b}[2Jind".to_owned(), ..Standing::default() };
        assert_eq!(bare.text(Style::off()), "k\\u{1b}[2Jind live");
    }
}

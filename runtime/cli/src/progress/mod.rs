//! What happens, as people see it: events become lines, and on a terminal a live picture below them.

mod lines;
mod live;
mod log_file;
mod screen;
mod summary;

use std::sync::{Arc, Mutex, PoisonError};

use windlass_runtime::event::{Event, What};
use windlass_runtime::report::Report;

use crate::io::{Output, Ui};
use crate::render::Sources;
use crate::style::Style;
use lines::{Lines, Wanted};
use live::Live;

pub(crate) use lines::shortened;
pub(crate) use log_file::LogFile;
pub(crate) use screen::{Screen, cut};
pub(crate) use summary::changes;

/// Shows the events of a session. Clones are the same.
#[derive(Clone)]
pub(crate) struct Progress {
    shared: Arc<Shared>,
}

struct Shared {
    screen: Arc<Screen>,
    state: Mutex<State>,
    sources: Sources,
    err_style: Style,
    /// Where the summary goes, if there is to be one.
    summary: Option<(Output, Style)>,
}

struct State {
    lines: Lines,
    live: Live,
}

impl Progress {
    /// Shows them on stderr; `summary` asks for the last line on stdout.
    pub(crate) fn new(ui: &Ui, sources: Sources, summary: bool) -> Self {
        let moving = ui.io.err.is_terminal() && crate::style::can_move() && !ui.quiet;
        let wanted = match (ui.quiet, ui.verbose) {
            (true, _) => Wanted::Quiet,
            (_, 0) => Wanted::Usual,
            (_, 1) => Wanted::More,
            _ => Wanted::All,
        };
        let state = State { lines: Lines::new(wanted, ui.err_style, moving), live: Live::new(ui.err_style) };
        let shared = Arc::new(Shared {
            screen: Arc::new(Screen::new(ui.io.err.clone(), moving)),
            state: Mutex::new(state),
            sources,
            err_style: ui.err_style,
            summary: summary.then(|| (ui.io.out.clone(), ui.out_style)),
        });
        if moving {
            let weak = Arc::downgrade(&shared);
            shared.screen.tick_with(move || weak.upgrade().map(|shared| shared.picture()));
        }
        Self { shared }
    }

    pub(crate) fn screen(&self) -> Arc<Screen> {
        self.shared.screen.clone()
    }

    /// The scripts' texts.
    pub(crate) fn sources(&self) -> &Sources {
        &self.shared.sources
    }

    /// Says which step runs, if that has not been said: before a question of it.
    pub(crate) fn say_where(&self) {
        let heading = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).lines.heading();
        self.shared.screen.show(&heading, &[]);
    }

    /// Forgets what was waited for: whoever waited has ended.
    pub(crate) fn settled(&self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).live.settled();
    }

    /// What the session tells its events to.
    pub(crate) fn sink(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let shared = self.shared.clone();
        move |event: &Event| shared.event(event)
    }

    /// Ends the live picture.
    pub(crate) fn finish(&self) {
        self.shared.screen.finish();
    }
}

impl Shared {
    fn event(&self, event: &Event) {
        let (text, picture) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let text = state.lines.of(event);
            state.live.event(event);
            (text, state.live.picture())
        };
        self.screen.show(&text, &picture);
        if let What::RunEnded { report } = &event.what {
            self.ended(report);
        }
    }

    fn picture(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).live.picture()
    }

    fn ended(&self, report: &Report) {
        self.screen.finish();
        self.screen.raw(&summary::failures(report, &self.sources, self.err_style));
        if let Some((out, style)) = &self.summary {
            out.write(&summary::summary(report, *style));
        }
    }
}

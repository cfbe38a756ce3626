//! Colour.

/// Whether colour is wanted on a terminal: NO_COLOR (any value but an empty one) and a dumb terminal say no.
pub(crate) fn wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|t| t != "dumb")
}

/// Paints, or leaves as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    on: bool,
}

macro_rules! paints {
    ($($name:ident $code:literal),+) => {
        $(pub(crate) fn $name(self, text: impl std::fmt::Display) -> String {
            if self.on { format!(concat!("\x1b[", $code, "m{}\x1b[0m"), text) } else { text.to_string() }
        })+
    };
}

impl Style {
    pub(crate) fn on() -> Self {
        Self { on: true }
    }

    pub(crate) fn off() -> Self {
        Self { on: false }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    paints!(bold "1", dim "2", red "31", green "32", yellow "33", blue "34", cyan "36", bold_red "1;31", bold_green "1;32", bold_yellow "1;33");
}

/// Whether the cursor can be moved on this terminal.
pub(crate) fn can_move() -> bool {
    std::env::var_os("TERM").is_some_and(|t| t != "dumb" && !t.is_empty())
        && std::env::var_os("CI").is_none_or(|v| v.is_empty())
}

//! How values are shown.

use clap::ValueEnum;

/// How a value is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// As it reads best: lists of objects as tables, the rest as YAML.
    #[default]
    #[value(skip)]
    Auto,
    /// Shown as JSON
    Json,
    /// Shown as YAML
    Yaml,
    /// Shown as a table
    Table,
}

impl Form {
    /// A line, and the form that its end asks for: `| json`, `| yaml`, `| table`.
    pub(super) fn split(line: &str) -> (&str, Self) {
        let trimmed = line.trim_end();
        let found = Self::value_variants().iter().find_map(|form| {
            let rest = trimmed.strip_suffix(form.word()?.as_str())?.trim_end();
            let rest = rest.strip_suffix('|').filter(|rest| !rest.ends_with('|'))?;
            (!rest.trim().is_empty()).then_some((rest, *form))
        });
        found.unwrap_or((line, Self::Auto))
    }

    /// The word that chooses it; none for the one that is chosen by nobody.
    pub(super) fn word(self) -> Option<String> {
        Some(self.to_possible_value()?.get_name().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_line_chooses_the_form() {
        assert_eq!(Form::split("values | json"), ("values ", Form::Json));
        assert_eq!(Form::split("cluster::list(\"Pod\")|table "), ("cluster::list(\"Pod\")", Form::Table));
        assert_eq!(Form::split("a || json"), ("a || json", Form::Auto));
        assert_eq!(Form::split("json"), ("json", Form::Auto));
        assert_eq!(Form::split("| yaml"), ("| yaml", Form::Auto));
    }
}

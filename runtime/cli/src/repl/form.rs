//! How values are shown.

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it reads best: lists of objects as tables, the rest as YAML.
    Auto,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// A table.
    Table,
}

impl Form {
    /// A line, and the form that its end asks for: `| json`, `| yaml`, `| table`.
    pub(super) fn split(line: &str) -> (&str, Self) {
        let forms = [("json", Self::Json), ("yaml", Self::Yaml), ("table", Self::Table)];
        let trimmed = line.trim_end();
        let found = forms.into_iter().find_map(|(word, form)| {
            let rest = trimmed.strip_suffix(word)?.trim_end();
            let rest = rest.strip_suffix('|').filter(|rest| !rest.ends_with('|'))?;
            (!rest.trim().is_empty()).then_some((rest, form))
        });
        found.unwrap_or((line, Self::Auto))
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

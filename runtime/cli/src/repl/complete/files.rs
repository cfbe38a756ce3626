//! Files and folders.

use std::path::Path;

use super::Item;

/// How many entries of a folder are looked at.
const ENTRIES: usize = 2000;

/// What is in the folder that a path begins with, and where in the path the name begins that is being typed. What is in
/// `~/` has its whole path: only shells know what that is.
pub(super) fn beside(here: &Path, home: Option<&Path>, path: &str) -> (usize, Vec<Item>) {
    if let (Some(below), Some(home)) = (path.strip_prefix("~/"), home.and_then(Path::to_str)) {
        let (start, items) = beside(Path::new(home), None, below);
        let (folder, name) = below.split_at_checked(start).unwrap_or_default();
        let fitting = items.into_iter().filter(|item| item.value.starts_with(name));
        let whole =
            |item: Item| Item { value: format!("{}/{folder}{}", home.trim_end_matches('/'), item.value), ..item };
        return (0, fitting.map(whole).collect());
    }
    let start = path.rfind('/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at_checked(start).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(here.join(folder)) else { return (start, Vec::new()) };
    let item = |entry: std::fs::DirEntry| {
        let own = entry.file_name().into_string().ok()?;
        let is_hidden = own.starts_with('.') && !name.starts_with('.');
        if is_hidden || own.contains(|c: char| c.is_control() || matches!(c, '"' | '`' | '\\')) {
            return None;
        }
        // What a link leads to counts.
        let is_folder = std::fs::metadata(entry.path()).is_ok_and(|found| found.is_dir());
        let value = if is_folder { format!("{own}/") } else { own };
        Some(Item::new(value, String::new()))
    };
    let mut items: Vec<Item> = entries.take(ENTRIES).flatten().filter_map(item).collect();
    items.sort_by(|a, b| a.value.cmp(&b.value));
    (start, items)
}

/// Whether a text is meant as a path.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('.') || text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::values;

    #[test]
    fn what_is_in_a_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("charts")).unwrap();
        for name in ["charts/web.yaml", "b.rhai", ".hidden", "od\"d", "es\u{1b}c"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let at = |path: &str| beside(folder.path(), None, path);
        assert_eq!((at("").0, values(&at("").1)), (0, vec!["b.rhai", "charts/"]));
        assert_eq!((at("charts/w").0, values(&at("charts/w").1)), (7, vec!["web.yaml"]));
        assert_eq!(values(&at("./.h").1), [".hidden", "b.rhai", "charts/"]);
        let home = beside(Path::new("nowhere"), Some(folder.path()), "~/charts/w");
        assert_eq!((home.0, values(&home.1)), (0, vec![folder.path().join("charts/web.yaml").to_str().unwrap()]));
        assert!(beside(folder.path(), None, "~/").1.is_empty());
        assert!(at("nowhere/x").1.is_empty());
        assert!(is_path("./x") && is_path("a/b") && !is_path("web"));
    }
}

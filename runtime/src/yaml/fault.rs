//! What can be wrong with a YAML text, and how it is said.

use crate::error::{Error, Kind, Place};

/// A fault in a YAML text, before its place is added.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Syntax(String),
    #[error("the key {key:?} stands twice in one mapping; the first is at {first}")]
    Duplicate { key: String, first: Place },
    #[error("`{text}` is no {tag}")]
    Tag { text: String, tag: String },
    #[error("{0} cannot be a key of an object")]
    Key(String),
    #[error("{0} has no form in JSON, so no cluster can take it")]
    NotInJson(&'static str),
    #[error("a merge key << takes a mapping or a list of mappings")]
    Merge,
    #[error("an alias to an anchor that does not exist in this document")]
    UnknownAnchor,
    #[error("an anchor that contains itself")]
    SelfReference,
    #[error("the character U+{0:04X} may not stand in YAML")]
    Character(u32),
    #[error("the character U+{0:04X} is a line break for kubectl, and none for other readers")]
    LineBreak(u32),
    #[error("in brackets, the colon at `{0}` is a part of the word for kubectl, and that of a key for other readers")]
    GluedColon(String),
    #[error("a tab in the indentation")]
    Tab,
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("more than {0} values, those repeated by aliases included")]
    TooMany(usize),
    #[error("more than {} of text, that repeated by aliases included", mebibytes(*.0))]
    TooMuch(usize),
    #[error("a single value of more than {}", mebibytes(*.0))]
    LongScalar(usize),
    #[error("a text of more than {}", mebibytes(*.0))]
    LongText(usize),
    #[error("a second document, where only one is expected; the first starts at {0}")]
    SecondDocument(Place),
    #[error("the text is not UTF-8")]
    Encoding,
}

fn mebibytes(bytes: usize) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

impl Fault {
    fn hint(&self) -> &'static str {
        match self {
            Fault::Syntax(text) if text.contains("mapping values are not allowed") => {
                "put a value that contains `: ` in quotes, and see that the line is indented like its neighbours"
            }
            Fault::Syntax(text) if text.contains("tab") => Fault::Tab.hint(),
            Fault::Syntax(text) if text.contains("<document start>") => {
                "this does not continue what stands above: check its indentation, or put `---` before a new document"
            }
            Fault::Syntax(text) if text.contains("comment intercepting") => {
                "put the text in quotes, or the comment elsewhere"
            }
            Fault::Syntax(text) if text.contains("indentation") => {
                "indent what stands in brackets or quotes deeper than its key (kubectl is laxer here)"
            }
            Fault::Syntax(text) if text.contains("Unicode") => "write the character itself, or as \"\\U0001F600\"",
            Fault::Syntax(text) if text.contains("anchor") => "an alias (*name) needs its anchor (&name) before it",
            Fault::Syntax(_) => "see that quotes and brackets are closed and that lines are indented by spaces",
            Fault::Duplicate { .. } => "keep one of them, or rename one",
            Fault::Tag { .. } => "correct the value, or remove the tag",
            Fault::Key(_) => "write the key as a text, in quotes",
            Fault::NotInJson(_) => "put it in quotes if a text is meant",
            Fault::Merge => "write `<<: *name`, where name is the anchor of a mapping",
            Fault::UnknownAnchor => "an alias (*name) needs its anchor (&name) before it, in the same document",
            Fault::SelfReference => "write the value out: JSON has no cycles",
            Fault::Character(_) => "write it as an escape in double quotes, such as \"\\u001b\"",
            Fault::LineBreak(_) => "write it as an escape in double quotes (\"\\u2028\"), or as an ordinary line break",
            Fault::GluedColon(_) => "put a space after the colon, or quotes around the word",
            Fault::Tab => "indent with spaces: YAML takes no tab there",
            Fault::TooDeep(_) => "no Kubernetes object nests that deep; look for brackets that are not closed",
            Fault::TooMany(_) | Fault::TooMuch(_) | Fault::LongScalar(_) | Fault::LongText(_) => {
                "split the file; these limits keep a hostile file from exhausting the machine"
            }
            Fault::SecondDocument(_) => "remove the line `---` and what does not belong there",
            Fault::Encoding => "save the file as UTF-8",
        }
    }

    /// The error that leaves this module.
    pub(super) fn at(self, place: Place) -> Error {
        let details = match &self {
            Fault::Duplicate { key, first } => Some(serde_json::json!({"key": key, "first": first.to_string()})),
            _ => None,
        };
        let error = Error::new(Kind::Malformed, self.to_string()).hint(self.hint()).at(place);
        match details {
            Some(details) => error.details(details),
            None => error,
        }
    }
}

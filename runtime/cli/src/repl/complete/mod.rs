//! What can be typed next: one file for each place where it comes from.

mod beside;
mod cluster;
mod commands;
mod files;
mod forms;
mod functions;
mod history;
mod hosts;
mod keywords;
mod meaning;
mod methods;
mod names;
mod options;
mod picture;
mod place;
mod steps;
#[cfg(test)]
mod tests;
mod values;
mod variables;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError};

use reedline::{Completer, CompletionOrigin, CompletionResult, CompletionStatus, Span, Suggestion};
use windlass_runtime::Runtime;

use self::beside::Beside;
use self::meaning::Meaning;
use self::methods::Methods;
use self::names::{Names, Of, Wanted};
use self::place::{Place, Sort};
use crate::clean::line;

pub(super) use history::Search;
pub(super) use picture::{Known, Picture, Seen};

/// Something that can be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    value: String,
    /// What it is, in a line.
    about: String,
}

impl Item {
    fn new(value: String, about: String) -> Self {
        Self { value, about }
    }
}

/// Says what can be typed next.
pub(super) struct Completion {
    source: Source,
    seen: Seen,
}

/// Where it is looked for.
struct Source {
    runtime: Runtime,
    commands: clap::Command,
    names: Names,
    methods: Arc<OnceLock<Methods>>,
    home: Option<PathBuf>,
}

/// What can stand at a place.
#[derive(Debug, Default)]
struct Answer {
    /// Where it begins.
    start: usize,
    items: Vec<Item>,
    /// Whether more may be known in a moment.
    is_partial: bool,
}

impl Answer {
    fn new(start: usize, items: Vec<Item>) -> Self {
        Self { start, items, is_partial: false }
    }

    /// The same, this much later in the line.
    fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, ..self }
    }

    /// The same without what cannot be typed there.
    fn only(mut self, fits: fn(&str) -> bool) -> Self {
        self.items.retain(|item| fits(&item.value));
        self
    }
}

impl Completion {
    pub(super) fn new(runtime: &Runtime, seen: Seen) -> Self {
        let (commands, names) = (super::command::all(), Names::default());
        let methods: Arc<OnceLock<Methods>> = Arc::default();
        let (early, of) = (methods.clone(), runtime.clone());
        // It takes longer than a line may wait, and is there before the first dot.
        drop(runtime.bridge().handle().spawn_blocking(move || drop(early.set(Methods::of(&of)))));
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let source = Source { runtime: runtime.clone(), commands, names, methods, home };
        Self { source, seen }
    }
}

impl Completer for Completion {
    fn complete(&mut self, text: &str, cursor: usize) -> CompletionResult {
        let Some(typed) = text.get(..cursor) else { return CompletionResult::fresh(Vec::new()) };
        let picture = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.source.at(text, typed, &picture);
        let word = typed.get(answer.start..).unwrap_or_default();
        let span = Span { start: answer.start, end: cursor };
        let suggestion = |item: Item| {
            let description = Some(line(&item.about)).filter(|about| !about.is_empty());
            Suggestion { value: item.value, description, span, ..Suggestion::default() }
        };
        // What one could not see as it is, is not offered.
        let is_meant = |item: &Item| begins(&item.value, word) || word.starts_with("~/");
        let fits = |item: &Item| is_meant(item) && line(&item.value) == item.value.trim_end();
        let found: Vec<Suggestion> = answer.items.into_iter().filter(fits).map(suggestion).collect();
        if answer.is_partial {
            return CompletionResult::stale_or_pending(found.into(), CompletionOrigin::new(text, cursor));
        }
        CompletionResult::fresh(found)
    }

    fn poll_completion(&mut self) -> CompletionStatus {
        self.source.names.status()
    }
}

fn begins(value: &str, word: &str) -> bool {
    value.get(..word.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
}

impl Source {
    /// What can stand at the end of what is typed of this text.
    fn at(&self, text: &str, typed: &str, picture: &Picture) -> Answer {
        match typed.trim_start().strip_prefix(':') {
            Some(command) => {
                let before = typed.len() - command.len();
                self.command(text.get(before..).unwrap_or_default(), command, picture).shifted(before)
            }
            None => {
                let Some(place) = Place::at_end(&self.runtime, typed) else { return Answer::default() };
                forms::at_end(typed, &place).unwrap_or_else(|| self.script(text, &place, picture))
            }
        }
    }

    fn command(&self, text: &str, command: &str, picture: &Picture) -> Answer {
        let Some(typed) = commands::Typed::at_end(&self.commands, command) else { return Answer::default() };
        match typed.sort {
            commands::Sort::Command => Answer::new(typed.start, commands::names(&self.commands)),
            commands::Sort::Flag(command) => Answer::new(typed.start, commands::flags(command)),
            commands::Sort::Expression => match Place::at_end(&self.runtime, typed.word) {
                Some(place) => {
                    let text = text.get(typed.start..).unwrap_or_default();
                    self.script(text, &place, picture).shifted(typed.start)
                }
                None => Answer::default(),
            },
            commands::Sort::Form => Answer::new(typed.start, forms::all()),
            commands::Sort::Argument { arg, before } => {
                let meaning = Meaning::of_command(arg, before);
                self.meant(meaning, typed.word, &typed.beside, picture).only(is_word).shifted(typed.start)
            }
        }
    }

    fn script(&self, text: &str, place: &Place<'_>, picture: &Picture) -> Answer {
        let items = match &place.sort {
            Sort::InModule(module) => functions::of_module(&self.runtime, module),
            Sort::Member(links) => {
                let links = links.as_deref().unwrap_or_default();
                let mut items = variables::members(picture, links);
                let methods = self.methods.get_or_init(|| Methods::of(&self.runtime));
                items.extend(methods.fitting(variables::found(picture, links)));
                items
            }
            Sort::Returned(call) => {
                let methods = self.methods.get_or_init(|| Methods::of(&self.runtime));
                methods.of_returned(functions::returns(&self.runtime, call))
            }
            Sort::Key => options::keys(&self.runtime, place),
            Sort::Name => return self.name(text, place, picture).shifted(place.start),
            Sort::Text => {
                let meaning = Meaning::of_text(&self.runtime, place);
                let beside = Beside::in_call(&self.runtime, text, &place.open);
                return self.meant(meaning, place.word, &beside, picture).only(is_text).shifted(place.start);
            }
        };
        Answer::new(place.start, items)
    }

    /// What can stand where a name can: the likeliest first.
    fn name(&self, text: &str, place: &Place<'_>, picture: &Picture) -> Answer {
        let mut items: Vec<Item> = options::map(&self.runtime, place).into_iter().collect();
        items.extend(options::option_at(&self.runtime, place).map(options::values).unwrap_or_default());
        let texts = self.texts(text, place, picture);
        items.extend(texts.items);
        items.extend(variables::at_top(picture));
        items.extend(functions::of_scripts(&picture.functions));
        items.extend(functions::at_top(&self.runtime));
        items.extend(keywords::at(place));
        Answer { start: 0, items, is_partial: texts.is_partial }
    }

    /// The texts that can stand where nothing is typed yet, in quotes.
    fn texts(&self, text: &str, place: &Place<'_>, picture: &Picture) -> Answer {
        let meaning = Meaning::of_text(&self.runtime, place);
        if !place.word.is_empty() || matches!(meaning, Meaning::Open | Meaning::File | Meaning::Words(_)) {
            return Answer::default();
        }
        let beside = Beside::in_call(&self.runtime, text, &place.open);
        // What comes after the slash is not there yet.
        let end = if meaning == Meaning::Object { "" } else { "\"" };
        let mut texts = self.meant(meaning, "", &beside, picture).only(is_text);
        for item in &mut texts.items {
            item.value = format!("\"{}{end}", item.value);
        }
        texts
    }

    /// What a word can be that stands for something.
    fn meant(&self, meaning: Meaning, word: &str, beside: &Beside, picture: &Picture) -> Answer {
        let names = |of: Of| self.names(picture, beside, of);
        let objects = |kind: &str| names(Of::Objects(kind.to_owned()));
        match meaning {
            Meaning::Object => match word.split_once('/') {
                Some((kind, _)) => objects(kind).shifted(kind.len() + 1),
                None => {
                    let kinds = names(Of::Kinds);
                    let with_slash = |item: Item| Item::new(format!("{}/", item.value), item.about);
                    Answer { items: kinds.items.into_iter().map(with_slash).collect(), ..kinds }
                }
            },
            Meaning::ObjectOf(kind) => objects(&kind),
            Meaning::WithPods if !word.contains('/') => {
                let mut pods = objects("Pod");
                let kinds = names(Of::Kinds);
                let has_pods = |item: &Item| WITH_PODS.contains(&item.value.as_str());
                let with_slash = |item: Item| Item::new(format!("{}/", item.value), item.about);
                pods.items.extend(kinds.items.into_iter().filter(has_pods).map(with_slash));
                pods.is_partial |= kinds.is_partial;
                pods
            }
            Meaning::KindOrObject if !word.contains('/') => names(Of::Kinds),
            Meaning::WithPods | Meaning::KindOrObject => self.meant(Meaning::Object, word, beside, picture),
            Meaning::Kind => names(Of::Kinds),
            Meaning::Node => objects("Node"),
            Meaning::Namespace => objects("Namespace"),
            Meaning::Release => names(Of::Releases),
            Meaning::Container => match &beside.object {
                Some(object) => names(Of::Containers(object.clone())),
                None => Answer::default(),
            },
            Meaning::Labels(kind) => {
                // Only nodes are listed without their kind.
                let kind = kind.or(beside.object.as_deref()).unwrap_or("Node");
                names(Of::Labels(kind.to_owned())).shifted(word.rfind(',').map_or(0, |at| at + 1))
            }
            Meaning::Cluster => Answer::new(0, hosts::clusters(picture)),
            Meaning::Host => Answer::new(0, hosts::names(picture)),
            Meaning::Step => Answer::new(0, steps::keys(picture)),
            Meaning::Break => Answer::new(0, steps::breaks(picture)),
            Meaning::Words(words) => Answer::new(0, words),
            Meaning::Topic => {
                let mut items = commands::names(&self.commands);
                items.extend(functions::names(&self.runtime));
                Answer::new(0, items)
            }
            Meaning::ValuePath => values::below(picture, word),
            Meaning::Given => values::given(picture, word),
            Meaning::Playbook if !files::is_path(word) => {
                let stock = self.runtime.stock().map(|tree| tree.playbooks()).unwrap_or_default();
                let stock = stock.into_iter().map(|name| Item::new(name.to_owned(), "a stock playbook".to_owned()));
                Answer::new(0, stock.chain(self.files(word).items).collect())
            }
            Meaning::Open if is_object(word) => self.meant(Meaning::Object, word, beside, picture),
            Meaning::Open if !files::is_path(word) => Answer::default(),
            Meaning::File | Meaning::Playbook | Meaning::Open => self.files(word),
        }
    }

    fn files(&self, word: &str) -> Answer {
        let (start, items) = files::beside(Path::new("."), self.home.as_deref(), word);
        Answer::new(start, items)
    }

    /// Names of the cluster.
    fn names(&self, picture: &Picture, beside: &Beside, of: Of) -> Answer {
        let Some(session) = &picture.session else { return Answer::default() };
        let cluster = beside.cluster.clone().or_else(|| picture.using.cluster.clone());
        let namespace = beside.namespace.clone().or_else(|| picture.using.namespace.clone());
        let is_cluster_wide = matches!(&of, Of::Kinds) || of == Of::Objects("Namespace".to_owned());
        let namespace = namespace.filter(|_| !is_cluster_wide);
        let looked = self.names.look(session, Wanted { cluster, namespace, of });
        Answer { start: 0, items: looked.items.to_vec(), is_partial: !looked.fresh }
    }
}

/// The kinds that have pods.
const WITH_PODS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController"];

/// Whether a word can stand in the line of a command, which is read as a shell reads it.
fn is_word(value: &str) -> bool {
    !value.starts_with('#') && !value.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'))
}

/// Whether it can stand in a text of a script as it is.
fn is_text(value: &str) -> bool {
    !value.contains(['"', '`', '\\']) && !value.contains("${")
}

/// Whether a text names an object, wherever it stands: `Deployment/we`.
fn is_object(text: &str) -> bool {
    let Some((kind, name)) = text.split_once('/') else { return false };
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase());
    is_kind && kind.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) && !name.contains('/')
}

#[cfg(test)]
mod testing {
    use serde_json::json;

    use windlass_runtime::playbook::Shape;
    use windlass_runtime::values::Schema;

    use super::*;

    pub(super) fn runtime() -> Runtime {
        Runtime::builder().with(windlass_stdlib::all()).stock(windlass_playbooks::tree()).build().unwrap()
    }

    /// A picture without a cluster.
    pub(super) fn picture() -> Picture {
        let steps = [("prepare", "Prepare the hosts"), ("storage", "Storage")];
        Picture {
            variables: vec![
                ("pods".to_owned(), Shape::of(&json!([{ "metadata": { "name": "a" } }]))),
                ("x".to_owned(), Shape::of(&json!({ "size": 3, "name": "web" }))),
            ],
            values: Shape::of(&json!({ "fqdn": "example.com", "storage": { "engine": "local" } })),
            state: Shape::of(&json!({ "nodes": 3 })),
            known: Arc::new(Known {
                values: json!({}),
                steps: steps.map(|(key, title)| (key.to_owned(), title.to_owned())).to_vec(),
                hosts: vec![("worker-1".to_owned(), "agent".to_owned())],
                clusters: vec!["dr".to_owned()],
                schema: Some(Arc::new(schema())),
            }),
            functions: vec!["twice(n)".to_owned()],
            ..Picture::nothing()
        }
    }

    fn schema() -> Schema {
        let schema = json!({ "properties": {
            "fqdn": { "description": "Where users go" },
            "release": { "description": "The release" },
            "password": { "writeOnly": true },
            "images": { "properties": { "registry": {} } },
            "storage": { "properties": { "engine": {}, "size": {} } },
        }});
        Schema::load(schema, "values.schema.json", |_| Err(windlass_runtime::Error::usage("no files"))).unwrap()
    }

    pub(super) fn values(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.value.as_str()).collect()
    }
}

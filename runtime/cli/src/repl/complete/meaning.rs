//! What a text stands for, from where it is given.

use clap::Arg;
use windlass_runtime::Runtime;
use windlass_runtime::options::OptionField;
use windlass_runtime::primitive::Primitive;

use super::place::{Bracket, Open, Place};
use super::{Item, functions, options};

/// What a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// `Kind/name`.
    Object,
    /// The name of an object of this kind.
    ObjectOf(String),
    /// A pod's name, or `Kind/name` of what has pods.
    WithPods,
    Kind,
    /// A kind, or `kind/name`.
    KindOrObject,
    Node,
    Namespace,
    Cluster,
    Host,
    Release,
    /// The container of the object that is named beside it.
    Container,
    /// Labels of objects of this kind, or of the kind that is named beside them.
    Labels(Option<&'static str>),
    Step,
    File,
    /// One of these.
    Words(Vec<Item>),
    /// Where a walk stops.
    Break,
    /// The path of a value.
    ValuePath,
    /// A value that is given: `storage.engine=local`.
    Given,
    /// What can be opened.
    Playbook,
    /// A command or a function.
    Topic,
    /// Anything.
    Open,
}

impl Meaning {
    /// That of a text in a script.
    pub(super) fn of_text(runtime: &Runtime, place: &Place<'_>) -> Self {
        if let Some(field) = options::option_at(runtime, place) {
            return Self::of_option(field);
        }
        let ([.., call, Open { bracket: Bracket::List, .. }] | [.., call]) = &place.open[..] else { return Self::Open };
        let Bracket::Call { module, name, method } = call.bracket else { return Self::Open };
        if method && name == "result" {
            return Self::Step;
        }
        match functions::called(runtime, module, name, method) {
            Some(primitive) => Self::of_argument(primitive, call.commas + usize::from(method)),
            None => Self::Open,
        }
    }

    fn of_option(field: &OptionField) -> Self {
        match field.name {
            "namespace" | "namespaces" => Self::Namespace,
            "cluster" => Self::Cluster,
            "needs" => Self::Step,
            "container" => Self::Container,
            "labels" if field.expects.starts_with("a selector") => Self::Labels(None),
            "pod_selector" => Self::Labels(Some("Pod")),
            _ => Self::of_type(&field.expects, || options::about(field)),
        }
    }

    fn of_argument(primitive: &Primitive, at: usize) -> Self {
        let Some(parameter) = primitive.parameters.get(at) else { return Self::Open };
        match (primitive.module, primitive.name, parameter.name) {
            (_, _, "release") => Self::Release,
            (_, _, "host") => Self::Host,
            (_, _, "kind") => Self::Kind,
            ("cluster", "using", "name") => Self::Cluster,
            ("cluster", "namespace", "name") => Self::Namespace,
            (_, _, "path" | "local" | "chart") if parameter.expects == "a text" => Self::File,
            _ => Self::of_type(&parameter.expects, String::new),
        }
    }

    fn of_type(expects: &str, about: impl Fn() -> String) -> Self {
        if let Some(words) = options::words(expects) {
            return Self::Words(words.into_iter().map(|word| Item::new(word, about())).collect());
        }
        match expects.trim_start_matches("a list, each item ") {
            text if text.starts_with("an object's name") => Self::Object,
            text if text.starts_with("a node's name") => Self::Node,
            text if text == "a path" || text.starts_with("a path, ") => Self::File,
            _ => Self::Open,
        }
    }

    /// That of the argument of a command, after another one.
    pub(super) fn of_command(arg: &Arg, before: Option<&str>) -> Self {
        match arg.get_id().as_str() {
            "step" if arg.is_positional() => Self::Step,
            "at" => Self::Break,
            "path" => Self::ValuePath,
            "values" => Self::Given,
            "container" => Self::Container,
            "selector" => Self::Labels(Some("Pod")),
            "target" => Self::WithPods,
            "object" => Self::Object,
            "kind" => Self::KindOrObject,
            "namespace" => Self::Namespace,
            "name" => match before {
                Some("cluster") => Self::Cluster,
                Some("namespace" | "ns") | None => Self::Namespace,
                Some(kind) => Self::ObjectOf(kind.to_owned()),
            },
            "file" => Self::File,
            "about" => Self::Topic,
            "what" if arg.get_possible_values().is_empty() => Self::Playbook,
            _ => Self::Words(super::commands::words(arg)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::runtime;

    #[test]
    fn an_argument_of_a_command_stands_for_what_was_named_before_it() {
        let commands = crate::repl::command::all();
        let of = |command: &str, arg: &str, before| {
            let command = commands.find_subcommand(command).unwrap();
            Meaning::of_command(command.get_arguments().find(|one| one.get_id() == arg).unwrap(), before)
        };
        assert_eq!(of("get", "kind", None), Meaning::KindOrObject);
        assert_eq!(of("get", "name", Some("deploy")), Meaning::ObjectOf("deploy".to_owned()));
        assert_eq!(of("describe", "name", Some("deploy")), Meaning::ObjectOf("deploy".to_owned()));
        assert_eq!(of("use", "name", Some("cluster")), Meaning::Cluster);
        assert_eq!(of("use", "name", Some("ns")), Meaning::Namespace);
        assert_eq!(of("logs", "target", None), Meaning::WithPods);
    }

    #[test]
    fn a_text_stands_for_what_the_function_takes_there() {
        let runtime = runtime();
        let of = |text: &str| Meaning::of_text(&runtime, &Place::at_end(&runtime, text).unwrap());
        assert_eq!(of("cluster::get(\"D"), Meaning::Object);
        assert_eq!(of("cluster::get(\"Pod/x\", #{ namespace: \"s"), Meaning::Namespace);
        assert_eq!(of("cluster::get(\"Pod/x\", #{ cluster: \""), Meaning::Cluster);
        assert_eq!(of("cluster::list(\""), Meaning::Kind);
        assert_eq!(of("cluster::drain(\"w"), Meaning::Node);
        assert_eq!(of("cluster::using(\""), Meaning::Cluster);
        assert_eq!(of("helm::status(\"w"), Meaning::Release);
        assert_eq!(of("wait::port(\""), Meaning::Host);
        assert_eq!(of("manifest::load(\""), Meaning::File);
        assert_eq!(of("step(\"x\", #{ needs: [\"a\", \""), Meaning::Step);
        assert_eq!(of("ctx.result(\""), Meaning::Step);
        assert_eq!(of("cluster::list(\"Pod\", #{ labels: \""), Meaning::Labels(None));
        assert_eq!(of("cluster::drain(\"n\", #{ pod_selector: \""), Meaning::Labels(Some("Pod")));
        assert_eq!(of("cluster::logs(\"Pod/x\", #{ container: \""), Meaning::Container);
        assert!(matches!(of("cluster::apply(x, #{ conflicts: \""), Meaning::Words(words) if !words.is_empty()));
        for text in ["\"x", "nothing(\"", "log::info(\"", "#{ namespace: \""] {
            assert_eq!(of(text), Meaning::Open, "{text}");
        }
    }
}

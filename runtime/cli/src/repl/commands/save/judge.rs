//! What of that which was typed can stand in a script, and why the rest cannot.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use windlass_runtime::Runtime;

use super::part::{Part, Sort};
use super::typed::Typed;

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stands in the script.
    Kept,
    /// It has failed, or was typed anew: nobody misses it.
    Forgotten,
    /// It stands there as a comment.
    LeftOut(Reason),
}

/// Why a part is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Secret,
    /// What the step has made was simulated.
    Simulated,
    /// It needs what the script of the step has.
    OfStep,
    /// `:use` had chosen this.
    Chosen(String),
    /// It ends the script.
    Ends,
    /// It cannot stand in a block, or not before other lines.
    Alone,
    /// It uses a name that is not there, or is not what it was.
    Lost(String),
    /// It uses a definition that has another in its place.
    Former(String),
    /// No script with it would run.
    Wrong(String),
}

/// What `:use` can choose.
const CHOICES: [&str; 2] = ["namespace", "cluster"];

/// What there is in a console, as it goes on.
#[derive(Default)]
struct Here<'a> {
    /// The definitions, by their keys.
    defined: BTreeMap<String, usize>,
    /// The variables and modules that are not what they were, because the line is left out that says it.
    lost: BTreeSet<&'a str>,
    /// The variables that hold what can be called: the part that has made them, and from where on in it.
    held: BTreeMap<&'a str, Code>,
}

/// A part from one of its pieces on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Code {
    part: usize,
    from: usize,
}

/// Judges one part after the other.
pub(super) struct Judge<'a> {
    runtime: &'a Runtime,
    /// Whether there will be what steps have made.
    has_steps: bool,
    typed: &'a [Typed<'a>],
    /// What is wrong with parts.
    wrong: &'a BTreeMap<usize, String>,
    /// Why definitions are left out.
    out: HashMap<usize, Option<Reason>>,
    /// The definitions that the script has.
    last: HashMap<String, usize>,
    here: HashMap<u64, Here<'a>>,
}

/// What becomes of each part, where this is wrong with some of them.
pub(super) fn judge<'a>(
    runtime: &'a Runtime,
    typed: &'a [Typed<'a>],
    has_steps: bool,
    wrong: &'a BTreeMap<usize, String>,
) -> Vec<Fate> {
    let (out, last, here) = Default::default();
    let mut judge = Judge { runtime, has_steps, typed, wrong, out, last, here };
    judge.define();
    (0..typed.len()).map(|index| judge.fate(index)).collect()
}

impl<'a> Judge<'a> {
    /// Finds the definitions that the script has: the last of a name that can stand there, with all that it calls.
    fn define(&mut self) {
        let keys: BTreeMap<usize, String> =
            self.typed.iter().enumerate().filter_map(|(index, typed)| Some((index, typed.part.key()?))).collect();
        // Of a function that was typed anew, the last one counts.
        let mut here: HashMap<u64, BTreeMap<String, usize>> = HashMap::new();
        for (index, key) in &keys {
            self.out.insert(*index, self.alone(*index));
            here.entry(self.typed[*index].input.console).or_default().insert(key.clone(), *index);
        }
        loop {
            let kept = keys.iter().filter(|(index, _)| self.is_kept(**index));
            self.last = kept.map(|(index, key)| (key.clone(), *index)).collect();
            let without = |(index, key): (&usize, &String)| {
                let typed = &self.typed[*index];
                let others = here.get(&typed.input.console)?.iter().filter(|(other, _)| *other != key);
                let reason = others.filter(|(other, _)| typed.part.mentions(name_of(other)));
                reason.filter_map(|(other, now)| self.not_there(other, *now)).next().map(|reason| (*index, reason))
            };
            let more: Vec<(usize, Reason)> =
                keys.iter().filter(|(index, _)| self.is_kept(**index)).filter_map(without).collect();
            if more.is_empty() {
                return;
            }
            self.out.extend(more.into_iter().map(|(index, reason)| (index, Some(reason))));
        }
    }

    fn is_kept(&self, index: usize) -> bool {
        matches!(self.out.get(&index), Some(None)) && self.typed[index].is_defined()
    }

    /// Why the definition is not there that a line means by this key, if it is not.
    fn not_there(&self, key: &str, meant: usize) -> Option<Reason> {
        let name = name_of(key).to_owned();
        match self.last.get(key) {
            Some(last) if self.typed[*last].part.says_as(&self.typed[meant].part) => None,
            Some(_) if self.is_kept(meant) => Some(Reason::Former(name)),
            _ => Some(Reason::Lost(name)),
        }
    }

    /// Why a part cannot stand in a script, whatever stands in it besides.
    fn alone(&self, index: usize) -> Option<Reason> {
        let Typed { input, part } = &self.typed[index];
        let own = |name: &str| {
            let here = self.typed.iter().filter(|typed| typed.input.console == input.console);
            here.map(|typed| &typed.part).any(|part| match part.sort {
                Sort::Function { name: known, .. } => known == name,
                _ => part.made().contains(name),
            })
        };
        let is_strange = |module: &str| self.is_strange(module) && !own(module);
        if input.is_secret {
            Some(Reason::Secret)
        } else if input.step.is_some() && !self.has_steps {
            Some(Reason::Simulated)
        } else if input.needs_step
            || input.functions.iter().any(|name| part.mentions(name) && !own(name))
            || (input.step.is_some() && part.modules().any(|(_, module)| is_strange(module)))
        {
            Some(Reason::OfStep)
        } else {
            self.wrong.get(&index).cloned().map(Reason::Wrong)
        }
    }

    /// Whether the modules of the standard library are others.
    fn is_strange(&self, module: &str) -> bool {
        module != "global" && !self.runtime.primitives().iter().any(|primitive| primitive.module == module)
    }

    fn fate(&mut self, index: usize) -> Fate {
        let typed: &'a Typed<'a> = &self.typed[index];
        let Typed { input, part } = typed;
        let mut here = self.here.remove(&input.console).unwrap_or_default();
        let fate = match part.key() {
            Some(key) => {
                let fate = match self.out.get(&index) {
                    _ if !typed.is_defined() => Fate::Forgotten,
                    Some(Some(reason)) => Fate::LeftOut(reason.clone()),
                    _ if self.last.get(&key) == Some(&index) => Fate::Kept,
                    _ => Fate::Forgotten,
                };
                here.defined.insert(key, index);
                fate
            }
            None if !input.ok => {
                here.lost.extend(part.left_by_failure(|name| here.has(name)));
                here.lost.extend(self.changed_by_calls(part, &here));
                Fate::Forgotten
            }
            None => match self.reason(index, &here) {
                Some(reason) => {
                    here.lost.extend(part.made());
                    here.lost.extend(part.changes(|name| here.has(name)));
                    here.lost.extend(self.changed_by_calls(part, &here));
                    Fate::LeftOut(reason)
                }
                None => {
                    let made = part.made();
                    here.lost.retain(|name| !made.contains(name));
                    Fate::Kept
                }
            },
        };
        if part.sort == Sort::Statements {
            here.holds(index, part);
        }
        self.here.insert(input.console, here);
        fate
    }

    /// Why statements cannot stand where they do.
    fn reason(&self, index: usize, here: &Here<'a>) -> Option<Reason> {
        let Typed { input, part } = &self.typed[index];
        let reached = || self.reached(part, here).into_iter();
        let lost = || {
            let constants = reached().flat_map(|(_, code)| self.typed[code.part].part.constants().collect::<Vec<_>>());
            part.uses().into_iter().chain(part.constants()).chain(constants).find(|name| here.lost.contains(name))
        };
        let definition = || reached().find_map(|(key, code)| self.not_there(&key?, code.part));
        let chosen = || {
            let using = [&input.using.namespace, &input.using.cluster];
            let mut chosen = CHOICES.iter().zip(using).filter_map(|(what, name)| Some((*what, name.as_ref()?)));
            let chosen = chosen.find(|(what, _)| !part.only_names_a_closure() && self.acts(part, what, here));
            chosen.map(|(what, name)| format!("{what} {name}"))
        };
        self.alone(index)
            .or_else(|| chosen().map(Reason::Chosen))
            .or_else(|| lost().map(|name| Reason::Lost(name.to_owned())))
            .or_else(definition)
            .or_else(|| part.ends_script().then_some(Reason::Ends))
            .or_else(|| (!part.fits_a_block(self.runtime)).then_some(Reason::Alone))
    }

    /// What a part can call, and after that what this calls: definitions, with their keys, and what variables hold.
    fn reached(&self, part: &Part<'_>, here: &Here<'_>) -> Vec<(Option<String>, Code)> {
        let mut reached: Vec<(Option<String>, Code)> = Vec::new();
        let mut next = 0;
        let mut calling = Some(part.after(0));
        while let Some(part) = calling {
            let defined = here.defined.iter().filter(|(key, _)| part.mentions(name_of(key)));
            let defined = defined.map(|(key, index)| (Some(key.clone()), Code { part: *index, from: 0 }));
            let held = here.held.iter().filter(|(name, _)| part.mentions(name)).map(|(_, code)| (None, *code));
            let new: Vec<_> =
                defined.chain(held).filter(|(_, code)| reached.iter().all(|(_, known)| known != code)).collect();
            reached.extend(new);
            calling = reached.get(next).map(|(_, code)| self.typed[code.part].part.after(code.from));
            next += 1;
        }
        reached
    }

    /// What closures change that a part may call.
    fn changed_by_calls(&self, part: &Part<'_>, here: &Here<'a>) -> BTreeSet<&'a str> {
        let closures = self.reached(part, here).into_iter().filter(|(key, _)| key.is_none());
        let changes = |code: Code| {
            let typed: &'a Typed<'a> = &self.typed[code.part];
            typed.part.after(code.from).changes(|name| here.has(name))
        };
        closures.flat_map(|(_, code)| changes(code)).collect()
    }

    /// Whether a part acts where it does not say for itself in which namespace, or on which cluster.
    fn acts(&self, part: &Part<'_>, what: &str, here: &Here<'_>) -> bool {
        let calls = |part: &Part<'_>, from: usize| {
            part.modules().any(|(at, module)| at >= from && self.is_concerned(part, at, module, what))
        };
        let reached = self.reached(part, here);
        calls(part, 0) || reached.iter().any(|(_, code)| calls(&self.typed[code.part].part, code.from))
    }

    /// Whether a call acts elsewhere with another namespace, or another cluster.
    fn is_concerned(&self, part: &Part<'_>, at: usize, module: &str, what: &str) -> bool {
        let (name, says) = part.called(at, what);
        match self.runtime.primitive(module, name) {
            None => module != "global",
            Some(primitive) => {
                let takes = primitive.options.iter().any(|option| option.name == what)
                    || primitive.parameters.iter().any(|parameter| parameter.expects.contains("map"));
                primitive.effect.acts() && takes && !says
            }
        }
    }
}

impl<'a> Here<'a> {
    fn has(&self, name: &str) -> bool {
        self.defined.keys().any(|key| name_of(key) == name)
    }

    /// Takes note of the variables that hold what can be called later.
    fn holds(&mut self, index: usize, part: &Part<'a>) {
        let made = part.made();
        let changed = part.changes(|name| self.has(name));
        let from = part.kept_for_later(|name| self.has(name) || self.held.contains_key(name));
        if from.is_none() {
            self.held.retain(|name, _| !made.contains(name));
        }
        let code = from.map(|from| Code { part: index, from });
        self.held.extend(made.into_iter().chain(changed).filter_map(|name| Some((name, code?))));
    }
}

/// The name of what is defined.
fn name_of(key: &str) -> &str {
    key.strip_prefix("import ").unwrap_or_else(|| key.split('/').next().unwrap_or(key))
}

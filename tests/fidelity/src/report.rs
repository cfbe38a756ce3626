//! What came of it, in figures and in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::Json;
use crate::known::Known;
use crate::run::Exchange;

/// How many differences of one answer are shown.
const SHOWN: usize = 12;

/// All that was sent and answered.
#[derive(Debug, Default)]
pub struct Report {
    exchanges: Vec<Exchange>,
}

impl Report {
    /// Adds the exchanges of a case.
    pub fn add(&mut self, exchanges: Vec<Exchange>) {
        self.exchanges.extend(exchanges);
    }

    /// The requests that the real server answered otherwise than the case says: the case is wrong.
    #[must_use]
    pub fn mistaken(&self) -> Vec<String> {
        let mistaken = self.exchanges.iter().filter(|exchange| !exchange.meant);
        let say = |e: &Exchange| {
            let said = e.real.body.get("message").and_then(Json::as_str).unwrap_or_default();
            format!("{} ({}) {}: {}: {said}", e.case, e.number, e.request, e.real.code)
        };
        mistaken.map(say).collect()
    }

    /// The cases, once for each of their exchanges.
    pub fn cases(&self) -> impl Iterator<Item = &str> + Clone {
        self.exchanges.iter().map(|exchange| exchange.case.as_str())
    }

    /// The share of equal answers, by verb and in total, as a table.
    #[must_use]
    pub fn shares(&self) -> String {
        let mut verbs: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for exchange in &self.exchanges {
            for verb in [exchange.verb, "total"] {
                let (equal, all) = verbs.entry(verb).or_default();
                *equal += usize::from(exchange.differences.is_empty());
                *all += 1;
            }
        }
        let total = verbs.remove("total").unwrap_or_default();
        let mut text = String::new();
        for (verb, (equal, all)) in verbs.into_iter().chain([("total", total)]) {
            let share = percent(equal, all);
            let _ = writeln!(text, "{verb:<18}{equal:>6} of {all:>5} answers are equal  {share:>6.2} %");
        }
        text
    }

    /// The share of equal answers, in percent.
    #[must_use]
    pub fn share(&self) -> f64 {
        let equal = self.exchanges.iter().filter(|exchange| exchange.differences.is_empty()).count();
        percent(equal, self.exchanges.len())
    }

    /// The answers with differences that are not known, in words.
    #[must_use]
    pub fn unknown(&self, known: &Known) -> Vec<String> {
        let mut found = Vec::new();
        for exchange in &self.exchanges {
            let unknown: Vec<_> =
                exchange.differences.iter().filter(|difference| !known.covers(&exchange.case, difference)).collect();
            if unknown.is_empty() {
                continue;
            }
            let mut text = format!("{} ({}) {}\n", exchange.case, exchange.number, exchange.request);
            for difference in unknown.iter().take(SHOWN) {
                let (real, shadow) = (short(difference.real.as_ref()), short(difference.shadow.as_ref()));
                let _ = writeln!(text, "    {}\n        real   {real}\n        shadow {shadow}", difference.at);
            }
            if unknown.len() > SHOWN {
                let _ = writeln!(text, "    and {} more", unknown.len() - SHOWN);
            }
            found.push(text);
        }
        found
    }

    /// The places that differ, by how many answers they spoil.
    #[must_use]
    pub fn places(&self) -> String {
        let mut places: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
        for exchange in &self.exchanges {
            let mut seen = BTreeSet::new();
            for difference in &exchange.differences {
                let at = general(&difference.at);
                if seen.insert(at.clone()) {
                    let example = || {
                        let (real, shadow) = (short(difference.real.as_ref()), short(difference.shadow.as_ref()));
                        format!("{real} | {shadow}   [{} ({})]", exchange.case, exchange.number)
                    };
                    let key = (exchange.resource.clone(), at);
                    places.entry(key).or_insert_with(|| (0, example())).0 += 1;
                }
            }
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut text = String::new();
        for ((resource, at), (count, example)) in places {
            let _ = writeln!(text, "{count:>5}  {resource} {at}\n         {example}");
        }
        text
    }
}

fn percent(part: usize, all: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = part as f64 * 100.0 / all.max(1) as f64;
    share
}

/// A place without the numbers of list items.
fn general(at: &str) -> String {
    let part = |part: &str| {
        let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if number { "N".to_owned() } else { part.to_owned() }
    };
    at.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn short(value: Option<&Json>) -> String {
    let Some(value) = value else { return "-".into() };
    let text = value.to_string();
    match text.char_indices().nth(3000) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

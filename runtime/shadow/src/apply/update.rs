//! Who owns what after a write.

use std::collections::BTreeMap;

use super::Versions;
use super::compare::{Comparison, compare};
use super::conflict::{Conflict, Refusal};
use super::element::same;
use super::fields::{fields_of, reconcile, remove, with_named};
use super::managed::{Managed, Owned, Owner};
use super::merge::merge;
use super::reset::Reset;
use super::set::Set;
use super::types::Types;
use crate::Json;

/// The state of one write: the types of its version, and the other versions.
pub(super) struct Updater<'a> {
    pub(super) versions: &'a dyn Versions,
    pub(super) types: Types<'a>,
    pub(super) api_version: &'a str,
    pub(super) reset: &'a Reset,
}

impl Updater<'_> {
    /// Takes changed fields from their owners, and removed fields from everybody. Gives the differences.
    fn settle(
        &self,
        before: &Json,
        after: &Json,
        managed: &mut Managed,
        writer: &Owner,
        force: bool,
    ) -> Result<Comparison, Refusal> {
        let own = compare(self.types, before, after).without(self.reset);
        let mut others: BTreeMap<String, Option<Comparison>> = BTreeMap::new();
        let (mut conflicts, mut kept) = (Vec::new(), BTreeMap::new());
        for (owner, owned) in &managed.owners {
            if owner == writer {
                kept.insert(owner.clone(), owned.clone());
                continue;
            }
            let differences = if owned.api_version == self.api_version {
                Some(&own)
            } else {
                let other = others.entry(owned.api_version.clone());
                other.or_insert_with(|| self.compare_in(&owned.api_version, before, after)).as_ref()
            };
            // A version that is no longer served: its owners are forgotten.
            let Some(differences) = differences else { continue };
            let changed = differences.modified.clone().union(&differences.added);
            let contested = owned.fields.intersection(&changed);
            conflicts.extend(contested.paths().into_iter().map(|path| Conflict { owner: owner.clone(), path }));
            let fields = owned.fields.difference(&contested).difference(&differences.removed);
            kept.insert(owner.clone(), Owned { api_version: owned.api_version.clone(), fields });
        }
        if !force && !conflicts.is_empty() {
            return Err(Refusal::Conflicts(conflicts));
        }
        kept.retain(|_, owned| !owned.fields.is_empty());
        managed.owners = kept;
        Ok(own)
    }

    fn compare_in(&self, api_version: &str, before: &Json, after: &Json) -> Option<Comparison> {
        let types = self.versions.types(api_version)?;
        let convert = |object: &Json| self.versions.convert(object, api_version);
        Some(compare(types, &convert(before)?, &convert(after)?).without(self.reset))
    }

    /// Gives what differs between two states to the writer.
    pub(super) fn update(
        &self,
        before: &Json,
        after: &Json,
        managed: &mut Managed,
        writer: &Owner,
    ) -> Result<(), Refusal> {
        self.reconcile(managed);
        let differences = self.settle(before, after, managed, writer, true)?;
        let owned = managed.owners.remove(writer).map(|owned| owned.fields).unwrap_or_default();
        let fields = owned.difference(&differences.removed).union(&differences.modified).union(&differences.added);
        let fields = self.reset.keep(fields);
        if !fields.is_empty() {
            managed.owners.insert(writer.clone(), Owned { api_version: self.api_version.into(), fields });
        }
        Ok(())
    }

    /// Merges what somebody intends into an object. Gives nothing where that changes nothing.
    pub(super) fn apply(
        &self,
        live: &Json,
        intent: &Json,
        managed: &mut Managed,
        writer: &Owner,
        force: bool,
    ) -> Result<Option<Json>, Refusal> {
        self.reconcile(managed);
        let mut merged = merge(self.types, live, intent);
        let fields = self.reset.keep(fields_of(self.types, intent));
        let owned = Owned { api_version: self.api_version.into(), fields };
        let last = managed.owners.insert(writer.clone(), owned);
        if let Some(last) = last.filter(|last| !last.fields.is_empty()) {
            merged = self.prune(merged, managed, &last);
        }
        self.settle(live, &merged, managed, writer, force)?;
        Ok((!same(live, &merged)).then_some(merged))
    }

    /// Takes out what the writer has owned and no longer intends, unless somebody else owns it.
    fn prune(&self, merged: Json, managed: &Managed, last: &Owned) -> Json {
        let same_version = last.api_version == self.api_version;
        let types = if same_version { Some(self.types) } else { self.versions.types(&last.api_version) };
        let Some(types) = types else { return merged };
        if same_version {
            return self.prune_in(types, &merged, managed, last);
        }
        let Some(converted) = self.versions.convert(&merged, &last.api_version) else { return merged };
        let pruned = self.prune_in(types, &converted, managed, last);
        self.versions.convert(&pruned, self.api_version).unwrap_or(merged)
    }

    /// The same in the version of the last apply.
    fn prune_in(&self, types: Types<'_>, merged: &Json, managed: &Managed, last: &Owned) -> Json {
        let lasting = with_named(types, &last.fields);
        let mut pruned = remove(types, merged, &lasting);
        let mut by_version: BTreeMap<&str, Set> = BTreeMap::new();
        for owned in managed.owners.values() {
            by_version.entry(&owned.api_version).or_default().add(&owned.fields);
        }
        // The version of the last apply first: what it takes out may be needed to convert.
        if let Some(owned) = by_version.remove(last.api_version.as_str()) {
            pruned = keep_owned(types, merged, &pruned, &owned);
        }
        for (version, owned) in by_version {
            pruned = self.keep_owned_in(version, &last.api_version, merged, pruned, &owned);
        }
        // What is neither in the last set nor owned by anybody stays.
        let left = with_named(types, &fields_of(types, &pruned));
        let had = with_named(types, &fields_of(types, merged));
        remove(types, merged, &had.difference(&left).intersection(&lasting))
    }

    fn keep_owned_in(&self, version: &str, home: &str, merged: &Json, pruned: Json, owned: &Set) -> Json {
        let types = if version == self.api_version { Some(self.types) } else { self.versions.types(version) };
        let kept = types.and_then(|types| {
            let merged = self.versions.convert(merged, version)?;
            let there = self.versions.convert(&pruned, version)?;
            self.versions.convert(&keep_owned(types, &merged, &there, owned), home)
        });
        kept.unwrap_or(pruned)
    }

    /// Brings all sets in line with schemas that have changed since they were written.
    fn reconcile(&self, managed: &mut Managed) {
        for owned in managed.owners.values_mut() {
            let types = if owned.api_version == self.api_version {
                Some(self.types)
            } else {
                self.versions.types(&owned.api_version)
            };
            if let Some(types) = types {
                owned.fields = reconcile(types, std::mem::take(&mut owned.fields));
            }
        }
    }
}

/// `merged` without what `pruned` has lost, but with what is owned.
fn keep_owned(types: Types<'_>, merged: &Json, pruned: &Json, owned: &Set) -> Json {
    let had = with_named(types, &fields_of(types, merged));
    let kept = with_named(types, &fields_of(types, pruned)).union(&with_named(types, owned));
    remove(types, merged, &had.difference(&kept))
}

//! Who owns what after a write.

use std::borrow::Cow;
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
use super::validate::validate;
use crate::Json;
use crate::object::text;

/// One write: the types of its version, and the other versions.
pub(super) struct Updater<'a> {
    pub(super) versions: &'a dyn Versions,
    pub(super) types: Types<'a>,
    pub(super) api_version: &'a str,
    pub(super) reset: &'a Reset,
}

impl Updater<'_> {
    fn types_of(&self, api_version: &str) -> Option<Types<'_>> {
        if api_version == self.api_version { Some(self.types) } else { self.versions.types(api_version) }
    }

    /// An object in another version; nothing where that is not served any more.
    fn convert<'j>(&self, object: &'j Json, to: &str, what: &str) -> Result<Option<Cow<'j, Json>>, Refusal> {
        if text(object, "/apiVersion") == Some(to) {
            return Ok(Some(Cow::Borrowed(object)));
        }
        let (Some(types), Some(converted)) = (self.types_of(to), self.versions.convert(object, to)) else {
            return Ok(None);
        };
        validate(types, &converted, false).map_err(|error| super::broken(format!("{what}{error}")))?;
        Ok(Some(Cow::Owned(converted)))
    }

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
        let mut others: BTreeMap<&str, Option<Comparison>> = BTreeMap::new();
        let (mut conflicts, mut kept) = (Vec::new(), BTreeMap::new());
        for (owner, owned) in &managed.owners {
            if owner == writer {
                kept.insert(owner.clone(), owned.clone());
                continue;
            }
            let version = owned.api_version.as_str();
            if version != self.api_version && !others.contains_key(version) {
                others.insert(version, self.compare_in(version, before, after)?);
            }
            let differences =
                if version == self.api_version { Some(&own) } else { others.get(version).and_then(Option::as_ref) };
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

    fn compare_in(&self, version: &str, before: &Json, after: &Json) -> Result<Option<Comparison>, Refusal> {
        let before = self.convert(before, version, "failed to convert old object: ")?;
        let after = self.convert(after, version, "failed to convert new object: ")?;
        let (Some(types), Some(before), Some(after)) = (self.types_of(version), before, after) else { return Ok(None) };
        Ok(Some(compare(types, &before, &after).without(self.reset)))
    }

    /// Gives what differs between two states to the writer.
    pub(super) fn update(
        &self,
        before: &Json,
        after: &Json,
        managed: &mut Managed,
        writer: &Owner,
    ) -> Result<(), Refusal> {
        self.reconcile(before, managed)?;
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
        self.reconcile(live, managed)?;
        let mut merged = merge(self.types, live, intent);
        let fields = self.reset.keep(fields_of(self.types, intent));
        let owned = Owned { api_version: self.api_version.into(), fields };
        let last = managed.owners.insert(writer.clone(), owned);
        if let Some(last) = last.filter(|last| !last.fields.is_empty()) {
            merged = self.prune(merged, managed, &last)?;
        }
        self.settle(live, &merged, managed, writer, force)?;
        Ok((!same(live, &merged)).then_some(merged))
    }

    /// Takes out what the writer has owned and no longer intends, unless somebody else owns it. Goes by the version of
    /// the last apply.
    fn prune(&self, merged: Json, managed: &Managed, last: &Owned) -> Result<Json, Refusal> {
        const FAILED: &str = "failed to prune fields: failed to convert merged object to last applied version: ";
        let home = last.api_version.as_str();
        let there = self.convert(&merged, home, FAILED)?;
        let (Some(types), Some(there)) = (self.types_of(home), there) else { return Ok(merged) };
        let lasting = with_named(types, &last.fields);
        let mut pruned = remove(types, &there, &lasting);
        let mut by_version: BTreeMap<&str, Set> = BTreeMap::new();
        for owned in managed.owners.values() {
            by_version.entry(&owned.api_version).or_default().add(&owned.fields);
        }
        // This version first: what it takes out may be needed to convert.
        if let Some(owned) = by_version.remove(home) {
            pruned = keep_owned(types, &there, &pruned, &owned);
        }
        for (version, owned) in by_version {
            pruned = self.keep_owned_in(version, &there, pruned, &owned)?;
        }
        let Some(pruned) = self.convert(&pruned, home, FAILED)? else { return Ok(there.into_owned()) };
        // What is neither in the last set nor owned by anybody stays.
        let left = with_named(types, &fields_of(types, &pruned));
        let had = with_named(types, &fields_of(types, &there));
        let pruned = remove(types, &there, &had.difference(&left).intersection(&lasting));
        let back = self.convert(&pruned, self.api_version, FAILED)?.map(Cow::into_owned);
        Ok(back.unwrap_or(merged))
    }

    fn keep_owned_in(&self, version: &str, merged: &Json, pruned: Json, owned: &Set) -> Result<Json, Refusal> {
        let what = format!(
            "failed to prune fields: failed add back owned items: failed to convert merged object at version {version}: "
        );
        let (had, left) = (self.convert(merged, version, &what)?, self.convert(&pruned, version, &what)?);
        let (Some(types), Some(had), Some(left)) = (self.types_of(version), had, left) else { return Ok(pruned) };
        Ok(keep_owned(types, &had, &left, owned))
    }

    /// Brings all sets in line with schemas that have changed since they were written.
    fn reconcile(&self, live: &Json, managed: &mut Managed) -> Result<(), Refusal> {
        let mut checked: Vec<&str> = vec![self.api_version];
        for owned in managed.owners.values_mut() {
            let version = owned.api_version.as_str();
            if !checked.contains(&version) {
                self.convert(live, version, "")?;
            }
            if let Some(types) = self.types_of(version) {
                owned.fields = reconcile(types, std::mem::take(&mut owned.fields));
            }
            checked.push(&owned.api_version);
        }
        Ok(())
    }
}

/// `merged` without what `pruned` has lost, but with what is owned.
fn keep_owned(types: Types<'_>, merged: &Json, pruned: &Json, owned: &Set) -> Json {
    let had = with_named(types, &fields_of(types, merged));
    let kept = with_named(types, &fields_of(types, pruned)).union(&with_named(types, owned));
    remove(types, merged, &had.difference(&kept))
}

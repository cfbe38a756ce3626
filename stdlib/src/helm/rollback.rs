//! `helm::rollback`.

use std::time::Duration;

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::operation::{self, How};
use super::recover::put_right_own;
use super::release::At;
use super::{objects, rendered};
use crate::cluster::OnCluster;

/// The options of `helm::rollback`.
#[derive(Debug, Clone, Options)]
pub struct RollbackOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// The revision to go back to; the last one that was deployed before if it is not given.
    pub revision: Option<u32>,
    /// Wait until the release's workloads and custom resources are ready.
    #[option(default = "false")]
    pub wait: bool,
    /// How long hooks may take, and how long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long blocked pods are given without progress while it is waited.
    #[option(default = "\"50s\"")]
    pub patience: Duration,
    /// Take fields that somebody else has changed. Only Helm 4 minds those.
    #[option(default = "false")]
    pub force_conflicts: bool,
}

/// Takes a release back to an earlier revision: a new revision is made with the objects of that one.
///
/// With a `revision` that the release is at already, or that has the same objects, nothing changes. Without one, it goes
/// back to the last that was deployed before; a release that has been rolled back already is left alone, or a second run
/// would bring back what the first one took away. Undo goes back to the revision before, unless that had failed.
///
/// # Errors
/// `not_found` if there is no such release or revision, `conflict` for a release on which somebody is at work.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// helm::upgrade("portal", "charts/web", #{ values: #{ replicas: 3 } });
/// helm::rollback("portal", #{ revision: 1 });
/// ```
#[primitive(module = "helm", effect = Change, also = ["undo"])]
pub fn rollback(call: &Call<'_>, release: String, options: RollbackOptions) -> Result<Outcome> {
    let at = At::new(call, &release, &options.on)?;
    if let Some(not_rendered) = operation::without_helm(call, &at)? {
        return call.change(not_rendered);
    }
    let how = How { timeout: options.timeout, force_conflicts: options.force_conflicts };
    put_right_own(call, &at, how)?;
    let revisions = at.known(call)?;
    let Some(last) = revisions.last() else { return Err(at.absent()) };
    if last.is_pending() {
        return Err(Error::new(
            Kind::Conflict,
            format!("{} is {}: somebody is at work on it, or was killed", at.resource(), last.status),
        )
        .hint(format!("if nobody is, put it right with {}", at.recovery(&revisions)))
        .resource(at.resource()));
    }
    if options.revision.is_none()
        && last.status == "deployed"
        && let Some(number) = last.rolled_back_to()?
    {
        let reason = format!("it has been rolled back already, to revision {number}; name another with `revision`");
        return Ok(operation::shown(call.change(operation::unchanged(&at, Some(last.summary()?), reason))?));
    }
    let target = match options.revision {
        Some(_) => at.revision(call, options.revision)?.number,
        None => {
            let before =
                revisions.iter().rev().skip(1).find(|r| matches!(r.status.as_str(), "superseded" | "deployed"));
            let Some(before) = before else {
                return Err(Error::new(
                    Kind::NotFound,
                    format!("{} has no earlier revision that was deployed", at.resource()),
                )
                .hint("helm::uninstall takes away what was installed first")
                .resource(at.resource()));
            };
            before.number
        }
    };
    let is_there = last.status == "deployed" && {
        let wanted = revisions.iter().find(|revision| revision.number == target).map(super::release::Revision::body);
        wanted.transpose()?.is_none_or(|wanted| last.body().is_ok_and(|now| rendered::is_same(&now, &wanted)))
    };
    let outcome = call.change(match is_there {
        true => operation::unchanged(&at, Some(last.summary()?), format!("it is as revision {target} was")),
        false => operation::rollback(call, &at, last, target, how)?,
    })?;
    if options.wait {
        let objects = objects::of(&at.revision(call, None)?.body()?, &at.name)?;
        objects::wait_until_ready(call, &at, &objects, options.timeout, options.patience)?;
    }
    Ok(operation::shown(outcome))
}

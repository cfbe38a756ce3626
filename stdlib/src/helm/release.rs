//! Releases as Helm keeps them on the cluster: a Secret for each revision, with everything that is known of it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use windlass_runtime::change::Resource;
use windlass_runtime::cluster::{Cluster, Collection, ListOptions, Selector};
use windlass_runtime::{Call, Error, Kind, Result};

use crate::cluster::OnCluster;

/// The label of a release's Secret that says what was intended with it, and for which revision.
pub(super) const INTENT_LABEL: &str = "windlass.dev/intent";
/// More than any release has: a Secret holds 1 MiB, compressed.
const LARGEST: u64 = 256 << 20;

/// Where a release is.
#[derive(Clone)]
pub(super) struct At {
    pub cluster: Cluster,
    pub namespace: String,
    pub name: String,
}

impl At {
    /// The release of this name where the options say.
    pub fn new(call: &Call<'_>, name: &str, on: &OnCluster) -> Result<Self> {
        check_name(name)?;
        let cluster = call.cluster(on.cluster.as_deref())?;
        let namespace = on.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
        Ok(Self { cluster, namespace, name: name.to_owned() })
    }

    /// How a script puts it right, with these revisions.
    pub fn recovery(&self, revisions: &[Revision]) -> String {
        recovery(&self.name, &self.namespace, revisions)
    }

    /// As changes name it.
    pub fn resource(&self) -> Resource {
        Resource {
            at: self.cluster.name().to_owned(),
            api_version: None,
            kind: "HelmRelease".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }

    /// Its revisions, the oldest first.
    pub async fn revisions(&self) -> Result<Vec<Revision>> {
        let selector = format!("owner=helm,name={}", self.name);
        let mut found = stored(&self.cluster, Some(&self.namespace), &selector).await?;
        found.sort_by_key(|revision| revision.number);
        Ok(found)
    }

    /// Its last revision.
    pub async fn last(&self) -> Result<Option<Revision>> {
        Ok(self.revisions().await?.pop())
    }

    /// Waits for its revisions; there is at least one.
    pub fn known(&self, call: &Call<'_>) -> Result<Vec<Revision>> {
        let at = self.clone();
        let found = call.wait(async move { at.revisions().await })?;
        if found.is_empty() { Err(self.absent()) } else { Ok(found) }
    }

    /// Waits for the revision of this number, or for the last one that was deployed, or else for the last one.
    pub fn revision(&self, call: &Call<'_>, number: Option<u32>) -> Result<Revision> {
        let mut all = self.known(call)?;
        let wanted = match number {
            Some(number) => all.iter().position(|revision| revision.number == i64::from(number)).ok_or_else(|| {
                let known: Vec<String> = all.iter().map(|revision| revision.number.to_string()).collect();
                Error::new(Kind::NotFound, format!("{} has no revision {number}", self.resource()))
                    .hint(format!("it has: {}", known.join(", ")))
                    .resource(self.resource())
            })?,
            None => all.iter().rposition(|revision| revision.status == "deployed").unwrap_or(all.len() - 1),
        };
        Ok(all.swap_remove(wanted))
    }

    /// The error for a release that should be there.
    pub fn absent(&self) -> Error {
        Error::new(Kind::NotFound, format!("there is no {}", self.resource()))
            .hint("is it in another namespace? see helm::list(#{ all_namespaces: true })")
            .resource(self.resource())
    }
}

/// How a script puts a release right that has these revisions: where none was ever deployed, there is nothing to go back to.
pub(super) fn recovery(name: &str, namespace: &str, revisions: &[Revision]) -> String {
    let consent = if last_good(revisions).is_none() { ", uninstall: true" } else { "" };
    format!("helm::recover(\"{name}\", #{{ namespace: \"{namespace}\"{consent} }})")
}

/// The last revision that was deployed: the one to go back to.
pub(super) fn last_good(revisions: &[Revision]) -> Option<&Revision> {
    let last = |status: &str| revisions.iter().rev().find(|revision| revision.status == status);
    last("deployed").or_else(|| last("superseded"))
}

/// What Helm accepts as a release's name.
fn check_name(name: &str) -> Result<()> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if name.len() <= 53 && name.split('.').all(part) {
        return Ok(());
    }
    Err(Error::usage(format!("{name:?} cannot be the name of a release"))
        .hint("at most 53 small letters, digits, points and hyphens, none of the last at an end"))
}

/// By what a revision is known to be the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// Its label, see [`INTENT_LABEL`].
    Intent(String),
    /// It goes back to this one.
    RollbackTo(i64),
}

/// One revision of a release, not yet unpacked.
pub(super) struct Revision {
    pub name: String,
    pub namespace: String,
    pub number: i64,
    pub status: String,
    /// The time at which it was begun, in the cluster's words.
    pub created: String,
    intent: Option<String>,
    data: String,
}

/// The revisions that a label selector means.
pub(super) async fn stored(cluster: &Cluster, namespace: Option<&str>, selector: &str) -> Result<Vec<Revision>> {
    let secrets = Collection {
        cluster: cluster.name().to_owned(),
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        plural: "secrets".to_owned(),
        namespace: namespace.map(str::to_owned),
    };
    let listed = cluster.list(&secrets, &ListOptions::from(Selector::labels(selector))).await?;
    Ok(listed.items.iter().filter_map(Revision::of).collect())
}

impl Revision {
    fn of(secret: &Json) -> Option<Self> {
        let text = |pointer: &str| secret.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let label =
            |name: &str| secret.pointer("/metadata/labels").and_then(|labels| labels.get(name)).and_then(Json::as_str);
        Some(Self {
            name: label("name")?.to_owned(),
            namespace: text("/metadata/namespace")?,
            number: label("version")?.parse().ok()?,
            status: label("status")?.to_owned(),
            created: text("/metadata/creationTimestamp").unwrap_or_default(),
            intent: label(INTENT_LABEL).map(str::to_owned),
            data: text("/data/release")?,
        })
    }

    /// Whether something is at work on it, or was when it died.
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-") || self.status == "uninstalling"
    }

    /// Whether it goes, or has gone and left its history.
    pub fn is_going(&self) -> bool {
        matches!(self.status.as_str(), "uninstalling" | "uninstalled")
    }

    /// The revision that it is a rollback to, if it is one.
    ///
    /// # Errors
    /// As [`Revision::body`].
    pub fn rolled_back_to(&self) -> Result<Option<i64>> {
        Ok(description(&self.body()?).and_then(goes_back_to))
    }

    /// Whether this intent made it what it is. A rollback takes the label of the revision that it goes back to with it.
    ///
    /// # Errors
    /// As [`Revision::body`].
    pub fn is_of_intent(&self, hash: &str) -> Result<bool> {
        match self.intent.as_deref().and_then(|intent| intent.split_once('.')) {
            Some((made_by, number)) if made_by == hash => {
                let number = number.parse().ok();
                Ok(number.is_some() && (number == Some(self.number) || number == self.rolled_back_to()?))
            }
            _ => Ok(false),
        }
    }

    /// Whether it is the one that was meant to be made, and not another's of the same number.
    pub fn is_made_by(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Intent(intent) => self.intent.as_ref() == Some(intent),
            // While it is made, and after it has failed, the description says something else.
            Mark::RollbackTo(_) if self.status == "pending-rollback" => true,
            Mark::RollbackTo(number) => {
                let body = self.body().unwrap_or_default();
                description(&body).is_none_or(|said| {
                    goes_back_to(said) == Some(*number) || (self.status == "failed" && said.starts_with("Rollback "))
                })
            }
        }
    }

    /// Everything that Helm has written down of it.
    pub fn body(&self) -> Result<Json> {
        let broken = |what: &str| {
            Error::new(Kind::Malformed, format!("revision {} of HelmRelease/{} {what}", self.number, self.name))
                .hint("was its Secret changed by hand?")
        };
        let decode = |text: &[u8]| STANDARD.decode(text).map_err(|e| broken("is not what Helm writes").source(e));
        let bytes = decode(&decode(self.data.as_bytes())?)?;
        let mut json = Vec::new();
        if bytes.starts_with(&[0x1f, 0x8b, 8]) {
            GzDecoder::new(bytes.as_slice())
                .take(LARGEST)
                .read_to_end(&mut json)
                .map_err(|e| broken("cannot be unpacked").source(e))?;
        } else {
            json = bytes;
        }
        serde_json::from_slice(&json).map_err(|e| broken("is not what Helm writes").source(e))
    }

    /// What scripts get to see of it.
    pub fn summary(&self) -> Result<Json> {
        Ok(summary(&self.body()?, self))
    }
}

fn summary(body: &Json, revision: &Revision) -> Json {
    let at = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
    json!({
        "name": revision.name,
        "namespace": revision.namespace,
        "revision": revision.number,
        "status": revision.status,
        "chart": at("/chart/metadata/name"),
        "version": at("/chart/metadata/version"),
        "app_version": at("/chart/metadata/appVersion"),
        "updated": at("/info/last_deployed"),
        "description": at("/info/description"),
    })
}

/// What Helm says has been done to a release, in what it keeps of it.
fn description(body: &Json) -> Option<&str> {
    body.pointer("/info/description")?.as_str()
}

/// The revision to which a release was rolled back, if Helm says that it was.
fn goes_back_to(description: &str) -> Option<i64> {
    description.strip_prefix("Rollback to ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn secret(release: &[u8], intent: &str) -> Json {
        let data = STANDARD.encode(STANDARD.encode(release));
        json!({
            "metadata": { "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {
                "owner": "helm", "name": "web", "version": "3", "status": "deployed", INTENT_LABEL: intent } },
            "data": { "release": data },
        })
    }

    fn packed(release: &Json) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(release.to_string().as_bytes()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_revision_is_unpacked_and_one_that_was_spoilt_is_refused() {
        let release =
            json!({ "chart": { "metadata": { "name": "web", "version": "1.2.3" } }, "info": { "description": "x" } });
        let revision = Revision::of(&secret(&packed(&release), "a.3")).unwrap();
        assert_eq!((revision.number, revision.status.as_str(), revision.is_pending()), (3, "deployed", false));
        assert_eq!(revision.body().unwrap(), release);
        assert_eq!(revision.summary().unwrap()["version"], "1.2.3");
        let error = Revision::of(&secret(b"nothing", "a.3")).unwrap().body().unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed);
        assert!(error.message().contains("revision 3 of HelmRelease/web"), "{error}");
    }

    #[test]
    fn an_intent_counts_for_its_own_revision_and_for_a_rollback_to_it() {
        let of = |intent: &str, description: &str| {
            let release = json!({ "info": { "description": description } });
            let revision = Revision::of(&secret(&packed(&release), intent)).unwrap();
            revision.is_of_intent("abc").unwrap()
        };
        assert!(of("abc.3", "Upgrade complete"));
        assert!(of("abc.1", "Rollback to 1"));
        assert!(!of("abc.2", "Upgrade complete"), "somebody else has upgraded, and Helm keeps labels");
        assert!(!of("abc.1", "Rollback to 2") && !of("abd.3", "") && !of("", ""));
    }

    #[test]
    fn what_was_never_deployed_is_put_right_by_uninstalling_it() {
        let of = |states: &[&str]| {
            let revision = |status: &&str| {
                let mut secret = secret(b"", "");
                secret["metadata"]["labels"]["status"] = json!(status);
                Revision::of(&secret).unwrap()
            };
            recovery("web", "shop", &states.iter().map(revision).collect::<Vec<_>>())
        };
        let by_consent = "helm::recover(\"web\", #{ namespace: \"shop\", uninstall: true })";
        for states in
            [&["pending-install"][..], &["failed"], &["failed", "pending-upgrade"], &["uninstalled", "failed"]]
        {
            assert_eq!(of(states), by_consent, "{states:?}");
        }
        for states in [&["deployed", "failed"][..], &["superseded", "failed", "pending-rollback"]] {
            assert_eq!(of(states), "helm::recover(\"web\", #{ namespace: \"shop\" })", "{states:?}");
        }
    }

    #[test]
    fn names_are_those_that_helm_takes() {
        assert!(check_name("ef-redis.v2").is_ok());
        for name in ["", "Upper", "a_b", "-a", "a-", "a..b", &"a".repeat(54)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}

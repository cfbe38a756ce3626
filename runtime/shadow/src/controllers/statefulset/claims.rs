//! The claims of a StatefulSet's pods: made before the pods, and owned as the retention policy says.

use super::super::fields::{controller_reference, items, put, take};
use super::super::view::Pod;
use super::super::{Context, MANAGER, writer};
use super::identity::claim_name;
use super::{NAME, One, deletes};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use serde_json::json;

const CLAIMS: &str = "persistentvolumeclaims";

impl One<'_> {
    fn templates(&self) -> &[Json] {
        items(&self.spec()["volumeClaimTemplates"])
    }

    /// Makes what is missing of the claims of an ordinal.
    pub(super) fn make_claims(&self, cx: &mut Context<'_>, ordinal: i64) -> Result<(), ApiError> {
        let namespace = object::namespace(self.set);
        for template in self.templates() {
            let name = claim_name(self.set, template, ordinal);
            if cx.world.get(CLAIMS, namespace, &name).is_some() {
                continue;
            }
            let mut claim = template.clone();
            take(&mut claim, &["status"]);
            put(&mut claim, &["apiVersion"], "v1");
            put(&mut claim, &["kind"], "PersistentVolumeClaim");
            put(&mut claim, &["metadata", "name"], name.as_str());
            put(&mut claim, &["metadata", "namespace"], namespace);
            for (label, value) in self.spec()["selector"]["matchLabels"].as_object().into_iter().flatten() {
                put(&mut claim, &["metadata", "labels", label], value.clone());
            }
            if deletes(self.set, "whenDeleted") {
                put(&mut claim, &["metadata", "ownerReferences"], json!([controller_reference(self.set)]));
            }
            let of = format!("Pod {}-{ordinal} in StatefulSet {}", object::name(self.set), object::name(self.set));
            match cx.world.create(&writer(MANAGER), CLAIMS, claim) {
                Ok(_) => {
                    let message = format!("Create Claim {name} {of} success");
                    cx.world.event(NAME, self.set, "Normal", "SuccessfulCreate", &message);
                }
                Err(error) => {
                    let message = format!("Create Claim {name} for {of} failed error: {}", error.message);
                    cx.world.event(NAME, self.set, "Warning", "FailedCreate", &message);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Makes the set, the pod, or nobody the owner of a pod's claims.
    pub(super) fn own_claims(&self, cx: &mut Context<'_>, pod: &Pod, ordinal: i64) -> Result<(), ApiError> {
        let namespace = object::namespace(self.set);
        for template in self.templates() {
            let name = claim_name(self.set, template, ordinal);
            let Some(claim) = cx.world.get(CLAIMS, namespace, &name) else { continue };
            let condemned = !self.in_range(ordinal);
            let owner = if condemned && deletes(self.set, "whenScaled") {
                let uid = pod.uid.as_str();
                Some(json!({
                    "apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": uid,
                    "controller": true, "blockOwnerDeletion": true,
                }))
            } else if deletes(self.set, "whenDeleted") && (!condemned || !deletes(self.set, "whenScaled")) {
                Some(controller_reference(self.set))
            } else {
                None
            };
            let old = items(&claim["metadata"]["ownerReferences"]);
            let others = old.iter().filter(|o| {
                let of_set = o["kind"] == "StatefulSet" && o["name"] == object::name(self.set);
                let of_pod = o["kind"] == "Pod" && o["name"] == pod.name.as_str();
                !of_set && !of_pod
            });
            let mut owners: Vec<Json> = others.cloned().collect();
            let foreign = owners.iter().any(|o| o["controller"] == true);
            owners.extend(owner.filter(|_| !foreign));
            if owners == old {
                continue;
            }
            let mut new = Json::clone(&claim);
            if owners.is_empty() {
                take(&mut new, &["metadata", "ownerReferences"]);
            } else {
                put(&mut new, &["metadata", "ownerReferences"], owners);
            }
            cx.world.update(&writer(MANAGER), CLAIMS, new)?;
        }
        Ok(())
    }
}

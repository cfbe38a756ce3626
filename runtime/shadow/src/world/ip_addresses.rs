//! The IPAddresses that stand for the cluster addresses of Services.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Deletion, Objects, World, Writer};
use crate::{Json, object};

const ADDRESSES: &str = "ipaddresses.networking.k8s.io";

impl World {
    /// After a Service was stored or removed: the addresses that it has now are taken, those that it had are free.
    pub(super) fn take_addresses(&mut self, old: Option<&Json>, new: Option<&Json>) {
        let (had, has) = (addresses(old), addresses(new));
        let writer = Writer { manager: "kube-apiserver".into(), ..Writer::default() };
        for address in had.difference(&has) {
            // What is gone is as it should be.
            drop(self.delete(&writer, ADDRESSES, "", address, &Deletion::default()));
        }
        let Some(service) = new else { return };
        for address in has.difference(&had) {
            let family = if address.contains(':') { "IPv6" } else { "IPv4" };
            let taken = json!({
                "kind": "IPAddress", "apiVersion": "networking.k8s.io/v1",
                "metadata": {"name": address.replace(':', "-"), "labels": {
                    "ipaddress.kubernetes.io/ip-family": family,
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                }},
                "spec": {"parentRef": {
                    "resource": "services",
                    "namespace": object::namespace(service), "name": object::name(service),
                }},
            });
            // Where the kind is not known, nobody asks.
            drop(self.create(&writer, ADDRESSES, taken));
        }
    }
}

fn addresses(service: Option<&Json>) -> BTreeSet<&str> {
    let all = service.and_then(|service| service.pointer("/spec/clusterIPs")).and_then(Json::as_array);
    let all = all.into_iter().flatten().filter_map(Json::as_str);
    all.filter(|address| !address.is_empty() && *address != "None").collect()
}

//! Files of one volume that hide each other.

use crate::Json;
use crate::defaults::fields::{get, items, text};

/// A path in a volume, and what puts a file there, where there may be several.
type Place = (String, String);

pub(super) fn warn(volumes: &[Json], said: &mut Vec<String>) {
    for volume in volumes {
        let name = text(volume, "name");
        for (field, kind, named) in
            [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"), ("downwardAPI", "DownwardAPI", "")]
        {
            let Some(source) = volume.get(field) else { continue };
            let what = if named.is_empty() { kind.to_owned() } else { format!("{kind} \"{}\"", text(source, named)) };
            let mut places = Vec::new();
            for place in paths(source, "") {
                add(&mut places, place, name, &what, said);
            }
        }
        let mut places = Vec::new();
        for source in items(get(volume, "projected"), "sources") {
            if source.as_object().is_some_and(serde_json::Map::is_empty) {
                said.push(format!("volume \"{name}\" (Projected) has no sources provided"));
            }
            for place in projected(source) {
                add(&mut places, place, name, "Projected", said);
            }
        }
    }
}

fn paths(source: &Json, what: &str) -> Vec<Place> {
    items(source, "items").iter().map(|item| (text(item, "path").to_owned(), what.to_owned())).collect()
}

fn projected(source: &Json) -> Vec<Place> {
    let of = |field: &str| source.get(field);
    if let Some(map) = of("configMap") {
        return paths(map, &format!("ConfigMap \"{}\"", text(map, "name")));
    }
    if let Some(secret) = of("secret") {
        return paths(secret, &format!("Secret \"{}\"", text(secret, "name")));
    }
    if let Some(fields) = of("downwardAPI") {
        return paths(fields, "DownwardAPI");
    }
    if let Some(token) = of("serviceAccountToken") {
        return vec![(text(token, "path").to_owned(), "ServiceAccountToken".to_owned())];
    }
    if let Some(bundle) = of("clusterTrustBundle") {
        let name = if bundle.get("name").is_some() { text(bundle, "name") } else { text(bundle, "signerName") };
        return vec![(text(bundle, "path").to_owned(), format!("ClusterTrustBundle \"{name}\""))];
    }
    let Some(certificate) = of("podCertificate") else { return Vec::new() };
    let parts = [
        ("certificateChainPath", "PodCertificate chain"),
        ("keyPath", "PodCertificate key"),
        ("credentialBundlePath", "PodCertificate credential bundle"),
    ];
    let given = parts.iter().filter(|(field, _)| !text(certificate, field).is_empty());
    given.map(|(field, what)| (text(certificate, field).to_owned(), (*what).to_owned())).collect()
}

fn add(places: &mut Vec<Place>, place: Place, volume: &str, what: &str, said: &mut Vec<String>) {
    let place = (place.0.trim_end_matches('/').to_owned(), place.1);
    let below = |path: &str, other: &str| format!("{path}/").starts_with(&format!("{other}/"));
    let hides = |other: &&Place| {
        !place.0.is_empty() && !other.0.is_empty() && (below(&place.0, &other.0) || below(&other.0, &place.0))
    };
    for other in places.iter().filter(hides) {
        let (one, two) = (words(&place), words(other));
        said.push(format!("volume \"{volume}\" ({what}): overlapping paths: {one} with {two}"));
    }
    places.push(place);
}

fn words((path, source): &Place) -> String {
    if source.is_empty() { format!("\"{path}\"") } else { format!("\"{path}\" ({source})") }
}

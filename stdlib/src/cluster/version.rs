//! `cluster::version`.

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Options, Result, primitive};

/// The options of functions that are about a cluster as a whole.
#[derive(Debug, Clone, Default, Options)]
pub struct OfCluster {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
}

/// The version of a cluster's API server: `#{version, major, minor, platform, cluster, server}`.
///
/// `version` is a text such as `"v1.36.3+rke2r1"`, `major` and `minor` are numbers. `cluster` is the name of the context,
/// `server` the address, where it is known.
///
/// # Errors
/// `unavailable` if the API server does not answer.
///
/// # Example
/// ```rhai
/// let v = cluster::version();
/// if v.major == 1 && v.minor < 26 { log::warn(`${v.version} still has the GlusterFS driver`); }
/// ```
#[primitive(module = "cluster", effect = Read, also = ["cluster info"])]
pub fn version(call: &Call<'_>, options: OfCluster) -> Result<Json> {
    let cluster = call.cluster(options.cluster.as_deref())?;
    let (name, server) = (cluster.name().to_owned(), cluster.server().map(str::to_owned));
    let said = call.wait(async move { cluster.version().await })?;
    // Some providers write "30+".
    let number = |key: &str| {
        let digits = said.get(key).and_then(Json::as_str).unwrap_or_default();
        digits.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<i64>().unwrap_or(0)
    };
    Ok(json!({
        "version": said.get("gitVersion"), "major": number("major"), "minor": number("minor"),
        "platform": said.get("platform"), "cluster": name, "server": server,
    }))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, on};
    use windlass_support::ApiServer;

    #[on(shadow, live)]
    fn the_version_is_that_of_the_api_server(bed: Bed) {
        let version = bed.run("cluster::version()").value();
        assert_eq!((&version["major"], &version["minor"]), (&1.into(), &36.into()), "{version}");
        assert!(version["version"].as_str().unwrap().starts_with("v1.36."), "{version}");
        assert!(version["platform"].as_str().unwrap().contains('/'), "{version}");
    }

    #[on(shadow, because = "others use the real one at the same time")]
    fn an_api_server_that_is_away_is_told(bed: Bed) {
        bed.api_server_is(ApiServer::Gone);
        assert_eq!(bed.run("cluster::version()").error()["kind"], "unavailable");
    }
}

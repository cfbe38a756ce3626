//! What Helm says when it fails, as an error with a kind and a hint.

use windlass_runtime::child::Finished;
use windlass_runtime::{Error, Kind};

/// What tells one failure from another, its kind, and what to do; the first that fits counts.
const KNOWN: &[(&str, Kind, &str)] = &[
    (
        "another operation (install/upgrade/rollback) is in progress",
        Kind::Conflict,
        "if nobody is at work on it: helm::recover",
    ),
    (
        "cannot be imported into the current release",
        Kind::Conflict,
        "the object is there already and belongs to no release, or to another: delete it, or take it over with take_ownership: true",
    ),
    (
        "conflicts with",
        Kind::Conflict,
        "somebody else has changed these fields: put them back, or take them with force_conflicts: true",
    ),
    (
        "conflict occurred",
        Kind::Conflict,
        "somebody else has changed these fields: put them back, or take them with force_conflicts: true",
    ),
    (
        "Apply failed with",
        Kind::Conflict,
        "somebody else has changed these fields: put them back, or take them with force_conflicts: true",
    ),
    (
        "don't meet the specifications of the schema",
        Kind::Values,
        "the chart's values.schema.json says what it takes: helm show schema",
    ),
    (
        "failed to create: namespaces ",
        Kind::NotFound,
        "the namespace is not there: create_namespace: true makes it, or cluster::namespace",
    ),
    ("release: not found", Kind::NotFound, "is it in another namespace? see helm::list(#{ all_namespaces: true })"),
    ("no matches for kind", Kind::NotFound, "the definition of that kind is not on the cluster: install it first"),
    (
        "ensure CRDs are installed first",
        Kind::NotFound,
        "the definition of that kind is not on the cluster: install it first",
    ),
    ("cluster unreachable", Kind::Unavailable, "is the API server up, and reachable from here?"),
    ("is forbidden", Kind::Forbidden, "Helm needs rights on Secrets and on everything that the chart has"),
    ("chart requires kubeVersion", Kind::Rejected, "take a version of the chart that is made for this Kubernetes"),
    ("dependencies, but", Kind::NotFound, "fetch them: helm::dependency_build(folder)"),
    ("missing in charts/ directory", Kind::NotFound, "fetch them: helm::dependency_build(folder)"),
    ("Chart.yaml file is missing", Kind::NotFound, "is this the folder of a chart? It has a Chart.yaml"),
    (
        "sha256 sum does not match",
        Kind::Rejected,
        "the archive is not what its author has signed: find out who has changed it, before it is used",
    ),
    (
        "signature made by unknown entity",
        Kind::Rejected,
        "the keyring lacks the author's key, or somebody else has signed it",
    ),
    (
        ".prov",
        Kind::Rejected,
        "its author has not signed it: a signed chart has a .prov beside its archive; `keyring` is a file with the author's public key",
    ),
    (
        "failed to verify",
        Kind::Rejected,
        "the chart is not what its author has signed, or the keyring lacks the author's key",
    ),
    ("openpgp:", Kind::Rejected, "the chart is not what its author has signed, or the keyring lacks the author's key"),
    ("401 Unauthorized", Kind::Forbidden, CREDENTIALS),
    ("403 Forbidden", Kind::Forbidden, CREDENTIALS),
    ("unauthorized", Kind::Forbidden, CREDENTIALS),
    ("401: Unauthorized", Kind::Forbidden, CREDENTIALS),
    ("credential not found", Kind::Forbidden, CREDENTIALS),
    // What keeps a registry or a repository from being asked stands in the same line as what was asked for.
    (
        "no such host",
        Kind::Unavailable,
        "is the name right, and can this machine resolve it? A proxy is given by `network`",
    ),
    ("connection refused", Kind::Unavailable, UNREACHABLE),
    ("i/o timeout", Kind::Unavailable, UNREACHABLE),
    ("no route to host", Kind::Unavailable, UNREACHABLE),
    ("network is unreachable", Kind::Unavailable, "has this machine a network? A proxy is given by `network`"),
    ("chart version", Kind::NotFound, "does the repository have this version? helm::repo fetches its index again"),
    ("404 Not Found", Kind::NotFound, NO_SUCH_VERSION),
    ("FetchReference", Kind::NotFound, "does the registry have this chart in this version?"),
    ("unable to locate any tags", Kind::NotFound, "does the registry have this chart?"),
    (
        "not found in",
        Kind::NotFound,
        "does the repository have this chart in this version? helm::repo fetches its index again",
    ),
    ("x509:", Kind::Unavailable, "give the authority of the server's certificate: ca_bundle in `network`"),
    (
        "timed out waiting",
        Kind::Timeout,
        "a hook did not end in time: look at its Job and pod, or give more time with `timeout`",
    ),
    (
        "context deadline exceeded",
        Kind::Timeout,
        "a hook did not end in time: look at its Job and pod, or give more time with `timeout`",
    ),
    ("execution error at", Kind::Values, "the chart asks for other values: see its values.yaml"),
    ("error calling include", Kind::Malformed, "a template of the chart fails with these values: see its values.yaml"),
    ("parse error", Kind::Malformed, "a template of the chart is wrong, or does not fit these values"),
    ("YAML parse error", Kind::Malformed, "a template of the chart is wrong, or does not fit these values"),
];

/// What to do where somebody is to say who he is.
const CREDENTIALS: &str = "give credentials: helm::repo(name, url, #{ username: …, password: … })";

/// What to do where a server cannot be talked to.
const UNREACHABLE: &str = "is the server up, and reachable from here? A proxy is given by `network`";

/// What to do where a server answers that something is wrong with it.
const TROUBLE: &str = "the server itself has trouble: try again later, or ask who runs it";

/// What to do where a repository does not have what was asked for.
const NO_SUCH_VERSION: &str = "does the repository have this chart in this version?";

/// The error of a run of Helm that failed while `doing` something.
pub(super) fn of(finished: &Finished, doing: &str) -> Error {
    let said = said(&String::from_utf8_lossy(&finished.stderr));
    let said = match (said.is_empty(), finished.code) {
        (false, _) => said,
        (true, Some(code)) => format!("helm ended with {code} and said nothing"),
        (true, None) => "helm was killed".to_owned(),
    };
    let known = KNOWN.iter().find(|(mark, ..)| said.contains(mark));
    let (kind, hint) = match (status(&said), known) {
        (Some(404 | 410), _) => (Kind::NotFound, NO_SUCH_VERSION),
        (Some(500..), _) => (Kind::Unavailable, TROUBLE),
        (_, Some((_, kind, hint))) => (*kind, *hint),
        _ => (Kind::Rejected, "this is what Helm says; the values and the chart are given as to `helm upgrade`"),
    };
    Error::new(kind, format!("{doing}: {said}")).hint(hint)
}

/// The error of a run of Helm that could not fetch the index of a repository. It says why on its standard output.
pub(super) fn of_index(finished: &Finished, url: &str) -> Error {
    let told = [&finished.stdout, &b"\n"[..], &finished.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    let lines = told.lines().map(str::trim).skip_while(|line| !line.starts_with("...Unable to get an update")).skip(1);
    let is_over = |line: &str| line.starts_with("Update Complete") || line.starts_with("Error:");
    let cause: Vec<&str> = lines.take_while(|line| !is_over(line)).filter(|line| !line.is_empty()).collect();
    let (cause, doing) = (cause.join("\n"), format!("the repository {url} cannot be read"));
    if cause.is_empty() {
        return of(finished, &doing);
    }
    let known = KNOWN.iter().find(|(mark, kind, _)| *kind == Kind::Unavailable && cause.contains(mark));
    let folder = "is this the URL of the folder with index.yaml? That of a registry begins with oci://";
    let (kind, hint) = match (status(&cause), known) {
        (Some(401 | 403), _) => (Kind::Forbidden, CREDENTIALS),
        (Some(404 | 410), _) => (Kind::NotFound, folder),
        (Some(_), _) => (Kind::Unavailable, TROUBLE),
        (None, Some((_, kind, hint))) => (*kind, *hint),
        (None, None) if cause.contains("Get \"") => (Kind::Unavailable, UNREACHABLE),
        (None, None) => (Kind::Malformed, folder),
    };
    Error::new(kind, format!("{doing}: {cause}")).hint(hint)
}

/// The status with which a server of charts has answered, if that is what Helm says: `failed to fetch URL : 404 Not Found`.
fn status(said: &str) -> Option<u16> {
    let (_, answer) = said.split_once("failed to fetch ")?.1.split_once(" : ")?;
    answer.split(' ').next()?.parse().ok()
}

/// What is worth repeating of Helm's standard error: the error itself, without warnings and log lines.
fn said(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let begin = lines.iter().position(|line| line.starts_with("Error:"));
    let lines = match begin {
        Some(begin) => &lines[begin..],
        None => &lines[lines.len().saturating_sub(5)..],
    };
    let is_log = |line: &str| line.starts_with("level=") || line.contains(" level=") || line.starts_with("WARNING:");
    let kept: Vec<&str> = lines.iter().filter(|line| !is_log(line)).take(12).copied().collect();
    kept.join("\n").trim_start_matches("Error:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a run that said this on its standard error.
    fn failed(stderr: &str) -> Error {
        let finished = Finished { code: Some(1), stdout: Vec::new(), stderr: stderr.into() };
        of(&finished, "HelmRelease/web cannot be upgraded")
    }

    #[test]
    fn a_registry_that_cannot_be_reached_is_not_one_without_the_chart() {
        let asked = |why: &str| {
            failed(&format!(
                "Error: failed to perform \"FetchReference\" on source: Get \"https://r.example/v2/web/manifests/1.0.0\": dial tcp{why}"
            ))
        };
        for why in [
            " 127.0.0.1:1: connect: connection refused",
            ": lookup r.example on 10.0.0.1:53: no such host",
            " 10.0.0.1:443: i/o timeout",
            " 10.0.0.1:443: connect: no route to host",
        ] {
            assert_eq!(asked(why).kind(), Kind::Unavailable, "{why}");
        }
        let missing = failed("Error: failed to perform \"FetchReference\" on source: r.example/web:9.9.9: not found");
        assert_eq!(missing.kind(), Kind::NotFound);
    }

    #[test]
    fn a_namespace_that_is_not_there_can_be_made() {
        let error = failed("Error: create: failed to create: namespaces \"shop\" not found");
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.hint_text().unwrap().contains("create_namespace: true"), "{error}");
    }

    #[test]
    fn an_index_that_cannot_be_had_is_told_by_its_cause() {
        let url = "https://x.example/charts";
        let said = |cause: &str| {
            format!(
                "Hang tight while we grab the latest from your chart repositories...\n...Unable to get an update from the \"loc-dc13cc1f\" chart repository ({url}):\n\t{cause}\n"
            )
        };
        let helm_3 = |cause: &str| (format!("{}Update Complete. ⎈Happy Helming!⎈\n", said(cause)), String::new(), 0);
        let helm_4 =
            |cause: &str| (said(cause), format!("Error: failed to update the following repositories: [{url}]\n"), 1);
        for (cause, kind, hint) in [
            ("failed to fetch https://x.example/charts/index.yaml : 404 Not Found", Kind::NotFound, "index.yaml"),
            ("failed to fetch https://x.example/charts/index.yaml : 404 File not found", Kind::NotFound, "index.yaml"),
            ("failed to fetch https://x.example/charts/index.yaml : 403 No", Kind::Forbidden, "username"),
            ("failed to fetch https://x.example/charts/index.yaml : 502 Bad Gateway", Kind::Unavailable, "trouble"),
            (
                "Get \"https://x.example/charts/index.yaml\": dial tcp 10.0.0.1:443: connect: connection refused",
                Kind::Unavailable,
                "is the server up",
            ),
            (
                "Get \"https://x.example/charts/index.yaml\": context deadline exceeded",
                Kind::Unavailable,
                "is the server up",
            ),
            (
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type repo.IndexFile",
                Kind::Malformed,
                "index.yaml",
            ),
        ] {
            for (stdout, stderr, code) in [helm_3(cause), helm_4(cause)] {
                let error = of_index(&Finished { code: Some(code), stdout: stdout.into(), stderr: stderr.into() }, url);
                assert_eq!(error.kind(), kind, "{cause}");
                assert_eq!(error.message(), format!("the repository {url} cannot be read: {cause}"));
                assert!(error.hint_text().unwrap().contains(hint), "{error}");
            }
        }
        let error = failed("Error: failed to fetch https://x.example/web-1.0.0.tgz : 404 File not found");
        assert_eq!(error.kind(), Kind::NotFound);
    }

    #[test]
    fn the_error_itself_is_told_with_what_to_do() {
        let error = failed(
            "WARNING: Kubernetes configuration file is group-readable.\nError: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n",
        );
        assert_eq!(error.kind(), Kind::Conflict);
        assert_eq!(
            error.message(),
            "HelmRelease/web cannot be upgraded: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"
        );
        assert!(error.hint_text().unwrap().contains("helm::recover"));
        assert_eq!(failed("Error: something new").kind(), Kind::Rejected);
        assert!(failed("").message().contains("ended with 1 and said nothing"));
    }
}

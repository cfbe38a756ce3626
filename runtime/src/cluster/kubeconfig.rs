//! Kubeconfig files: which are read, which context is meant, and what in it is refused.

use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Kubeconfig, KubeconfigError};

use super::connect::OpenOptions;
use crate::error::{Error, Kind, Result};
use zeroize::Zeroizing;

/// Where a pod finds its service account.
const POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// One context of the kubeconfig, for lists and choices.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextInfo {
    /// Its name.
    pub name: String,
    /// The address of its API server.
    pub server: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Whether it is the current one.
    pub current: bool,
}

impl ContextInfo {
    /// The contexts of these files; of those that `KUBECONFIG` or the home folder give if there are none.
    ///
    /// # Errors
    /// If a file is missing or cannot be read as a kubeconfig.
    pub fn all(paths: &[PathBuf]) -> Result<Vec<ContextInfo>> {
        let config = read(paths)?;
        let info = |named: &kube::config::NamedContext| {
            let context = named.context.as_ref();
            let cluster = context.and_then(|c| config.clusters.iter().find(|k| k.name == c.cluster));
            ContextInfo {
                name: named.name.clone(),
                server: cluster.and_then(|k| k.cluster.as_ref()).and_then(|k| k.server.clone()),
                namespace: context.and_then(|c| c.namespace.clone()),
                current: config.current_context.as_ref() == Some(&named.name),
            }
        };
        Ok(config.contexts.iter().map(info).collect())
    }
}

/// The merged kubeconfig of these files, or of those that `KUBECONFIG` or the home folder give.
pub(super) fn read(paths: &[PathBuf]) -> Result<Kubeconfig> {
    if !paths.is_empty() {
        return merge(paths.iter().map(PathBuf::as_path));
    }
    let listed: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map_or_else(Vec::new, |list| std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect());
    if listed.is_empty() {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".kube/config");
        if !home.exists() {
            return Err(Error::new(
                Kind::NotFound,
                "there is no kubeconfig: neither KUBECONFIG nor ~/.kube/config is there",
            )
            .hint("name one, or set KUBECONFIG"));
        }
        return merge([home.as_path()].into_iter());
    }
    // As kubectl does it: files of the list that do not exist are passed over.
    let present: Vec<&Path> = listed.iter().filter(|p| p.exists()).map(PathBuf::as_path).collect();
    if present.is_empty() {
        let names: Vec<String> = listed.iter().map(|p| p.display().to_string()).collect();
        return Err(Error::new(
            Kind::NotFound,
            format!("none of the files in KUBECONFIG exists: {}", names.join(", ")),
        )
        .hint("set KUBECONFIG to the cluster's kubeconfig, or name it with --kubeconfig"));
    }
    merge(present.into_iter())
}

fn merge<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Kubeconfig> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let shown = path.display();
        if !path.exists() {
            return Err(Error::new(Kind::NotFound, format!("there is no kubeconfig {shown}"))
                .hint("is the path right, and may this user look there?"));
        }
        let unreadable = |e| unreadable(path, e);
        let next = Kubeconfig::read_from(path).map_err(unreadable)?;
        merged = Some(match merged {
            None => next,
            Some(earlier) => earlier.merge(next).map_err(unreadable)?,
        });
    }
    Ok(merged.unwrap_or_default())
}

/// A parser's own message quotes the file, and with it tokens and keys: only the place is told.
fn unreadable(path: &Path, error: KubeconfigError) -> Error {
    let shown = path.display();
    let error = match error {
        KubeconfigError::Parse(fault) => {
            let place = fault.location().map(|at| format!(", at line {} column {}", at.line(), at.column()));
            Error::new(Kind::Malformed, format!("{shown} cannot be read as a kubeconfig{}", place.unwrap_or_default()))
        }
        other => Error::new(Kind::Malformed, format!("{shown} cannot be read as a kubeconfig")).source(other),
    };
    error.hint("try: kubectl config view")
}

/// The context that is meant, and everything in it that is refused.
pub(super) fn choose(config: &Kubeconfig, options: &OpenOptions) -> Result<String> {
    let wanted = options.context.as_ref().or(config.current_context.as_ref()).filter(|n| !n.is_empty());
    let Some(name) = wanted else {
        return Err(Error::usage("the kubeconfig has no current context")
            .hint(format!("name one of: {}", names(config.contexts.iter().map(|c| c.name.as_str())))));
    };
    let Some(context) = config.contexts.iter().find(|c| c.name == *name).and_then(|c| c.context.as_ref()) else {
        return Err(unknown_context(name, config));
    };
    let missing = |what: &str, which: &str| {
        Error::new(
            Kind::Malformed,
            format!("context {name} names the {what} {which}, which the kubeconfig does not have"),
        )
    };
    let cluster = config.clusters.iter().find(|c| c.name == context.cluster).and_then(|c| c.cluster.as_ref());
    let cluster = cluster.ok_or_else(|| missing("cluster", &context.cluster))?;
    if cluster.insecure_skip_tls_verify == Some(true) && !options.allow_insecure_tls {
        return Err(Error::new(
            Kind::Denied,
            format!("context {name} has insecure-skip-tls-verify: anyone in between could read and change everything"),
        )
        .hint("give its certificate-authority in the kubeconfig instead, or allow it explicitly"));
    }
    let Some(user) = context.user.as_ref().filter(|u| !u.is_empty()) else { return Ok(name.clone()) };
    let user_info = config.auth_infos.iter().find(|u| u.name == *user).and_then(|u| u.auth_info.as_ref());
    let auth = user_info.ok_or_else(|| missing("user", user))?;
    check_programs(name, auth, options)?;
    let plain = cluster.server.as_deref().is_some_and(|s| s.starts_with("http://") && !is_loopback(s));
    if plain && (auth.token.is_some() || auth.token_file.is_some() || auth.password.is_some() || auth.exec.is_some()) {
        return Err(Error::new(Kind::Denied, format!("context {name} would send credentials over plain HTTP"))
            .hint("use the server's https:// address"));
    }
    Ok(name.clone())
}

/// A kubeconfig with the context that is meant and nothing else; files that it names are absolute already.
pub(super) fn alone(mut config: Kubeconfig, options: &OpenOptions) -> Result<Zeroizing<String>> {
    let name = choose(&config, options)?;
    config.contexts.retain(|context| context.name == name);
    let context = config.contexts.iter_mut().find_map(|named| named.context.as_mut());
    let (cluster, user) = context.map_or_else(Default::default, |context| {
        if options.namespace.is_some() {
            context.namespace.clone_from(&options.namespace);
        }
        (context.cluster.clone(), context.user.clone())
    });
    config.clusters.retain(|named| named.name == cluster);
    config.auth_infos.retain(|named| Some(&named.name) == user.as_ref());
    config.current_context = Some(name);
    let text =
        serde_json::to_string(&config).map_err(|e| Error::internal("a kubeconfig cannot be written").source(e))?;
    Ok(Zeroizing::new(text))
}

/// A kubeconfig of the pod that this runs in; the token stays in its file, where it is renewed.
pub(super) fn of_pod() -> Result<Zeroizing<String>> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|e| Error::new(Kind::System, format!("{name} is not set in this pod")).source(e))
    };
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "in-cluster", "cluster": {
            "server": format!("https://{host}:{port}"), "certificate-authority": format!("{POD}/ca.crt") } }],
        "users": [{ "name": "in-cluster", "user": { "tokenFile": format!("{POD}/token") } }],
        "contexts": [{ "name": "in-cluster", "context": { "cluster": "in-cluster", "user": "in-cluster" } }],
        "current-context": "in-cluster",
    });
    Ok(Zeroizing::new(config.to_string()))
}

/// A kubeconfig may run programs: each must be on the caller's list, as it is written there.
fn check_programs(context: &str, auth: &AuthInfo, options: &OpenOptions) -> Result<()> {
    let exec = auth.exec.as_ref().map(|e| e.command.clone().unwrap_or_default());
    let provider = auth.auth_provider.as_ref().and_then(|p| p.config.get("cmd-path").cloned());
    for program in exec.into_iter().chain(provider) {
        if !options.allow_programs.contains(&program) {
            return Err(Error::new(
                Kind::Denied,
                format!("context {context} wants to run the program {program:?} to get its credentials"),
            )
            .hint(format!("if you trust this kubeconfig, allow {program:?} by that very name")));
        }
    }
    Ok(())
}

fn unknown_context(name: &str, config: &Kubeconfig) -> Error {
    let error = Error::new(Kind::NotFound, format!("the kubeconfig has no context {name}"));
    let mut scored: Vec<(f64, &str)> =
        config.contexts.iter().map(|c| (strsim::jaro_winkler(&c.name, name), c.name.as_str())).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    match scored.as_slice() {
        [] => error.hint("it has none at all"),
        [(score, best), ..] if *score > 0.8 => error.hint(format!("did you mean {best}?")),
        all => error.hint(format!("it has: {}", names(all.iter().map(|(_, n)| *n)))),
    }
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = all.collect();
    match all.len() {
        0 => "(none)".into(),
        1..=6 => all.join(", "),
        more => format!("{} and {} more", all[..6].join(", "), more - 6),
    }
}

pub(super) fn is_loopback(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: a, cluster: {server: "https://10.0.0.1:6443"}}
- {name: b, cluster: {server: "https://10.0.0.2:6443", insecure-skip-tls-verify: true}}
- {name: c, cluster: {server: "http://10.0.0.3:8080"}}
users:
- {name: token, user: {token: abc}}
- {name: aws, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token]}}}
- {name: gcp, user: {auth-provider: {name: gcp, config: {cmd-path: /opt/evil}}}}
contexts:
- {name: prod, context: {cluster: a, user: token, namespace: shop}}
- {name: insecure, context: {cluster: b, user: token}}
- {name: eks, context: {cluster: a, user: aws}}
- {name: gke, context: {cluster: a, user: gcp}}
- {name: plain, context: {cluster: c, user: token}}
- {name: broken, context: {cluster: nowhere, user: token}}
"#;

    fn try_context(name: &str, edit: impl FnOnce(&mut OpenOptions)) -> Result<String> {
        let mut options = OpenOptions { context: Some(name.into()), ..OpenOptions::default() };
        edit(&mut options);
        choose(&Kubeconfig::from_yaml(CONFIG).unwrap(), &options)
    }

    #[test]
    fn the_current_context_is_meant_if_none_is_named() {
        let config = Kubeconfig::from_yaml(CONFIG).unwrap();
        assert_eq!(choose(&config, &OpenOptions::default()).unwrap(), "prod");
    }

    #[test]
    fn an_unknown_context_names_the_nearest() {
        let error = try_context("prdo", |_| ()).unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (Kind::NotFound, Some("did you mean prod?")));
        let error = try_context("xyz", |_| ()).unwrap_err();
        assert!(error.hint_text().unwrap().starts_with("it has: "), "{error:?}");
    }

    #[test]
    fn programs_run_only_if_allowed_by_name() {
        let error = try_context("eks", |_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied);
        assert!(error.message().contains("\"aws\"") && error.hint_text().unwrap().contains("\"aws\""));
        assert!(try_context("eks", |o| o.allow_programs = vec!["/usr/bin/aws".into()]).is_err());
        assert!(try_context("eks", |o| o.allow_programs = vec!["aws".into()]).is_ok());
        assert!(try_context("gke", |_| ()).unwrap_err().message().contains("/opt/evil"));
    }

    #[test]
    fn connections_that_can_be_listened_to_are_refused() {
        assert_eq!(try_context("insecure", |_| ()).unwrap_err().kind(), Kind::Denied);
        assert!(try_context("insecure", |o| o.allow_insecure_tls = true).is_ok());
        assert!(try_context("plain", |_| ()).unwrap_err().message().contains("plain HTTP"));
        assert!(try_context("broken", |_| ()).unwrap_err().message().contains("nowhere"));
        assert!(
            is_loopback("http://[::1]:80")
                && is_loopback("http://127.0.0.2")
                && !is_loopback("http://127.0.0.1.evil.example")
        );
    }

    #[test]
    fn for_other_programs_there_is_the_context_alone_with_its_credentials() {
        let options = OpenOptions { context: Some("prod".into()), ..OpenOptions::default() };
        let text = alone(Kubeconfig::from_yaml(CONFIG).unwrap(), &options).unwrap();
        let read = Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!((read.contexts.len(), read.clusters.len(), read.auth_infos.len()), (1, 1, 1), "{}", &*text);
        assert_eq!(read.current_context.as_deref(), Some("prod"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["users"][0]["user"]["token"], "abc");
        let refused = OpenOptions { context: Some("eks".into()), ..OpenOptions::default() };
        assert_eq!(alone(Kubeconfig::from_yaml(CONFIG).unwrap(), &refused).unwrap_err().kind(), Kind::Denied);
    }

    #[test]
    fn files_are_merged_and_the_first_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::write(&one, CONFIG).unwrap();
        std::fs::write(
            &two,
            CONFIG.replace("current-context: prod", "current-context: eks").replace("name: gke", "name: more"),
        )
        .unwrap();
        let all = ContextInfo::all(&[one.clone(), two]).unwrap();
        assert_eq!(all.iter().filter(|c| c.current).map(|c| c.name.as_str()).collect::<Vec<_>>(), ["prod"]);
        assert_eq!(all[0].namespace.as_deref(), Some("shop"));
        assert!(all.iter().any(|c| c.name == "more") && all.iter().filter(|c| c.name == "prod").count() == 1);
        assert_eq!(ContextInfo::all(&[folder.path().join("none")]).unwrap_err().kind(), Kind::NotFound);
        for broken in
            ["users:\n- name: u\n  user: {token: hunter2\n  bad", "users: [{name: u, user: {token: [hunter2]}}]"]
        {
            std::fs::write(&one, broken).unwrap();
            let error = ContextInfo::all(std::slice::from_ref(&one)).unwrap_err();
            assert_eq!(error.kind(), Kind::Malformed);
            assert!(error.message().contains("at line "), "{error}");
            assert!(!format!("{error:?}{}", error.to_json()).contains("hunter2"), "{error:?}");
        }
    }
}

//! The primitives of Windlass, one file each.

pub mod cluster;
pub mod data;
pub(crate) mod fields;
pub mod helm;
pub mod log;
pub mod manifest;
pub mod path;
pub mod report;
pub mod secret;
pub mod text;
pub mod tls;
pub mod wait;

#[cfg(test)]
pub(crate) mod testing;

use windlass_runtime::Package;

/// Every primitive, with the handlers that probe and take back their changes.
#[must_use]
pub fn all() -> Package {
    let modules = [
        cluster::primitives(),
        data::primitives(),
        helm::primitives(),
        log::primitives(),
        manifest::primitives(),
        report::primitives(),
        secret::primitives(),
        text::primitives(),
        tls::primitives(),
        wait::primitives(),
    ];
    let package = Package::new(modules.into_iter().flatten().collect()).type_of(tls::Certificate::register);
    helm::with_handlers(cluster::with_handlers(package))
}

#[cfg(test)]
mod tests {
    use windlass_runtime::docs::Found;

    /// What the field calls something, and what it is called here.
    const NAMES: [(&str, &[&str]); 19] = [
        ("helm::install", &["helm::upgrade"]),
        ("helm::delete", &["helm::uninstall"]),
        ("helm::fetch", &["helm::pull"]),
        ("helm::repo_add", &["helm::repo"]),
        ("helm::dependency_update", &["helm::dependency_build"]),
        ("cluster::create", &["cluster::apply"]),
        ("cluster::remove", &["cluster::delete"]),
        ("cluster::rollout_restart", &["cluster::restart"]),
        ("cluster::rollout_undo", &["cluster::rollback"]),
        ("cluster::rollout_status", &["wait::rollout"]),
        ("wait::rollout_status", &["wait::rollout"]),
        ("cluster::cp", &["cluster::copy_from", "cluster::copy_to"]),
        ("cluster::evict", &["cluster::drain"]),
        ("rollout undo", &["cluster::rollback"]),
        ("kubectl cp", &["cluster::copy_from", "cluster::copy_to"]),
        ("helm install", &["helm::upgrade"]),
        ("dry run", &["helm::diff", "helm::template"]),
        ("PodDisruptionBudget", &["cluster::drain"]),
        ("atomic", &["helm::recover", "helm::upgrade"]),
    ];

    #[test]
    fn what_the_field_calls_otherwise_is_found_in_the_reference() {
        let reference = crate::testing::runtime().reference();
        for (name, meant) in NAMES {
            let found = match reference.search(&[name.to_owned()]) {
                Found::One(entry) => vec![entry.id.as_str()],
                Found::Several(entries) => entries.iter().map(|entry| entry.id.as_str()).collect(),
                Found::Nothing(near) => panic!("{name}: nothing, but near {near:?}"),
            };
            assert_eq!(found, meant, "{name}");
        }
    }

    #[test]
    fn a_call_by_another_name_is_led_to_ours() {
        for (name, meant) in NAMES.into_iter().filter(|(name, _)| name.contains("::")) {
            let error = crate::testing::run(&format!("{name}(\"web\", \"x\")")).error();
            for meant in meant {
                let hint = error["hint"].as_str().unwrap_or_default();
                assert!(hint.starts_with("did you mean ") && hint.contains(&format!("{meant:?}")), "{name}: {error}");
            }
        }
        let error = crate::testing::run("helm::install(\"web\", \"charts/web\")").error();
        assert_eq!(error["hint"], "did you mean \"helm::upgrade\"?", "and not helm::uninstall: {error}");
    }

    #[test]
    fn other_names_are_written_as_they_are_looked_for_and_hide_none_of_ours() {
        let runtime = crate::testing::runtime();
        for primitive in runtime.primitives() {
            for name in primitive.also {
                let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == ' ');
                assert!(plain, "{} {name}", primitive.id());
                let own = runtime.primitive(primitive.module, &name.replace(' ', "_"));
                assert!(own.is_none(), "{}: {name} is a function of its own", primitive.id());
            }
        }
    }
}

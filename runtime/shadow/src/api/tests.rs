use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};

use crate::Shadow;
use crate::testing::{HandClock, catalog, clock};

fn shadow() -> Shadow {
    Shadow::builder(clock(&HandClock::new())).catalog(catalog()).seed(7).build()
}

fn settings(name: &str) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    ConfigMap { metadata, data: Some([("key".to_owned(), "value".to_owned())].into()), ..ConfigMap::default() }
}

/// Without tokio's timers: nothing in the shadow may need them.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a runtime of the test's own, without timers")]
    runtime.block_on(work)
}

#[test]
fn a_config_map_is_created_read_listed_and_watched() {
    run(async {
        let client = Client::new(shadow().client(), "default");
        let api: Api<ConfigMap> = Api::default_namespaced(client);
        let created = api.create(&PostParams::default(), &settings("one")).await.unwrap();
        assert_eq!(created.metadata.namespace.as_deref(), Some("default"));
        assert!(created.metadata.uid.is_some() && created.metadata.creation_timestamp.is_some());
        assert_eq!(api.get("one").await.unwrap(), created);
        let list = api.list(&ListParams::default()).await.unwrap();
        assert_eq!(list.items.iter().map(|item| item.metadata.uid.clone()).collect::<Vec<_>>(), [created.metadata.uid]);

        let version = list.metadata.resource_version.unwrap();
        let mut watch = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
        api.create(&PostParams::default(), &settings("two")).await.unwrap();
        api.delete("one", &DeleteParams::default()).await.unwrap();
        let added = watch.try_next().await.unwrap().unwrap();
        assert!(matches!(&added, WatchEvent::Added(it) if it.metadata.name.as_deref() == Some("two")), "{added:?}");
        let deleted = watch.try_next().await.unwrap().unwrap();
        assert!(
            matches!(&deleted, WatchEvent::Deleted(it) if it.metadata.name.as_deref() == Some("one")),
            "{deleted:?}"
        );
        assert_eq!(api.get_opt("one").await.unwrap(), None);
    });
}

use serde_json::json;

use super::*;

fn config_map(store: &Store, name: &str, bytes: usize) -> Json {
    let version = store.next_version().to_string();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": { "text": "x".repeat(bytes) },
        "metadata": { "name": name, "namespace": "shop", "uid": name, "resourceVersion": version },
    })
}

fn put(store: &mut Store, name: &str, bytes: usize) {
    let object = config_map(store, name, bytes);
    store.put(&Key::new("configmaps", "shop", name), &object);
}

#[test]
fn the_history_forgets_what_takes_too_much_room_and_says_so() {
    let mut store = Store::new(None);
    for count in 0..80 {
        put(&mut store, "large", (1 << 20) + count);
    }
    let TooOld { oldest } = store.changes_since(0).map(|_| ()).unwrap_err();
    assert!((10..40).contains(&oldest), "80 MiB were written, 64 are kept: {oldest}");
    assert_eq!(store.changes_since(oldest).unwrap().count() as u64, 80 - oldest);
    // What is there is not history.
    assert!(store.find("configmaps", "shop", "large").is_some());

    for _ in 0..21_000 {
        put(&mut store, "small", 1);
    }
    assert_eq!(store.changes_since(store.version() - 20_000).unwrap().count(), 20_000);
    assert!(store.changes_since(store.version() - 20_001).is_err());
}

#[test]
fn a_fork_keeps_the_history_and_goes_its_own_way() {
    let mut store = Store::new(None);
    put(&mut store, "a", 1);
    let mut fork = store.fork();
    put(&mut fork, "b", 1);
    assert_eq!((store.version(), fork.version()), (1, 2));
    assert_eq!(fork.changes_since(0).unwrap().count(), 2);
    assert!(store.find("configmaps", "shop", "b").is_none());
}

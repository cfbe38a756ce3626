//! What the journal keeps of lines that a person types.

#![expect(clippy::unwrap_used, reason = "a test fails so")]

use std::path::Path;
use std::sync::Arc;

use windlass_runtime::cancel::Cancel;
use windlass_runtime::journal::{About, Side, Store, Watched};
use windlass_runtime::playbook::Console;
use windlass_runtime::report::StepStatus;
use windlass_runtime::secret::Keys;
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::target::Shadow;
use windlass_runtime::{Runtime, STACK};

const CANARY: &str = "correct-horse-battery";

/// Whether it stands in a file of this folder, or a folder in it.
fn holds(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return holds(&path);
        }
        std::fs::read(&path).unwrap().windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes())
    })
}

#[test]
fn a_password_in_a_typed_line_is_nowhere_in_the_journal() {
    let home = tempfile::tempdir().unwrap();
    let folders = UserFolders { config: home.path().join("config"), state: home.path().join("state") };
    let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
    let kept = Arc::new(store.begin(About { what: "typed".into(), ..About::default() }).unwrap());
    let state = folders.state.clone();
    let journal = Watched::new(kept, move |point, side| {
        // Whoever is killed here leaves what is written until now.
        assert!(side == Side::Before || !holds(&state), "{point:?}");
        Ok(())
    });
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let session = runtime.session(Shadow::builder().build().unwrap()).journal(Arc::new(journal)).open();
    session.begin_by_hand("typed").unwrap();
    let applies = format!(
        "cluster::apply(#{{ apiVersion: \"v1\", kind: \"Secret\", metadata: #{{ name: \"db\" }}, stringData: #{{ password: \"{CANARY}\" }} }})"
    );
    // At first, nobody knows yet that it is secret.
    let lines = [
        format!(
            "cluster::config_map(\"open\", #{{ data: #{{ x: \"1\" }} }}); let pw = `{CANARY} ${{1}}`; [].no_such()"
        ),
        applies,
        format!("cluster::secret(\"other\", #{{ data: #{{ password: \"{CANARY}\" }} }}); // {CANARY}"),
    ];
    let typing = || {
        let mut console = Console::new(&session);
        lines.iter().filter(|line| console.evaluate("<input>", line, &Cancel::root()).is_err()).count()
    };
    let failed = std::thread::scope(|threads| {
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, typing).unwrap().join().unwrap()
    });
    assert_eq!(failed, 1);
    let record = store.record(session.id()).unwrap();
    let of: Vec<_> = record.steps.iter().map(|s| (s.title.as_str(), s.report.as_ref().map(|r| r.status))).collect();
    assert_eq!(
        of,
        [
            ("a typed line: cluster::config_map, no_such", Some(StepStatus::Failed)),
            ("a typed line: cluster::apply", Some(StepStatus::Ok)),
            ("a typed line: cluster::secret", Some(StepStatus::Ok)),
        ]
    );
    assert!(!serde_json::to_string(&record).unwrap().contains(CANARY));
    store.export(session.id(), &home.path().join("exported.json")).unwrap();
    assert!(!holds(home.path()));
}

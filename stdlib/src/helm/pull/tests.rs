use std::path::Path;

use serde_json::json;
use windlass_runtime::change::{Probed, ResultWord};
use windlass_runtime::journal::Journal as _;
use windlass_runtime::undo::Undoing;

use crate::helm::chart::file_hash;
use crate::helm::testing::{With, chart, copy_of, with_each};
use crate::testing::{Bed, Cut, on, run_on, runtime};

/// A folder with the archive of `web`, in which the colour is another one.
fn packed(with: &With, colour: &str) -> tempfile::TempDir {
    let (_folder, web) = copy_of("web");
    let values = format!("{web}/values.yaml");
    let text = std::fs::read_to_string(&values).unwrap();
    assert!(text.contains("colour: blue"), "{text}");
    std::fs::write(&values, text.replace("colour: blue", &format!("colour: {colour}"))).unwrap();
    let packed = tempfile::tempdir().unwrap();
    with.helm_by_hand(&["package", &web, "--destination", packed.path().to_str().unwrap()]);
    packed
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn script(from: &Path, to: &Path) -> String {
    format!("helm::pull({:?}, #{{ to: {to:?} }})", from.join("web-1.0.0.tgz"))
}

#[on(shadow, live)]
fn an_archive_is_put_there_once_replaced_and_taken_back(bed: Bed) {
    with_each(&bed, |with| {
        let (blue, red, base) = (packed(with, "blue"), packed(with, "red"), tempfile::tempdir().unwrap());
        let (to, hash) =
            (base.path().join("bundle"), |folder: &Path| file_hash(&folder.join("web-1.0.0.tgz")).unwrap());
        let target = to.join("web-1.0.0.tgz");
        let first = with.run(&script(blue.path(), &to));
        let value = first.value();
        assert_eq!(
            (&value["changed"], &value["diff"]),
            (&json!(true), &json!([format!("{}: created", target.display())]))
        );
        let digest = format!("sha256:{}", hash(blue.path()));
        assert_eq!(value["object"], json!({ "path": target, "digest": digest }));
        assert_eq!(names(&to), ["web-1.0.0.tgz"], "nothing is left beside it");
        let second = with.run(&script(blue.path(), &to)).value();
        assert_eq!((&second["changed"], &second["object"]), (&json!(false), &value["object"]));
        assert_eq!(second["reason"], format!("it is there already, with the digest {digest}"));

        let third = with.run(&script(red.path(), &to));
        assert_eq!(third.value()["diff"], json!([format!("{}: replaced", target.display())]));
        assert_eq!(hash(&to), hash(red.path()));
        let error = with.undo(&first).unwrap_err();
        assert!(error.message().contains("has been changed since"), "{error}");
        assert!(with.undo(&third).unwrap()[0].changed());
        assert_eq!(hash(&to), hash(blue.path()), "what it had replaced is back");
        assert!(!with.undo(&third).unwrap()[0].changed(), "it is back already");
        assert!(with.undo(&first).unwrap()[0].changed());
        assert!(names(&to).is_empty());
    });
}

#[on(shadow, live)]
fn a_cut_between_intent_and_result_is_probed_rightly(bed: Bed) {
    with_each(&bed, |with| {
        let (blue, base) = (packed(with, "blue"), tempfile::tempdir().unwrap());
        let to = base.path().join("bundle");
        for before_acting in [true, false] {
            let cut = Cut::new(before_acting);
            with.run_with(&script(blue.path(), &to), |session| session.journal(cut.journal())).error();
            let entries = cut.kept.entries().unwrap();
            let session = runtime().session(with.bed.target()).open();
            let probed = windlass_runtime::undo::probe(&session, &entries[0].0).unwrap();
            assert_eq!(probed, [if before_acting { Probed::DidNot } else { Probed::TookEffect }]);
            let undone = with.undo_entries(&entries).unwrap();
            assert_eq!(matches!(undone[0].result, Undoing::HadNoEffect), before_acting, "{undone:?}");
            assert!(names(&to).is_empty());
        }
    });
}

#[on(shadow, live)]
fn what_may_not_be_written_is_not(bed: Bed) {
    with_each(&bed, |with| {
        let (blue, base) = (packed(with, "blue"), tempfile::tempdir().unwrap());
        let to = base.path().join("bundle");
        let read_only = windlass_runtime::access::Access::read_only();
        let error = with.run_with(&script(blue.path(), &to), |session| session.access(read_only)).error();
        assert_eq!(error["kind"], "denied", "{error}");
        assert!(!to.exists());
        std::fs::write(&to, "a file").unwrap();
        let error = with.run(&script(blue.path(), &to)).error();
        assert_eq!(error["kind"], "system", "{error}");
        assert!(error["message"].as_str().unwrap().contains("cannot be written"), "{error}");
        assert!(error["hint"].is_string(), "{error}");
        let error = with.run(&format!("helm::pull({:?}, #{{ to: {to:?} }})", chart("web"))).error();
        assert_eq!(error["kind"], "usage", "a folder is nothing to fetch: {error}");
    });
}

#[on(shadow, because = "a rehearsal is on a simulated cluster")]
fn a_rehearsal_writes_nothing_and_finds_what_it_fetched(bed: Bed) {
    with_each(&bed, |with| {
        let (red, base) = (packed(with, "red"), tempfile::tempdir().unwrap());
        let to = base.path().join("bundle");
        let rehearsal = windlass_runtime::target::Shadow::builder().build().unwrap();
        let whole = format!(
            "let chart = {}.object.path; cluster::namespace(\"shop\"); helm::upgrade(\"web\", chart, #{{ namespace: \"shop\" }});
             helm::status(\"web\", #{{ namespace: \"shop\" }}).notes",
            script(red.path(), &to)
        );
        let ran = run_on(rehearsal, &whole, |session| {
            session.program("helm", &with.path).state_folder(crate::helm::testing::state())
        });
        assert_eq!(ran.value(), "web is red.\n");
        let first = &ran.report.steps[0].outcome[0];
        assert_eq!(first.result, ResultWord::Assumed, "{first:?}");
        assert!(!to.exists());
        let error = with.run(&format!("helm::upgrade(\"web\", {:?}, #{{ NS }})", to.join("web-1.0.0.tgz"))).error();
        assert_eq!(error["kind"], "not_found", "another session does not find it: {error}");
    });
}

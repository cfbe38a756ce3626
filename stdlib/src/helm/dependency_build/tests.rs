use serde_json::json;
use windlass_runtime::change::ResultWord;

use crate::helm::testing::{copy_of, with_each};
use crate::testing::{Bed, on, run_on};

#[on(shadow, live)]
fn what_a_chart_depends_on_is_built_once_anew_where_it_changed_and_taken_back(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, shop) = copy_of("shop");
        let build = format!("helm::dependency_build({shop:?})");
        let install = format!("helm::upgrade(\"shop\", {shop:?}, #{{ NS, set: #{{ \"web.colour\": \"red\" }} }})");
        let error = with.run(&install).error();
        assert!(error["hint"].as_str().unwrap().contains("helm::dependency_build"), "{error}");
        let first = with.run(&build);
        let value = first.value();
        assert_eq!(
            (&value["changed"], &value["object"]["charts"]),
            (&json!(true), &json!(["web-1.0.0.tgz"])),
            "{value:#}"
        );
        assert_eq!(value["diff"], json!([format!("{shop}/charts/web-1.0.0.tgz: created")]));
        let second = with.run(&build).value();
        assert_eq!(second["changed"], false, "it was packed at another time, and holds the same: {second:#}");
        assert_eq!(second["reason"], "its folder charts has what it depends on");
        with.run(&install).value();
        assert_eq!(with.get("cm/shop-shop")["data"]["colour"], "red");

        let values = format!("{shop}/../web/values.yaml");
        let text = std::fs::read_to_string(&values).unwrap();
        std::fs::write(&values, text.replace("colour: blue", "colour: green")).unwrap();
        let third = with.run(&build);
        assert_eq!(third.value()["diff"], json!([format!("{shop}/charts/web-1.0.0.tgz: replaced")]));
        assert!(with.undo(&third).unwrap()[0].changed());
        std::fs::write(&values, &text).unwrap();
        assert_eq!(with.run(&build).value()["changed"], false, "the one before is back");
        assert!(with.undo(&first).unwrap()[0].changed());
        assert_eq!(std::fs::read_dir(format!("{shop}/charts")).unwrap().count(), 0);
        let entries = std::fs::read_dir(&shop).unwrap().flatten().map(|entry| entry.file_name());
        assert!(entries.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left beside");
    });
}

#[on(shadow, because = "a rehearsal is on a simulated cluster")]
fn a_rehearsal_leaves_the_chart_as_it_is(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, shop) = copy_of("shop");
        let rehearsal = windlass_runtime::target::Shadow::builder().build().unwrap();
        let script = format!(
            "helm::dependency_build({shop:?}); cluster::namespace(\"shop\");
             helm::upgrade(\"shop\", {shop:?}, #{{ namespace: \"shop\" }}).object.revision"
        );
        let ran = run_on(rehearsal, &script, |session| {
            session.program("helm", &with.path).state_folder(crate::helm::testing::state())
        });
        assert_eq!(ran.value(), 1, "{:?}", ran.report.steps[0].error);
        assert_eq!(ran.report.steps[0].outcome[0].result, ResultWord::Assumed);
        assert!(!std::path::Path::new(&shop).join("charts").exists());
    });
}

#[on(shadow, live)]
fn what_cannot_be_built_is_said_and_changes_nothing(bed: Bed) {
    with_each(&bed, |with| {
        let (folder, shop) = copy_of("shop");
        let error = with.run(&format!("helm::dependency_build({:?})", folder.path())).error();
        assert_eq!(error["kind"], "not_found", "{error}");
        let lock = format!("{shop}/Chart.lock");
        let text = std::fs::read_to_string(&lock).unwrap();
        std::fs::write(&lock, text.replace("digest: sha256:", "digest: sha256:00")).unwrap();
        let error = with.run(&format!("helm::dependency_build({shop:?})")).error();
        assert_eq!(error["kind"], "rejected", "{error}");
        assert!(error["message"].as_str().unwrap().contains("Chart.lock"), "{error}");
        assert!(!std::path::Path::new(&shop).join("charts").exists());
    });
}

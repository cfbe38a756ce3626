//! `data::exists`.

use windlass_runtime::{Call, Result, primitive};

/// Says whether there is a file or folder at a path. A relative path starts at the script's own folder.
///
/// # Errors
/// `denied` outside the folders that the session may read.
///
/// # Example
/// ```rhai
/// if data::exists("certs/server.crt") {
///     log::info("the customer brought a certificate");
/// }
/// ```
#[primitive(module = "data", effect = Pure)]
pub fn exists(call: &Call<'_>, path: String) -> Result<bool> {
    Ok(call.locate(&path)?.exists())
}

#[cfg(test)]
mod tests {
    use crate::testing::{run, run_on};
    use windlass_runtime::access::Access;
    use windlass_runtime::target::NoTarget;

    #[test]
    fn files_and_folders_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let ran = run(&format!("[data::exists(\"{path}\"), data::exists(\"{path}/a\"), data::exists(\"{path}/b\")]"));
        assert_eq!(ran.value(), serde_json::json!([true, true, false]));
    }

    #[test]
    fn a_session_sees_only_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let access = Access::full().folders([folder.path()]);
        let ran = run_on(NoTarget::new(), "data::exists(\"/etc/passwd\")", |b| b.access(access));
        assert_eq!(ran.error()["kind"], "denied");
    }
}

//! `secret::command`.

use windlass_runtime::child::Child;
use windlass_runtime::options::SecretText;
use windlass_runtime::secret::{Origin, Placeholder, Secret};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

/// The options of `secret::command`.
#[derive(Debug, Clone, Options)]
pub struct CommandOptions {
    /// What the secret is called in messages: `[secret NAME]`; by default the program's name.
    pub name: Option<String>,
    /// What the program reads from its standard input, such as a token for it.
    pub stdin: Option<SecretText>,
}

/// Takes a secret from what a program of this machine writes to its standard output, without the line break at its end:
/// `pass`, `vault`, `op`, `gopass`, `sops`.
///
/// The program and its arguments are a list; there is no shell, and arguments are no place for secrets. What the script gets
/// is a stand-in, as with `secret::env`. It runs in a rehearsal too, but not in a session that is read-only or limited to
/// namespaces: nobody knows what a program changes.
///
/// # Errors
/// `denied` in such a session; `not_found` without the program; `system` if it does not end with 0 (what it said is not shown, for it may hold the
/// secret); `malformed` for output that is no text; `usage` for an empty one.
///
/// # Example
/// ```rhai
/// let password = secret::command(["printf", "%s", "a password for an example"], #{ name: "database" });
/// log::info(`the password is ${password}`);     // the line says: the password is [secret database]
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn command(call: &Call<'_>, command: Vec<String>, options: CommandOptions) -> Result<Placeholder> {
    let Some((program, arguments)) = command.split_first().filter(|(program, _)| !program.trim().is_empty()) else {
        return Err(Error::usage("secret::command needs a program")
            .hint("write it and its arguments as a list: [\"pass\", \"show\", \"db\"]"));
    };
    call.session().access().check_program(program).map_err(|e| {
        e.hint("take the secret from a variable, a file or a Secret: secret::env, secret::file, secret::kubernetes")
    })?;
    let mut child = arguments.iter().fold(Child::new(program), Child::argument);
    if let Some(stdin) = &options.stdin {
        child = child.stdin(stdin.resolve(call.session().secrets())?.as_bytes());
    }
    let finished = call.child(child)?;
    let output = zeroize::Zeroizing::new(finished.stdout);
    if finished.code != Some(0) {
        let how = finished.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with {code}"));
        return Err(Error::new(Kind::System, format!("{program} {how}, and gave no secret"))
            .hint("run it by hand to see what it says: it is not shown here, for it may hold the secret"));
    }
    let text = std::str::from_utf8(&output).map_err(|_| {
        Error::new(Kind::Malformed, format!("what {program} wrote is no text in UTF-8"))
            .hint("a secret is text; encode binary data, in base64 for example")
    })?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    let name = options.name.unwrap_or_else(|| program.clone());
    call.session().secrets().register(Secret::new(Origin::Command(name), text))
}

#[cfg(test)]
mod tests {
    use windlass_runtime::access::Access;
    use windlass_runtime::target::NoTarget;

    use crate::testing::{run, run_on};

    #[test]
    fn where_not_everything_may_be_changed_no_program_runs() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("ran");
        let script = format!("secret::command([\"sh\", \"-c\", \"touch {} && echo a-password\"])", mark.display());
        for access in [Access::read_only(), Access::full().namespaces(["shop"])] {
            let error = run_on(NoTarget::new(), &script, |b| b.access(access)).error();
            assert_eq!(error["kind"], "denied", "{error}");
            assert!(error["message"].as_str().unwrap().starts_with("sh may not be run: this session "), "{error}");
            assert!(error["hint"].as_str().unwrap().contains("secret::file"), "{error}");
            assert!(!mark.exists());
        }
        run_on(NoTarget::new(), &script, |b| b.access(Access::full().hosts(["a"]))).value();
        assert!(mark.exists());
    }

    #[test]
    fn the_output_is_a_secret_and_its_input_may_hold_one() {
        let ran = run(
            "let s = secret::command([\"printf\", \"first line\\n\"]); log::info(`it is ${s}`); let t = secret::command([\"cat\"], #{ name: \"second\", stdin: s + \" and more\" }); log::info(`${t}`)",
        );
        assert_eq!(ran.logs(), ["it is [secret printf]", "[secret second]"]);
        assert!(!ran.everything().contains("and more"));
    }

    #[test]
    fn a_failure_says_nothing_of_what_was_said() {
        let script = "secret::command([\"sh\", \"-c\", \"echo hunter2-out; echo hunter2-err >&2; exit 3\"])";
        let ran = run(script);
        assert_eq!(ran.error()["kind"], "system");
        assert_eq!(ran.error()["message"], "sh ended with 3, and gave no secret");
        assert!(!ran.everything().contains("hunter2-"));
        let killed = run("secret::command([\"sh\", \"-c\", \"kill -9 $$\"])").error();
        assert!(killed["message"].as_str().unwrap().contains("was ended by a signal"), "{killed}");
    }

    #[test]
    fn what_gives_no_secret_is_refused() {
        for (command, kind) in [
            ("[]", "usage"),
            ("[\"\"]", "usage"),
            ("\"pass show db\"", "usage"),
            ("[\"no-such-program-here\"]", "not_found"),
            ("[\"true\"]", "usage"),
            ("[\"printf\", \"\\\\377\\\\376abcd\"]", "malformed"),
        ] {
            assert_eq!(run(&format!("secret::command({command})")).error()["kind"], kind, "{command}");
        }
    }
}

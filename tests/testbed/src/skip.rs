//! When a test that needs the test bed does not run, and how it says so.

use std::io::Write;
use std::sync::OnceLock;

use crate::error::Error;
use crate::testbed::Testbed;

/// The variable that asks for the tests that need a test bed: `cargo xtask test` sets it to 1.
pub const ASKED: &str = "WINDLASS_TESTBED";

/// Whether the tests that need a test bed are asked for.
#[must_use]
pub fn asked() -> bool {
    set(ASKED)
}

/// Whether this is a CI run, in which nothing may be skipped for want of a tool.
#[must_use]
pub fn ci() -> bool {
    set("CI")
}

fn set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Says that a test is skipped because something is missing, and returns true.
///
/// # Panics
/// In a CI run: there, a missing tool is a failure.
#[expect(clippy::panic, reason = "this is how a test fails")]
pub fn skip_or_fail(reason: &str) -> bool {
    if ci() {
        panic!("this test must not be skipped in CI: {reason}");
    }
    say(reason);
    true
}

/// Whether the test that asks shall be skipped, which has been said then: tests with a test bed are not asked for, or
/// the test bed cannot be built here.
///
/// # Panics
/// In a CI run that asks for them, if the test bed cannot be built.
#[must_use]
pub fn skipped() -> bool {
    if !asked() {
        say("needs a test bed; `cargo xtask test` runs it");
        return true;
    }
    match Testbed::available() {
        Ok(()) => false,
        Err(missing) => skip_or_fail(&missing.to_string()),
    }
}

fn say(reason: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    // Past the test harness, which would keep it for itself, and in one piece.
    let _ = std::io::stderr().write_all(format!("skipped: {name}: {reason}\n").as_bytes());
}

/// The test bed that all tests of one test program share, with three nodes; `None` if tests with one are
/// [`skipped`]. It ends with the process. Keep to a namespace of your own ([`Testbed::fresh_namespace`]), and
/// start another one for tests that stop servers or nodes.
///
/// # Panics
/// If it cannot be started.
pub fn shared() -> Option<&'static Testbed> {
    static SHARED: OnceLock<Result<Testbed, Error>> = OnceLock::new();
    if skipped() {
        return None;
    }
    Some(started(&SHARED, |builder| builder))
}

/// The same with a real node too ([`crate::Builder::real_node`]); `None` also where that cannot be had.
///
/// # Panics
/// If it cannot be started; in a CI run also if something is missing for it.
pub fn shared_with_real_node() -> Option<&'static Testbed> {
    static SHARED: OnceLock<Result<Testbed, Error>> = OnceLock::new();
    if skipped() {
        return None;
    }
    if let Err(missing) = Testbed::real_node_available() {
        skip_or_fail(&missing.to_string());
        return None;
    }
    Some(started(&SHARED, crate::Builder::real_node))
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn started(
    shared: &'static OnceLock<Result<Testbed, Error>>,
    describe: impl FnOnce(crate::Builder) -> crate::Builder,
) -> &'static Testbed {
    match shared.get_or_init(|| describe(Testbed::builder().nodes(3)).start()) {
        Ok(testbed) => testbed,
        Err(error) => panic!("the shared test bed: {error}"),
    }
}

//! `wait::until`.

use std::time::Duration;

use serde_json::json;
use windlass_runtime::closure::Closure;
use windlass_runtime::{Call, Error, Kind, Options, Result, Value, duration, primitive};

/// The shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(10);

/// The options of `wait::until`.
#[derive(Debug, Clone, Options)]
pub struct UntilOptions {
    /// How long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long to pause between two looks.
    #[option(default = "\"2s\"")]
    pub every: Duration,
}

/// Waits until a closure of the script returns `true`, and returns `true`.
///
/// The text says what is waited for; progress and errors show it. `false` and `()` mean not yet; any other value is a
/// mistake. An error in the closure ends the wait at once: catch what may fail for a while inside it. Where an object of a
/// cluster is waited for, the other functions of `wait` see it sooner and say more.
///
/// # Errors
/// `timeout` when the time is over, also in the middle of a look; `usage` for a value that is neither true nor false;
/// whatever the closure throws.
///
/// # Example
/// ```rhai
/// wait::until("all nodes have joined", #{ timeout: "5m", every: "1s" }, || cluster::get("Node/node-1").metadata.name != "");
/// try {
///     wait::until("the impossible", #{ timeout: "20ms", every: "10ms" }, || 1 > 2);
/// } catch (e) {
///     log::info(e.message);
/// }
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn until(call: &Call<'_>, text: String, options: UntilOptions, closure: Closure) -> Result<bool> {
    let clock = call.clock();
    let deadline = clock.now() + options.timeout;
    let every = options.every.max(SHORTEST);
    let mut looks = 0_u64;
    let mut told = None;
    loop {
        looks += 1;
        let status = match call.run_within(deadline.since(clock.now()).max(SHORTEST), &closure, Vec::new())? {
            Some(Value::Bool(true)) => return Ok(true),
            Some(Value::Bool(false) | Value::Null) => match looks {
                1 => "not yet".to_owned(),
                looks => format!("not yet, looked {looks} times"),
            },
            Some(other) => return Err(neither(&text, &other)),
            None => format!("look {looks} did not end"),
        };
        let now = clock.now();
        if now >= deadline {
            return Err(over(&text, &status, looks, options.timeout));
        }
        if told.is_none_or(|at| now.since(at) >= Duration::from_secs(1)) {
            told = Some(now);
            call.progress(&text, status);
        }
        let (clock, next) = (clock.clone(), (now + every).min(deadline));
        call.wait(async move {
            clock.sleep_until(next).await;
            Ok(())
        })?;
    }
}

fn neither(text: &str, value: &Value) -> Error {
    Error::usage(format!("the closure that waits for {text:?} must return true or false, not {}", value.sort()))
        .hint("compare: `|| cluster::get(…).status.replicas == 3`; nothing, `()`, counts as not yet")
}

fn over(text: &str, status: &str, looks: u64, timeout: Duration) -> Error {
    Error::new(Kind::Timeout, format!("{text}: not within {} ({status})", duration::display(timeout)))
        .hint("is it only slow? Then give it more time with `timeout`")
        .details(json!({ "object": text, "status": status, "looks": looks }))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use windlass_runtime::event::What;

    use crate::testing::run;

    #[test]
    fn true_ends_it_and_nothing_counts_as_not_yet() {
        let begun = Instant::now();
        let ran = run(
            "let begun = timestamp(); wait::until(\"time\", #{ every: \"10ms\" }, || { if timestamp() - begun > 0.1 { true } })",
        );
        assert_eq!(ran.value(), true);
        assert!(begun.elapsed() >= Duration::from_millis(100));
        let told = |e: &windlass_runtime::event::Event| matches!(&e.what, What::Progress { subject, text } if subject == "time" && text == "not yet");
        assert_eq!(
            ran.events.iter().filter(|e| told(e)).count(),
            1,
            "the text is shown, and not more than each second"
        );
    }

    #[test]
    fn its_time_ends_it_with_what_was_waited_for() {
        let error = run("wait::until(\"pool healthy\", #{ timeout: \"50ms\", every: \"10ms\" }, || false)").error();
        assert_eq!(error["kind"], "timeout");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("pool healthy: not within 50ms (not yet, looked "), "{message}");
        assert_eq!(error["details"]["object"], "pool healthy");
        assert!(error["details"]["looks"].as_i64().unwrap() >= 2);
    }

    #[test]
    fn its_time_ends_a_look_that_does_not_end_and_can_be_caught() {
        let begun = Instant::now();
        for look in ["sleep(\"1m\"); true", "loop { }", "loop { sleep(0.001) }", "[1].map(|x| { loop { } }); true"] {
            let script = format!(
                "try {{ wait::until(\"it\", #{{ timeout: \"50ms\" }}, || {{ {look} }}) }} catch (e) {{ log::info(e.message) }} log::info(\"on\")"
            );
            let ran = run(&script);
            assert_eq!(ran.logs(), ["it: not within 50ms (look 1 did not end)", "on"], "{look}");
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn the_deadline_of_the_step_stays_the_deadline_of_the_step() {
        let ran = run(
            "step(\"a\", #{ timeout: \"50ms\" }, || { try { wait::until(\"it\", #{}, || { sleep(\"1m\") }) } catch (e) { log::info(\"caught\") } })",
        );
        assert_eq!(ran.error()["kind"], "deadline");
        assert!(ran.logs().is_empty());
    }

    #[test]
    fn mistakes_end_it_at_once() {
        let begun = Instant::now();
        for (look, kind, message) in [
            ("throw \"broken\"", "script", "broken"),
            ("no_such_thing()", "script", "no_such_thing"),
            ("1", "usage", "must return true or false, not a whole number"),
            ("\"yes\"", "usage", "must return true or false, not a text"),
        ] {
            let error = run(&format!("wait::until(\"it\", #{{}}, || {{ {look} }})")).error();
            assert_eq!(error["kind"], kind, "{look}: {error:#}");
            assert!(error["message"].as_str().unwrap().contains(message), "{look}: {error:#}");
        }
        let error = run("wait::until(\"it\", #{ evry: 1 }, || true)").error();
        assert!(error["hint"].as_str().unwrap().contains("every"), "{error:#}");
        let error = run("wait::until(\"it\", #{ timeout: \"-1s\" }, || true)").error();
        assert_eq!(error["kind"], "usage");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

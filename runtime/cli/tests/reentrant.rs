//! The command as a function: several at once, each with its own streams.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use windlass::{Io, Output};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn run(arguments: &[&str]) -> (u8, String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let io = Io { out: Output::new(out.clone(), false), err: Output::new(err.clone(), false), process: false };
    let code = windlass::run(std::iter::once("windlass").chain(arguments.iter().copied()), &io);
    (code, out.text(), err.text())
}

#[test]
fn several_commands_at_once_do_not_meet() {
    std::thread::scope(|threads| {
        for i in 0..4_usize {
            threads.spawn(move || {
                let (code, out, err) = run(&["eval", &format!("log::info(\"line {i}\"); {i} * 2")]);
                assert_eq!((code, out.as_str()), (0, format!("{}\n", i * 2).as_str()), "{err}");
                assert_eq!(err, format!("  line {i}\n"));
            });
        }
    });
    assert_eq!(run(&["no-such-command"]).0, 2);
    assert_eq!(run(&["--help"]).0, 0);
}

#[test]
fn json_holds_nothing_that_a_terminal_obeys() {
    let (code, out, _) = run(&["eval", "-o", "json", "\"a\\u009b2J\\u202eb\\x1b[m\""]);
    assert_eq!((code, out.as_str()), (0, "\"a\\u009b2J\\u202eb\\u001b[m\"\n"));
    let back: String = serde_json::from_str(&out).unwrap();
    assert_eq!(back, "a\u{9b}2J\u{202e}b\u{1b}[m");
}

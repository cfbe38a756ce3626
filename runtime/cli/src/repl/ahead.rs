//! What a person has typed before they were asked: whole lines, which the terminal has kept.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;

/// The longest line that a terminal keeps.
const LONGEST: usize = 4096;

/// What was typed ahead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    Line(String),
    /// Ctrl-D.
    End,
}

/// The first that was typed ahead. Nobody edits a line meanwhile: a terminal gives whole lines then, one at a time.
pub(super) fn next() -> Option<Ahead> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0);
    if !ready {
        return None;
    }
    let mut line = vec![0; LONGEST];
    let count = rustix::io::read(stdin(), &mut line[..]).ok()?;
    line.truncate(count);
    if line.is_empty() {
        return Some(Ahead::End);
    }
    Some(Ahead::Line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned()))
}

/// Takes away what was typed ahead.
pub(super) fn drop_all() -> Vec<String> {
    let lines = std::iter::from_fn(next).take_while(|ahead| *ahead != Ahead::End);
    let text = |ahead| if let Ahead::Line(line) = ahead { line } else { String::new() };
    lines.map(text).filter(|line| !line.trim().is_empty()).collect()
}

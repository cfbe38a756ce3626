//! What a person has typed before they were asked.
//!
//! While something runs, the terminal keeps it, with line feeds at the ends of its lines. Once the editor has changed the
//! terminal's mode, it would take those for Ctrl-J, of which it takes several at once and drops all but one: so what is there is
//! taken before.

use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;

/// What the terminal has kept: whole lines, and the beginning of one that the editor had not read yet when it ended.
pub(super) fn take() -> String {
    let mut taken = Vec::new();
    let mut piece = [0; 4096];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A Ctrl-D reads as nothing, and is not kept: it was for what ran.
    while poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], Some(&now)).is_ok_and(|count| count > 0) {
        match rustix::io::read(stdin(), &mut piece) {
            Ok(count) if count > 0 => taken.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&taken).replace('\r', "\n")
}

/// Whether the editor has keys of before, which come first.
pub(super) fn is_with_editor() -> bool {
    event::poll(Duration::ZERO).unwrap_or_default()
}

/// Takes away the keys that the editor has, and gives what they write.
pub(super) fn take_from_editor() -> String {
    let mut text = String::new();
    while is_with_editor() {
        match event::read() {
            Ok(Event::Key(KeyEvent { code: KeyCode::Char(c), .. })) => text.push(c),
            Ok(Event::Key(KeyEvent { code: KeyCode::Enter, .. })) => text.push('\n'),
            Ok(Event::Paste(pasted)) => text.push_str(&pasted),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    text
}

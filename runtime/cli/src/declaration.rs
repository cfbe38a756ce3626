//! Where a call ends in a script's text.

/// The length in bytes of the call that the text begins with, up to its closing bracket and a semicolon behind it.
/// Nothing where it has no end.
pub(crate) fn call_length(text: &str) -> Option<usize> {
    /// What surrounds a character.
    #[derive(PartialEq)]
    enum In {
        Bracket,
        /// The code inside `${ … }` of a template.
        Hole,
        Text,
        Template,
        Char,
        Line,
        Block,
    }
    let mut open: Vec<In> = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        match (open.last(), c) {
            (Some(In::Block), '*') if next == Some('/') => {
                characters.next();
                open.pop();
            }
            (Some(In::Block), '/') if next == Some('*') => {
                characters.next();
                open.push(In::Block);
            }
            (Some(In::Text | In::Char | In::Template), '\\') => drop(characters.next()),
            (Some(In::Text), '"') | (Some(In::Char), '\'') | (Some(In::Template), '`') | (Some(In::Line), '\n') => {
                open.pop();
            }
            (Some(In::Template), '$') if next == Some('{') => {
                characters.next();
                open.push(In::Hole);
            }
            (Some(In::Text | In::Char | In::Template | In::Line | In::Block), _) => {}
            (_, '"') => open.push(In::Text),
            (_, '`') => open.push(In::Template),
            (_, '\'') => open.push(In::Char),
            (_, '/') if next == Some('/') => open.push(In::Line),
            (_, '/') if next == Some('*') => {
                characters.next();
                open.push(In::Block);
            }
            (_, '(' | '[' | '{') => open.push(In::Bracket),
            (_, ')' | ']' | '}') => {
                open.pop()?;
                if open.is_empty() && c == ')' {
                    let end = at + 1;
                    return Some(if text[end..].starts_with(';') { end + 1 } else { end });
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        let call = "step(\"a)\", #{ x: [1] }, || { `${f(\"}\")} )` + ')'; // )\n /* ) /* ) */ ) */ g(\"\\\")\") });";
        assert_eq!(call_length(&format!("{call}\nstep(\"b\", || 1);")), Some(call.len()));
        assert_eq!(call_length("step(\"a\", ||"), None);
        assert_eq!(call_length("x)"), None);
    }
}

//! The encodings that a text is looked through for, undone leniently: what does not belong to an encoding is passed over,
//! so that separators and line breaks hide nothing.

/// Shorter runs of decoded text cannot hold a piece of a placeholder.
const RUN: usize = super::grams::PIECE;

/// Calls `each` with every run of readable bytes that comes out when `text` is read as base64 (in each of the four
/// possible alignments), as hexadecimal (in both) and as decimal numbers. Zero bytes count as readable: UTF-16 has them.
pub(super) fn decoded_runs(text: &[u8], buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
    let sextets: Vec<u8> = text.iter().map(|b| BASE64[usize::from(*b)]).filter(|s| *s < 64).collect();
    for phase in 0..4 {
        buffer.clear();
        for group in sextets.get(phase..).unwrap_or_default().chunks(4) {
            let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
            let bits = at(0) << 18 | at(1) << 12 | at(2) << 6 | at(3);
            buffer.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        runs(buffer, &mut each);
    }
    let nibbles = nibbles(text);
    for phase in 0..2 {
        buffer.clear();
        buffer.extend(nibbles.get(phase..).unwrap_or_default().chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        runs(buffer, &mut each);
    }
    decimals(text, buffer);
    runs(buffer, &mut each);
}

/// `text` with `%61`, `\x61`, `\u0061` and the letters after a backslash undone, where there are any.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|b| matches!(b, b'%' | b'\\')) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, taken) = match (first, tail.first()) {
            (b'%', _) => hex(tail, 0, 2).map_or((first, 1), |b| (b, 3)),
            (b'\\', Some(b'x')) => hex(tail, 1, 2).map_or((first, 1), |b| (b, 4)),
            (b'\\', Some(b'u')) => hex(tail, 1, 4).map_or((first, 1), |b| (b, 6)),
            (b'\\', Some(b'n' | b'r' | b't' | b'b' | b'f' | b'0')) => (b' ', 2),
            _ => (first, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    Some(out)
}

/// The last byte of the number that `length` hexadecimal digits at `from` give.
fn hex(text: &[u8], from: usize, length: usize) -> Option<u8> {
    let digits = text.get(from..from + length)?;
    digits.iter().try_fold(0_u8, |number, digit| Some(number << 4 | nibble(*digit)?))
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn nibbles(text: &[u8]) -> Vec<u8> {
    let mut nibbles = Vec::new();
    for (i, &byte) in text.iter().enumerate() {
        let prefix = byte == b'0' && matches!(text.get(i + 1), Some(b'x' | b'X'));
        if let Some(nibble) = nibble(byte)
            && !prefix
        {
            nibbles.push(nibble);
        }
    }
    nibbles
}

/// Numbers that are codes of ASCII characters, as these characters; any other number ends the run.
fn decimals(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut number: Option<u32> = None;
    for byte in text.iter().copied().chain([b' ']) {
        if byte.is_ascii_digit() {
            number = Some((number.unwrap_or(0) * 10 + u32::from(byte - b'0')).min(1000));
        } else if let Some(code) = number.take() {
            out.push(u8::try_from(code).ok().filter(u8::is_ascii_graphic).unwrap_or(1));
        }
    }
}

fn runs(bytes: &[u8], each: &mut impl FnMut(&[u8])) {
    for run in bytes.split(|b| !READABLE[usize::from(*b)]) {
        if run.len() >= RUN {
            each(run);
        }
    }
}

const READABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = matches!(b as u8, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0);
        b += 1;
    }
    table
};

/// Plus and slash count as digits, hyphen and underscore as separators: a placeholder's own base64 has none of the four.
const BASE64: [u8; 256] = {
    let mut table = [255; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => 255,
        };
        b += 1;
    }
    table
};

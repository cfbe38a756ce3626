//! The encodings that a text is looked through for, undone leniently: what does not belong to an encoding is passed over,
//! so that separators and line breaks hide nothing.

/// Shorter runs of decoded text cannot hold a piece of a placeholder.
const RUN: usize = super::grams::PIECE;

/// Calls `each` with every run of readable bytes that comes out when `text` is read as base64 (in each of the four
/// possible alignments), as hexadecimal (in both) and as decimal numbers. Zero bytes count as readable: UTF-16 has them.
pub(super) fn decoded_runs(text: &[u8], mut each: impl FnMut(&[u8])) {
    let sextets = kept(text, |_, byte| BASE64[usize::from(byte)]);
    for phase in 0..4 {
        let sextets = sextets.get(phase..).unwrap_or_default();
        // Three bytes in every four digits; each byte lies in two of them.
        let byte = |i: usize| {
            let (group, third) = (i / 3, i % 3);
            let at = group * 4 + third;
            sextets[at] << (2 + 2 * third) | sextets[at + 1] >> (4 - 2 * third)
        };
        runs(sextets.len() * 3 / 4, byte, &mut each);
    }
    let prefix = |i: usize, byte: u8| byte == b'0' && matches!(text.get(i + 1), Some(b'x' | b'X'));
    let nibbles = kept(text, |i, byte| if prefix(i, byte) { NONE } else { HEX[usize::from(byte)] });
    for phase in 0..2 {
        let nibbles = nibbles.get(phase..).unwrap_or_default();
        runs(nibbles.len() / 2, |i| nibbles[2 * i] << 4 | nibbles[2 * i + 1], &mut each);
    }
    let codes = decimals(text);
    runs(codes.len(), |i| codes[i], &mut each);
}

/// What `digit` makes of each byte, without those that are [`NONE`].
fn kept(text: &[u8], digit: impl Fn(usize, u8) -> u8) -> Vec<u8> {
    let mut digits = vec![0; text.len()];
    let mut count = 0;
    for (i, byte) in text.iter().enumerate() {
        let digit = digit(i, *byte);
        digits[count] = digit;
        count += usize::from(digit != NONE);
    }
    digits.truncate(count);
    digits
}

/// `text` with `%61`, `\x61`, `\u0061` and the letters after a backslash undone, where there are any.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|b| matches!(b, b'%' | b'\\')) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'%' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        let (first, tail) = (rest[at], &rest[at + 1..]);
        let (byte, taken) = match (first, tail.first()) {
            (b'%', _) => hex(tail, 0, 2).map_or((first, 1), |b| (b, 3)),
            (_, Some(b'x')) => hex(tail, 1, 2).map_or((first, 1), |b| (b, 4)),
            (_, Some(b'u')) => hex(tail, 1, 4).map_or((first, 1), |b| (b, 6)),
            (_, Some(b'n' | b'r' | b't' | b'b' | b'f' | b'0')) => (b' ', 2),
            _ => (first, 1),
        };
        out.push(byte);
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The last byte of the number that `length` hexadecimal digits at `from` give.
fn hex(text: &[u8], from: usize, length: usize) -> Option<u8> {
    let digits = text.get(from..from + length)?;
    digits.iter().try_fold(0_u8, |number, digit| match HEX[usize::from(*digit)] {
        NONE => None,
        nibble => Some(number << 4 | nibble),
    })
}

/// Numbers that are codes of ASCII characters, as these characters; any other number ends the run.
fn decimals(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut number: Option<u32> = None;
    for byte in text.iter().copied().chain([b' ']) {
        if byte.is_ascii_digit() {
            number = Some((number.unwrap_or(0) * 10 + u32::from(byte - b'0')).min(1000));
        } else if let Some(code) = number.take() {
            out.push(u8::try_from(code).ok().filter(u8::is_ascii_graphic).unwrap_or(1));
        }
    }
    out
}

/// Calls `each` with the runs of readable bytes among `count`. A run of [`RUN`] bytes covers an index that is a multiple of
/// it, so most bytes need not be made at all.
fn runs(count: usize, byte: impl Fn(usize) -> u8, each: &mut impl FnMut(&[u8])) {
    let readable = |i: usize| READABLE[usize::from(byte(i))];
    let mut done = 0;
    for probe in (0..count).step_by(RUN) {
        if probe < done || !readable(probe) {
            continue;
        }
        let start = (done..probe).rev().take_while(|i| readable(*i)).last().unwrap_or(probe);
        let end = (probe + 1..count).find(|i| !readable(*i)).unwrap_or(count);
        if end - start >= RUN {
            let run: Vec<u8> = (start..end).map(&byte).collect();
            each(&run);
        }
        done = end;
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

/// No digit.
const NONE: u8 = 255;

/// Plus and slash count as digits, hyphen and underscore as separators: a placeholder's own base64 has none of the four.
const BASE64: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => NONE,
        };
        b += 1;
    }
    table
};

const HEX: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        table[b] = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => NONE,
        };
        b += 1;
    }
    table
};

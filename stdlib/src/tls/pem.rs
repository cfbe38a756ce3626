//! Reading PEM: blocks of base64 between two lines that name what they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_runtime::{Error, Kind, Result};
use zeroize::Zeroizing;

/// A block of PEM.
pub struct Block {
    /// What it is: `CERTIFICATE`, `PRIVATE KEY`.
    pub label: String,
    /// Its content.
    pub der: Zeroizing<Vec<u8>>,
    /// Whether its content is encrypted.
    pub encrypted: bool,
}

impl Block {
    /// A block of this content.
    pub fn new(label: &str, der: &[u8]) -> Self {
        Self { label: label.to_owned(), der: Zeroizing::new(der.to_vec()), encrypted: false }
    }

    /// As PEM again, in lines of 64 characters.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(STANDARD.encode(&*self.der));
        let size = encoded.len() + encoded.len() / 64 + 2 * self.label.len() + 40;
        let mut text = Zeroizing::new(String::with_capacity(size));
        text.push_str(&format!("-----BEGIN {}-----\n", self.label));
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = more;
        }
        text.push_str(&format!("-----END {}-----\n", self.label));
        text
    }

    /// Whether it is a private key, of whatever form.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

/// The blocks of a file. What stands outside of them is skipped, as all programs do.
///
/// # Errors
/// [`Kind::Malformed`], naming the file and the line, never what stands there.
pub fn blocks(text: &str, file: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((start, line)) = lines.next() {
        let Some(label) = line.trim().strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----")) else {
            continue;
        };
        let bad = |line: usize, what: &str| {
            Error::new(
                Kind::Malformed,
                format!("{file}: the {label} that begins in line {} {what} (line {})", start + 1, line + 1),
            )
            .hint("copy the file again, without changing its lines")
            .resource(file)
        };
        let end = format!("-----END {label}-----");
        let mut encoded = Zeroizing::new(String::with_capacity(text.len()));
        let mut encrypted = label == "ENCRYPTED PRIVATE KEY";
        loop {
            let Some((number, line)) = lines.next() else {
                return Err(bad(text.lines().count().saturating_sub(1), "is cut off"));
            };
            let line = line.trim();
            if line == end {
                break;
            }
            if line.starts_with("-----") {
                return Err(bad(number, "is cut off"));
            }
            if let Some((key, value)) = line.split_once(':') {
                encrypted |= key == "Proc-Type" && value.contains("ENCRYPTED");
            } else {
                encoded.push_str(line);
            }
        }
        // The decoder's own error would show a piece of a key.
        let der = STANDARD.decode(encoded.as_bytes()).map_err(|_| bad(start, "is no base64"))?;
        blocks.push(Block { label: label.to_owned(), der: Zeroizing::new(der), encrypted });
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_written() {
        let text = Block::new("CERTIFICATE", &[7; 100]).text();
        assert!(text.lines().all(|line| line.len() <= 64));
        let file = format!(
            "a comment\r\n{}\nsubject=x\n{}",
            text.replace('\n', "\r\n"),
            *Block::new("EC PRIVATE KEY", b"k").text()
        );
        let read = blocks(&file, "x.pem").unwrap();
        assert_eq!(
            read.iter().map(|b| (b.label.as_str(), b.is_key())).collect::<Vec<_>>(),
            [("CERTIFICATE", false), ("EC PRIVATE KEY", true)]
        );
        assert_eq!(*read[0].der, [7; 100]);
        assert!(blocks("no PEM at all", "x").unwrap().is_empty());
    }

    #[test]
    fn encrypted_keys_are_recognised() {
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert!(blocks(old, "x").unwrap()[0].encrypted);
        let new = Block::new("ENCRYPTED PRIVATE KEY", b"x").text();
        assert!(blocks(&new, "x").unwrap()[0].encrypted);
    }

    #[test]
    fn what_is_cut_off_or_no_base64_is_refused_without_showing_it() {
        for (text, what) in [
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "is cut off (line 2)"),
            ("\n-----BEGIN A KEY-----\nAAAA\n-----BEGIN A KEY-----\n", "begins in line 2 is cut off (line 4)"),
            ("-----BEGIN PRIVATE KEY-----\nSECRET!!\n-----END PRIVATE KEY-----\n", "is no base64"),
        ] {
            let error = blocks(text, "x.pem").err().unwrap();
            assert_eq!(error.kind(), Kind::Malformed);
            assert!(error.message().contains(what) && error.message().contains("x.pem"), "{error}");
            assert!(!format!("{error:?}").contains("SECRET"));
        }
    }
}

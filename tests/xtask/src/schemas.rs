//! `cargo xtask schemas`: what the shadow knows of Kubernetes' types, asked of a test bed and of Go.

mod documents;
mod source;
mod structure;
mod types;

use std::io::{Read, Write};
use std::process::ExitCode;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::{Error, tool, up};

const FOLDER: &str = "runtime/shadow/assets";

pub(crate) fn run(check: bool) -> Result<ExitCode, Error> {
    let testbed = up::start(1)?;
    let (structure, numbers) = structure::read(&testbed)?;
    let documents = documents::read(&testbed)?;
    let mut stale = false;
    let assets = [("structure.json", structure), ("protobuf.json", numbers), ("documents.txt", documents)];
    for (name, text) in assets {
        let path = tool::workspace().join(FOLDER).join(format!("{name}.deflate"));
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let same = std::fs::read(&path).is_ok_and(|bytes| inflated(&bytes).is_ok_and(|old| old == text));
        if same {
            eprintln!("{}: up to date", path.display());
        } else if check {
            eprintln!("{}: differs from what the test bed says", path.display());
            stale = true;
        } else {
            let bytes = deflated(&text).map_err(failed)?;
            std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
            std::fs::write(&path, &bytes).map_err(failed)?;
            eprintln!("{}: {} bytes, {} decoded", path.display(), bytes.len(), text.len());
        }
    }
    Ok(if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn deflated(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// Assets are compared decoded: another version of the compressor is no news.
fn inflated(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    DeflateDecoder::new(bytes).read_to_string(&mut text)?;
    Ok(text)
}

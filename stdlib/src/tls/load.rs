//! `tls::load`.

use windlass_runtime::event::Level;
use windlass_runtime::secret::{Origin, Secret, from_file};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::certificate::{Certificate, shown};
use super::chain::{self, Chain};
use super::pem::{self, Block};
use super::{names, now};

/// What the files are called in a folder.
const CERTIFICATES: [&str; 2] = ["server.crt", "tls.crt"];
const KEYS: [&str; 3] = ["server.key", "private.key", "tls.key"];

/// Whoever sees a certificate that ends sooner should know.
const SOON: time::Duration = time::Duration::days(30);

/// The options of `tls::load`.
#[derive(Debug, Clone, Options)]
pub struct LoadOptions {
    /// The host that it must be for.
    pub fqdn: String,
    /// The file with the certificate; the rest of the chain may follow in it.
    pub cert: Option<String>,
    /// The file with the private key, not encrypted.
    pub key: Option<String>,
    /// The name of the request that `tls::csr` made, instead of `key`: the key is the one that it keeps.
    pub csr: Option<String>,
    /// The file with the rest of the chain, where it is not in that of the certificate.
    pub chain: Option<String>,
    /// A folder with `server.crt` (or `tls.crt`) and `server.key` (or `private.key`, `tls.key`), instead of `cert` and `key`.
    pub folder: Option<String>,
}

/// Reads a server's certificate with its chain and key, and checks that a server could use them.
///
/// Checked are: both are PEM; the key is the certificate's; each certificate of the chain is issued by the next; none has
/// expired or begins later; the FQDN is among the names, of which `*.example.com` covers one label. Relative paths start at
/// the script's own folder.
///
/// The result goes into `cluster::tls_secret`. Scripts can read `pem`, `fqdns`, `not_after` and `fingerprint`; `key` is a
/// secret.
///
/// # Errors
/// `not_found` for a missing file; `malformed` for what is no certificate or key, an encrypted key, a chain in disorder;
/// `conflict` for a key of another certificate, another host, a wrong time.
///
/// # Example
/// ```rhai
/// let certificate = tls::load(#{ cert: "certs/server.crt", key: "certs/server.key", fqdn: "cx.example.com" });
/// let same = tls::load(#{ folder: "certs", fqdn: "cx.example.com" });
/// log::info(`valid until ${same.not_after}`);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn load(call: &Call<'_>, options: LoadOptions) -> Result<Certificate> {
    let fqdn = names::checked(&options.fqdn).map_err(|e| e.context("option `fqdn` of tls::load"))?;
    let files = Files::find(call, options)?;
    let (mut blocks, file) = read(call, &files.cert)?;
    if let Some(rest) = &files.chain {
        let (more, more_file) = read(call, rest)?;
        Chain::read(&more, &more_file)?;
        blocks.extend(more);
    }
    let (key_secret, key_file) = match &files.key {
        Key::File(path) => read_key(call, path)?,
        Key::Request(name) => {
            let missing = || {
                Error::new(Kind::NotFound, format!("no request {name} is kept"))
                    .hint("tls::csr makes one, under its name")
            };
            (super::csr::key_of(call, name)?.ok_or_else(missing)?, format!("the key of the request {name}"))
        }
    };
    let key_blocks = pem::blocks(key_secret.expose(), &key_file)?;
    let chain = Chain::read(&blocks, &file)?;
    let (key_block, key) = chain::key(&key_blocks, &key_file)?;
    chain.check_key(&key, &key_file)?;
    chain.check_order()?;
    let at = now(call)?;
    chain.check_time(at)?;
    chain.check_host(&fqdn)?;
    let (_, ends) = chain::validity(chain.server());
    if ends - at < SOON {
        call.log(Level::Warn, format!("the certificate in {file} ends soon: {}", shown(ends)));
    }
    let text: String = blocks.iter().filter(|b| chain::is_certificate(b)).map(|b| b.text().to_string()).collect();
    let key = call.session().secrets().register(Secret::new(key_secret.origin().clone(), &**key_block.text()))?;
    Ok(Certificate::new(text, chain.server().as_raw(), chain::hosts(chain.server()), ends, key))
}

enum Key {
    File(String),
    Request(String),
}

struct Files {
    cert: String,
    key: Key,
    chain: Option<String>,
}

impl Files {
    fn find(call: &Call<'_>, options: LoadOptions) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("tls::load {what}"))
                .hint("give cert: and key:, or a folder: that has server.crt and server.key")
        };
        let key = match (options.key, options.csr) {
            (Some(_), Some(_)) => return Err(wrong("takes `key` or `csr`, not both")),
            (Some(path), None) => Some(Key::File(path)),
            (None, name) => name.map(Key::Request),
        };
        match (options.folder, options.cert, key) {
            (None, Some(cert), Some(key)) => Ok(Self { cert, key, chain: options.chain }),
            (Some(folder), None, None) => Ok(Self {
                cert: one_of(call, &folder, &CERTIFICATES, "certificate")?,
                key: Key::File(one_of(call, &folder, &KEYS, "private key")?),
                chain: options.chain,
            }),
            (Some(_), ..) => Err(wrong("takes either a folder or files")),
            (None, Some(_), None) => Err(wrong("needs the key to the certificate")),
            (None, None, Some(_)) => Err(wrong("needs the certificate to the key")),
            (None, None, None) => Err(wrong("needs to know where the certificate is")),
        }
    }
}

fn one_of(call: &Call<'_>, folder: &str, candidates: &[&str], what: &str) -> Result<String> {
    let shown = call.locate(folder)?;
    if !shown.is_folder() {
        let shown = shown.shown();
        return Err(Error::new(Kind::NotFound, format!("there is no folder {shown}"))
            .hint("relative paths start at the folder of the script that names them")
            .resource(shown));
    }
    let shown = shown.shown();
    let mut found = Vec::new();
    for name in candidates {
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        if call.locate(&path)?.exists() {
            found.push((path, *name));
        }
    }
    match &found[..] {
        [(path, _)] => Ok(path.clone()),
        [] => Err(Error::new(Kind::NotFound, format!("{shown} has no {what}"))
            .hint(format!(
                "it is looked for under the name {}; others are given by cert: and key:",
                candidates.join(" or ")
            ))
            .resource(shown)),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| *name).collect();
            Err(Error::new(Kind::Conflict, format!("{shown} has more than one {what}: {}", names.join(", ")))
                .hint("say which: give cert: and key: instead of the folder")
                .resource(shown))
        }
    }
}

fn read(call: &Call<'_>, path: &str) -> Result<(Vec<Block>, String)> {
    let located = call.locate(path)?;
    let shown = located.shown();
    // A DER file is no text, but it is known by that it has no PEM.
    let bytes = zeroize::Zeroizing::new(located.read()?);
    Ok((pem::blocks(&String::from_utf8_lossy(&bytes), &shown)?, shown))
}

fn read_key(call: &Call<'_>, path: &str) -> Result<(Secret, String)> {
    let located = call.locate(path)?;
    let shown = located.shown();
    let on_disk = located.on_disk().map_err(|e| e.hint("give the absolute path of a file on disk"))?;
    match from_file(&on_disk) {
        Ok(secret) => Ok((secret, shown)),
        // As text it would have been PEM.
        Err(error) if error.kind() == Kind::Malformed && error.message().contains("UTF-8") => {
            Ok((Secret::new(Origin::File(on_disk), ""), shown))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;

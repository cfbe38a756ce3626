//! What must hold for a certificate, its chain and its key before a server can use them.

use rcgen::KeyPair;
use time::OffsetDateTime;
use windlass_runtime::{Error, Kind, Result};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::certificate::shown;
use super::names::covers;
use super::pem::Block;

/// A chain of certificates as it was read: the server's own first.
pub struct Chain<'d> {
    file: String,
    certificates: Vec<X509Certificate<'d>>,
}

impl<'d> Chain<'d> {
    /// Reads the certificates of a file; `file` is its name in errors.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where there is none, or one that cannot be read.
    pub fn read(blocks: &'d [Block], file: &str) -> Result<Self> {
        let mut certificates: Vec<X509Certificate<'d>> = Vec::new();
        for block in blocks.iter().filter(|b| is_certificate(b)) {
            let number = certificates.len() + 1;
            let (_, certificate) = X509Certificate::from_der(&block.der).map_err(|e| {
                malformed(file, &format!("certificate {number} of {file} cannot be read"))
                    .hint("look at it: openssl x509 -noout -text -in FILE")
                    .source(e)
            })?;
            if certificates.iter().any(|known| known.as_raw() == certificate.as_raw()) {
                return Err(malformed(file, &format!("{} stands twice in {file}", called(&certificate)))
                    .hint("keep one of them"));
            }
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            let (found, hint) = match blocks.first() {
                Some(block) if block.is_key() => ("but a private key", "certificate and key may have been swapped"),
                Some(block) if block.label.ends_with("REQUEST") => {
                    ("but a request for a certificate", "send it to your authority; what it sends back belongs here")
                }
                Some(_) => ("but something else", "a certificate stands between BEGIN CERTIFICATE and END CERTIFICATE"),
                None => (
                    "for it is no PEM",
                    "convert it: openssl x509 -inform der -in FILE -out server.crt, or from a .pfx: openssl pkcs12 -in FILE -nokeys",
                ),
            };
            return Err(malformed(file, &format!("{file} holds no certificate, {found}")).hint(hint));
        }
        Ok(Self { file: file.to_owned(), certificates })
    }

    /// The server's own certificate.
    #[must_use]
    pub fn server(&self) -> &X509Certificate<'d> {
        &self.certificates[0]
    }

    /// All certificates, the server's own first.
    #[must_use]
    pub fn certificates(&self) -> &[X509Certificate<'d>] {
        &self.certificates
    }

    /// The key must be that of the first certificate.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if it is another's.
    pub fn check_key(&self, key: &KeyPair, key_file: &str) -> Result<()> {
        let fits = |c: &X509Certificate<'_>| *c.public_key().subject_public_key.data == *key.public_key_raw();
        let Some(at) = self.certificates.iter().position(fits) else {
            let error = Error::new(
                Kind::Conflict,
                format!("the key in {key_file} is not the key of {}", called(self.server())),
            );
            return Err(error.hint("bring the key that the certificate was requested with; with a renewed certificate, the authority may have made a new one").resource(key_file));
        };
        if at > 0 {
            let error = format!(
                "the key in {key_file} belongs to certificate {} of {}, {}",
                at + 1,
                self.file,
                called(&self.certificates[at])
            );
            return Err(self.order(error));
        }
        Ok(())
    }

    /// Each certificate must be issued by the next one.
    ///
    /// # Errors
    /// [`Kind::Malformed`] or [`Kind::Conflict`], saying what is wrong between which two.
    pub fn check_order(&self) -> Result<()> {
        for (index, pair) in self.certificates.windows(2).enumerate() {
            let (this, next) = (&pair[0], &pair[1]);
            if !names_as_issuer(this, next) {
                let issuer =
                    self.certificates.iter().find(|other| names_as_issuer(this, other) && !std::ptr::eq(*other, this));
                if issuer.is_some()
                    || self.certificates.iter().any(|other| names_as_issuer(other, this) && !std::ptr::eq(other, this))
                {
                    return Err(self.order(format!(
                        "the certificates in {} are out of order: {} is followed by {}",
                        self.file,
                        called(this),
                        called(next)
                    )));
                }
                return Err(malformed(
                    &self.file,
                    &format!(
                        "certificate {} of {} does not belong to the chain: {} was issued by {}, not by {}",
                        index + 2,
                        self.file,
                        called(this),
                        this.issuer(),
                        called(next)
                    ),
                )
                .hint("take it out, or put in the certificate of the issuer"));
            }
            if !signed(this, next) {
                return Err(Error::new(Kind::Conflict, format!("{} names {} as its issuer, but was not signed by it", called(this), called(next)))
                    .hint("this is another certificate of the same name, perhaps an older one: get the chain anew from the authority")
                    .resource(&self.file));
            }
            if !next.is_ca() {
                return Err(malformed(
                    &self.file,
                    &format!("{} has issued {}, but is no authority's certificate", called(next), called(this)),
                )
                .hint("browsers refuse such a chain: get it anew from the authority"));
            }
        }
        Ok(())
    }

    /// None may have ended, or begin later.
    ///
    /// # Errors
    /// [`Kind::Conflict`], naming the certificate and the time.
    pub fn check_time(&self, now: OffsetDateTime) -> Result<()> {
        for certificate in &self.certificates {
            let (from, to) = validity(certificate);
            let (what, hint) = if to < now {
                (format!("{} has expired: it ended at {}", called(certificate), shown(to)), "renew it".to_owned())
            } else if from > now {
                let hint = format!("it is {} now: see whether this machine's clock is right", shown(now));
                (format!("{} is not valid yet: it begins at {}", called(certificate), shown(from)), hint)
            } else {
                continue;
            };
            return Err(Error::new(Kind::Conflict, what).hint(hint).resource(&self.file));
        }
        Ok(())
    }

    /// The server's certificate must be for this host.
    ///
    /// # Errors
    /// [`Kind::Conflict`] with the names that it is for.
    pub fn check_host(&self, fqdn: &str) -> Result<()> {
        let own = hosts(self.server());
        if own.iter().any(|name| covers(name, fqdn)) {
            return Ok(());
        }
        let called = called(self.server());
        let (what, hint) = if own.is_empty() {
            (
                format!("{called} has no subject alternative names, so browsers take it for no host at all"),
                "have it issued with the FQDN as a subject alternative name",
            )
        } else if own.iter().any(|name| name.strip_prefix("*.").is_some_and(|rest| fqdn.ends_with(rest))) {
            (format!("{called} is not for {fqdn}, but for {}", own.join(", ")), "a star stands for exactly one label")
        } else {
            (
                format!("{called} is not for {fqdn}, but for {}", own.join(", ")),
                "see whether `fqdn` in the values is right, or bring the certificate of that name",
            )
        };
        Err(Error::new(Kind::Conflict, what).hint(hint).resource(&self.file))
    }

    fn order(&self, what: String) -> Error {
        let mut sorted = vec![self.sorted_first()];
        while let Some(next) = self.certificates.iter().find(|other| {
            names_as_issuer(sorted[sorted.len() - 1], other) && !sorted.iter().any(|known| std::ptr::eq(*known, *other))
        }) {
            sorted.push(next);
        }
        let order: Vec<String> = sorted.into_iter().map(called).collect();
        malformed(&self.file, &what)
            .hint(format!("the server's certificate comes first, then its issuer, and so on: {}", order.join("; ")))
    }

    /// The one that has issued no other.
    fn sorted_first(&self) -> &X509Certificate<'d> {
        let is_leaf = |c: &&X509Certificate<'d>| {
            !self.certificates.iter().any(|other| names_as_issuer(other, c) && !std::ptr::eq(other, *c))
        };
        self.certificates.iter().find(is_leaf).unwrap_or(&self.certificates[0])
    }
}

/// The private key of a file.
///
/// # Errors
/// [`Kind::Malformed`] where there is none, several, an encrypted or an unknown one.
pub fn key<'b>(blocks: &'b [Block], file: &str) -> Result<(&'b Block, KeyPair)> {
    let keys: Vec<&Block> = blocks.iter().filter(|b| b.is_key()).collect();
    let block = match keys[..] {
        [block] => block,
        [] => {
            let (found, hint) = match blocks.first() {
                Some(block) if is_certificate(block) => {
                    ("but a certificate", "certificate and key may have been swapped")
                }
                Some(block) if block.label.ends_with("PUBLIC KEY") => {
                    ("but a public key", "bring the private key that belongs to it")
                }
                Some(_) => ("but something else", "a key stands between BEGIN PRIVATE KEY and END PRIVATE KEY"),
                None => (
                    "for it is no PEM",
                    "convert it: openssl pkey -inform der -in FILE -out server.key, or from a .pfx: openssl pkcs12 -in FILE -nocerts -nodes",
                ),
            };
            return Err(malformed(file, &format!("{file} holds no private key, {found}")).hint(hint));
        }
        _ => {
            return Err(malformed(file, &format!("{file} holds {} private keys", keys.len()))
                .hint("leave the one of the server's certificate"));
        }
    };
    if block.encrypted {
        return Err(malformed(
            file,
            &format!("the key in {file} is encrypted, and nobody types its password when a server starts"),
        )
        .hint(
            "take the password off: openssl pkey -in FILE -out server.key; then keep that file to yourself (chmod 600)",
        ));
    }
    let pair = KeyPair::try_from(&block.der[..]).map_err(|_| {
        malformed(file, &format!("the {} in {file} cannot be read", block.label)).hint("RSA of 2048 bits or more, ECDSA (P-256, P-384, P-521) and Ed25519 are known; test it: openssl pkey -noout -check -in FILE")
    })?;
    Ok((block, pair))
}

/// Whether a block holds a certificate.
#[must_use]
pub fn is_certificate(block: &Block) -> bool {
    matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
}

/// The hosts that a certificate is for.
#[must_use]
pub fn hosts(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(host).collect()
}

/// From when to when it is valid.
#[must_use]
pub fn validity(certificate: &X509Certificate<'_>) -> (OffsetDateTime, OffsetDateTime) {
    let validity = certificate.validity();
    (validity.not_before.to_datetime(), validity.not_after.to_datetime())
}

fn names_as_issuer(this: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    this.issuer().as_raw() == issuer.subject().as_raw()
}

/// Whether the signature is the issuer's. One of a sort that cannot be checked here is taken as it is.
fn signed(this: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    matches!(this.verify_signature(Some(issuer.public_key())), Ok(()) | Err(X509Error::SignatureUnsupportedAlgorithm))
}

fn called(certificate: &X509Certificate<'_>) -> String {
    match certificate.subject().to_string() {
        empty if empty.is_empty() => format!("the certificate {}", certificate.raw_serial_as_string()),
        subject => format!("the certificate {subject}"),
    }
}

fn malformed(file: &str, what: &str) -> Error {
    Error::new(Kind::Malformed, what).resource(file)
}

//! `tls::self_signed`.

use std::collections::BTreeSet;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, RsaKeySize,
    SanType,
};
use time::{Duration, OffsetDateTime};
use windlass_runtime::event::Level;
use windlass_runtime::secret::{Origin, Secret, Vault};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive, words};
use x509_parser::public_key::PublicKey;
use zeroize::Zeroizing;

use super::certificate::{Certificate, shown};
use super::chain::{self, Chain};
use super::pem::{self, Block};
use super::{names, now};

/// Certificates begin a little earlier than they are made, for machines whose clocks are behind.
const EARLIER: Duration = Duration::minutes(5);

words! {
    /// A sort of key.
    pub enum KeySort {
        /// RSA of 4096 bits.
        Rsa4096 = "rsa-4096",
        /// RSA of 3072 bits.
        Rsa3072 = "rsa-3072",
        /// RSA of 2048 bits.
        Rsa2048 = "rsa-2048",
        /// ECDSA on P-256.
        Ecdsa256 = "ecdsa-p256",
        /// ECDSA on P-384.
        Ecdsa384 = "ecdsa-p384",
    }
}

/// The options of `tls::self_signed`.
#[derive(Debug, Clone, Options)]
pub struct SelfSignedOptions {
    /// For how many days it is valid.
    #[option(default = "3650")]
    pub days: u32,
    /// The host names and addresses that it is for; by default the common name.
    pub sans: Option<Vec<String>>,
    /// The sort of key: `rsa-4096`, `rsa-3072`, `rsa-2048`, `ecdsa-p256` or `ecdsa-p384`.
    #[option(default = "\"rsa-4096\"")]
    pub key: KeySort,
    /// The common name; by default the name under which it is kept.
    pub cn: Option<String>,
}

/// Makes a self-signed certificate once and keeps it: under the same name, later calls and runs get the same one.
///
/// It is kept where `secret::generate` keeps secrets. It is made anew when the common name, the names of hosts or the sort
/// of key have become others, or when less than 30 days (or a tenth of its time, if that is less) are left of it; other
/// `days` alone are no reason. An RSA key of 4096 bits takes some seconds to make.
///
/// The result goes into `cluster::tls_secret`. Scripts can read `pem`, `fqdns`, `not_after` and `fingerprint`; `key` is a
/// secret.
///
/// # Errors
/// `usage` for what is no host's name, a common name of more than 64 characters, or days out of range; `system`, `denied` or
/// `malformed` if it cannot be kept.
///
/// # Example
/// ```rhai
/// let certificate = tls::self_signed("cx.example.com", #{ days: 3650, sans: ["www.cx.example.com", "cx.example.com"] });
/// log::info(`${certificate.fingerprint} is valid until ${certificate.not_after}`);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn self_signed(call: &Call<'_>, name: String, options: SelfSignedOptions) -> Result<Certificate> {
    let wanted = Wanted::of(&name, options)?;
    let vault = call.session().vault().clone();
    let at = now(call)?;
    // More than once only if another process makes the same one at the same time.
    for _ in 0..5 {
        let (number, kept) = latest(&*vault, &name)?;
        if let Some((certificate, key)) = kept {
            match wanted.fits(&certificate, &key, at) {
                Ok(()) => return handle(call, &certificate, &key, &entry(&name, number, "key")),
                Err(reason) => call.log(Level::Info, format!("the certificate {name} is made anew: {reason}")),
            }
        }
        call.progress(&name, format!("making a key ({})", wanted.key.as_str()));
        let making = wanted.clone();
        let (certificate, key) = call.compute(move || making.make(at))?;
        for (part, text) in [("crt", certificate), ("key", key)] {
            let origin = Origin::Generated(entry(&name, number + 1, part));
            vault.keep(&entry(&name, number + 1, part), &Secret::new(origin, text.as_str()))?;
        }
    }
    Err(Error::new(Kind::Conflict, format!("the certificate {name} cannot be kept in {}", vault.place()))
        .hint("another program writes there too: let one of them do it, then run again"))
}

/// Under which name a part of a certificate is kept. The first of a name stays in a vault, so each new one gets a number.
fn entry(name: &str, number: u32, part: &str) -> String {
    format!("tls/{name}/{number}.{part}")
}

type Kept = (Secret, Secret);

/// The latest one that is kept, and its number; a certificate whose key is missing was never used.
fn latest(vault: &dyn Vault, name: &str) -> Result<(u32, Option<Kept>)> {
    let mut found = (0, None);
    while let Some(certificate) = vault.read(&entry(name, found.0 + 1, "crt"))? {
        let number = found.0 + 1;
        found = (number, vault.read(&entry(name, number, "key"))?.map(|key| (certificate, key)));
    }
    Ok(found)
}

fn handle(call: &Call<'_>, certificate: &Secret, key: &Secret, name: &str) -> Result<Certificate> {
    let blocks = pem::blocks(certificate.expose(), name)?;
    let chain = Chain::read(&blocks, name)?;
    let (_, ends) = chain::validity(chain.server());
    let key = call.session().secrets().register(key.with_origin(Origin::Generated(name.to_owned())))?;
    Ok(Certificate::new(
        certificate.expose().to_owned(),
        chain.server().as_raw(),
        chain::hosts(chain.server()),
        ends,
        key,
    ))
}

#[derive(Debug, Clone)]
struct Wanted {
    cn: String,
    sans: Vec<String>,
    key: KeySort,
    days: u32,
}

impl Wanted {
    fn of(name: &str, options: SelfSignedOptions) -> Result<Self> {
        let cn = options.cn.unwrap_or_else(|| name.to_owned());
        if cn.is_empty() || cn.chars().count() > 64 || cn.chars().any(char::is_control) {
            return Err(Error::usage(format!("{cn:?} cannot be a certificate's common name"))
                .hint("it has 1 to 64 characters; a longer FQDN goes into sans:, with a short cn:"));
        }
        if !(1..=36_500).contains(&options.days) {
            return Err(Error::usage(format!("a certificate cannot be valid for {} days", options.days))
                .hint("days: is 1 to 36500"));
        }
        let mut sans: Vec<String> = Vec::new();
        for san in options.sans.unwrap_or_else(|| vec![cn.clone()]) {
            let san = names::checked(&san).map_err(|e| e.context("option `sans` of tls::self_signed"))?;
            if !sans.contains(&san) {
                sans.push(san);
            }
        }
        if sans.is_empty() {
            return Err(Error::usage("option `sans` of tls::self_signed is empty")
                .hint("browsers look at these names only: name the FQDN"));
        }
        Ok(Self { cn, sans, key: options.key, days: options.days })
    }

    /// Whether a certificate that is kept is what is wanted; if not, why.
    fn fits(&self, certificate: &Secret, key: &Secret, now: OffsetDateTime) -> std::result::Result<(), String> {
        let text = |e: Error| e.message().to_owned();
        let blocks = pem::blocks(certificate.expose(), "it").map_err(text)?;
        let key_blocks = pem::blocks(key.expose(), "its key").map_err(text)?;
        let chain = Chain::read(&blocks, "it").map_err(text)?;
        let (_, pair) = chain::key(&key_blocks, "its key").map_err(text)?;
        chain.check_key(&pair, "its key").map_err(text)?;
        let own = chain.server();
        let cn = own.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok());
        if cn != Some(&self.cn) {
            return Err(format!("its common name was {}", cn.unwrap_or("none")));
        }
        let hosts = chain::hosts(own);
        if hosts.iter().collect::<BTreeSet<_>>() != self.sans.iter().collect::<BTreeSet<_>>() {
            return Err(format!("it was for {}", hosts.join(", ")));
        }
        let (rsa, bits) = match own.public_key().parsed() {
            Ok(PublicKey::RSA(rsa)) => (true, rsa.key_size()),
            Ok(other) => (false, other.key_size()),
            Err(_) => (false, 0),
        };
        if (rsa, bits) != self.key.is_rsa_of_bits() {
            return Err("it had another sort of key".to_owned());
        }
        let (begins, ends) = chain::validity(own);
        let enough = ((ends - begins) / 10_i32).min(Duration::days(30));
        if ends - now < enough || begins > now + EARLIER {
            return Err(format!("it was valid from {} to {}", shown(begins), shown(ends)));
        }
        Ok(())
    }

    /// Makes key and certificate, as PEM.
    fn make(&self, now: OffsetDateTime) -> Result<(Zeroizing<String>, Zeroizing<String>)> {
        let failed = |e: rcgen::Error| Error::new(Kind::System, "the certificate cannot be made").source(e);
        let pair = self.key.make().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.cn.as_str());
        for san in &self.sans {
            params.subject_alt_names.push(match san.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(san.as_str().try_into().map_err(failed)?),
            });
        }
        let begins = now.replace_nanosecond(0).unwrap_or(now) - EARLIER;
        params.not_before = begins;
        params.not_after = begins + Duration::days(self.days.into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&pair).map_err(failed)?;
        let key = Zeroizing::new(pair.serialize_der());
        Ok((Block::new("CERTIFICATE", certificate.der()).text(), Block::new("PRIVATE KEY", &key).text()))
    }
}

impl KeySort {
    fn make(self) -> std::result::Result<KeyPair, rcgen::Error> {
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        match self {
            KeySort::Rsa4096 => rsa(RsaKeySize::_4096),
            KeySort::Rsa3072 => rsa(RsaKeySize::_3072),
            KeySort::Rsa2048 => rsa(RsaKeySize::_2048),
            KeySort::Ecdsa256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeySort::Ecdsa384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        }
    }

    fn is_rsa_of_bits(self) -> (bool, usize) {
        match self {
            KeySort::Rsa4096 => (true, 4096),
            KeySort::Rsa3072 => (true, 3072),
            KeySort::Rsa2048 => (true, 2048),
            KeySort::Ecdsa256 => (false, 256),
            KeySort::Ecdsa384 => (false, 384),
        }
    }
}

#[cfg(test)]
pub(in crate::tls) mod tests;

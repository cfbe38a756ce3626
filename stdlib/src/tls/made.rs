//! Certificates and keys that are made once and kept: what is wanted of one, whether a kept one still does, and making it.

use std::collections::BTreeSet;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, RsaKeySize, SanType,
};
use time::{Duration, OffsetDateTime};
use windlass_runtime::event::Level;
use windlass_runtime::secret::{Origin, Secret, Vault};
use windlass_runtime::{Call, Error, Kind, Result, words};
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

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A server shows it.
    Server,
    /// It signs others.
    Authority,
}

/// An authority that signs: its certificate with the rest of its chain, and its key.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pem: String,
    key: Secret,
}

impl Signer {
    /// The authority behind a certificate that a script holds.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a certificate that may not sign.
    pub fn of(call: &Call<'_>, certificate: &Certificate) -> Result<Self> {
        let blocks = pem::blocks(certificate.cert_pem(), "the authority")?;
        if !Chain::read(&blocks, "the authority")?.server().is_ca() {
            return Err(Error::usage(format!("the {certificate} is no authority: it may not sign others"))
                .hint("make one with tls::ca(\"name\")"));
        }
        let key = call.session().secrets().secret(certificate.key().as_str());
        let key = key.ok_or_else(|| Error::internal("the key of an authority is not known to this session"))?;
        Ok(Self { pem: certificate.cert_pem().to_owned(), key })
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>> {
        let blocks = pem::blocks(self.key.expose(), "the authority's key")?;
        let (_, key) = chain::key(&blocks, "the authority's key")?;
        let unusable = |e| Error::new(Kind::Malformed, "the authority's certificate cannot sign").source(e);
        Issuer::from_ca_cert_pem(&self.pem, key).map_err(unusable)
    }
}

/// The certificate of this name: the one that is kept, if it is as wanted; otherwise a new one, which is kept.
///
/// # Errors
/// Where it cannot be made or kept.
pub(super) fn made(call: &Call<'_>, name: &str, wanted: &Wanted, signer: Option<&Signer>) -> Result<Certificate> {
    let vault = call.session().vault().clone();
    let at = now(call)?;
    // More than once only if another process makes the same one at the same time.
    for _ in 0..5 {
        let (number, kept) = latest(&*vault, name, "crt")?;
        if let Some((certificate, key)) = kept {
            match wanted.fits(&certificate, &key, signer, at) {
                Ok(()) => return handle(call, &certificate, &key, &entry(name, number, "key")),
                Err(reason) => call.log(Level::Info, format!("the certificate {name} is made anew: {reason}")),
            }
        }
        call.progress(name, format!("making a key ({})", wanted.key.as_str()));
        let (making, signing) = (wanted.clone(), signer.cloned());
        let (certificate, key) = call.compute(move || making.make(signing.as_ref(), at))?;
        keep(&*vault, name, number + 1, [("crt", &certificate), ("key", &key)])?;
    }
    Err(never_kept(name, &*vault))
}

/// Keeps the parts of what was made.
///
/// # Errors
/// The vault's.
pub(super) fn keep(vault: &dyn Vault, name: &str, number: u32, parts: [(&str, &Zeroizing<String>); 2]) -> Result<()> {
    for (part, text) in parts {
        let name = entry(name, number, part);
        vault.keep(&name, &Secret::new(Origin::Generated(name.clone()), text.as_str()))?;
    }
    Ok(())
}

/// The error where others keep writing the same name.
pub(super) fn never_kept(name: &str, vault: &dyn Vault) -> Error {
    Error::new(Kind::Conflict, format!("the certificate {name} cannot be kept in {}", vault.place()))
        .hint("another program writes there too: let one of them do it, then run again")
}

/// Under which name a part of a certificate is kept. The first of a name stays in a vault, so each new one gets a number.
pub(super) fn entry(name: &str, number: u32, part: &str) -> String {
    format!("tls/{name}/{number}.{part}")
}

/// What is kept under a name, and its key.
type Kept = (Secret, Secret);

/// The latest one that is kept, and its number; one whose key is missing was never used.
///
/// # Errors
/// The vault's.
pub(super) fn latest(vault: &dyn Vault, name: &str, part: &str) -> Result<(u32, Option<Kept>)> {
    let mut found = (0, None);
    while let Some(certificate) = vault.read(&entry(name, found.0 + 1, part))? {
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

/// What a certificate is to be.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    role: Role,
    cn: String,
    sans: Vec<String>,
    key: KeySort,
    days: u32,
}

impl Wanted {
    /// What is wanted of a server's certificate; `by` is the primitive, for its errors.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what no certificate can have.
    pub fn server(by: &str, cn: String, sans: Option<Vec<String>>, key: KeySort, days: u32) -> Result<Self> {
        let wanted = Self::within_limits(Role::Server, cn, key, days)?;
        let mut checked: Vec<String> = Vec::new();
        for san in sans.unwrap_or_else(|| vec![wanted.cn.clone()]) {
            let san = names::checked(&san).map_err(|e| e.context(format!("option `sans` of {by}")))?;
            if !checked.contains(&san) {
                checked.push(san);
            }
        }
        if checked.is_empty() {
            return Err(Error::usage(format!("option `sans` of {by} is empty"))
                .hint("browsers look at these names only: name the FQDN"));
        }
        Ok(Self { sans: checked, ..wanted })
    }

    /// What is wanted of an authority's certificate.
    ///
    /// # Errors
    /// As [`Wanted::server`].
    pub fn authority(cn: String, key: KeySort, days: u32) -> Result<Self> {
        Self::within_limits(Role::Authority, cn, key, days)
    }

    fn within_limits(role: Role, cn: String, key: KeySort, days: u32) -> Result<Self> {
        if cn.is_empty() || cn.chars().count() > 64 || cn.chars().any(char::is_control) {
            return Err(Error::usage(format!("{cn:?} cannot be a certificate's common name"))
                .hint("it has 1 to 64 characters; a longer FQDN goes into sans:, with a short cn:"));
        }
        if !(1..=36_500).contains(&days) {
            return Err(
                Error::usage(format!("a certificate cannot be valid for {days} days")).hint("days: is 1 to 36500")
            );
        }
        Ok(Self { role, cn, sans: Vec::new(), key, days })
    }

    /// Whether a certificate that is kept is what is wanted; if not, why.
    fn fits(
        &self,
        certificate: &Secret,
        key: &Secret,
        signer: Option<&Signer>,
        now: OffsetDateTime,
    ) -> std::result::Result<(), String> {
        let text = |e: Error| e.message().to_owned();
        let blocks = pem::blocks(certificate.expose(), "it").map_err(text)?;
        let key_blocks = pem::blocks(key.expose(), "its key").map_err(text)?;
        let chain = Chain::read(&blocks, "it").map_err(text)?;
        let (_, pair) = chain::key(&key_blocks, "its key").map_err(text)?;
        chain.check_key(&pair, "its key").map_err(text)?;
        let own = chain.server();
        if own.is_ca() != (self.role == Role::Authority) {
            return Err("it was for something else".to_owned());
        }
        match (signer, chain.certificates()) {
            (None, [_]) => {}
            (Some(signer), [_, issuer, ..]) => {
                let authority = pem::blocks(&signer.pem, "the authority").map_err(text)?;
                let authority = Chain::read(&authority, "the authority").map_err(text)?;
                if issuer.as_raw() != authority.server().as_raw() {
                    return Err("it was signed by another authority".to_owned());
                }
            }
            _ => return Err("it was signed by somebody else".to_owned()),
        }
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
    fn make(&self, signer: Option<&Signer>, now: OffsetDateTime) -> Result<(Zeroizing<String>, Zeroizing<String>)> {
        let pair = self.key.make().map_err(failed)?;
        let mut params = self.params()?;
        let begins = now.replace_nanosecond(0).unwrap_or(now) - EARLIER;
        params.not_before = begins;
        params.not_after = begins + Duration::days(self.days.into());
        let (certificate, above) = match signer {
            None => (params.self_signed(&pair).map_err(failed)?, ""),
            Some(signer) => {
                let authority = pem::blocks(&signer.pem, "the authority")?;
                let (_, ends) = chain::validity(Chain::read(&authority, "the authority")?.server());
                // Nobody trusts it longer than its authority.
                params.not_after = params.not_after.min(ends);
                params.use_authority_key_identifier_extension = true;
                (params.signed_by(&pair, &signer.issuer()?).map_err(failed)?, signer.pem.as_str())
            }
        };
        let mut text = Block::new("CERTIFICATE", certificate.der()).text();
        text.push_str(above);
        let key = Zeroizing::new(pair.serialize_der());
        Ok((text, Block::new("PRIVATE KEY", &key).text()))
    }

    /// Makes a key and a request for a certificate, as PEM.
    ///
    /// # Errors
    /// [`Kind::System`] where that cannot be made.
    pub fn request(&self) -> Result<(Zeroizing<String>, Zeroizing<String>)> {
        let pair = self.key.make().map_err(failed)?;
        let request = self.params()?.serialize_request(&pair).map_err(failed)?;
        let key = Zeroizing::new(pair.serialize_der());
        Ok((Block::new("CERTIFICATE REQUEST", request.der()).text(), Block::new("PRIVATE KEY", &key).text()))
    }

    /// Everything but the time.
    fn params(&self) -> Result<CertificateParams> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.cn.as_str());
        for san in &self.sans {
            params.subject_alt_names.push(match san.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(san.as_str().try_into().map_err(failed)?),
            });
        }
        match self.role {
            Role::Server => {
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }
            Role::Authority => {
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            }
        }
        Ok(params)
    }

    /// What a kept request is compared by.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{}; {}; {}", self.cn, self.sans.join(", "), self.key.as_str())
    }

    /// The sort of key.
    #[must_use]
    pub fn key(&self) -> KeySort {
        self.key
    }
}

fn failed(error: rcgen::Error) -> Error {
    Error::new(Kind::System, "the certificate cannot be made").source(error)
}

impl KeySort {
    /// Makes a key.
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

//! The certificates of one test bed: made anew each time, kept in its folder.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::Error;

/// Where the certificates are.
#[derive(Debug)]
pub(crate) struct Pki {
    pub(crate) folder: PathBuf,
    /// The authority's certificate, PEM.
    pub(crate) authority: String,
    /// The authority's certificate, DER.
    pub(crate) authority_der: Vec<u8>,
}

impl Pki {
    /// Makes the authority, the API server's certificates, for others and for kubelets, and the key that signs service account tokens.
    pub(crate) fn make(folder: PathBuf) -> Result<Pki, Error> {
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        let authority_key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "windlass test bed");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let authority = params.self_signed(&authority_key)?;
        let issuer = Issuer::new(params, &authority_key);

        let server_key = KeyPair::generate()?;
        let names =
            ["127.0.0.1", "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut params = CertificateParams::new(names.map(str::to_owned).to_vec())?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server = params.signed_by(&server_key, &issuer)?;

        let client_key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver-kubelet-client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = params.signed_by(&client_key, &issuer)?;

        let accounts_key = KeyPair::generate()?;
        write(&folder, "ca.crt", &authority.pem())?;
        write(&folder, "ca.key", &authority_key.serialize_pem())?;
        write(&folder, "apiserver.crt", &server.pem())?;
        write(&folder, "apiserver.key", &server_key.serialize_pem())?;
        write(&folder, "kubelet-client.crt", &client.pem())?;
        write(&folder, "kubelet-client.key", &client_key.serialize_pem())?;
        write(&folder, "accounts.key", &accounts_key.serialize_pem())?;
        write(&folder, "accounts.pub", &accounts_key.public_key_pem())?;
        Ok(Pki { folder, authority: authority.pem(), authority_der: authority.der().to_vec() })
    }

    /// The path of one of the files.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(Error::file("write", &path))
}

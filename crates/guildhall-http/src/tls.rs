//! TLS from two PEM files, read again when they change.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// How often the files are looked at, unless configured otherwise.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// A PEM file: the server's certificate first, then those that lead to its root.
    pub certificate: PathBuf,
    /// A PEM file with the private key of the first certificate.
    pub key: PathBuf,
    /// How often the files are looked at.
    pub reload_interval: Duration,
}

impl TlsOptions {
    /// Both files, looked at every [`RELOAD_INTERVAL`].
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            reload_interval: RELOAD_INTERVAL,
        }
    }
}

/// Why TLS cannot be served from these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there, or not for us.
    #[error("cannot read `{path}`; it must exist and be readable for the server")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The first file is something else.
    #[error("`{path}` holds no certificate; it must be a PEM file, the server's certificate first")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The second file is something else.
    #[error("`{path}` holds no private key; it must be a PEM file, not protected by a password")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The files are in order, but not with each other.
    #[error("the certificate `{certificate}` and the key `{key}` cannot be used together")]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What the TLS library says.
        source: rustls::Error,
    },
}

/// The files as they were last seen, and what is made of them.
#[derive(Debug)]
pub(crate) struct Certificates {
    options: TlsOptions,
    seen: [u8; 32],
    current: watch::Sender<Arc<ServerConfig>>,
}

/// What new connections use.
#[derive(Clone, Debug)]
pub(crate) struct CurrentTls(watch::Receiver<Arc<ServerConfig>>);

impl CurrentTls {
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.borrow())
    }
}

impl Certificates {
    /// Reads the files for the first time; blocks.
    pub(crate) fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let files = Files::read(&options)?;
        let config = files.to_config(&options)?;
        Ok(Self {
            options,
            seen: files.fingerprint(),
            current: watch::Sender::new(Arc::new(config)),
        })
    }

    pub(crate) fn current(&self) -> CurrentTls {
        CurrentTls(self.current.subscribe())
    }

    /// Looks at the files for ever. What is wrong is logged once, and the certificate in use stays.
    ///
    /// The content is compared, not the time of change: two small files cost nothing to read, and a pair that
    /// was replaced one file at a time, through a symbolic link or within one tick of the clock is seen as well.
    pub(crate) async fn keep_fresh(mut self) -> Infallible {
        loop {
            tokio::time::sleep(self.options.reload_interval).await;
            let options = self.options.clone();
            let Ok(look) = tokio::task::spawn_blocking(move || Files::read(&options)).await else {
                continue;
            };
            let fingerprint = match &look {
                Ok(files) => files.fingerprint(),
                Err(error) => Sha256::digest(error.to_string()).into(),
            };
            if std::mem::replace(&mut self.seen, fingerprint) == fingerprint {
                continue;
            }
            let path = self.options.certificate.display();
            match look.and_then(|files| files.to_config(&self.options)) {
                Ok(config) => {
                    self.current.send_replace(Arc::new(config));
                    tracing::info!("new connections use the new certificate in `{path}`");
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the certificate in `{path}` changed but cannot be used; the old one stays in use",
                ),
            }
        }
    }
}

struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(options: &TlsOptions) -> Result<Self, TlsError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| TlsError::Read {
                path: path.clone(),
                source,
            })
        };
        Ok(Self {
            certificate: read(&options.certificate)?,
            key: read(&options.key)?,
        })
    }

    /// A hash, so that no second copy of the key stays in memory.
    fn fingerprint(&self) -> [u8; 32] {
        let certificate: [u8; 32] = Sha256::digest(&self.certificate).into();
        Sha256::new()
            .chain_update(certificate)
            .chain_update(&self.key)
            .finalize()
            .into()
    }

    fn to_config(&self, options: &TlsOptions) -> Result<ServerConfig, TlsError> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| TlsError::NoCertificate {
                path: options.certificate.clone(),
            })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey {
            path: options.key.clone(),
        })?;

        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(|source| TlsError::Unusable {
                    certificate: options.certificate.clone(),
                    key: options.key.clone(),
                    source,
                })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

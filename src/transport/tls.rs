//! TLS over the same port (C2.15, C3.21): whom to trust, who we are, and the stream.
//!
//! The peer's name is checked unless that is switched off; RocketMQ's own clients check nothing by default.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::transport::receive::{Receive, Received};
use crate::transport::socket::Socket;

/// Whom a connection trusts and what it shows of itself; PEM, as it stands in files.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsFiles<'a> {
    /// Certificates of the authorities that are trusted; `None` for those of the system.
    pub authorities: Option<&'a [u8]>,
    /// The client's certificate chain and its key.
    pub identity: Option<(&'a [u8], &'a [u8])>,
    /// The name the peer's certificate must have; `None` for the host that is connected to.
    pub server_name: Option<&'a str>,
    /// Take any certificate, as RocketMQ's own clients do: encrypts, but trusts whoever answers.
    pub trust_anybody: bool,
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Not PEM, or nothing in it.
    #[error("{what}: {detail}")]
    Pem {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The library refuses it, for example a key that does not belong to its certificate.
    #[error("TLS: {0}")]
    Refused(String),
    /// No host name and no address.
    #[error("{0:?} is no server name")]
    Name(String),
}

/// How connections are encrypted; made once, shared by all.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

/// The same settings, not merely equal ones.
impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.connector.config(), other.connector.config())
            && self.server_name == other.server_name
    }
}

impl Eq for Tls {}

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(files: TlsFiles<'_>) -> Result<Self, TlsError> {
        let refused = |error: rustls::Error| TlsError::Refused(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = if files.trust_anybody {
            let verifier = Arc::new(Anybody(provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        } else {
            let roots = Arc::new(authorities(files.authorities)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| TlsError::Refused(error.to_string()))?;
            builder.with_webpki_verifier(verifier)
        };
        let config = match files.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(certificates("client certificate", chain)?, private(key)?)
                .map_err(refused)?,
        };
        let server_name = files.server_name.map(name_of).transpose()?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name,
        })
    }

    /// Shakes hands with `host:port` over a socket that is connected to it.
    pub(super) async fn over(&self, address: &str, socket: Socket) -> io::Result<Stream> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => name_of(host.trim_matches(['[', ']'])).map_err(io::Error::other)?,
        };
        let stream = self.connector.connect(name, socket).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

fn name_of(text: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(text.to_owned()).map_err(|_| TlsError::Name(text.to_owned()))
}

fn authorities(pem: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let what = "trusted authorities";
    let found = match pem {
        Some(pem) => certificates(what, pem)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        let detail = "no certificate among them can be used".to_owned();
        return Err(TlsError::Pem { what, detail });
    }
    Ok(roots)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let broken = |detail: String| TlsError::Pem { what, detail };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| broken(error.to_string()))?;
    if found.is_empty() {
        return Err(broken("no certificate in it".to_owned()));
    }
    Ok(found)
}

fn private(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| TlsError::Pem {
        what: "client key",
        detail: error.to_string(),
    })
}

/// Takes any certificate; signatures are checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection, encrypted or not.
#[derive(Debug)]
pub(super) enum Stream {
    /// As it is.
    Plain(Socket),
    /// Encrypted; it has no receive stamps.
    Tls(Box<TlsStream<Socket>>),
}

impl Receive for Stream {
    #[inline]
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Received>> {
        match self {
            Self::Plain(socket) => socket.poll_receive(cx, into),
            Self::Tls(stream) => stream.poll_receive(cx, into),
        }
    }
}

impl Receive for TlsStream<Socket> {}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls::server::WebPkiClientVerifier;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::transport::socket::{SocketOptions, connect};

    /// An authority, and what it has signed.
    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            Self(CertifiedIssuer::self_signed(params, key).unwrap())
        }

        fn pem(&self) -> Vec<u8> {
            self.0.pem().into_bytes()
        }

        /// Chain and key for these names.
        fn sign(&self, names: &[&str], expired: bool) -> (Vec<u8>, Vec<u8>) {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            if expired {
                params.not_after = rcgen::date_time_ymd(2001, 1, 1);
                params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            }
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.0).unwrap();
            (
                certificate.pem().into_bytes(),
                key.serialize_pem().into_bytes(),
            )
        }
    }

    /// A peer that says back what it hears, once; who must show a certificate of `clients`, if any.
    async fn peer((chain, key): (Vec<u8>, Vec<u8>), clients: Option<&Authority>) -> String {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authorities(Some(&authority.pem())).unwrap());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = certificates("server", &chain).unwrap();
        let config = builder
            .with_single_cert(chain, private(&key).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let accepted = TlsAcceptor::from(Arc::new(config)).accept(socket).await;
            // A client that refuses us is what some tests want.
            let Ok(mut stream) = accepted else { return };
            let mut said = [0; 5];
            if stream.read_exact(&mut said).await.is_ok() {
                stream.write_all(&said).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        address
    }

    /// What comes back for "hello".
    async fn hello(address: &str, files: TlsFiles<'_>) -> io::Result<Vec<u8>> {
        let timeout = Duration::from_secs(5);
        let socket = connect(address, timeout, &SocketOptions::default()).await?;
        let mut stream = Tls::new(files).unwrap().over(address, socket).await?;
        stream.write_all(b"hello").await?;
        stream.flush().await?;
        let mut heard = vec![0; 5];
        stream.read_exact(&mut heard).await?;
        Ok(heard)
    }

    #[tokio::test]
    async fn a_peer_of_a_trusted_authority_with_the_right_name_is_heard() {
        let authority = Authority::new();
        let pem = authority.pem();
        let trusting = TlsFiles {
            authorities: Some(&pem),
            ..TlsFiles::default()
        };
        let address = peer(authority.sign(&["127.0.0.1"], false), None).await;
        assert_eq!(hello(&address, trusting).await.unwrap(), b"hello");
        let named = TlsFiles {
            server_name: Some("broker.example"),
            ..trusting
        };
        let address = peer(authority.sign(&["broker.example"], false), None).await;
        assert_eq!(hello(&address, named).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn another_name_authority_or_time_is_refused_unless_anybody_is_trusted() {
        let (authority, other) = (Authority::new(), Authority::new());
        let pem = authority.pem();
        let trusting = TlsFiles {
            authorities: Some(&pem),
            ..TlsFiles::default()
        };
        for (peer_is, why) in [
            (
                authority.sign(&["broker.example"], false),
                "NotValidForName",
            ),
            (other.sign(&["127.0.0.1"], false), "InvalidCertificate"),
            (authority.sign(&["127.0.0.1"], true), "Expired"),
        ] {
            let address = peer(peer_is.clone(), None).await;
            let error = format!("{:?}", hello(&address, trusting).await.unwrap_err());
            assert!(error.contains(why), "{why}: {error}");
            let anybody = TlsFiles {
                trust_anybody: true,
                ..TlsFiles::default()
            };
            let address = peer(peer_is, None).await;
            assert_eq!(hello(&address, anybody).await.unwrap(), b"hello");
        }
    }

    #[tokio::test]
    async fn a_peer_that_wants_a_certificate_gets_ours() {
        let (authority, clients) = (Authority::new(), Authority::new());
        let pem = authority.pem();
        let (chain, key) = clients.sign(&["client"], false);
        let known = TlsFiles {
            authorities: Some(&pem),
            identity: Some((&chain, &key)),
            ..TlsFiles::default()
        };
        let server = || authority.sign(&["127.0.0.1"], false);
        let address = peer(server(), Some(&clients)).await;
        assert_eq!(hello(&address, known).await.unwrap(), b"hello");
        let nobody = TlsFiles {
            identity: None,
            ..known
        };
        let address = peer(server(), Some(&clients)).await;
        assert!(hello(&address, nobody).await.is_err());
    }

    #[test]
    fn what_is_no_certificate_or_key_is_named() {
        let authority = Authority::new();
        let (chain, key) = authority.sign(&["client"], false);
        let of = |authorities, identity| {
            let files = TlsFiles {
                authorities,
                identity,
                ..TlsFiles::default()
            };
            Tls::new(files).unwrap_err().to_string()
        };
        let pem = authority.pem();
        assert!(of(Some(b"nothing".as_slice()), None).contains("trusted authorities"));
        assert!(of(Some(&pem), Some((b"x".as_slice(), &*key))).contains("client certificate"));
        assert!(of(Some(&pem), Some((&*chain, b"x".as_slice()))).contains("client key"));
        let (_, another) = authority.sign(&["client"], false);
        assert!(of(Some(&pem), Some((&*chain, &*another))).contains("TLS"));
    }
}

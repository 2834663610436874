//! Connections to addresses that were found before: no name is looked up here, so what was permitted is what is used.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use quick_cache::sync::Cache;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use super::discovery::Target;

/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Servers whose addresses are known at the same time.
const ROUTES: usize = 10_000;

/// Connects to the target that was set for the authority of a URI.
#[derive(Clone)]
pub(super) struct Connector {
    routes: Arc<Cache<String, Arc<Target>>>,
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self {
            routes: Arc::new(Cache::new(ROUTES)),
            tls: TlsConnector::from(tls),
        }
    }

    /// Has connections for the target's authority go to its addresses from now on.
    pub(super) fn set_route(&self, target: Target) {
        self.routes
            .insert(target.authority.clone(), Arc::new(target));
    }

    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let authority = uri
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .unwrap_or_default();
        let target = self.routes.get(&authority);
        let target = target
            .ok_or_else(|| io::Error::other(format!("no address is known of {authority}")))?;
        let mut failure = io::Error::other("it has no addresses");
        for address in &target.addresses {
            let connected = timeout(CONNECT, TcpStream::connect(address)).await;
            match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let handshake = self.tls.connect(target.certificate.clone(), stream);
                    let stream = timeout(HANDSHAKE, handshake).await??;
                    return Ok(Stream(TokioIo::new(stream)));
                }
                Err(error) => failure = io::Error::new(error.kind(), format!("{address}: {error}")),
            }
        }
        Err(failure)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// An encrypted connection.
pub(super) struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let (_, tls) = self.0.inner().get_ref();
        let connected = Connected::new();
        if tls.alpn_protocol() == Some(b"h2") {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

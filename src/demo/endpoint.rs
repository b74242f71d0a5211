//! A running endpoint: its socket and its connections.
//!
//! Responsible for listening, for a task per connection, and for ending them. It leaves answering
//! to `server`. Invariant: only loopback addresses are listened on, and no task of the endpoint
//! outlives `stop`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::counters::CountersSnapshot;
use super::server::Server;
use super::spec::Spec;

/// How long accepting rests after it failed, as it does while file descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running synthetic endpoint. Stops when dropped; [`Endpoint::stop`] also waits for it.
pub struct Endpoint {
    address: SocketAddr,
    server: Arc<Server>,
    tasks: TaskTracker,
    stopping: DropGuard,
}

impl Endpoint {
    /// Starts an endpoint inside the current tokio runtime. Port 0 takes a free port.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an address that other machines could reach, and whatever
    /// kept the address from being bound.
    pub async fn start(spec: Spec, address: SocketAddr) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            let message = format!("`{address}` is not a loopback address");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = Arc::new(Server::new(&spec));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let accepting = accept(listener, Arc::clone(&server), tasks.clone(), stop.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(accepting));
        Ok(Self { address, server, tasks, stopping: stop.drop_guard() })
    }

    /// The endpoint's URL for path-style requests, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the endpoint was asked so far.
    #[must_use]
    pub fn counters(&self) -> CountersSnapshot {
        self.server.counters()
    }

    /// Closes the socket and every connection, and waits until they are closed.
    pub async fn stop(self) {
        drop(self.stopping);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve(stream, Arc::clone(&server));
                tasks.spawn(stop.clone().run_until_cancelled_owned(connection));
            }
            Err(error) => {
                tracing::warn!(%error, "demo endpoint cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, server: Arc<Server>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "demo endpoint keeps a connection's delay");
    }
    let service = service_fn(|request| server.answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "demo endpoint closed a connection");
    }
}

//! The HTTP connector around the SDK's own: it takes the body of a list page away from the SDK's
//! deserializer and feeds it, frame by frame, to the page's scanner.
//!
//! Signing, endpoints, connections and typed errors stay the SDK's. What the SDK gets to see of a
//! sound page is an empty `<ListBucketResult/>`; every other answer passes through untouched, up to
//! 64 KiB of it. Rows count only once the SDK's operation has returned `Ok` and the scanner has seen
//! the page to its end: the SDK takes more for a listing than a listing. Pacing does not belong here: the caller's
//! attempt timeout runs while this code does.

use super::classify::SentAt;
use super::elements::{self, Root};
use super::failure::SignedWith;
use super::fault::PageFault;
use super::page::BodySink;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So much is kept of an answer that is no listing.
const FOREIGN_LIMIT: usize = 64 * 1024;

/// The scanner of a page, attached to its request as an extension.
#[derive(Clone)]
pub struct PageTap {
    sink: Arc<Mutex<dyn BodySink>>,
    /// Longest silence between two frames of the body. Stands in for the SDK's stall protection,
    /// which does not see bodies that are read here.
    idle_timeout: Duration,
}

impl PageTap {
    /// A tap that feeds `sink` and gives up on a body that stays silent for `idle_timeout`.
    pub fn new(sink: Arc<Mutex<dyn BodySink>>, idle_timeout: Duration) -> Self {
        Self { sink, idle_timeout }
    }

    /// The sink. A panic while it was held is that of an attempt whose rows were never taken, and
    /// `begin` makes the sink sound again.
    pub fn sink(&self) -> MutexGuard<'_, dyn BodySink + 'static> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the body of a 200 into the sink, or leaves it as it was where it is no listing.
    async fn read(&self, response: &mut HttpResponse) -> Result<(), ConnectorError> {
        let mut body = std::mem::replace(response.body_mut(), SdkBody::taken());
        response.headers_mut().remove("content-length");
        // The first frame nearly always shows the root, and is then scanned where it lies.
        let mut head = Bytes::new();
        loop {
            let frame = self.next_frame(&mut body).await?;
            let ended = frame.is_none();
            head = joined(head, frame.unwrap_or_default());
            match elements::root(&head) {
                Root::Undecided if !ended => {}
                Root::Undecided if head.is_empty() => return Err(refused(PageFault::Cut)),
                Root::Undecided | Root::Foreign => {
                    // An error of S3 has a few hundred bytes; what is longer is no S3 and only needs to
                    // be recognized as such.
                    while head.len() < FOREIGN_LIMIT
                        && let Some(frame) = self.next_frame(&mut body).await?
                    {
                        head = joined(head, frame);
                    }
                    head.truncate(FOREIGN_LIMIT);
                    *response.body_mut() = SdkBody::from(head);
                    return Ok(());
                }
                Root::Listing { children_at } => {
                    self.sink().feed(&head[children_at..]).map_err(refused)?;
                    break;
                }
            }
        }
        while let Some(frame) = self.next_frame(&mut body).await? {
            self.sink().feed(&frame).map_err(refused)?;
        }
        self.sink().finish().map_err(refused)?;
        *response.body_mut() = SdkBody::from("<ListBucketResult/>");
        Ok(())
    }

    async fn next_frame(&self, body: &mut SdkBody) -> Result<Option<Bytes>, ConnectorError> {
        loop {
            match tokio::time::timeout(self.idle_timeout, body.frame()).await {
                Err(silence) => return Err(ConnectorError::timeout(silence.into())),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(ConnectorError::io(error)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Both, one behind the other; copied only where both have something.
fn joined(head: Bytes, frame: Bytes) -> Bytes {
    if head.is_empty() { frame } else { Bytes::from([head, frame].concat()) }
}

fn refused(fault: PageFault) -> ConnectorError {
    ConnectorError::other(fault.into(), None)
}

/// An [`HttpClient`] that scans the bodies of tapped requests.
pub struct ScanningClient(SharedHttpClient);

impl ScanningClient {
    /// Wraps the client that really sends.
    pub fn new(inner: SharedHttpClient) -> Self {
        Self(inner)
    }
}

impl fmt::Debug for ScanningClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ScanningClient")
    }
}

impl HttpClient for ScanningClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(ScanningConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct ScanningConnector(SharedHttpConnector);

impl HttpConnector for ScanningConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let tap = request.extension::<PageTap>().cloned();
        let sent_at = request.headers().get("x-amz-date").and_then(SentAt::of);
        let signed_with = signed_with(&request);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            if let Some(tap) = &tap {
                tap.sink().begin();
            }
            let mut response = answer.await?;
            if response.status().is_success() {
                if let Some(tap) = &tap {
                    tap.read(&mut response).await?;
                }
            } else {
                if let Some(sent_at) = sent_at {
                    response.add_extension(sent_at);
                }
                if let Some(signed_with) = signed_with {
                    response.add_extension(signed_with);
                }
            }
            Ok(response)
        })
    }
}

/// The credentials that a request is signed with; `None` where it is not.
fn signed_with(request: &HttpRequest) -> Option<SignedWith> {
    let headers = request.headers();
    let (_, credential) = headers.get("authorization")?.split_once("Credential=")?;
    let (access_key, _) = credential.split_once('/')?;
    Some(SignedWith::of(access_key, headers.get("x-amz-security-token")))
}

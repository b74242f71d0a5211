//! The endpoint as clients see it: the SDK in `sdk`, bytes on a socket in `raw`.
//!
//! Responsible for what both need: starting endpoints and asking them with and without the SDK.

mod raw;
mod sdk;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

use super::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY};

/// Longer than any answer takes; ends a test that would otherwise hang.
const PATIENCE: Duration = Duration::from_secs(30);

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn start(spec: &str) -> Endpoint {
    Endpoint::start(spec.parse().unwrap(), ANY_PORT).await.unwrap()
}

fn client_with(url: &str, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .region(Region::new(REGION))
        .endpoint_url(url)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn client(endpoint: &Endpoint) -> Client {
    client_with(&endpoint.url(), ACCESS_KEY, SECRET_KEY)
}

/// The bytes with which the SDK asks for the first page of a bucket, signed for any endpoint, with
/// a request to close the connection after the answer.
async fn signed_list_request(bucket: &str) -> Vec<u8> {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        head
    });
    let sent = client_with(&url, ACCESS_KEY, SECRET_KEY).list_objects_v2().bucket(bucket).send().await;
    assert!(sent.is_err(), "nobody answered");
    let mut head = reading.await.unwrap();
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"connection: close\r\n\r\n");
    head
}

/// An answer as it arrived.
#[derive(Debug)]
struct Answer {
    head: String,
    body: Vec<u8>,
    /// The server closed the connection, rather than keeping the client waiting.
    closed: bool,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn announced(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }
}

/// Sends bytes and reads until the connection is closed, or nothing has come for `patience`.
async fn exchange(endpoint: &Endpoint, request: Vec<u8>, patience: Duration) -> Answer {
    let address = endpoint.url().replace("http://", "");
    let reading = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.write_all(&request).unwrap();
        let (mut bytes, mut piece) = (Vec::new(), [0; 16_384]);
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return (bytes, true),
                Ok(length) => bytes.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return (bytes, true);
                }
                Err(_) => return (bytes, false),
            }
        }
    });
    let (bytes, closed) = reading.await.unwrap();
    let split = memchr::memmem::find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    Answer { head: String::from_utf8(bytes[..split].to_vec()).unwrap(), body: bytes[split..].to_vec(), closed }
}

async fn get(endpoint: &Endpoint, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n");
    exchange(endpoint, request.into_bytes(), PATIENCE).await
}

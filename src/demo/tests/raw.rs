//! What arrives on a socket: faults, counters, own paths, connections.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{ANY_PORT, Answer, PATIENCE, exchange, get, signed_list_request, start};
use crate::demo::{CountersSnapshot, Endpoint, FaultKind, Spec, Truth, truth};

/// Asks for a page under a fault, and for the same page without.
async fn faulty(kind: FaultKind, patience: Duration) -> (Answer, Answer, Endpoint) {
    let knobs = "objects=2000&shape=flat";
    let request = signed_list_request("demo-flat").await;
    let sound = start(&format!("demo:?{knobs}")).await;
    let expected = exchange(&sound, request.clone(), PATIENCE).await;
    assert_eq!(expected.status(), "200", "{expected:?}");
    let endpoint = start(&format!("demo:?{knobs}&fault_rate=1&faults={kind}")).await;
    let answer = exchange(&endpoint, request, patience).await;
    let counted = endpoint.counters();
    assert_eq!(counted.faults, BTreeMap::from([(kind, 1)]));
    let arrives = kind == FaultKind::Slow;
    assert_eq!(counted.keys, if arrives { 1_000 } else { 0 });
    (answer, expected, endpoint)
}

#[tokio::test]
async fn internal_error_and_slow_down() {
    for (kind, code) in [(FaultKind::InternalError, "InternalError"), (FaultKind::SlowDown, "SlowDown")] {
        let (answer, _, _) = faulty(kind, PATIENCE).await;
        assert_eq!(answer.status(), kind.to_string());
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")));
        assert!(answer.header("x-amz-request-id").is_some());
    }
}

#[tokio::test]
async fn reset_answers_nothing() {
    let (answer, _, _) = faulty(FaultKind::Reset, PATIENCE).await;
    assert!(answer.head.is_empty() && answer.closed, "{answer:?}");
}

#[tokio::test]
async fn truncated_breaks_off_half_way() {
    let (answer, expected, _) = faulty(FaultKind::Truncated, PATIENCE).await;
    assert_eq!(answer.status(), "200");
    assert_eq!(answer.announced(), Some(expected.body.len()));
    assert!(answer.closed);
    assert_eq!(answer.body, expected.body[..expected.body.len() / 2]);
}

#[tokio::test]
async fn malformed_has_full_length_and_one_broken_element() {
    let (answer, expected, _) = faulty(FaultKind::Malformed, PATIENCE).await;
    assert_eq!(answer.announced(), Some(expected.body.len()));
    assert_eq!(answer.body.len(), expected.body.len());
    let differing = answer.body.iter().zip(&expected.body).filter(|(one, other)| one != other);
    assert_eq!(differing.count(), 1);
    assert!(answer.text().contains("<<"));
}

#[tokio::test]
async fn error_with_status_200() {
    let (answer, _, _) = faulty(FaultKind::Error200, PATIENCE).await;
    assert_eq!(answer.status(), "200");
    assert!(answer.text().contains("<Error><Code>InternalError</Code>"));
}

#[tokio::test]
async fn slow_arrives_whole_in_its_time() {
    let began = Instant::now();
    let (answer, expected, _) = faulty(FaultKind::Slow, PATIENCE).await;
    assert_eq!(answer.body, expected.body);
    assert!(began.elapsed() >= Duration::from_millis(15 * 20));
}

#[tokio::test]
async fn stalled_keeps_waiting_until_the_client_goes() {
    let (answer, expected, endpoint) = faulty(FaultKind::Stalled, Duration::from_millis(200)).await;
    assert_eq!(answer.announced(), Some(expected.body.len()));
    assert!(!answer.closed);
    assert_eq!(answer.body, expected.body[..expected.body.len() / 2]);
    let gone = async {
        while endpoint.counters().in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn only_list_requests_meet_faults() {
    let endpoint = start("demo:?fault_rate=1&faults=reset").await;
    assert_eq!(get(&endpoint, "/").await.status(), "403");
    assert_eq!(get(&endpoint, "/?list-type=2").await.status(), "403");
    assert!(get(&endpoint, "/demo-flat?list-type=2").await.head.is_empty());
}

#[tokio::test]
async fn unsigned_requests_are_refused_whatever_they_ask_for() {
    let endpoint = start("demo:?hostile=1").await;
    for path in
        ["/..%2F..%2Fetc?list-type=2", "/", "/demo-flat", "/demo-flat?list-type=2", "/none?list-type=2", "/..%2F"]
    {
        let answer = get(&endpoint, path).await;
        assert_eq!(answer.status(), "403", "{path}");
        assert!(answer.text().contains("AccessDenied"), "{path}");
    }
    assert_eq!(endpoint.counters().keys, 0);
}

#[tokio::test]
async fn counters_over_http_are_those_of_the_process() {
    let endpoint = start("demo:?objects=30&shape=flat").await;
    let page = exchange(&endpoint, signed_list_request("demo-flat").await, PATIENCE).await;
    assert_eq!(page.status(), "200");
    get(&endpoint, "/").await;
    let answer = get(&endpoint, "/_demo/counters").await;
    let counters: CountersSnapshot = serde_json::from_str(answer.text()).unwrap();
    assert_eq!(counters, endpoint.counters());
    assert_eq!(
        counters,
        CountersSnapshot {
            requests: 2,
            bucket_list_requests: 1,
            list_requests: 1,
            owner_requests: 0,
            restore_requests: 0,
            keys: 30,
            in_flight: 0,
            most_in_flight: 1,
            faults: BTreeMap::new(),
            throttled: 0,
            unsigned: 1,
            expired: 0,
            access_keys: 1,
        }
    );
}

#[tokio::test]
async fn counters_are_told_once_the_one_that_is_asked_for_is_that_high() {
    let endpoint = start("demo:?objects=30&shape=flat&fault_rate=1&faults=500").await;
    let told = async |query| get(&endpoint, &format!("/_demo/counters?{query}")).await;
    let (one, two, ()) = tokio::join!(told("faults.500=2"), told("requests=3"), async {
        for _ in 0..2 {
            exchange(&endpoint, signed_list_request("demo-flat").await, PATIENCE).await;
        }
        get(&endpoint, "/").await;
    });
    let counters = |answer: &Answer| serde_json::from_str::<CountersSnapshot>(answer.text()).unwrap();
    assert_eq!(counters(&one).faults[&FaultKind::InternalError], 2);
    assert_eq!(counters(&two).requests, 3);
    for wrong in ["lists=1", "requests", "requests=many", "faults.600=1", "faults=1"] {
        assert_eq!(told(wrong).await.status(), "404", "{wrong}");
    }
}

#[tokio::test]
async fn truth_over_http_comes_in_chunks() {
    let text = "demo:?objects=3000&shape=unicode&denied=1&hostile=1";
    let endpoint = start(text).await;
    let spec: Spec = text.parse().unwrap();
    let answer = get(&endpoint, "/_demo/truth/demo-unicode").await;
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let mut lines = Vec::new();
    let mut rest = &answer.body[..];
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        let length = usize::from_str_radix(str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        lines.extend_from_slice(&rest[at + 2..][..length]);
        rest = &rest[at + 2 + length + 2..];
    }
    let objects: Vec<Truth> =
        str::from_utf8(&lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects, truth(&spec, "demo-unicode").unwrap().collect::<Vec<_>>());
    for (path, status) in [
        ("/_demo/truth/..%2F..%2Fetc", "200"),
        ("/_demo/truth/demo-line%0Abreak", "200"),
        ("/_demo/truth/demo-denied-1", "404"),
        ("/_demo/truth/none", "404"),
        ("/_demo/", "404"),
    ] {
        assert_eq!(get(&endpoint, path).await.status(), status, "{path}");
    }
    assert_eq!(endpoint.counters().requests, 0);
}

#[tokio::test]
async fn requests_beyond_the_cap_are_told_to_slow_down() {
    let endpoint = start("demo:?requests_per_second=1").await;
    assert_eq!(get(&endpoint, "/").await.status(), "403");
    let answer = get(&endpoint, "/").await;
    assert_eq!(answer.status(), "503");
    assert!(answer.text().contains("<Code>SlowDown</Code>"));
    assert_eq!(endpoint.counters().throttled, 1);
    assert_eq!(get(&endpoint, "/_demo/counters").await.status(), "200");
}

#[tokio::test]
async fn every_answer_waits_for_the_latency() {
    let endpoint = start("demo:?latency_ms=120").await;
    let began = Instant::now();
    get(&endpoint, "/").await;
    assert!(began.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn stopping_ends_stalled_connections_and_frees_the_port() {
    let endpoint = start("demo:?shape=flat&fault_rate=1&faults=stalled").await;
    let request = signed_list_request("demo-flat").await;
    let url = endpoint.url();
    let waiting = tokio::spawn(async move {
        let address = url.replace("http://", "");
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.writable().await.unwrap();
        assert_eq!(stream.try_write(&request).unwrap(), request.len());
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut [0; 16_384]) {
                Ok(0) => return,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    });
    assert_eq!(get(&endpoint, "/_demo/counters?faults.stalled=1").await.status(), "200");
    let address = endpoint.url().replace("http://", "");
    tokio::time::timeout(PATIENCE, endpoint.stop()).await.unwrap();
    tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn dropping_frees_the_port() {
    let endpoint = start("demo:").await;
    let address = endpoint.url().replace("http://", "");
    drop(endpoint);
    let closed = async {
        while std::net::TcpStream::connect(&address).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn only_loopback_addresses_are_served() {
    let address = ([0, 0, 0, 0], ANY_PORT.port()).into();
    let refused = Endpoint::start(Spec::default(), address).await;
    let error = refused.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

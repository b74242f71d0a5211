//! Certificates of one's own, and proxies.

use crate::harness::{Server, Workspace, rows};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A door with TLS before a server, whose certificate is of a private authority; the URL, and the
/// authority's certificate.
fn behind_tls(server: &Server) -> (String, String) {
    let mut params = CertificateParams::new([]).expect("sound");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("signed");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).expect("sound").signed_by(&key, &issuer).expect("signed");
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("sound");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let inner = server.address().to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        listener.set_nonblocking(true).expect("set");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("accepted");
                let (acceptor, inner) = (acceptor.clone(), inner.clone());
                tokio::spawn(async move {
                    let mut plain = tokio::net::TcpStream::connect(inner).await.expect("connected");
                    // A client that does not trust it goes away.
                    if let Ok(mut secret) = acceptor.accept(stream).await {
                        let _ = tokio::io::copy_bidirectional(&mut secret, &mut plain).await;
                    }
                });
            }
        });
    });
    (url, authority.pem())
}

#[test]
fn a_bundle_is_trusted_and_nothing_else() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let (url, authority) = behind_tls(&server);
    let workspace = Workspace::new();
    workspace.job(&url, "[limits]\nmax_attempts = 1");
    let told = workspace.expect(75, &[]);
    assert!(told.contains("TLS"), "{told}");
    assert_eq!(server.count("requests"), 0);

    workspace.write("bundle.pem", authority);
    let with = |bundle: &str| {
        let mut command = workspace.command(&["run", "job.toml"]);
        let output = command.env("AWS_CA_BUNDLE", workspace.path(bundle)).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = with("bundle.pem");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10);
    for (name, words) in [("absent.pem", "No such file"), ("job.toml", "there is none in it")] {
        let (code, told) = with(name);
        assert_eq!(code, Some(4), "{told}");
        assert!(told.contains("AWS_CA_BUNDLE") && told.contains(words), "{told}");
    }
}

/// A proxy that passes everything on; its address, and how many connections it was asked for.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || pass_on(&client));
        }
    });
    (url, asked)
}

/// `CONNECT HOST:PORT` opens a tunnel; anything else names its target by a whole URL.
fn pass_on(client: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let authority = target.strip_prefix("http://").unwrap_or(target).split('/').next()?;
    let mut server = TcpStream::connect(authority).ok()?;
    let mut to_client = client.try_clone().ok()?;
    if method == "CONNECT" {
        to_client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    } else {
        server.write_all(head.as_bytes()).ok()?;
    }
    let mut from_server = server.try_clone().ok()?;
    std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    let mut rest = [0; 4096];
    loop {
        let read = reader.read(&mut rest).ok().filter(|read| *read > 0)?;
        server.write_all(&rest[..read]).ok()?;
    }
}

#[test]
fn proxies_of_the_environment_are_taken_but_where_it_says_not_to() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let (secret, authority) = behind_tls(&server);
    for (url, variable) in [(server.url.as_str(), "HTTP_PROXY"), (secret.as_str(), "HTTPS_PROXY")] {
        let (address, asked) = proxy();
        for (exempt, through) in [("example.com", true), ("127.0.0.1", false)] {
            let before = asked.load(Ordering::Relaxed);
            let workspace = Workspace::new();
            workspace.job(url, "");
            workspace.write("bundle.pem", &authority);
            let mut command = workspace.command(&["run", "job.toml", "-q"]);
            command.env("AWS_CA_BUNDLE", workspace.path("bundle.pem")).env(variable, &address).env("NO_PROXY", exempt);
            let output = command.output().expect("runs");
            assert_eq!(output.status.code(), Some(0), "{url}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(rows(&workspace.files(), "demo-flat").len(), 10);
            assert_eq!(asked.load(Ordering::Relaxed) > before, through, "{variable} and NO_PROXY={exempt}");
        }
    }
}

/// The synthetic store is inside the program: no proxy leads there.
#[test]
fn the_store_inside_the_program_needs_no_proxy() {
    let workspace = Workspace::new();
    workspace.job("demo:?objects=10&shape=flat", "");
    let mut command = workspace.command(&["run", "job.toml", "-q"]);
    let output = command.env("HTTP_PROXY", "http://127.0.0.1:1").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

//! A server of a test's own on a loopback port: it answers as it is told, and keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query; of `CONNECT` host and port.
    pub target: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What is answered: the status line behind the version, headers that end in CRLF, and the body.
pub struct Reply {
    pub status: &'static str,
    pub headers: String,
    pub body: String,
}

impl Reply {
    pub fn of(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, headers: String::new(), body: body.into() }
    }

    pub fn ok(body: impl Into<String>) -> Self {
        Self::of("200 OK", body)
    }

    /// The connection is closed without an answer.
    pub fn none() -> Self {
        Self::of("", "")
    }

    pub fn with(self, header: &str) -> Self {
        Self { headers: format!("{}{header}\r\n", self.headers), ..self }
    }
}

/// A server, for as long as the test's process lives.
pub struct Loopback {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Loopback {
    /// Answers each request by `answer`, one after the other.
    pub fn start(mut answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // A client that went away before it asked is of no interest.
                let Some(request) = read(&mut stream) else {
                    continue;
                };
                let Reply { status, headers, body } = answer(&request);
                kept.lock().expect("sound").push(request);
                if status.is_empty() {
                    continue;
                }
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n");
                // Nor is one that went away meanwhile.
                let _ = write!(stream, "{head}\r\n{body}");
            }
        });
        Self { url, asked }
    }

    /// All it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("sound").clone()
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body: String::from_utf8(body).expect("text") })
}

/// The service of identities: lends the keys of the demo endpoint, and says that they are of this account.
pub fn identities(account: &'static str) -> Loopback {
    Loopback::start(move |asked| {
        let lent = asked.body.split('&').any(|pair| pair == "Action=AssumeRole");
        Reply::ok(if lent { role_lent() } else { identity_of(account) }).with("content-type: text/xml")
    })
}

fn role_lent() -> String {
    "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::012345678901:assumed-role/audit/x</Arn>\
     <AssumedRoleId>I:x</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>demo</AccessKeyId>\
     <SecretAccessKey>demo-secret</SecretAccessKey><SessionToken>t</SessionToken>\
     <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        .to_owned()
}

/// What the service of identities says of a user of an account.
pub fn identity_of(account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:user/audit</Arn>\
         <UserId>U</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
}

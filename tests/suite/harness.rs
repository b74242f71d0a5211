//! Running the real program: a folder of its own for each test, jobs written into it, demo servers as
//! processes of their own, and what comes out read back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_s3scan");
/// How long a test waits for what must come soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder in which the program is run.
pub struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "nobody else reads the file yet")]
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
        fs::write(path, text).expect("written");
    }

    /// Writes `job.toml` with an account at `endpoint_url` and what else is given.
    pub fn job(&self, endpoint_url: &str, rest: &str) {
        self.write(
            "job.toml",
            format!("version = 1\n[accounts.a]\nendpoint_url = \"{endpoint_url}\"\npath_style = true\n{rest}\n"),
        );
    }

    /// The program, in this folder and with no credentials or settings but those of a demo server.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", s3scan::demo::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", s3scan::demo::SECRET_KEY)
            .env("AWS_REGION", s3scan::demo::REGION)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with these arguments, and expects it to end with `code`; standard output.
    pub fn tell(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{told}\n{error}");
        told
    }

    /// Runs `s3scan run job.toml` with more arguments.
    pub fn run(&self, more: &[&str]) -> Output {
        self.command(&[&["run", "job.toml"], more].concat()).output().expect("the program runs")
    }

    /// Runs the job and expects it to end with `code`.
    pub fn expect(&self, code: i32, more: &[&str]) -> String {
        let output = self.run(more);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        told
    }

    /// Starts `s3scan run job.toml` with more arguments, and leaves it running.
    pub fn start(&self, more: &[&str]) -> Running {
        let mut command = self.command(&[&["run", "job.toml"], more].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let told = Told::default();
        let reader = told.clone().read_from(child.stderr.take().expect("piped"));
        Running { child, told, reader: Some(reader) }
    }

    /// The folders of the job's runs, oldest first.
    pub fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("data/job")).into_iter().flatten();
        let mut runs: Vec<PathBuf> =
            entries.map(|entry| entry.expect("entry").path()).filter(|path| path.is_dir()).collect();
        runs.sort();
        runs
    }

    pub fn last_run(&self) -> PathBuf {
        self.runs().pop().expect("a run")
    }

    /// `files.csv` of the last run, a map for each row.
    pub fn listed_files(&self) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.last_run().join("files.csv")).expect("files.csv");
        reader.deserialize().map(|row| row.expect("a row")).collect()
    }

    /// The CSV files of the last run by name, with their bytes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.last_run().join("a");
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries
            .map(|entry| entry.expect("entry").path())
            .map(|path| {
                (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("read"))
            })
            .collect()
    }

    pub fn summary(&self) -> serde_json::Value {
        let text = fs::read(self.last_run().join("summary.json")).expect("a summary");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// `buckets.csv` of the last run: verdict and reason by bucket.
    pub fn verdicts(&self) -> BTreeMap<String, (String, String)> {
        let mut reader = csv::Reader::from_path(self.last_run().join("buckets.csv")).expect("buckets.csv");
        let rows = reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
        rows.map(|row| (row["bucket"].clone(), (row["verdict"].clone(), row["reason"].clone()))).collect()
    }
}

/// What a program has written to standard error so far, line by line.
#[derive(Clone, Default)]
struct Told(Arc<(Mutex<String>, Condvar)>);

impl Told {
    /// Reads to the end, on a thread of its own.
    fn read_from(self, stderr: ChildStderr) -> JoinHandle<()> {
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let (text, changed) = &*self.0;
                text.lock().expect("no panic").push_str(&(line.expect("text") + "\n"));
                changed.notify_all();
            }
        })
    }

    /// All of it, as soon as `is_enough`.
    fn once(&self, is_enough: impl Fn(&str) -> bool) -> String {
        let (text, changed) = &*self.0;
        let text = text.lock().expect("no panic");
        let (text, waited) = changed.wait_timeout_while(text, PATIENCE, |text| !is_enough(text)).expect("no panic");
        assert!(!waited.timed_out(), "it never came to this:\n{text}");
        text.clone()
    }
}

/// The program, still running; killed when dropped.
pub struct Running {
    child: Child,
    told: Told,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error so far.
    pub fn told(&self) -> String {
        self.told.once(|_| true)
    }

    /// The same, once it has written all of this.
    pub fn once_told(&self, expected: &[&str]) -> String {
        self.told.once(|text| expected.iter().all(|part| text.contains(part)))
    }

    /// Waits for its end, and for all that it has to tell.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("waited");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("read to the end");
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ending a program that has already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rows of a bucket's files, in order, without headers.
pub fn rows(files: &BTreeMap<String, Vec<u8>>, bucket: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for part in 1.. {
        let Some(bytes) = files.get(&format!("{bucket}_{part}.csv")) else {
            break;
        };
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        rows.extend(
            reader.records().map(|record| record.expect("a record").iter().map(str::to_owned).collect::<Vec<_>>()),
        );
    }
    rows
}

/// Answers every request with this, for as long as the test's process lives; the URL.
pub fn answering(status: &'static str, more: &'static str, body: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&mut stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let head = format!("HTTP/1.1 {status}\r\n{more}connection: close\r\ncontent-length: {}", body.len());
            // A client that has gone away is of no interest.
            let _ = write!(stream, "{head}\r\n\r\n{body}");
        }
    });
    url
}

/// `s3scan demo serve` as a process of its own.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(spec: &str) -> Self {
        Self::start_at("127.0.0.1:0", spec)
    }

    /// A server in the place of one that was there before.
    pub fn start_at(address: &str, spec: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["demo", "serve", spec, "--address", address])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("export AWS_ENDPOINT_URL_S3=").expect("the endpoint").to_owned();
        Self { child, url }
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("http")
    }

    /// One of its counters.
    pub fn count(&self, name: &str) -> u64 {
        self.counters()[name].as_u64().expect("a counter")
    }

    /// Its counters.
    pub fn counters(&self) -> serde_json::Value {
        self.counters_at("")
    }

    /// Waits until one of its counters is at least so much.
    pub fn wait_for(&self, counter: &str, least: u64) {
        self.counters_at(&format!("?{counter}={least}"));
    }

    /// Its counters, by a plain HTTP request.
    fn counters_at(&self, query: &str) -> serde_json::Value {
        let address = self.address();
        let mut stream = std::net::TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let request = format!("GET /_demo/counters{query} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        read.unwrap_or_else(|error| panic!("it never came to `{query}`: {error}; {}", self.counters()));
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ending a server that has already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

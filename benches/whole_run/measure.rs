//! One run of the program, measured from outside.
//!
//! The program is started by a process that does nothing else, this one once more: what the system says
//! of that process's children is then said of one run. Owns that a run which is not complete is an
//! error, never a figure, and that no process is left behind.

use crate::choices::Cell;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use s3scan::demo::{ACCESS_KEY, REGION, SECRET_KEY};
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The word by which this program is told to start the other one.
pub const MODE: &str = "--client";

const PROGRAM: &str = env!("CARGO_BIN_EXE_s3scan");

/// What a run took.
pub struct Cost {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// Seconds of CPU, user and system.
    pub cpu: f64,
    /// The most memory it held, in MiB.
    pub peak: f64,
    /// Requests for pages, by the server's count.
    pub requests: f64,
}

/// Runs a job over the server's bucket, in a folder that is gone behind it.
#[expect(clippy::disallowed_methods, reason = "nobody else reads the file yet")]
pub fn measure(server: &Server, cell: &Cell) -> Outcome<Cost> {
    let folder = tempfile::tempdir()?;
    let job = format!(
        "version = 1\n[accounts.bench]\nendpoint_url = \"{}\"\npath_style = true\n[limits]\nconcurrency = {}\n",
        server.url, cell.concurrency
    );
    fs::write(folder.path().join("job.toml"), job)?;
    let before = server.list_requests()?;
    let output = Command::new(std::env::current_exe()?)
        .args([MODE, "job.toml"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_REGION", REGION)
        .stdin(Stdio::null())
        .output()?;
    let told = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(told().into());
    }
    let numbers: Vec<f64> = String::from_utf8_lossy(&output.stdout).split(' ').flat_map(str::parse).collect();
    let [wall, cpu, peak] = numbers[..] else {
        return Err(told().into());
    };
    let rows = rows_of(folder.path())?;
    if rows != cell.objects {
        return Err(format!("{rows} rows of {} keys", cell.objects).into());
    }
    Ok(Cost { wall, cpu, peak, requests: server.list_requests()? - before })
}

/// Starts the program, waits for it, and prints what it took.
pub fn client(job: &str) -> Outcome<()> {
    let begun = Instant::now();
    let status = Command::new(PROGRAM).args(["run", job, "-q"]).status()?;
    let wall = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("the program ended with {status}").into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds and kilobytes of a run fit a double")]
    let (cpu, peak) = (
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6,
        usage.max_rss() as f64 / if cfg!(target_os = "macos") { 1_048_576.0 } else { 1024.0 },
    );
    print!("{wall} {cpu} {peak}");
    Ok(())
}

/// The rows of the run in a folder, by its summary.
fn rows_of(folder: &Path) -> Outcome<u64> {
    let latest = json(&fs::read(folder.join("data/job/latest.json"))?)?;
    let run = latest["folder"].as_str().ok_or("no folder in latest.json")?;
    let summary = json(&fs::read(folder.join(run).join("summary.json"))?)?;
    Ok(summary["totals"]["rows"].as_u64().ok_or("no rows in summary.json")?)
}

fn json(text: &[u8]) -> Outcome<serde_json::Value> {
    Ok(serde_json::from_slice(text)?)
}

/// `s3scan demo serve` as a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// A server of the one bucket that a cell is about.
    pub fn start(cell: &Cell) -> Outcome<Self> {
        let spec = format!("demo:?objects={}&shape={}&latency_ms={}", cell.objects, cell.shape, cell.latency);
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "serve", &spec]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn()?;
        let mut server = Self { child, url: String::new() };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().ok_or("piped")?).read_line(&mut line)?;
        let url = line.trim().strip_prefix("export AWS_ENDPOINT_URL_S3=");
        let url = url.ok_or_else(|| format!("no server of `{spec}`: is there such a shape?"))?;
        url.clone_into(&mut server.url);
        Ok(server)
    }

    /// Requests for pages so far.
    fn list_requests(&self) -> Outcome<f64> {
        let address = self.url.strip_prefix("http://").ok_or("http")?;
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET /_demo/counters HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok(json(body.as_bytes())?["list_requests"].as_f64().ok_or("no counter")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ending a server that has already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

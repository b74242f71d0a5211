//! What a page of 1,000 keys costs from the wire to CSV bytes in a file, beside a plain loop of
//! aws-sdk-s3 and the csv crate over the same pages. The server is a process of its own.
//!
//!     cargo bench --bench page_cost
//!
//! CPU is the client's, user and system, by getrusage. Instructions are counted by callgrind where
//! valgrind is installed, as the difference of two runs of different length, so that start-up does
//! not count. No TLS. Joining and hashing of the finished files are not part of the path measured.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use s3scan::demo::{ACCESS_KEY, REGION, SECRET_KEY};
use s3scan::event::{BucketLabel, Events};
use s3scan::job::Column;
use s3scan::rows::{BucketFields, ObjectFilter, RowEncoder, RowFormat, RowWriter};
use s3scan::s3::{Access, Identity, Network, Range, Store};
use s3scan::scan::{Asking, Budget, Caller, News, RangeTask, Stop, list_range};
use s3scan::state::{RangeRecord, RunFolder};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::sync::Semaphore;

type Outcome<T> = Result<T, Box<dyn Error>>;

const SHAPES: [&str; 3] = ["flat", "dates", "unicode"];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [mode, url, bucket] = arguments.as_slice() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let before = cpu_micros()?;
        let (pages, rows) = match mode.as_str() {
            "ours" => runtime.block_on(ours(url, bucket))?,
            "stock" => runtime.block_on(stock(url, bucket))?,
            _ => return Err("modes: ours, stock".into()),
        };
        let spent = cpu_micros()? - before;
        let peak = getrusage(UsageWho::RUSAGE_SELF)?.max_rss();
        println!("{pages} {rows} {spent} {peak}");
        return Ok(());
    }
    println!("{:<10} {:<8} {:>16} {:>18} {:>14}", "shape", "client", "CPU us/page", "keys/s per core", "peak MiB");
    for shape in SHAPES {
        let server = Server::start(&format!("demo:?objects=1000000&shape={shape}"))?;
        let mut costs = Vec::new();
        for mode in ["ours", "stock"] {
            let mut runs = (0..3).map(|_| measure(&server, mode, shape)).collect::<Outcome<Vec<_>>>()?;
            runs.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (cost, peak) = runs[1];
            println!("{shape:<10} {mode:<8} {cost:>16.0} {:>18.0} {peak:>14.1}", 1e9 / cost);
            costs.push(cost);
        }
        println!("{shape:<10} stock / ours: {:.1}", costs[1] / costs[0]);
    }
    instructions()
}

/// CPU per page in microseconds and peak memory in MiB, of one whole listing.
fn measure(server: &Server, mode: &str, shape: &str) -> Outcome<(f64, f64)> {
    let output = client(mode, &server.url, shape).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [pages, rows, micros, peak] = numbers[..] else {
        return Err(format!("{mode}: {text}{}", String::from_utf8_lossy(&output.stderr)).into());
    };
    assert!((rows - 1_000_000.0).abs() < 0.5, "{mode} listed {rows} rows");
    Ok((micros / pages, peak / 1024.0))
}

fn client(mode: &str, url: &str, shape: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "page_cost".into()));
    command.args([mode, url, &format!("demo-{shape}")]);
    command
}

/// Instructions per page by callgrind.
fn instructions() -> Outcome<()> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("valgrind is not installed: instructions are not counted");
        return Ok(());
    }
    println!("{:<10} {:<8} {:>20}", "shape", "client", "instructions/page");
    for shape in SHAPES {
        for (mode, pages) in [("ours", [100_u64, 400]), ("stock", [20, 60])] {
            let mut counts = Vec::new();
            for pages in pages {
                let server = Server::start(&format!("demo:?objects={}&shape={shape}", pages * 1000))?;
                counts.push(callgrind(&client(mode, &server.url, shape))?);
            }
            let per_page = (counts[1] - counts[0]) / (pages[1] - pages[0]);
            println!("{shape:<10} {mode:<8} {per_page:>20}");
        }
    }
    Ok(())
}

fn callgrind(client: &Command) -> Outcome<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(client.get_program())
        .args(client.get_args())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find_map(|line| line.split_once("Collected : ")).ok_or(text.clone())?;
    Ok(line.1.trim().parse()?)
}

fn cpu_micros() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
    let micros = (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64;
    Ok(micros)
}

/// The program's own worker: retry loop, pacing, connector, scanner, rows, part.
#[expect(clippy::disallowed_methods, reason = "a job of its own folder, which nobody else reads")]
async fn ours(url: &str, bucket: &str) -> Outcome<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let access = Access {
        endpoint_url: Some(url.to_owned()),
        region: Some(REGION.to_owned()),
        path_style: true,
        identity: Identity::Keys(ACCESS_KEY.to_owned(), SECRET_KEY.to_owned()),
        ..Access::default()
    };
    let job = folder.path().join("bench.toml");
    std::fs::write(&job, "version = 1\n")?;
    let job = s3scan::job::load(&s3scan::job::Request::of(&job))?;
    let (events, _receiver) = Events::channel();
    let budget = Arc::new(Budget::new(&job.limits, Stop::default()));
    let slots = Arc::new(Semaphore::new(64));
    let caller = Caller::new(&job.accounts[0].pace, slots, budget, events, Stop::default());
    let fields = BucketFields { account: "bench".into(), bucket: bucket.to_owned(), ..BucketFields::default() };
    let filter = Arc::new(ObjectFilter::default());
    let task = RangeTask {
        bucket: 0,
        record: RangeRecord::begun(0, Range::default()),
        bound: Arc::default(),
        surplus: Arc::default(),
        asking: Asking {
            name: bucket.to_owned(),
            region: REGION.to_owned(),
            label: BucketLabel { account: "bench".into(), bucket: bucket.into() },
            ordered: true,
            lister: Arc::new(Store::open(&access, &Network::direct()).await),
            caller,
            pace: Arc::default(),
            plain_keys: Arc::default(),
        },
        writer: RowWriter::new(filter, RowEncoder::new(&RowFormat::standard(Column::STANDARD), &fields)),
        folder: RunFolder::new(folder.path()),
    };
    let (sender, mut messages) = tokio::sync::mpsc::channel(16);
    tokio::spawn(list_range(task, sender));
    let mut pages = 0;
    while let Some(message) = messages.recv().await {
        match message.news {
            News::Opened(_) | News::Checked(_) => {}
            News::Page(_) | News::Yielded(_) => pages += 1,
            News::Done(page, _) => return Ok((pages + 1, page.progress.counts.rows)),
            News::Stopped { why, .. } => return Err(format!("{why:?}").into()),
        }
    }
    Err("the worker ended without a word".into())
}

/// What one would write without much thought: the SDK's paginator and the csv crate.
async fn stock(url: &str, bucket: &str) -> Outcome<(u64, u64)> {
    let file = tempfile::NamedTempFile::new()?;
    let mut writer = csv::Writer::from_path(file.path())?;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new(REGION))
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench"))
        .build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let (mut pages, mut rows) = (0, 0);
    let mut stream = client.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(page) = stream.next().await {
        let page = page.map_err(|error| format!("{error:?}"))?;
        pages += 1;
        for object in page.contents() {
            writer.write_record([
                "bench",
                "",
                bucket,
                object.key().unwrap_or_default(),
                &object.size().unwrap_or_default().to_string(),
                &object.last_modified().map(ToString::to_string).unwrap_or_default(),
                object.storage_class().map_or("", |class| class.as_str()),
                object.e_tag().unwrap_or_default().trim_matches('"'),
            ])?;
            rows += 1;
        }
    }
    writer.flush()?;
    Ok((pages, rows))
}

/// `s3scan demo serve` as a process of its own.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(spec: &str) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_s3scan"))
            .args(["demo", "serve", spec])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("piped")?).read_line(&mut line)?;
        let url = line.trim().strip_prefix("export AWS_ENDPOINT_URL_S3=").ok_or("the server's first line")?.to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ending a server that has already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

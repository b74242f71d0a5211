//! Whole runs of the program over one bucket, against `s3scan demo serve` as a process of its own: a
//! table of shapes of keys, requests in flight, and latencies.
//!
//!     cargo bench --bench whole_run
//!     cargo bench --bench whole_run -- --objects 10000000 --shape flat --concurrency 64 --latency 200
//!
//! A run is all of it: starting, finding the bucket, listing, joining, hashing, publishing. The server
//! takes its share of the machine, so that without latency both together are measured. The program is
//! built by cargo as for a release. Loopback only; no TLS.

mod choices;
mod measure;

use choices::{Cell, Choices};
use measure::{Cost, Outcome, Server, client, measure};

fn main() -> Outcome<()> {
    // `cargo bench` adds a word of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [mode, job] = arguments.as_slice()
        && mode == measure::MODE
    {
        return client(job);
    }
    let choices = match Choices::read(&arguments) {
        Ok(choices) => choices,
        Err(told) => {
            println!("{told}");
            return if arguments == ["--help"] { Ok(()) } else { Err("wrong arguments".into()) };
        }
    };
    let start = least_run()?;
    println!("a run over one key: {:.2} s, {:.0} ms CPU, {:.1} MiB", start.wall, start.cpu * 1e3, start.peak);
    println!("CPU is user and system of the program alone, less that of a run over one key");
    println!("ideal is so many round trips of the latency, one behind the other, as the slots need\n");
    println!(
        "{:<8} {:>5} {:>4} {:>9} {:>8} {:>10} {:>9} {:>13} {:>12} {:>9}",
        "shape", "slots", "ms", "keys", "wall s", "keys/s", "x ideal", "req/1000 keys", "CPU us/page", "peak MiB"
    );
    for cell in choices.cells() {
        let server = Server::start(&cell)?;
        let cost = measure(&server, &cell)?;
        print(&cell, &cost, &start);
    }
    Ok(())
}

/// What the shortest run takes, which is no listing.
fn least_run() -> Outcome<Cost> {
    let cell = Cell { shape: "flat".to_owned(), objects: 1, concurrency: 1, latency: 0 };
    let server = Server::start(&cell)?;
    // The first one reads the program from the disk.
    measure(&server, &cell)?;
    measure(&server, &cell)
}

fn print(cell: &Cell, cost: &Cost, start: &Cost) {
    #[expect(clippy::cast_precision_loss, reason = "keys of a run fit a double")]
    let keys = cell.objects as f64;
    let ideal = cell.ideal();
    let times = if ideal > 0.0 { format!("{:.2}", cost.wall / ideal) } else { "-".to_owned() };
    println!(
        "{:<8} {:>5} {:>4} {:>9} {:>8.2} {:>10.0} {times:>9} {:>13.3} {:>12.0} {:>9.1}",
        cell.shape,
        cell.concurrency,
        cell.latency,
        cell.objects,
        cost.wall,
        keys / cost.wall,
        1e3 * cost.requests / keys,
        1e9 * (cost.cpu - start.cpu).max(0.0) / keys,
        cost.peak,
    );
}

//! `s3scan demo`: the synthetic endpoint as a process of its own, and the truth about its buckets.

use super::exit::{Exit, Refusal};
use crate::demo::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Spec};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;

/// Reads what a demo endpoint is to serve.
///
/// # Errors
/// With the knobs there are, where one is unknown.
pub fn spec(text: &str) -> Result<Spec, Refusal> {
    text.parse().map_err(|error: crate::demo::SpecError| Refusal {
        exit: Exit::Usage,
        message: error.to_string(),
        hint: error.hint(),
    })
}

/// `s3scan demo serve`: prints how to reach the endpoint, as lines that a shell takes, and serves until
/// a signal.
///
/// # Errors
/// When the knobs are wrong, or the address cannot be listened on.
pub fn serve(text: &str, address: SocketAddr) -> Result<Exit, Refusal> {
    let spec = spec(text)?;
    let files = |error: io::Error| Refusal::error(Exit::Files, &error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(files)?;
    runtime.block_on(async {
        let canonical = spec.to_string();
        let endpoint = Endpoint::start(spec, address)
            .await
            .map_err(|error| Refusal::new(Exit::Files, format!("could not listen on {address}: {error}")))?;
        let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map_err(files)?;
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(files)?;
        let text = format!(
            "export AWS_ENDPOINT_URL_S3={url}\nexport AWS_ACCESS_KEY_ID={ACCESS_KEY}\n\
             export AWS_SECRET_ACCESS_KEY={SECRET_KEY}\nexport AWS_REGION={REGION}\n",
            url = endpoint.url()
        );
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(files)?;
        drop(stdout);
        eprintln!("serving {canonical}; counters at {}/_demo/counters", endpoint.url());
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        endpoint.stop().await;
        Ok(Exit::Complete)
    })
}

/// `s3scan demo truth`: every object of a bucket as JSON lines.
///
/// # Errors
/// When the knobs are wrong, there is no such bucket, or standard output cannot be written.
pub fn truth(text: &str, bucket: &str) -> Result<Exit, Refusal> {
    let spec = spec(text)?;
    let objects = crate::demo::truth(&spec, bucket)
        .ok_or_else(|| Refusal::new(Exit::Usage, format!("`{spec}` has no bucket `{bucket}`")))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let write = || {
        for object in objects {
            serde_json::to_writer(&mut out, &object)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    match write() {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Refusal::error(Exit::Files, &error)),
        _ => Ok(Exit::Complete),
    }
}

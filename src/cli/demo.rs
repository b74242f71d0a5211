//! `s3scan demo`: the synthetic endpoint as a process of its own, and the truth about its buckets.

use super::exit::{Exit, Refusal};
use crate::demo::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Spec};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;

/// `s3scan demo serve`: prints how to reach the endpoint and serves until a signal.
pub fn serve(spec: &str, address: SocketAddr) -> Exit {
    shown(try_serve(spec, address))
}

/// `s3scan demo truth`: every object of a bucket as JSON lines.
pub fn truth(spec: &str, bucket: &str) -> Exit {
    shown(try_truth(spec, bucket))
}

fn shown(result: Result<(), Refusal>) -> Exit {
    match result {
        Ok(()) => Exit::Complete,
        Err(refusal) => {
            eprintln!("{refusal}");
            refusal.exit
        }
    }
}

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

fn try_serve(text: &str, address: SocketAddr) -> Result<(), Refusal> {
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
            "AWS_ENDPOINT_URL_S3={url}\nAWS_ACCESS_KEY_ID={ACCESS_KEY}\nAWS_SECRET_ACCESS_KEY={SECRET_KEY}\n\
             AWS_REGION={REGION}\n",
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
        Ok(())
    })
}

fn try_truth(text: &str, bucket: &str) -> Result<(), Refusal> {
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
    write().or_else(|error| {
        // A reader that has seen enough is no failure.
        if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(Refusal::error(Exit::Files, &error)) }
    })
}

//! `rclone serve s3`: a server process over a folder, whose folders are the buckets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The access key that the server knows.
pub const ACCESS_KEY: &str = "s3scan-test";
/// The secret that belongs to it.
pub const SECRET_KEY: &str = "s3scan-secret";

/// A server, for as long as this lives.
pub struct Rclone {
    process: Child,
    address: SocketAddr,
}

impl Rclone {
    /// Serves a folder on a free loopback port, and returns when it answers.
    pub fn serve(folder: &Path) -> Self {
        let program = std::env::var_os("S3SCAN_TEST_RCLONE")
            .expect("S3SCAN_TEST_RCLONE must be the path of an rclone program: `.ci/run` gets one");
        // Between being found free and being served on, a port may be taken by another process.
        for _ in 0..5 {
            let address = free_address();
            let process = Command::new(&program)
                .args(["serve", "s3", "--quiet", "--config", "/dev/null"])
                .args(["--addr", &address.to_string(), "--auth-key", &format!("{ACCESS_KEY},{SECRET_KEY}")])
                .arg(folder)
                .env_clear()
                .env("HOME", folder)
                .stdin(Stdio::null())
                .spawn()
                .expect("S3SCAN_TEST_RCLONE can be run");
            let mut server = Self { process, address };
            if server.answers() {
                return server;
            }
        }
        panic!("rclone did not come up");
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the server takes connections, or has ended.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.process.try_wait().expect("the state of rclone").is_none() {
            if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
                return true;
            }
            assert!(Instant::now() < deadline, "rclone does not answer at {}", self.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that it does not outlive the test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address")
}

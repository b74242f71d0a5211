//! Servers written in Python, each started by a script that stands beside this file, and fed with
//! thousands of objects at once.

use crate::conformance::Object;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A server, for as long as this lives.
pub struct PythonServer {
    process: Child,
    /// Dropped first: the script ends with its input, also when this program is killed.
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl PythonServer {
    /// Starts a script with the Python that an environment variable names.
    pub fn start(variable: &str, script: &str, arguments: &[&str]) -> Self {
        let python = std::env::var_os(variable)
            .unwrap_or_else(|| panic!("{variable} must be the path of a Python with the server: `.ci/run` gets one"));
        let script = format!("{}/tests/servers/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(python)
            .args(["-W", "ignore", &script])
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be run");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, input, output }
    }

    /// The next line that the script prints.
    pub fn line(&mut self) -> String {
        self.output.next().expect("the server runs").expect("text")
    }

    /// Puts objects into a bucket, straight into where the server keeps them.
    pub fn put_objects(&mut self, bucket: &str, objects: &[Object]) {
        let rows = objects.iter().map(|object| json!([object.key, object.size, object.last_modified.as_millisecond()]));
        self.tell(&json!(["objects", bucket, rows.collect::<Vec<_>>()]));
    }

    /// Puts buckets into the account, likewise.
    pub fn put_buckets(&mut self, names: &[String]) {
        self.tell(&json!(["buckets", names]));
    }

    /// Puts a user with these permissions into an account; its key and its secret.
    pub fn user(&mut self, account: &str, name: &str, statements: &Value) -> (String, String) {
        self.send(&json!(["user", account, name, statements]));
        let line = self.line();
        assert_eq!(self.line(), "done");
        let (key, secret) = line.split_once(' ').expect("two words");
        (key.to_owned(), secret.to_owned())
    }

    /// Puts a role into an account.
    pub fn role(&mut self, account: &str, name: &str, trust: &Value, statements: &Value) {
        self.tell(&json!(["role", account, name, trust, statements]));
    }

    /// Puts buckets into an account, with so many objects each.
    pub fn put_account_buckets(&mut self, account: &str, region: &str, names: &[String], objects: u32) {
        self.tell(&json!(["account_buckets", account, region, names, objects]));
    }

    /// Gives a user or a role, by `kind`, these permissions in place of those it has.
    pub fn permit(&mut self, kind: &str, account: &str, name: &str, statements: &Value) {
        self.tell(&json!(["permit", kind, account, name, statements]));
    }

    /// How many requests for lists of objects there were of each bucket since it was last asked.
    pub fn listed(&mut self) -> BTreeMap<String, u64> {
        self.send(&json!(["listed"]));
        let line = self.line();
        assert_eq!(self.line(), "done");
        serde_json::from_str(&line).expect("an object of numbers")
    }

    fn tell(&mut self, command: &Value) {
        self.send(command);
        assert_eq!(self.line(), "done");
    }

    fn send(&mut self, command: &Value) {
        let input = self.input.as_mut().expect("held until the end");
        writeln!(input, "{command}").expect("the server reads");
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        drop(self.input.take());
        // It may have ended by itself; what counts is that it does not outlive the test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The dialect `classic` byte for byte against what Python's `csv.writer` makes of the same objects, and
//! its gzip files as Python's `gzip` reads them.

use s3scan::demo::{Spec, Truth, truth};
use s3scan::job::{Compression, Dialect, Output};
use s3scan::output::{FileRules, PartLength, PartToJoin, PartWriter, join, joined_path};
use s3scan::rows::{BucketFields, ObjectFilter, RowEncoder, RowFormat, RowWriter};
use s3scan::s3::{Object, ObjectSink, Size};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Reads objects as JSON lines and writes them as the original script does, with the instants that
/// boto3 makes of their texts.
const WRITER: &str = "
import csv, json, sys
from datetime import datetime, timezone
out = open(sys.stdout.fileno(), 'w', newline='', encoding='utf-8', closefd=False)
writer = csv.writer(out)
writer.writerow(['Bucket Name', 'File_Name', 'File Size', 'Last_Modified_Date', 'Storage Class'])
for line in open(sys.stdin.fileno(), encoding='utf-8', newline='\\n'):
    item = json.loads(line)
    text = item['last_modified']
    form = '%Y-%m-%dT%H:%M:%S.%fZ' if '.' in text else '%Y-%m-%dT%H:%M:%SZ'
    modified = datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    writer.writerow([sys.argv[1], item['key'], item['size'], modified, item['storage_class']])
out.flush()
";

const READER: &str = "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())";

const BUCKET: &str = "a \"bucket\", odd";

/// More than 20,000 objects: keys of every script, and every string of up to three of the characters
/// that CSV, or a reader of lines, may trip over.
fn objects() -> Vec<Truth> {
    let spec: Spec = "demo:?objects=20000&shape=unicode".parse().expect("a spec");
    let mut objects: Vec<Truth> = truth(&spec, "demo-unicode").expect("a bucket").collect();
    let odd = ["a", ",", "\"", "\n", "\r", "\t", "'", " ", ";", "\\", "=", "\u{feff}", "\u{2028}", "\u{85}", "\u{1}"];
    let mut keys: Vec<String> = odd.iter().map(ToString::to_string).collect();
    for length in 1..3 {
        let longer = keys.iter().filter(|key| key.chars().count() == length);
        let longer: Vec<String> = longer.flat_map(|key| odd.iter().map(move |more| format!("{key}{more}"))).collect();
        keys.extend(longer);
    }
    let like = objects[0].clone();
    objects.extend(keys.into_iter().map(|key| Truth { key, ..like.clone() }));
    let fractions = [".000Z", "Z", ".123Z", ".1Z", ".000001Z", ".000000Z", ".999999Z"];
    for (object, fraction) in objects.iter_mut().zip(fractions.into_iter().cycle()) {
        object.last_modified.replace_range(19.., fraction);
    }
    objects
}

fn output(folder: &Path) -> Output {
    let path = folder.join("job.toml");
    fs::write(&path, "version = 1").expect("written");
    let job = s3scan::job::load(&s3scan::job::Request::of(&path)).expect("a job");
    Output { dialect: Dialect::Classic, compression: Compression::Gzip, ..job.output }
}

fn rows(format: &RowFormat, objects: &[Truth]) -> Vec<u8> {
    let fields = BucketFields { bucket: BUCKET.to_owned(), ..BucketFields::default() };
    let mut writer = RowWriter::new(Arc::<ObjectFilter>::default(), RowEncoder::new(format, &fields));
    for object in objects {
        let size = object.size.to_string();
        writer.object(&Object {
            key: object.key.as_bytes(),
            size: Size::new(size.as_bytes()),
            last_modified: object.last_modified.as_bytes(),
            storage_class: object.storage_class.as_bytes(),
            ..Object::default()
        });
    }
    writer.rows().to_vec()
}

/// What a script of Python prints, given this on stdin.
fn python(script: &str, argument: &str, input: Vec<u8>) -> Vec<u8> {
    let mut process = Command::new("python3")
        .args(["-c", script, argument])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    let mut stdin = process.stdin.take().expect("piped");
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = process.wait_with_output().expect("python3 ends");
    assert!(output.status.success());
    writing.join().expect("no panic").expect("all is read");
    output.stdout
}

#[test]
fn classic_is_what_python_writes_and_its_gzip_what_python_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let objects = objects();
    assert!(objects.len() > 23_000, "{}", objects.len());
    let output = output(folder.path());
    let format = RowFormat::new(&output);
    let rows = rows(&format, &objects);
    let ours = [format.head(), rows.clone()].concat();
    let lines = objects.iter().flat_map(|object| {
        let mut line = serde_json::to_vec(object).expect("text and numbers");
        line.push(b'\n');
        line
    });
    let theirs = python(WRITER, BUCKET, lines.collect());
    let differ = ours.iter().zip(&theirs).position(|(one, other)| one != other);
    let around = |bytes: &[u8], at: usize| String::from_utf8_lossy(&bytes[at.saturating_sub(80)..at + 20]).into_owned();
    assert!(differ.is_none_or(|at| panic!("{:?}\n{:?}", around(&ours, at), around(&theirs, at))));
    assert_eq!(ours.len(), theirs.len());

    let path = folder.path().join("0.part");
    let mut part = PartWriter::open(&path, PartLength::default()).expect("a part");
    let length = part.append(&rows, objects.len() as u64).expect("written");
    let rules = FileRules::new(&output, format.head());
    let files = join(folder.path(), &[PartToJoin { path, length }], &rules, &|| false).expect("joined").expect("whole");
    assert_eq!((files.len(), files[0].rows), (1, objects.len() as u64));
    let file = joined_path(folder.path(), 1);
    assert!(python(READER, file.to_str().expect("UTF-8"), Vec::new()) == ours);
}

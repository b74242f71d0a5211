//! Texts that are no job files at all, or only in part: bytes, sizes, nesting, broken TOML.

use std::time::{Duration, Instant};

use s3scan::job::{Request, load, resolved};

use super::{Folder, assert_document, document, document_of_several, hold_to_style, job};

#[test]
fn files_that_are_none() {
    let mut pages = Vec::new();
    let mut page = |name: &str, folder: &Folder| pages.push(format!("=== {name}\n{}", folder.said()));
    page("not there", &Folder::new());
    page("not there, and a like one is", &Folder::with(&[("jub.toml", "")]));
    page("a folder", &Folder::with(&[("job.toml/x", "")]));
    for (name, bytes) in [
        ("not UTF-8", &b"version = 1\n\nname = \"caf\xe9\"\n"[..]),
        ("UTF-16", b"\xff\xfev\0e\0r\0s\0i\0o\0n\0"),
        ("a compressed file", b"\x1f\x8b\x08\0\0\0\0\0\0\xff"),
        ("NUL bytes", b"version = 1\nname = \"a\0b\"\n\0\0"),
        ("NUL bytes alone", &[0; 64]),
        ("JSON", b"{\n  \"version\": 1,\n  \"name\": \"x\"\n}\n"),
        ("YAML", b"version: 1\nname: x\n"),
    ] {
        let folder = Folder::new();
        folder.write("job.toml", bytes);
        page(name, &folder);
    }
    for (name, size) in [("a byte too large", (1 << 20) + 1), ("10 MiB", 10 << 20)] {
        let folder = Folder::new();
        folder.write("job.toml", vec![b'\n'; size]);
        page(name, &folder);
    }
    assert_document("texts_files_that_are_none", &pages.join("\n"));
}

#[test]
fn the_largest_file_is_read() {
    let mut bytes = b"version = 1\n".to_vec();
    bytes.resize(1 << 20, b'#');
    let folder = Folder::new();
    folder.write("job.toml", bytes);
    assert_eq!(folder.job().name, "job");
}

#[test]
fn a_byte_order_mark_and_ends_of_lines() {
    assert_eq!(job("\u{feff}version = 1\r\nname = \"x\"\r\n").name, "x");
    let folder = Folder::with(&[("job.toml", "\u{feff}versoin = 1\r\nname = \"é\"\r\n# end")]);
    let places: Vec<_> = folder.problems().iter().filter_map(|problem| problem.position.clone()).collect();
    let places: Vec<_> = places.into_iter().map(|place| (place.line, place.column)).collect();
    assert_eq!(places, [(1, 1), (2, 8)]);
    assert_document("texts_byte_order_mark", &folder.said());
}

#[test]
fn broken_toml() {
    let cases = [
        ("a table that is not closed", "version = 1\n[window\nsince = 2025-07-01\n"),
        ("a text that is not closed", "version = 1\nname = \"x\n[limits]\nconcurrency = 5\n"),
        ("a text in single quotes that is not closed", "version = 1\nname = 'x\nlimits.concurrency = 5\n"),
        ("a long text that is not closed", "version = 1\ndescription = \"\"\"\nx\n[limits]\nconcurrency = 5\n"),
        ("a list that is not closed", "version = 1\n[buckets]\ninclude = [\"a\",\n"),
        (
            "a list that is not closed before a table",
            "version = 1\n[buckets]\ninclude = [\"a\",\n[limits]\nconcurrency = 5\n",
        ),
        (
            "a list that is not closed before a key",
            "version = 1\n[buckets]\ninclude = [\"a\", \"b\"\nexclude = [\"c\"]\n",
        ),
        ("a table in a line that is not closed", "version = 1\nwindow = { since = 2025-07-01\nname = \"x\"\n"),
        ("no equals sign", "version = 1\nname \"x\"\n"),
        ("no value", "version = 1\nname =\n"),
        ("two equals signs", "version = 1\nname = = \"x\"\n"),
        ("a colon", "version = 1\nname: \"x\"\n"),
        ("a text without quotes", "version = 1\nname = x\n"),
        ("a key alone", "version = 1\nname\n"),
        ("a list without commas", "version = 1\nbuckets.include = [\"a\" \"b\"]\n"),
        ("a flag in capitals", "version = 1\noutput.header = True\n"),
        ("a key twice", "version = 1\nname = \"a\"\nname = \"b\"\n"),
        (
            "a table twice",
            "version = 1\n[limits]\nburst = 1\nrequests_per_second = 1\n[log]\n[limits]\nconcurrency = 5\n",
        ),
        ("an escape that is none", "version = 1\ndescription = \"C:\\Users\"\n"),
        ("typographic quotes", "version = 1\nname = “x”\n"),
        ("the version broken", "version = \n"),
        ("an account without its end", "version = 1\n[accounts.prod\nprofile = \"x\"\n"),
        ("two in one line", "version = 1\nname = \"x\" description = \"y\"\n"),
    ];
    assert_document("texts_broken_toml", &document(&cases));
}

#[test]
fn broken_lines_and_wrong_values_are_told_together() {
    let cases = [
        (
            "broken lines among wrong values",
            "version = 1\nname = \"A\"\ndescription = = \"x\"\n[window]\nsince 2025-07-01\nuntil = \"soon\"\n\
         [limits]\nconcurrency = 0\nburst =\n[log]\nlevel = \"loud\"\nfile = \"x\n[state]\nfile = 5\n",
        ),
        (
            "a list and a table that are not closed among wrong values",
            "version = 1\nnmae = \"x\"\n[buckets]\ninclude = [\n  \"a\",\n  \"b\"\nexclude = [\"a/b\"]\n[limits]\nconcurrency = 0\n\
             [window\nsince = \"soon\"\n[accounts]\na = { region = \"us east\"\nb = { region = \"eu west\" }\n[log]\nlevel = \"loud\"\n",
        ),
        ("a key and a table", "version = 1\nlimits = 5\n[limits]\nconcurrency = 5\n"),
    ];
    assert_document("texts_broken_and_wrong", &document_of_several(&cases));
}

/// Loads in a thread with the smallest stack the program runs on, and soon.
fn told_soon(name: &str, text: &str) {
    let folder = Folder::new();
    folder.write("job.toml", text);
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let started = Instant::now();
        let problems = folder.problems();
        problems.iter().for_each(hold_to_style);
        let shown = problems.to_string();
        assert!(shown.contains("job.toml"), "{shown}");
        assert!(shown.len() < 100_000, "{} bytes are more than anyone reads", shown.len());
        started.elapsed()
    });
    let took = thread.expect("a thread").join().unwrap_or_else(|_| panic!("{name} panics"));
    assert!(took < Duration::from_secs(20), "{name} took {took:?}");
}

#[test]
fn deep_nesting() {
    let many = 100_000;
    let segments = "a.".repeat(many) + "a";
    for (name, text) in [
        ("lists", format!("version = 1\nname = {}\n", "[".repeat(many))),
        ("closed lists", format!("version = 1\nname = {}{}\n", "[".repeat(many), "]".repeat(many))),
        ("segments", format!("version = 1\n{segments} = 1\n")),
        ("segments in quotes", format!("version = 1\n{} = 1\n", "\"é\".".repeat(many) + "a")),
        ("segments of a table", format!("version = 1\n[{segments}]\nb = 1\n")),
        ("tables in a line", format!("version = 1\nname = {}1\n", "{a=".repeat(many))),
        ("closed tables in a line", format!("version = 1\nname = {}1{}\n", "{a=".repeat(many), "}".repeat(many))),
        ("lists of tables", format!("version = 1\nname = {}\n", "[{a=".repeat(many))),
        ("segments of a list of tables", format!("version = 1\n[[{segments}]]\nb = 1\n")),
        (
            "tables in tables",
            format!(
                "version = 1\n{}",
                (1..900)
                    .flat_map(|depth| ["[", &"a.".repeat(depth), "a]\n"].concat().into_bytes())
                    .map(char::from)
                    .collect::<String>()
            ),
        ),
    ] {
        told_soon(name, &text);
    }
}

#[test]
fn many_mistakes() {
    for (name, line) in [
        ("unknown keys", "k{} = 1\n"),
        ("broken lines", "k{} = =\n"),
        ("tables", "[accounts.A{}]\n"),
        ("the same key", "name = \"x\"\n"),
    ] {
        let lines: String = (0..40_000).map(|number| line.replace("{}", &number.to_string())).collect();
        told_soon(name, &format!("version = 1\n{lines}"));
    }
}

#[test]
fn deep_flags() {
    let many = "a.".repeat(50_000) + "a=1";
    let lists = format!("name={}", "[".repeat(50_000));
    let folder = Folder::with(&[("job.toml", "version = 1\n")]).set(&many).set(&lists);
    let folder = folder.variable(&format!("S3SCAN_JOB__{}", "A__".repeat(50_000) + "A"), "1");
    let problems = folder.problems();
    assert_eq!(problems.iter().count(), 3);
}

/// Runs a thread that may hang, and waits no longer than is reasonable.
#[cfg(unix)]
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it does not hang")
}

#[cfg(unix)]
fn make_pipe(folder: &Folder, name: &str) {
    let made = std::process::Command::new("mkfifo").arg(folder.path(name)).status();
    assert!(made.expect("`mkfifo` is there").success());
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_that_files_name_are_not_read() {
    for (lines, file) in [
        ("extends = [\"pipe\"]", "pipe"),
        ("extends = [\"/dev/zero\"]", "/dev/zero"),
        ("accounts.a.account_ids_file = \"pipe\"", "pipe"),
    ] {
        let folder = Folder::with(&[("job.toml", &format!("version = 1\n{lines}\n"))]);
        make_pipe(&folder, "pipe");
        let said = soon(move || folder.said());
        assert!(said.contains(&format!("`{file}` is a pipe or a device, not a file\n --> job.toml:2:")), "{said}");
    }
}

/// As a shell's `<(...)` gives them; it can be read once.
#[cfg(unix)]
#[test]
fn the_job_file_itself_may_be_a_pipe() {
    let shown = soon(|| {
        let folder = Folder::new();
        make_pipe(&folder, "pipe");
        let path = folder.path("pipe");
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::write(path, "version = 1\nname = \"piped\"\n"))
        };
        let request = Request { path, ..folder.request.clone() };
        let shown = resolved(&request, false).unwrap();
        writer.join().unwrap().unwrap();
        shown
    });
    assert!(shown.contains("name = \"piped\""), "{shown}");
}

/// The names of folders on the disk are bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_whose_name_is_not_unicode() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let inner = folder.path("").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&inner).unwrap();
    let text = "version = 1\nextends = [\"base.toml\"]\naccounts.a.account_ids_file = \"ids.txt\"\n";
    for (name, text) in [("job.toml", text), ("base.toml", "description = \"x\"\n"), ("ids.txt", "111111111111\n")] {
        std::fs::write(inner.join(name), text).unwrap();
    }
    let job = load(&Request::of(inner.join("job.toml"))).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((job.description.as_str(), job.accounts[0].name.as_str()), ("x", "a-111111111111"));
}

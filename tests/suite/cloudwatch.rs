//! Counts of CloudWatch in plans: what is asked and how, what is made of each answer, and that no plan
//! fails or waits long for one.

use crate::harness::{Server, Workspace};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A question that came: the region it was signed for, and its body.
type Question = (String, Value);
/// What is answered: status and body.
type Reply = fn(&Question) -> (&'static str, Value);

/// Speaks the JSON protocol of CloudWatch for as long as the test's process lives.
struct CloudWatch {
    url: String,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl CloudWatch {
    fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Question>>> = Arc::default();
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || answer(&stream, &noted, reply));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Question> {
        let mut asked = self.asked.lock().expect("whole").clone();
        asked.sort_by_key(|(region, question)| (region.clone(), question["NextToken"].is_string()));
        asked
    }

    /// The plan of `job.toml` where this is CloudWatch, which is to exit with 0.
    fn tell(&self, workspace: &Workspace, format: &str) -> String {
        let mut command = workspace.command(&["plan", "job.toml", "--now", "2026-01-01T00:00:00Z", "--format", format]);
        let output = command.env("AWS_ENDPOINT_URL_CLOUDWATCH", &self.url).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn plan(&self, workspace: &Workspace) -> Value {
        let plans: Value = serde_json::from_str(&self.tell(workspace, "json")).expect("JSON");
        plans["jobs"][0].clone()
    }
}

/// Answers the requests of a connection, each as a question that is whole and signed.
fn answer(stream: &TcpStream, noted: &Mutex<Vec<Question>>, reply: Reply) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while reader.read_line(&mut line).ok()? > 2 {
            head.push(line.trim().to_owned());
            line.clear();
        }
        let header = |name: &str| {
            let of_name = |line: &String| {
                Some(line.split_once(": ")?.1.to_owned()).filter(|_| line.to_ascii_lowercase().starts_with(name))
            };
            head.iter().find_map(of_name)
        };
        assert_eq!(head.first()?, "POST / HTTP/1.1");
        assert_eq!(header("x-amz-target")?, "GraniteServiceVersion20100801.GetMetricData");
        assert_eq!(header("content-type")?, "application/x-amz-json-1.0");
        let signed = header("authorization")?;
        let scope: Vec<&str> = signed.split("Credential=").nth(1)?.split(',').next()?.split('/').collect();
        assert_eq!(
            (scope[0], &scope[3..]),
            (s3scan::demo::ACCESS_KEY, &["monitoring", "aws4_request"][..]),
            "{signed}"
        );
        let mut body = vec![0; header("content-length")?.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let question: Question = (scope[2].to_owned(), serde_json::from_slice(&body).ok()?);
        let (status, told) = reply(&question);
        noted.lock().ok()?.push(question);
        let told = told.to_string();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}", told.len());
        write!(&*stream, "{head}\r\n\r\n{told}").ok()?;
    }
}

/// The names of the buckets in a question, each asked for in full.
fn buckets(question: &Value) -> Vec<String> {
    let query = |query: &Value| {
        let metric = &query["MetricStat"]["Metric"];
        assert_eq!((&metric["Namespace"], &metric["MetricName"]), (&json!("AWS/S3"), &json!("NumberOfObjects")));
        assert_eq!(metric["Dimensions"][0], json!({ "Name": "StorageType", "Value": "AllStorageTypes" }));
        assert_eq!((&query["MetricStat"]["Period"], &query["MetricStat"]["Stat"]), (&json!(86_400), &json!("Average")));
        assert_eq!(metric["Dimensions"][1]["Name"], "BucketName");
        metric["Dimensions"][1]["Value"].as_str().expect("a name").to_owned()
    };
    question["MetricDataQueries"].as_array().expect("a list").iter().map(query).collect()
}

/// Counts for every bucket but `demo-flat`, as the metric has them: the newest day first, and the day
/// before another number.
fn counts((_, question): &Question) -> (&'static str, Value) {
    let (end, start) =
        (question["EndTime"].as_i64().expect("seconds"), question["StartTime"].as_i64().expect("seconds"));
    assert!(end - start >= 4 * 86_400 && end % 86_400 == 0, "{start} to {end}");
    let series = |(name, query): (String, &Value)| {
        let points = if name == "demo-flat" { json!([]) } else { json!([1_764_115_200.0, 1_764_028_800.0]) };
        let values = if name == "demo-flat" { json!([]) } else { json!([1_250_000.0, 7.0]) };
        json!({ "Id": query["Id"], "Label": name, "StatusCode": "Complete", "Timestamps": points, "Values": values })
    };
    let queries = question["MetricDataQueries"].as_array().expect("a list");
    let results: Vec<Value> = buckets(question).into_iter().zip(queries).map(series).collect();
    ("200 OK", json!({ "MetricDataResults": results, "Messages": [] }))
}

#[test]
fn buckets_that_no_run_has_listed_are_counted_by_cloudwatch_in_their_regions() {
    let server = Server::start("demo:?objects=2000&shape=flat&small=1&disabled=1");
    let cloudwatch = CloudWatch::start(counts);
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let told = cloudwatch.tell(&workspace, "text").replace(&server.url, "URL");
    insta::assert_snapshot!(told, @r"
    job: a new run
      window: none, objects of any date
    1 account
      a  id unknown  3 buckets of 3 (URL)
    3 buckets to be listed: me-south-1 1, us-east-1 2
      a/demo-disabled-1  me-south-1  1,250,000 objects by CloudWatch on 2025-11-26
      a/demo-flat        us-east-1   objects not known
      a/demo-small-0001  us-east-1   1,250,000 objects by CloudWatch on 2025-11-26
    estimate
      objects   about 2,500,000 in 2 buckets, not known in 1
      requests  at least 3,002, one for each bucket not known
      price     not known: no account is at an endpoint of AWS
      transfer  at least 875 MB of answers
      duration  at least 4.4 s: 100 ms a page assumed, 64 at once
    to be written: at least 5 files of rows
      data/job/20260101T000000Z/{account}/{bucket}_{part}.csv
      data/job/20260101T000000Z/summary.json
      data/job/20260101T000000Z/buckets.csv
      data/job/20260101T000000Z/files.csv
      data/job/latest.json
      state/job.json
      state/job.history.json
      logs/job.log
    ");
    let asked = cloudwatch.asked();
    let asked: Vec<(&str, Vec<String>)> =
        asked.iter().map(|(region, question)| (region.as_str(), buckets(question))).collect();
    let here = vec!["demo-flat".to_owned(), "demo-small-0001".to_owned()];
    assert_eq!(asked, [("me-south-1", vec!["demo-disabled-1".to_owned()]), ("us-east-1", here)]);
    assert_eq!(server.count("list_requests"), 0);

    let plan = cloudwatch.plan(&workspace);
    let of = |bucket: usize| &plan["buckets"][bucket];
    assert_eq!(
        (&of(1)["bucket"], &of(1)["objects"], &of(1)["objects_by"]),
        (&json!("demo-flat"), &json!(null), &json!(null))
    );
    assert_eq!((&of(2)["objects"], &of(2)["objects_by"]), (&json!(1_250_000), &json!("cloudwatch")));
    assert_eq!((&of(2)["objects_at"], &of(2)["requests"]), (&json!("2025-11-26T00:00:00Z"), &json!(1_500)));
    assert_eq!((&plan["estimate"]["unknown_buckets"], &plan["notes"]), (&json!(1), &json!([])));

    // What a run has listed it knows better.
    let output = workspace.run(&["-q", "--bucket", "demo-small-*"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let plan = cloudwatch.plan(&workspace);
    assert_eq!(
        (&plan["buckets"][2]["objects"], &plan["buckets"][2]["objects_by"]),
        (&json!(100), &json!("last_listing"))
    );
    let (_, question) = &cloudwatch.asked()[5];
    assert_eq!(buckets(question), ["demo-flat"]);
}

#[test]
fn a_region_is_asked_about_five_hundred_buckets_at_once_and_its_pages_are_followed() {
    fn paged(question: &Question) -> (&'static str, Value) {
        let (status, mut told) = counts(question);
        let results = told["MetricDataResults"].as_array_mut().expect("a list");
        let half = results.len() / 2;
        if question.1["NextToken"] == json!("second") {
            results.drain(..half);
        } else {
            results.truncate(half);
            told["NextToken"] = json!("second");
        }
        (status, told)
    }
    let server = Server::start("demo:?objects=10&shape=uuid&small=600");
    let cloudwatch = CloudWatch::start(paged);
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let plan = cloudwatch.plan(&workspace);
    let sizes: Vec<usize> = cloudwatch.asked().iter().map(|(_, question)| buckets(question).len()).collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (4, 2 * 601), "{sizes:?}");
    assert_eq!((sizes.iter().max(), &plan["estimate"]["unknown_buckets"]), (Some(&500), &json!(0)));
    assert_eq!(plan["estimate"]["objects"], json!(601 * 1_250_000_u64));

    // A token that comes again and again is no reason to ask for ever.
    let cloudwatch = CloudWatch::start(|question| {
        let (status, mut told) = counts(question);
        told["NextToken"] = json!("again");
        (status, told)
    });
    let plan = cloudwatch.plan(&workspace);
    assert_eq!((cloudwatch.asked().len(), &plan["estimate"]["unknown_buckets"]), (4, &json!(601)));
    assert!(plan["notes"][0]["message"].as_str().expect("a text").contains("a token came twice"), "{plan:#}");
}

#[test]
fn what_is_not_permitted_is_a_note_for_each_account() {
    let server = Server::start("demo:?objects=10&shape=flat&disabled=1");
    let cloudwatch = CloudWatch::start(|_| {
        let message = "User: arn:aws:iam::012345678901:user/a is not authorized to perform: cloudwatch:GetMetricData";
        (
            "400 Bad Request",
            json!({ "__type": "com.amazonaws.cloudwatch.v2010_08_01#AccessDenied", "message": message }),
        )
    });
    let workspace = Workspace::new();
    workspace.job(&server.url, &format!("[accounts.b]\nendpoint_url = \"{}\"\npath_style = true", server.url));
    let told = cloudwatch.tell(&workspace, "text");
    let notes: Vec<&str> =
        told.lines().filter(|line| line.starts_with("note: ") || line.starts_with("hint: ")).collect();
    insta::assert_snapshot!(notes.join("\n"), @r"
    note: a: CloudWatch tells no numbers of objects in me-south-1, us-east-1: AccessDenied (400): User: arn:aws:iam::012345678901:user/a is not authorized to perform: cloudwatch:GetMetricData
    hint: allow cloudwatch:GetMetricData, or do without: a run does not need it
    note: b: CloudWatch tells no numbers of objects in me-south-1, us-east-1: AccessDenied (400): User: arn:aws:iam::012345678901:user/a is not authorized to perform: cloudwatch:GetMetricData
    hint: allow cloudwatch:GetMetricData, or do without: a run does not need it
    ");
    assert!(told.contains("objects   not known: nobody has counted those of 4 buckets"), "{told}");
    let plan = cloudwatch.plan(&workspace);
    assert_eq!((&plan["problems"], plan["notes"].as_array().map(Vec::len)), (&json!([]), Some(2)));
    assert_eq!((&plan["notes"][1]["account"], &plan["exit_code"]), (&json!("b"), &json!(0)));
}

#[test]
fn what_is_no_cloudwatch_or_none_at_all_is_a_note() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let note = |cloudwatch: &CloudWatch| {
        let plan = cloudwatch.plan(&workspace);
        assert_eq!(plan["estimate"]["unknown_buckets"], 1);
        plan["notes"][0]["message"].as_str().expect("a note").to_owned()
    };
    let foreign = note(&CloudWatch::start(|_| ("200 OK", json!("hello"))));
    assert_eq!(
        foreign,
        "CloudWatch tells no numbers of objects in us-east-1: status 200: what answers is not CloudWatch"
    );
    let broken = note(&CloudWatch::start(|_| ("500 Internal Server Error", json!({ "__type": "InternalFailure" }))));
    assert!(broken.contains("us-east-1: InternalFailure (500): "), "{broken}");
    let nowhere = note(&CloudWatch { url: "http://127.0.0.1:1".to_owned(), asked: Arc::default() });
    assert!(nowhere.contains("refused"), "{nowhere}");
}

/// A service that takes a question and never answers.
#[test]
fn a_plan_does_not_wait_long_for_an_answer() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let workspace = Workspace::new();
    workspace.job(&server.url, "");
    let since = Instant::now();
    let plan = CloudWatch { url, asked: Arc::default() }.plan(&workspace);
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    let note = plan["notes"][0]["message"].as_str().expect("a note");
    assert_eq!(note, "CloudWatch tells no numbers of objects in us-east-1: no answer within 10 s");
}

#[test]
fn cloudwatch_is_asked_only_where_it_has_something_to_tell() {
    let server = Server::start("demo:?objects=10&shape=flat");
    let cloudwatch = CloudWatch::start(counts);
    let workspace = Workspace::new();
    // Of the keys that the job asks for it knows nothing.
    workspace.job(&server.url, "[objects]\nprefixes = [\"a\"]");
    assert_eq!((&cloudwatch.plan(&workspace)["notes"], cloudwatch.asked().len()), (&json!([]), 0));
    // Nobody signs for anonymous requests, and the synthetic store is nobody's.
    workspace.job(&server.url, "anonymous = true");
    let mut command = workspace.command(&["plan", "job.toml"]);
    command.env("AWS_ENDPOINT_URL_CLOUDWATCH", &cloudwatch.url).output().expect("runs");
    workspace.job("demo:?objects=10", "");
    cloudwatch.plan(&workspace);
    // A store of another maker is not AWS's, unless an address is named for CloudWatch itself.
    workspace.job(&server.url, "");
    let told = workspace.tell(0, &["plan", "job.toml"]);
    assert!(!told.contains("note: ") && cloudwatch.asked().is_empty(), "{told}");
    let all = [("AWS_ENDPOINT_URL", &cloudwatch.url)];
    let output = workspace.command(&["plan", "job.toml"]).envs(all).output().expect("runs");
    assert_eq!((output.status.code(), cloudwatch.asked().len()), (Some(0), 0), "an address for all services is none");

    workspace.job(&server.url, "profile = \"audit\"");
    let keys = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}",
        s3scan::demo::ACCESS_KEY,
        s3scan::demo::SECRET_KEY
    );
    let services = format!("[services near]\ncloudwatch =\n  endpoint_url = {}\n", cloudwatch.url);
    workspace.write(".aws/config", format!("[profile audit]\nservices = near\n{keys}\n{services}"));
    workspace.tell(0, &["plan", "job.toml"]);
    assert_eq!(cloudwatch.asked().len(), 1, "the section of services of the profile");
}

//! What servers refuse, and what s3scan makes of it. The same for every server.

use crate::conformance::endpoint::{Endpoint, said};
use crate::workspace::Workspace;

/// Whether the keys that a server refused are the ones known, so that a change of the server is noticed.
pub fn assert_refused(found: &[(String, String)], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(key, code)| (key.as_str(), code.as_str())).collect();
    assert_eq!(found, expected, "which keys the server refuses has changed");
}

/// A secret and a key that the server does not accept end the run, and the same job goes on once they
/// are right. `bucket` must be there and empty.
pub fn wrong_credentials(endpoint: &Endpoint, bucket: &str, [wrong_secret, wrong_key]: [&str; 2]) {
    for (variable, value, code) in
        [("AWS_SECRET_ACCESS_KEY", "not-the-secret", wrong_secret), ("AWS_ACCESS_KEY_ID", "not:the-key", wrong_key)]
    {
        for rest in [String::new(), format!("[buckets]\ninclude = [\"{bucket}\"]")] {
            let workspace = Workspace::new(endpoint, &rest);
            let stderr = said(&workspace.command().env(variable, value).output().expect("s3scan can be run"), 4);
            assert!(stderr.contains(code) && stderr.contains("store"), "{stderr}");
            assert_eq!(workspace.file(bucket), None, "nothing was scanned");
            workspace.run(0);
            assert_eq!(workspace.objects(bucket), []);
        }
    }
}

/// A bucket that may not be listed and one that is not there do not stop the one between them, which
/// must be empty.
pub fn denied_and_missing(endpoint: &Endpoint, denied: Option<&str>, open: &str) {
    let mut names = vec!["a-missing-one", open];
    names.extend(denied);
    let workspace = Workspace::new(endpoint, &format!("[buckets]\ninclude = {names:?}"));
    let stderr = workspace.run(3);
    let buckets = workspace.buckets();
    let verdict = |name: &str| buckets[name]["verdict"].as_str();
    assert_eq!((verdict("a-missing-one"), verdict(open)), ("missing", "complete"), "{stderr}");
    assert!(denied.is_none_or(|denied| verdict(denied) == "denied" && stderr.contains(denied)), "{stderr}");
    assert!(stderr.contains("a-missing-one"), "{stderr}");
    assert_eq!(workspace.objects(open), []);
    assert_eq!(workspace.file("a-missing-one"), None);
    assert_eq!(workspace.summary()["complete"], false);
}

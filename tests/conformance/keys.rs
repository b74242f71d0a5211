//! Keys that some step between a store and a row could take for something else. Every one is legal in S3.

/// Without control characters.
pub const ODD: &[&str] = &[
    // blanks, and what a URL takes for syntax
    " lead",
    "trail ",
    "two  spaces",
    "pl+us",
    "pl us",
    "per%cent",
    "per%20cent",
    "per%2Bcent",
    "per%41cent",
    "q?uery=x&y=z",
    "ha#sh",
    "semi;colon",
    "co:lon",
    "~tilde",
    "@at",
    "$dollar",
    "!bang*star(bracket)",
    // what CSV, spreadsheets and XML take for syntax
    "com,ma",
    "qu\"ote",
    "apo'strophe",
    "=formula",
    "am&p",
    "am&amp;p",
    "am&#x41;p",
    "less<greater>",
    "</Key></Contents>",
    "]]>",
    "NULL",
    "back\\slash",
    // paths
    "a/b/c d/e+f",
    "a-b",
    "a.b",
    "a0",
    "folder/",
    "folder/inside",
    "/leading",
    "double//slash",
    "dots/./here",
    "dots/../there",
    "..",
    // other scripts, combined and wide characters
    "é",
    "e\u{301}",
    "日本語",
    "😀",
    "\u{feff}mark",
    "zero\u{200b}width",
    "line\u{2028}separator",
    // where UTF-8 and UTF-16 sort differently
    "\u{e000}",
    "\u{ffee}",
    "\u{fffd}",
    "\u{10000}",
    "\u{10fffd}",
];

/// With control characters, the last two of which XML 1.0 allows.
pub const CONTROL: &[&str] =
    &["on\u{1}e", "un\u{1f}it", "esc\u{1b}ape", "car\rriage", "de\u{7f}lete", "ne\u{85}xt", "ta\tb", "line\nfeed"];

/// The longest that S3 allows, in the worst of characters.
pub fn longest() -> String {
    format!("longest/{}", "😀".repeat(254))
}

/// All of them, in no order.
pub fn all() -> Vec<String> {
    ODD.iter().chain(CONTROL).map(ToString::to_string).chain([longest()]).collect()
}

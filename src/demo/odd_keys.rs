//! The beginnings of the keys of the `unicode` shape: names that break naive clients.
//!
//! Responsible for a table of awkward yet legal key prefixes. It leaves the numbers behind them
//! to the shape. Invariant: the table is sorted by bytes and no entry is the beginning of another,
//! so that appending a number of fixed width keeps the order of the table.

use std::sync::LazyLock;

/// S3's limit for a key, in bytes of UTF-8.
const LONGEST_KEY: usize = 1024;

/// Digits that the shape appends to a prefix.
pub(super) const NUMBER_WIDTH: usize = 9;

/// Grouped by what they try; sorted when first used.
const TABLE: &[&str] = &[
    // blanks and line ends
    "space in name ",
    " leading space",
    "trailing spaces/file   ",
    "tab\there-",
    "line\nfeed-",
    "carriage\rreturn-",
    "both\r\nline-ends-",
    // what CSV, spreadsheets and shells take for syntax
    "comma,separated,",
    "semi;colon-",
    "\"double quoted\"-",
    "inner\"quote-",
    "two\"\"quotes-",
    "'single quoted'-",
    "=cmd|' /C calc'!A",
    "+formula-",
    "-dash-",
    "@at-",
    "#hash-",
    "$dollar-",
    "back\\slash-",
    "`tick`-",
    "{curly}-",
    "[square]-",
    "pipe|tilde~caret^",
    // what URLs and XML take for syntax
    "percent%sign-",
    "percent%2Fliterally-",
    "plus+sign-",
    "question?mark=",
    "amp&ersand-",
    "entity&amp;literally-",
    "<tag>-",
    "</Key></Contents>-",
    "]]>-",
    "colon:equals=",
    // paths
    "/leading/slash/",
    "//double/leading/",
    "double//slash//inside-",
    "dots/./here/",
    "dots/../there/",
    "folder/",
    "folder.txt/",
    "deep/a/b/c/d/e/",
    // control characters
    "control\u{1}one-",
    "control\u{1f}last-",
    "delete\u{7f}-",
    "next\u{85}line-",
    // other scripts, combined and wide characters
    "Кириллица/файл-",
    "漢字/文件-",
    "한국어-",
    "עברית-",
    "é-composed-",
    "e\u{301}-combining-",
    "emoji/😀-",
    "family/👨\u{200d}👩\u{200d}👧-",
    "zero\u{200b}width-",
    "right\u{202e}to-left-",
    "line\u{2028}separator-",
    // where UTF-8 and UTF-16 sort differently, and the edges of what is legal
    "\u{e000}-private-",
    "\u{feff}-byte-order-mark-",
    "\u{fffd}-replacement-",
    "\u{10000}-first-astral-",
    "\u{10fffd}-last-legal-",
];

static PREFIXES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut prefixes: Vec<String> = TABLE.iter().map(|&prefix| prefix.to_owned()).collect();
    let beginning = "longest/";
    let filler = "x".repeat(LONGEST_KEY - NUMBER_WIDTH - beginning.len());
    prefixes.push(format!("{beginning}{filler}"));
    prefixes.sort_unstable();
    prefixes
});

/// The prefixes in byte order.
pub(super) fn prefixes() -> &'static [String] {
    &PREFIXES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_free_of_prefixes() {
        for pair in prefixes().windows(2) {
            assert!(pair[0].as_bytes() < pair[1].as_bytes(), "{pair:?}");
            // In a sorted table an entry's extensions follow it directly.
            assert!(!pair[1].starts_with(&pair[0]), "{pair:?}");
        }
    }

    #[test]
    fn every_key_is_legal_and_one_is_as_long_as_can_be() {
        let lengths = prefixes().iter().map(|prefix| prefix.len() + NUMBER_WIDTH);
        assert_eq!(lengths.max(), Some(LONGEST_KEY));
        for prefix in prefixes() {
            assert!(!prefix.contains(['\0', '\u{fffe}', '\u{ffff}']), "{prefix:?}");
        }
    }
}

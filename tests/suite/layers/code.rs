//! What of a source counts as code, found in its text: neither comments nor literals, nor what stands
//! under `#[cfg(test)]`.
//!
//! Owns that offsets and lines stay what they are in the source.

use std::ops::Range;

/// Whether a letter may stand in a name.
pub fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Names, keywords and numbers, each with its offset.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_word)?;
        let end = code[start..].find(|letter| !is_word(letter)).map_or(code.len(), |length| start + length);
        rest = end;
        Some((start, &code[start..end]))
    })
}

/// The line of an offset, from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The same text with comments and literals as spaces, so that offsets and lines stay.
pub fn blanked(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let length = literal_length(rest, after_word);
        if length == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            blank(&rest[..length], &mut code);
            rest = &rest[length..];
        }
    }
    code
}

fn blank(text: &str, code: &mut String) {
    code.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// The length of the comment or literal that a text begins with, or 0.
fn literal_length(text: &str, after_word: bool) -> usize {
    let upto = |end: Option<usize>| end.unwrap_or(text.len());
    if text.starts_with("//") {
        return upto(text.find('\n'));
    }
    if text.starts_with("/*") {
        return comment_length(text);
    }
    if text.starts_with('"') {
        return quoted_length(text, '"');
    }
    if text.starts_with("'\\") {
        return quoted_length(text, '\'');
    }
    if text.starts_with('\'') {
        let mut letters = text.char_indices().skip(2);
        // Anything else behind an apostrophe is a lifetime.
        return letters.next().filter(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1);
    }
    let raw = text.trim_start_matches('b').strip_prefix('r').filter(|_| !after_word);
    let Some(raw) = raw else {
        return 0;
    };
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if !raw[hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = text.len() - raw.len() + hashes + 1;
    upto(text[start..].find(&end).map(|at| start + at + end.len()))
}

/// Block comments nest.
fn comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Where the items under `#[cfg(test)]` stand: each up to its `;`, or to the end of its braces.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        if items.last().is_some_and(|item| item.contains(&start)) {
            continue;
        }
        let mut depth = 0;
        let end = code[start..].char_indices().find_map(|(at, letter)| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && matches!(letter, ';' | '}')).then_some(start + at + 1)
        });
        items.push(start..end.unwrap_or(code.len()));
    }
    items
}

/// Code with the items under `#[cfg(test)]` as spaces.
pub fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut from = 0;
    for item in test_items(code) {
        kept.push_str(&code[from..item.start]);
        blank(&code[item.clone()], &mut kept);
        from = item.end;
    }
    kept.push_str(&code[from..]);
    kept
}

/// How many lines of a source the items under `#[cfg(test)]` take.
pub fn test_lines(source: &str) -> usize {
    let code = blanked(source);
    test_items(&code).into_iter().map(|item| code[item].lines().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_turns_into_spaces() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d\n */ e", "a               \n    e"),
            (r#"a("b\"c", 'd', '\'', 'e)"#, "a(      ,    ,     , 'e)"),
            (r##"a(r#"b"c"#, br"d", for r in x)"##, "a(        ,      , for r in x)"),
            ("a(\"b", "a(  "),
        ] {
            assert_eq!(blanked(source), expected);
        }
    }

    #[test]
    fn items_of_tests_end_where_they_end() {
        let source = "a;\n#[cfg(test)]\nuse b;\nc;\n#[cfg(test)]\nmod tests {\n    fn d() {}\n}\ne;\n";
        assert_eq!(without_tests(source).split_whitespace().collect::<Vec<_>>(), ["a;", "c;", "e;"]);
        assert_eq!(test_lines(source), 6);
    }
}

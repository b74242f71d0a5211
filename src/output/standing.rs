//! Standing files: what earlier runs published under names that the next run writes to again.
//!
//! A path without `{run}` is replaced run by run. Which files of a bucket may go is noted in a record
//! of its own beside the runs' folders, `.published/SERIES/ACCOUNT/BUCKET.json`: it names the files of
//! the newest run that published the bucket, as that run's `files.csv` does, and outlives both the
//! run's folder and a run that is given up half-way. A series is the template with job and date
//! filled in: another template, or another day where the path has `{date}`, is another series and
//! replaces nothing of this one.
//!
//! Owns what counts as ours: a file that is listed, and is still what was written. Replacing files is
//! `replace`'s affair.

use super::file::{FileError, replace};
use super::hash::sha256_of;
use super::place::{PlaceValues, safe_name};
use super::way::look;
use crate::job::{PathPiece, PathTemplate, PathToken};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "s3scan-published";
const VERSION: u32 = 1;
/// The folder of the records, beside the folders of the runs. No name from a server begins with a dot
/// in a path.
const FOLDER: &str = ".published";

/// Where the record of one bucket lies, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    record: PathBuf,
    account: String,
    bucket: String,
    series: String,
    run: String,
}

/// The record of one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingRecord {
    /// Always `s3scan-published`.
    pub format: String,
    /// The version of this shape.
    pub version: u32,
    /// The account's name in the job.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// The template of the paths, with job and date filled in.
    pub series: String,
    /// The run that published the files, or was publishing them.
    pub run: String,
    /// Its files.
    pub files: Vec<StandingFile>,
    /// Files of earlier runs that may still stand: only while, or where, publishing was cut off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<StandingFile>,
    /// New names of files that were changed by somebody since they were published, and so were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<PathBuf>,
}

/// A published file, as it was when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingFile {
    /// Its final path.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the whole file, in lower-case hexadecimal.
    pub sha256: String,
    /// Its time of modification; spares reading it again.
    pub modified: Timestamp,
}

/// What there is under a name that a file is to get, or to be removed from.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A file that a run of the job published, as it was published.
    Ours,
    /// A file that is listed, and has been changed since.
    Changed,
    /// Something that no run of the job has put there.
    Foreign(Metadata),
}

impl Standing {
    /// Where the bucket's record lies; `None` where every run has paths of its own.
    #[must_use]
    pub fn of(template: &PathTemplate, values: &PlaceValues<'_>) -> Option<Self> {
        if template.pieces().contains(&PathPiece::Token(PathToken::Run)) {
            return None;
        }
        let series = template.to_string().replace("{job}", values.job).replace("{date}", values.date);
        let folder = series_folder(&template.root().join(values.job), &series);
        let name = format!("{}.json", caseless(values.bucket));
        Some(Self {
            record: folder.join(caseless(values.account)).join(name),
            account: values.account.to_owned(),
            bucket: values.bucket.to_owned(),
            series,
            run: values.run.to_owned(),
        })
    }

    /// The folder of the records of all buckets in the same series.
    #[must_use]
    pub fn series_folder(&self) -> &Path {
        self.record.ancestors().nth(2).unwrap_or(&self.record)
    }

    /// The run that publishes.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Reads the record; `None` where nothing was published yet.
    ///
    /// # Errors
    /// As the file system says, or when the file is not a record of this bucket.
    pub fn load(&self) -> Result<Option<StandingRecord>, FileError> {
        let Some(record) = read(&self.record)? else {
            return Ok(None);
        };
        if (&record.account, &record.bucket, &record.series) != (&self.account, &self.bucket, &self.series) {
            return Err(unsound(&self.record, "it is the record of another bucket"));
        }
        Ok(Some(record))
    }

    /// Replaces the record, durably.
    ///
    /// # Errors
    /// As the file system says.
    pub fn save(
        &self,
        files: Vec<StandingFile>,
        replaced: Vec<StandingFile>,
        kept: Vec<PathBuf>,
    ) -> Result<(), FileError> {
        let record = StandingRecord {
            format: FORMAT.to_owned(),
            version: VERSION,
            account: self.account.clone(),
            bucket: self.bucket.clone(),
            series: self.series.clone(),
            run: self.run.clone(),
            files,
            replaced,
            kept,
        };
        let text = serde_json::to_vec_pretty(&record).map_err(io::Error::from);
        let mut text = text.map_err(FileError::at("write", &self.record))?;
        text.push(b'\n');
        replace(&self.record, &text, |_| ())
    }
}

impl StandingRecord {
    /// All files that are ours if they are there.
    pub fn listed(&self) -> impl Iterator<Item = &StandingFile> {
        self.files.iter().chain(&self.replaced)
    }
}

/// The folder in which the program keeps its records for the job whose runs lie in `folder`.
#[must_use]
pub fn standing_folder(folder: &Path) -> PathBuf {
    folder.join(FOLDER)
}

fn series_folder(jobs_folder: &Path, series: &str) -> PathBuf {
    let digest = Sha256::digest(series.as_bytes());
    let name = digest.iter().take(8).fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
    standing_folder(jobs_folder).join(name)
}

/// All records in the folder of a series, by account and bucket.
///
/// # Errors
/// As the file system says, or when a file is not a record.
pub fn records(series_folder: &Path) -> Result<Vec<StandingRecord>, FileError> {
    let mut found = Vec::new();
    for account in entries(series_folder)? {
        for path in entries(&account)? {
            // What a replacement that was cut off leaves has another ending.
            if path.extension().is_some_and(|extension| extension == "json") {
                found.extend(read(&path)?);
            }
        }
    }
    found.sort_by(|one, other| (&one.account, &one.bucket).cmp(&(&other.account, &other.bucket)));
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(FileError::at("read folder", folder)),
    }
}

fn read(path: &Path) -> Result<Option<StandingRecord>, FileError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(FileError::at("read", path))?,
    };
    let record: StandingRecord = serde_json::from_slice(&text).map_err(|error| unsound(path, &error.to_string()))?;
    if record.format != FORMAT || record.version > VERSION {
        let reason = format!("its format is `{}`, version {}", record.format, record.version);
        return Err(unsound(path, &reason));
    }
    Ok(Some(record))
}

fn unsound(path: &Path, reason: &str) -> FileError {
    let reason = format!("it does not say which files are ours: {reason}");
    FileError::at("use", path)(io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// What there is under a name, given the files that are listed by that name. A file counts as what was written when length and
/// time of modification are, or else the content: a copy that was put back is ours too.
///
/// # Errors
/// As the file system says.
pub fn found(path: &Path, listed: &[StandingFile]) -> Result<Found, FileError> {
    let Some(metadata) = look(path)? else {
        return Ok(Found::Nothing);
    };
    if listed.is_empty() || !metadata.is_file() {
        return Ok(Found::Foreign(metadata));
    }
    let modified = modified(&metadata).map_err(FileError::at("look at", path))?;
    let mut alike = listed.iter().filter(|file| file.bytes == metadata.len()).peekable();
    if alike.peek().is_none() {
        return Ok(Found::Changed);
    }
    if alike.clone().any(|file| file.modified == modified) {
        return Ok(Found::Ours);
    }
    let sha256 = sha256_of(path)?;
    Ok(if alike.any(|file| file.sha256 == sha256) { Found::Ours } else { Found::Changed })
}

/// A file's time of modification.
///
/// # Errors
/// Where the platform has none.
pub fn modified(metadata: &Metadata) -> io::Result<Timestamp> {
    metadata.modified().and_then(|time| Timestamp::try_from(time).map_err(io::Error::other))
}

/// A name as one component of a path, its own also where case does not count: as [`safe_name`], with
/// upper-case letters escaped too.
fn caseless(name: &str) -> String {
    let escaped: String = safe_name(name)
        .chars()
        .map(|letter| if letter.is_ascii_uppercase() { format!("%{:02x}", u32::from(letter)) } else { letter.into() })
        .collect();
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_names_that_differ_by_case_are_two() {
        assert_eq!(caseless("logs-1.b"), "logs-1.b");
        assert_eq!(caseless("Logs"), "%4cogs");
        let names = ["a", "A", "%41", "%4a", ".a", "%2Ea", "%2ea"].map(caseless);
        let distinct: std::collections::BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_file_is_ours_while_it_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b_1.csv");
        assert!(matches!(found(&path, &[]).unwrap(), Found::Nothing));
        fs::write(&path, b"rows").unwrap();
        assert!(matches!(found(&path, &[]).unwrap(), Found::Foreign(_)));
        let written = modified(&fs::metadata(&path).unwrap()).unwrap();
        let file = |bytes: u64, content: &[u8], modified: Timestamp| StandingFile {
            path: path.clone(),
            bytes,
            sha256: super::super::hash::hexadecimal(&Sha256::digest(content)),
            modified,
        };
        let epoch = Timestamp::UNIX_EPOCH;
        for (file, is_ours) in [
            (file(4, b"unread", written), true),
            (file(4, b"rows", epoch), true),
            (file(4, b"rowz", epoch), false),
            (file(5, b"rows", written), false),
        ] {
            let found = found(&path, std::slice::from_ref(&file)).unwrap();
            let is_expected = if is_ours { matches!(found, Found::Ours) } else { matches!(found, Found::Changed) };
            assert!(is_expected, "{file:?}: {found:?}");
        }
        // Of two generations either will do.
        let both = [file(9, b"", epoch), file(4, b"rows", epoch)];
        assert!(matches!(found(&path, &both).unwrap(), Found::Ours));
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let listed = StandingFile { path: link.clone(), ..file(4, b"rows", written) };
        assert!(matches!(found(&link, &[listed]).unwrap(), Found::Foreign(_)));
    }
}

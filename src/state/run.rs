//! A run on disk: its journals and its state, and the one way to commit progress.
//!
//! The order of a commit is parts, index journals, run journals, state file; each is durable before
//! the next is touched. Everything here blocks and belongs on a blocking thread.

use super::StateError;
use super::entry::{BucketEntry, FileEntry, FinishedEntry, IndexEntry};
use super::folder::RunFolder;
use super::journal::{self, Journal};
use super::record::{AccountRecord, BucketRecord, FileSpan, RunEnd, RunPhase, RunRecord};
use crate::crash;
use crate::event::Effort;
use crate::output::{FileError, create_folder, remove_folder, sync_folder};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A range that has been listed to its end.
#[derive(Clone, Debug)]
pub struct FinishedRange {
    /// The bucket's place in the run.
    pub bucket: u32,
    /// What to note of it.
    pub entry: IndexEntry,
}

/// Progress to be made durable, all of it or none.
#[derive(Debug, Default)]
pub struct Commit {
    /// Parts that grew since the last commit.
    pub parts: Vec<Arc<File>>,
    /// Buckets whose folder, or a part in it, is new since the last commit.
    pub new_parts: Vec<u32>,
    /// Ranges that were finished since.
    pub ranges: Vec<FinishedRange>,
    /// Files that were made since, by bucket: these buckets are ready to be published.
    pub files: Vec<(u32, Vec<FileEntry>)>,
    /// Buckets that got their verdict since.
    pub finished: Vec<FinishedEntry>,
    /// The buckets in progress, as they stand now.
    pub buckets: Vec<BucketRecord>,
    /// The accounts, as they stand now.
    pub accounts: Vec<AccountRecord>,
    /// Requests so far, but for the buckets in progress.
    pub effort: Effort,
}

/// The store of one run.
#[derive(Debug)]
pub struct RunStore {
    state_file: PathBuf,
    folder: RunFolder,
    record: RunRecord,
    buckets: Journal<BucketEntry>,
    files: Journal<FileEntry>,
    finished: Journal<FinishedEntry>,
    /// Of the buckets in progress: committed index length and span of files, set by commits.
    indexes: BTreeMap<u32, u64>,
    spans: BTreeMap<u32, FileSpan>,
}

impl RunStore {
    /// Begins a run over `buckets`. The state names the run before its folder is made, so that no
    /// folder is ever without an owner, and removes what the runs before it left.
    ///
    /// # Errors
    /// As the file system says.
    pub fn create(state_file: &Path, mut record: RunRecord, buckets: &[BucketEntry]) -> Result<Self, StateError> {
        record.save(state_file)?;
        for run in std::mem::take(&mut record.superseded) {
            Self::remove_parts(&run)?;
        }
        let folder = RunFolder::new(&record.folder);
        create_folder(folder.path())?;
        let mut store = Self::open(state_file, record)?;
        store.record.journals.buckets = store.buckets.append(buckets)?;
        sync_folder(folder.path())?;
        crash::reached("run-created");
        store.record.phase = RunPhase::Scanning;
        store.record.save(state_file)?;
        Ok(store)
    }

    /// Adds the buckets of accounts that could not be asked for them before, and what is now known of
    /// the accounts.
    ///
    /// # Errors
    /// As the file system says.
    pub fn extend(&mut self, accounts: Vec<AccountRecord>, buckets: &[BucketEntry]) -> Result<(), StateError> {
        self.record.journals.buckets = self.buckets.append(buckets)?;
        self.record.accounts = accounts;
        self.record.save(&self.state_file)
    }

    /// Opens the run of a state, cutting its journals back to what is committed.
    ///
    /// # Errors
    /// As the file system says, or when committed data is missing.
    pub fn open(state_file: &Path, record: RunRecord) -> Result<Self, StateError> {
        let folder = RunFolder::new(&record.folder);
        let lengths = record.journals;
        Ok(Self {
            state_file: state_file.to_owned(),
            buckets: Journal::open(&folder.journal("buckets.jsonl"), lengths.buckets)?,
            files: Journal::open(&folder.journal("files.jsonl"), lengths.files)?,
            finished: Journal::open(&folder.journal("finished.jsonl"), lengths.finished)?,
            indexes: record.buckets.iter().map(|bucket| (bucket.bucket, bucket.index)).collect(),
            spans: record.buckets.iter().filter_map(|bucket| Some((bucket.bucket, bucket.publishing?))).collect(),
            folder,
            record,
        })
    }

    /// The run as last committed.
    #[must_use]
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Where the working files lie.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Makes progress durable.
    ///
    /// # Errors
    /// As the file system says. What was committed before still stands then, and nothing of this
    /// commit may be relied on.
    pub fn commit(&mut self, commit: &Commit) -> Result<(), StateError> {
        for part in &commit.parts {
            part.sync_data().map_err(FileError::at("sync part", self.folder.path()))?;
        }
        for bucket in &commit.new_parts {
            sync_folder(&self.folder.bucket(*bucket))?;
        }
        if !commit.new_parts.is_empty() {
            sync_folder(self.folder.path())?;
        }
        crash::reached("parts-synced");
        self.append_indexes(&commit.ranges)?;
        crash::reached("index-synced");
        for (bucket, files) in &commit.files {
            let from = self.files.length();
            let to = self.files.append(files)?;
            self.spans.insert(*bucket, FileSpan { from, to });
        }
        self.finished.append(&commit.finished)?;
        crash::reached("journals-synced");

        let mut record = self.record.clone();
        record.accounts.clone_from(&commit.accounts);
        record.effort = commit.effort;
        record.journals.files = self.files.length();
        record.journals.finished = self.finished.length();
        record.buckets.clone_from(&commit.buckets);
        for bucket in &mut record.buckets {
            bucket.index = self.indexes.get(&bucket.bucket).copied().unwrap_or(0);
            bucket.publishing = self.spans.get(&bucket.bucket).copied();
        }
        record.save(&self.state_file)?;
        self.record = record;
        for entry in &commit.finished {
            self.indexes.remove(&entry.bucket);
            self.spans.remove(&entry.bucket);
        }
        crash::reached("state-committed");
        Ok(())
    }

    /// Notes that the run is over: every bucket has its verdict, and the summary is written. Then its
    /// working files go, but for the journals of a run that can be reopened.
    ///
    /// # Errors
    /// As the file system says.
    pub fn finish(&mut self, end: RunEnd) -> Result<(), StateError> {
        self.record.phase = RunPhase::Done;
        self.record.end = Some(end);
        self.record.save(&self.state_file)?;
        crash::reached("run-finished");
        match end {
            RunEnd::Complete => Self::remove_parts(&self.record.folder)?,
            RunEnd::Incomplete => self.remove_buckets()?,
        }
        Ok(())
    }

    /// Reopens a run that is over: the verdicts of all buckets that are not complete are withdrawn, by
    /// one replacing of the state. Accounts are left to who asks them.
    ///
    /// # Errors
    /// As the file system says.
    pub fn reopen(&mut self) -> Result<(), StateError> {
        // Where the run was cut off at its end, they may still be there.
        self.remove_buckets()?;
        self.record.phase = RunPhase::Scanning;
        self.record.end = None;
        self.record.withdrawn = self.finished.length();
        self.record.save(&self.state_file)?;
        crash::reached("run-reopened");
        Ok(())
    }

    /// Removes the working files of all buckets.
    fn remove_buckets(&self) -> Result<(), FileError> {
        let folder = self.folder.path();
        for entry in std::fs::read_dir(folder).map_err(FileError::at("read", folder))? {
            let path = entry.map_err(FileError::at("read", folder))?.path();
            if path.is_dir() {
                remove_folder(&path)?;
            }
        }
        Ok(())
    }

    fn append_indexes(&mut self, ranges: &[FinishedRange]) -> Result<(), StateError> {
        let touched: HashSet<u32> = ranges.iter().map(|range| range.bucket).collect();
        for bucket in touched {
            let committed = self.indexes.get(&bucket).copied().unwrap_or(0);
            // A bucket without a row has no folder yet.
            create_folder(&self.folder.bucket(bucket))?;
            let mut index = Journal::open(&self.folder.index(bucket), committed)?;
            let length =
                index.append(ranges.iter().filter(|range| range.bucket == bucket).map(|range| &range.entry))?;
            sync_folder(&self.folder.bucket(bucket))?;
            self.indexes.insert(bucket, length);
        }
        Ok(())
    }

    /// The selected buckets, in the order of their places.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn buckets(&self) -> Result<Vec<BucketEntry>, StateError> {
        self.read("buckets.jsonl", self.buckets.length())?.collect()
    }

    /// The buckets that have their verdict, one by one in the order they got it.
    ///
    /// # Errors
    /// When the journal cannot be opened; each entry may be an error of its own.
    pub fn finished(&self) -> Result<impl Iterator<Item = Result<FinishedEntry, StateError>> + use<>, StateError> {
        Ok(self.verdicts()?.filter_map(|(holds, entry)| holds.then_some(entry)))
    }

    /// The verdicts that were withdrawn when the run was reopened: their buckets are listed again.
    ///
    /// # Errors
    /// When the journal cannot be opened; each entry may be an error of its own.
    pub fn withdrawn(&self) -> Result<impl Iterator<Item = Result<FinishedEntry, StateError>> + use<>, StateError> {
        Ok(self.verdicts()?.filter_map(|(holds, entry)| (!holds).then_some(entry)))
    }

    /// All verdicts, each with whether it holds; one that cannot be read is not to be passed over.
    fn verdicts(&self) -> Result<impl Iterator<Item = (bool, Result<FinishedEntry, StateError>)> + use<>, StateError> {
        let placed = journal::read_placed(&self.folder.journal("finished.jsonl"), self.finished.length())?;
        let withdrawn = self.record.withdrawn;
        Ok(placed.map(move |(at, entry): (u64, Result<FinishedEntry, StateError>)| {
            (entry.as_ref().map_or(true, |entry| entry.holds(at, withdrawn)), entry)
        }))
    }

    /// The files of the run, one by one in the order they were made.
    ///
    /// # Errors
    /// When the journal cannot be opened; each entry may be an error of its own.
    pub fn files(&self) -> Result<impl Iterator<Item = Result<FileEntry, StateError>> + use<>, StateError> {
        self.read("files.jsonl", self.files.length())
    }

    /// The files of one bucket that is being published.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn files_of(&self, bucket: u32) -> Result<Vec<FileEntry>, StateError> {
        let Some(span) = self.spans.get(&bucket) else {
            return Ok(Vec::new());
        };
        // A bucket that is listed once more has files of before in front of the span.
        let entries = journal::read_placed::<FileEntry>(&self.folder.journal("files.jsonl"), span.to)?;
        let is_of_span = |entry: &Result<FileEntry, _>| entry.as_ref().map_or(true, |file| file.bucket == bucket);
        entries.filter(|(at, entry)| *at >= span.from && is_of_span(entry)).map(|(_, entry)| entry).collect()
    }

    /// The finished ranges of a bucket, those of before its listing started over included.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn index_of(&self, bucket: u32) -> Result<Vec<IndexEntry>, StateError> {
        match self.indexes.get(&bucket) {
            None | Some(0) => Ok(Vec::new()),
            Some(&length) => journal::read(&self.folder.index(bucket), length)?.collect(),
        }
    }

    fn read<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
        name: &str,
        length: u64,
    ) -> Result<impl Iterator<Item = Result<T, StateError>> + use<T>, StateError> {
        journal::read(&self.folder.journal(name), length)
    }

    /// Removes the working files of a bucket that has its verdict.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove_bucket(folder: &RunFolder, bucket: u32) -> Result<(), FileError> {
        remove_folder(&folder.bucket(bucket))?;
        crash::reached("parts-removed");
        Ok(())
    }

    /// Removes the working files of a run that is over or given up, and its folder where there was
    /// nothing else in it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn remove_parts(run_folder: &Path) -> Result<(), FileError> {
        remove_folder(RunFolder::new(run_folder).path())?;
        // Fails where files were published, as it should.
        let _ = std::fs::remove_dir(run_folder);
        Ok(())
    }

    /// Checks that what the state says fits its journals and the `first_ranges` that a listing begins
    /// with, so that places, accounts and numbers of ranges can be relied on from here.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, first_ranges: usize) -> Result<(), StateError> {
        if self.record.buckets.iter().any(|bucket| bucket.waiting as usize > first_ranges) {
            return Err(StateError::corrupt(&self.state_file, "it names ranges that the job does not have"));
        }
        let buckets = self.buckets()?;
        let is_known = |bucket: u32| (bucket as usize) < buckets.len();
        let accounts = self.record.accounts.len();
        let sound = buckets.iter().all(|bucket| (bucket.account as usize) < accounts)
            && self.record.buckets.iter().all(|bucket| is_known(bucket.bucket));
        let mut finished = self.finished()?;
        let sound =
            sound && finished.try_fold(true, |sound, entry| Ok::<_, StateError>(sound && is_known(entry?.bucket)))?;
        if sound {
            Ok(())
        } else {
            Err(StateError::corrupt(&self.state_file, "it names buckets that the run does not have"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;
    use crate::rows::RowCounts;
    use jiff::Timestamp;

    fn bucket(name: &str) -> BucketEntry {
        BucketEntry { account: 0, name: name.into(), region: "us-east-1".into(), literal: false }
    }

    fn finished(bucket: u32) -> FinishedEntry {
        FinishedEntry {
            bucket,
            verdict: Verdict::Complete,
            reason: None,
            ordered: true,
            counts: RowCounts::default(),
            files: 1,
            effort: Effort::default(),
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_run_is_reopened_for_what_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("job.json");
        let record = RunRecord::new("job", "run", Timestamp::UNIX_EPOCH, folder.path().join("run"));
        let mut store = RunStore::create(&state, record, &[bucket("a"), bucket("b"), bucket("c")]).unwrap();
        let denied = |bucket| FinishedEntry { verdict: Verdict::Denied, ..finished(bucket) };
        store.commit(&Commit { finished: vec![denied(0), finished(1), denied(2)], ..Commit::default() }).unwrap();
        std::fs::create_dir(store.folder().bucket(2)).unwrap();
        store.finish(RunEnd::Incomplete).unwrap();
        assert!(store.folder().path().exists() && !store.folder().bucket(2).exists());
        drop(store);

        let places = |entries: Vec<FinishedEntry>| entries.iter().map(|entry| entry.bucket).collect::<Vec<_>>();
        let open = || RunStore::open(&state, RunRecord::load(&state).unwrap().unwrap()).unwrap();
        let holding = |store: &RunStore| places(store.finished().unwrap().map(Result::unwrap).collect());
        let mut store = open();
        assert_eq!(store.record().end, Some(RunEnd::Incomplete));
        store.reopen().unwrap();
        assert_eq!(holding(&store), [1]);
        assert_eq!(places(store.withdrawn().unwrap().map(Result::unwrap).collect()), [0, 2]);
        // One is mended, the other is denied once more, and that holds.
        store.commit(&Commit { finished: vec![denied(2), finished(0)], ..Commit::default() }).unwrap();
        drop(store);
        let mut store = open();
        assert_eq!((store.record().phase, holding(&store)), (RunPhase::Scanning, vec![1, 2, 0]));
        store.finish(RunEnd::Incomplete).unwrap();
        store.reopen().unwrap();
        assert_eq!(holding(&store), [1, 0]);
        store.commit(&Commit { finished: vec![finished(2)], ..Commit::default() }).unwrap();
        store.finish(RunEnd::Complete).unwrap();
        assert!(!store.folder().path().exists());
    }

    #[test]
    fn what_is_committed_is_there_after_a_crash_and_the_rest_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("job.json");
        let record = RunRecord::new("job", "run", Timestamp::UNIX_EPOCH, folder.path().join("run"));
        let mut store = RunStore::create(&state, record, &[bucket("a")]).unwrap();
        store.extend(Vec::new(), &[bucket("b")]).unwrap();
        store.commit(&Commit { finished: vec![finished(1)], ..Commit::default() }).unwrap();
        // A commit that was cut off behind the journals: the state never heard of it.
        store.finished.append(&[finished(0)]).unwrap();
        drop(store);

        let record = RunRecord::load(&state).unwrap().unwrap();
        let store = RunStore::open(&state, record).unwrap();
        assert_eq!(store.buckets().unwrap().len(), 2);
        let done: Vec<u32> = store.finished().unwrap().map(|entry| entry.unwrap().bucket).collect();
        assert_eq!(done, [1]);
    }
}

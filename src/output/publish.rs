//! Publishing: joined files get their final names, and where the path is replaced run by run, those
//! of the run before go.
//!
//! Owns that this can be repeated: a file that already has its final name, from before an
//! interruption, is left as it is, but only where it is still what was joined. Also the order of
//! replacing: what is about to stand is noted, files are renamed over those of before, what is left of
//! those is removed, and what stands is noted. So whenever it is cut off, every file of either
//! generation is in the record, and nothing else is ever touched: something foreign in the way is an
//! error before anything has happened, also where every run has paths of its own, and one of ours that
//! somebody changed is kept under another name.

use super::file::{FileError, create_folder, sync_folder};
use super::join::{JoinedFile, joined_path};
use super::standing::{Found, Standing, StandingFile, StandingRecord, found, modified};
use super::way::{Listed, PublishError, by_path, difference, folder_of, foreign, look, obstacle, of};
use crate::crash;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A joined file and its final path.
#[derive(Clone, Debug)]
pub struct FileToPublish {
    /// What was joined.
    pub file: JoinedFile,
    /// Its final path.
    pub path: PathBuf,
}

/// Moves the joined files of a bucket from `folder` to their final paths; with `standing`, in the
/// place of those that earlier runs published. Durable when it returns.
///
/// # Errors
/// As the file system says, when a file is neither joined nor published, or when something that
/// nobody listed stands in the way.
pub fn publish(folder: &Path, files: &[FileToPublish], standing: Option<&Standing>) -> Result<(), PublishError> {
    let folders: BTreeSet<&Path> = files.iter().map(|file| folder_of(&file.path)).collect();
    if let Some(obstacle) = folders.iter().find_map(|folder| obstacle(folder)) {
        return Err(PublishError::InTheWay(obstacle));
    }
    let waiting = waiting(folder, files)?;
    let replacement = if let Some(standing) = standing {
        Some(Replacement::begin(standing, folder, files)?)
    } else {
        waiting.iter().try_for_each(|file| is_free(file))?;
        None
    };
    folders.iter().try_for_each(|folder| create_folder(folder))?;
    for file in waiting {
        if let Some(replacement) = &replacement {
            replacement.make_way(&file.path)?;
        }
        name(folder, file)?;
        crash::reached("file-published");
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))?;
    Ok(replacement.map_or(Ok(()), Replacement::finish)?)
}

/// The files that wait for their final names. The others got them before an interruption, and somebody
/// may have taken or changed them meanwhile.
fn waiting<'files>(folder: &Path, files: &'files [FileToPublish]) -> Result<Vec<&'files FileToPublish>, PublishError> {
    let (mut waiting, mut lost, mut first) = (Vec::new(), Vec::new(), None);
    for file in files {
        if look(&joined_path(folder, file.file.part))?.is_some() {
            waiting.push(file);
        } else if let Some(error) = difference(&file.path, &file.file)? {
            lost.push(file.file.part);
            first.get_or_insert(error);
        }
    }
    first.map_or(Ok(waiting), |first| Err(PublishError::Lost { parts: lost, first }))
}

/// Makes sure that nothing else has the path of a file that no other run writes to. The same file may
/// be there: somebody put a copy back.
fn is_free(FileToPublish { file, path }: &FileToPublish) -> Result<(), PublishError> {
    match look(path)? {
        Some(metadata) if difference(path, file)?.is_some() => {
            Err(PublishError::InTheWay(foreign(path, &metadata, false)))
        }
        _ => Ok(()),
    }
}

/// Gives a file its final name.
#[expect(clippy::disallowed_methods, reason = "whoever calls syncs the folder after it")]
fn name(folder: &Path, FileToPublish { file, path }: &FileToPublish) -> Result<(), FileError> {
    fs::rename(joined_path(folder, file.part), path).map_err(FileError::at("publish", path))
}

/// The files of a bucket in the place of those of earlier runs.
struct Replacement<'run> {
    standing: &'run Standing,
    files: Vec<StandingFile>,
    /// Files of earlier runs that the new ones do not equal.
    replaced: Vec<StandingFile>,
    /// The paths among them that no new file has.
    surplus: BTreeSet<PathBuf>,
    /// Files that were changed since they were published, with the names under which they are kept.
    keep: BTreeMap<PathBuf, PathBuf>,
    kept: Vec<PathBuf>,
}

impl<'run> Replacement<'run> {
    /// Notes what is about to stand, having made sure that nothing foreign is in the way.
    fn begin(standing: &'run Standing, folder: &Path, files: &[FileToPublish]) -> Result<Self, PublishError> {
        let record = standing.load()?;
        let listed = by_path(record.iter().flat_map(StandingRecord::listed));
        let files: Vec<(StandingFile, bool)> =
            files.iter().map(|file| describe(folder, file, &listed)).collect::<Result<_, _>>()?;
        let new: BTreeMap<&Path, &str> = files.iter().map(|(file, _)| (file.path.as_path(), &*file.sha256)).collect();
        let is_new = |old: &StandingFile| new.get(old.path.as_path()).is_some_and(|sha256| *sha256 == old.sha256);
        let old = || listed.values().flatten();
        let replaced: Vec<StandingFile> = old().filter(|old| !is_new(old)).cloned().collect();
        let surplus: BTreeSet<PathBuf> =
            old().map(|old| &old.path).filter(|path| !new.contains_key(path.as_path())).cloned().collect();
        let kept = record.filter(|record| record.run == standing.run()).map_or_else(Vec::new, |record| record.kept);
        let mut replacement = Self { standing, files: Vec::new(), replaced, surplus, keep: BTreeMap::new(), kept };
        let awaited = files.iter().filter(|(_, is_joined)| *is_joined).map(|(file, _)| &file.path);
        let looked_at: Vec<&PathBuf> = awaited.chain(&replacement.surplus).collect();
        let mut changed = Vec::new();
        for path in looked_at {
            match found(path, of(&listed, path))? {
                Found::Nothing | Found::Ours => {}
                Found::Changed => changed.push(path.clone()),
                Found::Foreign(metadata) => return Err(PublishError::InTheWay(foreign(path, &metadata, true))),
            }
        }
        for path in changed {
            replacement.keep(path);
        }
        replacement.files = files.into_iter().map(|(file, _)| file).collect();
        let Self { files, replaced, kept, .. } = &replacement;
        standing.save(files.clone(), replaced.clone(), kept.clone())?;
        crash::reached("replacement-noted");
        Ok(replacement)
    }

    /// Finds a new name for a changed file.
    fn keep(&mut self, path: PathBuf) {
        let mut name = OsString::from(&path);
        name.push(format!(".kept-{}", self.standing.run()));
        // Only somebody who puts the same file back again and again takes more than one.
        while fs::symlink_metadata(&name).is_ok() {
            name.push("-again");
        }
        let name = PathBuf::from(name);
        if !self.kept.contains(&name) {
            self.kept.push(name.clone());
        }
        self.keep.insert(path, name);
    }

    /// Keeps the file that a new one would replace, where it is no longer what was published.
    fn make_way(&self, path: &Path) -> Result<(), FileError> {
        self.keep.get(path).map_or(Ok(()), |kept| set_aside(path, kept))
    }

    /// Removes what is left of the files of before, and notes what stands.
    fn finish(self) -> Result<(), FileError> {
        let mut folders = BTreeSet::new();
        for path in &self.surplus {
            match self.keep.get(path) {
                Some(kept) => set_aside(path, kept)?,
                None => remove(path)?,
            }
            folders.extend(path.parent().filter(|folder| folder.exists()).map(Path::to_owned));
            crash::reached("replaced-removed");
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        self.standing.save(self.files, Vec::new(), self.kept)?;
        crash::reached("replacement-finished");
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever calls syncs the folder after it")]
fn set_aside(path: &Path, kept: &Path) -> Result<(), FileError> {
    fs::rename(path, kept).map_err(FileError::at("keep", path))
}

fn remove(path: &Path) -> Result<(), FileError> {
    if look(path)?.is_none() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A file as the record has it, and whether it still waits for its name; one that has it is as the
/// record of before says.
fn describe(
    folder: &Path,
    FileToPublish { file, path }: &FileToPublish,
    listed: &Listed,
) -> Result<(StandingFile, bool), FileError> {
    let joined = joined_path(folder, file.part);
    let (metadata, is_joined) = match fs::metadata(&joined) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(published) = of(listed, path).iter().find(|old| old.sha256 == file.sha256) {
                return Ok((published.clone(), false));
            }
            (fs::metadata(path).map_err(FileError::at("publish", path))?, false)
        }
        metadata => (metadata.map_err(FileError::at("publish", &joined))?, true),
    };
    let modified = modified(&metadata).map_err(FileError::at("publish", path))?;
    let described = StandingFile { path: path.clone(), bytes: file.bytes, sha256: file.sha256.clone(), modified };
    Ok((described, is_joined))
}

#[cfg(test)]
mod tests {
    use super::super::hash::sha256_of;
    use super::super::place::{Place, PlaceValues};
    use super::super::standing::records;
    use super::super::way::in_the_way;
    use super::*;
    use std::os::unix::fs::symlink;

    fn joined(folder: &Path, part: u64, content: &[u8]) -> JoinedFile {
        let path = joined_path(folder, part);
        fs::write(&path, content).unwrap();
        JoinedFile { part, rows: 1, bytes: content.len() as u64, sha256: sha256_of(&path).unwrap() }
    }

    #[test]
    fn publishing_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data/run/b_1.csv");
        let other = folder.path().join("data/run/b_2.csv");
        let file = |file: JoinedFile, path: &Path| FileToPublish { file, path: path.to_owned() };
        let files = [file(joined(folder.path(), 1, b"one"), &target), file(joined(folder.path(), 2, b"two"), &other)];
        publish(folder.path(), &files[..1], None).unwrap();
        publish(folder.path(), &files, None).unwrap();
        publish(folder.path(), &files, None).unwrap();
        assert_eq!((fs::read(&target).unwrap(), fs::read(&other).unwrap()), (b"one".to_vec(), b"two".to_vec()));
        // Neither joined nor published as it was: told of all files at once.
        fs::write(&target, b"two").unwrap();
        fs::remove_file(&other).unwrap();
        let Err(PublishError::Lost { parts, first }) = publish(folder.path(), &files, None) else {
            panic!("a lost file was taken for published");
        };
        assert_eq!((parts, first.path), (vec![1, 2], target));
        assert_eq!(first.source.to_string(), "it is not as it was published");
    }

    #[test]
    fn where_every_run_has_its_paths_nothing_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let paths = [at("run/b/1.csv"), at("run/b/2.csv")];
        let files: Vec<FileToPublish> = (1..)
            .zip(["one", "two"])
            .zip(&paths)
            .map(|((part, content), path)| FileToPublish {
                file: joined(folder.path(), part, content.as_bytes()),
                path: path.clone(),
            })
            .collect();
        let told = || match publish(folder.path(), &files, None) {
            Err(PublishError::InTheWay(error)) => error.reason(),
            other => panic!("{other:?}"),
        };
        // Of the same length as what is to be published; behind the first; and no file at all.
        let (mine, aside) = (at("mine"), at("run/b/2.csv"));
        fs::write(&mine, b"owt").unwrap();
        fs::create_dir_all(at("run/b")).unwrap();
        for (what, put) in [
            ("a file", &(|path: &Path| assert_eq!(fs::copy(&mine, path).unwrap(), 3)) as &dyn Fn(&Path)),
            ("a symbolic link", &|path| symlink(&mine, path).unwrap()),
            ("a symbolic link", &|path| symlink("nowhere", path).unwrap()),
            ("a folder", &|path| fs::create_dir(path).unwrap()),
        ] {
            put(&aside);
            let expected = format!("there is {what} already, and it is not what this run publishes");
            assert_eq!(told(), format!("could not publish `{}`: {expected}", aside.display()));
            assert!(!paths[0].exists(), "nothing was published");
            assert!(fs::symlink_metadata(&aside).is_ok() && fs::read(&mine).unwrap() == b"owt");
            fs::rename(&aside, at("moved")).unwrap();
            if what == "a folder" { fs::remove_dir(at("moved")) } else { fs::remove_file(at("moved")) }.unwrap();
        }
        fs::remove_dir(at("run/b")).unwrap();
        fs::write(at("run/b"), b"mine").unwrap();
        assert!(told().ends_with("a folder is needed where there is a file"));
        fs::remove_file(at("run/b")).unwrap();
        // The same file may be there.
        fs::create_dir(at("run/b")).unwrap();
        fs::write(&paths[0], b"one").unwrap();
        publish(folder.path(), &files, None).unwrap();
        assert_eq!(paths.map(|path| fs::read(path).unwrap()), [b"one", b"two"]);
    }

    /// A bucket whose path is replaced run by run, published by one run after the other.
    struct Bucket {
        folder: tempfile::TempDir,
    }

    impl Bucket {
        fn place(&self, run: &str) -> Place {
            let path = self.folder.path().join("x.toml");
            let template = self.folder.path().join("out/{bucket}_{part}.csv");
            fs::write(&path, format!("version = 1\n[output]\npath = '{}'\n", template.display())).unwrap();
            let job = crate::job::load(&crate::job::Request::of(&path)).unwrap();
            let values = PlaceValues { job: "x", run, account: "a", bucket: "b", ..PlaceValues::default() };
            Place::new(&job.output.path, &values)
        }

        /// What is to be published by a run, joined.
        fn joined(&self, run: &str, contents: &[&str]) -> (PathBuf, Vec<FileToPublish>) {
            let folder = self.folder.path().join("parts").join(run);
            fs::create_dir_all(&folder).unwrap();
            let files = (1..).zip(contents).map(|(part, content)| FileToPublish {
                file: joined(&folder, part, content.as_bytes()),
                path: self.place(run).file(part),
            });
            (folder.clone(), files.collect())
        }

        fn publish(&self, run: &str, contents: &[&str]) -> Result<(), PublishError> {
            let (folder, files) = self.joined(run, contents);
            publish(&folder, &files, self.place(run).standing())
        }

        fn files(&self) -> BTreeMap<String, String> {
            let entries = fs::read_dir(self.folder.path().join("out")).into_iter().flatten().map(Result::unwrap);
            let files = entries.filter(|entry| entry.path().is_file());
            files
                .map(|entry| {
                    let content = fs::read_to_string(entry.path()).unwrap();
                    (entry.file_name().into_string().unwrap(), content)
                })
                .collect()
        }

        fn expect(&self, files: &[(&str, &str)]) {
            let files = files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned()));
            assert_eq!(self.files(), files.collect());
        }

        fn record(&self) -> StandingRecord {
            records(self.place("any").standing().unwrap().series_folder()).unwrap().swap_remove(0)
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.folder.path().join("out").join(name), content).unwrap();
        }
    }

    fn bucket() -> Bucket {
        Bucket { folder: tempfile::tempdir().unwrap() }
    }

    #[test]
    fn what_a_run_published_goes_and_nothing_else() {
        let bucket = bucket();
        bucket.publish("r1", &["one", "two", "three"]).unwrap();
        bucket.write("b_4.csv", "mine");
        bucket.write("b.csv", "mine too");
        bucket.publish("r2", &["ONE"]).unwrap();
        bucket.expect(&[("b_1.csv", "ONE"), ("b_4.csv", "mine"), ("b.csv", "mine too")]);
        bucket.publish("r3", &["ONE", "zwei"]).unwrap();
        bucket.expect(&[("b_1.csv", "ONE"), ("b_2.csv", "zwei"), ("b_4.csv", "mine"), ("b.csv", "mine too")]);
        let record = bucket.record();
        assert_eq!((record.run.as_str(), record.files.len(), record.replaced.len()), ("r3", 2, 0));
        bucket.publish("r4", &[]).unwrap();
        bucket.expect(&[("b_4.csv", "mine"), ("b.csv", "mine too")]);
    }

    #[test]
    fn a_foreign_file_in_the_way_is_an_error_before_anything_has_happened() {
        let bucket = bucket();
        bucket.publish("r1", &["one"]).unwrap();
        bucket.write("b_2.csv", "mine");
        let place = bucket.place("r2");
        assert!(in_the_way(&place).unwrap().is_none(), "it may well have one file only");
        let before = bucket.record();
        let Err(PublishError::InTheWay(error)) = bucket.publish("r2", &["eins", "zwei"]) else {
            panic!("it was not seen");
        };
        assert_eq!(error.path, place.file(2));
        assert!(error.reason().ends_with("there is a file already, and no run of this job has published it"));
        bucket.expect(&[("b_1.csv", "one"), ("b_2.csv", "mine")]);
        assert_eq!(bucket.record(), before);
        // Once it is out of the way, the same run goes on.
        fs::remove_file(place.file(2)).unwrap();
        bucket.publish("r2", &["eins", "zwei"]).unwrap();
        bucket.expect(&[("b_1.csv", "eins"), ("b_2.csv", "zwei")]);
    }

    #[test]
    fn what_is_in_the_way_is_seen_before_anything_is_listed() {
        let bucket = bucket();
        let place = bucket.place("r1");
        let told = || in_the_way(&place).unwrap().map(|error| (error.path.clone(), error.source.to_string()));
        let foreign = |what: &str| format!("there is {what} already, and no run of this job has published it");
        assert_eq!(told(), None);
        fs::create_dir(bucket.folder.path().join("out")).unwrap();
        bucket.write("b_1.csv", "mine");
        assert_eq!(told(), Some((place.file(1), foreign("a file"))));
        fs::remove_file(place.file(1)).unwrap();
        bucket.publish("r0", &["one", "two"]).unwrap();
        assert_eq!(told(), None);
        // In the place of files that were published: to one of the same bytes, and to none.
        for (part, target) in [(1, "elsewhere.csv"), (2, "elsewhere.csv"), (2, "nowhere.csv")] {
            let (path, aside) = (place.file(part), bucket.folder.path().join("out/elsewhere.csv"));
            fs::rename(&path, &aside).unwrap();
            symlink(target, &path).unwrap();
            assert_eq!(told(), Some((path.clone(), foreign("a symbolic link"))));
            fs::rename(&aside, &path).unwrap();
            assert_eq!(told(), None);
        }
        fs::remove_dir_all(bucket.folder.path().join("out")).unwrap();
        fs::write(bucket.folder.path().join("out"), b"mine").unwrap();
        assert_eq!(told().unwrap().1, "a folder is needed where there is a file");
    }

    #[test]
    fn files_that_somebody_changed_are_kept_and_told() {
        let bucket = bucket();
        bucket.publish("r1", &["one", "two", "three"]).unwrap();
        bucket.write("b_1.csv", "One");
        bucket.write("b_3.csv", "three, and more");
        bucket.publish("r2", &["eins"]).unwrap();
        bucket.expect(&[("b_1.csv", "eins"), ("b_1.csv.kept-r2", "One"), ("b_3.csv.kept-r2", "three, and more")]);
        let names = |record: StandingRecord| -> Vec<String> {
            let names = record.kept.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
            names.collect()
        };
        assert_eq!(names(bucket.record()), ["b_1.csv.kept-r2", "b_3.csv.kept-r2"]);
        bucket.publish("r3", &["eins"]).unwrap();
        assert_eq!(names(bucket.record()), [""; 0]);
        // A copy that was put back is what was published.
        bucket.write("b_1.csv", "eins");
        bucket.publish("r4", &["vier"]).unwrap();
        assert_eq!(bucket.files().len(), 3);
    }

    #[test]
    fn a_run_that_is_given_up_half_way_leaves_no_orphans() {
        let bucket = bucket();
        bucket.publish("r1", &["one", "two", "three"]).unwrap();
        for named in 0..=2 {
            let run = format!("r2-{named}");
            let (folder, files) = bucket.joined(&run, &["eins", "zwei", "drei", "vier"]);
            let place = bucket.place(&run);
            // As far as a kill lets it come.
            Replacement::begin(place.standing().unwrap(), &folder, &files).unwrap();
            files[..named].iter().for_each(|file| name(&folder, file).unwrap());
            if named == 1 {
                // The same run goes on, and is given up again.
                Replacement::begin(place.standing().unwrap(), &folder, &files).unwrap();
                name(&folder, &files[3]).unwrap();
            }
        }
        bucket.publish("r3", &["uno"]).unwrap();
        bucket.expect(&[("b_1.csv", "uno")]);
    }
}

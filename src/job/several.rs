//! Several jobs in one call: which of the files are jobs, and what keeps them apart.
//!
//! It owns the invariants that no two jobs of a call share a name, a state file or the paths of their
//! files, and that a file is left out only where a job of the same call says that it is laid under it.

use std::path::Path;

use super::files::is_one_file;
use super::problem::{Problems, Refusal};
use super::text::Stack;
use super::{Job, Request, read};

/// Loads several jobs, each as [`load`](super::load) does; `None` is a file that is no job, for it has no version,
/// and that one of the jobs extends. Jobs that would share a name, a state file or output files cannot
/// be done in one call: each of them is refused.
#[must_use]
pub fn load_all(requests: &[Request]) -> Vec<Option<Result<Job, Problems>>> {
    let (jobs, stacks): (Vec<_>, Vec<Stack>) = requests.iter().map(read).unzip();
    let is_base: Vec<bool> = (0..requests.len()).map(|place| is_base(requests, &stacks, place)).collect();
    let loaded: Vec<_> = jobs.into_iter().zip(is_base).map(|(job, is_base)| (!is_base).then_some(job)).collect();
    let clashes: Vec<Option<Problems>> = (0..requests.len()).map(|place| clash(requests, &loaded, place)).collect();
    let judged = loaded.into_iter().zip(clashes);
    judged.map(|(loaded, clash)| clash.map_or(loaded, |clash| Some(Err(clash)))).collect()
}

/// Whether a file is there only to be laid under others.
fn is_base(requests: &[Request], stacks: &[Stack], place: usize) -> bool {
    let path = &requests[place].path;
    let extends = |stack: &Stack| stack.has_version && stack.files.iter().any(|file| is_one_file(file, path));
    !stacks[place].has_version && stacks.iter().any(extends)
}

/// What keeps a job from being done in one call with the others.
fn clash(requests: &[Request], loaded: &[Option<Result<Job, Problems>>], place: usize) -> Option<Problems> {
    let job = right(&loaded[place])?;
    let others = requests.iter().zip(loaded).enumerate().filter(|(other, _)| *other != place);
    others.filter_map(|(_, (request, other))| Some((request, right(other)?))).find_map(|(request, other)| {
        let path = request.path.display();
        let (key, message, hint) = match other {
            _ if other.name == job.name || is_one_file(&other.state.file, &job.state.file) => {
                let shared = if other.name == job.name {
                    format!("named `{}`", job.name)
                } else {
                    format!("kept in `{}`", job.state.file.display())
                };
                let message = format!("the job is {shared}, as is that of `{path}`: they would share state and files");
                (None, message, "set `name`, and `state.file` if it is set, in one of them")
            }
            // The runs of one call have one start, so `{run}` does not keep them apart.
            _ if is_one_file(Path::new(&other.output_path()), Path::new(&job.output_path())) => {
                let message = format!("the files would stand where those of the job of `{path}` do");
                (Some("output.path"), message, "put `{job}` into it")
            }
            _ => return None,
        };
        Some(Problems::of_file(&requests[place].path, key, Refusal::new(message).hint(hint)))
    })
}

/// The job, where the file is one and nothing is wrong with it.
#[expect(clippy::ref_option, reason = "as they stand in the list")]
fn right(loaded: &Option<Result<Job, Problems>>) -> Option<&Job> {
    loaded.as_ref()?.as_ref().ok()
}

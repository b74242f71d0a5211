//! The integration tests, in one binary.
//!
//! - `bad_input`: wrong jobs, files and stores: the exit code, what is told, and that nothing is lost
//! - `budgets`: limits of requests and time with the real program: what is sent, what is told, what goes on
//! - `cloudwatch`: what `plan` makes of the counts of CloudWatch, of a service of the tests' own
//! - `commands`: the commands beside `run`: what they print, and how they end
//! - `compressed`: compressed files: the same bytes always, listed as they are, holding what plain files hold
//! - `credentials`: credentials that do not last as long as a run, and clocks that are wrong
//! - `dialects`: dialects, sets of columns and encodings of keys against the truth
//! - `directory_buckets`: buckets that are known by their names to keep no order
//! - `empty_buckets`: buckets that give no row
//! - `endpoints`: which hosts of AWS are asked, as a proxy sees it
//! - `generated`: the reference in the README, fresh or written
//! - `conformance`: what must hold of a scan whatever the store; in a folder of its own, for the tests with servers
//!   run it too
//! - `conforming`: the same over the stores that need no server
//! - `harness`: the real program in a folder of its own, demo servers, what comes out
//! - `hints`: what one run learns and the next begins with, right and wrong
//! - `history`: the history of a job, with the real program: what is kept of which run
//! - `in_the_way`: what is in the way of one bucket's files, and files that vanish while a run is cut off
//! - `job_files`: job files right and wrong, layered and mutated: what each is told, word by word
//! - `kill`: `kill -9` at every step and at random moments
//! - `layers`: what each module of `src` may use, and how long its files are
//! - `limits`: stopped by a limit after so many requests or so long, and gone on with
//! - `loopback`: servers of a test's own, which keep what they were asked
//! - `machines`: credentials of containers and instances
//! - `memory_run`: the whole scan over `memory_store`, for `limits`, `property`, `ranges` and `space`
//! - `memory_store`: a store in memory with faults, traps and crashes
//! - `narrowing`: runs of a part of a job
//! - `network`: certificates of one's own, and proxies
//! - `own_settings`: what accounts set for themselves: profiles, buckets, limits
//! - `owners`: whose buckets have to be, as the store is told
//! - `pace`: requests a second, as the server counts them
//! - `planning`: what `plan` tells, and how near it comes to the run
//! - `prefixes`: listing by prefixes: killed everywhere, and a thousand of them
//! - `property`: each row once, whatever objects, pages, faults and crashes
//! - `ranges`: buckets of many ranges: what is bounded, and what one range's end means to the others
//! - `regions`: buckets in other regions than they are thought to be in
//! - `renewal`: credentials that a store finds over before their end
//! - `replacing`: paths without `{run}`: files of the run before go, no others, whatever comes between
//! - `resume`: which run an invocation does
//! - `retry`: a run that is over, done once more where it is not complete
//! - `schema`: the JSON Schema of job files, against right and wrong ones and the reader
//! - `shapes`: every shape of keys against the truth
//! - `shipped_jobs`: the jobs that come with s3scan, run over demo buckets
//! - `showing`: what is told and logged: levels, the run's id, no secrets, summaries for CI
//! - `signals`: stopped by SIGINT and SIGTERM, once and twice, and gone on with
//! - `sso`: credentials of single sign-on, from its portal
//! - `status`: `status` in every state of a job
//! - `space`: too little room on the disk, and less of it needed
//! - `summary_schema`: the schema of summaries: fresh, and what it accepts and rejects

#![expect(clippy::disallowed_methods, reason = "tests prepare files, and nobody else reads them")]

mod bad_input;
mod budgets;
mod cloudwatch;
mod commands;
mod compressed;
#[path = "../conformance/mod.rs"]
mod conformance;
mod conforming;
mod credentials;
mod dialects;
mod directory_buckets;
mod empty_buckets;
mod endpoints;
mod generated;
mod harness;
mod hints;
mod history;
mod in_the_way;
mod job_files;
mod kill;
mod layers;
mod limits;
mod loopback;
mod machines;
mod memory_run;
mod memory_store;
mod narrowing;
mod network;
mod own_settings;
mod owners;
mod pace;
mod planning;
mod prefixes;
mod property;
mod ranges;
mod regions;
mod renewal;
mod replacing;
mod resume;
mod retry;
mod schema;
mod seams;
mod shapes;
mod shipped_jobs;
mod showing;
mod signals;
mod space;
mod sso;
mod status;
mod summary_schema;

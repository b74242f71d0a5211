//! The accounts of a job.
//!
//! Responsible for the tables `[accounts.NAME]`. It leaves what cannot stand together in one to
//! `conflicts`, and credentials, and what an endpoint is good for, to those who speak to it. It owns
//! the invariants that a job has at least one account, and that no two have one name.

use std::collections::HashSet;

use super::conflicts;
use super::endpoint::EndpointUrl;
use super::fan_out::{self, RoleArn};
use super::file::FilePath;
use super::globs::{NameGlobs, NamePattern};
use super::limits::{AccountLimitsFile, Pace};
use super::problem::{Findings, Refusal, Written};
use super::read::{Key, Tables, table};
use super::selection::{AccountBucketsFile, NameRules, some};
use super::suggest::quoted;
use super::values::{AccountId, Region, Text};

table! {
    /// An account or store to scan.
    pub(super) struct AccountFile {
        /// The profile of the AWS configuration that the credentials come from: this one and nothing else, whatever
        /// the environment holds. Left out: the ambient credentials.
        #[schemars(example = &"prod-audit")]
        profile: Key<Text>,
        /// The id the account must have: it is not scanned when the credentials belong to another. Where the store
        /// does not tell whose they are, it is taken as said. In quotes, for leading zeros count.
        #[schemars(example = &"123456789012")]
        account_id: Key<AccountId>,
        /// The home region: where buckets are listed from, and the region of buckets whose region is not told. Left
        /// out: that of the profile or environment, else `us-east-1`.
        #[schemars(example = &"us-east-1")]
        region: Key<Region>,
        /// Only buckets in these regions: patterns as for names of buckets.
        #[schemars(example = serde_json::json!(["us-*", "eu-west-1"]))]
        regions: Key<Vec<Written<NamePattern>>>,
        /// A role that is assumed with the credentials; `{account_id}` is filled in.
        #[schemars(example = &"arn:aws:iam::{account_id}:role/audit")]
        role_arn: Key<RoleArn>,
        /// The external id that the role asks for.
        external_id: Key<Text>,
        /// The name of the role's session, as it stands in the logs of AWS. Left out: `s3scan`.
        role_session_name: Key<Text>,
        /// The address of an S3-compatible store, `http://...` or `https://...`; `{region}` is filled in. Or `demo:`,
        /// the synthetic store inside the program, with its knobs; it has a region and keys of its own.
        #[schemars(example = &"http://127.0.0.1:9000", example = &"demo:?objects=1000")]
        endpoint_url: Key<EndpointUrl>,
        /// The address of the service that tells identities and lends roles, where it is not that of AWS; `{region}`
        /// is filled in. A store of another maker is only asked for identities where this is set.
        sts_endpoint_url: Key<EndpointUrl>,
        /// Bucket names in the path instead of the host name: most S3-compatible stores want it.
        path_style: Key<bool>,
        /// Requests without credentials, for public buckets.
        anonymous: Key<bool>,
        /// The requester pays for requests to buckets that are set up so.
        request_payer: Key<bool>,
        /// Endpoints that meet FIPS 140.
        use_fips: Key<bool>,
        /// Endpoints that speak IPv6 too.
        use_dual_stack: Key<bool>,
        /// The id of the account that must own the buckets: requests to those of another are refused.
        bucket_owner: Key<AccountId>,
        buckets: AccountBucketsFile,
        limits: AccountLimitsFile,
        /// Makes this table a template: one account for each id, named NAME-ID. It takes the place of an
        /// `account_ids_file` that a lower layer says.
        #[schemars(example = serde_json::json!(["111111111111", "222222222222"]))]
        account_ids: Key<Vec<Written<AccountId>>>,
        /// As `account_ids`, from a file: one id a line, `#` begins a comment. The path is relative to the file that
        /// says it; a pipe is not read. It takes the place of `account_ids` that a lower layer says.
        #[schemars(example = &"accounts.txt")]
        account_ids_file: Key<FilePath>,
    }
}

/// One account or store to scan.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the job file")]
#[derive(Debug, Clone)]
pub struct Account {
    /// The name of its table, with the id behind it where the table is a template; `default` in a job
    /// without any.
    pub name: String,
    /// A profile of the AWS configuration; `None` are the ambient credentials.
    pub profile: Option<String>,
    /// The twelve digits of the id it must have.
    pub account_id: Option<String>,
    /// Home region; `None` is that of the profile or the environment.
    pub region: Option<String>,
    /// The regions of its buckets; `None` are all.
    pub regions: Option<NameGlobs>,
    /// A role to assume.
    pub role: Option<Role>,
    /// An S3-compatible store, or `demo:` with its knobs; `None` is Amazon S3.
    pub endpoint_url: Option<String>,
    /// Another service than AWS's for identities and roles.
    pub sts_endpoint_url: Option<String>,
    /// Whether buckets are addressed by path rather than by host name.
    pub path_style: bool,
    /// Whether requests go without credentials.
    pub anonymous: bool,
    /// Whether requests are paid by who makes them.
    pub request_payer: bool,
    /// Whether FIPS endpoints are used.
    pub use_fips: bool,
    /// Whether dual-stack endpoints are used.
    pub use_dual_stack: bool,
    /// The id of the account that must own its buckets.
    pub bucket_owner: Option<String>,
    /// Which of its buckets are scanned.
    pub selection: NameRules,
    /// How hard it may be pressed.
    pub pace: Pace,
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What it wants to hear.
    pub external_id: Option<String>,
    /// The name of the session.
    pub session_name: Option<String>,
}

impl Account {
    /// All accounts in the order of their names; those with a problem are left out.
    pub(super) fn check_all(
        tables: &Tables<AccountFile>,
        selection: Option<&NameRules>,
        pace: Option<&Pace>,
        findings: &mut Findings,
    ) -> Vec<Self> {
        let mut accounts: Vec<Self> = Vec::new();
        let mut taken: HashSet<String> = HashSet::new();
        for (name, file) in &tables.0 {
            conflicts::check_needs(file, findings);
            conflicts::check_beside(file, findings);
            let ids = fan_out::ids(file, findings);
            let (Some(selection), Some(pace)) = (selection, pace) else {
                continue;
            };
            let selection = selection.with(&file.buckets, findings);
            let regions = some(&file.regions, "region", findings).and_then(|list| NameGlobs::compile(list, findings));
            let pace = pace.with(&file.limits, findings);
            let account = Self::of(&name.value, file, regions, selection, pace);
            let made = match ids {
                None => vec![account],
                Some(ids) => ids.iter().map(|id| account.for_id(id)).collect(),
            };
            for account in made {
                if taken.insert(account.name.clone()) {
                    accounts.push(account);
                } else {
                    let message = format!("two accounts would be named {}", quoted(&account.name));
                    findings.refuse(&name.blame, Refusal::new(message).hint("rename one of the tables"));
                }
            }
        }
        let is_one = accounts.len() == 1;
        for account in &mut accounts {
            account.selection.direct |= is_one;
        }
        accounts.sort_by(|left, right| left.name.cmp(&right.name));
        accounts
    }

    /// The one account of a job that names none.
    pub(super) fn ambient(selection: NameRules, pace: Pace) -> Self {
        Self {
            name: "default".to_owned(),
            profile: None,
            account_id: None,
            region: None,
            regions: None,
            role: None,
            endpoint_url: None,
            sts_endpoint_url: None,
            path_style: false,
            anonymous: false,
            request_payer: false,
            use_fips: false,
            use_dual_stack: false,
            bucket_owner: None,
            selection: NameRules { direct: true, ..selection },
            pace,
        }
    }

    fn of(name: &str, file: &AccountFile, regions: Option<NameGlobs>, selection: NameRules, pace: Pace) -> Self {
        let text = |key: &Key<Text>| key.value().map(|text| text.0.clone());
        let id = |key: &Key<AccountId>| key.value().map(|id| id.0.clone());
        let url = |key: &Key<EndpointUrl>| key.value().map(|url| url.0.clone());
        let flag = |key: &Key<bool>| key.value().copied().unwrap_or(false);
        let account_id = id(&file.account_id);
        let role = file.role_arn.value().map(|arn| Role {
            arn: arn.of(account_id.as_deref()),
            external_id: text(&file.external_id),
            session_name: text(&file.role_session_name),
        });
        Self {
            name: name.to_owned(),
            profile: text(&file.profile),
            account_id,
            region: file.region.value().map(|region| region.0.clone()),
            regions,
            role,
            endpoint_url: url(&file.endpoint_url),
            sts_endpoint_url: url(&file.sts_endpoint_url),
            path_style: flag(&file.path_style),
            anonymous: flag(&file.anonymous),
            request_payer: flag(&file.request_payer),
            use_fips: flag(&file.use_fips),
            use_dual_stack: flag(&file.use_dual_stack),
            bucket_owner: id(&file.bucket_owner),
            selection,
            pace,
        }
    }

    /// The account with this id, of a template.
    fn for_id(&self, id: &str) -> Self {
        let fill = |text: &String| text.replace(fan_out::TOKEN, id);
        let role = self.role.as_ref().map(|role| Role {
            arn: fill(&role.arn),
            external_id: role.external_id.clone(),
            session_name: role.session_name.clone(),
        });
        Self { name: format!("{}-{id}", self.name), account_id: Some(id.to_owned()), role, ..self.clone() }
    }
}

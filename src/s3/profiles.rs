//! What the files of the AWS configuration say of a profile, beside its credentials.
//!
//! The SDK reads them by itself; what is read here is what it does not tell: that a profile does not
//! exist or wants a code typed in, where its services are, and how a person logs in to it. Owns that a
//! profile which cannot work is refused before anything is asked.

use super::failure::{Advice, Failure, FailureKind, UNKNOWN_PROFILE, WANTS_CODE};
use crate::job::nearest;
use aws_config::profile;
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::{EnvConfigSections, Profile};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_types::os_shim_internal::{Env, Fs};

/// One profile of the AWS configuration, and those it refers to.
pub(super) struct ProfileFacts {
    name: String,
    sections: EnvConfigSections,
}

impl ProfileFacts {
    /// Reads the files, as the environment says where they are.
    pub async fn read(name: &str) -> Result<Self, Failure> {
        Self::of(name, &EnvConfigFiles::default()).await
    }

    async fn of(name: &str, files: &EnvConfigFiles) -> Result<Self, Failure> {
        let selected = Some(name.to_owned().into());
        let sections = profile::load(&Fs::real(), &Env::real(), files, selected).await.map_err(|error| {
            let message = format!("the AWS configuration cannot be read: {}", DisplayErrorContext(&error));
            refusal(UNKNOWN_PROFILE, message)
        })?;
        Ok(Self { name: name.to_owned(), sections })
    }

    /// Why the profile cannot be used, as far as the files tell.
    pub fn refused(&self) -> Option<Failure> {
        if self.sections.get_profile(&self.name).is_none() {
            let name = &self.name;
            let meant = nearest(name, self.sections.profiles()).map(|meant| format!("; did you mean `{meant}`?"));
            let meant = meant.unwrap_or_default();
            return Some(refusal(
                UNKNOWN_PROFILE,
                format!("there is no profile `{name}` in the AWS configuration{meant}"),
            ));
        }
        let profile = self.chain().find(|profile| profile.get("role_arn").and(profile.get("mfa_serial")).is_some())?;
        let message =
            format!("the profile `{}` wants the code of an MFA device, which nobody types in here", profile.name());
        let advice = format!(
            "let the AWS CLI ask for it: `eval \"$(aws configure export-credentials --profile {} --format env)\"`, and \
             leave `profile` out",
            self.name
        );
        Some(Failure { advice: Some(Box::new(Advice(advice))), ..refusal(WANTS_CODE, message) })
    }

    /// The endpoint that the profile sets for a service: that of its section of services, else its own
    /// for all of them.
    pub fn endpoint_url(&self, service: &str) -> Option<String> {
        if self.sections.get("ignore_configured_endpoint_urls").is_some_and(|flag| flag.eq_ignore_ascii_case("true")) {
            return None;
        }
        let value = EnvConfigValue::new().profile("endpoint_url").service_id(service);
        value.load(&Env::from_slice(&[]), Some(&self.sections)).map(|(url, _)| url.into_owned())
    }

    /// The endpoint that the profile sets for a service and not for all of them.
    pub fn own_endpoint_url(&self, service: &str) -> Option<String> {
        let url = self.endpoint_url(service)?;
        (self.sections.get("endpoint_url") != Some(&url)).then_some(url)
    }

    /// What a person does when its credentials are over.
    pub fn login(&self) -> Option<String> {
        let has = |key: &str| self.chain().any(|profile| profile.get(key).is_some());
        let name = &self.name;
        if has("sso_session") || has("sso_start_url") {
            return Some(format!("log in with `aws sso login --profile {name}`; the same command then goes on"));
        }
        if has("login_session") {
            return Some(format!("log in with `aws login --profile {name}`; the same command then goes on"));
        }
        if has("credential_process") {
            return Some(format!(
                "run the `credential_process` of the profile `{name}` by hand to see what it lacks; the same command \
                 then goes on"
            ));
        }
        has("aws_session_token").then(|| {
            format!("write new keys into the profile `{name}`, whose session is over; the same command then goes on")
        })
    }

    /// The profile and those whose credentials it takes, one behind the other.
    fn chain(&self) -> impl Iterator<Item = &Profile> {
        let mut seen = Vec::new();
        std::iter::successors(self.sections.get_profile(&self.name), move |profile| {
            seen.push(profile.name());
            let source = profile.get("source_profile").filter(|source| !seen.contains(source))?;
            self.sections.get_profile(source)
        })
    }
}

fn refusal(code: &str, message: String) -> Failure {
    Failure { code: Some(code.to_owned()), ..Failure::local(FailureKind::Identity, message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_runtime::env_config::file::EnvConfigFileKind;

    const CONFIG: &str = "[profile audit]\nsso_session = corp\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\n\
        source_profile = audit\n[profile code]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = code\n\
        mfa_serial = arn:aws:iam::1:mfa/me\n[profile behind]\nrole_arn = arn:aws:iam::1:role/y\nsource_profile = code\n\
        [profile near]\nservices = near\nendpoint_url = http://all\n[services near]\ns3 =\n  endpoint_url = http://s3\n\
        [profile off]\nendpoint_url = http://all\nignore_configured_endpoint_urls = true\n\
        [profile told]\ncredential_process = /bin/creds\nmfa_serial = arn:aws:iam::1:mfa/me\n";

    fn facts(name: &str) -> ProfileFacts {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, CONFIG).build();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ProfileFacts::of(name, &files)).unwrap()
    }

    #[test]
    fn a_profile_that_wants_a_code_is_refused_wherever_it_stands_in_the_chain() {
        for (name, wanting) in [("code", "code"), ("behind", "code")] {
            let failure = facts(name).refused().unwrap();
            assert_eq!(failure.code.as_deref(), Some(WANTS_CODE));
            assert!(failure.message.contains(&format!("`{wanting}` wants the code")), "{failure}");
            assert!(failure.hint().unwrap().contains(&format!("export-credentials --profile {name}")), "{failure:?}");
        }
        // Of no use where no role is assumed, and then no hindrance.
        for name in ["audit", "role", "told"] {
            assert!(facts(name).refused().is_none(), "{name}");
        }
    }

    #[test]
    fn a_misspelt_profile_is_told_with_the_one_that_was_meant() {
        let failure = facts("adit").refused().unwrap();
        let told = "there is no profile `adit` in the AWS configuration; did you mean `audit`?";
        assert_eq!(failure.to_string(), told);
    }

    #[test]
    fn a_section_of_services_goes_before_what_holds_for_all() {
        let near = facts("near");
        assert_eq!(near.endpoint_url("s3").as_deref(), Some("http://s3"));
        assert_eq!(near.own_endpoint_url("s3").as_deref(), Some("http://s3"));
        assert_eq!(near.endpoint_url("sts").as_deref(), Some("http://all"));
        assert_eq!(near.own_endpoint_url("sts"), None);
        assert_eq!(facts("off").endpoint_url("s3"), None);
        assert_eq!(facts("audit").endpoint_url("s3"), None);
    }

    #[test]
    fn how_to_log_in_depends_on_where_the_credentials_are_from() {
        for (name, words) in [("role", "aws sso login --profile role"), ("told", "`credential_process` of the profile")]
        {
            assert!(facts(name).login().unwrap().contains(words), "{name}");
        }
        assert_eq!(facts("near").login(), None);
    }
}

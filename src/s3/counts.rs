//! How many objects buckets have by what CloudWatch counts of them every day, for plans.
//!
//! One operation, `GetMetricData`, sent by the SDK's own orchestrator and signer. Owns that CloudWatch is
//! asked only where S3 is that of AWS, or where an address is named for CloudWatch itself: a store of
//! another maker has none. What is made of an answer is left to whoever asks.

use super::endpoint::filled_in;
use super::failure::{Failure, FailureKind};
use super::store::Store;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_sdk_s3::error::SdkError;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

/// Buckets that one request can ask about.
pub const BUCKETS_PER_QUESTION: usize = 500;
/// The metric comes once a day, and a day or two late; a day may be missing.
const DAYS_BACK: i64 = 5;
const DAY: i64 = 24 * 60 * 60;

/// Where CloudWatch is asked.
pub(super) struct Counting {
    /// The address named for it; `{region}` in it is filled in. `None` is that of AWS.
    pub endpoint_url: Option<String>,
}

/// What CloudWatch counted in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    /// Objects: versions that are not current, delete markers and parts of unfinished uploads too.
    pub objects: u64,
    /// The day of which it is.
    pub at: Timestamp,
}

impl Store {
    /// Whether CloudWatch can be asked about the account's buckets.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        self.counting.is_some()
    }

    /// Asks CloudWatch how many objects these buckets of a region have, at most
    /// [`BUCKETS_PER_QUESTION`]: the newest count of the last days before `now`. A bucket without one is
    /// left out. Each request is sent once.
    ///
    /// # Errors
    /// The classified failure of the request that failed.
    pub async fn object_counts(
        &self,
        region: &str,
        buckets: &[String],
        now: Timestamp,
    ) -> Result<BTreeMap<String, ObjectCount>, Failure> {
        let mut counts: BTreeMap<String, ObjectCount> = BTreeMap::new();
        let Some(counting) = &self.counting else {
            return Ok(counts);
        };
        let turn = self.turn().await?;
        let operation = counting.operation(turn.session.config(), region).await?;
        let mut tokens = HashSet::new();
        let mut token = None;
        loop {
            let question = question(buckets, now, token.as_deref());
            let answer = operation.invoke(question.to_string()).await.map_err(|error| failure(&error))?;
            for (bucket, count) in answer.counts(buckets) {
                let newest = counts.entry(bucket).or_insert(count);
                *newest = if count.at > newest.at { count } else { *newest };
            }
            match answer.next_token {
                None => return Ok(counts),
                Some(next) if tokens.insert(next.clone()) => token = Some(next),
                Some(_) => {
                    let message = "CloudWatch's answer does not get on: a token came twice".to_owned();
                    return Err(Failure::local(FailureKind::Untrusted, message));
                }
            }
        }
    }
}

impl Counting {
    /// What asks for a region, with the credentials of this configuration.
    async fn operation(
        &self,
        config: &SdkConfig,
        region: &str,
    ) -> Result<Operation<String, Answer, ErrorMetadata>, Failure> {
        let refused = |what: &str| Failure::local(FailureKind::Identity, format!("there is no {what} to ask with"));
        let client = config.http_client().ok_or_else(|| refused("HTTP client"))?;
        let credentials = config.credentials_provider().ok_or_else(|| refused("credentials"))?;
        let mut components = RuntimeComponentsBuilder::new("counts");
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        components.set_auth_scheme_option_resolver(Some(schemes));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        components.set_identity_resolver(SCHEME_ID, credentials);
        components.set_identity_cache(config.identity_cache());
        components.set_sleep_impl(config.sleep_impl());
        components.set_time_source(config.time_source());
        let mut layer = Layer::new("counts");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(region.to_owned()))),
            name: Some(SigningName::from_static("monitoring")),
            ..SigV4OperationSigningConfig::default()
        });
        let plugin = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
        let operation = Operation::builder()
            .service_name("CloudWatch")
            .operation_name("GetMetricData")
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(client)
            .endpoint_url(&self.endpoint(config, region).await?)
            .no_retry()
            .timeout_config(config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
            .runtime_plugin(plugin)
            .serializer(|question: String| request(question).map_err(Into::into))
            .deserializer(read)
            .build();
        Ok(operation)
    }

    /// Where CloudWatch is for a region. Which domain and which kind of address goes with a region stands
    /// in the SDK's tables, which only its clients can read: CloudWatch and STS are named alike in all of
    /// them.
    async fn endpoint(&self, config: &SdkConfig, region: &str) -> Result<String, Failure> {
        if let Some(template) = &self.endpoint_url {
            return Ok(filled_in(template, region));
        }
        if let Some(url) = config.endpoint_url() {
            return Ok(url.to_owned());
        }
        let unknown = |why: String| Failure::local(FailureKind::Refused, format!("no address of CloudWatch: {why}"));
        let params = Params::builder()
            .region(region)
            .use_fips(config.use_fips().unwrap_or(false))
            .use_dual_stack(config.use_dual_stack().unwrap_or(false))
            .build()
            .map_err(|error| unknown(error.to_string()))?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await;
        let endpoint = endpoint.map_err(|error| unknown(error.to_string()))?;
        Ok(endpoint.url().replacen("://sts", "://monitoring", 1))
    }
}

/// The question about some buckets, in the JSON protocol of CloudWatch. Whole days: that is how the
/// metric is stamped.
fn question(buckets: &[String], now: Timestamp, token: Option<&str>) -> Value {
    let today = now.as_second().div_euclid(DAY) * DAY;
    let query = |(number, bucket): (usize, &String)| {
        let dimensions = [("StorageType", "AllStorageTypes"), ("BucketName", bucket.as_str())]
            .map(|(name, value)| json!({ "Name": name, "Value": value }));
        json!({
            "Id": format!("b{number}"),
            "MetricStat": {
                "Metric": { "Namespace": "AWS/S3", "MetricName": "NumberOfObjects", "Dimensions": dimensions },
                "Period": DAY,
                "Stat": "Average",
            },
        })
    };
    let mut question = json!({
        "MetricDataQueries": buckets.iter().enumerate().map(query).collect::<Vec<_>>(),
        "StartTime": today - DAYS_BACK * DAY,
        "EndTime": today + DAY,
        "ScanBy": "TimestampDescending",
    });
    if let Some(token) = token {
        question["NextToken"] = json!(token);
    }
    question
}

fn request(question: String) -> Result<HttpRequest, aws_smithy_runtime_api::http::HttpError> {
    let mut request = HttpRequest::new(SdkBody::from(question));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("x-amz-target", "GraniteServiceVersion20100801.GetMetricData");
    headers.insert("user-agent", concat!("s3scan-", env!("CARGO_PKG_VERSION")));
    Ok(request)
}

/// What CloudWatch answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    metric_data_results: Vec<Series>,
    #[serde(default)]
    next_token: Option<String>,
}

/// The values of one metric, with their instants in seconds since the epoch.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    #[serde(default)]
    timestamps: Vec<f64>,
    #[serde(default)]
    values: Vec<f64>,
}

impl Answer {
    /// The newest count of each bucket that has one.
    fn counts<'answer>(&'answer self, buckets: &'answer [String]) -> impl Iterator<Item = (String, ObjectCount)> {
        self.metric_data_results.iter().filter_map(|series| {
            let bucket = buckets.get(series.id.strip_prefix('b')?.parse::<usize>().ok()?)?;
            let points = series.timestamps.iter().zip(&series.values);
            let (at, objects) = points.max_by(|one, other| one.0.total_cmp(other.0))?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and seconds")]
            let (at, objects) = (*at as i64, objects.round().max(0.0) as u64);
            Some((bucket.clone(), ObjectCount { objects, at: Timestamp::from_second(at).ok()? }))
        })
    }
}

fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body).map_err(OrchestratorError::other);
    }
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    // The code that stands in the header is the one that its older protocol had.
    let code = response.headers().get("x-amzn-query-error").and_then(|told| told.split(';').next());
    let code = code.or_else(|| told["__type"].as_str()?.rsplit('#').next()?.split(':').next());
    let mut error = ErrorMetadata::builder();
    if let Some(code) = code {
        error = error.code(code);
    }
    let message = told["message"].as_str().or_else(|| told["Message"].as_str());
    Err(OrchestratorError::operation(error.message(message.unwrap_or("CloudWatch gave no reason")).build()))
}

fn failure(error: &SdkError<ErrorMetadata, HttpResponse>) -> Failure {
    let failure = Failure::from_sdk(error);
    if failure.kind != FailureKind::NotS3 {
        return failure;
    }
    Failure { message: "what answers is not CloudWatch".to_owned(), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_has_its_address() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let address = |named: Option<&str>, region: &str, use_fips, use_dual_stack| {
            let config = SdkConfig::builder().use_fips(use_fips).use_dual_stack(use_dual_stack).build();
            let counting = Counting { endpoint_url: named.map(str::to_owned) };
            runtime.block_on(counting.endpoint(&config, region)).unwrap()
        };
        for (region, url) in [
            ("us-east-1", "https://monitoring.us-east-1.amazonaws.com"),
            ("eu-central-2", "https://monitoring.eu-central-2.amazonaws.com"),
            ("cn-north-1", "https://monitoring.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "https://monitoring.us-gov-west-1.amazonaws.com"),
        ] {
            assert_eq!(address(None, region, false, false), url);
        }
        assert_eq!(address(None, "us-west-2", true, false), "https://monitoring-fips.us-west-2.amazonaws.com");
        assert_eq!(address(None, "us-west-2", false, true), "https://monitoring.us-west-2.api.aws");
        let vpc = "https://vpce-1.monitoring.{region}.vpce.amazonaws.com";
        assert_eq!(address(Some(vpc), "eu-west-1", true, false), vpc.replace("{region}", "eu-west-1"));
    }

    #[test]
    fn whole_days_up_to_today_are_asked_for() {
        let now: Timestamp = "2026-11-28T23:59:59Z".parse().unwrap();
        let asked = question(&["b".to_owned()], now, None);
        let day = |key: &str| Timestamp::from_second(asked[key].as_i64().unwrap()).unwrap().to_string();
        assert_eq!((day("StartTime"), day("EndTime")), ("2026-11-23T00:00:00Z".into(), "2026-11-29T00:00:00Z".into()));
        assert_eq!(question(&[], now, Some("more"))["NextToken"], "more");
        assert!(asked.get("NextToken").is_none());
    }

    #[test]
    fn the_newest_count_is_taken_and_nothing_made_up() {
        let buckets = ["one", "two", "three"].map(str::to_owned);
        let told = json!({ "MetricDataResults": [
            { "Id": "b0", "Timestamps": [1_764_028_800.0, 1_764_115_200.0], "Values": [7.0, 8.0] },
            { "Id": "b1", "Timestamps": [], "Values": [] },
            { "Id": "b7", "Timestamps": [1_764_115_200.0], "Values": [9.0] },
            { "Id": "other", "Timestamps": [1_764_115_200.0], "Values": [9.0] },
            { "Id": "b2", "Timestamps": [1_764_115_200.0], "Values": [-1.0] },
        ] });
        let answer: Answer = serde_json::from_value(told).unwrap();
        let counts: Vec<(String, u64, String)> =
            answer.counts(&buckets).map(|(bucket, count)| (bucket, count.objects, count.at.to_string())).collect();
        let at = || "2025-11-26T00:00:00Z".to_owned();
        assert_eq!(counts, [("one".to_owned(), 8, at()), ("three".to_owned(), 0, at())]);
    }
}

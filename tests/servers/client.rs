//! A client of another maker that puts what s3scan then has to list: the SDK of AWS.

use crate::conformance::Object;
use crate::conformance::endpoint::Endpoint;
use aws_sdk_s3::Client as Sdk;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketCannedAcl, BucketVersioningStatus, ChecksumAlgorithm, CreateBucketConfiguration, StorageClass,
    VersioningConfiguration,
};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// What became of objects that were put.
#[derive(Debug, Default)]
pub struct Put {
    /// With their instants to the second.
    pub accepted: Vec<Object>,
    /// Keys and the error's code or status, in the order of the keys' bytes.
    pub refused: Vec<(String, String)>,
}

/// A client, and what it runs on.
pub struct Client {
    runtime: Runtime,
    sdk: Sdk,
}

impl Client {
    pub fn new(endpoint: &Endpoint) -> Self {
        let credentials = Credentials::new(&endpoint.access_key, &endpoint.secret_key, None, None, "test");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(&endpoint.url)
            .credentials_provider(credentials)
            .force_path_style(true)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, sdk: Sdk::from_conf(config) }
    }

    pub fn create_bucket(&self, name: &str) {
        self.runtime.block_on(self.sdk.create_bucket().bucket(name).send()).expect("a new bucket");
    }

    pub fn create_bucket_in(&self, region: &str, name: &str) {
        let place = CreateBucketConfiguration::builder().location_constraint(region.into()).build();
        let create = self.sdk.create_bucket().bucket(name).create_bucket_configuration(place).send();
        self.runtime.block_on(create).expect("a new bucket");
    }

    /// Puts an object of each key, of different sizes, and asks for their instants.
    pub fn put_all(&self, bucket: &str, keys: impl IntoIterator<Item = String>) -> Put {
        let mut putting = JoinSet::new();
        let mut keys = (1..).zip(keys).peekable();
        let mut put = Put::default();
        self.runtime.block_on(async {
            while keys.peek().is_some() {
                for (size, key) in keys.by_ref().take(16) {
                    putting.spawn(put_one(self.sdk.clone(), bucket.to_owned(), key, size));
                }
                while let Some(outcome) = putting.join_next().await {
                    match outcome.expect("no panic") {
                        Ok(object) => put.accepted.push(object),
                        Err(refused) => put.refused.push(refused),
                    }
                }
            }
        });
        put.refused.sort();
        put
    }

    /// Puts an object of this many bytes.
    pub fn put(&self, bucket: &str, key: &str, size: u16) -> Object {
        let put = put_one(self.sdk.clone(), bucket.to_owned(), key.to_owned(), size);
        self.runtime.block_on(put).expect("the object is accepted")
    }

    /// Puts an object with a checksum and in a storage class; its entity tag.
    pub fn put_with_details(&self, bucket: &str, key: &str, class: StorageClass) -> String {
        let put = self.sdk.put_object().bucket(bucket).key(key).storage_class(class);
        let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from_static(b"details"));
        let put = self.runtime.block_on(put.send()).expect("the object is accepted");
        put.e_tag().expect("an entity tag").trim_matches('"').to_owned()
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        let delete = self.sdk.delete_object().bucket(bucket).key(key).send();
        self.runtime.block_on(delete).expect("the object is deleted");
    }

    /// Lets everyone list a bucket.
    pub fn let_all_list(&self, bucket: &str) {
        let put = self.sdk.put_bucket_acl().bucket(bucket).acl(BucketCannedAcl::PublicRead).send();
        self.runtime.block_on(put).expect("the bucket is opened");
    }

    pub fn keep_versions(&self, bucket: &str) {
        let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = self.sdk.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning).send();
        self.runtime.block_on(put).expect("versions are kept");
    }
}

async fn put_one(sdk: Sdk, bucket: String, key: String, size: u16) -> Result<Object, (String, String)> {
    let body = ByteStream::from(vec![b'x'; size.into()]);
    if let Err(error) = sdk.put_object().bucket(&bucket).key(&key).body(body).send().await {
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let code = error.code().map_or_else(|| status.to_string(), ToOwned::to_owned);
        return Err((key, code));
    }
    let head = sdk.head_object().bucket(&bucket).key(&key).send().await;
    let head = head.map_err(|error| (key.clone(), format!("put but not found: {error:?}")))?;
    let modified = head.last_modified().expect("an instant").secs();
    Ok(Object { key, size: size.into(), last_modified: Timestamp::from_second(modified).expect("an instant") })
}

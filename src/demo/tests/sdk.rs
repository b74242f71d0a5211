//! What the real SDK makes of the endpoint: signatures, operations, decoded keys.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{EncodingType, Object, OptionalObjectAttributes, RestoreStatus};

use super::{client, client_with, start};
use crate::demo::encoding::form_decoded;
use crate::demo::{ACCESS_KEY, SECRET_KEY, Spec, Truth, truth};

/// A whole bucket, page by page.
async fn list(client: &Client, bucket: &str, encoding: Option<EncodingType>) -> Vec<Object> {
    let request = client.list_objects_v2().bucket(bucket).set_encoding_type(encoding);
    let mut pages = request.optional_object_attributes(OptionalObjectAttributes::RestoreStatus).into_paginator().send();
    let mut objects = Vec::new();
    while let Some(page) = pages.next().await {
        objects.extend(page.unwrap().contents.unwrap_or_default());
    }
    objects
}

fn as_truth(object: &Object, decode: impl Fn(&str) -> String) -> Truth {
    let text = |instant: &DateTime| {
        assert_eq!(instant.subsec_nanos(), 0);
        instant.fmt(DateTimeFormat::DateTime).unwrap().replace('Z', ".000Z")
    };
    let restore = object.restore_status();
    Truth {
        key: decode(object.key().unwrap()),
        size: object.size().unwrap().try_into().unwrap(),
        last_modified: text(object.last_modified().unwrap()),
        etag: object.e_tag().unwrap().trim_matches('"').to_owned(),
        storage_class: object.storage_class().unwrap().as_str().to_owned(),
        restore_in_progress: restore.and_then(RestoreStatus::is_restore_in_progress),
        restore_expiry: restore.and_then(RestoreStatus::restore_expiry_date).map(text),
    }
}

#[tokio::test]
async fn every_bucket_lists_as_its_truth_in_both_encodings() {
    let text = "demo:?objects=700&small=2&page_size=333&latency_ms=1";
    let endpoint = start(text).await;
    let spec: Spec = text.parse().unwrap();
    let client = client(&endpoint);
    let mut keys = 0;
    for bucket in
        ["demo-flat", "demo-uuid", "demo-dates", "demo-skewed", "demo-unicode", "demo-small-0001", "demo-small-0002"]
    {
        let expected: Vec<Truth> = truth(&spec, bucket).unwrap().collect();
        let plain = list(&client, bucket, None).await;
        let plain: Vec<Truth> = plain.iter().map(|object| as_truth(object, str::to_owned)).collect();
        assert_eq!(plain, expected, "{bucket}");
        let encoded = list(&client, bucket, Some(EncodingType::Url)).await;
        let encoded: Vec<Truth> = encoded
            .iter()
            .map(|object| as_truth(object, |key| String::from_utf8(form_decoded(key).unwrap()).unwrap()))
            .collect();
        assert_eq!(encoded, expected, "{bucket}");
        keys += 2 * expected.len() as u64;
    }
    assert_eq!(endpoint.counters().keys, keys);
    endpoint.stop().await;
}

#[tokio::test]
async fn every_parameter_and_attribute_arrives() {
    let endpoint = start("demo:?objects=3000&shape=dates").await;
    let page = client(&endpoint)
        .list_objects_v2()
        .bucket("demo-dates")
        .prefix("year=2023/month=01/")
        .delimiter("/hour")
        .start_after("year=2023/month=01/day=02/z")
        .max_keys(3)
        .send()
        .await
        .unwrap();
    assert_eq!(page.start_after(), Some("year=2023/month=01/day=02/z"));
    assert_eq!(page.delimiter(), Some("/hour"));
    assert_eq!((page.key_count(), page.max_keys()), (Some(3), Some(3)));
    assert_eq!(page.is_truncated(), Some(true));
    let folders: Vec<&str> = page.common_prefixes().iter().filter_map(|it| it.prefix()).collect();
    assert_eq!(
        folders,
        ["year=2023/month=01/day=03/hour", "year=2023/month=01/day=04/hour", "year=2023/month=01/day=05/hour"]
    );
    let page = client(&endpoint).list_objects_v2().bucket("demo-dates").fetch_owner(true).send().await.unwrap();
    let object = &page.contents()[0];
    assert_eq!(object.owner().and_then(|owner| owner.id()).map(str::len), Some(64));
    assert_eq!(object.checksum_algorithm()[0].as_str(), "CRC64NVME");
    assert_eq!(object.checksum_type().unwrap().as_str(), "FULL_OBJECT");
}

#[tokio::test]
async fn wrong_keys_are_refused() {
    let endpoint = start("demo:").await;
    for (access_key, secret_key, code) in
        [(ACCESS_KEY, "wrong", "SignatureDoesNotMatch"), ("nobody", SECRET_KEY, "InvalidAccessKeyId")]
    {
        let client = client_with(&endpoint.url(), access_key, secret_key);
        let listed = client.list_objects_v2().bucket("demo-flat").send().await;
        assert_eq!(listed.unwrap_err().code(), Some(code));
        let listed = client.list_buckets().send().await;
        assert_eq!(listed.unwrap_err().code(), Some(code));
    }
    assert_eq!(endpoint.counters().keys, 0);
}

#[tokio::test]
async fn buckets_are_listed_with_regions_only_where_s3_tells_them() {
    let endpoint = start("demo:?denied=1&missing=2&hostile=1").await;
    let client = client(&endpoint);
    let all = client.list_buckets().send().await.unwrap();
    let names: Vec<&str> = all.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(
        names,
        [
            "../../etc",
            "demo-dates",
            "demo-denied-1",
            "demo-flat",
            "demo-line\nbreak",
            "demo-missing-1",
            "demo-missing-2",
            "demo-skewed",
            "demo-unicode",
            "demo-uuid"
        ]
    );
    assert!(all.buckets().iter().all(|bucket| bucket.bucket_region().is_none()));
    assert!(all.continuation_token().is_none());

    let mut pages = client.list_buckets().into_paginator().page_size(3).send();
    let (mut found, mut sizes) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.buckets().len());
        for bucket in page.buckets() {
            assert_eq!(bucket.bucket_region(), Some("us-east-1"));
            found.push(bucket.name().unwrap().to_owned());
        }
    }
    assert_eq!((found, sizes), (names.iter().map(|&it| it.to_owned()).collect(), vec![3, 3, 3, 1]));

    let missing = client.list_buckets().prefix("demo-missing").send().await.unwrap();
    assert_eq!(missing.buckets().len(), 2);
    let elsewhere = client.list_buckets().bucket_region("eu-west-1").send().await.unwrap();
    assert_eq!(elsewhere.buckets().len(), 0);
    let refused = client.list_buckets().continuation_token("zz").send().await;
    assert_eq!(refused.unwrap_err().code(), Some("InvalidArgument"));
}

#[tokio::test]
async fn denied_missing_and_unknown_buckets() {
    let endpoint = start("demo:?denied=1&missing=1").await;
    let client = client(&endpoint);
    for (bucket, code) in
        [("demo-denied-1", "AccessDenied"), ("demo-missing-1", "NoSuchBucket"), ("demo-nowhere", "NoSuchBucket")]
    {
        let listed = client.list_objects_v2().bucket(bucket).send().await;
        assert_eq!(listed.unwrap_err().code(), Some(code), "{bucket}");
        let located = client.get_bucket_location().bucket(bucket).send().await;
        assert_eq!(located.unwrap_err().code(), Some(code), "{bucket}");
    }
}

#[tokio::test]
async fn buckets_tell_their_region() {
    let endpoint = start("demo:?denied=1&missing=1").await;
    let client = client(&endpoint);
    let head = client.head_bucket().bucket("demo-flat").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("us-east-1"));
    let location = client.get_bucket_location().bucket("demo-flat").send().await.unwrap();
    assert!(location.location_constraint().is_none_or(|region| region.as_str().is_empty()));
    for (bucket, status, region) in [("demo-denied-1", 403, Some("us-east-1")), ("demo-missing-1", 404, None)] {
        let error = client.head_bucket().bucket(bucket).send().await.unwrap_err();
        let response = error.raw_response().unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers().get("x-amz-bucket-region"), region);
        assert!(response.headers().get("x-amz-request-id").is_some());
    }
}

#[tokio::test]
async fn hostile_buckets_can_be_listed() {
    let endpoint = start("demo:?hostile=1").await;
    let client = client(&endpoint);
    for bucket in ["../../etc", "demo-line\nbreak"] {
        assert_eq!(list(&client, bucket, None).await.len(), 10, "{bucket}");
    }
}

#[tokio::test]
async fn arguments_that_s3_refuses() {
    let endpoint = start("demo:?shape=unicode").await;
    let client = client(&endpoint);
    let list = || client.list_objects_v2().bucket("demo-unicode");
    for request in [list().start_after("control\u{1}"), list().continuation_token("made up"), list().max_keys(-1)] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidArgument"));
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 400);
    }
}

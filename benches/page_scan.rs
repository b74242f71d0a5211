//! The hot path in memory: a page of 1,000 keys as S3 writes it, from frames to CSV bytes.
//!
//!     cargo bench --bench page_scan

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use s3scan::job::Column;
use s3scan::rows::{BucketFields, ObjectFilter, RowEncoder, RowFormat, RowWriter};
use s3scan::s3::{BodySink, Cursor, KeyEncoding, PageScan};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

/// What the connector reads at once, roughly.
const FRAME: usize = 64 * 1024;

fn page(key: impl Fn(u32) -> String) -> Vec<u8> {
    let mut xml = String::from("<Name>b</Name><Prefix></Prefix><EncodingType>url</EncodingType>");
    for number in 0..1000 {
        // Writing to a String cannot fail.
        let _ = write!(
            xml,
            "<Contents><Key>{}</Key><LastModified>2025-11-05T05:58:20.000Z</LastModified>\
             <ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>\
             <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>\
             <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            key(number),
            number * 7919
        );
    }
    (xml + "<IsTruncated>false</IsTruncated></ListBucketResult>").into_bytes()
}

fn scanning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page to CSV");
    group.throughput(Throughput::Elements(1000));
    let hive = |number| format!("year%3D2025/month%3D11/day%3D05/hour%3D05/part-{number:05}.parquet");
    for (name, body) in [("flat", page(|number| format!("object-{number:012}.bin"))), ("hive", page(hive))] {
        let fields = BucketFields { account: "a".into(), bucket: "b".into(), ..BucketFields::default() };
        let encoder = RowEncoder::new(&RowFormat::standard(Column::STANDARD), &fields);
        let mut scan = PageScan::new(RowWriter::new(Arc::<ObjectFilter>::default(), encoder));
        scan.expect(&Cursor::default(), true, KeyEncoding::Url);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                scan.begin();
                let fed = body.chunks(FRAME).try_for_each(|frame| scan.feed(frame)).and_then(|()| scan.finish());
                assert!(fed.is_ok() && scan.sink.counts().rows == 1000);
                black_box(scan.sink.rows());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, scanning);
criterion_main!(benches);

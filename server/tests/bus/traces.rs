//! What a change goes through where servers share one reader of the log.

use crate::{
    cluster::Cluster,
    collector::{Collector, Manner, attributes},
    redis_server::RedisServer,
    world::World,
};

#[tokio::test]
async fn a_change_is_told_by_who_reads_it_and_by_who_follows() {
    let mut collector = Collector::start(Manner::Takes).await;
    let endpoint = collector.url().unwrap();
    let redis = RedisServer::start().await;
    let url = redis.url();
    let settings = [
        ("ROWCAST_BUS", url.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_TRACES_SAMPLER", "always_on"),
    ];
    let mut world = World::with(Cluster::shared(), redis, 2, &settings).await;
    world.write_and_check().await;
    let written = collector
        .until("what others are told", |span| span.name == "write the bus")
        .await;
    let told = attributes(&written.attributes);
    assert!(told["rowcast.bytes"].parse::<u64>().unwrap() > 10);
    let read = collector
        .until("what was read", |span| {
            span.span_id == written.parent_span_id
        })
        .await;
    assert_eq!(read.name, "read the log");
    let followed = collector
        .until("what was taken", |span| span.name == "follow the bus")
        .await;
    assert!(followed.parent_span_id.is_empty());
    for (what, id) in [
        ("the reader's", &read.span_id),
        ("the follower's", &followed.span_id),
    ] {
        collector
            .until(what, |span| {
                span.name == "evaluate changes" && span.parent_span_id == *id
            })
            .await;
    }
}

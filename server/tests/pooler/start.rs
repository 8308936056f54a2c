//! Which poolers are served through.

use rowcast::{
    cli::Settings,
    config::Config,
    database::{
        pool::parse_url,
        pooler::{Pooler, PoolerError},
    },
    doctor::{self, Level},
    serve,
};

use crate::{
    cluster::{Cluster, Database},
    ports,
    server::pgbouncer::PgBouncer,
};

async fn started(url: &str, database: &Database) -> Result<(), PoolerError> {
    let pooler = Pooler::new(url, parse_url("DATABASE_URL", url).unwrap()).unwrap();
    pooler.start_beside(&database.options).await.map(drop)
}

#[tokio::test]
async fn both_ways_have_to_lead_to_the_same_database() {
    let cluster = Cluster::shared();
    let (database, other) = (cluster.database().await, cluster.database().await);
    let pooler = PgBouncer::start(cluster, &database, 2).await;
    started(&pooler.url(&database), &database).await.unwrap();
    let different = started(&pooler.url(&other), &database).await;
    assert!(
        matches!(different, Err(PoolerError::Different)),
        "{different:?}"
    );
    let elsewhere = Cluster::start(&[]);
    let alike = elsewhere.named("postgres");
    let copy = started(&alike.url, &cluster.named("postgres")).await;
    assert!(matches!(copy, Err(PoolerError::Different)), "{copy:?}");
}

#[tokio::test]
async fn what_can_not_be_served_through_is_told() {
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let pooler = PgBouncer::start(cluster, &database, 2).await;
    let url = pooler.url(&database);
    database
        .execute(&format!(
            "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
            database.name
        ))
        .await;
    let isolated = started(&url, &database).await;
    assert!(
        matches!(isolated, Err(PoolerError::Isolation)),
        "{isolated:?}"
    );
    // Nobody listens there.
    let gone = url.replace(&format!(":{}/", pooler.port), ":1/");
    let told = started(&gone, &database).await.unwrap_err().to_string();
    assert!(told.contains("DATABASE_URL"), "{told}");
    assert!(!told.contains("postgres://"), "{told}");
}

#[tokio::test]
async fn a_pooler_of_a_standby_is_refused() {
    let primary = Cluster::start(&[]);
    let database = primary.database().await;
    let standby = primary.standby(ports::free());
    let copy = standby.named(&database.name);
    let pooler = PgBouncer::start(&primary, &copy, 2).await;
    let refused = started(&pooler.url(&copy), &database).await;
    assert!(matches!(refused, Err(PoolerError::Standby)), "{refused:?}");
}

#[tokio::test]
async fn the_doctor_looks_at_both_ways() {
    let cluster = Cluster::shared();
    let (database, other) = (cluster.database().await, cluster.database().await);
    serve::prepare(&database.options).await.unwrap();
    let pooler = PgBouncer::start(cluster, &database, 2).await;
    let found = async |url: String| {
        let settings = Settings {
            database_url: Some(url),
            direct_url: Some(database.url.clone()),
            ..crate::server::settings()
        };
        let config = Config::new(&settings).unwrap();
        let found = doctor::examine(&database.options, &config).await;
        let of_it = found
            .into_iter()
            .find(|finding| finding.subject == "pooler");
        of_it.expect("something is said of the pooler")
    };
    assert_eq!(found(pooler.url(&database)).await.level, Level::Fine);
    let wrong = found(pooler.url(&other)).await;
    assert_eq!(wrong.level, Level::Wrong);
    assert!(wrong.said.contains("different databases"), "{}", wrong.said);
}

#[tokio::test]
async fn without_a_direct_way_a_pooler_of_transactions_is_recognised() {
    let cluster = Cluster::shared();
    let database = cluster.database().await;
    let pooler = PgBouncer::start(cluster, &database, 2).await;
    let settings = Settings {
        database_url: Some(pooler.url(&database)),
        ..crate::server::settings()
    };
    let config = Config::new(&settings).unwrap();
    let options = database.options.clone().port(pooler.port);
    let found = doctor::examine(&options, &config).await;
    let wrong = found.iter().find(|finding| finding.level == Level::Wrong);
    let text = wrong.expect("it does not work").to_string();
    assert!(text.contains("ROWCAST_DIRECT_URL"), "{text}");
}

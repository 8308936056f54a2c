//! `rowcast notify`.

use std::process::Output;

use serde_json::json;
use tokio::process::Command;

use crate::world::World;

async fn rowcast(world: &World, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rowcast"))
        .args(arguments)
        .env("DATABASE_URL", &world.server.database.url)
        .env("ROWCAST_ADDR", "127.0.0.1:0")
        .env("RUST_LOG", "error")
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn somebody_is_told_from_the_terminal() {
    let world = World::new().await;
    let line = [
        "notify",
        "bob",
        "Done",
        "1,200 rows",
        "--link",
        "/tables/item",
    ];
    let output = rowcast(&world, &line).await;
    assert!(output.status.success(), "{output:?}");
    let path = "/api/rows/rowcast.notification?select=title,body,link,sender";
    let rows = world.ok(&world.bob, "GET", path, "").await;
    assert_eq!(
        rows["rows"][0]["cells"],
        json!(["Done", "1,200 rows", "/tables/item", "rowcast notify"])
    );
    let path = "/api/rows/rowcast.audit?action=eq.notification_sent&select=means,subject_name";
    let noted = world.ok(&world.ann, "GET", path, "").await;
    assert_eq!(noted["rows"][0]["cells"], json!(["terminal", "bob"]));
    for (line, said) in [
        (["notify", "nobody", "Done"], "no such account"),
        (["notify", "bob", " "], "the title is empty"),
    ] {
        let output = rowcast(&world, &line).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
    world.stop().await;
}

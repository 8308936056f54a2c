//! The pages on which rules are set, by forms alone.

use serde_json::json;

use crate::{
    browser::{Browser, account},
    world::World,
};

/// The form of a role in a table's page.
fn form_of(page: &str, role: &str) -> String {
    let begin = format!("aria-labelledby=\"role-{role}\"");
    let form = page
        .split(&begin)
        .nth(1)
        .unwrap_or_else(|| panic!("no {role}: {page}"));
    form.split("</section>").next().unwrap().to_owned()
}

/// Whether a box of a form is ticked.
fn is_ticked(form: &str, name: &str) -> bool {
    let tag = form
        .split("<input")
        .find(|tag| tag.contains(&format!("name=\"{name}\"")))
        .unwrap_or_else(|| panic!("no {name}: {form}"));
    tag.split('>').next().unwrap().contains("checked")
}

#[tokio::test]
async fn a_rule_is_set_tried_and_taken_away_by_forms() {
    let world = World::new().await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let index = ann.get("/permissions").await;
    assert_eq!(index.status, 200);
    for text in [
        "Every table (*)",
        "ticket",
        "vault",
        "rows assignee=eq.$user.name",
        "hidden phone",
    ] {
        assert!(index.text().contains(text), "{text}: {}", index.text());
    }
    let path = "/permissions/public.ticket";
    let page = ann.get(path).await.text();
    let member = form_of(&page, "member");
    assert!(
        member
            .contains("in place of what is said of every table (*): read, insert, update, delete."),
        "{member}"
    );
    for (name, ticked) in [
        ("read", true),
        ("insert", true),
        ("manage", false),
        ("hidden:note", true),
        ("hidden:title", false),
        ("read_only:title", true),
    ] {
        assert_eq!(is_ticked(&member, name), ticked, "{name}");
    }
    assert!(!member.contains("hidden:id"), "rows are told apart by it");
    let public = form_of(&page, "public");
    assert!(public.contains("nothing is allowed"), "{public}");
    assert!(!page.contains("role-administrator"));

    // Trying changes nothing, and keeps what was sent.
    let before = ann.get("/api/permissions").await.text();
    let rule = [
        ("read", "on"),
        ("rows", "assignee=eq.$user.name"),
        ("hidden:note", "on"),
        ("read_only:amount", "on"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&rule[..], more].concat();
    let role = format!("{path}/public");
    let tried = ann
        .post(&role, &with(&[("what", "look"), ("user", "bob")]))
        .await;
    assert_eq!(tried.status, 200);
    let public = form_of(&tried.text(), "public");
    assert!(
        public.contains("2 of 4 rows; columns: id, title, assignee, amount, person, box."),
        "{public}"
    );
    assert!(
        is_ticked(&public, "read")
            && is_ticked(&public, "read_only:amount")
            && !is_ticked(&public, "insert")
    );
    let tried = ann.post(&role, &with(&[("what", "look")])).await;
    assert!(
        form_of(&tried.text(), "public").contains("1 of 4 rows"),
        "as ann"
    );
    assert_eq!(ann.get("/api/permissions").await.text(), before);

    let set = ann.post(&role, &with(&[("what", "set")])).await;
    assert_eq!(set.status, 303, "{}", set.text());
    assert_eq!(
        set.header("location"),
        Some("/permissions/public.ticket?done=set&role=public")
    );
    let page = ann.get(set.header("location").unwrap()).await.text();
    let public = form_of(&page, "public");
    assert!(
        public.contains("It holds from now on") && public.contains("Said of this table."),
        "{public}"
    );
    let list = ann.get("/api/permissions").await.json().1;
    let said = list["permissions"].as_array().unwrap().iter();
    let said: Vec<_> = said.filter(|of| of["role"] == "public").collect();
    assert_eq!(
        said,
        [
            &json!({"role": "public", "table": "public.ticket", "read": true, "insert": false,
        "update": false, "delete": false, "manage": false, "rows": "assignee=eq.$user.name",
        "hidden": ["note"], "read_only": ["amount"]})
        ]
    );

    // What is wrong is said in the server's words, and what was sent stands there still.
    let wrong = [
        ("what", "set"),
        ("read", "on"),
        ("rows", "amount=eq.\"<b>\""),
        ("hidden:note", "on"),
    ];
    let refused = ann.post(&role, &wrong).await;
    assert_eq!(refused.status, 400);
    let public = form_of(&refused.text(), "public");
    assert!(
        public.contains("role=\"alert\"") && public.contains("amount"),
        "{public}"
    );
    assert!(
        public.contains("&lt;b&gt;") && !public.contains("<b>"),
        "{public}"
    );
    assert!(is_ticked(&public, "hidden:note") && !is_ticked(&public, "read_only:amount"));
    let removed = ann.post(&role, &[("what", "remove")]).await;
    assert_eq!(removed.status, 303);
    assert_eq!(ann.get("/api/permissions").await.text(), before);
    world.server.stop().await;
}

#[tokio::test]
async fn what_every_table_gives_is_shown_where_nothing_else_is_said() {
    let world = World::open().await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let page = ann.get("/permissions/public.ticket").await.text();
    let member = form_of(&page, "member");
    assert!(
        member.contains("Nothing is said of this table, so what is said of every table (*) holds"),
        "{member}"
    );
    assert!(is_ticked(&member, "read") && is_ticked(&member, "delete"));
    assert!(!member.contains("Take away"), "{member}");
    let every = ann.get("/permissions/%2A").await.text();
    let member = form_of(&every, "member");
    assert!(
        !member.contains("name=\"rows\"") && !member.contains("hidden:"),
        "{member}"
    );
    // Only reading is left.
    let set = ann
        .post(
            "/permissions/%2A/member",
            &[("what", "set"), ("read", "on")],
        )
        .await;
    assert_eq!(set.status, 303, "{}", set.text());
    assert_eq!(
        world.refused("DELETE", "/api/rows/ticket/1", "").await.0,
        403
    );
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    world.server.stop().await;
}

#[tokio::test]
async fn roles_are_made_and_removed() {
    let world = World::open().await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let made = ann
        .post("/permissions", &[("name", "desk"), ("about", "the <desk>")])
        .await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = ann.get("/permissions").await.text();
    assert!(page.contains("the &lt;desk&gt;"), "{page}");
    for (name, status) in [("desk", 409), ("De sk", 400), ("", 400)] {
        let refused = ann.post("/permissions", &[("name", name)]).await;
        assert_eq!(refused.status, status, "{name}");
        assert!(refused.text().contains("role=\"alert\""), "{name}");
    }
    for (role, status) in [("member", 400), ("desk", 303), ("desk", 404)] {
        let answer = ann
            .post(&format!("/permissions/roles/{role}/remove"), &[])
            .await;
        assert_eq!(answer.status, status, "{role}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn the_pages_are_for_administrators_and_of_one_table_for_those_who_manage_it() {
    let world = World::new().await;
    let mut bob = Browser::of(&world.server, "bob").await;
    for path in [
        "/permissions",
        "/permissions/public.ticket",
        "/permissions/%2A",
        "/permissions/public.vault",
    ] {
        let page = bob.get(path).await;
        assert!(
            page.status == 403 && !page.text().contains("vault"),
            "{path}: {}",
            page.text()
        );
    }
    let set = [("what", "set"), ("read", "on")];
    for path in [
        "/permissions",
        "/permissions/roles/x/remove",
        "/permissions/public.vault/member",
    ] {
        assert_eq!(bob.post(path, &set).await.status, 403, "{path}");
    }
    assert_eq!(world.server.get("/permissions").await.status, 303);
    assert!(!bob.get("/account").await.text().contains("/permissions"));

    assert_eq!(
        world
            .admin("POST", "/api/roles", r#"{"name":"desk"}"#)
            .await
            .status,
        201
    );
    world
        .grant("desk", "ticket", r#"{"read":true,"manage":true}"#)
        .await;
    account(&world.server, "eve", &["desk"]).await;
    let mut eve = Browser::of(&world.server, "eve").await;
    assert!(
        eve.get("/account")
            .await
            .text()
            .contains("href=\"/permissions\"")
    );
    let index = eve.get("/permissions").await;
    assert_eq!(index.status, 200);
    let text = index.text();
    assert!(
        text.contains("ticket") && !text.contains("vault") && !text.contains("people"),
        "{text}"
    );
    assert!(!text.contains("Make role"), "{text}");
    let page = eve.get("/permissions/public.ticket").await.text();
    let desk = form_of(&page, "desk");
    assert!(
        desk.contains("for administrators to change") && !desk.contains("<input"),
        "{desk}"
    );
    let member = form_of(&page, "member");
    assert!(
        !member.contains("name=\"manage\"") && !member.contains("name=\"user\""),
        "{member}"
    );
    let set = eve.post("/permissions/public.ticket/member", &set).await;
    assert_eq!(set.status, 303, "{}", set.text());
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 4);
    for (path, form, status) in [
        (
            "/permissions/public.ticket/member",
            vec![("what", "set"), ("read", "on"), ("manage", "on")],
            403,
        ),
        (
            "/permissions/public.ticket/desk",
            vec![("what", "remove")],
            403,
        ),
        (
            "/permissions/public.ticket/member",
            vec![("what", "look"), ("read", "on"), ("user", "ann")],
            403,
        ),
        (
            "/permissions/public.vault/member",
            vec![("what", "set"), ("read", "on")],
            404,
        ),
        (
            "/permissions/public.people/member",
            vec![("what", "set"), ("read", "on")],
            403,
        ),
        (
            "/permissions/%2A/member",
            vec![("what", "set"), ("read", "on")],
            403,
        ),
    ] {
        let answer = eve.post(path, &form).await;
        assert_eq!(answer.status, status, "{path} {form:?}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn attributes_are_set_and_open_links_withdrawn_in_the_users_page() {
    let world = World::new().await;
    let mut ann = Browser::of(&world.server, "ann").await;
    let users = ann.get("/api/users?after=ann").await.json().1;
    let path = format!("/users/{}/attributes", users["users"][0]["id"]);
    let set = ann
        .post(&path, &[("attributes", r#"{"team":"<north>"}"#)])
        .await;
    assert_eq!(set.status, 303, "{}", set.text());
    let users = ann.get("/api/users?after=ann").await.json().1;
    assert_eq!(users["users"][0]["attributes"], json!({"team": "<north>"}));
    let page = ann.get("/users").await.text();
    assert!(
        page.contains("&lt;north&gt;") && !page.contains("<north>"),
        "{page}"
    );
    // It holds at once, for what a rule says of it.
    world
        .grant(
            "member",
            "ticket",
            r#"{"read":true,"rows":"title=eq.$user.team"}"#,
        )
        .await;
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 0);
    ann.post(&path, &[("attributes", r#"{"team":"broken lamp"}"#)])
        .await;
    assert_eq!(world.bobs("/api/rows/ticket").await["total"], 1);
    for text in ["[1]", "{", "x", "{\"a\":\"\\u0000\"}"] {
        let refused = ann.post(&path, &[("attributes", text)]).await;
        assert_eq!(refused.status, 400, "{text}");
        let page = refused.text();
        let escaped = text.replace('"', "&quot;");
        assert!(
            page.contains("role=\"alert\"") && page.contains(&format!("value=\"{escaped}\"")),
            "{text}: {page}"
        );
    }
    ann.post(&path, &[("attributes", " ")]).await;
    let users = ann.get("/api/users?after=ann").await.json().1;
    assert_eq!(users["users"][0]["attributes"], json!({}));

    let made = ann
        .post("/users/invite", &[("role:administrator", "on")])
        .await
        .text();
    let secret = crate::browser::secret(&made);
    let list = ann.get("/api/invitations").await.json().1;
    let links = list["invitations"].as_array().unwrap();
    assert_eq!(links.len(), 1, "{list}");
    assert_eq!(
        (&links[0]["roles"], &links[0]["created_by"]),
        (&json!(["administrator"]), &json!("ann"))
    );
    let token = secret.split("token=").nth(1).unwrap();
    assert!(
        !list.to_string().contains(token),
        "what proves it is not told again"
    );
    let page = ann.get("/users").await.text();
    assert!(
        page.contains("Invites a member, administrator") && !page.contains(token),
        "{page}"
    );
    let mut bob = Browser::of(&world.server, "bob").await;
    let path = format!("/users/invitations/{}", links[0]["id"]);
    assert_eq!(bob.post(&path, &[]).await.status, 403);
    assert_eq!(ann.post(&path, &[]).await.status, 303);
    assert_eq!(ann.post(&path, &[]).await.status, 404);
    let mut guest = Browser::new(&world.server);
    let join = guest
        .get(
            secret
                .split_once("/join")
                .map(|(_, rest)| format!("/join{rest}"))
                .unwrap()
                .as_str(),
        )
        .await;
    assert!(join.text().contains("leads nowhere"), "{}", join.text());
    // By the API, too.
    let path = format!("/api/users/{}", users["users"][0]["id"]);
    let id = path.rsplit('/').next().unwrap();
    let body = format!(r#"{{"user":{id}}}"#);
    assert_eq!(
        ann.json("POST", "/api/invitations", &body).await.status,
        201
    );
    let list = ann.get("/api/invitations").await.json().1;
    assert_eq!(list["invitations"][0]["name"], "bob");
    let path = format!("/api/invitations/{}", list["invitations"][0]["id"]);
    assert_eq!(bob.json("DELETE", &path, "").await.status, 403);
    assert_eq!(ann.json("DELETE", &path, "").await.status, 204);
    assert_eq!(
        ann.json("DELETE", &path, "").await.error().1,
        "unknown_invitation"
    );
    world.server.stop().await;
}

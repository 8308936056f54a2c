//! Every message of a client × everybody who may come, over each way there is, and how each
//! connection ends.

use std::time::Duration;

use rowcast_protocol::message::ClientMessage;

use super::{
    follow::{Heard, Line, Way, event_stream, socket},
    people::{DOOMED, NAMES, People, ROW},
};

/// How long is waited for what comes at once.
pub const SOON: Duration = Duration::from_secs(60);

/// Stands in what is written after connections have come to their end.
const LATE: &str = "shangri-la";

/// What is said by the client of each kind of message: the number it is about, and what everybody
/// is told of that number first. The match has no rest, so a new kind of message needs a line.
fn told(message: &ClientMessage) -> (u32, &'static str) {
    match message {
        ClientMessage::Subscribe {
            id, table, query, ..
        } => (
            *id,
            match (table.as_str(), query.as_str()) {
                // anon none rows cols read edit admin, and those who could do what the editor can
                ("ticket", "order=id") => {
                    "- unknown_table snapshot snapshot snapshot snapshot snapshot snapshot snapshot snapshot"
                }
                ("ticket", "note=not.is.null") => {
                    "- unknown_table snapshot unknown_column snapshot snapshot snapshot snapshot snapshot snapshot"
                }
                ("vault", _) => {
                    "- unknown_table unknown_table unknown_table unknown_table unknown_table snapshot \
                     unknown_table unknown_table unknown_table"
                }
                other => unreachable!("{other:?}"),
            },
        ),
        ClientMessage::Unsubscribe { id } => (
            *id,
            "- unknown_subscription unknown_subscription unknown_subscription unknown_subscription \
             unknown_subscription unknown_subscription unknown_subscription unknown_subscription \
             unknown_subscription",
        ),
    }
}

/// Whether a connection may be opened: all those who are somebody, while they are.
const OPENED: &str = "401 101 101 101 101 101 101 101 101 101";

/// How connections end once the doomed are gone and what all members may do has changed:
/// administrators' stay.
const CLOSED: &str = "- 1001 1001 1001 1001 1001 open 4002 4002 4002";

/// Whether an event stream may be opened, and how it ends.
const STREAMS: &str = "401 404 end end end end open end end end";

/// How much has been said of the first subscription.
fn about_first(heard: &Heard) -> usize {
    heard.said.iter().filter(|(of, _)| *of == 1).count()
}

fn subscribe(id: u32, table: &str, query: &str) -> ClientMessage {
    ClientMessage::Subscribe {
        id,
        table: table.to_owned(),
        query: query.to_owned(),
        cursor: None,
    }
}

fn messages() -> Vec<ClientMessage> {
    vec![
        subscribe(1, "ticket", "order=id"),
        subscribe(2, "ticket", "note=not.is.null"),
        subscribe(3, "vault", ""),
        ClientMessage::Unsubscribe { id: 4 },
    ]
}

fn cells(row: &str) -> Vec<&str> {
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells.len(), NAMES.len(), "{row}");
    cells
}

/// Whether the row of their own that others write has come with this title, where it may.
fn has(heard: &Heard, text: &str) -> bool {
    heard
        .bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

fn check(people: &People, who: usize, way: Way, heard: &Heard) {
    let mark = people.forbidden_in(who, &heard.bytes);
    // Those who are to end are editors until then.
    if !DOOMED.contains(&who) {
        assert_eq!(mark, None, "{} over {way:?}", NAMES[who]);
    }
    assert!(
        !(DOOMED.contains(&who) && has(heard, LATE)),
        "{} over {way:?}",
        NAMES[who]
    );
}

#[tokio::test]
async fn everybody_is_told_over_a_live_connection_what_is_theirs_until_it_ends() {
    let people = People::new().await;
    let mut lines: Vec<(usize, Way, Line)> = Vec::new();
    for way in [Way::Json, Way::Postcard] {
        for (who, opened) in cells(OPENED).into_iter().enumerate() {
            let proof = people.proofs[who].as_ref();
            match socket(&people.server, way, proof).await {
                Ok(line) => {
                    assert_eq!(opened, "101", "{}", NAMES[who]);
                    lines.push((who, way, line));
                }
                Err(status) => assert_eq!(opened, status.to_string(), "{}", NAMES[who]),
            }
        }
    }
    for message in messages() {
        let (id, expected) = told(&message);
        let expected = cells(expected);
        for (who, way, line) in &lines {
            people.write().await;
            line.say(*way, &message);
            let what = format!("an answer to {message:?} for {} over {way:?}", NAMES[*who]);
            let is_about = |(of, _): &&(u32, String)| *of == id;
            let heard = line
                .wait(&what, |heard| heard.said.iter().any(|said| is_about(&said)))
                .await;
            let (_, said) = heard.said.iter().find(is_about).unwrap();
            let said = said.strip_prefix("error ").unwrap_or(said);
            assert_eq!(said, expected[*who], "{what}");
        }
    }
    for (who, expected) in cells(STREAMS).into_iter().enumerate() {
        let path = "/api/live/ticket?order=id";
        match event_stream(&people.server, path, people.proofs[who].as_ref()).await {
            Ok(line) => lines.push((who, Way::EventStream, line)),
            Err(status) => assert_eq!(expected, status.to_string(), "{}", NAMES[who]),
        }
    }
    // What others write comes to whom it may.
    for n in 0..20 {
        people.write().await;
        let id = 700 + n;
        let made = format!("INSERT INTO ticket VALUES ({id}, '{ROW}', 'stranger', '{ROW}', 1)");
        people.sql(&made).await;
        people
            .sql(&format!("DELETE FROM ticket WHERE id = {id}"))
            .await;
    }
    people
        .sql("UPDATE ticket SET title = 'come by now' WHERE id BETWEEN 500 AND 599")
        .await;
    for (who, way, line) in &lines {
        let heard = match NAMES[*who] {
            "none" => line.now(),
            name => {
                line.wait(&format!("a patch for {name}"), |heard| {
                    has(heard, "come by now")
                })
                .await
            }
        };
        check(&people, *who, *way, &heard);
    }
    // What is unsubscribed is not told any more, once what is said behind that is answered.
    let unsubscribe = ClientMessage::Unsubscribe { id: 1 };
    let behind = subscribe(5, "nothing", "");
    let mut counts = Vec::new();
    for (who, way, line) in &lines {
        if *way == Way::EventStream || NAMES[*who] == "none" {
            counts.push(None);
            continue;
        }
        line.say(*way, &unsubscribe);
        line.say(*way, &behind);
        let is_answered = |heard: &Heard| heard.said.iter().any(|(of, _)| *of == 5);
        let heard = line.wait("the answer behind it", is_answered).await;
        counts.push(Some(about_first(&heard)));
    }
    people.end_those_who_are_to_end().await;
    let ended = |line: &Line| line.now().end;
    for (who, way, line) in lines.iter().filter(|(who, ..)| DOOMED.contains(who)) {
        line.wait(
            &format!("the end for {} over {way:?}", NAMES[*who]),
            |heard| heard.end.is_some(),
        )
        .await;
    }
    people
        .sql(&format!(
            "UPDATE ticket SET title = '{LATE}', note = '{LATE}' WHERE id >= 500 OR id < 3"
        ))
        .await;
    for (_, way, line) in &lines {
        // Where something is open, it hears of it, so that what is closed could have.
        if ended(line).is_none() && *way == Way::EventStream {
            line.wait("what is written late", |heard| has(heard, LATE))
                .await;
        }
    }
    people
        .sql("INSERT INTO rowcast.permission (role, table_path, may_insert) VALUES ('member', '*', true)")
        .await;
    let (closed, streams) = (cells(CLOSED), cells(STREAMS));
    for (who, way, line) in &lines {
        let expected = match way {
            Way::EventStream => streams[*who],
            Way::Json | Way::Postcard => closed[*who],
        };
        let what = format!("{expected} for {} over {way:?}", NAMES[*who]);
        let heard = match expected {
            "open" => {
                // What changed concerns them not.
                line.wait(&what, |heard| has(heard, LATE)).await
            }
            _ => line.wait(&what, |heard| heard.end.is_some()).await,
        };
        assert_eq!(heard.end.as_deref().unwrap_or("open"), expected, "{what}");
        check(&people, *who, *way, &heard);
    }
    for ((who, way, line), count) in lines.iter().zip(counts) {
        let told = count.is_none_or(|count| about_first(&line.now()) == count);
        assert!(
            told,
            "{} over {way:?} is told of what it has left",
            NAMES[*who]
        );
    }
    // Nobody whose proof holds no more opens another.
    for who in DOOMED {
        let proof = people.proofs[who].as_ref();
        let refused = socket(&people.server, Way::Json, proof).await.err();
        assert_eq!(refused, Some(401), "{}", NAMES[who]);
    }
    people.server.stop().await;
}

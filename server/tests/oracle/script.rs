//! A run as a person can repeat it: SQL, and what clients do in between as comments.

use super::{
    plan::{Plan, Step, Transport},
    tables::{PRELUDE, quote},
    world::Failure,
};

/// The statements and steps of a plan, and what went wrong at its end.
pub fn script(plan: &Plan, failure: &Failure) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out += text;
        out.push('\n');
    };
    for (name, value) in plan.source.settings() {
        line(&format!("-- with {name}={value}"));
    }
    let tables: Vec<usize> = plan.needed_tables().collect();
    for (word, sql) in PRELUDE {
        let is_used = tables.iter().any(|&at| {
            plan.tables[at]
                .used()
                .any(|(_, column)| column.kind.sql.contains(word))
        });
        if is_used {
            line(&format!("{sql};"));
        }
    }
    for (name, value) in &plan.settings {
        line(&format!(
            "UPDATE rowcast.setting SET value = {value} WHERE name = '{name}';"
        ));
    }
    for &at in &tables {
        let table = &plan.tables[at];
        line(&format!("{};", plan.create_sql(table)));
        line(&format!("SELECT rowcast.watch('{}');", table.name));
    }
    let several = plan
        .steps
        .iter()
        .any(|step| matches!(step, Step::Write(by, _) if *by > 0));
    for step in &plan.steps {
        match step {
            Step::Write(by, statement) => {
                if let Some(sql) = statement.sql(&plan.tables) {
                    let by = match several {
                        true => format!("/* connection {by} */ "),
                        false => String::new(),
                    };
                    line(&format!("{by}{sql};"));
                }
            }
            Step::Follow(nth) => line(&follow(plan, *nth)),
            Step::Check => line("-- every list equals its SQL, until:"),
            step => line(&format!("-- {step:?}")),
        }
    }
    line(&format!("-- what is wrong:\n{}", failure.what));
    if let Some(nth) = failure.subscription {
        let query = &plan.subscriptions[nth].query;
        let table = &plan.tables[query.table];
        let all: Vec<String> = table
            .used()
            .map(|(_, column)| column.name.clone())
            .collect();
        line(&follow(plan, nth));
        // As far as the server's own form of a row is that of its columns.
        let names: Vec<String> = all.iter().map(|name| quote(name)).collect();
        let image = format!("record_send(ROW({}))", names.join(", "));
        line(&format!("{};", query.rows_sql(&plan.tables, &all, &image)));
        line(&format!("{};", query.beside_sql(&plan.tables)));
    }
    out
}

fn follow(plan: &Plan, nth: usize) -> String {
    let subscription = &plan.subscriptions[nth];
    let table = &plan.tables[subscription.query.table];
    let transport = match plan.clients[subscription.client] {
        Transport::WebSocket => "over its WebSocket",
        Transport::EventStream => "as an event stream",
    };
    format!(
        "-- client {} follows {nth}, {transport}: /api/live/{}?{}",
        subscription.client,
        subscription.query.relation(table),
        subscription.query.text(&plan.tables)
    )
}

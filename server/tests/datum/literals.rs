//! Literals in queries: what the grammar refuses without asking, PostgreSQL refuses too.

use rowcast_protocol::{Column, ColumnKind, May, Table, TableKind, query::Query};
use sqlx::PgConnection;

use crate::{connect, values::Values};

#[tokio::test]
async fn what_the_grammar_refuses_postgresql_refuses() {
    let mut connection = connect(
        "CREATE TYPE mood AS ENUM ('sad', 'ok', ' x');
         CREATE FUNCTION takes(type text, literal text) RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
             EXECUTE format('SELECT $1::%s', type) USING literal;
             RETURN true;
         EXCEPTION WHEN data_exception THEN
             RETURN false;
         END $$",
    )
    .await;
    let mut random = Values::seeded();
    let kinds = [
        ("smallint", ColumnKind::Integer),
        ("integer", ColumnKind::Integer),
        ("bigint", ColumnKind::Integer),
        ("oid", ColumnKind::Integer),
        ("boolean", ColumnKind::Boolean),
        ("uuid", ColumnKind::Uuid),
        ("mood", ColumnKind::Enum),
    ];
    for (sql_type, kind) in kinds {
        let table = table_of(sql_type, kind);
        let literals: Vec<String> = (0..1500).map(|_| random.literal(sql_type)).collect();
        let taken = taken(sql_type, &literals, &mut connection).await;
        let mut refusals = 0;
        for (literal, taken) in literals.iter().zip(&taken) {
            let refused = allowed(literal, &table).is_err();
            refusals += usize::from(refused);
            assert!(!(refused && *taken), "{sql_type} takes {literal:?}");
        }
        assert!(refusals > 0 && taken.contains(&true), "{sql_type}");
    }
}

fn allowed(literal: &str, table: &Table) -> Result<(), rowcast_protocol::ApiError> {
    let mut query = Query::parse("v=eq.x")?;
    if let [rowcast_protocol::query::Filter::Test(test)] = &mut query.filter[..] {
        test.operator = rowcast_protocol::query::Operator::Eq(literal.into());
    }
    query.check(table)
}

async fn taken(sql_type: &str, literals: &[String], connection: &mut PgConnection) -> Vec<bool> {
    sqlx::query_scalar(
        "SELECT array_agg(takes($1, literal) ORDER BY at) \
         FROM unnest($2::text[]) WITH ORDINALITY AS given(literal, at)",
    )
    .bind(sql_type)
    .bind(literals)
    .fetch_one(connection)
    .await
    .unwrap()
}

fn table_of(sql_type: &str, kind: ColumnKind) -> Table {
    let labels: &[&str] = match kind {
        ColumnKind::Enum => &["sad", "ok", " x"],
        _ => &[],
    };
    Table {
        schema: "public".into(),
        name: "held".into(),
        kind: TableKind::Table,
        live: false,
        key: Vec::new(),
        columns: vec![Column {
            name: "v".into(),
            type_name: sql_type.into(),
            kind,
            nullable: true,
            has_default: false,
            generated: false,
            labels: labels.iter().map(|label| (*label).into()).collect(),
            references: None,
            comment: None,
        }],
        estimated_rows: None,
        comment: None,
        may: May::default(),
    }
}

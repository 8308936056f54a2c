//! `GET /api/chart/{table}?query&chart=column`: a column at a glance.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::header;
use percent_encoding::percent_decode_str;
use rowcast_protocol::{ApiError, query::Query};

use crate::{
    auth::Identity, chart, error::HttpError, limit::Subject, permission::restrict, state::AppState,
};

/// How the rows that match are spread over the column's values.
///
/// # Errors
/// `unknown_table`; `invalid_chart`; those of [`chart::read`].
pub async fn read(
    State(state): State<AppState>,
    Path(table): Path<String>,
    Extension(identity): Extension<Arc<Identity>>,
    subject: Option<Extension<Subject>>,
    RawQuery(query): RawQuery,
) -> Result<Response, HttpError> {
    state.require_database().await?;
    let text = query.unwrap_or_default();
    let (query, column) = take_chart(&text)?;
    let seen = state.seen(&identity);
    let table = seen.table(&table).await?;
    let query = restrict(seen, &table, Query::parse(&query)?).await?;
    let _turn = state
        .scans
        .take(subject.map(|Extension(subject)| subject))
        .await;
    let chart = chart::read(&state.catalog, &state.readers, table, query, &column).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(chart)).into_response())
}

/// The query without its `chart` parameter, and that.
fn take_chart(text: &str) -> Result<(String, String), ApiError> {
    let (charts, rest): (Vec<&str>, Vec<&str>) =
        text.split('&').partition(|part| part.starts_with("chart="));
    let invalid = |message: &str| {
        ApiError::new(
            "invalid_chart",
            message,
            "chart=column, once; a column that is named chart is filtered inside and=(…)",
        )
    };
    let [chart] = charts.as_slice() else {
        return Err(invalid("the address does not name one column"));
    };
    let name = chart["chart=".len()..].replace('+', " ");
    let name = percent_decode_str(&name)
        .decode_utf8()
        .map_err(|_| invalid("the column's name is not in UTF-8"))?;
    Ok((rest.join("&"), name.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_taken_out_of_the_query() {
        let taken = |text| take_chart(text).map_err(|error| error.code);
        assert_eq!(
            taken("a=eq.1&chart=b%20c+d&limit=3"),
            Ok(("a=eq.1&limit=3".to_owned(), "b c d".to_owned()))
        );
        for wrong in ["", "a=eq.1", "chart=a&chart=b", "chart=%ff"] {
            assert_eq!(taken(wrong), Err("invalid_chart".to_owned()), "{wrong}");
        }
    }
}

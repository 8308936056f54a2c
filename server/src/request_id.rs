//! The name of a request, by which its lines of the log are found: the caller's own, if there is a
//! fit one, so that a proxy's log has the same.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument;

use crate::traces::{Traces, request};

/// The header that a request may bring it in, and that each answer has.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from others.
const MAX: usize = 64;

/// Names a request, in the log, in its trace and in its answer.
pub async fn name(State(traces): State<Traces>, mut request: Request, next: Next) -> Response {
    let (id, header) = given(request.headers()).unwrap_or_else(made);
    let route = request.extensions().get::<MatchedPath>();
    // Of the highest level, so that each line that is written has it.
    let span = tracing::error_span!(
        "request",
        id = id.as_str(),
        method = %request.method(),
        route = route.map_or("", MatchedPath::as_str),
    );
    let mut response = match traces.are_on() {
        true => {
            let trace = request::begin(&traces, &request, &id);
            request.extensions_mut().insert(trace.cause());
            let answered = trace.around(next.run(request).instrument(span)).await;
            request::end(trace, &answered);
            answered
        }
        false => next.run(request).instrument(span).await,
    };
    response.headers_mut().insert(HEADER, header);
    response
}

/// What the caller calls it: letters, digits, and what stands between them in such names, so that
/// nobody writes lines of the log.
fn given(headers: &HeaderMap) -> Option<(String, HeaderValue)> {
    let header = headers.get(HEADER)?;
    let id = header.to_str().ok()?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=MAX).contains(&id.len()) && id.bytes().all(is_fit))
        .then(|| (id.to_owned(), header.clone()))
}

fn made() -> (String, HeaderValue) {
    let mut bytes = [0; 8];
    // Without randomness all have the same name, which is no reason not to answer.
    let _ = getrandom::fill(&mut bytes);
    let id = format!("{:016x}", u64::from_be_bytes(bytes));
    let header = HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static(""));
    (id, header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(text.as_bytes()).expect("a header's value");
        HeaderMap::from_iter([(HEADER, value)])
    }

    #[test]
    fn a_fit_name_is_kept_and_no_other() {
        assert_eq!(given(&of("01J-abc_9.x")).expect("a name").0, "01J-abc_9.x");
        let long = "a".repeat(MAX + 1);
        for unfit in ["", "a b", "a\"b", "é", "{}", &long] {
            assert!(given(&of(unfit)).is_none(), "{unfit}");
        }
        assert_ne!(made().0, made().0);
    }
}

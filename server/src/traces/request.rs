//! The span of a request.

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, Method};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use super::{Cause, Span, Traces, server};
use crate::peer::Peer;

/// By which a proxy says of which trace a request is a part. `listen` takes it from requests of all but trusted proxies:
/// anybody could have what they ask kept, else.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest name of a table that is told.
const TABLE_MAX: usize = 128;

/// Begins the span of a request that is called so in the log.
pub fn begin(traces: &Traces, request: &Request, id: &str) -> Span {
    if !traces.are_on() {
        return Span::default();
    }
    let cause = parent(request.headers());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(MatchedPath::as_str);
    let method = named(request.method());
    let name = match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    };
    let mut span = traces.build(|| server(name), &cause);
    if !span.is_recorded() {
        return span;
    }
    span.say("http.request.method", method);
    if let Some(route) = route {
        span.say("url.path", told(route, request.uri().path()));
        span.say("http.route", route.to_owned());
    }
    let scheme = match Peer::of(request).is_secure {
        true => "https",
        false => "http",
    };
    span.say("url.scheme", scheme);
    span.say("rowcast.request_id", id.to_owned());
    span
}

/// Ends it, once the head of the answer is there.
pub fn end(mut span: Span, response: &Response) {
    let status = response.status();
    span.say("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.fail(status.as_str());
    }
}

/// A method that is known; what else somebody writes there is not told.
fn named(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("_OTHER")
}

/// A path without what may be a secret or of a row: of all that stands for something only the table is told.
fn told(route: &str, path: &str) -> String {
    let mut parts = path.split('/');
    let told = route.split('/').map(|name| {
        let part = parts.next();
        match part.filter(|part| name == "{table}" && part.len() <= TABLE_MAX) {
            Some(table) => table,
            None => name,
        }
    });
    told.collect::<Vec<_>>().join("/")
}

/// The span that a request is within, as [W3C](https://www.w3.org/TR/trace-context/) has it said.
fn parent(headers: &HeaderMap) -> Cause {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let context = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(context),
        _ => None,
    };
    Cause(context.map(std::sync::Arc::new))
}

fn context(text: &str) -> Option<SpanContext> {
    let is_hex = |part: &str, length| {
        let digits = part.bytes();
        part.len() == length
            && digits
                .into_iter()
                .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    };
    let mut parts = text.trim().split('-');
    let [version, trace, span, flags] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let is_whole = is_hex(version, 2)
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2)
        && version != "ff"
        // What a later version adds is not known.
        && (version != "00" || parts.next().is_none());
    if !is_whole {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::default().with_sampled(flags & 1 == 1),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_table_is_told() {
        for (route, path, expected) in [
            (
                "/tables/{table}",
                "/tables/shop.orders",
                "/tables/shop.orders",
            ),
            (
                "/api/rows/{table}/{key}",
                "/api/rows/orders/secret-word",
                "/api/rows/orders/{key}",
            ),
            ("/join/{secret}", "/join/secret-word", "/join/{secret}"),
            ("/api/{*rest}", "/api/secret-word/a/b", "/api/{*rest}"),
            ("/", "/", "/"),
        ] {
            assert_eq!(told(route, path), expected);
        }
        let long = format!("/tables/{}", "x".repeat(TABLE_MAX + 1));
        assert_eq!(told("/tables/{table}", &long), "/tables/{table}");
    }

    #[test]
    fn a_parent_is_taken_whole_or_not_at_all() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let kept = context(&format!("00-{trace}-{span}-01")).expect("a parent");
        assert!(kept.is_sampled() && kept.is_remote());
        assert_eq!(kept.trace_id().to_string(), trace);
        assert!(
            !context(&format!("00-{trace}-{span}-00"))
                .expect("one")
                .is_sampled()
        );
        assert!(context(&format!("01-{trace}-{span}-01-more")).is_some());
        let none = "0".repeat(32);
        for wrong in [
            String::new(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{none}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{trace}-{span}x-01"),
        ] {
            assert!(context(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_method_of_nobody_is_not_told() {
        assert_eq!(named(&Method::PATCH), "PATCH");
        assert_eq!(
            named(&Method::from_bytes(b"SECRET").expect("one")),
            "_OTHER"
        );
    }
}

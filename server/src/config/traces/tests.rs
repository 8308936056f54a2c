use super::*;

fn with(change: impl FnOnce(&mut TraceSettings)) -> Result<Option<TraceConfig>, InvalidSetting> {
    let mut settings = TraceSettings {
        otlp_endpoint: Some("http://localhost:4318/".to_owned()),
        ..TraceSettings::default()
    };
    change(&mut settings);
    TraceConfig::new(&settings)
}

fn is(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn told(change: impl FnOnce(&mut TraceSettings)) -> String {
    let text = with(change).expect_err("wrong").to_string();
    assert!(text.contains("allowed is"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn known(change: impl FnOnce(&mut TraceSettings)) -> TraceConfig {
    with(change).expect("right").expect("there are traces")
}

#[test]
fn there_are_none_unless_a_collector_is_named() {
    let nothing = |settings: &mut TraceSettings| settings.otlp_endpoint = None;
    assert!(with(nothing).expect("right").is_none());
    assert!(
        with(|s| s.otlp_endpoint = is(" "))
            .expect("right")
            .is_none()
    );
    assert!(
        with(|s| s.otel_sdk_disabled = is("TRUE"))
            .expect("right")
            .is_none()
    );
    // Nobody sends anything, so how it would be sent does not matter.
    let unused = |settings: &mut TraceSettings| {
        nothing(settings);
        settings.otlp_protocol = is("grpc");
    };
    assert!(with(unused).expect("right").is_none());
    assert!(told(|s| s.otel_sdk_disabled = is("perhaps")).starts_with(DISABLED));
}

#[test]
fn traces_go_under_the_collector_or_to_an_address_of_their_own() {
    let paths = |text: &str| known(|s| s.otlp_endpoint = is(text)).collector;
    assert_eq!(paths("http://localhost:4318").path, "/v1/traces");
    let under = paths("https://[2001:db8::1]/otlp/");
    assert_eq!(
        (under.host.as_str(), under.port, under.path.as_str()),
        ("2001:db8::1", 443, "/otlp/v1/traces")
    );
    let own = known(|s| s.otlp_traces_endpoint = is("http://collector:1/x?y=z")).collector;
    assert_eq!(
        (own.authority.as_str(), own.path.as_str()),
        ("collector:1", "/x?y=z")
    );
    assert!(own.is_overheard() && !under.is_overheard());
    assert!(!paths("http://127.0.0.1:4318").is_overheard());
    for wrong in [
        "localhost:4318",
        "grpc://localhost",
        "http://",
        "http://h:x",
        "http://h:0",
        "http://h:99999",
        "/v1/traces",
    ] {
        let text = told(|s| s.otlp_endpoint = is(wrong));
        assert!(text.starts_with(ENDPOINT), "{text}");
    }
    for secret in [
        "http://me:secret-word@h",
        "http://h:x?key=secret-word",
        "http://h?key=secret-word",
    ] {
        let text = told(|s| s.otlp_endpoint = is(secret));
        assert!(
            text.starts_with(ENDPOINT) && !text.contains("secret-word"),
            "{text}"
        );
    }
}

#[test]
fn headers_are_never_shown() {
    let config = known(|s| s.otlp_headers = is("authorization=Bearer%20secret-word,x=y"));
    assert_eq!(config.headers["authorization"], "Bearer secret-word");
    assert!(!format!("{config:?}").contains("secret-word"));
    for wrong in ["secret-word", "a b=secret-word", "a=secret-word%0A"] {
        let text = told(|s| s.otlp_headers = is(wrong));
        assert!(
            text.starts_with(HEADERS) && !text.contains("secret-word"),
            "{text}"
        );
    }
    // What is for traces alone counts alone.
    let config = known(|s| {
        (s.otlp_headers, s.otlp_traces_headers) = (is("a=b"), is("c=d"));
    });
    assert_eq!(config.headers.keys().collect::<Vec<_>>(), ["c"]);
    assert!(told(|s| s.otlp_traces_headers = is("x")).starts_with(TRACES_HEADERS));
}

#[test]
fn a_server_is_rowcast_unless_it_is_called_something_else() {
    let named = |service: Option<&str>, attributes: &str| {
        let config = known(|s| {
            s.otel_service_name = service.map(str::to_owned);
            s.otel_resource_attributes = is(attributes);
        });
        let found = config
            .resource
            .into_iter()
            .map(|pair| format!("{}={}", pair.key, pair.value));
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(None, ""), "service.name=rowcast");
    assert_eq!(
        named(None, "service.name=a,b=c%20d"),
        "b=c d service.name=a"
    );
    assert_eq!(named(Some("e"), "service.name=a"), "service.name=e");
    assert!(told(|s| s.otel_resource_attributes = is("x")).starts_with(ATTRIBUTES));
}

#[test]
fn what_is_kept_is_by_the_names_of_samplers() {
    let kept = |name: &str, ratio: &str| {
        let config = known(|s| {
            (s.otel_traces_sampler, s.otel_traces_sampler_arg) = (is(name), is(ratio));
        });
        format!("{:?}", config.sampler)
    };
    assert_eq!(kept("", ""), "ParentBased(TraceIdRatioBased(0.1))");
    assert_eq!(kept("", "1"), "ParentBased(TraceIdRatioBased(1.0))");
    assert_eq!(kept("always_on", ""), "AlwaysOn");
    assert_eq!(kept("parentbased_always_off", ""), "ParentBased(AlwaysOff)");
    assert_eq!(kept("traceidratio", "0.25"), "TraceIdRatioBased(0.25)");
    assert!(told(|s| s.otel_traces_sampler = is("jaeger_remote")).starts_with(SAMPLER));
    for wrong in ["2", "-1", "NaN", "half"] {
        assert!(told(|s| s.otel_traces_sampler_arg = is(wrong)).starts_with(RATIO));
    }
}

#[test]
fn another_protocol_is_refused() {
    assert!(with(|s| s.otlp_protocol = is("http/protobuf")).is_ok());
    for wrong in ["grpc", "http/json"] {
        let text = told(|s| s.otlp_protocol = is(wrong));
        assert!(
            text.starts_with(PROTOCOL) && text.contains("http/protobuf"),
            "{text}"
        );
        let text = told(|s| s.otlp_traces_protocol = is(wrong));
        assert!(text.starts_with(TRACES_PROTOCOL), "{text}");
    }
    assert!(told(|s| s.otlp_certificate = is("/nowhere")).starts_with(CERTIFICATE));
}

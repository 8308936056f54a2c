//! The settings about traces, by the names that OpenTelemetry gives them.

use clap::Args;

/// Settings for traces. Checked in [`config`](crate::config).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings for traces")]
pub struct TraceSettings {
    /// The collector that traces are sent to, over OTLP: http://localhost:4318. Unset: there are none
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub otlp_endpoint: Option<String>,
    /// The address that takes traces, with its path; instead of it
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub otlp_traces_endpoint: Option<String>,
    /// What is said to it beside, such as by what one proves oneself: name=value,name=value
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        hide_env_values = true,
        value_name = "LIST"
    )]
    pub otlp_headers: Option<String>,
    /// The same, for traces alone
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        hide_env_values = true,
        value_name = "LIST"
    )]
    pub otlp_traces_headers: Option<String>,
    /// How it is spoken to: http/protobuf, and in no other way
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_PROTOCOL",
        value_name = "PROTOCOL"
    )]
    pub otlp_protocol: Option<String>,
    /// The same, for traces alone
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        value_name = "PROTOCOL"
    )]
    pub otlp_traces_protocol: Option<String>,
    /// A PEM file with the authorities that its certificate may be of, instead of the public ones
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_CERTIFICATE",
        value_name = "FILE"
    )]
    pub otlp_certificate: Option<String>,
    /// What this server is called in traces [default: rowcast]
    #[arg(long, global = true, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub otel_service_name: Option<String>,
    /// What else is said of it: name=value,name=value
    #[arg(
        long,
        global = true,
        env = "OTEL_RESOURCE_ATTRIBUTES",
        value_name = "LIST"
    )]
    pub otel_resource_attributes: Option<String>,
    /// Which traces are kept: always_on, always_off, traceidratio, or one of these behind
    /// parentbased_ [default: parentbased_traceidratio]
    #[arg(
        long,
        global = true,
        env = "OTEL_TRACES_SAMPLER",
        value_name = "SAMPLER"
    )]
    pub otel_traces_sampler: Option<String>,
    /// How many of them, where it is a ratio: 0 to 1 [default: 0.1]
    #[arg(
        long,
        global = true,
        env = "OTEL_TRACES_SAMPLER_ARG",
        value_name = "RATIO"
    )]
    pub otel_traces_sampler_arg: Option<String>,
    /// Whether there are none, whatever else is set: true or false [default: false]
    #[arg(
        long,
        global = true,
        env = "OTEL_SDK_DISABLED",
        value_name = "true|false"
    )]
    pub otel_sdk_disabled: Option<String>,
}

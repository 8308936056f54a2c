//! Where traces go, and which.

mod collector;
mod pairs;

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::Sampler;
use tokio_rustls::rustls::pki_types::CertificateDer;

pub use collector::CollectorAddress;

use super::{InvalidSetting, authorities};
use crate::cli::TraceSettings;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";
const DISABLED: &str = "OTEL_SDK_DISABLED";

const SERVICE: &str = "service.name";

/// How many traces are kept where nothing is said. What is read of the log while much is written is dozens of
/// them a second, so that all of them would be more than anybody looks at.
const USUAL_RATIO: f64 = 0.1;

/// What traces are sent with.
#[derive(Clone, Debug)]
pub struct TraceConfig {
    /// To whom.
    pub collector: CollectorAddress,
    /// What is said to them beside; the values are secrets, which are not shown.
    pub headers: HeaderMap,
    /// Whose certificates they may have; `None`: those of the public authorities.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// What is said of this server.
    pub resource: Vec<KeyValue>,
    /// Which are sent.
    pub sampler: Sampler,
}

impl TraceConfig {
    /// That of the settings, if there are to be any. The others are looked at only then: machines have them in the
    /// environment of every program.
    ///
    /// # Errors
    /// The first wrong setting.
    pub fn new(settings: &TraceSettings) -> Result<Option<Self>, InvalidSetting> {
        if is_disabled(set(&settings.otel_sdk_disabled))? {
            return Ok(None);
        }
        let collector = match (
            set(&settings.otlp_traces_endpoint),
            set(&settings.otlp_endpoint),
        ) {
            (Some(whole), _) => CollectorAddress::whole(TRACES_ENDPOINT, whole)?,
            (None, Some(base)) => CollectorAddress::under(ENDPOINT, base)?,
            (None, None) => return Ok(None),
        };
        let (name, protocol) = first(
            (TRACES_PROTOCOL, &settings.otlp_traces_protocol),
            (PROTOCOL, &settings.otlp_protocol),
        );
        match protocol {
            None | Some("http/protobuf") => {}
            Some(other) => {
                let why = "traces are sent in no such way";
                return Err(InvalidSetting::new(name, other, why, "http/protobuf"));
            }
        }
        let (name, said) = first(
            (TRACES_HEADERS, &settings.otlp_traces_headers),
            (HEADERS, &settings.otlp_headers),
        );
        let certificate = set(&settings.otlp_certificate);
        let certificate = certificate.map(|file| authorities::read(CERTIFICATE, Path::new(file)));
        Ok(Some(Self {
            collector,
            headers: headers(name, said.unwrap_or_default())?,
            authorities: certificate.transpose()?,
            resource: resource(settings)?,
            sampler: sampler(settings)?,
        }))
    }
}

/// A setting that is empty is none, as OpenTelemetry has it.
fn set(value: &Option<String>) -> Option<&str> {
    let value = value.as_deref().map(str::trim);
    value.filter(|value| !value.is_empty())
}

/// The first of two settings that is there, with its name.
fn first<'a>(
    own: (&'static str, &'a Option<String>),
    all: (&'static str, &'a Option<String>),
) -> (&'static str, Option<&'a str>) {
    match set(own.1) {
        Some(value) => (own.0, Some(value)),
        None => (all.0, set(all.1)),
    }
}

fn is_disabled(value: Option<&str>) -> Result<bool, InvalidSetting> {
    match value {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(InvalidSetting::new(
            DISABLED,
            other,
            "it is neither",
            "true, false",
        )),
    }
}

fn headers(name: &str, text: &str) -> Result<HeaderMap, InvalidSetting> {
    let wrong = || {
        let allowed =
            "names and values of headers, such as authorization=Bearer%20abc, commas between";
        InvalidSetting::hidden(name, allowed)
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs::of(text).ok_or_else(wrong)? {
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn resource(settings: &TraceSettings) -> Result<Vec<KeyValue>, InvalidSetting> {
    let text = set(&settings.otel_resource_attributes).unwrap_or_default();
    let pairs = pairs::of(text).ok_or_else(|| {
        let allowed = "names and values such as deployment.environment.name=test, commas between";
        InvalidSetting::new(ATTRIBUTES, text, "it is no such list", allowed)
    })?;
    let mut of_service = set(&settings.otel_service_name).map(str::to_owned);
    let mut resource = Vec::new();
    for (name, value) in pairs {
        match name.as_str() {
            SERVICE => of_service = of_service.or(Some(value)),
            _ => resource.push(KeyValue::new(name, value)),
        }
    }
    let service = of_service.unwrap_or_else(|| "rowcast".to_owned());
    resource.push(KeyValue::new(SERVICE, service));
    Ok(resource)
}

fn sampler(settings: &TraceSettings) -> Result<Sampler, InvalidSetting> {
    let name = set(&settings.otel_traces_sampler).unwrap_or("parentbased_traceidratio");
    let alone = name.strip_prefix("parentbased_");
    let root = match alone.unwrap_or(name) {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => {
            Sampler::TraceIdRatioBased(ratio(set(&settings.otel_traces_sampler_arg))?)
        }
        _ => {
            return Err(InvalidSetting::new(
                SAMPLER,
                name,
                "there is no such one",
                "always_on, always_off, traceidratio, parentbased_always_on, \
                 parentbased_always_off, parentbased_traceidratio",
            ));
        }
    };
    Ok(match alone {
        Some(_) => Sampler::ParentBased(Box::new(root)),
        None => root,
    })
}

fn ratio(text: Option<&str>) -> Result<f64, InvalidSetting> {
    let Some(text) = text else {
        return Ok(USUAL_RATIO);
    };
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(InvalidSetting::new(
            RATIO,
            text,
            "it is no ratio",
            "a number from 0 to 1",
        )),
    }
}

#[cfg(test)]
mod tests;

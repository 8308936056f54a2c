//! The stream that several servers share.

use std::{fs, path::Path};

use super::{InvalidSetting, authorities, secret_in};
use crate::{
    capture::bus::address::{ALLOWED, Address, Wrong},
    cli::Settings,
};

const BUS: &str = "ROWCAST_BUS";
const BUS_FILE: &str = "ROWCAST_BUS_FILE";
const BUS_CA: &str = "ROWCAST_BUS_CA";

/// Where it is, if anywhere. The address may hold a password, so it is not repeated.
///
/// # Errors
/// The first wrong setting.
pub(super) fn address(settings: &Settings) -> Result<Option<Address>, InvalidSetting> {
    let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let (name, text) = match (set(&settings.bus), set(&settings.bus_file)) {
        (Some(_), Some(_)) => {
            return Err(InvalidSetting(format!(
                "{BUS} and {BUS_FILE} are both set: allowed is one of them"
            )));
        }
        (Some(text), None) => (BUS, text),
        (None, Some(file)) => (BUS_FILE, secret_in(BUS_FILE, &file)?),
        (None, None) if set(&settings.bus_ca).is_some() => {
            return Err(InvalidSetting(format!(
                "{BUS_CA} is set, but {BUS} is not: allowed is to set both, or to leave it unset"
            )));
        }
        (None, None) => return Ok(None),
    };
    let ca = set(&settings.bus_ca);
    let wrong_ca = |why: &str| {
        let allowed =
            "a PEM file with certificates, beside a rediss:// or rediss+cluster:// address";
        InvalidSetting::new(BUS_CA, ca.as_deref().unwrap_or_default(), why, allowed)
    };
    let trusted = match &ca {
        None => None,
        Some(file) => {
            authorities::read(BUS_CA, Path::new(file))?;
            Some(fs::read(file).map_err(|_| wrong_ca("it can't be read"))?)
        }
    };
    match Address::new(&text, trusted) {
        Ok(address) => Ok(Some(address)),
        Err(Wrong::Address) => Err(InvalidSetting::hidden(name, ALLOWED)),
        Err(Wrong::Authorities) => Err(wrong_ca("no authority of the bus can be made of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(settings: &Settings) -> String {
        let text = address(settings).expect_err("wrong").to_string();
        assert!(text.contains("allowed is"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }

    #[test]
    fn a_wrong_address_is_told_without_what_it_holds() {
        for bus in [
            "redis://me:secret-word@",
            "redis://me:secret-word@one,two",
            "rediss://:secret-word@host#insecure",
            "amqp://me:secret-word@host",
        ] {
            let text = told(&Settings {
                bus: Some(bus.to_owned()),
                ..Settings::default()
            });
            assert!(text.starts_with(BUS), "{text}");
            assert!(text.contains("redis+cluster://"), "{text}");
            assert!(
                !text.contains("secret-word") && !text.contains("me:"),
                "{text}"
            );
        }
    }

    #[test]
    fn one_address_at_the_most_and_authorities_only_beside_one_with_tls() {
        assert!(address(&Settings::default()).expect("none").is_none());
        let both = Settings {
            bus: Some("redis://host".to_owned()),
            bus_file: Some("/nowhere".to_owned()),
            ..Settings::default()
        };
        assert!(told(&both).contains(BUS_FILE));
        let gone = Settings { bus: None, ..both };
        assert!(told(&gone).starts_with(BUS_FILE));
        let alone = Settings {
            bus_ca: Some("/nowhere".to_owned()),
            ..Settings::default()
        };
        assert!(told(&alone).starts_with(BUS_CA));
        for bus in ["redis://host", "rediss://host"] {
            let text = told(&Settings {
                bus: Some(bus.to_owned()),
                bus_ca: Some("/nowhere".to_owned()),
                ..Settings::default()
            });
            assert!(text.starts_with(BUS_CA), "{text}");
        }
    }
}

//! Lists of names and values, as OpenTelemetry's settings have them.

use percent_encoding::percent_decode_str;

/// The names and values of `name=value,name=value`, where values may be percent-encoded; `None` if it is
/// no such list.
pub(super) fn of(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            let decode = |text: &str| {
                let decoded = percent_decode_str(text.trim()).decode_utf8();
                decoded.ok().map(|text| text.into_owned())
            };
            let name = decode(name)?;
            (!name.is_empty()).then_some((name, decode(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_what_is_no_list_is_none() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            of(" a=b , c = d%2Ce%3D=,, f=").expect("a list"),
            [pair("a", "b"), pair("c", "d,e=="), pair("f", "")]
        );
        assert_eq!(of("").expect("an empty one"), []);
        for wrong in ["a", "=b", "a=b,c", "a=%ff"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}

//! Datums without a database: images are read or refused, order and identity are sound, and
//! text is PostgreSQL's where its rules are known by heart. `server/tests/datum.rs` asks a
//! real PostgreSQL.

use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
};

use proptest::{collection::vec, prelude::*};
use rowcast_engine::datum::{
    Codec, Datum, ImageError, Numeric, compare_as, decode_image, like, normalise_json,
};
use rowcast_protocol::Cell;

fn image(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut image = (values.len() as i32).to_be_bytes().to_vec();
    for value in values {
        image.extend(0_u32.to_be_bytes());
        match value {
            None => image.extend((-1_i32).to_be_bytes()),
            Some(bytes) => {
                image.extend((bytes.len() as i32).to_be_bytes());
                image.extend(*bytes);
            }
        }
    }
    image
}

fn decoded(codec: &Codec, bytes: &[u8]) -> Option<Datum> {
    let image = image(&[Some(bytes)]);
    let mut rest = &image[..];
    let row = decode_image(&mut rest, std::slice::from_ref(codec)).ok()?;
    assert!(rest.is_empty());
    row.into_iter().next()
}

fn numeric(sign: u16, weight: i16, scale: u16, digits: &[u16]) -> Numeric {
    let mut bytes = Vec::new();
    for word in [digits.len() as u16, weight.cast_unsigned(), sign, scale] {
        bytes.extend(word.to_be_bytes());
    }
    for digit in digits {
        bytes.extend(digit.to_be_bytes());
    }
    Numeric::from_wire(&bytes).expect("a well-formed numeric")
}

fn labels() -> Codec {
    let labels = ["low", "high", "a"].map(String::from);
    Codec::parse("enum", labels.into()).expect("a codec's name")
}

fn codecs() -> Vec<Codec> {
    let mut codecs: Vec<Codec> = [
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "bpchar",
        "bytea",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "json",
        "jsonb",
        "textual",
        "jsonb_of",
    ]
    .into_iter()
    .filter_map(|name| Codec::parse(name, Vec::new()))
    .collect();
    assert_eq!(codecs.len(), 19);
    codecs.push(labels());
    codecs
}

#[test]
fn an_unknown_codec_is_none() {
    assert_eq!(Codec::parse("hstore", Vec::new()), None);
}

#[test]
fn images_follow_one_another() {
    let codecs = [Codec::Int4, Codec::Text];
    let mut bytes = image(&[Some(&7_i32.to_be_bytes()), None]);
    bytes.extend(image(&[
        Some(&(-1_i32).to_be_bytes()),
        Some("é".as_bytes()),
    ]));
    let mut rest = &bytes[..];
    assert_eq!(
        decode_image(&mut rest, &codecs),
        Ok(vec![Datum::Int(7), Datum::Null])
    );
    assert_eq!(
        decode_image(&mut rest, &codecs),
        Ok(vec![Datum::Int(-1), Datum::Text("é".into())])
    );
    assert_eq!(decode_image(&mut rest, &codecs), Err(ImageError::Truncated));
}

#[test]
fn images_of_other_columns_are_refused() {
    let bytes = image(&[None]);
    assert_eq!(
        decode_image(&mut &bytes[..], &[]),
        Err(ImageError::ColumnCount {
            found: 1,
            expected: 0
        })
    );
    for (codec, bytes) in [
        (Codec::Bool, &b"\x02"[..]),
        (Codec::Int4, b"\0\0"),
        (Codec::Text, b"\xff"),
        (Codec::Uuid, b"0123"),
        (labels(), b"middle"),
        (Codec::Jsonb, b"\x02{}"),
        (Codec::Json, b"{"),
        (Codec::Numeric, b"\0\x01\0\0\0\0\0\0\x27\x10"),
        (Codec::Numeric, b"\0\x01\0\0\0\0\0\0"),
    ] {
        assert_eq!(decoded(&codec, bytes), None, "{codec:?}");
    }
}

#[test]
fn floats_are_printed_as_postgresql_does() {
    for (number, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e-7, "0.0000001"),
        (123_456_789.123, "123456789.123"),
        // Where Rust's shortest form is another.
        (2f64.powi(-44), "0.00000000000005684341886080802"),
        (0.5 + 2f64.powi(-17), "0.5000076293945312"),
        (9_007_199_254_740_993.0, "9007199254740992"),
    ] {
        assert_eq!(Datum::Float8(number).to_cell(), Cell::Number(text.into()));
    }
    assert_eq!(Datum::Float4(0.1).to_cell(), Cell::Number("0.1".into()));
    assert_eq!(
        Datum::Float4(16_777_216.0).to_cell(),
        Cell::Number("16777216".into())
    );
    assert_eq!(Datum::Float8(f64::NAN).to_cell(), Cell::text("NaN"));
    assert_eq!(
        Datum::Float4(f32::NEG_INFINITY).to_cell(),
        Cell::text("-Infinity")
    );
}

#[test]
fn numerics_keep_every_digit() {
    for (number, text) in [
        (numeric(0, 0, 0, &[]), "0"),
        (numeric(0, 0, 3, &[]), "0.000"),
        (numeric(0, 0, 2, &[1]), "1.00"),
        (
            numeric(0x4000, 1, 5, &[12, 34, 5600, 7000]),
            "-120034.56007",
        ),
        (numeric(0, -2, 12, &[1, 2]), "0.000000010002"),
        (numeric(0, 2, 0, &[1]), "100000000"),
        (numeric(0xC000, 0, 0, &[]), "NaN"),
        (numeric(0xF000, 0, 0, &[]), "-Infinity"),
    ] {
        assert_eq!(number.to_string(), text);
    }
    assert_eq!(numeric(0, 1, 0, &[0, 7, 0]), numeric(0, 0, 0, &[7]));
    assert_ne!(numeric(0, 0, 1, &[7]), numeric(0, 0, 0, &[7]));
    assert_eq!(
        numeric(0, 0, 1, &[7]).compare(&numeric(0, 0, 0, &[7])),
        Ordering::Equal
    );
}

#[test]
fn numerics_are_ordered_infinities_and_nan_included() {
    let ordered = [
        numeric(0xF000, 0, 0, &[]),
        numeric(0x4000, 1, 0, &[1]),
        numeric(0x4000, 0, 0, &[9999]),
        numeric(0x4000, -1, 4, &[1]),
        numeric(0, 0, 5, &[]),
        numeric(0, -1, 4, &[1]),
        numeric(0, 0, 0, &[1]),
        numeric(0, 0, 4, &[1, 1]),
        numeric(0, 1, 0, &[1]),
        numeric(0xD000, 0, 0, &[]),
        numeric(0xC000, 0, 0, &[]),
    ];
    for (at, a) in ordered.iter().enumerate() {
        for (place, b) in ordered.iter().enumerate() {
            assert_eq!(a.compare(b), at.cmp(&place), "{a} {b}");
        }
    }
}

#[test]
fn identity_is_finer_than_equality() {
    let same = |a: Datum, b: Datum| assert!(a.same(&b), "{a:?} {b:?}");
    let equal_only = |a: Datum, b: Datum| {
        assert!(!a.same(&b));
        assert_eq!(a.compare(&b), Some(Ordering::Equal));
        assert_eq!(a.canonical(&Codec::Float8), b.canonical(&Codec::Float8));
    };
    same(Datum::Null, Datum::Null);
    same(Datum::Float8(f64::NAN), Datum::Float8(-f64::NAN));
    equal_only(Datum::Float8(0.0), Datum::Float8(-0.0));
    equal_only(Datum::Float4(0.0), Datum::Float4(-0.0));
    equal_only(
        Datum::Numeric(numeric(0, 0, 1, &[1])),
        Datum::Numeric(numeric(0, 0, 2, &[1])),
    );
    let (a, b) = (Datum::Text("a ".into()), Datum::Text("a".into()));
    assert_eq!(compare_as(&Codec::BpChar, &a, &b), Some(Ordering::Equal));
    assert_eq!(a.canonical(&Codec::BpChar), b.canonical(&Codec::BpChar));
    assert_eq!(compare_as(&Codec::Text, &a, &b), Some(Ordering::Greater));
    assert_eq!(compare_as(&Codec::Textual, &a, &b), None);
}

#[test]
fn what_rust_can_t_order_is_none() {
    let json = Datum::Json("1".into());
    for (a, b) in [
        (Datum::Null, Datum::Null),
        (Datum::Int(1), Datum::Null),
        (json.clone(), json),
        (Datum::Int(1), Datum::Float8(1.0)),
    ] {
        assert_eq!(a.compare(&b), None);
    }
}

#[test]
fn enums_are_ordered_as_declared() {
    let low = decoded(&labels(), b"low").expect("a label");
    let a = decoded(&labels(), b"a").expect("a label");
    assert_eq!(low.compare(&a), Some(Ordering::Less));
    assert_eq!(a.to_cell(), Cell::text("a"));
}

#[test]
fn values_have_texts() {
    let uuid = *b"\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11";
    let cases = [
        (
            Datum::Bytes([0xde, 0xad, 0x01][..].into()),
            "\\xdead01",
            "\\xdead01",
        ),
        (
            Datum::Uuid(uuid),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (Datum::Date(0), "2000-01-01", "2000-01-01"),
        (Datum::Time(1), "00:00:00.000001", "00:00:00.000001"),
        (
            Datum::Timestamp(0),
            "2000-01-01T00:00:00",
            "2000-01-01 00:00:00",
        ),
        (
            Datum::TimestampTz(-63_302_947_200_000_000),
            "0007-01-04T00:00:00+00:00 BC",
            "0007-01-04 00:00:00+00 BC",
        ),
        (Datum::TimestampTz(i64::MIN), "-infinity", "-infinity"),
    ];
    for (datum, json, sql) in cases {
        assert_eq!(datum.to_cell(), Cell::text(json));
        assert_eq!(datum.to_sql_text().as_deref(), Some(sql));
    }
    assert_eq!(Datum::Null.to_sql_text(), None);
    assert_eq!(Datum::Float8(1e300).to_sql_text().as_deref(), Some("1e300"));
}

#[test]
fn json_is_normalised_as_jsonb_does() {
    for (text, normal) in [
        (" [ ] ", "[]"),
        ("{}", "{}"),
        (
            r#"{"bb":1,"a":[true,false , null],"c":{}}"#,
            r#"{"a": [true, false, null], "c": {}, "bb": 1}"#,
        ),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a": 3, "b": 2}"#),
        (
            r#""\u00e9\ud83d\ude00\/\n\u0001\u007f""#,
            "\"é😀/\\n\\u0001\u{7f}\"",
        ),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("1.50e1", "15.0"),
        ("1E+3", "1000"),
        ("-12.5e-3", "-0.0125"),
        ("0e9", "0"),
        // What to_jsonb refuses.
        (r#""\u0000""#, r#""\u0000""#),
        (r#""\ud800x""#, "\"\u{fffd}x\""),
        ("1e200000", "1e200000"),
        ("1e-99999999999", "1e-99999999999"),
    ] {
        assert_eq!(normalise_json(text).as_deref(), Some(normal), "{text}");
    }
    for text in [
        "", "[", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", "+1", "nul", "[1]]", "\"\t\"", "\"\\x\"",
    ] {
        assert_eq!(normalise_json(text), None, "{text}");
    }
}

#[test]
fn deep_json_needs_no_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(normalise_json(&deep).as_deref(), Some(&*deep));
}

#[test]
fn json_numbers_don_t_fill_the_memory() {
    let many = format!("[{}1]", "1e131071,".repeat(10_000));
    let normal = normalise_json(&many).expect("an array");
    assert!(normal.len() < 20 << 20);
    assert!(normal.ends_with(", 1e131071, 1]"));
}

#[test]
fn like_follows_postgresql_s_rules() {
    for (pattern, text, matches) in [
        ("", "", true),
        ("", "a", false),
        ("%", "", true),
        ("a%", "abc", true),
        ("%c", "abc", true),
        ("a_c", "aéc", true),
        ("__", "é", false),
        ("%b%b%", "abcb", true),
        ("%ab", "aab", true),
        (r"\%", "%", true),
        (r"\%", "a", false),
        (r"a\_b", "a_b", true),
        (r"a\_b", "axb", false),
        (r"\\", r"\", true),
        (r"\é%", "éa", true),
        (r"a\", r"a\", false),
        ("%_", "", false),
        ("%_%", "é", true),
        ("A", "a", false),
    ] {
        assert_eq!(like(pattern, text), Some(matches), "{pattern} {text}");
    }
}

/// `LIKE` as it is defined: by cases, without the matcher's shortcuts.
fn plainly_like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|from| plainly_like(rest, &text[from..])),
        ['_', rest @ ..] => !text.is_empty() && plainly_like(rest, &text[1..]),
        ['\\', char, rest @ ..] => text.first() == Some(char) && plainly_like(rest, &text[1..]),
        ['\\'] => false,
        [char, rest @ ..] => text.first() == Some(char) && plainly_like(rest, &text[1..]),
    }
}

fn hash(datum: &Datum) -> u64 {
    static STATE: std::sync::LazyLock<RandomState> = std::sync::LazyLock::new(RandomState::new);
    STATE.hash_one(datum)
}

fn any_numeric() -> impl Strategy<Value = Numeric> {
    let sign = prop::sample::select(vec![0_u16, 0x4000]);
    let digit = prop_oneof![Just(0_u16), Just(1), Just(9999), 0..10_000_u16];
    prop_oneof![
        9 => (sign, -3..4_i16, 0..20_u16, vec(digit, 0..4))
            .prop_map(|(sign, weight, scale, digits)| numeric(sign, weight, scale, &digits)),
        1 => prop::sample::select(vec![0xC000_u16, 0xD000, 0xF000])
            .prop_map(|sign| numeric(sign, 0, 0, &[])),
    ]
}

fn any_comparable() -> impl Strategy<Value = [Datum; 3]> {
    let floats = prop_oneof![
        any::<f64>(),
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY)
    ];
    let times = prop_oneof![any::<i64>(), -3..3_i64];
    prop_oneof![
        [any_numeric(), any_numeric(), any_numeric()].prop_map(|all| all.map(Datum::Numeric)),
        [floats.clone(), floats.clone(), floats].prop_map(|all| all.map(Datum::Float8)),
        [times.clone(), times.clone(), times].prop_map(|all| all.map(Datum::TimestampTz)),
        ["[ab ]{0,3}", "[ab ]{0,3}", "[ab ]{0,3}"]
            .prop_map(|all| all.map(|text| Datum::Text(text.into()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_an_image_or_refused(bytes in vec(any::<u8>(), 0..64), width in 0..3_usize) {
        for codec in codecs() {
            let mut rest = &bytes[..];
            let _ = decode_image(&mut rest, &vec![codec.clone(); width]);
            if let Some(datum) = decoded(&codec, &bytes) {
                datum.to_cell();
                datum.to_sql_text();
                prop_assert!(datum.same(&datum));
                prop_assert_eq!(hash(&datum), hash(&datum.clone()));
            }
        }
    }

    #[test]
    fn words_of_any_width_are_a_value_or_refused(bytes in any::<[u8; 16]>()) {
        for codec in codecs() {
            for width in [0, 1, 2, 4, 8, 10, 12, 16] {
                if let Some(datum) = decoded(&codec, &bytes[..width]) {
                    let cell = datum.to_cell();
                    if !matches!(cell, Cell::Json(_)) {
                        prop_assert_eq!(Cell::from_json(&cell.to_json()).ok(), Some(cell));
                    }
                }
            }
        }
    }

    #[test]
    fn order_is_total_and_canonical_forms_agree_with_it([a, b, c] in any_comparable()) {
        for codec in [Codec::Float8, Codec::BpChar] {
            let order = |a: &Datum, b: &Datum| compare_as(&codec, a, b).expect("of one type");
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &a), Ordering::Equal);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
            let canonical = (a.canonical(&codec), b.canonical(&codec));
            prop_assert_eq!(order(&a, &b).is_eq(), canonical.0 == canonical.1);
            if canonical.0 == canonical.1 {
                prop_assert_eq!(hash(&canonical.0), hash(&canonical.1));
            }
        }
    }

    #[test]
    fn a_float_s_text_is_that_float(bits: u64) {
        let number = f64::from_bits(bits);
        if let Cell::Number(text) = Datum::Float8(number).to_cell() {
            prop_assert_eq!(text.parse::<f64>(), Ok(number + 0.0), "{}", text);
            let digits = text.trim_matches(['-', '0', '.']).replace('.', "");
            prop_assert!(digits.trim_start_matches('0').len() <= 17, "{}", text);
        }
        let number = f32::from_bits(bits as u32);
        if let Cell::Number(text) = Datum::Float4(number).to_cell() {
            prop_assert_eq!(text.parse::<f32>(), Ok(number + 0.0), "{}", text);
        }
    }

    #[test]
    fn like_is_what_it_is_defined_as(pattern in r"[ab%_\\é]{0,8}", text in r"[ab%\\é]{0,8}") {
        let chars: Vec<char> = pattern.chars().collect();
        let plain = plainly_like(&chars, &text.chars().collect::<Vec<_>>());
        prop_assert_eq!(like(&pattern, &text), Some(plain));
    }

    #[test]
    fn normal_json_stays_as_it_is(text in r#"[\[\]{},:"a0-9.eE\\u \-]{0,24}"#) {
        if let Some(normal) = normalise_json(&text) {
            prop_assert_eq!(normalise_json(&normal), Some(normal.clone()), "{}", text);
        }
    }
}

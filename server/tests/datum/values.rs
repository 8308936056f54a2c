//! Random values as text that PostgreSQL reads: boundaries first, then whatever chance gives.

use rowcast_engine::datum::Datum;

/// A source of values that a seed replays (splitmix64).
pub struct Values(u64);

impl Values {
    /// Seeded by `ROWCAST_SEED`, else by the clock; the seed is printed.
    pub fn seeded() -> Self {
        let clock = || {
            let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
            now.map_or(1, |now| now.as_nanos() as u64)
        };
        let seed = std::env::var("ROWCAST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(clock);
        eprintln!("ROWCAST_SEED={seed}");
        Self(seed)
    }

    /// Values of a type that the tests know.
    pub fn of_type(&mut self, sql_type: &str) -> Vec<String> {
        let count = std::env::var("ROWCAST_VALUES")
            .ok()
            .and_then(|count| count.parse().ok())
            .unwrap_or(1000);
        let mut values: Vec<String> = boundaries(sql_type).into_iter().map(Into::into).collect();
        // Few of the pairs that are compared should be distinct in kind from all others.
        values.extend((0..count).map(|_| self.one_of_type(sql_type)));
        values
    }

    fn one_of_type(&mut self, sql_type: &str) -> String {
        match sql_type {
            "boolean" => self.pick(&["true", "false"]).into(),
            "smallint" => (self.next() as i16).to_string(),
            "integer" => (self.next() as i32).to_string(),
            "oid" => (self.next() as u32).to_string(),
            "bigint" => self.integer().to_string(),
            "real" => self.real(),
            "double precision" => self.double(),
            "numeric" => self.numeric(),
            "numeric(12,4)" => format!("{}e-4", self.next() as i64 % 1_000_000_000_000),
            "text" | "short_text" => self.text(12),
            "varchar(9)" => self.text(9),
            "character(5)" => self.text(5),
            "name" => self.text(8),
            "bytea" => {
                let bytes: Vec<u8> = (0..self.below(9)).map(|_| self.next() as u8).collect();
                sql_text(Datum::Bytes(bytes.into()))
            }
            "uuid" => {
                let high = u128::from(self.next()) << 64;
                sql_text(Datum::Uuid((high | u128::from(self.next())).to_be_bytes()))
            }
            "mood" => self
                .pick(&["sad", "meh", "ok", "a \"quote\"", "élan", "happy"])
                .into(),
            "date" => {
                let wide = -2_451_545 + self.below(2_147_483_493) as i32;
                let near = self.below(40_000) as i32 - 20_000;
                sql_text(Datum::Date(if self.chance() { wide } else { near }))
            }
            "time" => sql_text(Datum::Time(self.below(86_400_000_001) as i64)),
            "timestamp" => sql_text(Datum::Timestamp(self.moment())),
            "timestamptz" => sql_text(Datum::TimestampTz(self.moment())),
            "json" | "jsonb" => self.json(4),
            // PostgreSQL 14 reads no number of more than 32 bits in one.
            "interval" => format!(
                "{} months {} days {} seconds {} microseconds",
                self.below(99) as i64 - 50,
                self.below(99) as i64 - 50,
                self.integer() % 1_000_000,
                self.integer() % 1_000_000
            ),
            "timetz" => format!(
                "{:02}:{:02}:{:02}{:+03}",
                self.below(24),
                self.below(60),
                self.below(60),
                self.below(29) as i64 - 14
            ),
            "inet" => format!(
                "10.{}.{}.1/{}",
                self.below(256),
                self.below(256),
                self.below(33)
            ),
            "money" => format!("{}.{:02}", self.integer() % 1_000_000, self.below(100)),
            "cidr" => format!("10.{}.0.0/16", self.below(256)),
            "macaddr" => format!("08:00:2b:01:02:{:02x}", self.below(256)),
            "pg_lsn" => format!("{:X}/{:X}", self.below(1 << 32), self.below(1 << 32)),
            "\"char\"" => self.pick(&["a", "b", "\"", "", "\\"]).into(),
            "xml" => format!("<a b=\"{}\">&amp;</a>", self.below(99)),
            "int4multirange" => format!("{{[1,{}),[200,300)}}", 2 + self.below(99)),
            "int4range" => {
                let from = self.below(100);
                format!("[{from},{})", from + self.below(100))
            }
            "bit(3)" => format!("{:03b}", self.below(8)),
            "tsvector" => "some words and others".into(),
            "point" => format!("({},{})", self.below(100), self.double_finite()),
            "integer[]" => format!("{{{},NULL,{}}}", self.next() as i32, self.next() as i32),
            "text[]" => format!("{{a,\"b,\\\"{}\"}}", self.below(100)),
            "pair" => format!("({},\"a,{}\")", self.below(100), self.below(100)),
            other => panic!("no values of {other}"),
        }
    }

    /// Text that is nearly a literal of a type, and now and then is one.
    pub fn literal(&mut self, sql_type: &str) -> String {
        let pieces: &[&str] = match sql_type {
            "boolean" => &[
                "t", "tr", "true", "F", "fals", "y", "YES", "n", "no", "o", "on", "of", "off", "1",
                "0",
            ],
            "uuid" => &[
                "a0ee",
                "BC99",
                "9c0b",
                "4ef8",
                "bb6d",
                "6bb9",
                "bd38",
                "0a11",
                "a0eebc99",
                "9c0b4ef8bb6d6bb9",
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            ],
            "mood" => &["sad", "ok", " x", "x", "Sad"],
            _ => &[
                "0",
                "1",
                "9",
                "7",
                "32768",
                "2147483647",
                "2147483648",
                "9223372036854775807",
                "4294967296",
            ],
        };
        let odd = [
            "", " ", "\t", "\u{b}", "-", "+", "{", "}", ".", "x", "_", "e", "\u{a0}", "é",
        ];
        let mut literal = String::new();
        let length = if sql_type == "uuid" { 9 } else { 3 };
        for _ in 0..=self.below(length) {
            if self.below(4) == 0 {
                literal.push_str(self.pick(&odd));
            }
            literal.push_str(self.pick(pieces));
            if self.below(4) == 0 {
                literal.push_str(self.pick(&odd));
            }
        }
        literal
    }

    /// A pattern of `LIKE` that PostgreSQL accepts.
    pub fn pattern(&mut self) -> String {
        let pieces = [
            "a", "b", "é", "%", "%", "_", "\\%", "\\_", "\\\\", "\\a", "😀",
        ];
        (0..self.below(8)).map(|_| self.pick(&pieces)).collect()
    }

    /// Text that has a chance to match one.
    pub fn text_like_patterns(&mut self) -> String {
        let pieces = ["a", "b", "é", "%", "_", "\\", "😀"];
        (0..self.below(8)).map(|_| self.pick(&pieces)).collect()
    }

    /// A pattern of ASCII.
    pub fn ascii_pattern(&mut self) -> String {
        let pieces = ["a", "A", "i", "I", "k", "s", "%", "%", "_", "\\%", "\\A"];
        (0..self.below(6)).map(|_| self.pick(&pieces)).collect()
    }

    /// Text with letters whose case is odd.
    pub fn cased_text(&mut self) -> String {
        let pieces = [
            "a", "A", "i", "I", "k", "K", "s", "S", "%", "é", "É", "ß", "ſ", "Σ", "ς", "ı",
            "\u{212b}", "ǅ", "I\u{307}", "😀", "\u{130}", "\u{212a}",
        ];
        let kinds = if self.below(4) == 0 { 22 } else { 20 };
        (0..self.below(7))
            .map(|_| self.pick(&pieces[..kinds]))
            .collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn integer(&mut self) -> i64 {
        let shift = self.below(64);
        self.next().cast_signed() >> shift
    }

    fn moment(&mut self) -> i64 {
        const LEAST: i64 = -211_813_488_000_000_000;
        const SPAN: u64 = 9_435_184_819_200_000_000;
        let wide = LEAST.wrapping_add_unsigned(self.below(SPAN));
        let near = self.below(2_000_000_000_000_000) as i64 - 1_000_000_000_000_000;
        match self.below(4) {
            0 => wide,
            1 => near / 1_000_000 * 1_000_000,
            2 => near / 1_000 * 1_000,
            _ => near,
        }
    }

    fn real(&mut self) -> String {
        let number = match self.below(4) {
            0 => self.integer() as f32,
            1 => (self.integer() % 100_000) as f32 / 100.0,
            2 => 2f32.powi(self.below(276) as i32 - 149),
            _ => f32::from_bits(self.next() as u32),
        };
        if number.is_nan() {
            "NaN".into()
        } else {
            format!("{number:e}").replace("inf", "Infinity")
        }
    }

    fn double_finite(&mut self) -> f64 {
        let number = match self.below(6) {
            0 => self.integer() as f64,
            1 => (self.integer() % 10_000_000) as f64 / 1000.0,
            2 => 2f64.powi(self.below(2098) as i32 - 1074),
            // Halfway between two decimals.
            3 => 0.5 + (self.below(1 << 16) as f64) / 131_072.0,
            // Few significant bits, any size.
            4 => self.below(1 << 12) as f64 * 2f64.powi(self.below(200) as i32 - 100),
            _ => f64::from_bits(self.next()),
        };
        if number.is_finite() { number } else { 0.1 }
    }

    fn double(&mut self) -> String {
        format!("{:e}", self.double_finite())
    }

    fn numeric(&mut self) -> String {
        let sign = self.pick(&["", "-"]);
        let zeros = |random: &mut Self| "0".repeat(random.below(9) as usize);
        let digits = |random: &mut Self| {
            let length = random.below(24);
            (0..=length)
                .map(|_| random.pick(&["0", "1", "9", "5", "42"]))
                .collect::<String>()
        };
        let (whole, left, right) = (digits(self), zeros(self), zeros(self));
        let fraction = if self.chance() {
            format!(".{left}{}{right}", digits(self))
        } else {
            left
        };
        format!("{sign}{whole}{fraction}e{}", self.below(20) as i64 - 10)
    }

    fn text(&mut self, longest: u64) -> String {
        let length = self.below(longest + 1);
        (0..length)
            .map(|_| match self.below(8) {
                0 => ' ',
                1 => char::from(1 + self.below(127) as u8),
                2 => ['"', '\\', '/', '\n', '\u{1f}', '\u{7f}'][self.below(6) as usize],
                3 => char::from_u32(self.below(0x11_0000) as u32)
                    .filter(|char| *char != '\0')
                    .unwrap_or('é'),
                _ => char::from(b'a' + self.below(3) as u8),
            })
            .collect()
    }

    fn json(&mut self, depth: u64) -> String {
        let blank = self.pick(&["", " ", "\n", "\t "]);
        let inside = match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => self.pick(&["null", "true", "false"]).into(),
            1 => self.json_number(),
            2 | 3 => self.json_string(),
            4 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{blank}{}]", items.join(","))
            }
            _ => {
                let members: Vec<String> = (0..self.below(6))
                    .map(|_| format!("{}{blank}:{}", self.json_string(), self.json(depth - 1)))
                    .collect();
                format!("{{{}{blank}}}", members.join(","))
            }
        };
        format!("{blank}{inside}{blank}")
    }

    fn json_number(&mut self) -> String {
        let sign = self.pick(&["", "-"]);
        let whole = self.pick(&["0", "7", "120", "98765432109876543210"]);
        let fraction = self.pick(&["", ".0", ".50", ".000123"]);
        let exponent = self.pick(&["", "", "e0", "E+5", "e-7", "e30"]);
        format!("{sign}{whole}{fraction}{exponent}")
    }

    fn json_string(&mut self) -> String {
        let pieces = [
            "a",
            "b",
            "aa",
            "é",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u001f",
            "😀",
            " ",
            "\u{7f}",
            "\\b",
            "\\f",
        ];
        let content: String = (0..self.below(3)).map(|_| self.pick(&pieces)).collect();
        format!("\"{content}\"")
    }
}

fn sql_text(datum: Datum) -> String {
    datum.to_sql_text().unwrap_or_default()
}

fn boundaries(sql_type: &str) -> Vec<&'static str> {
    match sql_type {
        "smallint" => vec!["0", "-32768", "32767"],
        "integer" => vec!["0", "-2147483648", "2147483647"],
        "bigint" => vec!["0", "-9223372036854775808", "9223372036854775807"],
        "real" => vec![
            "0",
            "-0",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e-45",
            "3.4028235e38",
            "0.1",
            "1e20",
            "1e-7",
            "16777216",
            "8.5e9",
            "1.1754944e-38",
        ],
        "double precision" => vec![
            "0",
            "-0",
            "NaN",
            "Infinity",
            "-Infinity",
            "5e-324",
            "1.7976931348623157e308",
            "0.1",
            "1e20",
            "1e-7",
            "1e23",
            "9e22",
            "7e22",
            "5e22",
            "2.2250738585072014e-308",
            "9007199254740993",
            "5.684341886080802e-14",
            "0.50000762939453125",
            "123456789012345680",
            "1e15",
            "1e16",
            "1e-5",
        ],
        "numeric" => vec![
            "0",
            "0.000",
            "-0",
            "NaN",
            "Infinity",
            "-Infinity",
            "1",
            "1.0",
            "1.00",
            "10000",
            "9999",
            "9999.9999",
            "0.0001",
            "0.00010",
            "1e1000",
            "-1e1000",
            "1e-1000",
            "1e131071",
            "1e-16383",
            "100000000.00000001",
        ],
        "text" => vec![
            "",
            " ",
            "a",
            "A",
            "a ",
            "\u{1}",
            "\u{10ffff}",
            "é",
            "e\u{301}",
        ],
        "character(5)" => vec!["", "a", "a ", "a\t", "abcde", "é"],
        "bytea" => vec!["", "\\x00", "\\xff", "\\x00ff"],
        "uuid" => vec![
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ],
        "date" => vec![
            "infinity",
            "-infinity",
            "4714-11-24 BC",
            "5874897-12-31",
            "0001-12-31 BC",
            "0001-01-01",
            "2000-02-29",
            "1900-02-28",
            "10000-01-01",
        ],
        "time" => vec!["00:00:00", "24:00:00", "23:59:59.999999"],
        "timestamp" | "timestamptz" => vec![
            "infinity",
            "-infinity",
            "4714-11-24 00:00:00 BC",
            "294276-12-31 23:59:59.999999",
            "0001-12-31 23:59:59.5 BC",
            "2000-01-01",
            "1999-12-31 23:59:59.999999",
        ],
        "json" | "jsonb" => vec![
            "null", "{}", "[]", "\"\"", "1e5", "-0", "-0.0", "[[[]]]", "1.50",
        ],
        "integer[]" => vec!["{}", "{NULL}", "{{1,2},{3,4}}"],
        "text[]" => vec!["{}", "{\"\"}", "{\"NULL\",NULL}"],
        "int4range" => vec!["empty", "(,)", "[1,)"],
        "interval" => vec!["0", "1 year", "-1 day", "178000000 years"],
        _ => Vec::new(),
    }
}

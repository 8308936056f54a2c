//! Breaking what is well formed, a little or much.

use crate::random::Random;

/// What is well formed somewhere, and wrong elsewhere.
const PIECES: [&[u8]; 40] = [
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"%",
    b"%00",
    b"%ff",
    b"%25",
    b"..",
    b"../",
    b"(",
    b")",
    b"((((((((",
    b",",
    b",,",
    b".",
    b"=",
    b"&",
    b";",
    b"--",
    b"/*",
    b"$1",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"null",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1e999",
    b"NaN",
    "\u{202e}\u{1f600}".as_bytes(),
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"<script>",
];

/// How long what is broken may become.
const LONGEST: usize = 64 * 1024;

/// One of the corpus, changed in one to eight places.
pub fn broken(random: &mut Random, corpus: &[&[u8]]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).to_vec();
    for _ in 0..=random.below(8) {
        change(random, corpus, &mut bytes);
    }
    bytes.truncate(LONGEST);
    bytes
}

/// The same of text.
pub fn broken_text(random: &mut Random, corpus: &[&str]) -> String {
    let corpus: Vec<&[u8]> = corpus.iter().map(|text| text.as_bytes()).collect();
    String::from_utf8_lossy(&broken(random, &corpus)).into_owned()
}

fn change(random: &mut Random, corpus: &[&[u8]], bytes: &mut Vec<u8>) {
    let from = place(random, bytes);
    let to = (from + random.below(16) as usize).min(bytes.len());
    match random.below(8) {
        // Another bit.
        0 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << random.below(8);
            }
        }
        // Any byte.
        1 => bytes.insert(from, random.below(256) as u8),
        // Less.
        2 => drop(bytes.drain(from..to)),
        // The same once more.
        3 => {
            let part = bytes[from..to].to_vec();
            bytes.splice(from..from, part);
        }
        // The rest of another.
        4 => {
            let other = random.pick(corpus);
            let at = place(random, other);
            bytes.truncate(from);
            bytes.extend_from_slice(&other[at..]);
        }
        // What means something, in place of what was there.
        5 => drop(bytes.splice(from..to, random.pick(&PIECES).iter().copied())),
        6 => drop(bytes.splice(from..from, random.pick(&PIECES).iter().copied())),
        // Very often.
        _ => {
            let piece = random.pick(&PIECES).repeat(1 + random.below(200) as usize);
            bytes.splice(from..from, piece);
        }
    }
}

fn place(random: &mut Random, bytes: &[u8]) -> usize {
    random.below(bytes.len() as u64 + 1) as usize
}

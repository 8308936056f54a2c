//! `json` as `jsonb` would print it.

use rowcast_protocol::cell::write_json_string;

mod number;
mod scan;

pub use number::plain_number;
use scan::Scanner;

/// The text that `to_jsonb` gives for a `json` value: members ordered by the length of their
/// names, then by their bytes; the last of those with one name; numbers without exponents;
/// `jsonb`'s spaces. `None` if the text is no JSON.
///
/// It also reads what `to_jsonb` refuses: `\u0000` is kept, half a surrogate pair becomes
/// U+FFFD, and a number that `numeric` can't hold stays as written. So do numbers past the
/// first 16 MiB that their exponents' zeros have added. Nesting costs memory, not stack.
pub fn normalise(text: &str) -> Option<String> {
    let mut nodes = Vec::new();
    let root = parse(text, &mut nodes)?;
    Some(print(root, &nodes))
}

/// A place in the list of nodes.
type Index = usize;

enum Node {
    /// A scalar, already as it is printed.
    Scalar(String),
    Array(Vec<Index>),
    Object(Vec<(String, Index)>),
}

/// A container whose end has not been read.
enum Open {
    Array(Vec<Index>),
    /// The members so far, and the name of the one that is being read.
    Object(Vec<(String, Index)>, String),
}

fn parse(text: &str, nodes: &mut Vec<Node>) -> Option<Index> {
    let mut scanner = Scanner::new(text);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let mut node = match scanner.peek()? {
            b'[' => {
                scanner.take(b'[')?;
                if scanner.take(b']').is_none() {
                    open.push(Open::Array(Vec::new()));
                    continue;
                }
                Node::Array(Vec::new())
            }
            b'{' => {
                scanner.take(b'{')?;
                if scanner.take(b'}').is_none() {
                    open.push(Open::Object(Vec::new(), scanner.member_name()?));
                    continue;
                }
                Node::Object(Vec::new())
            }
            b'"' => {
                let mut printed = Vec::new();
                write_json_string(&scanner.string()?, &mut printed);
                Node::Scalar(String::from_utf8(printed).ok()?)
            }
            b'-' | b'0'..=b'9' => Node::Scalar(scanner.number()?),
            _ => Node::Scalar(scanner.word()?.into()),
        };
        // The value is whole: it goes into what surrounds it, which may end with it.
        loop {
            nodes.push(node);
            let index = nodes.len() - 1;
            node = match open.pop() {
                None => return scanner.at_end().then_some(index),
                Some(Open::Array(mut items)) => {
                    items.push(index);
                    if scanner.take(b',').is_some() {
                        open.push(Open::Array(items));
                        break;
                    }
                    scanner.take(b']')?;
                    Node::Array(items)
                }
                Some(Open::Object(mut members, name)) => {
                    members.push((name, index));
                    if scanner.take(b',').is_some() {
                        open.push(Open::Object(members, scanner.member_name()?));
                        break;
                    }
                    scanner.take(b'}')?;
                    Node::Object(in_jsonb_order(members))
                }
            };
        }
    }
}

fn in_jsonb_order(mut members: Vec<(String, Index)>) -> Vec<(String, Index)> {
    // Nodes are numbered in reading order, so of one name's the last has the highest.
    members.sort_unstable_by(|(a, at_a), (b, at_b)| {
        (a.len(), a.as_bytes(), at_b).cmp(&(b.len(), b.as_bytes(), at_a))
    });
    members.dedup_by(|(later, _), (kept, _)| later == kept);
    members
}

/// What of a container has not been printed.
enum Rest<'a> {
    Array(std::slice::Iter<'a, Index>),
    Object(std::slice::Iter<'a, (String, Index)>),
}

fn print(root: Index, nodes: &[Node]) -> String {
    let mut out = Vec::new();
    let mut rest: Vec<Rest<'_>> = Vec::new();
    let mut next = Some(root);
    loop {
        if let Some(index) = next.take() {
            match &nodes[index] {
                Node::Scalar(text) => out.extend_from_slice(text.as_bytes()),
                Node::Array(items) => {
                    out.push(b'[');
                    rest.push(Rest::Array(items.iter()));
                }
                Node::Object(members) => {
                    out.push(b'{');
                    rest.push(Rest::Object(members.iter()));
                }
            }
        }
        let first = matches!(out.last(), Some(b'[' | b'{'));
        match rest.last_mut() {
            // Whole strings went in, so it is UTF-8.
            None => return String::from_utf8(out).unwrap_or_default(),
            Some(Rest::Array(items)) => match items.next() {
                Some(index) => {
                    separate(first, &mut out);
                    next = Some(*index);
                }
                None => {
                    out.push(b']');
                    rest.pop();
                }
            },
            Some(Rest::Object(members)) => match members.next() {
                Some((name, index)) => {
                    separate(first, &mut out);
                    write_json_string(name, &mut out);
                    out.extend_from_slice(b": ");
                    next = Some(*index);
                }
                None => {
                    out.push(b'}');
                    rest.pop();
                }
            },
        }
    }
}

fn separate(first: bool, out: &mut Vec<u8>) {
    if !first {
        out.extend_from_slice(b", ");
    }
}

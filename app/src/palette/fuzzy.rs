//! Finding a name by some of its letters.

/// How well letters find a name, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The higher, the better.
    pub score: i32,
    /// The positions of the letters found, in characters, ascending.
    pub at: Vec<usize>,
}

/// Finds the letters of `typed`, any case, one after the other in `name`: each where a word
/// begins if they all fit there, next to the one before, or further on. Spaces in `typed` fit
/// anywhere. `None` if a letter isn't there.
pub fn find(name: &str, typed: &str) -> Option<Match> {
    let letters: Vec<char> = name.chars().collect();
    let lower: Vec<char> = letters.iter().map(|letter| small(*letter)).collect();
    let wanted: Vec<char> = typed
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(small)
        .collect();
    if wanted.is_empty() {
        return Some(Match {
            score: 0,
            at: Vec::new(),
        });
    }
    // best[i]: the best way to have found the letters so far, the last of them at i.
    let mut best: Vec<Option<(i32, Vec<usize>)>> = Vec::new();
    for (nth, letter) in wanted.iter().enumerate() {
        let mut next = vec![None; lower.len()];
        let mut before: Option<(i32, Vec<usize>)> = None;
        for at in 0..lower.len() {
            if lower[at] == *letter {
                let starts = at == 0 || !letters[at - 1].is_alphanumeric();
                let own = if starts { BEGINS } else { 0 };
                let from = |way: &(i32, Vec<usize>), more: i32| {
                    let mut places = way.1.clone();
                    places.push(at);
                    (way.0 + more, places)
                };
                let first = (nth == 0).then(|| (own - at.min(LATE) as i32, vec![at]));
                let beside = at.checked_sub(1).and_then(|at| best.get(at)?.as_ref());
                let beside = beside.map(|way| from(way, own.max(BESIDE)));
                let apart = before.as_ref().map(|way| from(way, own - APART));
                next[at] = [first, beside, apart]
                    .into_iter()
                    .flatten()
                    .max_by_key(|(score, _)| *score);
            }
            if let Some(Some(way)) = best.get(at)
                && before.as_ref().is_none_or(|(score, _)| *score < way.0)
            {
                before = Some(way.clone());
            }
        }
        best = next;
    }
    let (score, at) = best.into_iter().flatten().max_by_key(|(score, _)| *score)?;
    Some(Match {
        // Of two names that are found alike the shorter is meant.
        score: score * 8 - letters.len().min(64) as i32 / 8,
        at,
    })
}

/// For a letter that begins a word.
const BEGINS: i32 = 8;
/// For a letter next to the one before.
const BESIDE: i32 = 6;
/// Less for a letter further on.
const APART: i32 = 3;
/// The first letter's distance from the name's beginning counts up to so much.
const LATE: usize = 6;

fn small(letter: char) -> char {
    // Letters that become several when small are compared by the first of them.
    letter.to_lowercase().next().unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(typed: &str, names: &[&'a str]) -> &'a str {
        let score = |name: &&&str| find(name, typed).map(|found| found.score);
        names.iter().max_by_key(score).copied().unwrap_or_default()
    }

    #[test]
    fn letters_are_found_in_their_order_in_any_case() {
        assert_eq!(
            find("Hold the list", "hls").map(|found| found.at),
            Some(vec![0, 9, 11])
        );
        assert_eq!(find("Größe", "GRÖSSE"), None);
        assert_eq!(find("Größe", "öß").map(|found| found.at), Some(vec![2, 3]));
        assert_eq!(find("undo", "nu"), None);
        assert_eq!(
            find("undo", " "),
            Some(Match {
                score: 0,
                at: Vec::new()
            })
        );
        assert_eq!(find("", "a"), None);
    }

    #[test]
    fn words_that_begin_so_are_better_than_letters_somewhere() {
        let names = ["Show all columns", "Copy cells chosen", "Go to column due"];
        assert_eq!(best("sac", &names), "Show all columns");
        assert_eq!(best("cop", &names), "Copy cells chosen");
        assert_eq!(best("due", &names), "Go to column due");
        assert_eq!(best("order", &["border_items", "orders"]), "orders");
        assert_eq!(
            best("item", &["border_items", "itinerary_memo"]),
            "border_items"
        );
        assert_eq!(best("orders", &["orders_archive", "orders"]), "orders");
    }
}

//! Where the words of a search occur in a text.

use std::ops::Range;

/// The places of `words`, which are in lower case, in a text, in any case: in UTF-16 units, as
/// the browser counts, from left to right, none in another.
pub fn places(text: &str, words: &[String]) -> Vec<Range<u32>> {
    // The text in lower case, and which unit of the text each byte of that is of.
    let mut lower = String::with_capacity(text.len());
    let mut units = Vec::with_capacity(text.len() + 1);
    let mut unit = 0;
    for character in text.chars() {
        lower.extend(character.to_lowercase());
        units.resize(lower.len(), unit);
        unit += character.len_utf16() as u32;
    }
    units.push(unit);
    let mut found: Vec<Range<u32>> = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        for (at, _) in lower.match_indices(&**word) {
            let end = at + word.len();
            // A character whose lower case is several is marked as a whole.
            let after = units[end..].iter().find(|unit| **unit > units[end - 1]);
            found.push(units[at]..after.copied().unwrap_or(unit));
        }
    }
    found.sort_by_key(|place| (place.start, place.end));
    let mut places: Vec<Range<u32>> = Vec::with_capacity(found.len());
    for place in found {
        match places.last_mut() {
            Some(before) if place.start <= before.end => before.end = before.end.max(place.end),
            _ => places.push(place),
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let units: Vec<u16> = text.encode_utf16().collect();
        let part = |place: Range<u32>| {
            String::from_utf16_lossy(&units[place.start as usize..place.end as usize])
        };
        places(text, &words).into_iter().map(part).collect()
    }

    #[test]
    fn words_are_found_in_any_case_and_inside_others() {
        assert_eq!(marked("Paper, PAPERS", &["paper"]), ["Paper", "PAPER"]);
        assert_eq!(marked("Äpfel 😀 apfel", &["äp", "FEL"]), ["Äpfel", "fel"]);
        assert_eq!(marked("abcabc", &["abc", "ca"]), ["abcabc"]);
        assert!(marked("abc", &["x", ""]).is_empty());
    }

    #[test]
    fn what_is_longer_in_lower_case_is_marked_whole() {
        assert_eq!(marked("İx", &["i"]), ["İ"]);
        assert_eq!(marked("aİx", &["x"]), ["x"]);
    }
}

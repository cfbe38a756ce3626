//! The nearest word, for messages about a word that nobody knows.

/// The candidate that was most likely meant by `word`; none where nothing is near.
///
/// ```
/// use windlass_runtime::suggest::nearest;
/// assert_eq!(nearest("timout", ["timeout", "title"]), Some("timeout"));
/// assert_eq!(nearest("nonsense", ["timeout", "title"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    if word.is_empty() {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| Some((closeness(&word, &normal(candidate))?, candidate)))
        .max_by(|(a, first), (b, second)| a.total_cmp(b).then_with(|| second.cmp(first)))
        .map(|(_, candidate)| candidate)
}

/// `did you mean "timeout"?`, where something is near.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean {candidate:?}?"))
}

/// Case and the sort of separator are what people mistake most, and count for nothing.
fn normal(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// From 0 to 1; none where the words have too little in common.
fn closeness(word: &str, candidate: &str) -> Option<f64> {
    if word == candidate {
        return Some(1.0);
    }
    let longest = word.chars().count().max(candidate.chars().count());
    // Very long words are not worth the work, which grows with the product of the lengths.
    if longest > 200 {
        return None;
    }
    let edits = strsim::damerau_levenshtein(word, candidate);
    // One slip in a short word, one for each three letters in a longer one.
    let slips_allowed = match longest {
        0..=2 => 0,
        3..=5 => 1,
        _ => longest / 3,
    };
    let jaro = strsim::jaro_winkler(word, candidate);
    if edits <= slips_allowed {
        return Some(1.0 - edits as f64 / longest as f64 + jaro / 100.0);
    }
    // A word cut short, or with something added: `replica` for `replicas_of_web`.
    let shortest = word.chars().count().min(candidate.chars().count());
    let contained = shortest >= 4 && (candidate.starts_with(word) || word.starts_with(candidate));
    contained.then_some(0.5 * jaro)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 8] =
        ["timeout", "title", "namespace", "on_error", "retries", "replicas", "conflicts", "storageClass"];

    #[test]
    fn slips_find_their_word() {
        for (slip, meant) in [
            ("timeuot", "timeout"),
            ("time_out", "timeout"),
            ("Namespace", "namespace"),
            ("name-space", "namespace"),
            ("namspace", "namespace"),
            ("onError", "on_error"),
            ("retires", "retries"),
            ("replica", "replicas"),
            ("conflict", "conflicts"),
            ("storage_class", "storageClass"),
            ("titel", "title"),
            ("storageClassName", "storageClass"),
        ] {
            assert_eq!(nearest(slip, OPTIONS), Some(meant), "{slip}");
        }
    }

    #[test]
    fn nonsense_finds_nothing() {
        for word in ["", "x", "foo", "qwertyuiop", "image", "labels", "no", "💥💥💥", "_"] {
            assert_eq!(nearest(word, OPTIONS), None, "{word}");
        }
        assert_eq!(nearest("timeout", []), None);
        assert_eq!(nearest(&"a".repeat(100_000), OPTIONS), None);
    }

    #[test]
    fn of_equally_near_words_the_first_by_name_is_taken() {
        assert_eq!(nearest("bat", ["hat", "cat"]), Some("cat"));
        assert_eq!(nearest("bat", ["cat", "hat"]), Some("cat"));
    }

    #[test]
    fn the_text_quotes_the_word() {
        assert_eq!(did_you_mean("timout", OPTIONS).as_deref(), Some("did you mean \"timeout\"?"));
        assert_eq!(did_you_mean("xyz", OPTIONS), None);
    }
}

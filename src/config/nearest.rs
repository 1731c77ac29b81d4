//! "Did you mean": the known word nearest to one that is not known.

/// More names than this come from a file that is broken as a whole; looking at all of them for each fault takes long.
const MAX_CANDIDATES: usize = 1000;

/// The candidate nearest to `word` when it is near enough to be a slip of the pen; case counts little.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    let tolerated = (letters.len() / 3).min(4);
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| !candidate.is_empty() && *candidate != word)
        .filter_map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().collect();
            let near = other.len().abs_diff(letters.len()) <= tolerated;
            near.then(|| (edit_distance(&letters, &other), candidate))
        })
        .filter(|&(distance, _)| distance <= tolerated)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    quote: impl Fn(&str) -> String,
) -> String {
    nearest(word, candidates).map_or(String::new(), |found| format!("; did you mean {}?", quote(found)))
}

/// Insertions, deletions, substitutions and swaps of neighbors that turn `a` into `b`.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognized_and_another_word_is_not() {
        let known = ["Threshold", "Refractory", "Leak", "BipolarThreshold", "SizeX", "SizeY"];
        let check = |word, expected| assert_eq!(nearest(word, known), expected, "{word}");
        check("Treshold", Some("Threshold"));
        check("threshold", Some("Threshold"));
        check("Laek", Some("Leak"));
        check("Sizex", Some("SizeX"));
        check("Refractoryperiod", None);
        check("Banana", None);
        check("Lea", Some("Leak"));
        check("X", None);
        check("", None);
    }
}

//! Names with wildcards.

/// Tells whether the whole of `text` is described by `pattern`: `*` stands for any string, `?` for any one character.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last star met and where its string ends; a mismatch lengthens that string by one.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, end)) => {
                    star = Some((at, end + 1));
                    p = at + 1;
                    t = end + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_describes_the_whole_string() {
        for (pattern, text, expect) in [
            ("test", "test", true),
            ("*test", "test", true),
            ("test*", "test", true),
            ("*test", "qsdgtest", true),
            ("test*", "testqsdg", true),
            ("test*aa", "testqsdgaa", true),
            ("aa*test", "aaqsdgtest", true),
            ("aa*test*", "aaqsdgtest", true),
            ("aa*test*", "aaqsdgtestqsf", true),
            ("test", "tet", false),
            ("*test", "dest", false),
            ("test*", "tes", false),
            ("aa*test*", "aaqsdgtst", false),
            ("aa*test*", "aqsdgtestqsf", false),
            ("t?st", "test", true),
            ("t?st", "tst", false),
            ("?", "", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("test", "tests", false),
            ("*?é", "aé", true),
        ] {
            assert_eq!(matches(pattern, text), expect, "`{pattern}` on `{text}`");
        }
    }

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            (Some((&c, rest)), Some((&d, tail))) => (c == '?' || c == d) && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn backtracking_agrees_with_trying_every_length(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}

use proptest::prelude::*;

use super::*;

/// What was read, one line a section and one a property, then the faults.
fn outline(parsed: &Parsed) -> String {
    let mut text = String::new();
    for section in parsed.document.sections() {
        if !section.name.is_empty() {
            text.push_str(&format!("{} [{}]\n", section.line, section.name));
        }
        for Property { name, value, line, .. } in &section.properties {
            text.push_str(&format!("{line} {name} = <{value}>\n"));
        }
    }
    for error in &parsed.errors {
        text.push_str(&format!("error: {error}\n"));
    }
    for warning in &parsed.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(outline(&parse(text)).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn sections_and_properties_carry_their_lines() {
    check("", &[]);
    check(
        "a=1\n\n[s]\n b = two words \n[s.t]\nc=",
        &["1 a = <1>", "3 [s]", "4 b = <two words>", "5 [s.t]", "6 c = <>"],
    );
    check("a=1\r\n[s]\r\nb=2\r\n", &["1 a = <1>", "2 [s]", "3 b = <2>"]);
    check("[ s ]\na(b).c[0]=x=y", &["1 [s]", "2 a(b).c[0] = <x=y>"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line() {
    check("\u{feff}a=1\n\u{feff}b=2", &["1 a = <1>", "2 b = <2>"]);
}

#[test]
fn a_backslash_at_the_end_joins_the_next_line() {
    check("a=1\\\n2\\\n3\nb=4", &["1 a = <123>", "4 b = <4>"]);
    check("a=1 \\\n 2", &["1 a = <1  2>"]);
    check("a=1\\ \nb=2", &["1 a = <1\\>", "2 b = <2>"]);
    check("a=1\\", &["1 a = <1>"]);
    check("a=1\\\r\n2\r\n", &["1 a = <12>"]);
}

#[test]
fn a_comment_that_ends_in_a_backslash_swallows_the_next_line() {
    check("a=1 ; one \\\nb=2\nc=3", &["1 a = <1>", "3 c = <3>"]);
}

#[test]
fn both_signs_start_a_comment_outside_quotes_only() {
    check("a=1;2\nb=1#2\n; c=3\n# d=4", &["1 a = <1>", "2 b = <1>"]);
    check("a=\"10.0; 1.0\" ; spread\nb=\"x#y\"", &["1 a = <10.0; 1.0>", "2 b = <x#y>"]);
    check("a=x \"y;z\" w", &["1 a = <x \"y;z\" w>"]);
    check("; it's \"open\na=1", &["2 a = <1>"]);
}

#[test]
fn a_section_inherits_from_those_above_and_the_first_one_wins() {
    check(
        "[a]\nx=1\ny=1\n[b]\ny=2\nz=2\n[c] a b\nz=3",
        &[
            "1 [a]",
            "2 x = <1>",
            "3 y = <1>",
            "4 [b]",
            "5 y = <2>",
            "6 z = <2>",
            "7 [c]",
            "2 x = <1>",
            "3 y = <1>",
            "8 z = <3>",
        ],
    );
    check("[a]\nx=1\n[b] a\n[c] b", &["1 [a]", "2 x = <1>", "3 [b]", "2 x = <1>", "4 [c]", "2 x = <1>"]);
}

#[test]
fn faults_of_the_grammar_are_gathered() {
    check(
        "[a]\nx\n[b\n[]\n[a]\n=1\ny=\"1\n[c] d a bb\n[e@f.tpl]\nz=1\n[b]\nx=1\nx=2",
        &[
            "1 [a]",
            "8 [c]",
            "11 [b]",
            "13 x = <2>",
            "error: line 2, [a]: malformed line: expected `[section]` or `key=value`, found `x`",
            "error: line 3: malformed section header: expected `[name]`, found `[b`",
            "error: line 4: malformed section header: expected a name between `[` and `]`",
            "error: line 5, [a]: section declared twice, first at line 1",
            "error: line 6: malformed line: expected a key before `=1`",
            "error: line 7: malformed line: a double quote `\"` is opened and not closed",
            "error: line 8, [c]: inherits from `d`, which is not declared above",
            "error: line 8, [c]: inherits from `bb`, which is not declared above",
            "error: line 9, [e]: template `f.tpl`: there is no such file",
            "warning: line 13, [b] x: written twice, first at line 12; the last one counts",
        ],
    );
}

/// Sections as (name, properties), names unique.
fn sections() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let name = "[A-Za-z][A-Za-z0-9._]{0,8}";
    let key = "[$A-Za-z][A-Za-z0-9._()]{0,8}";
    let value = "[!-~ ]{0,20}".prop_map(|text| text.replace('"', "").trim().to_owned());
    let properties = proptest::collection::btree_map(key, value, 0..5);
    proptest::collection::btree_map(name, properties.prop_map(|map| map.into_iter().collect()), 0..5)
        .prop_map(|map| map.into_iter().collect())
}

/// Prints a value so that neither its comment signs nor its last backslash mean anything.
fn quoted(value: &str) -> String {
    format!("\"{value}\"")
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(sections in sections(), split in 0..40_usize) {
        let mut text = String::from("; generated\n");
        for (name, properties) in &sections {
            text.push_str(&format!("[{name}] ; a section\n\n"));
            for (key, value) in properties {
                let line = format!("  {key} = {}", quoted(value));
                let at = (0..=split.min(line.len())).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
                text.push_str(&format!("{}\\\n{} # a comment\n", &line[..at], &line[at..]));
            }
        }
        let parsed = parse(&text);
        prop_assert!(parsed.errors.is_empty() && parsed.warnings.is_empty(), "{}", outline(&parsed));
        let read: Vec<(String, Vec<(String, String)>)> = parsed.document.sections()[1..]
            .iter()
            .map(|section| {
                let properties = section.properties.iter();
                (section.name.to_string(), properties.map(|p| (p.name.clone(), p.value.clone())).collect())
            })
            .collect();
        prop_assert_eq!(read, sections);
    }

    #[test]
    fn no_text_panics(text in "([\\[\\]\"\\\\=;#$(){}a-c@ \r\n\u{feff}é]|conv|sp|Input=){0,60}") {
        let _ = parse(&text);
        let _ = crate::config::load("m.ini", &text, &crate::config::Options::default());
    }
}

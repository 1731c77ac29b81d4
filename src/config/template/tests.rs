use proptest::prelude::*;

use super::*;

/// Templates by path.
struct Shelf(Vec<(&'static str, String)>);

impl Load for Shelf {
    fn load(&mut self, path: &str) -> Result<(usize, Arc<str>), String> {
        let found = self.0.iter().position(|(name, _)| *name == path);
        found.map(|index| (index, self.0[index].1.as_str().into())).ok_or_else(|| format!("no file `{path}`"))
    }
}

const VARIABLES: &[(&str, &str)] = &[
    ("b", "12"),
    ("c", "4"),
    ("d", "5"),
    ("word", "text"),
    ("ARR", "2"),
    ("ARR[0].X", "left"),
    ("ARR[1].X", "right"),
    ("ARR[1].Y", "only"),
    ("big", "9999999"),
];

fn rendered(template: &str) -> Result<Rendered, (Option<TemplateLine>, String)> {
    let variables = VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut shelf = Shelf(vec![
        ("dir/t.tpl", template.to_owned()),
        ("dir/other.tpl", "[{{b}}]\n{% if e exists %}e={{e}}{% endif %}\n".to_owned()),
        ("dir/self.tpl", "{% include self.tpl %}".to_owned()),
        ("/abs.tpl", "absolute".to_owned()),
    ]);
    render("dir/t.tpl", variables, &mut shelf)
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(rendered(template).unwrap().text, expected, "{template}");
}

#[track_caller]
fn check_fault(template: &str, line: u32, expected: &str) {
    assert_eq!(rendered(template).unwrap_err(), (Some((0, line)), expected.to_owned()), "{template}");
}

#[test]
fn the_vectors_of_the_reference() {
    check("{{b}}", "12");
    check("{% for v in range(3) %}{{v}} {% endfor %}", "0 1 2 ");
    check("{% for v in range(1, 3) %}{{v}} {% endfor %}", "1 2 ");
    check("{% for v in range(c) %}{{v}} {% endfor %}", "0 1 2 3 ");
    check("{% for v in range(c, d) %}{{v}} {% endfor %}", "4 ");
}

#[test]
fn blocks_walk_over_an_array() {
    check("{% block ARR %}{{#}}:{{.X}};{% endblock %}", "0:left;1:right;");
    check("{% block ARR %}{% if .Y exists %}{{.Y}}{% else %}-{% endif %}{% endblock %}", "-only");
    check("{% block ARR %}{% block c %}{{#}}{% endblock %}{{#}} {% endblock %}", "01230 01231 ");
    check("{% block 2 %}{{#}}{% endblock %}{{ARR[0].X}}", "01left");
}

#[test]
fn conditions_compare_texts() {
    check("{% if word == text %}a{% endif %}", "a");
    check("{% if word == \"text\" %}a{% endif %}", "a");
    check("{% if b == 12.0 %}a{% else %}b{% endif %}", "b");
    check("{% if word != x %}a{% endif %}", "a");
    check("{% if nothing exists %}a{% else %}b{% endif %}", "b");
    check("{% if nothing not_exists %}a{% endif %}", "a");
    check("{%if b exists%}{%if c==5%}x{%else%}y{%endif%}{%else%}z{%endif%}", "y");
}

#[test]
fn variables_can_be_set_and_loops_keep_to_themselves() {
    check("{% set e %}<{{b}}>{% endset %}{{e}}{{e}}", "<12><12>");
    check("{% for b in range(2) %}{{b}}{% endfor %}{{b}}", "0112");
    check("{% for v in range(5, 2) %}{{v}}{% endfor %}", "");
}

#[test]
fn other_templates_are_included_with_the_same_variables() {
    check("{% set e %}1{% endset %}{% include other.tpl %}", "[12]\ne=1\n");
    check("{% include \"/abs.tpl\" %}", "absolute");
}

#[test]
fn every_line_knows_where_it_comes_from() {
    let rendered = rendered("a\n{% block ARR %}b\n{{.X}} c\n{% endblock %}\n{% include other.tpl %}d\n").unwrap();
    let lines: Vec<(&str, TemplateLine)> = rendered.text.lines().zip(rendered.lines).collect();
    let expected = [
        ("a", (0, 1)),
        ("b", (0, 2)),
        ("left c", (0, 3)),
        ("b", (0, 2)),
        ("right c", (0, 3)),
        ("", (0, 4)),
        ("[12]", (1, 1)),
        ("", (1, 2)),
        ("d", (0, 5)),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn faults_have_their_line() {
    check_fault("\n{{bb}}", 2, "there is no variable `bb`; the section that includes the template must have that key");
    check_fault(
        "{% block ARR %}\n{{.Y}}{% endblock %}",
        2,
        "there is no variable `ARR[0].Y`; the section that includes the template must have that key; did you mean `ARR[0].X`?",
    );
    check_fault("a\n{{b", 2, "expected `}}` after `{{b`");
    check_fault("{{}}", 1, "expected the name of a variable, found `{{}}`");
    check_fault("a\n\n{% if b == 1 %}\nb", 3, "expected `{% endif %}` for this `{% if ... %}`");
    check_fault("{% if b == 1 %}{% else %}{% else %}{% endif %}", 1, "this `{% if ... %}` has a second `{% else %}`");
    check_fault(
        "{% if b %}{% endif %}",
        1,
        "expected `if NAME == VALUE`, `if NAME != VALUE`, `if NAME exists` or `if NAME not_exists`, found `{% if b %}`",
    );
    check_fault(
        "{% for v in 1..3 %}{% endfor %}",
        1,
        "expected `for v in range(b)` or `for v in range(a, b)`, found `{% for v in 1..3 %}`",
    );
    check_fault("{% block word %}{% endblock %}", 1, "expected a whole number in `word`, found `text`");
    check_fault("{% set %}{% endset %}", 1, "expected a name after `set`, found `{% set %}`");
    check_fault(
        "x\n{% inclued f %}",
        2,
        "expected `block`, `for`, `if`, `set` or `include`, found `{% inclued %}`; did you mean `include`?",
    );
    check_fault("{% endif %}", 1, "expected `block`, `for`, `if`, `set` or `include`, found `{% endif %}`");
    check_fault("{% include none.tpl %}", 1, "no file `dir/none.tpl`");
    check_fault("{% block big %}{% endblock %}", 1, "repeats more than 1048576 times");
    check_fault(&"{% block 1 %}".repeat(40), 1, "directives are nested more than 32 deep");
    let deep = rendered("{% include self.tpl %}").unwrap_err();
    assert_eq!(deep, (Some((2, 1)), "templates include each other more than 32 deep".to_owned()));
    let doubling: String = (0..30).map(|_| "{% set b %}{{b}}{{b}}{% endset %}\n").collect();
    let (_, message) = rendered(&doubling).unwrap_err();
    assert_eq!(message, "the rendered text grows beyond 4194304 bytes");
}

proptest! {
    #[test]
    fn no_template_panics(text in "(\\{\\{|\\}\\}|\\{%|%\\}|if |endif|else|block |endblock|for |in range\\(|set |endset|include |== |exists|[.#a-e,)\n ]){0,25}") {
        let _ = rendered(&text);
    }
}

//! Models that include templates.

use std::collections::BTreeMap;

use super::*;
use crate::model::CellDescription;

/// A model with these templates beside it.
fn with(text: &str, templates: &[(&str, &str)]) -> Result<(Description, Vec<Fault>), Faults> {
    let templates: BTreeMap<String, String> =
        templates.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let files = Files::new(move |path| Ok(templates.get(path).cloned()));
    let environment = [("LIBRARY".to_owned(), "lib".to_owned())].into_iter().collect();
    load("m.ini", text, &Options { files, environment, ..Options::default() })
}

#[track_caller]
fn cells(text: &str, templates: &[(&str, &str)]) -> Vec<CellDescription> {
    match with(text, templates) {
        Ok((description, warnings)) => {
            assert_eq!(warnings_text("m.ini", &warnings), "");
            description.cells
        }
        Err(faults) => panic!("{faults}"),
    }
}

#[track_caller]
fn check(text: &str, templates: &[(&str, &str)], expected: &str) {
    match with(text, templates) {
        Ok((_, warnings)) => panic!("no fault; {}", warnings_text("m.ini", &warnings)),
        Err(faults) => assert_eq!(faults.to_string(), expected),
    }
}

const CONV: &str = "; a convolution\n[{{SECTION_NAME}}.conv]\nInput={{INPUT}}\nType=Conv\nKernelSize={{KERNEL}}\nNbOutputs={{N}}\n{% if STRIDE exists %}\nStride={{STRIDE}}\n{% endif %}\nActivationFunction=Linear";
const OUT: &str = "[out]\nInput=b.conv\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\n[out.Target]\n";

fn names_and_sizes(cells: &[CellDescription]) -> Vec<(&str, usize, usize)> {
    cells.iter().map(|cell| (cell.name.as_str(), cell.output_shape.channels, cell.output_shape.width)).collect()
}

#[test]
fn a_template_becomes_sections_where_it_stands() {
    let text = format!(
        "{HEAD}[sizes]\nSmall=4\n[def]\nKERNEL=5\n[a@conv.ini.tpl] def\nINPUT=sp\nN=[sizes]Small\n[b@conv.ini.tpl] def\nINPUT=a.conv\nN=$(2 * [sizes]Small )\nSTRIDE=2\n{OUT}"
    );
    let cells = cells(&text, &[("conv.ini.tpl", CONV)]);
    assert_eq!(names_and_sizes(&cells), [("a.conv", 4, 24), ("b.conv", 8, 10), ("out", 10, 1)]);
    assert_eq!(cells[0].span.to_string(), "conv.ini.tpl, line 2");
    assert_eq!(cells[1].span_of("Stride").to_string(), "conv.ini.tpl, line 8");
    assert_eq!(cells[2].span.file.as_ref(), "m.ini");
}

#[test]
fn templates_see_variables_and_computed_keys_and_their_sections_their_parent() {
    let conv = "[{{SECTION_NAME}}.conv]\nInput={{INPUT}}\nType=Conv\nKernelSize=3\nNbOutputs=$({{N}} + ${MORE})\nActivationFunction=Linear\n[{{SECTION_NAME}}.pool]\nInput=${PARENT_SECTION_NAME}.conv\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nMapping.Size=1\nNbOutputs=[${PARENT_SECTION_NAME}.conv]NbOutputs\n";
    let conv = conv.replace("[${PARENT_SECTION_NAME}.conv]NbOutputs", "[{{SECTION_NAME}}.conv]_NbOutputs");
    let text = format!(
        "$MORE=1\n$W=6\n{HEAD}[a@conv.ini.tpl]\n$X=sp\nINPUT=${{X}}\nN=${{W}}\n[b@conv.ini.tpl]\nINPUT=a.pool\nN=[a.conv]_NbOutputs\n{}",
        OUT.replace("b.conv", "b.pool")
    );
    let cells = cells(&text, &[("conv.ini.tpl", &conv)]);
    assert_eq!(
        names_and_sizes(&cells),
        [("a.conv", 7, 26), ("a.pool", 7, 13), ("b.conv", 8, 11), ("b.pool", 8, 5), ("out", 10, 1)]
    );
}

#[test]
fn templates_include_templates_beside_them() {
    let outer = "[{{SECTION_NAME}}@conv.tpl]\nINPUT=sp\nN=2\nKERNEL={{KERNEL}}\n";
    let text = format!("{HEAD}[b@${{LIBRARY}}/outer.tpl]\nKERNEL=3\n{OUT}");
    let files = [("lib/outer.tpl", outer), ("lib/conv.tpl", CONV)];
    let cells = cells(&text, &files);
    assert_eq!(names_and_sizes(&cells), [("b.conv", 2, 26), ("out", 10, 1)]);
    let (description, _) = with(&text, &files).unwrap();
    assert_eq!(description.sha256, sha256([text.as_str(), outer, CONV].into_iter()));
}

#[test]
fn faults_name_the_template_and_its_line() {
    let text = |keys: &str| format!("{HEAD}[b@conv.ini.tpl]\n{keys}\n{OUT}");
    let conv = [("conv.ini.tpl", CONV)];
    check(
        &text("INPUT=sp\nN=4\nKERNEL=five\nSTRIDE=0"),
        &conv,
        "m.ini has 2 faults
  conv.ini.tpl, line 5, [b.conv] KernelSize: expected a whole number from 1 such as `32` or `1,000,000`, found `five`
  conv.ini.tpl, line 8, [b.conv] Stride: expected a whole number from 1 such as `32` or `1,000,000`, found `0`",
    );
    check(
        &text("INPUT=sp\nN=4\nKERNE=5"),
        &conv,
        "m.ini has 1 fault
  conv.ini.tpl, line 5, [b]: there is no variable `KERNEL`; the section that includes the template must have that key; did you mean `KERNE`?",
    );
    check(
        &text("A=[b]A\nN=${N}\n$N=${N}"),
        &[("conv.ini.tpl", "")],
        "m.ini has 2 faults
  line 8, [b] N: refers to itself: [b]$N -> [b]$N
  line 11, [out] Input: there is no layer `b.conv`",
    );
    check(
        &text("N=1"),
        &[("conv.ini.tpl", "X={{N}}\nY\n[out]\n[c\n[{{SECTION_NAME}}@conv.ini.tpl]\nN=1")],
        "m.ini has 6 faults
  conv.ini.tpl, line 1: expected a `[section]` before the first key of a template, found `X`
  conv.ini.tpl, line 2: malformed line: expected `[section]` or `key=value`, found `Y`
  conv.ini.tpl, line 3, [out]: section declared twice, first at line 3 of `conv.ini.tpl`
  conv.ini.tpl, line 4: malformed section header: expected `[name]`, found `[c`
  conv.ini.tpl, line 5, [b]: templates include each other more than 16 deep
  line 8, [out]: section declared twice, first at line 3 of `conv.ini.tpl`",
    );
    check(
        &format!(
            "{HEAD}[a@none.tpl]\n[b@]\n[c@${{NOT_SET}}/x.tpl]\n[@conv.ini.tpl]\n[f]\nInput=sp\nType=Fc\nNbOutputs=10\n[f.Target]"
        ),
        &[],
        "m.ini has 4 faults
  line 6, [a]: template `none.tpl`: there is no such file
  line 7, [b]: malformed section header: expected the path of a template after `@`
  line 8, [c]: the environment variable `NOT_SET` is not set
  line 9: malformed section header: expected a name between `[` and `]`",
    );
}

#[test]
fn a_warning_names_the_template_too() {
    let text = format!("{HEAD}[b@conv.ini.tpl]\nINPUT=sp\nN=4\nKERNEL=5\n{OUT}");
    let (_, warnings) = with(&text, &[("conv.ini.tpl", &format!("{CONV}\nKernelSiz=3"))]).unwrap();
    assert_eq!(
        warnings_text("m.ini", &warnings),
        "m.ini has 1 warning\n  conv.ini.tpl, line 11, [b.conv] KernelSiz: unknown key; did you mean `KernelSize`?"
    );
}

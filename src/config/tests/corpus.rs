//! Models in files, good and faulty, each with a golden text beside it: what is read, or what is wrong.
//!
//! `UPDATE_GOLDENS=1 cargo test --profile fast -p femtospike corpus` writes the golden texts anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/corpus").join(folder)
}

/// The text of a file, `None` when there is none.
fn text_of(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the model `name` of `folder`; saved parameters of the layer `l` of `m.ini` lie in `m.l.cfg`.
fn read(folder: &str, name: &str) -> Result<(Description, Vec<Fault>), Faults> {
    let root = corpus(folder);
    let stem = name.strip_suffix(".ini").unwrap().to_owned();
    let text = text_of(&root.join(name)).unwrap().unwrap();
    let beside = root.clone();
    let options = Options {
        files: Files::new(move |path| text_of(&beside.join(path))),
        saved: Files::new(move |name| text_of(&root.join(format!("{stem}.{name}")))),
        ..Options::default()
    };
    load(name, &text, &options)
}

fn models(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(corpus(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".ini")).collect();
    names.sort();
    names
}

fn outline(description: &Description) -> String {
    let shape = |shape: stimuli::Shape| format!("{}x{}x{}", shape.width, shape.height, shape.channels);
    let stimuli = &description.stimuli;
    let mut text = format!("stimuli {}, batches of {}\n", shape(stimuli.shape), stimuli.batch_size);
    for transformation in &stimuli.transformations {
        let _ = writeln!(text, "{transformation:?}");
    }
    for cell in &description.cells {
        let operator = format!("{:?}", cell.operator);
        let kind = operator.split('(').next().unwrap_or("");
        let inputs: Vec<&str> = cell
            .inputs
            .iter()
            .map(|input| match *input {
                formal::config::Source::Stimuli => "stimuli",
                formal::config::Source::Cell(cell) => &description.cells[cell].name,
            })
            .collect();
        let _ = writeln!(
            text,
            "{} ({}): {kind} {} -> {}, {:?} of {}",
            cell.name,
            cell.span,
            shape(cell.input_shape),
            shape(cell.output_shape),
            cell.family,
            inputs.join(" + ")
        );
        for (name, value) in &cell.parameters {
            let _ = writeln!(text, "  {name} = {value}");
        }
        if let formal::config::Operator::Conv(conv) = &cell.operator {
            let formal::config::SolverConfig::Sgd(solver) = &conv.weights_solver else { continue };
            let _ = writeln!(
                text,
                "  kernel {}x{}, stride {}x{}, {:?}, rate {}, step {}, bounds {:?}",
                conv.kernel.width,
                conv.kernel.height,
                conv.stride.width,
                conv.stride.height,
                conv.weights_filler,
                solver.learning_rate,
                solver.learning_rate_step_size,
                solver.clamping
            );
            for pairs in conv.mapping.iter().flat_map(|pairs| pairs.chunks(cell.input_shape.channels)) {
                let row: String = pairs.iter().map(|&is_connected| if is_connected { '1' } else { '.' }).collect();
                let _ = writeln!(text, "  {row}");
            }
        }
    }
    text
}

/// Compares with the golden text beside the model, or writes it.
fn check(folder: &str, name: &str, found: &str) {
    let path = corpus(folder).join(name).with_extension("txt");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, format!("{found}\n")).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden.trim_end(), "{}", path.display());
}

#[test]
fn good_models_are_read_as_their_golden_texts_say() {
    let models = models("good");
    assert!(models.len() >= 6, "{models:?}");
    for name in models {
        match read("good", &name) {
            Ok((description, warnings)) => {
                let text = outline(&description) + &warnings_text(&name, &warnings);
                check("good", &name, text.trim_end());
            }
            Err(faults) => panic!("{faults}"),
        }
    }
}

#[test]
fn faulty_models_are_refused_as_their_golden_texts_say() {
    let models = models("faulty");
    assert!(models.len() >= 9, "{models:?}");
    for name in models {
        match read("faulty", &name) {
            Ok(_) => panic!("{name} has no fault"),
            Err(faults) => check("faulty", &name, &faults.to_string()),
        }
    }
}

//! `[database]`.

use std::path::PathBuf;

use stimuli::folder::Folder;
use stimuli::{Rule, cifar};

use super::build::accepted;
use super::reader::{Bag, Reader, Unknown};
use super::registry::Scope;
use crate::model::{DatabaseDescription, DatabaseDriver, Located, Span};

/// Sections of folders that may lead to others.
const MOST_FOLDERS: usize = 1000;

/// Reads the section `[database]`.
pub(crate) fn database(reader: &mut Reader<'_>) -> Option<DatabaseDescription> {
    let Some(section) = reader.document.find("database") else {
        reader.section_fault(0, "", "expected a section `[database]`, found none");
        return None;
    };
    for (index, other) in reader.document.sections().iter().enumerate() {
        if other.name.starts_with("database.") {
            let folds = ["sortAndDropLabels", "filterROIs", "slicing"];
            if folds.iter().any(|fold| other.name[9..].starts_with(fold)) {
                reader.bag(index, None);
                reader.section_fault(index, "", "sorting, filtering and slicing a database are not supported yet");
            }
        }
    }
    let bag = reader.bag(section, None);
    let n_errors = reader.errors.len();
    let name: String = reader.read(&bag, "", Scope::Database, "Type");
    let is_known = reader.errors.len() == n_errors;
    let scope = match name.as_str() {
        "CIFAR10_Database" => Some(Scope::Cifar),
        "CIFAR100_Database" => Some(Scope::Cifar100),
        "GTSRB_DIR_Database" => Some(Scope::Gtsrb),
        "DIR_Database" => Some(Scope::Folder),
        _ => None,
    };
    if is_known {
        reader.check(&bag, &accepted(scope.into_iter().chain([Scope::Database])), Unknown::Warns);
    }
    let (data_path, driver, validation);
    let mut unlabeled = None;
    if scope == Some(Scope::Folder) {
        let mut folders = Vec::new();
        let mut seen = Vec::new();
        read_folders(reader, section, &mut folders, &mut seen, &mut unlabeled);
        (data_path, validation) = (None, 0.0);
        driver = DatabaseDriver::Folders(folders);
    } else {
        data_path = path(reader, &bag, Scope::Database, "DataPath");
        validation = reader.read(&bag, "", Scope::Database, "Validation");
        driver = match scope {
            Some(Scope::Gtsrb) => {
                DatabaseDriver::Gtsrb { extracts_rois: reader.read(&bag, "", Scope::Gtsrb, "ExtractROIs") }
            }
            Some(scope) => {
                let uses_test_for_validation = reader.read(&bag, "", scope, "UseTestForValidation");
                let kind = match scope {
                    Scope::Cifar => cifar::Kind::Cifar10,
                    _ if reader.read(&bag, "", scope, "UseCoarse") => cifar::Kind::Cifar100Coarse,
                    _ => cifar::Kind::Cifar100Fine,
                };
                DatabaseDriver::Cifar { kind, uses_test_for_validation }
            }
            None if name == "Fashion_MNIST_IDX_Database" => DatabaseDriver::FashionMnistIdx,
            None => DatabaseDriver::MnistIdx,
        };
    }
    Some(DatabaseDescription {
        span: reader.span_of_section(section),
        driver,
        data_path,
        validation,
        unlabeled,
        target_data_path: path(reader, &bag, Scope::Database, "TargetDataPath"),
        random_partitioning: reader.read(&bag, "", Scope::Database, "RandomPartitioning"),
    })
}

fn path<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, scope: Scope, key: &str) -> Option<Located<PathBuf>> {
    let path = reader.read_optional::<String>(bag, "", scope, key);
    let property = bag.property(key)?;
    let path = path.filter(|path| !path.is_empty())?;
    Some(Located { value: PathBuf::from(path), span: reader.span(property.line) })
}

/// Reads the folder of a section, and of those that its `LoadMore` leads to.
fn read_folders(
    reader: &mut Reader<'_>,
    section: usize,
    folders: &mut Vec<Folder>,
    seen: &mut Vec<usize>,
    unlabeled: &mut Option<Span>,
) {
    const SCOPE: Scope = Scope::Folder;
    seen.push(section);
    let bag = reader.bag(section, None);
    if seen.len() > 1 {
        reader.check(&bag, &accepted([SCOPE, Scope::Database]), Unknown::Warns);
    }
    let data_path: String = reader.read(&bag, "", SCOPE, "DataPath");
    let label_depth = whole(reader, &bag, "LabelDepth");
    if let (true, Some(property)) = (label_depth < 0, bag.property("LabelDepth")) {
        unlabeled.get_or_insert(reader.span(property.line));
    }
    let depth = whole(reader, &bag, "Depth");
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let ignore_masks = words(reader.read(&bag, "", SCOPE, "IgnoreMasks"));
    let extensions = words(reader.read(&bag, "", SCOPE, "ValidExtensions"));
    let label_file = path(reader, &bag, SCOPE, "LabelFile").map(|path| path.value);
    folders.push(Folder {
        path: PathBuf::from(data_path),
        depth: usize::try_from(depth).ok(),
        label_name: reader.read(&bag, "", SCOPE, "LabelName"),
        label_depth: usize::try_from(label_depth).unwrap_or(0),
        ignore_masks,
        valid_extensions: extensions.iter().map(|extension| extension.trim_start_matches('.').to_lowercase()).collect(),
        label_file,
        rule: rule(reader, &bag),
    });
    let more: Option<String> = reader.read_optional(&bag, "", SCOPE, "LoadMore");
    let Some(more) = more.filter(|name| !name.is_empty()) else { return };
    match reader.document.find(&more) {
        None => reader.fault_at(&bag, "LoadMore", format!("there is no section `[{more}]`")),
        Some(next) if seen.contains(&next) || seen.len() > MOST_FOLDERS => {
            reader.fault_at(&bag, "LoadMore", format!("`[{more}]` is loaded already"));
        }
        Some(next) => read_folders(reader, next, folders, seen, unlabeled),
    }
}

fn whole<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, key: &str) -> i64 {
    let value: f64 = reader.read(bag, "", Scope::Folder, key);
    if value.fract() != 0.0 || value.abs() > 1e9 {
        reader.fault_at(bag, key, format!("expected a whole number, found `{value}`"));
    }
    value as i64
}

/// Fractions of each label, or numbers of stimuli.
fn rule<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Rule {
    let scope = Scope::Folder;
    let learn: f64 = reader.read(bag, "", scope, "Learn");
    let validation: f64 = reader.read(bag, "", scope, "Validation");
    let test: Option<f64> = reader.read_optional(bag, "", scope, "Test");
    let is_equivalent = reader.read(bag, "", scope, "EquivLabelPartitioning");
    let shares = [("Learn", Some(learn)), ("Validation", Some(validation)), ("Test", test)];
    let per_label: bool = reader.read(bag, "", scope, "PerLabelPartitioning");
    for (key, share) in shares.into_iter().filter_map(|(key, share)| Some((key, share?))) {
        let is_count = share.fract() == 0.0 && (0.0..1e15).contains(&share);
        let (is_good, expected) = if per_label {
            let expected = "a fraction from 0 to 1 of each label; `PerLabelPartitioning=0` takes numbers of stimuli";
            ((0.0..=1.0).contains(&share), expected)
        } else {
            (is_count, "a number of stimuli; `PerLabelPartitioning=1` takes fractions of each label")
        };
        if !is_good {
            reader.fault_at(bag, key, format!("expected {expected}, found `{share}`"));
        }
    }
    let sum = learn + validation + test.unwrap_or(0.0);
    if !per_label {
        let count = |share: f64| share as usize;
        return Rule::Counts { learn: count(learn), validation: count(validation), test: test.map(count) };
    }
    if sum > 1.0 + 1e-9 {
        let message =
            format!("expected fractions that add up to at most 1, found {sum} for Learn, Validation and Test");
        reader.fault_at(bag, "Learn", message);
    }
    Rule::PerLabel { learn, validation, test, is_equivalent }
}

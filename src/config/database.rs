//! `[database]`.

use std::path::PathBuf;

use stimuli::folder::{Folder, Regions};
use stimuli::imdb_wiki::Faces;
use stimuli::masks::Masks;
use stimuli::voc::{Boxes, Sets};
use stimuli::{CompositeLabel, Composition, RoiFilter, Rule, Slicing, cifar};

use super::build::accepted;
use super::reader::{Bag, Reader, Unknown};
use super::registry::Scope;
use super::transformations::apply_to;
use crate::model::{DatabaseDescription, DatabaseDriver, Located, Span};

/// Sections of folders that may lead to others.
const MOST_FOLDERS: usize = 1000;

/// Reads the section `[database]`.
pub(crate) fn database(reader: &mut Reader<'_>) -> Option<DatabaseDescription> {
    let Some(section) = reader.document.find("database") else {
        reader.section_fault(0, "", "expected a section `[database]`, found none");
        return None;
    };
    let (mut filters, mut slicings) = (Vec::new(), Vec::new());
    let document = reader.document;
    for (index, other) in document.sections().iter().enumerate() {
        if other.name.starts_with("database.") {
            let kind = &other.name[9..];
            if kind.starts_with("filterROIs") {
                filters.push(filter(reader, index));
            } else if kind.starts_with("slicing") {
                slicings.push(slicing(reader, index));
            } else if kind.starts_with("sortAndDropLabels") {
                reader.bag(index, None);
                reader.section_fault(
                    index,
                    "",
                    "sorting and dropping labels is not supported yet; leave the section out",
                );
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
        "IMDBWIKI_Database" => Some(Scope::Faces),
        "VOC_Database" => Some(Scope::Voc),
        "Mask_Database" => Some(Scope::Masks),
        _ => None,
    };
    if is_known {
        reader.check(&bag, &accepted(scope.into_iter().chain([Scope::Database])), Unknown::Warns);
    }
    let default_label: String = reader.read(&bag, "", Scope::Database, "DefaultLabel");
    let default_label = Some(default_label).filter(|name| !name.is_empty());
    let (data_path, driver, validation);
    let (mut unlabeled, mut label_path) = (None, None);
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
            Some(Scope::Faces) => {
                label_path = path(reader, &bag, Scope::Faces, "LabelPath");
                DatabaseDriver::Faces(faces(reader, &bag, default_label.clone()))
            }
            Some(Scope::Voc) => {
                label_path = path(reader, &bag, Scope::Voc, "LabelPath");
                DatabaseDriver::Boxes(boxes(reader, &bag, default_label.clone()))
            }
            Some(Scope::Masks) => {
                label_path = path(reader, &bag, Scope::Masks, "LabelPath");
                DatabaseDriver::Masks(masks(reader, &bag, default_label.clone()))
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
        label_path,
        composition: composition(reader, &bag),
        default_label,
        filters,
        slicings,
        random_partitioning: reader.read(&bag, "", Scope::Database, "RandomPartitioning"),
    })
}

fn path<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, scope: Scope, key: &str) -> Option<Located<PathBuf>> {
    let path = reader.read_optional::<String>(bag, "", scope, key);
    let property = bag.property(key)?;
    let path = path.filter(|path| !path.is_empty())?;
    Some(Located { value: PathBuf::from(path), span: reader.span(property.line) })
}

fn filter(reader: &mut Reader<'_>, section: usize) -> Located<RoiFilter> {
    const SCOPE: Scope = Scope::FilterRois;
    let bag = reader.bag(section, None);
    reader.check(&bag, &accepted([SCOPE]), Unknown::Warns);
    let value = RoiFilter {
        labels: names(&reader.read::<String>(&bag, "", SCOPE, "Labels")),
        keeps: reader.read(&bag, "", SCOPE, "FilterKeep"),
        removes_stimuli: reader.read(&bag, "", SCOPE, "RemoveStimuli"),
    };
    Located { value, span: reader.span_of_section(section) }
}

/// Names between commas, or between blanks where there is no comma.
fn names(text: &str) -> Vec<String> {
    let separators: &[char] = if text.contains(',') { &[','] } else { &[' ', '\t'] };
    text.split(separators).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn slicing(reader: &mut Reader<'_>, section: usize) -> Located<Slicing> {
    const SCOPE: Scope = Scope::Slicing;
    let bag = reader.bag(section, None);
    reader.check(&bag, &accepted([SCOPE]), Unknown::Warns);
    let value = Slicing {
        width: reader.read(&bag, "", SCOPE, "Width"),
        height: reader.read(&bag, "", SCOPE, "Height"),
        stride_x: reader.read(&bag, "", SCOPE, "StrideX"),
        stride_y: reader.read(&bag, "", SCOPE, "StrideY"),
        apply_to: apply_to(reader, &bag, SCOPE),
        shuffles: reader.read(&bag, "", SCOPE, "RandomShuffle"),
        overlaps: reader.read(&bag, "", SCOPE, "Overlapping"),
    };
    Located { value, span: reader.span_of_section(section) }
}

/// How labels of pixels are made, but for the default label.
fn composition<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Composition {
    let composite = match reader.read::<String>(bag, "", Scope::Database, "CompositeLabel").as_str() {
        "None" => CompositeLabel::None,
        "Default" => CompositeLabel::Default,
        "Disjoint" => CompositeLabel::Disjoint,
        "Combine" => CompositeLabel::Combine,
        _ => CompositeLabel::Auto,
    };
    Composition {
        composite,
        rois_margin: reader.read(bag, "", Scope::Database, "ROIsMargin"),
        default_label: None,
        without_masks: !reader.read::<bool>(bag, "", Scope::Database, "DataFileLabel"),
    }
}

fn faces<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, default_label: Option<String>) -> Faces {
    const SCOPE: Scope = Scope::Faces;
    let faces = Faces {
        data_path: PathBuf::new(),
        label_path: PathBuf::new(),
        imdb: reader.read(bag, "", SCOPE, "IMDBSet"),
        wiki: reader.read(bag, "", SCOPE, "WikiSet"),
        crops: reader.read(bag, "", SCOPE, "CropFrame"),
        names_are_labels: reader.read(bag, "", SCOPE, "UseNameAsLabel"),
        default_label,
        learn: reader.read(bag, "", SCOPE, "Learn"),
        validation: reader.read(bag, "", SCOPE, "Validation"),
    };
    if !faces.imdb && !faces.wiki {
        reader.fault_at(bag, "WikiSet", "expected `WikiSet=1`, `IMDBSet=1` or both, found neither");
    }
    check_sum(reader, bag, faces.learn + faces.validation, "Learn and Validation");
    faces
}

fn boxes<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, default_label: Option<String>) -> Boxes {
    const SCOPE: Scope = Scope::Voc;
    let is_listed = reader.read(bag, "", SCOPE, "UseImageSets");
    let rule = fractions(reader, bag, SCOPE);
    for key in ["Learn", "Validation", "Test"] {
        if is_listed && bag.has(key) {
            reader.fault_at(bag, key, "has no meaning with `UseImageSets=1`; leave it out");
        }
    }
    Boxes {
        path: PathBuf::new(),
        annotations: None,
        takes_difficult: reader.read(bag, "", SCOPE, "IncDifficult"),
        default_label,
        sets: if is_listed { Sets::Listed } else { Sets::Drawn(rule) },
    }
}

fn masks<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, default_label: Option<String>) -> Masks {
    const SCOPE: Scope = Scope::Masks;
    let values: String = reader.read(bag, "", SCOPE, "LabelFile");
    Masks {
        path: PathBuf::new(),
        label_path: PathBuf::new(),
        suffix: reader.read(bag, "", SCOPE, "LabelSuffix"),
        values: PathBuf::from(values),
        default_label,
        rule: fractions(reader, bag, SCOPE),
    }
}

/// Fractions of all stimuli.
fn fractions<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, scope: Scope) -> Rule {
    let learn: f64 = reader.read(bag, "", scope, "Learn");
    let validation: f64 = reader.read(bag, "", scope, "Validation");
    let test: Option<f64> = reader.read_optional(bag, "", scope, "Test");
    check_sum(reader, bag, learn + validation + test.unwrap_or(0.0), "Learn, Validation and Test");
    Rule::Fractions { learn, validation, test }
}

fn check_sum<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, sum: f64, of: &str) {
    if sum > 1.0 + 1e-9 {
        let message = format!("expected fractions that add up to at most 1, found {sum} for {of}");
        reader.fault_at(bag, "Learn", message);
    }
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
    let regions = regions(reader, &bag);
    if let (true, None, Some(property)) = (label_depth < 0, &regions, bag.property("LabelDepth")) {
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
        label_depth: usize::try_from(label_depth).ok(),
        ignore_masks,
        valid_extensions: extensions.iter().map(|extension| extension.trim_start_matches('.').to_lowercase()).collect(),
        label_file,
        regions,
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

/// Where the regions of the images are told.
fn regions<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Option<Regions> {
    let extension: String = reader.read(bag, "", Scope::Folder, "ROIExtension");
    let table = path(reader, bag, Scope::Folder, "ROIFile");
    let tables = path(reader, bag, Scope::Folder, "ROIDir");
    match (table, tables) {
        (Some(_), Some(_)) => {
            reader.fault_at(bag, "ROIDir", "excludes `ROIFile`; write one or the other");
            None
        }
        (Some(table), None) => Some(Regions::Table(table.value)),
        (None, Some(tables)) => Some(Regions::Tables(tables.value, extension)),
        (None, None) => None,
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
    check_sum(reader, bag, sum, "Learn, Validation and Test");
    Rule::PerLabel { learn, validation, test, is_equivalent }
}

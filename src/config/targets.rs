//! `[<layer>.Target*]`: what outputs are compared with.

use formal::config::Operator;
use stimuli::Shape;

use super::build::accepted;
use super::cells::Cells;
use super::labels;
use super::nearest::did_you_mean;
use super::reader::{Bag, Reader, Unknown};
use super::registry::Scope;
use crate::model::{
    CellDescription, Display, LabelsMapping, Mask, PictureFormat, RoiRules, TargetDescription, TargetKind,
};

/// What the targets' outputs are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Labeled {
    /// What `DataAsTarget` wants of a stimulus, where it is known.
    pub wanted: Option<Shape>,
    /// Labels of the database.
    pub n_labels: usize,
}

/// A target and what of it needs all of them to be read.
struct Read<'a> {
    bag: Bag<'a>,
    section: usize,
    target: TargetDescription,
}

/// For each layer in order, the sections whose name begins with its name and `.Target`, in file order; the first that is
/// scored comes first.
pub(crate) fn targets(reader: &mut Reader<'_>, cells: &Cells, labeled: Labeled) -> Vec<TargetDescription> {
    let document = reader.document;
    let mut all = Vec::new();
    for (cell, description) in cells.descriptions.iter().enumerate() {
        let prefix = format!("{}.Target", description.name);
        for (section, name) in document.sections().iter().enumerate().map(|(index, section)| (index, &section.name)) {
            if name.starts_with(&prefix) {
                let bag = reader.bag(section, None);
                let target = target(reader, &bag, section, cells.last_of(cell), name);
                // A bias of the target knows the class in any case.
                let is_for_bias = matches!(description.operator, Operator::TargetBias(_));
                if target.kind != TargetKind::Train || !is_for_bias {
                    all.push(Read { bag, section, target });
                }
            }
        }
    }
    let is_scored = |read: &Read<'_>| read.target.kind == TargetKind::Score && !read.target.is_data;
    if let Some(primary) = all.iter().position(is_scored) {
        let read = all.remove(primary);
        all.insert(0, read);
    }
    let names: Vec<String> = all.iter().map(|read| read.target.name.clone()).collect();
    for at in 0..all.len() {
        link(reader, &mut all, at, &names);
    }
    if cells.complete {
        let n_classes: Vec<usize> = all.iter().map(|read| n_classes(&all, &read.target, cells)).collect();
        for (read, &n_classes) in all.iter_mut().zip(&n_classes) {
            read.target.labels = mapping(reader, &read.bag, n_classes);
        }
        for (at, &n_classes) in n_classes.iter().enumerate() {
            check(reader, &all, at, n_classes, cells, labeled);
        }
        check_all(reader, &all, cells);
    }
    all.into_iter().map(|read| read.target).collect()
}

fn target<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, section: usize, cell: usize, name: &str) -> TargetDescription {
    const SCOPE: Scope = Scope::Target;
    let kind: String = reader.read(bag, "", SCOPE, "Type");
    let is_rois = kind == "TargetROIs";
    let scopes = [Some(SCOPE), is_rois.then_some(Scope::TargetRois)];
    reader.check(bag, &accepted(scopes.into_iter().flatten()), Unknown::Warns);
    let kind = match kind.as_str() {
        "Target" => TargetKind::Train,
        "TargetROIs" => TargetKind::Rois(roi_rules(reader, bag)),
        _ => TargetKind::Score,
    };
    TargetDescription {
        name: name.to_owned(),
        span: reader.span_of_section(section),
        cell,
        kind,
        target_value: reader.read(bag, "", SCOPE, "TargetValue"),
        default_value: reader.read(bag, "", SCOPE, "DefaultValue"),
        is_data: reader.read(bag, "", SCOPE, "DataAsTarget"),
        top_n: reader.read(bag, "", SCOPE, "TopN"),
        labels: None,
        weak_class: reader.read(bag, "", SCOPE, "WeakTarget"),
        binary_threshold: reader.read(bag, "", SCOPE, "BinaryThreshold"),
        mask: None,
        display: display(reader, bag),
    }
}

fn roi_rules<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> RoiRules {
    const SCOPE: Scope = Scope::TargetRois;
    RoiRules {
        label_target: None,
        min_size: reader.read(bag, "", SCOPE, "MinSize"),
        min_overlap: reader.read(bag, "", SCOPE, "MinOverlap"),
        filter_min_height: reader.read(bag, "", SCOPE, "FilterMinHeight"),
        filter_min_width: reader.read(bag, "", SCOPE, "FilterMinWidth"),
        filter_min_aspect_ratio: reader.read(bag, "", SCOPE, "FilterMinAspectRatio"),
        filter_max_aspect_ratio: reader.read(bag, "", SCOPE, "FilterMaxAspectRatio"),
        merge_max_h_dist: reader.read(bag, "", SCOPE, "MergeMaxHDist"),
        merge_max_v_dist: reader.read(bag, "", SCOPE, "MergeMaxVDist"),
        generates_label_rois: reader.read(bag, "", SCOPE, "GenerateLabelsROIs"),
    }
}

fn display<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Display {
    const SCOPE: Scope = Scope::Target;
    let hue_offset: u32 = reader.read(bag, "", SCOPE, "LabelsHueOffset");
    if hue_offset > 179 {
        reader.fault_at(bag, "LabelsHueOffset", format!("expected a hue from 0 to 179, found {hue_offset}"));
    }
    let plain: i32 = reader.read(bag, "", SCOPE, "NoDisplayLabel");
    let format = match reader.read::<String>(bag, "", SCOPE, "ImageLogFormat").as_str() {
        "jpg" | "jpeg" => PictureFormat::Jpeg,
        _ => PictureFormat::Png,
    };
    Display {
        plain_class: usize::try_from(plain).ok(),
        hue_offset,
        shows_value: reader.read(bag, "", SCOPE, "EstimatedLabelsValueDisplay"),
        value_threshold: reader.read(bag, "", SCOPE, "ValueThreshold"),
        format,
    }
}

/// Fills in the other targets that the target `at` names.
fn link<'a>(reader: &mut Reader<'a>, all: &mut [Read<'a>], at: usize, names: &[String]) {
    let (bag, own) = (all[at].bag.clone(), &names[at]);
    let named = |reader: &mut Reader<'a>, scope: Scope, key: &str| {
        let name: String = reader.read_optional(&bag, "", scope, key).filter(|name: &String| !name.is_empty())?;
        let found = names.iter().position(|other| *other == name);
        if found.is_none() || name == *own {
            let hint = did_you_mean(&name, names.iter().map(String::as_str), |known| format!("`{known}`"));
            let message = format!("expected the name of another target, found `{name}`{hint}");
            reader.fault_at(&bag, key, message);
            return None;
        }
        found
    };
    let mask = named(reader, Scope::Target, "MaskLabelTarget");
    let is_rois = matches!(all[at].target.kind, TargetKind::Rois(_));
    let label_target = if is_rois { named(reader, Scope::TargetRois, "ROIsLabelTarget") } else { None };
    let class: i32 = reader.read(&bag, "", Scope::Target, "MaskedLabel");
    let weighs_votes = reader.read(&bag, "", Scope::Target, "MaskedLabelValue");
    if mask.is_none() && !bag.has("MaskLabelTarget") && class >= 0 {
        reader.fault_at(&bag, "MaskedLabel", "expected `MaskLabelTarget` beside it: the target that finds this class");
    }
    let target = &mut all[at].target;
    target.mask = mask.map(|target| Mask { target, class: usize::try_from(class).ok(), weighs_votes });
    if let TargetKind::Rois(rules) = &mut target.kind {
        rules.label_target = label_target;
    }
}

/// Classes of a target: as many as outputs, or two of a single one; those of regions are the voting target's.
fn n_classes(all: &[Read<'_>], target: &TargetDescription, cells: &Cells) -> usize {
    let voting = match &target.kind {
        TargetKind::Rois(RoiRules { label_target: Some(voting), .. }) => all[*voting].target.cell,
        _ => target.cell,
    };
    cells.descriptions[voting].output_shape.channels.max(2)
}

/// Reads the mapping file, of which each faulty line is a fault.
fn mapping<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, n_classes: usize) -> Option<LabelsMapping> {
    const KEY: &str = "LabelsMapping";
    let creates_missing = reader.read(bag, "", Scope::Target, "CreateMissingLabels");
    let path: String = reader.read_optional(bag, "", Scope::Target, KEY)?;
    let property = bag.property(KEY).filter(|_| !path.is_empty())?;
    let (file, name, text) = match reader.file_beside(&path, &property.value) {
        Ok(read) => read,
        Err(message) => {
            reader.fault(property, message);
            return None;
        }
    };
    let (mapping, faults) = labels::parse(&name, &text, n_classes, creates_missing);
    for (line, message) in faults {
        reader.fault_in_file(property, file, line, message);
    }
    Some(mapping)
}

/// Refuses a target that cannot be compared with its outputs.
fn check<'a>(reader: &mut Reader<'a>, all: &[Read<'a>], at: usize, n_classes: usize, cells: &Cells, labeled: Labeled) {
    let Read { bag, section, target } = &all[at];
    let description = &cells.descriptions[target.cell];
    let shape = description.output_shape;
    if target.is_data {
        return check_data_target(reader, bag, description, labeled.wanted);
    }
    if target.labels.is_none() && n_classes < labeled.n_labels {
        let outputs = if shape.channels == 1 {
            "a single output, which tells 2 classes apart".into()
        } else {
            shape.channels.to_string()
        };
        let message = format!(
            "expected an output for each of the {} labels of the database, `{}` has {outputs}; a file of `LabelsMapping` says \
             which labels mean which output",
            labeled.n_labels, description.name
        );
        reader.section_fault(*section, "", message);
    }
    if target.top_n > shape.channels {
        let message = format!("expected at most the {} outputs, found {}", shape.channels, target.top_n);
        reader.fault_at(bag, "TopN", message);
    }
    let mut check_class = |key: &str, class: Option<usize>, n_classes: usize| {
        if let Some(class) = class.filter(|&class| class >= n_classes) {
            reader.fault_at(bag, key, format!("expected a class below {n_classes}, found {class}"));
        }
    };
    check_class("NoDisplayLabel", target.display.plain_class, n_classes);
    check_class("WeakTarget", usize::try_from(target.weak_class).ok(), n_classes);
    if let Some(mask) = target.mask {
        let masking = &cells.descriptions[all[mask.target].target.cell].output_shape;
        check_class("MaskedLabel", mask.class, masking.channels.max(2));
        if (masking.height, masking.width) != (shape.height, shape.width) {
            let message = format!(
                "expected a target on a map of {}x{} as this one's, `{}` has {}x{}",
                shape.width, shape.height, all[mask.target].target.name, masking.width, masking.height
            );
            reader.fault_at(bag, "MaskLabelTarget", message);
        }
    }
    if let TargetKind::Rois(rules) = &target.kind {
        if let Some(voting) = rules.label_target {
            let voting = &all[voting].target;
            let other = &cells.descriptions[voting.cell].output_shape;
            if matches!(voting.kind, TargetKind::Rois(_)) || (other.height, other.width) != (shape.height, shape.width)
            {
                let message = format!(
                    "expected a target without regions on a map of {}x{}, `{}` has {}x{}",
                    shape.width, shape.height, voting.name, other.width, other.height
                );
                reader.fault_at(bag, "ROIsLabelTarget", message);
            }
        }
        if !(0.0..1.0).contains(&rules.min_overlap) {
            let message = format!("expected a share from 0 to below 1, found {}", rules.min_overlap);
            reader.fault_at(bag, "MinOverlap", message);
        }
    }
}

/// Refuses targets that do not go together, and a model that has none to be judged by.
fn check_all<'a>(reader: &mut Reader<'a>, all: &[Read<'a>], cells: &Cells) {
    let is_for_class = |target: &TargetDescription| {
        target.labels.is_none() && cells.descriptions[target.cell].output_shape.plane() == 1
    };
    if cells.descriptions.iter().any(|cell| matches!(cell.operator, Operator::TargetBias(_)))
        && let Some(first) = all.first()
        && !(all.len() == 1 && is_for_class(&first.target))
    {
        let message = "a TargetBias moves the output that the label numbers; expected one target, on outputs of 1x1 and \
                       without `LabelsMapping`";
        reader.section_fault(first.section, "", message);
    }
    // A reconstruction alone is judged by its error, beside others it learns without a score.
    let is_scored = |read: &Read<'_>| read.target.kind == TargetKind::Score && (all.len() == 1 || !read.target.is_data);
    match cells.sections.last() {
        Some(&last) if !all.iter().any(is_scored) => {
            let name = reader.name_of(last);
            let message = match all.first() {
                None => format!("missing target; expected a section such as `[{name}.Target]`"),
                Some(first) => {
                    let other = &first.target.name;
                    format!("missing target with a score; expected one of `Type=TargetScore` beside `[{other}]`")
                }
            };
            reader.section_fault(last, "", message);
        }
        None => reader.section_fault(0, "", "expected layers (sections with `Input`), found none"),
        _ => {}
    }
}

/// Refuses outputs that cannot be compared with the stimulus, or what is wanted in its place.
fn check_data_target<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, cell: &CellDescription, wanted: Option<Shape>) {
    let (Some(wanted), output) = (wanted, cell.output_shape) else { return };
    if output != wanted {
        let whose = match reader.document.find("database").map(|section| reader.bag(section, None)) {
            Some(database) if database.has("TargetDataPath") => "images of `TargetDataPath` (`TargetSize`)",
            _ => "stimulus",
        };
        let message =
            format!("the outputs must have the size of the {whose}, {wanted}, those of `{}` are {output}", cell.name);
        reader.fault_at(bag, "DataAsTarget", message);
    }
    if matches!(cell.operator, Operator::Softmax(_)) {
        reader.fault_at(bag, "DataAsTarget", "a Softmax chooses among classes; put the target on the layer before it");
    }
    if bag.has("TopN") {
        reader.fault_at(bag, "TopN", "has no meaning with `DataAsTarget`; leave it out");
    }
}

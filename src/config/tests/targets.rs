//! Targets: mapping files, masks, regions, and what is wrong with them.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Mask, PictureFormat, TargetKind};

const FACE: &str = "# faces\n0 0\n* -1\ndefault 1\n";
const KIND: &str = "\"1\" 0\n2 1\n?  2 # one digit\ndefault -1\n";

/// A model of 28x28 pixels with a map of one output, one of three, and a threshold of the first, from line 27 on these targets.
fn read(targets: &str, kind: &str) -> Result<(Description, Vec<Fault>), Faults> {
    let conv = |name: &str, input: &str, n: usize, activation: &str| {
        format!("[{name}]\nInput={input}\nType=Conv\nNbOutputs={n}\nKernelSize=3\nActivationFunction={activation}\n")
    };
    let text = format!(
        "{HEAD}{}{}{}[only]\nInput=face\nType=Threshold\nOperation=ToZero\nThreshold=0.75\n{targets}",
        conv("trunk", "sp", 4, "Rectifier"),
        conv("face", "trunk", 1, "LogisticWithLoss"),
        conv("kind", "trunk", 3, "Linear"),
    );
    let files: BTreeMap<&str, String> =
        [("face.dat", FACE), ("kind.dat", kind), ("m/face.dat", "0 0")].map(|(name, text)| (name, text.into())).into();
    let files = Files::new(move |path| Ok(files.get(path).cloned()));
    load("m.ini", &text, &Options { files, strict: true, ..Options::default() })
}

#[track_caller]
fn targets(text: &str) -> Description {
    match read(text, KIND) {
        Ok((description, warnings)) => {
            assert_eq!(warnings_text("m.ini", &warnings), "");
            description
        }
        Err(faults) => panic!("{faults}"),
    }
}

#[track_caller]
fn fails(text: &str, kind: &str, expected: &str) {
    match read(text, kind) {
        Ok(_) => panic!("no fault"),
        Err(faults) => assert_eq!(faults.to_string(), expected),
    }
}

const ALL: &str = "[only.Target-boxes]
Type=TargetROIs
ROIsLabelTarget=kind.Target
LabelsMapping=kind.dat
MinOverlap=0.33
FilterMinWidth=5
FilterMaxAspectRatio=1.5
MergeMaxHDist=-2
[face.Target]
LabelsMapping=${N2D2_MODELS}/face.dat
NoDisplayLabel=0
BinaryThreshold=0.9
WeakTarget=0
[kind.Target]
LabelsMapping=kind.dat
LabelsHueOffset=90
MaskLabelTarget=face.Target
MaskedLabel=1
ImageLogFormat=jpg
";

#[test]
fn several_targets_with_masks_and_regions_are_read_and_the_first_scored_one_is_the_primary() {
    let (description, warnings) = read(ALL, KIND).unwrap();
    // `N2D2_MODELS` is not set: the file beside the model stands in.
    assert_eq!(warnings.len(), 1, "{}", warnings_text("m.ini", &warnings));
    let names: Vec<&str> = description.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["face.Target", "kind.Target", "only.Target-boxes"]);
    assert!(description.has_target_maps());
    let [face, kind, boxes] = &description.targets[..] else { panic!("three targets") };
    assert_eq!((face.binary_threshold, face.weak_class, face.display.plain_class), (0.9, 0, Some(0)));
    let mapping = face.labels.as_ref().unwrap();
    assert_eq!((&*mapping.file, mapping.default, mapping.ignored), ("face.dat", Some(1), Some(-1)));
    assert_eq!(kind.mask, Some(Mask { target: 0, class: Some(1), weighs_votes: false }));
    assert_eq!((kind.display.hue_offset, kind.display.format), (90, PictureFormat::Jpeg));
    let labels = &kind.labels.as_ref().unwrap().labels;
    let labels: Vec<(&str, bool, i32, u32)> =
        labels.iter().map(|l| (l.name.as_str(), l.is_quoted, l.class, l.line)).collect();
    assert_eq!(labels, [("1", true, 0, 1), ("2", false, 1, 2), ("?", false, 2, 3)]);
    let TargetKind::Rois(rules) = boxes.kind else { panic!("regions") };
    assert_eq!((rules.label_target, rules.min_overlap, rules.filter_min_width), (Some(1), 0.33, 5));
    assert_eq!((rules.filter_max_aspect_ratio, rules.merge_max_h_dist, rules.merge_max_v_dist), (1.5, -2, 1));
    assert!(rules.generates_label_rois);
}

/// `Operation` of a Threshold stands in its own section.
#[test]
fn a_threshold_may_have_its_operation_beside_it() {
    let description = targets("[face.Target]\nLabelsMapping=face.dat\n");
    let only = description.cells.iter().find(|cell| cell.name == "only").unwrap();
    let formal::config::Operator::Transformation(stimuli::Operation::Threshold(threshold)) = &only.operator else {
        panic!("a threshold")
    };
    assert_eq!((threshold.threshold, threshold.operation), (0.75, stimuli::ThresholdOperation::ToZero));
}

#[test]
fn a_mapping_changes_the_hash_of_the_model() {
    let hash = |kind: &str| read("[kind.Target]\nLabelsMapping=kind.dat\n", kind).unwrap().0.sha256;
    assert_eq!(hash(KIND), hash(KIND));
    assert_ne!(hash(KIND), hash("default 0"));
}

#[test]
fn faults_of_a_mapping_file_are_told_with_its_lines() {
    fails(
        "[kind.Target]\nLabelsMapping=kind.dat\n",
        "1\n2 3\n3 1\n3 2\n",
        "m.ini has 3 faults
  kind.dat, line 1, [kind.Target] LabelsMapping: expected a label and a class from -1 to 2, such as `background 0`, found `1` alone
  kind.dat, line 2, [kind.Target] LabelsMapping: expected a label and a class from -1 to 2, such as `background 0`, found `3`
  kind.dat, line 4, [kind.Target] LabelsMapping: `3` is mapped to 1 in line 3 already, here to 2; keep one of the lines",
    );
}

#[test]
fn targets_that_do_not_go_together_are_refused() {
    fails(
        "[face.Target]\nMaskedLabel=1\nNoDisplayLabel=2\nWeakTarget=2\n[kind.Target]\nLabelsMapping=kind.dat\nMaskLabelTarget=face.Taget\n",
        KIND,
        "m.ini has 5 faults
  line 29, [face.Target]: expected an output for each of the 10 labels of the database, `face` has a single output, which tells 2 classes apart; a file of `LabelsMapping` says which labels mean which output
  line 30, [face.Target] MaskedLabel: expected `MaskLabelTarget` beside it: the target that finds this class
  line 31, [face.Target] NoDisplayLabel: expected a class below 2, found 2
  line 32, [face.Target] WeakTarget: expected a class below 2, found 2
  line 35, [kind.Target] MaskLabelTarget: expected the name of another target, found `face.Taget`; did you mean `face.Target`?",
    );
    fails(
        "[only.Target]\nType=TargetROIs\nLabelsMapping=face.dat\nROIsLabelTarget=only.Target\nMinOverlap=1\n",
        KIND,
        "m.ini has 3 faults
  line 24, [only]: missing target with a score; expected one of `Type=TargetScore` beside `[only.Target]`
  line 32, [only.Target] ROIsLabelTarget: expected the name of another target, found `only.Target`
  line 33, [only.Target] MinOverlap: expected a share from 0 to below 1, found 1",
    );
    fails(
        "[face.Target]\nLabelsMapping=face.dat\n[trunk.Target]\nLabelsMapping=kind.dat\nMaskLabelTarget=face.Target\nMaskedLabel=2\nDataAsTarget=1\n",
        KIND,
        "m.ini has 1 fault
  line 35, [trunk.Target] DataAsTarget: the outputs must have the size of the stimulus, 28x28x1, those of `trunk` are 26x26x4",
    );
}

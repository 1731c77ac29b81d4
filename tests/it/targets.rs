//! Several targets, labels that mean other classes, maps and regions, from the command line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::{Finished, files, folder, run, run_whole, summary};

/// Two heads on MNIST: which digit, and whether it is odd, by a mapping file.
const DIGITS: &str = "
DefaultModel=Frame
[database]
Type=MNIST_IDX_Database
Validation=0.02
[sp]
Size=28
BatchSize=32
[conv]
Input=sp
Type=Conv
NbOutputs=8
KernelSize=5
Stride=2
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection=config
[digit]
Input=conv
Type=Fc
NbOutputs=10
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection=config
[softmax]
Input=digit
Type=Softmax
NbOutputs=10
WithLoss=1
[softmax.Target]
TopN=2
[odd]
Input=conv
Type=Fc
NbOutputs=1
ActivationFunction=LogisticWithLoss
WeightsFiller=XavierFiller
ConfigSection=config
[odd.Target]
LabelsMapping=odd.dat
[config]
Solvers.LearningRate=0.05
Solvers.Momentum=0.9
";

/// Zeros are ignored.
pub const ODD: &str = "# odd digits\n0 -1\n1 1\n3 1\n5  1\n\"7\" 1\n9 1\ndefault 0\n";

pub fn digits(folder: &Path, mapping: &str) {
    fs::write(folder.join("digits.ini"), DIGITS).unwrap();
    fs::write(folder.join("odd.dat"), mapping).unwrap();
}

fn target<'s>(summary: &'s serde_json::Map<String, serde_json::Value>, name: &str) -> &'s serde_json::Value {
    summary["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap()
}

#[test]
fn two_targets_learn_together_and_each_has_its_files() {
    let folder = folder();
    digits(folder.path(), ODD);
    let done =
        run_whole(folder.path(), &["digits.ini", "-learn", "9600", "-log", "4800", "-nb-test", "2000"]).succeeds();
    assert!(done.stderr.contains("BEST validation score") && done.stderr.contains("odd.Target"), "{}", done.stderr);
    let summary = summary(folder.path());
    let rate = |name: &str| target(&summary, name)["recognition_rate"].as_f64().unwrap();
    assert!(rate("softmax.Target") > 0.9 && rate("odd.Target") > 0.9, "{summary:?}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for set in ["learning", "validation", "test"] {
        for name in ["softmax.Target", "odd.Target"] {
            assert!(read(&format!("{name}/ConfusionMatrix_{set}.dat")).starts_with("target estimated # %\n"));
        }
    }
    assert!(read("softmax.Target/SuccessTopN_test.dat").lines().count() > 1);
    // Of 2,000 stimuli the zeros do not count.
    let mapping = read("odd.Target/labels_mapping.log.dat");
    assert!(mapping.lines().nth(1).unwrap().starts_with("-1 \"*\" 0 "), "{mapping}");
    assert!(mapping.lines().any(|line| line.starts_with("0 \"0\" -1 ")), "{mapping}");
    let counted: u64 = read("odd.Target/ConfusionMatrix_test.dat")
        .lines()
        .skip(1)
        .map(|line| line.split(' ').nth(2).unwrap().parse::<u64>().unwrap())
        .sum();
    let zeros = read("odd.Target/test/classif.log").lines().filter(|line| line.contains("\" -1 ")).count() as u64;
    assert!(zeros > 100 && counted + zeros == 2000, "{counted} {zeros}");
    assert!(read("odd.Target/ConfusionMatrix_test_score.dat").contains("0 \"default\" "));
}

#[test]
fn a_mapping_that_does_not_fit_the_data_is_told_with_its_lines() {
    let folder = folder();
    let learn = |mapping: &str| -> Finished {
        digits(folder.path(), mapping);
        run(folder.path(), &["digits.ini", "-learn", "32", "-log", "32", "-nb-test", "10"])
    };
    learn("1 1\n2 x\n3 2\n").fails(2, &["odd.dat, line 2", "found `x`", "odd.dat, line 3", "from -1 to 1"]);
    learn("1 1\n[234] 0\n?0 1\ndefault 0\n").succeeds();
    let done = learn("1 1\nthree 1\ndefault 0\n").succeeds();
    assert!(done.stderr.contains("odd.dat: no label of the database is called `three` (line 2"), "{}", done.stderr);
    let before = files(folder.path());
    let missing = ["odd.dat, line 3", "no line for `0` (first met in ", "no line for `8`", "and 1 more"];
    learn("1 1\n3 1\n5 0\n").fails(2, &missing);
    learn("1 1\nthree 1\n5 0\n").fails(2, &["no line for `3` (first met in train-images-idx3-ubyte["]);
    let kept = |files: &BTreeMap<String, Vec<u8>>| {
        let kept = files.iter().filter(|(name, _)| *name != "odd.dat");
        kept.map(|(name, bytes)| (name.clone(), bytes.clone())).collect::<Vec<_>>()
    };
    assert!(kept(&files(folder.path())) == kept(&before), "nothing is written, nothing lost");
    let words = ["digits.ini", "-learn", "32", "-log", "32", "-nb-test", "10", "--skip-bad"];
    digits(folder.path(), "1 1\n3 1\n5 0\n");
    run(folder.path(), &words).succeeds();
    let skipped = fs::read_to_string(folder.path().join("skipped.txt")).unwrap();
    assert_eq!(skipped.lines().filter(|line| line.contains("no line for")).count(), 7, "{skipped}");
    learn("? 1\n* 0\n1* 0\n").fails(2, &["odd.dat, line 3", "label `1` is class 1 by `?` in line 1, and class 0 here"]);
    fs::remove_file(folder.path().join("odd.dat")).unwrap();
    run(folder.path(), &["digits.ini", "-learn", "32"])
        .fails(2, &["LabelsMapping", "`odd.dat`: there is no such file"]);
}

/// Pictures with faces, and the shipped model on them.
fn faces(folder: &Path, n: &str) {
    run(folder, &["faces", "--out", "faces", "--images", n]).succeeds();
}

const LEARN: [&str; 7] = ["IMDBWIKI_small.ini", "-learn", "96", "-log", "64", "-report", "32"];

#[test]
fn faces_are_learned_pixel_by_pixel_and_put_into_boxes() {
    let folder = folder();
    faces(folder.path(), "60");
    let done = run(folder.path(), &LEARN).succeeds();
    assert!(done.stderr.contains("BEST validation score"), "{}", done.stderr);
    let written = files(folder.path());
    let face = "conv5.face.Target";
    let boxes = "post.threshold.Target-faces";
    for name in [
        format!("{face}/labels_legend.png"),
        format!("{face}/ConfusionMatrix_learning.dat"),
        format!("{face}/ConfusionMatrix_validation.dat"),
        format!("{face}/ConfusionMatrix_test.dat"),
        format!("{face}/Success_validation.dat"),
        format!("{face}/learning.html"),
        format!("{face}/test.html"),
        format!("{boxes}/ConfusionMatrix_test.dat"),
        format!("{boxes}/target_rois_label.dat"),
        format!("{boxes}/test.log"),
        "post.threshold.Target-genders/test.html".to_owned(),
    ] {
        assert!(written.contains_key(&name), "{name} is missing");
    }
    let pictures = |folder: &str, ending: &str| {
        written.keys().filter(|name| name.starts_with(folder) && name.ends_with(ending)).count()
    };
    // 12 of 60 pictures are tested.
    assert_eq!(pictures("conv5.face.Target/test/", "_target.png"), 12);
    assert_eq!(pictures("conv5.gender.Target/test/", "_estimated.png"), 12);
    assert_eq!(pictures("post.threshold.Target-faces/test/", ".png"), 36);
    // The mask's row and column: three classes in the matrix, two of them scored.
    let text = |name: &str| String::from_utf8(written[name].clone()).unwrap();
    assert_eq!(text("conv5.gender.Target/ConfusionMatrix_test.dat").lines().count(), 10);
    assert_eq!(text("conv5.gender.Target/ConfusionMatrix_test_score.dat").lines().count(), 5);
    let summary = summary(folder.path());
    assert!(target(&summary, boxes)["roi_recall"].is_number() && target(&summary, face)["f1_scores"].is_array());
}

#[test]
fn learning_from_maps_goes_on_to_the_same_bytes_whatever_the_threads() {
    let folder = folder();
    faces(folder.path(), "60");
    let learn = |out: &str, words: &[&str]| {
        let fixed = ["IMDBWIKI_small.ini", "-log", "64", "-out", out];
        run(folder.path(), &[&fixed, words].concat()).succeeds();
    };
    learn("whole", &["-learn", "192", "--threads", "1"]);
    learn("parts", &["-learn", "128", "--threads", "2"]);
    learn("parts", &["-learn", "192", "--resume", "--threads", "2"]);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let (whole, parts) = (files(&whole), files(&parts));
    for (name, bytes) in
        whole.iter().filter(|(name, _)| name.contains("weights") || name.ends_with(".Target/test.html"))
    {
        assert!(bytes == &parts[name], "{name} differs");
    }
    assert!(whole["conv5.face.Target/ConfusionMatrix_test.dat"] == parts["conv5.face.Target/ConfusionMatrix_test.dat"]);
}

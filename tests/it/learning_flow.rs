//! What learning writes, what it is judged by, and when it stops.

use std::path::Path;

use crate::program::{files, folder, model, run};

/// A small network that learns in a moment; `more` stands at its end.
pub fn small(more: &str) -> String {
    let head = "DefaultModel=Frame\n[database]\nType=MNIST_IDX_Database\nValidation=0.01\n[sp]\nSizeX=8\nSizeY=8\nBatchSize=32\n\
                [sp.Transformation]\nType=RescaleTransformation\nWidth=8\nHeight=8\n";
    let cells = "[c]\nInput=sp\nType=Conv\nKernelSize=3\nNbOutputs=4\nActivationFunction=Rectifier\nWeightsFiller=HeFiller\nConfigSection=p\n\
                 [out]\nInput=c\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nWeightsFiller=HeFiller\nConfigSection=p\n\
                 [softmax]\nInput=out\nType=Softmax\nNbOutputs=10\nWithLoss=1\n[softmax.Target]\nTopN=3\n";
    format!("{head}{cells}{more}")
}

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("m.ini"), text).expect("a writable folder");
}

#[test]
fn learning_leaves_data_and_pictures_and_counts_the_best_three() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.LearningRate=0.1\n"));
    let words =
        ["m.ini", "-learn", "6400", "-log", "3200", "-nb-test", "500", "-valid-metric", "F1Score", "-ws", "640"];
    let done = run(folder.path(), &words).succeeds();
    assert!(done.stderr.contains("[F1Score], top 3: "), "{}", done.stderr);
    assert!(done.stdout.contains("Top-3 recognition rate: "), "{}", done.stdout);
    let files = files(folder.path());
    for name in [
        "ConfusionMatrix_learning",
        "ConfusionMatrix_validation",
        "ConfusionMatrix_test",
        "Success_learning",
        "Loss_learning",
        "Success_test",
    ] {
        let png = &files[&format!("softmax.Target/{name}.png")];
        assert!(png.starts_with(b"\x89PNG\r\n"), "{name}");
        assert!(files.contains_key(&format!("softmax.Target/{name}.dat")), "{name}");
    }
    let lines = |name: &str| String::from_utf8_lossy(&files[name]).lines().count();
    assert_eq!(lines("softmax.Target/SuccessTopN_learning.dat"), 200);
    assert_eq!(lines("softmax.Target/SuccessTopN_test.dat"), 4);
    assert_eq!(lines("softmax.Target/test/classif.log"), 500);
    let last = |name: &str| -> f64 {
        let text = String::from_utf8_lossy(&files[name]).into_owned();
        text.split_whitespace().last().expect("a number").parse().expect("a number")
    };
    assert!(last("softmax.Target/SuccessTopN_test.dat") > last("softmax.Target/Success_test.dat"));
    let resumed = ["m.ini", "-learn", "9600", "-resume", "-nb-test", "10", "-valid-metric", "Precision"];
    run(folder.path(), &resumed).fails(2, &["--valid-metric", "expected F1Score", "found Precision"]);
}

#[test]
fn learning_stops_when_validations_are_no_better() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.LearningRate=0\n"));
    let words = ["m.ini", "-learn", "64000", "-log", "320", "-nb-test", "10", "-stop-valid", "3"];
    let done = run(folder.path(), &words).succeeds();
    assert!(done.stderr.contains("did not improve for 3 validations"), "{}", done.stderr);
    let scores = files(folder.path())["softmax.Target/Success_validation.dat"].clone();
    let scores = String::from_utf8(scores).expect("text");
    // The first is the best; three more, of ten batches each, are equal to it.
    assert_eq!(
        scores.lines().map(|line| line.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["10", "20", "30", "40"]
    );
}

#[test]
fn the_range_test_suggests_a_rate_and_draws_it() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.Momentum=0.9\n"));
    for words in [["m.ini", "-find-lr", "12800"], ["find-lr", "m.ini", "--find-lr=12800"]].iter() {
        let done = run(folder.path(), words).succeeds();
        let rate = done.stdout.split("Suggested learning rate: ").nth(1).expect("a suggestion");
        let rate: f64 = rate.trim().parse().expect("a number");
        assert!((1e-4..10.0).contains(&rate), "{rate}");
    }
    let files = files(folder.path());
    assert!(files["find_lr_softmax.Target.png"].starts_with(b"\x89PNG\r\n"));
    assert!(files.contains_key("find_lr_softmax.Target.dat"));
}

#[test]
fn a_metric_that_does_not_exist_is_refused_with_those_that_do() {
    let folder = folder();
    write(folder.path(), &model("LeNet.ini"));
    run(folder.path(), &["m.ini", "-learn", "10", "-valid-metric", "sensitive"])
        .fails(2, &["sensitive", "`Sensitivity`"]);
}

//! Gradients against the slopes of the loss, from the command line.

use std::fs;

use crate::exchange::NORMALIZED;
use crate::learning_flow::small;
use crate::program::{files, folder, run};

/// The rows of the table: layer, tensor, verdict.
fn rows(stdout: &str) -> Vec<(String, String, String)> {
    let table = stdout.lines().skip_while(|line| !line.starts_with("Layer")).skip(1);
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[0].to_string(), words[1].to_string(), words[7..].join(" "))
    };
    table.take_while(|line| !line.contains("gradients")).map(row).collect()
}

#[test]
fn gradients_of_the_shipped_network_are_the_slopes_of_its_loss() {
    let folder = folder();
    let done = run(folder.path(), &["LeNet.ini", "-check"]).succeeds();
    let expected = ["conv1", "conv2", "conv3", "fc1", "fc2"].map(|cell| (cell.into(), "weights".into(), "ok".into()));
    assert_eq!(rows(&done.stdout), expected, "{}", done.stdout);
    assert!(done.stdout.contains("All gradients agree."), "{}", done.stdout);
}

#[test]
fn gradients_of_an_autoencoder_are_the_slopes_of_its_squared_error() {
    let folder = folder();
    let done = run(folder.path(), &["check", "mnist-autoencoder.ini"]).succeeds();
    assert!(done.stdout.contains("All gradients agree."), "{}", done.stdout);
    assert!(rows(&done.stdout).contains(&("deconv4".into(), "weights".into(), "ok".into())), "{}", done.stdout);
}

#[test]
fn gradients_of_a_normalization_and_of_a_layer_that_is_not_learned_are_told() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), NORMALIZED).unwrap();
    let done = run(folder.path(), &["check", "m.ini"]).succeeds();
    let ok = |cell: &str, tensor: &str| (cell.to_string(), tensor.to_string(), "ok".to_string());
    let tensors = [("conv", "weights"), ("conv", "bias"), ("conv.bn", "weights"), ("conv.bn", "bias")];
    let tensors = tensors.into_iter().chain([("fc", "weights"), ("fc", "bias")]);
    assert_eq!(rows(&done.stdout), tensors.map(|(cell, tensor)| ok(cell, tensor)).collect::<Vec<_>>());

    // Nothing goes back beyond `out`.
    let frozen = small("[p]\n").replace("[out]\n", "[out]\nBackPropagate=0\n");
    let frozen = frozen.replace("ActivationFunction=Linear", "ActivationFunction=Logistic");
    fs::write(folder.path().join("m.ini"), frozen).unwrap();
    let done = run(folder.path(), &["check", "m.ini"]).succeeds();
    let verdicts: Vec<String> = rows(&done.stdout).into_iter().map(|(_, _, verdict)| verdict).collect();
    assert_eq!(verdicts, ["not learned", "not learned", "ok", "ok"], "{}", done.stdout);
}

#[test]
fn a_learning_is_checked_first_and_is_the_same_as_without() {
    let folder = folder();
    fs::write(folder.path().join("m.ini"), small("[p]\nSolvers.LearningRate=0.1\n")).unwrap();
    let words = ["m.ini", "-learn", "640", "-log", "640", "-nb-test", "10", "-out"];
    let checked = run(folder.path(), &[&words[..], &["checked", "-check"]].concat()).succeeds();
    assert!(checked.stdout.contains("All gradients agree."), "{}", checked.stdout);
    run(folder.path(), &[&words[..], &["plain"]].concat()).succeeds();
    let weights = |out: &str| files(&folder.path().join(out).join("weights"));
    assert_eq!(weights("checked"), weights("plain"));
}

#[test]
fn errors_that_are_the_slopes_of_no_loss_are_told() {
    let folder = folder();
    let text = small("[p]\n").replace("TopN=3", "TargetValue=1\nDefaultValue=-1");
    fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["check", "m.ini"]).fails(2, &["the slopes of no loss", "DefaultValue=0"]);
}

//! What learning writes, what it is judged by, and when it stops.

use std::path::Path;

use crate::program::{files, folder, model, run, run_whole};

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
    let estimates = String::from_utf8_lossy(&files["softmax.Target/learning/classif.log"]).into_owned();
    let right = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.len(), 15, "{line}");
        assert!(
            words[1].starts_with("\"train-images-idx3-ubyte[")
                && words[4] == words[5 + words[3].parse::<usize>().unwrap()]
        );
        words[2] == words[3]
    };
    let rate = estimates.lines().filter(right).count() as f64 / 32.0;
    let success = String::from_utf8_lossy(&files["softmax.Target/Success_learning.dat"]).into_owned();
    let last_batch: f64 = success.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(estimates.lines().count() == 32 && (rate - last_batch).abs() < 1e-4, "{rate}, {last_batch}");
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

fn numbers(bytes: &[u8]) -> Vec<f64> {
    String::from_utf8_lossy(bytes).split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

#[test]
fn kernels_and_outputs_of_chosen_stimuli_are_written_and_drawn() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.LearningRate=0.1\n"));
    let words = ["m.ini", "-learn", "640", "-log", "320", "-nb-test", "20", "-log-kernels", "-log-outputs", "7"];
    let done = run(folder.path(), &words).succeeds();
    assert!(done.stderr.contains("in outputs_7"), "{}", done.stderr);
    assert!(done.stdout.contains("in outputs_test_7"), "{}", done.stdout);
    let written = files(folder.path());
    for name in ["kernels/c", "outputs_7/env", "outputs_7/c", "outputs_test_7/env", "outputs_test_7/out"] {
        assert!(written[&format!("{name}.png")].starts_with(b"\x89PNG\r\n"), "{name}");
    }
    // 2 x 2 kernels of 3 x 3, 24 pixels each, a line between them.
    assert_eq!(written["kernels/c.png"][16..24], [0, 0, 0, 147, 0, 0, 0, 147]);
    let trained = numbers(&written["weights_validation/c_weights.syntxt"]);
    for (output, kernel) in trained.chunks(9).enumerate() {
        let found = numbers(&written[&format!("kernels/c/cell-{output}.dat")]);
        assert_eq!(found.len(), 9);
        assert!(found.iter().zip(kernel).all(|(found, weight)| (found - weight).abs() <= 1e-5 * weight.abs()));
    }
    let classif = String::from_utf8_lossy(&written["softmax.Target/test/classif.log"]).into_owned();
    let seventh = classif.lines().nth(6).expect("seven stimuli").split(' ').rev().take(10);
    let seventh: Vec<f64> = seventh.map(|word| word.parse().expect("a number")).collect();
    let found = numbers(&written["outputs_test_7/softmax.dat"]);
    assert_eq!(found.into_iter().rev().collect::<Vec<_>>(), seventh);
    // The error at the softmax is wanted minus found.
    let errors = numbers(&written["diffinputs_7/softmax.dat"]);
    let outputs = numbers(&written["outputs_7/softmax.dat"]);
    let wanted: Vec<f64> = errors.iter().zip(&outputs).map(|(error, output)| (error + output).round()).collect();
    assert_eq!(wanted.iter().sum::<f64>(), 1.0, "{errors:?} {outputs:?}");
    assert!(errors.iter().zip(&outputs).zip(&wanted).all(|((e, o), w)| (e + o - w).abs() < 1e-4));
    assert!(written["diffinputs_7/c.png"].starts_with(b"\x89PNG\r\n"));
    assert_eq!(numbers(&written["diffinputs_7/c.dat"]).len(), 4 * 6 * 6);
    assert_eq!(numbers(&written["outputs_7/env.dat"]).len(), 64);
    assert_eq!(numbers(&written["outputs_7/c.dat"]).len(), 4 * 6 * 6);
    assert!((numbers(&written["outputs_7/softmax.dat"]).iter().sum::<f64>() - 1.0).abs() < 1e-4);
    // Eight batches of 32 and 18 more: the stimulus stands amid a batch, which the network learns as without the option.
    let later = ["m.ini", "-learn", "640", "-log", "320", "-nb-test", "20", "-log-outputs", "274", "-out", "later"];
    let done = run(folder.path(), &later).succeeds();
    assert!(done.stderr.contains("note: --log-outputs 274: only 20 stimuli are tested"), "{}", done.stderr);
    let later = files(&folder.path().join("later"));
    assert!(later["weights/c_weights.syntxt"] == written["weights/c_weights.syntxt"]);
    assert_ne!(later["outputs_274/env.dat"], written["outputs_7/env.dat"]);
}

#[test]
fn rates_to_come_are_written_where_they_change_or_a_log_falls() {
    let folder = folder();
    let decay =
        "Solvers.LearningRatePolicy=StepDecay\nSolvers.LearningRateStepSize=320\nSolvers.LearningRateDecay=0.5\n";
    write(
        folder.path(),
        &small(&format!("[p]\nBiasSolver.LearningRate=0.01\nWeightsSolver.LearningRate=0.1\n{decay}")),
    );
    run(folder.path(), &["m.ini", "-learn", "640", "-log", "160", "-nb-test", "10"]).succeeds();
    let written = files(folder.path());
    let text = |name: &str| String::from_utf8_lossy(&written[name]).into_owned();
    assert_eq!(
        text("schedule/c_weights_schedule.log"),
        "0 1 0 0.1 0\n5 6 0 0.1 1\n10 11 0 0.05 1\n15 16 0 0.05 1\n19 20 0 0.05 1\n"
    );
    assert_eq!(text("schedule/out_bias_schedule.log").lines().next(), Some("0 1 0 0.01 0"));
    assert!(written["schedule/out_weights_schedule.png"].starts_with(b"\x89PNG\r\n"));
}

#[test]
fn logs_fall_after_so_many_epochs_and_at_the_end() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.LearningRate=0.01\n"));
    let validated = |log_epoch: &str| -> Vec<u64> {
        let out = format!("out{log_epoch}");
        let words = ["m.ini", "-learn-epoch", "3", "-log-epoch", log_epoch, "-nb-test", "10", "-out", &out];
        run_whole(folder.path(), &words).succeeds();
        let scores = &files(&folder.path().join(out))["softmax.Target/Success_validation.dat"];
        numbers(scores).chunks(2).map(|line| line[0] as u64).collect()
    };
    // 59,400 stimuli are 1857 batches of 32.
    assert_eq!(validated("1"), [1857, 2 * 1857, 3 * 1857]);
    assert_eq!(validated("2"), [2 * 1857, 3 * 1857]);
    assert_eq!(validated("0"), [3 * 1857]);
}

#[test]
fn a_measurement_of_learning_tells_each_layer_and_writes_its_times_alone() {
    let folder = folder();
    write(folder.path(), &small("[p]\nSolvers.LearningRate=0.1\n"));
    let done = run(folder.path(), &["m.ini", "-learn", "6400", "-bench", "--threads", "2"]).succeeds();
    assert!(
        done.stdout.contains("m.ini: ") && done.stdout.contains("6,400 stimuli in batches of 32"),
        "{}",
        done.stdout
    );
    let written = files(folder.path());
    assert_eq!(written.keys().collect::<Vec<_>>(), ["m.ini", "timings/learning_timings.dat"]);
    let text = String::from_utf8_lossy(&written["timings/learning_timings.dat"]).into_owned();
    let expected = "Cell sp c[prop] out[prop] softmax[prop] softmax[back-prop] out[back-prop] c[back-prop] \
                    c[update] out[update] softmax[update]";
    let first = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
    assert_eq!(text.lines().map(first).collect::<Vec<_>>().join(" "), expected);
    let shares = text.lines().skip(1).map(|line| line.split(' ').nth(2).unwrap().parse::<f64>().unwrap());
    assert!((shares.sum::<f64>() - 100.0).abs() < 0.01, "{text}");
    let row = |name: &str| -> Vec<f64> {
        let line = done.stdout.lines().find(|line| line.starts_with(name)).expect("a row");
        line[name.len()..].split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let [c, out, softmax, all] = ["c ", "out ", "softmax ", "all layers"].map(row);
    assert!(c[0] > 0.0 && c[1] > 0.0 && c[2] > 0.0 && out[2] > 0.0, "{}", done.stdout);
    assert_eq!(softmax[2], 0.0, "it has no weights");
    let sum: f64 = [&c, &out, &softmax].iter().map(|row| row[3]).sum();
    assert!((sum - all[3]).abs() < 0.01, "{}", done.stdout);

    run(folder.path(), &["m.ini", "-learn", "640", "-log", "640", "-nb-test", "256"]).succeeds();
    run(folder.path(), &["m.ini", "-test", "-nb-test", "256", "-bench"]).succeeds();
    let text = String::from_utf8_lossy(&files(folder.path())["timings/inference_timings.dat"]).into_owned();
    let names: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["Cell", "c[prop]", "out[prop]", "softmax[prop]"]);
    let share: f64 = text.lines().skip(1).map(|line| line.split(' ').nth(2).unwrap().parse::<f64>().unwrap()).sum();
    assert!((share - 100.0).abs() < 0.01, "{text}");
}

#[test]
fn a_learning_begins_with_the_weights_that_it_is_given() {
    let folder = folder();
    let learn = |more: &[&str]| {
        let words = ["learn", "LeNet.ini", "--learn", "128", "--log", "128", "--nb-test", "10"];
        run(folder.path(), &[&words[..], more].concat())
    };
    learn(&["--out", "first"]).succeeds();
    let done = learn(&["--out", "second", "-w", "first/weights", "--seed", "2"]).succeeds();
    assert!(done.stdout.contains("First weights: first/weights"), "{}", done.stdout);
    let of = |name: &str| files(&folder.path().join(name));
    assert_eq!(of("second/weights_init"), of("first/weights"));
    assert_ne!(of("second/weights"), of("first/weights"));
    learn(&["--out", "second", "-w", "first/weights", "--resume"])
        .fails(2, &["-w", "--resume", "leave one of them out"]);
    learn(&["--out", "third", "-w", "nowhere"]).fails(2, &["`nowhere`", "no such folder"]);
}

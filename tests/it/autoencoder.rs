//! A network that gives back its stimuli: `models/mnist-autoencoder.ini`.

use crate::program::{files, folder, model, run, run_whole, summary};

const SHORT: [&str; 6] = ["-learn", "9600", "-log", "4800", "-nb-test", "300"];

#[test]
fn an_autoencoder_learns_validates_and_tests_by_its_error() {
    let folder = folder();
    let shown = run(folder.path(), &[&["mnist-autoencoder.ini"], &SHORT[..]].concat()).succeeds();
    let line = shown.stdout.lines().find(|line| line.starts_with("Final mean squared error: 0.0")).expect("the error");
    assert!(line.contains("(variance explained: "), "{line}");
    assert!(shown.stderr.contains("BEST validation: mean squared error 0.0"), "{}", shown.stderr);
    let learned = summary(folder.path());
    let of = |key: &str| learned[key].as_f64().unwrap();
    // The mean of all images leaves about 0.067.
    assert!(of("mean_squared_error") < 0.06 && of("variance_explained") > 0.1, "{learned:?}");
    assert!((of("validation_score") / of("mean_squared_error") - 1.0).abs() < 0.2, "{learned:?}");
    assert!(!learned.contains_key("formal_recognition_rate"));
    let found = files(folder.path());
    for name in
        ["Error_learning.dat", "Error_learning.png", "Error_validation.dat", "Error_test.dat", "test/errors.log"]
    {
        assert!(found.contains_key(&format!("deconv4.Target/{name}")), "{name} is missing in {:?}", found.keys());
    }
    assert_eq!(found.keys().filter(|name| name.ends_with("_estimated.png")).count(), 10);
    assert!(found.keys().all(|name| !name.contains("Confusion") && !name.contains("Success")), "{:?}", found.keys());
    // A line an output: of 32 maps of 3x3 each, and of 16 maps of 4x4.
    let rows = |name: &str| {
        let text = String::from_utf8(found[&format!("weights_validation/{name}_weights.syntxt")].clone()).unwrap();
        text.lines().map(|line| line.split_whitespace().count()).collect::<Vec<_>>()
    };
    assert_eq!((rows("deconv1"), rows("deconv4")), (vec![288; 32], vec![256]));

    run(folder.path(), &["mnist-autoencoder.ini", "-test", "-nb-test", "300"]).succeeds();
    let tested = summary(folder.path());
    assert_eq!(tested["mean_squared_error"], learned["mean_squared_error"]);
    assert_eq!(files(folder.path())["deconv4.Target/test/errors.log"], found["deconv4.Target/test/errors.log"]);
}

#[test]
fn an_interrupted_autoencoder_goes_on_to_the_same_bytes() {
    let (whole, parts) = (folder(), folder());
    let text = model("mnist-autoencoder.ini").replace("Validation=0.2", "Validation=0.01");
    let learn = |root: &std::path::Path, more: &[&str]| {
        std::fs::write(root.join("m.ini"), &text).unwrap();
        run(root, &[&["m.ini", "-log", "640", "-nb-test", "20"], more].concat()).succeeds();
    };
    learn(whole.path(), &["-learn", "1920", "--threads", "1"]);
    learn(parts.path(), &["-learn", "1280", "--threads", "2"]);
    learn(parts.path(), &["-learn", "1920", "--resume"]);
    let is_kept = |name: &str| !name.starts_with("summary") && !name.ends_with("seconds.dat");
    let kept =
        |root| files(root).into_iter().filter(|(name, _)| is_kept(name)).collect::<std::collections::BTreeMap<_, _>>();
    let (whole, parts) = (kept(whole.path()), kept(parts.path()));
    assert_eq!(whole.keys().collect::<Vec<_>>(), parts.keys().collect::<Vec<_>>());
    for (name, bytes) in whole {
        assert!(bytes == parts[&name], "{name} differs");
    }
}

#[test]
fn a_network_learns_back_through_its_pooling() {
    let folder = folder();
    let text = "DefaultModel=Frame\n[database]\nType=MNIST_IDX_Database\nValidation=0.2\n[sp]\nSize=28\nBatchSize=32\n\
        [conv]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=8\nActivationFunction=Rectifier\nSolvers=Adam\n\
        [norm]\nInput=conv\nType=LRN\n\
        [pool]\nInput=norm\nType=Pool\nPooling=Max\nPoolSize=2\nStride=2\nNbOutputs=8\nMapping.Size=1\n\
        [unpool]\nInput=pool\nType=Unpool\nArgMax=pool\n\
        [back]\nInput=unpool\nType=Deconv\nKernelSize=5\nNbOutputs=1\nActivationFunction=Linear\nSolvers=Adam\n\
        [back.Target]\nDataAsTarget=1\n";
    std::fs::write(folder.path().join("m.ini"), text).unwrap();
    run(folder.path(), &["m.ini", "-learn", "3200", "-log", "3200", "-nb-test", "200"]).succeeds();
    let learned = summary(folder.path());
    assert!(learned["variance_explained"].as_f64().unwrap() > 0.5, "{learned:?}");
}

#[test]
fn fractional_pooling_learns_classes() {
    let folder = folder();
    let text = "DefaultModel=Frame\n[database]\nType=MNIST_IDX_Database\nValidation=0.2\n[sp]\nSize=28\nBatchSize=32\n\
        [conv]\nInput=sp\nType=Conv\nKernelSize=5\nNbOutputs=8\nActivationFunction=Rectifier\nSolvers=Adam\n\
        [pool]\nInput=conv\nType=FMP\nScalingRatio=1.7\nNbOutputs=8\nMapping.Size=1\n\
        [out]\nInput=pool\nType=Fc\nNbOutputs=10\nActivationFunction=Linear\nSolvers=Adam\n\
        [softmax]\nInput=out\nType=Softmax\nWithLoss=1\n[softmax.Target]\n";
    std::fs::write(folder.path().join("m.ini"), text).unwrap();
    let rate = |threads: &str| {
        run(folder.path(), &["m.ini", "-learn", "3200", "-log", "3200", "--threads", threads]).succeeds();
        summary(folder.path())["formal_recognition_rate"].as_f64().unwrap()
    };
    let one = rate("1");
    assert!(one > 0.8 && rate("3") == one, "{one}");
}

#[test]
fn a_learning_rate_is_found_for_an_autoencoder_too() {
    let folder = folder();
    let shown = run_whole(folder.path(), &["mnist-autoencoder.ini", "-find-lr", "3200"]).succeeds();
    assert!(shown.stdout.contains("Suggested learning rate: "), "{}", shown.stdout);
    let text = std::fs::read_to_string(folder.path().join("find_lr_deconv4.Target.dat")).unwrap();
    // Up to 50; at the highest rates the loss is no longer a number.
    assert!(text.lines().count() >= 40, "{text}");
}

#[test]
fn what_has_no_meaning_beside_data_as_target_is_refused() {
    let folder = folder();
    let check = |text: String, parts: &[&str]| {
        std::fs::write(folder.path().join("m.ini"), text).unwrap();
        run(folder.path(), &["m.ini", "-learn", "64"]).fails(2, parts);
    };
    let text = model("mnist-autoencoder.ini");
    let narrow = text.replace("Input=deconv3\nNbOutputs=1", "Input=deconv3\nStride=1\nNbOutputs=1");
    check(narrow, &["[deconv4.Target] DataAsTarget", "size of the stimulus, 28x28x1", "are 15x15x1"]);
    check(text.replace("DataAsTarget=1", "DataAsTarget=1\nTopN=2"), &["[deconv4.Target] TopN", "has no meaning"]);
    let spiking = text.replace("Frame_CUDA", "Transcode_CUDA").replace("[sp]", "[env]");
    check(spiking, &["[deconv_def] Type: Deconv has no spiking half", "Model=Frame for all its layers"]);
    let judged = ["mnist-autoencoder.ini", "-learn", "64", "--valid-metric", "Precision"];
    run(folder.path(), &judged)
        .fails(2, &["--valid-metric", "mean squared error", "mnist-autoencoder.ini (shipped), line "]);
}

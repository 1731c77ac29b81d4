//! Data of every kind from the command line: drivers, transformations, figures, and what is wrong with data.

use std::fs;
use std::path::Path;

use femtospike::cli::Options;
use femtospike::run::learn::{self, Amount};
use femtospike::run::learning_state;
use femtospike::session::Session;
use femtospike::weights::{self, WeightSource};
use femtospike::{assemble, failure, locate};
use stimuli::{Delivery, Provider, Set};

use crate::program::{files, folder, run};

/// A color PPM image.
fn ppm(width: usize, height: usize, color: [u8; 3], shade: usize) -> Vec<u8> {
    let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
    for at in 0..width * height {
        bytes.extend(color.map(|level| level.saturating_add((at * 7 % (shade + 1)) as u8)));
    }
    bytes
}

/// Folders `red`, `green`, `blue` with eight images each, of several sizes.
fn colors(root: &Path) {
    for (class, color) in [("red", [180, 20, 20]), ("green", [20, 180, 20]), ("blue", [20, 20, 180])] {
        let folder = root.join(class);
        fs::create_dir_all(&folder).unwrap();
        for image in 0..8 {
            fs::write(folder.join(format!("{image}.ppm")), ppm(10 + image, 9 + image % 3, color, 40)).unwrap();
        }
    }
}

const NETWORK: &str = "
[fc]
Input=sp
Type=Fc
NbOutputs=3
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection=config
[softmax]
Input=fc
Type=Softmax
NbOutputs=3
WithLoss=1
[softmax.Target]
[config]
Solvers.LearningRate=0.1
Solvers.Momentum=0.9
";

const FOLDERS: &str = "
DefaultModel=Frame
[database]
Type=DIR_Database
DataPath=data
Learn=0.5
Validation=0.25
[sp]
Size=8 8
NbChannels=3
BatchSize=4
[sp.Transformation-1]
Type=RescaleTransformation
Width=8
Height=8
[sp.OnTheFlyTransformation-2]
Type=FlipTransformation
RandomHorizontalFlip=1
ApplyTo=LearnOnly
[sp.OnTheFlyTransformation-3]
Type=DistortionTransformation
ElasticGaussianSize=5
ElasticSigma=2.0
ElasticScaling=4.0
Rotation=10
ApplyTo=LearnOnly
";

fn write_model(folder: &Path, head: &str) {
    fs::write(folder.join("m.ini"), format!("{head}{NETWORK}")).unwrap();
}

fn rate(out: &Path) -> f64 {
    let text = fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    summary["formal_recognition_rate"].as_f64().unwrap()
}

#[test]
fn folders_of_color_images_are_learned_with_distortion_to_the_same_bytes_on_any_number_of_threads() {
    let folder = folder();
    colors(&folder.path().join("data"));
    write_model(folder.path(), FOLDERS);
    let learn = |out: &str, threads: &str| {
        let words = ["learn", "m.ini", "-learn-epoch", "20", "--out", out, "--threads", threads, "-log-db-stats"];
        let finished = run(folder.path(), &words).succeeds();
        assert!(finished.stdout.contains("Learning database size: 12 images"), "{}", finished.stdout);
    };
    learn("one", "1");
    learn("two", "2");
    let one = folder.path().join("one");
    assert_eq!(rate(&one), 1.0);
    let (one, two) = (files(&one), files(&folder.path().join("two")));
    for (name, bytes) in
        one.iter().filter(|(name, _)| !["summary.json", "learning_seconds.dat"].contains(&name.as_str()))
    {
        assert!(two.get(name) == Some(bytes), "{name} differs");
    }
    let sizes = String::from_utf8(one["dbstats/sizes_Learn.dat"].clone()).unwrap();
    assert!(sizes.starts_with("width height channels stimuli\n10 "), "{sizes}");
    let labels = String::from_utf8(one["dbstats/labels.dat"].clone()).unwrap();
    assert!(labels.contains("0 \"/blue\" 4 2 2\n1 \"/green\" 4 2 2\n2 \"/red\" 4 2 2\n"), "{labels}");
    for name in ["dbstats/labels.png", "frames/frame_0.png", "frames/test_frame_5.png", "frames/frame_9.dat"] {
        assert!(one.contains_key(name), "{name} is missing");
    }
}

#[test]
fn a_learning_with_distortion_goes_on_to_the_bytes_of_a_whole_one() {
    let folder = folder();
    colors(&folder.path().join("data"));
    write_model(folder.path(), FOLDERS);
    let learn = |out: &str, n: &str, more: &[&str]| {
        let words = [&["learn", "m.ini", "-learn", n, "-log", "20", "--out", out], more].concat();
        run(folder.path(), &words).succeeds();
    };
    learn("whole", "80", &[]);
    learn("parts", "40", &[]);
    learn("parts", "80", &["--resume"]);
    let of = |out: &str| files(&folder.path().join(out).join("weights"));
    assert_eq!(of("whole"), of("parts"));
}

#[test]
fn presentations_of_a_stimulus_differ_where_something_is_random() {
    let folder = folder();
    colors(&folder.path().join("data"));
    write_model(folder.path(), FOLDERS);
    let words = ["find-lr", "m.ini", "-find-lr", "8", "-pre-samples", "1", "--out", "out"];
    run(folder.path(), &words).succeeds();
    let samples = files(&folder.path().join("out/pre_samples_1"));
    assert_eq!(samples.len(), 100);
    assert!(samples["sample_0.png"] != samples["sample_1.png"]);
    let image = image::load_from_memory(&samples["sample_7.png"]).unwrap();
    assert_eq!((image.width(), image.height(), image.color().channel_count()), (8, 8, 3));
    run(folder.path(), &["find-lr", "m.ini", "-pre-samples", "12", "--out", "out"])
        .fails(2, &["--pre-samples: expected an index below 12"]);
}

#[test]
fn figures_of_the_stimuli_can_be_referred_to() {
    let folder = folder();
    colors(&folder.path().join("data"));
    let head = FOLDERS.split("[sp.OnTheFly").next().unwrap();
    let analysis = "
[sp.StimuliData-raw]
ApplyTo=LearnOnly
MeanData=1
[sp.Transformation-a]
Type=AffineTransformation
FirstOperator=Minus
FirstValue=[sp.StimuliData-raw]_MeanData
[sp.Transformation-b]
Type=RangeAffineTransformation
FirstOperator=Divides
FirstValue=[sp.StimuliData-raw]_GlobalValue.stdDev
[sp.StimuliData-normal]
ApplyTo=LearnOnly
";
    write_model(folder.path(), &format!("{head}{analysis}"));
    let finished = run(folder.path(), &["learn", "m.ini", "-learn-epoch", "5", "--out", "out"]).succeeds();
    let line = |name: &str| {
        let line = finished.stdout.lines().find(|line| line.starts_with(name)).expect("a line of figures");
        line.to_owned()
    };
    assert!(line("sp.StimuliData-raw").contains("12 stimuli, width 8, height 8, channels 3, range ["));
    let normal = line("sp.StimuliData-normal");
    let mean: f64 = normal.split("mean ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(mean.abs() < 1e-5, "{normal}");
    let out = files(&folder.path().join("out"));
    assert_eq!(out["sp.StimuliData-raw/meanData.bin"].len(), 12 + 4 * 8 * 8 * 3);
    assert!(out.contains_key("sp.StimuliData-raw/meanData.png"));
}

/// CIFAR-10 of thirty training and six test images of three classes.
pub fn cifar(root: &Path) {
    fs::create_dir_all(root).unwrap();
    let record = |label: u8| {
        let mut bytes = vec![label];
        for plane in 0..3 {
            bytes.extend(std::iter::repeat_n(if plane == label { 200 } else { 30 }, 1024));
        }
        bytes
    };
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        fs::write(root.join(format!("{name}.bin")), (0..6).flat_map(|at| record(at % 3)).collect::<Vec<_>>()).unwrap();
    }
}

const CIFAR: &str = "
DefaultModel=Frame
[database]
Type=CIFAR10_Database
DataPath=cifar
Validation=0.2
[sp]
Size=8 8
NbChannels=3
BatchSize=4
[sp.Transformation]
Type=RescaleTransformation
Width=8
Height=8
";

#[test]
fn cifar_is_learned() {
    let folder = folder();
    cifar(&folder.path().join("cifar"));
    let model = format!("{CIFAR}{NETWORK}").replace("NbOutputs=3", "NbOutputs=10");
    fs::write(folder.path().join("m.ini"), model).unwrap();
    let finished = run(folder.path(), &["learn", "m.ini", "-learn-epoch", "10", "--out", "out"]).succeeds();
    assert!(finished.stdout.contains("Learning database size: 24 images"), "{}", finished.stdout);
    assert_eq!(rate(&folder.path().join("out")), 1.0);
    run(folder.path(), &["inspect", "m.ini"]).succeeds();
}

#[test]
fn faulty_data_are_refused_with_file_fault_and_remedy_before_anything_is_written() {
    type Damage = fn(&Path);
    let folders: [(Damage, &[&str]); 9] = [
        (|data| fs::remove_dir_all(data.join("data")).unwrap(), &["line ", "DataPath", "data: expected a readable"]),
        (
            |data| {
                fs::remove_dir_all(data.join("data")).unwrap();
                fs::create_dir(data.join("data")).unwrap();
            },
            &["data: expected images", "found none", "correct `DataPath`"],
        ),
        (|data| fs::write(data.join("data/red/3.ppm"), "").unwrap(), &["red/3.ppm: expected an image", "leave it out"]),
        (|data| fs::write(data.join("data/red/3.ppm"), "<html>404</html>").unwrap(), &["red/3.ppm", "no such format"]),
        (
            |data| {
                let whole = fs::read(data.join("data/red/3.ppm")).unwrap();
                fs::write(data.join("data/red/3.ppm"), &whole[..60]).unwrap();
            },
            &["red/3.ppm: expected an image"],
        ),
        (|data| fs::write(data.join("data/red/3.ppm"), "P6 99999 99999 255\n").unwrap(), &["red/3.ppm"]),
        (
            |data| {
                let _ = fs::remove_file(data.join("data/red/3.ppm"));
                fs::write(data.join("data/red/3.pgm"), b"P5 3 3 255\n123456789").unwrap();
            },
            &["red/3.pgm", "expected 8x8x3 after the transformations, found 8x8x1", "NbChannels"],
        ),
        (
            |data| fs::create_dir(data.join("data/red/4.jpg")).unwrap(),
            // A folder is no image and is passed over: nothing else is wrong, and the model learns.
            &[],
        ),
        (
            |data| {
                fs::create_dir(data.join("data/violet")).unwrap();
                fs::write(data.join("data/violet/1.ppm"), ppm(9, 9, [90, 0, 90], 9)).unwrap();
            },
            &["expected an output for each of the 4 labels of the database, `softmax` has 3"],
        ),
    ];
    for (damage, parts) in folders {
        let folder = folder();
        colors(&folder.path().join("data"));
        write_model(folder.path(), FOLDERS);
        damage(folder.path());
        let finished = run(folder.path(), &["learn", "m.ini", "-learn-epoch", "1", "--out", "out"]);
        if parts.is_empty() {
            finished.succeeds();
        } else {
            finished.fails(2, parts);
            assert!(!folder.path().join("out/weights").exists() && !folder.path().join("out/seed.dat").exists());
        }
    }
}

#[test]
fn images_without_labels_are_learned_for_what_they_are() {
    const BACK: &str = "
[back]
Input=sp
Type=Fc
NbOutputs=192
ActivationFunction=Linear
WeightsFiller=XavierFiller
[image]
Input=back
Type=Reshape
Dims=8 8 3
[image.Target]
DataAsTarget=1
";
    let folder = folder();
    colors(&folder.path().join("data"));
    let head = FOLDERS.replace("Learn=0.5\n", "Learn=0.5\nLabelDepth=-1\n");
    fs::write(folder.path().join("m.ini"), format!("{head}{BACK}")).unwrap();
    let learned = run(folder.path(), &["learn", "m.ini", "-learn-epoch", "2", "--out", "out"]).succeeds();
    assert!(learned.stdout.contains("Learning database size: 12 images"), "{}", learned.stdout);
    let tested = fs::read_to_string(folder.path().join("out/image.Target/test/errors.log")).unwrap();
    assert_eq!(tested.lines().filter(|line| line.contains(".ppm")).count(), 6, "{tested}");
}

#[test]
fn faulty_keys_of_data_are_told_with_their_lines() {
    let check = |from: &str, to: &str, parts: &[&str]| {
        let folder = folder();
        colors(&folder.path().join("data"));
        let text = format!("{FOLDERS}{NETWORK}");
        assert!(text.contains(from), "`{from}`");
        fs::write(folder.path().join("m.ini"), text.replacen(from, to, 1)).unwrap();
        run(folder.path(), &["learn", "m.ini", "-learn-epoch", "1", "--out", "out"]).fails(2, parts);
    };
    check("Learn=0.5", "Learn=0.9", &["line 6, [database] Learn: expected fractions that add up to at most 1"]);
    check("Learn=0.5", "Learn=5", &["line 6", "Learn: expected a fraction from 0 to 1 of each label"]);
    check("Learn=0.5\n", "", &["[database] Learn: missing"]);
    check("Learn=0.5", "Learn=0.5\nLabelDepth=-1", &["stimuli without labels (`LabelDepth`, line", "DataAsTarget=1"]);
    check("Learn=0.5", "Learn=0.5\nLoadMore=more", &["LoadMore: there is no section `[more]`"]);
    check("Learn=0.5", "Learn=0.5\nLoadMore=database", &["LoadMore: `[database]` is loaded already"]);
    check("NbChannels=3", "NbChannels=1", &["expected 8x8x1 after the transformations, found 8x8x3"]);
    check("ElasticGaussianSize=5", "ElasticGaussianSize=999", &["`ElasticGaussianSize` from 1 to 255, found 999"]);
    check("ElasticSigma=2.0", "ElasticSigma=0", &["ElasticSigma: expected a number above 0"]);
    check("ApplyTo=LearnOnly", "ApplyTo=Learning", &["ApplyTo: expected one of `All`, `LearnOnly`"]);
    check("RandomHorizontalFlip=1", "RandomFlip=1\nHorizontalFlip=2", &["HorizontalFlip: expected `0` or `1`"]);
}

#[test]
fn images_that_vanish_while_learning_leave_what_was_learned() {
    let folder = folder();
    colors(&folder.path().join("data"));
    write_model(folder.path(), FOLDERS);
    let learn = |more: &[&str]| {
        let words = [&["learn", "m.ini", "-learn", "40", "-log", "20", "--out", "out"], more].concat();
        run(folder.path(), &words)
    };
    learn(&[]).succeeds();
    let before = files(&folder.path().join("out"));
    let image = folder.path().join("data/green/2.ppm");
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..40]).unwrap();
    let words = ["learn", "m.ini", "-learn", "80", "-log", "20", "--out", "out", "--resume"];
    run(folder.path(), &words).fails(2, &["green/2.ppm: expected an image"]);
    let after = files(&folder.path().join("out"));
    for name in ["learning.safetensors", "weights/fc_weights.syntxt", "weights_validation/fc_weights.syntxt"] {
        assert!(before[name] == after[name], "{name} changed");
    }
    fs::write(&image, bytes).unwrap();
    run(folder.path(), &words).succeeds();
}

/// A session whose images are read again at each presentation, as where they do not fit into memory.
fn frugal(folder: &Path, out: &str, resume: bool) -> Session {
    let path = folder.join("m.ini").display().to_string();
    let options = Options { out: Some(folder.join(out)), resume, log: Some(200), ..Options::default() };
    let session = Session::of(locate::model(&path).unwrap(), &options, true).unwrap();
    let stimuli = &session.description.stimuli;
    let delivery = Delivery { seed: u64::from(session.seed), most_bytes: 0, ..Delivery::default() };
    let database = session.provider.shared_database();
    let provider = Provider::new(database, stimuli.shape, &stimuli.transformations, delivery).unwrap();
    Session { provider, ..session }
}

/// Learns without end until an image of `set` is damaged after the first log; the image is then put back. Returns what was
/// told, and the stimuli learned by the state that was kept.
fn disturbed(folder: &Path, set: Set) -> (anyhow::Error, u64) {
    let data = folder.join("data");
    colors(&data);
    write_model(folder, &FOLDERS.replace("DataPath=data", &format!("DataPath={}", data.display())));
    let session = frugal(folder, "out", false);
    let name = session.database().name(session.database().set(set)[0]);
    let image = [data.join(&name), folder.join(&name), name.clone().into()].into_iter().find(|path| path.exists());
    let image = image.unwrap_or_else(|| panic!("no file {name}"));
    let bytes = fs::read(&image).unwrap();
    let first_log = folder.join("out/softmax.Target/Success_validation.dat");
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !first_log.exists() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            fs::write(&image, &bytes[..40]).unwrap();
        });
        learn_frugally(folder, "out", false, 1_000_000_000).expect_err("an image is damaged")
    });
    fs::write(&image, &bytes).unwrap();
    assert!(error.to_string().contains(name.rsplit('/').next().unwrap()), "{error}");

    let session = frugal(folder, "out", true);
    let mut network = assemble::formal_network(&session.description, session.seed).unwrap();
    let ledger = learning_state::load(&folder.join("out").join(learning_state::FILE), &mut network).unwrap();
    let loaded = weights::load(&session.description, &WeightSource::Folder(folder.join("out/weights"))).unwrap();
    assert_eq!(loaded.cells[0].as_ref().map(|cell| cell.weights.as_slice()), network.weights(0), "those of the state");
    (error, ledger.stimuli)
}

fn learn_frugally(folder: &Path, out: &str, resume: bool, stimuli: u64) -> anyhow::Result<()> {
    let session = frugal(folder, out, resume);
    let mut network = assemble::formal_network(&session.description, session.seed)?;
    learn::run(&session, &mut network, Some(Amount::Stimuli(stimuli))).map(|_| ())
}

#[test]
fn an_image_that_vanishes_amid_learning_costs_nothing_that_was_learned() {
    let folder = folder();
    let (error, stimuli) = disturbed(folder.path(), Set::Learn);
    assert_eq!(failure::exit_code(&error), 2);
    assert!(stimuli >= 200, "{stimuli}");
    learn_frugally(folder.path(), "out", true, stimuli + 400).expect("the image is back");
    learn_frugally(folder.path(), "whole", false, stimuli + 400).expect("all images are there");
    let state = |out: &str| fs::read(folder.path().join(out).join(learning_state::FILE)).unwrap();
    assert!(state("out") == state("whole"), "the bytes of a learning that nothing disturbed");
}

#[test]
fn an_image_that_vanishes_before_a_validation_costs_nothing_that_was_learned() {
    let folder = folder();
    let (error, stimuli) = disturbed(folder.path(), Set::Validation);
    assert_eq!(failure::exit_code(&error), 2);
    // All that was learned up to a later log, which could not validate.
    assert!(stimuli >= 400 && stimuli.is_multiple_of(200), "{stimuli}");
    learn_frugally(folder.path(), "out", true, stimuli + 400).expect("the image is back");
}

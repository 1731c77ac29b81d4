//! Images that a network should make of its stimuli (`TargetDataPath`), and images of 16 bits.

use std::fs;
use std::path::Path;

use crate::program::{files, folder, run, summary};

const MODEL: &str = "
DefaultModel=Frame
[database]
Type=DIR_Database
DataPath=data
LabelDepth=-1
Learn=0.5
Validation=0.25
TargetDataPath=wanted
[sp]
Size=4 4
TargetSize=2 2
BatchSize=4
[sp.Transformation]
Type=RescaleTransformation
Width=4
Height=4
[half]
Input=sp
Type=Conv
KernelSize=2
Stride=2
NbOutputs=1
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection=config
[half.Target]
DataAsTarget=1
[config]
Solvers.LearningRate=0.05
Solvers.Momentum=0.9
";

/// A grey image of 16 bits.
fn deep(width: usize, height: usize, level: impl Fn(usize, usize) -> u16) -> Vec<u8> {
    let mut bytes = format!("P5 {width} {height} 65535\n").into_bytes();
    bytes.extend((0..width * height).flat_map(|at| level(at % width, at / width).to_be_bytes()));
    bytes
}

/// Sixteen images of 4 x 4, and beside them what is wanted: one less the mean of each 2 x 2 of them.
fn write(root: &Path) {
    fs::create_dir_all(root.join("data/any")).unwrap();
    fs::create_dir_all(root.join("wanted")).unwrap();
    for image in 0..16_usize {
        let level =
            move |x: usize, y: usize| ((image * 7919 + x * 104_729 + y * 1_299_709) * 2_654_435 % 65_536) as u16;
        let mean = move |x: usize, y: usize| {
            let taps = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| u32::from(level(2 * x + dx, 2 * y + dy)));
            65_535 - (taps.iter().sum::<u32>() / 4) as u16
        };
        fs::write(root.join(format!("data/any/{image}.pgm")), deep(4, 4, level)).unwrap();
        fs::write(root.join(format!("wanted/{image}.pgm")), deep(2, 2, mean)).unwrap();
    }
}

#[test]
fn a_network_learns_to_make_other_images_of_its_stimuli() {
    let folder = folder();
    write(folder.path());
    fs::write(folder.path().join("m.ini"), MODEL).unwrap();
    let learn = |out: &str, threads: &str| {
        let words = ["learn", "m.ini", "-learn-epoch", "300", "-log-epoch", "100", "--out", out, "--threads", threads];
        run(folder.path(), &words).succeeds();
        summary(&folder.path().join(out))
    };
    let learned = learn("one", "1");
    // The means are what they are; their levels would only be found to 1/255 in bytes.
    assert!(learned["mean_squared_error"].as_f64().unwrap() < 1e-6, "{learned:?}");
    assert!(learned["variance_explained"].as_f64().unwrap() > 0.999, "{learned:?}");
    let mut two = learn("two", "2");
    two.insert("weights_dir".into(), learned["weights_dir"].clone());
    assert_eq!(learned, two);
    let weights = fs::read_to_string(folder.path().join("one/weights_validation/half_weights.syntxt")).unwrap();
    for weight in weights.split_whitespace() {
        assert!((weight.parse::<f32>().unwrap() + 0.25).abs() < 0.01, "{weights}");
    }
    let written = files(&folder.path().join("one/half.Target/test"));
    let pictures = written.iter().filter(|(name, _)| name.ends_with("_target.png"));
    let sizes =
        pictures.map(|(_, png)| image::load_from_memory(png).map(|image| (image.width(), image.height())).unwrap());
    assert_eq!(sizes.collect::<Vec<_>>(), [(2, 2); 4]);
    run(folder.path(), &["find-lr", "m.ini", "-find-lr", "64", "--out", "range"]).succeeds();
    let checked = run(folder.path(), &["check", "m.ini"]).succeeds();
    assert!(checked.stdout.contains("All gradients agree."), "{}", checked.stdout);
    let samples = String::from_utf8(files(&folder.path().join("one/frames"))["frame_0.dat"].clone()).unwrap();
    let is_deep = |value: &str| (value.parse::<f64>().unwrap() * 255.0).fract() > 1e-3;
    assert!(samples.split_whitespace().any(is_deep), "levels between those of bytes: {samples}");
}

#[test]
fn faulty_images_of_what_is_wanted_are_told() {
    let check = |damage: &dyn Fn(&Path), from: &str, to: &str, parts: &[&str]| {
        let folder = folder();
        write(folder.path());
        damage(folder.path());
        assert!(MODEL.contains(from), "`{from}`");
        fs::write(folder.path().join("m.ini"), MODEL.replacen(from, to, 1)).unwrap();
        run(folder.path(), &["learn", "m.ini", "-learn-epoch", "1", "--out", "out"]).fails(2, parts);
        assert!(!folder.path().join("out/weights").exists());
    };
    let none: &dyn Fn(&Path) = &|_| {};
    let removes: &dyn Fn(&Path) =
        &|root| ["3.pgm", "5.pgm"].iter().for_each(|name| fs::remove_file(root.join("wanted").join(name)).unwrap());
    check(removes, "NbOutputs=1", "NbOutputs=1", &["line 9: ", "any/3.pgm`", "any/5.pgm`", "correct `TargetDataPath`"]);
    let shrinks: &dyn Fn(&Path) = &|root| fs::write(root.join("wanted/7.pgm"), deep(2, 1, |_, _| 1)).unwrap();
    check(shrinks, "NbOutputs=1", "NbOutputs=1", &["7.pgm", "expected 2x2x1", "found 2x1x1"]);
    let breaks: &dyn Fn(&Path) = &|root| fs::write(root.join("wanted/7.pgm"), "P5 2").unwrap();
    check(breaks, "NbOutputs=1", "NbOutputs=1", &["7.pgm: expected an image"]);
    check(none, "TargetDataPath=wanted", "TargetDataPath=nowhere", &["line 9: ", "nowhere: expected a readable"]);
    check(
        none,
        "TargetSize=2 2",
        "",
        &["[half.Target] DataAsTarget", "images of `TargetDataPath` (`TargetSize`), 4x4x1", "are 2x2x1"],
    );
    check(none, "TargetSize=2 2", "TargetSize=2 2 1 1", &["TargetSize: expected a width, a height and channels"]);
    check(none, "TargetSize=2 2", "TargetSizeY=2", &["TargetSizeY: expected `TargetSizeX` beside it"]);
}

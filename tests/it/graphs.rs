//! Small networks of the shape of those for ImageNet (`formal.md` 13.1, 13.3), whose data are not at hand: each loads, shows its
//! layers and learns on made images, from the model in `graphs/`, templates and all.

use std::fs;
use std::path::Path;

use crate::program::{files, folder, run};

/// Six classes of color images of several sizes, each with stripes of its own.
fn stripes(data: &Path) {
    for class in 0..6_usize {
        let folder = data.join(format!("class{class}"));
        fs::create_dir_all(&folder).unwrap();
        for image in 0..8_usize {
            let (width, height) = (36 + 3 * image, 40 - image);
            let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
            for at in 0..width * height {
                let (x, y) = (at % width, at / width);
                let along = if class % 2 == 0 { x } else { y };
                let is_light = (along / (2 + class / 2) + image).is_multiple_of(2);
                let level = if is_light { 200 } else { 40 } + (at * 7 % 23) as u8;
                bytes.extend([level, level / (1 + (class / 2) as u8), 255 - level]);
            }
            fs::write(folder.join(format!("{image}.ppm")), bytes).unwrap();
        }
    }
}

/// The text of `graphs/NAME`.
fn graph(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/graphs").join(name)).unwrap()
}

/// Loads a model of `graphs/`, looks for `rows` in what `inspect` shows, and learns a few steps: `n_updates` of them move
/// the weights, each as one thread and as two.
#[track_caller]
fn check(name: &str, templates: &[&str], rows: &[&str], more: &[&str]) -> tempfile::TempDir {
    let folder = folder();
    stripes(&folder.path().join("data"));
    for file in [&[name], templates].concat() {
        fs::write(folder.path().join(file), graph(file)).unwrap();
    }
    let shown = run(folder.path(), &["inspect", "--strict", name]).succeeds();
    assert!(!shown.stderr.contains("warning"), "{}", shown.stderr);
    let flat: Vec<String> =
        shown.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in rows {
        assert!(flat.iter().any(|line| line.starts_with(row)), "`{row}` is missing in\n{}", flat.join("\n"));
    }
    let learn = |out: &str, threads: &str| {
        let words = [&[name, "-learn", "48", "-log", "48", "--out", out, "--threads", threads], more].concat();
        run(folder.path(), &words).succeeds()
    };
    let learned = learn("one", "1");
    assert!(learned.stderr.contains("validation score"), "{}", learned.stderr);
    assert!(learned.stdout.contains("Final recognition rate"), "{}", learned.stdout);
    learn("two", "2");
    let weights = |out: &str, set: &str| files(&folder.path().join(out).join(set));
    let (first, last) = (weights("one", "weights_init"), weights("one", "weights"));
    assert!(first.keys().eq(last.keys()) && !last.is_empty());
    let stay: Vec<&String> = first.keys().filter(|file| first[*file] == last[*file]).collect();
    assert!(stay.is_empty(), "{stay:?} have not learned");
    assert!(last == weights("two", "weights"), "the bytes depend on the threads");
    folder
}

#[test]
fn depth_wise_convolutions_as_those_of_mobilenet_learn() {
    let rows = ["conv1 Conv", "conv2_3x3_dw Conv", "conv3_1x1 Conv"];
    let folder = check("MobileNet_v1.ini", &[], &rows, &[]);
    let values = |name: &str| {
        let text = fs::read_to_string(folder.path().join("one/weights").join(name)).unwrap();
        text.lines().map(|line| line.split_whitespace().count()).collect::<Vec<_>>()
    };
    // One kernel an output.
    assert_eq!(values("conv2_3x3_dw_weights.syntxt"), [9; 8]);
    assert_eq!(values("conv3_1x1_weights.syntxt"), [16; 32]);
}

#[test]
fn bottlenecks_as_those_of_mobilenet_v2_learn() {
    let rows = ["bottleneck1.dw Conv", "bottleneck2.expand Conv", "bottleneck3.sum ElemWise"];
    check("MobileNet_v2.ini", &["MobileNet_v2.ini.tpl"], &rows, &[]);
}

#[test]
fn residual_blocks_of_two_convolutions_as_those_of_resnet_18_learn_over_several_batches() {
    let rows = ["block1.conv2 Conv", "block2.short Conv", "block3.sum ElemWise"];
    check("ResNet-18.ini", &["ResNet.ini.tpl", "ResNet_head.ini.tpl"], &rows, &[]);
}

#[test]
fn residual_bottlenecks_as_those_of_resnet_50_learn_with_and_without_normalization() {
    let templates = ["ResNet.ini.tpl", "ResNet_head.ini.tpl"];
    let rows = ["block1.conv1 Conv", "block1.short Conv", "block2.conv3 Conv"];
    check("ResNet-50.ini", &templates, &rows, &[]);
    let folder = folder();
    stripes(&folder.path().join("data"));
    for template in templates {
        fs::write(folder.path().join(template), graph(template)).unwrap();
    }
    let text = graph("ResNet-50.ini").replace("$L=2", "$L=0");
    fs::write(folder.path().join("m.ini"), format!("InsertBatchNormAfterConv=1\n{text}")).unwrap();
    let shown = run(folder.path(), &["m.ini", "-learn", "48", "-log", "48"]).succeeds();
    assert!(shown.stdout.contains("Final recognition rate"), "{}", shown.stdout);
    let written = files(&folder.path().join("weights"));
    assert!(written.contains_key("block2.conv3.bn_scales.syntxt"), "{:?}", written.keys());
}

#[test]
fn fire_modules_as_those_of_squeezenet_learn_side_by_side() {
    let rows = ["fire2/squeeze1x1 Conv", "pool2 Pool", "conv10 Conv"];
    let folder = check("SqueezeNet.ini", &[], &rows, &["-log-outputs", "1"]);
    // Maps 0 to 7 of the pool are those of the first input, 8 to 17 those of the second.
    let maps = |name: &str| {
        let text = fs::read_to_string(folder.path().join("one/outputs_1").join(name)).unwrap();
        let map = |map: &str| {
            let rows = map.lines().map(|row| row.split_whitespace().map(|v| v.parse::<f32>().unwrap()).collect());
            rows.collect::<Vec<Vec<f32>>>()
        };
        text.split("\n\n").filter(|part| !part.trim().is_empty()).map(map).collect::<Vec<_>>()
    };
    let pooled = |maps: Vec<Vec<Vec<f32>>>| {
        let of = |map: &Vec<Vec<f32>>| {
            let greatest = |y: usize, x: usize| {
                let taps = (0..9).map(|tap| map[2 * y + tap / 3][2 * x + tap % 3]);
                taps.fold(f32::MIN, f32::max)
            };
            (0..2).map(|y| (0..2).map(|x| greatest(y, x)).collect()).collect::<Vec<Vec<f32>>>()
        };
        maps.iter().map(of).collect::<Vec<_>>()
    };
    let expected = [pooled(maps("fire2_expand1x1.dat")), pooled(maps("fire2_expand3x3.dat"))].concat();
    assert_eq!(maps("pool2.dat"), expected);
}

#[test]
fn stacks_of_small_convolutions_as_those_of_vgg_learn() {
    let rows = ["stack1.conv0 Conv", "stack3.conv2 Conv", "stack5.pool Pool"];
    check("VGG16.ini", &["VGG16.ini.tpl"], &rows, &[]);
}

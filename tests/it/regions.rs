//! Stimuli with regions of interest and labels of pixels: drawn faces, boxes of XML files, label images, tables of regions; and
//! what becomes of those that are faulty.

use std::fs;
use std::path::Path;

use crate::program::{files, folder, run};

/// What follows the section `[database]`: gray pictures of 32x24, which a network of one weight copies.
const REST: &str = "
[sp]
Size=32 24
NbChannels=1
BatchSize=4
CompositeStimuli=1
[sp.Transformation-1]
Type=ChannelExtractionTransformation
CSChannel=Gray
[sp.Transformation-2]
Type=RescaleTransformation
Width=32
Height=24
KeepAspectRatio=1
[sp.Transformation-3]
Type=PadCropTransformation
Width=32
Height=24
[sp.OnTheFlyTransformation]
Type=FlipTransformation
RandomHorizontalFlip=1
ApplyTo=LearnOnly
[copy]
Input=sp
Type=Conv
KernelWidth=1
KernelHeight=1
NbOutputs=1
ActivationFunction=Linear
WeightsFiller=XavierFiller
Solvers.LearningRate=0.000001
[copy.Target]
DataAsTarget=1
";

const FACES: &str = "[database]\nType=IMDBWIKI_Database\nDataPath=data\nLabelPath=data/imdb_metadata\nLearn=0.5\nValidation=0.25\n\
                     DefaultLabel=background\nROIsMargin=2\n";

fn write_model(folder: &Path, database: &str) {
    fs::write(folder.join("m.ini"), format!("DefaultModel=Frame\n{database}{REST}")).unwrap();
}

/// The same without mirrors.
fn write_still_model(folder: &Path, database: &str) {
    write_model(folder, database);
    let text = fs::read_to_string(folder.join("m.ini")).unwrap();
    fs::write(folder.join("m.ini"), text.replace("RandomHorizontalFlip", "HorizontalFlip").replace("Flip=1", "Flip=0"))
        .unwrap();
}

fn faces(folder: &Path, words: &[&str]) {
    run(folder, &[&["faces", "--out", "data", "--images", "16", "--size", "64x48"], words].concat()).succeeds();
}

fn learn(folder: &Path, words: &[&str]) -> crate::program::Finished {
    run(folder, &[&["learn", "m.ini", "-learn-epoch", "1", "--log-db-stats", "--out", "out"], words].concat())
}

#[test]
fn drawn_faces_are_the_same_for_the_same_seed_and_are_read_as_regions() {
    let folder = folder();
    faces(folder.path(), &[]);
    let first = files(&folder.path().join("data"));
    assert_eq!(first.len(), 17);
    faces(folder.path(), &["--threads", "1"]);
    assert!(files(&folder.path().join("data")) == first, "any number of threads");
    faces(folder.path(), &["--seed", "2"]);
    assert!(files(&folder.path().join("data")) != first);
    write_model(folder.path(), FACES);
    let learned = learn(folder.path(), &["--threads", "1"]).succeeds();
    assert!(learned.stdout.contains("Learning database size: 8 images"), "{}", learned.stdout);
    let out = files(&folder.path().join("out"));
    let text = |name: &str| String::from_utf8(out[name].clone()).unwrap();
    let labels = text("dbstats/labels.dat");
    assert!(labels.starts_with("label name Learn Validation Test ROIs(Learn) ROIs(Validation) ROIs(Test)\n0 \"background\" 0 0 0 0 0 0\n1 \""), "{labels}");
    // The first sample has background, a face, and a band between them where labels are ignored.
    let map = text("frames/frame_0_label.dat");
    let rows: Vec<Vec<&str>> =
        map.lines().filter(|row| !row.is_empty()).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!((rows.len(), rows[0].len()), (24, 32), "{map}");
    let all: Vec<&str> = rows.concat();
    assert!(all.contains(&"-1") && all.contains(&"0") && all.iter().any(|label| !["-1", "0"].contains(label)), "{map}");
    let picture = image::load_from_memory(&out["frames/frame_0.png"]).unwrap().into_rgb8();
    assert!(picture.pixels().any(|pixel| pixel.0[0] != pixel.0[1]), "the borders of the regions are in color");
    learn(folder.path(), &["--threads", "3"]).succeeds();
    let again = files(&folder.path().join("out"));
    for name in ["frames/frame_0_label.dat", "frames/frame_0.dat", "dbstats/labels.dat", "weights/copy-weights.syntxt"]
    {
        assert!(out.get(name) == again.get(name), "{name}");
    }
}

#[test]
fn faulty_stimuli_are_refused_all_together_or_left_out_and_listed() {
    let folder = folder();
    faces(folder.path(), &[]);
    write_model(folder.path(), FACES);
    let data = folder.path().join("data");
    let picture = data.join("wiki/00/00003.png");
    let bytes = fs::read(&picture).unwrap();
    fs::write(&picture, &bytes[..bytes.len() / 2]).unwrap();
    learn(folder.path(), &[]).fails(2, &["00003.png: expected an image", "--skip-bad"]);
    let table = data.join("imdb_metadata/wiki.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, format!("{text}00/none.png;A;2;2;9;9;1980;2000;1\n00/00001.png;A;x;1;9;9;1980;2000;1\n"))
        .unwrap();
    let n_lines = text.lines().count();
    let lines = [
        format!("wiki.csv, line {}: ", n_lines + 1),
        format!("wiki.csv, line {}: expected a number for `x0`", n_lines + 2),
    ];
    learn(folder.path(), &[]).fails(2, &[&lines[0], "00/none.png: expected a readable file", &lines[1]]);
    assert!(!folder.path().join("out/weights").exists());
    let learned = learn(folder.path(), &["--skip-bad"]).succeeds();
    assert!(learned.stderr.contains("left out (--skip-bad): 3 faulty stimuli or records"), "{}", learned.stderr);
    let skipped = fs::read_to_string(folder.path().join("out/skipped.txt")).unwrap();
    assert_eq!(skipped.lines().count(), 3, "{skipped}");
    assert!(skipped.contains("00003.png: expected an image") && skipped.contains("none.png"), "{skipped}");
    let sizes: Vec<usize> = learned
        .stdout
        .lines()
        .filter_map(|line| line.split(": ").nth(1)?.strip_suffix(" images")?.parse().ok())
        .collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 15), "{}", learned.stdout);
    fs::write(&picture, bytes).unwrap();
    fs::write(&table, text).unwrap();
    learn(folder.path(), &["--skip-bad"]).succeeds();
    assert!(!folder.path().join("out/skipped.txt").exists(), "the list of an earlier run is gone");
}

#[test]
fn keys_of_regions_are_checked_with_their_lines() {
    let folder = folder();
    faces(folder.path(), &[]);
    let check = |from: &str, to: &str, parts: &[&str]| {
        let text = format!("DefaultModel=Frame\n{FACES}{REST}");
        assert!(text.contains(from), "`{from}`");
        fs::write(folder.path().join("m.ini"), text.replacen(from, to, 1)).unwrap();
        learn(folder.path(), &[]).fails(2, parts);
    };
    check(
        "Learn=0.5",
        "Learn=0.9",
        &["line 6, [database] Learn: expected fractions that add up to at most 1, found 1.15"],
    );
    check(
        "Learn=0.5",
        "Learn=0.5\nWikiSet=0",
        &["line 7, [database] WikiSet: expected `WikiSet=1`, `IMDBSet=1` or both"],
    );
    check(
        "Learn=0.5",
        "Learn=0.5\nIMDBSet=1",
        &["expected `imdb.csv`, or `imdb.mat` of the public data set", "`LabelPath`"],
    );
    check(
        "Learn=0.5",
        "Learn=0.5\nCompositeLabel=Some",
        &["line 7, [database] CompositeLabel: expected one of `None`, `Auto`"],
    );
    check(
        "[sp]\n",
        "[database.filterROIs]\nLabels=Z-9\n[sp]\n",
        &["line 11: `Labels`: expected labels of the database", "found `Z-9`"],
    );
    check("[sp]\n", "[database.slicing]\nWidth=9\n[sp]\n", &["[database.slicing] Height: missing"]);
}

/// Pictures of 40 columns and 30 rows, `a` to `d`, in color.
fn pictures(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let pixels = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, at as u8 * 50]));
        pixels.save(folder.join(format!("{name}.png"))).unwrap();
    }
}

/// The labels of the first sample of Learn, row by row.
fn first_map(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("out/frames/frame_0_label.dat")).unwrap();
    text.lines().filter(|row| !row.is_empty()).map(|row| row.replace("-1", "-").replace(' ', "")).collect()
}

#[test]
fn boxes_label_images_and_tables_give_the_same_labels() {
    let folder = folder();
    let data = folder.path().join("data");
    pictures(&data.join("JPEGImages"));
    fs::create_dir_all(data.join("Annotations")).unwrap();
    fs::create_dir_all(data.join("masks")).unwrap();
    let mut table = String::new();
    for name in ["a", "b", "c", "d"] {
        let object = "<object><name>cup</name><bndbox><xmin>11</xmin><ymin>6</ymin><xmax>20</xmax><ymax>15</ymax></bndbox></object>";
        let xml = format!("<annotation><filename>{name}.png</filename>{object}</annotation>");
        fs::write(data.join(format!("Annotations/{name}.xml")), xml).unwrap();
        let mask = image::GrayImage::from_fn(40, 30, |x, y| {
            image::Luma([if (10..20).contains(&x) && (5..15).contains(&y) { 7 } else { 0 }])
        });
        mask.save(data.join(format!("masks/{name}.png"))).unwrap();
        table += &format!("{name}.png;40;30;10;5;20;15;cup\n");
    }
    fs::write(data.join("regions.csv"), table).unwrap();
    fs::write(data.join("names.txt"), "0 ground\n7 cup\n").unwrap();
    let common = "RandomPartitioning=0\nDefaultLabel=ground\nLearn=0.5\nTest=0.5\n";
    // 40x30 becomes 32x24: columns 8 to 16, rows 4 to 12.
    let expect: Vec<String> = (0..24)
        .map(|y| (0..32).map(|x| if (8..16).contains(&x) && (4..12).contains(&y) { '1' } else { '0' }).collect())
        .collect();
    for database in [
        format!("[database]\nType=VOC_Database\nDataPath=data\n{common}"),
        format!(
            "[database]\nType=Mask_Database\nDataPath=data/JPEGImages\nLabelPath=data/masks\nLabelFile=data/names.txt\n{common}"
        ),
    ] {
        write_still_model(folder.path(), &database);
        learn(folder.path(), &[]).succeeds();
        assert_eq!(first_map(folder.path()), expect, "{database}");
    }
    let regions = "Depth=0\nLabelDepth=-1\nPerLabelPartitioning=0\nROIFile=data/regions.csv\n";
    let counts = common.replace("0.5", "2");
    write_still_model(
        folder.path(),
        &format!("[database]\nType=DIR_Database\nDataPath=data/JPEGImages\n{regions}{counts}"),
    );
    learn(folder.path(), &[]).succeeds();
    // The default label comes last where the database has others.
    let swapped = |row: &String| row.replace('0', "x").replace('1', "0").replace('x', "1");
    assert_eq!(first_map(folder.path()).iter().map(swapped).collect::<Vec<_>>(), expect);
    let slicing = "[database.slicing]\nWidth=20\nHeight=15\nStrideX=20\nStrideY=15\nRandomShuffle=0\n";
    write_still_model(folder.path(), &format!("[database]\nType=VOC_Database\nDataPath=data\n{common}{slicing}"));
    let learned = learn(folder.path(), &[]).succeeds();
    assert!(learned.stdout.contains("Learning database size: 8 images"), "{}", learned.stdout);
    let list = fs::read_to_string(folder.path().join("out/frames/frames.txt")).unwrap();
    assert!(list.lines().next().unwrap().ends_with("a.png[0,0] -1"), "{list}");
    fs::write(data.join("names.txt"), "0 ground\n").unwrap();
    write_still_model(
        folder.path(),
        &format!(
            "[database]\nType=Mask_Database\nDataPath=data/JPEGImages\nLabelPath=data/masks\nLabelFile=data/names.txt\n{common}"
        ),
    );
    learn(folder.path(), &[]).fails(2, &["masks/a.png, column 10, row 5: expected a value of data/names.txt, found 7"]);
}

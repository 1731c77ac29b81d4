//! The shipped models, and a golden text for each fault.

use formal::config::{Activation, Filler, Operator, Source};
use sim::encoder::Coding;
use stimuli::Shape;

use super::*;
use crate::model::{Family, Spread};

const LENET: &str = include_str!("../../models/LeNet.ini");
const LENET_SPIKE: &str = include_str!("../../models/LeNet_Spike.ini");

#[track_caller]
fn loaded(text: &str) -> Description {
    match load("m.ini", text, &Options { strict: true, ..Options::default() }) {
        Ok((description, warnings)) => {
            assert_eq!(warnings_text("m.ini", &warnings), "");
            description
        }
        Err(faults) => panic!("{faults}"),
    }
}

fn shape(width: usize, height: usize, channels: usize) -> Shape {
    Shape { channels, height, width }
}

#[test]
fn lenet_has_the_shapes_and_the_map_of_the_tutorial() {
    let lenet = loaded(LENET);
    let shapes: Vec<(&str, Shape)> = lenet.cells.iter().map(|cell| (cell.name.as_str(), cell.output_shape)).collect();
    assert_eq!(
        shapes,
        [
            ("conv1", shape(28, 28, 6)),
            ("pool1", shape(14, 14, 6)),
            ("conv2", shape(10, 10, 16)),
            ("pool2", shape(5, 5, 16)),
            ("conv3", shape(1, 1, 120)),
            ("fc1", shape(1, 1, 84)),
            ("fc1.drop", shape(1, 1, 84)),
            ("fc2", shape(1, 1, 10)),
            ("softmax", shape(1, 1, 10)),
        ]
    );
    assert_eq!(lenet.stimuli.shape, shape(32, 32, 1));
    assert!(lenet.cells.iter().all(|cell| cell.cuda && cell.family == Family::Frame));
}
#[test]
fn spike() {
    let d = loaded(LENET_SPIKE);
    eprintln!("{d:#?}");
}

//! The shipped models and what a model file may say.

mod cells;
mod channels;
mod corpus;
mod faults;
mod pooling;
mod reading;
mod rewritten;
mod saved;
mod targets;
mod templates;

use super::*;

/// A model that lacks only its layers; they begin at line 6.
const HEAD: &str = "DefaultModel=Frame\n[database]\nType=MNIST_IDX_Database\n[sp]\nSize=28\n";

const LENET: &str = include_str!("../../models/LeNet.ini");
const LENET_SPIKE: &str = include_str!("../../models/LeNet_Spike.ini");

/// The description of a text without faults and without warnings.
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

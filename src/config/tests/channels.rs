//! Transformations of single channels.

use stimuli::{ApplyTo, Channels, Operation, Shape, Transformation};

use super::*;

/// MNIST with these sections, and a last layer.
fn model(n_channels: usize, sections: &str) -> String {
    let head = HEAD.replace("Size=28\n", &format!("Size=28\nNbChannels={n_channels}\n"));
    format!("{head}{sections}\n[out]\nInput=sp\nType=Fc\nNbOutputs=10\n[out.Target]\n")
}

/// The names of what is done to each copy, the last transformations of `text`, one for each set.
fn copies(text: &str) -> Vec<(ApplyTo, bool, Vec<Vec<&'static str>>)> {
    let description = loaded(text);
    assert_eq!(description.stimuli.shape.channels, description.cells[0].input_shape.channels);
    let all = description.stimuli.transformations.iter().filter_map(|transformation| {
        let Transformation { apply_to, on_the_fly, operation: Operation::Channels(Channels { copies }) } =
            transformation
        else {
            return None;
        };
        let names = copies.iter().map(|copy| copy.iter().map(Operation::name).collect()).collect();
        Some((*apply_to, *on_the_fly, names))
    });
    all.collect()
}

#[test]
fn each_channel_has_its_transformations_those_on_the_fly_last() {
    let text = model(
        2,
        "[sp.ChannelOnTheFlyTransformation-a]\nType=FlipTransformation\nChannel=1\nRandomHorizontalFlip=1\nApplyTo=LearnOnly\n\
         [sp.ChannelTransformation-b]\nType=EqualizeTransformation\nChannel=1\n\
         [sp.ChannelTransformation-c]\nType=FilterTransformation\nChannel=0\nKernel=Gaussian\nKernel.SizeX=3\nKernel.SizeY=3\n\
         [sp.ChannelsTransformation-d]\nType=NormalizeTransformation",
    );
    let tested = vec![vec!["Filter", "Normalize"], vec!["Equalize", "Normalize"]];
    let learned = vec![vec!["Filter", "Normalize"], vec!["Equalize", "Normalize", "Flip"]];
    let expected = vec![
        (ApplyTo::LearnOnly, true, learned),
        (ApplyTo::ValidationOnly, true, tested.clone()),
        (ApplyTo::TestOnly, true, tested),
    ];
    assert_eq!(copies(&text), expected);
}

#[test]
fn transformations_of_all_channels_alone_make_as_many_as_the_network_sees() {
    let text = model(3, "[sp.ChannelsTransformation]\nType=NormalizeTransformation");
    for (_, on_the_fly, copies) in copies(&text) {
        assert_eq!((on_the_fly, copies), (false, vec![vec!["Normalize"]; 3]));
    }
    let shape = Shape { channels: 3, height: 28, width: 28 };
    assert_eq!(loaded(&text).stimuli.shape, shape);
}

#[test]
fn faults_of_channels_are_named() {
    let fails = |n_channels, sections: &str, expected: &str| {
        let faults = load("m.ini", &model(n_channels, sections), &Options::default()).unwrap_err();
        assert_eq!(faults.to_string(), format!("m.ini has 1 fault\n  {expected}"));
    };
    fails(
        2,
        "[sp.ChannelTransformation]\nType=EqualizeTransformation",
        "line 7, [sp.ChannelTransformation] Channel: missing; expected the index of a channel, from 0",
    );
    fails(
        3,
        "[sp.ChannelTransformation]\nType=EqualizeTransformation\nChannel=0\n[sp.ChannelTransformation-2]\nType=EqualizeTransformation\nChannel=2",
        "line 7, [sp.ChannelTransformation]: expected a transformation for each channel, found none with `Channel=1`",
    );
    fails(
        1,
        "[sp.ChannelsTransformation]\nType=EqualizeTransformation\nChannel=0",
        "line 9, [sp.ChannelsTransformation] Channel: this section is of all channels; call it `ChannelTransformation` for one, or leave the key out",
    );
    fails(
        1,
        "[sp.Transformation]\nType=EqualizeTransformation\nChannel=0",
        "line 9, [sp.Transformation] Channel: is for sections such as `[sp.ChannelTransformation]`; rename this one, or leave it out",
    );
    fails(
        1,
        "[sp.ChannelTransformation]\nType=EqualizeTransformation\nChannel=4,000",
        "line 9, [sp.ChannelTransformation] Channel: expected an index below 1024, found 4000",
    );
    fails(
        3,
        "[sp.ChannelTransformation]\nType=EqualizeTransformation\nChannel=0",
        "line 5, [sp] Size: the images of the Learn set are 28x28x1 after the transformations, the network wants 28x28x3; add or correct a `RescaleTransformation`",
    );
}

//! Models written anew.

use super::*;
use crate::assets;
use crate::config::rewritten::{Changes, rewritten};

fn shipped(name: &str) -> (String, Options) {
    let files = Files::new(|path| Ok(assets::model(path)));
    (assets::model(name).expect(name), Options { files, ..Options::default() })
}

/// What a description says, but for where it was written.
fn without_places(description: &Description) -> String {
    let mut text = format!("{description:?}").replace(&description.sha256, "").replace(&description.name, "");
    while let Some(from) = text.find("Span { file: ") {
        let to = from + text[from..].find('}').expect("a span ends");
        text.replace_range(from..=to, "");
    }
    text
}

#[test]
fn a_model_written_anew_says_the_same() {
    for name in assets::models() {
        let (text, options) = shipped(name);
        // One of them has layers that are not built yet.
        let Ok((before, _)) = load(name, &text, &options) else { continue };
        let anew = rewritten(name, &text, &options, &Changes::default()).unwrap();
        let (after, warnings) = load("anew.ini", &anew, &Options { strict: true, ..shipped(name).1 })
            .unwrap_or_else(|faults| panic!("{name}: {faults}\n{anew}"));
        assert_eq!(warnings_text("anew.ini", &warnings), "", "{name}");
        assert_eq!(without_places(&after), without_places(&before), "{name}\n{anew}");
    }
}

#[test]
fn changes_are_stronger_than_what_a_model_says() {
    let (text, options) = shipped("LeNet_Spike.ini");
    let changes = Changes {
        head: vec!["tried".into(), String::new()],
        global: vec![("SpikeNormalization", "none".into())],
        parameters: vec![
            ("fc2".into(), vec![("TerminateDelta", "2".into()), ("Threshold", "0.5".into())]),
            ("env".into(), vec![("DiscardedLateStimuli", "0.75".into())]),
        ],
    };
    let anew = rewritten("LeNet_Spike.ini", &text, &options, &changes).unwrap();
    assert!(anew.starts_with("; tried\n;\n\nSpikeNormalization=none\n"), "{anew}");
    let description = loaded(&anew);
    let output = &description.cells[description.targets[0].cell].spiking;
    assert_eq!((output.terminate_delta, output.neuron.threshold), (2, 0.5));
    assert_eq!(description.cells[0].spiking.neuron.threshold, 1.0);
    assert_eq!(description.stimuli.encoder.unwrap().discarded_late_stimuli, 0.75);
    assert_eq!(description.normalization, crate::model::Normalization::None);
}

//! ZeroInit (`formal.md` 13.3; Zhang et al., Fixup initialization, 2019): a residual network without normalization starts
//! as if its branches were not there, and learns.

use std::path::Path;

use femtospike::assemble::formal_network;
use femtospike::config::{Files, Options, load};
use femtospike::model::Description;
use formal::Network;

/// Ten standard errors of a deviation taken from some hundred draws.
const TEN_STANDARD_ERRORS: f64 = 0.4;

/// ResNet-11 with `blocks` for its `$L`.
fn resnet(blocks: u32) -> Description {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let text = std::fs::read_to_string(models.join("ResNet-11.ini")).unwrap();
    assert!(text.contains("$L=4"));
    let text = text.replace("$L=4", &format!("$L={blocks}")).replace("$WIDTH=16", "$WIDTH=8");
    let files = Files::new(move |path| std::fs::read_to_string(models.join(path)).map(Some).map_err(|e| e.to_string()));
    load("ResNet-11.ini", &text, &Options { files, ..Options::default() }).unwrap().0
}

fn index(description: &Description, name: &str) -> usize {
    description.cells.iter().position(|cell| cell.name == name).unwrap()
}

fn deviation(values: &[f32]) -> f64 {
    (values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Stimuli of noise from -1 to 1.
fn stimuli(n: usize) -> Vec<f32> {
    let mut word = 1_u32;
    let noise = std::iter::repeat_with(|| {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (word >> 8) as f32 / (1 << 23) as f32 - 1.0
    });
    noise.take(n * 3072).collect()
}

#[test]
fn branches_start_at_zero_and_their_first_layers_smaller() {
    let description = resnet(4);
    let mut network = formal_network(&description, 1).unwrap();
    let weights = |network: &Network, name: &str| network.weights(index(&description, name)).unwrap().to_vec();
    for block in 1..=4 {
        let first = weights(&network, &format!("block{block}.conv1"));
        let fan_in = description.cells[index(&description, &format!("block{block}.conv1"))].input_shape.channels * 9;
        // He's deviation times L^(-1/(2m-2)), m = 2 convolutions a branch.
        let expected = (2.0 / fan_in as f64).sqrt() * 4f64.powf(-0.5);
        let found = deviation(&first);
        assert!((found / expected - 1.0).abs() < TEN_STANDARD_ERRORS, "block {block}: {expected}, {found}");
        let last = weights(&network, &format!("block{block}.conv2"));
        assert!(last.iter().all(|&weight| weight == 0.0));
    }
    assert!(weights(&network, "fc2").iter().all(|&weight| weight == 0.0));
    for (cell, described) in description.cells.iter().enumerate() {
        assert!(network.bias(cell).unwrap_or_default().iter().all(|&bias| bias == 0.0), "{}", described.name);
    }
    // A block without a stride hands on its input, which a rectifier made; all classes are as likely.
    network.infer(&stimuli(2), 2);
    let output = |name: &str| network.output(index(&description, name));
    assert!(output("conv1").iter().any(|&value| value > 0.0));
    assert_eq!(output("block1.sum"), output("conv1"));
    assert_eq!(output("block4.sum"), output("block3.sum"));
    assert!(output("softmax").iter().all(|&share| share == 0.1));
}

#[test]
fn such_a_network_learns_and_without_the_scheme_starts_as_he_does() {
    let description = resnet(4);
    let mut network = formal_network(&description, 1).unwrap();
    let (data, labels) = (stimuli(16), (0..16).map(|i| Some(i % 10)).collect::<Vec<_>>());
    // The gradient is divided by the model's batch of 128.
    let losses: Vec<f64> =
        (0..40).map(|step| network.learn_with_rate(&data, &labels, step, 0.4).cross_entropy.unwrap()).collect();
    assert!((losses[0] - 10f64.ln()).abs() < 1e-4, "{losses:?}");
    assert!(losses[39] < 0.9 * losses[0], "{losses:?}");
    let last = |network: &Network, name: &str| network.weights(index(&description, name)).unwrap().to_vec();
    assert!(last(&network, "block1.conv2").iter().any(|&weight| weight != 0.0), "the branches learn");
    let description = resnet(0);
    let plain = formal_network(&description, 1).unwrap();
    for name in ["block1.conv1", "block1.conv2"] {
        let found = deviation(plain.weights(index(&description, name)).unwrap());
        let expected = (2f64 / 72.0).sqrt();
        assert!((found / expected - 1.0).abs() < TEN_STANDARD_ERRORS, "{name}: {expected}, {found}");
    }
}

//! Weights go to other programs and come back, and compute there what they compute here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use femtospike::model::Description;
use femtospike::output::OutputFolder;
use femtospike::weights::exchange::to_safetensors;
use femtospike::weights::{self, CellWeights, WeightSource};
use femtospike::{assemble, config};
use formal::config::Operator;
use formal::{NamedTensor, Network};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::program::{files, folder, model, run};

/// Sums of a few hundred products in 32 bits against the same in 64, relative to the largest output.
const ROUNDING_32: f64 = 1e-5;

/// Biases, a normalization, and a full connection that reads maps of several pixels.
pub const NORMALIZED: &str = "\
DefaultModel=Frame
[database]
Type=MNIST_IDX_Database
[sp]
Size=28
[conv]
Input=sp
Type=Conv
KernelWidth=5
KernelHeight=6
Stride=3
NbOutputs=5
ActivationFunction=Linear
[conv.bn]
Input=conv
Type=BatchNorm
NbOutputs=5
ActivationFunction=Rectifier
[fc]
Input=conv.bn
Type=Fc
NbOutputs=10
ActivationFunction=Linear
[fc.Target]
";

fn describe(text: &str) -> Description {
    config::load("m.ini", text, &config::Options::default()).expect("a sound model").0
}

/// A network with weights, biases and statistics that are all different.
fn network(description: &Description) -> Network {
    let mut network = assemble::formal_network(description, 7).expect("a sound network");
    let varied =
        |n: usize, offset: f32| -> Vec<f32> { (0..n).map(|i| offset + ((i * 37 % 101) as f32) / 250.0).collect() };
    for cell in 0..network.n_cells() {
        if let Some(n) = network.bias(cell).map(<[f32]>::len) {
            network.set_bias(cell, &varied(n, -0.2)).unwrap();
        }
        if let Some(mut statistics) = network.statistics(cell).cloned() {
            let n = statistics.mean.len();
            (statistics.mean, statistics.variance) = (varied(n, -0.3), varied(n, 0.1));
            network.set_statistics(cell, &statistics).unwrap();
            network.set_weights(cell, &varied(n, 0.7)).unwrap();
        }
    }
    network
}

/// Writes a model and its weights to a folder.
fn prepare(root: &Path, text: &str) -> (Description, Network) {
    let description = describe(text);
    let network = network(&description);
    let output = OutputFolder::open(root).unwrap();
    let of_cell = |cell| -> Option<CellWeights> { assemble::cell_weights(&network, cell) };
    weights::save(&output, "trained", &description, of_cell).unwrap();
    fs::write(root.join("m.ini"), text).unwrap();
    (description, network)
}

fn of_the_tests() -> [String; 3] {
    [model("LeNet.ini"), model("mnist24_16c4s2_24c5s2_150_10.ini"), NORMALIZED.to_string()]
}

#[test]
fn weights_come_back_to_the_byte_in_every_form() {
    for text in of_the_tests() {
        let folder = folder();
        prepare(folder.path(), &text);
        for (file, layout) in [
            ("a.safetensors", "pytorch"),
            ("b.safetensors", "keras"),
            ("c.npz", "n2d2"),
            ("d.npz", "keras"),
            ("e", "pytorch"),
            ("f", "keras"),
        ] {
            run(folder.path(), &["weights", "export", "m.ini", file, "-w", "trained", "--layout", layout]).succeeds();
            let back = format!("back-{file}");
            let words = ["weights", "import", "m.ini", file, "--layout", layout, "-w", &back];
            run(folder.path(), &words).succeeds();
            assert_eq!(files(&folder.path().join(back)), files(&folder.path().join("trained")), "{file}");
        }
        // A file of tensors names its layout.
        run(folder.path(), &["weights", "import", "m.ini", "b.safetensors", "-w", "named"]).succeeds();
        assert_eq!(files(&folder.path().join("named")), files(&folder.path().join("trained")));
        let words = ["weights", "import", "m.ini", "b.safetensors", "--layout", "pytorch", "-w", "wrong"];
        run(folder.path(), &words).fails(2, &["`b.safetensors`: it names the layout keras, --layout says pytorch"]);
    }
}

#[test]
fn an_ordinary_test_takes_imported_weights() {
    let folder = folder();
    run(folder.path(), &["weights", "export", "LeNet.ini", "x.npz", "--layout", "keras", "--out", "o"]).succeeds();
    let words = ["weights", "import", "LeNet.ini", "x.npz", "--layout", "keras", "--out", "o"];
    run(folder.path(), &words).succeeds();
    let tested = run(folder.path(), &["test", "LeNet.ini", "--nb-test", "100", "--out", "o"]).succeeds();
    let shipped = run(folder.path(), &["test", "LeNet.ini", "--nb-test", "100", "--out", "shipped"]).succeeds();
    assert!(tested.stdout.contains("Weights: o/weights"), "{}", tested.stdout);
    let rate = |text: &str| text.lines().find(|line| line.contains("Final recognition rate")).unwrap().to_string();
    assert_eq!(rate(&tested.stdout), rate(&shipped.stdout));
    run(folder.path(), &words).fails(2, &["`o/weights`: expected no weights here yet"]);
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/letter.txt"), "to keep").unwrap();
    let words = ["weights", "import", "LeNet.ini", "x.npz", "--layout", "keras", "-w", "full"];
    run(folder.path(), &words).fails(2, &["`full`: expected a folder that is not there yet", "`letter.txt` in it"]);
    run(folder.path(), &["weights", "export", "LeNet.ini", "full"]).fails(2, &["`letter.txt` in it"]);
    run(folder.path(), &["weights", "export", "LeNet.ini", "x.pth"]).fails(2, &["`x.pth`: expected a name that ends"]);
    assert!(folder.path().join("full/letter.txt").exists());
}

struct Tensors(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Tensors {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let wide = |view: TensorView<'_>| {
            view.data().as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect::<Vec<_>>()
        };
        Self(file.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), wide(view)))).collect())
    }

    fn get(&self, name: &str) -> (&[usize], &[f64]) {
        let (shape, values) = self.0.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"));
        (shape, values)
    }

    fn values(&self, name: &str) -> Option<&[f64]> {
        self.0.get(name).map(|(_, values)| values.as_slice())
    }
}

/// A map in PyTorch's order, `[channel][y][x]`, or Keras', `[y][x][channel]`.
#[derive(Clone)]
struct Map {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f64>,
}

impl Map {
    fn of(
        channels: usize,
        height: usize,
        width: usize,
        value: impl Fn(usize, usize, usize) -> f64,
        keras: bool,
    ) -> Self {
        let mut values = Vec::with_capacity(channels * height * width);
        if keras {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                values.extend((0..channels).map(|c| value(c, y, x)));
            }
        } else {
            for c in 0..channels {
                values.extend((0..height).flat_map(|y| (0..width).map(move |x| (y, x))).map(|(y, x)| value(c, y, x)));
            }
        }
        Self { channels, height, width, values }
    }

    fn at(&self, c: usize, y: usize, x: usize, keras: bool) -> f64 {
        match keras {
            true => self.values[(y * self.width + x) * self.channels + c],
            false => self.values[(c * self.height + y) * self.width + x],
        }
    }

    fn relu(mut self) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.max(0.0));
        self
    }
}

/// `torch.nn.functional.conv2d` and `keras.layers.Conv2D(padding="valid")`: no kernel is turned.
fn convolve(input: &Map, tensors: &Tensors, name: &str, stride: usize, keras: bool) -> Map {
    let (shape, kernel) = tensors.get(&format!("{name}.weight"));
    let [a, b, c, d] = shape.try_into().unwrap();
    let (outputs, channels, high, wide) = if keras { (d, c, a, b) } else { (a, b, c, d) };
    assert_eq!(channels, input.channels);
    let bias = tensors.values(&format!("{name}.bias"));
    let weight = |o: usize, c: usize, y: usize, x: usize| match keras {
        true => kernel[((y * wide + x) * channels + c) * outputs + o],
        false => kernel[((o * channels + c) * high + y) * wide + x],
    };
    let (height, width) = ((input.height - high) / stride + 1, (input.width - wide) / stride + 1);
    let sum = |o: usize, y: usize, x: usize| {
        let mut sum = bias.map_or(0.0, |bias| bias[o]);
        for c in 0..channels {
            for (ky, kx) in (0..high).flat_map(|ky| (0..wide).map(move |kx| (ky, kx))) {
                sum += weight(o, c, ky, kx) * input.at(c, y * stride + ky, x * stride + kx, keras);
            }
        }
        sum
    };
    Map::of(outputs, height, width, sum, keras)
}

fn pool(input: &Map, keras: bool) -> Map {
    let greatest = |c: usize, y: usize, x: usize| {
        let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
        places.into_iter().map(|(dy, dx)| input.at(c, 2 * y + dy, 2 * x + dx, keras)).fold(f64::MIN, f64::max)
    };
    Map::of(input.channels, input.height / 2, input.width / 2, greatest, keras)
}

/// `torch.flatten` then `torch.nn.Linear`, or `keras.layers.Flatten` then `Dense`: each in the order of its maps.
fn connect(input: &Map, tensors: &Tensors, name: &str, keras: bool) -> Map {
    let (shape, matrix) = tensors.get(&format!("{name}.weight"));
    let n = input.values.len();
    let outputs = if keras { shape[1] } else { shape[0] };
    assert_eq!(shape, if keras { [n, outputs] } else { [outputs, n] });
    let bias = tensors.values(&format!("{name}.bias"));
    let sum = |o: usize, _, _| {
        let weight = |i: usize| if keras { matrix[i * outputs + o] } else { matrix[o * n + i] };
        bias.map_or(0.0, |bias| bias[o]) + (0..n).map(|i| weight(i) * input.values[i]).sum::<f64>()
    };
    Map::of(outputs, 1, 1, sum, keras)
}

fn normalize(input: &Map, tensors: &Tensors, name: &str, epsilon: f64, keras: bool) -> Map {
    let part = |suffix: &str| tensors.values(&format!("{name}.{suffix}")).expect("a tensor");
    let (scale, bias, mean, variance) = (part("weight"), part("bias"), part("running_mean"), part("running_var"));
    let value = |c: usize, y: usize, x: usize| {
        (input.at(c, y, x, keras) - mean[c]) / (variance[c] + epsilon).sqrt() * scale[c] + bias[c]
    };
    Map::of(input.channels, input.height, input.width, value, keras)
}

/// Compares `forward` on exported tensors with the cell `cell` of our network, in both layouts.
#[track_caller]
fn check(text: &str, cell: &str, forward: impl Fn(&Map, &Tensors, &Description, bool) -> Map) {
    let folder = folder();
    let (description, mut network) = prepare(folder.path(), text);
    let shape = description.stimuli.shape;
    let pixel = |c: usize, y: usize, x: usize| (((c + 3 * y + 7 * x) * 29 % 64) as f64) / 64.0;
    let stimulus = Map::of(shape.channels, shape.height, shape.width, pixel, false);
    let narrow: Vec<f32> = stimulus.values.iter().map(|&value| value as f32).collect();
    network.infer(&narrow, 1);
    let index = description.cells.iter().position(|other| other.name == cell).unwrap();
    let ours = network.output(index);
    for (layout, keras) in [("pytorch", false), ("keras", true)] {
        let file = format!("{layout}.safetensors");
        run(folder.path(), &["weights", "export", "m.ini", &file, "-w", "trained", "--layout", layout]).succeeds();
        let tensors = Tensors::read(&folder.path().join(&file));
        let input = Map::of(shape.channels, shape.height, shape.width, pixel, keras);
        let theirs = forward(&input, &tensors, &description, keras).values;
        let largest = theirs.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(
                (f64::from(*ours) - theirs).abs() <= ROUNDING_32 * largest,
                "{layout}: {ours} here, {theirs} there"
            );
        }
    }
}

#[test]
fn exported_tensors_compute_elsewhere_what_the_network_computes() {
    check(&model("LeNet.ini"), "fc2", |input, tensors, _, keras| {
        let conv = |input: &Map, name| convolve(input, tensors, name, 1, keras).relu();
        let maps = pool(&conv(&pool(&conv(input, "conv1"), keras), "conv2"), keras);
        connect(&connect(&conv(&maps, "conv3"), tensors, "fc1", keras).relu(), tensors, "fc2", keras)
    });
    check(&model("mnist24_16c4s2_24c5s2_150_10.ini"), "fc2_10", |input, tensors, _, keras| {
        let maps = convolve(input, tensors, "conv1_16c4s2", 2, keras).relu();
        let maps = convolve(&maps, tensors, "conv2_24c5s2", 2, keras).relu();
        assert_eq!((maps.height, maps.width), (4, 4), "the order of flattening matters");
        connect(&connect(&maps, tensors, "fc1_150", keras).relu(), tensors, "fc2_10", keras)
    });
    check(NORMALIZED, "fc", |input, tensors, description, keras| {
        let Operator::BatchNorm(config) = &description.cells[1].operator else { panic!("the second cell") };
        let maps = convolve(input, tensors, "conv", 3, keras);
        connect(&normalize(&maps, tensors, "conv.bn", config.epsilon, keras).relu(), tensors, "fc", keras)
    });
}

/// The tensors of `trained` in PyTorch's layout.
fn exported(root: &Path, description: &Description) -> Vec<NamedTensor> {
    let source = WeightSource::Folder(root.join("trained"));
    let loaded = weights::load(description, &source).unwrap();
    weights::layout::tensors(description, &loaded.cells, Default::default()).unwrap()
}

/// Writes tensors, wants their import to fail with all of `parts`, and nothing to be written.
#[track_caller]
fn refused(root: &Path, tensors: &[NamedTensor], parts: &[&str]) {
    let bytes = to_safetensors(tensors, ("made by".to_string(), "a test".to_string())).unwrap();
    refused_bytes(root, "x.safetensors", &bytes, parts);
}

#[track_caller]
fn refused_bytes(root: &Path, file: &str, bytes: &[u8], parts: &[&str]) {
    fs::write(root.join(file), bytes).unwrap();
    let before = files(root);
    run(root, &["weights", "import", "m.ini", file]).fails(2, parts);
    assert_eq!(files(root), before, "nothing is written");
    fs::remove_file(root.join(file)).unwrap();
}

#[test]
fn all_that_is_wrong_with_tensors_is_told_at_once() {
    let folder = folder();
    let (description, _) = prepare(folder.path(), &model("LeNet.ini"));
    let sound = exported(folder.path(), &description);
    let changed = |name: &str, change: &dyn Fn(&mut NamedTensor)| {
        let mut tensors = sound.clone();
        change(tensors.iter_mut().find(|tensor| tensor.name == name).unwrap());
        tensors
    };
    let renamed = changed("fc1.weight", &|tensor| tensor.name = "fc1.weights".into());
    let parts =
        ["have 2 faults", "`fc1.weight`: expected one of shape (84, 120), found none", "did you mean `fc1.weight`?"];
    refused(folder.path(), &renamed, &parts);
    let keras = changed("conv1.weight", &|tensor| tensor.shape = vec![5, 5, 1, 6]);
    let parts =
        ["have 1 fault", "expected shape (6, 1, 5, 5), found (5, 5, 1, 6); that is the layout of --layout keras"];
    refused(folder.path(), &keras, &parts);
    // conv2 does not connect output 0 with channel 3.
    let dense = changed("conv2.weight", &|tensor| tensor.data[3 * 25 + 7] = 0.5);
    refused(folder.path(), &dense, &["does not connect output 0 with channel 3, found 0.5 at (0, 3, 1, 2)", "line "]);
    let infinite = changed("fc2.weight", &|tensor| tensor.data[84] = f32::INFINITY);
    refused(folder.path(), &infinite, &["`fc2.weight`: expected finite numbers, found inf at (1, 0)"]);
    let mut biased = sound.clone();
    biased.push(NamedTensor { name: "conv1.bias".into(), shape: vec![6], data: vec![0.5; 6] });
    refused(folder.path(), &biased, &["`conv1` has no bias (", "line ", "set NoBias=0"]);
    let mut several = changed("conv2.weight", &|tensor| tensor.data[3 * 25] = 0.5);
    several.retain(|tensor| !tensor.name.starts_with("fc"));
    refused(folder.path(), &several, &["have 3 faults", "`conv2.weight`", "`fc1.weight`", "`fc2.weight`"]);

    let doubles = vec![0_u8; 8 * 6 * 25];
    let view = TensorView::new(Dtype::F64, vec![6, 1, 5, 5], &doubles).unwrap();
    let bytes = safetensors::serialize([("conv1.weight", view)], None).unwrap();
    let parts = ["have 5 faults", "tensor `conv1.weight`: expected 32-bit floats (F32), found F64"];
    refused_bytes(folder.path(), "x.safetensors", &bytes, &parts);
}

#[test]
fn a_damaged_file_is_told() {
    let folder = folder();
    prepare(folder.path(), NORMALIZED);
    for file in ["x.safetensors", "x.npz", "x"] {
        run(folder.path(), &["weights", "export", "m.ini", file, "-w", "trained"]).succeeds();
    }
    let cut = |file: &str| {
        let bytes = fs::read(folder.path().join(file)).unwrap();
        bytes[..bytes.len() - 20].to_vec()
    };
    refused_bytes(folder.path(), "y.safetensors", &cut("x.safetensors"), &["expected a whole safetensors file"]);
    refused_bytes(folder.path(), "y.npz", &cut("x.npz"), &["expected a whole archive of NumPy arrays"]);
    refused_bytes(folder.path(), "y.safetensors", b"", &["expected a whole safetensors file"]);
    refused_bytes(folder.path(), "y.npz", b"no archive", &["expected a whole archive of NumPy arrays"]);
    fs::write(folder.path().join("x/fc.bias.npy"), cut("x/fc.bias.npy")).unwrap();
    fs::write(folder.path().join("x/conv.bn.running_var.npy"), b"no array").unwrap();
    let parts = [
        "have 2 faults",
        "`fc.bias`: expected 40 bytes of values, found 20",
        "`conv.bn.running_var`: expected a NumPy array",
    ];
    run(folder.path(), &["weights", "import", "m.ini", "x"]).fails(2, &parts);
    assert!(!folder.path().join("weights").exists());
    run(folder.path(), &["weights", "import", "m.ini", "none.npz"]).fails(2, &["`none.npz`: cannot be read"]);

    let description = describe(NORMALIZED);
    let mut tensors = exported(folder.path(), &description);
    tensors.iter_mut().find(|tensor| tensor.name == "conv.bn.running_var").unwrap().data[2] = -0.5;
    refused(folder.path(), &tensors, &["`conv.bn.running_var`: expected variances of 0 or more, found -0.5 at (2,)"]);
    // What PyTorch counts beside a normalization is no fault.
    tensors.iter_mut().find(|tensor| tensor.name == "conv.bn.running_var").unwrap().data[2] = 0.5;
    tensors.push(NamedTensor { name: "conv.bn.num_batches_tracked".into(), shape: vec![], data: vec![3.0] });
    let bytes = to_safetensors(&tensors, ("made by".to_string(), "a test".to_string())).unwrap();
    fs::write(folder.path().join("y.safetensors"), bytes).unwrap();
    run(folder.path(), &["weights", "import", "m.ini", "y.safetensors"]).succeeds();
    assert!(folder.path().join("weights/conv.bn_variances.syntxt").exists());
}

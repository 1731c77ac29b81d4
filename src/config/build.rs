//! From sections to the description: data, stimuli, layers, targets.

use std::path::PathBuf;

use formal::config::Activation;
use sim::encoder::{Coding, EncoderConfig};
use sim::network::PoolingMode;
use sim::time::SimDuration;
use stimuli::{ApplyTo, Arithmetic, Operation, RangeAffine, Rescale, Set, Shape, Transformation};

use super::cells::{self, Cells, Defaults};
use super::reader::{Accepted, Bag, Reader, Unknown};
use super::registry::Scope;
use crate::model::{
    DatabaseDescription, DatabaseDriver, Family, Located, Normalization, StimuliDescription, TargetDescription,
};

/// Classes of the databases there are.
const N_LABELS: usize = 10;
/// Size of the images of the databases there are.
const STORED: Shape = Shape { channels: 1, height: 28, width: 28 };
/// No side of a stimulus and no count goes beyond it.
const LARGEST: usize = 1 << 24;

/// All parts of a description; complete when nothing was faulty.
pub(crate) struct Parts {
    pub check_weight_range: bool,
    pub normalization: Normalization,
    pub pooling: PoolingMode,
    pub database: Option<DatabaseDescription>,
    pub stimuli: Option<StimuliDescription>,
    pub cells: Cells,
    pub targets: Vec<TargetDescription>,
}

fn accepted(scopes: impl IntoIterator<Item = Scope>) -> Accepted {
    scopes.into_iter().map(|scope| (String::new(), scope)).collect()
}

/// Reads everything; `n_training_files` tells what `_EpochSize` is.
pub(crate) fn read(reader: &mut Reader<'_>, n_training_files: usize) -> Parts {
    let global = reader.bag(0, None);
    reader.check(&global, &accepted([Scope::Global]), Unknown::Warns);
    let model: String = reader.read(&global, "", Scope::Global, "DefaultModel");
    let activation = match reader.read::<String>(&global, "", Scope::Global, "DefaultActivation").as_str() {
        "None" => Activation::Linear,
        _ => Activation::Tanh { alpha: 1.0 },
    };
    let normalization = match reader.read::<String>(&global, "", Scope::Global, "SpikeNormalization").as_str() {
        "percentile" => Normalization::Percentile,
        "max" => Normalization::Max,
        "none" => Normalization::None,
        _ => Normalization::Mean,
    };
    let pooling = match reader.read::<String>(&global, "", Scope::Global, "SpikePooling").as_str() {
        "exact" => PoolingMode::Exact,
        _ => PoolingMode::Approximated,
    };
    let check_weight_range = reader.read(&global, "", Scope::Global, "CheckWeightRange");

    let database = database(reader);
    let (stimuli_section, stimuli) = stimuli(reader, database.as_ref().map_or(0.0, |database| database.validation));
    if let (Some(database), Some(section)) = (&database, stimuli_section) {
        let n_learn = (n_training_files as f64 * (1.0 - database.validation) + 0.5).floor() as u64;
        let name = reader.name_of(section);
        reader.resolver.define(&name, "_EpochSize", n_learn);
    }
    let defaults = Defaults { model, activation };
    let cells = cells::read(reader, &defaults, stimuli.as_ref().map(|stimuli| stimuli.shape));
    if let (Some(section), Some(stimuli)) = (stimuli_section, &stimuli)
        && stimuli.encoder.is_none()
        && let Some(cell) = cells.descriptions.iter().find(|cell| cell.family != Family::Frame)
    {
        let message =
            format!("layers that spike, such as `{}`, need an environment: call this section `[env]`", cell.name);
        reader.section_fault(section, "", message);
    }
    let targets = targets(reader, &cells);
    Parts { check_weight_range, normalization, pooling, database, stimuli, cells, targets }
}

/// A fault about a section that is not there.
fn missing_section(reader: &mut Reader<'_>, message: &str) {
    reader.section_fault(0, "", message);
}

fn database(reader: &mut Reader<'_>) -> Option<DatabaseDescription> {
    let Some(section) = reader.document.find("database") else {
        missing_section(reader, "expected a section `[database]`, found none");
        return None;
    };
    for (index, other) in reader.document.sections().iter().enumerate() {
        if other.name.starts_with("database.") {
            reader.bag(index, None);
            reader.section_fault(index, "", "sorting, filtering and slicing a database are not supported yet");
        }
    }
    let bag = reader.bag(section, None);
    let n_errors = reader.errors.len();
    let driver: String = reader.read(&bag, "", Scope::Database, "Type");
    if reader.errors.len() == n_errors {
        reader.check(&bag, &accepted([Scope::Database]), Unknown::Warns);
    }
    let path = reader.read_optional::<String>(&bag, "", Scope::Database, "DataPath");
    let data_path = bag
        .property("DataPath")
        .zip(path)
        .filter(|(_, path)| !path.is_empty())
        .map(|(property, path)| Located { value: PathBuf::from(path), span: reader.span(property.line) });
    Some(DatabaseDescription {
        span: reader.span_of_section(section),
        driver: match driver.as_str() {
            "Fashion_MNIST_IDX_Database" => DatabaseDriver::FashionMnistIdx,
            _ => DatabaseDriver::MnistIdx,
        },
        data_path,
        validation: reader.read(&bag, "", Scope::Database, "Validation"),
        random_partitioning: reader.read(&bag, "", Scope::Database, "RandomPartitioning"),
    })
}

/// The section of the stimuli, when there is one, and what it says, when it can be read.
fn stimuli(reader: &mut Reader<'_>, validation: f64) -> (Option<usize>, Option<StimuliDescription>) {
    let document = reader.document;
    if let Some(section) = document.find("cenv") {
        reader.bag(section, None);
        reader.section_fault(
            section,
            "",
            "the clock-based environment `[cenv]` is not supported yet; `[env]` and `[sp]` are",
        );
        return (Some(section), None);
    }
    let Some(section) = document.find("env").or_else(|| document.find("sp")) else {
        missing_section(reader, "expected a section `[sp]` or `[env]`, found none");
        return (None, None);
    };
    let spiking = &*document.sections()[section].name == "env";
    let n_errors = reader.errors.len();
    let bag = reader.bag(section, None);
    let mut parameters = bag.clone();
    let mut scopes = vec![Scope::StimuliParameter];
    if spiking {
        scopes.push(Scope::Encoder);
    }
    for config in reader.config_sections(&bag, Scope::Stimuli) {
        let config = reader.bag(config, None);
        reader.check(&config, &accepted(scopes.iter().copied()), Unknown::Fails);
        parameters.overlay(&config, |name| Some(name.to_owned()));
    }
    scopes.push(Scope::Stimuli);
    reader.check(&bag, &accepted(scopes), Unknown::Warns);

    let shape = stimuli_shape(reader, &bag);
    let batch_size = reader.read(&bag, "", Scope::Stimuli, "BatchSize");
    if batch_size > LARGEST {
        reader.fault_at(&bag, "BatchSize", format!("expected at most {LARGEST}, found {batch_size}"));
    }
    let shape_is_known = reader.errors.len() == n_errors;
    let encoder = spiking.then(|| encoder(reader, &parameters));
    let transformations = transformations(reader, section, shape.channels);
    if reader.errors.len() == n_errors {
        check_result(reader, &bag, &transformations, shape, validation);
    }
    let description =
        StimuliDescription { span: reader.span_of_section(section), shape, batch_size, transformations, encoder };
    (Some(section), shape_is_known.then_some(description))
}

fn stimuli_shape<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Shape {
    let mut channels: usize = reader.read(bag, "", Scope::Stimuli, "NbChannels");
    let (mut width, mut height) = (1, 1);
    if bag.has("Size") {
        for key in ["SizeX", "SizeY"] {
            if bag.has(key) {
                reader.fault_at(bag, "Size", format!("excludes `{key}`; write one or the other"));
            }
        }
        let values: Option<Vec<u64>> = reader.read_optional(bag, "", Scope::Stimuli, "Size");
        let values: Vec<usize> = values
            .unwrap_or(vec![1, 1])
            .into_iter()
            .map(|value| usize::try_from(value).unwrap_or(usize::MAX))
            .collect();
        match values[..] {
            [side] => (width, height) = (side, side),
            [x, y] => (width, height) = (x, y),
            [x, y, z] => (width, height, channels) = (x, y, z),
            _ => reader.fault_at(
                bag,
                "Size",
                format!("expected a width, a height and channels, found {} values", values.len()),
            ),
        }
        if width.min(height).min(channels) == 0 {
            reader.fault_at(bag, "Size", "expected whole numbers from 1");
        }
    } else {
        width = reader.read(bag, "", Scope::Stimuli, "SizeX");
        height = reader.read(bag, "", Scope::Stimuli, "SizeY");
    }
    if width.max(height).max(channels) > LARGEST || width as u128 * height as u128 * channels as u128 > LARGEST as u128
    {
        reader.section_fault(
            bag.section,
            "",
            format!("a stimulus of {width}x{height}x{channels} elements is too large"),
        );
    }
    Shape { channels, height, width }
}

fn encoder<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> EncoderConfig {
    let n_errors = reader.errors.len();
    let coding = match reader.read::<String>(bag, "", Scope::Encoder, "StimulusType").as_str() {
        "Periodic" => Coding::Periodic,
        "JitteredPeriodic" => Coding::JitteredPeriodic,
        "Poissonian" => Coding::Poissonian,
        "Linear" => Coding::Linear,
        _ => Coding::SingleBurst,
    };
    let config = EncoderConfig {
        coding,
        discarded_late_stimuli: reader.read(bag, "", Scope::Encoder, "DiscardedLateStimuli"),
        period_mean_min: reader.read(bag, "", Scope::Encoder, "PeriodMeanMin"),
        period_mean_max: reader.read(bag, "", Scope::Encoder, "PeriodMeanMax"),
        period_rel_std_dev: reader.read(bag, "", Scope::Encoder, "PeriodRelStdDev"),
        period_min: reader.read(bag, "", Scope::Encoder, "PeriodMin"),
        max_frequency: reader.read(bag, "", Scope::Encoder, "MaxFrequency"),
        ..EncoderConfig::default()
    };
    if reader.errors.len() > n_errors {
        return config;
    }
    if config.period_mean_min == SimDuration(0) {
        reader.fault_at(bag, "PeriodMeanMin", "expected a time above 0, found 0");
    } else if config.period_mean_min >= config.period_mean_max {
        let message = format!(
            "expected a period below `PeriodMeanMax` ({}), found {}",
            config.period_mean_max, config.period_mean_min
        );
        reader.fault_at(bag, "PeriodMeanMin", message);
    }
    if config.period_min > config.period_mean_min {
        let message = format!(
            "expected a period of at most `PeriodMeanMin` ({}), found {}",
            config.period_mean_min, config.period_min
        );
        reader.fault_at(bag, "PeriodMin", message);
    }
    if config.period_rel_std_dev < 0.0 {
        reader.fault_at(
            bag,
            "PeriodRelStdDev",
            format!("expected a number from 0, found {}", config.period_rel_std_dev),
        );
    }
    config
}

/// The sub-sections of the stimuli, in file order.
fn transformations(reader: &mut Reader<'_>, provider: usize, n_channels: usize) -> Vec<Transformation> {
    let document = reader.document;
    let provider = format!("{}.", document.sections()[provider].name);
    let mut transformations = Vec::new();
    for (section, name) in document.sections().iter().enumerate().map(|(index, section)| (index, &section.name)) {
        let Some(kind) = name.strip_prefix(&*provider) else { continue };
        let on_the_fly = kind.starts_with("OnTheFlyTransformation");
        if on_the_fly || kind.starts_with("Transformation") {
            transformations.extend(transformation(reader, section, on_the_fly, n_channels));
        } else if kind.starts_with("StimuliData") {
            reader.bag(section, None);
            reader.section_warning(
                section,
                "",
                "the analysis of stimuli is not supported yet; the section has no effect",
            );
        } else if kind.contains("Transformation") || kind == "Adversarial" {
            reader.bag(section, None);
            let message =
                format!("not supported yet; `{provider}Transformation*` and `{provider}OnTheFlyTransformation*` are");
            reader.section_fault(section, "", message);
        }
    }
    transformations
}

fn transformation(
    reader: &mut Reader<'_>,
    section: usize,
    on_the_fly: bool,
    n_channels: usize,
) -> Option<Transformation> {
    let bag = reader.bag(section, None);
    let apply_to = match reader.read::<String>(&bag, "", Scope::Transformation, "ApplyTo").as_str() {
        "LearnOnly" => ApplyTo::LearnOnly,
        "ValidationOnly" => ApplyTo::ValidationOnly,
        "TestOnly" => ApplyTo::TestOnly,
        "NoLearn" => ApplyTo::NoLearn,
        "NoValidation" => ApplyTo::NoValidation,
        "NoTest" => ApplyTo::NoTest,
        _ => ApplyTo::All,
    };
    let scope;
    let operation = match reader.read::<String>(&bag, "", Scope::Transformation, "Type").as_str() {
        "RescaleTransformation" => {
            scope = Scope::Rescale;
            Operation::Rescale(Rescale {
                width: reader.read(&bag, "", scope, "Width"),
                height: reader.read(&bag, "", scope, "Height"),
                keep_aspect_ratio: reader.read(&bag, "", scope, "KeepAspectRatio"),
                resize_to_fit: reader.read(&bag, "", scope, "ResizeToFit"),
            })
        }
        "RangeAffineTransformation" => {
            scope = Scope::RangeAffine;
            Operation::RangeAffine(RangeAffine {
                first: arithmetic(reader, &bag, "FirstOperator"),
                first_value: operand(reader, &bag, "FirstValue", n_channels),
                second: arithmetic(reader, &bag, "SecondOperator"),
                second_value: operand(reader, &bag, "SecondValue", n_channels),
                truncate: reader.read(&bag, "", scope, "Truncate"),
            })
        }
        _ => return None,
    };
    reader.check(&bag, &accepted([Scope::Transformation, scope]), Unknown::Warns);
    Some(Transformation { apply_to, on_the_fly, operation })
}

fn operand<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, key: &str, n_channels: usize) -> Vec<f64> {
    let values: Vec<f64> = reader.read(bag, "", Scope::RangeAffine, key);
    if values.len() > 1 && values.len() != n_channels {
        let message =
            format!("expected one value, or one for each of the {n_channels} channels, found {}", values.len());
        reader.fault_at(bag, key, message);
    }
    values
}

/// Reports a stimulus that does not come out of the transformations as the network wants it, for some set.
fn check_result<'a>(
    reader: &mut Reader<'a>,
    bag: &Bag<'a>,
    transformations: &[Transformation],
    wanted: Shape,
    validation: f64,
) {
    let sets = [
        (Set::Learn, "Learn", validation < 1.0),
        (Set::Validation, "Validation", validation > 0.0),
        (Set::Test, "Test", true),
    ];
    for (set, name) in sets.into_iter().filter_map(|(set, name, is_used)| is_used.then_some((set, name))) {
        let (once, on_the_fly): (Vec<_>, Vec<_>) = transformations
            .iter()
            .filter(|transformation| transformation.apply_to.includes(set))
            .partition(|transformation| !transformation.on_the_fly);
        let mut shape = STORED;
        for transformation in once.into_iter().chain(on_the_fly) {
            if let Operation::Rescale(rescale) = &transformation.operation {
                (shape.width, shape.height) = rescaled(shape, rescale);
            }
        }
        if shape != wanted {
            let text = |shape: Shape| format!("{}x{}x{}", shape.width, shape.height, shape.channels);
            let key = if bag.has("Size") { "Size" } else { "SizeX" };
            let message = format!(
                "the images of the {name} set are {} after the transformations, the network wants {}; add or correct a `RescaleTransformation`",
                text(shape),
                text(wanted)
            );
            return reader.fault_at(bag, key, message);
        }
    }
}

/// Width and height of the result.
fn rescaled(shape: Shape, rescale: &Rescale) -> (usize, usize) {
    if !rescale.keep_aspect_ratio {
        return (rescale.width, rescale.height);
    }
    let ratios = [rescale.width as f64 / shape.width as f64, rescale.height as f64 / shape.height as f64];
    let ratio = if rescale.resize_to_fit { ratios[0].min(ratios[1]) } else { ratios[0].max(ratios[1]) };
    ((ratio * shape.width as f64) as usize, (ratio * shape.height as f64) as usize)
}

fn arithmetic<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, key: &str) -> Arithmetic {
    match reader.read::<String>(bag, "", Scope::RangeAffine, key).as_str() {
        "Minus" => Arithmetic::Minus,
        "Multiplies" => Arithmetic::Multiplies,
        "Divides" => Arithmetic::Divides,
        _ => Arithmetic::Plus,
    }
}

/// For each layer in order, the sections whose name begins with its name and `.Target`, in file order.
fn targets(reader: &mut Reader<'_>, cells: &Cells) -> Vec<TargetDescription> {
    let document = reader.document;
    let mut targets = Vec::new();
    for (cell, description) in cells.descriptions.iter().enumerate() {
        let prefix = format!("{}.Target", description.name);
        for (section, name) in document.sections().iter().enumerate().map(|(index, section)| (index, &section.name)) {
            if !name.starts_with(&prefix) {
                continue;
            }
            let bag = reader.bag(section, None);
            reader.read::<String>(&bag, "", Scope::Target, "Type");
            reader.check(&bag, &accepted([Scope::Target]), Unknown::Warns);
            let target = TargetDescription {
                name: name.to_string(),
                span: reader.span_of_section(section),
                cell,
                target_value: reader.read(&bag, "", Scope::Target, "TargetValue"),
                default_value: reader.read(&bag, "", Scope::Target, "DefaultValue"),
                top_n: reader.read(&bag, "", Scope::Target, "TopN"),
            };
            let shape = description.output_shape;
            if cells.complete {
                if (shape.height, shape.width) != (1, 1) {
                    let message = format!(
                        "targets on maps are not supported yet; expected an output of 1x1, `{}` has {}x{}",
                        description.name, shape.width, shape.height
                    );
                    reader.section_fault(section, "", message);
                } else if shape.channels < N_LABELS {
                    let message = format!(
                        "expected an output for each of the {N_LABELS} labels of the database, `{}` has {}",
                        description.name, shape.channels
                    );
                    reader.section_fault(section, "", message);
                }
                if target.top_n > shape.channels {
                    let message = format!("expected at most the {} outputs, found {}", shape.channels, target.top_n);
                    reader.fault_at(&bag, "TopN", message);
                }
            }
            targets.push(target);
        }
    }
    match cells.sections.last() {
        Some(&last) if targets.is_empty() && cells.complete => {
            let name = reader.name_of(last);
            let message = format!("missing target; expected a section such as `[{name}.Target]`");
            reader.section_fault(last, "", message);
        }
        None if cells.complete => missing_section(reader, "expected layers (sections with `Input`), found none"),
        _ => {}
    }
    targets
}

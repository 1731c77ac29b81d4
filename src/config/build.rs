//! From sections to the description: data, stimuli, layers, targets.

use formal::config::Activation;
use sim::encoder::{Coding, EncoderConfig};
use sim::network::PoolingMode;
use sim::time::SimDuration;
use stimuli::{Set, Shape, Transformation};

use super::cells::{self, Cells, Defaults};
use super::data::{Data, Facts, nominal};
use super::database::database;
use super::reader::{Accepted, Bag, Reader, Unknown};
use super::registry::Scope;
use super::targets::{Labeled, targets};
use super::transformations::transformations;
use crate::model::{DatabaseDescription, Family, Normalization, StimuliDescription, TargetDescription};

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

pub(crate) fn accepted(scopes: impl IntoIterator<Item = Scope>) -> Accepted {
    scopes.into_iter().map(|scope| (String::new(), scope)).collect()
}

/// Reads everything; `data` knows what `_EpochSize` and the like are.
pub(crate) fn read(reader: &mut Reader<'_>, data: Option<&dyn Data>) -> Parts {
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

    let n_errors = reader.errors.len();
    let database = database(reader);
    let is_sound = reader.errors.len() == n_errors;
    let facts = database.as_ref().filter(|_| is_sound).and_then(|database| facts(reader, database, data));
    let (stimuli_section, stimuli) =
        stimuli(reader, facts.as_ref(), database.as_ref().filter(|_| facts.is_some()).zip(data));
    if let Some(section) = stimuli_section {
        let name = reader.name_of(section);
        // Beside a faulty `[database]` the size of MNIST serves to find the faults of the rest.
        let n_learn = facts.as_ref().map_or(60_000, |facts| facts.n_stimuli[0]);
        reader.resolver.define(&name, "_EpochSize", n_learn);
    }
    let normalizes = reader.read(&global, "", Scope::Global, "InsertBatchNormAfterConv");
    let defaults = Defaults { model, activation, normalizes };
    let cells = cells::read(reader, &defaults, stimuli.as_ref().map(|stimuli| stimuli.shape));
    if let (Some(section), Some(stimuli)) = (stimuli_section, &stimuli)
        && stimuli.encoder.is_none()
        && let Some(cell) = cells.descriptions.iter().find(|cell| cell.family != Family::Frame)
    {
        let message =
            format!("layers that spike, such as `{}`, need an environment: call this section `[env]`", cell.name);
        reader.section_fault(section, "", message);
    }
    let n_labels = facts.as_ref().map_or(1, |facts| facts.n_labels);
    let wanted = stimuli.as_ref().map(|stimuli| match database.as_ref().and_then(|d| d.target_data_path.as_ref()) {
        Some(_) => stimuli.target_shape,
        None => stimuli.shape,
    });
    let labeled = Labeled { wanted, n_labels };
    let targets = targets(reader, &cells, labeled);
    if let (Some(section), Some(stimuli), Some(facts)) = (stimuli_section, &stimuli, &facts)
        && facts.has_maps
        && !stimuli.is_composite
        && targets.iter().any(|target| !target.is_data)
    {
        let message =
            "the stimuli have regions or label images and no label for the whole; expected `CompositeStimuli=1`";
        reader.section_fault(section, "CompositeStimuli", message);
    }
    let unlabeled = database.as_ref().and_then(|database| database.unlabeled.as_ref());
    if let (Some(at), Some(target)) = (unlabeled, targets.iter().find(|target| !target.is_data))
        && let Some(section) = reader.document.find(&target.name)
    {
        let message = format!(
            "stimuli without labels (`LabelDepth`, line {}) have no class; expected `DataAsTarget=1`, or labels",
            at.line
        );
        reader.section_fault(section, "", message);
    }
    Parts { check_weight_range, normalization, pooling, database, stimuli, cells, targets }
}

/// A fault about a section that is not there.
fn missing_section(reader: &mut Reader<'_>, message: &str) {
    reader.section_fault(0, "", message);
}

/// What is known of the data: as they are, else as they are distributed, else nothing.
fn facts(reader: &mut Reader<'_>, description: &DatabaseDescription, data: Option<&dyn Data>) -> Option<Facts> {
    match data.map(|data| data.facts(description)) {
        Some(Ok(facts)) => return Some(facts),
        Some(Err(message)) => {
            if let Some(section) = reader.document.find("database") {
                let bag = reader.bag(section, None);
                reader.fault_at(&bag, "DataPath", message);
            }
            // What the files would hold is not known, and no fault of the model.
            return nominal(description).map(|facts| Facts { shape: None, ..facts });
        }
        None => {}
    }
    nominal(description)
}

/// The section of the stimuli, when there is one, and what it says, when it can be read.
fn stimuli(
    reader: &mut Reader<'_>,
    facts: Option<&Facts>,
    database: Option<(&DatabaseDescription, &dyn Data)>,
) -> (Option<usize>, Option<StimuliDescription>) {
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
    let target_shape = target_shape(reader, &bag, shape);
    let batch_size = reader.read(&bag, "", Scope::Stimuli, "BatchSize");
    if batch_size > LARGEST {
        reader.fault_at(&bag, "BatchSize", format!("expected at most {LARGEST}, found {batch_size}"));
    }
    let shape_is_known = reader.errors.len() == n_errors;
    let encoder = spiking.then(|| encoder(reader, &parameters));
    let read = transformations(reader, section, shape.channels, database);
    let (places, transformations): (Vec<usize>, Vec<Transformation>) = read.transformations.into_iter().unzip();
    if reader.errors.len() == n_errors {
        check_result(reader, &bag, &transformations, &places, shape, facts);
    }
    let description = StimuliDescription {
        span: reader.span_of_section(section),
        shape,
        target_shape,
        batch_size,
        transformations,
        data: read.analyses,
        is_signed: reader.read(&parameters, "", Scope::StimuliParameter, "DataSignedMapping"),
        quantization: quantization(reader, &parameters),
        is_composite: reader.read(&bag, "", Scope::Stimuli, "CompositeStimuli"),
        encoder,
    };
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

/// Size of the images of `TargetDataPath`.
fn target_shape<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, stimulus: Shape) -> Shape {
    let has_list = bag.has("TargetSize");
    if !has_list && !bag.has("TargetSizeX") {
        if let Some(key) = ["TargetSizeY", "TargetNbChannels"].into_iter().find(|key| bag.has(key)) {
            reader.fault_at(bag, key, "expected `TargetSizeX` beside it");
        }
        return stimulus;
    }
    let channels: usize = reader.read(bag, "", Scope::Stimuli, "TargetNbChannels");
    if !has_list {
        let width: usize = reader.read_optional(bag, "", Scope::Stimuli, "TargetSizeX").unwrap_or(1);
        let height = reader.read_optional(bag, "", Scope::Stimuli, "TargetSizeY").unwrap_or(width);
        return Shape { channels, height, width };
    }
    let sides: Vec<u64> = reader.read_optional(bag, "", Scope::Stimuli, "TargetSize").unwrap_or(vec![1]);
    let sides: Vec<usize> = sides.into_iter().map(|side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
    let (width, height, channels) = match sides[..] {
        [side] => (side, side, channels),
        [width, height] => (width, height, channels),
        [width, height, channels] => (width, height, channels),
        _ => (0, 0, 0),
    };
    if [width, height, channels].iter().any(|side| !(1..=LARGEST).contains(side)) {
        reader.fault_at(bag, "TargetSize", "expected a width, a height and channels, whole numbers from 1");
    }
    Shape { channels, height, width }
}

/// Levels, lowest and highest; absent for 0 levels.
fn quantization<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>) -> Option<(u32, f32, f32)> {
    let mut real = |key| reader.read::<f32>(bag, "", Scope::StimuliParameter, key);
    let (min, max) = (real("QuantizationMin"), real("QuantizationMax"));
    let levels: u32 = reader.read(bag, "", Scope::StimuliParameter, "QuantizationLevels");
    if levels == 0 {
        return None;
    }
    if levels == 1 {
        reader.fault_at(bag, "QuantizationLevels", "expected at least 2 levels, or 0 for no quantization, found 1");
    }
    if min >= max {
        let message = format!("expected a level above `QuantizationMin` ({min}), found {max}");
        reader.fault_at(bag, "QuantizationMax", message);
    }
    Some((levels, min, max))
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

/// Reports a stimulus that does not come out of the transformations as the network wants it, for some set.
fn check_result<'a>(
    reader: &mut Reader<'a>,
    bag: &Bag<'a>,
    transformations: &[Transformation],
    places: &[usize],
    wanted: Shape,
    facts: Option<&Facts>,
) {
    let Some(&Facts { n_stimuli, shape: Some(stored), .. }) = facts else { return };
    for (set, _) in Set::ALL.into_iter().zip(n_stimuli).filter(|&(_, n)| n > 0) {
        match stimuli::result(transformations, set, stored) {
            Ok(shape) if shape == wanted => {}
            Ok(shape) => {
                let key = if bag.has("Size") { "Size" } else { "SizeX" };
                let message = format!(
                    "the images of the {set} set are {shape} after the transformations, the network wants {wanted}; add or correct a `RescaleTransformation`"
                );
                return reader.fault_at(bag, key, message);
            }
            Err(error) => {
                // The first one without which the others before it are sound.
                let is_faulty = |&n: &usize| stimuli::result(&transformations[..=n], set, stored).is_err();
                let first = (0..transformations.len()).find(is_faulty).unwrap_or(0);
                return reader.section_fault(places[first], "", error.to_string());
            }
        }
    }
}

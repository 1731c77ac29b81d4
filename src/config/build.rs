//! From sections to the description: data, stimuli, layers, targets.

use formal::config::{Activation, Operator};
use sim::encoder::{Coding, EncoderConfig};
use sim::network::PoolingMode;
use sim::time::SimDuration;
use stimuli::{Set, Shape, Transformation};

use super::cells::{self, Cells, Defaults};
use super::data::{Data, Facts, nominal};
use super::database::database;
use super::reader::{Accepted, Bag, Reader, Unknown};
use super::registry::Scope;
use super::transformations::transformations;
use crate::model::{
    CellDescription, DatabaseDescription, Family, Normalization, StimuliDescription, TargetDescription,
};

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
    let targets = targets(reader, &cells, wanted, n_labels);
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

/// Refuses outputs that cannot be compared with the stimulus, or what is wanted in its place.
fn check_data_target<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, cell: &CellDescription, wanted: Option<Shape>) {
    let (Some(wanted), output) = (wanted, cell.output_shape) else { return };
    if output != wanted {
        let whose = match reader.document.find("database").map(|section| reader.bag(section, None)) {
            Some(database) if database.has("TargetDataPath") => "images of `TargetDataPath` (`TargetSize`)",
            _ => "stimulus",
        };
        let message =
            format!("the outputs must have the size of the {whose}, {wanted}, those of `{}` are {output}", cell.name);
        reader.fault_at(bag, "DataAsTarget", message);
    }
    if matches!(cell.operator, Operator::Softmax(_)) {
        reader.fault_at(bag, "DataAsTarget", "a Softmax chooses among classes; put the target on the layer before it");
    }
    if bag.has("TopN") {
        reader.fault_at(bag, "TopN", "has no meaning with `DataAsTarget`; leave it out");
    }
}

/// For each layer in order, the sections whose name begins with its name and `.Target`, in file order.
fn targets(reader: &mut Reader<'_>, cells: &Cells, wanted: Option<Shape>, n_labels: usize) -> Vec<TargetDescription> {
    let document = reader.document;
    let mut targets = Vec::new();
    for (cell, description) in cells.descriptions.iter().enumerate() {
        let prefix = format!("{}.Target", description.name);
        for (section, name) in document.sections().iter().enumerate().map(|(index, section)| (index, &section.name)) {
            if !name.starts_with(&prefix) {
                continue;
            }
            let bag = reader.bag(section, None);
            let is_scored = reader.read::<String>(&bag, "", Scope::Target, "Type") != "Target";
            reader.check(&bag, &accepted([Scope::Target]), Unknown::Warns);
            if !is_scored {
                if !matches!(description.operator, Operator::TargetBias(_)) {
                    let message = "a target without a score is for a TargetBias alone; expected `TargetScore`";
                    reader.fault_at(&bag, "Type", message);
                }
                continue;
            }
            let target = TargetDescription {
                name: name.to_string(),
                span: reader.span_of_section(section),
                cell: cells.last_of(cell),
                target_value: reader.read(&bag, "", Scope::Target, "TargetValue"),
                default_value: reader.read(&bag, "", Scope::Target, "DefaultValue"),
                is_data: reader.read(&bag, "", Scope::Target, "DataAsTarget"),
                top_n: reader.read(&bag, "", Scope::Target, "TopN"),
            };
            let shape = description.output_shape;
            if cells.complete && target.is_data {
                check_data_target(reader, &bag, description, wanted);
            } else if cells.complete {
                if (shape.height, shape.width) != (1, 1) {
                    let message = format!(
                        "targets on maps are not supported yet; expected an output of 1x1, `{}` has {}x{}",
                        description.name, shape.width, shape.height
                    );
                    reader.section_fault(section, "", message);
                } else if shape.channels < n_labels {
                    let message = format!(
                        "expected an output for each of the {n_labels} labels of the database, `{}` has {}",
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

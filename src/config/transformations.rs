//! The transformations of `[sp]` and `[env]`, and the analyses between them.

mod channels;

use std::collections::HashMap;
use std::path::Path;

use stimuli::{
    Affine, Analysis, ApplyTo, Arithmetic, Border, ChannelExtraction, ColorSpace, CompressionNoise, Conversion,
    Distortion, Equalize, Filter, Flip, Gabor, Matrix, Norm, Normalize, Operation, PadCrop, RandomAffine,
    RandomResizeCrop, RangeAffine, RangeClipping, Rescale, SliceExtraction, Space, Threshold, ThresholdOperation,
    Transformation,
};

use super::build::accepted;
use super::data::Data;
use super::reader::{Bag, Reader, Unknown};
use super::registry::Scope;
use crate::model::{DatabaseDescription, StimuliData};

/// What the sub-sections of the stimuli say, in file order.
#[derive(Default)]
pub(crate) struct Read {
    /// Each with its section.
    pub transformations: Vec<(usize, Transformation)>,
    pub analyses: Vec<StimuliData>,
    /// Mean and deviation images, by the file names that `_MeanData` and `_StdDevData` stand for.
    matrices: HashMap<String, Matrix>,
}

/// Reads the sub-sections of the stimuli.
pub(crate) fn transformations(
    reader: &mut Reader<'_>,
    provider: usize,
    n_channels: usize,
    database: Option<(&DatabaseDescription, &dyn Data)>,
) -> Read {
    let document = reader.document;
    let provider = format!("{}.", document.sections()[provider].name);
    let mut read = Read::default();
    let mut channels = channels::Declared::default();
    for (section, name) in document.sections().iter().enumerate().map(|(index, section)| (index, &section.name)) {
        let Some(kind) = name.strip_prefix(&*provider) else { continue };
        let on_the_fly = kind.starts_with("OnTheFlyTransformation");
        if let Some(of_channels) = channels::kind(kind) {
            channels.read(reader, section, of_channels, n_channels, &read);
        } else if on_the_fly || kind.starts_with("Transformation") {
            let transformation = transformation(reader, section, on_the_fly, n_channels, &read);
            if transformation.is_some() {
                channels::refuse_index(reader, section);
            }
            read.transformations.extend(transformation.map(|transformation| (section, transformation)));
        } else if kind.starts_with("StimuliData") {
            stimuli_data(reader, section, database, &mut read);
        } else if kind.contains("Transformation") || kind == "Adversarial" {
            reader.bag(section, None);
            let message = format!(
                "not supported yet; `{provider}Transformation*`, `{provider}OnTheFlyTransformation*` and those of channels, such as `{provider}ChannelTransformation*`, are"
            );
            reader.section_fault(section, "", message);
        }
    }
    channels.finish(reader, n_channels, &mut read);
    read
}

/// Sets by the key `ApplyTo`.
pub(crate) fn apply_to<'a>(reader: &mut Reader<'a>, bag: &Bag<'a>, scope: Scope) -> ApplyTo {
    match reader.read::<String>(bag, "", scope, "ApplyTo").as_str() {
        "LearnOnly" => ApplyTo::LearnOnly,
        "ValidationOnly" => ApplyTo::ValidationOnly,
        "TestOnly" => ApplyTo::TestOnly,
        "NoLearn" => ApplyTo::NoLearn,
        "NoValidation" => ApplyTo::NoValidation,
        "NoTest" => ApplyTo::NoTest,
        _ => ApplyTo::All,
    }
}

/// Takes the figures of the stimuli after the transformations before this section, and lets keys refer to them.
fn stimuli_data(
    reader: &mut Reader<'_>,
    section: usize,
    database: Option<(&DatabaseDescription, &dyn Data)>,
    read: &mut Read,
) {
    let scope = Scope::StimuliData;
    let bag = reader.bag(section, None);
    reader.check(&bag, &accepted([scope]), Unknown::Warns);
    let apply_to = apply_to(reader, &bag, scope);
    let writes_mean = reader.read(&bag, "", scope, "MeanData");
    let writes_std_dev = reader.read(&bag, "", scope, "StdDevData");
    let name = reader.name_of(section);
    let before: Vec<Transformation> = read.transformations.iter().map(|(_, before)| before.clone()).collect();
    let analysis = match database.map(|(description, data)| data.analyze(description, &before, apply_to)) {
        Some(Ok(analysis)) => analysis,
        Some(Err(message)) => {
            reader.section_fault(section, "", message);
            UNKNOWN
        }
        // The data are not at hand, so that the figures stand for any; what refers to them is read all the same.
        None => UNKNOWN,
    };
    for (key, value) in
        [("minVal", analysis.min), ("maxVal", analysis.max), ("mean", analysis.mean), ("stdDev", analysis.std_dev)]
    {
        reader.resolver.define(&name, &format!("_GlobalValue.{key}"), value);
    }
    let folder = crate::output::file_name(&name);
    for (key, file) in [("_MeanData", "meanData"), ("_StdDevData", "stdDevData")] {
        reader.resolver.define(&name, key, format!("{folder}/{file}.bin"));
    }
    if let Some((mean, std_dev)) = &analysis.images {
        read.matrices.insert(format!("{folder}/meanData.bin"), mean.clone());
        read.matrices.insert(format!("{folder}/stdDevData.bin"), std_dev.clone());
    }
    read.analyses.push(StimuliData { name: name.to_string(), apply_to, writes_mean, writes_std_dev, analysis });
}

const UNKNOWN: Analysis = Analysis {
    n_stimuli: 0,
    widths: (0, 0),
    heights: (0, 0),
    channels: (0, 0),
    min: 0.0,
    max: 1.0,
    mean: 0.0,
    std_dev: 1.0,
    images: None,
};

/// The keys of one transformation.
struct Keys<'r, 'a> {
    reader: &'r mut Reader<'a>,
    bag: &'r Bag<'a>,
    scope: Scope,
}

impl Keys<'_, '_> {
    fn get<T: super::value::FromValue>(&mut self, key: &str) -> T {
        self.reader.read(self.bag, "", self.scope, key)
    }

    fn word(&mut self, key: &str) -> String {
        self.get(key)
    }

    fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.reader.fault_at(self.bag, key, message);
    }

    /// Two numbers, the lower first.
    fn range(&mut self, key: &str) -> [f64; 2] {
        let values: Vec<f64> = self.get(key);
        match values[..] {
            [low, high] if low <= high => [low, high],
            _ => {
                let found: Vec<String> = values.iter().map(f64::to_string).collect();
                self.fault(key, format!("expected two numbers, the lower first, found `{}`", found.join(" ")));
                [0.0, 0.0]
            }
        }
    }

    fn arithmetic(&mut self, key: &str) -> Arithmetic {
        match self.word(key).as_str() {
            "Minus" => Arithmetic::Minus,
            "Multiplies" => Arithmetic::Multiplies,
            "Divides" => Arithmetic::Divides,
            _ => Arithmetic::Plus,
        }
    }

    fn operand(&mut self, key: &str, n_channels: usize) -> Vec<f64> {
        let values: Vec<f64> = self.get(key);
        if values.len() > 1 && values.len() != n_channels {
            let message =
                format!("expected one value, or one for each of the {n_channels} channels, found {}", values.len());
            self.fault(key, message);
        }
        values
    }

    fn border(&mut self) -> Border {
        match self.word("BorderType").as_str() {
            "ConstantBorder" => Border::Constant(self.get("BorderValue")),
            "ReplicateBorder" => Border::Replicate,
            "ReflectBorder" => Border::Reflect,
            "WrapBorder" => Border::Wrap,
            "MeanBorder" => Border::Mean,
            _ => Border::MinusOneReflect,
        }
    }

    fn whole(&mut self, key: &str) -> i64 {
        let value: f64 = self.get(key);
        if value.fract() != 0.0 || value.abs() > 1e9 {
            self.fault(key, format!("expected a whole number, found `{value}`"));
        }
        value as i64
    }

    /// A matrix of a `StimuliData` of this model, or of a file.
    fn matrix(&mut self, key: &str, read: &Read) -> Option<Matrix> {
        let path: String = self.reader.read_optional(self.bag, "", self.scope, key)?;
        if let Some(matrix) = read.matrices.get(&path) {
            return Some(matrix.clone());
        }
        match Matrix::open(Path::new(&path)) {
            Ok(matrix) => Some(matrix),
            // Without the data there are no such images, and nobody knows their size.
            Err(_) if read.analyses.iter().any(|data| data.analysis.n_stimuli == 0) => None,
            Err(error) => {
                self.fault(key, error.to_string());
                None
            }
        }
    }

    fn ranges(&mut self, name: &str) -> Vec<[f64; 2]> {
        let keys: Vec<String> = (0..4).map(|channel| format!("{name}[{channel}]")).collect();
        let n = keys.iter().rposition(|key| self.bag.has(key)).map_or(0, |last| last + 1);
        keys.iter().take(n).map(|key| self.range(key)).collect()
    }
}

/// The keys of the transformation `name`; `None` where there is none.
pub(crate) fn scope_of(name: &str) -> Option<Scope> {
    Some(match name {
        "RescaleTransformation" => Scope::Rescale,
        "PadCropTransformation" => Scope::PadCrop,
        "ChannelExtractionTransformation" => Scope::ChannelExtraction,
        "ColorSpaceTransformation" => Scope::ColorSpace,
        "FlipTransformation" => Scope::Flip,
        "DistortionTransformation" => Scope::Distortion,
        "AffineTransformation" => Scope::Affine,
        "RangeAffineTransformation" => Scope::RangeAffine,
        "NormalizeTransformation" => Scope::Normalize,
        "ThresholdTransformation" => Scope::ThresholdTransformation,
        "RangeClippingTransformation" => Scope::RangeClipping,
        "SliceExtractionTransformation" => Scope::SliceExtraction,
        "RandomResizeCropTransformation" => Scope::RandomResizeCrop,
        "EqualizeTransformation" => Scope::Equalize,
        "FilterTransformation" => Scope::Filter,
        "RandomAffineTransformation" => Scope::RandomAffine,
        "CompressionNoiseTransformation" => Scope::CompressionNoise,
        _ => return None,
    })
}

/// The transformation of a layer, in whose section its keys stand.
pub(crate) fn of_layer<'a>(
    reader: &mut Reader<'a>,
    bag: &Bag<'a>,
    scope: Scope,
    n_channels: usize,
) -> Option<Operation> {
    operation(&mut Keys { reader, bag, scope }, n_channels, &Read::default())
}

fn transformation(
    reader: &mut Reader<'_>,
    section: usize,
    on_the_fly: bool,
    n_channels: usize,
    read: &Read,
) -> Option<Transformation> {
    let bag = reader.bag(section, None);
    let apply_to = apply_to(reader, &bag, Scope::Transformation);
    let name: String = reader.read(&bag, "", Scope::Transformation, "Type");
    let scope = scope_of(&name)?;
    reader.check(&bag, &accepted([Scope::Transformation, scope]), Unknown::Warns);
    let operation = operation(&mut Keys { reader, bag: &bag, scope }, n_channels, read)?;
    Some(Transformation { apply_to, on_the_fly, operation })
}

fn operation(keys: &mut Keys<'_, '_>, n_channels: usize, read: &Read) -> Option<Operation> {
    Some(match keys.scope {
        Scope::Rescale => Operation::Rescale(Rescale {
            width: keys.get("Width"),
            height: keys.get("Height"),
            keep_aspect_ratio: keys.get("KeepAspectRatio"),
            resize_to_fit: keys.get("ResizeToFit"),
        }),
        Scope::PadCrop => Operation::PadCrop(PadCrop {
            width: keys.whole("Width"),
            height: keys.whole("Height"),
            is_additive: keys.get("AdditiveWH"),
            border: keys.border(),
        }),
        Scope::ChannelExtraction => Operation::ChannelExtraction(match keys.word("CSChannel").as_str() {
            "Blue" => ChannelExtraction::Stored(0),
            "Green" => ChannelExtraction::Stored(1),
            "Red" => ChannelExtraction::Stored(2),
            "Hue" => ChannelExtraction::Of(Space::Hsv, 0),
            "Saturation" => ChannelExtraction::Of(Space::Hsv, 1),
            "Value" => ChannelExtraction::Of(Space::Hsv, 2),
            "Y" => ChannelExtraction::Of(Space::YCrCb, 0),
            "Cr" => ChannelExtraction::Of(Space::YCrCb, 1),
            "Cb" => ChannelExtraction::Of(Space::YCrCb, 2),
            _ => ChannelExtraction::Gray,
        }),
        Scope::ColorSpace => {
            let word = keys.word("ColorSpace");
            let (from, to) = word.split_once("_to_").unwrap_or(("BGR", &word));
            Operation::ColorSpace(ColorSpace(Conversion { from: space(from), to: space(to) }))
        }
        Scope::Flip => Operation::Flip(Flip {
            horizontal: keys.get("HorizontalFlip"),
            vertical: keys.get("VerticalFlip"),
            random_horizontal: keys.get("RandomHorizontalFlip"),
            random_vertical: keys.get("RandomVerticalFlip"),
        }),
        Scope::Distortion => Operation::Distortion(Distortion {
            elastic_size: keys.get("ElasticGaussianSize"),
            elastic_sigma: keys.get("ElasticSigma"),
            elastic_scaling: keys.get("ElasticScaling"),
            scaling: keys.get("Scaling"),
            rotation: keys.get("Rotation"),
            ignores_missing: keys.get("IgnoreMissingData"),
        }),
        Scope::Affine => {
            let first = keys.arithmetic("FirstOperator");
            if !keys.bag.has("FirstValue") {
                keys.word("FirstValue");
            }
            let first_value = keys.matrix("FirstValue", read)?;
            let operator = keys.arithmetic("SecondOperator");
            let second = keys.matrix("SecondValue", read).map(|matrix| (operator, matrix));
            Operation::Affine(Affine { first, first_value, second })
        }
        Scope::RangeAffine => Operation::RangeAffine(RangeAffine {
            first: keys.arithmetic("FirstOperator"),
            first_value: keys.operand("FirstValue", n_channels),
            second: keys.arithmetic("SecondOperator"),
            second_value: keys.operand("SecondValue", n_channels),
            truncate: keys.get("Truncate"),
        }),
        Scope::Normalize => Operation::Normalize(Normalize {
            norm: match keys.word("Norm").as_str() {
                "L1" => Norm::L1,
                "L2" => Norm::L2,
                "Linf" => Norm::LInf,
                _ => Norm::MinMax,
            },
            value: keys.get("NormValue"),
            min: keys.get("NormMin"),
            max: keys.get("NormMax"),
            per_channel: keys.get("PerChannel"),
        }),
        Scope::ThresholdTransformation => Operation::Threshold(Threshold {
            threshold: keys.get("Threshold"),
            otsu: keys.get("OtsuMethod"),
            operation: threshold_operation(&keys.word("Operation")),
            max_value: keys.get("MaxValue"),
        }),
        Scope::RangeClipping => {
            Operation::RangeClipping(RangeClipping { min: keys.get("RangeMin"), max: keys.get("RangeMax") })
        }
        Scope::SliceExtraction => {
            let (rotates, scales) = (keys.get("RandomRotation"), keys.get("RandomScaling"));
            let (rotation, scaling) = (keys.range("RandomRotationRange"), keys.range("RandomScalingRange"));
            Operation::SliceExtraction(SliceExtraction {
                width: keys.get("Width"),
                height: keys.get("Height"),
                offset: [keys.get("OffsetX"), keys.get("OffsetY")],
                random_offset: [keys.get("RandomOffsetX"), keys.get("RandomOffsetY")],
                rotation: Some(rotation).filter(|_| rotates),
                scaling: Some(scaling).filter(|_| scales),
                allows_padding: keys.get("AllowPadding"),
                border: keys.border(),
            })
        }
        Scope::RandomResizeCrop => Operation::RandomResizeCrop(RandomResizeCrop {
            width: keys.get("Width"),
            height: keys.get("Height"),
            scale: [keys.get("ScaleMin"), keys.get("ScaleMax")],
            ratio: [keys.get("RatioMin"), keys.get("RatioMax")],
        }),
        Scope::Equalize => {
            let (clip_limit, grid_size) = (keys.get("CLAHE_ClipLimit"), keys.get("CLAHE_GridSize"));
            let is_standard = keys.word("Method") == "Standard";
            Operation::Equalize(if is_standard {
                Equalize::Standard
            } else {
                Equalize::Clahe { clip_limit, grid_size }
            })
        }
        Scope::Filter => filter(keys)?,
        Scope::RandomAffine => Operation::RandomAffine(RandomAffine {
            gains: keys.ranges("GainRange"),
            biases: keys.ranges("BiasRange"),
            gammas: keys.ranges("GammaRange"),
            probabilities: [keys.get("GainVarProb"), keys.get("BiasVarProb"), keys.get("GammaVarProb")],
        }),
        Scope::CompressionNoise => {
            let [low, high] = keys.range("CompressionRange");
            Operation::CompressionNoise(CompressionNoise { range: [low as u32, high as u32] })
        }
        _ => return None,
    })
}

/// What a threshold does, by its name.
pub(crate) fn threshold_operation(name: &str) -> ThresholdOperation {
    match name {
        "BinaryInverted" => ThresholdOperation::BinaryInverted,
        "Truncate" => ThresholdOperation::Truncate,
        "ToZero" => ThresholdOperation::ToZero,
        "ToZeroInverted" => ThresholdOperation::ToZeroInverted,
        _ => ThresholdOperation::Binary,
    }
}

fn space(name: &str) -> Space {
    match name {
        "RGB" => Space::Rgb,
        "HSV" => Space::Hsv,
        "HLS" => Space::Hls,
        "YCrCb" => Space::YCrCb,
        "CIELab" => Space::Lab,
        "CIELuv" => Space::Luv,
        _ => Space::Bgr,
    }
}

fn filter(keys: &mut Keys<'_, '_>) -> Option<Operation> {
    /// A kernel of more taps a side is a slip of the pen.
    const MOST: usize = 1024;
    let (width, height): (usize, usize) = (keys.get("Kernel.SizeX"), keys.get("Kernel.SizeY"));
    if width.max(height) > MOST {
        keys.fault("Kernel.SizeX", format!("expected kernels of at most {MOST} taps a side, found {width}x{height}"));
        return None;
    }
    let kernel = keys.word("Kernel");
    let values: Option<Vec<f64>> = keys.reader.read_optional(keys.bag, "", keys.scope, "Kernel.Mat");
    let named = match kernel.as_str() {
        "Gaussian" => Some(Filter::gaussian(width, height, keys.get("Kernel.Sigma"))),
        "LoG" => Some(Filter::laplacian_of_gaussian(width, height, keys.get("Kernel.Sigma"))),
        "DoG" => {
            let (wide, narrow) = (keys.get("Kernel.Sigma1"), keys.get("Kernel.Sigma2"));
            Some(Filter::difference_of_gaussians(width, height, wide, narrow))
        }
        "Gabor" => {
            let Some(theta) = keys.reader.read_optional(keys.bag, "", keys.scope, "Kernel.Theta") else {
                keys.fault("Kernel", "a Gabor kernel needs its direction, `Kernel.Theta`, in radians".to_owned());
                return None;
            };
            let gabor = Gabor {
                sigma: keys.get("Kernel.Sigma"),
                theta,
                lambda: keys.get("Kernel.Lambda"),
                psi: keys.get("Kernel.Psi"),
                gamma: keys.get("Kernel.Gamma"),
            };
            return Some(Operation::Filter(Filter::gabor(width, height, gabor)));
        }
        "*" => None,
        _ => return None,
    };
    if let Some(filter) = named {
        let is_positive: bool = keys.get("Kernel.Positive");
        return Some(Operation::Filter(if is_positive { filter } else { filter.negated() }));
    }
    let values = values.unwrap_or_default();
    if values.len() != width * height {
        let message = format!("expected the {width}x{height} values of the kernel, found {}", values.len());
        keys.fault("Kernel.Mat", message);
        return None;
    }
    Some(Operation::Filter(Filter { width, height, kernel: values }))
}

//! The one table of keys: what a section may hold, of what kind, with what default.
//!
//! Reading, "did you mean" and the generated reference all come from it.

mod keys;
pub mod reference;

use super::value::Kind;

pub use keys::KEYS;

/// A kind of section, or a group of keys that several kinds share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Before the first header.
    Global,
    /// `[database]`.
    Database,
    /// `Type=DIR_Database`, and the sections of its `LoadMore`.
    Folder,
    /// `Type=CIFAR10_Database`.
    Cifar,
    /// `Type=CIFAR100_Database`.
    Cifar100,
    /// `Type=GTSRB_DIR_Database`.
    Gtsrb,
    /// `Type=IMDBWIKI_Database`.
    Faces,
    /// `Type=VOC_Database`.
    Voc,
    /// `Type=Mask_Database`.
    Masks,
    /// `[database.filterROIs]`.
    FilterRois,
    /// `[database.slicing]`.
    Slicing,
    /// `[sp]` and `[env]`.
    Stimuli,
    /// `ConfigSection` of `[sp]` and `[env]`.
    StimuliParameter,
    /// `ConfigSection` of `[env]`.
    Encoder,
    /// Every `[sp.Transformation*]`.
    Transformation,
    /// `Type=RescaleTransformation`.
    Rescale,
    /// `Type=RangeAffineTransformation`.
    RangeAffine,
    /// `Type=PadCropTransformation`.
    PadCrop,
    /// `Type=ChannelExtractionTransformation`.
    ChannelExtraction,
    /// `Type=ColorSpaceTransformation`.
    ColorSpace,
    /// `Type=FlipTransformation`.
    Flip,
    /// `Type=DistortionTransformation`.
    Distortion,
    /// `Type=AffineTransformation`.
    Affine,
    /// `Type=NormalizeTransformation`.
    Normalize,
    /// `Type=ThresholdTransformation`.
    ThresholdTransformation,
    /// `Type=RangeClippingTransformation`.
    RangeClipping,
    /// `Type=SliceExtractionTransformation`.
    SliceExtraction,
    /// `Type=RandomResizeCropTransformation`.
    RandomResizeCrop,
    /// `Type=EqualizeTransformation`.
    Equalize,
    /// `Type=FilterTransformation`.
    Filter,
    /// `Type=RandomAffineTransformation`.
    RandomAffine,
    /// `Type=CompressionNoiseTransformation`.
    CompressionNoise,
    /// `[sp.StimuliData*]`.
    StimuliData,
    /// Every layer.
    Cell,
    /// Layers with an activation.
    Activated,
    /// Parameters `ActivationFunction.*` of `Linear`.
    Linear,
    /// Parameters `ActivationFunction.*` of `Rectifier`.
    Rectifier,
    /// Parameters `ActivationFunction.*` of `Tanh`.
    Tanh,
    /// Parameters `ActivationFunction.*` of `Saturation`.
    Saturation,
    /// `Type=Conv`.
    Conv,
    /// `Type=Deconv`.
    Deconv,
    /// `Type=Pool`.
    Pool,
    /// `Type=Unpool`.
    Unpool,
    /// `Type=FMP`.
    Fmp,
    /// `ConfigSection` of `FMP`.
    FmpParameter,
    /// `ConfigSection` of `LRN`.
    LrnParameter,
    /// `Type=Softmax`.
    Softmax,
    /// `Type=ElemWise`.
    ElemWise,
    /// `Type=BatchNorm`.
    BatchNorm,
    /// `ConfigSection` of `BatchNorm`.
    BatchNormParameter,
    /// `Type=Padding`.
    Padding,
    /// `Type=Resize`.
    Resize,
    /// `ConfigSection` of `Resize`.
    ResizeParameter,
    /// `Type=Reshape`.
    Reshape,
    /// `Type=Transpose`.
    Transpose,
    /// `Type=Threshold`.
    Threshold,
    /// `ConfigSection` of `Threshold`.
    ThresholdParameter,
    /// `Type=Transformation`.
    TransformationCell,
    /// `Type=Normalize`.
    NormalizeCell,
    /// `Type=Scaling`.
    Scaling,
    /// `Type=TargetBias`.
    TargetBias,
    /// Layers with weights.
    Weighted,
    /// Literal connection matrix.
    MappingMatrix,
    /// Connection patterns `Mapping.*`.
    Mapping,
    /// `ConfigSection` of layers with weights.
    WeightedParameter,
    /// `ConfigSection` of `Conv`.
    ConvParameter,
    /// `ConfigSection` of `Fc`.
    FcParameter,
    /// `ConfigSection` of `Dropout`.
    DropoutParameter,
    /// `ConfigSection` of every spiking layer.
    SpikingParameter,
    /// `ConfigSection` of spiking `Conv` and `Fc`.
    NeuronParameter,
    /// `ConfigSection` of spiking `Fc`.
    SpikingFcParameter,
    /// `Solvers.*`, `WeightsSolver.*`, `BiasSolver.*`.
    Sgd,
    /// The same prefixes, with `Solvers=Adam`, `WeightsSolver=Adam` or `BiasSolver=Adam` in the layer.
    Adam,
    /// Parameters of `ConstantFiller`.
    ConstantFiller,
    /// Parameters of `NormalFiller`.
    NormalFiller,
    /// Parameters of `UniformFiller`.
    UniformFiller,
    /// Parameters of `XavierFiller`.
    XavierFiller,
    /// Parameters of `HeFiller`.
    HeFiller,
    /// `[<layer>.Target*]`.
    Target,
    /// `[<layer>.Target*]` with `Type=TargetROIs`.
    TargetRois,
}

/// What holds when a key is absent, or that we cannot follow it.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// Must be written.
    Required,
    /// May be absent.
    Optional,
    /// This text stands in.
    Text(&'static str),
    /// A text made from a crate's own default stands in.
    Computed(fn() -> String),
    /// N2D2 has it, we do not; a value other than this default is passed over with a warning.
    Ignored(&'static str),
    /// N2D2 has it, we do not; a value other than this default is a fault.
    Refused(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it may stand.
    pub scope: Scope,
    /// Without the prefix of its scope.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Its default.
    pub presence: Presence,
    /// One line.
    pub doc: &'static str,
}

/// The key `name` of `scope`.
pub fn find(scope: Scope, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.scope == scope && key.name == name)
}

/// The keys of `scope`, in the order of the table.
pub fn of_scope(scope: Scope) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.scope == scope)
}

impl Key {
    /// The text that stands in for an absent value.
    pub fn default_text(&self) -> Option<String> {
        match self.presence {
            Presence::Text(text) => Some(text.to_owned()),
            Presence::Computed(text) => Some(text()),
            Presence::Required | Presence::Optional | Presence::Ignored(_) | Presence::Refused(_) => None,
        }
    }
}

impl Scope {
    /// Prefixes its keys may be written with.
    pub(crate) fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Linear | Self::Rectifier | Self::Tanh | Self::Saturation => &["ActivationFunction."],
            Self::Mapping => &["Mapping."],
            Self::Sgd | Self::Adam => &["Solvers.", "WeightsSolver.", "BiasSolver."],
            Self::ConstantFiller | Self::NormalFiller | Self::UniformFiller | Self::XavierFiller | Self::HeFiller => {
                &["WeightsFiller.", "BiasFiller."]
            }
            _ => &[""],
        }
    }

    /// Heading in the reference.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Global => "Before the first section",
            Self::Database => "`[database]`",
            Self::Folder => "`[database]` with `Type=DIR_Database`: folders of images, and sections of `LoadMore`",
            Self::Cifar => "`[database]` with `Type=CIFAR10_Database`",
            Self::Cifar100 => "`[database]` with `Type=CIFAR100_Database`",
            Self::Gtsrb => "`[database]` with `Type=GTSRB_DIR_Database`",
            Self::Faces => "`[database]` with `Type=IMDBWIKI_Database`",
            Self::Voc => "`[database]` with `Type=VOC_Database`: images with boxes in XML files (ours)",
            Self::Masks => "`[database]` with `Type=Mask_Database`: images with label images (ours)",
            Self::FilterRois => "`[database.filterROIs*]`: regions by their labels",
            Self::Slicing => "`[database.slicing*]`: parts of images as stimuli of their own, named `<file>[y,x]`",
            Self::Stimuli => "`[sp]`, `[env]`",
            Self::StimuliParameter => "`[sp]`, `[env]`: `ConfigSection`",
            Self::Encoder => "`[env]`: `ConfigSection`",
            Self::Transformation => {
                "`[sp.Transformation*]`, `[sp.OnTheFlyTransformation*]`, `[sp.ChannelTransformation*]`, `[sp.ChannelsTransformation*]`"
            }
            Self::Rescale => "`Type=RescaleTransformation`",
            Self::RangeAffine => "`Type=RangeAffineTransformation`",
            Self::PadCrop => "`Type=PadCropTransformation`",
            Self::ChannelExtraction => "`Type=ChannelExtractionTransformation`",
            Self::ColorSpace => "`Type=ColorSpaceTransformation`",
            Self::Flip => "`Type=FlipTransformation`",
            Self::Distortion => "`Type=DistortionTransformation`",
            Self::Affine => "`Type=AffineTransformation`",
            Self::Normalize => "`Type=NormalizeTransformation`",
            Self::ThresholdTransformation => "`Type=ThresholdTransformation`",
            Self::RangeClipping => "`Type=RangeClippingTransformation`",
            Self::SliceExtraction => "`Type=SliceExtractionTransformation`",
            Self::RandomResizeCrop => "`Type=RandomResizeCropTransformation`",
            Self::Equalize => "`Type=EqualizeTransformation`",
            Self::Filter => "`Type=FilterTransformation`",
            Self::RandomAffine => "`Type=RandomAffineTransformation`",
            Self::CompressionNoise => "`Type=CompressionNoiseTransformation`",
            Self::StimuliData => {
                "`[sp.StimuliData*]`: figures of the stimuli, for keys as `[sp.StimuliData]_GlobalValue.mean`, `.stdDev`, `.minVal`, `.maxVal`"
            }
            Self::Cell => "Every layer",
            Self::Activated => {
                "Layers with an activation: Conv, Deconv, Fc, Pool, Unpool, FMP, ElemWise, BatchNorm, Activation, Padding, Resize, Reshape, Transpose"
            }
            Self::Linear => "`ActivationFunction=Linear`, with the prefix `ActivationFunction.`",
            Self::Rectifier => "`ActivationFunction=Rectifier`, with the prefix `ActivationFunction.`",
            Self::Tanh => "`ActivationFunction=Tanh`, with the prefix `ActivationFunction.`",
            Self::Saturation => "`ActivationFunction=Saturation`, with the prefix `ActivationFunction.`",
            Self::Conv => "`Type=Conv`",
            Self::Deconv => "`Type=Deconv`",
            Self::Pool => "`Type=Pool`",
            Self::Unpool => "`Type=Unpool`",
            Self::Fmp => "`Type=FMP`",
            Self::FmpParameter => "FMP: `ConfigSection`",
            Self::LrnParameter => "LRN: `ConfigSection`",
            Self::Softmax => "`Type=Softmax`",
            Self::ElemWise => "`Type=ElemWise`",
            Self::BatchNorm => "`Type=BatchNorm`",
            Self::BatchNormParameter => "BatchNorm: `ConfigSection`",
            Self::Padding => "`Type=Padding`",
            Self::Resize => "`Type=Resize`",
            Self::ResizeParameter => "Resize: `ConfigSection`",
            Self::Reshape => "`Type=Reshape`",
            Self::Transpose => "`Type=Transpose`",
            Self::Threshold => "`Type=Threshold`",
            Self::ThresholdParameter => "Threshold: `ConfigSection`",
            Self::TransformationCell => "`Type=Transformation`, with the keys of that transformation beside it",
            Self::NormalizeCell => "`Type=Normalize`",
            Self::Scaling => "`Type=Scaling`",
            Self::TargetBias => "`Type=TargetBias`",
            Self::Weighted => "Layers with weights: Conv, Deconv, Fc",
            Self::MappingMatrix => "Connections of Conv, Deconv, Pool, Unpool and FMP, as a matrix: `Mapping(<input>)`",
            Self::Mapping => {
                "Connections of Conv, Deconv, Pool, Unpool and FMP, as a pattern: with the prefix `Mapping.`, or `Mapping(<input>).` for one input"
            }
            Self::WeightedParameter => "Conv, Deconv, Fc: `ConfigSection`",
            Self::ConvParameter => "Conv, Deconv: `ConfigSection`",
            Self::FcParameter => "Fc: `ConfigSection`",
            Self::DropoutParameter => "Dropout: `ConfigSection`",
            Self::SpikingParameter => "Conv, Fc, Pool, ElemWise that spike (`Transcode`, `Spike`): `ConfigSection`",
            Self::NeuronParameter => "Conv, Fc, ElemWise that spike (`Transcode`, `Spike`): `ConfigSection`",
            Self::SpikingFcParameter => "Fc that spikes (`Transcode`, `Spike`): `ConfigSection`",
            Self::Sgd => {
                "Solver: with the prefix `Solvers.` (both), `WeightsSolver.`, of a BatchNorm `ScaleSolver.`, or `BiasSolver.` (stronger)"
            }
            Self::Adam => {
                "Solver, with `Solvers=Adam` (or `WeightsSolver=`, `BiasSolver=`) in the layer: the same prefixes"
            }
            Self::ConstantFiller => "`ConstantFiller`, with the prefix `WeightsFiller.` or `BiasFiller.`",
            Self::NormalFiller => "`NormalFiller`, with the prefix `WeightsFiller.` or `BiasFiller.`",
            Self::UniformFiller => "`UniformFiller`, with the prefix `WeightsFiller.` or `BiasFiller.`",
            Self::XavierFiller => "`XavierFiller`, with the prefix `WeightsFiller.` or `BiasFiller.`",
            Self::HeFiller => "`HeFiller`, with the prefix `WeightsFiller.` or `BiasFiller.`",
            Self::Target => "`[<layer>.Target*]`",
            Self::TargetRois => "`[<layer>.Target*]` with `Type=TargetROIs`",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_stands_once_beside_its_scope_and_its_default_is_readable() {
        let mut seen = HashSet::new();
        let mut closed = HashSet::new();
        let mut last = None;
        for key in KEYS {
            assert!(seen.insert((key.scope, key.name)), "{:?} {} twice", key.scope, key.name);
            if last != Some(key.scope) {
                assert!(closed.insert(key.scope), "{:?} is scattered", key.scope);
                last = Some(key.scope);
            }
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{:?} {}", key.scope, key.name);
            if let Some(text) = key.default_text() {
                assert!(key.kind.parse(&text).is_ok(), "{:?} {}: default `{text}`", key.scope, key.name);
            }
        }
    }
}

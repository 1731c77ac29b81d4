//! The table. Its defaults come from the crates that use the values.

use formal::config::{AdamConfig, BatchNormConfig, LrnConfig, SgdConfig};
use sim::encoder::EncoderConfig;
use sim::network::Neuron;

use super::Presence::{Computed, Ignored, Optional, Refused, Required, Text};
use super::{Key, Presence, Scope};
use crate::config::value::Kind;
use crate::model::Spread;

const fn key(scope: Scope, name: &'static str, kind: Kind, presence: Presence, doc: &'static str) -> Key {
    Key { scope, name, kind, presence, doc }
}

const MODEL: Kind = Kind::Choice(
    &["Frame", "Frame_CUDA", "Frame_EXT_CUDA", "Transcode", "Transcode_CUDA", "Spike"],
    &["Spike_Analog", "Spike_RRAM", "Spike_PCM", "CSpike", "CSpike_CUDA", "CSpike_BP_CUDA", "CSpike_LIF_CUDA"],
);

const DATABASE: Kind = Kind::Choice(
    &[
        "MNIST_IDX_Database",
        "Fashion_MNIST_IDX_Database",
        "CIFAR10_Database",
        "CIFAR100_Database",
        "DIR_Database",
        "GTSRB_DIR_Database",
        "IMDBWIKI_Database",
        "VOC_Database",
        "Mask_Database",
    ],
    &[
        "Actitracker_Database",
        "CKP_Database",
        "CSV_Database",
        "Caltech101_DIR_Database",
        "Caltech256_DIR_Database",
        "CaltechPedestrian_Database",
        "CelebA_Database",
        "Cityscapes_Database",
        "CompositeDatabase",
        "DOTA_Database",
        "Daimler_Database",
        "FDDB_Database",
        "GTSDB_DIR_Database",
        "ILSVRC2012_Database",
        "KITTI_Database",
        "KITTI_Object_Database",
        "KITTI_Road_Database",
        "LITISRouen_Database",
        "N_MNIST_Database",
    ],
);

const COMPOSITE: Kind = Kind::Choice(&["None", "Auto", "Default", "Disjoint", "Combine"], &[]);

const TRANSFORMATION: Kind = Kind::Choice(
    &[
        "RescaleTransformation",
        "RangeAffineTransformation",
        "PadCropTransformation",
        "ChannelExtractionTransformation",
        "ColorSpaceTransformation",
        "FlipTransformation",
        "DistortionTransformation",
        "AffineTransformation",
        "NormalizeTransformation",
        "ThresholdTransformation",
        "RangeClippingTransformation",
        "SliceExtractionTransformation",
        "RandomResizeCropTransformation",
        "EqualizeTransformation",
        "FilterTransformation",
        "RandomAffineTransformation",
        "CompressionNoiseTransformation",
    ],
    &[
        "ApodizationTransformation",
        "CentroidCropTransformation",
        "DCTTransformation",
        "DFTTransformation",
        "ExpandLabelTransformation",
        "GradientFilterTransformation",
        "LabelExtractionTransformation",
        "LabelFilterTransformation",
        "LabelSliceExtractionTransformation",
        "MagnitudePhaseTransformation",
        "MorphologicalReconstructionTransformation",
        "MorphologyTransformation",
        "ReshapeTransformation",
        "StripeRemoveTransformation",
        "TrimTransformation",
        "WallisFilterTransformation",
    ],
);

const CELL: Kind = Kind::Choice(
    &[
        "Conv",
        "Pool",
        "Fc",
        "Softmax",
        "Dropout",
        "ElemWise",
        "BatchNorm",
        "Activation",
        "Padding",
        "Resize",
        "Reshape",
        "Transpose",
        "Threshold",
        "Transformation",
        "Deconv",
        "Unpool",
        "FMP",
        "LRN",
        "Normalize",
        "Scaling",
        "TargetBias",
    ],
    &["Anchor", "Distance", "LSTM", "ONNX", "ObjectDet", "Proposal", "RP", "ROIPooling"],
);

const ACTIVATION: Kind = Kind::Choice(
    &["Linear", "Rectifier", "Tanh", "TanhLeCun", "Logistic", "LogisticWithLoss", "Saturation", "Softplus", "Swish"],
    &[],
);

const FILLER: Kind =
    Kind::Choice(&["ConstantFiller", "NormalFiller", "UniformFiller", "XavierFiller", "HeFiller"], &[]);

const SOLVER: Kind = Kind::Choice(&["SGD", "Adam"], &[]);

const POLICY: Kind =
    Kind::Choice(&["None", "StepDecay", "ExponentialDecay", "InvTDecay", "PolyDecay", "InvDecay", "CosineDecay"], &[]);

const ARITHMETIC: Kind = Kind::Choice(&["Plus", "Minus", "Multiplies", "Divides"], &[]);

const BORDER: Kind = Kind::Choice(
    &["ConstantBorder", "ReplicateBorder", "ReflectBorder", "WrapBorder", "MinusOneReflectBorder", "MeanBorder"],
    &[],
);

const CHANNEL: Kind =
    Kind::Choice(&["Blue", "Green", "Red", "Hue", "Saturation", "Value", "Gray", "Y", "Cr", "Cb"], &[]);

const COLOR_SPACE: Kind = Kind::Choice(
    &[
        "BGR",
        "RGB",
        "HSV",
        "HLS",
        "YCrCb",
        "CIELab",
        "CIELuv",
        "RGB_to_BGR",
        "RGB_to_HSV",
        "RGB_to_HLS",
        "RGB_to_YCrCb",
        "RGB_to_CIELab",
        "RGB_to_CIELuv",
        "HSV_to_BGR",
        "HSV_to_RGB",
        "HLS_to_BGR",
        "HLS_to_RGB",
        "YCrCb_to_BGR",
        "YCrCb_to_RGB",
        "CIELab_to_BGR",
        "CIELab_to_RGB",
        "CIELuv_to_BGR",
        "CIELuv_to_RGB",
    ],
    &[],
);

const APPLY_TO: Kind =
    Kind::Choice(&["All", "LearnOnly", "ValidationOnly", "TestOnly", "NoLearn", "NoValidation", "NoTest"], &[]);

const VARIANCE_NORM: Kind = Kind::Choice(&["FanIn", "Average", "FanOut"], &[]);

const STIMULUS_TYPE: Kind = Kind::Choice(&["SingleBurst", "Periodic", "JitteredPeriodic", "Poissonian", "Linear"], &[]);

const TARGET_TYPE: Kind = Kind::Choice(
    &["TargetScore", "Target", "TargetROIs"],
    &["TargetBBox", "TargetRP", "TargetMatching", "TargetCompare", "TargetAggregate"],
);

/// Every key, scope by scope.
#[rustfmt::skip]
pub static KEYS: &[Key] = &[
    key(Scope::Global, "DefaultModel", MODEL, Text("Transcode"), "Model of the layers that name none; `_CUDA` runs on the CPU where there is no CUDA"),
    key(Scope::Global, "DefaultActivation", Kind::Choice(&["Tanh", "None"], &[]), Text("Tanh"), "Activation of a Conv, Fc or BatchNorm that names none (ours; N2D2 since 2021: `None`)"),
    key(Scope::Global, "CheckWeightRange", Kind::Bool, Text("1"), "Refuses trained weights outside [-1, 1] when they become synapses"),
    key(Scope::Global, "SpikeNormalization", Kind::Choice(&["mean", "percentile", "max", "none"], &[]), Text("mean"), "How activations are scaled to spike rates (ours)"),
    key(Scope::Global, "SpikePooling", Kind::Choice(&["approximated", "exact"], &[]), Text("approximated"), "How a pooling cell follows its inputs' spikes (ours)"),
    key(Scope::Global, "DefaultDataType", Kind::Text, Refused("Float32"), "Numbers of the frame network"),
    key(Scope::Global, "InsertBatchNormAfterConv", Kind::Bool, Text("0"), "Normalizes after each Conv, before its activation, in a layer `<conv>.bn` that learns with the solver of the Conv's biases"),
    key(Scope::Global, "ProgramMethod", Kind::Text, Ignored(""), "Programming of resistive memories, as `ProgramMethod(<Model>)`"),

    key(Scope::Database, "Type", DATABASE, Required, "Which set of stimuli"),
    key(Scope::Database, "DataPath", Kind::Path, Optional, "Folder of the data files"),
    key(Scope::Database, "Validation", Kind::Fraction, Text("0.0"), "Fraction of the training files set apart for validation"),
    key(Scope::Database, "RandomPartitioning", Kind::Bool, Text("1"), "Draws the sets at random; 0 takes the file order"),
    key(Scope::Database, "DefaultLabel", Kind::Text, Text(""), "Label of pixels outside the regions of interest, which becomes one of the database; empty: they are ignored"),
    key(Scope::Database, "ROIsMargin", Kind::Unsigned, Text("0"), "Width in pixels of a band around each region where pixels of the default label are ignored"),
    key(Scope::Database, "DataFileLabel", Kind::Bool, Text("1"), "Reads the label images of a database that has some"),
    key(Scope::Database, "CompositeLabel", COMPOSITE, Text("Auto"), "Which stimuli have labels of pixels, and of what those outside the regions are. `Auto`: stimuli without a label of their own or with a label image, the default label. `Default`: all, the default label. `Disjoint`: all, the default label where there are regions, else that of the stimulus. `Combine`: all, that of the stimulus. `None`: none"),
    key(Scope::Database, "TargetDataPath", Kind::Path, Optional, "Folder of what `DataAsTarget` wants in place of the stimuli: for each an image of its name, of `TargetSize`, untransformed"),
    key(Scope::Database, "MultiChannelMatch", Kind::Text, Refused(""), "Selects the file of one channel"),
    key(Scope::Database, "MultiChannelReplace", Kind::Text, Refused(""), "Names the files of the other channels"),

    key(Scope::Folder, "DataPath", Kind::Path, Required, "Folder of the images"),
    key(Scope::Folder, "Depth", Kind::Real, Text("1"), "Levels of folders that are looked into; -1 is all"),
    key(Scope::Folder, "LabelName", Kind::Text, Text(""), "Beginning of every label"),
    key(Scope::Folder, "LabelDepth", Kind::Real, Text("1"), "Levels of folders that enter a label, each as `/name`; below 0 the images have no label, which neither `DataAsTarget` nor regions need"),
    key(Scope::Folder, "LabelFile", Kind::Path, Optional, "Table of lines `file;label`, in place of the labels of the folders (ours)"),
    key(Scope::Folder, "PerLabelPartitioning", Kind::Bool, Text("1"), "`Learn`, `Validation`, `Test` are fractions of each label; 0: numbers of stimuli"),
    key(Scope::Folder, "EquivLabelPartitioning", Kind::Bool, Text("1"), "Takes as many stimuli of each label as the rarest has; without `Test` the others go to the Test set"),
    key(Scope::Folder, "Learn", Kind::Real, Required, "Share of the Learn set"),
    key(Scope::Folder, "Validation", Kind::Real, Text("0.0"), "Share of the Validation set"),
    key(Scope::Folder, "Test", Kind::Real, Optional, "Share of the Test set; absent: what is left"),
    key(Scope::Folder, "IgnoreMasks", Kind::Text, Text(""), "Wildcards, with blanks between them, of paths to leave out"),
    key(Scope::Folder, "ValidExtensions", Kind::Text, Text(""), "Extensions of files to take, with blanks between them; absent: those of images"),
    key(Scope::Folder, "LoadMore", Kind::Text, Optional, "Section of a further folder, with the same keys"),
    key(Scope::Folder, "LoadInMemory", Kind::Bool, Ignored("0"), "Keeps the files in memory; prepared images are kept where they fit"),
    key(Scope::Folder, "ROIFile", Kind::Path, Optional, "Table of regions of interest: lines `name [width height] x0 y0 x1 y1 label` with `;`, `,` or blanks between them, the name with its path in `DataPath`, (x1, y1) one past the last pixel"),
    key(Scope::Folder, "ROIDir", Kind::Path, Optional, "Folder with such a table for each image, of the same base name"),
    key(Scope::Folder, "ROIExtension", Kind::Choice(&["csv", "txt"], &["json"]), Text("csv"), "Extension of the tables of `ROIDir`"),

    key(Scope::Cifar, "UseTestForValidation", Kind::Bool, Text("0"), "Validates on all test images; all training images are learned"),

    key(Scope::Cifar100, "UseTestForValidation", Kind::Bool, Text("0"), "Validates on all test images; all training images are learned"),
    key(Scope::Cifar100, "UseCoarse", Kind::Bool, Text("0"), "Takes the 20 superclasses in place of the 100 classes"),

    key(Scope::Gtsrb, "ExtractROIs", Kind::Bool, Text("0"), "Cuts each sign out of its image"),

    key(Scope::Faces, "WikiSet", Kind::Bool, Text("1"), "Reads the faces of Wikipedia, of `wiki.csv` or `wiki.mat` in `LabelPath` and the folder `wiki` of `DataPath`"),
    key(Scope::Faces, "IMDBSet", Kind::Bool, Text("0"), "Reads the faces of IMDB, as those of Wikipedia with `imdb`; they come first"),
    key(Scope::Faces, "Learn", Kind::Fraction, Text("1.0"), "Fraction of the Learn set"),
    key(Scope::Faces, "Validation", Kind::Fraction, Text("0.0"), "Fraction of the Validation set; the rest is tested"),
    key(Scope::Faces, "CropFrame", Kind::Bool, Text("0"), "Takes the cropped images of `wiki_crop` and `imdb_crop`, with one label each and no regions"),
    key(Scope::Faces, "UseNameAsLabel", Kind::Bool, Text("0"), "Labels are the names, in place of gender and age such as `M-34`, `F-?`; with `CropFrame` the sets are fractions of each label"),
    key(Scope::Faces, "LabelPath", Kind::Path, Optional, "Folder of `wiki.csv` and `imdb.csv`, lines `full_path;name;x0;y0;x1;y1;dob;photo_taken;gender`, or of the public data set's `wiki.mat` and `imdb.mat`; absent: `imdb_metadata` beside the images in $N2D2_DATA/IMDB-WIKI"),

    key(Scope::Voc, "LabelPath", Kind::Path, Optional, "Folder of the XML files; absent: `Annotations` of `DataPath` where there is one, else `DataPath`. The images are in `JPEGImages`, or beside the XML files"),
    key(Scope::Voc, "IncDifficult", Kind::Bool, Text("1"), "Takes boxes that are marked as difficult"),
    key(Scope::Voc, "UseImageSets", Kind::Bool, Text("0"), "Takes the images that `train.txt`, `val.txt` and `test.txt` of `ImageSets/Main` name for the three sets, in place of fractions"),
    key(Scope::Voc, "Learn", Kind::Fraction, Text("1.0"), "Fraction of the Learn set"),
    key(Scope::Voc, "Validation", Kind::Fraction, Text("0.0"), "Fraction of the Validation set"),
    key(Scope::Voc, "Test", Kind::Fraction, Optional, "Fraction of the Test set; absent: what is left"),

    key(Scope::Masks, "LabelPath", Kind::Path, Optional, "Folder of the label images, laid out as the images in `DataPath`; absent: the same"),
    key(Scope::Masks, "LabelSuffix", Kind::Text, Text(""), "What follows the name of an image in that of its label image, such as `_mask`"),
    key(Scope::Masks, "LabelFile", Kind::Path, Required, "Table of lines `value name`, of gray values or entries of a palette, or `red green blue name`; the name `*` ignores the pixels"),
    key(Scope::Masks, "Learn", Kind::Fraction, Text("1.0"), "Fraction of the Learn set"),
    key(Scope::Masks, "Validation", Kind::Fraction, Text("0.0"), "Fraction of the Validation set"),
    key(Scope::Masks, "Test", Kind::Fraction, Optional, "Fraction of the Test set; absent: what is left"),

    key(Scope::FilterRois, "Labels", Kind::Text, Required, "Names of labels with commas between them, or blanks where there is no comma"),
    key(Scope::FilterRois, "FilterKeep", Kind::Bool, Text("1"), "Keeps the regions of these labels and drops the others; 0: the other way round"),
    key(Scope::FilterRois, "RemoveStimuli", Kind::Bool, Text("0"), "Leaves stimuli without a region out of their sets"),

    key(Scope::Slicing, "Width", Kind::Count, Required, "Columns of a part"),
    key(Scope::Slicing, "Height", Kind::Count, Required, "Rows of a part"),
    key(Scope::Slicing, "StrideX", Kind::Count, Required, "Columns from one part to the next"),
    key(Scope::Slicing, "StrideY", Kind::Count, Required, "Rows from one part to the next"),
    key(Scope::Slicing, "ApplyTo", APPLY_TO, Text("All"), "Sets whose images are cut"),
    key(Scope::Slicing, "RandomShuffle", Kind::Bool, Text("1"), "Shuffles the parts of a set"),
    key(Scope::Slicing, "Overlapping", Kind::Bool, Text("0"), "Adds parts at the right and at the bottom, which overlap others, where something is left; 0 leaves it out"),

    key(Scope::Stimuli, "Size", Kind::Unsigneds, Optional, "Width, height and channels in one list, instead of `SizeX`, `SizeY`, `NbChannels`"),
    key(Scope::Stimuli, "SizeX", Kind::Count, Required, "Width of what the network sees"),
    key(Scope::Stimuli, "SizeY", Kind::Count, Required, "Height of what the network sees"),
    key(Scope::Stimuli, "NbChannels", Kind::Count, Text("1"), "Channels of what the network sees"),
    key(Scope::Stimuli, "BatchSize", Kind::Count, Text("1"), "Stimuli of one learning step"),
    key(Scope::Stimuli, "ConfigSection", Kind::Names, Optional, "Sections with parameters, later ones are stronger"),
    key(Scope::Stimuli, "SizeD", Kind::Count, Refused("1"), "Depth"),
    key(Scope::Stimuli, "CompositeStimuli", Kind::Bool, Text("0"), "Each pixel has a label: label images, and what regions of interest say"),
    key(Scope::Stimuli, "CachePath", Kind::Path, Ignored(""), "Folder of pre-processed stimuli"),
    key(Scope::Stimuli, "TargetSize", Kind::Unsigneds, Optional, "Width, height and channels of the images of `TargetDataPath`; without it those of the stimuli"),
    key(Scope::Stimuli, "TargetSizeX", Kind::Count, Optional, "Width of the images of `TargetDataPath`, in place of `TargetSize`"),
    key(Scope::Stimuli, "TargetSizeY", Kind::Count, Optional, "Their height; without it their width"),
    key(Scope::Stimuli, "TargetSizeD", Kind::Count, Refused("1"), "Depth of target data"),
    key(Scope::Stimuli, "TargetNbChannels", Kind::Count, Text("1"), "Their channels"),

    key(Scope::StimuliParameter, "DataSignedMapping", Kind::Bool, Text("0"), "Maps integer data to [-1, 1) instead of [0, 1]"),
    key(Scope::StimuliParameter, "QuantizationLevels", Kind::Unsigned, Text("0"), "Levels the data are rounded to; 0 is none"),
    key(Scope::StimuliParameter, "QuantizationMin", Kind::Real, Text("0.0"), "Lowest level"),
    key(Scope::StimuliParameter, "QuantizationMax", Kind::Real, Text("1.0"), "Highest level"),
    key(Scope::StimuliParameter, "StreamTensor", Kind::Bool, Ignored("0"), "Writes the data to a stream"),
    key(Scope::StimuliParameter, "StreamLabel", Kind::Bool, Ignored("0"), "Writes the labels to a stream"),

    key(Scope::Encoder, "StimulusType", STIMULUS_TYPE, Text("SingleBurst"), "Coding of a pixel as spikes"),
    key(Scope::Encoder, "DiscardedLateStimuli", Kind::Fraction, Computed(|| EncoderConfig::default().discarded_late_stimuli.to_string()), "A pixel v with 1 - abs(v) above it never spikes"),
    key(Scope::Encoder, "PeriodMeanMin", Kind::Time, Computed(|| EncoderConfig::default().period_mean_min.to_string()), "Mean period of a pixel of 1"),
    key(Scope::Encoder, "PeriodMeanMax", Kind::Time, Computed(|| EncoderConfig::default().period_mean_max.to_string()), "Mean period of a pixel of 0"),
    key(Scope::Encoder, "PeriodRelStdDev", Kind::Real, Computed(|| EncoderConfig::default().period_rel_std_dev.to_string()), "Standard deviation of a period over its mean"),
    key(Scope::Encoder, "PeriodMin", Kind::Time, Computed(|| EncoderConfig::default().period_min.to_string()), "Shortest period, but for the first one"),
    key(Scope::Encoder, "MaxFrequency", Kind::PositiveReal, Computed(|| EncoderConfig::default().max_frequency.to_string()), "Spikes a femtosecond of a pixel of 1, `Linear` only"),

    key(Scope::Transformation, "Type", TRANSFORMATION, Required, "Which transformation"),
    key(Scope::Transformation, "ApplyTo", APPLY_TO, Text("All"), "Sets it applies to"),
    key(Scope::Transformation, "Channel", Kind::Unsigned, Optional, "Of `[sp.ChannelTransformation*]` and `[sp.ChannelOnTheFlyTransformation*]`, which need it: the channel, from 0; each is made of a copy of the image that the other transformations give, and all are stacked. `[sp.ChannelsTransformation*]` and `[sp.ChannelsOnTheFlyTransformation*]` apply to each of them"),

    key(Scope::Rescale, "Width", Kind::Count, Required, "Width of the result"),
    key(Scope::Rescale, "Height", Kind::Count, Required, "Height of the result"),
    key(Scope::Rescale, "KeepAspectRatio", Kind::Bool, Text("0"), "Scales both sides by the same factor"),
    key(Scope::Rescale, "ResizeToFit", Kind::Bool, Text("1"), "With `KeepAspectRatio`: 1 takes the smaller factor, 0 the larger"),

    key(Scope::RangeAffine, "FirstOperator", ARITHMETIC, Required, "First step"),
    key(Scope::RangeAffine, "FirstValue", Kind::Reals, Required, "Its operand, one or one a channel"),
    key(Scope::RangeAffine, "SecondOperator", ARITHMETIC, Text("Plus"), "Second step"),
    key(Scope::RangeAffine, "SecondValue", Kind::Reals, Text("0.0"), "Its operand, one or one a channel"),
    key(Scope::RangeAffine, "Truncate", Kind::Bool, Text("0"), "Truncates the result to an integer"),

    key(Scope::PadCrop, "Width", Kind::Real, Required, "Width of the result, or what is added to it"),
    key(Scope::PadCrop, "Height", Kind::Real, Required, "Height of the result, or what is added to it"),
    key(Scope::PadCrop, "AdditiveWH", Kind::Bool, Text("0"), "Adds `Width` and `Height` to the size of the image"),
    key(Scope::PadCrop, "BorderType", BORDER, Text("MinusOneReflectBorder"), "What stands in for pixels outside"),
    key(Scope::PadCrop, "BorderValue", Kind::Reals, Text("0.0"), "Levels of `ConstantBorder`, one or one a channel"),

    key(Scope::ChannelExtraction, "CSChannel", CHANNEL, Required, "Which channel"),

    key(Scope::ColorSpace, "ColorSpace", COLOR_SPACE, Required, "What BGR becomes, or what becomes what"),

    key(Scope::Flip, "HorizontalFlip", Kind::Bool, Text("0"), "Mirrors left to right"),
    key(Scope::Flip, "VerticalFlip", Kind::Bool, Text("0"), "Mirrors top to bottom"),
    key(Scope::Flip, "RandomHorizontalFlip", Kind::Bool, Text("0"), "Mirrors left to right, or not, with even chances"),
    key(Scope::Flip, "RandomVerticalFlip", Kind::Bool, Text("0"), "Mirrors top to bottom, or not, with even chances"),

    key(Scope::Distortion, "ElasticGaussianSize", Kind::Count, Text("15"), "Taps a side of the Gaussian that smooths the elastic field"),
    key(Scope::Distortion, "ElasticSigma", Kind::PositiveReal, Text("6.0"), "Its standard deviation, in pixels"),
    key(Scope::Distortion, "ElasticScaling", Kind::Real, Text("0.0"), "Factor of the elastic field; 0 leaves it out"),
    key(Scope::Distortion, "Scaling", Kind::Real, Text("0.0"), "Largest change of size, in percent"),
    key(Scope::Distortion, "Rotation", Kind::Real, Text("0.0"), "Largest rotation, in degrees"),
    key(Scope::Distortion, "IgnoreMissingData", Kind::Bool, Text("1"), "Labels of pixels that come from outside are ignored"),

    key(Scope::Affine, "FirstOperator", ARITHMETIC, Required, "First step"),
    key(Scope::Affine, "FirstValue", Kind::Path, Required, "Its operand: an image file, a `.bin` matrix, or `_MeanData`, `_StdDevData` of a `StimuliData`"),
    key(Scope::Affine, "SecondOperator", ARITHMETIC, Text("Plus"), "Second step"),
    key(Scope::Affine, "SecondValue", Kind::Path, Optional, "Its operand; absent leaves the step out"),

    key(Scope::Normalize, "Norm", Kind::Choice(&["MinMax", "L1", "L2", "Linf"], &[]), Text("MinMax"), "What is made equal: the range, or a norm"),
    key(Scope::Normalize, "NormValue", Kind::Real, Text("1.0"), "The norm of the result"),
    key(Scope::Normalize, "NormMin", Kind::Real, Text("0.0"), "Lowest level of the result, over white"),
    key(Scope::Normalize, "NormMax", Kind::Real, Text("1.0"), "Highest level of the result, over white"),
    key(Scope::Normalize, "PerChannel", Kind::Bool, Text("0"), "Each channel by itself"),

    key(Scope::ThresholdTransformation, "Threshold", Kind::Real, Required, "The level T that levels x are compared with, strictly"),
    key(Scope::ThresholdTransformation, "OtsuMethod", Kind::Bool, Text("0"), "Finds the threshold of each channel by Otsu's method; of bytes alone"),
    key(Scope::ThresholdTransformation, "Operation", Kind::Choice(&["Binary", "BinaryInverted", "Truncate", "ToZero", "ToZeroInverted"], &[]), Text("Binary"), "What is done where x > T, and elsewhere"),
    key(Scope::ThresholdTransformation, "MaxValue", Kind::Real, Text("1.0"), "The level of the binary operations"),

    key(Scope::RangeClipping, "RangeMin", Kind::Real, Text("0.0"), "Level that becomes 0; 0 takes the lowest of the image"),
    key(Scope::RangeClipping, "RangeMax", Kind::Real, Text("0.0"), "Level that becomes white; 0 takes the highest of the image"),

    key(Scope::SliceExtraction, "Width", Kind::Unsigned, Text("0"), "Width of the result; 0 is that of the image"),
    key(Scope::SliceExtraction, "Height", Kind::Unsigned, Text("0"), "Height of the result; 0 is that of the image"),
    key(Scope::SliceExtraction, "OffsetX", Kind::Unsigned, Text("0"), "First column"),
    key(Scope::SliceExtraction, "OffsetY", Kind::Unsigned, Text("0"), "First row"),
    key(Scope::SliceExtraction, "RandomOffsetX", Kind::Bool, Text("0"), "Draws the first column"),
    key(Scope::SliceExtraction, "RandomOffsetY", Kind::Bool, Text("0"), "Draws the first row"),
    key(Scope::SliceExtraction, "RandomRotation", Kind::Bool, Text("0"), "Turns the slice about its center"),
    key(Scope::SliceExtraction, "RandomRotationRange", Kind::Reals, Text("0.0 360.0"), "By an angle of this range, in degrees"),
    key(Scope::SliceExtraction, "RandomScaling", Kind::Bool, Text("0"), "Takes a larger or smaller slice and resizes it"),
    key(Scope::SliceExtraction, "RandomScalingRange", Kind::Reals, Text("0.8 1.2"), "By a factor of this range"),
    key(Scope::SliceExtraction, "AllowPadding", Kind::Bool, Text("0"), "Lets the slice reach outside the image"),
    key(Scope::SliceExtraction, "BorderType", BORDER, Text("MinusOneReflectBorder"), "What stands in for pixels outside"),
    key(Scope::SliceExtraction, "BorderValue", Kind::Reals, Text("0.0"), "Levels of `ConstantBorder`, one or one a channel"),

    key(Scope::RandomResizeCrop, "Width", Kind::Count, Required, "Width of the result"),
    key(Scope::RandomResizeCrop, "Height", Kind::Count, Required, "Height of the result"),
    key(Scope::RandomResizeCrop, "ScaleMin", Kind::PositiveReal, Text("1.0"), "Least share of the image's area"),
    key(Scope::RandomResizeCrop, "ScaleMax", Kind::PositiveReal, Text("1.0"), "Largest share of the image's area"),
    key(Scope::RandomResizeCrop, "RatioMin", Kind::PositiveReal, Text("1.0"), "Least width over height"),
    key(Scope::RandomResizeCrop, "RatioMax", Kind::PositiveReal, Text("1.0"), "Largest width over height"),

    key(Scope::Equalize, "Method", Kind::Choice(&["Standard", "CLAHE"], &[]), Text("Standard"), "Over the whole image, or over tiles with bounded contrast; each channel by itself"),
    key(Scope::Equalize, "CLAHE_ClipLimit", Kind::Real, Text("40.0"), "Most pixels of a level, in units of a flat histogram"),
    key(Scope::Equalize, "CLAHE_GridSize", Kind::Count, Text("8"), "Tiles a side"),

    key(Scope::Filter, "Kernel", Kind::Choice(&["Gaussian", "LoG", "DoG", "Gabor", "*"], &[]), Required, "A Gaussian, which blurs; the Laplacian of a Gaussian or a difference of two, which find edges; a Gabor wave, which finds stripes; or the values of `Kernel.Mat`. Levels below 0 are kept where the image is real"),
    key(Scope::Filter, "Kernel.SizeX", Kind::Count, Required, "Columns of the kernel"),
    key(Scope::Filter, "Kernel.SizeY", Kind::Count, Required, "Rows of the kernel"),
    key(Scope::Filter, "Kernel.Sigma", Kind::PositiveReal, Text("1.4142135623730951"), "Standard deviation of the Gaussian, in pixels; not of `DoG`"),
    key(Scope::Filter, "Kernel.Sigma1", Kind::PositiveReal, Text("2.0"), "`DoG`: deviation of the Gaussian that is taken off"),
    key(Scope::Filter, "Kernel.Sigma2", Kind::PositiveReal, Text("1.0"), "`DoG`: deviation of the Gaussian that it is taken off from"),
    key(Scope::Filter, "Kernel.Theta", Kind::Real, Optional, "`Gabor`, which needs it: direction of the wave, in radians, from the x axis downwards"),
    key(Scope::Filter, "Kernel.Lambda", Kind::PositiveReal, Text("10.0"), "`Gabor`: length of the wave, in pixels"),
    key(Scope::Filter, "Kernel.Psi", Kind::Real, Text("1.5707963267948966"), "`Gabor`: phase at the center, in radians"),
    key(Scope::Filter, "Kernel.Gamma", Kind::PositiveReal, Text("0.5"), "`Gabor`: deviation along the wave over that across it"),
    key(Scope::Filter, "Kernel.Positive", Kind::Bool, Text("1"), "`Gaussian`, `LoG`, `DoG`: 1 makes the center positive, 0 changes all signs"),
    key(Scope::Filter, "Kernel.Mat", Kind::Reals, Optional, "Values of the kernel `*`, row by row"),

    key(Scope::RandomAffine, "GainRange[0]", Kind::Reals, Text("1.0 1.0"), "The gain of channel 0 is drawn from this range"),
    key(Scope::RandomAffine, "GainRange[1]", Kind::Reals, Text("1.0 1.0"), "The gain of channel 1 is drawn from this range"),
    key(Scope::RandomAffine, "GainRange[2]", Kind::Reals, Text("1.0 1.0"), "The gain of channel 2 is drawn from this range"),
    key(Scope::RandomAffine, "GainRange[3]", Kind::Reals, Text("1.0 1.0"), "The gain of channel 3 is drawn from this range"),
    key(Scope::RandomAffine, "BiasRange[0]", Kind::Reals, Text("0.0 0.0"), "The bias of channel 0 is drawn from this range"),
    key(Scope::RandomAffine, "BiasRange[1]", Kind::Reals, Text("0.0 0.0"), "The bias of channel 1 is drawn from this range"),
    key(Scope::RandomAffine, "BiasRange[2]", Kind::Reals, Text("0.0 0.0"), "The bias of channel 2 is drawn from this range"),
    key(Scope::RandomAffine, "BiasRange[3]", Kind::Reals, Text("0.0 0.0"), "The bias of channel 3 is drawn from this range"),
    key(Scope::RandomAffine, "GammaRange[0]", Kind::Reals, Text("1.0 1.0"), "The exponent of channel 0 is drawn from this range"),
    key(Scope::RandomAffine, "GammaRange[1]", Kind::Reals, Text("1.0 1.0"), "The exponent of channel 1 is drawn from this range"),
    key(Scope::RandomAffine, "GammaRange[2]", Kind::Reals, Text("1.0 1.0"), "The exponent of channel 2 is drawn from this range"),
    key(Scope::RandomAffine, "GammaRange[3]", Kind::Reals, Text("1.0 1.0"), "The exponent of channel 3 is drawn from this range"),
    key(Scope::RandomAffine, "GainVarProb", Kind::Fraction, Text("1.0"), "How often the gain varies"),
    key(Scope::RandomAffine, "BiasVarProb", Kind::Fraction, Text("1.0"), "How often the bias varies"),
    key(Scope::RandomAffine, "GammaVarProb", Kind::Fraction, Text("1.0"), "How often the exponent varies"),
    key(Scope::RandomAffine, "DisjointGamma", Kind::Bool, Refused("0"), "Draws the exponent of dark and of light levels apart"),
    key(Scope::RandomAffine, "ChannelsMask", Kind::Text, Refused(""), "Channels that vary"),

    key(Scope::CompressionNoise, "CompressionRange", Kind::Reals, Text("0 100"), "Range of the JPEG quality, from 0 to 100"),

    key(Scope::StimuliData, "ApplyTo", APPLY_TO, Text("All"), "Sets whose stimuli are looked at, after the transformations before this section"),
    key(Scope::StimuliData, "MeanData", Kind::Bool, Text("0"), "Writes the mean image to `<section>/meanData.bin` and `.png`"),
    key(Scope::StimuliData, "StdDevData", Kind::Bool, Text("0"), "Writes the image of standard deviations to `<section>/stdDevData.bin` and `.png`"),
    key(Scope::StimuliData, "LogSizeRange", Kind::Bool, Ignored("0"), "Writes the sizes of the stimuli"),
    key(Scope::StimuliData, "LogValueRange", Kind::Bool, Ignored("0"), "Writes the ranges of the stimuli"),

    key(Scope::Cell, "Input", Kind::Names, Required, "Layers it reads, or `sp` / `env`; this key makes a section a layer"),
    key(Scope::Cell, "Type", CELL, Required, "Which layer"),
    key(Scope::Cell, "Model", MODEL, Optional, "Model of this layer instead of `DefaultModel`"),
    key(Scope::Cell, "ConfigSection", Kind::Names, Optional, "Sections with parameters, later ones are stronger; `ConfigSection(<Model>)` stands in for that model"),
    key(Scope::Cell, "NbOutputs", Kind::Count, Optional, "Output channels; required but for layers that keep those of their input (BatchNorm, Dropout, ElemWise, LRN, Normalize, Scaling, Softmax, TargetBias, Unpool, and those without weights from Activation to Transformation)"),
    key(Scope::Cell, "DataType", Kind::Text, Refused("Float32"), "Numbers of the layer"),
    key(Scope::Cell, "QWeight", Kind::Text, Refused(""), "Quantizer of the weights"),
    key(Scope::Cell, "QAct", Kind::Text, Refused(""), "Quantizer of the activation"),
    key(Scope::Cell, "InputOffsetX", Kind::Unsigned, Refused("0"), "Crops the input"),
    key(Scope::Cell, "InputOffsetY", Kind::Unsigned, Refused("0"), "Crops the input"),
    key(Scope::Cell, "InputWidth", Kind::Unsigned, Refused("0"), "Crops the input"),
    key(Scope::Cell, "InputHeight", Kind::Unsigned, Refused("0"), "Crops the input"),

    key(Scope::Activated, "ActivationFunction", ACTIVATION, Optional, "What follows the layer; Conv, Fc and BatchNorm: `DefaultActivation`, Activation: `Tanh`, others: `Linear`"),

    key(Scope::Linear, "Clipping", Kind::Real, Text("0.0"), "Bounds the output to plus or minus this; 0 is off"),

    key(Scope::Rectifier, "LeakSlope", Kind::Real, Text("0.0"), "Slope below 0"),
    key(Scope::Rectifier, "Clipping", Kind::Real, Text("0.0"), "Upper bound; 0 is off"),

    key(Scope::Saturation, "Threshold", Kind::PositiveReal, Text("1.0"), "Bounds the output to plus or minus this"),

    key(Scope::Tanh, "Alpha", Kind::Real, Text("1.0"), "tanh(Alpha x)"),

    key(Scope::Conv, "KernelWidth", Kind::Count, Required, "Width of the kernel"),
    key(Scope::Conv, "KernelHeight", Kind::Count, Required, "Height of the kernel"),
    key(Scope::Conv, "KernelSize", Kind::Count, Optional, "Both sides of a square kernel"),
    key(Scope::Conv, "KernelDims", Kind::Unsigneds, Optional, "Width and height in one list"),
    key(Scope::Conv, "StrideX", Kind::Count, Text("1"), "Horizontal step"),
    key(Scope::Conv, "StrideY", Kind::Count, Text("1"), "Vertical step"),
    key(Scope::Conv, "Stride", Kind::Count, Optional, "Both steps"),
    key(Scope::Conv, "StrideDims", Kind::Unsigneds, Optional, "Both steps in one list"),
    key(Scope::Conv, "PaddingX", Kind::Unsigned, Text("0"), "Zeros left and right"),
    key(Scope::Conv, "PaddingY", Kind::Unsigned, Text("0"), "Zeros above and below"),
    key(Scope::Conv, "Padding", Kind::Unsigned, Optional, "Zeros on every side"),
    key(Scope::Conv, "PaddingDims", Kind::Unsigneds, Optional, "Zeros of both directions in one list"),
    key(Scope::Conv, "DilationX", Kind::Count, Text("1"), "Horizontal distance of kernel taps"),
    key(Scope::Conv, "DilationY", Kind::Count, Text("1"), "Vertical distance of kernel taps"),
    key(Scope::Conv, "Dilation", Kind::Count, Optional, "Both distances"),
    key(Scope::Conv, "DilationDims", Kind::Unsigneds, Optional, "Both distances in one list"),
    key(Scope::Conv, "SubSampleX", Kind::Count, Text("1"), "Neighboring positions summed into one output, horizontally"),
    key(Scope::Conv, "SubSampleY", Kind::Count, Text("1"), "Neighboring positions summed into one output, vertically"),
    key(Scope::Conv, "SubSample", Kind::Count, Optional, "Both"),
    key(Scope::Conv, "SubSampleDims", Kind::Unsigneds, Optional, "Both in one list"),
    key(Scope::Conv, "KernelDepth", Kind::Count, Refused("1"), "Depth of the kernel"),
    key(Scope::Conv, "StrideZ", Kind::Count, Refused("1"), "Step in depth"),
    key(Scope::Conv, "PaddingZ", Kind::Unsigned, Refused("0"), "Zeros in depth"),
    key(Scope::Conv, "DilationZ", Kind::Count, Refused("1"), "Distance of kernel taps in depth"),
    key(Scope::Conv, "SubSampleZ", Kind::Count, Refused("1"), "Sub-sampling in depth"),
    key(Scope::Conv, "WeightsSharing", Kind::Names, Refused(""), "Layers whose weights it shares"),
    key(Scope::Conv, "BiasesSharing", Kind::Text, Refused(""), "Layer whose biases it shares"),
    key(Scope::Conv, "Kernel", Kind::Text, Refused(""), "Named kernel the weights start from"),

    key(Scope::Deconv, "KernelWidth", Kind::Count, Required, "Width of the kernel"),
    key(Scope::Deconv, "KernelHeight", Kind::Count, Required, "Height of the kernel"),
    key(Scope::Deconv, "KernelSize", Kind::Count, Optional, "Both sides of a square kernel"),
    key(Scope::Deconv, "KernelDims", Kind::Unsigneds, Optional, "Width and height in one list"),
    key(Scope::Deconv, "StrideX", Kind::Count, Text("1"), "Columns from one input's outputs to the next one's"),
    key(Scope::Deconv, "StrideY", Kind::Count, Text("1"), "Rows from one input's outputs to the next one's"),
    key(Scope::Deconv, "Stride", Kind::Count, Optional, "Both steps"),
    key(Scope::Deconv, "StrideDims", Kind::Unsigneds, Optional, "Both steps in one list"),
    key(Scope::Deconv, "PaddingX", Kind::Unsigned, Text("0"), "Columns of the output cut off left and right"),
    key(Scope::Deconv, "PaddingY", Kind::Unsigned, Text("0"), "Rows of the output cut off above and below"),
    key(Scope::Deconv, "Padding", Kind::Unsigned, Optional, "Both"),
    key(Scope::Deconv, "PaddingDims", Kind::Unsigneds, Optional, "Both in one list"),
    key(Scope::Deconv, "DilationX", Kind::Count, Text("1"), "Horizontal distance of kernel taps"),
    key(Scope::Deconv, "DilationY", Kind::Count, Text("1"), "Vertical distance of kernel taps"),
    key(Scope::Deconv, "Dilation", Kind::Count, Optional, "Both distances"),
    key(Scope::Deconv, "DilationDims", Kind::Unsigneds, Optional, "Both distances in one list"),
    key(Scope::Deconv, "KernelDepth", Kind::Count, Refused("1"), "Depth of the kernel"),
    key(Scope::Deconv, "StrideZ", Kind::Count, Refused("1"), "Step in depth"),
    key(Scope::Deconv, "PaddingZ", Kind::Unsigned, Refused("0"), "Cut off in depth"),
    key(Scope::Deconv, "DilationZ", Kind::Count, Refused("1"), "Distance of kernel taps in depth"),
    key(Scope::Deconv, "WeightsSharing", Kind::Names, Refused(""), "Layers whose weights it shares"),
    key(Scope::Deconv, "BiasesSharing", Kind::Text, Refused(""), "Layer whose biases it shares"),
    key(Scope::Deconv, "Kernel", Kind::Text, Refused(""), "Named kernel the weights start from"),

    key(Scope::Pool, "Pooling", Kind::Choice(&["Max", "Average"], &[]), Required, "Maximum or mean"),
    key(Scope::Pool, "PoolWidth", Kind::Count, Required, "Width of the window"),
    key(Scope::Pool, "PoolHeight", Kind::Count, Required, "Height of the window"),
    key(Scope::Pool, "PoolSize", Kind::Count, Optional, "Both sides of a square window"),
    key(Scope::Pool, "PoolDims", Kind::Unsigneds, Optional, "Width and height in one list"),
    key(Scope::Pool, "StrideX", Kind::Count, Text("1"), "Horizontal step"),
    key(Scope::Pool, "StrideY", Kind::Count, Text("1"), "Vertical step"),
    key(Scope::Pool, "Stride", Kind::Count, Optional, "Both steps"),
    key(Scope::Pool, "StrideDims", Kind::Unsigneds, Optional, "Both steps in one list"),
    key(Scope::Pool, "PaddingX", Kind::Unsigned, Text("0"), "Zeros left and right"),
    key(Scope::Pool, "PaddingY", Kind::Unsigned, Text("0"), "Zeros above and below"),
    key(Scope::Pool, "Padding", Kind::Unsigned, Optional, "Zeros on every side"),
    key(Scope::Pool, "PaddingDims", Kind::Unsigneds, Optional, "Zeros of both directions in one list"),
    key(Scope::Pool, "PoolDepth", Kind::Count, Refused("1"), "Depth of the window"),
    key(Scope::Pool, "StrideZ", Kind::Count, Refused("1"), "Step in depth"),
    key(Scope::Pool, "PaddingZ", Kind::Unsigned, Refused("0"), "Zeros in depth"),

    key(Scope::Unpool, "ArgMax", Kind::Text, Required, "Pool, with `Pooling=Max`, where whose greatest values were the inputs go; the others become 0"),
    key(Scope::Unpool, "Pooling", Kind::Choice(&["Max"], &[]), Optional, "As in that Pool; like all keys below it may be left out"),
    key(Scope::Unpool, "PoolWidth", Kind::Count, Required, "Width of the window"),
    key(Scope::Unpool, "PoolHeight", Kind::Count, Required, "Height of the window"),
    key(Scope::Unpool, "PoolSize", Kind::Count, Optional, "Both sides of a square window"),
    key(Scope::Unpool, "PoolDims", Kind::Unsigneds, Optional, "Width and height in one list"),
    key(Scope::Unpool, "StrideX", Kind::Count, Text("1"), "Horizontal step"),
    key(Scope::Unpool, "StrideY", Kind::Count, Text("1"), "Vertical step"),
    key(Scope::Unpool, "Stride", Kind::Count, Optional, "Both steps"),
    key(Scope::Unpool, "StrideDims", Kind::Unsigneds, Optional, "Both steps in one list"),
    key(Scope::Unpool, "PaddingX", Kind::Unsigned, Text("0"), "Zeros left and right"),
    key(Scope::Unpool, "PaddingY", Kind::Unsigned, Text("0"), "Zeros above and below"),
    key(Scope::Unpool, "Padding", Kind::Unsigned, Optional, "Zeros on every side"),
    key(Scope::Unpool, "PaddingDims", Kind::Unsigneds, Optional, "Zeros of both directions in one list"),
    key(Scope::Unpool, "PoolDepth", Kind::Count, Refused("1"), "Depth of the window"),
    key(Scope::Unpool, "StrideZ", Kind::Count, Refused("1"), "Step in depth"),
    key(Scope::Unpool, "PaddingZ", Kind::Unsigned, Refused("0"), "Zeros in depth"),

    key(Scope::Fmp, "ScalingRatio", Kind::PositiveReal, Required, "Inputs an output along each axis, from 1; an axis of n has round(n / ratio) outputs"),

    key(Scope::FmpParameter, "Overlapping", Kind::Bool, Text("1"), "A window goes on to the first row and column of the next one"),
    key(Scope::FmpParameter, "PseudoRandom", Kind::Bool, Text("1"), "Sides of windows follow a line from a random start; 0 shuffles them. Each learning step draws; tests spread the windows evenly"),

    key(Scope::LrnParameter, "N", Kind::Count, Computed(|| LrnConfig::default().n.to_string()), "Neighboring channels, N/2 on each side"),
    key(Scope::LrnParameter, "Alpha", Kind::Real, Computed(|| LrnConfig::default().alpha.to_string()), "Factor of the sum of their squares, not divided by N"),
    key(Scope::LrnParameter, "Beta", Kind::Real, Computed(|| LrnConfig::default().beta.to_string()), "Exponent of the divisor"),
    key(Scope::LrnParameter, "K", Kind::PositiveReal, Computed(|| LrnConfig::default().k.to_string()), "Added to the sum"),

    key(Scope::Softmax, "WithLoss", Kind::Bool, Text("0"), "Passes the target's error unchanged, which is the gradient of the cross-entropy"),
    key(Scope::Softmax, "GroupSize", Kind::Unsigned, Text("0"), "Channels of one group; 0 is all"),

    key(Scope::ElemWise, "Operation", Kind::Choice(&["Sum", "AbsSum", "EuclideanSum", "Prod", "Max"], &[]), Required, "What is computed of the elements at one place of the inputs, which have one shape"),
    key(Scope::ElemWise, "Weights", Kind::Reals, Optional, "Factors of the elements, Sum, AbsSum and EuclideanSum; without them 1"),
    key(Scope::ElemWise, "Shifts", Kind::Reals, Optional, "Added to the products, Sum and EuclideanSum; without them 0"),
    key(Scope::ElemWise, "CoeffMode", Kind::Choice(&["PerInput", "PerChannel"], &[]), Text("PerInput"), "`Weights` and `Shifts` have a number for each input, or for each channel"),

    key(Scope::BatchNorm, "Solvers", SOLVER, Text("SGD"), "Solver of scales and biases"),
    key(Scope::BatchNorm, "ScaleSolver", SOLVER, Text("SGD"), "Solver of the scales"),
    key(Scope::BatchNorm, "BiasSolver", SOLVER, Text("SGD"), "Solver of the biases"),
    key(Scope::BatchNorm, "ScalesSharing", Kind::Text, Refused(""), "Layer whose scales it shares"),
    key(Scope::BatchNorm, "BiasesSharing", Kind::Text, Refused(""), "Layer whose biases it shares"),
    key(Scope::BatchNorm, "MeansSharing", Kind::Text, Refused(""), "Layer whose means it shares"),
    key(Scope::BatchNorm, "VariancesSharing", Kind::Text, Refused(""), "Layer whose variances it shares"),

    key(Scope::BatchNormParameter, "Epsilon", Kind::PositiveReal, Computed(|| BatchNormConfig::default().epsilon.to_string()), "Added to the variance"),
    key(Scope::BatchNormParameter, "MovingAverageMomentum", Kind::Fraction, Computed(|| BatchNormConfig::default().momentum.to_string()), "Share of a batch in the running mean and variance; 0 freezes them, and learning normalizes by them"),
    key(Scope::BatchNormParameter, "BackPropagate", Kind::Bool, Text("1"), "Hands the error on to the inputs"),

    key(Scope::Padding, "TopPadding", Kind::Integer, Text("0"), "Rows of zeros above; a negative number cuts rows off"),
    key(Scope::Padding, "BottomPadding", Kind::Integer, Text("0"), "Rows below"),
    key(Scope::Padding, "LeftPadding", Kind::Integer, Text("0"), "Columns to the left"),
    key(Scope::Padding, "RightPadding", Kind::Integer, Text("0"), "Columns to the right"),

    key(Scope::Resize, "OutputWidth", Kind::Count, Required, "Width of the result"),
    key(Scope::Resize, "OutputHeight", Kind::Count, Required, "Height of the result"),
    key(Scope::Resize, "Mode", Kind::Choice(&["NearestNeighbor", "Bilinear", "BilinearTF"], &[]), Required, "Output o takes input floor(o in/out); or the two around (o + 1/2) in/out - 1/2; or, `BilinearTF`, around o in/out, see `AlignCorners`"),

    key(Scope::ResizeParameter, "AlignCorners", Kind::Bool, Text("1"), "`BilinearTF`: around o (in - 1)/(out - 1), so that the corners stay corners"),

    key(Scope::Reshape, "Dims", Kind::Integers, Required, "Width, height and channels of the result, then 0 for the batch if anything; 0 keeps that of the input, one -1 is worked out"),

    key(Scope::Transpose, "Perm", Kind::Unsigneds, Required, "The axes of the input that become width, height and channels: 0, 1 and 2 in some order, then 3, the batch"),

    key(Scope::Threshold, "Threshold", Kind::Real, Required, "The T that values x are compared with, strictly; no error passes the layer, what stands before it learns from other targets"),

    key(Scope::ThresholdParameter, "Operation", Kind::Choice(&["Binary", "BinaryInverted", "Truncate", "ToZero", "ToZeroInverted"], &[]), Text("Binary"), "What is done where x > T, and elsewhere"),
    key(Scope::ThresholdParameter, "MaxValue", Kind::Real, Text("1.0"), "The value of the binary operations"),

    key(Scope::TransformationCell, "Transformation", TRANSFORMATION, Required, "Which transformation, one without random draws; no error passes the layer"),

    key(Scope::NormalizeCell, "Norm", Kind::Choice(&["L1", "L2"], &[]), Required, "What is made 1 at each position over the channels: the sum of magnitudes, or the root of the sum of squares"),

    key(Scope::Scaling, "Factor", Kind::Real, Required, "Factor of all values"),

    key(Scope::TargetBias, "Bias", Kind::Real, Required, "Added, while learning, to the output of the stimulus's class; below 0 it is a margin. Without effect on tests and with `DataAsTarget`"),

    key(Scope::Weighted, "WeightsFiller", FILLER, Text("NormalFiller"), "How weights start; without a filler the standard deviation is 0.05"),
    key(Scope::Weighted, "BiasFiller", FILLER, Text("NormalFiller"), "How biases start; without a filler the standard deviation is 0.05"),
    key(Scope::Weighted, "Solvers", SOLVER, Text("SGD"), "Solver of weights and biases; in the layer's own section"),
    key(Scope::Weighted, "WeightsSolver", SOLVER, Text("SGD"), "Solver of the weights"),
    key(Scope::Weighted, "BiasSolver", SOLVER, Text("SGD"), "Solver of the biases"),

    key(Scope::MappingMatrix, "", Kind::Bools, Optional, "0/1, a row an input channel, a column an output"),

    key(Scope::Mapping, "Size", Kind::Unsigned, Optional, "Both sides of the pattern; 0 connects all"),
    key(Scope::Mapping, "SizeX", Kind::Unsigned, Text("1"), "Outputs of the pattern; 0 connects all"),
    key(Scope::Mapping, "SizeY", Kind::Unsigned, Text("1"), "Channels of the pattern; 0 connects all"),
    key(Scope::Mapping, "Stride", Kind::Unsigned, Optional, "Both steps between repetitions"),
    key(Scope::Mapping, "StrideX", Kind::Unsigned, Text("1"), "Step between repetitions, in outputs"),
    key(Scope::Mapping, "StrideY", Kind::Unsigned, Text("1"), "Step between repetitions, in channels"),
    key(Scope::Mapping, "Offset", Kind::Unsigned, Optional, "Both first positions"),
    key(Scope::Mapping, "OffsetX", Kind::Unsigned, Text("0"), "First output"),
    key(Scope::Mapping, "OffsetY", Kind::Unsigned, Text("0"), "First channel"),
    key(Scope::Mapping, "NbIterations", Kind::Unsigned, Text("0"), "Repetitions; 0 is the greater of outputs and channels"),
    key(Scope::Mapping, "NbGroups", Kind::Count, Optional, "Separate groups of channels and outputs"),
    key(Scope::Mapping, "ChannelsPerGroup", Kind::Count, Optional, "Channels of each group, instead of `NbGroups`"),

    key(Scope::WeightedParameter, "NoBias", Kind::Bool, Text("0"), "Leaves the biases out"),
    key(Scope::WeightedParameter, "BackPropagate", Kind::Bool, Text("1"), "Hands the error on to the inputs"),
    key(Scope::WeightedParameter, "WeightsExportFormat", Kind::Text, Ignored(""), "Order of exported weights"),
    key(Scope::WeightedParameter, "OutputsRemap", Kind::Text, Refused(""), "Reorders the outputs"),

    key(Scope::ConvParameter, "WeightsExportFlip", Kind::Bool, Ignored("0"), "Flips exported kernels"),

    key(Scope::FcParameter, "Normalize", Kind::Bool, Text("0"), "Keeps each output's weights at length 1, also after each update"),
    key(Scope::FcParameter, "DropConnect", Kind::Fraction, Text("1.0"), "Probability that a weight takes part in a learning step, for all its stimuli and without a factor; tests use all weights"),

    key(Scope::DropoutParameter, "Dropout", Kind::Fraction, Text("0.5"), "Probability that a value is dropped while learning"),

    key(Scope::SpikingParameter, "IncomingDelay", Kind::TimeSpread, Computed(|| spread_text(Spread::default())), "Delay of each synapse; unused by Pool"),

    key(Scope::NeuronParameter, "Threshold", Kind::PositiveReal, Computed(|| Neuron::default().threshold.to_string()), "Membrane potential that makes a spike"),
    key(Scope::NeuronParameter, "BipolarThreshold", Kind::Bool, Computed(|| u8::from(Neuron::default().bipolar_threshold).to_string()), "Spikes, with a negative sign, below minus the threshold as well"),
    key(Scope::NeuronParameter, "Leak", Kind::Time, Computed(|| Neuron::default().membrane_time_constant.to_string()), "Membrane time constant; 0 is none"),
    key(Scope::NeuronParameter, "Refractory", Kind::Time, Computed(|| Neuron::default().refractory_period.to_string()), "Time without spikes after a spike"),
    key(Scope::NeuronParameter, "WeightsRelInit", Kind::Text, Ignored(""), "Initial weights of a spike-only layer"),

    key(Scope::SpikingFcParameter, "TerminateDelta", Kind::Unsigned, Text("0"), "Lead in net spikes that ends a stimulus; 0 is off"),
    key(Scope::SpikingFcParameter, "TerminateMax", Kind::Unsigned, Text("0"), "Net spikes that end a stimulus; 0 is off"),

    key(Scope::Sgd, "LearningRate", Kind::Real, Computed(|| SgdConfig::default().learning_rate.to_string()), "Learning rate of a batch; 0 freezes"),
    key(Scope::Sgd, "Momentum", Kind::Real, Computed(|| SgdConfig::default().momentum.to_string()), "Momentum"),
    key(Scope::Sgd, "Decay", Kind::Real, Computed(|| SgdConfig::default().decay.to_string()), "Weight decay (L2)"),
    key(Scope::Sgd, "MinDecay", Kind::Real, Computed(|| SgdConfig::default().min_decay.to_string()), "Floor of `CosineDecay`"),
    key(Scope::Sgd, "Power", Kind::Real, Computed(|| SgdConfig::default().power.to_string()), "Exponent of `PolyDecay` and `InvDecay`"),
    key(Scope::Sgd, "IterationSize", Kind::Count, Computed(|| SgdConfig::default().iteration_size.to_string()), "Batches accumulated for one update"),
    key(Scope::Sgd, "MaxIterations", Kind::Unsigned, Computed(|| SgdConfig::default().max_iterations.to_string()), "Last update of `PolyDecay`; half a wave of `CosineDecay`, in steps of `LearningRateStepSize` stimuli"),
    key(Scope::Sgd, "WarmUpDuration", Kind::Unsigned, Computed(|| SgdConfig::default().warm_up_duration.to_string()), "Steps `CosineDecay` warms up for"),
    key(Scope::Sgd, "WarmUpLRFrac", Kind::Real, Computed(|| SgdConfig::default().warm_up_lr_frac.to_string()), "Fraction of the rate that warming up begins with"),
    key(Scope::Sgd, "LearningRatePolicy", POLICY, Text("None"), "How the rate falls"),
    key(Scope::Sgd, "LearningRateStepSize", Kind::Count, Computed(|| SgdConfig::default().learning_rate_step_size.to_string()), "Stimuli of one step of the policy"),
    key(Scope::Sgd, "LearningRateDecay", Kind::Real, Computed(|| SgdConfig::default().learning_rate_decay.to_string()), "What a step of the policy does"),
    key(Scope::Sgd, "Clamping", Kind::Clamping, Text(""), "Bounds of a weight"),
    key(Scope::Sgd, "PolyakMomentum", Kind::Bool, Ignored("1"), "Not used by N2D2 either"),

    key(Scope::Adam, "LearningRate", Kind::Real, Computed(|| AdamConfig::default().learning_rate.to_string()), "Learning rate; 0 freezes"),
    key(Scope::Adam, "Beta1", Kind::Real, Computed(|| AdamConfig::default().beta1.to_string()), "Share of the mean gradient that is kept"),
    key(Scope::Adam, "Beta2", Kind::Real, Computed(|| AdamConfig::default().beta2.to_string()), "Share of the mean squared gradient that is kept"),
    key(Scope::Adam, "Epsilon", Kind::PositiveReal, Computed(|| AdamConfig::default().epsilon.to_string()), "What keeps the divisor from 0"),
    key(Scope::Adam, "Clamping", Kind::Clamping, Text(""), "Bounds of a weight"),

    key(Scope::ConstantFiller, "Value", Kind::Real, Required, "The value"),

    key(Scope::NormalFiller, "Mean", Kind::Real, Text("0.0"), "Mean"),
    key(Scope::NormalFiller, "StdDev", Kind::Real, Text("1.0"), "Standard deviation"),

    key(Scope::UniformFiller, "Min", Kind::Real, Text("0.0"), "Lower bound"),
    key(Scope::UniformFiller, "Max", Kind::Real, Text("1.0"), "Upper bound"),

    key(Scope::XavierFiller, "VarianceNorm", VARIANCE_NORM, Text("FanIn"), "What the variance is divided by"),
    key(Scope::XavierFiller, "Distribution", Kind::Choice(&["Uniform", "Normal"], &[]), Text("Uniform"), "Shape of the distribution"),
    key(Scope::XavierFiller, "Scaling", Kind::Real, Text("1.0"), "Factor"),

    key(Scope::HeFiller, "VarianceNorm", VARIANCE_NORM, Text("FanIn"), "What the variance is divided by"),
    key(Scope::HeFiller, "MeanNorm", Kind::Real, Text("0.0"), "Mean times the fan-in"),
    key(Scope::HeFiller, "Scaling", Kind::Real, Text("1.0"), "Factor"),

    key(Scope::Target, "Type", TARGET_TYPE, Text("TargetScore"), "Which target: one that learns and is scored, one that learns alone (`Target`; a TargetBias knows the class in any case), or one that finds regions of interest in the outputs"),
    key(Scope::Target, "TargetValue", Kind::Real, Text("1.0"), "Desired output of the class of the stimulus, or of the pixel"),
    key(Scope::Target, "DefaultValue", Kind::Real, Text("0.0"), "Desired output of the others"),
    key(Scope::Target, "TopN", Kind::Count, Text("1"), "Best outputs among which the class counts as found"),
    key(Scope::Target, "LabelsMapping", Kind::Path, Optional, "File of lines `<label> <class>`: the output that each label of the database means, -1 for none; `*` and `?` are wildcards, `default` is every other label, `*` alone what has no label"),
    key(Scope::Target, "CreateMissingLabels", Kind::Bool, Text("0"), "Makes labels of the names that only the mapping file has, in place of a warning"),
    key(Scope::Target, "MaskLabelTarget", Kind::Text, Optional, "Target that says which pixels of this one count"),
    key(Scope::Target, "DataAsTarget", Kind::Bool, Text("0"), "Learns to give back the stimulus, whatever its label; the test tells the mean squared error"),
    key(Scope::Target, "MaskedLabel", Kind::Integer, Text("-1"), "Class that `MaskLabelTarget` must find where a pixel counts; -1: all count"),
    key(Scope::Target, "MaskedLabelValue", Kind::Bool, Text("0"), "Weighs the votes for the label of a region by what `MaskLabelTarget` gives"),
    key(Scope::Target, "BinaryThreshold", Kind::Real, Text("0.5"), "A single output above it means class 1, else class 0"),
    key(Scope::Target, "ValueThreshold", Kind::Real, Text("0.0"), "Estimates below it are drawn gray"),
    key(Scope::Target, "WeakTarget", Kind::Integer, Text("-2"), "Class of an output pixel's labels that gives way to any other one there; below -1: none"),
    key(Scope::Target, "NoDisplayLabel", Kind::Integer, Text("-1"), "Class drawn without color; -1: none"),
    key(Scope::Target, "LabelsHueOffset", Kind::Unsigned, Text("0"), "Hue of class 0, from 0 (red) to 179"),
    key(Scope::Target, "EstimatedLabelsValueDisplay", Kind::Bool, Text("1"), "Draws the output as the brightness of an estimate"),
    key(Scope::Target, "ImageLogFormat", Kind::Choice(&["png", "jpg", "jpeg"], &["bmp", "tiff", "webp"]), Text("png"), "Format of drawn images (N2D2: `jpg`)"),
    key(Scope::Target, "ConfusionRangeMin", Kind::Real, Ignored("0.0"), "Lowest bin of a confusion matrix of values"),
    key(Scope::Target, "ConfusionRangeMax", Kind::Real, Ignored("1.0"), "Highest bin of a confusion matrix of values"),
    key(Scope::Target, "ConfusionQuantSteps", Kind::Unsigned, Ignored("10"), "Bins of a confusion matrix of values"),

    key(Scope::TargetRois, "ROIsLabelTarget", Kind::Text, Optional, "Target whose outputs vote for the label of a region; absent: this one"),
    key(Scope::TargetRois, "MinSize", Kind::Unsigned, Text("0"), "Least number of output pixels of a connected component"),
    key(Scope::TargetRois, "MinOverlap", Kind::Real, Text("0.5"), "What the intersection of a found and a true region over their union must exceed for a match"),
    key(Scope::TargetRois, "FilterMinHeight", Kind::Unsigned, Text("0"), "Least height of a region, in output pixels"),
    key(Scope::TargetRois, "FilterMinWidth", Kind::Unsigned, Text("0"), "Least width of a region, in output pixels"),
    key(Scope::TargetRois, "FilterMinAspectRatio", Kind::Real, Text("0.0"), "Least width over height; 0 is off"),
    key(Scope::TargetRois, "FilterMaxAspectRatio", Kind::Real, Text("0.0"), "Greatest width over height; 0 is off"),
    key(Scope::TargetRois, "MergeMaxHDist", Kind::Integer, Text("1"), "Regions of one label that share rows merge where it is less than this from the last column of one to the first of the other, 1 being neighbors"),
    key(Scope::TargetRois, "MergeMaxVDist", Kind::Integer, Text("1"), "Regions of one label that share columns merge likewise across rows"),
    key(Scope::TargetRois, "GenerateLabelsROIs", Kind::Bool, Text("1"), "A stimulus without regions has those of its label map's components"),
    key(Scope::TargetRois, "ScoreTopN", Kind::Count, Ignored("1"), "Best labels of a region"),
];

fn spread_text(spread: Spread) -> String {
    format!("{} fs; {} fs", spread.mean, spread.std_dev)
}

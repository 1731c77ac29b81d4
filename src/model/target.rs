//! What a cell's outputs are compared with.

use std::sync::Arc;

use super::Span;

/// A section `[<layer>.Target*]`.
#[derive(Clone, Debug)]
pub struct TargetDescription {
    /// The section's name, which is also the name of its folder.
    pub name: String,
    /// The section.
    pub span: Span,
    /// Index of the cell in [`super::Description::cells`].
    pub cell: usize,
    /// What it is for.
    pub kind: TargetKind,
    /// Desired output of the class of the stimulus, or of the pixel.
    pub target_value: f32,
    /// Desired output of the others.
    pub default_value: f32,
    /// The outputs should be the stimulus itself, whatever its class.
    pub is_data: bool,
    /// An answer counts as right when the class is among this many best outputs.
    pub top_n: usize,
    /// Which class each label means; `None` where it is the one of its number.
    pub labels: Option<LabelsMapping>,
    /// A class that gives way, where it is the most frequent one of a target pixel, to the second most frequent. Less than
    /// -1 is off.
    pub weak_class: i32,
    /// A single output above it means class 1, else class 0.
    pub binary_threshold: f32,
    /// Another target that says which pixels count.
    pub mask: Option<Mask>,
    /// How maps are drawn.
    pub display: Display,
}

/// What a target is for.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetKind {
    /// It learns and is scored.
    Score,
    /// It learns alone.
    Train,
    /// It finds regions in the outputs and is scored by them.
    Rois(RoiRules),
}

/// A mapping file, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelsMapping {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// The lines with names, in order.
    pub labels: Vec<MappedLabel>,
    /// Class of a label without a line.
    pub default: Option<i32>,
    /// Class of what has no label (`*`).
    pub ignored: Option<i32>,
    /// Labels that only the file has are made.
    pub creates_missing: bool,
}

/// A line of a mapping file.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedLabel {
    /// The name of a label, or a pattern of names.
    pub name: String,
    /// It stood between quotes: never a pattern.
    pub is_quoted: bool,
    /// The class, or -1 for none.
    pub class: i32,
    /// Line number, from 1.
    pub line: u32,
}

/// Another target that says which pixels count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Index of the target in [`super::Description::targets`].
    pub target: usize,
    /// Pixels count where that target finds this class; all do without one.
    pub class: Option<usize>,
    /// Votes for the label of a region are weighed by what that target gives for the class that it finds.
    pub weighs_votes: bool,
}

/// How regions are found in outputs and matched (`formal.md` 10.8).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiRules {
    /// Index of the target whose outputs vote for the label of a region; `None`: the target itself.
    pub label_target: Option<usize>,
    /// Least number of output pixels of a component.
    pub min_size: usize,
    /// What the intersection of two regions over their union must exceed for a match.
    pub min_overlap: f32,
    /// Least height of a box in output pixels.
    pub filter_min_height: usize,
    /// Least width of a box in output pixels.
    pub filter_min_width: usize,
    /// Least width over height; 0 is off.
    pub filter_min_aspect_ratio: f32,
    /// Greatest width over height; 0 is off.
    pub filter_max_aspect_ratio: f32,
    /// Boxes of one label that share rows merge where the first column of one is less than this after the last of the other.
    pub merge_max_h_dist: i32,
    /// Boxes of one label that share columns merge likewise across rows.
    pub merge_max_v_dist: i32,
    /// A stimulus with a label map and without regions has those of its map's components.
    pub generates_label_rois: bool,
}

/// How maps are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Display {
    /// A class without a color.
    pub plain_class: Option<usize>,
    /// Hue of class 0, from 0 to 179.
    pub hue_offset: u32,
    /// The brightness of an estimate is its output.
    pub shows_value: bool,
    /// Estimates below it are gray.
    pub value_threshold: f32,
    /// Of the files.
    pub format: PictureFormat,
}

/// Format of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    /// Without loss.
    #[default]
    Png,
    /// JPEG.
    Jpeg,
}

impl PictureFormat {
    /// Ending of a file name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }
}

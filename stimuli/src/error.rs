use std::io;

use crate::{Set, Shape};

/// What can be wrong with data files and with what is asked of them.
///
/// Byte offsets count from 0 in the content of a file, after decompression; those of [`Error::Gzip`] in the compressed
/// file itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Files of a data set are absent.
    #[error(
        "{folder}: expected the files {}, each as it is or with `.gz`, found no {}; set `DataPath` to their folder",
        quoted(.expected), quoted(.missing)
    )]
    Missing {
        /// The folder that was searched.
        folder: String,
        /// Names of all files looked for.
        expected: Vec<String>,
        /// Names of those that are absent.
        missing: Vec<String>,
    },

    /// A file exists but the system does not let it be read.
    #[error("{file}: expected a readable file, found: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's answer.
        source: io::Error,
    },

    /// A gzip file is corrupt or was cut.
    #[error(
        "{file}, byte {offset} (compressed): expected the rest of a gzip stream, found {found}; fetch the file again"
    )]
    Gzip {
        /// The file.
        file: String,
        /// Position in the compressed file up to which it was decoded.
        offset: u64,
        /// What stands there instead.
        found: String,
    },

    /// A file is of another kind.
    #[error(
        "{file}, byte 0: expected the magic number {expected:#010x} of IDX {content}, found {found:#010x}; \
         give the file that holds the {content}"
    )]
    Magic {
        /// The file.
        file: String,
        /// What the file should hold: `images` or `labels`.
        content: &'static str,
        /// The magic number of that content.
        expected: u32,
        /// The first four bytes, big-endian.
        found: u32,
    },

    /// A file ends before its header says.
    #[error(
        "{file}, byte {found}: expected {expected} bytes in all, found the end; the file is too short, fetch it again"
    )]
    TooShort {
        /// The file.
        file: String,
        /// Length by the header, in bytes.
        expected: u64,
        /// Length, in bytes, which is the offset of the first byte that misses.
        found: u64,
    },

    /// A file goes on after its header says it ends.
    #[error(
        "{file}, byte {expected}: expected the end, found {} more bytes; the file is too long, fetch it again",
        found - expected
    )]
    TooLong {
        /// The file.
        file: String,
        /// Length by the header, in bytes, which is the offset of the first byte too many.
        expected: u64,
        /// Length, in bytes.
        found: u64,
    },

    /// Images without pixels.
    #[error(
        "{file}, byte 8: expected images of at least 1 row and 1 column, found {rows} rows and {columns} columns; \
         fetch the file again"
    )]
    NoPixels {
        /// The file.
        file: String,
        /// Rows by the header.
        rows: u32,
        /// Columns by the header.
        columns: u32,
    },

    /// Images and labels do not go together.
    #[error(
        "{labels}, byte 4: expected {expected} labels, one for each image of {images}, found {found}; \
         take both from one data set"
    )]
    Count {
        /// The file of the images.
        images: String,
        /// The file of the labels.
        labels: String,
        /// Number of images.
        expected: usize,
        /// Number of labels.
        found: usize,
    },

    /// A label that names no class.
    #[error("{file}, byte {offset}: expected a label from 0 to {last}, found {found}; fetch the file again")]
    Label {
        /// The file.
        file: String,
        /// Position of the label.
        offset: u64,
        /// The last class.
        last: usize,
        /// The byte there.
        found: u8,
    },

    /// Training and test images differ in size.
    #[error(
        "{file}, byte 8: expected images of {expected} as in {other}, found {found} (width x height x channels); \
         take both from one data set"
    )]
    ImageSize {
        /// The file.
        file: String,
        /// The file it must agree with.
        other: String,
        /// The size in `other`.
        expected: Shape,
        /// The size in `file`.
        found: Shape,
    },

    /// A folder without what should be in it.
    #[error("{folder}: expected {expected}, found {found}; {remedy}")]
    Folder {
        /// The folder.
        folder: String,
        /// What should be there.
        expected: String,
        /// What is.
        found: String,
        /// What to do.
        remedy: &'static str,
    },

    /// A file that cannot be decoded as an image.
    #[error(
        "{file}: expected an image (png, jpeg, bmp, pbm, pgm, ppm), found {found}; fetch or convert the file again, or \
         leave it out (`IgnoreMasks` of a folder, `--skip-bad`)"
    )]
    Image {
        /// The file.
        file: String,
        /// What the decoder says.
        found: String,
    },

    /// An image that changed since its size was read, or lies about it.
    #[error(
        "{file}: expected an image of {expected} as when the data were read, found {found} (width x height x channels); \
         leave the files alone while a run lasts"
    )]
    Changed {
        /// The file.
        file: String,
        /// The size at first.
        expected: Shape,
        /// The size now.
        found: Shape,
    },

    /// A line of a table.
    #[error("{file}, line {line}: expected {expected}, found `{found}`; correct the line")]
    Line {
        /// The file.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },

    /// A record of an annotation file.
    #[error("{place}: expected {expected}, found {found}; {remedy}")]
    Record {
        /// The file and the line or record in it, such as `wiki.csv, line 3`.
        place: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
        /// What to do.
        remedy: &'static str,
    },

    /// A fault of a file that a record names.
    #[error("{place}: {fault}")]
    Named {
        /// The file and the line or record in it.
        place: String,
        /// What is wrong with what it names.
        fault: Box<Error>,
    },

    /// A MATLAB file that is cut, corrupt or of another kind.
    #[error("{file}, byte {offset}{}: expected {expected}, found {found}; fetch the file again", inside(*.is_compressed))]
    Mat {
        /// The file.
        file: String,
        /// Position, in what a compressed variable unpacks to where it is one.
        offset: usize,
        /// Whether it counts in an unpacked variable.
        is_compressed: bool,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },

    /// A file whose length is no whole number of records.
    #[error(
        "{file}: expected whole records of {record} bytes ({what}), found {found} bytes; the file is cut or of another \
         kind, fetch it again"
    )]
    Records {
        /// The file.
        file: String,
        /// Bytes of a record.
        record: usize,
        /// What a record is.
        what: &'static str,
        /// Bytes of the file.
        found: u64,
    },

    /// A transformation that cannot do what is asked of it.
    #[error("{name}: expected {expected}, found {found}; {remedy}")]
    Transformation {
        /// Its type.
        name: &'static str,
        /// What it can do.
        expected: String,
        /// What was asked.
        found: String,
        /// What to do.
        remedy: String,
    },

    /// A stimulus of one class has several regions.
    #[error(
        "stimulus {stimulus}: expected one region of interest, whose label is that of the stimulus, found {found}; write \
         `CompositeStimuli=1`, and a `CompositeLabel` other than `Auto` where the stimulus has a label beside them"
    )]
    Rois {
        /// Name of the stimulus.
        stimulus: String,
        /// Number of its regions.
        found: usize,
    },

    /// Several files have faults.
    #[error("{}", lines(.0))]
    Several(
        /// One fault a file.
        Vec<Error>,
    ),

    /// There are more faults than are told.
    #[error("and {0} faults more; `--skip-bad` leaves out the stimuli that have one")]
    More(
        /// How many.
        usize,
    ),

    /// What the transformations make of a stimulus is not what the network takes.
    #[error(
        "stimulus {stimulus} ({set} set): expected {expected} after the transformations, found {found} (width x height x \
         channels); change `SizeX`, `SizeY`, `NbChannels` or the transformations"
    )]
    Size {
        /// Name of the stimulus.
        stimulus: String,
        /// The set it was presented in.
        set: Set,
        /// What the network takes.
        expected: Shape,
        /// What the transformations give.
        found: Shape,
    },

    /// A rescaled image without pixels, or with far too many.
    #[error(
        "RescaleTransformation: expected from 1 to {max} columns and rows, found {width}x{height} (width x height) for a \
         stimulus of {input}; change `Width` and `Height`"
    )]
    RescaledSize {
        /// The size of the image before the transformation.
        input: Shape,
        /// Most columns, most rows.
        max: usize,
        /// Columns of the result.
        width: usize,
        /// Rows of the result.
        height: usize,
    },

    /// The values of a range transformation do not fit the image.
    #[error(
        "RangeAffineTransformation: expected one `{key}` or one for each of the {channels} channels, found {found}"
    )]
    Values {
        /// `FirstValue` or `SecondValue`.
        key: &'static str,
        /// Channels of the image.
        channels: usize,
        /// Number of values.
        found: usize,
    },

    /// A range transformation with a value that gives no number.
    #[error("RangeAffineTransformation: expected a finite `{key}`, other than 0 to divide by, found {found}")]
    Value {
        /// `FirstValue` or `SecondValue`.
        key: &'static str,
        /// The value.
        found: f64,
    },
}

fn inside(is_compressed: bool) -> &'static str {
    if is_compressed { " (unpacked)" } else { "" }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn lines(faults: &[Error]) -> String {
    faults.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}

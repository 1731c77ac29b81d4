//! What a test leaves for the report page beside its other files: `report_data/data.json` and `report_data/stimuli.png`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The folder in the output folder.
pub const FOLDER: &str = "report_data";
/// The file in it.
pub const FILE: &str = "data.json";
/// The pictures of the stimuli that are shown, side by side.
pub const ATLAS: &str = "stimuli.png";
/// The curve over a part of the test, where the folder has no other.
pub const CURVE: &str = "curve.json";

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Data {
    /// Name of the model.
    pub model: String,
    /// Text of the model.
    pub ini: String,
    /// Hash of that text and of its templates.
    pub ini_sha256: String,
    /// Hash of the trained weights.
    pub weights_sha256: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The environment, then the cells in order.
    pub layers: Vec<Layer>,
    /// The layer that answers.
    pub target_layer: usize,
    /// Every stimulus of the test, in the order presented.
    pub answers: Vec<Answer>,
    /// The picture of the stimuli that are shown.
    pub atlas: Atlas,
    /// The stimuli that are shown, by their place in `answers`, ascending; in the order of the atlas.
    pub shown: Vec<Shown>,
    /// Of some of them, all that happened.
    pub details: Vec<Detail>,
    /// Activations and spikes of the first stimuli, by layer; empty without spikes.
    pub scatter: Vec<Scatter>,
    /// Of the spiking test; absent where the model has frames alone.
    pub spiking: Option<Spiking>,
}

/// What all stimuli were presented with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spiking {
    /// Presentation time in femtoseconds.
    pub present_time_fs: u64,
    /// Stimuli that the scatter is of.
    pub scatter_stimuli: usize,
    /// Spikes of a pixel of value 1 in a whole presentation; absent where the coding has no rate.
    pub full_scale: Option<f64>,
}

/// One layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What it is, in words.
    pub kind: String,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// The layers that it reads.
    pub inputs: Vec<usize>,
    /// Distinct synapses.
    pub synapses: u64,
    /// Synapses of the unrolled layer.
    pub virtual_synapses: u64,
    /// Spikes over all stimuli.
    pub events: Option<u64>,
    /// Read events over all stimuli.
    pub reads: Option<u64>,
}

/// What one stimulus was taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its class.
    pub target: usize,
    /// The frame network's answer.
    pub formal: usize,
    /// The spiking network's; absent where no output spiked, or nothing spikes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spiking: Option<usize>,
    /// Femtoseconds until the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_fs: Option<u64>,
}

/// Where the pictures are in the atlas: row by row.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Atlas {
    /// Width of one.
    pub width: usize,
    /// Height of one.
    pub height: usize,
    /// Pictures a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// A stimulus that is shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Its place in the test.
    pub place: usize,
    /// Its id in the database.
    pub id: usize,
    /// Its name there.
    pub name: String,
    /// The best outputs of the frame network: class and value.
    pub formal_scores: Vec<(usize, f64)>,
    /// The best outputs of the spiking network: class and net spikes.
    pub spike_scores: Vec<(usize, i64)>,
    /// Spikes of all layers.
    pub spikes: u64,
    /// Read events of all layers.
    pub reads: u64,
}

/// All that happened in a stimulus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Detail {
    /// Which of the shown stimuli.
    pub shown: usize,
    /// Time of the last spike that is kept, in femtoseconds.
    pub span_fs: u64,
    /// Whether later spikes are left out.
    pub is_cut: bool,
    /// When each spike fell, in parts of 65535 of the span: 16 bits each, little-endian, base64.
    pub times: String,
    /// The neuron of each, counted through all layers, the highest bit for a negative one: 32 bits each, little-endian, base64.
    pub units: String,
    /// What each layer held.
    pub maps: Vec<Maps>,
}

/// Activations and spikes of one layer, `[c][y][x]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Maps {
    /// Channels that are kept, the first.
    pub channels: usize,
    /// The greatest magnitude of the activations.
    pub scale: f64,
    /// Activations in parts of 32767 of it: 16 bits each, little-endian, base64.
    pub frames: String,
    /// Net spikes over the whole presentation, coded likewise; empty without spikes.
    pub spikes: String,
}

/// What a layer's spikes are against its activations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scatter {
    /// Spikes that activations ask for, and those that were counted: some of all pairs that are not 0 in both.
    pub points: Vec<(f32, i64)>,
    /// Pairs that are not 0 in both.
    pub pairs: u64,
    /// Correlation over all pairs.
    pub correlation: Option<f64>,
    /// Slope of the line through 0.
    pub slope: Option<f64>,
}

/// Numbers of 16 bits as base64.
pub fn coded(values: impl IntoIterator<Item = i16>) -> String {
    base64(&values.into_iter().flat_map(i16::to_le_bytes).collect::<Vec<u8>>())
}

/// Bytes as base64.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that base64 text stands for.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

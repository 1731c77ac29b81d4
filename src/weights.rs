//! Trained weights as text (`*.syntxt`): the reference's layout, with digits enough to read back the same floats.

pub mod exchange;
pub mod layout;
mod npy;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use formal::Statistics;
use formal::config::Operator;
use sha2::{Digest, Sha256};

use crate::assets;
use crate::failure::wrong_input;
use crate::model::{CellDescription, Description};
use crate::output::{OutputFolder, file_name};

/// Where weights are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightSource {
    /// A folder with `<cell>_weights.syntxt` files.
    Folder(PathBuf),
    /// A set that the program carries.
    Shipped(&'static str),
}

impl std::fmt::Display for WeightSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Shipped(set) => write!(f, "shipped:{set}"),
        }
    }
}

impl WeightSource {
    fn read(&self, file: &str) -> std::io::Result<Option<String>> {
        match self {
            Self::Shipped(set) => Ok(assets::weights(set, file)),
            Self::Folder(folder) => match fs::read_to_string(folder.join(file)) {
                Ok(text) => Ok(Some(text)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            },
        }
    }

    fn shown(&self, file: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(file).display().to_string(),
            Self::Shipped(_) => format!("{self}/{file}"),
        }
    }
}

/// Weights (and biases) of one cell as they are trained: full kernels, unconnected ones zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CellWeights {
    /// Conv `[o][c][ky][kx]`, Deconv `[c][o][ky][kx]`, Fc `[o][i]`, BatchNorm scales `[o]`.
    pub weights: Vec<f32>,
    /// One a output; `None` for a cell without biases.
    pub bias: Option<Vec<f32>>,
    /// Of a batch normalization.
    pub statistics: Option<Statistics>,
}

/// What the files of a cell hold.
struct Expected {
    /// For each output the positions in the full weight array, in file order.
    positions: Vec<Vec<usize>>,
    n_weights: usize,
    with_bias: bool,
    /// What the name of the file of the weights ends with.
    weights_suffix: &'static str,
    with_statistics: bool,
}

fn expected(cell: &CellDescription) -> Option<Expected> {
    match &cell.operator {
        Operator::Conv(conv) => {
            let (channels, area) = (cell.input_shape.channels, conv.kernel.width * conv.kernel.height);
            let row =
                |o: usize| connected(&conv.mapping, o, channels).flat_map(move |c| kernel(o * channels + c, area));
            Some(Expected {
                positions: (0..conv.n_outputs).map(|o| row(o).collect()).collect(),
                n_weights: conv.n_outputs * channels * area,
                with_bias: !conv.no_bias,
                weights_suffix: "weights",
                with_statistics: false,
            })
        }
        Operator::Deconv(deconv) => {
            let (channels, area) = (cell.input_shape.channels, deconv.kernel.width * deconv.kernel.height);
            let n = deconv.n_outputs;
            let row = |o: usize| connected(&deconv.mapping, o, channels).flat_map(move |c| kernel(c * n + o, area));
            Some(Expected {
                positions: (0..n).map(|o| row(o).collect()).collect(),
                n_weights: n * channels * area,
                with_bias: !deconv.no_bias,
                weights_suffix: "weights",
                with_statistics: false,
            })
        }
        Operator::Fc(fc) => {
            let n = cell.input_shape.n_elements();
            Some(Expected {
                positions: (0..fc.n_outputs).map(|o| kernel(o, n).collect()).collect(),
                n_weights: fc.n_outputs * n,
                with_bias: !fc.no_bias,
                weights_suffix: "weights",
                with_statistics: false,
            })
        }
        Operator::BatchNorm(_) => {
            let n = cell.output_shape.channels;
            Some(Expected {
                positions: (0..n).map(|o| vec![o]).collect(),
                n_weights: n,
                with_bias: true,
                weights_suffix: "scales",
                with_statistics: true,
            })
        }
        _ => None,
    }
}

/// Whether a cell has weights.
pub fn has_weights(cell: &CellDescription) -> bool {
    expected(cell).is_some()
}

impl Expected {
    fn n_outputs(&self) -> usize {
        self.positions.len()
    }

    /// Weights that the file holds.
    fn n_stored(&self) -> usize {
        self.positions.iter().map(Vec::len).sum()
    }
}

/// The channels that an output sees.
fn connected(mapping: &Option<Vec<bool>>, output: usize, channels: usize) -> impl Iterator<Item = usize> {
    (0..channels).filter(move |c| mapping.as_ref().is_none_or(|mapping| mapping[output * channels + c]))
}

/// The positions of a pair's weights.
fn kernel(pair: usize, area: usize) -> std::ops::Range<usize> {
    pair * area..(pair + 1) * area
}

/// Reads the weights of every cell that has some; all faults are reported at once.
///
/// # Errors
/// A missing file, a value that is no finite number, too few or too many values: each with file, line, expected, found.
pub fn load(description: &Description, source: &WeightSource) -> Result<Loaded> {
    let mut faults = Vec::new();
    let mut hash = Sha256::new();
    let cells = description
        .cells
        .iter()
        .map(|cell| {
            let expected = expected(cell)?;
            read_cell(source, cell, &expected, &mut hash).map_err(|fault| faults.push(fault)).ok()
        })
        .collect();
    if !faults.is_empty() {
        return Err(faulty(source, &faults));
    }
    Ok(Loaded { cells, source: source.clone(), sha256: hex(&hash.finalize()) })
}

/// All that is wrong with the weights of a source.
pub fn faulty(source: impl std::fmt::Display, faults: &[String]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|f| format!("  {f}")).collect();
    let count = if faults.len() == 1 { "1 fault".to_string() } else { format!("{} faults", faults.len()) };
    wrong_input(format!("weights in {source} have {count}\n{}", lines.join("\n")))
}

/// Weights read from a source.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// One entry a cell of the description; `None` for a cell without weights.
    pub cells: Vec<Option<CellWeights>>,
    /// Where they were read.
    pub source: WeightSource,
    /// Hash over the values as bytes (f32, little endian), cell by cell, weights before biases.
    pub sha256: String,
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read_cell(
    source: &WeightSource,
    cell: &CellDescription,
    expected: &Expected,
    hash: &mut Sha256,
) -> std::result::Result<CellWeights, String> {
    let stem = file_name(&cell.name);
    let open = |file: &str| source.read(file).map_err(|e| format!("{}: cannot be read: {e}", source.shown(file)));
    let single = format!("{stem}.syntxt");
    let (weights_file, bias_file) =
        (format!("{stem}_{}.syntxt", expected.weights_suffix), format!("{stem}_biases.syntxt"));
    let (values, bias) = if let Some(text) = open(&single)? {
        let n_bias = if expected.with_bias { expected.n_outputs() } else { 0 };
        let all = parse(&text, expected.n_stored() + n_bias, &source.shown(&single))?;
        split_single(all, expected)
    } else {
        let Some(text) = open(&weights_file)? else {
            return Err(format!(
                "{}: expected {} {} of `{}`, found no such file; learn first, or name another folder with -w DIR",
                source.shown(&weights_file),
                expected.n_stored(),
                expected.weights_suffix,
                cell.name
            ));
        };
        let values = parse(&text, expected.n_stored(), &source.shown(&weights_file))?;
        let bias = if expected.with_bias {
            let Some(text) = open(&bias_file)? else {
                return Err(format!(
                    "{}: expected {} biases of `{}`, found no such file (NoBias=1 if the cell has none)",
                    source.shown(&bias_file),
                    expected.n_outputs(),
                    cell.name
                ));
            };
            Some(parse(&text, expected.n_outputs(), &source.shown(&bias_file))?)
        } else {
            None
        };
        (values, bias)
    };
    let statistics = match expected.with_statistics {
        true => Some(read_statistics(&open, source, cell, expected.n_outputs())?),
        false => None,
    };
    let moments = statistics.iter().flat_map(|statistics| statistics.mean.iter().chain(&statistics.variance));
    for value in values.iter().chain(bias.iter().flatten()).chain(moments) {
        hash.update(value.to_le_bytes());
    }
    let mut weights = vec![0.0; expected.n_weights];
    for (&position, value) in expected.positions.iter().flatten().zip(values) {
        weights[position] = value;
    }
    Ok(CellWeights { weights, bias, statistics })
}

/// The running means and variances of a batch normalization.
fn read_statistics(
    open: &impl Fn(&str) -> std::result::Result<Option<String>, String>,
    source: &WeightSource,
    cell: &CellDescription,
    n: usize,
) -> std::result::Result<Statistics, String> {
    let read = |suffix: &str| {
        let file = format!("{}_{suffix}.syntxt", file_name(&cell.name));
        let shown = source.shown(&file);
        let Some(text) = open(&file)? else {
            return Err(format!("{shown}: expected {n} {suffix} of `{}`, found no such file", cell.name));
        };
        parse(&text, n, &shown).map(|values| (values, shown))
    };
    let ((mean, _), (variance, shown)) = (read("means")?, read("variances")?);
    match variance.iter().find(|&&value| value < 0.0) {
        Some(value) => Err(format!("{shown}: expected variances of 0 or more, found `{value}`")),
        None => Ok(Statistics { mean, variance }),
    }
}

/// The single-file form: each output's bias follows its weights, whose number depends on its connected channels.
fn split_single(all: Vec<f32>, expected: &Expected) -> (Vec<f32>, Option<Vec<f32>>) {
    if !expected.with_bias {
        return (all, None);
    }
    let mut values = all.into_iter();
    let (mut weights, mut bias) = (Vec::new(), Vec::new());
    for row in &expected.positions {
        weights.extend(values.by_ref().take(row.len()));
        bias.extend(values.next());
    }
    (weights, Some(bias))
}

fn parse(text: &str, n: usize, shown: &str) -> std::result::Result<Vec<f32>, String> {
    let mut values = Vec::with_capacity(n);
    for (number, line) in text.lines().enumerate() {
        for word in line.split_whitespace() {
            match word.parse::<f32>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => {
                    return Err(format!(
                        "{shown}, line {}: expected a finite number, found `{}`",
                        number + 1,
                        clip(word)
                    ));
                }
            }
            if values.len() > n {
                return Err(format!(
                    "{shown}, line {}: expected {n} values in all, found more (the first too many is `{}`); \
                     are these the weights of this network?",
                    number + 1,
                    clip(word)
                ));
            }
        }
    }
    if values.len() < n {
        return Err(format!(
            "{shown}, line {}: expected {n} values in all, found {} at the end of the file",
            text.lines().count().max(1),
            values.len()
        ));
    }
    Ok(values)
}

fn clip(word: &str) -> String {
    if word.chars().count() <= 40 { word.to_string() } else { word.chars().take(40).collect::<String>() + "..." }
}

/// Writes the weights of every cell to the sub-folder `folder` of the output, all of them or none, so that a folder never
/// mixes two networks.
pub fn save(
    output: &OutputFolder,
    folder: &str,
    description: &Description,
    of_cell: impl Fn(usize) -> Option<CellWeights>,
) -> Result<()> {
    let mut files = Vec::new();
    for (index, cell) in description.cells.iter().enumerate() {
        let (Some(expected), Some(weights)) = (expected(cell), of_cell(index)) else { continue };
        let stem = file_name(&cell.name);
        let mut text = String::with_capacity(expected.n_stored() * 12);
        for line in expected.positions.iter().filter(|line| !line.is_empty()) {
            for &position in line {
                let _ = write!(text, "{} ", weights.weights[position]);
            }
            text.push('\n');
        }
        files.push((format!("{stem}_{}.syntxt", expected.weights_suffix), text));
        let column = |values: &[f32]| values.iter().map(|value| format!("{value}\n")).collect::<String>();
        if let (true, Some(bias)) = (expected.with_bias, &weights.bias) {
            files.push((format!("{stem}_biases.syntxt"), column(bias)));
        }
        if let Some(Statistics { mean, variance }) = &weights.statistics {
            files.push((format!("{stem}_means.syntxt"), column(mean)));
            files.push((format!("{stem}_variances.syntxt"), column(variance)));
        }
    }
    output.write_folder(folder, &files)
}

/// Whether a folder holds weights.
pub fn is_weights_folder(folder: &Path) -> bool {
    fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|e| e.file_name().to_string_lossy().ends_with(".syntxt")))
}

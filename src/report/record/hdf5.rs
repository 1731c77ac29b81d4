//! The record in one HDF5 file; spikes and potentials in the SONATA layout (`docs/record.md`).
//!
//! The file is written for one writer and many readers (HDF5's SWMR): what is appended is on disk in an order in which the
//! file is always whole, so that it can be read while the test runs and after it was killed. Therefore all groups, datasets and
//! attributes are made beforehand, and what changes is told by datasets.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use hdf5_metno::types::VarLenUnicode;
use hdf5_metno::{Dataset, File, Group, H5Type, Location};
use ndarray::ArrayView2;
use sim::network::Source;

use super::{Count, Depth, FRAMES, HDF5, Header, Pattern, Population, Sink};
use crate::failure::wrong_input;
use crate::output::{OutputFolder, file_name};

/// Elements of a chunk.
const CHUNK: usize = 8_192;
const FS_PER_MS: f64 = 1e12;
/// No answer, no decision, no synapse.
const NOTHING: i64 = -1;
/// What SONATA files say of themselves.
const SONATA_MAGIC: u32 = 0x0A7A;

type Made<T> = hdf5_metno::Result<T>;

/// How spikes are sorted, as SONATA has it.
#[derive(H5Type, Clone, Copy)]
#[repr(u8)]
#[allow(non_camel_case_types, reason = "the names are those in the file")]
#[expect(dead_code, reason = "the file lists all of them")]
enum Sorting {
    none = 0,
    by_id = 1,
    by_time = 2,
}

/// Values that grow, one dimension.
struct Column {
    dataset: Dataset,
    len: usize,
}

impl Column {
    /// As it is: a reader of SONATA may have no filters, as that of libsonata's wheels.
    fn make_plain<T: H5Type>(group: &Group, name: &str) -> Made<Self> {
        let dataset = group.new_dataset::<T>().chunk(CHUNK).shape(0..).create(name)?;
        Ok(Self { dataset, len: 0 })
    }

    fn make<T: H5Type>(group: &Group, name: &str) -> Made<Self> {
        let dataset = group.new_dataset::<T>().chunk(CHUNK).shuffle().deflate(1).shape(0..).create(name)?;
        Ok(Self { dataset, len: 0 })
    }

    fn open(group: &Group, name: &str, len: usize) -> Made<Self> {
        let dataset = group.dataset(name)?;
        dataset.resize(len)?;
        Ok(Self { dataset, len })
    }

    /// Makes it, or goes on with it after `len` values.
    fn begin<T: H5Type>(group: &Group, name: &str, len: Option<usize>) -> Made<Self> {
        match len {
            None => Self::make::<T>(group, name),
            Some(len) => Self::open(group, name, len),
        }
    }

    fn append<T: H5Type>(&mut self, values: &[T]) -> Made<()> {
        if values.is_empty() {
            return Ok(());
        }
        let end = self.len + values.len();
        self.dataset.resize(end)?;
        self.dataset.write_slice(values, self.len..end)?;
        self.len = end;
        Ok(())
    }
}

/// Rows that grow.
struct Matrix {
    dataset: Dataset,
    n_rows: usize,
    n_columns: usize,
}

impl Matrix {
    /// Makes it, or goes on with it after `n_rows` rows.
    fn begin<T: H5Type>(
        group: &Group,
        name: &str,
        n_columns: usize,
        n_rows: Option<usize>,
        is_plain: bool,
    ) -> Made<Self> {
        let Some(n_rows) = n_rows else {
            let columns = n_columns.clamp(1, CHUNK);
            let new = group.new_dataset::<T>().chunk((CHUNK / columns, columns));
            let new = if is_plain { new } else { new.shuffle().deflate(1) };
            return Ok(Self { dataset: new.shape((0.., n_columns)).create(name)?, n_rows: 0, n_columns });
        };
        let dataset = group.dataset(name)?;
        dataset.resize((n_rows, n_columns))?;
        Ok(Self { dataset, n_rows, n_columns })
    }

    /// Adds whole rows.
    fn append<T: H5Type>(&mut self, values: &[T]) -> Made<()> {
        let n_rows = values.len() / self.n_columns.max(1);
        if n_rows == 0 {
            return Ok(());
        }
        let end = self.n_rows + n_rows;
        self.dataset.resize((end, self.n_columns))?;
        let rows = ArrayView2::from_shape((n_rows, self.n_columns), values).expect("whole rows");
        self.dataset.write_slice(rows, (self.n_rows..end, ..))?;
        self.n_rows = end;
        Ok(())
    }
}

/// Columns with some values for each pattern, and where those of each end.
struct Lists {
    columns: Vec<Column>,
    ends: Column,
}

impl Lists {
    /// Makes them with `make`, or goes on with the columns of these names after `n` patterns.
    fn begin(group: &Group, names: &[&str], make: impl FnOnce() -> Made<Vec<Column>>, n: usize) -> Made<Self> {
        if n == 0 {
            return Ok(Self { columns: make()?, ends: Column::make::<u64>(group, "pattern_ends")? });
        }
        let ends = Column::open(group, "pattern_ends", n)?;
        let len = ends.dataset.read_slice_1d::<u64, _>(n - 1..n)?[0] as usize;
        let columns = names.iter().map(|name| Column::open(group, name, len)).collect::<Made<_>>()?;
        Ok(Self { columns, ends })
    }
}

/// The counts of a population, `[pattern][neuron]`.
struct Counts {
    n_neurons: usize,
    positive: Matrix,
    negative: Matrix,
}

/// A cell's potentials at regular times, `[frame][neuron]`.
struct Report {
    /// The traces that it has, by their place in the header.
    places: Vec<usize>,
    data: Matrix,
    time: Dataset,
}

/// The file.
pub struct Hdf5 {
    path: PathBuf,
    header: Header,
    file: File,
    n_patterns: Dataset,
    is_complete: Dataset,
    patterns: Vec<Column>,
    counts: Vec<Counts>,
    reads: Option<(Matrix, Vec<Option<Dataset>>)>,
    /// By population.
    spikes: Vec<Lists>,
    /// By trace.
    traces: Vec<Lists>,
    reports: Vec<Report>,
}

impl Hdf5 {
    /// Begins the file, or goes on with it after `n` patterns.
    pub fn open(output: &OutputFolder, header: Header, n: u64) -> Result<Self> {
        let path = output.path(HDF5);
        let n = usize::try_from(n)?;
        if n == 0 {
            let shown = path.display().to_string();
            return Self::begin(path, header, 0).with_context(|| format!("cannot write `{shown}`"));
        }
        let wrong = |found: String| {
            wrong_input(format!(
                "--resume: expected the record of the {n} stimuli that are answered in `{}`, found: {found}; test without --resume",
                path.display()
            ))
        };
        let found = File::open(&path).and_then(|file| file.dataset("record/patterns")?.read_scalar::<u64>());
        match found {
            Err(error) => Err(wrong(error.to_string())),
            Ok(found) if found < n as u64 => Err(wrong(format!("{found} patterns"))),
            Ok(_) => Self::begin(path.clone(), header, n).map_err(|error| wrong(format!("{error:#}"))),
        }
    }

    fn begin(path: PathBuf, header: Header, n: usize) -> Result<Self> {
        let text = serde_json::to_string(&header)?;
        let mut options = File::with_options();
        options.with_fapl(|access| access.libver_v110());
        let file = if n == 0 { options.create(&path) } else { options.open_rw(&path) }?;
        let group = |name: &str| if n == 0 { file.create_group(name) } else { file.group(name) };
        let after = (n > 0).then_some(n);
        let record = group("record")?;
        if n == 0 {
            describe(&file, &header, &text)?;
            record.new_dataset::<u64>().create("patterns")?.write_scalar(&0_u64)?;
            record.new_dataset::<u8>().create("complete")?.write_scalar(&0_u8)?;
        } else if file.attr("record")?.read_scalar::<VarLenUnicode>()?.as_str() != text {
            return Err(anyhow!("the record of another test"));
        }
        let columns = group("patterns")?;
        let patterns = ["id", "label", "response", "latency_fs", "spikes"]
            .map(|name| Column::begin::<i64>(&columns, name, after))
            .into_iter()
            .collect::<Made<Vec<_>>>()?;

        let mut counts = Vec::new();
        if header.depth >= Depth::Counts {
            let all = group("counts")?;
            for population in &header.populations {
                let group = named(&all, population, n)?;
                let n_neurons = population.len();
                let matrix = |name| Matrix::begin::<u32>(&group, name, n_neurons, after, false);
                counts.push(Counts { n_neurons, positive: matrix("positive")?, negative: matrix("negative")? });
            }
        }
        let mut reads = None;
        if header.depth >= Depth::Events {
            let all = group("reads")?;
            let matrix = Matrix::begin::<u64>(&all, "patterns", header.populations.len() - 1, after, false)?;
            let synapses = if n == 0 { all.create_group("synapses") } else { all.group("synapses") }?;
            let of_cell = |cell: &Population| -> Made<Option<Dataset>> {
                let Some([outputs, channels, height, width]) = cell.synapses else { return Ok(None) };
                let name = file_name(&cell.name);
                if n > 0 {
                    return synapses.dataset(&name).map(Some);
                }
                let new = synapses.new_dataset::<i64>().fill_value(0_i64).shape((outputs, channels, height, width));
                new.create(&name[..]).map(Some)
            };
            reads = Some((matrix, header.populations[1..].iter().map(of_cell).collect::<Made<_>>()?));
        }
        let mut spikes = Vec::new();
        if header.depth >= Depth::Raster {
            let all = group("spikes")?;
            for population in &header.populations {
                let group = named(&all, population, n)?;
                let make = || {
                    group.new_attr::<Sorting>().create("sorting")?.write_scalar(&Sorting::by_time)?;
                    let timestamps = Column::make_plain::<f64>(&group, "timestamps")?;
                    tell(&timestamps.dataset, "units", "ms")?;
                    Ok(vec![
                        timestamps,
                        Column::make_plain::<u64>(&group, "node_ids")?,
                        Column::make::<u64>(&group, "time_fs")?,
                        Column::make::<i8>(&group, "sign")?,
                    ])
                };
                spikes.push(Lists::begin(&group, &["timestamps", "node_ids", "time_fs", "sign"], make, n)?);
            }
        }
        let (mut traces, mut reports) = (Vec::new(), Vec::new());
        if !header.traces.is_empty() {
            let (all, of_cells) = (group("traces")?, group("report")?);
            for trace in &header.traces {
                let name = format!("{}:{}", file_name(&trace.cell), trace.neuron);
                let group = if n == 0 { all.create_group(&name) } else { all.group(&name) }?;
                let make = || {
                    Ok(vec![
                        Column::make::<u64>(&group, "time_fs")?,
                        Column::make::<f64>(&group, "potential")?,
                        Column::make::<i8>(&group, "fired")?,
                    ])
                };
                traces.push(Lists::begin(&group, &["time_fs", "potential", "fired"], make, n)?);
            }
            for (index, population) in header.populations.iter().enumerate().skip(1) {
                let is_of = |&place: &usize| header.traces[place].cell_index + 1 == index;
                let mut places: Vec<usize> = (0..header.traces.len()).filter(is_of).collect();
                places.sort_by_key(|&place| header.traces[place].neuron);
                if !places.is_empty() {
                    let group = named(&of_cells, population, n)?;
                    reports.push(Report::begin(&group, &header, places, after)?);
                }
            }
        }
        let (n_patterns, is_complete) = (record.dataset("patterns")?, record.dataset("complete")?);
        n_patterns.write_scalar(&(n as u64))?;
        file.flush()?;
        file.start_swmr()?;
        Ok(Self { path, header, file, n_patterns, is_complete, patterns, counts, reads, spikes, traces, reports })
    }

    fn add(&mut self, patterns: &[Pattern]) -> Made<()> {
        let number = |number: Option<u64>| number.map_or(NOTHING, |number| number as i64);
        let values: [&dyn Fn(&Pattern) -> i64; 5] = [
            &|pattern| pattern.id as i64,
            &|pattern| pattern.label as i64,
            &|pattern| number(pattern.response.map(|response| response as u64)),
            &|pattern| number(pattern.latency),
            &|pattern| pattern.n_spikes as i64,
        ];
        for (column, value) in self.patterns.iter_mut().zip(values) {
            column.append(&patterns.iter().map(value).collect::<Vec<_>>())?;
        }
        for (population, Counts { n_neurons, positive, negative }) in self.counts.iter_mut().enumerate() {
            let mut dense = [vec![0_u32; *n_neurons * patterns.len()], vec![0_u32; *n_neurons * patterns.len()]];
            for (row, pattern) in patterns.iter().enumerate() {
                for &Count { neuron, positive, negative, .. } in
                    pattern.counts.iter().filter(|count| count.population == population)
                {
                    dense[0][row * *n_neurons + neuron] = positive;
                    dense[1][row * *n_neurons + neuron] = negative;
                }
            }
            positive.append(&dense[0])?;
            negative.append(&dense[1])?;
        }
        if let Some((matrix, _)) = &mut self.reads {
            matrix.append(&patterns.iter().flat_map(|pattern| pattern.reads.iter().copied()).collect::<Vec<_>>())?;
        }
        self.add_spikes(patterns)?;
        self.add_traces(patterns)?;
        // What is counted is there.
        self.file.flush()?;
        let n = self.patterns[0].len as u64;
        self.n_patterns.write_scalar(&n)?;
        self.file.flush()
    }

    fn add_spikes(&mut self, patterns: &[Pattern]) -> Made<()> {
        for (population, Lists { columns, ends }) in self.spikes.iter_mut().enumerate() {
            let source = if population == 0 { Source::Environment } else { Source::Cell(population - 1) };
            let (mut timestamps, mut neurons, mut times, mut signs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut ends_of = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                let before = u128::from(pattern.index) * u128::from(self.header.present_time_fs);
                for spike in pattern.spikes.iter().filter(|spike| spike.source == source) {
                    let time = (spike.time - pattern.start).0;
                    timestamps.push((before + u128::from(time)) as f64 / FS_PER_MS);
                    neurons.push(spike.neuron as u64);
                    times.push(time);
                    signs.push(spike.sign.value() as i8);
                }
                ends_of.push((columns[0].len + times.len()) as u64);
            }
            columns[0].append(&timestamps)?;
            columns[1].append(&neurons)?;
            columns[2].append(&times)?;
            columns[3].append(&signs)?;
            ends.append(&ends_of)?;
        }
        Ok(())
    }

    fn add_traces(&mut self, patterns: &[Pattern]) -> Made<()> {
        for (trace, Lists { columns, ends }) in self.header.traces.iter().zip(&mut self.traces) {
            let (mut times, mut potentials, mut fired) = (Vec::new(), Vec::new(), Vec::new());
            let mut ends_of = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                let is_of =
                    |entry: &&sim::recorder::Potential| (entry.cell, entry.neuron) == (trace.cell_index, trace.neuron);
                for entry in pattern.potentials.iter().filter(is_of) {
                    times.push((entry.time - pattern.start).0);
                    potentials.push(entry.potential);
                    fired.push(entry.fired.map_or(0, |sign| sign.value() as i8));
                }
                ends_of.push((columns[0].len + times.len()) as u64);
            }
            columns[0].append(&times)?;
            columns[1].append(&potentials)?;
            columns[2].append(&fired)?;
            ends.append(&ends_of)?;
        }
        for Report { places, data, time } in &mut self.reports {
            let frames = patterns.iter().flat_map(|pattern| pattern.frames.chunks(self.header.traces.len()));
            data.append(&frames.flat_map(|frame| places.iter().map(|&place| frame[place])).collect::<Vec<_>>())?;
            time.write(&frame_times(&self.header, data.n_rows))?;
        }
        Ok(())
    }

    fn told(&self, made: Made<()>) -> Result<()> {
        made.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

impl Population {
    fn len(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl Report {
    fn begin(group: &Group, header: &Header, places: Vec<usize>, after: Option<usize>) -> Made<Self> {
        let n = places.len();
        let data = Matrix::begin::<f32>(group, "data", n, after.map(|after| after * FRAMES as usize), true)?;
        if after.is_some() {
            return Ok(Self { places, data, time: group.dataset("mapping/time")? });
        }
        tell(&data.dataset, "units", "weight")?;
        let mapping = group.create_group("mapping")?;
        let neurons: Vec<u64> = places.iter().map(|&place| header.traces[place].neuron as u64).collect();
        let node_ids = mapping.new_dataset_builder().with_data(&neurons).create("node_ids")?;
        node_ids.new_attr::<u8>().create("sorted")?.write_scalar(&1_u8)?;
        mapping.new_dataset_builder().with_data(&(0..=n as u64).collect::<Vec<_>>()).create("index_pointers")?;
        mapping.new_dataset_builder().with_data(&vec![0_u32; n]).create("element_ids")?;
        let time = mapping.new_dataset_builder().with_data(&frame_times(header, 0)).create("time")?;
        tell(&time, "units", "ms")?;
        Ok(Self { places, data, time })
    }
}

/// Start, end and step in milliseconds.
fn frame_times(header: &Header, n: usize) -> [f64; 3] {
    let of = |n: usize| n as f64 * header.present_time_fs as f64 / FRAMES as f64 / FS_PER_MS;
    [0.0, of(n), of(1)]
}

/// The group of a population.
fn named(all: &Group, population: &Population, n: usize) -> Made<Group> {
    let name = file_name(&population.name);
    if n > 0 {
        return all.group(&name);
    }
    let group = all.create_group(&name)?;
    let shape = [population.channels, population.height, population.width].map(|size| size as u64);
    group.new_attr_builder().with_data(&shape).create("shape")?;
    Ok(group)
}

/// Says what the file is of.
fn describe(file: &File, header: &Header, text: &str) -> Made<()> {
    file.new_attr::<u32>().create("magic")?.write_scalar(&SONATA_MAGIC)?;
    file.new_attr_builder().with_data(&[0_u32, 1]).create("version")?;
    let depth = format!("{:?}", header.depth).to_lowercase();
    for (name, word) in [
        ("model", &header.model),
        ("program_version", &header.version),
        ("ini_sha256", &header.ini_sha256),
        ("weights_sha256", &header.weights_sha256),
        ("float", &header.float),
        ("depth", &depth),
        ("record", &text.to_string()),
    ] {
        tell(file, name, word)?;
    }
    for (name, number) in [
        ("format", u64::from(header.format)),
        ("seed", header.seed),
        ("encoder_seed", header.encoder_seed),
        ("stimuli", header.stimuli),
        ("present_time_fs", header.present_time_fs),
    ] {
        file.new_attr::<u64>().create(name)?.write_scalar(&number)?;
    }
    Ok(())
}

/// An attribute of text.
fn tell(of: &Location, name: &str, word: &str) -> Made<()> {
    let word: VarLenUnicode = word.parse().map_err(|_| format!("`{name}` has a zero in its text"))?;
    of.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&word)
}

impl Sink for Hdf5 {
    fn append(&mut self, patterns: &[Pattern]) -> Result<()> {
        let made = self.add(patterns);
        self.told(made)
    }

    fn tell_synapses(&mut self, reads: &[Vec<Option<u64>>]) -> Result<()> {
        let Some((_, cells)) = &self.reads else { return Ok(()) };
        let write = || -> Made<()> {
            for (dataset, reads) in cells.iter().zip(reads) {
                if let Some(dataset) = dataset {
                    let reads: Vec<i64> = reads.iter().map(|reads| reads.map_or(NOTHING, |n| n as i64)).collect();
                    dataset.write_raw(&reads)?;
                }
            }
            self.file.flush()
        };
        self.told(write())
    }

    fn finish(&mut self) -> Result<()> {
        let write = || -> Made<()> {
            self.is_complete.write_scalar(&1_u8)?;
            self.file.flush()
        };
        self.told(write())
    }
}

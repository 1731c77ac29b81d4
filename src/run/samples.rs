//! Which stimuli of a test a report shows, and what is kept of them. All that is kept is bounded, whatever the model and test.

use std::collections::BTreeMap;

use anyhow::Result;
use formal::Network;
use sim::network::Source;
use sim::{Real, Sign};
use stats::Agreement;
use stimuli::{Set, StimulusId};

use super::formal_test::Evaluation;
use super::spiking_test::samples::{Extent, Sample, present};
use super::spiking_test::{Prepared, Tested};
use crate::locate;
use crate::model::Description;
use crate::report::network::{kind, sizes};
use crate::report::page::data::{
    ATLAS, Answer, Data, Detail, FILE, FOLDER, Layer, Maps, Scatter, Shown, Spiking, base64, coded,
};
use crate::report::picture;
use crate::session::Session;
use crate::transcode;

/// Stimuli of a class that both networks recognize.
const RIGHT_A_CLASS: usize = 20;
/// Bytes of all pictures of stimuli, before they are packed.
const MOST_PICTURE_BYTES: usize = 2_500_000;
/// Stimuli that are shown, whatever their size.
const MOST_SHOWN: usize = 2_500;
/// Sides of a picture.
const MOST_SIDE: usize = 64;
/// Outputs of which the scores are kept.
const MOST_SCORES: usize = 10;
/// Stimuli with maps and spikes, of each kind.
const DETAILS_A_KIND: usize = 6;
/// Neurons of all of them together.
const MOST_UNITS: usize = 250_000;
/// Neurons of one of them; more are left out by channels.
const MOST_UNITS_EACH: usize = 60_000;
/// Spikes of one of them.
const MOST_SPIKES: usize = 12_000;
/// Stimuli that activations and spikes are compared over, and points of a layer.
const SCATTER_STIMULI: usize = 50;
const SCATTER_POINTS: usize = 700;

/// A spiking test that has ended.
pub struct SpikingTest<'a> {
    /// The network.
    pub prepared: &'a Prepared,
    /// What it gave.
    pub tested: &'a Tested,
}

/// Presents some stimuli again and writes what a report shows of the test.
///
/// # Errors
/// A file that cannot be written, a stimulus that cannot be read; Ctrl-C.
pub fn write<F: Real>(
    session: &Session,
    network: &mut Network,
    ids: &[StimulusId],
    formal: &Evaluation,
    spiking: Option<&SpikingTest<'_>>,
    weights_sha256: &str,
) -> Result<()> {
    let description = &session.description;
    let answers = answers(session, ids, formal, spiking);
    let shape = session.provider.shape();
    let (side, bytes) = (shape.width.max(shape.height).div_ceil(MOST_SIDE), if shape.channels == 3 { 3 } else { 1 });
    let picture_bytes = (shape.width.div_ceil(side) * shape.height.div_ceil(side) * bytes).max(1);
    let places = shown(&answers, (MOST_PICTURE_BYTES / picture_bytes).min(MOST_SHOWN));
    let mut seen = Seen { session, network, ids };
    let mut data = Data {
        model: description.name.clone(),
        ini: text(description),
        ini_sha256: description.sha256.clone(),
        weights_sha256: weights_sha256.to_string(),
        classes: session.database().label_names().to_vec(),
        layers: layers(session, spiking),
        target_layer: session.target_cell() + 1,
        spiking: spiking.map(|_| Spiking { present_time_fs: session.options.present_time.0, ..Spiking::default() }),
        ..Data::default()
    };
    let stimuli: Vec<Vec<f32>> = places.iter().map(|&place| seen.values(place)).collect::<Result<_>>()?;
    let (atlas, png) = picture::atlas(&stimuli, shape, side)?;
    data.atlas = atlas;
    let chosen =
        details(&answers, &places, session.description.cells.iter().map(|c| c.output_shape.n_elements()).sum());
    let details: Vec<usize> = chosen.iter().map(|&shown| places[shown]).collect();
    let (mut early, mut whole) = (Vec::new(), Vec::new());
    if let Some(SpikingTest { prepared, .. }) = spiking {
        early = present::<F>(session, prepared, ids, &places, Extent::ToDecision)?;
        whole = present::<F>(session, prepared, ids, &details, Extent::Whole)?;
        let first: Vec<usize> = (0..ids.len().min(SCATTER_STIMULI)).collect();
        let samples = present::<F>(session, prepared, ids, &first, Extent::Whole)?;
        let full_scale = full_scale(session);
        if let Some(full_scale) = full_scale {
            data.scatter = scatter(&mut seen, prepared, &first, &samples, full_scale)?;
        }
        if let Some(data) = &mut data.spiking {
            (data.full_scale, data.scatter_stimuli) = (full_scale, first.len());
        }
    }
    for (number, &place) in places.iter().enumerate() {
        data.shown.push(seen.shown(place, early.get(number))?);
    }
    for (number, &shown) in chosen.iter().enumerate() {
        let (place, early) = (places[shown], early.get(shown));
        data.details.push(seen.detail(shown, place, early, whole.get(number))?);
    }
    data.answers = answers;
    session.output.write(format!("{FOLDER}/{ATLAS}"), png)?;
    session.output.write(format!("{FOLDER}/{FILE}"), serde_json::to_string(&data)? + "\n")
}

fn text(description: &Description) -> String {
    let file = &description.stimuli.span.file;
    let shipped = file.strip_suffix(" (shipped)").and_then(locate::shipped_model);
    shipped.map_or_else(|| locate::model(file).map(|model| model.text).unwrap_or_default(), |model| model.text)
}

fn answers(
    session: &Session,
    ids: &[StimulusId],
    formal: &Evaluation,
    spiking: Option<&SpikingTest<'_>>,
) -> Vec<Answer> {
    let of = |(place, (&id, &formal)): (usize, (&StimulusId, &usize))| {
        let answer = spiking.and_then(|spiking| spiking.tested.answers.get(place));
        Answer {
            target: session.class(id),
            formal,
            spiking: answer.and_then(|answer| answer.response),
            latency_fs: answer.and_then(|answer| answer.latency),
        }
    };
    ids.iter().zip(&formal.estimates).enumerate().map(of).collect()
}

fn layers(session: &Session, spiking: Option<&SpikingTest<'_>>) -> Vec<Layer> {
    let shape = session.provider.shape();
    let counted = |layer: usize| spiking.map(|spiking| &spiking.tested.statistics.layers[layer]);
    let mut layers = vec![Layer {
        name: "env".to_string(),
        kind: "stimulus".to_string(),
        shape: [shape.channels, shape.height, shape.width],
        events: counted(0).map(|layer| layer.events),
        ..Layer::default()
    }];
    for (index, cell) in session.description.cells.iter().enumerate() {
        let (size, shape) = (sizes(cell), cell.output_shape);
        let input = |&input: &formal::config::Source| match input {
            formal::config::Source::Stimuli => 0,
            formal::config::Source::Cell(cell) => cell + 1,
        };
        layers.push(Layer {
            name: cell.name.clone(),
            kind: kind(cell),
            shape: [shape.channels, shape.height, shape.width],
            inputs: cell.inputs.iter().map(input).collect(),
            synapses: size.synapses,
            virtual_synapses: size.virtual_synapses,
            events: counted(index + 1).map(|layer| layer.events),
            reads: counted(index + 1).map(|layer| layer.reads),
        });
    }
    layers
}

/// Whether an answer, of whatever network, is not the class; with spikes anywhere in the test, none is wrong, too.
fn is_wrong(answer: &Answer, has_spikes: bool) -> bool {
    answer.formal != answer.target || (has_spikes && answer.spiking != Some(answer.target))
}

fn has_spikes(answers: &[Answer]) -> bool {
    answers.iter().any(|answer| answer.spiking.is_some())
}

/// The places to show: of each class the first that all recognize, and what is wrong; where that is too much, as many of
/// each pair of class and answer.
fn shown(answers: &[Answer], most: usize) -> Vec<usize> {
    let has_spikes = has_spikes(answers);
    let mut right: BTreeMap<usize, usize> = BTreeMap::new();
    let mut pairs: BTreeMap<(bool, usize, Option<usize>), usize> = BTreeMap::new();
    let mut next = |key| {
        let n = pairs.entry(key).or_default();
        *n += 1;
        *n
    };
    let mut ranked = Vec::new();
    for (place, answer) in answers.iter().enumerate() {
        if is_wrong(answer, has_spikes) {
            let mut rank = usize::MAX;
            if answer.formal != answer.target {
                rank = next((false, answer.target, Some(answer.formal)));
            }
            if has_spikes && answer.spiking != Some(answer.target) {
                rank = rank.min(next((true, answer.target, answer.spiking)));
            }
            ranked.push((rank, place));
        } else {
            let n = right.entry(answer.target).or_default();
            *n += 1;
            if *n <= RIGHT_A_CLASS {
                ranked.push((*n, place));
            }
        }
    }
    ranked.sort_unstable();
    let mut places: Vec<usize> = ranked.into_iter().take(most).map(|(_, place)| place).collect();
    places.sort_unstable();
    places
}

/// Which of the shown stimuli are told in full: as many right ones, one a class first, as wrong ones and as ones that frames
/// and spikes disagree about; ascending.
fn details(answers: &[Answer], places: &[usize], units: usize) -> Vec<usize> {
    let has_spikes = has_spikes(answers);
    let each = (MOST_UNITS / units.clamp(1, MOST_UNITS_EACH) / 3).clamp(1, DETAILS_A_KIND);
    let mut of_class: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut right, mut wrong, mut disagreeing) = (Vec::new(), Vec::new(), Vec::new());
    for (shown, &place) in places.iter().enumerate() {
        let answer = &answers[place];
        if has_spikes && answer.spiking != Some(answer.formal) {
            disagreeing.push(shown);
        } else if is_wrong(answer, has_spikes) {
            wrong.push(shown);
        } else {
            let n = of_class.entry(answer.target).or_default();
            *n += 1;
            right.push((*n, answer.target, shown));
        }
    }
    right.sort_unstable();
    let right = right.into_iter().map(|(_, _, shown)| shown).take(each);
    let mut chosen: Vec<usize> =
        right.chain(wrong.into_iter().take(each)).chain(disagreeing.into_iter().take(each)).collect();
    chosen.sort_unstable();
    chosen
}

/// Spikes of a pixel of value 1 in a whole presentation, where the coding has a rate.
fn full_scale(session: &Session) -> Option<f64> {
    let period = transcode::period_of_one(&session.description.stimuli.encoder.clone().unwrap_or_default())?;
    Some(session.options.present_time.0 as f64 / period)
}

/// Compares the activations of the first stimuli with their spikes.
fn scatter(
    seen: &mut Seen<'_>,
    prepared: &Prepared,
    places: &[usize],
    samples: &[Sample],
    full_scale: f64,
) -> Result<Vec<Scatter>> {
    let factors: Vec<f64> = prepared.factors().iter().map(|factor| factor.factor).collect();
    let units = transcode::units(&seen.session.description, &factors);
    let units: Vec<Option<f64>> = std::iter::once(Some(1.0)).chain(units).collect();
    let mut pairs: Vec<Vec<(f32, i64)>> = vec![Vec::new(); units.len()];
    let mut sums = vec![Agreement::default(); units.len()];
    for (&place, sample) in places.iter().zip(samples) {
        let activations = seen.activations(place)?;
        for (layer, activations) in activations.iter().enumerate() {
            // Inputs on several scales have no number of spikes that an activation asks for.
            let Some(unit) = units[layer] else { continue };
            for (&activation, &net) in activations.iter().zip(&sample.net[layer]) {
                let expected = f64::from(activation) * full_scale / unit;
                sums[layer].add(expected, net as f64);
                if expected != 0.0 || net != 0 {
                    pairs[layer].push((expected as f32, net));
                }
            }
        }
    }
    let of_layer = |(pairs, sum): (Vec<(f32, i64)>, Agreement)| {
        let every = pairs.len().div_ceil(SCATTER_POINTS).max(1);
        let points = pairs.iter().step_by(every).map(|&(expected, net)| ((expected * 100.0).round() / 100.0, net));
        Scatter { points: points.collect(), pairs: sum.pairs, correlation: sum.correlation(), slope: sum.slope() }
    };
    Ok(pairs.into_iter().zip(sums).map(of_layer).collect())
}

/// The stimuli of a test as the frame network sees them.
struct Seen<'a> {
    session: &'a Session,
    network: &'a mut Network,
    ids: &'a [StimulusId],
}

impl Seen<'_> {
    fn values(&self, place: usize) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.session.provider.shape().n_elements()];
        self.session.load_batch(&self.ids[place..=place], Set::Test, &mut values)?;
        Ok(values)
    }

    /// The stimulus, then what each cell gives.
    fn activations(&mut self, place: usize) -> Result<Vec<Vec<f32>>> {
        let values = self.values(place)?;
        self.network.infer(&values, 1);
        self.network.check()?;
        let cells = &self.session.description.cells;
        let outputs = cells
            .iter()
            .enumerate()
            .map(|(cell, description)| self.network.output(cell)[..description.output_shape.n_elements()].to_vec());
        let outputs: Vec<Vec<f32>> = outputs.collect();
        Ok(std::iter::once(values).chain(outputs).collect())
    }

    fn shown(&mut self, place: usize, early: Option<&Sample>) -> Result<Shown> {
        let layer = self.session.target_cell() + 1;
        let activations = self.activations(place)?;
        let id = self.ids[place];
        let rounded = |value: f32| (f64::from(value) * 1e4).round() / 1e4;
        Ok(Shown {
            place,
            id,
            name: self.session.database().name(id),
            formal_scores: best(activations[layer].iter().map(|&value| rounded(value)), f64::total_cmp),
            spike_scores: early.map_or(Vec::new(), |sample| best(sample.net[layer].iter().copied(), i64::cmp)),
            spikes: early.map_or(0, |sample| sample.n_spikes),
            reads: early.map_or(0, |sample| sample.reads),
        })
    }

    fn detail(&mut self, shown: usize, place: usize, early: Option<&Sample>, whole: Option<&Sample>) -> Result<Detail> {
        let activations = self.activations(place)?;
        let mut detail = Detail { shown, ..Detail::default() };
        if let Some(sample) = early {
            let sizes: Vec<usize> = activations.iter().map(Vec::len).collect();
            raster(&mut detail, sample, &sizes);
        }
        let shape = self.session.provider.shape();
        let cells = self.session.description.cells.iter().map(|cell| cell.output_shape);
        let shapes: Vec<_> = std::iter::once(shape).chain(cells).collect();
        let units = |most: usize| shapes.iter().map(|shape| shape.channels.min(most) * shape.plane()).sum::<usize>();
        let most = shapes.iter().map(|shape| shape.channels).max().unwrap_or(1);
        let halves = std::iter::successors(Some(most), |most| (*most > 1).then_some(most / 2));
        let channels = halves.clone().find(|&most| units(most) <= MOST_UNITS_EACH).or(halves.last()).unwrap_or(1);
        for (layer, (activations, shape)) in activations.iter().zip(&shapes).enumerate() {
            let n = shape.channels.min(channels) * shape.plane();
            let scale = activations[..n].iter().fold(0_f32, |scale, value| scale.max(value.abs()));
            let part = |value: &f32| (value / scale.max(f32::MIN_POSITIVE) * 32767.0).round() as i16;
            let net = whole.map_or(&[][..], |sample| &sample.net[layer][..n]);
            detail.maps.push(Maps {
                channels: shape.channels.min(channels),
                scale: f64::from(scale),
                frames: coded(activations[..n].iter().map(part)),
                spikes: coded(net.iter().map(|&net| net.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16)),
            });
        }
        Ok(detail)
    }
}

/// The best numbers, each with its place; of equal ones the first come first.
fn best<T: Copy>(values: impl Iterator<Item = T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<(usize, T)> {
    let mut all: Vec<(usize, T)> = values.enumerate().collect();
    all.sort_by(|a, b| order(&b.1, &a.1).then(a.0.cmp(&b.0)));
    all.truncate(MOST_SCORES);
    all
}

/// The first spikes of a sample, coded.
fn raster(detail: &mut Detail, sample: &Sample, sizes: &[usize]) {
    let spikes = &sample.spikes[..sample.spikes.len().min(MOST_SPIKES)];
    let first: Vec<usize> = sizes
        .iter()
        .scan(0, |sum, size| {
            *sum += size;
            Some(*sum - size)
        })
        .collect();
    detail.span_fs = spikes.last().map_or(0, |spike| spike.time.0);
    detail.is_cut = spikes.len() < sample.spikes.len();
    let span = detail.span_fs.max(1) as f64;
    let (mut times, mut units) = (Vec::new(), Vec::new());
    for spike in spikes {
        let layer = match spike.source {
            Source::Environment => 0,
            Source::Cell(cell) => cell + 1,
        };
        let part = (spike.time.0 as f64 / span * 65535.0).round() as u16;
        times.extend(part.to_le_bytes());
        let negative = if spike.sign == Sign::Negative { 1 << 31 } else { 0 };
        units.extend(((first[layer] + spike.neuron) as u32 | negative).to_le_bytes());
    }
    (detail.times, detail.units) = (base64(&times), base64(&units));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(target: usize, formal: usize, spiking: usize) -> Answer {
        Answer { target, formal, spiking: Some(spiking), latency_fs: None }
    }

    #[test]
    fn all_that_is_wrong_is_shown_and_of_what_is_right_the_first() {
        let mut answers = vec![answer(0, 0, 0); 30];
        answers.extend([answer(1, 0, 1), answer(1, 1, 0), answer(2, 1, 1)]);
        let places = shown(&answers, 1000);
        assert_eq!(places, (0..20).chain(30..33).collect::<Vec<_>>());
        assert_eq!(details(&answers, &places, 10), [0, 1, 2, 3, 4, 5, 20, 21, 22]);
    }

    #[test]
    fn where_there_is_too_much_every_pair_has_a_share() {
        let mut answers = vec![answer(0, 1, 1); 50];
        answers.extend(vec![answer(2, 3, 3); 2]);
        assert_eq!(shown(&answers, 4), [0, 1, 50, 51]);
    }

    #[test]
    fn the_best_scores_come_first() {
        assert_eq!(best([1, 5, 5, 0].into_iter(), i64::cmp), [(1, 5), (2, 5), (0, 1), (3, 0)]);
    }
}

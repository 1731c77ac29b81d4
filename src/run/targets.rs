//! Targets at work: what labels mean for each of them, what their outputs say, and how that is scored (`formal.md` 10).
//!
//! A [`Judge`] holds what the targets of a model want of stimuli; a [`Verdict`] is what became of one stimulus.

mod evaluation;
mod meaning;
pub mod regions;
mod tally;
mod wanted;

use anyhow::Result;
use formal::{Network, Wanted};
use stimuli::{Database, Roi, Set, Shape, StimulusId};

pub use evaluation::{Evaluated, RegionTally, Shown, TargetResult, evaluate};
use meaning::MOST_TOLD;
pub use meaning::Meaning;
pub use tally::{Compared, Estimates, Score, Tally};

use self::regions::{Area, Found, Outcome, Truth, Votes, boxes, components, in_image, matched};
use self::wanted::Scale;
use crate::config::{Fault, Faults};
use crate::failure::wrong_input;
use crate::model::{Description, RoiRules, TargetDescription, TargetKind};
use crate::report;
use crate::report::progress::note;
use crate::session::Session;

/// A target with what labels mean for it.
pub struct Target<'a> {
    /// As the model describes it.
    pub description: &'a TargetDescription,
    /// What labels mean.
    pub meaning: Meaning,
    /// Shape of its outputs.
    pub shape: Shape,
    /// Classes that it tells apart, the one of a mask not among them.
    pub n_classes: usize,
    /// Folder of its files.
    pub folder: String,
}

impl Target<'_> {
    /// Whether it has a score of its own.
    pub fn is_scored(&self) -> bool {
        self.description.kind == TargetKind::Score && self.has_classes()
    }

    /// Whether its outputs say a class at each position, and neither regions nor what the stimulus was.
    pub fn has_classes(&self) -> bool {
        self.rules().is_none() && !self.description.is_data
    }

    /// The rules by which it finds regions, if it does.
    pub fn rules(&self) -> Option<&RoiRules> {
        match &self.description.kind {
            TargetKind::Rois(rules) => Some(rules),
            _ => None,
        }
    }

    /// Classes of its confusion matrix: with a mask one more.
    pub fn n_counted(&self) -> usize {
        self.n_classes + usize::from(self.has_void())
    }

    /// Whether its confusion matrix has a row and a column for what a mask hides.
    pub fn has_void(&self) -> bool {
        self.rules().is_none() && self.description.mask.is_some_and(|mask| mask.class.is_some())
    }

    /// Whether its outputs are a map.
    pub fn is_map(&self) -> bool {
        self.shape.plane() > 1
    }
}

/// What a batch was loaded with, beside the stimuli.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Label ids, `[stimulus][y][x]`, or one a stimulus.
    pub map: Vec<i32>,
    /// Regions of each stimulus.
    pub rois: Vec<Vec<Roi>>,
}

/// The targets of a model.
pub struct Judge<'a> {
    /// In the order of the model: the first is the primary one.
    pub targets: Vec<Target<'a>>,
    /// Those that learn, by their numbers, in the order of the network's targets.
    pub trained: Vec<usize>,
    /// What is odd about the mappings.
    warnings: Vec<String>,
    /// Labels that have no class and are ignored, as was asked for, with file and line.
    pub left_out: Vec<String>,
    /// Shape of a label map.
    labels: Shape,
    /// Shape of a stimulus.
    image: Shape,
}

/// What became of a stimulus at one target.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What the outputs say.
    pub estimates: Estimates,
    /// What is wanted, `[y][x]`.
    pub wanted: Vec<i32>,
    /// Which positions count, where not all do.
    pub mask: Option<Vec<bool>>,
    /// Regions, of a target that finds them.
    pub regions: Option<Regions>,
}

/// Regions of a stimulus.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Those found, the greatest score first.
    pub found: Vec<Found>,
    /// The true ones.
    pub truths: Vec<Truth>,
}

impl<'a> Judge<'a> {
    /// What the targets of the session's model want of its database.
    ///
    /// # Errors
    /// Labels that a mapping contradicts itself about or leaves out, all of them with file and line.
    pub fn new(session: &'a Session) -> Result<Self> {
        let (description, database) = (&session.description, session.database());
        let first = first_with_label(description, database);
        let mut faults = Vec::new();
        let mut left_out: Vec<String> = Vec::new();
        let mut warnings: Vec<String> = Vec::new();
        let mut targets = Vec::new();
        for target in &description.targets {
            let shape = description.cells[target.cell].output_shape;
            let voting = match &target.kind {
                TargetKind::Rois(RoiRules { label_target: Some(voting), .. }) => description.targets[*voting].cell,
                _ => target.cell,
            };
            let n_classes = description.cells[voting].output_shape.channels.max(2);
            let meaning = match &target.labels {
                None => Meaning::of_numbers(database.label_names(), n_classes),
                Some(mapping) => {
                    let first = |label: usize| first[label].map(|id| database.name(id));
                    let (meaning, mut remarks) = Meaning::of_file(mapping, database.label_names(), n_classes, first);
                    if session.options.skip_bad {
                        for (line, message) in remarks.missing.drain(..) {
                            let text = format!("{}, line {line}: {message}", mapping.file);
                            if !left_out.contains(&text) {
                                left_out.push(text);
                            }
                        }
                    }
                    for warning in remarks.warnings {
                        if !warnings.contains(&warning) {
                            warnings.push(warning);
                        }
                    }
                    let more = remarks.missing.len().saturating_sub(MOST_TOLD);
                    if let Some((_, message)) = remarks.missing.get_mut(MOST_TOLD - 1).filter(|_| more > 0) {
                        message.push_str(&format!("; and {more} more"));
                    }
                    remarks.missing.truncate(MOST_TOLD);
                    for (line, message) in remarks.faults.into_iter().chain(remarks.missing) {
                        let span = crate::model::Span { file: mapping.file.clone(), line };
                        faults.push(Fault::at(&span, &description.stimuli.span.file, &target.name, message));
                    }
                    meaning
                }
            };
            let folder = crate::output::file_name(&target.name);
            targets.push(Target { description: target, meaning, shape, n_classes, folder });
        }
        if !faults.is_empty() {
            let path = description.stimuli.span.file.clone();
            return Err(wrong_input(Faults { path, faults }.to_string()));
        }
        let image = session.provider.shape();
        let labels = if session.provider.is_composite() { image } else { Shape { width: 1, height: 1, ..image } };
        Ok(Self { targets, trained: crate::assemble::trained_targets(description), warnings, left_out, labels, image })
    }

    /// Prints what is odd about the mappings and writes what they mean, at the start of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn tell(&self, session: &Session) -> Result<()> {
        self.warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
        self.targets.iter().try_for_each(|target| report::targets::write_meaning(session, target))
    }

    /// Loads stimuli as they are tested.
    ///
    /// # Errors
    /// A stimulus that cannot be read.
    pub fn load(&self, session: &Session, ids: &[StimulusId], set: Set, values: &mut [f32]) -> Result<Labels> {
        let mut labels = Labels { map: vec![-1; ids.len() * self.n_labels()], rois: Vec::new() };
        let done = session.provider.load_labeled_batch(ids, set, values, &mut labels.map, &mut labels.rois);
        done.map(|()| labels).map_err(|e| wrong_input(e.to_string()))
    }

    /// Loads stimuli as they are learned, as the presentations `first` and on of the run.
    ///
    /// # Errors
    /// A stimulus that cannot be read.
    pub fn load_presentations(
        &self,
        session: &Session,
        ids: &[StimulusId],
        first: u64,
        values: &mut [f32],
    ) -> Result<Labels> {
        let mut labels = Labels { map: vec![-1; ids.len() * self.n_labels()], rois: Vec::new() };
        let Labels { map, rois } = &mut labels;
        let done = session.provider.load_labeled_presentations(ids, Set::Learn, first, values, map, rois);
        done.map(|()| labels).map_err(|e| wrong_input(e.to_string()))
    }

    /// The outputs of the stimulus at a place of the last batch, one a target.
    pub fn outputs<'n>(&self, network: &'n Network, place: usize) -> Vec<&'n [f32]> {
        let output = |target: &Target<'_>| {
            let n = target.shape.n_elements();
            &network.output(target.description.cell)[place * n..][..n]
        };
        self.targets.iter().map(output).collect()
    }

    /// Label ids of a stimulus.
    pub fn n_labels(&self) -> usize {
        self.labels.plane()
    }

    /// The class that a target wants at each position of its output, `[y][x]`, of the label ids of a stimulus.
    pub fn wanted(&self, target: usize, labels: &[i32]) -> Vec<i32> {
        let Target { description, meaning, shape, n_classes, .. } = &self.targets[target];
        let mut map = vec![-1; shape.plane()];
        let scale = Scale { meaning, n_classes: *n_classes, weak_class: description.weak_class };
        scale.target_map(labels, self.labels, *shape, &mut map);
        map
    }

    /// What the targets that learn want of a batch.
    pub fn wanted_of_batch(&self, labels: &Labels) -> Vec<Vec<i32>> {
        let of_target = |&target: &usize| {
            let stimuli = labels.map.chunks_exact(self.n_labels());
            stimuli.flat_map(|labels| self.wanted(target, labels)).collect()
        };
        self.trained.iter().map(of_target).collect()
    }

    /// Label ids of the stimulus at a place of a batch.
    pub fn labels_of<'l>(&self, labels: &'l Labels, place: usize) -> &'l [i32] {
        &labels.map[place * self.n_labels()..][..self.n_labels()]
    }

    /// Judges a stimulus by the outputs `[c][y][x]` of all cells that targets stand on, one a target.
    pub fn verdicts(&self, outputs: &[&[f32]], labels: &[i32], rois: &[Roi]) -> Vec<Verdict> {
        let mut verdicts = self.verdicts_of_positions(outputs, labels);
        for (index, target) in self.targets.iter().enumerate() {
            if let Some(rules) = target.rules() {
                verdicts[index].regions = Some(self.regions(index, rules, &verdicts, outputs, (labels, rois)));
            }
        }
        verdicts
    }

    /// The same without regions.
    pub fn verdicts_of_positions(&self, outputs: &[&[f32]], labels: &[i32]) -> Vec<Verdict> {
        let of_target = |(target, outputs): (&Target<'_>, &&[f32])| Verdict {
            estimates: Estimates::new(outputs, target.shape, target.description.binary_threshold),
            ..Verdict::default()
        };
        let mut verdicts: Vec<Verdict> = self.targets.iter().zip(outputs).map(of_target).collect();
        for index in 0..verdicts.len() {
            verdicts[index].wanted = self.wanted(index, labels);
            verdicts[index].mask = self.mask(index, &verdicts);
        }
        verdicts
    }

    /// Which positions of a target count.
    fn mask(&self, target: usize, verdicts: &[Verdict]) -> Option<Vec<bool>> {
        let mask = self.targets[target].description.mask?;
        let class = mask.class?;
        Some(verdicts[mask.target].estimates.classes.iter().map(|&found| found == class).collect())
    }

    fn regions(
        &self,
        index: usize,
        rules: &RoiRules,
        verdicts: &[Verdict],
        outputs: &[&[f32]],
        (labels, rois): (&[i32], &[Roi]),
    ) -> Regions {
        let target = &self.targets[index];
        let voting = rules.label_target.unwrap_or(index);
        let mask = self.targets[voting].description.mask;
        let weights =
            mask.filter(|mask| mask.weighs_votes).map(|mask| verdicts[mask.target].estimates.values.as_slice());
        let votes = Votes {
            outputs: outputs[voting],
            shape: self.targets[voting].shape,
            mask: verdicts[voting].mask.as_deref(),
            weights,
        };
        let found = boxes(rules, &verdicts[index].estimates, target.shape.width).into_iter().map(|(_, area)| {
            let (class, score) = votes.winner(area);
            Found { class, score, area: in_image(area, target.shape, self.image), outcome: Outcome::FalsePositive }
        });
        let truths = self.truths(target, rules, labels, rois);
        Regions { found: matched(found.collect(), &truths, rules.min_overlap), truths }
    }

    /// The true regions: those of the stimulus, else those of its label map.
    fn truths(&self, target: &Target<'_>, rules: &RoiRules, labels: &[i32], rois: &[Roi]) -> Vec<Truth> {
        let image = self.image;
        let truth = |class: i32, [x0, y0, x1, y1]: [i32; 4]| Truth {
            class,
            area: Area { x0, y0, x1, y1 }.cut(image.width, image.height),
        };
        if !rois.is_empty() || labels.len() == 1 || !rules.generates_label_rois {
            let of_roi = |roi: &Roi| truth(target.meaning.class(roi.label as i32), roi.outline.bounds());
            let is_seen = |truth: &Truth| truth.area.width() > 0 && truth.area.height() > 0;
            return rois.iter().map(of_roi).filter(is_seen).collect();
        }
        let class = |&label: &i32| usize::try_from(target.meaning.class(label)).unwrap_or(0);
        let classes: Vec<usize> = labels.iter().map(class).collect();
        components(&classes, self.labels.width)
            .into_iter()
            .map(|found| Truth { class: found.class as i32, area: found.area })
            .collect()
    }
}

/// The first stimulus of any set that has each label, if one has.
fn first_with_label(description: &Description, database: &Database) -> Vec<Option<StimulusId>> {
    let mut first = vec![None; database.label_names().len()];
    for id in Set::ALL.into_iter().flat_map(|set| database.set(set)).copied() {
        let whole = database.label(id).filter(|_| !description.stimuli.is_composite);
        let all = database.rois(id).iter().map(|roi| roi.label).chain(whole);
        all.for_each(|label| {
            first[label].get_or_insert(id);
        });
    }
    first
}

impl<'a> Compared<'a> {
    /// A stimulus at a target whose outputs are these.
    pub fn of(verdict: &'a Verdict, outputs: &'a [f32]) -> Self {
        Self { outputs, estimates: &verdict.estimates, wanted: &verdict.wanted, mask: verdict.mask.as_deref() }
    }
}

/// Calls `then` with what is wanted of a batch, one a target that learns.
pub fn wanted<R>(judge: &Judge<'_>, values: &[f32], labels: &Labels, then: impl FnOnce(&[Wanted<'_>]) -> R) -> R {
    let maps = judge.wanted_of_batch(labels);
    let is_data = judge.trained.iter().map(|&target| judge.targets[target].description.is_data);
    let each = is_data.zip(&maps);
    let wanted: Vec<Wanted<'_>> =
        each.map(|(is_data, map)| if is_data { Wanted::Values(values) } else { Wanted::Maps(map) }).collect();
    then(&wanted)
}

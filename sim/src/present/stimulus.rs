//! One stimulus, from its values or its spikes: whole, or up to a pause.

use super::inputs::{self, Encoded, Inputs, Listed};
use super::{Course, Outcome};
use crate::encoder::{Encoder, Presentation};
use crate::error::Error;
use crate::event::InputSpike;
use crate::lanes::{self, Isa, OnIsa};
use crate::plan::Plan;
use crate::real::Real;
use crate::recorder::{Nothing, Recorder, Seen, Watch};
use crate::state::State;
use crate::time::{SimTime, Span};

/// What came of a presentation that may pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It ended.
    Done(Outcome),
    /// It waits in the state for [`resume`], or for another presentation that takes its place.
    Paused,
}

/// Presents a stimulus, its values turned into spikes by the encoder.
///
/// The spikes depend on the plan, the encoder, the seed and the presentation alone: neither on what the state saw before,
/// nor on the order or the thread in which stimuli are presented.
///
/// # Panics
///
/// Panics when the number of values is not that of the input's elements, the presentation goes past the end of time, or the
/// state was made for another plan.
pub fn present<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    encoder: &Encoder,
    seed: u64,
    presentation: &Presentation<'_>,
    recorder: &mut impl Recorder,
) -> Outcome {
    begin(plan, state, encoder, seed, presentation);
    let Progress::Done(outcome) = go_on(plan, state, encoder, None, recorder) else {
        unreachable!("what never pauses ends")
    };
    outcome
}

/// Presents a stimulus as [`present`] does, or begins to: before each instant at which something happens `pause` is asked,
/// and where it says yes, the presentation waits in the state.
///
/// A [`resume`] leads to the same spikes, counts and potentials as if it had never paused.
///
/// # Panics
///
/// As [`present`].
pub fn present_until<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    encoder: &Encoder,
    seed: u64,
    presentation: &Presentation<'_>,
    recorder: &mut impl Recorder,
    pause: &mut impl FnMut(SimTime) -> bool,
) -> Progress {
    begin(plan, state, encoder, seed, presentation);
    go_on(plan, state, encoder, Some(pause), recorder)
}

/// Goes on with the presentation that waits in the state, with the same encoder, until it ends or pauses again. The recorder
/// sees the spikes from here on.
///
/// # Panics
///
/// Panics when none waits, or the state was made for another plan.
pub fn resume<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    encoder: &Encoder,
    recorder: &mut impl Recorder,
    pause: &mut impl FnMut(SimTime) -> bool,
) -> Progress {
    go_on(plan, state, encoder, Some(pause), recorder)
}

/// Presents spikes at given times, in any order. A duration alone is a span that starts at zero.
///
/// # Errors
///
/// Refuses a span that goes past the end of time, and a spike of a pixel that is not there or outside the span; the state is
/// then as before.
///
/// # Panics
///
/// Panics when the state was made for another plan.
pub fn present_spikes<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    spikes: &[InputSpike],
    span: impl Into<Span>,
    recorder: &mut impl Recorder,
) -> Result<Outcome, Error> {
    let span = span.into();
    let spikes = inputs::sorted(spikes, plan.network.input.len(), span)?;
    state.reset(plan);
    let mut course = Course::new(span);
    let source = Source::Listed(Listed::new(&spikes));
    Run { plan, state, source, course: &mut course }.watched(recorder);
    Ok(course.outcome(state))
}

/// Makes a stimulus wait at its beginning.
fn begin<F: Real>(plan: &Plan<F>, state: &mut State<F>, encoder: &Encoder, seed: u64, presentation: &Presentation<'_>) {
    assert_eq!(presentation.values.len(), plan.network.input.len(), "a presentation has one value an input element");
    if let Err(error) = presentation.span().end() {
        panic!("{error}");
    }
    state.reset(plan);
    state.inputs.fill(encoder, seed, presentation);
    state.paused = Some(Course::new(presentation.span()));
}

fn go_on<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    encoder: &Encoder,
    pause: Option<&mut dyn FnMut(SimTime) -> bool>,
    recorder: &mut impl Recorder,
) -> Progress {
    let mut course = state.paused.take().expect("a presentation waits in the state");
    let mut queue = std::mem::take(&mut state.inputs);
    let inputs = Encoded::new(&mut queue, encoder);
    let source = match pause {
        None => Source::Encoded(inputs),
        Some(pause) => Source::Pausing(inputs, pause),
    };
    let is_done = Run { plan, state, source, course: &mut course }.watched(recorder);
    state.inputs = queue;
    if is_done {
        return Progress::Done(course.outcome(state));
    }
    state.paused = Some(course);
    Progress::Paused
}

impl Course {
    fn outcome<F: Real>(&self, state: &State<F>) -> Outcome {
        let on_the_runs_clock = |time: u64| SimTime(self.clock.start + time);
        Outcome {
            response: state.response(),
            decided_at: self.clock.decided_at.map(on_the_runs_clock),
            last_event: self.last_event.map(on_the_runs_clock),
            n_spikes: self.n_spikes,
        }
    }
}

/// Whether to pause.
pub(super) trait Pause {
    /// Whether it ever does: what never does costs nothing.
    const MAY: bool;
    /// Is asked before each instant.
    fn before(&mut self, instant: SimTime) -> bool;
}

struct Never;

impl Pause for Never {
    const MAY: bool = false;

    #[inline(always)]
    fn before(&mut self, _: SimTime) -> bool {
        false
    }
}

struct Ask<'a>(&'a mut dyn FnMut(SimTime) -> bool);

impl Pause for Ask<'_> {
    const MAY: bool = true;

    #[inline(always)]
    fn before(&mut self, instant: SimTime) -> bool {
        (self.0)(instant)
    }
}

/// Where the spikes of a run come from; those that are listed run to the end.
enum Source<'a> {
    Encoded(Encoded<'a>),
    Pausing(Encoded<'a>, &'a mut dyn FnMut(SimTime) -> bool),
    Listed(Listed<'a>),
}

/// A run about to begin, or to go on.
#[doc(hidden)]
pub struct Run<'a, F> {
    plan: &'a Plan<F>,
    state: &'a mut State<F>,
    source: Source<'a>,
    course: &'a mut Course,
}

/// Who watches a run.
#[doc(hidden)]
pub enum Watcher<'a> {
    Nobody,
    /// Neither single spikes nor potentials.
    Emissions(&'a mut dyn Watch),
    Spikes(&'a mut dyn Watch),
    Potentials(&'a mut dyn Watch),
}

impl<F: Real> Run<'_, F> {
    fn watched<R: Recorder>(self, recorder: &mut R) -> bool {
        self.state.check(self.plan);
        F::run(
            self,
            match (R::IS_NOTHING, R::SEES_SPIKES, R::SEES_POTENTIALS) {
                (true, ..) => Watcher::Nobody,
                (_, _, true) => Watcher::Potentials(recorder),
                (_, true, _) => Watcher::Spikes(recorder),
                (_, false, _) => Watcher::Emissions(recorder),
            },
        )
    }

    /// Every way to run there is, so that the widths of [`Real`] compile each of them once.
    pub(crate) fn run(self, watcher: Watcher<'_>) -> bool {
        let Self { plan, state, source, course } = self;
        match source {
            Source::Encoded(inputs) => match watcher {
                Watcher::Nobody => on_widest(plan, state, inputs, course, Never, Nothing),
                Watcher::Emissions(watch) => on_widest(plan, state, inputs, course, Never, Seen::<false, false>(watch)),
                Watcher::Spikes(watch) => on_widest(plan, state, inputs, course, Never, Seen::<true, false>(watch)),
                Watcher::Potentials(watch) => on_widest(plan, state, inputs, course, Never, Seen::<true, true>(watch)),
            },
            Source::Pausing(inputs, pause) => match watcher {
                Watcher::Nobody => on_widest(plan, state, inputs, course, Ask(pause), Nothing),
                Watcher::Emissions(watch) => {
                    on_widest(plan, state, inputs, course, Ask(pause), Seen::<false, false>(watch))
                }
                Watcher::Spikes(watch) => {
                    on_widest(plan, state, inputs, course, Ask(pause), Seen::<true, false>(watch))
                }
                Watcher::Potentials(watch) => {
                    on_widest(plan, state, inputs, course, Ask(pause), Seen::<true, true>(watch))
                }
            },
            Source::Listed(inputs) => match watcher {
                Watcher::Nobody => on_widest(plan, state, inputs, course, Never, Nothing),
                Watcher::Emissions(watch) | Watcher::Spikes(watch) | Watcher::Potentials(watch) => {
                    on_widest(plan, state, inputs, course, Never, Seen::<true, true>(watch))
                }
            },
        }
    }
}

fn on_widest<F: Real>(
    plan: &Plan<F>,
    state: &mut State<F>,
    inputs: impl Inputs,
    course: &mut Course,
    pause: impl Pause,
    recorder: impl Recorder,
) -> bool {
    lanes::on_widest(OnWidest { plan, state, inputs, course, pause, recorder })
}

struct OnWidest<'a, F, N, P, R> {
    plan: &'a Plan<F>,
    state: &'a mut State<F>,
    inputs: N,
    course: &'a mut Course,
    pause: P,
    recorder: R,
}

impl<F: Real, N: Inputs, P: Pause, R: Recorder> OnIsa for OnWidest<'_, F, N, P, R> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(mut self) -> bool {
        super::run::<F, I, P>(self.plan, self.state, &mut self.inputs, self.course, &mut self.pause, &mut self.recorder)
    }
}

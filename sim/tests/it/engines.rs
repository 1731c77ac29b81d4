//! The fast engine against the naive one, on random networks.

use proptest::prelude::*;
use sim::encoder::{Coding, EncoderConfig};
use sim::network::{Cell, Conv, Fc, Neuron, Operator, Pool, Pooling, PoolingMode, Reset, Shape, Size, Source};
use sim::recorder::{Nothing, Raster};
use sim::{
    Encoder, InputSpike, Instructions, Network, Plan, Presentation, Real, Sign, SimDuration, SimTime, State, Totals,
    limit_instructions, present, present_spikes, reference,
};

use crate::build::shape;

/// Draws the choices of a random network from a word source of proptest's, so that it shrinks.
#[derive(Clone, Debug)]
pub struct Choices {
    words: Vec<u32>,
    next: usize,
}

impl Choices {
    fn word(&mut self) -> u32 {
        let word = self.words[self.next % self.words.len()];
        // Beyond the drawn words the choices repeat, but not in step.
        let turn = (self.next / self.words.len()) as u32;
        self.next += 1;
        word.wrapping_add(turn.wrapping_mul(0x9e37_79b9)).rotate_left(turn)
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.word()) * n as u64) >> 32) as usize
    }

    pub fn within(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == one_in - 1
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn size(&mut self, from: usize, to: usize) -> Size {
        Size { width: self.within(from, to), height: self.within(from, to) }
    }

    fn neuron(&mut self) -> Neuron {
        Neuron {
            threshold: self.pick(&[1.0, 0.3, 2.5]),
            bipolar_threshold: self.chance(2),
            membrane_time_constant: SimDuration(if self.chance(3) { self.pick(&[40, 1000, 50_000]) } else { 0 }),
            refractory_period: SimDuration(if self.chance(3) { self.pick(&[1, 30, 700]) } else { 0 }),
            reset: if self.chance(3) { Reset::Zero } else { Reset::Subtract },
        }
    }

    /// Eighths make ties and exact thresholds common.
    fn weights(&mut self, n: usize) -> Vec<f64> {
        let is_coarse = self.chance(2);
        (0..n)
            .map(|_| {
                let w = f64::from(self.word()) / 4_294_967_296.0 * 2.2 - 0.9;
                if is_coarse { (w * 8.0).round() / 8.0 } else { w }
            })
            .collect()
    }

    /// Short, within the wheel's span of 4096 fs and around it, past the end, all alike.
    fn delays(&mut self, n: usize) -> Option<Vec<SimDuration>> {
        let edges = [0, 1, 4094, 4095, 4096, 4097, 8191, 8192, u64::MAX - 10];
        let delay: &dyn Fn(&mut Self) -> u64 = match self.below(9) {
            0..=3 => return None,
            4 => &|choices| choices.within(0, 3) as u64,
            5 => &|choices| choices.within(0, 500) as u64,
            6 => &|choices| choices.pick(&edges),
            7 => &|choices| choices.within(0, 30_000) as u64,
            _ => &|_| 7,
        };
        Some((0..n).map(|_| SimDuration(delay(self))).collect())
    }

    /// Potential per femtosecond, some of it exact in binary, some 0.
    fn currents(&mut self, n: usize) -> Option<Vec<f64>> {
        let all = [0.0, 0.001, -0.002, 0.001_953_125, -0.000_976_562_5, 1e-7, 0.002_5];
        let all = if self.chance(40) { [0.3, 1.25, 0.0, -0.7, 0.02, -0.02, 0.001] } else { all };
        self.chance(3).then(|| (0..n).map(|_| self.pick(&all)).collect())
    }

    fn mapping(&mut self, n: usize) -> Option<Vec<bool>> {
        let is_sparse = self.chance(4);
        self.chance(2).then(|| (0..n).map(|_| if is_sparse { self.chance(24) } else { !self.chance(3) }).collect())
    }

    fn conv(&mut self, input: Shape) -> (Conv, Shape) {
        let padding = self.size(0, 2);
        let kernel = Size {
            width: self.within(1, 4.min(input.width + 2 * padding.width)),
            height: self.within(1, 4.min(input.height + 2 * padding.height)),
        };
        let covers = self.chance(5);
        let kernel = if covers { Size { width: input.width, height: input.height } } else { kernel };
        let padding = if covers { Size::square(0) } else { padding };
        let stride = self.size(1, 3);
        let sub_sample = if self.chance(3) { self.size(1, 3) } else { Size::square(1) };
        let n_outputs = self.within(1, 9);
        let n_weights = n_outputs * input.channels * kernel.width * kernel.height;
        let conv = Conv {
            n_outputs,
            kernel,
            stride,
            padding,
            sub_sample,
            mapping: self.mapping(n_outputs * input.channels),
            weights: self.weights(n_weights),
            delays: self.delays(n_weights),
            currents: self.currents(n_outputs),
            neuron: self.neuron(),
        };
        let height = (input.height + 2 * padding.height - kernel.height) / stride.height + 1;
        let width = (input.width + 2 * padding.width - kernel.width) / stride.width + 1;
        (conv, shape(n_outputs, height.div_ceil(sub_sample.height), width.div_ceil(sub_sample.width)))
    }

    fn fc(&mut self, input: Shape) -> (Fc, Shape) {
        let n_outputs = self.within(1, 20);
        let n_weights = n_outputs * input.len();
        let fc = Fc {
            n_outputs,
            weights: self.weights(n_weights),
            delays: self.delays(n_weights),
            currents: self.currents(n_outputs),
            neuron: self.neuron(),
            terminate_delta: if self.chance(3) { self.within(1, 5) as u32 } else { 0 },
            terminate_max: if self.chance(4) { self.within(1, 8) as u32 } else { 0 },
        };
        (fc, shape(n_outputs, 1, 1))
    }

    fn pool(&mut self, input: Shape) -> (Pool, Shape) {
        let padding = self.size(0, 1);
        let window = Size {
            width: self.within(1, 3.min(input.width + 2 * padding.width)),
            height: self.within(1, 3.min(input.height + 2 * padding.height)),
        };
        let stride = self.size(1, 3);
        let n_outputs = self.within(1, 3);
        let pool = Pool {
            n_outputs,
            pooling: self.pick(&[Pooling::Max, Pooling::Average]),
            mode: self.pick(&[PoolingMode::Approximated, PoolingMode::Exact]),
            window,
            stride,
            padding,
            mapping: self.mapping(n_outputs * input.channels),
        };
        let height = (input.height + 2 * padding.height - window.height) / stride.height + 1;
        let width = (input.width + 2 * padding.width - window.width) / stride.width + 1;
        (pool, shape(n_outputs, height, width))
    }

    pub fn network(&mut self) -> Network {
        let input = shape(self.within(1, 2), self.within(1, 7), self.within(1, 7));
        let mut shapes = vec![input];
        let mut cells = Vec::new();
        for index in 0..self.within(1, 4) {
            let first = self.below(shapes.len());
            let mut groups = vec![first];
            while self.chance(3) {
                let like = |&group: &usize| {
                    (shapes[group].height, shapes[group].width) == (shapes[first].height, shapes[first].width)
                };
                let fits: Vec<usize> = (0..shapes.len()).filter(like).collect();
                groups.push(self.pick(&fits));
            }
            let channels = groups.iter().map(|&group| shapes[group].channels).sum();
            let all = Shape { channels, ..shapes[first] };
            let (operator, output) = match self.below(3) {
                0 => {
                    let (fc, output) = self.fc(all);
                    (Operator::Fc(fc), output)
                }
                1 => {
                    let (conv, output) = self.conv(all);
                    (Operator::Conv(conv), output)
                }
                _ => {
                    let (pool, output) = self.pool(all);
                    (Operator::Pool(pool), output)
                }
            };
            let source = |&group: &usize| if group == 0 { Source::Environment } else { Source::Cell(group - 1) };
            let inputs = groups.iter().map(source).collect();
            cells.push(Cell { name: format!("cell{index}"), inputs, operator });
            shapes.push(output);
        }
        let output = self.below(cells.len());
        Network { input, cells, output }
    }

    pub fn encoder(&mut self) -> Encoder {
        let coding = self.pick(&[
            Coding::SingleBurst,
            Coding::Periodic,
            Coding::JitteredPeriodic,
            Coding::Poissonian,
            Coding::Linear,
        ]);
        let config = EncoderConfig {
            coding,
            discarded_late_stimuli: self.pick(&[1.0, 1.0, 0.6]),
            period_min: SimDuration(self.pick(&[0, 20])),
            period_mean_min: SimDuration(200),
            period_mean_max: SimDuration(5_000),
            period_rel_std_dev: self.pick(&[0.0, 0.1, 2.0]),
            max_frequency: 0.004,
            n_levels: self.pick(&[2, 7]),
        };
        Encoder::new(config).unwrap()
    }

    pub fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.pick(&[0.0, 1.0, 0.5, 0.77, -0.6, 0.1, 1.3])).collect()
    }

    /// A narrow range of times, so that much happens at the same instant.
    pub fn spikes(&mut self, n_pixels: usize) -> Vec<InputSpike> {
        let range = self.pick(&[20, 400, 3000]);
        (0..self.within(0, 80))
            .map(|_| InputSpike {
                time: SimTime(self.below(range) as u64),
                pixel: self.below(n_pixels),
                sign: Sign::from_negative(self.chance(3)),
            })
            .collect()
    }
}

pub fn choices() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u32>(), 64..192).prop_map(|words| Choices { words, next: 0 })
}

/// What a test on this CPU would not see otherwise.
const NARROWER: [Instructions; 2] = [Instructions::Portable, Instructions::Avx2];

pub const DURATION: SimDuration = SimDuration(3_000);

/// Compares all that a run leaves behind with the naive engine's report.
pub fn compare<F: Real>(
    plan: &Plan<F>,
    state: &State<F>,
    raster: Raster,
    outcome: sim::Outcome,
    report: &reference::Report<F>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(&raster, &report.raster);
    prop_assert_eq!(outcome, report.outcome);
    compare_state(plan, state, report)
}

/// The same without what a recorder has seen.
fn compare_state<F: Real>(
    plan: &Plan<F>,
    state: &State<F>,
    report: &reference::Report<F>,
) -> Result<(), TestCaseError> {
    let mut totals = Totals::new(plan);
    totals.add(state);
    prop_assert_eq!(plan.reads(&totals), report.reads.clone());
    prop_assert_eq!(&state.counts(Source::Environment), &report.counts[0]);
    for cell in 0..plan.network().cells.len() {
        prop_assert_eq!(&state.counts(Source::Cell(cell)), &report.counts[cell + 1]);
        prop_assert_eq!(&state.membrane_potentials(plan, cell), &report.membrane_potentials[cell]);
    }
    Ok(())
}

/// One state sees several stimuli, encoded and listed, with and without a recorder; each run must equal the naive engine's
/// fresh one.
fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let network = choices.network();
    let plan = Plan::<F>::new(&network).unwrap();
    let mut state = State::new(&plan);
    // The longer one reaches past the span of delayed events several times.
    let duration = choices.pick(&[DURATION, DURATION, SimDuration(20_000)]);
    for stimulus in 0..2 {
        let encoder = choices.encoder();
        let values = choices.values(network.input.len());
        let presentation = Presentation { values: &values, stimulus, start: SimTime::ZERO, duration };
        let mut raster = Raster::default();
        let outcome = present(&plan, &mut state, &encoder, 3, &presentation, &mut raster);
        let report = reference::present::<F>(&network, &encoder, 3, &presentation).unwrap();
        compare(&plan, &state, raster, outcome, &report)?;
        prop_assert_eq!(present(&plan, &mut state, &encoder, 3, &presentation, &mut Nothing), outcome);
        compare_state(&plan, &state, &report)?;

        let spikes = choices.spikes(network.input.len());
        let mut raster = Raster::default();
        let outcome = present_spikes(&plan, &mut state, &spikes, duration, &mut raster).unwrap();
        let report = reference::present_spikes::<F>(&network, &spikes, duration).unwrap();
        compare(&plan, &state, raster, outcome, &report)?;
        prop_assert_eq!(present_spikes(&plan, &mut state, &spikes, duration, &mut Nothing).unwrap(), outcome);
        compare_state(&plan, &state, &report)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_fast_engine_gives_the_naive_ones_spikes_in_f32(choices in choices()) {
        check::<f32>(choices)?;
    }

    #[test]
    fn the_fast_engine_gives_the_naive_ones_spikes_in_f64(choices in choices()) {
        check::<f64>(choices)?;
    }

    #[test]
    fn so_it_does_with_narrower_instructions(choices in choices(), most in prop::sample::select(&NARROWER[..])) {
        limit_instructions(most);
        check::<f32>(choices.clone())?;
        check::<f64>(choices)?;
        limit_instructions(Instructions::Widest);
    }

    #[test]
    fn both_pooling_modes_agree_where_counts_only_grow(mut choices in choices()) {
        let input = shape(choices.within(1, 3), choices.within(2, 6), choices.within(2, 6));
        let (mut pool, _) = choices.pool(input);
        let spikes: Vec<InputSpike> =
            choices.spikes(input.len()).into_iter().map(|spike| InputSpike { sign: Sign::Positive, ..spike }).collect();
        let rasters = [PoolingMode::Approximated, PoolingMode::Exact].map(|mode| {
            pool.mode = mode;
            let plan = Plan::<f32>::new(&crate::build::single(input, Operator::Pool(pool.clone()))).unwrap();
            let mut raster = Raster::default();
            present_spikes(&plan, &mut State::new(&plan), &spikes, DURATION, &mut raster).unwrap();
            raster
        });
        prop_assert_eq!(&rasters[0], &rasters[1]);
    }
}

#[test]
fn a_state_that_has_seen_much_gives_what_a_fresh_one_gives() {
    let mut choices = Choices { words: (0..97_u32).map(|i| i.wrapping_mul(2_654_435_761)).collect(), next: 0 };
    for _ in 0..50 {
        let network = choices.network();
        let plan = Plan::<f32>::new(&network).unwrap();
        let encoder = choices.encoder();
        let mut used = State::new(&plan);
        for stimulus in 0..5 {
            let values = choices.values(network.input.len());
            let presentation = Presentation { values: &values, stimulus, start: SimTime::ZERO, duration: DURATION };
            let mut rasters = [Raster::default(), Raster::default()];
            let outcome = present(&plan, &mut used, &encoder, 1, &presentation, &mut rasters[0]);
            let fresh = present(&plan, &mut State::new(&plan), &encoder, 1, &presentation, &mut rasters[1]);
            assert_eq!(outcome, fresh);
            assert_eq!(rasters[0], rasters[1]);
        }
    }
}

#[test]
fn threads_do_not_change_a_spike() {
    let mut choices = Choices { words: (0..101_u32).map(|i| i.wrapping_mul(2_246_822_519)).collect(), next: 0 };
    for _ in 0..10 {
        let network = choices.network();
        let plan = Plan::<f32>::new(&network).unwrap();
        let encoder = choices.encoder();
        let stimuli: Vec<Vec<f32>> = (0..24).map(|_| choices.values(network.input.len())).collect();
        let run = |n_threads: usize| {
            let mut all: Vec<(usize, sim::Outcome)> = Vec::new();
            let mut totals = Totals::new(&plan);
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..n_threads)
                    .map(|worker| {
                        let (plan, encoder, stimuli) = (&plan, &encoder, &stimuli);
                        scope.spawn(move || {
                            let (mut state, mut totals, mut outcomes) =
                                (State::new(plan), Totals::new(plan), Vec::new());
                            for i in (worker..stimuli.len()).step_by(n_threads) {
                                let presentation = Presentation {
                                    values: &stimuli[i],
                                    stimulus: i as u64,
                                    start: SimTime::ZERO,
                                    duration: DURATION,
                                };
                                let outcome = present(plan, &mut state, encoder, 1, &presentation, &mut Nothing);
                                totals.add(&state);
                                outcomes.push((i, outcome));
                            }
                            (totals, outcomes)
                        })
                    })
                    .collect();
                for worker in workers {
                    let (more, outcomes) = worker.join().unwrap();
                    totals.merge(&more);
                    all.extend(outcomes);
                }
            });
            all.sort_by_key(|&(i, _)| i);
            (all, totals)
        };
        let alone = run(1);
        assert_eq!(alone, run(2));
        assert_eq!(alone, run(3));
        assert_eq!(alone, run(8));
    }
}

//! A presentation that pauses, is written as bytes and read elsewhere goes on as if nothing had been.

use proptest::prelude::*;
use sim::network::{Operator, Source};
use sim::recorder::{Nothing, Raster};
use sim::{
    Encoder, EncoderConfig, Error, Network, Outcome, Plan, Presentation, Progress, Real, SimDuration, SimTime, State,
    Totals, present, present_until, resume,
};

use crate::build::{fc, shape, single};
use crate::engines::{Choices, DURATION, choices};

/// Says no once, for the instant at which it paused last, then yes.
fn one_instant() -> impl FnMut(SimTime) -> bool {
    let mut n_asked = 0;
    move |_| {
        n_asked += 1;
        n_asked > 1
    }
}

/// All that a run leaves behind but its raster.
fn left<F: Real>(plan: &Plan<F>, state: &State<F>) -> Vec<String> {
    let mut totals = Totals::new(plan);
    totals.add(state);
    let mut left = vec![format!("{:?}", plan.reads(&totals)), format!("{:?}", state.counts(Source::Environment))];
    for cell in 0..plan.network().cells.len() {
        left.push(format!("{:?}", state.counts(Source::Cell(cell))));
        left.push(format!("{:?}", state.membrane_potentials(plan, cell)));
    }
    left
}

/// Every instant of a stimulus is a checkpoint, and a fresh state goes on from its bytes to the next.
fn check<F: Real>(mut choices: Choices) -> Result<(), TestCaseError> {
    let network = choices.network();
    let plan = Plan::<F>::new(&network).unwrap();
    let encoder = choices.encoder();
    let values = choices.values(network.input.len());
    let start = SimTime(choices.pick(&[0, 0, 17, u64::MAX - DURATION.0]));
    let presentation = Presentation { values: &values, stimulus: 5, start, duration: DURATION };
    let (mut whole, mut raster) = (State::new(&plan), Raster::default());
    let outcome = present(&plan, &mut whole, &encoder, 3, &presentation, &mut raster);
    prop_assert_eq!(whole.to_bytes(&plan, &encoder), None);

    // One state stays in memory, the other is read from bytes at each instant.
    let (mut kept, mut read) = (State::new(&plan), State::new(&plan));
    let (mut kept_raster, mut read_raster) = (Raster::default(), Raster::default());
    let mut progress =
        present_until(&plan, &mut kept, &encoder, 3, &presentation, &mut kept_raster, &mut |_: SimTime| true);
    let mut n_instants = 0;
    if progress == Progress::Paused {
        read = State::from_bytes(&plan, &encoder, &kept.to_bytes(&plan, &encoder).unwrap()).unwrap();
    }
    while progress == Progress::Paused {
        n_instants += 1;
        progress = resume(&plan, &mut kept, &encoder, &mut kept_raster, &mut one_instant());
        prop_assert_eq!(resume(&plan, &mut read, &encoder, &mut read_raster, &mut one_instant()), progress);
        if progress == Progress::Paused {
            let bytes = read.to_bytes(&plan, &encoder).unwrap();
            prop_assert!(bytes == kept.to_bytes(&plan, &encoder).unwrap(), "after {} instants", n_instants);
            read = State::from_bytes(&plan, &encoder, &bytes).unwrap();
        }
    }
    prop_assert_eq!(progress, Progress::Done(outcome));
    prop_assert_eq!(&kept_raster, &raster);
    prop_assert_eq!(left(&plan, &kept), left(&plan, &whole));
    if n_instants > 0 {
        prop_assert_eq!(&read_raster, &raster);
        prop_assert_eq!(left(&plan, &read), left(&plan, &whole));
    }
    // The state is as good as new for the next stimulus.
    let again = present(&plan, &mut read, &encoder, 3, &presentation, &mut Nothing);
    prop_assert_eq!((again, left(&plan, &read)), (outcome, left(&plan, &whole)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_checkpoint_at_every_event_goes_on_to_the_same_spikes_in_f32(choices in choices()) {
        check::<f32>(choices)?;
    }

    #[test]
    fn a_checkpoint_at_every_event_goes_on_to_the_same_spikes_in_f64(choices in choices()) {
        check::<f64>(choices)?;
    }

    #[test]
    fn bytes_that_are_not_a_checkpoint_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (plan, encoder, _) = paused();
        prop_assert!(State::from_bytes(&plan, &encoder, &bytes).is_err());
        prop_assert!(Totals::from_bytes(&plan, &bytes).is_err());
    }

    #[test]
    fn a_changed_or_cut_checkpoint_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>(), more in 0..9_usize) {
        let (plan, encoder, bytes) = paused();
        let totals = Totals::new(&plan).to_bytes(&plan);
        for (bytes, is_state) in [(bytes, true), (totals, false)] {
            let read = |bytes: &[u8]| {
                if is_state { State::from_bytes(&plan, &encoder, bytes).err() } else { Totals::from_bytes(&plan, bytes).err() }
            };
            prop_assert_eq!(read(&bytes), None);
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] = to;
            prop_assert_eq!(read(&changed).is_some(), changed != bytes);
            prop_assert!(read(&bytes[..at]).is_some());
            let longer = [&bytes[..], &vec![to; more]].concat();
            prop_assert_eq!(read(&longer).is_some(), more > 0);
        }
    }
}

fn small() -> (Network, EncoderConfig) {
    let weights: Vec<f64> = (0..12).map(|i| f64::from(i) / 8.0 - 0.4).collect();
    let delays = (0..12).map(|i| SimDuration(i * 700_000)).collect();
    let mut cell = fc(3, &weights);
    cell.delays = Some(delays);
    let mut config = EncoderConfig { coding: sim::encoder::Coding::Poissonian, ..EncoderConfig::default() };
    (config.period_min, config.period_mean_min) = (SimDuration(0), SimDuration::ns(1));
    (single(shape(1, 2, 2), Operator::Fc(cell)), config)
}

/// A checkpoint with a little of everything in the middle of a stimulus.
fn paused() -> (Plan<f32>, Encoder, Vec<u8>) {
    let (network, config) = small();
    let (plan, encoder) = (Plan::new(&network).unwrap(), Encoder::new(config).unwrap());
    let mut state = State::new(&plan);
    let values = [1.0, 0.99, 0.9, 0.0];
    let presentation = Presentation { values: &values, stimulus: 1, start: SimTime(9), duration: SimDuration::us(1) };
    let pause = &mut |instant| instant >= SimTime(500_000_000);
    assert_eq!(present_until(&plan, &mut state, &encoder, 1, &presentation, &mut Nothing, pause), Progress::Paused);
    let bytes = state.to_bytes(&plan, &encoder).unwrap();
    (plan, encoder, bytes)
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    #[track_caller]
    fn check<T: std::fmt::Debug>(read: Result<T, Error>, parts: [&str; 2]) {
        let error = read.unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let (plan, encoder, bytes) = paused();
    let (mut network, mut config) = small();
    check(State::from_bytes(&Plan::<f64>::new(&network).unwrap(), &encoder, &bytes), ["of f64", "of f32"]);
    check(Totals::from_bytes(&plan, &bytes), ["of totals", "of a presentation"]);
    check(State::from_bytes(&plan, &encoder, &Totals::new(&plan).to_bytes(&plan)), ["of a presentation", "of totals"]);
    config.period_mean_max = SimDuration::s(1);
    let other = Encoder::new(config).unwrap();
    check(State::from_bytes(&plan, &other, &bytes), ["this encoder", "other parameters"]);
    let Operator::Fc(fc) = &mut network.cells[0].operator else { panic!("a fully connected cell") };
    fc.weights[11] += 1e-9;
    let other = Plan::<f32>::new(&network).unwrap();
    check(State::from_bytes(&other, &encoder, &bytes), ["this network", "other sizes, weights or parameters"]);
    check(Totals::from_bytes(&other, &Totals::new(&plan).to_bytes(&plan)), ["this network", "other sizes"]);
    let mut later = bytes.clone();
    later[8] = 9;
    check(State::from_bytes(&plan, &encoder, &later), ["format 1", "found format 9"]);
    check(State::from_bytes(&plan, &encoder, b"something"), ["expected a checkpoint", "something else"]);
    check(State::from_bytes(&plan, &encoder, &bytes[..20]), ["damaged", "start anew"]);
}

/// So that a checkpoint of one version is read by the next, or refused by its format.
#[test]
fn the_bytes_are_those_of_format_1() {
    let (_, _, bytes) = paused();
    let sum = bytes.iter().fold(0_u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    assert_eq!((bytes.len(), sum), (713, 6910782917538774835), "a change of the bytes needs another format");
}

#[test]
fn totals_are_read_as_they_were_written() {
    let (plan, encoder, bytes) = paused();
    let mut state = State::from_bytes(&plan, &encoder, &bytes).unwrap();
    let progress = resume(&plan, &mut state, &encoder, &mut Nothing, &mut |_: SimTime| false);
    assert!(matches!(progress, Progress::Done(Outcome { n_spikes: 1.., .. })), "{progress:?}");
    let mut totals = Totals::new(&plan);
    totals.add(&state);
    totals.add(&state);
    assert_eq!(Totals::from_bytes(&plan, &totals.to_bytes(&plan)).unwrap(), totals);
}

//! Ten times the neurons, the synapses, the stimuli: the time a synaptic event should stay.

use anyhow::Result;
use sim::State;
use sim::network::Size;

use super::Suite;
use super::line::Line;
use super::load::Load;
use super::measure::compare;
use super::networks::{PRESENTATION, Stack, encoder, noise};
use crate::report::number::grouped;

/// 100,000 neurons of at most 48 synapses.
const BASE: Stack =
    Stack { n_layers: 5, maps: 16, size: Size { width: 25, height: 50 }, kernel: Size { width: 3, height: 1 } };
/// Ten times the neurons, of as many synapses each.
const NEURONS: Stack = Stack { size: Size { width: 25, height: 500 }, ..BASE };
/// As many neurons, of ten times the synapses each (but for the first layer, which sees one map).
const SYNAPSES: Stack = Stack { maps: 160, size: Size { width: 25, height: 5 }, ..BASE };
const N_STIMULI: usize = 10;

pub fn run(suite: &mut Suite) -> Result<()> {
    for (name, about, stack, more_stimuli) in [
        ("scaling/neurons", "10x the neurons", NEURONS, 1),
        ("scaling/synapses", "10x the synapses", SYNAPSES, 1),
        ("scaling/stimuli", "10x the stimuli", BASE, 10),
    ] {
        suite.line(name, |bench| {
            let (base, large) = (BASE.network(), stack.network());
            let encoder = encoder()?;
            let n = bench.n(N_STIMULI);
            let of_base = noise(base.input, n);
            let of_large = noise(large.input, n * more_stimuli);
            let base = Load::<f32>::new(&base, &encoder, &of_base, PRESENTATION)?;
            let large = Load::<f32>::new(&large, &encoder, &of_large, PRESENTATION)?;
            let (mut state, mut large_state) = (State::new(&base.plan), State::new(&large.plan));
            let reads = [Some(large.reads()), Some(base.reads())];
            let compared = compare(bench.n(5), &mut || large.run(&mut large_state), &mut || base.run(&mut state))?;
            let statistics = base.plan.statistics();
            let what = format!(
                "a random stack of {} neurons and {} virtual synapses, {n} stimuli, one thread, inputs included",
                grouped(statistics.neurons),
                grouped(statistics.virtual_synapses)
            );
            Ok(Line::new(name, what, compared, [(about, reads[0]), ("as it is", reads[1])]))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::Plan;

    #[test]
    fn ten_times_is_ten_times() {
        let size = |stack: Stack| Plan::<f32>::new(&stack.network()).unwrap().statistics();
        let (base, neurons, synapses) = (size(BASE), size(NEURONS), size(SYNAPSES));
        assert_eq!(10 * BASE.n_neurons(), NEURONS.n_neurons());
        assert_eq!(base.neurons, synapses.neurons);
        assert_eq!(neurons.virtual_synapses, 10 * base.virtual_synapses);
        let more = synapses.virtual_synapses as f64 / base.virtual_synapses as f64;
        assert!((9.0..=10.0).contains(&more), "{more}");
    }
}

//! Which stimuli come next.
//!
//! The draws are Philox4x32-10 streams (Salmon et al., 2011) keyed by content, never by what was drawn before: a run
//! that is taken up at step 1000 sees the same batches as one that has done the first 1000 itself.

use rand_philox::{Philox, splitmix64};

use crate::StimulusId;

const RANDOM: u64 = u64::from_be_bytes(*b"batches ");
const SHUFFLED: u64 = u64::from_be_bytes(*b"shuffled");

/// Draws `batch` stimuli of `set`, uniformly and with replacement; none when the set is empty.
///
/// The draw is keyed by `(seed, step)`, and a smaller batch is the beginning of a larger one.
pub fn random(seed: u64, step: u64, set: &[StimulusId], batch: usize) -> Vec<StimulusId> {
    if set.is_empty() {
        return Vec::new();
    }
    let words = words(seed, RANDOM, step, batch);
    words.into_iter().map(|word| set[below(word, set.len())]).collect()
}

/// Returns the stimuli of `set` in a random order (Fisher-Yates), keyed by `(seed, epoch)`.
pub fn shuffled(seed: u64, epoch: u64, set: &[StimulusId]) -> Vec<StimulusId> {
    let mut order = set.to_vec();
    let words = words(seed, SHUFFLED, epoch, set.len());
    for last in (1..order.len()).rev() {
        order.swap(last, below(words[last], last + 1));
    }
    order
}

fn words(seed: u64, purpose: u64, index: u64, count: usize) -> Vec<u32> {
    let mut words = vec![0; count];
    Philox::from_u64_seed_stream(splitmix64(seed) ^ purpose, index).fill_u32(&mut words);
    words
}

/// Scales a word to `0..n` by the rule of [`crate::Mt19937::uniform_int`].
fn below(word: u32, n: usize) -> usize {
    ((u64::from(word) * n as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_shuffle_is_a_permutation(seed: u64, epoch: u64, n in 0_usize..300) {
            let set: Vec<usize> = (1000..1000 + n).collect();
            let mut order = shuffled(seed, epoch, &set);
            prop_assert_eq!(&order, &shuffled(seed, epoch, &set));
            order.sort_unstable();
            prop_assert_eq!(order, set);
        }

        #[test]
        fn a_batch_holds_stimuli_of_the_set_and_begins_every_larger_batch(seed: u64, step: u64, n in 0_usize..50) {
            let set = [3, 5, 8, 60_000];
            let batch = random(seed, step, &set, n);
            prop_assert_eq!(batch.len(), n);
            prop_assert!(batch.iter().all(|id| set.contains(id)));
            prop_assert_eq!(&random(seed, step, &set, 50)[..n], &batch[..]);
        }
    }

    #[test]
    fn seed_step_and_epoch_each_change_the_draw() {
        let set: Vec<usize> = (0..48_000).collect();
        let batches = [random(1, 0, &set, 16), random(2, 0, &set, 16), random(1, 1, &set, 16)];
        assert!(batches[0] != batches[1] && batches[0] != batches[2] && batches[1] != batches[2]);
        assert!(shuffled(1, 0, &set) != shuffled(1, 1, &set) && shuffled(1, 0, &set) != shuffled(2, 0, &set));
    }

    /// The draws are part of what a seed means: a change here changes every learning run.
    #[test]
    fn the_draws_of_a_seed_are_fixed() {
        let set: Vec<usize> = (0..48_000).collect();
        assert_eq!(random(1, 0, &set, 4), [17912, 15020, 26862, 461]);
        assert_eq!(shuffled(1, 0, &set)[..4], [42940, 30696, 35223, 8078]);
    }

    #[test]
    fn every_stimulus_is_drawn_about_equally_often() {
        const DRAWS: usize = 100_000;
        /// Six standard deviations of a count of mean 10,000.
        const TOLERANCE: usize = 600;
        let set: Vec<usize> = (0..10).collect();
        let mut counts = [0_usize; 10];
        for id in random(7, 3, &set, DRAWS) {
            counts[id] += 1;
        }
        for count in counts {
            assert!(count.abs_diff(DRAWS / 10) < TOLERANCE, "{counts:?}");
        }
    }

    #[test]
    fn an_empty_set_gives_an_empty_batch() {
        assert!(random(1, 0, &[], 5).is_empty());
        assert!(shuffled(1, 0, &[]).is_empty());
    }
}

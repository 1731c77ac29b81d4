/// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), 32 bit, standard seeding and tempering.
///
/// It draws the partition of a database and nothing else: the same seed then gives the same split as the programs that
/// our models come from. Everything else uses counter-based streams.
#[derive(Clone, Debug)]
pub struct Mt19937 {
    state: [u32; N],
    next: usize,
}

const N: usize = 624;
const M: usize = 397;

impl Mt19937 {
    /// Returns the generator at the start of the sequence of `seed`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 0x6C07_8965_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    /// Draws a word.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    /// Draws an integer of `[a, b]`: `a + trunc(r / 2^32 * (b - a + 1))` with the word `r`.
    ///
    /// The interval holds at most 2^32 integers.
    pub fn uniform_int(&mut self, a: i64, b: i64) -> i64 {
        let count = (b - a + 1) as u64;
        debug_assert!((1..=1 << 32).contains(&count), "expected between 1 and 2^32 integers, found [{a}, {b}]");
        a + ((u64::from(self.next_u32()) * count) >> 32) as i64
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7FFF_FFFF);
            let matrix = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ matrix;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seed: u32, expect: [u32; 10]) {
        let mut rng = Mt19937::new(seed);
        assert_eq!(expect.map(|_| rng.next_u32()), expect, "seed {seed}");
    }

    #[test]
    fn a_seed_gives_the_standard_sequence() {
        check(
            1,
            [
                1791095845, 4282876139, 3093770124, 4005303368, 491263, 550290313, 1298508491, 4290846341, 630311759,
                1013994432,
            ],
        );
        check(
            42,
            [
                1608637542, 3421126067, 4083286876, 787846414, 3143890026, 3348747335, 2571218620, 2563451924,
                670094950, 1914837113,
            ],
        );
        check(
            2147483647,
            [
                1689602031, 3831148394, 2820341149, 2744746572, 370616153, 3004629480, 4141996784, 3942456616,
                2667712047, 1179284407,
            ],
        );
        check(
            4294967295,
            [
                419326371, 479346978, 3918654476, 2416749639, 3388880820, 2260532800, 3350089942, 3309765114, 77050329,
                1217888032,
            ],
        );
    }

    /// The C++ standard fixes the 10,000th word of the default seed.
    #[test]
    fn the_ten_thousandth_word_of_seed_5489_is_that_of_the_standard() {
        let mut rng = Mt19937::new(5489);
        assert_eq!((0..10_000).map(|_| rng.next_u32()).last(), Some(4123659995));
    }

    #[test]
    fn integers_scale_the_word_to_the_interval() {
        let mut rng = Mt19937::new(1);
        assert_eq!([0; 10].map(|_| rng.uniform_int(0, 9)), [4, 9, 7, 9, 0, 1, 3, 9, 1, 2]);
        let mut rng = Mt19937::new(1);
        assert_eq!([0; 3].map(|_| rng.uniform_int(-5, 4)), [-1, 4, 2]);
    }
}

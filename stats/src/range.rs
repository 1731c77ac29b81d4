//! Range of the values of a layer: extremes, moments, percentiles.

/// Bits of a positive f32 kept by the histogram: 11 of the mantissa, so that a percentile is found to 1/2048.
const HISTOGRAM_SHIFT: u32 = 12;
const N_BUCKETS: usize = 1 << (31 - HISTOGRAM_SHIFT);

/// Minimum, maximum, moments and (if asked for) a histogram of the positive values.
#[derive(Clone, Debug)]
pub struct RangeStats {
    /// Smallest value seen.
    pub min: f64,
    /// Largest value seen.
    pub max: f64,
    /// Number of values.
    pub count: u64,
    /// Sum of the values.
    pub sum: f64,
    /// Sum of the squares.
    pub sum_of_squares: f64,
    histogram: Vec<u64>,
}

impl RangeStats {
    /// Statistics of nothing. `with_histogram` is needed for [`RangeStats::percentile`].
    pub fn new(with_histogram: bool) -> Self {
        Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            count: 0,
            sum: 0.0,
            sum_of_squares: 0.0,
            histogram: if with_histogram { vec![0; N_BUCKETS] } else { Vec::new() },
        }
    }

    /// Adds values. The sums depend on how the values are cut into calls, so callers cut them the same way each time.
    pub fn add(&mut self, values: &[f32]) {
        const LANES: usize = 16;
        let mut min = [f32::INFINITY; LANES];
        let mut max = [f32::NEG_INFINITY; LANES];
        let mut sum = [0.0f64; LANES];
        let mut squares = [0.0f64; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..LANES {
                let v = chunk[lane];
                min[lane] = if v < min[lane] { v } else { min[lane] };
                max[lane] = if v > max[lane] { v } else { max[lane] };
                let v = f64::from(v);
                sum[lane] += v;
                squares[lane] += v * v;
            }
        }
        for (lane, &v) in rest.iter().enumerate() {
            min[lane] = min[lane].min(v);
            max[lane] = max[lane].max(v);
            sum[lane] += f64::from(v);
            squares[lane] += f64::from(v) * f64::from(v);
        }
        self.min = min.iter().fold(self.min, |a, &b| a.min(f64::from(b)));
        self.max = max.iter().fold(self.max, |a, &b| a.max(f64::from(b)));
        self.sum += sum.iter().sum::<f64>();
        self.sum_of_squares += squares.iter().sum::<f64>();
        self.count += values.len() as u64;
        if !self.histogram.is_empty() {
            for &v in values.iter().filter(|&&v| v > 0.0) {
                self.histogram[(v.to_bits() >> HISTOGRAM_SHIFT) as usize] += 1;
            }
        }
    }

    /// Adds what another has seen; merging in a fixed order gives the same sums each time.
    pub fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
        for (bucket, more) in self.histogram.iter_mut().zip(&other.histogram) {
            *bucket += more;
        }
    }

    /// Mean of the values; zero when there are none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// Population standard deviation; zero when there are no values.
    pub fn std_dev(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        (self.sum_of_squares / self.count as f64 - self.mean().powi(2)).max(0.0).sqrt()
    }

    /// The value that a fraction `p` of all values does not exceed, to 1/2048, never more than the maximum; values
    /// below or at zero count as zero. Zero without a histogram.
    pub fn percentile(&self, p: f64) -> f64 {
        let above = self.count - (self.count as f64 * p).ceil() as u64;
        let mut seen = 0;
        for (bucket, &n) in self.histogram.iter().enumerate().rev() {
            seen += n;
            if seen > above {
                let upper = f32::from_bits(((bucket as u32 + 1) << HISTOGRAM_SHIFT) - 1);
                return f64::from(upper).min(self.max);
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIGHT: f64 = 1e-12;
    const HISTOGRAM_RESOLUTION: f64 = 1.0 / 1024.0;

    #[test]
    fn moments_are_those_of_the_values() {
        let mut range = RangeStats::new(false);
        range.add(&[0.0, 1.0, 2.0, -1.0]);
        assert_eq!((range.min, range.max, range.mean()), (-1.0, 2.0, 0.5));
        assert!((range.std_dev() - 1.118_033_988_750).abs() < TIGHT);
        assert_eq!((range.count, range.sum, range.sum_of_squares), (4, 2.0, 6.0));
    }

    #[test]
    fn a_percentile_is_found_to_the_resolution_of_the_histogram() {
        let values: Vec<f32> = (1..=1000).map(|v| v as f32).collect();
        let mut range = RangeStats::new(true);
        range.add(&values);
        for (p, expected) in [(0.5, 500.0), (0.999, 999.0), (1.0, 1000.0)] {
            let found = range.percentile(p);
            assert!((found / expected - 1.0).abs() < HISTOGRAM_RESOLUTION, "{p}: {found}");
        }
    }

    #[test]
    fn merging_equals_adding() {
        let values: Vec<f32> = (0..100).map(|v| (v as f32).sin()).collect();
        let mut whole = RangeStats::new(true);
        whole.add(&values);
        let mut halves = RangeStats::new(true);
        for half in values.chunks(50) {
            let mut part = RangeStats::new(true);
            part.add(half);
            halves.merge(&part);
        }
        assert_eq!((whole.min, whole.max, whole.count), (halves.min, halves.max, halves.count));
        assert!((whole.sum - halves.sum).abs() < TIGHT);
    }
}

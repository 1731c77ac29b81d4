//! Steps in all directions at once, which learn from those that paid: the evolution strategy with covariance matrix adaptation.
//!
//! Points are drawn from a normal distribution; its middle moves to the better half of them, its width and its covariances
//! follow. The covariance matrix is used by its Cholesky factor, and the draws are a quasi-random sequence (that of the
//! generalized golden ratio), so that nothing depends on a seed.
//!
//! Sources: Hansen, The CMA Evolution Strategy: A Tutorial, 2016 (arXiv:1604.00772), with its constants; Roberts, The Unreasonable
//! Effectiveness of Quasirandom Sequences, 2018; Box and Muller, Ann. Math. Stat. 29:610, 1958.

use std::f64::consts::TAU;

/// The strategy, over vectors of numbers.
pub struct Evolution {
    middle: Vec<f64>,
    /// Standard deviation of all steps together.
    step: f64,
    /// Covariances of the steps, `[row][column]`.
    covariance: Vec<Vec<f64>>,
    /// The ways that the middle went, for the step and for the covariances.
    step_path: Vec<f64>,
    path: Vec<f64>,
    n_generations: i32,
    normals: Normals,
    /// What was asked last.
    asked: Vec<Asked>,
    rates: Rates,
}

/// A point of a generation.
struct Asked {
    /// The normal vector that it was drawn by.
    draw: Vec<f64>,
    /// The step from the middle that this makes, before it is scaled.
    step: Vec<f64>,
}

/// The constants of the tutorial, for so many coordinates.
struct Rates {
    n_points: usize,
    /// Of the better points, the best first; their sum is 1.
    weights: Vec<f64>,
    n_effective: f64,
    step_path: f64,
    damping: f64,
    path: f64,
    rank_one: f64,
    rank_many: f64,
    /// Length of a normal vector, on average.
    length: f64,
}

impl Rates {
    fn new(n_coordinates: usize) -> Self {
        let n = n_coordinates as f64;
        let n_points = 4 + (3.0 * n.ln()) as usize;
        let n_better = n_points / 2;
        let weights = (1..=n_better).map(|rank| (n_better as f64 + 0.5).ln() - (rank as f64).ln());
        let sum: f64 = weights.clone().sum();
        let weights: Vec<f64> = weights.map(|weight| weight / sum).collect();
        let n_effective = 1.0 / weights.iter().map(|weight| weight * weight).sum::<f64>();
        let step_path = (n_effective + 2.0) / (n + n_effective + 5.0);
        let rank_one = 2.0 / ((n + 1.3).powi(2) + n_effective);
        let rank_many = 2.0 * (n_effective - 2.0 + 1.0 / n_effective) / ((n + 2.0).powi(2) + n_effective);
        Self {
            n_points,
            weights,
            n_effective,
            step_path,
            damping: 1.0 + 2.0 * (((n_effective - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + step_path,
            path: (4.0 + n_effective / n) / (n + 4.0 + 2.0 * n_effective / n),
            rank_one,
            rank_many: rank_many.min(1.0 - rank_one),
            length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
        }
    }
}

impl Evolution {
    /// Around a point, with the standard deviation of the first steps.
    pub fn new(middle: Vec<f64>, step: f64) -> Self {
        let n = middle.len();
        let covariance = (0..n).map(|row| (0..n).map(|column| f64::from(u8::from(row == column))).collect()).collect();
        Self {
            step,
            covariance,
            step_path: vec![0.0; n],
            path: vec![0.0; n],
            n_generations: 0,
            normals: Normals::new(n),
            asked: Vec::new(),
            rates: Rates::new(n),
            middle,
        }
    }

    /// The standard deviation along the coordinate where it is greatest.
    pub fn step(&self) -> f64 {
        let greatest = (0..self.middle.len()).map(|at| self.covariance[at][at]).fold(0.0, f64::max);
        self.step * greatest.sqrt()
    }

    /// The points of the next generation.
    pub fn ask(&mut self) -> Vec<Vec<f64>> {
        let factor = cholesky(&self.covariance);
        let turned = |draw: &[f64]| factor.iter().map(|row| row.iter().zip(draw).map(|(a, b)| a * b).sum()).collect();
        let draws = (0..self.rates.n_points).map(|_| self.normals.draw());
        self.asked = draws.map(|draw| Asked { step: turned(&draw), draw }).collect();
        let along = |(middle, step): (&f64, &f64)| middle + self.step * step;
        self.asked.iter().map(|asked| self.middle.iter().zip(&asked.step).map(along).collect()).collect()
    }

    /// Learns what the points of the generation cost, in their order.
    pub fn tell(&mut self, costs: &[f64]) {
        let rates = &self.rates;
        let mut ranked: Vec<usize> = (0..self.asked.len()).collect();
        ranked.sort_by(|&a, &b| costs[a].total_cmp(&costs[b]));
        let better: Vec<(f64, &Asked)> =
            rates.weights.iter().zip(&ranked).map(|(&weight, &at)| (weight, &self.asked[at])).collect();
        self.n_generations += 1;
        let n = self.middle.len();
        let mean =
            |of: &dyn Fn(&Asked) -> f64| -> f64 { better.iter().map(|(weight, asked)| weight * of(asked)).sum() };
        let draw: Vec<f64> = (0..n).map(|at| mean(&|asked| asked.draw[at])).collect();
        let moved: Vec<f64> = (0..n).map(|at| mean(&|asked| asked.step[at])).collect();
        let share = |rate: f64| (rate * (2.0 - rate) * rates.n_effective).sqrt();
        for at in 0..n {
            self.middle[at] += self.step * moved[at];
            self.step_path[at] = (1.0 - rates.step_path) * self.step_path[at] + share(rates.step_path) * draw[at];
        }
        let length = self.step_path.iter().map(|along| along * along).sum::<f64>().sqrt();
        let settled = (1.0 - (1.0 - rates.step_path).powi(2 * self.n_generations)).sqrt();
        // A path that grew too fast says nothing of the covariances.
        let is_steady = length / settled < (1.4 + 2.0 / (n as f64 + 1.0)) * rates.length;
        let missing = if is_steady { 0.0 } else { rates.path * (2.0 - rates.path) };
        for (path, along) in self.path.iter_mut().zip(&moved) {
            *path = (1.0 - rates.path) * *path + if is_steady { share(rates.path) * along } else { 0.0 };
        }
        for row in 0..n {
            for column in 0..n {
                let of_path = self.path[row] * self.path[column] + missing * self.covariance[row][column];
                let of_steps = mean(&|asked| asked.step[row] * asked.step[column]);
                self.covariance[row][column] = (1.0 - rates.rank_one - rates.rank_many) * self.covariance[row][column]
                    + rates.rank_one * of_path
                    + rates.rank_many * of_steps;
            }
        }
        self.step *= (rates.step_path / rates.damping * (length / rates.length - 1.0)).exp();
    }
}

/// The lower triangle whose product with its transpose is the matrix, which is symmetric; a direction without room is left
/// almost none.
fn cholesky(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    const LEAST: f64 = 1e-12;
    let n = matrix.len();
    let mut factor = vec![vec![0.0; n]; n];
    for row in 0..n {
        for column in 0..=row {
            let known: f64 = (0..column).map(|at| factor[row][at] * factor[column][at]).sum();
            let rest = matrix[row][column] - known;
            factor[row][column] = if row == column { rest.max(LEAST).sqrt() } else { rest / factor[column][column] };
        }
    }
    factor
}

/// Normal vectors that fill space evenly: multiples of the inverse powers of the root of x^(d+1) = x + 1, modulo 1, in pairs
/// turned into normal numbers.
struct Normals {
    shares: Vec<f64>,
    number: u32,
    n: usize,
}

impl Normals {
    fn new(n: usize) -> Self {
        let n_shares = n.next_multiple_of(2);
        let mut root: f64 = 2.0;
        for _ in 0..60 {
            root = (1.0 + root).powf(1.0 / (n_shares as f64 + 1.0));
        }
        Self { shares: (1..=n_shares).map(|power| root.powi(-(power as i32))).collect(), number: 0, n }
    }

    /// As many numbers as there are shares, from 0 to 1.
    fn uniform(&mut self) -> impl Iterator<Item = f64> {
        self.number += 1;
        self.shares.iter().map(|share| (0.5 + f64::from(self.number) * share).fract())
    }

    fn draw(&mut self) -> Vec<f64> {
        let n = self.n;
        let uniform: Vec<f64> = self.uniform().collect();
        let pair = |pair: &[f64]| {
            let (length, turn) = ((-2.0 * pair[0].max(f64::MIN_POSITIVE).ln()).sqrt(), TAU * pair[1]);
            [length * turn.cos(), length * turn.sin()]
        };
        uniform.chunks_exact(2).flat_map(pair).take(n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_narrow_valley_is_found() {
        // Four thousand times as steep along one diagonal as along the others.
        let cost = |at: &[f64]| {
            let (sum, squares) = (at.iter().map(|x| x - 0.7).sum::<f64>(), at.iter().map(|x| (x - 0.7).powi(2)));
            squares.sum::<f64>() + 1000.0 * sum * sum
        };
        let mut evolution = Evolution::new(vec![0.0; 5], 0.3);
        let mut best = f64::INFINITY;
        for _ in 0..200 {
            let costs: Vec<f64> = evolution.ask().iter().map(|point| cost(point)).collect();
            best = costs.iter().copied().fold(best, f64::min);
            evolution.tell(&costs);
        }
        assert!(best < 1e-6 && evolution.step() < 0.01, "{best}, {}", evolution.step());
    }

    #[test]
    fn directions_fill_space_evenly() {
        let root = Normals::new(2).shares[0].recip();
        assert!((root.powi(3) - root - 1.0).abs() < 1e-12, "the generalized golden ratio of the plane");
        let mut normals = Normals::new(3);
        let (mut octants, mut squares) = ([0; 8], 0.0);
        for _ in 0..800 {
            let draw = normals.draw();
            squares += draw.iter().map(|along| along * along).sum::<f64>();
            octants[draw.iter().fold(0, |octant, &along| 2 * octant + usize::from(along > 0.0))] += 1;
        }
        assert!(octants.iter().all(|&n| (85..=115).contains(&n)), "{octants:?}");
        assert!((squares / 2400.0 - 1.0).abs() < 0.05, "variance {}", squares / 2400.0);
    }

    #[test]
    fn a_factor_gives_the_matrix_back() {
        let matrix = vec![vec![4.0, 2.0, 0.4], vec![2.0, 3.0, -1.0], vec![0.4, -1.0, 2.0]];
        let factor = cholesky(&matrix);
        for (row, expected) in matrix.iter().enumerate() {
            for (column, &expected) in expected.iter().enumerate() {
                let found: f64 = (0..3).map(|at| factor[row][at] * factor[column][at]).sum();
                assert!((found - expected).abs() < 1e-12, "{row}, {column}");
            }
        }
    }
}

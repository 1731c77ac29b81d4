//! From the label of each pixel to the class that each output position should find (`formal.md` 10.4).

use stimuli::Shape;

use super::Meaning;

/// What a map of labels is made smaller by.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a> {
    /// What labels mean.
    pub meaning: &'a Meaning,
    /// Classes of the target.
    pub n_classes: usize,
    /// The class that gives way to the second most frequent one; less than -1 is off.
    pub weak_class: i32,
}

impl Scale<'_> {
    /// Writes the most frequent class of the labels under each output position, `[y][x]`; of equally frequent ones the
    /// least, what has none (-1) first.
    pub fn target_map(&self, labels: &[i32], from: Shape, to: Shape, out: &mut [i32]) {
        if (from.width, from.height) == (to.width, to.height) {
            out.iter_mut().zip(labels).for_each(|(out, &label)| *out = self.meaning.class(label));
            return;
        }
        // From class -1 on.
        let mut counts = vec![0_u32; self.n_classes + 1];
        for (y, row) in out.chunks_exact_mut(to.width).enumerate() {
            let rows = span(y, from.height, to.height);
            for (x, out) in row.iter_mut().enumerate() {
                let columns = span(x, from.width, to.width);
                counts.fill(0);
                for y in rows.clone() {
                    for &label in &labels[y * from.width..][columns.clone()] {
                        counts[(self.meaning.class(label) + 1) as usize] += 1;
                    }
                }
                *out = self.winner(&counts);
            }
        }
    }

    fn winner(&self, counts: &[u32]) -> i32 {
        let most = |but: Option<i32>| {
            let classes = (-1..).zip(counts).filter(|&(class, &n)| n > 0 && Some(class) != but);
            classes.max_by_key(|&(class, &n)| (n, -class)).map(|(class, _)| class)
        };
        let winner = most(None).unwrap_or(-1);
        if winner == self.weak_class { most(Some(winner)).unwrap_or(winner) } else { winner }
    }
}

/// The label columns, or rows, under an output position.
fn span(at: usize, from: usize, to: usize) -> std::ops::Range<usize> {
    let start = at * from / to;
    start..((at + 1) * from / to).max(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(width: usize, height: usize) -> Shape {
        Shape { channels: 1, height, width }
    }

    #[track_caller]
    fn check(labels: &[i32], from: (usize, usize), to: (usize, usize), weak_class: i32, expected: &[i32]) {
        let names: Vec<String> = (0..3).map(|label| label.to_string()).collect();
        let meaning = Meaning::of_numbers(&names, 3);
        let scale = Scale { meaning: &meaning, n_classes: 3, weak_class };
        let mut out = vec![9; to.0 * to.1];
        scale.target_map(labels, shape(from.0, from.1), shape(to.0, to.1), &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_most_frequent_class_wins_and_of_equal_ones_the_least() {
        check(&[0, 1, 1, 1, 2, 2, 0, 0], (4, 2), (2, 1), -2, &[2, 0]);
        check(&[0, 1, 2, -1], (2, 2), (1, 1), -2, &[-1]);
        check(&[2, 2, 1, 1], (2, 2), (1, 1), -2, &[1]);
    }

    #[test]
    fn a_map_of_the_same_size_is_taken_as_it_is() {
        check(&[2, -1, 0, 7], (2, 2), (2, 2), 2, &[2, -1, 0, -1]);
    }

    #[test]
    fn columns_are_shared_out_where_the_sizes_do_not_divide() {
        // Columns 0, 1 and 2, 3 and 4 of five; then one label for three positions.
        check(&[0, 1, 1, 2, 2], (5, 1), (3, 1), -2, &[0, 1, 2]);
        check(&[1], (1, 1), (3, 2), -2, &[1; 6]);
    }

    #[test]
    fn a_weak_class_gives_way_to_any_other() {
        check(&[0, 0, 0, 1], (2, 2), (1, 1), 0, &[1]);
        check(&[0, 0, 0, 0], (2, 2), (1, 1), 0, &[0]);
        check(&[-1, -1, -1, 2], (2, 2), (1, 1), -1, &[2]);
    }
}

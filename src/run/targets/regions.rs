//! Regions of interest in the outputs of a target, and how they match the true ones (`formal.md` 10.8).

use stimuli::Shape;

use super::tally::Estimates;
use crate::model::RoiRules;

/// A box: columns from `x0` to below `x1`, rows likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub x0: i32,
    /// First row.
    pub y0: i32,
    /// One past the last column.
    pub x1: i32,
    /// One past the last row.
    pub y1: i32,
}

impl Area {
    /// Number of columns.
    pub fn width(self) -> i32 {
        self.x1 - self.x0
    }

    /// Number of rows.
    pub fn height(self) -> i32 {
        self.y1 - self.y0
    }

    fn size(self) -> i64 {
        i64::from(self.width().max(0)) * i64::from(self.height().max(0))
    }

    /// Intersection over union.
    pub fn overlap(self, other: Self) -> f32 {
        let shared = Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        };
        let union = self.size() + other.size() - shared.size();
        if union == 0 { 0.0 } else { (shared.size() as f64 / union as f64) as f32 }
    }

    /// The part inside an image.
    pub fn cut(self, width: usize, height: usize) -> Self {
        let (width, height) = (width as i32, height as i32);
        Self {
            x0: self.x0.clamp(0, width),
            y0: self.y0.clamp(0, height),
            x1: self.x1.clamp(0, width),
            y1: self.y1.clamp(0, height),
        }
    }
}

/// Neighbors of one class, with their bounding box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The class.
    pub class: usize,
    /// The box.
    pub area: Area,
    /// Number of positions.
    pub n_positions: usize,
}

/// The components of a map `[y][x]` of classes from 1 on, eight neighbors connected, in the order of their first positions.
pub fn components(classes: &[usize], width: usize) -> Vec<Component> {
    let height = classes.len() / width.max(1);
    let mut seen = vec![false; classes.len()];
    let mut found = Vec::new();
    let mut open = Vec::new();
    for start in 0..classes.len() {
        let class = classes[start];
        if class == 0 || seen[start] {
            continue;
        }
        seen[start] = true;
        open.push(start);
        let (x, y) = ((start % width) as i32, (start / width) as i32);
        let mut component = Component { class, area: Area { x0: x, y0: y, x1: x + 1, y1: y + 1 }, n_positions: 0 };
        while let Some(at) = open.pop() {
            component.n_positions += 1;
            let (x, y) = (at % width, at / width);
            let area = &mut component.area;
            (area.x0, area.x1) = (area.x0.min(x as i32), area.x1.max(x as i32 + 1));
            (area.y0, area.y1) = (area.y0.min(y as i32), area.y1.max(y as i32 + 1));
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbor = y * width + x;
                    if classes[neighbor] == class && !seen[neighbor] {
                        seen[neighbor] = true;
                        open.push(neighbor);
                    }
                }
            }
        }
        found.push(component);
    }
    found
}

/// The components that a target's rules leave, those merged that lie near each other.
pub fn boxes(rules: &RoiRules, estimates: &Estimates, width: usize) -> Vec<(usize, Area)> {
    let fits = |component: &Component| {
        let (width, height) = (component.area.width(), component.area.height());
        let ratio = f64::from(width) / f64::from(height);
        let is_bounded = |bound: f32, is_kept: fn(f64, f64) -> bool| bound <= 0.0 || is_kept(ratio, f64::from(bound));
        component.n_positions >= rules.min_size
            && height as usize >= rules.filter_min_height
            && width as usize >= rules.filter_min_width
            && is_bounded(rules.filter_min_aspect_ratio, |ratio, bound| ratio >= bound)
            && is_bounded(rules.filter_max_aspect_ratio, |ratio, bound| ratio <= bound)
    };
    let found = components(&estimates.classes, width);
    let mut boxes: Vec<(usize, Area)> =
        found.iter().filter(|component| fits(component)).map(|component| (component.class, component.area)).collect();
    merge(rules, &mut boxes);
    boxes
}

/// Merges boxes of one class until none are near each other.
fn merge(rules: &RoiRules, boxes: &mut Vec<(usize, Area)>) {
    let are_near = |a: Area, b: Area| {
        // From the last column or row of the one to the first of the other: 1 between neighbors.
        let (gap_x, gap_y) = (a.x0.max(b.x0) - a.x1.min(b.x1) + 1, a.y0.max(b.y0) - a.y1.min(b.y1) + 1);
        (gap_y <= 0 && gap_x < rules.merge_max_h_dist) || (gap_x <= 0 && gap_y < rules.merge_max_v_dist)
    };
    let mut at = 0;
    while at < boxes.len() {
        let (class, area) = boxes[at];
        let other = (at + 1..boxes.len()).find(|&other| boxes[other].0 == class && are_near(area, boxes[other].1));
        let Some(other) = other else {
            at += 1;
            continue;
        };
        let (_, taken) = boxes.remove(other);
        boxes[at].1 = Area {
            x0: area.x0.min(taken.x0),
            y0: area.y0.min(taken.y0),
            x1: area.x1.max(taken.x1),
            y1: area.y1.max(taken.y1),
        };
        // The greater box may have come near those before it.
        at = 0;
    }
}

/// The area of the image under an area of the output.
pub fn in_image(area: Area, output: Shape, image: Shape) -> Area {
    let along = |at: i32, from: usize, to: usize| (f64::from(at) * to as f64 / from as f64).round() as i32;
    Area {
        x0: along(area.x0, output.width, image.width),
        x1: along(area.x1, output.width, image.width),
        y0: along(area.y0, output.height, image.height),
        y1: along(area.y1, output.height, image.height),
    }
}

/// The outputs that vote for the class of a box.
#[derive(Clone, Copy)]
pub struct Votes<'a> {
    /// `[c][y][x]`.
    pub outputs: &'a [f32],
    /// Their shape.
    pub shape: Shape,
    /// Which positions vote; all do without it.
    pub mask: Option<&'a [bool]>,
    /// What a vote counts, by position; all count 1 without it.
    pub weights: Option<&'a [f32]>,
}

impl Votes<'_> {
    /// The first class with the greatest sum of outputs in an area of the output, and the sum. A single output votes for
    /// class 1, and what it leaves to 1 for class 0.
    pub fn winner(&self, area: Area) -> (usize, f32) {
        let plane = self.shape.plane();
        let mut sums = vec![0.0_f64; self.shape.channels.max(2)];
        let rows = area.y0.max(0) as usize..(area.y1.max(0) as usize).min(self.shape.height);
        for y in rows {
            for x in area.x0.max(0) as usize..(area.x1.max(0) as usize).min(self.shape.width) {
                let position = y * self.shape.width + x;
                if self.mask.is_some_and(|mask| !mask[position]) {
                    continue;
                }
                let weight = self.weights.map_or(1.0, |weights| f64::from(weights[position]));
                if self.shape.channels == 1 {
                    let value = f64::from(self.outputs[position]);
                    sums[0] += (1.0 - value) * weight;
                    sums[1] += value * weight;
                } else {
                    for (class, sum) in sums.iter_mut().enumerate() {
                        *sum += f64::from(self.outputs[class * plane + position]) * weight;
                    }
                }
            }
        }
        let mut best = 0;
        for (class, &sum) in sums.iter().enumerate() {
            if sum > sums[best] {
                best = class;
            }
        }
        (best, sums[best] as f32)
    }
}

/// A true region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Its class for the target, -1 for none.
    pub class: i32,
    /// Where it is in the image.
    pub area: Area,
}

/// A region that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its class.
    pub class: usize,
    /// The votes for it.
    pub score: f32,
    /// Where it is in the image.
    pub area: Area,
    /// How it compares.
    pub outcome: Outcome,
}

/// How a found region compares with the true ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the first of this true region, by score.
    Hit(usize),
    /// Another one of this true region has a greater score.
    Duplicate(usize),
    /// There is none.
    FalsePositive,
}

/// Matches boxes with the true regions, the greatest score first; each true region is given away once.
pub fn matched(mut boxes: Vec<Found>, truths: &[Truth], min_overlap: f32) -> Vec<Found> {
    boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut is_taken = vec![false; truths.len()];
    for found in &mut boxes {
        let mut best: Option<(usize, f32)> = None;
        for (index, truth) in truths.iter().enumerate() {
            let overlap = found.area.overlap(truth.area);
            if overlap > min_overlap && best.is_none_or(|(_, other)| overlap > other) {
                best = Some((index, overlap));
            }
        }
        found.outcome = match best {
            None => Outcome::FalsePositive,
            Some((index, _)) if std::mem::replace(&mut is_taken[index], true) => Outcome::Duplicate(index),
            Some((index, _)) => Outcome::Hit(index),
        };
    }
    boxes
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RoiRules = RoiRules {
        label_target: None,
        min_size: 0,
        min_overlap: 0.5,
        filter_min_height: 0,
        filter_min_width: 0,
        filter_min_aspect_ratio: 0.0,
        filter_max_aspect_ratio: 0.0,
        merge_max_h_dist: 1,
        merge_max_v_dist: 1,
        generates_label_rois: true,
    };

    fn area(x0: i32, y0: i32, x1: i32, y1: i32) -> Area {
        Area { x0, y0, x1, y1 }
    }

    fn map(rows: &[&str]) -> (Estimates, usize) {
        let digits = |row: &&str| row.bytes().map(|digit| usize::from(digit - b'0')).collect::<Vec<_>>();
        let classes: Vec<usize> = rows.iter().flat_map(digits).collect();
        (Estimates { values: vec![1.0; classes.len()], classes }, rows[0].len())
    }

    #[track_caller]
    fn check(rules: RoiRules, rows: &[&str], expected: &[(usize, Area)]) {
        let (estimates, width) = map(rows);
        assert_eq!(boxes(&rules, &estimates, width), expected);
    }

    #[test]
    fn corners_connect_and_classes_do_not() {
        let rows = ["10002", "01022", "00000", "12001"];
        let alone = RoiRules { merge_max_h_dist: -9, merge_max_v_dist: -9, ..RULES };
        let expected = [
            (1, area(0, 0, 2, 2)),
            (2, area(3, 0, 5, 2)),
            (1, area(0, 3, 1, 4)),
            (2, area(1, 3, 2, 4)),
            (1, area(4, 3, 5, 4)),
        ];
        check(alone, &rows, &expected);
        check(RoiRules { min_size: 2, ..alone }, &rows, &expected[..2]);
        assert_eq!(components(&[1; 9], 3)[0].n_positions, 9);
    }

    #[test]
    fn boxes_of_another_size_or_shape_are_left_out() {
        let rows = ["1110", "0000", "0100", "0100", "0000", "0011", "0011"];
        check(RoiRules { filter_min_height: 2, ..RULES }, &rows, &[(1, area(1, 2, 2, 4)), (1, area(2, 5, 4, 7))]);
        check(RoiRules { filter_min_width: 2, ..RULES }, &rows, &[(1, area(0, 0, 3, 1)), (1, area(2, 5, 4, 7))]);
        let rules = RoiRules { filter_min_aspect_ratio: 0.75, filter_max_aspect_ratio: 1.5, ..RULES };
        check(rules, &rows, &[(1, area(2, 5, 4, 7))]);
    }

    #[test]
    fn near_boxes_of_one_class_merge_until_none_are_near() {
        let rows = ["10101", "10101", "00000", "20100"];
        check(
            RULES,
            &rows,
            &[
                (1, area(0, 0, 1, 2)),
                (1, area(2, 0, 3, 2)),
                (1, area(4, 0, 5, 2)),
                (2, area(0, 3, 1, 4)),
                (1, area(2, 3, 3, 4)),
            ],
        );
        check(
            RoiRules { merge_max_h_dist: 3, ..RULES },
            &rows,
            &[(1, area(0, 0, 5, 2)), (2, area(0, 3, 1, 4)), (1, area(2, 3, 3, 4))],
        );
        check(
            RoiRules { merge_max_h_dist: 3, merge_max_v_dist: 3, ..RULES },
            &rows,
            &[(1, area(0, 0, 5, 4)), (2, area(0, 3, 1, 4))],
        );
    }

    #[test]
    fn an_area_of_the_output_is_one_of_the_image() {
        let (output, image) =
            (Shape { channels: 1, height: 3, width: 4 }, Shape { channels: 3, height: 24, width: 30 });
        assert_eq!(in_image(area(1, 0, 3, 2), output, image), area(8, 0, 23, 16));
    }

    #[test]
    fn the_greatest_sum_of_outputs_names_the_class() {
        let shape = Shape { channels: 1, height: 1, width: 3 };
        let votes = |outputs, mask, weights| Votes { outputs, shape, mask, weights }.winner(area(0, 0, 3, 1));
        assert_eq!(votes(&[0.75, 0.5, 0.5], None, None), (1, 1.75));
        assert_eq!(votes(&[0.25, 0.5, 0.5], None, None), (0, 1.75));
        assert_eq!(votes(&[0.25, 0.75, 0.0], Some(&[false, true, false]), None), (1, 0.75));
        assert_eq!(votes(&[0.25, 0.75, 0.5], None, Some(&[4.0, 1.0, 0.0])), (0, 3.25));
        let many = Votes {
            outputs: &[0.5, 0.25, 0.25, 1.0],
            shape: Shape { channels: 2, height: 1, width: 2 },
            mask: None,
            weights: None,
        };
        assert_eq!((many.winner(area(0, 0, 2, 1)), many.winner(area(0, 0, 1, 1))), ((1, 1.25), (0, 0.5)));
    }

    #[test]
    fn a_true_region_is_given_to_the_greatest_score_that_overlaps_enough() {
        let found = |area, score| Found { class: 1, score, area, outcome: Outcome::FalsePositive };
        let truths = [
            Truth { class: 1, area: area(0, 0, 10, 10) },
            Truth { class: 0, area: area(20, 0, 30, 10) },
            Truth { class: 1, area: area(50, 0, 60, 10) },
        ];
        let boxes = vec![
            found(area(0, 0, 10, 8), 1.0),
            found(area(1, 0, 10, 10), 3.0),
            found(area(20, 0, 30, 5), 9.0),
            found(area(21, 0, 31, 10), 2.0),
        ];
        let outcomes: Vec<Outcome> = matched(boxes, &truths, 0.5).iter().map(|found| found.outcome).collect();
        // Exactly one half does not exceed it.
        assert_eq!(outcomes, [Outcome::FalsePositive, Outcome::Hit(0), Outcome::Hit(1), Outcome::Duplicate(0)]);
        assert_eq!(area(0, 0, 10, 10).overlap(area(5, 0, 15, 10)), 1.0 / 3.0);
        assert_eq!(area(-5, 0, 50, 9).cut(20, 5), area(0, 0, 20, 5));
    }
}

//! Regions of interest: parts of an image with a label of their own.

use std::ops::Range;

use crate::{Error, Shape};

/// A labeled part of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roi {
    /// Index into [`crate::Database::label_names`].
    pub label: usize,
    /// Where it is.
    pub outline: Outline,
}

/// The border of a region, in pixels; it may reach outside the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// The columns `x0..x1` of the rows `y0..y1`.
    Rectangle {
        /// First column.
        x0: i32,
        /// First row.
        y0: i32,
        /// One past the last column.
        x1: i32,
        /// One past the last row.
        y1: i32,
    },
    /// Corners (x, y) in order; the pixels of the border are part of the region.
    Polygon(Vec<[i32; 2]>),
}

impl Outline {
    /// Returns the smallest rectangle around it: first column and row, one past the last column and row.
    pub fn bounds(&self) -> [i32; 4] {
        match self {
            &Outline::Rectangle { x0, y0, x1, y1 } => [x0, y0, x1, y1],
            Outline::Polygon(corners) => {
                let range = |axis: usize| {
                    let places = corners.iter().map(|corner| corner[axis]);
                    (places.clone().min().unwrap_or(0), places.max().map_or(0, |last| last.saturating_add(1)))
                };
                let ((x0, x1), (y0, y1)) = (range(0), range(1));
                [x0, y0, x1, y1]
            }
        }
    }

    /// Calls `each` with parts of rows, `(y, columns)`, that cover the region inside an image of `width` x `height`; some may
    /// overlap.
    pub fn rows(&self, width: usize, height: usize, mut each: impl FnMut(usize, Range<usize>)) {
        let [x0, y0, x1, y1] = self.bounds();
        let inside = |at: i32, size: usize| at.clamp(0, size.min(i32::MAX as usize) as i32) as usize;
        let Outline::Polygon(corners) = self else {
            let columns = inside(x0, width)..inside(x1, width);
            if !columns.is_empty() {
                (inside(y0, height)..inside(y1, height)).for_each(|y| each(y, columns.clone()));
            }
            return;
        };
        let mut part = |y: i32, first: i32, last: i32| {
            let columns = inside(first, width)..inside(last.saturating_add(1), width);
            if (0..height as i64).contains(&i64::from(y)) && !columns.is_empty() {
                each(y as usize, columns);
            }
        };
        let mut crossings = Vec::new();
        for y in inside(y0, height)..inside(y1, height) {
            crossings.clear();
            for (a, b) in edges(corners) {
                let (top, bottom) = (a[1].min(b[1]), a[1].max(b[1]));
                if (top..bottom).contains(&(y as i32)) {
                    let along = (y as f64 - f64::from(a[1])) / (f64::from(b[1]) - f64::from(a[1]));
                    crossings.push(f64::from(a[0]) + along * (f64::from(b[0]) - f64::from(a[0])));
                }
            }
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                part(y as i32, pair[0].ceil() as i32, pair[1].floor() as i32);
            }
        }
        for (a, b) in edges(corners) {
            line(a, b, [width, height], |x, y| part(y, x, x));
        }
    }

    /// Checks a region that a file tells of an image.
    pub(crate) fn check(&self, place: &str, shape: Shape) -> Result<(), Error> {
        let [x0, y0, x1, y1] = self.bounds();
        if x0 < x1 && y0 < y1 && self.clone().clip(shape.width, shape.height) {
            return Ok(());
        }
        Err(Error::Record {
            place: place.to_owned(),
            expected: format!("a region inside the image of {}x{} (width x height)", shape.width, shape.height),
            found: format!("columns {x0} to {x1}, rows {y0} to {y1}"),
            remedy: "correct it, or leave the record out",
        })
    }

    /// The corners, those of a rectangle being its outermost pixels.
    pub(crate) fn corners(&self) -> Vec<[i32; 2]> {
        match self {
            &Outline::Rectangle { x0, y0, x1, y1 } => vec![[x0, y0], [x1 - 1, y0], [x1 - 1, y1 - 1], [x0, y1 - 1]],
            Outline::Polygon(corners) => corners.clone(),
        }
    }

    /// Multiplies by `to / from` along each axis and drops the fraction.
    pub(crate) fn scale(&mut self, from: [usize; 2], to: [usize; 2]) {
        let scaled = |at: i32, axis: usize| (i64::from(at) * to[axis] as i64 / (from[axis] as i64).max(1)) as i32;
        match self {
            Outline::Rectangle { x0, y0, x1, y1 } => {
                (*x0, *y0, *x1, *y1) = (scaled(*x0, 0), scaled(*y0, 1), scaled(*x1, 0), scaled(*y1, 1));
            }
            Outline::Polygon(corners) => {
                corners.iter_mut().for_each(|[x, y]| (*x, *y) = (scaled(*x, 0), scaled(*y, 1)));
            }
        }
    }

    /// Moves it right and down.
    pub(crate) fn shift(&mut self, [dx, dy]: [i32; 2]) {
        match self {
            Outline::Rectangle { x0, y0, x1, y1 } => {
                (*x0, *y0, *x1, *y1) = (*x0 + dx, *y0 + dy, *x1 + dx, *y1 + dy);
            }
            Outline::Polygon(corners) => corners.iter_mut().for_each(|[x, y]| (*x, *y) = (*x + dx, *y + dy)),
        }
    }

    /// Mirrors it in an image of so many columns, so many rows; `None` leaves an axis alone.
    pub(crate) fn mirror(&mut self, columns: Option<i32>, rows: Option<i32>) {
        match self {
            Outline::Rectangle { x0, y0, x1, y1 } => {
                if let Some(n) = columns {
                    (*x0, *x1) = (n - *x1, n - *x0);
                }
                if let Some(n) = rows {
                    (*y0, *y1) = (n - *y1, n - *y0);
                }
            }
            Outline::Polygon(corners) => {
                for [x, y] in corners {
                    *x = columns.map_or(*x, |n| n - 1 - *x);
                    *y = rows.map_or(*y, |n| n - 1 - *y);
                }
            }
        }
    }

    /// Moves each corner; a rectangle becomes a polygon.
    pub(crate) fn bend(&mut self, place: impl Fn([f64; 2]) -> [f64; 2]) {
        let corners = self.corners().into_iter().map(|corner| place(corner.map(f64::from)));
        *self = Outline::Polygon(corners.map(|corner| corner.map(|at| at.round() as i32)).collect());
    }

    /// Cuts off what lies outside an image of `width` x `height`, and tells whether anything is left.
    pub(crate) fn clip(&mut self, width: usize, height: usize) -> bool {
        let (width, height) = (width as i32, height as i32);
        match self {
            Outline::Rectangle { x0, y0, x1, y1 } => {
                (*x0, *x1) = ((*x0).clamp(0, width), (*x1).clamp(0, width));
                (*y0, *y1) = ((*y0).clamp(0, height), (*y1).clamp(0, height));
                x0 < x1 && y0 < y1
            }
            Outline::Polygon(corners) => {
                for (axis, last) in [(0, width - 1), (1, height - 1)] {
                    for (limit, sign) in [(0, 1), (last, -1)] {
                        *corners = half(corners, axis, limit, sign);
                    }
                }
                !corners.is_empty()
            }
        }
    }

    /// Whether the pixel is at most `distance` pixels from the border.
    pub(crate) fn is_near(corners: &[[i32; 2]], [x, y]: [i32; 2], distance: usize) -> bool {
        let limit = (distance as f64).powi(2);
        edges(corners).any(|(a, b)| {
            let (ax, ay) = (f64::from(x - a[0]), f64::from(y - a[1]));
            let (bx, by) = (f64::from(b[0] - a[0]), f64::from(b[1] - a[1]));
            let length = bx * bx + by * by;
            let along = if length > 0.0 { ((ax * bx + ay * by) / length).clamp(0.0, 1.0) } else { 0.0 };
            (ax - along * bx).powi(2) + (ay - along * by).powi(2) <= limit
        })
    }
}

/// The lines of a closed polygon.
fn edges(corners: &[[i32; 2]]) -> impl Iterator<Item = ([i32; 2], [i32; 2])> + '_ {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

/// The pixels of a line, one a step of its longer axis, from where it may touch the image.
fn line(a: [i32; 2], b: [i32; 2], size: [usize; 2], mut each: impl FnMut(i32, i32)) {
    let long = usize::from((b[1] - a[1]).abs() > (b[0] - a[0]).abs());
    let (a, b) = if a[long] <= b[long] { (a, b) } else { (b, a) };
    let (first, last) = (a[long].max(0), b[long].min(size[long].min(i32::MAX as usize) as i32 - 1));
    let slope = f64::from(b[1 - long] - a[1 - long]) / f64::from(b[long] - a[long]).max(1.0);
    for at in first..=last {
        let beside = (f64::from(a[1 - long]) + f64::from(at - a[long]) * slope).round() as i32;
        if long == 0 { each(at, beside) } else { each(beside, at) }
    }
}

/// The part of a polygon on one side of a line across an axis (I. E. Sutherland, G. W. Hodgman, 1974).
fn half(corners: &[[i32; 2]], axis: usize, limit: i32, sign: i32) -> Vec<[i32; 2]> {
    let is_in = |corner: [i32; 2]| (corner[axis] - limit) * sign >= 0;
    let mut left = Vec::new();
    for (a, b) in edges(corners) {
        if is_in(a) {
            left.push(a);
        }
        if is_in(a) != is_in(b) {
            let along = f64::from(limit - a[axis]) / f64::from(b[axis] - a[axis]);
            let other = f64::from(a[1 - axis]) + along * f64::from(b[1 - axis] - a[1 - axis]);
            let mut cut = [limit; 2];
            cut[1 - axis] = other.round() as i32;
            left.push(cut);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(outline: &Outline, width: usize, height: usize) -> Vec<String> {
        let mut image = vec![vec!['.'; width]; height];
        outline.rows(width, height, |y, columns| image[y][columns].fill('#'));
        image.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    fn rectangle(x0: i32, y0: i32, x1: i32, y1: i32) -> Outline {
        Outline::Rectangle { x0, y0, x1, y1 }
    }

    #[test]
    fn a_region_covers_its_border_and_only_what_is_inside_the_image() {
        assert_eq!(drawn(&rectangle(1, 0, 3, 2), 4, 3), [".##.", ".##.", "...."]);
        assert_eq!(drawn(&rectangle(-5, 1, 2, 9), 4, 3), ["....", "##..", "##.."]);
        assert_eq!(drawn(&rectangle(4, 0, 9, 3), 4, 3), ["....", "....", "...."]);
        let triangle = Outline::Polygon(vec![[0, 0], [4, 0], [0, 4]]);
        assert_eq!(drawn(&triangle, 5, 5), ["#####", "####.", "###..", "##...", "#...."]);
        assert_eq!(drawn(&Outline::Polygon(vec![[1, 1]]), 3, 3), ["...", ".#.", "..."]);
        assert_eq!(drawn(&Outline::Polygon(vec![[-9, 1], [9, 1]]), 3, 3), ["...", "###", "..."]);
    }

    #[test]
    fn a_region_moves_with_the_pixels() {
        let mut outline = rectangle(1, 2, 4, 6);
        outline.scale([10, 10], [5, 20]);
        assert_eq!(outline, rectangle(0, 4, 2, 12));
        outline.shift([-1, 3]);
        assert_eq!(outline, rectangle(-1, 7, 1, 15));
        outline.mirror(Some(5), None);
        assert_eq!(outline, rectangle(4, 7, 6, 15));
        assert!(outline.clip(5, 10) && outline == rectangle(4, 7, 5, 10));
        outline.shift([1, 0]);
        assert!(!outline.clip(5, 10), "nothing is left");
        let mut polygon = Outline::Polygon(vec![[0, 0], [9, 0], [9, 9]]);
        polygon.mirror(Some(10), Some(10));
        assert_eq!(polygon, Outline::Polygon(vec![[9, 9], [0, 9], [0, 0]]));
        assert!(polygon.clip(5, 20));
        assert_eq!(polygon.bounds(), [0, 0, 5, 10]);
        polygon.shift([0, 30]);
        assert!(!polygon.clip(5, 20));
    }

    proptest! {
        #[test]
        fn a_rectangle_is_the_polygon_of_its_corners(x0 in -9..9_i32, y0 in -9..9_i32, w in 1..9_i32, h in 1..9_i32) {
            let rectangle = rectangle(x0, y0, x0 + w, y0 + h);
            let polygon = Outline::Polygon(rectangle.corners());
            prop_assert_eq!(rectangle.bounds(), polygon.bounds());
            prop_assert_eq!(drawn(&rectangle, 7, 8), drawn(&polygon, 7, 8));
        }

        #[test]
        fn what_is_left_of_a_polygon_is_inside(corners in prop::collection::vec([-9..19_i32, -9..19_i32], 3..7)) {
            let mut clipped = Outline::Polygon(corners);
            if clipped.clip(10, 12) {
                let [x0, y0, x1, y1] = clipped.bounds();
                prop_assert!(x0 >= 0 && y0 >= 0 && x1 <= 10 && y1 <= 12, "{:?}", clipped);
            }
        }
    }
}

//! Pictures as SVG: curves and points. Colors come from the style sheet of the page, or from [`file`] in a file of its own.

use std::fmt::Write;

use super::html::escaped;
use crate::report::number::significant;
use crate::report::picture::{Chart, Curve, bounds, log_label, log_ticks, round_bounds, step, ticks};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 330.0;
/// Right, top, bottom of the plot.
const PLOT: (f64, f64, f64) = (WIDTH - 18.0, 34.0, HEIGHT - 66.0);
/// Its left where the numbers beside it are short.
const LEFT: f64 = 58.0;
/// Rows of a legend.
const LEGEND_ROW: f64 = 20.0;
/// From the left of a line in a legend to its text.
const LEGEND_TEXT: f64 = 25.0;
/// What a digit, a letter and a bold letter take in a wide font.
const DIGIT: f64 = 9.0;
const LETTER: f64 = 8.0;
const BOLD: f64 = 8.8;
/// So few points of a curve are seen one by one.
const FEW_POINTS: usize = 40;
/// More than can be told apart across a picture.
const MOST_POINTS: usize = 600;
/// The style of pictures in files of their own: the light one of the page.
const STYLE: &str = include_str!("picture.css");

/// A picture that stands alone, for programs, too, that know no variables in styles.
pub fn file(svg: &str) -> String {
    let svg = svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    let (open, rest) = svg.split_at(svg.find('>').map_or(0, |end| end + 1));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{open}<style>{}</style>{rest}\n", plain(STYLE))
}

/// A style sheet with the values of its variables in their place.
fn plain(style: &str) -> String {
    let (variables, rules) = style.split_once("}\n").unwrap_or(("", style));
    let declared = variables.split_once('{').map_or("", |(_, declared)| declared);
    let values = declared.split(';').filter_map(|declared| declared.split_once(':'));
    values.fold(rules.to_string(), |rules, (name, value)| rules.replace(&format!("var({name})"), value))
}

/// The beginning of a picture, with its name for those who do not see it.
pub fn open(width: f64, height: f64, name: &str) -> String {
    format!(
        "<svg class=\"picture\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        escaped(name)
    )
}

/// The middle of a number, so that it does not stand out at the right.
pub fn inside(middle: f64, text: &str, width: f64) -> f64 {
    middle.min(width - 2.0 - DIGIT / 2.0 * text.len() as f64)
}

/// Text that fits into a width, else with its middle left out.
fn fitted(text: &str, width: f64, letter: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    let most = (width / letter) as usize;
    if letters.len() <= most {
        return text.to_string();
    }
    let kept = most.saturating_sub(3);
    let (first, last) = letters.split_at(letters.len() - kept / 2);
    first[..kept - kept / 2].iter().chain(&['.'; 3]).chain(last).collect()
}

/// Where numbers come to lie, and the lines and numbers that tell it.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
    /// Of the vertical axis: places and what is written there.
    y_ticks: Vec<(f64, String)>,
    left: f64,
}

impl Axes {
    fn new(x: (f64, f64), y: (f64, f64), y_step: f64) -> Self {
        let label = |y: f64| significant(if y.abs() < y_step * 1e-6 { 0.0 } else { y }, 5);
        let y_ticks: Vec<(f64, String)> = ticks(y.0, y.1, y_step).into_iter().map(|y| (y, label(y))).collect();
        let longest = y_ticks.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
        Self { x, y, y_ticks, left: LEFT.max(8.0 + DIGIT * longest as f64) }
    }

    fn column(&self, x: f64) -> f64 {
        self.left + (x - self.x.0) / (self.x.1 - self.x.0) * (PLOT.0 - self.left)
    }

    fn row(&self, y: f64) -> f64 {
        PLOT.2 - (y - self.y.0) / (self.y.1 - self.y.0) * (PLOT.2 - PLOT.1)
    }

    fn draw(&self, svg: &mut String, title: &str, x_label: &str, x_ticks: &[(f64, String)]) {
        let (left, (right, top, bottom)) = (self.left, PLOT);
        let title = fitted(title, WIDTH - 8.0, BOLD);
        let at = left.min(WIDTH - 4.0 - BOLD * title.chars().count() as f64);
        let _ = writeln!(svg, "<text class=\"title\" x=\"{at:.1}\" y=\"20\">{}</text>", escaped(&title));
        for (y, text) in &self.y_ticks {
            let at = self.row(*y);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left} {at:.1}H{right}\"/><text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
                left - 6.0,
                at + 4.0
            );
        }
        let mut free = f64::NEG_INFINITY;
        for (x, text) in x_ticks {
            let at = self.column(*x);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {top}V{bottom}\"/>");
            let (at, half) = (inside(at, text, WIDTH), DIGIT / 2.0 * text.len() as f64);
            if at - half > free {
                free = at + half + 6.0;
                let _ = writeln!(svg, "<text class=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{text}</text>", bottom + 17.0);
            }
        }
        let _ = writeln!(
            svg,
            "<path class=\"axis\" d=\"M{left} {top}V{bottom}H{right}\"/><text class=\"end\" x=\"{right}\" y=\"{}\">{}</text>",
            bottom + 36.0,
            escaped(x_label)
        );
    }
}

impl Chart<'_> {
    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let legend = self.legend();
        let rows = legend.last().map_or(0.0, |place| place.1);
        let mut svg = open(WIDTH, HEIGHT + rows * LEGEND_ROW, self.title);
        let along = |x: f64| if self.x_is_log { x.log10() } else { x };
        let is_finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
        let places = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let every = points.len().div_ceil(MOST_POINTS).max(1);
            points.iter().step_by(every).map(|&(x, y)| (along(x), y)).filter(is_finite).collect()
        };
        let curves: Vec<(&str, Vec<(f64, f64)>)> =
            self.curves.iter().map(|curve| (curve.name, places(&curve.points))).collect();
        let all = || curves.iter().flat_map(|curve| &curve.1);
        let (x, y) = (bounds(all().map(|point| point.0)), bounds(all().map(|point| point.1)));
        let y_step = step(y.0, y.1);
        let axes = Axes::new(x, round_bounds(y.0, y.1, y_step), y_step);
        let x_ticks: Vec<(f64, String)> = if self.x_is_log {
            log_ticks(x.0, x.1).into_iter().map(|x| (x, log_label(x))).collect()
        } else {
            ticks(x.0, x.1, step(x.0, x.1)).into_iter().map(|x| (x, significant(x, 7))).collect()
        };
        axes.draw(&mut svg, self.title, self.x_label, &x_ticks);
        if let Some((x, text)) = &self.mark {
            let at = axes.column(along(*x)).clamp(axes.left, PLOT.0);
            let (class, to) = if at > (axes.left + PLOT.0) / 2.0 { ("end", at - 5.0) } else { ("start", at + 5.0) };
            let _ = writeln!(
                svg,
                "<path class=\"mark\" d=\"M{at:.1} {}V{}\"/><text class=\"{class}\" x=\"{to:.1}\" y=\"{}\">{}</text>",
                PLOT.1,
                PLOT.2,
                PLOT.1 + 14.0,
                escaped(text)
            );
        }
        for (number, ((name, places), (x, row))) in curves.iter().zip(legend).enumerate() {
            let color = number % 4;
            let path: Vec<String> =
                places.iter().map(|&(x, y)| format!("{:.1} {:.1}", axes.column(x), axes.row(y))).collect();
            if !path.is_empty() {
                let _ = writeln!(svg, "<path class=\"line c{color}\" d=\"M{}\"/>", path.join("L"));
            }
            if places.len() <= FEW_POINTS && places.len() > 2 {
                let dots: Vec<String> = path.iter().map(|at| format!("M{at}h0")).collect();
                let _ = writeln!(svg, "<path class=\"dots c{color}\" d=\"{}\"/>", dots.concat());
            }
            let y = HEIGHT - 10.0 + row * LEGEND_ROW;
            let _ = writeln!(
                svg,
                "<path class=\"line c{color}\" d=\"M{x:.1} {:.1}h20\"/><text x=\"{:.1}\" y=\"{y}\">{}</text>",
                y - 4.0,
                x + LEGEND_TEXT,
                escaped(&fitted(name, WIDTH - 8.0 - LEGEND_TEXT, LETTER))
            );
        }
        svg + "</svg>"
    }

    /// Where the names of the curves begin, and in which row.
    fn legend(&self) -> Vec<(f64, f64)> {
        const MARGIN: f64 = 4.0;
        const GAP: f64 = 14.0;
        let (mut x, mut row) = (MARGIN, 0.0);
        let place = |curve: &Curve<'_>| {
            let wide = LEGEND_TEXT + LETTER * curve.name.chars().count() as f64;
            if x > MARGIN && x + wide > WIDTH - MARGIN {
                (x, row) = (MARGIN, row + 1.0);
            }
            let at = (x, row);
            x += wide + GAP;
            at
        };
        self.curves.iter().map(place).collect()
    }
}

/// Points, and the line on which both numbers are the same.
pub fn scatter(title: &str, x_label: &str, points: &[(f32, i64)]) -> String {
    let mut svg = open(WIDTH, HEIGHT, title);
    let all = points.iter().flat_map(|&(x, y)| [f64::from(x), y as f64]).chain([0.0]);
    let (least, most) = bounds(all);
    let step = step(least, most);
    let range = round_bounds(least, most, step);
    let axes = Axes::new(range, range, step);
    let x_ticks: Vec<(f64, String)> =
        ticks(range.0, range.1, step).into_iter().map(|x| (x, significant(x, 5))).collect();
    axes.draw(&mut svg, title, x_label, &x_ticks);
    let at = |x: f64, y: f64| format!("{:.0} {:.0}", axes.column(x), axes.row(y));
    let _ = writeln!(svg, "<path class=\"same\" d=\"M{}L{}\"/>", at(range.0, range.0), at(range.1, range.1));
    let mut places: Vec<String> = points.iter().map(|&(x, y)| at(f64::from(x), y as f64)).collect();
    places.sort_unstable();
    places.dedup();
    let dots: Vec<String> = places.iter().map(|at| format!("M{at}h0")).collect();
    let _ = writeln!(svg, "<path class=\"points c0\" d=\"{}\"/>", dots.concat());
    let _ = writeln!(
        svg,
        "<path class=\"same\" d=\"M{0} {1}h20\"/><text x=\"{2}\" y=\"{3}\">as many spikes as the activation asks for</text>",
        axes.left,
        HEIGHT - 14.0,
        axes.left + LEGEND_TEXT,
        HEIGHT - 10.0
    );
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_alone_needs_no_variables() {
        let file = file(&open(10.0, 10.0, "a < b"));
        assert!(
            file.contains(".picture .paper{fill:#fff}") && file.contains("xmlns=") && !file.contains("var("),
            "{file}"
        );
        assert_eq!(plain(".p{--a:1px;--b:red}\n.x{y:var(--a)}.z{y:var(--b)}"), ".x{y:1px}.z{y:red}");
    }

    #[test]
    fn long_names_and_numbers_stay_inside() {
        let curve = |name| Curve { name, points: vec![(0.0, 0.0073), (2e6, 0.00755)] };
        let names = ["TerminateDelta", "TerminateMax", "deadline", "frames 98.74"];
        let title = "a target with a name that is much longer than a picture is wide: squared error";
        let curves = names.map(curve).into_iter().collect();
        let svg = Chart { title, x_label: "stimuli learned", x_is_log: false, curves, mark: None }.svg();
        assert!(svg.contains("viewBox=\"0 0 480 350\""), "a second row: {svg}");
        assert!(svg.contains("<text x=\"29.0\" y=\"340\">frames 98.74</text>"), "{svg}");
        assert!(svg.contains("<text class=\"end\" x=\"65.0\""), "room for 0.00755: {svg}");
        assert!(svg.contains("<text class=\"middle\" x=\"446.5\""), "the last number: {svg}");
        assert!(svg.contains("a target with a name that...") && svg.contains(": squared error</text>"), "{svg}");
        assert_eq!(fitted("abcdefgh", 7.0, 1.0), "ab...gh");
    }
}

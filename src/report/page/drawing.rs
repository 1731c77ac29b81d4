//! The network as a drawing: a box a layer, an edge a connection, thicker where more is read.

use std::fmt::Write;

use super::chart::open;
use super::data::Data;
use super::html::escaped;
use crate::report::number::{grouped, significant};

const BOX: (f64, f64) = (250.0, 58.0);
const GAP: (f64, f64) = (34.0, 44.0);
const EDGE_TEXT: f64 = 150.0;

/// The drawing, from the stimulus at the top to the answer at the bottom.
pub fn svg(data: &Data) -> String {
    let patterns = data.answers.len().max(1) as f64;
    let layers = &data.layers;
    let mut depth = vec![0_usize; layers.len()];
    for (index, layer) in layers.iter().enumerate() {
        depth[index] = layer.inputs.iter().filter_map(|&input| depth.get(input)).max().map_or(0, |depth| depth + 1);
    }
    let n_rows = depth.iter().max().map_or(0, |depth| depth + 1);
    let row = |index: usize| depth.iter().take(index).filter(|&&d| d == depth[index]).count();
    let n_in_row = |index: usize| depth.iter().filter(|&&d| d == depth[index]).count();
    let widest = (0..layers.len()).map(n_in_row).max().unwrap_or(1) as f64;
    let width = widest * BOX.0 + (widest - 1.0) * GAP.0 + EDGE_TEXT + 20.0;
    let height = n_rows as f64 * (BOX.1 + GAP.1) - GAP.1 + 20.0;
    let corner = |index: usize| {
        let n = n_in_row(index) as f64;
        let free = widest * BOX.0 + (widest - 1.0) * GAP.0 - n * BOX.0 - (n - 1.0) * GAP.0;
        let x = 10.0 + free / 2.0 + row(index) as f64 * (BOX.0 + GAP.0);
        (x, 10.0 + depth[index] as f64 * (BOX.1 + GAP.1))
    };
    let mut svg = open(width, height, &format!("The network {} with the spikes on its edges", data.model));
    let most = layers.iter().filter_map(|layer| layer.events).max().unwrap_or(0) as f64 / patterns;
    for (index, layer) in layers.iter().enumerate() {
        for &input in layer.inputs.iter().filter(|&&input| input < layers.len()) {
            let ((from_x, from_y), (to_x, to_y)) = (corner(input), corner(index));
            let (x1, y1, x2, y2) = (from_x + BOX.0 / 2.0, from_y + BOX.1, to_x + BOX.0 / 2.0, to_y);
            let spikes = layers[input].events.map(|events| events as f64 / patterns);
            let thick = spikes.map_or(2.0, |spikes| 1.5 + 12.0 * (spikes / most.max(1.0)).sqrt());
            let bend = (y2 - y1) / 2.0;
            // What skips layers goes around them.
            let around = if depth[index] - depth[input] > 1 { BOX.0 / 2.0 + GAP.0 / 2.0 } else { 0.0 };
            let _ = writeln!(
                svg,
                "<path class=\"edge\" stroke-width=\"{thick:.1}\" d=\"M{x1:.1} {y1:.1}C{0:.1} {1:.1} {2:.1} {3:.1} {x2:.1} {y2:.1}\"/>",
                x1 - around,
                y1 + bend,
                x2 - around,
                y2 - bend
            );
            if let Some(spikes) = spikes {
                let several = layer.inputs.len() > 1 || around > 0.0;
                let reads = layer.reads.filter(|&reads| reads > 0 && !several);
                let reads = reads.map(|reads| format!(", {} reads", grouped((reads as f64 / patterns).round() as u64)));
                let text = format!("{} spikes{}", significant(spikes, 4), reads.unwrap_or_default());
                let (x, y) = if around > 0.0 { (x1 - around, y1 + 16.0) } else { (x2 + thick / 2.0 + 7.0, y2 - 17.0) };
                let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
            }
        }
    }
    for (index, layer) in layers.iter().enumerate() {
        let ((x, y), [channels, high, wide]) = (corner(index), layer.shape);
        let shape = if high * wide == 1 { channels.to_string() } else { format!("{channels} x {high} x {wide}") };
        let short: String = layer.kind.chars().take(34).collect();
        let kind = if short.len() < layer.kind.len() { format!("{short}...") } else { short };
        let _ = writeln!(
            svg,
            "<rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{}\" height=\"{}\" rx=\"7\"/>\
             <text class=\"strong\" x=\"{2:.1}\" y=\"{3:.1}\">{4}</text><text class=\"end\" x=\"{5:.1}\" y=\"{3:.1}\">{shape}</text>\
             <text x=\"{2:.1}\" y=\"{6:.1}\">{7}</text>",
            BOX.0,
            BOX.1,
            x + 12.0,
            y + 24.0,
            escaped(&layer.name.chars().take(20).collect::<String>()),
            x + BOX.0 - 12.0,
            y + 45.0,
            escaped(&kind)
        );
    }
    svg + "</svg>"
}

//! The spikes of one stimulus as a picture: a band a layer, in the order of the network, a dot a spike.

use std::fmt::Write;

use super::chart::{inside, open};
use super::data::{Data, Detail, bytes};
use super::html::escaped;
use crate::report::number::{grouped, significant};
use crate::report::picture::{step, ticks};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 118.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 34.0;
const BAND: f64 = 62.0;
/// Between two bands.
const GAP: f64 = 10.0;
const FS_PER_NS: f64 = 1e6;
/// The highest bit of a coded neuron.
const NEGATIVE: u32 = 1 << 31;

/// The picture; `None` where no spikes are kept.
pub fn svg(data: &Data, detail: &Detail) -> Option<String> {
    let times = bytes(&detail.times).filter(|times| !times.is_empty())?;
    let units = bytes(&detail.units)?;
    let times = times.chunks_exact(2).map(|part| f64::from(u16::from_le_bytes([part[0], part[1]])) / 65535.0);
    let units = units.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]));
    let shown = data.shown.get(detail.shown)?;
    let answer = data.answers.get(shown.place)?;
    let class = |class: usize| data.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
    let title = format!(
        "Spikes of stimulus {} ({}), taken for {}",
        shown.place,
        class(answer.target),
        answer.spiking.map_or("none".to_string(), class)
    );
    let height = TOP + BAND * data.layers.len() as f64 + 44.0;
    let mut svg = open(WIDTH, height, &title);
    let _ = writeln!(svg, "<text class=\"title\" x=\"8\" y=\"20\">{}</text>", escaped(&title));
    let end = (detail.span_fs as f64 / FS_PER_NS).max(1e-6);
    let bottom = TOP + BAND * data.layers.len() as f64;
    let column = |part: f64| LEFT + part * (RIGHT - LEFT);
    for tick in ticks(0.0, end, step(0.0, end)) {
        let (at, text) = (column(tick / end), significant(tick, 5));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/><text class=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            inside(at, &text, WIDTH),
            bottom + 17.0
        );
    }
    let sizes: Vec<usize> = data.layers.iter().map(|layer| layer.shape.iter().product()).collect();
    let firsts = sizes.iter().scan(0, |sum, size| {
        *sum += size;
        Some(*sum - size)
    });
    let spikes: Vec<(f64, u32)> = times.zip(units).collect();
    for (number, ((layer, &size), first)) in data.layers.iter().zip(&sizes).zip(firsts).enumerate() {
        let top = TOP + BAND * number as f64;
        // Each kind of spikes is one path of points.
        let (mut n, mut dots) = (0, [String::new(), String::new()]);
        for &(part, unit) in &spikes {
            let neuron = (unit & !NEGATIVE) as usize;
            if !(first..first + size).contains(&neuron) {
                continue;
            }
            n += 1;
            let row = top + GAP / 2.0 + (neuron - first) as f64 / size as f64 * (BAND - GAP);
            let _ = write!(dots[usize::from(unit & NEGATIVE != 0)], "M{:.1} {row:.1}h0", column(part));
        }
        let _ = writeln!(
            svg,
            "<text class=\"strong\" x=\"8\" y=\"{:.1}\">{}</text><text x=\"8\" y=\"{:.1}\">{}</text>\
             <path class=\"grid\" d=\"M{LEFT} {top:.1}H{RIGHT}\"/>",
            top + 26.0,
            escaped(&layer.name.chars().take(14).collect::<String>()),
            top + 44.0,
            grouped(n)
        );
        for (class, dots) in ["spike", "negative"].iter().zip(dots).filter(|(_, dots)| !dots.is_empty()) {
            let _ = writeln!(svg, "<path class=\"dot {class}\" d=\"{dots}\"/>");
        }
    }
    let cut = if detail.is_cut { ", the first spikes alone" } else { "" };
    let _ = writeln!(
        svg,
        "<text class=\"end\" x=\"{RIGHT}\" y=\"{:.1}\">ns since the stimulus began{cut}</text>",
        bottom + 37.0
    );
    Some(svg + "</svg>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::page::data::{Answer, Layer, Shown, base64};

    #[test]
    fn a_spike_is_a_dot_in_the_band_of_its_layer() {
        let layer = |name: &str, shape| Layer { name: name.to_string(), shape, ..Layer::default() };
        let data = Data {
            layers: vec![layer("env", [1, 2, 2]), layer("a&b", [2, 1, 1])],
            answers: vec![Answer { target: 1, formal: 1, spiking: Some(0), latency_fs: None }],
            shown: vec![Shown::default()],
            classes: vec!["zero".to_string(), "one".to_string()],
            ..Data::default()
        };
        // A pixel at the start, the second neuron of the cell at the end, negative.
        let times: Vec<u8> = [0_u16, 65535].iter().flat_map(|time| time.to_le_bytes()).collect();
        let units: Vec<u8> = [3_u32, 5 | NEGATIVE].iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let detail = Detail { span_fs: 2_000_000, times: base64(&times), units: base64(&units), ..Detail::default() };
        let svg = svg(&data, &detail).expect("there are spikes");
        assert!(svg.contains("<path class=\"dot spike\" d=\"M118.0 78.0h0\"/>"), "{svg}");
        assert!(svg.contains("<path class=\"dot negative\" d=\"M884.0 127.0h0\"/>"), "{svg}");
        assert!(svg.contains("d=\"M118 96.0H884\""), "the line above the second band: {svg}");
        assert!(svg.contains("a&amp;b") && svg.contains("(one), taken for zero") && svg.contains(">2</text>"));
        assert!(super::svg(&data, &Detail::default()).is_none());
    }
}

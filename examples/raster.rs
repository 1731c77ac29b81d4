//! Draws the spikes of one stimulus, layer by layer, as SVG.
//!
//! ```text
//! femtospike LeNet_Spike.ini -test -test-index 0 --out one
//! cargo run --release --example raster -- one > raster.svg
//! ```

use std::fmt::Write;
use std::path::Path;

/// Name, nodes, color of a band.
const LAYERS: [(&str, usize, &str); 8] = [
    ("env", 1024, "#555555"),
    ("conv1", 4704, "#1f77b4"),
    ("pool1", 1176, "#17a2b8"),
    ("conv2", 1600, "#2ca02c"),
    ("pool2", 400, "#8c9a1b"),
    ("conv3", 120, "#e08b00"),
    ("fc1", 84, "#d62728"),
    ("fc2", 10, "#9467bd"),
];
const WIDTH: f64 = 900.0;
const LEFT: f64 = 70.0;
const BAND: f64 = 62.0;
const NS_PER_S: f64 = 1e9;

struct Dot {
    node: usize,
    ns: f64,
    is_negative: bool,
}

fn read(folder: &Path, layer: &str) -> Vec<Dot> {
    let path = folder.join(format!("activity_{layer}.dat"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (node, time, sign) = (words.next()?, words.next()?, words.next()?);
            Some(Dot { node: node.parse().ok()?, ns: time.parse::<f64>().ok()? * NS_PER_S, is_negative: sign == "1" })
        })
        .collect()
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: raster RUN_DIR");
    let layers: Vec<Vec<Dot>> = LAYERS.iter().map(|(name, ..)| read(Path::new(&folder), name)).collect();
    let last = layers.iter().flatten().map(|dot| dot.ns).fold(1.0, f64::max);
    let (end, height) = (last * 1.03, BAND * LAYERS.len() as f64 + 60.0);
    let x = |ns: f64| LEFT + ns / end * (WIDTH - LEFT - 20.0);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' font-family='sans-serif' font-size='13'>\n\
         <rect width='100%' height='100%' fill='white'/>\n"
    );
    // Node ids count from 1: the environment, then each cell's inputs, then its outputs.
    let (mut first, mut inputs) = (1, 0);
    for (band, ((name, nodes, color), dots)) in LAYERS.iter().zip(&layers).enumerate() {
        first += inputs;
        let top = 10.0 + BAND * band as f64;
        let _ = writeln!(svg, "<text x='8' y='{:.0}'>{name}</text>", top + 24.0);
        let _ = writeln!(svg, "<text x='8' y='{:.0}' font-size='11' fill='#777'>{}</text>", top + 40.0, dots.len());
        let _ =
            writeln!(svg, "<line x1='{LEFT}' x2='{WIDTH}' y1='{0:.0}' y2='{0:.0}' stroke='#ddd'/>", top + BAND - 4.0);
        for dot in dots {
            let y = top + (dot.node - first) as f64 / *nodes as f64 * (BAND - 10.0);
            let fill = if dot.is_negative { "#000" } else { color };
            let _ = writeln!(svg, "<circle cx='{:.1}' cy='{y:.1}' r='1.3' fill='{fill}'/>", x(dot.ns));
        }
        first += nodes;
        inputs = *nodes;
    }
    let axis = 10.0 + BAND * LAYERS.len() as f64 + 12.0;
    let step = (end / 8.0).ceil();
    for tick in 0..=8 {
        let ns = step * f64::from(tick);
        if ns <= end {
            let _ =
                writeln!(svg, "<text x='{:.0}' y='{axis:.0}' text-anchor='middle' fill='#555'>{ns:.0}</text>", x(ns));
        }
    }
    let _ = writeln!(
        svg,
        "<text x='{:.0}' y='{:.0}' text-anchor='middle' fill='#555'>ns since the stimulus began</text>",
        WIDTH / 2.0,
        axis + 22.0
    );
    svg += "</svg>";
    println!("{svg}");
}

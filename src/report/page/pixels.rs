//! Pictures of the page as pixels, for programs that take no SVG.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::report::picture;

/// Pixels across, about: 7 inches at 230 dots an inch.
const WIDTH: f32 = 1600.0;
const FAMILY: &str = "DejaVu Sans";
const REGULAR: &[u8] = include_bytes!("../../../data/fonts/DejaVuSansCondensed.ttf");
const BOLD: &[u8] = include_bytes!("../../../data/fonts/DejaVuSansCondensed-Bold.ttf");

/// The program's own letters, whatever fonts there are.
static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for font in [REGULAR, BOLD] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family(FAMILY);
    Options { font_family: FAMILY.to_string(), fontdb: Arc::new(fonts), ..Options::default() }
});

/// A picture in a file of its own, as PNG.
///
/// # Errors
/// Text that is no SVG, or the encoder fails.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let tree = Tree::from_str(svg, &OPTIONS).context("a picture that is no SVG")?;
    let size = tree.size();
    let scale = (WIDTH / size.width()).round().max(1.0);
    let (width, height) = ((size.width() * scale).ceil() as u32, (size.height() * scale).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| anyhow!("a picture of {width} x {height} pixels"))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    // All stand on paper: nothing shines through.
    let colors: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    picture::rgb(width, height, &colors)
}

#[cfg(test)]
mod tests {
    use super::super::chart::{file, open};
    use super::*;

    fn decoded(svg: &str) -> (u32, u32, Vec<u8>) {
        let png = png(svg).expect("a picture");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png[..])).read_info().expect("a picture");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        (info.width, info.height, pixels)
    }

    #[test]
    fn points_and_letters_are_drawn_on_white_paper() {
        let of = |contents: &str| decoded(&file(&(open(400.0, 200.0, "a picture") + contents + "</svg>")));
        let (width, height, empty) = of("");
        assert_eq!((width, height), (1600, 800));
        assert!(empty.iter().all(|&part| part == 255));
        let (_, _, point) = of("<path class=\"dots c0\" d=\"M100 50h0\"/>");
        let at = |x: usize, y: usize| &point[3 * (y * 1600 + x)..][..3];
        assert_eq!((at(400, 200), at(440, 200)), (&[0, 99, 168][..], &[255, 255, 255][..]));
        let ink = |contents: &str| of(contents).2.iter().filter(|&&part| part < 128).count();
        let (plain, bold) = (
            ink("<text x=\"20\" y=\"60\">spikes</text>"),
            ink("<text class=\"title\" x=\"20\" y=\"60\">spikes</text>"),
        );
        assert!(plain > 1000 && bold as f64 > 1.2 * plain as f64, "{plain}, {bold} in bold letters");
    }
}

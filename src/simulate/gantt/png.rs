//! A scene as PNG, at twice its size. Its letters come with the program: no fonts of the system are needed.

use super::scene::{Anchor, Color, LETTER, Mark, Scene, WIDTH};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};
use tiny_skia::{Color as Ink, FillRule, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke, Transform};

/// Pixels for each unit of the scene.
const SCALE: f32 = 2.0;

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is too large, or empty.
    #[error("a picture of {0} × {1} pixels cannot be drawn")]
    Size(u32, u32),
    /// It cannot be written.
    #[error("the picture cannot be written as PNG: {0}")]
    Encoding(String),
}

/// The bytes of the picture.
///
/// # Errors
/// A picture that is too large.
pub fn of(scene: &Scene) -> Result<Vec<u8>, PngError> {
    let (width, height) = ((WIDTH * SCALE) as u32, (scene.height * SCALE).ceil() as u32);
    let mut map = Pixmap::new(width, height).ok_or(PngError::Size(width, height))?;
    map.fill(Ink::WHITE);
    for mark in &scene.marks {
        match mark {
            Mark::Box { at, round, fill, opacity, edge, .. } => boxed(&mut map, *at, *round, *fill, *opacity, *edge),
            Mark::Line { at: [x1, y1, x2, y2], color, width } => {
                let mut path = PathBuilder::new();
                path.move_to(*x1, *y1);
                path.line_to(*x2, *y2);
                stroke(&mut map, path, *color, *width);
            }
            Mark::Words { at, text, size, color, bold, anchor } => {
                write(&mut map, *at, text, *size, *color, *bold, *anchor);
            }
        }
    }
    map.encode_png().map_err(|error| PngError::Encoding(error.to_string()))
}

fn paint([red, green, blue]: Color, opacity: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(red, green, blue, (opacity * 255.0) as u8);
    paint
}

fn transform() -> Transform {
    Transform::from_scale(SCALE, SCALE)
}

fn boxed(map: &mut Pixmap, at: [f32; 4], round: f32, fill: Color, opacity: f32, edge: Option<(Color, f32)>) {
    let [x, y, width, height] = at;
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    let shape = || {
        let mut path = PathBuilder::new();
        if round <= 0.0 {
            path.push_rect(rect);
            return path;
        }
        let (right, bottom) = (x + width, y + height);
        path.move_to(x + round, y);
        path.line_to(right - round, y);
        path.quad_to(right, y, right, y + round);
        path.line_to(right, bottom - round);
        path.quad_to(right, bottom, right - round, bottom);
        path.line_to(x + round, bottom);
        path.quad_to(x, bottom, x, bottom - round);
        path.line_to(x, y + round);
        path.quad_to(x, y, x + round, y);
        path.close();
        path
    };
    if let Some(path) = shape().finish() {
        map.fill_path(&path, &paint(fill, opacity), FillRule::Winding, transform(), None);
    }
    if let Some((color, width)) = edge {
        stroke(map, shape(), color, width);
    }
}

fn stroke(map: &mut Pixmap, path: PathBuilder, color: Color, width: f32) {
    let Some(path) = path.finish() else { return };
    map.stroke_path(&path, &paint(color, 1.0), &Stroke { width, ..Stroke::default() }, transform(), None);
}

/// Letters are kept as coverage, pixel by pixel, in a few heights; a text takes the one that is nearest to its size.
fn write(map: &mut Pixmap, at: [f32; 2], text: &str, size: f32, color: Color, bold: bool, anchor: Anchor) {
    let height = match size * SCALE {
        small if small < 23.0 => RasterHeight::Size20,
        middle if middle < 28.0 => RasterHeight::Size24,
        _ => RasterHeight::Size32,
    };
    let weight = if bold { FontWeight::Bold } else { FontWeight::Regular };
    // The raster is as high as a line; what a scene calls a size is the letters' own, some five sixths of it.
    let advance = noto_sans_mono_bitmap::get_raster_width(weight, height) as f32;
    let wide = advance * text.chars().count() as f32;
    let from = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => wide / 2.0,
        Anchor::End => wide,
    };
    debug_assert!(advance <= size * SCALE * LETTER * 1.4, "letters are wider than the scene thinks");
    let left = (at[0] * SCALE - from).round() as i64;
    let top = (at[1] * SCALE - 0.8 * height.val() as f32).round() as i64;
    for (place, letter) in text.chars().enumerate() {
        // Three dots in the room of one letter.
        let third = advance / 3.0;
        let (drawn, shifts): (char, &[f32]) = match letter {
            '…' => ('.', &[-third, 0.0, third]),
            letter => (letter, &[0.0]),
        };
        let known = get_raster(drawn, weight, height).or_else(|| get_raster(plain(drawn), weight, height));
        let Some(raster) = known else { continue };
        for shift in shifts {
            let left = left + (place as f32 * advance + shift) as i64;
            for (row, line) in raster.rows().enumerate() {
                for (column, coverage) in line.iter().enumerate() {
                    blend(map, left + column as i64, top + row as i64, color, *coverage);
                }
            }
        }
    }
}

/// A letter that is drawn for one that there is not.
fn plain(letter: char) -> char {
    match letter {
        '→' => '>',
        _ => '?',
    }
}

fn blend(map: &mut Pixmap, x: i64, y: i64, color: Color, coverage: u8) {
    let (width, height) = (i64::from(map.width()), i64::from(map.height()));
    if coverage == 0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
        return;
    }
    let Some(pixel) = map.pixels_mut().get_mut((y * width + x) as usize) else { return };
    let part = u32::from(coverage);
    let mix = |below: u8, above: u8| ((u32::from(below) * (255 - part) + u32::from(above) * part + 127) / 255) as u8;
    let [red, green, blue] = color;
    // The ground is opaque everywhere, so nothing has to be multiplied.
    let mixed = (mix(pixel.red(), red), mix(pixel.green(), green), mix(pixel.blue(), blue));
    if let Some(mixed) = PremultipliedColorU8::from_rgba(mixed.0, mixed.1, mixed.2, 255) {
        *pixel = mixed;
    }
}

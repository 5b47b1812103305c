//! The Gantt chart of a forecast: what the run of the median makespan played, where and when, as SVG or PNG.

mod png;
mod scene;
mod svg;

use super::outlook::Outlook;
use crate::failure::Failure;
use std::fs;
use std::path::Path;

/// Formats by the end of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

fn format_of(path: &Path) -> Result<Format, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(Failure::usage(format!("{}: a Gantt chart is an .svg or a .png", path.display()))
            .help("name the file forecast.svg or forecast.png")),
    }
}

/// Refuses a name whose end says no format, before anything is simulated.
///
/// # Errors
/// Such a name.
pub fn check_name(path: &Path) -> Result<(), Failure> {
    format_of(path).map(|_| ())
}

/// Draws the chart into a file.
///
/// # Errors
/// A file that cannot be written.
pub fn draw(outlook: &Outlook, path: &Path) -> Result<(), Failure> {
    let scene = scene::of(outlook);
    let bytes = match format_of(path)? {
        Format::Svg => svg::of(&scene).into_bytes(),
        Format::Png => png::of(&scene).map_err(|error| {
            Failure::usage(format!("{}: {error}", path.display()))
                .help("fewer machines make a lower picture; or draw an .svg")
        })?,
    };
    fs::write(path, bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

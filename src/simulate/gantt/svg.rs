//! A scene as SVG.

use super::scene::{Anchor, Color, Mark, Scene, WIDTH};
use std::fmt::Write as _;

/// The text of the picture.
pub fn of(scene: &Scene) -> String {
    let height = scene.height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\" font-family=\"'Noto Sans Mono', ui-monospace, 'DejaVu Sans Mono', monospace\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        escaped(&scene.title)
    );
    scene.marks.iter().for_each(|mark| write(&mut svg, mark));
    svg + "</svg>\n"
}

fn write(svg: &mut String, mark: &Mark) {
    // Writing to a text cannot fail.
    let _ = match mark {
        Mark::Box { at: [x, y, width, height], round, fill, opacity, edge, tip } => {
            let mut more = String::new();
            if *round > 0.0 {
                let _ = write!(more, " rx=\"{round}\"");
            }
            if *opacity < 1.0 {
                let _ = write!(more, " fill-opacity=\"{opacity}\"");
            }
            if let Some((color, width)) = edge {
                let _ = write!(more, " stroke=\"{}\" stroke-width=\"{width}\"", hex(*color));
            }
            let end = match tip {
                Some(tip) => format!("><title>{}</title></rect>", escaped(tip)),
                None => "/>".to_owned(),
            };
            let fill = hex(*fill);
            writeln!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"{more}{end}"
            )
        }
        Mark::Line { at: [x1, y1, x2, y2], color, width } => {
            let color = hex(*color);
            writeln!(svg, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{color}\" stroke-width=\"{width}\"/>")
        }
        Mark::Words { at: [x, y], text, size, color, bold, anchor } => {
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let (fill, text) = (hex(*color), escaped(text));
            writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{fill}\"{weight}{anchor}>{text}</text>"
            )
        }
    };
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text that stands in XML: what has a meaning there is written out, and what may not stand there is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '&' => safe += "&amp;",
            '"' => safe += "&quot;",
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_picture() {
        assert_eq!(escaped("a<b>&\"c\"\u{1}"), "a&lt;b&gt;&amp;&quot;c&quot; ");
    }
}

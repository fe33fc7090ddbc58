//! The plots of the documentation.

use std::path::Path;

use plotters::prelude::{
    ChartBuilder, Circle, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition,
};
use plotters::style::{BLACK, Color, ShapeStyle, WHITE};

use crate::report::{Line, Section};

/// What a section is a point of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Plot {
    /// Cost of an emission to subscribers that want everything.
    Full,
    /// Cost of an emission to subscribers that each want their own plan.
    Selective,
    /// Loss under a flood.
    Loss,
}

const COLORS: [RGBColor; 6] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
];

/// A line of a plot: whose it is, and its points.
type Series = (String, Vec<(f64, f64)>);

impl Plot {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Selective, Self::Loss];

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Full => "full.svg",
            Self::Selective => "selective.svg",
            Self::Loss => "loss.svg",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Full => "Cost of an emission, delivered to everybody",
            Self::Selective => "Cost of an emission, delivered to the one who wants that plan",
            Self::Loss => "Lost when publishers never wait",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Full | Self::Selective => "ns per emission",
            Self::Loss => "% lost",
        }
    }

    /// What a line of a section with so many subscribers says.
    fn value(self, subscribers: f64, line: &Line) -> f64 {
        match self {
            Self::Full => subscribers * 1e9 / line.figure.median,
            Self::Selective => 1e9 / line.figure.median,
            Self::Loss => (1.0 - line.delivered.unwrap_or(1.0)) * 100.0,
        }
    }

    fn series(self, sections: &[Section]) -> Vec<Series> {
        let mut all: Vec<Series> = Vec::new();
        for section in sections {
            let Some((plot, subscribers)) = section.point else { continue };
            if plot != self {
                continue;
            }
            for line in &section.lines {
                let point = (subscribers as f64, self.value(subscribers as f64, line));
                match all.iter_mut().find(|(name, _)| *name == line.name) {
                    Some((_, points)) => points.push(point),
                    None => all.push((line.name.clone(), vec![point])),
                }
            }
        }
        all
    }

    /// Draws it into the folder, if there is anything to draw.
    pub(crate) fn draw(self, folder: &Path, sections: &[Section]) {
        let series = self.series(sections);
        let points = || series.iter().flat_map(|(_, points)| points);
        let Some(most) = points().map(|(_, y)| *y).max_by(f64::total_cmp) else { return };
        let furthest = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let path = folder.join(self.file());
        let area = SVGBackend::new(&path, (800, 480)).into_drawing_area();
        area.fill(&WHITE).unwrap();
        let mut builder = ChartBuilder::on(&area);
        builder
            .caption(self.title(), ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(76);
        let x = (0.9..furthest * 1.2).log_scale();
        // Two kinds of chart, as the types of their axes differ: shares are not on a logarithmic scale.
        macro_rules! chart {
            ($y:expr) => {{
                let mut chart = builder.build_cartesian_2d(x, $y).unwrap();
                let mesh = &mut chart.configure_mesh();
                mesh.x_desc("subscribers").y_desc(self.unit()).light_line_style(WHITE);
                mesh.x_label_formatter(&|x| format!("{x:.0}"))
                    .y_label_formatter(&|y| format!("{y:.0}"))
                    .draw()
                    .unwrap();
                for (place, (name, points)) in series.iter().enumerate() {
                    let color = COLORS[place % COLORS.len()];
                    let style = ShapeStyle::from(&color).stroke_width(2);
                    let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), style)).unwrap();
                    drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
                    chart
                        .draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))
                        .unwrap();
                }
                let labels = &mut chart.configure_series_labels();
                labels
                    .position(SeriesLabelPosition::UpperLeft)
                    .background_style(WHITE.mix(0.8))
                    .border_style(BLACK);
                labels.draw().unwrap();
            }};
        }
        if self == Self::Loss {
            chart!(0.0..100.0);
        } else {
            let least = points().map(|(_, y)| *y).fold(most, f64::min);
            chart!((least * 0.7..most * 1.5).log_scale());
        }
        area.present().unwrap();
    }
}

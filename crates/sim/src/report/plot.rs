//! Line plots as SVG.

use std::fmt::Write as _;

/// An axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Axis<'a> {
    /// What it shows, with the unit.
    pub label: &'a str,
    /// Whether equal distances are equal factors; values that are not positive are left out.
    pub is_log: bool,
}

/// A line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Intervals: a place, and the lowest and highest value there.
    pub intervals: Vec<(f64, f64, f64)>,
}

/// A plot of lines.
#[derive(Clone, Debug)]
pub struct Plot<'a> {
    /// What it shows.
    pub title: &'a str,
    /// To the right.
    pub x: Axis<'a>,
    /// Upwards.
    pub y: Axis<'a>,
    /// The lines.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 30.0;
const RIGHT: f64 = 14.0;
const COLOURS: [&str; 8] =
    ["#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6", "#dd4477", "#66aa00"];

/// Maps values to places.
struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    /// One that shows all the values; a linear one begins at 0 if they are positive.
    fn new(axis: Axis<'_>, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let good = values.filter(|it| it.is_finite() && (!axis.is_log || *it > 0.0));
        let (low, high) =
            good.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), it| (l.min(it), h.max(it)));
        let (mut low, mut high) = if low <= high { (low, high) } else { (1.0, 2.0) };
        if axis.is_log {
            low = 10_f64.powf(low.log10().floor());
            high = 10_f64.powf(high.log10().ceil());
            if low == high {
                high *= 10.0;
            }
        } else {
            low = low.min(0.0);
            let step = nice_step(high - low);
            high = low + ((high - low) / step).ceil().max(1.0) * step;
        }
        Self { low, high, is_log: axis.is_log, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            let step = nice_step(self.high - self.low);
            let count = ((self.high - self.low) / step).round() as i32;
            return (0..=count).map(|i| self.low + f64::from(i) * step).collect();
        }
        let (from, to) = (self.low.log10().round() as i32, self.high.log10().round() as i32);
        let by = ((to - from) / 6).max(1) as usize;
        (from..=to).step_by(by).map(|power| 10_f64.powi(power)).collect()
    }
}

/// A step of 1, 2 or 5 times a power of ten, about a fifth of the range.
fn nice_step(range: f64) -> f64 {
    if range.is_nan() || range <= 0.0 {
        return 1.0;
    }
    let rough = range / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= rough * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A number as an axis has it: `1.5k`, `20M`.
fn number(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = UNITS.iter().find(|(scale, _)| value.abs() >= *scale * 0.999_999);
    let (scale, suffix) = unit.copied().unwrap_or((1.0, ""));
    let scaled = value / scale;
    let text = if scaled != 0.0 && scaled.abs() < 0.01 {
        format!("{scaled:.0e}")
    } else {
        let text = format!("{scaled:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    format!("{text}{suffix}")
}

/// A text in XML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Plot<'_> {
    /// The plot as an SVG element.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let ends = self.lines.iter().flat_map(|line| &line.intervals);
        let ends = ends.flat_map(|&(_, low, high)| [low, high]);
        let x = Scale::new(self.x, points().map(|it| it.0), LEFT, WIDTH - RIGHT);
        let y = Scale::new(self.y, points().map(|it| it.1).chain(ends), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\
             <text x=\"{LEFT}\" y=\"16\" font-size=\"13\" font-weight=\"bold\">{}</text>\n",
            escape(self.title)
        );
        self.draw_axes(&mut svg, &x, &y);
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let mut path = String::new();
            let shown = |&&(a, b): &&(f64, f64)| {
                a.is_finite() && b.is_finite() && !(x.is_log && a <= 0.0) && !(y.is_log && b <= 0.0)
            };
            for &(a, b) in line.points.iter().filter(shown) {
                let _ = write!(path, "{:.1},{:.1} ", x.place(a), y.place(b));
            }
            let _ = writeln!(
                svg,
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
                path.trim_end()
            );
            for &(at, low, high) in &line.intervals {
                let bar = [low, high].map(|value| if y.is_log { value.max(y.low) } else { value });
                let _ = writeln!(
                    svg,
                    "<path d=\"M{0:.1} {1:.1}V{2:.1}\" stroke=\"{colour}\"/>\
                     <circle cx=\"{0:.1}\" cy=\"{3:.1}\" r=\"2.5\" fill=\"{colour}\"/>",
                    x.place(at),
                    y.place(bar[0]),
                    y.place(bar[1]),
                    y.place(f64::midpoint(low, high))
                );
            }
            if self.lines.len() > 1 {
                let top = TOP + 6.0 + 14.0 * index as f64;
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{top}\" fill=\"{colour}\">{}</text>",
                    LEFT + 8.0,
                    escape(&line.name)
                );
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_axes(&self, svg: &mut String, x: &Scale, y: &Scale) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in x.ticks() {
            let at = x.place(tick);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 14.0,
                number(tick)
            );
        }
        for tick in y.ticks() {
            let at = y.place(tick);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                at + 4.0,
                number(tick)
            );
        }
        let middle = f64::midpoint(TOP, bottom);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(13 {middle}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, right),
            HEIGHT - 10.0,
            escape(self.x.label),
            escape(self.y.label)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        let check = |is_log, values: &[f64], ticks: &[&str]| {
            let axis = Axis { label: "", is_log };
            let scale = Scale::new(axis, values.iter().copied(), 0.0, 100.0);
            assert_eq!(scale.ticks().into_iter().map(number).collect::<Vec<_>>(), ticks);
            assert!(values.iter().all(|&it| (0.0..=100.0).contains(&scale.place(it))));
        };
        check(false, &[0.0, 9.0], &["0", "2", "4", "6", "8", "10"]);
        check(false, &[3e6], &["0", "1M", "2M", "3M"]);
        check(true, &[2.0, 3000.0], &["1", "10", "100", "1k", "10k"]);
        check(true, &[10.0], &["10", "100"]);
        check(false, &[], &["0", "0.5", "1", "1.5", "2"]);
    }

    #[test]
    fn names_cannot_break_the_picture() {
        let line = Line {
            name: "a<b & c".into(),
            points: vec![(1.0, f64::NAN), (2.0, 3.0)],
            ..Line::default()
        };
        let axis = Axis { label: "x", is_log: true };
        let svg = Plot { title: "<t>", x: axis, y: axis, lines: vec![line.clone(), line] }.svg();
        assert!(svg.contains("a&lt;b &amp; c") && svg.contains("&lt;t&gt;"));
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
    }
}

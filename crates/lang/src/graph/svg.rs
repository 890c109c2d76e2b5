//! The picture as text.

use super::layout::{BoxSize, LINE, Layout, MARGIN, NAME_CHAR, PAD};
use super::wires::{Sketch, Vertex};
use crate::ir::{Node, Program};
use std::fmt::Write;

/// Length of an arrow's head.
const HEAD: f64 = 9.0;

const STYLE: &str = "\
text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1f2933}
.name{font-size:14px;font-weight:bold}
.quiet{fill:#61707d}
.box{fill:#ffffff;stroke:#3e5c76;stroke-width:1.5}
.band{fill:#e3ebf2}
.rule{stroke:#c5d0da}
.pill{fill:#fdf3dc;stroke:#b7791f;stroke-width:1.5}
.sink{fill:#f1f1f1;stroke:#8a949d;stroke-dasharray:4 3}
.wire{fill:none;stroke:#52606d;stroke-width:1.5}
.head{fill:#52606d}
.dot{fill:#3e5c76}
.bare{fill:#ffffff;stroke:#8a949d}";

/// The whole document.
pub(super) fn document(
    program: &Program,
    sketch: &Sketch,
    boxes: &[BoxSize],
    layout: &Layout,
) -> String {
    let title_width = program.name.chars().count() as f64 * NAME_CHAR + 2.0 * MARGIN;
    let (width, height) = (layout.width.max(title_width).ceil(), layout.height.ceil());
    let mut svg = Svg(String::new());
    svg.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">"
    ));
    svg.line(&format!("<title>{}</title>", escaped(&program.name)));
    svg.line(&format!("<style>\n{STYLE}\n</style>"));
    svg.line("<rect width=\"100%\" height=\"100%\" fill=\"#fbfcfd\"/>");
    svg.text((MARGIN, MARGIN + 4.0), "name", "start", &program.name);
    for (i, wire) in sketch.wires.iter().enumerate() {
        let from = right_end(boxes, layout, wire.left.vertex, wire.left.port);
        let to = left_end(boxes, layout, wire.right.vertex, wire.right.port);
        svg.wire(from, &layout.lanes[i], to, (wire.forward, wire.backward));
    }
    for (from, to) in &sketch.loops {
        let start = right_end(boxes, layout, from.vertex, from.port);
        let end = left_end(boxes, layout, to.vertex, to.port);
        let bottom = layout.corners[from.vertex].1 + boxes[from.vertex].height + LINE;
        svg.detour(start, bottom, end);
    }
    for (v, vertex) in sketch.vertices.iter().enumerate() {
        let (corner, size) = (layout.corners[v], &boxes[v]);
        match vertex {
            Vertex::Port(port) => svg.pill(corner, size, "pill", &program.ports[*port]),
            Vertex::Discard => svg.pill(corner, size, "sink", "discard"),
            Vertex::Node(node) => svg.element(corner, size, &program.nodes[*node]),
        }
    }
    svg.line("</svg>");
    svg.0
}

/// Where a wire leaves a vertex on its right side.
fn right_end(boxes: &[BoxSize], layout: &Layout, vertex: usize, port: usize) -> (f64, f64) {
    let (x, y) = layout.corners[vertex];
    let size = &boxes[vertex];
    (x + size.width, y + size.port_y(&size.right, port))
}

/// Where a wire arrives at a vertex on its left side.
fn left_end(boxes: &[BoxSize], layout: &Layout, vertex: usize, port: usize) -> (f64, f64) {
    let (x, y) = layout.corners[vertex];
    let size = &boxes[vertex];
    (x, y + size.port_y(&size.left, port))
}

/// Text with the characters that XML gives a meaning, and those it forbids, replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

struct Svg(String);

impl Svg {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn text(&mut self, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
        let text = escaped(text);
        self.line(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" \
             text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// A wire through its lanes, with a head where packets arrive.
    fn wire(
        &mut self,
        from: (f64, f64),
        lanes: &[(f64, f64, f64)],
        to: (f64, f64),
        (forward, backward): (bool, bool),
    ) {
        let inset = |there: bool| if there { HEAD } else { 0.0 };
        let start = (from.0 + inset(backward), from.1);
        let end = (to.0 - inset(forward), to.1);
        let mut path = format!("M{:.1} {:.1}", start.0, start.1);
        let mut at = start;
        for &(left, right, y) in lanes {
            curve(&mut path, at, (left, y));
            // Writing to a string cannot fail.
            let _ = write!(path, " L{right:.1} {y:.1}");
            at = (right, y);
        }
        curve(&mut path, at, end);
        self.line(&format!("<path class=\"wire\" d=\"{path}\"/>"));
        if forward {
            self.head(to, -HEAD);
        }
        if backward {
            self.head(from, HEAD);
        }
    }

    /// An arrow's head with its tip at a place; the rest lies `back` along x.
    fn head(&mut self, (x, y): (f64, f64), back: f64) {
        let base = x + back;
        let (above, below) = (y - HEAD / 2.0, y + HEAD / 2.0);
        self.line(&format!(
            "<path class=\"head\" \
             d=\"M{x:.1} {y:.1} L{base:.1} {above:.1} L{base:.1} {below:.1} Z\"/>"
        ));
    }

    /// A wire from the right side of a box below it to its left side.
    fn detour(&mut self, from: (f64, f64), bottom: f64, to: (f64, f64)) {
        let (right, left) = (from.0 + LINE, to.0 - LINE - HEAD);
        let end = to.0 - HEAD;
        self.line(&format!(
            "<path class=\"wire\" d=\"M{:.1} {:.1} L{right:.1} {:.1} L{right:.1} {bottom:.1} \
             L{left:.1} {bottom:.1} L{left:.1} {:.1} L{end:.1} {:.1}\"/>",
            from.0, from.1, from.1, to.1, to.1
        ));
        self.head(to, -HEAD);
    }

    fn pill(&mut self, (x, y): (f64, f64), size: &BoxSize, class: &str, text: &str) {
        let (width, height, radius) = (size.width, size.height, size.height / 2.0);
        self.line(&format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"{radius:.1}\"/>"
        ));
        self.text((x + width / 2.0, y + radius + 4.0), "", "middle", text);
    }

    fn element(&mut self, (x, y): (f64, f64), size: &BoxSize, node: &Node) {
        let (width, height) = (size.width, size.height);
        self.line(&format!(
            "<g><title>{}: {}</title><rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" \
             width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>",
            escaped(&node.name),
            escaped(&node.element)
        ));
        let band = 2.0 * LINE + PAD / 2.0;
        self.line(&format!(
            "<rect class=\"band\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
             height=\"{:.1}\" rx=\"3\"/>",
            x + 1.0,
            y + 1.0,
            width - 2.0,
            band - 1.0
        ));
        let middle = x + width / 2.0;
        self.text((middle, y + LINE), "name", "middle", &node.name);
        self.text((middle, y + 2.0 * LINE - 2.0), "quiet", "middle", &node.element);
        let name = |port: usize| node.ports.get(port).map_or("", String::as_str);
        for &port in &size.left {
            let at = (x, y + size.port_y(&size.left, port));
            let class = if size.bare.contains(&port) { "bare" } else { "dot" };
            self.port(at, class, (PAD, "start"), name(port));
        }
        for &port in &size.right {
            let at = (x + width, y + size.port_y(&size.right, port));
            self.port(at, "dot", (-PAD, "end"), name(port));
        }
        let rows = size.left.len().max(size.right.len()) as f64;
        let rule = y + 2.0 * LINE + PAD + rows * LINE + PAD / 2.0;
        if !size.states.is_empty() {
            self.line(&format!(
                "<path class=\"rule\" d=\"M{x:.1} {rule:.1} L{:.1} {rule:.1}\"/>",
                x + width
            ));
        }
        for (row, state) in size.states.iter().enumerate() {
            let baseline = rule + PAD / 2.0 + (row as f64 + 0.7) * LINE;
            self.text((x + PAD, baseline), "quiet", "start", state);
        }
        self.line("</g>");
    }

    fn port(&mut self, (x, y): (f64, f64), class: &str, (dx, anchor): (f64, &str), name: &str) {
        self.line(&format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
        self.text((x + dx, y + 4.0), "", anchor, name);
    }
}

/// A curve that leaves and arrives level.
fn curve(path: &mut String, from: (f64, f64), to: (f64, f64)) {
    let bend = ((to.0 - from.0) / 2.0).max(12.0);
    // Writing to a string cannot fail.
    let _ = write!(
        path,
        " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
        from.0 + bend,
        from.1,
        to.0 - bend,
        to.1,
        to.0,
        to.1
    );
}

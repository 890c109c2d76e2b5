//! Where things go: layers, order within them, coordinates in pixels.

use super::wires::{Sketch, Wire};
use crate::ir::Node;

/// Height of a line of text.
pub(super) const LINE: f64 = 18.0;
/// Width of a character of the small font, which is monospaced.
pub(super) const CHAR: f64 = 7.3;
/// Width of a character of the font of names.
pub(super) const NAME_CHAR: f64 = 8.5;
/// Between the frame of a box and its text.
pub(super) const PAD: f64 = 10.0;
/// Between the picture and its edge.
pub(super) const MARGIN: f64 = 24.0;
/// Between the layers.
const LAYER_GAP: f64 = 72.0;
/// Between boxes of one layer.
const BOX_GAP: f64 = 28.0;
/// Height of the place through which a long wire passes a layer.
const LANE: f64 = 12.0;
/// Rounds of ordering and of straightening.
const ROUNDS: usize = 8;

/// A vertex as it will be drawn: its size and what stands in it.
#[derive(Debug, Default)]
pub(super) struct BoxSize {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Ports on the left side, from top to bottom.
    pub(super) left: Vec<usize>,
    /// Ports on the right side.
    pub(super) right: Vec<usize>,
    /// Ports without a wire, which are among those on the left side.
    pub(super) bare: Vec<usize>,
    /// One line for each state object.
    pub(super) states: Vec<String>,
}

fn chars(text: &str) -> f64 {
    text.chars().count() as f64
}

impl BoxSize {
    pub(super) fn pill(text: &str) -> Self {
        Self { width: chars(text) * CHAR + 2.0 * LINE, height: LINE + 8.0, ..Self::default() }
    }

    pub(super) fn element(
        node: &Node,
        left: Vec<usize>,
        right: Vec<usize>,
        bare: Vec<usize>,
        states: Vec<String>,
    ) -> Self {
        let name_of = |port: &usize| node.ports.get(*port).map_or(0.0, |name| chars(name));
        let widest = |ports: &[usize]| ports.iter().map(name_of).fold(0.0, f64::max);
        let ports = (widest(&left) + widest(&right) + 3.0) * CHAR;
        let lines = states.iter().map(|s| chars(s) * CHAR).fold(0.0, f64::max);
        let name = chars(&node.name) * NAME_CHAR;
        let element = chars(&node.element) * CHAR;
        let width = ports.max(lines).max(name).max(element) + 2.0 * PAD;
        let rows = left.len().max(right.len()) as f64;
        let state_rows = states.len() as f64;
        let separator = if states.is_empty() { 0.0 } else { PAD };
        let height = 2.0 * LINE + PAD + rows * LINE + separator + state_rows * LINE + PAD;
        Self { width, height, left, right, bare, states }
    }

    /// Height of a port's middle below the top of the box.
    pub(super) fn port_y(&self, ports: &[usize], port: usize) -> f64 {
        match ports.iter().position(|&p| p == port) {
            Some(row) => 2.0 * LINE + PAD + (row as f64 + 0.5) * LINE,
            None => self.height / 2.0,
        }
    }
}

/// Something that takes place in a layer: a vertex, or a lane for a wire (its index).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Vertex(usize),
    Lane(usize),
}

/// The coordinates of everything.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Left upper corner of each vertex.
    pub(super) corners: Vec<(f64, f64)>,
    /// For each wire the lanes it passes: left and right end, and height.
    pub(super) lanes: Vec<Vec<(f64, f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Layout {
    pub(super) fn of(sketch: &Sketch, boxes: &[BoxSize]) -> Self {
        let layer = layers(sketch);
        let mut grid = Grid::new(sketch, boxes, &layer);
        grid.order();
        grid.place();
        grid.finish()
    }
}

/// The layer of each vertex: one more than the greatest of those that wires come from. Vertices
/// that nothing leaves stand in the last layer, if they are ends of the network.
fn layers(sketch: &Sketch) -> Vec<usize> {
    let count = sketch.vertices.len();
    let mut incoming = vec![0_usize; count];
    let mut out = vec![Vec::new(); count];
    for wire in &sketch.wires {
        incoming[wire.right.vertex] += 1;
        out[wire.left.vertex].push(wire.right.vertex);
    }
    let mut ready: Vec<usize> = (0..count).filter(|&v| incoming[v] == 0).collect();
    let mut layer = vec![0; count];
    while let Some(v) = ready.pop() {
        for &next in &out[v] {
            layer[next] = layer[next].max(layer[v] + 1);
            incoming[next] -= 1;
            if incoming[next] == 0 {
                ready.push(next);
            }
        }
    }
    let last = layer.iter().copied().max().unwrap_or(0);
    for v in 0..count {
        let ends = matches!(sketch.vertices[v], super::wires::Vertex::Port(_));
        if ends && out[v].is_empty() && layer[v] > 0 {
            layer[v] = last;
        }
    }
    layer
}

struct Grid<'a> {
    sketch: &'a Sketch,
    boxes: &'a [BoxSize],
    layers: Vec<Vec<Slot>>,
    /// Upper end of each slot, by layer and place.
    tops: Vec<Vec<f64>>,
    /// Layer of each vertex.
    layer: Vec<usize>,
}

impl<'a> Grid<'a> {
    fn new(sketch: &'a Sketch, boxes: &'a [BoxSize], layer: &[usize]) -> Self {
        let count = layer.iter().max().map_or(0, |last| last + 1);
        let mut layers = vec![Vec::new(); count];
        for (v, &l) in layer.iter().enumerate() {
            layers[l].push(Slot::Vertex(v));
        }
        for (i, wire) in sketch.wires.iter().enumerate() {
            let (from, to) = (layer[wire.left.vertex], layer[wire.right.vertex]);
            for slots in layers.iter_mut().take(to).skip(from + 1) {
                slots.push(Slot::Lane(i));
            }
        }
        let tops = layers.iter().map(|slots| vec![0.0; slots.len()]).collect();
        Self { sketch, boxes, layers, tops, layer: layer.to_vec() }
    }

    fn height(&self, slot: Slot) -> f64 {
        match slot {
            Slot::Vertex(v) => self.boxes[v].height,
            Slot::Lane(_) => LANE,
        }
    }

    /// The wires at a slot on one side, each with the slot at its other end in the next layer and
    /// the heights, below the tops, at which it leaves here and arrives there.
    fn links(&self, layer: usize, slot: Slot, to_right: bool) -> Vec<(Slot, f64, f64)> {
        let wires = self.sketch.wires.iter().enumerate().filter(|(i, wire)| match slot {
            Slot::Lane(lane) => lane == *i,
            Slot::Vertex(v) => (if to_right { wire.left } else { wire.right }).vertex == v,
        });
        wires
            .map(|(i, wire)| {
                let (far, span_end) = if to_right {
                    (wire.right.vertex, self.layer[wire.right.vertex] == layer + 1)
                } else {
                    (wire.left.vertex, self.layer[wire.left.vertex] + 1 == layer)
                };
                let here = self.attach(slot, wire, to_right);
                if span_end {
                    let there = Slot::Vertex(far);
                    (there, here, self.attach(there, wire, !to_right))
                } else {
                    (Slot::Lane(i), here, LANE / 2.0)
                }
            })
            .collect()
    }

    /// Height of a wire's end below the top of a slot.
    fn attach(&self, slot: Slot, wire: &Wire, leaves_right: bool) -> f64 {
        let Slot::Vertex(v) = slot else { return LANE / 2.0 };
        let b = &self.boxes[v];
        if leaves_right {
            b.port_y(&b.right, wire.left.port)
        } else {
            b.port_y(&b.left, wire.right.port)
        }
    }

    /// Sorts each layer by the mean place of what its slots are wired to, to and fro.
    fn order(&mut self) {
        for round in 0..ROUNDS {
            let rightwards = round % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if rightwards { step } else { count - 1 - step };
                let fixed = if rightwards { layer - 1 } else { layer + 1 };
                let mut keyed: Vec<(f64, Slot)> = (self.layers[layer].iter().enumerate())
                    .map(|(place, &slot)| {
                        let links = self.links(layer, slot, !rightwards);
                        let places: Vec<f64> = links
                            .iter()
                            .filter_map(|(other, _, there)| {
                                let at = self.layers[fixed].iter().position(|s| s == other)?;
                                // Ports from top to bottom order what is wired to one box.
                                Some(at as f64 + there / (self.height(*other) + 1.0))
                            })
                            .collect();
                        (mean(&places).unwrap_or(place as f64), slot)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.layers[layer] = keyed.into_iter().map(|(_, slot)| slot).collect();
            }
        }
    }

    /// Moves the slots of each layer up and down towards straight wires, keeping order and gaps.
    fn place(&mut self) {
        for layer in 0..self.layers.len() {
            let wish = vec![0.0; self.layers[layer].len()];
            self.settle(layer, &wish);
        }
        for round in 0..2 * ROUNDS {
            let rightwards = round % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                let layer = if rightwards { step } else { count - 1 - step };
                let fixed = if rightwards { layer - 1 } else { layer + 1 };
                let wish: Vec<f64> = (self.layers[layer].iter().enumerate())
                    .map(|(place, &slot)| {
                        let links = self.links(layer, slot, !rightwards);
                        let tops: Vec<f64> = links
                            .iter()
                            .filter_map(|(other, here, there)| {
                                let at = self.layers[fixed].iter().position(|s| s == other)?;
                                Some(self.tops[fixed][at] + there - here)
                            })
                            .collect();
                        mean(&tops).unwrap_or(self.tops[layer][place])
                    })
                    .collect();
                self.settle(layer, &wish);
            }
        }
    }

    /// Gives the slots of a layer the wished tops as nearly as their heights and gaps permit:
    /// slots that would overlap form a block, which takes the mean of its wishes.
    fn settle(&mut self, layer: usize, wish: &[f64]) {
        // Blocks: first slot, sum of the wishes for its top, number of slots, height.
        let mut blocks: Vec<(usize, f64, f64, f64)> = Vec::new();
        for (place, &slot) in self.layers[layer].iter().enumerate() {
            let height = self.height(slot) + BOX_GAP;
            blocks.push((place, wish[place], 1.0, height));
            while let [.., above, below] = blocks.as_slice() {
                if above.1 / above.2 + above.3 <= below.1 / below.2 {
                    break;
                }
                // The lower block's wishes count from the top of the joined one.
                let sum = above.1 + below.1 - below.2 * above.3;
                let joined = (above.0, sum, above.2 + below.2, above.3 + below.3);
                blocks.truncate(blocks.len() - 2);
                blocks.push(joined);
            }
        }
        for (i, block) in blocks.iter().enumerate() {
            let end = blocks.get(i + 1).map_or(self.layers[layer].len(), |next| next.0);
            let mut top = block.1 / block.2;
            for place in block.0..end {
                self.tops[layer][place] = top;
                top += self.height(self.layers[layer][place]) + BOX_GAP;
            }
        }
    }

    fn finish(self) -> Layout {
        let highest = self.tops.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let shift = MARGIN + 2.0 * LINE - if highest.is_finite() { highest } else { 0.0 };
        let mut layout = Layout {
            corners: vec![(0.0, 0.0); self.sketch.vertices.len()],
            lanes: vec![Vec::new(); self.sketch.wires.len()],
            width: 0.0,
            height: MARGIN + 2.0 * LINE,
        };
        let mut x = MARGIN;
        for (slots, tops) in self.layers.iter().zip(&self.tops) {
            let width_of = |slot: &Slot| match slot {
                Slot::Vertex(v) => self.boxes[*v].width,
                Slot::Lane(_) => 0.0,
            };
            let width = slots.iter().map(width_of).fold(0.0, f64::max);
            for (slot, top) in slots.iter().zip(tops) {
                let y = top + shift;
                layout.height = layout.height.max(y + self.height(*slot));
                match slot {
                    Slot::Vertex(v) => {
                        let inset = (width - self.boxes[*v].width) / 2.0;
                        layout.corners[*v] = (x + inset, y);
                    }
                    Slot::Lane(wire) => layout.lanes[*wire].push((x, x + width, y + LANE / 2.0)),
                }
            }
            x += width + LAYER_GAP;
        }
        // Room for wires that lead from an element back to itself.
        let below = if self.sketch.loops.is_empty() { 0.0 } else { 2.0 * LINE };
        layout.width = x - LAYER_GAP + MARGIN;
        layout.height += MARGIN + below;
        layout
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

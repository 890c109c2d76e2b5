//! A program's network as a picture.
//!
//! Elements are boxes with their ports and state objects, external ports are pills, wires run from
//! left to right (with a head at both ends where packets go both ways). The layout follows
//! Sugiyama, Tagawa and Toda (IEEE Trans. SMC, 1981): layers by longest path, order within a layer
//! by barycentres, long wires through reserved places, so that no wire crosses a box.

mod layout;
mod svg;
mod wires;

#[cfg(test)]
mod tests;

use crate::ir::Program;

/// The network of a program as an SVG document, complete in itself: light background, no fonts or
/// files from elsewhere.
pub fn render_svg(program: &Program) -> String {
    let sketch = wires::Sketch::of(program);
    let boxes = sketch.boxes(program);
    let layout = layout::Layout::of(&sketch, &boxes);
    svg::document(program, &sketch, &boxes, &layout)
}

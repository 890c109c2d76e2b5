//! What is to be drawn: vertices, wires between them, and which way they point on paper.

use super::layout::BoxSize;
use crate::ir::{Dest, Node, Program};
use std::collections::{BTreeMap, VecDeque};
use trama_state::{StateKind, StateSpec, WhenFull};

/// Something a wire can end at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vertex {
    /// An element instance: index into [`Program::nodes`].
    Node(usize),
    /// An external port: index into [`Program::ports`].
    Port(usize),
    /// The sink behind a vertex.
    Discard,
}

/// An end of a wire: index of the vertex, and of the port if it is an element instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) vertex: usize,
    pub(super) port: usize,
}

/// A wire, drawn from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    pub(super) left: End,
    pub(super) right: End,
    /// Packets go from left to right.
    pub(super) forward: bool,
    /// Packets go from right to left.
    pub(super) backward: bool,
}

/// Vertices and wires.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    pub(super) vertices: Vec<Vertex>,
    /// Between different vertices.
    pub(super) wires: Vec<Wire>,
    /// From an element to itself: from port, to port.
    pub(super) loops: Vec<(End, End)>,
}

impl Sketch {
    pub(super) fn of(program: &Program) -> Self {
        let mut sketch = Self::default();
        sketch.vertices.extend((0..program.ports.len()).map(Vertex::Port));
        sketch.vertices.extend((0..program.nodes.len()).map(Vertex::Node));
        let ports = program.ports.len();
        let mut directed = Vec::new();
        for (port, dest) in program.ingress.iter().enumerate() {
            let from = End { vertex: port, port: 0 };
            directed.extend(sketch.end(ports, *dest).map(|to| (from, to)));
        }
        for (n, node) in program.nodes.iter().enumerate() {
            for (port, dest) in node.wires.iter().enumerate() {
                let from = End { vertex: ports + n, port };
                directed.extend(sketch.end(ports, *dest).map(|to| (from, to)));
            }
        }
        sketch.join(&directed);
        sketch.point_right();
        sketch
    }

    /// Where a wire ends; each one that is given up gets a sink of its own.
    fn end(&mut self, ports: usize, dest: Dest) -> Option<End> {
        match dest {
            Dest::Node(node, port) => {
                Some(End { vertex: ports + node as usize, port: port as usize })
            }
            Dest::Out(port) => Some(End { vertex: port as usize, port: 0 }),
            Dest::Unconnected => None,
            Dest::Discard => {
                self.vertices.push(Vertex::Discard);
                Some(End { vertex: self.vertices.len() - 1, port: 0 })
            }
        }
    }

    /// Makes one wire of the two directions between two ends.
    fn join(&mut self, directed: &[(End, End)]) {
        let mut joined: BTreeMap<(End, End), (bool, bool)> = BTreeMap::new();
        for &(from, to) in directed {
            if from.vertex == to.vertex {
                self.loops.push((from, to));
                continue;
            }
            let ways = joined.entry((from.min(to), from.max(to))).or_default();
            if from < to {
                ways.0 = true;
            } else {
                ways.1 = true;
            }
        }
        self.wires = joined
            .into_iter()
            .map(|((left, right), (forward, backward))| Wire { left, right, forward, backward })
            .collect();
    }

    /// Turns the wires so that they point away from the first external port, or the way of their
    /// packets, and never in a circle.
    fn point_right(&mut self) {
        let distance = self.distances();
        for wire in &mut self.wires {
            let key = |end: End| (distance[end.vertex], end.vertex);
            let away = key(wire.left) <= key(wire.right);
            let one_way = wire.forward != wire.backward;
            if if one_way { wire.backward } else { !away } {
                wire.turn();
            }
        }
        self.break_circles();
    }

    /// Steps from the first external port; vertices it does not reach are counted from others.
    fn distances(&self) -> Vec<usize> {
        let mut neighbours = vec![Vec::new(); self.vertices.len()];
        for wire in &self.wires {
            neighbours[wire.left.vertex].push(wire.right.vertex);
            neighbours[wire.right.vertex].push(wire.left.vertex);
        }
        let mut distance = vec![usize::MAX; self.vertices.len()];
        for start in 0..self.vertices.len() {
            if distance[start] != usize::MAX {
                continue;
            }
            distance[start] = 0;
            let mut queue = VecDeque::from([start]);
            while let Some(v) = queue.pop_front() {
                for &next in &neighbours[v] {
                    if distance[next] == usize::MAX {
                        distance[next] = distance[v] + 1;
                        queue.push_back(next);
                    }
                }
            }
        }
        distance
    }

    /// Turns each wire that a walk along the others finds to lead back.
    fn break_circles(&mut self) {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut out = vec![Vec::new(); self.vertices.len()];
        for (i, wire) in self.wires.iter().enumerate() {
            out[wire.left.vertex].push(i);
        }
        let mut marks = vec![Mark::New; self.vertices.len()];
        let mut back = Vec::new();
        for start in 0..self.vertices.len() {
            if marks[start] != Mark::New {
                continue;
            }
            // Vertex and the position in its list of wires.
            let mut stack = vec![(start, 0)];
            marks[start] = Mark::Open;
            while let Some((v, at)) = stack.last_mut() {
                let Some(&wire) = out[*v].get(*at) else {
                    marks[*v] = Mark::Done;
                    stack.pop();
                    continue;
                };
                *at += 1;
                let next = self.wires[wire].right.vertex;
                match marks[next] {
                    Mark::New => {
                        marks[next] = Mark::Open;
                        stack.push((next, 0));
                    }
                    Mark::Open => back.push(wire),
                    Mark::Done => {}
                }
            }
        }
        for wire in back {
            self.wires[wire].turn();
        }
    }

    /// The sizes and texts of all vertices.
    pub(super) fn boxes(&self, program: &Program) -> Vec<BoxSize> {
        (self.vertices.iter().enumerate())
            .map(|(v, vertex)| match vertex {
                Vertex::Port(port) => BoxSize::pill(&program.ports[*port]),
                Vertex::Discard => BoxSize::pill("discard"),
                Vertex::Node(node) => self.node_box(v, &program.nodes[*node]),
            })
            .collect()
    }

    fn node_box(&self, vertex: usize, node: &Node) -> BoxSize {
        let mut left: Vec<usize> = Vec::new();
        let mut right: Vec<usize> = Vec::new();
        for wire in &self.wires {
            for (end, side) in [(wire.right, &mut left), (wire.left, &mut right)] {
                if end.vertex == vertex && !side.contains(&end.port) {
                    side.push(end.port);
                }
            }
        }
        for (from, to) in self.loops.iter().filter(|(from, _)| from.vertex == vertex) {
            for (end, side) in [(to, &mut left), (from, &mut right)] {
                if !side.contains(&end.port) {
                    side.push(end.port);
                }
            }
        }
        // Ports without wires are shown all the same.
        let bare: Vec<usize> =
            (0..node.ports.len()).filter(|p| !left.contains(p) && !right.contains(p)).collect();
        left.sort_unstable();
        right.sort_unstable();
        left.extend(&bare);
        let states = node.states.iter().map(state_line).collect();
        BoxSize::element(node, left, right, bare, states)
    }
}

impl Wire {
    fn turn(&mut self) {
        std::mem::swap(&mut self.left, &mut self.right);
        std::mem::swap(&mut self.forward, &mut self.backward);
    }
}

/// `seen: map[65536] expire 5min`
fn state_line(spec: &StateSpec) -> String {
    let kind = match &spec.kind {
        StateKind::Map { capacity, expire, when_full } => {
            let word = if spec.value.0.is_empty() { "set" } else { "map" };
            let expire = expire.map_or(String::new(), |d| format!(" expire {d}"));
            let evict = if *when_full == WhenFull::EvictOldest { " evict oldest" } else { "" };
            format!("{word}[{capacity}]{expire}{evict}")
        }
        StateKind::Array { len: 1 } => "value".to_string(),
        StateKind::Array { len } => format!("array[{len}]"),
        StateKind::Counter { len: 1 } => "counter".to_string(),
        StateKind::Counter { len } => format!("counter[{len}]"),
        StateKind::Pool { size, expire } => {
            let expire = expire.map_or(String::new(), |d| format!(" expire {d}"));
            format!("pool[{size}]{expire}")
        }
        StateKind::Lpm { capacity, .. } => format!("lpm[{capacity}]"),
        StateKind::Bucket { capacity, rate_per_s, burst } => {
            let size = if *capacity > 1 { format!("[{capacity}]") } else { String::new() };
            format!("bucket{size} rate {rate_per_s} burst {burst}")
        }
        StateKind::Maglev { table_size, .. } => format!("maglev[{table_size}]"),
        other => other.to_string(),
    };
    format!("{}: {kind}", spec.name)
}

use super::layout::{BoxSize, Layout};
use super::wires::Sketch;
use super::*;
use crate::ir::{Dest, Node};
use trama_base::{Nanos, Rng};
use trama_state::{Shape, StateKind, StateSpec, WhenFull};

fn node(name: &str, wires: Vec<Dest>) -> Node {
    let ports = (0..wires.len()).map(|i| format!("p{i}")).collect();
    Node { name: name.to_string(), element: "Box<&>".to_string(), ports, wires, ..Node::default() }
}

/// `lan <-> fw <-> nat <-> wan`, and `fw` gives a third port up.
fn edge() -> Program {
    let mut fw = node("fw", vec![Dest::Out(0), Dest::Node(1, 0), Dest::Discard]);
    fw.states.push(StateSpec {
        name: "seen".to_string(),
        kind: StateKind::Map {
            capacity: 64_000,
            expire: Some(Nanos::from_secs(300)),
            when_full: WhenFull::Refuse,
        },
        key: Shape(vec![32]),
        value: Shape(vec![64]),
    });
    Program {
        name: "edge".to_string(),
        ports: vec!["lan".to_string(), "wan".to_string()],
        ingress: vec![Dest::Node(0, 0), Dest::Node(1, 1)],
        nodes: vec![fw, node("nat", vec![Dest::Node(0, 1), Dest::Out(1)])],
    }
}

fn laid_out(program: &Program) -> (Sketch, Vec<BoxSize>, Layout) {
    let sketch = Sketch::of(program);
    let boxes = sketch.boxes(program);
    let layout = Layout::of(&sketch, &boxes);
    (sketch, boxes, layout)
}

/// Pairs of boxes that overlap.
fn overlaps(boxes: &[BoxSize], layout: &Layout) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for a in 0..boxes.len() {
        for b in 0..a {
            let ((ax, ay), (bx, by)) = (layout.corners[a], layout.corners[b]);
            let apart = ax + boxes[a].width <= bx
                || bx + boxes[b].width <= ax
                || ay + boxes[a].height <= by
                || by + boxes[b].height <= ay;
            if !apart {
                found.push((a, b));
            }
        }
    }
    found
}

/// Checks that tags are closed in order and that attributes are quoted; counts the elements of
/// each name.
fn check_xml(text: &str) -> std::collections::BTreeMap<String, usize> {
    let mut open: Vec<&str> = Vec::new();
    let mut counts = std::collections::BTreeMap::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let content = &rest[..start];
        assert!(!content.contains('>'), "a bare > in {content}");
        let tag = &rest[start + 1..start + rest[start..].find('>').expect("the tag ends")];
        rest = &rest[start + tag.len() + 2..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "tags are nested");
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a name");
        *counts.entry(name.to_string()).or_insert(0) += 1;
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes are closed in {tag}");
        assert!(!tag.contains("NaN") && !tag.contains("inf"), "numbers are numbers in {tag}");
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    counts
}

#[test]
fn a_chain_runs_from_left_to_right() {
    let program = edge();
    let (sketch, boxes, layout) = laid_out(&program);
    assert_eq!(sketch.vertices.len(), 5, "two ports, two elements, one sink");
    assert_eq!(sketch.wires.len(), 4);
    assert_eq!(sketch.wires.iter().filter(|w| w.forward && w.backward).count(), 3);
    let x = |v: usize| layout.corners[v].0;
    let (lan, wan, fw, nat) = (0, 1, 2, 3);
    assert!(x(lan) < x(fw) && x(fw) < x(nat) && x(nat) < x(wan));
    assert_eq!(overlaps(&boxes, &layout), []);
}

#[test]
fn the_picture_is_xml_and_shows_everything() {
    let program = edge();
    let svg = render_svg(&program);
    let counts = check_xml(&svg);
    assert_eq!(counts["path"], 4 + 7 + 1, "wires, heads, and the rule above the state");
    for text in [
        "lan",
        "wan",
        "fw",
        "nat",
        "Box&lt;&amp;&gt;",
        "seen: map[64000] expire 5min",
        "p2",
        "discard",
    ] {
        assert!(svg.contains(&format!(">{text}<")), "{text} is missing in {svg}");
    }
}

#[test]
fn the_checks_find_what_they_look_for() {
    let program = edge();
    let (_, boxes, mut layout) = laid_out(&program);
    layout.corners[3] = layout.corners[2];
    assert_eq!(overlaps(&boxes, &layout), [(3, 2)]);
    for broken in ["<a><b></a></b>", "<a", "<a x=\"1></a>", "<a>"] {
        assert!(std::panic::catch_unwind(|| check_xml(broken)).is_err(), "{broken}");
    }
}

#[test]
fn circles_loops_and_bare_ports_are_drawn() {
    let program = Program {
        name: "ring & <more>".to_string(),
        ports: vec!["a".to_string(), "b".to_string()],
        ingress: vec![Dest::Out(1), Dest::Unconnected],
        nodes: vec![
            node("x", vec![Dest::Node(1, 0), Dest::Node(0, 0)]),
            node("y", vec![Dest::Node(2, 0), Dest::Unconnected]),
            node("z", vec![Dest::Node(0, 1)]),
        ],
    };
    let svg = render_svg(&program);
    check_xml(&svg);
    let (sketch, boxes, layout) = laid_out(&program);
    assert_eq!(sketch.loops.len(), 1);
    assert_eq!(overlaps(&boxes, &layout), []);
    assert!(svg.contains("class=\"bare\""), "the bare port is marked");
    check_xml(&render_svg(&Program::default()));
}

/// Random networks: nothing overlaps, everything is drawn, and wires point right.
#[test]
fn random_networks_are_laid_out() {
    let mut rng = Rng::stream(5, "graph");
    let mut below = |n: usize| (rng.next_u64() % n as u64) as usize;
    for _ in 0..200 {
        let (ports, nodes) = (1 + below(4), 1 + below(12));
        let sizes: Vec<usize> = (0..nodes).map(|_| 1 + below(4)).collect();
        let mut dest = || match below(8) {
            0 => Dest::Out(below(ports) as u32),
            1 => Dest::Unconnected,
            2 => Dest::Discard,
            _ => {
                let to = below(nodes);
                Dest::Node(to as u32, below(sizes[to]) as u32)
            }
        };
        let program = Program {
            name: "random".to_string(),
            ports: (0..ports).map(|i| format!("port{i}")).collect(),
            ingress: (0..ports).map(|_| dest()).collect(),
            nodes: (0..nodes)
                .map(|i| node(&format!("node{i}"), (0..sizes[i]).map(|_| dest()).collect()))
                .collect(),
        };
        let (sketch, boxes, layout) = laid_out(&program);
        assert_eq!(overlaps(&boxes, &layout), [], "{program:?}");
        for (i, wire) in sketch.wires.iter().enumerate() {
            let left = layout.corners[wire.left.vertex].0 + boxes[wire.left.vertex].width;
            let right = layout.corners[wire.right.vertex].0;
            assert!(left < right, "wire {i} of {program:?}");
        }
        let counts = check_xml(&render_svg(&program));
        let heads: usize =
            sketch.wires.iter().map(|w| usize::from(w.forward) + usize::from(w.backward)).sum();
        assert_eq!(
            counts.get("path").copied().unwrap_or(0),
            sketch.wires.len() + heads + 2 * sketch.loops.len()
        );
    }
}

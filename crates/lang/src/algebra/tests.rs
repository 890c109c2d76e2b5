//! Each class on folds that have it, the merges of all of them on random packets, and a
//! classification that is wrong on purpose.

use super::partial::{Partial, run, step};
use super::{Class, LeafClass, Merge, Names, Update};
use crate::compile::Unit;
use crate::files::NoFiles;
use std::fmt::Write;
use trama_base::Rng;

/// Folds of every class. The names say it.
const FOLDS: &str = "
fold linear_sum(x: u32) { state total: u64
    total += x }
fold linear_weights(x: u32, scale: u8) { state a: u32 = 7
    state b: u32
    let before = a
    a = scale as u32 * a + x
    b = b + 3 * before - x }
fold linear_swap(x: u16) { state a: u16 = 1
    state b: u16 = 2
    let kept = a
    a = b + x
    b = kept }
fold linear_narrow(x: u32) { state a: u32 = 5
    state b: u8
    a = a * 3 + x
    b = b + (a as u8) }
fold linear_reset(x: u32, fresh: bool) { state n: u32 = 1
    if fresh { n = x } else { n = !n + x } }
fold linear_flag(x: u32) { state odd: bool
    odd = odd != (x & 1 == 1) }
fold linear_shift(x: u32) { state polynomial: u32 = 17
    polynomial = (polynomial << 5) + polynomial + x }
fold order(seq: u32, length: u32) { state expected: u32
    state late: u32
    if seq != expected { late += 1 }
    expected = seq + length }
fold gaps(time: u64) { state last: u64
    state gap: u64
    state sum: u64 = 9
    gap = time - last
    last = time
    sum += gap }
fold history_two(x: u32) { state one: u32 = 4
    state two: u32
    two = one
    one = x }
fold most(x: u32) { state top: u32
    if x > top { top = x } }
fold least(x: u32) { state low: u32 = 0xffff_ffff
    low = min(low, x) }
fold bits(x: u32) { state all: u32
    state common: u32 = 0xffff_ffff
    all |= x
    if x > 9 { common &= x } }
fold signed(x: i32) { state top: i32 = -5
    if top < x { top = x } }
fold parity(x: u32) { state bits: u32
    bits ^= x }
fold mixed(x: u32, y: u8) { state sum: u32
    state top: u8
    state last: u32 = 3
    sum += x
    top = max(top, y)
    last = x }
fold looped(x: u32) { state n: u32
    for i in 0..4 { if (x >> (8 * i)) as u8 == 7 { n += 1 } } }
fold matched(x: u8) { state small: u32
    state big: u32
    match x { 0..=9 => small += 1, _ => big += x } }
fold rounds(x: u32) { state average: u32
    average = average - average / 8 + x / 8 }
fold compared(x: u32) { state n: u32
    state last: u32
    if last < n { n += 1 }
    last = x }
fold widened(x: u8) { state small: u8
    state sum: u32
    small += x
    sum += small }
fold product(x: u8) { state a: u32 = 1
    a = a * a + x }
";

fn updates() -> Vec<(String, Update, Names)> {
    let unit = Unit::parse("folds.trama", FOLDS, &NoFiles);
    let folds = unit.folds(&NoFiles);
    folds.into_iter().map(|(fold, update, names)| (fold.name.text.clone(), update, names)).collect()
}

// long: one table.
#[test]
fn every_fold_has_its_class() {
    let mut found = String::new();
    for (name, update, names) in updates() {
        let _ = writeln!(found, "{name}: {}", update.class);
        for leaf in &update.leaves {
            let words = leaf.class.describe(leaf.value.width());
            let _ = write!(found, "  {}: {words}", names.leaf(leaf.index));
            match &leaf.class {
                LeafClass::Linear(form) => {
                    for (old, factor) in &form.factors {
                        let _ = write!(found, "; {} {}", names.show(factor), names.leaf(old.leaf));
                    }
                    let _ = write!(found, "; {}", names.show(&form.rest));
                }
                LeafClass::General(blame) => {
                    let _ = write!(found, "; {}: {}", names.show(&blame.part), blame.why);
                }
                _ => {}
            }
            found.push('\n');
        }
    }
    expect_test::expect![[r#"
        linear_sum: associative-commutative
          total: merge by sum of 64 bits
        linear_weights: exact-linear
          a: linear; scale a; x
          b: linear; 3 a; 1 b; 0 - x
        linear_swap: exact-linear
          a: linear; 1 b; x
          b: linear; 1 a; 0
        linear_narrow: exact-linear
          a: linear; 3 a; x
          b: linear; 3 a; 1 b; x as u8
        linear_reset: exact-linear
          n: linear; if fresh { 0 } else { -1 } n; if fresh { x } else { -1 + x }
        linear_flag: exact-linear
          odd: linear; true odd; true ^ ((x & 1 == 1) ^ true)
        linear_shift: exact-linear
          polynomial: linear; 33 polynomial; x
        order: exact-linear, with a history of the last packet
          expected: history: the last packet
          late: linear; 1 late; if seq == expected { 0 } else { 1 }
        gaps: exact-linear, with a history of the last 2 packets
          last: history: the last packet
          gap: history: the last 2 packets
          sum: linear; 1 sum; time - last
        history_two: history of the last 2 packets
          one: history: the last packet
          two: history: the last 2 packets
        most: associative-commutative and idempotent
          top: merge by maximum of 32 bits, idempotent
        least: associative-commutative and idempotent
          low: merge by minimum of 32 bits, idempotent
        bits: associative-commutative and idempotent
          all: merge by or of 32 bits, idempotent
          common: merge by and of 32 bits, idempotent
        signed: associative-commutative and idempotent
          top: merge by maximum of 32 bits, idempotent
        parity: associative-commutative
          bits: merge by exclusive or of 32 bits
        mixed: mixed: each part merges in its own way, with a history of the last packet
          sum: merge by sum of 32 bits
          top: merge by maximum of 8 bits, idempotent
          last: history: the last packet
        looped: associative-commutative
          n: merge by sum of 32 bits
        matched: associative-commutative
          small: merge by sum of 32 bits
          big: merge by sum of 32 bits
        rounds: general
          average: general; average / 8: a division of the state rounds
        compared: general
          n: general; last < n: a condition depends on the state
          last: history: the last packet
        widened: general
          small: merge by sum of 8 bits
          sum: general; small + x: a narrow number is widened after it may have wrapped
        product: general
          a: general; a * a: state is multiplied by state
    "#]]
    .assert_eq(&found);
}

/// A random packet: small numbers now and then, so that comparisons go both ways.
fn packet(rng: &mut Rng) -> Vec<u128> {
    let number = |rng: &mut Rng| match rng.below(4) {
        0 => rng.below(12).into(),
        1 => u128::from(rng.next_u64() as u8),
        _ => u128::from(rng.next_u64()),
    };
    vec![number(rng), number(rng)]
}

/// Packets whose values have the widths of a fold's parameters.
fn packets(rng: &mut Rng, update: &Update, count: u64) -> Vec<Vec<u128>> {
    let mut widths = [64_u8; 2];
    for leaf in &update.leaves {
        leaf.value.walk(&mut |part| {
            if let super::Kind::Input(e, _) = part.kind()
                && let crate::ir::ExprKind::Local(id) = e.kind
            {
                widths[id.0 as usize] = e.width;
            }
        });
    }
    let fit = |packet: Vec<u128>| {
        let masked = packet.into_iter().zip(widths);
        masked.map(|(x, width)| x & crate::interp::expr::mask(width)).collect()
    };
    (0..count).map(|_| fit(packet(rng))).collect()
}

/// True if runs over the parts of random streams, merged in order, give what one run gives.
fn merges(update: &Update, seed: u64) -> bool {
    let mut rng = Rng::stream(seed, "merge");
    (0..200).all(|_| {
        let count = rng.below(12);
        let stream = packets(&mut rng, update, count);
        let whole = run(update, stream.iter().map(Vec::as_slice));
        let (first, second) = stream.split_at(rng.below(count + 1) as usize);
        let (second, third) = second.split_at(rng.below(second.len() as u64 + 1) as usize);
        let parts = [first, second, third];
        let mut state = super::partial::first_values(update);
        for part in parts {
            let Some(mut partial) = Partial::new(update) else { return false };
            part.iter().for_each(|packet| partial.take(packet));
            state = partial.after(&state);
        }
        state == whole
    })
}

#[test]
fn runs_over_parts_merge_to_the_run_over_all() {
    for (name, update, _) in updates() {
        assert_eq!(merges(&update, 1), update.class != Class::General, "{name}");
    }
}

#[test]
fn commutative_updates_take_packets_in_any_order() {
    let mut rng = Rng::stream(2, "order");
    for (name, update, _) in updates() {
        if update.class > Class::Commutative {
            continue;
        }
        for _ in 0..200 {
            let mut stream = packets(&mut rng, &update, 9);
            let whole = run(&update, stream.iter().map(Vec::as_slice));
            for i in (1..stream.len()).rev() {
                stream.swap(i, rng.below(i as u64 + 1) as usize);
            }
            assert_eq!(run(&update, stream.iter().map(Vec::as_slice)), whole, "{name}");
            if update.class == Class::Idempotent {
                let again = stream.iter().chain(&stream[..4]).map(Vec::as_slice);
                assert_eq!(run(&update, again), whole, "{name} taken again");
            }
        }
    }
}

#[test]
fn a_history_is_as_long_as_it_says() {
    let mut rng = Rng::stream(3, "history");
    let mut needed = 0;
    for (name, update, _) in updates() {
        let Class::History(packets_max) = update.class else { continue };
        for _ in 0..200 {
            let stream = packets(&mut rng, &update, 8);
            let whole = run(&update, stream.iter().map(Vec::as_slice));
            let keep = |count: usize| run(&update, stream[8 - count..].iter().map(Vec::as_slice));
            assert_eq!(keep(packets_max as usize), whole, "{name}");
            needed += u32::from(keep(packets_max as usize - 1) != whole);
        }
    }
    assert!(needed > 0, "one packet fewer is not enough");
}

/// The negative control: a wrong class is found by the same comparison.
#[test]
fn a_wrong_class_is_found() {
    let of = |wanted: &str| {
        let found = updates().into_iter().find(|(name, ..)| name == wanted);
        found.expect("the fold is there").1
    };
    let mut general = of("rounds");
    general.leaves[0].class = LeafClass::Commutative(Merge::Sum, general.leaves[0].value.clone());
    general.class = Class::Commutative;
    assert!(!merges(&general, 4), "a rounding average is no sum");

    let mut sum = of("linear_sum");
    if let LeafClass::Commutative(merge, _) = &mut sum.leaves[0].class {
        *merge = Merge::Max;
    }
    assert!(!merges(&sum, 5), "a sum is no maximum");

    let mut order = of("order");
    order.class = Class::Linear(0);
    assert!(!merges(&order, 6), "the first packet of a part is needed");

    let mut weights = of("linear_weights");
    if let LeafClass::Linear(form) = &mut weights.leaves[1].class {
        form.factors.clear();
    }
    assert!(!merges(&weights, 7), "a factor is missing");
}

#[test]
fn a_step_is_what_the_interpreter_computes() {
    // `step` evaluates the symbolic update; the interpreter runs the program it was made from.
    let text = format!(
        "{FOLDS}\nelement E {{\nport lan\nstate kept: order\n\
         on lan(p: ip/tcp) {{\nkept = order(kept, p.tcp.seq, p.tcp.ack)\nsend p to lan\n}}\n}}\n"
    );
    let mut program = String::new();
    let (_, update, _) = updates().into_iter().find(|(n, ..)| n == "order").expect("it is there");
    let mut state = super::partial::first_values(&update);
    let _ = write!(program, "{text}\ntest \"steps\" for E {{\n");
    for (seq, length) in [(5_u32, 10_u32), (15, 1), (16, 3), (4, 4), (8, 0)] {
        state = step(&update, &state, &[seq.into(), length.into()]);
        let _ = writeln!(
            program,
            "lan <- ip {{ src: 10.0.0.1 }} / tcp {{ seq: {seq}, ack: {length} }}\nexpect lan\n\
             expect kept.expected == {}\nexpect kept.late == {}",
            state[0], state[1]
        );
    }
    program.push_str("}\n");
    let unit = Unit::parse("steps.trama", &program, &NoFiles);
    let make = |program, start| -> Result<Box<dyn crate::engine::Engine>, String> {
        let engine = crate::interp::Interpreter::new(program, start, 0);
        engine.map(|engine| Box::new(engine) as _).map_err(|e| e.to_string())
    };
    let outcomes = crate::testing::run_all(&unit, unit.main_file(), &NoFiles, |_| true, &make);
    assert_eq!(outcomes.len(), 1);
    assert!(outcomes[0].failures.is_empty(), "{outcomes:?}");
}

/// An element whose state objects are updated in all ways.
const OBJECTS: &str = "
record Usage { packets: u64, bytes: u64, longest: u32 }
record Pace { first: Time, last: Time, gap: Duration }
element E {
    port lan, wan
    state hits: counter
    state usage: map<ip4, Usage>[1k]
    state recent: map<ip4, Usage>[1k] evict oldest
    state seen: set<Flow>[1k]
    state gate: set<ip4>[1k]
    state times: map<ip4, Time>[1k]
    state pace: map<ip4, Pace>[1k]
    state ewma: map<ip4, u32>[1k]
    state first: map<ip4, u32>[1k]
    state limited: map<ip4, u32>[1k]
    state derived: map<ip4, u32>[1k]
    state total: u64
    state ports: pool[8]
    state copied: array<u32>[4]

    on lan(p: ip/tcp) {
        hits.count(p)
        let k = p.ip.src
        usage[k].packets += 1
        usage[k].bytes += p.len
        usage[k].longest = max(usage[k].longest.or(0), p.len)
        recent[k].packets += 1
        seen.add(p.flow)
        times[k] = now
        if let Some(old) = pace[k] {
            pace[k] = Pace { first: old.first, last: now, gap: now - old.last }
        } else {
            pace[k] = Pace { first: now, last: now, gap: 0s }
        }
        ewma[k] = ewma[k].or(7) - ewma[k].or(7) / 8 + p.len
        if !(k in first) { first[k] = p.len }
        if limited[k].or(0) < 10 { limited[k] += 1 }
        derived[k] = limited[p.ip.dst].or(0)
        total = total * 3 + p.len as u64
        if let Some(_) = ports.alloc() { total += 1 }
        for i in 0..4 { copied[i] += p.tcp.window }
        if k in gate { send p to wan } else { drop p because \"closed\" }
    }

    on wan(p: ip) {
        gate.add(p.ip.dst)
        if p.ip.ttl == 1 { usage.remove(p.ip.dst) }
        send p to lan
    }

    on wan(p) { send p to lan }
}
";

/// The classes of the state objects of a program's first node, as text.
fn object_classes(text: &str) -> String {
    let mut unit = Unit::parse("objects.trama", text, &NoFiles);
    let checked = unit.check(&crate::compile::Options::default(), &NoFiles);
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let node = &program.nodes[0];
    let mut found = String::new();
    for of in super::classes(node) {
        let told = super::explain::explain_object(node, &of, &unit.sources);
        let _ = writeln!(found, "{}: {}", told.object, told.class);
        for update in &told.updates {
            let parts: Vec<String> =
                update.parts.iter().map(|p| format!("{} {}", p.name, p.class)).collect();
            let parts = if parts.is_empty() { "it is there".into() } else { parts.join("; ") };
            let _ = writeln!(found, "  {}: {parts}", update.subject);
            if let Some((part, why, at)) = &update.reason {
                let _ = writeln!(found, "    `{part}` at `{}`: {why}", unit.sources.text(*at));
            }
        }
        for (handler, why, _) in &told.opaque {
            let _ = writeln!(found, "  {handler}: {why}");
        }
        let _ = writeln!(found, "  read by {:?}, merge {:?}", told.observed_by, told.merge);
    }
    found
}

// long: one table.
#[test]
fn every_state_object_has_its_class() {
    let found = object_classes(OBJECTS);
    expect_test::expect![[r#"
        e.hits: associative-commutative
          on lan(ip/tcp): packets merge by sum of 64 bits; bytes merge by sum of 64 bits
          read by [], merge Some([("packets", "sum"), ("bytes", "sum")])
        e.usage: general
          on lan(ip/tcp), entry of ip.src: packets merge by sum of 64 bits; bytes merge by sum of 64 bits; longest merge by maximum of 32 bits, idempotent
          on wan(ip), entry of ip.dst: packets linear; bytes linear; longest linear
          read by [], merge None
        e.recent: associative-commutative
          on lan(ip/tcp), entry of ip.src: packets merge by sum of 64 bits
          read by [], merge None
        e.seen: associative-commutative and idempotent
          on lan(ip/tcp), entry of ip.src, ip.dst, l4.src, l4.dst, ip.proto: it is there
          read by [], merge Some([])
        e.gate: associative-commutative and idempotent
          on wan(ip), entry of ip.dst: it is there
          read by ["on lan(ip/tcp)"], merge None
        e.times: associative-commutative and idempotent
          on lan(ip/tcp), entry of ip.src: times merge by maximum of 64 bits, idempotent
          read by [], merge Some([("times", "maximum")])
        e.pace: mixed: each part merges in its own way, with a history of the last 2 packets
          on lan(ip/tcp), entry of ip.src: first linear; last merge by maximum of 64 bits, idempotent; gap history: the last 2 packets
          read by ["on lan(ip/tcp)"], merge None
        e.ewma: general
          on lan(ip/tcp), entry of ip.src: ewma general
            `ewma / 8` at `ewma[k] = ewma[k].or(7) - ewma[k].or(7) / 8 + p.len`: a division of the state rounds
          read by [], merge None
        e.first: general
          on lan(ip/tcp), entry of ip.src: first general
            `present` at `k in first`: a condition depends on the state
          read by ["on lan(ip/tcp)"], merge None
        e.limited: general
          on lan(ip/tcp), entry of ip.src: limited general
            `limited < 10` at `if limited[k].or(0) < 10 { limited[k] += 1 }`: a condition depends on the state
          read by ["on lan(ip/tcp)"], merge None
        e.derived: general
          on lan(ip/tcp), entry of ip.src: derived general
            `derived` at `limited[p.ip.dst]`: it depends on other state
          read by [], merge None
        e.total: general
          on lan(ip/tcp): total general
            `(the object does not consist of independent entries)` at `ports.alloc()`: the object does not consist of independent entries
          read by [], merge None
        e.ports: general
          on lan(ip/tcp): the object does not consist of independent entries
          read by [], merge None
        e.copied: associative-commutative
          on lan(ip/tcp): copied merge by sum of 32 bits
          on lan(ip/tcp), entry of 1: copied merge by sum of 32 bits
          on lan(ip/tcp), entry of 2: copied merge by sum of 32 bits
          on lan(ip/tcp), entry of 3: copied merge by sum of 32 bits
          read by [], merge Some([("copied", "sum")])
    "#]].assert_eq(&found);
}

/// Summaries are classified by what they stand for, and nothing read out of them is.
#[test]
fn summaries_have_classes_too() {
    let text = "
element E {
    port lan, wan
    state plain: sketch<ip4>[64 x 4]
    state careful: sketch<ip4>[64 x 4] update conservative
    state filter: bloom<Flow>[1k] error 1%
    state spread: histogram<ip4>[64]
    state newest: histogram<ip4>[64] evict oldest
    state queue: ring<ip4>[8]
    state bytes: stream_buffer<Flow>[8 x 64]
    state estimates: map<ip4, u64>[1k]
    state found: counter[2]
    patterns words = [\"GET\", \"POST\"]

    on lan(p: ip/tcp) {
        plain.add(p.ip.src, p.len as u64)
        careful.add(p.ip.src, 1)
        filter.insert(p.flow)
        spread.add(p.ip.src, p.len as u64)
        newest.add(p.ip.src, p.len as u64)
        queue.push(p.ip.src)
        bytes.insert(p.flow, p.tcp.seq, p)
        estimates[p.ip.src] = plain.estimate(p.ip.src)
        for i in words.matches(p) { found[i as u64].count(p) }
        if p.flow in filter { send p to wan } else { drop p because \"new\" }
    }

    on wan(p) { send p to lan }

    every 1s {
        plain.clear()
        spread.clear()
    }
}
";
    expect_test::expect![[r#"
        e.plain: associative-commutative
          on lan(ip/tcp), entry of ip.src: count merge by sum of 64 bits
          read by ["on lan(ip/tcp)"], merge None
        e.careful: general
          on lan(ip/tcp): what a conservative addition raises depends on those before it
          read by [], merge None
        e.filter: associative-commutative and idempotent
          on lan(ip/tcp), entry of ip.src, ip.dst, l4.src, l4.dst, ip.proto: it is there
          read by ["on lan(ip/tcp)"], merge None
        e.spread: associative-commutative
          on lan(ip/tcp), entry of ip.src, len: count merge by sum of 64 bits
          read by [], merge Some([("count", "sum")])
        e.newest: associative-commutative
          on lan(ip/tcp), entry of ip.src, len: count merge by sum of 64 bits
          read by [], merge None
        e.queue: general
          on lan(ip/tcp): a queue has one order
          read by [], merge None
        e.bytes: general
          on lan(ip/tcp): a stream is in the order of its offsets
          read by [], merge None
        e.estimates: general
          on lan(ip/tcp), entry of ip.src: estimates general
            `(other keys share its cells)` at `plain.estimate(p.ip.src)`: other keys share its cells
          read by [], merge None
        e.found: general
          on lan(ip/tcp): a loop with many rounds is not followed
          read by [], merge None
        e.words: constant
          read by ["on lan(ip/tcp)"], merge None
    "#]]
    .assert_eq(&object_classes(text));
}

type Entries = std::collections::BTreeMap<Vec<u8>, Vec<u128>>;

/// A TCP packet from one of a few hosts.
fn frame(rng: &mut Rng) -> Box<trama_wire::Packet> {
    use trama_wire::header::HeaderId;
    let set = |header: HeaderId, name, value: u64| {
        (header.field(name).expect("the header has it"), u128::from(value))
    };
    let (ip, tcp) = (HeaderId::IP, HeaderId::TCP);
    let address = set(ip, "src", 0x0a00_0000 + rng.below(5));
    let port = set(tcp, "src", rng.below(3));
    let stack = [(HeaderId::ETH, vec![]), (ip, vec![address]), (tcp, vec![port])];
    let payload = vec![0; rng.below(40) as usize];
    Box::new(trama_wire::Packet::build(&stack, &payload).expect("the headers fit"))
}

/// The entries of each state object after a run over some packets with their times.
fn entries(
    program: &std::sync::Arc<crate::ir::Program>,
    packets: &[(u64, Box<trama_wire::Packet>)],
) -> Vec<Entries> {
    use crate::engine::Engine;
    let start = trama_base::Nanos::ZERO;
    let mut engine = crate::interp::Interpreter::new(std::sync::Arc::clone(program), start, 0)
        .expect("the program is sound");
    let mut pool = trama_wire::Pool::default();
    for (time, packet) in packets {
        let mut packet = packet.clone();
        packet.time = trama_base::Nanos(*time);
        engine.process(&mut vec![packet], &mut Vec::new(), &mut pool);
    }
    let node = &program.nodes[0];
    let unpacked = |index: usize| {
        let shape = match node.states[index].kind {
            trama_state::StateKind::Counter { .. } => trama_state::Shape(vec![64, 64]),
            _ => node.states[index].value.clone(),
        };
        let all = engine.state(0, index).into_iter();
        all.map(|entry| (entry.key, shape.unpack(&entry.value))).collect()
    };
    (0..node.states.len()).map(unpacked).collect()
}

/// Entries of two copies as one.
fn merged(merges: &[Merge], a: &Entries, b: &Entries) -> Entries {
    let mut all = a.clone();
    for (key, value) in b {
        let Some(own) = all.get_mut(key) else {
            all.insert(key.clone(), value.clone());
            continue;
        };
        for ((own, other), merge) in own.iter_mut().zip(value).zip(merges) {
            *own = merge.apply(64, *own, *other);
        }
    }
    all
}

#[test]
fn copies_of_state_that_took_different_packets_merge() {
    let mut unit = Unit::parse("objects.trama", OBJECTS, &NoFiles);
    let checked = unit.check(&crate::compile::Options::default(), &NoFiles);
    let program = std::sync::Arc::new(checked.program.expect("the program is sound"));
    let mut rng = Rng::stream(8, "copies");
    let packets: Vec<_> = (0..60).map(|time| (time, frame(&mut rng))).collect();
    let (first, second): (Vec<_>, Vec<_>) =
        packets.iter().cloned().partition(|_| rng.below(2) == 0);
    let whole = entries(&program, &packets);
    let copies = (entries(&program, &first), entries(&program, &second));
    let mut names = Vec::new();
    for of in super::classes(&program.nodes[0]) {
        let index = of.object as usize;
        let name = program.nodes[0].states[index].name.as_str();
        let (a, b) = (&copies.0[index], &copies.1[index]);
        if let Some(merges) = &of.merge {
            assert_eq!(merged(merges, a, b), whole[index], "{name}");
            names.push(name);
        }
        // The negative control: what is not said to merge does not, at least not by sums.
        if matches!(name, "ewma" | "first" | "limited" | "total") {
            assert_eq!(of.merge, None, "{name}");
            assert_ne!(merged(&[Merge::Sum; 3], a, b), whole[index], "{name}");
        }
    }
    assert_eq!(names, ["hits", "seen", "times", "copied"]);
}

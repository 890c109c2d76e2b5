//! What Zeek's documentation of conn.log says of packets, computed a second time: for whole
//! captures, with sets of intervals instead of a few pieces, and without any bound.
//!
//! Where the documentation leaves it open (which segments move a side from one state to another,
//! and when a connection is over), this follows what its states are said to mean in
//! `scripts/base/init-bare.zeek` and the time limits there.

use super::tshark::{Proto, Seen};
use std::collections::BTreeMap;
use std::net::IpAddr;

const SECOND: u64 = 1_000_000_000;

/// A connection as its record should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) ts: u64,
    pub(super) id: String,
    pub(super) proto: String,
    pub(super) duration: Option<u64>,
    pub(super) bytes: Option<(u64, u64)>,
    pub(super) state: String,
    pub(super) missed: u64,
    pub(super) history: String,
    /// Packets and bytes of IP of the originator and of the responder.
    pub(super) counts: [u64; 4],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Inactive,
    SynSent,
    SynAckSent,
    Partial,
    Established,
    Closed,
    Reset,
}

#[derive(Clone, Debug, Default)]
struct Side {
    at: At,
    was: At,
    done: bool,
    /// Sequence number of the SYN, or where it would have been.
    zero: u32,
    /// Furthest place sent, and acknowledged by the other.
    sent: i64,
    acked: i64,
    fin: Option<i64>,
    letters: String,
    /// Number of the last SYN, FIN and RST.
    marks: BTreeMap<char, i64>,
    counts: BTreeMap<char, u32>,
    /// Places of bytes that came, in order and apart.
    came: Vec<(i64, i64)>,
    /// Up to here, what did not come was counted.
    judged: i64,
    payload: u64,
    packets: u64,
    ip_bytes: u64,
}

struct Flow {
    key: Key,
    ends: [(IpAddr, u16); 2],
    proto: u8,
    start: u64,
    last: u64,
    over: Option<u64>,
    sides: [Side; 2],
    history: String,
    missed: u64,
}

/// Both ends in order, and the protocol.
type Key = ((IpAddr, u16), (IpAddr, u16), u8, bool);

/// All connections of the packets. `checks` says whether wrong checksums count.
pub(super) fn rows(packets: &[Seen], checks: bool) -> Vec<Row> {
    let mut live: Vec<Flow> = Vec::new();
    let mut rows = Vec::new();
    for packet in packets {
        let mut rest = Vec::new();
        for flow in live.drain(..) {
            if flow.due() <= packet.time { rows.push(flow.row()) } else { rest.push(flow) }
        }
        live = rest;
        let (key, from, to) = ends(packet);
        let known = live.iter().position(|flow| flow.key == key);
        let known = known.filter(|at| {
            let again = live[*at].is_replaced_by(packet);
            if again {
                rows.push(live.remove(*at).row());
            }
            !again
        });
        let at = known.unwrap_or_else(|| {
            live.push(Flow::new(packet, key, from, to));
            live.len() - 1
        });
        live[at].take(packet, from, checks);
    }
    rows.extend(live.iter().map(Flow::row));
    rows.sort();
    rows
}

fn ends(packet: &Seen) -> (Key, (IpAddr, u16), (IpAddr, u16)) {
    let (sport, dport, alone) = match packet.proto {
        Proto::Icmp(kind, code) => {
            let pairs = [(8, 0), (10, 9), (13, 14), (15, 16), (17, 18)];
            answer(&pairs, kind, code)
        }
        Proto::Icmp6(kind, code) => {
            let pairs = [(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)];
            answer(&pairs, kind, code)
        }
        _ => (packet.sport, packet.dport, false),
    };
    let (from, to) = ((packet.src, sport), (packet.dst, dport));
    let ordered = if alone { (from, to) } else { (from.min(to), from.max(to)) };
    ((ordered.0, ordered.1, packet.proto.number(), alone), from, to)
}

fn answer(pairs: &[(u8, u8)], kind: u8, code: u8) -> (u16, u16, bool) {
    let other = pairs.iter().find_map(|&(a, b)| match kind {
        _ if kind == a => Some(b),
        _ if kind == b => Some(a),
        _ => None,
    });
    match other {
        Some(other) => (kind.into(), other.into(), false),
        None => (kind.into(), code.into(), true),
    }
}

const TCP_SERVERS: [u16; 48] = [
    21, 22, 25, 53, 80, 81, 88, 110, 139, 143, 389, 443, 445, 502, 563, 585, 587, 614, 631, 636,
    853, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5060, 5222, 5223,
    5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000,
];
const UDP_SERVERS: [u16; 22] = [
    53, 67, 68, 88, 123, 137, 161, 162, 389, 443, 514, 1812, 2123, 2152, 3544, 4011, 4789, 5060,
    5353, 5355, 6081, 20000,
];

fn is_server(proto: u8, port: u16) -> bool {
    if proto == 6 { TCP_SERVERS.contains(&port) } else { UDP_SERVERS.contains(&port) }
}

struct Flags {
    syn: bool,
    ack: bool,
    fin: bool,
    rst: bool,
}

fn flags(bits: u32) -> Flags {
    Flags { fin: bits & 1 != 0, syn: bits & 2 != 0, rst: bits & 4 != 0, ack: bits & 16 != 0 }
}

impl Flow {
    fn new(packet: &Seen, key: Key, from: (IpAddr, u16), to: (IpAddr, u16)) -> Self {
        let proto = packet.proto.number();
        let [source, target] = [from.1, to.1].map(|port| is_server(proto, port));
        let flip = match packet.proto {
            Proto::Udp => source && !target && to.0.to_string() != "255.255.255.255",
            Proto::Tcp { flags: bits, .. } => {
                let f = flags(bits);
                let opens = f.syn && !f.ack;
                !opens && source && (!target || (!f.syn && from.1 < to.1))
            }
            _ => false,
        };
        Self {
            key,
            ends: if flip { [to, from] } else { [from, to] },
            proto,
            start: packet.time,
            last: packet.time,
            over: None,
            sides: Default::default(),
            history: if flip { "^".into() } else { String::new() },
            missed: 0,
        }
    }

    fn note(&mut self, side: usize, letter: char) {
        let letter = if side == 0 { letter } else { letter.to_ascii_lowercase() };
        self.history.push(letter);
    }

    /// A letter at the first, tenth, hundredth … time.
    fn note_often(&mut self, side: usize, letter: char) {
        let count = self.sides[side].counts.entry(letter).or_default();
        *count += 1;
        let digits = count.to_string();
        if digits.starts_with('1') && digits[1..].bytes().all(|b| b == b'0') {
            self.note(side, letter);
        }
    }

    fn is_replaced_by(&self, packet: &Seen) -> bool {
        let Proto::Tcp { seq, flags: bits, .. } = packet.proto else { return false };
        let f = flags(bits);
        let [orig, resp] = &self.sides;
        if !f.syn || (f.ack && orig.at != At::Inactive) {
            return false;
        }
        if orig.done && resp.done {
            return true;
        }
        let late_question = !f.ack && orig.at == At::SynAckSent && resp.at == At::Inactive;
        let own = if f.ack { resp.zero } else { orig.zero };
        seq != own && !(late_question && seq == resp.zero)
    }

    fn due(&self) -> u64 {
        let idle = if self.proto == 6 { 300 } else { 60 } * SECOND;
        let states = [self.sides[0].at, self.sides[1].at];
        if self.proto != 6 {
            return self.last + idle;
        }
        if let Some(over) = self.over {
            return over + 5 * SECOND;
        }
        match states {
            [At::Inactive | At::SynSent | At::SynAckSent, At::Inactive] => self.start + 5 * SECOND,
            _ if states.contains(&At::Reset) && self.sides.iter().any(|s| s.done) => {
                self.last + 5 * SECOND
            }
            _ => self.last + idle,
        }
    }

    fn take(&mut self, packet: &Seen, from: (IpAddr, u16), checks: bool) {
        let side = usize::from(self.ends[0] != from);
        if packet.is_bad && checks {
            if matches!(packet.proto, Proto::Tcp { .. } | Proto::Udp) {
                self.note_often(side, 'C');
            }
            return;
        }
        self.sides[side].packets += 1;
        self.sides[side].ip_bytes += packet.ip_len;
        self.sides[side].payload += packet.payload;
        let Proto::Tcp { seq, ack, flags: bits, window } = packet.proto else {
            self.last = packet.time;
            if packet.proto == Proto::Udp && self.sides[side].packets == 1 {
                self.note(side, 'D');
            }
            return;
        };
        self.segment(side, packet.time, seq, ack, &flags(bits), window, packet.payload as i64);
    }

    #[allow(clippy::too_many_arguments, reason = "they are the header")]
    fn segment(
        &mut self,
        side: usize,
        time: u64,
        seq: u32,
        ack: u32,
        f: &Flags,
        window: u32,
        len: i64,
    ) {
        let other = 1 - side;
        let space = if f.rst { 0 } else { len } + i64::from(f.syn) + i64::from(f.fin);
        self.begin(side, f, seq, space);
        let own = &self.sides[side];
        let near = own.sent;
        let place = near + i64::from(seq.wrapping_sub(own.zero.wrapping_add(near as u32)) as i32);

        self.letters(side, f, place, len);
        let (at, peer_at) = (self.sides[side].at, self.sides[other].at);
        if window == 0 && !f.rst && peer_at != At::Closed && at != At::Reset {
            self.note_often(side, 'W');
        }
        if !(self.sides[0].done && self.sides[1].done) {
            self.last = time;
        }
        if f.fin {
            self.sides[side].fin = Some(place + space);
        }

        let mut heard = None;
        if f.ack {
            let peer = &mut self.sides[other];
            if peer.at == At::Inactive {
                (peer.zero, peer.sent, peer.acked) = (ack.wrapping_sub(1), 0, 0);
            } else {
                let zero = peer.zero.wrapping_add(peer.acked as u32);
                let to = peer.acked + i64::from(ack.wrapping_sub(zero) as i32);
                if to >= 0 {
                    heard = Some(to);
                    let is_junk = ack == 0 && to - peer.acked > 1 << 20;
                    if !f.rst && !is_junk {
                        peer.acked = peer.acked.max(to);
                    }
                }
            }
        }
        let own = &mut self.sides[side];
        let end = place + space;
        let far = (f.syn || f.rst) && (end - own.sent).abs() > 1 << 20;
        if far {
        } else if f.fin && own.sent == 1 {
            own.sent = i64::from(seq.wrapping_sub(own.zero)) + space;
        } else if own.at != At::Reset && end > own.sent {
            own.sent = end;
        } else if own.at != At::Reset && len > 0 && !f.syn {
            self.note_often(side, 'T');
        }
        let side = self.step(side, f, seq, len);
        if let Some(heard) = heard {
            self.judge(1 - side, heard);
        }
        if len > 0 && !f.rst && place >= 0 {
            let from = place + i64::from(f.syn);
            self.sides[side].came.push((from, from + len));
        }
    }

    /// Place 0 of a side.
    fn begin(&mut self, side: usize, f: &Flags, seq: u32, space: i64) {
        let own = &mut self.sides[side];
        let first = own.at == At::Inactive;
        let anew = f.syn
            && match own.at {
                At::Inactive => true,
                At::SynSent | At::SynAckSent => own.zero != seq,
                At::Partial | At::Established => true,
                At::Reset => own.was == At::Inactive,
                At::Closed => false,
            };
        if first && !f.syn {
            (own.zero, own.sent, own.acked, own.judged) = (seq.wrapping_sub(1), 1, 0, 1);
        } else if anew {
            if first || own.zero != seq {
                own.came.clear();
                own.judged = 1;
            }
            (own.zero, own.sent, own.acked) = (seq, space, 0);
        }
    }

    fn letters(&mut self, side: usize, f: &Flags, place: i64, len: i64) {
        let (letter, mark) = match (f.syn, f.fin, f.rst) {
            (_, true, true) => ('I', None),
            (true, true, _) | (true, _, true) => ('Q', None),
            (true, false, false) if f.ack => ('H', Some(('S', place))),
            (true, false, false) => ('S', Some(('S', place))),
            (_, true, _) => ('F', Some(('F', place + len))),
            (_, _, true) => ('R', Some(('R', place))),
            _ if len > 0 => ('D', None),
            _ if f.ack => ('A', None),
            _ => return,
        };
        let own = &mut self.sides[side];
        let kind = mark.map_or(letter, |(kind, _)| kind);
        let before = own.letters.contains(kind);
        let moved = mark.is_some_and(|(kind, place)| own.marks.insert(kind, place) != Some(place));
        if !before {
            own.letters.push(kind);
        }
        if !before || moved {
            self.note(side, letter);
        }
    }

    /// Moves both sides; the side that sent, which may have been taken for the other.
    fn step(&mut self, mut side: usize, f: &Flags, seq: u32, len: i64) -> usize {
        let other = 1 - side;
        let (was, peer) = (self.sides[side].at, self.sides[other].at);
        let mut to = was;
        let mut peer_to = peer;
        let mut crossed = false;
        let closing = if f.rst { Some(At::Reset) } else { f.fin.then_some(At::Closed) };
        match was {
            At::Inactive => {
                to = match (f.syn, side) {
                    (true, 0) if f.ack => At::SynAckSent,
                    (true, 0) => At::SynSent,
                    (true, _) => {
                        crossed = !f.ack && peer == At::SynAckSent && seq == self.sides[side].zero;
                        if crossed || peer == At::SynSent {
                            peer_to = At::Established;
                        }
                        At::Established
                    }
                    (false, 1) if len == 0 && peer == At::SynSent => At::Inactive,
                    (false, _) if f.ack && peer == At::Established => At::Established,
                    (false, _) => At::Partial,
                };
                to = closing.unwrap_or(to);
            }
            At::SynSent | At::SynAckSent => to = closing.unwrap_or(to),
            At::Established | At::Partial => {
                if f.syn && !f.ack && was == At::Partial && peer == At::Inactive {
                    to = At::SynSent;
                }
                to = closing.unwrap_or(to);
                if closing == Some(At::Closed)
                    && peer == At::Reset
                    && self.sides[other].was == At::Closed
                {
                    peer_to = At::Closed;
                }
            }
            At::Closed if f.rst && peer != At::Closed => to = At::Reset,
            At::Closed | At::Reset => {}
        }
        for (which, next) in [(side, to), (other, peer_to)] {
            let end = &mut self.sides[which];
            if end.at != next {
                (end.was, end.at) = (end.at, next);
            }
        }
        let closes = closing.is_some() && matches!(to, At::Closed | At::Reset) && was != At::Reset;
        if crossed {
            self.sides.swap(0, 1);
            self.ends.swap(0, 1);
            self.history.push('^');
            side = 1 - side;
        }
        let silent = self.sides[1 - side].at == At::Inactive || self.sides[1 - side].done;
        let own = &mut self.sides[side];
        if closes && !own.done {
            own.done = true;
            if silent || own.at == At::Reset {
                self.over = Some(self.last);
            }
        }
        side
    }

    /// Bytes of a side that the other acknowledged and that did not come.
    fn judge(&mut self, side: usize, heard: i64) {
        let is_clean = self
            .sides
            .iter()
            .all(|s| s.at == At::Established || (s.at == At::Closed && s.was == At::Established));
        let own = &mut self.sides[side];
        let heard = match own.fin {
            Some(fin) if heard >= fin => fin - 1,
            _ => heard,
        };
        own.came.sort_unstable();
        let mut holes = Vec::new();
        for &(from, to) in &own.came {
            if from > own.judged && own.judged < heard {
                holes.push(from.min(heard) - own.judged);
                own.judged = from.min(heard);
            }
            if from <= own.judged {
                own.judged = own.judged.max(to);
            }
        }
        if own.judged < heard {
            holes.push(heard - own.judged);
            own.judged = heard;
        }
        if is_clean {
            for hole in holes {
                self.missed += hole as u64;
                self.note_often(side, 'G');
            }
        }
    }

    fn size(&self, side: usize) -> u64 {
        let (own, peer) = (&self.sides[side], &self.sides[1 - side]);
        if self.proto != 6 {
            return own.payload;
        }
        let aborted = own.was == At::SynSent && own.at == At::Reset && peer.at == At::Inactive;
        if aborted && own.acked > 1 {
            return 0;
        }
        let controls = 1 + i64::from(own.fin.is_some());
        (own.sent.max(own.acked) - controls).max(0) as u64
    }

    fn row(&self) -> Row {
        let duration = Some(self.last - self.start).filter(|d| *d > 0);
        let end = |(address, port): (IpAddr, u16)| format!("{address} {port}");
        let count = |side: &Side| [side.packets, side.ip_bytes];
        let [a, b] = [count(&self.sides[0]), count(&self.sides[1])];
        let proto = match self.proto {
            6 => "tcp",
            17 => "udp",
            _ => "icmp",
        };
        Row {
            ts: self.start,
            id: format!("{} {}", end(self.ends[0]), end(self.ends[1])),
            proto: proto.into(),
            duration,
            bytes: duration.map(|_| (self.size(0), self.size(1))),
            state: self.state().into(),
            missed: self.missed,
            history: self.history.clone(),
            counts: [a[0], a[1], b[0], b[1]],
        }
    }

    fn state(&self) -> &'static str {
        let [orig, resp] = [self.sides[0].packets > 0, self.sides[1].packets > 0];
        match (self.proto, orig, resp) {
            (17, true, true) => return "SF",
            (17, true, false) => return "S0",
            (17, false, true) => return "SHR",
            (6, ..) => {}
            _ => return "OTH",
        }
        let quiet = |at| matches!(at, At::Inactive | At::Partial);
        let began = self.history.trim_start_matches('^');
        let aborted = began.starts_with('S') && {
            let until = began.find('R').unwrap_or(0);
            until > 0 && !began[..until].contains(['H', 'A', 'F', 'G', 'I', 'Q'])
        };
        match (self.sides[0].at, self.sides[1].at) {
            (At::SynSent | At::SynAckSent, At::Reset) => "REJ",
            (At::Reset, At::Reset) if self.size(0) + self.size(1) == 0 => "REJ",
            (o, At::Reset) if quiet(o) => "RSTRH",
            (_, At::Reset) => "RSTR",
            (At::Reset, r) if quiet(r) && aborted => "RSTOS0",
            (At::Reset, r) if quiet(r) => "OTH",
            (At::Reset, _) => "RSTO",
            (At::Closed, At::Closed) => "SF",
            (At::Closed, r) if quiet(r) => "SH",
            (At::Closed, _) => "S2",
            (o, At::Closed) if quiet(o) => "SHR",
            (_, At::Closed) => "S3",
            (At::SynSent, At::Inactive) => "S0",
            (At::Established, At::Established) => "S1",
            _ => "OTH",
        }
    }
}

use super::{Host, through};
use crate::engine::Engine;
use crate::ir::{ExprKind, LocalId, StmtKind, TcpOption, reason};
use crate::ir_sample::{
    P, Q, alone, assign, cast, expr, field_ref, local, node, number, on, send, tcp, tcp_packet,
};
use trama_wire::header::{HeaderId, HeaderSet};
use trama_wire::packet::Packet;

fn run(locals: &[u8], body: Vec<StmtKind>) -> Box<Packet> {
    let mut out = Host::new(through(locals, body)).feed(3, 0, tcp_packet());
    assert_eq!(out.len(), 1);
    out.remove(0)
}

#[test]
fn fields_payload_and_mark_are_written_and_checksums_follow() {
    let out = run(
        &[],
        vec![
            StmtKind::SetField(P, field_ref("ip.src"), number(32, 0xc633_6401)),
            StmtKind::SetField(P, field_ref("udp.dst"), number(16, 53)),
            StmtKind::SetPayload(P, number(64, 6), number(16, 0xbeef)),
            StmtKind::SetPayload(P, number(64, 7), number(16, 0xdead)),
            StmtKind::SetTcpOption(P, TcpOption::Mss, number(32, 1400)),
            StmtKind::SetMark(P, number(32, 9)),
        ],
    );
    assert_eq!(out.get(field_ref("ip.src")), 0xc633_6401);
    assert_eq!(out.get(field_ref("tcp.dst")), 80, "an absent header takes no write");
    assert_eq!(out.payload(), [1, 2, 3, 4, 5, 6, 0xbe, 0xef]);
    assert!(out.checksum_ok(HeaderId::IP) && out.checksum_ok(HeaderId::TCP));
    assert_eq!((out.mark, out.port, out.time.0), (9, 1, 3_000_000));
    // The canary: without the checksum it would not be right.
    let mut wrong = out;
    wrong.set_raw(field_ref("ip.src"), 1);
    assert!(!wrong.checksum_ok(HeaderId::IP));
}

#[test]
fn headers_go_in_and_out() {
    let ok = LocalId(0);
    let tag = vec![(HeaderId::VLAN, vec![(field_ref("vlan.id"), number(12, 10))])];
    let tell = || StmtKind::SetMark(P, cast(32, local(0, 1)));
    let tagged = run(&[1], vec![StmtKind::Insert(P, tag.clone(), ok), tell()]);
    assert_eq!((tagged.get(field_ref("vlan.id")), tagged.len(), tagged.mark), (10, 66, 1));
    let back = run(
        &[1],
        vec![StmtKind::Insert(P, tag, ok), StmtKind::Remove(P, vec![HeaderId::VLAN], ok), tell()],
    );
    assert_eq!((back.bytes(), back.mark), (tcp_packet().bytes(), 1));
    let refused = run(
        &[1],
        vec![assign(0, number(1, 1)), StmtKind::Remove(P, vec![HeaderId::VLAN], ok), tell()],
    );
    assert_eq!((refused.bytes(), refused.mark), (tcp_packet().bytes(), 0));
}

#[test]
fn truncation_cuts_and_parses_anew() {
    let cut = run(&[], vec![StmtKind::Truncate(P, number(32, 40))]);
    assert_eq!((cut.len(), cut.layout().present.has(HeaderId::TCP)), (40, false));
    assert_eq!(run(&[], vec![StmtKind::Truncate(P, number(32, 0))]).len(), 14);
    assert_eq!(run(&[], vec![StmtKind::Truncate(P, number(32, u32::MAX.into()))]).len(), 62);
}

#[test]
fn a_copy_has_a_life_of_its_own() {
    let body = vec![
        StmtKind::SetMark(P, number(32, 5)),
        StmtKind::Copy(Q, P),
        StmtKind::SetField(P, field_ref("ip.ttl"), number(8, 1)),
        send(Q, 0),
        send(P, 1),
    ];
    let mut host = Host::new(alone(node("n", 2, vec![on(0, tcp(), &[], body)])));
    let out = host.feed(0, 0, tcp_packet());
    let seen: Vec<_> = out.iter().map(|p| (p.port, p.mark, p.get(field_ref("ip.ttl")))).collect();
    assert_eq!(seen, [(0, 5, 64), (1, 5, 1)]);
}

#[test]
fn empty_registers_are_harmless() {
    let has_ip = ExprKind::Has(Q, HeaderSet::of(HeaderId::IP));
    let out = run(
        &[1],
        vec![
            StmtKind::SetField(Q, field_ref("ip.ttl"), number(8, 1)),
            StmtKind::SetMark(Q, number(32, 1)),
            StmtKind::SetPayload(Q, number(64, 0), number(8, 1)),
            StmtKind::SetTcpOption(Q, TcpOption::Mss, number(32, 1)),
            StmtKind::Truncate(Q, number(32, 20)),
            StmtKind::Drop(Q, reason::HOPS),
            send(Q, 1),
            assign(0, number(1, 1)),
            StmtKind::Insert(Q, vec![(HeaderId::ETH, vec![])], LocalId(0)),
            StmtKind::SetMark(P, cast(32, local(0, 1))),
            assign(0, expr(1, has_ip)),
            StmtKind::Copy(crate::ir::PacketId(2), Q),
            send(crate::ir::PacketId(2), 1),
        ],
    );
    assert_eq!((out.mark, out.bytes()), (0, tcp_packet().bytes()));
}

#[test]
fn copying_over_a_packet_consumes_it() {
    let body = vec![StmtKind::Copy(Q, P), StmtKind::Copy(Q, P), StmtKind::Copy(P, P), send(Q, 1)];
    let mut host = Host::new(through(&[], body));
    assert_eq!(host.feed(0, 0, tcp_packet()).len(), 2);
    assert_eq!(host.engine.report().nodes[0].consumed, 2);
}

//! E05 and W05: instances, parameters, wires, and the files of a program.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0501",
        title: "unknown element or stop",
        explanation: "A chain names something that is neither a port of the network, nor an \
            instance, nor an element or network.",
        bad: "\
network n {
    port lan, wan
    lan <-> Conter <-> wan
}
",
        good: "\
network n {
    port lan, wan
    lan <-> Counter <-> wan
}
",
    },
    Code {
        code: "E0502",
        title: "parameter without a value",
        explanation: "The parameter has no default and must be given.",
        bad: "\
element Stamp(mark: u32) {
    port a, b
    on a(p) { p.mark = mark; send p to b }
    on b(p) { send p to a }
}
network n {
    port lan, wan
    lan <-> Stamp <-> wan
}
",
        good: "\
element Stamp(mark: u32) {
    port a, b
    on a(p) { p.mark = mark; send p to b }
    on b(p) { send p to a }
}
network n {
    port lan, wan
    lan <-> Stamp(mark: 7) <-> wan
}
",
    },
    Code {
        code: "E0503",
        title: "unknown parameter",
        explanation: "The element or network has no parameter of this name.",
        bad: "\
element Stamp(mark: u32 = 1) {
    port a, b
    on a(p) { p.mark = mark; send p to b }
    on b(p) { send p to a }
}
network n {
    port lan, wan
    lan <-> Stamp(mrk: 7) <-> wan
}
",
        good: "\
element Stamp(mark: u32 = 1) {
    port a, b
    on a(p) { p.mark = mark; send p to b }
    on b(p) { send p to a }
}
network n {
    port lan, wan
    lan <-> Stamp(mark: 7) <-> wan
}
",
    },
    Code {
        code: "E0504",
        title: "too many instances, ports or levels",
        explanation: "A program has at most 4096 instances, a network at most 1024 ports, and \
            networks are nested at most 16 deep. A network cannot contain itself.",
        bad: "\
network n {
    port lan[2000]
}
",
        good: "\
network n {
    port lan, wan
    lan <-> Counter <-> wan
}
",
    },
    Code {
        code: "E0505",
        title: "nothing comes back from discard",
        explanation: "`discard` only takes packets: wire it by `->`.",
        bad: "\
network n {
    port lan
    lan <-> discard
}
",
        good: "\
network n {
    port lan
    lan -> discard
}
",
    },
    Code {
        code: "E0506",
        title: "two wires at one output",
        explanation: "An output leads to one place. To feed two, let an element send a copy to \
            each of two ports.",
        bad: "\
network n {
    port a, b, c
    a -> b
    a -> c
}
",
        good: "\
network n {
    port a, b
    a -> b
    b -> a
}
",
    },
    Code {
        code: "E0507",
        title: "port in the middle of a chain",
        explanation: "A chain goes from a port of the network inwards, or ends there; it does not \
            go through it.",
        bad: "\
network n {
    port a, b, c
    a <-> b <-> c
}
",
        good: "\
network n {
    port a, b
    a <-> b
}
",
    },
    Code {
        code: "E0508",
        title: "unknown port of an instance",
        explanation: "The element or network has no port of this name, or not this index.",
        bad: "\
network n {
    port lan, wan
    let counter = Counter
    lan <-> counter.c
    wan <-> counter.b
}
",
        good: "\
network n {
    port lan, wan
    let counter = Counter
    lan <-> counter.a
    wan <-> counter.b
}
",
    },
    Code {
        code: "E0509",
        title: "chain does not know where to go on",
        explanation: "In the middle of a chain an element is entered at its first port and left \
            at its second. With only one port, or an explicit one of more than two, write two \
            chains.",
        bad: "\
element One {
    port a
    on a(p) { send p to a }
}
network n {
    port lan, wan
    lan <-> One <-> wan
}
",
        good: "\
element One {
    port a
    on a(p) { send p to a }
}
network n {
    port lan
    lan <-> One
}
",
    },
    Code {
        code: "E0510",
        title: "file cannot be imported",
        explanation: "The imported file cannot be read, or a program would have \
            more than 256 files. Paths are relative to the file that names them.",
        bad: "\
import \"missing.trama\"
element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
element E {
    port lan
    on lan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0511",
        title: "nothing to run",
        explanation: "A program runs its last network, or its only element. With several \
            elements and no network say which by `--network`.",
        bad: "\
fn twice(x: u32) -> u32 { x * 2 }
",
        good: "\
fn twice(x: u32) -> u32 { x * 2 }
element E {
    port lan
    on lan(p) { p.mark = twice(p.mark); send p to lan }
}
",
    },
    Code {
        code: "E0520",
        title: "table cannot be read",
        explanation: "The file of a table cannot be read. Paths are relative to the \
            file that names them.",
        bad: "\
record Host { address: ip4, port: u16 }
const HOSTS: table<Host> = load(\"missing.csv\")
element E {
    port lan
    on lan(p: ip) {
        for host in HOSTS { if p.ip.src == host.address { p.mark = host.port } }
        send p to lan
    }
}
",
        good: "\
record Host { address: ip4, port: u16 }
const HOSTS: table<Host> = [Host { address: 10.0.0.1, port: 80 }]
element E {
    port lan
    on lan(p: ip) {
        for host in HOSTS { if p.ip.src == host.address { p.mark = host.port } }
        send p to lan
    }
}
",
    },
    Code {
        code: "E0521",
        title: "table does not fit its record",
        explanation: "A column has another name than the field, is missing, or \
            a cell holds no value of the field's type. The message says which. (In the example \
            `wrong.csv` has the columns `address` and `prot`, `hosts.csv` `address` and `port`.)",
        bad: "\
record Host { address: ip4, port: u16 }
const HOSTS: table<Host> = load(\"wrong.csv\")
element E {
    port lan
    on lan(p: ip) {
        for host in HOSTS { if p.ip.src == host.address { p.mark = host.port } }
        send p to lan
    }
}
",
        good: "\
record Host { address: ip4, port: u16 }
const HOSTS: table<Host> = load(\"hosts.csv\")
element E {
    port lan
    on lan(p: ip) {
        for host in HOSTS { if p.ip.src == host.address { p.mark = host.port } }
        send p to lan
    }
}
",
    },
    Code {
        code: "W0501",
        title: "instance that no packet reaches",
        explanation: "No wire leads into the instance.",
        bad: "\
network n {
    port lan, wan
    let spare = Counter
    lan <-> wan
    spare.a -> discard
    spare.b -> discard
}
",
        good: "\
network n {
    port lan, wan
    lan <-> Counter <-> wan
}
",
    },
    Code {
        code: "W0502",
        title: "output that leads nowhere",
        explanation: "The element sends packets to a port that is not wired: they are dropped. If \
            that is meant, wire it to `discard`.",
        bad: "\
network n {
    port lan, wan
    let counter = Counter
    lan -> counter.a
    wan -> discard
}
",
        good: "\
network n {
    port lan, wan
    let counter = Counter
    lan -> counter.a
    counter.b -> wan
    wan -> discard
    counter.a -> discard
}
",
    },
];

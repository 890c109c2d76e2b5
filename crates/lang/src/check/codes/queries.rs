//! E09: folds and queries.

use crate::syntax::codes::Code;

pub(super) static CODES: &[Code] = &[
    Code {
        code: "E0901",
        title: "fold that keeps nothing",
        explanation: "A fold updates a state by what a packet or row brings. It begins with what \
            it keeps: `state name: type`.",
        bad: "\
fold nothing(x: u32) {
    let _y = x
}

element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
fold latest(x: u32) {
    state last: u32
    last = x
}

element E {
    port lan
    on lan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0902",
        title: "not in a fold",
        explanation: "A fold only computes its next state from the one before and its parameters. \
            It has no packets, no time and no log, so that it can run anywhere; what it needs of \
            them are arguments.",
        bad: "\
fold gap() {
    state last: Time
    last = now
}

element E {
    port lan
    on lan(p) { send p to lan }
}
",
        good: "\
fold gap(at: Time) {
    state last: Time
    last = at
}

element E {
    port lan
    on lan(p) { send p to lan }
}
",
    },
    Code {
        code: "E0903",
        title: "no packet any more",
        explanation: "Behind a `map` or `group` the rows of a query consist of the columns that it \
            named. The headers of packets are not there any more.",
        bad: "\
query ports = packets(ip/tcp) |> map(ip.src) |> where(tcp.dst == 80) |> emit
",
        good: "\
query ports = packets(ip/tcp) |> where(tcp.dst == 80) |> map(ip.src) |> emit
",
    },
    Code {
        code: "E0904",
        title: "columns that do not fit",
        explanation: "Each column of a row has a name of its own: that of the value, or the one \
            written before it. What is emitted or joined consists of columns; a packet does not.",
        bad: "\
query lengths = packets(ip) |> map(ip.src, len / 64) |> emit
",
        good: "\
query lengths = packets(ip) |> map(ip.src, lines: len / 64) |> emit
",
    },
    Code {
        code: "E0905",
        title: "no aggregate",
        explanation: "A group computes `count`, `sum`, `avg`, `min`, `max`, `first`, `last` or \
            `quantile` of its rows, or a fold. Sums and averages are of unsigned numbers and \
            durations; the part of a quantile is at most the whole: `quantile(len, 99, 100)`.",
        bad: "\
query hosts = packets(ip) |> group(ip.src) { bytes: total(len) } |> emit
",
        good: "\
query hosts = packets(ip) |> group(ip.src) { bytes: sum(len) } |> emit
",
    },
    Code {
        code: "E0906",
        title: "rows at no time",
        explanation: "`on change` and `at close` are about the rows of a group; without a group \
            rows come out as they come in. All stages behind one group take its rows at the same \
            time. `top` needs rows that come together.",
        bad: "\
query hosts = packets(ip) |> map(ip.src) |> emit at close
",
        good: "\
query hosts = packets(ip) |> group(ip.src) { n: count() } |> emit at close
",
    },
    Code {
        code: "E0907",
        title: "no such query",
        explanation: "A query begins with `packets` or with the name of another query without \
            parameters, and so does the other side of a join. Queries do not go in circles.",
        bad: "\
query hosts = packets(ip) |> group(ip.src) { n: count() } |> emit
query many = host |> where(n > 10) |> emit
",
        good: "\
query hosts = packets(ip) |> group(ip.src) { n: count() } |> emit
query many = hosts |> where(n > 10) |> emit
",
    },
    Code {
        code: "E0908",
        title: "an error where nothing errs",
        explanation: "`error` says how wrong a `distinct` may be that remembers in a filter, or \
            the quantiles of a group. All else is exact. A filter does not know what it holds, \
            so it evicts nothing.",
        bad: "\
query hosts = packets(ip) |> group(ip.src) error 1% { packets: count() } |> emit
",
        good: "\
query hosts = packets(ip) |> group(ip.src) [1k] error 1% { most: quantile(len, 99, 100) } |> emit
",
    },
];

// Tail calls into an encapsulation (IP in IP), callbacks, and records for user space.
#include "kernel.h"

int encapsulate(struct xdp_md *ctx);
int report(struct xdp_md *ctx);

struct {
    UINT(type, PROG_ARRAY);
    UINT(max_entries, 4);
    UINT(key_size, 4);
    int (*values[])(struct xdp_md *);
} stages SEC(".maps") = {.values = {[1] = encapsulate, [2] = report}};

struct {
    UINT(type, RINGBUF);
    UINT(max_entries, 65536);
} records SEC(".maps");

struct record { u32 sum, len; };

struct walk { struct xdp_md *ctx; u32 sum; };

static long add_byte(u32 at, struct walk *walk) {
    u8 *data = (void *)(long)walk->ctx->data, *end = (void *)(long)walk->ctx->data_end;
    u8 *byte = data + (at & 63);
    if (byte + 1 > end) return 1;
    walk->sum = walk->sum * 31 + *byte;
    return 0;
}

SEC("xdp") int report(struct xdp_md *ctx) {
    struct walk walk = {ctx, 7};
    loop(64, add_byte, &walk, 0);
    struct record *record = ring_reserve(&records, sizeof *record, 0);
    if (!record) return XDP_ABORTED;
    record->sum = walk.sum;
    record->len = ctx->data_end - ctx->data;
    ring_submit(record, 0);
    return XDP_PASS;
}

SEC("xdp") int encapsulate(struct xdp_md *ctx) {
    if (adjust_head(ctx, -20)) return XDP_ABORTED;
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct eth *eth = data, *old = data + 20;
    struct ip4 *outer = (void *)(eth + 1);
    if ((void *)(outer + 2) > end || (void *)(old + 1) > end) return XDP_ABORTED;
    __builtin_memmove(eth, old, sizeof *eth);
    struct ip4 *inner = outer + 1;
    *outer = (struct ip4){.ihl = 5, .version = 4, .ttl = 64, .proto = 4, .src = 0x0100000a,
                          .dst = 0x0200000a, .len = HTONS(20)};
    u32 sum = csum_diff(0, 0, (void *)outer, 20, 0);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    outer->check = ~sum;
    tail_call(ctx, &stages, 2);
    return XDP_DROP;
}

SEC("xdp") int classify(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct eth *eth = data;
    struct ip4 *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end) return XDP_DROP;
    if (eth->type == HTONS(0x0800)) tail_call(ctx, &stages, 1);
    else tail_call(ctx, &stages, 2);
    return XDP_ABORTED;
}

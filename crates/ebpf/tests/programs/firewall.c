// An XDP firewall: what comes from inside opens the way back, for TCP and UDP over IPv4.
#include "kernel.h"

struct flow { u32 src, dst; u16 sport, dport; u32 proto; };

struct {
    UINT(type, LRU_HASH);
    UINT(max_entries, 4096);
    TYPE(key, struct flow);
    TYPE(value, u64);
} flows SEC(".maps");

struct {
    UINT(type, PERCPU_ARRAY);
    UINT(max_entries, 4);
    TYPE(key, u32);
    TYPE(value, u64);
} verdicts SEC(".maps");

// Constants and variables live in maps of their own.
const volatile u32 inside_net = 0x0000000a;
const volatile u32 inside_mask = 0x000000ff;
u64 packets;
u64 last_seen_len = 1;

INLINE int count(u32 verdict) {
    u64 *counter = map_lookup(&verdicts, &verdict);
    if (counter) *counter += 1;
    return verdict;
}

SEC("xdp") int firewall(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    __sync_fetch_and_add(&packets, 1);
    last_seen_len = end - data;
    struct eth *eth = data;
    if ((void *)(eth + 1) > end) return count(XDP_DROP);
    if (eth->type != HTONS(0x0800)) return count(XDP_PASS);
    struct ip4 *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || ip->ihl < 5) return count(XDP_DROP);
    if (ip->proto != 6 && ip->proto != 17) return count(XDP_PASS);
    if (ip->frag & HTONS(0x1fff)) return count(XDP_DROP);
    struct ports *ports = (void *)ip + ip->ihl * 4;
    if ((void *)(ports + 1) > end) return count(XDP_DROP);
    struct flow flow = {ip->src, ip->dst, ports->src, ports->dst, ip->proto};
    if ((ip->src & inside_mask) == inside_net) {
        u64 one = 1, *known = map_lookup(&flows, &flow);
        if (known) *known += 1;
        else map_update(&flows, &flow, &one, 0);
        return count(XDP_PASS);
    }
    struct flow back = {ip->dst, ip->src, ports->dst, ports->src, ip->proto};
    return count(map_lookup(&flows, &back) ? XDP_PASS : XDP_DROP);
}

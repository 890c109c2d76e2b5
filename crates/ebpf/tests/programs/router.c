// An XDP router: longest prefix, TTL with an incremental checksum, new addresses, and out.
#include "kernel.h"

struct prefix { u32 len, address; };
struct hop { u32 port; u8 dst[6], src[6]; };

struct {
    UINT(type, LPM_TRIE);
    UINT(max_entries, 256);
    UINT(map_flags, 1);
    TYPE(key, struct prefix);
    TYPE(value, struct hop);
} routes SEC(".maps");

struct {
    UINT(type, ARRAY);
    UINT(max_entries, 3);
    UINT(key_size, 4);
    UINT(value_size, 8);
} outcomes SEC(".maps");

NOINLINE int outcome(u32 which, int verdict) {
    u64 *counter = map_lookup(&outcomes, &which);
    if (counter) __sync_fetch_and_add(counter, 1);
    return verdict;
}

SEC("xdp") int router(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct eth *eth = data;
    struct ip4 *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->type != HTONS(0x0800)) return outcome(0, XDP_PASS);
    struct prefix key = {32, ip->dst};
    struct hop *hop = map_lookup(&routes, &key);
    if (!hop || ip->ttl <= 1) return outcome(1, XDP_PASS);
    u32 sum = ip->check + HTONS(0x0100);
    ip->check = sum + (sum >= 0xffff);
    ip->ttl--;
    __builtin_memcpy(eth->dst, hop->dst, 6);
    __builtin_memcpy(eth->src, hop->src, 6);
    return outcome(2, XDP_TX);
}

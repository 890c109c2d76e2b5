// A classifier for the traffic control hook: rewrites an address with the kernel's helpers.
#include "kernel.h"

struct {
    UINT(type, HASH);
    UINT(max_entries, 64);
    UINT(map_flags, 1);
    TYPE(key, u32);
    TYPE(value, u32);
} rewrites SEC(".maps");

SEC("tc") int classifier(struct sk_buff *skb) {
    void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
    struct eth *eth = data;
    struct ip4 *ip = (void *)(eth + 1);
    if ((void *)(ip + 1) > end || eth->type != HTONS(0x0800)) return 0;
    u32 old = ip->dst, len = skb->len, proto = ip->proto;
    if (ip->ihl != 5) return 0;
    u32 *new = map_lookup(&rewrites, &old);
    if (!new) {
        u32 made = old ^ 0x01000000;
        map_update(&rewrites, &old, &made, 1);
        return 2;
    }
    u32 to = *new;
    if (proto == 6) l4_csum_replace(skb, 14 + 20 + 16, old, to, 4 | 0x10);
    if (proto == 17) l4_csum_replace(skb, 14 + 20 + 6, old, to, 4 | 0x10 | 0x20);
    l3_csum_replace(skb, 14 + 10, old, to, 4);
    skb_store(skb, 14 + 16, &to, 4, 0);
    return len > 200 ? 0 : -1;
}

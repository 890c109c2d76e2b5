// As much of the kernel's interface as the programs here use; no headers of libbpf are needed.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

// Members of a struct in .maps: numbers are lengths of arrays, types are targets of pointers.
#define UINT(name, value) int (*name)[value]
#define TYPE(name, type) type *name

enum {
    HASH = 1, ARRAY = 2, PROG_ARRAY = 3, PERCPU_HASH = 5, PERCPU_ARRAY = 6, LRU_HASH = 9,
    LPM_TRIE = 11, DEVMAP = 14, QUEUE = 22, RINGBUF = 27,
};

enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

struct xdp_md {
    u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct sk_buff {
    u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto,
        priority, ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};

struct eth { u8 dst[6], src[6]; u16 type; } __attribute__((packed));
struct ip4 {
    u8 ihl : 4, version : 4;
    u8 tos; u16 len, id, frag; u8 ttl, proto; u16 check; u32 src, dst;
} __attribute__((packed));
struct ports { u16 src, dst; } __attribute__((packed));

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*map_delete)(void *map, const void *key) = (void *)3;
static u64 (*now_ns)(void) = (void *)5;
static long (*skb_store)(void *skb, u32 at, const void *from, u32 len, u64 flags) = (void *)9;
static long (*l3_csum_replace)(void *skb, u32 at, u64 from, u64 to, u64 size) = (void *)10;
static long (*l4_csum_replace)(void *skb, u32 at, u64 from, u64 to, u64 flags) = (void *)11;
static long (*tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static s64 (*csum_diff)(void *from, u32 from_size, void *to, u32 to_size, u32 seed) = (void *)28;
static long (*adjust_head)(void *ctx, int delta) = (void *)44;
static long (*redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static long (*adjust_meta)(void *ctx, int delta) = (void *)54;
static long (*adjust_tail)(void *ctx, int delta) = (void *)65;
static long (*ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*ring_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*ring_submit)(void *data, u64 flags) = (void *)132;
static long (*for_each)(void *map, void *function, void *ctx, u64 flags) = (void *)164;
static long (*loop)(u32 rounds, void *function, void *ctx, u64 flags) = (void *)181;

#define HTONS(x) ((u16)(((x) & 0xff) << 8 | (x) >> 8))

char LICENSE[] SEC("license") = "GPL";

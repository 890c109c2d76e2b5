//! The Toeplitz hash by which packets are spread over cores (Krawczyk, CRYPTO 1994; Microsoft,
//! "RSS Hashing Functions" of the Windows driver documentation, whose vectors are the test).
//!
//! The input is a string of bytes, usually addresses and ports in network byte order. Each bit that
//! is set adds (exclusive or) the 32 bits of the key that begin at the bit's place. Where a key
//! repeats every 16 bits, the place of a 16-bit word does not matter: so both directions of a
//! connection get the same hash (Woo and Park, "Scalable TCP Session Monitoring with Symmetric
//! Receive-side Scaling", 2012).

/// A key: 32 bits for the first place, and one more for each further one.
pub type Key = [u8; 40];

/// Bytes after which places repeat; IPv6 addresses and ports are 36. (A whole number of words, so
/// that an input of any length is hashed alike in either order by the symmetric key.)
const PLACES: usize = 64;

/// The key that Microsoft publishes its vectors for, and that most cards come with.
pub const USUAL_KEY: Key = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// A key that repeats every 16 bits: the order of 16-bit words makes no difference.
pub const SYMMETRIC_KEY: Key = {
    let mut key = [0x6d; 40];
    let mut i = 1;
    while i < key.len() {
        key[i] = 0x5a;
        i += 2;
    }
    key
};

/// The hash with one key, prepared for byte-wise use.
#[derive(Clone, Debug)]
pub struct Toeplitz {
    /// By place and value of a byte: what it adds.
    table: Vec<[u32; 256]>,
}

impl Toeplitz {
    /// Prepares a key.
    pub fn new(key: &Key) -> Self {
        let bit = |at: usize| u32::from(key[(at / 8) % key.len()] >> (7 - at % 8) & 1);
        let window = |at: usize| (0..32).fold(0, |word, i| word << 1 | bit(at + i));
        let row = |byte: usize| {
            let windows: [u32; 8] = std::array::from_fn(|i| window(byte * 8 + i));
            std::array::from_fn(|value| {
                let set = (0..8).filter(|i| value >> (7 - i) & 1 == 1);
                set.fold(0, |sum, i| sum ^ windows[i])
            })
        };
        Self { table: (0..PLACES).map(row).collect() }
    }

    /// The hash of some bytes.
    #[inline]
    pub fn hash(&self, input: &[u8]) -> u32 {
        self.add(0, 0, input)
    }

    /// The hash of a longer input: that of its first `at` bytes, which is `sum`, and what `input`
    /// adds behind them.
    #[inline]
    pub fn add(&self, sum: u32, at: usize, input: &[u8]) -> u32 {
        let bytes = input.iter().zip(at..);
        bytes.fold(sum, |sum, (byte, at)| sum ^ self.table[at % PLACES][usize::from(*byte)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, SocketAddr};

    /// Destination, source, hash of the addresses, hash of addresses and ports, as published under
    /// "Verifying the RSS hash calculation".
    const VECTORS: [(&str, &str, u32, u32); 8] = [
        ("161.142.100.80:1766", "66.9.149.187:2794", 0x323e_8fc2, 0x51cc_c178),
        ("65.69.140.83:4739", "199.92.111.2:14230", 0xd718_262a, 0xc626_b0ea),
        ("12.22.207.184:38024", "24.19.198.95:12898", 0xd2d0_a5de, 0x5c2b_394a),
        ("209.142.163.6:2217", "38.27.205.30:48228", 0x8298_9176, 0xafc7_327f),
        ("202.188.127.2:1303", "153.39.163.191:44251", 0x5d18_09c5, 0x10e8_28a2),
        ("[3ffe:2501:200:3::1]:1766", "[3ffe:2501:200:1fff::7]:2794", 0x2cc1_8cd5, 0x4020_7d3d),
        ("[ff02::1]:4739", "[3ffe:501:8::260:97ff:fe40:efab]:14230", 0x0f0c_461c, 0xdde5_1bbf),
        (
            "[fe80::200:f8ff:fe21:67cf]:38024",
            "[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251",
            0x4b61_e985,
            0x02d1_feef,
        ),
    ];

    fn address(of: SocketAddr) -> Vec<u8> {
        match of.ip() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }

    fn inputs(src: SocketAddr, dst: SocketAddr) -> [Vec<u8>; 2] {
        let addresses = [address(src), address(dst)].concat();
        let ports = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
        [addresses.clone(), [addresses, ports].concat()]
    }

    #[test]
    fn the_published_vectors_hold() {
        let toeplitz = Toeplitz::new(&USUAL_KEY);
        for (dst, src, of_addresses, of_ports) in VECTORS {
            let inputs = inputs(src.parse().unwrap(), dst.parse().unwrap());
            assert_eq!(inputs.map(|input| toeplitz.hash(&input)), [of_addresses, of_ports]);
        }
    }

    #[test]
    fn only_the_symmetric_key_joins_both_directions() {
        for (dst, src, ..) in VECTORS {
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            let there = inputs(src, dst);
            let back = inputs(dst, src);
            let symmetric = Toeplitz::new(&SYMMETRIC_KEY);
            let usual = Toeplitz::new(&USUAL_KEY);
            for (there, back) in there.iter().zip(&back) {
                assert_eq!(symmetric.hash(there), symmetric.hash(back));
                assert_ne!(usual.hash(there), usual.hash(back), "the control");
            }
        }
    }
}

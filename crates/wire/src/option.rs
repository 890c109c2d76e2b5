//! Options of TCP (RFC 9293, section 3.1) and IPv4 (RFC 791, section 3.1) headers.

/// A TCP option that programs can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption {
    /// Maximum segment size (kind 2).
    Mss,
    /// Window scale (kind 3).
    WindowScale,
    /// SACK permitted (kind 4); its value is 1.
    SackPermitted,
    /// Timestamp value (kind 8).
    TsVal,
    /// Timestamp echo reply (kind 8).
    TsEcr,
}

impl TcpOption {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Mss, Self::WindowScale, Self::SackPermitted, Self::TsVal, Self::TsEcr];

    /// Kind and length as they stand on the wire, and where in the option its value lies.
    const fn shape(self) -> (u8, u8, std::ops::Range<usize>) {
        match self {
            Self::Mss => (2, 4, 2..4),
            Self::WindowScale => (3, 3, 2..3),
            Self::SackPermitted => (4, 2, 2..2),
            Self::TsVal => (8, 10, 2..6),
            Self::TsEcr => (8, 10, 6..10),
        }
    }
}

/// First and one past the last byte of the value of the first such option in the options of a
/// TCP header. An option of that kind with a wrong length is passed over.
pub(crate) fn tcp_option_at(options: &[u8], option: TcpOption) -> Option<(usize, usize)> {
    let (kind, len, value) = option.shape();
    let at = Options { bytes: options, at: 0 }
        .find(|&at| options[at] == kind && options.get(at + 1) == Some(&len))?;
    Some((at + value.start, at + value.end))
}

/// Where the first option of that kind is in the options of a TCP or IPv4 header; all of it is
/// there.
pub(crate) fn option_at(options: &[u8], kind: u8) -> Option<usize> {
    Options { bytes: options, at: 0 }.find(|&at| options[at] == kind)
}

/// Walks options in the shape that TCP and IPv4 share: type 0 ends the list, type 1 is a byte of
/// padding, all others have a length. Ends at the first option that does not fit.
struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Options<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.at;
        self.at = match *self.bytes.get(at)? {
            0 => self.bytes.len(),
            1 => at + 1,
            _ => {
                let len = usize::from(*self.bytes.get(at + 1)?);
                if len < 2 || at + len > self.bytes.len() {
                    return None;
                }
                at + len
            }
        };
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_linux_syn() {
        let options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7].as_slice();
        assert_eq!(tcp_option_at(options, TcpOption::Mss), Some((2, 4)));
        assert_eq!(tcp_option_at(options, TcpOption::SackPermitted), Some((6, 6)));
        assert_eq!(tcp_option_at(options, TcpOption::TsVal), Some((8, 12)));
        assert_eq!(tcp_option_at(options, TcpOption::TsEcr), Some((12, 16)));
        assert_eq!(tcp_option_at(options, TcpOption::WindowScale), Some((19, 20)));
    }

    #[test]
    fn broken_options_end_the_walk() {
        for options in [&[2, 0, 5, 5][..], &[2, 1], &[2, 5, 0, 0], &[2], &[0, 2, 4, 5, 5], &[]] {
            assert_eq!(tcp_option_at(options, TcpOption::Mss), None, "{options:?}");
        }
        // A wrong length for its kind, then a good one.
        assert_eq!(tcp_option_at(&[2, 3, 9, 2, 4, 5, 5], TcpOption::Mss), Some((5, 7)));
    }

    #[test]
    fn ip_options_are_found_by_their_octet() {
        let router_alert = [1, 148, 4, 0, 0, 0, 0, 0];
        assert_eq!(option_at(&router_alert, 148), Some(1));
        assert_eq!(option_at(&router_alert, 1), Some(0));
        assert_eq!(option_at(&router_alert, 0), Some(5));
        assert_eq!(option_at(&router_alert, 131), None);
    }
}

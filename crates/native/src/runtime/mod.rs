//! What generated code calls: total functions over packets, state objects and logs.
//!
//! Every parameter and result is one 64-bit word, so that no calling convention extends or splits
//! anything. The functions are `extern "C"`: should one panic in spite of being total, the process
//! aborts rather than unwind through frames that no unwinder understands.

pub(crate) mod each;
pub(crate) mod extract;
pub(crate) mod logs;
pub(crate) mod method;
pub(crate) mod packet;
pub(crate) mod state;

use crate::frame::Frame;
use each::Cursor;
use method::CallPlan;
use packet::{InsertPlan, RemovePlan};
use trama_lang::ir::{self, LogSite};
use trama_state::mem;
use trama_wire::option::TcpOption;
use trama_wire::packet::Packet;

macro_rules! routines {
    ($($id:ident = $path:path : ($($param:ty),*) $(-> $result:ty)?;)*) => {
        /// A function that generated code can call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Routine { $(
            #[doc = concat!("[`", stringify!($path), "`]")]
            $id,
        )* }

        impl Routine {
            /// All of them, in the order of their discriminants.
            pub(crate) const ALL: &[Self] = &[$(Self::$id),*];

            /// Its name in listings.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$id => stringify!($path)),* }
            }

            /// Its first instruction.
            pub(crate) fn address(self) -> *const u8 {
                match self { $(Self::$id => {
                    const {
                        $(assert!(size_of::<$param>() == 8);)*
                        $(assert!(size_of::<$result>() == 8);)?
                    }
                    let function: unsafe extern "C" fn($($param),*) $(-> $result)? = $path;
                    function as *const u8
                }),* }
            }

            /// Number of parameters.
            pub(crate) fn params(self) -> usize {
                match self { $(Self::$id => {
                    let all: &[&str] = &[$(stringify!($param)),*];
                    all.len()
                }),* }
            }

            /// True if it returns a word.
            pub(crate) fn returns(self) -> bool {
                match self { $(Self::$id => {
                    let all: &[&str] = &[$(stringify!($result))?];
                    !all.is_empty()
                }),* }
            }
        }
    };
}

routines! {
    Drop = packet::drop_packet: (*mut Frame, u64, u64);
    Copy = packet::copy: (*mut Frame, u64, u64);
    SetField = packet::set_field: (*mut Packet, u64, u64);
    SetWide = packet::set_wide: (*mut Packet, u64, u64, u64);
    SetPayload = packet::set_payload: (*mut Packet, u64, u64, u64);
    HasTcpOption = packet::has_tcp_option: (*mut Packet, u64) -> u64;
    TcpOption = packet::tcp_option: (*mut Packet, u64) -> u64;
    SetTcpOption = packet::set_tcp_option: (*mut Packet, u64, u64);
    SetTcpOptions = packet::set_tcp_options:
        (*mut Frame, u64, *const [[u128; 2]; TcpOption::ALL.len()]);
    ShiftSack = packet::shift_sack: (*mut Packet, u64);
    HasIpOption = packet::has_ip_option: (*mut Packet, u64) -> u64;
    ChecksumOk = packet::checksum_ok: (*mut Packet, u64) -> u64;
    Insert = packet::insert: (*mut Frame, u64, *const InsertPlan, *const u128) -> u64;
    Remove = packet::remove: (*mut Frame, u64, *const RemovePlan) -> u64;
    Truncate = packet::truncate: (*mut Frame, u64, u64);
    Extract = extract::extract:
        (*mut Packet, *const ir::Extract, *const u128, *mut u128, u64);
    Hash = state::hash: (*const u8, u64) -> u64;
    Log = logs::log: (*mut Frame, u64, *const LogSite, *const u128, u64);
    MapGet = state::map_get: (*mut mem::Map, *const u8, u64, u64) -> *const u8;
    MapEntry = state::map_entry: (*mut mem::Map, *const u8, u64, u64) -> *mut u8;
    MapTouch = state::map_touch: (*mut mem::Map, *const u8, u64, u64) -> u64;
    MapRemove = state::map_remove: (*mut mem::Map, *const u8, u64, u64) -> u64;
    MapClear = state::map_clear: (*mut mem::Map, u64);
    EachBegin = each::begin: (*mut Cursor, *mut mem::Map, u64, u64);
    EachNext = each::next: (*mut Cursor) -> u64;
    EachRank = each::rank: (*mut Cursor, u64, u64);
    EachTop = each::top: (*mut Cursor);
    Generate = each::generate: (*mut Frame, u64, u64, *const u8, u64) -> u64;
    Emit = each::emit: (*mut Frame, u64, *const u128, u64);
    Len = state::len: (*mut mem::Object, u64) -> u64;
    ArrayGet = state::array_get: (*mut mem::Array, u64) -> *const u8;
    ArrayEntry = state::array_entry: (*mut mem::Array, u64) -> *mut u8;
    Count = state::count: (*mut mem::Counter, u64, u64);
    CounterGet = state::counter_get: (*mut mem::Counter, u64, *mut [u64; 2]);
    PoolAlloc = state::pool_alloc: (*mut mem::Pool, u64) -> u64;
    PoolTake = state::pool_take: (*mut mem::Pool, u64, u64) -> u64;
    PoolTouch = state::pool_touch: (*mut mem::Pool, u64, u64) -> u64;
    PoolFree = state::pool_free: (*mut mem::Pool, u64, u64) -> u64;
    PoolUsed = state::pool_used: (*mut mem::Pool, u64, u64) -> u64;
    LpmPut = state::lpm_put: (*mut mem::Lpm, *const u128, u64, *const u8, u64) -> u64;
    LpmGet = state::lpm_get: (*mut mem::Lpm, *const u128) -> *const u8;
    LpmRemove = state::lpm_remove: (*mut mem::Lpm, *const u128, u64) -> u64;
    BucketTake = state::bucket_take: (*mut mem::Bucket, *const u8, u64, u64, u64) -> u64;
    MaglevSet = state::maglev_set: (*mut mem::Maglev, *const u8, u64, u64) -> u64;
    MaglevPick = state::maglev_pick: (*mut mem::Maglev, u64) -> *const u8;
    Call = method::call:
        (*mut mem::Object, *const CallPlan, *const u8, *const u8, *mut u8, *const Packet, u64)
            -> u64;
}

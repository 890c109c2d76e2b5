//! Memory of a running program: regions apart from each other, every access checked.
//!
//! An address is the number of a region in its high and an offset in its low 32 bits. The packet is
//! region 0, so that its addresses fit the 32-bit fields in which programs find them.

use super::Fault;

/// A region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionId(u32);

/// The packet with room before and behind it.
pub(super) const PACKET: RegionId = RegionId(0);
/// The context.
pub(super) const CONTEXT: RegionId = RegionId(1);
/// The stack with all frames.
pub(super) const STACK: RegionId = RegionId(2);
/// No bytes: its addresses stand for maps.
pub(super) const MAPS: RegionId = RegionId(3);
/// No bytes: its addresses stand for functions.
pub(super) const FUNCTIONS: RegionId = RegionId(4);

/// Where the offsets of a region start: low addresses stay invalid.
const FIRST: u64 = 0x1_0000;

/// What a program can read and write.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    regions: Vec<Region>,
}

#[derive(Clone, Debug, Default)]
struct Region {
    bytes: Vec<u8>,
    /// Bytes that programs may touch.
    open: std::ops::Range<usize>,
    writable: bool,
}

impl Memory {
    /// Memory with the regions that every program has.
    pub fn new() -> Self {
        Self { regions: vec![Region::default(); 5] }
    }

    /// Adds a region of zeros.
    pub fn add(&mut self, bytes: usize, writable: bool) -> RegionId {
        self.regions.push(Region { bytes: vec![0; bytes], open: 0..bytes, writable });
        RegionId(u32::try_from(self.regions.len() - 1).expect("there are few regions"))
    }

    /// Replaces a region.
    pub fn set(&mut self, region: RegionId, bytes: Vec<u8>, writable: bool) {
        let open = 0..bytes.len();
        self.regions[region.0 as usize] = Region { bytes, open, writable };
    }

    /// Lets programs touch only this part of a region.
    pub fn open(&mut self, region: RegionId, part: std::ops::Range<usize>) {
        self.regions[region.0 as usize].open = part;
    }

    /// The first byte of a region that programs may touch.
    pub fn start(&self, region: RegionId) -> usize {
        self.regions[region.0 as usize].open.start
    }

    /// All bytes of a region.
    pub fn bytes(&self, region: RegionId) -> &[u8] {
        &self.regions[region.0 as usize].bytes
    }

    /// All bytes of a region, to change.
    pub fn bytes_mut(&mut self, region: RegionId) -> &mut Vec<u8> {
        &mut self.regions[region.0 as usize].bytes
    }

    /// Makes a region at least so long, with zeros.
    pub(super) fn grow(&mut self, region: RegionId, bytes: usize) {
        let region = &mut self.regions[region.0 as usize];
        if region.bytes.len() < bytes {
            region.bytes.resize(bytes, 0);
            region.open.end = bytes;
        }
    }

    /// Number of regions.
    pub fn count(&self) -> usize {
        self.regions.len()
    }

    /// Ends all regions but the first so many.
    pub fn keep(&mut self, count: usize) {
        self.regions.truncate(count);
    }

    /// The address of a byte of a region.
    pub fn address(region: RegionId, offset: usize) -> u64 {
        u64::from(region.0) << 32 | (FIRST + offset as u64)
    }

    /// The offset of an address in a region; `None` if it belongs to another.
    pub fn offset(region: RegionId, address: u64) -> Option<usize> {
        let is_there = address >> 32 == u64::from(region.0);
        let offset = (address & 0xffff_ffff).checked_sub(FIRST)?;
        is_there.then(|| usize::try_from(offset).ok()).flatten()
    }

    /// Bytes at an address.
    pub fn read(&self, address: u64, len: usize) -> Result<&[u8], Fault> {
        let (region, range) = self.find(address, len)?;
        Ok(&self.regions[region].bytes[range])
    }

    /// Bytes at an address, to change.
    pub fn write(&mut self, address: u64, len: usize) -> Result<&mut [u8], Fault> {
        let (region, range) = self.find(address, len)?;
        let region = &mut self.regions[region];
        if !region.writable {
            return Err(Fault::ReadOnly { address });
        }
        Ok(&mut region.bytes[range])
    }

    /// A little-endian number of so many bits.
    pub fn load(&self, address: u64, bits: u8) -> Result<u64, Fault> {
        let bytes = self.read(address, usize::from(bits / 8))?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(word))
    }

    /// Stores the low bits of a number.
    pub fn store(&mut self, address: u64, bits: u8, value: u64) -> Result<(), Fault> {
        let len = usize::from(bits / 8);
        self.write(address, len)?.copy_from_slice(&value.to_le_bytes()[..len]);
        Ok(())
    }

    fn find(&self, address: u64, len: usize) -> Result<(usize, std::ops::Range<usize>), Fault> {
        let fault = Fault::Access { address, len };
        let index = usize::try_from(address >> 32).map_err(|_| fault.clone())?;
        let region = self.regions.get(index).ok_or_else(|| fault.clone())?;
        let start = (address & 0xffff_ffff).checked_sub(FIRST).ok_or_else(|| fault.clone())?;
        let start = usize::try_from(start).map_err(|_| fault.clone())?;
        let end = start.checked_add(len).ok_or_else(|| fault.clone())?;
        let is_open = region.open.start <= start && end <= region.open.end;
        if is_open { Ok((index, start..end)) } else { Err(fault) }
    }
}

//! Files that are a function of a number, so that they can be told apart and compared byte for byte.

/// `SplitMix64`: the same numbers for the same seed, everywhere.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What a client does with a file.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub upload_type: u8,
    pub size: usize,
    pub again: Again,
    pub fate: Fate,
}

/// What is sent to the address of an upload that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Nothing,
    SameBytes,
    OtherBytes,
}

/// How far a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Notified,
    Abandoned,
}

impl Plan {
    pub fn of(seed: u64, largest: usize) -> Self {
        let mut random = Random::new(seed);
        let range = match random.below(32) {
            0..=15 => 1..4_096,
            16..=24 => 4_096..65_536,
            25..=28 => 65_536..262_145,
            29..=30 => 262_145..600_000,
            _ => 600_000..3_000_000,
        };
        let size = usize::try_from(range.start + random.below(range.end - range.start)).expect("small");
        Self {
            seed,
            upload_type: if random.below(4) == 0 { 2 } else { 1 },
            size: size.min(largest),
            again: match random.below(6) {
                0 => Again::SameBytes,
                1 => Again::OtherBytes,
                _ => Again::Nothing,
            },
            fate: if random.below(8) == 0 { Fate::Abandoned } else { Fate::Notified },
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut random = Random::new(!self.seed);
        let mut bytes = Vec::with_capacity(self.size + 8);
        while bytes.len() < self.size {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(self.size);
        bytes
    }

    /// As many bytes, and others.
    pub fn other_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        bytes
    }
}

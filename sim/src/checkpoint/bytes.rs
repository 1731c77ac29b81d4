//! Numbers as little-endian bytes, and back without trust.

use rand_philox::splitmix64;

use crate::error::Error;

/// Puts numbers one after the other.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn put(&mut self, number: impl Number) {
        number.put(&mut self.bytes);
    }

    pub(super) fn put_all<T: Number>(&mut self, numbers: &[T]) {
        numbers.iter().for_each(|&number| self.put(number));
    }

    pub(super) fn put_option(&mut self, number: Option<u64>) {
        self.put(number.is_some());
        self.put(number.unwrap_or(0));
    }
}

/// Takes them back.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn take<T: Number>(&mut self) -> Result<T, Error> {
        let (bytes, rest) = self.rest.split_at_checked(T::SIZE).ok_or(damaged("it ends too early"))?;
        self.rest = rest;
        T::take(bytes).ok_or(damaged("a flag is neither 0 nor 1"))
    }

    pub(super) fn fill<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), Error> {
        for number in numbers {
            *number = self.take()?;
        }
        Ok(())
    }

    pub(super) fn take_option(&mut self) -> Result<Option<u64>, Error> {
        let (is_some, number) = (self.take()?, self.take()?);
        Ok(if is_some { Some(number) } else { None })
    }

    /// The number of items of a list, each of at least `size` bytes.
    pub(super) fn take_len(&mut self, size: usize) -> Result<usize, Error> {
        let n: u64 = self.take()?;
        usize::try_from(n)
            .ok()
            .filter(|&n| n <= self.rest.len() / size)
            .ok_or(damaged("a list is longer than all of it"))
    }

    pub(super) fn end(self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged("something follows its end")) }
    }
}

pub(super) fn damaged(what: &'static str) -> Error {
    Error::CheckpointDamaged { what }
}

/// What is written as a fixed number of bytes.
pub(super) trait Number: Copy {
    const SIZE: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn take(bytes: &[u8]) -> Option<Self>;
}

macro_rules! number {
    ($($number:ident)*) => { $(
        impl Number for $number {
            const SIZE: usize = size_of::<Self>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn take(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )* };
}

number! { u8 u32 u64 i32 i64 f64 }

impl Number for bool {
    const SIZE: usize = 1;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn take(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

/// 64 bits that tell contents apart, one word after the other; for accidents, not against ill will.
pub(super) struct Digest(pub(super) u64);

impl Digest {
    pub(super) fn new() -> Self {
        Self(0x6665_6d74_6f73_7069)
    }

    pub(super) fn add(&mut self, word: u64) {
        self.0 = splitmix64(self.0 ^ word);
    }

    pub(super) fn of(bytes: &[u8]) -> u64 {
        let mut digest = Self::new();
        digest.add(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|&word| digest.add(u64::from_le_bytes(word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        digest.add(u64::from_le_bytes(last));
        digest.0
    }
}

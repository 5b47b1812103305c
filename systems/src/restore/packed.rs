//! Packed columns: numbers of rows as bytes, LEB128, so that a checkpoint of a million rows is written in the time that
//! it takes to look at them. Most numbers of a row are small.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use symphony_ecs_core::components::Status;

/// What a column can hold.
pub(super) trait Word: Copy {
    /// As a number.
    fn number(self) -> u64;
    /// From a number that stands for one.
    fn of(number: u64) -> Option<Self>;
}

macro_rules! words {
    ($($kind:ty),*) => {$(
        impl Word for $kind {
            fn number(self) -> u64 {
                self.into()
            }
            fn of(number: u64) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )*};
}
words!(u8, u16, u32, u64);

impl Word for Status {
    fn number(self) -> u64 {
        self as u64
    }

    fn of(number: u64) -> Option<Self> {
        use Status::*;
        let all = [Pending, Ready, AwaitingApproval, Backoff, Running, Done, Skipped, Failed, Cancelled];
        all.get(usize::try_from(number).ok()?).copied()
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed<T>(pub Vec<T>);

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Packed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<T: Word> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        for word in &self.0 {
            let mut number = word.number();
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de, T: Word + Deserialize<'de>> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Column<T>(PhantomData<T>);
        impl<'de, T: Word + Deserialize<'de>> Visitor<'de> for Column<T> {
            type Value = Packed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a packed column")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Packed<T>, E> {
                unpack(bytes).map(Packed).ok_or_else(|| E::custom("a column is damaged"))
            }

            /// As checkpoints were before columns were packed.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Packed<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(word) = seq.next_element()? {
                    if all.len() >= 1 << 30 {
                        return Err(A::Error::custom("a column without end"));
                    }
                    all.push(word);
                }
                Ok(Packed(all))
            }
        }
        deserializer.deserialize_any(Column(PhantomData))
    }
}

fn unpack<T: Word>(bytes: &[u8]) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(bytes.len());
    let (mut number, mut shift) = (0u64, 0u32);
    for byte in bytes {
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift > 63 || (shift == 63 && part > 1) {
            return None;
        }
        number |= part << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            all.push(T::of(number)?);
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn columns_survive_packing(numbers in prop::collection::vec(any::<u64>(), 0..40), small in prop::collection::vec(any::<u16>(), 0..40)) {
            let blob = rmp_serde::to_vec(&(Packed(numbers.clone()), Packed(small.clone()))).unwrap();
            let (again, less): (Packed<u64>, Packed<u16>) = rmp_serde::from_slice(&blob).unwrap();
            prop_assert_eq!((again.0, less.0), (numbers.clone(), small));
            // As they were written before.
            let blob = rmp_serde::to_vec(&numbers).unwrap();
            prop_assert_eq!(rmp_serde::from_slice::<Packed<u64>>(&blob).unwrap().0, numbers);
        }

        #[test]
        fn damaged_columns_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (unpack::<u64>(&bytes), unpack::<Status>(&bytes));
        }
    }

    #[test]
    fn every_status_has_a_number_and_a_word() {
        let all: Vec<Status> = (0..).map_while(Status::of).collect();
        assert_eq!(all.len(), 9);
        let packed = rmp_serde::to_vec(&Packed(all.clone())).unwrap();
        assert_eq!(rmp_serde::from_slice::<Packed<Status>>(&packed).unwrap().0, all);
        let words = rmp_serde::to_vec(&all).unwrap();
        assert_eq!(rmp_serde::from_slice::<Packed<Status>>(&words).unwrap().0, all);
        assert!(
            unpack::<Status>(&[9]).is_none() && unpack::<u8>(&[0x80, 2]).is_none() && unpack::<u8>(&[0x80]).is_none()
        );
    }
}

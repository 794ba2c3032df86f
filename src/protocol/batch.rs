//! Several messages in one body (R62): records back to back, each of them
//! `size, magic 0, crc 0, flag, body length, body, properties length, properties`.

use crate::protocol::error::DecodeError;

/// Bytes of a record besides body and properties.
pub const RECORD_BYTES: usize = 22;

/// One message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRecord<'a> {
    /// The user's flag.
    pub flag: i32,
    /// Body.
    pub body: &'a [u8],
    /// Encoded properties.
    pub properties: &'a [u8],
}

impl BatchRecord<'_> {
    /// Appends the record.
    ///
    /// # Errors
    /// [`DecodeError::IllegalValue`] for more than 32,767 bytes of properties or 2 GiB of body, which
    /// the lengths cannot say.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let properties = i16::try_from(self.properties.len())
            .map_err(|_| DecodeError::IllegalValue("properties of a batch record"))?;
        let whole = RECORD_BYTES + self.body.len() + self.properties.len();
        let whole = i32::try_from(whole).map_err(|_| DecodeError::IllegalValue("batch record"))?;
        // Below `whole`, so it fits.
        let body = i32::try_from(self.body.len()).unwrap_or(i32::MAX);
        for word in [whole, 0, 0, self.flag, body] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(self.body);
        out.extend_from_slice(&properties.to_be_bytes());
        out.extend_from_slice(self.properties);
        Ok(())
    }
}

/// The records of a batch's body, in order; ends after the first that is none.
pub fn records(body: &[u8]) -> impl Iterator<Item = Result<BatchRecord<'_>, DecodeError>> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let bytes = rest.take().filter(|bytes| !bytes.is_empty())?;
        Some(read(bytes).map(|(record, left)| {
            rest = Some(left);
            record
        }))
    })
}

const BROKEN: DecodeError = DecodeError::IllegalValue("batch record");

fn read(bytes: &[u8]) -> Result<(BatchRecord<'_>, &[u8]), DecodeError> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    };
    let length = |at: usize| usize::try_from(word(at)?).ok();
    let (Some(whole), Some(flag), Some(body_bytes)) = (length(0), word(12), length(16)) else {
        return Err(BROKEN);
    };
    let (record, left) = bytes.split_at_checked(whole).ok_or(BROKEN)?;
    let rest = record.get(20..).ok_or(BROKEN)?;
    let (body, rest) = rest.split_at_checked(body_bytes).ok_or(BROKEN)?;
    let (length, properties) = rest.split_at_checked(2).ok_or(BROKEN)?;
    let length = length.try_into().map_err(|_| BROKEN)?;
    if usize::try_from(i16::from_be_bytes(length)) != Ok(properties.len()) {
        return Err(BROKEN);
    }
    let record = BatchRecord {
        flag,
        body,
        properties,
    };
    Ok((record, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_the_reference() {
        let record = BatchRecord {
            flag: 0,
            body: b"hi",
            properties: b"TAGS\x01A\x02",
        };
        let mut out = Vec::new();
        record.write(&mut out).unwrap();
        let expected = b"\0\0\0\x1f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02hi\0\x07TAGS\x01A\x02";
        assert_eq!(out, expected);
        let long = [b'x'; 40_000];
        let record = BatchRecord {
            properties: &long,
            ..record
        };
        assert!(record.write(&mut out).is_err());
        assert_eq!(out, expected, "nothing is left of what was refused");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            given in prop::collection::vec(
                (any::<i32>(), prop::collection::vec(any::<u8>(), 0..50), prop::collection::vec(any::<u8>(), 0..50)),
                0..9,
            ),
        ) {
            let mut out = Vec::new();
            for (flag, body, properties) in &given {
                BatchRecord { flag: *flag, body, properties }.write(&mut out).unwrap();
            }
            let read: Result<Vec<_>, _> = records(&out).collect();
            let read: Vec<_> = read.unwrap().iter()
                .map(|record| (record.flag, record.body.to_vec(), record.properties.to_vec()))
                .collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn broken_bytes_are_an_error_and_the_end(bytes in prop::collection::vec(any::<u8>(), 1..60), cut in 0usize..60) {
            let mut out = Vec::new();
            BatchRecord { flag: 1, body: &bytes, properties: b"a\x01b\x02" }.write(&mut out).unwrap();
            let cut = cut % out.len();
            let read: Vec<_> = records(&out[..cut]).collect();
            prop_assert_eq!(read.len(), usize::from(cut > 0));
            prop_assert!(read.iter().all(Result::is_err));
            // Whatever it is: no panic, and an end.
            prop_assert!(records(&bytes).count() <= bytes.len());
        }
    }
}

//! A message as brokers store it: body of a transaction check, of a view or a query.
//!
//! Records stand back to back; each begins with its own size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::protocol::error::DecodeError;
use crate::protocol::sys_flag;

/// First version: a topic of at most 127 bytes.
const MAGIC_V1: u32 = 0xdaa3_20a7;
/// Second version: a topic of any length.
const MAGIC_V2: u32 = 0xdaa3_20ab;

/// One stored message, read in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage<'a> {
    /// CRC-32 of the body as it is stored, less its highest bit.
    pub body_crc: u32,
    /// Queue.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// Position in the queue.
    pub queue_offset: i64,
    /// Position in the commit log.
    pub commit_log_offset: i64,
    /// See [`crate::protocol::sys_flag`].
    pub sys_flag: i32,
    /// When it was sent, in ms since 1970.
    pub born_ms: i64,
    /// Who sent it.
    pub born_host: SocketAddr,
    /// When it was stored, in ms since 1970.
    pub stored_ms: i64,
    /// The broker that stored it.
    pub store_host: SocketAddr,
    /// How often a consumer has had it.
    pub reconsume_times: i32,
    /// Of a committed message: where its half message is in the commit log.
    pub prepared_offset: i64,
    /// Body, compressed if `sys_flag` says so.
    pub body: &'a [u8],
    /// Topic.
    pub topic: &'a str,
    /// Encoded properties.
    pub properties: &'a str,
}

/// What is left to read of a record.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| BROKEN)
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Bytes behind a length that may not be negative.
    fn counted(&mut self, length: i64) -> Result<&'a [u8], DecodeError> {
        self.take(usize::try_from(length).map_err(|_| BROKEN)?)
    }

    fn text(&mut self, length: i64) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.counted(length)?).map_err(|_| BROKEN)
    }

    fn host(&mut self, is_v6: bool) -> Result<SocketAddr, DecodeError> {
        let address = if is_v6 {
            IpAddr::V6(Ipv6Addr::from(self.array::<16>()?))
        } else {
            IpAddr::V4(Ipv4Addr::from(self.array::<4>()?))
        };
        let port = u16::try_from(self.i32()?).map_err(|_| BROKEN)?;
        Ok(SocketAddr::new(address, port))
    }
}

const BROKEN: DecodeError = DecodeError::IllegalValue("stored message");

/// The records of a body, in order; ends after the first that is none.
pub fn records(body: &[u8]) -> impl Iterator<Item = Result<StoredMessage<'_>, DecodeError>> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let bytes = rest.take().filter(|bytes| !bytes.is_empty())?;
        Some(StoredMessage::parse(bytes).map(|(message, left)| {
            rest = Some(left);
            message
        }))
    })
}

impl<'a> StoredMessage<'a> {
    /// Reads the first record of `bytes`, and tells what follows it.
    ///
    /// # Errors
    /// [`DecodeError::IllegalValue`] for what is no whole record.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let size = bytes.first_chunk().map(|size| i32::from_be_bytes(*size));
        let size = usize::try_from(size.ok_or(BROKEN)?).map_err(|_| BROKEN)?;
        let (record, following) = bytes.split_at_checked(size).ok_or(BROKEN)?;
        let mut rest = Rest(record.get(4..).ok_or(BROKEN)?);
        let magic = u32::from_be_bytes(rest.array()?);
        if magic != MAGIC_V1 && magic != MAGIC_V2 {
            return Err(BROKEN);
        }
        let body_crc = u32::from_be_bytes(rest.array()?);
        let (queue_id, flag) = (rest.i32()?, rest.i32()?);
        let (queue_offset, commit_log_offset) = (rest.i64()?, rest.i64()?);
        let sys_flag = rest.i32()?;
        let born_ms = rest.i64()?;
        let born_host = rest.host(sys_flag & sys_flag::BORN_HOST_V6 != 0)?;
        let stored_ms = rest.i64()?;
        let store_host = rest.host(sys_flag & sys_flag::STORE_HOST_V6 != 0)?;
        let (reconsume_times, prepared_offset) = (rest.i32()?, rest.i64()?);
        let body_bytes = rest.i32()?;
        let body = rest.counted(body_bytes.into())?;
        let topic_bytes = if magic == MAGIC_V2 {
            i64::from(i16::from_be_bytes(rest.array()?))
        } else {
            i64::from(i8::from_be_bytes(rest.array()?))
        };
        let topic = rest.text(topic_bytes)?;
        let property_bytes = i16::from_be_bytes(rest.array()?);
        let properties = rest.text(property_bytes.into())?;
        if !rest.0.is_empty() {
            return Err(BROKEN);
        }
        let message = Self {
            body_crc,
            queue_id,
            flag,
            queue_offset,
            commit_log_offset,
            sys_flag,
            born_ms,
            born_host,
            stored_ms,
            store_host,
            reconsume_times,
            prepared_offset,
            body,
            topic,
            properties,
        };
        Ok((message, following))
    }

    /// Appends the record, of the first version where the topic allows it. `body_crc` is written as it
    /// is.
    ///
    /// # Errors
    /// [`DecodeError::IllegalValue`] for lengths the record cannot say, or hosts that are not what
    /// `sys_flag` says.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let start = out.len();
        let written = self.try_write(out);
        let size = i32::try_from(out.len() - start);
        match (written, size, out.get_mut(start..start + 4)) {
            (Ok(()), Ok(size), Some(slot)) => slot.copy_from_slice(&size.to_be_bytes()),
            _ => {
                out.truncate(start);
                return Err(BROKEN);
            }
        }
        Ok(())
    }

    fn try_write(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let length = |bytes: usize| i32::try_from(bytes).map_err(|_| BROKEN);
        let short = |bytes: usize| i16::try_from(bytes).map_err(|_| BROKEN);
        let v1 = i8::try_from(self.topic.len());
        let magic = if v1.is_ok() { MAGIC_V1 } else { MAGIC_V2 };
        out.extend_from_slice(&[0; 4]);
        for word in [magic, self.body_crc] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        for word in [self.queue_id, self.flag] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        for long in [self.queue_offset, self.commit_log_offset] {
            out.extend_from_slice(&long.to_be_bytes());
        }
        out.extend_from_slice(&self.sys_flag.to_be_bytes());
        out.extend_from_slice(&self.born_ms.to_be_bytes());
        let is = |bit: i32| self.sys_flag & bit != 0;
        write_host(out, self.born_host, is(sys_flag::BORN_HOST_V6))?;
        out.extend_from_slice(&self.stored_ms.to_be_bytes());
        write_host(out, self.store_host, is(sys_flag::STORE_HOST_V6))?;
        out.extend_from_slice(&self.reconsume_times.to_be_bytes());
        out.extend_from_slice(&self.prepared_offset.to_be_bytes());
        out.extend_from_slice(&length(self.body.len())?.to_be_bytes());
        out.extend_from_slice(self.body);
        match v1 {
            Ok(bytes) => out.extend_from_slice(&bytes.to_be_bytes()),
            Err(_) => out.extend_from_slice(&short(self.topic.len())?.to_be_bytes()),
        }
        out.extend_from_slice(self.topic.as_bytes());
        out.extend_from_slice(&short(self.properties.len())?.to_be_bytes());
        out.extend_from_slice(self.properties.as_bytes());
        Ok(())
    }
}

fn write_host(out: &mut Vec<u8>, host: SocketAddr, is_v6: bool) -> Result<(), DecodeError> {
    match host.ip() {
        IpAddr::V4(address) if !is_v6 => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) if is_v6 => out.extend_from_slice(&address.octets()),
        _ => return Err(BROKEN),
    }
    out.extend_from_slice(&u32::from(host.port()).to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    /// A message stored by a broker, byte for byte.
    const STORED: &str = "00000065 daa320a7 58932aac 00000001 00000000 0000000000000005 \
        00000000000003e8 00000000 0000018bcfe56800 0a000009 00009c40 0000018bcfe56801 0a000001 \
        00002a9f 00000000 0000000000000000 00000002 6869 01 54 0007 54414753014102";

    #[test]
    fn a_record_is_read_and_written_as_brokers_do() {
        let mut bytes = hex(STORED);
        bytes.extend_from_slice(b"next");
        let (message, following) = StoredMessage::parse(&bytes).unwrap();
        assert_eq!(following, b"next");
        assert_eq!((message.topic, message.body), ("T", &b"hi"[..]));
        assert_eq!(message.properties, "TAGS\u{1}A\u{2}");
        assert_eq!((message.queue_id, message.queue_offset), (1, 5));
        assert_eq!(message.commit_log_offset, 1000);
        assert_eq!(message.born_ms, 1_700_000_000_000);
        assert_eq!(message.born_host, "10.0.0.9:40000".parse().unwrap());
        assert_eq!(message.store_host, "10.0.0.1:10911".parse().unwrap());
        assert_eq!(message.body_crc, crc32fast::hash(b"hi") & 0x7fff_ffff);
        let mut written = Vec::new();
        message.write(&mut written).unwrap();
        assert_eq!(written, hex(STORED));
    }

    #[test]
    fn records_follow_each_other_up_to_the_first_that_is_none() {
        let (one, mut body) = (hex(STORED), hex(STORED));
        body.extend_from_slice(&one);
        body.extend_from_slice(b"x");
        let read: Vec<_> = records(&body).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0], read[1]);
        assert!(read[1].is_ok() && read[2].is_err());
        assert_eq!(records(&[]).count(), 0);
    }

    #[test]
    fn what_is_cut_off_is_no_record() {
        let bytes = hex(STORED);
        for length in 0..bytes.len() {
            assert!(StoredMessage::parse(&bytes[..length]).is_err(), "{length}");
        }
        let mut wrong = bytes.clone();
        wrong[4] ^= 1;
        assert!(StoredMessage::parse(&wrong).is_err(), "another magic");
        let mut longer = bytes;
        longer[3] += 1;
        longer.push(0);
        assert!(StoredMessage::parse(&longer).is_err(), "a byte too many");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            topic in "[A-Za-z]{1,200}", properties in "[a-z\u{1}\u{2}]{0,60}",
            body in prop::collection::vec(any::<u8>(), 0..60), numbers in any::<[i64; 4]>(),
            born_v6: bool, store_v6: bool, bits in 0i32..16,
        ) {
            let host = |is_v6| if is_v6 { "[fe80::1]:9" } else { "127.0.0.1:9" }.parse().unwrap();
            let sys_flag = bits
                | if born_v6 { sys_flag::BORN_HOST_V6 } else { 0 }
                | if store_v6 { sys_flag::STORE_HOST_V6 } else { 0 };
            let message = StoredMessage {
                body_crc: 7, queue_id: 3, flag: -1, queue_offset: numbers[0], commit_log_offset: numbers[1],
                sys_flag, born_ms: numbers[2], born_host: host(born_v6), stored_ms: numbers[3],
                store_host: host(store_v6), reconsume_times: 2, prepared_offset: 9, body: &body,
                topic: &topic, properties: &properties,
            };
            let mut out = Vec::new();
            message.write(&mut out).unwrap();
            let (read, following) = StoredMessage::parse(&out).unwrap();
            prop_assert_eq!(read, message);
            prop_assert!(following.is_empty());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let most = bytes.len() / 8 + 1;
            prop_assert!(records(&bytes).count() <= most);
        }
    }
}

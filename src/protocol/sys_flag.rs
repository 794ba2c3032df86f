//! The sysFlag bits of a message (R160).

/// The body is compressed.
pub const COMPRESSED: i32 = 0x1;
/// A half message of a transaction.
pub const TRANSACTION_PREPARED: i32 = 0x4;
/// A committed one; in END_TRANSACTION the wish to commit.
pub const TRANSACTION_COMMIT: i32 = 0x8;
/// A rolled back one; in END_TRANSACTION the wish to roll back.
pub const TRANSACTION_ROLLBACK: i32 = 0xc;
/// Where the kind of compression stands; 0 there means zlib (writers before 4.9.4).
pub const COMPRESSION_MASK: i32 = 0x700;
/// LZ4, in its frame format.
pub const LZ4: i32 = 0x100;
/// Zstandard.
pub const ZSTD: i32 = 0x200;
/// zlib, the stream of RFC 1950.
pub const ZLIB: i32 = 0x300;
/// The address of the sender is of IPv6.
pub const BORN_HOST_V6: i32 = 0x10;
/// The address of the broker is of IPv6.
pub const STORE_HOST_V6: i32 = 0x20;

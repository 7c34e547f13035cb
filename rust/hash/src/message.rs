//! A message to hash, in pieces that need not lie together.

/// One message in up to three slices, hashed as their concatenation.
///
/// A dag-pb leaf is such a message: its file bytes lie in the caller's buffer, and the
/// envelope around them is made apart, so that the bytes are not copied.
///
/// ```
/// use ipfs_kit_hash::Message;
///
/// let leaf = Message { header: b"\x0a\x02", data: b"hi", ..Message::default() };
/// assert_eq!(leaf.len(), 4);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// The first bytes.
    pub header: &'a [u8],
    /// The bulk.
    pub data: &'a [u8],
    /// The last bytes.
    pub trailer: &'a [u8],
}

impl<'a> Message<'a> {
    /// Bytes of the message.
    pub const fn len(&self) -> usize {
        self.header.len() + self.data.len() + self.trailer.len()
    }

    /// Whether the message has no byte.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slices in the order they are hashed.
    pub const fn parts(&self) -> [&'a [u8]; 3] {
        [self.header, self.data, self.trailer]
    }

    /// The whole message, where it lies in one slice.
    pub const fn as_slice(&self) -> Option<&'a [u8]> {
        match (self.header.is_empty(), self.data.is_empty(), self.trailer.is_empty()) {
            (true, _, true) => Some(self.data),
            (false, true, true) => Some(self.header),
            (true, true, false) => Some(self.trailer),
            _ => None,
        }
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(data: &'a [u8]) -> Self {
        Self { data, ..Self::default() }
    }
}

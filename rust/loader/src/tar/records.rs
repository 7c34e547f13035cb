//! What other heads say of a member before its own: names that are longer, sizes that are
//! greater, and that it is sparse.

/// What was said of a member, or of all that follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) is_sparse: bool,
}

impl Records {
    /// Reads the body of a pax head: records of their own length, a key and a value. `None` if
    /// they are malformed.
    pub(super) fn of_pax(mut body: &[u8]) -> Option<Self> {
        let mut records = Self::default();
        // What a writer left at the end is filled up with zeros.
        while !matches!(body, [] | [0, ..]) {
            let blank = body.iter().position(|&byte| byte == b' ')?;
            let length = usize::try_from(digits(&body[..blank])?).ok()?;
            let (record, rest) = body.split_at_checked(length)?;
            let [content @ .., b'\n'] = record.get(blank + 1..)? else { return None };
            let equals = content.iter().position(|&byte| byte == b'=')?;
            records.add(&content[..equals], &content[equals + 1..])?;
            body = rest;
        }
        Some(records)
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => {
                let end = value.iter().rposition(|&byte| byte != b'/');
                self.name = Some(value[..end.map_or(0, |last| last + 1)].to_vec());
            }
            // Nothing takes back what was said before.
            b"size" if value.is_empty() => self.size = None,
            b"size" => self.size = Some(digits(value.trim_ascii())?),
            _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
        }
        Some(())
    }

    /// Adds what a later head says: the first one has the last word on its member.
    pub(super) fn or(&mut self, later: Self) {
        self.name = self.name.take().or(later.name);
        self.size = self.size.or(later.size);
        self.is_sparse |= later.is_sparse;
    }
}

/// Reads decimal digits; what is too great for 64 bits is as great as can be.
fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        text.iter().fold(0_u64, |sum, &byte| {
            sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_a_key_counts() {
        let wanted =
            Records { name: Some(b"c".to_vec()), size: Some(23), is_sparse: false };
        let body = b"12 path=a/b\n9 size=1\n11 size=23\n9 path=c\n4 =\n\0\0oops";
        assert_eq!(Records::of_pax(body), Some(wanted));
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in [
            &b"0 a=b\n"[..],
            b"6 a=b",
            b"7 a=b\n",
            b"99999999999999999999999 a=b\n",
            b"x a=b\n",
            b"6a=b\n",
            b"4 a\n",
            b"9 size=x\n",
            b"11 size=-1\n",
            b"5 a=b\n",
            b"1 ",
            b" ",
        ] {
            assert_eq!(Records::of_pax(body), None, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn slashes_behind_a_name_are_left_out() {
        let name = |body| Records::of_pax(body).and_then(|records| records.name);
        assert_eq!(name(b"12 path=a//\n"), Some(b"a".to_vec()));
        assert_eq!(name(b"11 path=//\n"), Some(Vec::new()));
        assert_eq!(name(b"8 path=\n"), Some(Vec::new()));
    }
}

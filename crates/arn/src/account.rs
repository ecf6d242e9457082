use std::fmt;

/// A twelve-digit account id, stored as its digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId([u8; 12]);

/// The text is not twelve ASCII digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAccountId;

impl fmt::Display for InvalidAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id is twelve digits, for example 111111111111")
    }
}

impl std::error::Error for InvalidAccountId {}

impl AccountId {
    /// Reads twelve digits.
    ///
    /// # Errors
    /// [`InvalidAccountId`] for anything else.
    pub fn new(text: &str) -> Result<Self, InvalidAccountId> {
        let bytes: [u8; 12] = text.as_bytes().try_into().map_err(|_| InvalidAccountId)?;
        if bytes.iter().all(u8::is_ascii_digit) { Ok(Self(bytes)) } else { Err(InvalidAccountId) }
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII digits by construction, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or("000000000000")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AccountId {
    type Err = InvalidAccountId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert_eq!(AccountId::new("222222222222").unwrap().as_str(), "222222222222");
        for wrong in ["", "22222222222", "2222222222222", "22222222222a", "٢٢٢٢٢٢"] {
            assert_eq!(AccountId::new(wrong), Err(InvalidAccountId), "{wrong}");
        }
    }
}

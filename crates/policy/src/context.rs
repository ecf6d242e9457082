/// The condition context of a request: keys (compared without case) and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: Vec<(String, Vec<String>)>,
}

impl Context {
    /// An empty context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to one value, replacing what it held.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Sets `key` to many values, replacing what it held.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        match self.entries.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(key)) {
            Some(entry) => entry.1 = values,
            None => self.entries.push((key.to_owned(), values)),
        }
    }

    /// The values of `key`, or `None` when the request does not carry it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.entries.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_slice())
    }

    /// Every key with its values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v.as_slice()))
    }

    /// Takes over every entry of `other`.
    pub fn extend(&mut self, other: Self) {
        self.entries.reserve(other.entries.len());
        for (key, values) in other.entries {
            match self.entries.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(&key)) {
                Some(entry) => entry.1 = values,
                None => self.entries.push((key, values)),
            }
        }
    }
}

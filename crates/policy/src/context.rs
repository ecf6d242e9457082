use std::borrow::Cow;

/// The condition context of a request: keys (compared without case) and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: Vec<(Cow<'static, str>, Values)>,
}

/// One value is kept without a list around it: nearly every key has one, and every request has many keys.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    One(String),
    /// None, or at least two.
    List(Vec<String>),
}

impl Values {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::List(values) => values,
        }
    }
}

impl From<Vec<String>> for Values {
    fn from(mut values: Vec<String>) -> Self {
        match values.pop() {
            Some(only) if values.is_empty() => Self::One(only),
            Some(last) => {
                values.push(last);
                Self::List(values)
            }
            None => Self::List(values),
        }
    }
}

impl Context {
    /// An empty context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to one value, replacing what it held.
    pub fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.put(key.into(), Values::One(value.into()));
    }

    /// Sets `key` to many values, replacing what it held.
    pub fn set_all(&mut self, key: impl Into<Cow<'static, str>>, values: Vec<String>) {
        self.put(key.into(), values.into());
    }

    fn put(&mut self, key: Cow<'static, str>, values: Values) {
        match self.entries.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(&key)) {
            Some(entry) => entry.1 = values,
            None => self.entries.push((key, values)),
        }
    }

    /// The values of `key`, or `None` when the request does not carry it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.entries.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_slice())
    }

    /// Every key with its values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries.iter().map(|(k, v)| (&**k, v.as_slice()))
    }

    /// Takes over every entry of `other`.
    pub fn extend(&mut self, other: Self) {
        if self.entries.is_empty() {
            self.entries = other.entries;
            return;
        }
        self.entries.reserve(other.entries.len());
        for (key, values) in other.entries {
            self.put(key, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_the_same_however_it_is_set() {
        let (mut one, mut list) = (Context::new(), Context::new());
        one.set("aws:TagKeys", "a");
        list.set_all("aws:tagkeys", vec!["b".to_owned(), "a".to_owned()]);
        assert_eq!(list.get("AWS:TagKeys").unwrap(), ["b", "a"]);
        list.set_all("aws:TagKeys", Vec::new());
        assert_eq!(list.get("aws:TagKeys").unwrap(), [""; 0]);
        one.extend(list);
        assert_eq!(one.get("aws:TagKeys").unwrap(), [""; 0]);
        let (mut again, mut listed) = (Context::new(), Context::new());
        again.set("aws:TagKeys", "a");
        listed.set_all("aws:TagKeys", vec!["a".to_owned()]);
        assert_eq!(again, listed);
    }
}

//! A list of raw system calls, independent of the address space that runs it.

use std::ffi::CString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One argument of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The value itself.
    Value(u64),
    /// The address of this offset in the plan's data.
    Data(u32),
    /// What an earlier step returned.
    Result(u16),
}

impl From<i32> for Arg {
    fn from(value: i32) -> Arg {
        Arg::Value(i64::from(value) as u64)
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Arg {
        Arg::Value(value)
    }
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For error texts: what this step is for.
    pub what: &'static str,
    /// The system call's number on this architecture.
    pub number: i64,
    /// Up to six arguments.
    pub args: Vec<Arg>,
    /// Whether the plan goes on when this step fails.
    pub optional: bool,
    /// Where in the data the 32-bit result goes, for structures that hold a descriptor.
    pub store: Option<u32>,
}

/// An ordered list of system calls and the bytes they point at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// Strings and structures.
    pub data: Vec<u8>,
    /// Places in the data that hold the address of another place in the data: (place, target).
    pub pointers: Vec<(u32, u32)>,
}

impl Plan {
    /// Nothing yet.
    pub fn new() -> Plan {
        Plan::default()
    }

    /// Appends bytes, aligned for any structure, and gives their offset.
    pub fn bytes(&mut self, bytes: &[u8]) -> u32 {
        while !self.data.len().is_multiple_of(8) {
            self.data.push(0);
        }
        let offset = self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        offset
    }

    /// A zero-terminated string. What comes after a NUL in `text` is cut: paths and options have none.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> Arg {
        let text = text.as_ref();
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        let text = CString::new(text.get(..end).unwrap_or_default()).unwrap_or_default();
        Arg::Data(self.bytes(text.as_bytes_with_nul()))
    }

    /// A path as a zero-terminated string.
    pub fn path(&mut self, path: &Path) -> Arg {
        self.text(path.as_os_str().as_bytes())
    }

    /// Appends a step that must succeed; gives its index for [`Arg::Result`].
    pub fn must(&mut self, what: &'static str, number: i64, args: &[Arg]) -> u16 {
        self.push(what, number, args, false)
    }

    /// Appends a step that may fail.
    pub fn may(&mut self, what: &'static str, number: i64, args: &[Arg]) -> u16 {
        self.push(what, number, args, true)
    }

    fn push(&mut self, what: &'static str, number: i64, args: &[Arg], optional: bool) -> u16 {
        debug_assert!(args.len() <= 6, "{what}: a system call has six arguments at most");
        self.steps.push(Step { what, number, args: args.to_vec(), optional, store: None });
        (self.steps.len() - 1) as u16
    }

    /// Lets the last step's result be written at `offset` of the data.
    pub fn store_last(&mut self, offset: u32) {
        if let Some(step) = self.steps.last_mut() {
            step.store = Some(offset);
        }
    }

    /// Appends all of `other`, moved to its new place.
    pub fn append(&mut self, other: &Plan) {
        let moved = self.bytes(&other.data);
        let first = self.steps.len() as u16;
        self.steps.extend(other.steps.iter().map(|step| {
            Step {
                args: step
                    .args
                    .iter()
                    .map(|arg| match *arg {
                        Arg::Value(v) => Arg::Value(v),
                        Arg::Data(offset) => Arg::Data(offset + moved),
                        Arg::Result(step) => Arg::Result(step + first),
                    })
                    .collect(),
                store: step.store.map(|offset| offset + moved),
                ..step.clone()
            }
        }));
        self.pointers.extend(other.pointers.iter().map(|(at, to)| (at + moved, to + moved)));
    }

    /// The plan for an interpreter in another language:
    /// `{"data": hex, "pointers": [[at, to]], "steps": [[what, number, optional, store or -1, [[kind, value]]]]}`
    /// with kind 0 = value (signed), 1 = data offset, 2 = result of a step.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(256 + self.data.len() * 2 + self.steps.len() * 64);
        out.push_str("{\"data\":\"");
        for byte in &self.data {
            let _ = write!(out, "{byte:02x}");
        }
        out.push_str("\",\"pointers\":[");
        for (i, (at, to)) in self.pointers.iter().enumerate() {
            let _ = write!(out, "{}[{at},{to}]", if i > 0 { "," } else { "" });
        }
        out.push_str("],\"steps\":[");
        for (i, step) in self.steps.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let store = step.store.map_or(-1, i64::from);
            // `what` is a literal of this crate without quotes or backslashes.
            let _ = write!(
                out,
                "{comma}[\"{}\",{},{},{store},[",
                step.what,
                step.number,
                u8::from(step.optional)
            );
            for (j, arg) in step.args.iter().enumerate() {
                let comma = if j > 0 { "," } else { "" };
                let _ = match arg {
                    Arg::Value(v) => write!(out, "{comma}[0,{}]", *v as i64),
                    Arg::Data(offset) => write!(out, "{comma}[1,{offset}]"),
                    Arg::Result(step) => write!(out, "{comma}[2,{step}]"),
                };
            }
            out.push_str("]]");
        }
        out.push_str("]}");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appended_plan_keeps_its_references() {
        let mut first = Plan::new();
        first.text("a");
        first.must("one", 1, &[Arg::Value(7)]);
        let mut second = Plan::new();
        let text = second.text("b");
        let at = second.bytes(&[0; 8]);
        second.pointers.push((at, 0));
        second.must("two", 2, &[text]);
        second.must("three", 3, &[Arg::Result(0)]);
        second.store_last(at);
        first.append(&second);
        assert_eq!(first.steps[1].args, [Arg::Data(8)]);
        assert_eq!(first.steps[2].args, [Arg::Result(1)]);
        assert_eq!(first.steps[2].store, Some(16));
        assert_eq!(first.pointers, [(16, 8)]);
    }

    #[test]
    fn a_plan_is_written_as_json() {
        let mut plan = Plan::new();
        let text = plan.text("/");
        plan.may("open", 2, &[text, (-1).into()]);
        assert_eq!(
            plan.to_json(),
            r#"{"data":"2f00","pointers":[],"steps":[["open",2,1,-1,[[1,0],[0,-1]]]]}"#
        );
    }
}

//! Who extends an environment, and whose turn it is (AWS documentation, "Using the Lambda Extensions API").
//!
//! ```text
//! Registered --next--> Ready --an event--> Running --next--> Ready …        any --error or exit--> Gone
//! ```
//!
//! Error types and texts are those of AWS's own emulator of the runtime's surroundings (the public runtime interface
//! emulator, read for facts).

use super::process::lock;
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::sync::oneshot;

/// AWS: extensions of one function.
const MAX_EXTENSIONS: usize = 10;
/// The longest name; a file's.
const MAX_NAME: usize = 255;

/// A refused request: AWS's error type and the reason. All are answered 403.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub &'static str, pub String);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Registered,
    Ready,
    Running,
    Gone,
}

struct Extension {
    id: String,
    name: String,
    external: bool,
    invoke: bool,
    shutdown: bool,
    turn: Turn,
    waiting: Option<oneshot::Sender<Value>>,
    /// An event that came while it was not asked for.
    queued: Option<Value>,
}

#[derive(Default)]
struct State {
    /// Names of the files in `/opt/extensions`.
    expected: Vec<String>,
    all: Vec<Extension>,
    /// The init phase is over.
    closed: bool,
}

/// The extensions of one environment.
#[derive(Default)]
pub(crate) struct Extensions {
    state: Mutex<State>,
}

impl Extensions {
    /// With external extensions of these names, in the order of their programs.
    pub fn new(expected: Vec<String>) -> Extensions {
        Extensions { state: Mutex::new(State { expected, ..State::default() }) }
    }

    /// Registers `name` for `events`; gives its identifier.
    ///
    /// # Errors
    /// In AWS's words.
    pub fn register(&self, name: &str, events: &[String]) -> Result<String, Refused> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(Refused("Extension.InvalidExtensionName", "Empty extension name".to_owned()));
        }
        let mut state = lock(&self.state);
        let external = state.expected.iter().any(|e| e == name);
        for event in events {
            let reason = match event.as_str() {
                "INVOKE" => continue,
                "SHUTDOWN" if external => continue,
                "SHUTDOWN" => "ShutdownEventNotSupportedForInternalExtension",
                _ => "InvalidEventType",
            };
            return Err(Refused("Extension.InvalidEventType", format!("{event}: {reason}")));
        }
        let invalid = |text: &str| Refused("Extension.InvalidExtensionState", text.to_owned());
        if state.all.iter().any(|e| e.name == name) {
            return Err(invalid("Extension with this name already registered"));
        }
        if state.closed {
            let text = "Extension registration closed already".to_owned();
            return Err(Refused("Extension.RegistrationClosed", text));
        }
        // Those in /opt/extensions have their places, whoever comes first.
        let internal = state.all.iter().filter(|e| !e.external).count();
        if state.expected.len() + internal >= MAX_EXTENSIONS + usize::from(external) {
            let text = format!("Extension limit ({MAX_EXTENSIONS}) reached");
            return Err(Refused("Extension.TooManyExtensions", text));
        }
        let wants = |event: &str| events.iter().any(|e| e == event);
        let id = uuid();
        state.all.push(Extension {
            id: id.clone(),
            name: name.to_owned(),
            external,
            invoke: wants("INVOKE"),
            shutdown: wants("SHUTDOWN"),
            turn: Turn::Registered,
            waiting: None,
            queued: None,
        });
        Ok(id)
    }

    /// The name that has this identifier.
    ///
    /// # Errors
    /// None has.
    pub fn name(&self, id: Option<&str>) -> Result<String, Refused> {
        let missing = || Refused("Extension.MissingExtensionIdentifier", format!("Missing {ID} header"));
        let id = id.ok_or_else(missing)?;
        if id.len() != 36 || !id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(Refused("Extension.InvalidExtensionIdentifier", format!("Invalid {ID}")));
        }
        let state = lock(&self.state);
        let found = state.all.iter().find(|e| e.id == id);
        let unknown = || Refused("Extension.UnknownExtensionIdentifier", format!("Unknown {ID}"));
        found.map(|e| e.name.clone()).ok_or_else(unknown)
    }

    /// `name` asks for its next event.
    ///
    /// # Errors
    /// It has reported an error before.
    pub fn next(&self, name: &str) -> Result<oneshot::Receiver<Value>, Refused> {
        let (send, receive) = oneshot::channel();
        let mut state = lock(&self.state);
        let Some(extension) = state.all.iter_mut().find(|e| e.name == name && e.turn != Turn::Gone) else {
            return Err(Refused("Extension.InvalidExtensionState", format!("{name} has failed or ended")));
        };
        match extension.queued.take() {
            Some(event) => {
                extension.turn = Turn::Running;
                let _ = send.send(event);
            }
            None => {
                extension.turn = Turn::Ready;
                extension.waiting = Some(send);
            }
        }
        Ok(receive)
    }

    /// `name` has reported an error, or its process has ended. `false` when that was known.
    pub fn gone(&self, name: &str) -> bool {
        let mut state = lock(&self.state);
        // One that never registered is not waited for any more either.
        state.expected.retain(|e| e != name);
        let Some(extension) = state.all.iter_mut().find(|e| e.name == name) else { return true };
        extension.waiting = None;
        std::mem::replace(&mut extension.turn, Turn::Gone) != Turn::Gone
    }

    /// Whether every external extension has registered: the runtime may start.
    pub fn complete(&self) -> bool {
        let state = lock(&self.state);
        state.expected.iter().all(|name| state.all.iter().any(|e| e.name == *name))
    }

    /// Whether nobody works: every extension has asked for its next event.
    pub fn idle(&self) -> bool {
        let state = lock(&self.state);
        state.all.iter().all(|e| matches!(e.turn, Turn::Ready | Turn::Gone))
    }

    /// Ends registration.
    pub fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Whether registration has ended.
    pub fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Tells those that want to know of an invocation.
    pub fn invoke(&self, event: impl FnOnce() -> Value) {
        let mut state = lock(&self.state);
        if state.all.iter().any(|e| e.invoke) {
            give(&mut state.all, |e| e.invoke, &event());
        }
    }

    /// Tells those that want to know of the end; gives the names of the external ones that do.
    pub fn shutdown(&self, reason: &str, deadline_ms: i64) -> Vec<String> {
        let event = json!({ "eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms });
        let mut state = lock(&self.state);
        let wants = |e: &Extension| e.shutdown && e.turn != Turn::Gone;
        give(&mut state.all, wants, &event);
        state.all.iter().filter(|e| wants(e)).map(|e| e.name.clone()).collect()
    }
}

/// The header that names an extension.
pub(crate) const ID: &str = "Lambda-Extension-Identifier";

fn give(all: &mut [Extension], to: impl Fn(&Extension) -> bool, event: &Value) {
    for extension in all.iter_mut().filter(|e| to(e)) {
        let waiting = extension.waiting.take();
        match waiting.map(|w| w.send(event.clone())) {
            Some(Ok(())) => extension.turn = Turn::Running,
            // Not asked for yet, or the connection that asked is gone: for its next request.
            _ => {
                extension.queued = Some(event.clone());
                extension.turn = Turn::Running;
            }
        }
    }
}

/// A random identifier of version 4.
pub(crate) fn uuid() -> String {
    let mut bytes = [0u8; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[track_caller]
    fn refused(result: Result<String, Refused>, kind: &str) {
        assert_eq!(result.map_err(|Refused(kind, _)| kind), Err(kind));
    }

    #[test]
    fn an_external_extension_may_want_both_events_and_an_internal_one_no_shutdown() {
        let all = Extensions::new(vec!["out".into()]);
        assert!(!all.complete());
        refused(all.register("in", &events(&["SHUTDOWN"])), "Extension.InvalidEventType");
        refused(all.register("out", &events(&["OTHER"])), "Extension.InvalidEventType");
        refused(all.register("", &[]), "Extension.InvalidExtensionName");
        assert_eq!(all.register("out", &events(&["INVOKE", "SHUTDOWN"])).map(|id| id.len()), Ok(36));
        assert!(all.complete() && !all.idle());
        refused(all.register("out", &[]), "Extension.InvalidExtensionState");
        all.close();
        refused(all.register("late", &[]), "Extension.RegistrationClosed");
    }

    #[test]
    fn ten_extensions_are_enough() {
        let all = Extensions::new(vec!["out".into()]);
        for n in 0..9 {
            all.register(&format!("in{n}"), &[]).expect("registered");
        }
        refused(all.register("in9", &[]), "Extension.TooManyExtensions");
        all.register("out", &[]).expect("the external one has its place");
    }

    #[test]
    fn an_event_waits_for_the_one_it_is_for() {
        let all = Extensions::new(vec![]);
        all.register("in", &events(&["INVOKE"])).expect("registered");
        all.next("in").expect("ready");
        assert!(all.idle());
        all.invoke(|| json!(1));
        assert!(!all.idle());
        let mut again = all.next("in").expect("asked");
        assert_eq!(again.try_recv(), Ok(json!(1)), "the connection that asked first was gone");
        assert!(all.gone("in") && !all.gone("in") && all.idle());
    }

    #[test]
    fn identifiers_are_checked() {
        let all = Extensions::default();
        let kind = |id| all.name(id).map_err(|Refused(kind, _)| kind);
        assert_eq!(kind(None), Err("Extension.MissingExtensionIdentifier"));
        assert_eq!(kind(Some("x")), Err("Extension.InvalidExtensionIdentifier"));
        assert_eq!(kind(Some(&uuid())), Err("Extension.UnknownExtensionIdentifier"));
    }
}

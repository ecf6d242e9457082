//! The layers of the jail, and what is found of them.

/// One layer of the jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Layer {
    /// A user of the environment's own (needs root).
    Uid = 1,
    /// A user namespace (where not root).
    User = 2,
    /// A mount namespace with a read-only root.
    Mount = 4,
    /// A pid namespace: others' processes are invisible, and all of an environment's end together.
    Pid = 8,
    /// An ipc namespace.
    Ipc = 16,
    /// A uts namespace (host name).
    Uts = 32,
    /// A `/proc` of the environment's own.
    Proc = 64,
    /// No new privileges.
    NoNewPrivs = 128,
    /// Landlock.
    Landlock = 256,
    /// A seccomp filter.
    Seccomp = 512,
    /// Control groups for memory, cpu and pids.
    Cgroup = 1024,
    /// A network namespace; only functions that ask for it get one.
    Network = 2048,
}

/// Every layer, in the order of a report.
pub const ALL: [Layer; 12] = [
    Layer::Uid,
    Layer::User,
    Layer::Mount,
    Layer::Pid,
    Layer::Ipc,
    Layer::Uts,
    Layer::Proc,
    Layer::NoNewPrivs,
    Layer::Landlock,
    Layer::Seccomp,
    Layer::Cgroup,
    Layer::Network,
];

impl Layer {
    /// The layer's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Uid => "user of its own",
            Layer::User => "user namespace",
            Layer::Mount => "mount namespace",
            Layer::Pid => "pid namespace",
            Layer::Ipc => "ipc namespace",
            Layer::Uts => "uts namespace",
            Layer::Proc => "own /proc",
            Layer::NoNewPrivs => "no new privileges",
            Layer::Landlock => "landlock",
            Layer::Seccomp => "seccomp",
            Layer::Cgroup => "cgroups",
            Layer::Network => "network namespace",
        }
    }
}

/// A set of layers, and whose processes these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub(crate) set: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Layers {
    /// No layer: functions run like any process of the server's user.
    pub fn none() -> Layers {
        Layers::default()
    }

    /// Whether `layer` is in the set.
    pub fn has(self, layer: Layer) -> bool {
        self.set & layer as u16 != 0
    }

    /// Without `layer`.
    #[must_use]
    pub fn without(mut self, layer: Layer) -> Layers {
        self.set &= !(layer as u16);
        self
    }
}

/// What [`probe`](crate::probe) found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The layers that work.
    pub layers: Layers,
    /// Each layer with `Ok` or why it does not work here.
    pub each: Vec<(Layer, Result<(), String>)>,
}

impl Report {
    /// The layers that keep one function from another and do not work here, each with the reason. Of "user of
    /// its own" and "user namespace" one is enough; cgroups bound a function, they do not part it from others.
    pub fn missing(&self) -> Vec<(Layer, String)> {
        let has = |layer| self.layers.has(layer);
        let needed = |layer: Layer| match layer {
            Layer::Uid => !has(Layer::User),
            Layer::User => !has(Layer::Uid),
            // Refused or warned of where a function wants it.
            Layer::Network => false,
            _ => true,
        };
        let failed = self.each.iter().filter(|(layer, _)| needed(*layer));
        failed.filter_map(|(layer, result)| Some((*layer, result.as_ref().err()?.clone()))).collect()
    }
}

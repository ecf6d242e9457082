//! Python environments: children of a zygote, told whose they are.

use super::super::api;
use super::super::environment::{Environment, Owner, Parts};
use super::super::process::{Process, lock};
use super::super::runtimes::{self, Python};
use super::super::slot::Slot;
use super::super::spec::{FunctionSpec, InvokeError};
use super::super::variables::{Place, variables};
use super::super::zygote::{Housing, Zygote};
use super::exec;
use super::stocks::REFILL_DELAY;
use super::{Starter, begins, internal, limits, log_pipe, task_root};
use crate::execution::config::Sandbox;
use jailer::Layers;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixStream, unix::pipe};

/// One Python version: its zygote, and children of it that are jailed but not yet anyone's.
pub(super) struct Stock {
    python: Python,
    pub(super) zygote: tokio::sync::Mutex<Option<Arc<Zygote>>>,
    pub(super) spares: Mutex<Vec<Spare>>,
}

/// A forked child that waits to be told whose environment it is.
pub(super) struct Spare {
    zygote: Arc<Zygote>,
    process: Arc<Process>,
    slot: Slot,
    api: UnixStream,
    pipe: pipe::Receiver,
}
impl Starter {
    pub(super) fn stock(&self, minor: u8) -> Result<(Arc<Stock>, Option<String>), InvokeError> {
        // An exact version in stock needs no look at the disk.
        if let Some(stock) = lock(&self.stocks.pythons).get(&minor) {
            return Ok((Arc::clone(stock), None));
        }
        let (python, warning) =
            runtimes::choose(minor, self.config.strict_runtimes).map_err(InvokeError::RuntimeUnavailable)?;
        if let Some(warning) = &warning {
            self.warn(warning);
        }
        let mut stocks = lock(&self.stocks.pythons);
        let stock = stocks.entry(python.minor).or_insert_with(|| {
            Arc::new(Stock { python, zygote: tokio::sync::Mutex::default(), spares: Mutex::default() })
        });
        Ok((Arc::clone(stock), warning))
    }

    pub(super) async fn start_python(
        self: &Arc<Self>,
        minor: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (stock, warning) = self.stock(minor)?;
        if exec::is_needed(spec) || self.isolates(spec)? {
            let runtime = self.python_runtime(&stock.python, warning)?;
            return self.start_executed(spec, owner, runtime, None).await;
        }
        let (stream, suppressed, bound) = begins(spec, owner.as_ref());
        let mut spare = self.spare(&stock).await?;
        let layers = spare.zygote.layers;
        spare.slot.limit(limits(spec)).map_err(|e| internal(format!("control group: {e}")))?;
        let listener = api::listen().await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?.to_string();
        let sockets = self.sockets(spare.slot.uid);
        let task_root = task_root(spec, layers);
        let bin = stock.python.program.parent().map(|p| p.display().to_string());
        let credentials = self.config.credentials.credentials(spec);
        let env = variables(
            spec,
            &Place {
                stream: &stream,
                task_root: &task_root,
                opt: &self.opt(spec),
                bin: bin.as_deref(),
                runtime_api: &address,
                credentials: credentials.as_ref(),
                endpoint_url: self.config.endpoint_url.as_deref(),
            },
        );
        let frame = format!(
            r#"{{"plan":{},"directory":{},"handler":{},"env":{}}}"#,
            if spare.zygote.runs_plans {
                jailer::enter(&self.enter_spec(spec, spare.slot.uid)).to_json()
            } else {
                "null".into()
            },
            serde_json::json!(task_root),
            serde_json::json!(spec.handler),
            serde_json::Value::Object(env),
        );
        let mut message = (frame.len() as u32).to_be_bytes().to_vec();
        message.extend_from_slice(frame.as_bytes());
        spare.api.write_all(&message).await.map_err(|e| internal(format!("a new environment: {e}")))?;
        let environment = Environment::new(Parts {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            spec: Arc::clone(spec),
            stream,
            suppressed,
            runtime_used: stock.python.runtime(),
            warning,
            process: spare.process,
            slot: spare.slot,
            pipe: spare.pipe,
            sink: Arc::clone(&self.config.logs),
            owner,
            address: Some((Ipv4Addr::LOCALHOST, sockets)),
            band: None,
        });
        self.begin(&environment, bound);
        tokio::spawn(api::serve_own(spare.api, Arc::clone(&environment)));
        // For extensions inside the function's own process, and for functions that look.
        tokio::spawn(api::serve_tcp(listener, Arc::clone(&environment), sockets));
        let starter = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(REFILL_DELAY).await;
            let _ = starter.refill(&stock).await;
        });
        Ok(environment)
    }

    /// A child of the zygote: one in stock, or a new one.
    async fn spare(&self, stock: &Stock) -> Result<Spare, InvokeError> {
        loop {
            let spare = lock(&stock.spares).pop();
            match spare {
                Some(spare) if spare.zygote.is_alive() && !spare.process.has_exited() => return Ok(spare),
                Some(_) => {}
                None => return self.fork(stock).await,
            }
        }
    }

    pub(super) async fn refill(&self, stock: &Stock) -> Result<(), InvokeError> {
        while lock(&stock.spares).len() < self.config.spares {
            let spare = self.fork(stock).await?;
            lock(&stock.spares).push(spare);
        }
        Ok(())
    }

    async fn fork(&self, stock: &Stock) -> Result<Spare, InvokeError> {
        let zygote = self.zygote(stock).await?;
        let slot = self.slots.take();
        let (ours, theirs) = StdStream::pair().map_err(internal)?;
        ours.set_nonblocking(true).map_err(internal)?;
        let api = UnixStream::from_std(ours).map_err(internal)?;
        let (pipe, writer) = log_pipe(&slot, zygote.layers).map_err(internal)?;
        let entries = slot.entries();
        let mut fds = vec![theirs.as_fd(), writer.as_fd()];
        fds.extend(entries.iter().map(AsFd::as_fd));
        let process = zygote.fork(&fds).await.map_err(internal)?;
        Ok(Spare { zygote, process, slot, api, pipe })
    }

    async fn zygote(&self, stock: &Stock) -> Result<Arc<Zygote>, InvokeError> {
        let mut current = stock.zygote.lock().await;
        if let Some(zygote) = current.as_ref().filter(|z| z.is_alive()) {
            return Ok(Arc::clone(zygote));
        }
        let state = &self.config.state_dir;
        let housing = Housing {
            layers: self.layers,
            mount_point: state.join("root"),
            etc: state.join("etc"),
            bootstrap: state.join("bootstrap.py"),
            errors: state.join(format!("zygote-{}.log", stock.python.runtime())),
        };
        let zygote = Zygote::start(&stock.python, &housing).await.map_err(internal)?;
        if self.layers != Layers::none() && !zygote.runs_plans {
            let text =
                format!("{} has no ctypes: its functions cannot be jailed", stock.python.program.display());
            if self.config.sandbox == Sandbox::Require {
                return Err(InvokeError::SandboxUnavailable(text));
            }
            self.warn(&text);
        }
        *current = Some(Arc::clone(&zygote));
        Ok(zygote)
    }
}

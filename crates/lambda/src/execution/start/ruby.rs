//! Ruby functions: AWS's runtime client out of the archive or a layer, in a Ruby of this machine's.

use super::super::environment::{Environment, Owner};
use super::super::rubies::{self, Ruby};
use super::super::spec::{FunctionSpec, InvokeError};
use super::exec::Runtime;
use super::{Starter, task_root};
use jailer::Layer;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The program of AWS's runtime client (its README, "Ruby runtime interface client").
const CLIENT: &str = "aws_lambda_ric";
/// Folders of gems that are looked into for it.
const MAX_FOLDERS: usize = 64;

impl Starter {
    pub(super) async fn start_ruby(
        self: &Arc<Self>,
        minor: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (ruby, warning) = self.ruby(minor).await?;
        let Some((dir, client)) = client(&spec.code_dir, self.layers_of(spec).rev()) else {
            return Err(InvokeError::RuntimeUnavailable(format!(
                "{} functions run here with AWS's runtime client, and this one has no program {CLIENT}: install the \
                 gem {CLIENT} into ruby/gems/VERSION of the runtime layer, once for all (`crossgate serve \
                 --runtime-layer`), or into vendor/bundle of the function's package",
                spec.runtime
            )));
        };
        let client = match (dir == spec.code_dir, self.layers.has(Layer::Mount)) {
            (true, _) => Path::new(&task_root(spec, self.layers)).join(client),
            (false, true) => Path::new("/opt").join(client),
            (false, false) => dir.join(client),
        };
        let prefix = ruby.program.parent().and_then(Path::parent).map(Path::to_path_buf);
        let runtime = Runtime {
            command: vec![
                ruby.program.clone().into_os_string(),
                client.into_os_string(),
                spec.handler.clone().into(),
            ],
            folders: prefix.into_iter().collect(),
            bin: ruby.program.parent().map(|p| p.display().to_string()),
            used: ruby.runtime(),
            warning,
        };
        self.start_executed(spec, owner, runtime, None).await
    }

    /// The Ruby for a minor version; remarks on another one.
    pub(super) async fn ruby(&self, minor: u8) -> Result<(Ruby, Option<String>), InvokeError> {
        self.found(move |strict| rubies::choose(minor, strict)).await
    }
}

/// The folder of the package or of a layer that brings the runtime client, and the client's path in it. Bundler keeps
/// gems in `vendor/bundle/ruby/3.3.0`, layers in `ruby/gems/3.3.0` (Lambda Developer Guide, "Packaging layers").
fn client<'a>(package: &'a Path, layers: impl Iterator<Item = &'a PathBuf>) -> Option<(&'a Path, PathBuf)> {
    let own = (package, "vendor/bundle/ruby");
    let layers = layers.map(|layer| (layer.as_path(), "ruby/gems"));
    std::iter::once(own).chain(layers).find_map(|(dir, gems)| {
        let entries = std::fs::read_dir(dir.join(gems)).into_iter().flatten().flatten().take(MAX_FOLDERS);
        let mut versions: Vec<_> = entries.map(|entry| Path::new(gems).join(entry.file_name())).collect();
        versions.sort();
        let places = versions.into_iter().rev().chain([PathBuf::new()]);
        let mut programs = places.map(|place| place.join("bin").join(CLIENT));
        programs.find(|program| dir.join(program).is_file()).map(|program| (dir, program))
    })
}

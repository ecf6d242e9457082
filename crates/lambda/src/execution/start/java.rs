//! Java functions: AWS's runtime client out of the archive or a layer, in a Java of this machine's.

use super::super::environment::{Environment, Owner};
use super::super::jdks::{self, Java};
use super::super::spec::{FunctionSpec, InvokeError};
use super::exec::Runtime;
use super::{Starter, internal, task_root};
use jailer::Layer;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The main class of AWS's runtime client (its README, "Java runtime interface client").
const CLIENT: &str = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
/// Archives that are looked into for it.
const MAX_JARS: usize = 1024;

impl Starter {
    pub(super) async fn start_java(
        self: &Arc<Self>,
        release: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (java, warning) = self.java(release).await?;
        let (package, layers) = (spec.code_dir.clone(), self.layers_of(spec).cloned().collect::<Vec<_>>());
        let looking = tokio::task::spawn_blocking(move || has_client(&package, layers.iter()));
        if !looking.await.map_err(internal)? {
            return Err(InvokeError::RuntimeUnavailable(format!(
                "{} functions run here with AWS's runtime client, and this one has no class {CLIENT}: put the library \
                 com.amazonaws:aws-lambda-java-runtime-interface-client into java/lib/ of the runtime layer, once for \
                 all (`crossgate serve --runtime-layer`), or into the function's jar or the lib/ of its package",
                spec.runtime
            )));
        }
        let inside = self.layers.has(Layer::Mount);
        let root = task_root(spec, self.layers);
        let mut classes = vec![root.clone(), format!("{root}/lib/*")];
        if inside {
            classes.push("/opt/java/lib/*".to_owned());
        } else {
            classes.extend(self.layers_of(spec).rev().map(|layer| format!("{}/java/lib/*", layer.display())));
        }
        let mut command = vec![java.program().into_os_string()];
        command.extend(options(spec, java.release).into_iter().map(Into::into));
        command.extend(["-cp".into(), classes.join(":").into(), CLIENT.into(), spec.handler.clone().into()]);
        let mut folders = vec![java.home.clone()];
        folders.extend(settings(&java.home));
        let runtime = Runtime {
            command,
            folders,
            bin: Some(java.home.join("bin").display().to_string()),
            used: java.runtime(),
            warning,
        };
        self.start_executed(spec, owner, runtime, None).await
    }

    /// The Java for a release; remarks on another one.
    pub(super) async fn java(&self, release: u8) -> Result<(Java, Option<String>), InvokeError> {
        self.found(move |strict| jdks::choose(release, strict)).await
    }
}

/// How Java is tuned. A Java in a jail sees the machine's memory, not its control group's, so its heap is told: 85 % of
/// `MemorySize`, which leaves the rest to classes, code and threads (AWS's share is not documented). The serial collector,
/// and from Java 17 on the first tier of the compiler, are AWS's defaults, and `JAVA_TOOL_OPTIONS` may replace them (Lambda
/// Developer Guide, "Customize Java runtime startup behavior"): what it names is left out here, where it would win.
fn options(spec: &FunctionSpec, release: u8) -> Vec<String> {
    let given = spec.environment.iter().rev().find(|(name, _)| name == "JAVA_TOOL_OPTIONS");
    let given = given.map_or("", |(_, value)| value.as_str());
    let heap = u64::from(spec.memory_mb) * 1024 * 85 / 100;
    let own: [(bool, String, &[&str]); 4] = [
        (true, format!("-XX:MaxHeapSize={heap}k"), &["-Xmx", "MaxHeapSize", "MaxRAM"]),
        (true, "-XX:+UseSerialGC".to_owned(), &["GC"]),
        (release >= 17, "-XX:TieredStopAtLevel=1".to_owned(), &["Tiered"]),
        // AWS's client loads a native library, of which newer releases warn.
        (release >= 24, "--enable-native-access=ALL-UNNAMED".to_owned(), &["--enable-native-access"]),
    ];
    let kept =
        own.into_iter().filter(|(fits, _, named)| *fits && !named.iter().any(|name| given.contains(name)));
    kept.map(|(_, option, _)| option).collect()
}

/// Folders of settings outside of a Java's home: Debian's links lead to `/etc/java-17-openjdk`.
fn settings(home: &Path) -> Vec<PathBuf> {
    let configuration = std::fs::read_link(home.join("lib/jvm.cfg")).ok();
    let folder = configuration.as_deref().and_then(Path::parent).filter(|dir| dir.starts_with("/etc"));
    folder.filter(|dir| dir.is_dir()).map(Path::to_path_buf).into_iter().collect()
}

/// Whether the package or a layer brings AWS's runtime client.
fn has_client<'a>(package: &Path, layers: impl Iterator<Item = &'a PathBuf>) -> bool {
    let class = format!("{}.class", CLIENT.replace('.', "/"));
    if package.join(&class).is_file() {
        return true;
    }
    let jars = std::iter::once(package.join("lib"))
        .chain(layers.map(|layer| layer.join("java/lib")))
        .flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jar")));
    jars.take(MAX_JARS).any(|jar| {
        let archive = File::open(jar).ok().and_then(|file| zip::ZipArchive::new(file).ok());
        archive.is_some_and(|archive| archive.index_for_name(&class).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_own_options_replace_the_defaults() {
        let mut spec = FunctionSpec { memory_mb: 1024, ..FunctionSpec::default() };
        let defaults = ["-XX:MaxHeapSize=891289k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        assert_eq!(options(&spec, 17), defaults);
        assert_eq!(options(&spec, 11), defaults[..2]);
        let own = "-XX:+UseParallelGC -XX:TieredStopAtLevel=4 -Xmx100m";
        spec.environment.push(("JAVA_TOOL_OPTIONS".into(), own.into()));
        assert_eq!(options(&spec, 25), ["--enable-native-access=ALL-UNNAMED"]);
    }
}

//! The environment variables of a function (AWS documentation, "Lambda environment variables").

use super::config::Credentials;
use super::spec::FunctionSpec;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Where layers lie over each other.
pub(crate) const OPT: &str = "/opt";

/// What differs per environment.
pub(crate) struct Place<'a> {
    /// The log stream.
    pub stream: &'a str,
    /// `/var/task`, or the package's folder where there is no mount namespace.
    pub task_root: &'a str,
    /// What `/opt` is: itself, or the layers' folders where there is no mount namespace, the topmost first.
    pub opt: &'a [PathBuf],
    /// The interpreter's own `bin`, for programs that functions start.
    pub bin: Option<&'a str>,
    /// `AWS_LAMBDA_RUNTIME_API`.
    pub runtime_api: &'a str,
    /// The execution role's.
    pub credentials: Option<&'a Credentials>,
    /// `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<&'a str>,
}

impl Place<'_> {
    /// Folders below `/opt`, as a path of a variable.
    fn below_opt(&self, folders: &[&str]) -> String {
        let each = self.opt.iter().flat_map(|opt| folders.iter().map(|f| opt.join(f).display().to_string()));
        each.collect::<Vec<_>>().join(":")
    }
}

fn node_version(runtime: &str) -> Option<&str> {
    runtime.strip_prefix("nodejs").and_then(|v| v.strip_suffix(".x"))
}

/// Where ES modules of a Node runtime find the packages of layers. `import` does not read `NODE_PATH` and looks above
/// `/var/task` instead, where the links are. On AWS `import` finds them too (developer guide: its examples import the
/// AWS SDK, which is no part of the archive, in `index.mjs`).
pub(crate) fn module_links(runtime: &str) -> Vec<(&'static str, String)> {
    let Some(major) = node_version(runtime) else { return Vec::new() };
    vec![
        ("/var/node_modules", format!("/opt/nodejs/node{major}/node_modules")),
        ("/node_modules", "/opt/nodejs/node_modules".to_owned()),
    ]
}

/// All variables, by name. A function's own ones replace the unreserved ones, never the reserved ones.
pub(crate) fn variables(spec: &FunctionSpec, place: &Place<'_>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut set = |name: &str, value: &str| {
        all.insert(name.to_owned(), Value::from(value));
    };
    let path = format!("/usr/local/bin:/usr/bin/:/bin:{}", place.below_opt(&["bin"]));
    match place.bin {
        Some(bin) => set("PATH", &format!("{bin}:{path}")),
        None => set("PATH", &path),
    }
    let root = place.task_root;
    set("LD_LIBRARY_PATH", &format!("/lib64:/usr/lib64:{root}:{root}/lib:{}", place.below_opt(&["lib"])));
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR");
    // In dumps of AWS's environments that people have published (Spring Cloud Function, March 2025).
    set("AWS_LAMBDA_LOG_FORMAT", "Text");
    if spec.runtime.starts_with("python") {
        let packages = format!("python/lib/{}/site-packages", spec.runtime);
        // Below `/opt` our bootstrap looks by itself, as AWS's does.
        let layers = place.opt.iter().any(|opt| opt != Path::new(OPT));
        match place.below_opt(&[&packages, "python"]) {
            layers_path if layers => set("PYTHONPATH", &format!("{layers_path}:/var/runtime")),
            _ => set("PYTHONPATH", "/var/runtime"),
        }
    }
    let node = node_version(&spec.runtime);
    if let Some(major) = node {
        // Recorded (test_introspection_invoke), with the version of the runtime in it.
        set(
            "NODE_PATH",
            &format!(
                "{}:/var/runtime/node_modules:/var/runtime:{root}",
                place.below_opt(&[&format!("nodejs/node{major}/node_modules"), "nodejs/node_modules"])
            ),
        );
    }
    let ruby = spec.runtime.strip_prefix("ruby");
    if let Some(version) = ruby {
        // Recorded for ruby2.7 (test_introspection_invoke); each release has its own folder of gems.
        set("GEM_HOME", "/var/runtime");
        let gems = place.below_opt(&[&format!("ruby/gems/{version}.0")]);
        set("GEM_PATH", &format!("{root}/vendor/bundle/ruby/{version}.0:{gems}"));
        set("RUBYLIB", &format!("{root}:/var/runtime/lib:{}", place.below_opt(&["ruby/lib"])));
    }
    let java = spec.runtime.starts_with("java");
    if let Some(url) = place.endpoint_url {
        set("AWS_ENDPOINT_URL", url);
    }
    for (name, value) in &spec.environment {
        // The system's own rule; the service refuses such names before.
        if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
            set(name, value);
        }
    }
    set("_HANDLER", &spec.handler);
    set("AWS_REGION", &spec.region);
    set("AWS_DEFAULT_REGION", &spec.region);
    // Not for `provided.*` [D: "Defined runtime environment variables"].
    if !spec.runtime.starts_with("provided") {
        set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", spec.runtime));
    }
    set("AWS_LAMBDA_FUNCTION_NAME", &spec.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &spec.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &spec.memory_mb.to_string());
    let provisioned = spec.provisioned > 0;
    set("AWS_LAMBDA_INITIALIZATION_TYPE", if provisioned { "provisioned-concurrency" } else { "on-demand" });
    set("AWS_LAMBDA_LOG_GROUP_NAME", &spec.log_group);
    set("AWS_LAMBDA_LOG_STREAM_NAME", place.stream);
    if let Some(level) = &spec.json_log_level {
        // Read by AWS's runtime clients. That there is no level with plain text is reasoning: levels need JSON.
        set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        set("AWS_LAMBDA_LOG_LEVEL", level);
    }
    set("AWS_LAMBDA_RUNTIME_API", place.runtime_api);
    set("LAMBDA_TASK_ROOT", root);
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    if let Some(credentials) = place.credentials {
        set("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key);
        set("AWS_SESSION_TOKEN", &credentials.session_token);
        if java {
            // Names of the SDK for Java's first days (recorded: test_introspection_invoke[java11]).
            set("AWS_ACCESS_KEY", &credentials.access_key_id);
            set("AWS_SECRET_KEY", &credentials.secret_access_key);
        }
    }
    all
}

//! CreateFunction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply};

use super::code::Pinned;
use super::configuration::default_group;
use super::errors::{conflict, invalid, store, too_large};
use super::model::{Config, FUNCTIONS, Function, LATEST, Logging, function_key, version_key};
use super::render::{self, Progress};
use super::{FunctionName, Lambda, uuid};

/// Bytes of a request with a package.
const MAX_REQUEST: usize = 70_167_211;

impl Lambda {
    pub(super) fn create_function(&self, call: &Call) -> Result<Reply, ApiError> {
        let name = self.own_name(call, "FunctionName")?;
        if name.qualifier.is_some() {
            // Reasoned: the function does not exist yet, so there is nothing that a qualifier could name.
            return Err(invalid("The function name must not have a qualifier."));
        }
        if call.text("PackageType") == Some("Image") {
            return Err(invalid(
                "crossgate runs functions from zip packages; container images (PackageType Image) are not supported",
            ));
        }
        let (Some(_), Some(_)) = (call.text("Runtime"), call.text("Handler")) else {
            // AWS's text, quoted in public issues; not among the recordings.
            return Err(invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            ));
        };
        let exists = || conflict(format!("Function already exist: {}", name.name));
        let key = function_key(&name.key());
        let before: Option<Function> = self.inner.store.read(|r| r.get(FUNCTIONS, &key)).map_err(store)?;
        if before.is_some() {
            return Err(exists());
        }
        let mut config = defaults(&name, call)?;
        self.configure(&mut config, &name.name, &call.input, &name.region)?;
        self.inner.roles.check_execution_role(&config.role, name.account)?;
        self.check_role_permissions(&config.role, &name, &call.input)?;
        let empty = Map::new();
        let code = call.input.get("Code").and_then(Value::as_object).unwrap_or(&empty);
        let pinned = self.package(code, call.operation)?;
        config.code = pinned.code.clone();
        self.inner.packages.check_together(&config)?;
        let tags = super::tags::read(&call.input)?;
        let publish = call.input.get("Publish").and_then(Value::as_bool).unwrap_or(false);
        let function = Function {
            account: name.account.to_string(),
            region: name.region.clone(),
            name: name.name.clone(),
            latest: config,
            next_version: if publish { 2 } else { 1 },
            tags,
            reserved: None,
            event_configs: Default::default(),
            recursive_loop: None,
            provisioned: Default::default(),
            code_signing: self.signed_by(&name, call)?,
            runtime_updates: Default::default(),
        };
        let version = if publish {
            Some(Config { version: "1".to_owned(), revision: uuid()?, ..function.latest.clone() })
        } else {
            None
        };
        self.inner.store.write(|w| {
            // Looked up again: somebody may have created it while the package was unpacked.
            if w.get::<Function>(FUNCTIONS, &key).map_err(Failed::from)?.is_some() {
                return Err(Failed::Api(exists()));
            }
            w.put(FUNCTIONS, &key, &function)?;
            if let Some(version) = &version {
                w.put(FUNCTIONS, &version_key(&name.key(), "1"), version)?;
            }
            Ok(())
        })?;
        drop(pinned);
        // AWS answers Pending and another revision than the one that the function has once it is active (recorded:
        // test_function_lifecycle). Here it is active as soon as it is committed.
        let mut shown = function.latest;
        shown.revision = uuid()?;
        if publish {
            "1".clone_into(&mut shown.version);
        }
        Ok(render::configuration(&shown, &name.name, &name.arn(), Progress::Creating).into())
    }

    /// Stores the package that `ZipFile` holds; says what is not supported otherwise.
    pub(super) fn package(&self, code: &Map<String, Value>, operation: &str) -> Result<Pinned<'_>, ApiError> {
        if code.contains_key("S3Bucket") || code.contains_key("S3Key") {
            return Err(invalid(
                "crossgate has no S3 to fetch the package from: send it in the request (ZipFile; `--zip-file fileb://…` \
                 with the AWS CLI, `filename` in Terraform)",
            ));
        }
        if code.contains_key("ImageUri") {
            return Err(invalid(
                "crossgate runs functions from zip packages; container images (ImageUri) are not supported",
            ));
        }
        let Some(zip) = code.get("ZipFile").and_then(Value::as_str) else {
            // AWS's text, quoted in public issues; not among the recordings.
            return Err(invalid("Please provide a source for function code."));
        };
        // Recorded for the request as a whole (test_oversized_request_create_lambda), of which this is all but a little.
        if zip.len() > MAX_REQUEST {
            return Err(too_large(format!(
                "Request must be smaller than {MAX_REQUEST} bytes for the {operation} operation"
            )));
        }
        let archive = STANDARD.decode(zip).map_err(|e| ApiError::internal(format!("ZipFile: {e}")))?;
        self.inner.packages.store(&archive)
    }

    /// The function that `member` names, which must be one of the caller's own account: what belongs to another
    /// account was decided by the operation's checks.
    pub(super) fn own_name(&self, call: &Call, member: &str) -> Result<FunctionName, ApiError> {
        FunctionName::of(call.required(member), call.text("Qualifier"), call.account, &call.region)
    }
}

/// What AWS answers for members that were not sent (recorded: test_function_lifecycle; time-out and memory documented).
fn defaults(name: &FunctionName, call: &Call) -> Result<Config, ApiError> {
    let architectures = call.input.get("Architectures").and_then(Value::as_array);
    let architecture = architectures.and_then(|a| a.first()).and_then(Value::as_str).unwrap_or("x86_64");
    Ok(Config {
        version: LATEST.to_owned(),
        description: String::new(),
        role: String::new(),
        runtime: String::new(),
        handler: String::new(),
        timeout: 3,
        memory: 128,
        ephemeral: 512,
        environment: None,
        code: super::model::Code { id: String::new(), sha256: String::new(), size: 0 },
        layers: Vec::new(),
        architecture: architecture.to_owned(),
        tracing: "PassThrough".to_owned(),
        vpc: None,
        dead_letter: None,
        kms_key: None,
        logging: Logging {
            format: "Text".to_owned(),
            application: None,
            system: None,
            group: default_group(&name.name),
        },
        snap_start: "None".to_owned(),
        file_systems: Vec::new(),
        latest_description: None,
        revision: uuid()?,
        modified_ms: call.now_ms,
    })
}

/// Why a transaction was given up.
pub enum Failed {
    Api(ApiError),
    Store(store::StoreError),
}

impl From<store::StoreError> for Failed {
    fn from(error: store::StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Failed> for ApiError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Api(error) => error,
            Failed::Store(error) => super::errors::store(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::control::testing::{function, with, world};

    #[test]
    fn a_function_answers_pending_once_and_is_active_then() {
        let world = world();
        let created = world.create("users");
        assert_eq!(created["State"], "Pending");
        assert_eq!(created["StateReason"], "The function is being created.");
        assert_eq!(created["StateReasonCode"], "Creating");
        assert_eq!(created["FunctionArn"], "arn:aws:lambda:us-east-1:111111111111:function:users");
        assert_eq!(created["LastModified"], "2026-11-23T09:00:00.000+0000");
        let got = world.ok("GetFunctionConfiguration", json!({ "FunctionName": "users" }));
        assert_eq!(
            (got["State"].as_str(), got["LastUpdateStatus"].as_str()),
            (Some("Active"), Some("Successful"))
        );
        assert_ne!(got["RevisionId"], created["RevisionId"]);
        // Recorded defaults, test_function_lifecycle.
        assert_eq!(got["MemorySize"], 128);
        assert_eq!(got["Timeout"], 3);
        assert_eq!(got["LoggingConfig"], json!({ "LogFormat": "Text", "LogGroup": "/aws/lambda/users" }));
        assert_eq!(got["SnapStart"], json!({ "ApplyOn": "None", "OptimizationStatus": "Off" }));
        assert_eq!(got["Version"], "$LATEST");
        assert!(got.get("Environment").is_none());
    }

    #[test]
    fn what_aws_refuses_is_refused_in_its_words() {
        let world = world();
        let refused = |more| world.refused("CreateFunction", with(function("users"), more));
        let (code, text) = refused(json!({ "Role": "arn:aws:iam::111111111111:role/none" }));
        assert_eq!(code, "InvalidParameterValueException");
        assert_eq!(text, "The role defined for the function cannot be assumed by Lambda.");
        let (_, text) = refused(json!({ "Runtime": "python3.7" }));
        assert!(text.starts_with("The runtime parameter of python3.7 is no longer supported"), "{text}");
        let (_, text) = refused(json!({ "Runtime": "PYTHON3.9" }));
        assert!(text.starts_with("Value PYTHON3.9 at 'runtime' failed to satisfy constraint: "), "{text}");
        let (_, text) = refused(json!({ "Code": { "ZipFile": "bm8gemlw" } }));
        assert_eq!(text, "Could not unzip uploaded file. Please check your file, then try to upload again.");
        let (_, text) = refused(json!({ "Environment": { "Variables": { "AWS_REGION": "x", "A": "b" } } }));
        assert!(text.ends_with("Reserved keys used in this request: AWS_REGION"), "{text}");
        let variables = json!({ "LAMBDA_TASK_ROOT": "/", "LAMBDA_RUNTIME_DIR": "/", "A": "b" });
        let (_, text) = refused(json!({ "Environment": { "Variables": variables } }));
        assert!(text.ends_with("used in this request: LAMBDA_RUNTIME_DIR, LAMBDA_TASK_ROOT"), "{text}");
        let (_, text) = refused(json!({ "Environment": { "Variables": { "A": "b".repeat(5000) } } }));
        assert!(text.contains("exceeded the 4KB limit. String measured: {\"A\":\"bbb"), "{text}");
        assert_eq!(world.ok("ListFunctions", json!({}))["Functions"], json!([]), "nothing was stored");
        world.create("users");
        let (code, text) = refused(json!({}));
        assert_eq!(
            (code.as_str(), text.as_str()),
            ("ResourceConflictException", "Function already exist: users")
        );
    }

    #[test]
    fn publish_makes_version_one() {
        let world = world();
        let created = world.ok("CreateFunction", with(function("users"), json!({ "Publish": true })));
        // Recorded: the version is shown, the ARN is not qualified (TestLambdaAlias).
        assert_eq!(created["Version"], "1");
        assert_eq!(created["FunctionArn"], "arn:aws:lambda:us-east-1:111111111111:function:users");
        let version = world.ok("GetFunction", json!({ "FunctionName": "users", "Qualifier": "1" }));
        assert_eq!(
            version["Configuration"]["FunctionArn"],
            "arn:aws:lambda:us-east-1:111111111111:function:users:1"
        );
    }
}

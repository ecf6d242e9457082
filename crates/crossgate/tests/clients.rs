//! The real clients against the real binary: the AWS CLI, boto3, curl's own way of speaking HTTP, and Terraform.
//!
//! They live in a virtual environment below `target/`, made from `clients/requirements.txt`. Without a Python 3 these
//! tests fail and say so; they never skip.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

fn run(what: &str, command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{what} failed\n{}\n{}", text(&done.stdout), text(&done.stderr));
    println!("{}", text(&done.stdout));
}

/// The Python of the virtual environment, which is made when it is missing or older than its requirements.
fn python() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clients-venv");
    let python = home.join("bin/python");
    let requirements = std::fs::read_to_string(tests.join("requirements.txt")).unwrap();
    // Test programs run side by side: one makes the environment, the others wait.
    let lock = File::create(home.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let stamp = home.join("made-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == requirements) {
        return python;
    }
    let found = Command::new("python3").arg("--version").output();
    assert!(
        found.is_ok_and(|v| v.status.success()),
        "the client tests need a Python 3 named `python3` on PATH, with its venv module"
    );
    run("making the virtual environment", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home));
    run(
        "installing the clients from PyPI",
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(tests.join("requirements.txt")),
    );
    std::fs::write(stamp, requirements).unwrap();
    python
}

fn pytest(file: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let python = python();
    run(
        file,
        Command::new(&python)
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "-rs", file])
            .current_dir(tests)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CROSSGATE", env!("CARGO_BIN_EXE_crossgate")),
    );
}

#[test]
fn the_seed_with_the_aws_cli() {
    pytest("test_seed.py");
}

#[test]
fn boto3() {
    pytest("test_boto3.py");
}

#[test]
fn credentials_and_signatures() {
    pytest("test_credentials.py");
}

#[test]
fn the_symptoms_and_their_explanations() {
    pytest("test_symptoms.py");
}

#[test]
fn function_urls() {
    pytest("test_function_url.py");
}

#[test]
fn function_urls_that_stream() {
    pytest("test_function_url_stream.py");
}

#[test]
fn node_functions() {
    pytest("test_node.py");
}

#[test]
fn broken_functions_and_extensions() {
    pytest("test_faults.py");
}

#[test]
fn mapping_templates() {
    pytest("test_templates.py");
}

#[test]
fn bad_input() {
    pytest("test_bad_input.py");
}

#[test]
fn policy_input() {
    pytest("test_policy_input.py");
}

#[test]
fn the_command_line() {
    pytest("test_command_line.py");
}

#[test]
fn explanations_and_what_they_print() {
    pytest("test_explain.py");
}

#[test]
fn explanations_of_each_layer() {
    pytest("test_explain_layers.py");
}

#[test]
fn explanations_at_the_edges() {
    pytest("test_explain_edges.py");
}

#[test]
fn explanations_as_code() {
    pytest("test_explain_forms.py");
}

#[test]
fn explanations_as_json() {
    pytest("test_explain_json.py");
}

#[test]
fn simulations() {
    pytest("test_simulate.py");
}

#[test]
fn policy_unit_tests() {
    pytest("test_policy_cases.py");
}

#[test]
fn terraform() {
    pytest("test_terraform.py");
}

#[test]
fn terraform_apigateway() {
    pytest("test_terraform_apigateway.py");
}

#[test]
fn organizations() {
    pytest("test_organizations.py");
}

#[test]
fn organizations_with_terraform() {
    pytest("test_organizations_terraform.py");
}

#[test]
fn web_identities() {
    pytest("test_sts_web_identity.py");
}

#[test]
fn saml_identities() {
    pytest("test_sts_saml.py");
}

#[test]
fn terraform_identity_providers() {
    pytest("test_terraform_identity_providers.py");
}

#[test]
fn the_operations_of_sts() {
    pytest("test_sts.py");
}

#[test]
fn centralized_root_access_and_its_sessions() {
    pytest("test_root_access.py");
}

#[test]
fn policy_documents_of_every_operation() {
    pytest("test_policy_documents.py");
}

#[test]
fn quotas_and_pages_of_iam() {
    pytest("test_iam_limits.py");
}

#[test]
fn a_walk_through_iam_and_policy_tests() {
    pytest("test_iam_walk.py");
}

/// Every operation's request and answer, and every modelled error, written by one side and read by the other.
#[test]
fn botocore_reads_and_writes_what_wire_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shapes = Path::new(env!("CARGO_BIN_EXE_crossgate")).with_file_name("examples").join("shapes");
    run(
        "building the example `shapes`",
        Command::new(env!("CARGO"))
            .args(["build", "-q", "--locked", "-p", "wire", "--example", "shapes"])
            .current_dir(&root),
    );
    run(
        "wire against botocore",
        Command::new(python()).arg(root.join("crates/wire/tests/botocore_check.py")).arg(shapes),
    );
}

#[test]
fn authorization_of_every_kind_of_call() {
    pytest("test_authorization.py");
}

#[test]
fn asynchronous_invocations() {
    pytest("test_lambda_async.py");
}

#[test]
fn the_lambda_api() {
    pytest("test_lambda_api.py");
}

#[test]
fn lambda_walked_through() {
    pytest("test_lambda_walk.py");
}

#[test]
fn terraform_lambda() {
    pytest("test_terraform_lambda.py");
}

#[test]
fn functions_as_clients() {
    pytest("test_functions_as_clients.py");
}

#[test]
fn packages_and_layers() {
    pytest("test_packages.py");
}

#[test]
fn the_policies_of_the_sandbox() {
    pytest("test_sandbox.py");
}

#[test]
fn iam_with_boto3() {
    pytest("test_iam.py");
}

#[test]
fn iam_with_terraform() {
    pytest("test_terraform_iam.py");
}

#[test]
fn logs_with_boto3_and_the_aws_cli() {
    pytest("test_logs.py");
}

#[test]
fn logs_with_terraform() {
    pytest("test_terraform_logs.py");
}

#[test]
fn authorizers_with_boto3() {
    pytest("test_authorizers.py");
}

#[test]
fn usage_plans_with_boto3() {
    pytest("test_usage_plans.py");
}

#[test]
fn apis_in_front_of_http_servers() {
    pytest("test_http_integrations.py");
}

#[test]
fn custom_domains_by_host_header() {
    pytest("test_domains.py");
}

#[test]
fn access_logs_and_counters() {
    pytest("test_access_logs.py");
}

#[test]
fn hostile_http_by_raw_sockets() {
    pytest("test_http_hostile.py");
}

#[test]
fn aws_integrations_with_other_services() {
    pytest("test_aws_integrations.py");
}

#[test]
fn an_application_of_aws_chalice() {
    pytest("test_chalice.py");
}

#[test]
fn what_execution_roles_must_be_allowed() {
    pytest("test_execution_role.py");
}

#[test]
fn logs_that_aws_would_not_keep() {
    pytest("test_explain_function_logs.py");
}

#[test]
fn packages_that_aws_images_bring() {
    pytest("test_runtime_layer.py");
}

#[test]
fn java_and_ruby_functions() {
    pytest("test_runtimes.py");
}

#[test]
fn a_fix_for_every_denial() {
    pytest("test_explain_every_denial.py");
}

#[test]
fn more_of_iam_with_terraform() {
    pytest("test_terraform_iam_more.py");
}

#[test]
fn response_streaming() {
    pytest("test_response_streaming.py");
}

#[test]
fn what_else_api_gateway_has() {
    pytest("test_gateway_gaps.py");
}

#[test]
fn apis_walked_by_hand() {
    pytest("test_gateway_walk.py");
}

#[test]
fn what_was_recorded_of_api_gateway() {
    pytest("test_gateway_recordings.py");
}

#[test]
fn every_patch_of_api_gateway() {
    pytest("test_gateway_patches.py");
}

#[test]
fn a_service_by_terraform() {
    pytest("test_terraform_apigateway_stack.py");
}

#[test]
fn deployments_under_load_and_apis_that_do_harm() {
    pytest("test_gateway_under_stress.py");
}

#[test]
fn the_front_door_as_the_guide_describes_it() {
    pytest("test_front_door_walk.py");
}

#[test]
fn limits_caches_canaries_and_compression() {
    pytest("test_front_door_limits.py");
}

#[test]
fn logs_of_apis_line_by_line() {
    pytest("test_gateway_logs.py");
}

#[test]
fn apis_as_documents() {
    pytest("test_import_export.py");
}

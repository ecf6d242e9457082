//! Which runtimes AWS accepts.

use wire::ApiError;

use super::errors::invalid;

/// As recorded, and in the recording's order, which the error text shows
/// (`TestLambdaFunction::test_create_lambda_exceptions`).
const SUPPORTED: [&str; 25] = [
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
];

/// In the model's enum, and refused (recorded for eight of them:
/// `TestRuntimeValidation::test_create_deprecated_function_runtime_with_validation_enabled`; the others are documented
/// as past their end).
const DEPRECATED: [&str; 20] = [
    "python3.7",
    "python3.6",
    "python2.7",
    "nodejs14.x",
    "nodejs12.x",
    "nodejs10.x",
    "nodejs8.10",
    "nodejs6.10",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs",
    "dotnetcore3.1",
    "dotnetcore2.1",
    "dotnetcore2.0",
    "dotnetcore1.0",
    "go1.x",
    "java8",
    "provided",
    "ruby2.7",
    "ruby2.5",
];

/// Checks a runtime's name as AWS does, with its texts.
pub fn check(runtime: &str) -> Result<(), ApiError> {
    if SUPPORTED.contains(&runtime) {
        return Ok(());
    }
    if DEPRECATED.contains(&runtime) {
        return Err(invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a \
         valid ARN",
        SUPPORTED.join(", ")
    )))
}

/// Those that have SnapStart (Lambda Developer Guide, "Improving startup performance with Lambda SnapStart": Java 11,
/// Python 3.12, .NET 8 and later).
const SNAP_START: [&str; 9] =
    ["java11", "java17", "java21", "java25", "python3.12", "python3.13", "python3.14", "dotnet8", "dotnet10"];

/// Whether SnapStart may be asked for; the text is quoted in public issues.
pub fn check_snap_start(runtime: &str) -> Result<(), ApiError> {
    match SNAP_START.contains(&runtime) {
        true => Ok(()),
        false => Err(invalid(format!("{runtime} is not supported for SnapStart enabled functions."))),
    }
}

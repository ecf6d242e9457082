//! Packages that AWS's runtimes bring and this machine's interpreters need not have.

use std::path::Path;

use doctor::{Finding, Fix, Report, quote};

/// What AWS's Python images have besides the standard library (developer guide, "Runtime-included SDK versions": boto3 and
/// botocore; the others are what these two need).
const PYTHON: [&str; 7] = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"];
/// What AWS's Node images have (as above).
const NODE: [&str; 2] = ["@aws-sdk/", "@smithy/"];

/// Says how to get such a package, when that is what failed. `error` is what the function answered; `layer` is where
/// the server looks for packages, and stays when it stops.
pub fn tell(error: &str, layer: Option<&Path>, report: &mut Report) {
    let Some((package, folder, install)) = missing(error) else { return };
    let shown = layer.unwrap_or(Path::new("runtime-layer")).join(folder).display().to_string();
    let mut commands = vec![install.replace("DIR", &quote(&shown))];
    if layer.is_none() {
        commands.push(
            "crossgate serve --runtime-layer runtime-layer    # the server started anew with it".to_owned(),
        );
    }
    report.findings.push(Finding::new(format!("{package} comes with AWS's runtimes, not with this machine's")).detail(
        "functions run with the interpreters of this machine; a folder laid out like a layer that lies below every \
         function's own layers makes up for what AWS's images bring",
    ));
    report.fixes.insert(0, Fix::run("", format!("give all functions {package}, as AWS does"), commands));
}

/// The package, its folder in a layer, and the command that installs it into `DIR`.
fn missing(error: &str) -> Option<(String, &'static str, String)> {
    let named = |before: &str| {
        let (_, rest) = error.split_once(before)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "@/_-.".contains(c)))?;
        Some(&rest[..end])
    };
    if let Some(module) = named("No module named '") {
        let package = PYTHON.into_iter().find(|p| module.split('.').next() == Some(p))?;
        // Pulls the others in.
        let install = "python3 -m pip install --target DIR boto3".to_owned();
        return Some((package.to_owned(), "python", install));
    }
    let module = named("Cannot find module '").or_else(|| named("Cannot find package '"))?;
    let prefix = NODE.into_iter().find(|prefix| module.starts_with(prefix))?;
    let name = module[prefix.len()..].split('/').next().filter(|name| !name.is_empty())?;
    let package = format!("{prefix}{name}");
    let install = format!("npm install --prefix DIR {package}");
    Some((package, "nodejs", install))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn command(error: &str, expected: Option<&str>) {
        let mut report = Report::default();
        tell(error, Some(Path::new("/d")), &mut report);
        let fix = report.fixes.first().map(|fix| fix.steps[0].commands[0].as_str());
        assert_eq!(fix, expected, "{error}");
    }

    #[test]
    fn what_aws_brings_is_installed_for_all_functions() {
        let pip = Some("python3 -m pip install --target /d/python boto3");
        command(r#"{"errorMessage": "Unable to import module 'main': No module named 'boto3'"}"#, pip);
        command("No module named 'botocore.config'", pip);
        command("No module named 'boto3000'", None);
        command("No module named 'pandas'", None);
        let npm = Some("npm install --prefix /d/nodejs @aws-sdk/client-s3");
        command("Cannot find package '@aws-sdk/client-s3' imported from /var/task/index.mjs", npm);
        command("Error: Cannot find module '@aws-sdk/client-s3/dist'\\nRequire stack", npm);
        command("Cannot find module '@aws-sdk/'", None);
        command("Cannot find module 'express'", None);
        command("No module named '", None);
    }

    #[test]
    fn without_a_data_directory_the_server_is_told_of_the_folder() {
        let mut report = Report::default();
        tell("No module named 'boto3'", None, &mut report);
        let commands = &report.fixes[0].steps[0].commands;
        assert_eq!(commands[0], "python3 -m pip install --target runtime-layer/python boto3");
        assert!(commands[1].starts_with("crossgate serve --runtime-layer runtime-layer"), "{commands:?}");
    }
}

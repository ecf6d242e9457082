use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use doctor::quote;

use crate::cli::Env;

/// Prints `export` lines, or writes a profile.
pub fn run(options: &Env) -> Result<(), String> {
    match &options.profile {
        None => {
            print!("{}", exports(options));
            Ok(())
        }
        Some(profile) => write_profile(profile, options),
    }
}

fn exports(options: &Env) -> String {
    // AWS_PROFILE and a session token left over from elsewhere would win over the keys, or spoil them.
    format!(
        "export AWS_ENDPOINT_URL={}\nexport AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY=crossgate\n\
         export AWS_DEFAULT_REGION={region}\nexport AWS_REGION={region}\nunset AWS_PROFILE AWS_SESSION_TOKEN\n",
        quote(&options.endpoint),
        options.account,
        region = quote(&options.region),
    )
}

fn write_profile(profile: &str, options: &Env) -> Result<(), String> {
    if profile.is_empty() || profile.contains(['[', ']', '\n', '\r']) {
        return Err(format!("`{profile}` cannot be a profile's name: take letters, digits and hyphens"));
    }
    let file = |variable: &str, name: &str| -> Result<PathBuf, String> {
        if let Some(path) = std::env::var_os(variable) {
            return Ok(path.into());
        }
        let home = std::env::var_os("HOME").ok_or("HOME is not set, so there is no place for a profile")?;
        Ok(Path::new(&home).join(".aws").join(name))
    };
    let config = file("AWS_CONFIG_FILE", "config")?;
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
    let section = if profile == "default" { "default".to_owned() } else { format!("profile {profile}") };
    let settings = [("region", options.region.as_str()), ("endpoint_url", &options.endpoint)];
    put_section(&config, &section, &settings)?;
    let account = options.account.to_string();
    let keys = [("aws_access_key_id", account.as_str()), ("aws_secret_access_key", "crossgate")];
    put_section(&credentials, profile, &keys)?;
    println!("wrote profile {profile} to {} and {}", config.display(), credentials.display());
    Ok(())
}

/// Replaces or appends one section of an INI file, leaving every other line as it is.
fn put_section(path: &Path, section: &str, settings: &[(&str, &str)]) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(failed(e)),
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    // Written beside and renamed, so that a crash leaves the old file whole.
    let beside = path.with_extension("crossgate-new");
    let mut file = fs::File::create(&beside).map_err(failed)?;
    set_private(&file).map_err(failed)?;
    file.write_all(with_section(&old, section, settings).as_bytes()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(unix)]
fn set_private(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

fn with_section(old: &str, section: &str, settings: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in old.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            inside = name.trim() == section;
        }
        if !inside {
            text += line;
            text.push('\n');
        }
    }
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
    text += &format!("[{section}]\n");
    for (name, value) in settings {
        text += &format!("{name} = {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_others_stay() {
        let old = "[default]\nregion = eu-west-1\n\n[profile b]\nregion = x\noutput = text\n[profile c]\nregion = y\n";
        let new = with_section(old, "profile b", &[("region", "us-east-1")]);
        assert_eq!(
            new,
            "[default]\nregion = eu-west-1\n\n[profile c]\nregion = y\n\n[profile b]\nregion = us-east-1\n"
        );
        assert_eq!(with_section(&new, "profile b", &[("region", "us-east-1")]), new);
    }
}

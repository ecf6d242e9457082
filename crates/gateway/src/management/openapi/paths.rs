//! A document's paths as resources.

use serde_json::{Value, json};
use store::Writer;
use wire::Call;

use super::import::{Step, run};
use crate::management::failure::{Failure, bad_request};
use crate::management::lookup::Read;
use crate::model::Resource;

/// How a base path is dealt with: parameter `basepath` (developer guide, "Set the OpenAPI basePath property").
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BasePath {
    /// Left out.
    Ignore,
    /// Becomes the first parts of every path.
    Prepend,
    /// As `Prepend`, but for its first part.
    Split,
}

impl BasePath {
    pub fn of(call: &Call) -> Result<Self, Failure> {
        let given = call.input.get("parameters").and_then(|p| p.get("basepath")).and_then(Value::as_str);
        match given {
            None | Some("ignore") => Ok(Self::Ignore),
            Some("prepend") => Ok(Self::Prepend),
            Some("split") => Ok(Self::Split),
            Some(other) => Err(bad_request(format!(
                "Invalid basepath mode specified: {other}. Valid options are ignore,prepend,split"
            ))),
        }
    }

    pub fn applied(self, base: &str) -> String {
        match self {
            Self::Ignore => String::new(),
            Self::Prepend => base.to_owned(),
            Self::Split => {
                let rest = base.trim_start_matches('/').split_once('/').map(|(_, rest)| rest);
                rest.map(|rest| format!("/{rest}")).unwrap_or_default()
            }
        }
    }
}

/// The API's resources, found or made by their paths.
pub(super) struct Paths<'c> {
    call: &'c Call,
    api: String,
    known: Vec<(String, String)>,
}

impl<'c> Paths<'c> {
    pub fn load(writer: &Writer<'_>, call: &'c Call, api: &str) -> Result<Self, Failure> {
        let found = writer.all::<Resource>("resources", &format!("{api}/"))?;
        let known = found.into_iter().map(|(_, resource)| (resource.path, resource.id)).collect();
        Ok(Self { call, api: api.to_owned(), known })
    }

    /// The id of the resource at `path`; it and those above it are made where they are missing.
    pub fn id(&mut self, writer: &mut Writer<'_>, path: &str) -> Result<String, Failure> {
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { "/" } else { path };
        if let Some((_, id)) = self.known.iter().find(|(known, _)| known == path) {
            return Ok(id.clone());
        }
        let Some((above, part)) = path.rsplit_once('/') else {
            return Err(bad_request(format!("Invalid path specified: {path}. Paths begin with a slash.")));
        };
        let parent = self.id(writer, above)?;
        let input = json!({ "restApiId": self.api, "parentId": parent, "pathPart": part });
        let made = run(writer, self.call, &Step::new("CreateResource", input))?;
        let id = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.known.push((path.to_owned(), id.clone()));
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths() {
        for (mode, expected) in
            [(BasePath::Ignore, ""), (BasePath::Prepend, "/a/b/c"), (BasePath::Split, "/b/c")]
        {
            assert_eq!(mode.applied("/a/b/c"), expected);
        }
        assert_eq!(BasePath::Split.applied("/a"), "");
    }
}

use serde_json::{Map, Value};

/// Where a request parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path's variables.
    Path,
    /// The query, decoded.
    QueryString,
    /// Headers. Names are compared without case by `$input.params(name)` (reasoning: HTTP).
    Header,
}

/// What a template sees. Everything but the body is asked for at most once, and only when the template names it.
pub trait Scope {
    /// `$input.body`, and what `$input.path` and `$input.json` look into. Empty: `{}`
    /// (recording test_input_body_formatting).
    fn body(&self) -> &str;
    /// `$input.params()`: one value a name.
    fn parameters(&self, place: Place) -> Vec<(String, String)>;
    /// `$context`, in full.
    fn context(&self) -> Map<String, Value>;
    /// `$stageVariables`.
    fn stage_variables(&self) -> Vec<(String, String)>;
}

/// A [`Scope`] of plain data.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The body.
    pub body: String,
    /// The path's variables.
    pub path: Vec<(String, String)>,
    /// The query.
    pub querystring: Vec<(String, String)>,
    /// The headers.
    pub header: Vec<(String, String)>,
    /// `$context`.
    pub context: Map<String, Value>,
    /// `$stageVariables`.
    pub stage_variables: Vec<(String, String)>,
}

impl Scope for Data {
    fn body(&self) -> &str {
        &self.body
    }

    fn parameters(&self, place: Place) -> Vec<(String, String)> {
        match place {
            Place::Path => self.path.clone(),
            Place::QueryString => self.querystring.clone(),
            Place::Header => self.header.clone(),
        }
    }

    fn context(&self) -> Map<String, Value> {
        self.context.clone()
    }

    fn stage_variables(&self) -> Vec<(String, String)> {
        self.stage_variables.clone()
    }
}

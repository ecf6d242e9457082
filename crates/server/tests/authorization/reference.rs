//! The corpus: what AWS's Service Authorization Reference says of each action.

use std::collections::BTreeMap;

/// One service's page of the reference.
pub struct Reference {
    /// By name.
    pub actions: BTreeMap<&'static str, Action>,
    /// By name, with blanks as underscores.
    types: BTreeMap<&'static str, Type>,
}

pub struct Action {
    pub types: Vec<&'static str>,
    pub keys: Vec<&'static str>,
    pub dependent: Vec<&'static str>,
}

struct Type {
    arns: Vec<&'static str>,
    keys: Vec<&'static str>,
}

impl Reference {
    pub fn of(service: &str) -> Self {
        let text = match service {
            "apigateway" => include_str!("../data/authorization/apigateway.tsv"),
            "lambda" => include_str!("../data/authorization/lambda.tsv"),
            "logs" => include_str!("../data/authorization/logs.tsv"),
            "iam" => include_str!("../data/authorization/iam.tsv"),
            "sts" => include_str!("../data/authorization/sts.tsv"),
            other => panic!("no page for {other}"),
        };
        let mut found = Self { actions: BTreeMap::new(), types: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let (kind, name) = (columns.next().unwrap(), columns.next().unwrap());
            if kind == "resource" {
                let arns = columns.next().unwrap().split(" | ").collect();
                let keys = words(columns.next());
                found.types.insert(name, Type { arns, keys });
            } else {
                let _access_level = columns.next();
                let types =
                    words(columns.next()).into_iter().map(|name| name.trim_end_matches('!')).collect();
                let (keys, dependent) = (words(columns.next()), words(columns.next()));
                found.actions.insert(name, Action { types, keys, dependent });
            }
        }
        found
    }

    /// Whether `resource` is of one of the action's types; `*` where it has none.
    pub fn permits(&self, action: &Action, resource: &str) -> bool {
        if action.types.is_empty() {
            return resource == "*";
        }
        action.types.iter().any(|name| self.is_of(name, resource))
    }

    fn is_of(&self, name: &str, resource: &str) -> bool {
        self.types[name].arns.iter().any(|format| fits(format, resource))
    }

    /// The keys that may go with the action on the resource.
    pub fn keys(&self, action: &Action, resource: &str) -> Vec<&'static str> {
        let types = action.types.iter().filter(|name| self.is_of(name, resource));
        action
            .keys
            .iter()
            .copied()
            .chain(types.flat_map(|name| self.types[name].keys.iter().copied()))
            .collect()
    }
}

fn words(column: Option<&'static str>) -> Vec<&'static str> {
    column.unwrap_or_default().split_whitespace().collect()
}

/// Whether an ARN has a format such as `arn:${P}:iam::${Account}:role/${RoleNameWithPath}`. A variable stands for one
/// character or more, for a slash only when its name says that it is a path, and for a colon never.
pub fn fits(format: &str, text: &str) -> bool {
    let Some((literal, rest)) = format.split_once("${") else { return format == text };
    let Some(text) = text.strip_prefix(literal) else { return false };
    let (variable, rest) = rest.split_once('}').unwrap();
    let path = variable.ends_with("Path")
        || variable == "OidcProviderName"
        || variable == "LogGroupName"
        || variable == "LogStreamName";
    let longest = text.find(|c| c == ':' || (c == '/' && !path)).unwrap_or(text.len());
    (1..=longest).filter(|end| text.is_char_boundary(*end)).any(|end| fits(rest, &text[end..]))
}

/// Whether a key is the one that the reference writes `aws:RequestTag/*`.
pub fn key_is(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => key.starts_with(start) || pattern == "${Provider}:*",
        None => key.eq_ignore_ascii_case(pattern),
    }
}

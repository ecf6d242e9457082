//! How the construct that each listed deviation is about is taken out of a case.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One way in which iam-simulate is known to differ from the documented rule.
#[derive(Deserialize)]
pub struct Deviation {
    pub id: String,
    /// What iam-simulate does.
    pub theirs: String,
    /// The rule that we follow, in our own words.
    pub rule: String,
    /// The page that states the rule.
    pub source: String,
}

impl Deviation {
    /// `case` without what the deviation is about; `None` when the case has nothing of it.
    pub fn removed_from(&self, case: &Value) -> Option<Value> {
        let mut out = case.clone();
        match &*self.id {
            "scp-on-services" => {
                if is_service(case) {
                    policies(&mut out)?.remove("scp")?;
                }
            }
            "rcp-on-every-service" => {
                if !RCP_SERVICES.contains(&service(case)) {
                    policies(&mut out)?.remove("rcp")?;
                }
            }
            "root-user" => {
                if caller(case).ends_with(":root") {
                    out["request"]["principal"] = caller(case).replace(":root", ":user/eve").into();
                }
            }
            "session-direct-grant" => {
                let resource = &case["policies"]["resource"];
                if !resource.is_null() && same_account(case) {
                    policies(&mut out)?.remove("session")?;
                }
            }
            "federated-without-session-policy" => {
                if caller(case).contains(":federated-user/") && case["policies"]["session"].is_null() {
                    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
                    policies(&mut out)?.insert("session".into(), serde_json::from_str(everything).ok()?);
                }
            }
            "not-principal-deny" => {
                statements(&mut out, |s, _| s.contains_key("NotPrincipal") && s["Effect"] == "Deny")
            }
            "variables-2008" => statements(&mut out, |s, old| old && text(s).contains("${")),
            "variable-without-value" => {
                let context = case["request"]["context"].as_object()?;
                let has =
                    |key: &str| context.iter().any(|(k, v)| k.eq_ignore_ascii_case(key) && v.is_string());
                let missing: Vec<&str> =
                    ["aws:username", "aws:PrincipalAccount"].into_iter().filter(|k| !has(k)).collect();
                statements(&mut out, |s, _| {
                    missing.iter().any(|key| text(s).contains(&format!("${{{key}}}")))
                });
            }
            "arn-condition-variables" => conditions(&mut out, |operator, _, values| {
                operator.contains("Arn") && values.to_string().contains("${")
            }),
            "set-of-an-empty-string" => {
                let keys = keys_where(case, |v| v.iter().any(|v| v == ""));
                conditions(&mut out, |operator, key, _| {
                    operator.contains(':') && keys.contains(&key.to_lowercase())
                });
            }
            "for-any-if-exists" => conditions(&mut out, |operator, _, _| {
                operator.starts_with("ForAnyValue:") && operator.ends_with("IfExists")
            }),
            "seconds-as-dates" => {
                let is_seconds =
                    |v: &Value| v.as_str().is_some_and(|v| v.bytes().all(|b| b.is_ascii_digit()));
                let keys = keys_where(case, |v| v.iter().any(is_seconds));
                let any = |values: &Value| {
                    values.as_array().map_or(is_seconds(values), |v| v.iter().any(is_seconds))
                };
                conditions(&mut out, |operator, key, values| {
                    operator.contains("Date") && (any(values) || keys.contains(&key.to_lowercase()))
                });
            }
            "type-question-mark" => {
                let type_is_open = |s: &Map<String, Value>| {
                    let resources =
                        s.get("Resource").or_else(|| s.get("NotResource")).cloned().unwrap_or_default();
                    let items = resources.as_array().cloned().unwrap_or_else(|| vec![resources]);
                    items.iter().any(|r| {
                        r.as_str().and_then(|r| r.splitn(6, ':').nth(5)).is_some_and(|t| t.starts_with('?'))
                    })
                };
                statements(&mut out, |s, _| type_is_open(s));
            }
            "every-ipv4-address" => conditions(&mut out, |operator, _, values| {
                operator.contains("IpAddress") && values.to_string().contains("0.0.0.0/0")
            }),
            "address-families" => {
                let keys =
                    keys_where(case, |v| v.iter().any(|v| v.as_str().is_some_and(|v| v.contains("::"))));
                conditions(&mut out, |operator, key, _| {
                    operator.contains("NotIpAddress") && keys.contains(&key.to_lowercase())
                });
            }
            "federated-user-and-everyone" => {
                if caller(case).contains(":federated-user/") {
                    statements(&mut out, |s, _| {
                        s.get("Principal").is_some_and(|p| p.to_string().contains("\"*\""))
                    });
                }
            }
            "dollar-beside-variable" => {
                statements(&mut out, |s, _| text(s).contains("${") && text(s).contains("?$."))
            }
            "empty-set" => {
                let keys = keys_where(case, <[Value]>::is_empty);
                conditions(&mut out, |_, key, _| keys.contains(&key.to_lowercase()));
            }
            "set-of-one-without-set-operator" => {
                let context = case["request"]["context"].as_object()?;
                let one = |v: &Value| v.as_array().is_some_and(|v| v.len() == 1);
                let keys: Vec<String> =
                    context.iter().filter(|(_, v)| one(v)).map(|(k, _)| k.to_lowercase()).collect();
                conditions(&mut out, |operator, key, _| {
                    !operator.starts_with("For") && keys.contains(&key.to_lowercase())
                });
            }
            "unreadable-number" => {
                let keys = keys_where(case, |v| v.iter().any(|v| v == "ten"));
                conditions(&mut out, |operator, key, values| {
                    operator.contains("NumericNot")
                        && (keys.contains(&key.to_lowercase()) || values.to_string().contains("ten"))
                });
            }
            "negated-arn-and-no-arn" => {
                let keys = keys_where(case, |v| v.iter().any(|v| v == "no-arn"));
                let no_arn = |values: &Value| {
                    values.to_string().contains("\"*\"")
                        || values.to_string().contains("execute-api:*\"")
                        || values.to_string().contains("no-arn")
                };
                conditions(&mut out, |operator, key, values| {
                    operator.contains("ArnNot") && (keys.contains(&key.to_lowercase()) || no_arn(values))
                });
            }
            "service-wildcard" => statements(&mut out, |s, _| text(s).contains("\"arn:aws:*")),
            _ => return None,
        }
        (out != *case).then_some(out)
    }
}

pub fn all() -> Vec<Deviation> {
    serde_json::from_str(include_str!("deviations.json")).expect("a list of deviations")
}

const RCP_SERVICES: [&str; 5] = ["s3", "sts", "kms", "sqs", "logs"];

fn caller(case: &Value) -> &str {
    case["request"]["principal"].as_str().unwrap_or("")
}

fn service(case: &Value) -> &str {
    case["request"]["action"].as_str().and_then(|a| a.split(':').next()).unwrap_or("")
}

fn is_service(case: &Value) -> bool {
    caller(case).ends_with(".amazonaws.com")
}

fn same_account(case: &Value) -> bool {
    caller(case).split(':').nth(4) == case["request"]["resourceAccount"].as_str()
}

fn text(statement: &Map<String, Value>) -> String {
    Value::Object(statement.clone()).to_string()
}

fn policies(case: &mut Value) -> Option<&mut Map<String, Value>> {
    case["policies"].as_object_mut()
}

/// The request's keys, in lower case, whose values are so.
fn keys_where(case: &Value, so: impl Fn(&[Value]) -> bool) -> Vec<String> {
    let context = case["request"]["context"].as_object();
    let values = |v: &Value| v.as_array().cloned().unwrap_or_else(|| vec![v.clone()]);
    context.into_iter().flatten().filter(|(_, v)| so(&values(v))).map(|(k, _)| k.to_lowercase()).collect()
}

/// Drops every statement that is so; the second argument tells of a Version before 2012-10-17.
fn statements(case: &mut Value, so: impl Fn(&Map<String, Value>, bool) -> bool) {
    fn walk(value: &mut Value, so: &dyn Fn(&Map<String, Value>, bool) -> bool) {
        match value {
            Value::Object(map) if map.contains_key("Statement") => {
                let old = map.get("Version").is_none_or(|v| v != "2012-10-17");
                if let Some(Value::Array(statements)) = map.get_mut("Statement") {
                    statements.retain(|s| s.as_object().is_none_or(|s| !so(s, old)));
                }
            }
            Value::Object(map) => map.values_mut().for_each(|v| walk(v, so)),
            Value::Array(items) => items.iter_mut().for_each(|v| walk(v, so)),
            _ => {}
        }
    }
    walk(&mut case["policies"], &so);
}

/// Drops every statement with a condition that is so: operator, key, values.
fn conditions(case: &mut Value, so: impl Fn(&str, &str, &Value) -> bool) {
    statements(case, |statement, _| {
        let operators = statement.get("Condition").and_then(Value::as_object);
        operators.into_iter().flatten().any(|(operator, keys)| {
            keys.as_object().into_iter().flatten().any(|(key, values)| so(operator, key, values))
        })
    });
}

//! Cases for the differential test, made from a seed: a request, and policies that have a good chance to bear on it.

use serde_json::{Map, Value, json};

/// The owner of every resource.
pub const OWNER: &str = "111111111111";
const OTHER: &str = "222222222222";

/// SplitMix64: small, and the same on every machine.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }
}

/// What is asked for: action, resource, and globs of the action's name.
const QUESTIONS: [(&str, &str); 12] = [
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111111111111:function:orders"),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111111111111:function:orders:live"),
    ("s3:GetObject", "arn:aws:s3:::bucket/home/ann/a.txt"),
    ("s3:PutObject", "arn:aws:s3:::bucket/home/ann/*?$.txt"),
    ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111111111111:jobs"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:111111111111:key/0000-1111"),
    ("sts:AssumeRole", "arn:aws:iam::111111111111:role/deploy"),
    ("sts:AssumeRole", "arn:aws:iam::111111111111:role/team/deploy"),
    ("iam:GetRole", "arn:aws:iam::111111111111:role/team/deploy"),
    ("execute-api:Invoke", "arn:aws:execute-api:us-east-1:111111111111:abc123/prod/GET/users/7"),
    ("logs:PutLogEvents", "arn:aws:logs:us-east-1:111111111111:log-group:/aws/x:log-stream:y"),
    ("lambda:ListFunctions", "*"),
];

/// One case in the form of `policy::cases`, with a place for `expected`.
pub fn case(random: &mut Random, number: usize) -> Value {
    let (action, resource) = random.of(&QUESTIONS);
    let home = if random.chance(60) { OWNER } else { OTHER };
    let caller = caller(random, home);
    let context = context(random, &caller, home);
    let made = Made { action, resource, caller: &caller, home };
    let mut policies = Map::new();
    let trust = action == "sts:AssumeRole";
    if trust || random.chance(70) {
        policies
            .insert("resource".into(), made.policy(random, if trust { Kind::Trust } else { Kind::Resource }));
    }
    if caller.starts_with("arn:") {
        let identity: Vec<Value> =
            (0..random.below(4)).map(|_| made.policy(random, Kind::Identity)).collect();
        policies.insert("identity".into(), identity.into());
        if random.chance(20) {
            policies.insert("boundary".into(), made.policy(random, Kind::Identity));
        }
        if (caller.contains("assumed-role") && random.chance(25))
            || (caller.contains("federated-user") && random.chance(70))
        {
            policies.insert("session".into(), made.policy(random, Kind::Identity));
        }
    }
    if caller != "anonymous" && random.chance(25) {
        policies.insert("scp".into(), made.levels(random, Kind::Identity));
    }
    if random.chance(20) {
        policies.insert("rcp".into(), made.levels(random, Kind::Rcp));
    }
    json!({
        "name": format!("generated {number}"),
        "request": {"principal": caller, "action": action, "resource": resource, "resourceAccount": OWNER, "context": context},
        "policies": policies,
        "expected": "Allowed",
    })
}

fn caller(random: &mut Random, home: &str) -> String {
    match random.below(20) {
        0 => "anonymous".to_owned(),
        1..=3 => random.of(&["apigateway.amazonaws.com", "events.amazonaws.com"]).to_owned(),
        4 => format!("arn:aws:iam::{home}:root"),
        5 => format!("arn:aws:sts::{home}:federated-user/bob"),
        6..=10 => format!("arn:aws:iam::{home}:user/{}", random.of(&["ann", "team/ann"])),
        _ => format!(
            "arn:aws:sts::{home}:assumed-role/{}/{}",
            random.of(&["app", "exec"]),
            random.of(&["s1", "s2"])
        ),
    }
}

/// Keys with values of their type. The first value is what most conditions ask for.
const KEYS: [(&str, Type, &[&str]); 13] = [
    ("aws:username", Type::Text, &["ann", "Ann", "bob", "a*"]),
    ("aws:PrincipalTag/Team", Type::Text, &["blue", "Blue", "red", ""]),
    ("s3:prefix", Type::Text, &["home/ann", "home/ann/x", "home", "home/*"]),
    ("aws:TagKeys", Type::Many, &["cost", "owner", "team", ""]),
    ("aws:RequestTag/Owner", Type::Text, &["ann", "bob"]),
    (
        "aws:SourceArn",
        Type::Arn,
        &[
            "arn:aws:execute-api:us-east-1:222222222222:abc/prod/GET/users",
            "arn:aws:execute-api:us-east-1:222222222222:abc/test/GET/users",
            "arn:aws:sns:us-east-1:222222222222:topic:x",
            "no-arn",
        ],
    ),
    ("aws:SourceIp", Type::Ip, &["203.0.113.7", "203.0.114.7", "2001:db8::1", "2001:db8::1", "10.0.0.1"]),
    (
        "aws:CurrentTime",
        Type::Date,
        &["2026-01-01T00:00:00Z", "2026-06-01T12:30:00Z", "2025-12-31T23:59:59Z"],
    ),
    ("aws:EpochTime", Type::Date, &["1767225600", "1780317000", "1767225599"]),
    ("s3:max-keys", Type::Number, &["10", "9", "11", "10.0", "-1", "ten", "ten"]),
    ("aws:SecureTransport", Type::Bool, &["true", "false"]),
    ("aws:MultiFactorAuthPresent", Type::Bool, &["true", "false"]),
    ("kms:Blob", Type::Binary, &["QmluYXJ5", "QQ==", "Qg=="]),
];

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Text,
    Many,
    Arn,
    Ip,
    Date,
    Number,
    Bool,
    Binary,
}

fn context(random: &mut Random, caller: &str, home: &str) -> Value {
    let mut out = Map::new();
    if caller.starts_with("arn:") {
        out.insert("aws:PrincipalAccount".into(), home.into());
    }
    for (key, kind, values) in KEYS {
        if random.chance(40) {
            continue;
        }
        let cased = if random.chance(10) { key.to_uppercase() } else { key.to_owned() };
        let value = if kind == Type::Many || random.chance(3) {
            (0..random.below(4)).map(|_| random.of(values)).collect::<Vec<_>>().into()
        } else if random.chance(60) {
            values[0].into()
        } else {
            random.of(values).into()
        };
        out.insert(cased, value);
    }
    out.into()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Identity,
    Resource,
    Trust,
    Rcp,
}

struct Made<'a> {
    action: &'a str,
    resource: &'a str,
    caller: &'a str,
    home: &'a str,
}

impl Made<'_> {
    fn levels(&self, random: &mut Random, kind: Kind) -> Value {
        let levels = (0..=random.below(3)).map(|_| {
            let mut level = vec![self.policy(random, kind)];
            if random.chance(70) {
                let full = match kind {
                    Kind::Rcp => json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}),
                    _ => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
                };
                level.push(json!({"Version": "2012-10-17", "Statement": [full]}));
            }
            Value::from(level)
        });
        levels.collect::<Vec<_>>().into()
    }

    fn policy(&self, random: &mut Random, kind: Kind) -> Value {
        let statements: Vec<Value> = (0..=random.below(3)).map(|_| self.statement(random, kind)).collect();
        let mut out = Map::new();
        match random.below(12) {
            0 => {
                out.insert("Version".into(), "2008-10-17".into());
            }
            1 => {}
            _ => {
                out.insert("Version".into(), "2012-10-17".into());
            }
        }
        out.insert("Statement".into(), statements.into());
        out.into()
    }

    fn statement(&self, random: &mut Random, kind: Kind) -> Value {
        let mut out = Map::new();
        let deny = kind == Kind::Rcp || random.chance(18);
        out.insert("Effect".into(), if deny { "Deny" } else { "Allow" }.into());
        if kind == Kind::Rcp {
            out.insert("Principal".into(), "*".into());
        } else if kind != Kind::Identity {
            let not = kind == Kind::Resource && random.chance(if deny { 30 } else { 2 });
            out.insert(
                if not { "NotPrincipal" } else { "Principal" }.into(),
                self.principal(random, deny && not),
            );
        }
        let not = random.chance(10);
        // What denies should often not, or every case is a denial.
        let near = if deny { 40 } else { 75 };
        let actions = self.several(random, |made, random| made.action(random, near != 40));
        out.insert(if not { "NotAction" } else { "Action" }.into(), actions);
        if kind != Kind::Trust {
            let not = random.chance(10);
            let resources = self.several(random, |made, random| made.resource(random, near));
            out.insert(if not { "NotResource" } else { "Resource" }.into(), resources);
        }
        let conditions = random.of(&[0, 0, 0, 1, 1, 2]);
        let mut block = Map::new();
        for _ in 0..conditions {
            let (operator, key, values) = condition(random);
            let entry = block.entry(operator).or_insert_with(|| json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(key, values);
            }
        }
        if !block.is_empty() {
            out.insert("Condition".into(), block.into());
        }
        out.into()
    }

    fn several(&self, random: &mut Random, one: impl Fn(&Self, &mut Random) -> String) -> Value {
        match random.below(4) {
            0..=1 => one(self, random).into(),
            2 => vec![one(self, random)].into(),
            _ => vec![one(self, random), one(self, random)].into(),
        }
    }

    fn action(&self, random: &mut Random, near: bool) -> String {
        let (service, name) = self.action.split_once(':').unwrap_or(("", ""));
        if !random.chance(if near { 80 } else { 50 }) {
            return random
                .of(&["dynamodb:*", "lambda:GetFunction", "s3:List*", "sqs:*", "nonsense:Thing"])
                .to_owned();
        }
        match random.below(9) {
            0..=2 => self.action.to_owned(),
            3 => "*".to_owned(),
            4 => format!("{service}:*"),
            5 => self.action.to_uppercase(),
            6 => format!("{service}:{}*", &name[..name.len() / 2]),
            7 => format!("{service}:?{}", &name[1..]),
            _ => format!("{service}:*{}", &name[name.len() / 2..]),
        }
    }

    fn resource(&self, random: &mut Random, near: usize) -> String {
        if random.chance(1) {
            return "arn:aws:*:*:*:*".to_owned();
        }
        if !random.chance(near) {
            return random
                .of(&[
                    "arn:aws:lambda:us-east-1:111111111111:function:other",
                    "arn:aws:s3:::bucket",
                    "arn:aws:dynamodb:*:*:table/x",
                ])
                .to_owned();
        }
        if self.resource == "*" {
            return random.of(&["*", "*", "arn:aws:lambda:*:*:*"]).to_owned();
        }
        let parts: Vec<&str> = self.resource.splitn(6, ':').collect();
        let head = parts[..5].join(":");
        let tail = parts[5];
        match random.below(13) {
            0..=2 => self.resource.to_owned(),
            3 => "*".to_owned(),
            4 => format!("{head}:*"),
            5 => format!("{head}:{}*", tail.get(..tail.len() / 2).unwrap_or("")),
            6 => format!("arn:aws:{}:*:*:{tail}", parts[2]),
            7 => format!("{head}:?{}", tail.get(1..).unwrap_or("")),
            8 => format!("{head}:{}", tail.replace("ann", "${aws:username}")),
            9 => format!("{head}:{}", tail.replace("ann", "${aws:PrincipalTag/dir, 'ann'}")),
            10 => format!("{head}:{}", tail.replace('*', "${*}").replace('?', "${?}").replace('$', "${$}")),
            11 => self.resource.to_uppercase().replacen("ARN:AWS", "arn:aws", 1),
            _ => format!("{head}:{tail}x"),
        }
    }

    fn principal(&self, random: &mut Random, whole: bool) -> Value {
        let home = self.home;
        let role = self.caller.split('/').nth(1).unwrap_or("app");
        let mut forms: Vec<(&str, String)> = vec![
            ("AWS", format!("arn:aws:iam::{home}:root")),
            ("AWS", home.to_owned()),
            ("AWS", "*".to_owned()),
            ("AWS", format!("arn:aws:iam::{home}:user/eve")),
            ("AWS", "arn:aws:iam::333333333333:root".to_owned()),
            ("Service", "apigateway.amazonaws.com".to_owned()),
        ];
        match self.caller {
            caller if caller.contains("assumed-role") => {
                forms.push(("AWS", format!("arn:aws:iam::{home}:role/{role}")));
                forms.push(("AWS", format!("arn:aws:iam::{home}:role/{role}")));
                forms.push(("AWS", caller.to_owned()));
                forms.push(("AWS", caller.to_owned()));
            }
            caller if caller.starts_with("arn:") => {
                forms.extend([("AWS", caller.to_owned()), ("AWS", caller.to_owned())])
            }
            "anonymous" => {}
            service => forms.extend([("Service", service.to_owned()), ("Service", service.to_owned())]),
        }
        if random.chance(12) {
            return "*".into();
        }
        // AWS asks that a NotPrincipal with Deny lists every form of a caller.
        if whole && random.chance(60) {
            let all: Vec<Value> = forms
                .iter()
                .filter(|(key, text)| *key == "AWS" && text != "*")
                .map(|(_, t)| t.as_str().into())
                .collect();
            return json!({"AWS": all, "Service": self.caller});
        }
        let mut out = Map::new();
        for _ in 0..=random.below(2) {
            let (key, text) = random.of(&forms);
            match out.get_mut(key) {
                None => {
                    out.insert(key.into(), text.into());
                }
                Some(held) => *held = json!([held.clone(), text]),
            }
        }
        out.into()
    }
}

fn condition(random: &mut Random) -> (String, String, Value) {
    let (key, kind, values) = random.of(&KEYS);
    let not = |name: &str, other: &str, random: &mut Random| {
        if random.chance(25) { other.to_owned() } else { name.to_owned() }
    };
    if random.chance(8) {
        return ("Null".to_owned(), key.to_owned(), random.of(&["true", "false"]).into());
    }
    let base = match kind {
        Type::Text | Type::Many => match random.below(3) {
            0 => not("StringEquals", "StringNotEquals", random),
            1 => not("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", random),
            _ => not("StringLike", "StringNotLike", random),
        },
        Type::Arn => match random.below(3) {
            0 => not("ArnEquals", "ArnNotEquals", random),
            1 => not("ArnLike", "ArnNotLike", random),
            _ => not("StringLike", "StringNotLike", random),
        },
        Type::Ip => not("IpAddress", "NotIpAddress", random),
        Type::Date => format!("Date{}", random.of(&ORDERS)),
        Type::Number => format!("Numeric{}", random.of(&ORDERS)),
        Type::Bool => "Bool".to_owned(),
        Type::Binary => "BinaryEquals".to_owned(),
    };
    let like = base.contains("Like") || base.starts_with("Arn");
    let expected = |random: &mut Random| -> Value {
        let value = if random.chance(60) { values[0] } else { random.of(values) };
        match kind {
            Type::Ip => random
                .of(&["203.0.113.0/24", "203.0.113.7", "0.0.0.0/0", "2001:db8::/32", "10.0.0.0/8"])
                .into(),
            Type::Text if random.chance(15) => {
                random.of(&["${aws:username}", "${aws:PrincipalTag/x, 'ann'}", "home/${aws:username}"]).into()
            }
            Type::Arn if random.chance(10) => {
                "arn:aws:execute-api:us-east-1:${aws:PrincipalAccount}:abc/*".into()
            }
            _ if like && random.chance(40) => match kind {
                Type::Arn => random
                    .of(&[
                        "arn:aws:execute-api:*:222222222222:abc/*/GET/*",
                        "arn:aws:*:*:*:*",
                        "arn:aws:execute-api:*",
                        "*",
                    ])
                    .into(),
                _ => random.of(&["*", "a*", "home/*", "?nn", "*e"]).into(),
            },
            Type::Bool if random.chance(30) => (value == "true").into(),
            Type::Number if random.chance(30) => json!(10),
            _ => value.into(),
        }
    };
    let values = match random.below(4) {
        0..=1 => expected(random),
        2 => vec![expected(random)].into(),
        _ => vec![expected(random), expected(random)].into(),
    };
    let set = match kind {
        Type::Many if random.chance(90) => random.of(&["ForAllValues:", "ForAnyValue:"]),
        _ if random.chance(6) => random.of(&["ForAllValues:", "ForAnyValue:"]),
        _ => "",
    };
    let suffix = if random.chance(20) { "IfExists" } else { "" };
    (format!("{set}{base}{suffix}"), key.to_owned(), values)
}

const ORDERS: [&str; 6] =
    ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"];

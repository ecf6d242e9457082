//! Microseconds to parse and to render a typical request template. `cargo bench -p vtl`.

#![allow(missing_docs, reason = "a program, not a library")]

use std::hint::black_box;
use std::time::Instant;

use vtl::{Data, Limits, Template};

const TEMPLATE: &str = r##"#set($root = $input.path('$'))
{
  "id": "$input.params('id')",
  "stage": "$context.stage",
  "source": "$context.identity.sourceIp",
  "pets": [
#foreach($pet in $root.pets)
    {"name": "$util.escapeJavaScript($pet.name)", "price": $pet.price, "kind": $input.json("$.kinds[$foreach.index]")}#if($foreach.hasNext),#end

#end
  ]#if($root.comment && $root.comment.length() > 3),
  "comment": "$root.comment.trim()"#end

}"##;

fn main() {
    let pets: Vec<String> = (0..5).map(|n| format!(r#"{{"name":"pet {n}","price":{n}.5}}"#)).collect();
    let body = format!(
        r#"{{"pets":[{}],"kinds":["dog","cat","fish","bird","ant"],"comment":" a remark "}}"#,
        pets.join(",")
    );
    let context = serde_json::json!({"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}});
    let data = Data {
        body,
        path: vec![("id".to_owned(), "7".to_owned())],
        context: context.as_object().cloned().unwrap_or_default(),
        ..Data::default()
    };
    measure("parse", || drop(black_box(Template::parse(TEMPLATE))));
    match Template::parse(TEMPLATE) {
        Ok(template) => measure("render", || drop(black_box(template.render(&data, &Limits::default())))),
        Err(e) => println!("{e}"),
    }
}

/// The best of five rounds.
fn measure(name: &str, run: impl Fn()) {
    let round = || {
        let began = Instant::now();
        (0..20_000).for_each(|_| run());
        began.elapsed().as_secs_f64() / 20_000.0 * 1e6
    };
    let best = (0..5).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!("{name}: {best:.1} µs");
}

//! Ruby functions. AWS's own runtime client is a gem of RubyGems'; these run with a stand-in (`tests/ruby`) that has its
//! program's name and speaks the Runtime API. Where there is no Ruby, that is what is checked.

mod support;

use lambda::execution::*;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const CLIENT: &str = include_str!("ruby/aws_lambda_ric");
const APP: &str = r#"
def handle(event:, context:)
  puts "event #{event} of #{context}"
  raise ArgumentError, 'asked to' if event == 'raise'
  exit! 7 if event == 'exit'
  [event, ENV['AWS_EXECUTION_ENV'], ENV['GEM_PATH'], Dir.pwd]
end
"#;

fn has_ruby() -> bool {
    Command::new("ruby").arg("--version").output().is_ok_and(|out| out.stdout.starts_with(b"ruby 3."))
}

fn ruby(world: &World, name: &str, client: &str) -> FunctionSpec {
    let mut spec = world.files(name, &[("app.rb", APP), (client, CLIENT)]);
    spec.runtime = "ruby3.3".into();
    spec.handler = "app.handle".into();
    spec.timeout = Duration::from_secs(10);
    spec
}

async fn ruby_is_missing() {
    let world = World::new();
    let spec = ruby(&world, "users", "vendor/bundle/ruby/3.3.0/bin/aws_lambda_ric");
    let refused = world.try_invoke(&Arc::new(spec), "1").await.expect_err("no Ruby");
    assert!(refused.to_string().contains("looked for `ruby` on PATH"), "{refused}");
    world.executor.prepare("ruby3.3").await.expect_err("no Ruby");
    assert!(world.warnings.lock().expect("lock")[0].contains("ruby3.3 is not installed"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ruby_function_runs_with_the_runtime_client_of_its_archive() {
    if !has_ruby() {
        return ruby_is_missing().await;
    }
    // No second environment while the first one comes back.
    let world = World::with(|c| (c.sandbox, c.grace) = (Sandbox::Require, Duration::from_millis(500)));
    let spec = Arc::new(ruby(&world, "users", "vendor/bundle/ruby/3.3.0/bin/aws_lambda_ric"));
    let done = world.invoke(&spec, "1").await;
    let gems = "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0";
    let told = format!("[1,\"AWS_Lambda_ruby3.3\",\"{gems}\",\"/var/task\"]");
    assert_eq!(text(&done), told, "{}", world.log());
    assert!(tail(&done).contains("event 1 of 00000000-"), "{}", tail(&done));
    assert!(!world.invoke(&spec, "2").await.cold);
    let failed = world.invoke(&spec, "\"raise\"").await;
    assert_eq!(failed.error_type.as_deref(), Some("Function<ArgumentError>"));
    let exit = world.invoke(&spec, "\"exit\"").await;
    assert!(text(&exit).contains("Runtime exited with error: exit status 7"), "{}", text(&exit));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_may_be_in_a_layer_and_is_asked_for_in_words() {
    if !has_ruby() {
        return ruby_is_missing().await;
    }
    let world = World::new();
    let mut spec = ruby(&world, "layered", "elsewhere/aws_lambda_ric");
    let refused = world.try_invoke(&Arc::new(spec.clone()), "1").await.expect_err("no client");
    assert!(refused.to_string().contains("install the gem aws_lambda_ric"), "{refused}");
    let layer = ruby(&world, "layer", "ruby/gems/3.3.0/bin/aws_lambda_ric").code_dir;
    spec.layers.push(layer);
    spec.key += ":layered";
    assert!(text(&world.invoke(&Arc::new(spec), "1").await).starts_with("[1,"), "{}", world.log());
    world.end().await;
}

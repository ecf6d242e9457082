//! Whatever a template or a body holds: an answer in bounded time, or an error that names the bound and the place.

use std::time::{Duration, Instant};

use vtl::{Data, Limits, Template};

#[track_caller]
fn stopped(template: &str, body: &str, expected: &str) {
    let began = Instant::now();
    let data = Data { body: body.to_owned(), ..Data::default() };
    let error = match Template::parse(template) {
        Ok(template) => template.render(&data, &Limits::default()).map(|_| ()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(expected) && error.contains(" at line "), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn loops_in_loops() {
    let each = "#foreach($i in [1..1000])";
    stopped(&format!("{}x{}", each.repeat(4), "#end".repeat(4)), "", "more than 500000 steps");
}

#[test]
fn ranges() {
    stopped("#set($r = [1..2000000000])", "", "more than 500000 steps");
    stopped("#set($r = [-9223372036854775807..9223372036854775807])", "", "more than 500000 steps");
}

#[test]
fn texts_that_double() {
    let template = "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..100])#set($s = \"$s$s\")#end";
    stopped(template, "", "bytes");
    stopped(&template.replace("\"$s$s\"", "$s + $s"), "", "more than");
    stopped(&template.replace("\"$s$s\"", "$s.concat($s)"), "", "more than");
    stopped(&template.replace("\"$s$s\"", "$s.replace('x', 'xxxx')"), "", "more than");
    stopped(&template.replace("\"$s$s\"", "$s.repeat(9000000)"), "", "more than");
    stopped(&template.replace("\"$s$s\"", "$s.replaceAll('x', 'xxxx')"), "", "more than 500000 steps");
}

#[test]
fn output() {
    let template = "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($i in [1..16])#set($s = $s + $s)#end\
                    #foreach($i in [1..900])$s#end";
    stopped(template, "", "the output has more than 10485760 bytes");
}

#[test]
fn lists_of_themselves_twice() {
    let build = "#set($l = [1])#foreach($i in [1..100])#set($l = [$l, $l])#end";
    stopped(&format!("{build}$l"), "", "steps");
    stopped(
        &format!(
            "{build}#set($k = [1])#foreach($i in [1..100])#set($k = [$k, $k])#end#foreach($i in [1..100])#if($l == $k)#end#end"
        ),
        "",
        "steps",
    );
    stopped(&format!("{build}#set($x = [])$x.add($l)"), "", "steps");
}

#[test]
fn deep_values_are_dropped_flat() {
    let template = "#set($l = [])#foreach($i in [1..200])#foreach($j in [1..200])#set($l = [$l])#end#end";
    let made = Template::parse(template).unwrap().render(&Data::default(), &Limits::default()).unwrap();
    assert_eq!(made.text, "");
    stopped(&format!("{template}$l"), "", "nested more than 128 levels");
}

#[test]
fn nesting() {
    stopped(&"#if(true)".repeat(10_000), "", "nested more than 48 levels");
    stopped(&format!("#set($a = {}", "(".repeat(100_000)), "", "nested more than 48 levels");
    stopped(&format!("#set($a = {}", "[".repeat(100_000)), "", "nested more than 48 levels");
    stopped(&format!("#set($a = {}", "!".repeat(100_000)), "", "nested more than 48 levels");
    stopped(&format!("#set($a = 1{})", " + 1".repeat(1000)), "", "more than 64 operators in a row");
    stopped(&"$a.b(".repeat(10_000), "", "nested more than 48 levels");
    stopped(&format!("$input.json('${}')", "[?(@.a".repeat(500)), "", "");
}

#[test]
fn recursion() {
    stopped("#macro(r)#if(true)#if(true)#r()#end#end#end#r()", "", "nested more than 20 levels");
    stopped("#set($t = '#evaluate($t)#evaluate($t)')#evaluate($t)", "", "nested more than 20 levels");
    let blocks = format!("#macro(r){}#r(){}#end#r()", "#if(true)".repeat(40), "#end".repeat(40));
    stopped(&blocks, "", "nested more than");
}

#[test]
fn regular_expressions() {
    let body = format!("\"{}\"", "a".repeat(100_000));
    stopped("#foreach($i in [1..1000])$input.path('$').matches('(a+)+b')#end", &body, "steps");
    stopped("$input.path('$').matches('(a{500}){500}')", &body, "size limit");
    stopped("#foreach($i in [1..1000])$input.path('$').matches(\"a$i\")#end", &body, "steps");
}

#[test]
fn json() {
    stopped("$input.json('$.a')", &"[".repeat(10_000), "nested more than 127");
    let wide = format!("[{}1]", "1,".repeat(1_000_000));
    stopped("$input.json('$')", &wide, "too many values");
    let many = format!("[{}1]", "1,".repeat(20_000));
    stopped("#foreach($i in [1..1000])$input.json('$..*')#end", &many, "steps");
}

#[test]
fn no_template_brings_it_down() {
    // Pieces of templates in every order of three.
    let pieces = [
        "$a",
        "${a",
        "$!{",
        "}",
        "#set(",
        "#if(",
        "#foreach($x in ",
        ")",
        "#end",
        "#else",
        "[1..",
        "]",
        "\"",
        "'",
        "\\",
        "#*",
        "#[[",
        "$a.b(",
        "$input.path('$')",
        "#macro(m $p)",
        "#@m(",
        "é",
        "{1:",
        " + ",
        "#{",
        "##",
        "\n",
    ];
    let data = Data { body: "{\"a\":[1]}".to_owned(), ..Data::default() };
    let mut rendered = 0;
    for a in pieces {
        for b in pieces {
            for c in pieces {
                if let Ok(template) = Template::parse(&format!("{a}{b}{c}")) {
                    let _ = template.render(&data, &Limits::default());
                    rendered += 1;
                }
            }
        }
    }
    assert!(rendered > 1000, "{rendered}");
}

#[test]
fn an_error_says_where() {
    let template = Template::parse("{\n  \"a\": \"$input.json('$.x[')\"\n}").unwrap();
    let error = template.render(&Data::default(), &Limits::default()).unwrap_err();
    assert_eq!((error.line, error.column), (2, 9), "{error}");
    let error = Template::parse("a\n#if(true)").unwrap_err();
    assert_eq!(error.line, 2, "{error}");
}

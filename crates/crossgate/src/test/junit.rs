//! Outcomes in the XML that CI systems read: one suite a file.
//!
//! Elements and attributes are those that Jenkins' schema (junit-10.xsd) and GitLab's and GitHub's readers share:
//! `testsuites`, `testsuite` with its counts, `testcase`, `failure` with a message.

use doctor::{Style, draw};
use policy::cases::Outcome;

/// The whole report.
pub fn report(outcomes: &[(String, Outcome)]) -> String {
    let mut suites: Vec<(&str, Vec<&Outcome>)> = Vec::new();
    for (file, outcome) in outcomes {
        match suites.last_mut().filter(|(name, _)| name == file) {
            Some((_, cases)) => cases.push(outcome),
            None => suites.push((file, vec![outcome])),
        }
    }
    let counts = |cases: &mut dyn Iterator<Item = &Outcome>| {
        let (mut tests, mut failures) = (0, 0);
        for case in cases {
            tests += 1;
            failures += usize::from(!case.holds);
        }
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"0\"")
    };
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"crossgate\" {}>\n",
        counts(&mut outcomes.iter().map(|(_, outcome)| outcome))
    );
    for (file, cases) in suites {
        let counts = counts(&mut cases.iter().copied());
        out += &format!("  <testsuite name=\"{}\" {counts}>\n", escape(file));
        for case in cases {
            let head = format!(
                "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
                escape(file),
                escape(&case.name)
            );
            out += &match case.holds {
                true => format!("{head}/>\n"),
                false => format!(
                    "{head}>\n      <failure message=\"{}\" type=\"{:?}\">{}</failure>\n    </testcase>\n",
                    escape(&case.line),
                    case.effect,
                    escape(&draw(&case.explanation, Style::default(), ""))
                ),
            };
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

/// What XML 1.0 has no way to write is left out.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

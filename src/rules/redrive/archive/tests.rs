use super::*;

fn at() -> Timestamp {
    Timestamp::parse("2026-11-30T04:05:06.789Z").unwrap()
}

fn head() -> ArchiveHead {
    ArchiveHead {
        version: VERSION,
        id: "0a1b2c3d-0000-8000-8000-000000000000".into(),
        kind: MoveKind::Purge,
        queue: Queue { name: "orders-dlq".into(), ..Queue::default() },
        incident: None,
        reason: Some("no longer needed".into()),
        who: "ana@laptop".into(),
        plan: None,
        at: at(),
    }
}

fn message(body: &str) -> Message {
    let text = |text: &str| Attribute::Text(text.into());
    let attributes = [
        ("name", "String", text("ação\u{0}\u{202e}\"")),
        ("count", "Number.int", text("007")),
        ("raw", "Binary.gzip", Attribute::Binary((0..=255).collect())),
        ("none", "Binary", Attribute::Binary(Vec::new())),
    ];
    Message {
        id: "m-1".into(),
        body: body.into(),
        attributes: attributes.iter().map(|(name, _, v)| ((*name).into(), v.clone())).collect(),
        attribute_types: attributes.iter().map(|(n, of, _)| ((*n).into(), (*of).into())).collect(),
        system: [("MessageGroupId".into(), "g".into())].into(),
    }
}

fn read(line: &[u8]) -> Result<ArchiveLine, String> {
    read_line(line.strip_suffix(b"\n").unwrap_or(line), false)
}

#[test]
fn messages_are_read_as_they_were_written() {
    let long = "\u{7f}\"\n".repeat(300_000);
    for body in ["", "{\"a\":1}", "  \n\r\t", "\u{fffe}\u{1}\u{0}", "null", &long] {
        for fingerprint in [None, Some("f")] {
            let given = message(body);
            let line = message_line(&given, fingerprint, at()).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "{body:.20}");
            let ArchiveLine::Message(found, moment) = read(&line).unwrap() else { panic!() };
            assert_eq!((&found.message, moment), (&given, at()), "{body:.20}");
            assert_eq!(found.fingerprint.as_deref(), fingerprint);
        }
    }
}

#[test]
fn message_without_types_has_the_usual_ones() {
    let given = Message { attribute_types: BTreeMap::new(), ..message("x") };
    let line = message_line(&given, None, at()).unwrap();
    let ArchiveLine::Message(found, _) = read(&line).unwrap() else { panic!() };
    assert_eq!(found.message.attribute_types["raw"], "Binary");
    assert_eq!(found.message.attribute_types["name"], "String");
}

#[test]
fn message_that_no_line_has_room_for_is_refused() {
    let error = message_line(&message(&"\u{1}".repeat(LINE_MAX / 6)), None, at()).unwrap_err();
    assert!(error.starts_with("a message needs a line of 8"), "{error}");
}

#[test]
fn head_and_results_are_read_as_they_were_written() {
    let line = head_line(&head());
    assert!(line.starts_with(b"{\"archive\":1,\"move\":\"0a1b2c3d-"));
    let first = read_line(&line[..line.len() - 1], true).unwrap();
    assert_eq!(first, ArchiveLine::Head(Box::new(head())));
    let id = || "m-1".to_owned();
    for (result, text) in [
        (
            MoveResult::Sent {
                id: id(),
                new: "n".into(),
                to: "arn".into(),
                dedup: None,
                after: None,
                by: Some(Timestamp::from_millis(7)),
            },
            r#"{"sent":{"id":"m-1","new":"n","to":"arn","dedup":null,"after":null,"by":"1970-01-01T00:00:00.007Z"},"#,
        ),
        (MoveResult::Deleted { id: id() }, r#"{"deleted":{"id":"m-1"},"#),
        (
            MoveResult::Restored { id: id(), new: "n".into() },
            r#"{"restored":{"id":"m-1","new":"n"},"at":"2026-11-30T04:05:06.789Z"}"#,
        ),
        (MoveResult::Parked { id: id(), deaths: 2 }, r#"{"parked":{"id":"m-1","deaths":2},"#),
        (
            MoveResult::PossibleDuplicate { id: id(), new: None, why: "w".into() },
            r#"{"possible_duplicate":{"id":"m-1","new":null,"why":"w"},"#,
        ),
        (
            MoveResult::Finished { outcome: "completed".into() },
            r#"{"finished":{"outcome":"completed"},"#,
        ),
    ] {
        let line = result_line(&result, at());
        let written = String::from_utf8(line.clone()).unwrap();
        assert!(written.starts_with(text), "{written}");
        assert_eq!(read(&line).unwrap(), ArchiveLine::Result(result, at()));
    }
    let older =
        r#"{"sent":{"id":"m","new":"n","to":"arn","dedup":null},"at":"2026-11-30T04:05:06.789Z"}"#;
    let read = read(format!("{older}\n").as_bytes()).unwrap();
    assert!(matches!(read, ArchiveLine::Result(MoveResult::Sent { by: None, .. }, _)), "{read:?}");
}

#[test]
fn foreign_lines_are_errors() {
    let message = String::from_utf8(message_line(&message("x"), None, at()).unwrap()).unwrap();
    let both = message.trim_end().replace(",\"at\"", ",\"deleted\":{\"id\":\"m\"},\"at\"");
    let rows = [
        "",
        "{}",
        "[]",
        "{\"at\":\"2026-11-30T04:05:06Z\"}",
        "{\"deleted\":{\"id\":\"m\"}}",
        "{\"deleted\":{},\"at\":\"2026-11-30T04:05:06Z\"}",
        "{\"eaten\":{\"id\":\"m\"},\"at\":\"2026-11-30T04:05:06Z\"}",
        &both,
        &message.replace("\"base64\":", "\"text\":\"x\",\"base64\":"),
        &message.replace("\"base64\":\"", "\"base64\":\"*"),
        &message.replace("\"body\"", "\"bodies\""),
    ];
    for row in rows {
        assert!(read(row.as_bytes()).is_err(), "{row}");
    }
    let head = String::from_utf8(head_line(&head())).unwrap();
    let error = |text: &str| read_line(text.trim_end().as_bytes(), true).unwrap_err();
    assert_eq!(
        error(&head.replace("\"archive\":1", "\"archive\":2")),
        "its version is 2, this program knows 1"
    );
    assert!(!error(&message).is_empty());
    assert!(read(head.as_bytes()).is_err());
}

#[test]
fn file_names_are_harmless() {
    let id = "0a1b2c3d-0000-8000-8000-000000000000";
    let rows = [
        ("orders-dlq.fifo", "orders-dlq.fifo.20261130T040506Z.0a1b2c3d.ndjson"),
        ("../../etc/passwd", "_./.._etc_passwd.20261130T040506Z.0a1b2c3d.ndjson"),
        ("", "_.20261130T040506Z.0a1b2c3d.ndjson"),
        ("a b\n\u{202e}$(x)", "a_b____x_.20261130T040506Z.0a1b2c3d.ndjson"),
    ];
    for (queue, expected) in rows {
        assert_eq!(file_name(queue, id, at()), expected.replace("./..", "._.."), "{queue:?}");
    }
    assert!(file_name(&"x".repeat(500), id, at()).len() < 128);
}

#[test]
fn size_is_limited_with_the_next_batch() {
    for (used, batch, max, fits) in
        [(0, 10, 10, true), (1, 10, 10, false), (u64::MAX, 1, u64::MAX, true), (10, 0, 10, true)]
    {
        assert_eq!(judge_size(used, batch, max).is_ok(), fits, "{used} {batch} {max}");
    }
    let error = judge_size(5 << 30, 1, 5 << 30).unwrap_err();
    assert!(error.starts_with("the archives have 5.0 GiB, and 'state.archive_max_gib' allows 5;"));
}

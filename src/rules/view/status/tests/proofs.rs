//! Sessions: what their end and later runs of their tests tell of the verdict, and which are shown.

use super::*;

#[test]
fn proof_after_the_end_keeps_what_the_end_told() {
    let line = |kind: &str, data: serde_json::Value| {
        serde_json::json!({"specversion": "1.0", "id": kind, "source": "s", "type": kind,
                           "time": at(NOW), "data": data})
        .to_string()
    };
    let proof = |grade: &str| {
        serde_json::json!({"base": "b", "grade": grade, "detail": "seen", "on_base": null,
                           "with_tests": null, "with_patch": null})
    };
    let verdict = serde_json::json!({"status": "likely", "title": "t", "needs_person": "denied"});
    let end = |proof| {
        let data = serde_json::json!({"verdict": verdict, "cost_usd": 2, "report": "/r",
                                      "patch_held": "CI", "proof": proof});
        line("investigation.completed", data)
    };
    let again = |grade| line("investigation.proven", serde_json::json!({"proof": proof(grade)}));
    let started = line("investigation.started", serde_json::json!({}));
    let grade = |one: &LastEvent| one.proof.as_ref().map(|proof| proof.grade.clone());
    let rows = [
        (vec![started.clone(), end(serde_json::Value::Null)], None),
        (vec![end(proof("unproven"))], Some("unproven")),
        (vec![end(proof("unproven")), again("unknown"), again("proven")], Some("proven")),
    ];
    for (lines, expected) in rows {
        let read = LastEvent::from_lines(format!("{}\n", lines.join("\n")).as_bytes()).unwrap();
        let facts =
            [&read.verdict, &read.title, &read.needs_person, &read.patch_held, &read.report];
        let facts = facts.map(Option::as_deref);
        assert_eq!(facts, [Some("likely"), Some("t"), Some("denied"), Some("CI"), Some("/r")]);
        assert_eq!(read.ended, Some(SessionStatus::Completed));
        assert_eq!(grade(&read).as_deref(), expected, "{lines:?}");
    }
    let running = [end(proof("proven")), started].join("\n");
    assert_eq!(LastEvent::from_lines(running.as_bytes()), Some(LastEvent::default()));
    assert_eq!(LastEvent::from_lines(b""), None);
    let alone = LastEvent::from_lines(again("proven").as_bytes()).unwrap();
    assert_eq!((grade(&alone).as_deref(), alone.ended), (Some("proven"), None));
}

#[test]
fn need_of_a_person_and_proof_are_shown() {
    let (mut documents, mut seen) = documents();
    let base = "9f2c1d7a81f7b1c60f5e1d4c9a0b1c2d3e4f5a6b";
    let proof = |grade: &str, detail: &str| crate::event::FixProof {
        base: base.into(),
        grade: grade.into(),
        detail: detail.into(),
        on_base: None,
        with_tests: None,
        with_patch: None,
    };
    let probe = seen.get_mut("eeeeeeee-4444").unwrap();
    probe.last_event.needs_person = Some("3 calls of tools were \u{1b}[2J denied".into());
    probe.last_event.proof = Some(proof("unproven", "no test sees the fix"));
    probe.last_event.patch_held = Some("it changes CI".into());
    let shown = |documents: &StateDocuments| {
        let view = view(documents, &seen, &limits(), "/state", at(NOW));
        (table(&view, style(100)), serde_json::to_value(&view).unwrap())
    };
    let (text, json) = shown(&documents);
    for line in [
        "    session eeeeeeee: completed, needs a person\n",
        "    needs a person: 3 calls of tools were \\u{1b}[2J denied\n",
        "    fix not proven: no test sees the fix\n",
        "    patch not offered: it changes CI\n",
    ] {
        assert!(text.contains(line), "{line}in:\n{text}");
    }
    let row = &json["sessions"][3];
    assert_eq!(row["proof"]["grade"], "unproven");
    assert_eq!(row["patch_held"], "it changes CI");
    let incident = json["incidents"].as_array().unwrap().iter().find(|one| one["incident"] == "d");
    let why = &incident.unwrap()["investigation"]["needs_person"];
    assert_eq!(why, &row["needs_person"]);
    assert!(why.as_str().unwrap().starts_with("3 calls"));
    // The record has the newest proof.
    let recorded = |number, result| crate::rules::investigation::proof::SessionProof {
        number,
        reason: crate::rules::investigation::proof::ProofReason::Person,
        base: base.into(),
        begun_at: at(NOW),
        ended_at: Some(at(NOW)),
        result,
    };
    let sessions = &mut documents.sessions.as_mut().unwrap().sessions;
    sessions[0].proofs =
        vec![recorded(1, Some(proof("proven", "a test fails without it"))), recorded(2, None)];
    let (text, _) = shown(&documents);
    assert!(text.contains("    fix proven: a test fails without it\n"), "{text}");
}

#[test]
fn sessions_that_have_not_ended_are_shown_however_old_they_are() {
    let (mut documents, seen) = documents();
    let sessions = &mut documents.sessions.as_mut().unwrap().sessions;
    *sessions = vec![session("00000000-running", "r", "orders-dlq", "running")];
    sessions.extend((1..30).map(|n| session(&format!("{n:08}-ended"), "w", "a-dlq", "failed")));
    let text = table(&view(&documents, &seen, &limits(), "/state", at(NOW)), style(80));
    for (id, is_shown) in
        [("00000029", true), ("00000010", true), ("00000009", false), ("00000000", true)]
    {
        assert_eq!(text.contains(&format!("\n  {id}  ")), is_shown, "{id}: {text}");
    }
    assert!(text.contains("and 9 older; --json has all"), "{text}");
}

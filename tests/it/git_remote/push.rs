//! What is pushed, onto which base, and whose commits stay.

use std::sync::Barrier;

use super::*;

#[test]
fn branch_holds_exactly_the_patch() {
    for object_format in ["sha1", "sha256"] {
        let site = Site::with_format("push-exactly", object_format);
        site.upstream.write("src/new file.py", "new\n");
        site.upstream.write("src/app.py", "one\n");
        std::fs::remove_file(site.bench.path("clone/src/other.py")).unwrap();
        let patch = site.upstream.patch();
        let client = site.client("client");
        let base = client.fetch(&site.access(), "main", &site.tip()).unwrap();
        assert_eq!(base, FetchedBase { tip: site.tip(), proven: site.tip() });
        let candidate = client.candidate(&base, &patch, MESSAGE, WHO).unwrap();
        let (commit, difference) = committed(candidate);
        let files = difference.files.iter().map(|file| {
            let texts = [&file.before, &file.after].map(|text| text.clone().unwrap());
            (file.change.path.as_str(), file.lines, texts)
        });
        let ten = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
        let expected = [
            ("src/app.py", Some(9), [ten.to_owned(), "one\n".to_owned()]),
            ("src/new file.py", Some(1), [String::new(), "new\n".to_owned()]),
            ("src/other.py", Some(1), ["other\n".to_owned(), String::new()]),
        ];
        assert_eq!(files.collect::<Vec<_>>(), expected);
        assert_eq!(difference.patch_bytes, patch.len() as u64);

        let pushed = client.push(&site.access(), &commit, BRANCH, None);
        assert_eq!(pushed, Ok(PushOutcome::Pushed), "{object_format}");
        assert_eq!(site.head(), Some(commit.clone()));
        let raw = site.upstream.server(&["cat-file", "commit", &commit]);
        let who = "dlq-tools <dlq@example.com> 1700000000 +0000";
        let (tip, message) = (site.tip(), MESSAGE.trim_end());
        let expected = format!("parent {tip}\nauthor {who}\ncommitter {who}\n\n{message}");
        assert_eq!(raw.split_once('\n').unwrap().1, expected);
        let argv = ["diff", "--binary", "--full-index", &site.tip(), &commit];
        assert_eq!(format!("{}\n", site.upstream.server(&argv)).into_bytes(), patch);
        site.upstream.server(&["fsck", "--strict"]);

        // The same again, on another machine: the same commit.
        let second = site.client("second");
        assert_eq!(prepared(&site, &second, &patch, WHO.seconds), commit);
        let pushed = second.push(&site.access(), &commit, BRANCH, None);
        assert_eq!(pushed, Ok(PushOutcome::AlreadyThere));
        let listed = second.ls_remote(&site.access(), &format!("refs/heads/{BRANCH}"));
        assert_eq!(listed, Ok(Some(commit)));
        drop((client, second));
        assert!(!site.bench.path("client").exists() && !site.bench.path("second").exists());
    }
}

/// A folder needs no token and no server.
#[test]
fn folder_is_a_remote_for_tests() {
    let site = Site::new("push-folder");
    let url = format!("file://{}", site.upstream.bare().display());
    let url = RemoteUrl::new(&url, UrlScheme::File).unwrap();
    let access = RemoteAccess { url: &url, token: None, ..site.access() };
    let (proven, fix) = (site.tip(), site.fix());
    site.upstream.write("later.txt", "later\n");
    let tip = site.upstream.commit("later");
    let client = site.client("client");
    let base = client.fetch(&access, "main", &proven).unwrap();
    assert_eq!(base, FetchedBase { tip, proven });
    let (commit, _) = committed(client.candidate(&base, &fix, MESSAGE, WHO).unwrap());
    assert_eq!(client.push(&access, &commit, BRANCH, None), Ok(PushOutcome::Pushed));
    assert_eq!(site.head(), Some(commit));
    assert!(site.backend.seen.lock().unwrap().is_empty());
}

#[test]
fn reference_is_that_of_the_whole_name() {
    let site = Site::new("push-listed");
    let client = site.client("client");
    site.upstream.server(&["branch", "x/refs/heads/y", "main"]);
    let list = |name: &str| client.ls_remote(&site.access(), name).unwrap();
    assert_eq!(list("refs/heads/y"), None);
    assert_eq!(list("refs/heads/main"), Some(site.tip()));
    for name in ["main", "refs/heads/*", "refs/heads/a:b", "--upload-pack=x", "refs/heads/a..b"] {
        assert!(client.ls_remote(&site.access(), name).is_err(), "{name}");
    }
}

/// A patch was proven on the first commit; the table says what happened to the branch since.
#[test]
fn patch_is_used_on_a_newer_base_only_where_its_files_are_untouched() {
    type Change = fn(&Upstream);
    const FIXED: &str = "one\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\nten\n";
    const FIXED_AND_MORE: &str = "ONE\ntwo\nthree\nfour\nFIVE\nsix\nseven\neight\nnine\nten\n";
    const MORE: &str = "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n";
    const NEAR: &str = "one\ntwo\nthree\nfour\nfifth\nsix\nseven\neight\nnine\nten\n";
    let moved = |paths: &[&str]| {
        Some(Candidate::FilesMoved { paths: paths.iter().map(|&path| path.into()).collect() })
    };
    let both = ["src/app.py", "src/new.py"];
    let rows: [(&str, Change, Option<Candidate>); 9] = [
        ("another file", |up| up.write("src/other.py", "changed\n"), None),
        ("nothing but a commit", |_| {}, None),
        (
            "the same change",
            |up| {
                up.write("src/app.py", FIXED);
                up.write("src/new.py", "new\n");
            },
            Some(Candidate::AlreadyApplied),
        ),
        (
            "the same change and another in the file",
            |up| {
                up.write("src/app.py", FIXED_AND_MORE);
                up.write("src/new.py", "new\n");
            },
            Some(Candidate::AlreadyApplied),
        ),
        ("a part of the change", |up| up.write("src/app.py", FIXED), moved(&both[..1])),
        ("another line of the file", |up| up.write("src/app.py", MORE), moved(&both[..1])),
        ("the same line", |up| up.write("src/app.py", NEAR), moved(&both[..1])),
        ("the new file is there", |up| up.write("src/new.py", "other\n"), moved(&both[1..])),
        (
            "the folder of the files is a file",
            |up| {
                up.git("clone", &["rm", "-r", "--quiet", "src"]);
                up.write("src", "a file\n");
            },
            moved(&both[..1]),
        ),
    ];
    for (rule, change, expected) in rows {
        let site = Site::new("push-moved");
        let proven = site.tip();
        site.upstream.write("src/app.py", FIXED);
        site.upstream.write("src/new.py", "new\n");
        let patch = site.upstream.patch();
        change(&site.upstream);
        let tip = site.upstream.commit("moved");
        let client = site.client("client");
        let base = client.fetch(&site.access(), "main", &proven).unwrap();
        assert_eq!(base, FetchedBase { tip: tip.clone(), proven: proven.clone() }, "{rule}");
        let candidate = client.candidate(&base, &patch, MESSAGE, WHO).unwrap();
        if expected.is_some() {
            assert_eq!(Some(candidate), expected, "{rule}");
            continue;
        }
        let (commit, _) = committed(candidate);
        // The branch goes on meanwhile: only what the server lacks is sent.
        site.upstream.write("src/later.py", "later\n");
        site.upstream.commit("later");
        let pushed = client.push(&site.access(), &commit, BRANCH, None);
        assert_eq!(pushed, Ok(PushOutcome::Pushed), "{rule}");
        let argv = ["diff", "--binary", "--full-index", &tip, &commit];
        assert_eq!(format!("{}\n", site.upstream.server(&argv)).into_bytes(), patch, "{rule}");
        assert_eq!(site.upstream.server(&["rev-list", "--count", &commit]), "3");
        site.upstream.server(&["fsck", "--strict"]);
    }
}

#[test]
fn patch_that_fits_nothing_or_changes_nothing_is_no_commit() {
    let site = Site::new("push-unfit");
    let client = site.client("client");
    let base = client.fetch(&site.access(), "main", &site.tip()).unwrap();
    let fix = String::from_utf8(site.fix()).unwrap();
    let rows = [
        ("other context", fix.replace(" four\n", " 4\n")),
        ("a file that is not there", fix.replace("src/app.py", "src/none.py")),
        ("a file outside", fix.replace("src/app.py", "../app.py")),
        ("the settings of git", fix.replace("src/app.py", ".git/config")),
        ("no patch", "hello\n".to_owned()),
        ("an empty patch", String::new()),
        ("a cut patch", fix[..fix.len() - 20].to_owned()),
    ];
    for (rule, patch) in rows {
        let found = client.candidate(&base, patch.as_bytes(), MESSAGE, WHO).unwrap();
        assert!(matches!(found, Candidate::DoesNotApply { .. }), "{rule}: {found:?}");
    }
}

#[test]
fn commits_of_a_person_are_never_overwritten() {
    let site = Site::new("push-person");
    let client = site.client("client");
    let fix = site.fix();
    let ours = prepared(&site, &client, &fix, 1);
    assert_eq!(client.push(&site.access(), &ours, BRANCH, None), Ok(PushOutcome::Pushed));
    // A later push replaces the commit that was recorded.
    let newer = prepared(&site, &client, &fix, 2);
    let pushed = client.push(&site.access(), &newer, BRANCH, Some(&ours));
    assert_eq!(pushed, Ok(PushOutcome::Pushed));
    assert_eq!(site.head(), Some(newer.clone()));
    // A person adds a commit.
    site.upstream.git("clone", &["fetch", "--quiet", "origin", BRANCH]);
    site.upstream.git("clone", &["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    site.upstream.write("src/theirs.py", "mine\n");
    let theirs = site.upstream.commit_to(BRANCH, "a person's");
    let newest = prepared(&site, &client, &fix, 3);
    for expected in [Some(newer.as_str()), Some(&ours), None] {
        let pushed = client.push(&site.access(), &newest, BRANCH, expected);
        assert_eq!(pushed, Ok(PushOutcome::LeaseLost { actual: Some(theirs.clone()) }));
        assert_eq!(site.head(), Some(theirs.clone()));
    }
    // A branch that was deleted is not made again.
    site.upstream.server(&["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
    let pushed = client.push(&site.access(), &newest, BRANCH, Some(&theirs));
    assert_eq!(pushed, Ok(PushOutcome::LeaseLost { actual: None }));
    assert_eq!(site.head(), None);
}

/// A hook lets no push end before both have seen that there is no branch.
#[test]
fn branch_is_made_by_one_of_two_machines() {
    let site = Site::new("push-race");
    let marks = site.bench.path("marks");
    std::fs::create_dir_all(&marks).unwrap();
    let marks = marks.display();
    site.upstream.hook(
        "pre-receive",
        &format!(
            "touch '{marks}'/$$; n=0; while [ $(ls '{marks}' | wc -l) -lt 2 ] && [ $n -lt 600 ]; \
             do sleep 0.1; n=$((n + 1)); done"
        ),
    );
    let fix = site.fix();
    let barrier = Barrier::new(2);
    let one = |name: &str, seconds: i64| {
        let client = site.client(name);
        let commit = prepared(&site, &client, &fix, seconds);
        barrier.wait();
        let pushed = client.push(&site.access(), &commit, BRANCH, None).unwrap();
        (commit, pushed)
    };
    let both = std::thread::scope(|scope| {
        let threads = [("one", 1), ("two", 2)].map(|(name, n)| scope.spawn(move || one(name, n)));
        threads.map(|thread| thread.join().unwrap())
    });
    let (won, lost): (Vec<_>, Vec<_>) =
        both.iter().partition(|(_, outcome)| *outcome == PushOutcome::Pushed);
    assert_eq!((won.len(), lost.len()), (1, 1), "{both:?}");
    assert_eq!(lost[0].1, PushOutcome::LeaseLost { actual: Some(won[0].0.clone()) });
    assert_eq!(site.head().as_ref(), Some(&won[0].0));
    assert_eq!(site.upstream.server(&["for-each-ref", "refs/heads/dlq"]).lines().count(), 1);
}

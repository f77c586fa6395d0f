//! Worktrees that an agent has damaged or turned against the tool.

use super::*;

impl Bench {
    /// Something that is not ours, and that has to stay.
    fn outside(&self) -> PathBuf {
        self.write("outside/keep", "x");
        self.git(".", &["init", "--quiet", "outside"]);
        self.path("outside")
    }
}

#[test]
fn damaged_worktree_is_removed_and_other_files_stay() {
    type Make = fn(&Bench, &Path);
    let rows: [(&str, Make); 10] = [
        ("no-link", |_, _| {}),
        ("garbage", |_, tree| std::fs::write(tree.join(".git"), "x").unwrap()),
        ("empty", |_, tree| std::fs::create_dir(tree.join(".git")).unwrap()),
        ("repository", |bench, _| drop(bench.git("state/s/tree", &["init", "--quiet"]))),
        ("elsewhere", |bench, tree| {
            let to = format!("gitdir: {}\n", bench.path("outside/.git").display());
            std::fs::write(tree.join(".git"), to).unwrap();
        }),
        ("link", |bench, tree| symlink(bench.path("outside/.git"), tree.join(".git")).unwrap()),
        ("links", |bench, tree| {
            std::fs::create_dir(tree.join("build")).unwrap();
            symlink(bench.path("outside"), tree.join("build/out")).unwrap();
            std::fs::create_dir(tree.join(".git")).unwrap();
            symlink(bench.path("outside"), tree.join(".git/out")).unwrap();
        }),
        ("gone", |_, tree| std::fs::remove_dir_all(tree).unwrap()),
        ("a-file", |_, tree| {
            std::fs::remove_dir_all(tree).unwrap();
            std::fs::write(tree, "x").unwrap();
        }),
        ("a-link", |bench, tree| {
            std::fs::remove_dir_all(tree).unwrap();
            symlink(bench.path("outside"), tree).unwrap();
        }),
    ];
    for (rule, make) in rows {
        for how in ["discard", "discard_old", "remove_unchanged"] {
            let bench = Bench::new(&format!("made-{rule}-{how}"));
            let (repo, workspace) = (bench.path("repo"), bench.open("s"));
            let (tree, outside) = (workspace.folder.clone(), bench.outside());
            std::fs::remove_file(tree.join(".git")).unwrap();
            make(&bench, &tree);
            let done = match how {
                "discard" => workspace.discard(),
                "discard_old" => discard_old(&repo, &tree),
                _ => remove_unchanged(&repo, &tree),
            };
            assert_eq!(done, Ok(()), "{rule}, {how}");
            assert!(tree.symlink_metadata().is_err(), "{rule}, {how}");
            assert_eq!(std::fs::read_dir(bench.path("state/s")).unwrap().count(), 0, "{rule}");
            assert_eq!(bench.git("repo", &["worktree", "list"]).lines().count(), 1, "{rule}");
            assert_eq!(bench.branches(), "", "{rule}, {how}");
            assert!(outside.join("keep").is_file(), "{rule}, {how}");
            assert!(outside.join(".git/HEAD").is_file(), "{rule}, {how}");
        }
    }
}

#[test]
fn worktree_replaced_by_link_is_not_followed() {
    let bench = Bench::new("linked");
    let workspace = bench.open("s");
    let (tree, outside) = (workspace.folder.clone(), bench.outside());
    std::fs::remove_dir_all(&tree).unwrap();
    symlink(&outside, &tree).unwrap();
    let error = workspace.changes().unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot compare '{}': it was replaced by a symbolic link", tree.display())
    );
    let error = Worktree::reopen(&bench.path("repo"), &tree).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot open '{}': it was replaced by a symbolic link", tree.display())
    );
    assert_eq!(workspace.close(), Ok(true));
    assert!(outside.join("keep").is_file());
}

#[test]
fn citable_commits_are_the_base_and_its_ancestors() {
    let bench = Bench::new("commits-cited");
    let first = bench.git("repo", &["rev-parse", "HEAD"]);
    bench.write("repo/more", "");
    let second = bench.commit("repo", "second");
    bench.git("repo", &["switch", "--quiet", "--create", "other", &first]);
    bench.write("repo/other", "");
    let other = bench.commit("repo", "other");
    let workspace = bench.open_at(Some("main"), "s").unwrap();
    bench.write("state/s/tree/mine", "");
    let mine = bench.commit("state/s/tree", "the cause, as the agent would have it");
    for (rule, hash, there) in [
        ("the base", &second, true),
        ("before it", &first, true),
        ("of another branch", &other, false),
        ("of the session", &mine, false),
    ] {
        assert_eq!(workspace.commit(hash).unwrap().is_some(), there, "{rule}");
        assert_eq!(workspace.commit(&hash[..7]).unwrap().is_some(), there, "{rule}");
    }
}

/// Gits to come run what `hook.NAME.command` says, wherever the folder of the hooks is.
#[test]
fn hooks_from_settings_are_disabled_for_every_write() {
    let bench = Bench::new("settings");
    let repo = bench.path("repo");
    for (key, value) in [("command", "false"), ("event", "reference-transaction")] {
        bench.git("repo", &["config", &format!("hook.a.b.{key}"), value]);
    }
    let base = bench.git("repo", &["rev-parse", "HEAD"]);
    let mut repository = GitRepository::find(&repo).unwrap();
    repository.git = repository.git.with("GIT_TRACE2", bench.path("trace").into_os_string());
    repository.git = repository.git.with("GIT_TRACE2_CONFIG_PARAMS", "hook.*.enabled");
    let (folder, trace) = (bench.path("state"), bench.path("trace"));
    let branch = repository.create_branch("dlq/a", &base).unwrap();
    repository.add_worktree(&folder, &[&branch]).unwrap();
    repository.remove_worktree(&folder).unwrap();
    repository.delete_branch(&branch, &base).unwrap();
    assert_eq!(bench.branches(), "");
    let trace = std::fs::read_to_string(trace).unwrap();
    let mut written = 0;
    for run in trace
        .split(" version ")
        .filter(|run| run.contains("cmd_name update-ref") || run.contains("cmd_name worktree"))
    {
        written += 1;
        assert!(run.contains("hook.a.b.enabled=false"), "{run}");
    }
    assert_eq!(written, 4);
}

#[test]
fn changes_are_found_despite_index_and_settings_of_agent() {
    let bench = Bench::new("hidden");
    bench.write("repo/other/file", "x");
    let head = bench.commit("repo", "other");
    let gitlink = format!("160000,{head},src");
    let rows: [(&str, &[&[&str]]); 8] = [
        ("skip", &[&["update-index", "--skip-worktree", "src/app.py"]]),
        ("assume", &[&["update-index", "--assume-unchanged", "src/app.py"]]),
        ("sparse", &[&["sparse-checkout", "set", "other"]]),
        (
            "sparse and said to be there",
            &[
                &["sparse-checkout", "set", "other"],
                &["config", "sparse.expectFilesOutsideOfPatterns", "true"],
            ],
        ),
        (
            "a submodule in its place",
            &[
                &["rm", "-r", "--cached", "--quiet", "src"],
                &["update-index", "--add", "--cacheinfo", &gitlink],
            ],
        ),
        ("times that do not count", &[&["config", "core.checkStat", "minimal"]]),
        ("bits by default", &[&["config", "core.ignoreStat", "true"]]),
        ("not there", &[&["rm", "-r", "--cached", "--quiet", "."]]),
    ];
    for (n, (rule, calls)) in rows.into_iter().enumerate() {
        let workspace = bench.open(&n.to_string());
        let tree = format!("state/{n}/tree");
        for argv in calls {
            bench.git(&tree, argv);
        }
        assert_eq!(workspace.is_unchanged(), Ok(true), "{rule}");
        bench.write(&format!("{tree}/src/app.py"), "evil\n");
        let changes = workspace.changes().unwrap();
        assert_eq!(
            (changes.files.as_slice(), changes.truncated),
            (&["src/app.py".into()][..], false),
            "{rule}"
        );
        assert!(String::from_utf8_lossy(&changes.patch).contains("+evil"), "{rule}");
        assert_eq!(workspace.close(), Ok(false), "{rule}");
        for key in ["sparse.expectFilesOutsideOfPatterns", "core.checkStat", "core.ignoreStat"] {
            bench.git("repo", &["config", key, ""]);
            bench.git("repo", &["config", "--unset-all", key]);
        }
    }
}

#[test]
fn modes_links_and_deletions_are_changes() {
    let bench = Bench::new("modes");
    bench.script("repo/run", "true");
    bench.write("repo/gone", "x");
    bench.write("repo/becomes/a/file", "x");
    symlink("src/app.py", bench.path("repo/link")).unwrap();
    bench.commit("repo", "modes");
    let workspace = bench.open("s");
    assert_eq!(workspace.is_unchanged(), Ok(true));
    let tree = &workspace.folder;
    std::fs::set_permissions(tree.join("run"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::remove_file(tree.join("gone")).unwrap();
    std::fs::remove_dir_all(tree.join("becomes/a")).unwrap();
    std::fs::write(tree.join("becomes/a"), "x").unwrap();
    std::fs::remove_file(tree.join("link")).unwrap();
    std::fs::write(tree.join("link"), "src/app.py").unwrap();
    let changes = workspace.changes().unwrap();
    assert_eq!(changes.files, ["becomes/a", "becomes/a/file", "gone", "link", "run"]);
    assert!(!changes.truncated);
}

#[test]
fn line_end_conversion_by_checkout_is_no_change() {
    let bench = Bench::new("ends");
    // Committed before there were attributes: git would now write them in another way.
    bench.write("repo/old.txt", "one\r\ntwo\r\n");
    bench.write("repo/mixed.bat", "one\r\ntwo\n");
    bench.write("repo/id.c", "$Id: somebody's $\n");
    bench.write("repo/new.txt", "one\ntwo\n");
    bench.write("repo/auto.csv", "one\r\ntwo\r\n");
    bench.commit("repo", "old");
    let attributes = "*.txt text\n*.bat text eol=crlf\n*.c ident\n*.csv text=auto\n";
    bench.write("repo/.gitattributes", attributes);
    bench.git("repo", &["add", ".gitattributes"]);
    bench.git("repo", &["commit", "--quiet", "--message", "attributes"]);
    for ends in ["false", "true", "input"] {
        bench.git("repo", &["config", "core.autocrlf", ends]);
        let workspace = bench.open(ends);
        let file = |name: &str| workspace.folder.join(name);
        assert_eq!(workspace.changes(), Ok(Changes::default()), "{ends}");
        // An editor that writes the same again.
        for name in ["old.txt", "mixed.bat", "id.c", "new.txt", "auto.csv"] {
            std::fs::write(file(name), std::fs::read(file(name)).unwrap()).unwrap();
        }
        assert_eq!(workspace.changes(), Ok(Changes::default()), "{ends}");
        std::fs::write(file("old.txt"), "one\r\n2\r\n").unwrap();
        std::fs::set_permissions(file("id.c"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(workspace.changes().unwrap().files, ["id.c", "old.txt"], "{ends}");
        workspace.discard().unwrap();
    }
}

#[test]
fn nested_repository_is_listed_or_sets_truncated() {
    let bench = Bench::new("embedded");
    let head = bench.git("repo", &["rev-parse", "HEAD"]);
    bench.git("repo", &["update-index", "--add", "--cacheinfo", &format!("160000,{head},sub")]);
    bench.git("repo", &["commit", "--quiet", "--message", "submodule"]);
    type Make = fn(&Bench, &Path);
    let rows: [(&str, Make, bool, &[&str]); 8] = [
        ("untouched", |_, _| {}, false, &[]),
        (
            "of no commit",
            |bench, _| {
                bench.git("state/s/tree", &["init", "--quiet", "new"]);
                bench.write("state/s/tree/new/x.py", "evil");
            },
            true,
            &[],
        ),
        (
            "of a commit",
            |bench, _| {
                bench.git("state/s/tree", &["init", "--quiet", "new"]);
                bench.write("state/s/tree/new/x.py", "evil");
                bench.commit("state/s/tree/new", "evil");
            },
            true,
            &["new"],
        ),
        (
            "that is said to be ignored",
            |bench, _| {
                bench.git("state/s/tree", &["init", "--quiet", "new"]);
                bench.write("state/s/tree/new/x.py", "evil");
                bench.commit("state/s/tree/new", "evil");
                let ignore = "[submodule \"new\"]\n\tpath = new\n\tignore = all\n";
                bench.write("state/s/tree/.gitmodules", ignore);
            },
            true,
            &[".gitmodules", "new"],
        ),
        (
            "in the index only",
            |bench, tree| {
                let head = bench.git("repo", &["rev-parse", "HEAD"]);
                let entry = format!("160000,{head},lib");
                bench.git("state/s/tree", &["update-index", "--add", "--cacheinfo", &entry]);
                std::fs::create_dir(tree.join("lib")).unwrap();
                std::fs::write(tree.join("lib/x.py"), "evil").unwrap();
            },
            false,
            &["lib/x.py"],
        ),
        ("filled", |bench, _| bench.write("state/s/tree/sub/x.py", "evil"), true, &[]),
        ("gone", |_, tree| std::fs::remove_dir(tree.join("sub")).unwrap(), true, &["sub"]),
        (
            "a link",
            |bench, tree| {
                std::fs::remove_dir(tree.join("sub")).unwrap();
                symlink(bench.outside(), tree.join("sub")).unwrap();
            },
            true,
            &["sub"],
        ),
    ];
    for (rule, make, truncated, files) in rows {
        let workspace = bench.open("s");
        make(&bench, &workspace.folder);
        let changes = workspace.changes().unwrap();
        assert_eq!(
            (changes.truncated, changes.files),
            (truncated, files.iter().map(|file| (*file).to_owned()).collect()),
            "{rule}"
        );
        assert_eq!(workspace.is_unchanged(), Ok(rule == "untouched"), "{rule}");
        workspace.discard().unwrap();
    }
}

/// Attributes could have a patch show a text as binary, which no reviewer and no check reads.
#[test]
fn patch_shows_text_whatever_attributes_say() {
    let bench = Bench::new("attributes");
    let workspace = bench.open("s");
    bench.write("state/s/tree/.gitattributes", "* -diff\n*.py binary\n");
    bench.write("state/s/tree/src/app.py", "changed\n");
    std::fs::write(bench.path("state/s/tree/picture"), [0, 1, 2]).unwrap();
    let patch = workspace.changes().unwrap().patch;
    let patch = String::from_utf8_lossy(&patch);
    assert!(patch.contains("\n+changed\n"), "{patch}");
    assert_eq!(patch.matches("GIT binary patch").count(), 1, "the picture: {patch}");
}

/// Git would open the names of its own files in each folder, and wait for a writer.
#[cfg(target_os = "linux")]
#[test]
fn fifo_in_the_place_of_gits_files_makes_nothing_wait() {
    let begun = crate::clock::tick();
    for name in [".gitattributes", "src/.gitignore"] {
        let bench = Bench::new("fifo");
        let workspace = bench.open("s");
        let path = workspace.folder.join(name);
        let _ = std::fs::remove_file(&path);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let why = workspace.changes().unwrap_err().to_string();
        assert!(why.contains(&format!("'{name}' is no file")), "{why}");
        let base = workspace.base().to_owned();
        assert!(workspace.commit_diff(&base).unwrap().contains(&base), "{name}");
        assert!(!workspace.history().unwrap().is_empty(), "{name}");
        assert_eq!(workspace.commits().unwrap()[0].hash, base, "{name}");
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

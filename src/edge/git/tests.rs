use super::*;

mod hostile;
mod trials;

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// A folder with a repository `repo` in it, and folders for what is made of it.
struct Bench(PathBuf);

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Bench {
    fn empty(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("dlq-git-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let bench = Bench(dir.canonicalize().unwrap());
        bench.git(".", &["init", "--quiet", "--initial-branch=main", "repo"]);
        bench
    }

    fn new(name: &str) -> Self {
        let bench = Bench::empty(name);
        bench.write("repo/src/app.py", "one\ntwo\nthree\n");
        bench.write("repo/.gitignore", "build/\n");
        bench.commit("repo", "first");
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn script(&self, path: &str, script: &str) {
        self.write(path, &format!("#!/bin/sh\n{script}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(path), mode).unwrap();
    }

    /// Returns the output of a user's git, with a name for commits and without the settings of
    /// this machine.
    fn git(&self, folder: &str, argv: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // The user may be another than the owner, where a test says so.
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_COUNT", "1");
        command.env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A").env(format!("GIT_{who}_EMAIL"), "a@b");
        }
        let output = command.arg("-C").arg(self.path(folder)).args(argv).output().unwrap();
        assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn commit(&self, folder: &str, message: &str) -> String {
        self.git(folder, &["add", "--all"]);
        self.git(folder, &["commit", "--quiet", "--message", message]);
        self.git(folder, &["rev-parse", "HEAD"])
    }

    fn open(&self, session: &str) -> Worktree {
        self.open_at(None, session).unwrap()
    }

    fn open_at(&self, base: Option<&str>, session: &str) -> Result<Worktree, Error> {
        let folder = self.path(&format!("state/{session}/tree"));
        let repo = self.path("repo");
        let workspace = Worktree::open(&repo, base, "dlq/orders-dlq/01234567", &folder)?;
        self.write(&format!("state/{session}/tree/.dlq/.gitignore"), "*\n");
        Ok(workspace)
    }

    /// Every file of the user's checkout and of its repository, but for what a workspace may add;
    /// with its time, but for objects, whose time git renews when it needs them again.
    fn checkout(&self) -> BTreeMap<PathBuf, (Vec<u8>, Option<std::time::SystemTime>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path("repo")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let text = path.to_str().unwrap();
                if text.contains("heads/dlq") || text.ends_with(".git/worktrees") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let time = path.metadata().unwrap().modified().ok();
                    let time = time.filter(|_| !text.contains(".git/objects"));
                    found.insert(path.clone(), (std::fs::read(&path).unwrap(), time));
                }
            }
        }
        found
    }

    fn branches(&self) -> String {
        self.git("repo", &["for-each-ref", "--format=%(refname:short)", "refs/heads/dlq"])
    }
}

#[test]
fn branch_name_of_any_queue_is_valid_for_git() {
    let bench = Bench::new("names");
    let long = "q".repeat(300);
    let names =
        ["orders-dlq", "a.fifo", "a.lock", "..", "-x", "@{", "a b~^:?*[\\", "größe", "", &long];
    for queue in names {
        let name = branch(queue, Some("0123456789abcdef"), "s");
        bench.git("repo", &["check-ref-format", "--branch", &name]);
        let folder = bench.path(&format!("state/{}/tree", name.len()));
        let workspace = Worktree::open(&bench.path("repo"), None, &name, &folder).unwrap();
        assert_eq!(workspace.close(), Ok(true), "{queue}");
    }
    assert_eq!(bench.branches(), "");
}

#[test]
fn dirty_checkout_stays_unchanged() {
    let bench = Bench::new("dirty");
    bench.write("repo/src/app.py", "stashed\n");
    bench.git("repo", &["stash"]);
    bench.write("repo/src/app.py", "staged\n");
    bench.git("repo", &["add", "src/app.py"]);
    bench.write("repo/src/app.py", "not staged\n");
    bench.write("repo/untracked", "x");
    bench.write("repo/build/ignored", "x");
    let before = bench.checkout();
    let workspace = bench.open("a");
    let app = std::fs::read_to_string(workspace.folder.join("src/app.py")).unwrap();
    assert_eq!(app, "one\ntwo\nthree\n", "what is committed, not what lies about");
    bench.write("state/a/tree/src/app.py", "fixed\n");
    bench.write("state/a/tree/large", &"x".repeat(100_000));
    assert_eq!(workspace.changes().unwrap().files, ["large", "src/app.py"]);
    assert_eq!(workspace.close(), Ok(false));
    let unchanged = bench.open("b");
    assert_eq!(unchanged.branch, "dlq/orders-dlq/01234567-2");
    assert_eq!(unchanged.close(), Ok(true));
    let after = bench.checkout();
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    let changed: Vec<_> = before.iter().filter(|(path, was)| after[*path] != **was).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn unchanged_worktree_is_removed_with_its_branch() {
    let bench = Bench::new("unchanged");
    let workspace = bench.open("a");
    bench.write("state/a/tree/.dlq/messages.json", "{}");
    bench.write("state/a/tree/build/output", "ignored");
    assert_eq!(bench.git("state/a/tree", &["status", "--porcelain"]), "");
    let changes = workspace.changes().unwrap();
    assert_eq!(changes, Changes::default());
    assert_eq!(workspace.close(), Ok(true));
    assert_eq!(std::fs::read_dir(bench.path("state/a")).unwrap().count(), 0);
    assert_eq!(bench.branches(), "");
    assert_eq!(bench.git("repo", &["worktree", "list"]).lines().count(), 1);
}

#[test]
fn changes_are_kept_and_their_patch_applies() {
    let bench = Bench::new("changed");
    let workspace = bench.open("a");
    let (tree, base) = ("state/a/tree", workspace.base.clone());
    bench.write("state/a/tree/.dlq/messages.json", "secret");
    bench.write("state/a/tree/src/app.py", "one\n2\nthree\n");
    bench.commit(tree, "fix");
    bench.write("state/a/tree/src/new name.py", "untracked\n");
    bench.write("state/a/tree/bytes", "\0\u{1}");
    bench.write("state/a/tree/größe", "x");
    std::fs::remove_file(bench.path("state/a/tree/.gitignore")).unwrap();
    let admin = workspace.repository.admin(&workspace.folder).unwrap();
    let index = std::fs::read(admin.join("index")).unwrap();
    let changes = workspace.changes().unwrap();
    let files = [".gitignore", "bytes", "größe", "src/app.py", "src/new name.py"];
    assert_eq!(changes.files, files);
    assert!(changes.committed);
    assert!(!changes.truncated);
    assert!(!String::from_utf8_lossy(&changes.patch).contains("secret"));
    assert_eq!(std::fs::read(admin.join("index")).unwrap(), index, "the agent's index");
    assert!(!bench.path("state/a/tree.scan").exists());

    bench.git("repo", &["worktree", "add", "--quiet", "--detach", "../again", &base]);
    std::fs::write(bench.path("patch"), &changes.patch).unwrap();
    bench.git("again", &["apply", "--index", "../patch"]);
    assert_eq!(std::fs::read(bench.path("again/bytes")).unwrap(), b"\0\x01");

    bench.git(tree, &["add", "--force", ".dlq/messages.json"]);
    bench.git(tree, &["commit", "--quiet", "--message", "leak"]);
    let changes = workspace.changes().unwrap();
    assert_eq!((changes.files.len(), changes.committed), (files.len(), true));
    assert!(!String::from_utf8_lossy(&changes.patch).contains("secret"));
    assert_eq!(workspace.close(), Ok(false));
    assert_eq!(bench.branches(), "dlq/orders-dlq/01234567");
}

#[test]
fn commits_are_kept_on_any_branch_or_detached() {
    let bench = Bench::new("commits");
    for (session, argv) in [
        ("reverted", ["revert", "--no-edit", "HEAD"].as_slice()),
        ("elsewhere", &["switch", "--quiet", "--create", "other", "HEAD"]),
        ("detached", &["switch", "--quiet", "--detach", "HEAD"]),
        ("left", &["switch", "--quiet", "--detach", "main"]),
        ("orphaned", &["switch", "--quiet", "--orphan", "none"]),
    ] {
        let workspace = bench.open(session);
        let tree = format!("state/{session}/tree");
        bench.write(&format!("{tree}/src/app.py"), session);
        bench.commit(&tree, session);
        bench.git(&tree, argv);
        assert!(workspace.changes().unwrap().committed, "{session}");
        assert_eq!(workspace.close(), Ok(false), "{session}");
        remove_unchanged(&bench.path("repo"), &bench.path(&tree)).unwrap();
        assert!(bench.path(&tree).exists(), "{session}");
    }
    assert_eq!(bench.branches().lines().count(), 5);
}

#[test]
fn patch_over_limit_or_with_nested_repository_is_truncated() {
    let bench = Bench::new("long");
    let workspace = bench.open("a");
    bench.write("state/a/tree/long", &"line\n".repeat(400_000));
    let changes = workspace.changes().unwrap();
    assert_eq!((changes.patch.len() as u64, changes.truncated), (diff::PATCH_MAX, true));
    bench.write("state/a/tree/long", "short\n");
    assert!(!workspace.changes().unwrap().truncated);
    bench.git("state/a/tree", &["init", "--quiet", "nested"]);
    let changes = workspace.changes().unwrap();
    assert_eq!(
        (changes.files.as_slice(), changes.truncated),
        (["long".to_owned()].as_slice(), true)
    );
}

#[test]
fn concurrent_sessions_have_own_worktree_and_branch() {
    let bench = Bench::new("many");
    let names: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
    let mut branches: Vec<String> = std::thread::scope(|scope| {
        let opens: Vec<_> = names.iter().map(|name| scope.spawn(|| bench.open(name))).collect();
        let opened: Vec<Worktree> = opens.into_iter().map(|open| open.join().unwrap()).collect();
        let branches = opened.iter().map(|one| one.branch.clone()).collect();
        for (n, one) in opened.iter().enumerate() {
            std::fs::write(one.folder.join("mine"), n.to_string()).unwrap();
        }
        for (n, one) in opened.into_iter().enumerate() {
            let patch = String::from_utf8(one.changes().unwrap().patch).unwrap();
            assert!(patch.contains(&format!("\n+{n}\n")), "{patch}");
            std::fs::remove_file(one.folder.join("mine")).unwrap();
            scope.spawn(move || assert_eq!(one.close(), Ok(true)));
        }
        branches
    });
    branches.sort();
    branches.dedup();
    assert_eq!(branches.len(), 8);
    assert_eq!(bench.branches(), "");
}

#[test]
fn index_lock_is_waited_for() {
    let bench = Bench::new("lock");
    let workspace = bench.open("a");
    let lock = workspace.repository.admin(&workspace.folder).unwrap().join("index.lock");
    std::fs::write(&lock, "").unwrap();
    std::thread::scope(|scope| {
        let fill =
            scope.spawn(|| workspace.git().unwrap().must(&["reset", "--hard", "--quiet"], TREE));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!fill.is_finished());
        std::fs::remove_file(&lock).unwrap();
        fill.join().unwrap().unwrap();
    });
}

#[test]
fn programs_named_by_repository_or_agent_are_not_run() {
    let bench = Bench::new("hostile");
    bench.script("evil", &format!("echo \"$0 $*\" >>{}; cat", bench.path("ran").display()));
    let evil = bench.path("evil").display().to_string();
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        bench.script(&format!("repo/.git/hooks/{hook}"), &format!("exec {evil} hook </dev/null"));
    }
    bench.write("repo/.gitattributes", "*.py filter=x=y.z diff=evil\n");
    let mut settings: Vec<(&str, &str)> =
        ["smudge", "clean", "process"].map(|kind| (kind, evil.as_str())).into();
    settings.push(("required", "true"));
    let set = |folder: &str, key: &str, value: &str| {
        bench.git(folder, &["config", key, value]);
    };
    let hooks = bench.path("repo/.git/hooks");
    let aside = bench.path("hooks");
    std::fs::rename(&hooks, &aside).unwrap();
    bench.commit("repo", "attributes");
    let arm = |folder: &str| {
        for (kind, value) in &settings {
            set(folder, &format!("filter.x=y.z.{kind}"), value);
        }
        for key in ["core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv"] {
            set(folder, key, &evil);
        }
    };
    arm("repo");
    std::fs::rename(&aside, &hooks).unwrap();
    let workspace = bench.open("a");
    bench.write("state/a/tree/src/app.py", "changed\n");
    // A repository in the worktree that is in the index with the commit that it has.
    bench.write("state/a/tree/nested/a.py", "x");
    bench.write("state/a/tree/nested/.gitattributes", "*.py filter=other\n");
    bench.git("state/a/tree/nested", &["init", "--quiet"]);
    let head = bench.commit("state/a/tree/nested", "x");
    let _ = std::fs::remove_file(bench.path("ran"));
    workspace
        .git()
        .unwrap()
        .must(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},nested")], TREE)
        .unwrap();
    for kind in ["clean", "process"] {
        set("state/a/tree/nested", &format!("filter.other.{kind}"), &evil);
    }
    bench.write("state/a/tree/nested/a.py", "y");
    assert_eq!(workspace.changes().unwrap().files, ["nested", "src/app.py"]);
    // The worktree's link to its repository now leads to another one.
    bench.git(".", &["init", "--quiet", "theirs"]);
    arm("theirs");
    set("theirs", "core.worktree", &bench.path("hooks").display().to_string());
    std::fs::remove_file(bench.path("state/a/tree/.git")).unwrap();
    symlink(bench.path("theirs/.git"), bench.path("state/a/tree/.git")).unwrap();
    let _ = std::fs::remove_file(bench.path("ran"));
    assert_eq!(workspace.changes().unwrap().files, ["nested", "src/app.py"]);
    assert_eq!(workspace.close(), Ok(false));
    let ran = std::fs::read_to_string(bench.path("ran")).unwrap_or_default();
    assert_eq!(ran, "");
}

#[test]
fn open_waits_for_unfinished_worktree_of_another() {
    let bench = Bench::new("half");
    // What git shows for a moment: the folder is there, its files are empty.
    bench.write("repo/.git/worktrees/other/gitdir", "/nowhere/.git\n");
    bench.write("repo/.git/worktrees/other/commondir", "");
    std::thread::scope(|scope| {
        let open = scope.spawn(|| bench.open("a"));
        std::thread::sleep(std::time::Duration::from_millis(500));
        bench.write("repo/.git/worktrees/other/commondir", "../..\n");
        bench.write("repo/.git/worktrees/other/HEAD", "ref: refs/heads/main\n");
        assert_eq!(open.join().unwrap().close(), Ok(true));
    });
}

#[test]
fn evidence_link_in_repository_is_refused() {
    let bench = Bench::new("link");
    symlink(&bench.0, bench.path("repo/.dlq")).unwrap();
    bench.commit("repo", "link");
    let error = bench.open_at(None, "a").unwrap_err().to_string();
    assert!(error.ends_with("the repository has a '.dlq' of its own; rename it"), "{error}");
    assert!(!bench.path(".gitignore").exists() && !bench.path("state/a/tree").exists());
    assert_eq!(bench.branches(), "");
}

#[test]
fn base_is_remote_branch_else_local_else_refused() {
    let bench = Bench::new("base");
    let first = bench.git("repo", &["rev-parse", "HEAD"]);
    bench.write("repo/more", "");
    let second = bench.commit("repo", "second");
    bench.git("repo", &["update-ref", "refs/remotes/origin/main", &first]);
    bench.git("repo", &["update-ref", "refs/remotes/origin/release/2", &first]);
    bench.git("repo", &["branch", "local", &first]);
    let rows = [
        ("none", None, &second),
        ("fetched", Some("main"), &first),
        ("fetched only", Some("release/2"), &first),
        ("here only", Some("local"), &first),
        ("named in full", Some("origin/main"), &first),
    ];
    for (n, (rule, base, commit)) in rows.into_iter().enumerate() {
        let workspace = bench.open_at(base, &n.to_string()).unwrap();
        assert_eq!(&workspace.base, commit, "{rule}");
        workspace.close().unwrap();
    }
    for (base, hint) in [
        ("mian", "no such branch (did you mean 'main'?)"),
        ("something-else", "no such branch (known: local, main, release/2)"),
        ("--help", "no such branch (known: local, main, release/2)"),
    ] {
        let error = bench.open_at(Some(base), "x").unwrap_err();
        assert!(matches!(error, Error::Wrong(_)) && error.to_string().ends_with(hint), "{error}");
    }
}

#[test]
fn open_accepts_linked_worktree_bare_repository_and_subfolder() {
    let bench = Bench::new("places");
    bench.git("repo", &["worktree", "add", "--quiet", "../linked", "-b", "linked"]);
    bench.git(".", &["clone", "--quiet", "--bare", "repo", "bare.git"]);
    for path in ["linked", "bare.git", "repo/src", "repo/.git"] {
        let (repo, folder) = (bench.path(path), bench.path("state/x/tree"));
        let workspace = Worktree::open(&repo, Some("main"), "dlq/a/b", &folder).unwrap();
        bench.write("state/x/tree/new", "x\n");
        assert_eq!(workspace.changes().unwrap().files, ["new"], "{path}");
        std::fs::remove_file(bench.path("state/x/tree/new")).unwrap();
        assert_eq!(workspace.close(), Ok(true), "{path}");
    }
}

#[test]
fn sparse_checkout_applies_to_the_worktree() {
    let bench = Bench::new("sparse");
    bench.write("repo/other/file", "x");
    bench.commit("repo", "other");
    bench.git("repo", &["sparse-checkout", "set", "src"]);
    let workspace = bench.open("a");
    assert!(!workspace.folder.join("other").exists());
    assert!(workspace.changes().unwrap().is_empty());
    bench.write("state/a/tree/outside/new", "x\n");
    assert_eq!(workspace.changes().unwrap().files, ["outside/new"]);
}

#[test]
fn repository_of_another_user_is_accepted_at_its_root_only() {
    let bench = Bench::new("owner");
    bench.write("repo/src/deep/file", "x");
    bench.commit("repo", "deep");
    let mut folders = vec![bench.path("repo")];
    while let Some(folder) = folders.pop() {
        // Only root can give files away; others skip what follows.
        if std::os::unix::fs::chown(&folder, Some(65534), Some(65534)).is_err() {
            return;
        }
        let inner = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        folders.extend(inner.filter(|path| path.is_dir()));
    }
    let workspace = bench.open("a");
    assert!(workspace.changes().unwrap().is_empty());
    assert_eq!(workspace.close(), Ok(true));
    // What somebody has put above the folder that was named is not meant.
    let (repo, folder) = (bench.path("repo/src"), bench.path("state/b/tree"));
    let error = Worktree::open(&repo, None, "dlq/a/b", &folder).unwrap_err().to_string();
    assert!(error.ends_with("belongs to another user; name that folder"), "{error}");
}

#[test]
fn unusable_repository_is_refused_with_the_remedy() {
    let bench = Bench::empty("refused");
    bench.write("plain/file", "");
    let rows = [
        ("repo", "it has no commit yet; make one"),
        ("plain", "not a git repository; name a clone"),
        ("plain/file", "not a folder; name a clone"),
        ("nowhere", "no such file or directory; name a clone"),
    ];
    for (path, cause) in rows {
        for base in [None, Some("main")] {
            let repo = bench.path(path);
            let error = Worktree::open(&repo, base, "dlq/a/b", &bench.path("x/tree")).unwrap_err();
            assert_eq!(error, Error::wrong(format!("cannot use '{}': {cause}", repo.display())));
        }
    }
    for (version, fine) in [
        ("git version 2.34.1", true),
        ("git version 2.47.3 (Apple Git-9)", true),
        ("git version 3.0.rc1", true),
        ("git version 2.30.2", false),
    ] {
        assert_eq!(command::check(version).is_ok(), fine, "{version}");
    }
}

#[test]
fn branch_name_in_use_is_numbered_and_folder_in_use_refused() {
    let bench = Bench::new("taken");
    bench.git("repo", &["branch", "dlq/orders-dlq/01234567"]);
    bench.git("repo", &["branch", "dlq/orders-dlq/01234567-2"]);
    let workspace = bench.open("a");
    assert_eq!(workspace.branch, "dlq/orders-dlq/01234567-3");
    let error = bench.open_at(None, "a").unwrap_err().to_string();
    assert!(error.ends_with("the path exists already; move it away"), "{error}");
    assert_eq!(workspace.close(), Ok(true));
    assert_eq!(bench.branches().lines().count(), 2, "those of others stay");
    bench.git("repo", &["branch", "blocked"]);
    let open = Worktree::open(&bench.path("repo"), None, "blocked/a", &bench.path("state/b/tree"));
    let error = open.unwrap_err().to_string();
    assert!(error.contains("rename the branch that is in conflict"), "{error}");
}

#[test]
fn remove_unchanged_keeps_worktree_with_changes() {
    let bench = Bench::new("crash");
    let repo = bench.path("repo");
    let folder = |name: &str| bench.path(&format!("state/{name}/tree"));
    let remains = |name: &str| {
        remove_unchanged(&repo, &folder(name)).unwrap();
        folder(name).exists() || note(&folder(name)).exists()
    };
    assert!(!remains("never"));
    drop(bench.open("unchanged"));
    assert!(!remains("unchanged"));
    assert!(!remains("unchanged"));

    let half = bench.open("half");
    let admin = half.repository.admin(&half.folder).unwrap();
    std::fs::remove_file(admin.join("index")).unwrap();
    std::fs::remove_file(half.folder.join("src/app.py")).unwrap();
    std::fs::write(admin.join("locked"), "initializing").unwrap();
    assert!(!remains("half"));

    drop(bench.open("deleted"));
    std::fs::remove_dir_all(folder("deleted")).unwrap();
    assert!(!remains("deleted"));
    drop(bench.open("lost"));
    bench.write("state/lost/tree/new", "");
    bench.git("state/lost/tree", &["switch", "--quiet", "--detach"]);
    bench.commit("state/lost/tree", "detached");
    std::fs::remove_dir_all(folder("lost")).unwrap();
    assert!(remains("lost"));

    drop(bench.open("changed"));
    bench.write("state/changed/tree/new", "");
    assert!(remains("changed"));
    let again = Worktree::reopen(&repo, &folder("changed")).unwrap().unwrap();
    assert_eq!(again.changes().unwrap().files, ["new"]);
    discard_old(&repo, &folder("changed")).unwrap();
    discard_old(&repo, &folder("changed")).unwrap();
    assert!(!folder("changed").exists() && !bench.branches().contains("changed"));
}

#[test]
fn citations_are_resolved_in_the_base_only() {
    let bench = Bench::new("cited");
    bench.write("outside", "x\n");
    bench.write("repo/no-newline", "one\ntwo");
    bench.write("repo/empty", "");
    symlink("../../../outside", bench.path("repo/escape")).unwrap();
    symlink("src/app.py", bench.path("repo/inside")).unwrap();
    symlink(".git", bench.path("repo/gitlink")).unwrap();
    let head = bench.commit("repo", "second");
    let workspace = bench.open("a");
    bench.write("state/a/tree/new.py", "new\n");
    std::fs::remove_file(bench.path("state/a/tree/no-newline")).unwrap();
    let rows = [
        ("its first line", "src/app.py", 1, true),
        ("its last line", "src/app.py", 3, true),
        ("behind it", "src/app.py", 4, false),
        ("line 0", "src/app.py", 0, false),
        ("a last line without an end", "no-newline", 2, true),
        ("behind that", "no-newline", 3, false),
        ("no lines", "empty", 1, false),
        ("with a dot", "./src/app.py", 1, true),
        ("a link is a line", "inside", 1, true),
        ("and is not followed", "inside", 3, false),
        ("a link to the outside", "escape", 2, false),
        ("a way out", "../../../outside", 1, false),
        ("a way out and in", "src/../src/app.py", 1, false),
        ("from the root", "/etc/passwd", 1, false),
        ("git's own", ".git", 1, false),
        ("a dot", ".", 1, false),
        ("what was made since", "new.py", 1, false),
        ("a folder", "src", 1, false),
        ("nothing", "", 1, false),
        ("what is missing", "src/none.py", 1, false),
    ];
    for (rule, path, line, there) in rows {
        assert_eq!(workspace.cited(path, line).unwrap().is_some(), there, "{rule}");
    }
    assert_eq!(workspace.cited("no-newline", 2).unwrap().unwrap(), "two");
    let history = String::from_utf8(workspace.history().unwrap()).unwrap();
    assert!(history.contains(&format!("commit {head}\n")), "{history}");
    assert!(history.contains("  second\n") && history.contains("\nno-newline\n"), "{history}");
    assert!(workspace.commit(&head).unwrap().unwrap().ends_with(": second"));
    bench.git("repo", &["branch", "abcdef0"]);
    let tree = bench.git("repo", &["rev-parse", "HEAD^{tree}"]);
    for (rule, hash, there) in [
        ("whole", head.as_str(), true),
        ("short", &head[..7], true),
        ("upper case", &head[..12].to_uppercase(), true),
        ("too short", &head[..6], false),
        ("a name", "main", false),
        ("a branch like a hash", "abcdef0", false),
        ("a tree", &tree, false),
        ("an option", "--help-", false),
        ("of another repository", "0123456789012345678901234567890123456789", false),
    ] {
        assert_eq!(workspace.commit(hash).unwrap().is_some(), there, "{rule}");
    }
}

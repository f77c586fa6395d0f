//! The effect of a patch, without the other files of the worktree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::rules::verdict::PatchFile;

impl Bench {
    /// The patch of a workspace, in a file.
    fn patch(&self, workspace: &Worktree) -> PathBuf {
        let changes = workspace.changes().unwrap();
        assert!(!changes.truncated);
        std::fs::write(self.path("patch"), changes.patch).unwrap();
        self.path("patch")
    }

    fn worktrees(&self) -> usize {
        self.git("repo", &["worktree", "list"]).lines().count()
    }
}

/// The files of a folder with their modes, but for git's.
fn files(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                let to = path.read_link().unwrap();
                found.insert(name, (0, to.into_os_string().into_encoded_bytes()));
            } else if name != Path::new(".git") {
                found.insert(name, (kind.permissions().mode(), std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn test_worktree_has_the_base_and_the_patch_only() {
    let bench = Bench::new("trial");
    bench.script("repo/run", "true");
    bench.write("repo/gone", "x");
    bench.write("repo/old.txt", "one\r\ntwo\r\n");
    bench.write("repo/ends.bat", "one\ntwo\n");
    std::fs::write(bench.path("repo/bytes"), [0, 1, 2]).unwrap();
    symlink("src/app.py", bench.path("repo/link")).unwrap();
    bench.commit("repo", "files");
    bench.write("repo/.gitattributes", "*.txt text\n*.bat text eol=crlf\n");
    bench.git("repo", &["add", ".gitattributes"]);
    bench.git("repo", &["commit", "--quiet", "--message", "attributes"]);
    let workspace = bench.open("s");
    let tree = &workspace.folder;
    bench.write("state/s/tree/src/app.py", "one\ntwo \nthree");
    bench.write("state/s/tree/größe/new name.py", "new\n");
    bench.write("state/s/tree/ends.bat", "one\r\n2\r\n");
    std::fs::write(tree.join("bytes"), [0, 3]).unwrap();
    std::fs::write(tree.join("run"), "#!/bin/sh\nfalse\n").unwrap();
    std::fs::set_permissions(tree.join("run"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::remove_file(tree.join("gone")).unwrap();
    std::fs::remove_file(tree.join("link")).unwrap();
    symlink("bytes", tree.join("link")).unwrap();
    let patch = bench.patch(&workspace);
    let mut expected = files(tree);
    expected.retain(|path, _| !path.starts_with(EVIDENCE));
    // What nobody reviews.
    bench.write("state/s/tree/build/pass", "evil");
    bench.write("state/s/tree/.dlq/conftest.py", "evil");

    let objects = || bench.git("repo", &["count-objects", "--verbose"]);
    let (before, branches) = (objects(), bench.branches());
    let trial =
        workspace.test_worktree(&bench.path("state/s/trial"), &patch, PatchPart::Whole).unwrap();
    assert_eq!(files(&trial.folder), expected);
    let folder = "state/s/trial";
    assert_eq!(bench.git(folder, &["rev-parse", "HEAD"]), workspace.base);
    assert_eq!(bench.git(folder, &["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    assert_eq!(bench.git(folder, &["diff", "--cached", "--name-only"]), "");
    assert_eq!((objects(), bench.branches()), (before, branches));
    assert_eq!(bench.worktrees(), 3);
    // As tests do.
    bench.write("state/s/trial/build/output", "x");
    let folder = trial.folder.clone();
    trial.remove().unwrap();
    assert!(!folder.exists());
    assert_eq!(bench.worktrees(), 2);
    workspace.discard().unwrap();
    assert_eq!(std::fs::read_dir(bench.path("state/s")).unwrap().count(), 0);
}

#[test]
fn test_worktree_replaces_leftover_of_an_earlier_one() {
    let bench = Bench::new("left");
    let workspace = bench.open("s");
    bench.write("state/s/tree/src/app.py", "fixed\n");
    let (patch, folder) = (bench.patch(&workspace), bench.path("state/s/trial"));
    bench.write("outside/keep", "x");
    type Make = fn(&Bench, &Path);
    let rows: [(&str, Make); 6] = [
        ("as it was", |_, _| {}),
        ("without its link", |_, folder| std::fs::remove_file(folder.join(".git")).unwrap()),
        ("forgotten by git", |bench, folder| {
            std::fs::remove_file(folder.join(".git")).unwrap();
            bench.git("repo", &["worktree", "prune"]);
        }),
        ("gone", |_, folder| std::fs::remove_dir_all(folder).unwrap()),
        ("a link", |bench, folder| {
            std::fs::remove_dir_all(folder).unwrap();
            symlink(bench.path("outside"), folder).unwrap();
        }),
        ("locked", |bench, folder| {
            drop(bench.git("repo", &["worktree", "lock", folder.to_str().unwrap()]));
        }),
    ];
    for (rule, make) in rows {
        drop(workspace.test_worktree(&folder, &patch, PatchPart::Whole).unwrap());
        bench.write("state/s/trial/build/pass", "evil");
        make(&bench, &folder);
        let trial = workspace.test_worktree(&folder, &patch, PatchPart::Whole).unwrap();
        assert!(!folder.join("build").exists(), "{rule}");
        assert_eq!(bench.git("state/s/trial", &["status", "--short"]), " M src/app.py", "{rule}");
        assert_eq!(bench.worktrees(), 3, "{rule}");
        make(&bench, &trial.folder);
        remove_test_worktree(&bench.path("repo"), &folder).unwrap();
        trial.remove().unwrap();
        assert!(folder.symlink_metadata().is_err(), "{rule}");
        assert_eq!(bench.worktrees(), 2, "{rule}");
        assert!(bench.path("outside/keep").exists(), "{rule}");
    }
}

#[test]
fn test_worktree_with_failing_patch_names_cause_and_is_removed() {
    let bench = Bench::new("applies");
    let workspace = bench.open("s");
    let folder = bench.path("state/s/trial");
    let patch = bench.path("patch");
    for (text, cause) in [
        (
            "--- a/src/app.py\n+++ b/src/app.py\n@@ -1 +1 @@\n-other\n+new\n",
            "patch failed: src/app.py:1",
        ),
        ("--- a/../out\n+++ b/../out\n@@ -0,0 +1 @@\n+new\n", "invalid path '../out'"),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n", "none: does not exist in index"),
        ("nothing", "No valid patches in input (allow with \"--allow-empty\")"),
    ] {
        std::fs::write(&patch, text).unwrap();
        let error = workspace.test_worktree(&folder, &patch, PatchPart::Whole).unwrap_err();
        assert_eq!(error, Error::failed("apply", patch.display(), cause));
        assert!(!folder.exists());
        assert_eq!(bench.worktrees(), 2);
    }
    assert!(workspace.test_worktree(&folder, &bench.path("none"), PatchPart::Whole).is_err());
}

#[test]
fn test_worktree_of_sparse_checkout_adds_patched_files_only() {
    let bench = Bench::new("sparse-trial");
    bench.write("repo/other/file", "x\n");
    bench.write("repo/other/more", "x\n");
    bench.commit("repo", "other");
    bench.git("repo", &["sparse-checkout", "set", "src"]);
    let workspace = bench.open("s");
    bench.write("state/s/tree/src/app.py", "fixed\n");
    bench.write("state/s/tree/other/file", "y\n");
    bench.write("state/s/tree/outside/new", "new\n");
    let patch = bench.patch(&workspace);
    let trial =
        workspace.test_worktree(&bench.path("state/s/trial"), &patch, PatchPart::Whole).unwrap();
    let found: Vec<PathBuf> = files(&trial.folder).into_keys().collect();
    let expected = [".gitignore", "other/file", "outside/new", "src/app.py"].map(PathBuf::from);
    assert_eq!(found, expected);
    let status = bench.git("state/s/trial", &["status", "--short"]);
    assert_eq!(status, " M other/file\n M src/app.py\n?? outside/");
    trial.remove().unwrap();
}

#[test]
fn test_worktree_runs_no_program_named_by_repository() {
    let bench = Bench::new("armed");
    bench.write("repo/.gitattributes", "*.py filter=x\n");
    bench.commit("repo", "attributes");
    let workspace = bench.open("s");
    bench.write("state/s/tree/src/app.py", "fixed\n");
    let patch = bench.patch(&workspace);
    bench.script("evil", &format!("echo \"$0 $*\" >>{}; cat", bench.path("ran").display()));
    let evil = bench.path("evil").display().to_string();
    for hook in ["post-checkout", "reference-transaction", "post-index-change"] {
        bench.script(&format!("repo/.git/hooks/{hook}"), &format!("exec {evil} hook </dev/null"));
    }
    for key in ["filter.x.smudge", "filter.x.clean", "filter.x.process", "core.fsmonitor"] {
        bench.git("repo", &["config", key, &evil]);
    }
    bench.git("repo", &["config", "filter.x.required", "true"]);
    let trial =
        workspace.test_worktree(&bench.path("state/s/trial"), &patch, PatchPart::Whole).unwrap();
    let app = std::fs::read_to_string(trial.folder.join("src/app.py")).unwrap();
    assert_eq!(app, "fixed\n");
    trial.remove().unwrap();
    assert!(!bench.path("ran").exists());
}

#[test]
fn history_clone_has_the_branch_alone() {
    let bench = Bench::new("history");
    bench.git("repo", &["checkout", "--quiet", "-b", "hidden"]);
    bench.write("repo/hidden", "planted\n");
    let hidden = bench.commit("repo", "hidden");
    bench.git("repo", &["checkout", "--quiet", "-"]);
    let workspace = bench.open("s");
    let before = bench.checkout();
    for _ in 0..2 {
        workspace.clone_history(&bench.path("state/s/git")).unwrap();
        let git = |argv: &[&str]| bench.git("state/s/git", argv);
        assert_eq!(git(&["log", "--format=%s"]), "first");
        assert_eq!(
            git(&["for-each-ref", "--format=%(refname)"]),
            format!("refs/heads/{}", workspace.branch)
        );
        let all = git(&["cat-file", "--batch-all-objects", "--batch-check"]);
        assert!(!all.contains(&hidden) && all.lines().count() < 10, "{all}");
        assert!(!git(&["config", "--list"]).contains("remote."));
        assert_eq!(git(&["ls-files"]), ".gitignore\nsrc/app.py");
    }
    assert_eq!(bench.checkout(), before);
}

#[test]
fn test_worktree_can_have_a_part_of_the_patch() {
    let bench = Bench::new("part");
    bench.write("repo/tests/[a].py", "old\n");
    bench.write("repo/tests/a.py", "old\n");
    bench.write("repo/gone.py", "x\n");
    bench.commit("repo", "tests");
    let workspace = bench.open("s");
    bench.write("state/s/tree/src/app.py", "one\n2\nthree\n");
    bench.write("state/s/tree/tests/[a].py", "new\n");
    bench.write("state/s/tree/tests/a.py", "fix\n");
    bench.write("state/s/tree/tests/*.py", "new\n");
    bench.write("state/s/tree/fix.py", "fix\n");
    std::fs::remove_file(bench.path("state/s/tree/gone.py")).unwrap();
    let patch = bench.patch(&workspace);
    let names = |files: Vec<PatchFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
    let found = workspace.patch_files(&patch).unwrap().unwrap();
    assert_eq!(found[2].path, "src/app.py");
    assert_eq!(found[2].texts, "one\ntwo\nthree\n\none\n2\nthree\n", "before and after");
    let all = ["fix.py", "gone.py", "src/app.py", "tests/*.py", "tests/[a].py", "tests/a.py"];
    assert_eq!(names(found), all);
    let tests = ["tests/*.py".to_owned(), "tests/[a].py".to_owned()];
    let folder = bench.path("state/s/trial");
    // Each run has a worktree of its own: what an earlier one has left is gone.
    for (part, status) in [
        (PatchPart::Only(&tests), " M \"tests/[a].py\"\n?? tests/*.py\n"),
        (PatchPart::None, ""),
        (PatchPart::Only(&[]), ""),
    ] {
        let trial = workspace.test_worktree(&folder, &patch, part).unwrap();
        let shown = bench.git("state/s/trial", &["status", "--short", "--untracked-files=all"]);
        assert_eq!(shown.replace('"', ""), status.replace('"', "").trim_end(), "{part:?}");
        bench.write("state/s/trial/left", "x");
        drop(trial);
    }
    remove_test_worktree(&bench.path("repo"), &folder).unwrap();
    // A patch that does not apply has no files.
    std::fs::write(
        &patch,
        "diff --git a/none b/none\n--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n",
    )
    .unwrap();
    assert!(workspace.patch_files(&patch).unwrap().unwrap_err().contains("none"));
    std::fs::write(&patch, "no patch\n").unwrap();
    assert!(workspace.patch_files(&patch).is_err());
    workspace.discard().unwrap();
    assert_eq!(std::fs::read_dir(bench.path("state/s")).unwrap().count(), 0);
}

#[test]
fn files_that_the_agent_has_not_written_are_no_changes() {
    let bench = Bench::new("left");
    let workspace = bench.open("s");
    bench.write("state/s/tree/src/app.py", "one\n2\nthree\n");
    bench.write("state/s/tree/tests/test_app.py", "new\n");
    bench.write("state/s/tree/src/__pycache__/app.cpython-311.pyc", "x");
    bench.write("state/s/tree/report.txt", "x");
    // Without its account, caches alone are left out.
    let changes = workspace.changes().unwrap();
    assert_eq!(changes.files, ["report.txt", "src/app.py", "tests/test_app.py"]);
    assert_eq!(changes.left_out, ["src/__pycache__/app.cpython-311.pyc"]);
    let folder = workspace.folder.display().to_string();
    let written = ["tests/test_app.py", "src/app.py"].map(|path| format!("{folder}/{path}"));
    workspace.set_written(WrittenFiles::of_tools(written.iter().map(String::as_str), &folder));
    let changes = workspace.changes().unwrap();
    assert_eq!(changes.files, ["src/app.py", "tests/test_app.py"]);
    assert_eq!(changes.left_out, ["report.txt", "src/__pycache__/app.cpython-311.pyc"]);
    let patch = String::from_utf8(changes.patch).unwrap();
    assert!(!patch.contains("report.txt") && !patch.contains("pyc"), "{patch}");
    assert!(!workspace.close().unwrap(), "it has changes");
    bench.write("state/s/tree/src/app.py", "one\ntwo\nthree\n");
    std::fs::remove_file(bench.path("state/s/tree/tests/test_app.py")).unwrap();
    assert!(workspace.close().unwrap(), "what is left alone is no change");
}

/// Sparse files: git would read each of them, 6 GiB in all.
#[test]
fn new_file_that_the_agent_has_not_written_is_never_read() {
    let changes = |written: &[&str]| {
        let bench = Bench::new(&format!("left-large-{}", written.len()));
        let workspace = bench.open("s");
        let large = |name: &str, mib: u64| {
            let file = std::fs::File::create(bench.path("state/s/tree").join(name)).unwrap();
            file.set_len(mib << 20).unwrap();
        };
        (0..60).for_each(|n| large(&format!("big{n}"), 95));
        large("huge", 900);
        bench.write("state/s/tree/src/app.py", "one\n2\nthree\n");
        let folder = workspace.folder.display().to_string();
        workspace.set_written(WrittenFiles::of_tools(written.iter().copied(), &folder));
        workspace.changes()
    };
    let begun = std::time::Instant::now();
    let left = changes(&["src/app.py"]).unwrap();
    assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
    assert_eq!(left.files, ["src/app.py"]);
    assert_eq!((left.left_out.len(), left.truncated), (61, false));
    let refused = changes(&["src/app.py", "huge"]).err().map(|error| error.to_string());
    assert!(refused.unwrap_or_default().contains("'huge' is larger than 100 MiB"));
}

/// Files of the base that runs of programs change, move or remove, and names that are not UTF-8.
#[test]
fn files_of_the_base_that_the_agent_has_not_written_are_as_the_base_has_them() {
    let bench = Bench::new("left-tracked");
    bench.write("repo/lock.json", "1\n");
    bench.write("repo/gone.txt", "1\n");
    bench.write("repo/name", "1\n");
    bench.write("repo/data/one", "1\n");
    bench.git("repo", &["add", "-A"]);
    bench.git("repo", &["commit", "-qm", "more"]);
    let workspace = bench.open("s");
    let tree = bench.path("state/s/tree");
    bench.write("state/s/tree/src/app.py", "one\n2\nthree\n");
    bench.write("state/s/tree/lock.json", "2\n");
    std::fs::remove_file(tree.join("gone.txt")).unwrap();
    std::fs::remove_file(tree.join("name")).unwrap();
    bench.write("state/s/tree/name/inner", "x");
    std::fs::remove_dir_all(tree.join("data")).unwrap();
    std::fs::write(tree.join("data"), "x").unwrap();
    std::fs::write(tree.join(OsStr::from_bytes(b"left\xff.txt")), "x").unwrap();
    std::fs::create_dir(tree.join(".github")).unwrap();
    std::fs::write(tree.join(OsStr::from_bytes(b".github/w\xff.yml")), "x").unwrap();
    let folder = workspace.folder.display().to_string();
    workspace.set_written(WrittenFiles::of_tools(["src/app.py"].into_iter(), &folder));
    let changes = workspace.changes().unwrap();
    assert_eq!(changes.files, ["src/app.py"]);
    assert_eq!((changes.gated.len(), changes.truncated), (0, false), "{:?}", changes.gated);
    let left = [
        ".github/w\u{fffd}.yml",
        "data",
        "data/one",
        "gone.txt",
        "left\u{fffd}.txt",
        "lock.json",
        "name",
        "name/inner",
    ];
    assert_eq!(changes.left_out, left);
    let patch = String::from_utf8(changes.patch).unwrap();
    assert_eq!(patch.matches("diff --git").count(), 1, "{patch}");
}

/// A file that the agent has written in the place of a folder of the base, and the other way round.
#[test]
fn file_of_the_agent_in_the_place_of_a_folder_is_a_change() {
    let bench = Bench::new("left-beside");
    bench.write("repo/name", "1\n");
    bench.write("repo/data/one", "1\n");
    bench.git("repo", &["add", "-A"]);
    bench.git("repo", &["commit", "-qm", "more"]);
    let workspace = bench.open("s");
    let tree = bench.path("state/s/tree");
    std::fs::remove_file(tree.join("name")).unwrap();
    bench.write("state/s/tree/name/inner", "x");
    std::fs::remove_dir_all(tree.join("data")).unwrap();
    std::fs::write(tree.join("data"), "x").unwrap();
    let folder = workspace.folder.display().to_string();
    workspace.set_written(WrittenFiles::of_tools(["name/inner", "data"].into_iter(), &folder));
    let changes = workspace.changes().unwrap();
    assert_eq!(changes.files, ["data", "data/one", "name", "name/inner"]);
    assert_eq!(changes.left_out, Vec::<String>::new());
}

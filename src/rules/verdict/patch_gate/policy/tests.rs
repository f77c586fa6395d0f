use super::*;
use crate::rules::verdict::patch_gate::{FileChange, gate};

const NEW: &str = "000000";
const FILE: &str = "100644";

fn file(was: &str, mode: &str, path: &str) -> DifferingFile {
    let (was, mode) = (was.to_owned(), mode.to_owned());
    let change = FileChange { was, mode, path: path.to_owned() };
    let text = |mode: &str| if mode == NEW { "" } else { "a\n" };
    let (before, after) = (text(&change.was).to_owned(), text(&change.mode).to_owned());
    DifferingFile { change, lines: Some(2), before: Some(before), after: Some(after) }
}

fn edited(path: &str) -> DifferingFile {
    file(FILE, FILE, path)
}

fn words(policy: &GatePolicy, files: Vec<DifferingFile>) -> Vec<&'static str> {
    let difference = Difference { files, patch_bytes: 100 };
    let refusals = judge(policy, &Redactor::default(), &difference);
    refusals.iter().map(|refusal| refusal.reason.as_str()).collect()
}

#[test]
fn limits_are_of_files_lines_and_bytes() {
    let policy = GatePolicy::default();
    let many = |n: usize, lines: u64| -> Vec<DifferingFile> {
        let one = |n| DifferingFile { lines: Some(lines), ..edited(&format!("src/{n}.py")) };
        (0..n).map(one).collect()
    };
    let rows = [
        ("all at the limit", many(20, 50), 262_144, vec![]),
        ("a file more", many(21, 1), 1, vec!["the patch has 21 files; the limit is 20"]),
        ("lines", many(1, 1001), 1, vec!["the patch has 1001 lines; the limit is 1000"]),
        ("bytes", many(1, 1), 262_145, vec!["the patch has 262145 bytes; the limit is 262144"]),
        (
            "all, beyond every number",
            many(21, u64::MAX),
            u64::MAX,
            vec![
                "the patch has 21 files; the limit is 20",
                "the patch has 18446744073709551615 lines; the limit is 1000",
                "the patch has 18446744073709551615 bytes; the limit is 262144",
            ],
        ),
    ];
    for (rule, files, patch_bytes, expected) in rows {
        let difference = Difference { files, patch_bytes };
        let refusals = judge(&policy, &Redactor::default(), &difference);
        let found: Vec<&str> = refusals.iter().map(|one| one.sentence.as_str()).collect();
        assert_eq!(found, expected, "{rule}");
    }
}

#[test]
fn file_is_refused_by_mode_name_or_kind() {
    let binary = |path: &str| DifferingFile { lines: None, ..edited(path) };
    let unread = |path: &str| DifferingFile { after: None, ..edited(path) };
    let secret = |path: &str| DifferingFile {
        after: Some("key = \"ghp_0123456789abcdefghijABCDEFGHIJ456789\"\n".to_owned()),
        ..edited(path)
    };
    let rows: [(&str, Vec<DifferingFile>, &[&str]); 40] = [
        ("an edit", vec![edited("src/a.py")], &[]),
        ("an edit of an executable file", vec![file("100755", "100755", "run.py")], &[]),
        ("a new file", vec![file(NEW, FILE, "src/a.py")], &[]),
        ("a removed file", vec![file(FILE, NEW, "src/a.py")], &[]),
        ("a removed executable file", vec![file("100755", NEW, "src/a.py")], &[]),
        ("a test", vec![edited("tests/test_a.py"), edited("src/a.test.ts")], &[]),
        ("a new link", vec![file(NEW, "120000", "a")], &["symbolic_link"]),
        ("an edit of a link", vec![file("120000", "120000", "a")], &["symbolic_link"]),
        ("a link that becomes a file", vec![file("120000", FILE, "a")], &["symbolic_link"]),
        ("a removed link", vec![file("120000", NEW, "a")], &["symbolic_link"]),
        ("a nested repository", vec![file(NEW, "160000", "a")], &["nested_repository"]),
        ("a removed one", vec![file("160000", NEW, "a")], &["nested_repository"]),
        ("a new executable file", vec![file(NEW, "100755", "a.py")], &["mode_change"]),
        ("an executable file", vec![file(FILE, "100755", "a.py")], &["mode_change"]),
        ("one no more", vec![file("100755", FILE, "a.py")], &["mode_change"]),
        ("a strange mode", vec![file("100664", "100664", "a.py")], &["mode_change"]),
        ("a file that is not text", vec![binary("a.png")], &["binary_file"]),
        ("a text that was not read", vec![unread("a.csv")], &["unread_text"]),
        ("a secret", vec![secret("src/a.py")], &["secret"]),
        ("a workflow", vec![edited(".github/workflows/ci.yml")], &["executed_path"]),
        ("a hook", vec![edited(".pre-commit-config.yaml")], &["executed_path"]),
        ("instructions of an agent", vec![edited("CLAUDE.md")], &["executed_path"]),
        ("a task file", vec![edited("Makefile")], &["build_file"]),
        ("settings of tests", vec![edited("tests/conftest.py")], &["build_file"]),
        ("owners", vec![edited("docs/CODEOWNERS")], &["forbidden_path"]),
        ("owners in another case", vec![edited("docs/codeowners")], &["forbidden_path"]),
        ("infrastructure", vec![edited("infra/main.tf")], &["forbidden_path"]),
        ("a file of secrets", vec![file(NEW, FILE, "app/.env")], &["forbidden_path"]),
        ("its example", vec![file(NEW, FILE, "app/.env.example")], &[]),
        ("a hidden character", vec![edited("src/a\u{200b}.py")], &["hidden_name"]),
        ("a control character", vec![edited("src/a\u{1b}.py")], &["hidden_name"]),
        ("a lock file", vec![edited("Cargo.lock")], &["lock_without_manifest"]),
        ("with its manifest", vec![edited("Cargo.lock"), edited("Cargo.toml")], &[]),
        ("with that of a member", vec![edited("Cargo.lock"), edited("a/b/Cargo.toml")], &[]),
        (
            "with that of another folder",
            vec![edited("web/Cargo.lock"), edited("api/Cargo.toml")],
            &["lock_without_manifest"],
        ),
        (
            "with that of a folder with the same beginning",
            vec![edited("web/Cargo.lock"), edited("web2/Cargo.toml")],
            &["lock_without_manifest"],
        ),
        ("sums of Go", vec![edited("svc/go.sum"), edited("svc/go.mod")], &[]),
        ("sums of Go alone", vec![edited("svc/go.sum")], &["lock_without_manifest"]),
        (
            "several reasons",
            vec![file(NEW, "100755", ".github/run"), secret("src/a.py"), edited("go.sum")],
            &["mode_change", "executed_path", "secret", "lock_without_manifest"],
        ),
        ("nothing", vec![], &[]),
    ];
    for (rule, files, expected) in rows {
        for file in &files {
            // The gate of a held patch, which a person may look at, is never the stricter one.
            let is_held = !gate(std::slice::from_ref(&file.change)).is_empty();
            let one = words(&GatePolicy::default(), vec![file.clone()]);
            assert!(!is_held || !one.is_empty(), "{rule}: {}", file.change.path);
        }
        assert_eq!(words(&GatePolicy::default(), files), expected, "{rule}");
    }
}

#[test]
fn policy_allows_build_files_and_forbids_paths() {
    let allowed = GatePolicy { allow_build_files: true, ..GatePolicy::default() };
    assert_eq!(words(&allowed, vec![edited("Makefile"), edited("conftest.py")]), [""; 0]);
    assert_eq!(words(&allowed, vec![edited(".github/workflows/x.yml")]), ["executed_path"]);
    let patterns = ["/db/migrations/*", "*.sql", "payments"];
    let forbidden = ForbiddenPaths::new(&patterns).unwrap();
    let policy = GatePolicy { forbidden, ..GatePolicy::default() };
    let rows = [
        ("db/migrations/0001/up.py", true),
        ("DB/Migrations/0001.py", true),
        ("x/db/migrations/0001.py", false),
        ("x/y.sql", true),
        ("src/payments/a.py", true),
        ("src/payments.py", false),
        ("docs/CODEOWNERS", false),
    ];
    for (path, expected) in rows {
        let found = words(&policy, vec![edited(path)]);
        assert_eq!(found == ["forbidden_path"], expected, "{path}: {found:?}");
    }
    assert!(ForbiddenPaths::new(&["a/[", "b"]).is_err());
}

#[test]
fn sentence_names_the_first_paths_and_no_secret() {
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
    let secret = DifferingFile { after: Some(format!("k = \"{token}\"")), ..edited("src/k.py") };
    let files: Vec<DifferingFile> =
        (0..5).map(|n| edited(&format!("{n}/Makefile"))).chain([secret]).collect();
    let difference = Difference { files, patch_bytes: 1 };
    let refusals = judge(&GatePolicy::default(), &Redactor::default(), &difference);
    let sentences: Vec<&str> = refusals.iter().map(|one| one.sentence.as_str()).collect();
    let expected = [
        "'0/Makefile' is executed by CI, '1/Makefile' is executed by CI, '2/Makefile' is executed by \
         CI, and 2 more",
        "'src/k.py' has a secret (token)",
    ];
    assert_eq!(sentences, expected);
}

#[test]
fn default_patterns_are_valid() {
    assert_ne!(GatePolicy::default().forbidden, ForbiddenPaths::default());
}

//! Files of a patch that are tests: by the patterns of the configuration, else by the conventions of
//! each language.
//!
//! A file that is taken for a test by mistake can only lower a verdict: the run without the fix then
//! has a part of it.

use crate::glob::GlobList;

/// The places and names of tests in a language.
struct Convention {
    extensions: &'static [&'static str],
    /// Beginnings and ends of the name without its extension.
    prefixes: &'static [&'static str],
    suffixes: &'static [&'static str],
    /// Whole names without the extension.
    names: &'static [&'static str],
    /// Texts that mark tests within a file of any name.
    inline: &'static [&'static str],
}

/// The conventions of all languages.
const CONVENTIONS: [Convention; 10] = [
    // Python
    Convention {
        extensions: &["py"],
        prefixes: &["test_"],
        suffixes: &["_test", "_tests"],
        names: &["conftest", "tests", "test"],
        inline: &["\ndef test_", "    def test_", "unittest.TestCase", ">>> "],
    },
    // JavaScript and TypeScript
    Convention {
        extensions: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue"],
        prefixes: &["test-", "test_"],
        suffixes: &[".test", ".spec", "-test", "_test", "-spec", "_spec", ".e2e"],
        names: &["test", "tests"],
        inline: &["import.meta.vitest"],
    },
    // Go
    Convention {
        extensions: &["go"],
        prefixes: &[],
        suffixes: &["_test"],
        names: &[],
        inline: &[],
    },
    // Java, Kotlin, Scala, Groovy, C#, PHP, Swift
    Convention {
        extensions: &["java", "kt", "kts", "scala", "groovy", "cs", "php", "swift"],
        prefixes: &["Test"],
        suffixes: &["Test", "Tests", "TestCase", "IT", "Spec"],
        names: &[],
        inline: &["@Test", "[Fact]", "[Test]", "[TestMethod]"],
    },
    // Rust
    Convention {
        extensions: &["rs"],
        prefixes: &["test_"],
        suffixes: &["_test", "_tests"],
        names: &["test", "tests"],
        inline: &[
            "#[test",
            "#[cfg(test)]",
            "::test]",
            "::test(",
            "#[rstest",
            "#[quickcheck",
            "proptest!",
        ],
    },
    // Ruby
    Convention {
        extensions: &["rb"],
        prefixes: &["test_"],
        suffixes: &["_test", "_spec"],
        names: &["test_helper", "spec_helper", "rails_helper"],
        inline: &["Minitest::Test", "RSpec.describe"],
    },
    // Elixir, Erlang
    Convention {
        extensions: &["exs", "ex", "erl"],
        prefixes: &[],
        suffixes: &["_test", "_tests", "_SUITE"],
        names: &["test_helper"],
        inline: &["iex> ", "-ifdef(TEST)"],
    },
    // C and C++
    Convention {
        extensions: &["c", "cc", "cpp", "cxx", "h", "hpp"],
        prefixes: &["test_"],
        suffixes: &["_test", "_tests", "_unittest"],
        names: &["test", "tests"],
        inline: &["TEST_CASE(", "TEST(", "TEST_F("],
    },
    // Zig, D
    Convention {
        extensions: &["zig", "d"],
        prefixes: &["test_"],
        suffixes: &["_test"],
        names: &["test", "tests"],
        inline: &["\ntest \"", "unittest"],
    },
    // Shell
    Convention {
        extensions: &["sh", "bash", "bats"],
        prefixes: &["test_", "test-"],
        suffixes: &["_test", "-test", "_tests"],
        names: &["test", "tests"],
        inline: &[],
    },
];

/// Folders whose files, of any kind, are tests or serve them.
const FOLDERS: [&str; 10] = [
    "test",
    "tests",
    "__tests__",
    "__mocks__",
    "__snapshots__",
    "spec",
    "specs",
    "e2e",
    "testdata",
    "fixtures",
];

/// The rules by which a file is a test.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestFiles {
    /// Patterns of paths; without any the conventions apply.
    patterns: GlobList,
}

impl TestFiles {
    pub fn new(patterns: GlobList) -> Self {
        TestFiles { patterns }
    }

    /// Whether the file at a path in the repository is a test.
    pub fn is_test(&self, path: &str) -> bool {
        match self.patterns.is_empty() {
            true => by_convention(path),
            false => self.patterns.matches(path),
        }
    }
}

fn by_convention(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if folders.split('/').any(|folder| FOLDERS.contains(&folder)) {
        return true;
    }
    let Some((stem, convention)) = convention(name) else { return false };
    convention.names.contains(&stem)
        || convention.prefixes.iter().any(|start| is_word_start(stem, start))
        || convention.suffixes.iter().any(|end| stem.len() > end.len() && stem.ends_with(end))
}

/// Whether a name begins with a word: `TestOrders` does with `Test`, `Testimonial` does not.
fn is_word_start(stem: &str, start: &str) -> bool {
    let rest = stem.strip_prefix(start).and_then(|rest| rest.chars().next());
    rest.is_some_and(|next| !start.ends_with(char::is_alphabetic) || !next.is_lowercase())
}

/// Names of files, in any folder, that decide how tests run: what `make`, `npm` and the runners read.
/// A part before a star is the begin of a name.
const RUNNER_FILES: [&str; 48] = [
    "Makefile",
    "makefile",
    "GNUmakefile",
    "*.mk",
    "justfile",
    "Justfile",
    ".justfile",
    "Taskfile.*",
    "Rakefile",
    "package.json",
    ".npmrc",
    "jest.config.*",
    "vitest.config.*",
    "vite.config.*",
    "babel.config.*",
    ".babelrc*",
    ".mocharc*",
    "karma.conf.*",
    "ava.config.*",
    "playwright.config.*",
    "cypress.config.*",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "noxfile.py",
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "manage.py",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    "Cargo.toml",
    ".cargo/config.toml",
    ".cargo/config",
    "go.work",
    "pom.xml",
    "build.gradle*",
    "settings.gradle*",
    "gradle.properties",
    "build.sbt",
    "phpunit.xml*",
    "composer.json",
    ".rspec",
    "mix.exs",
    "build.zig",
    "CMakeLists.txt",
    "Directory.Build.*",
];

/// Whether a file at a path decides how the tests of a command run: the command names it, or its
/// programs read it by its name.
pub fn decides_run(path: &str, argv: &[String]) -> bool {
    let is_named = argv.iter().any(|word| {
        word.split(char::is_whitespace).any(|part| part.trim_start_matches("./") == path)
    });
    is_named
        || RUNNER_FILES.iter().any(|known| {
            let name = match known.contains('/') {
                true => path,
                false => path.rsplit('/').next().unwrap_or(path),
            };
            match (known.strip_prefix('*'), known.strip_suffix('*')) {
                (Some(end), _) => name.ends_with(end),
                (_, Some(start)) => name.starts_with(start),
                _ => name == *known || known.contains('/') && name.ends_with(&format!("/{known}")),
            }
        })
}

/// Whether a file that is no test holds tests, as those of Rust do: it then has test and code alike.
pub fn holds_tests(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    convention(name)
        .is_some_and(|(_, convention)| convention.inline.iter().any(|mark| text.contains(mark)))
}

/// Returns a name without its extension, and the convention of its language.
fn convention(name: &str) -> Option<(&str, &'static Convention)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let of = |convention: &&Convention| convention.extensions.contains(&extension);
    Some((stem, CONVENTIONS.iter().find(of)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conventions_of_each_language_tell_tests_from_code() {
        // Tests, then code, of each language.
        let rows: [(&str, &[&str], &[&str]); 11] = [
            (
                "Python",
                &["test_orders.py", "a/orders_test.py", "tests/data.json", "a/conftest.py"],
                &["orders.py", "latest.py", "contest_test_data.csv", "testing.py"],
            ),
            (
                "JavaScript",
                &["a.test.js", "src/__tests__/a.js", "b.spec.mjs", "test.js", "e2e/a.cy.ts"],
                &["a.js", "src/spec.js", "testing.js", "package.json"],
            ),
            ("TypeScript", &["a.test.tsx", "b.spec.ts"], &["a.ts", "inspect.ts", "contest.ts"]),
            ("Go", &["a/order_test.go", "testdata/x.json"], &["order.go", "test.go", "testing.go"]),
            (
                "Java",
                &["src/test/java/a/Order.java", "OrderTest.java", "TestOrder.java", "OrderIT.java"],
                &["src/main/java/a/Order.java", "Latest.java", "Testimonial.java", "Attest.java"],
            ),
            ("Kotlin", &["OrderSpec.kt"], &["Order.kt", "build.gradle.kts"]),
            (
                "Rust",
                &["tests/it.rs", "src/order/tests.rs", "src/a_test.rs"],
                &["src/lib.rs", "build.rs"],
            ),
            ("Ruby", &["spec/order_spec.rb", "a/order_test.rb"], &["order.rb", "inspec.rb"]),
            ("PHP", &["OrderTest.php"], &["Order.php"]),
            ("shell", &["test.sh", "x_test.sh", "t-test.bash"], &["latest.sh"]),
            ("none", &["tests/x", "fixtures/a.bin"], &["Makefile", "README.md", "a/test", ""]),
        ];
        let files = TestFiles::default();
        for (language, tests, code) in rows {
            for path in tests {
                assert!(files.is_test(path), "{language}: {path} is a test");
            }
            for path in code {
                assert!(!files.is_test(path), "{language}: {path} is no test");
            }
        }
    }

    #[test]
    fn patterns_of_the_configuration_replace_the_conventions() {
        let files = TestFiles::new(GlobList::any(&["checks/*", "*.check.py"]).unwrap());
        let rows = [
            ("checks/a.py", true),
            ("checks/deep/a.py", true),
            ("src/a.check.py", true),
            ("tests/test_a.py", false),
            ("src/checks/a.py", false),
        ];
        for (path, is_test) in rows {
            assert_eq!(files.is_test(path), is_test, "{path}");
        }
    }

    #[test]
    fn files_that_decide_how_tests_run_are_known() {
        let argv = ["sh", "-c", "exec ./ci/run.sh --all"].map(str::to_owned);
        let rows = [
            ("ci/run.sh", true),
            ("run.sh", false),
            ("Makefile", true),
            ("app/Makefile", true),
            ("Makefile.md", false),
            ("rules/test.mk", true),
            ("web/jest.config.mjs", true),
            ("jest.configuration.md", false),
            ("build.gradle.kts", true),
            (".cargo/config.toml", true),
            ("a/.cargo/config.toml", true),
            ("config.toml", false),
            ("src/package.rs", false),
            ("orders.py", false),
        ];
        for (path, decides) in rows {
            assert_eq!(decides_run(path, &argv), decides, "{path}");
        }
    }

    #[test]
    fn tests_within_code_are_found_by_their_marks() {
        let rows = [
            ("src/lib.rs", "fn a() {}\n#[cfg(test)]\nmod tests {}\n", true),
            ("src/lib.rs", "#[tokio::test]\nasync fn a() {}\n", true),
            ("src/lib.rs", "fn test() {}\n", false),
            ("a.py", "def total():\n    \"\"\"\n    >>> total()\n    0\n    \"\"\"\n", true),
            ("a.py", "def total():\n    return 1\n", false),
            ("a.ts", "if (import.meta.vitest) {}\n", true),
            ("a.go", "func TestA(t *testing.T) {}\n", false),
            ("README.md", "#[test]\n", false),
        ];
        for (path, text, holds) in rows {
            assert_eq!(holds_tests(path, text), holds, "{path}: {text}");
        }
    }
}

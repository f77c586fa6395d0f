//! The recipes of dlq-redrive(1) for the encryption of archives, run as they stand there.

use std::os::unix::fs::PermissionsExt;

use super::{bodies_of, drain};
use crate::support::peek::create_dlq_with;
use crate::support::poll::{bench, parse_output};
use crate::support::requirement::{has_age, has_gpg};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

/// Returns the recipes of a program: one that encrypts, one that restores.
#[track_caller]
fn recipes(program: &str) -> [String; 2] {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/dlq-redrive.1");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("\n.Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n.Ed").next().unwrap().to_owned());
    let found: Vec<String> = blocks.filter(|one| one.contains(&format!("{program} -"))).collect();
    found.try_into().unwrap_or_else(|found| panic!("not two recipes of {program}: {found:?}"))
}

/// Encrypts the archive of a purge by the recipe, and restores it by the other one.
#[track_caller]
fn round_trip(bench: &mut Bench, server: &SqsServer, program: &str, ends: &str) {
    let mut sqs = server.client();
    let queue = format!("{program}-dlq");
    let dlq = create_dlq_with(&mut sqs, &queue, &["a", "b", "secret-body"]);
    let purged = parse_output(bench.run("dlq-purge", &["--confirm", &queue, &queue], ""));
    let path = purged.single("purge.completed")["data"]["archive"].as_str().unwrap().to_owned();
    assert_eq!(sqs.depth(&dlq), 0);
    let [encrypt, restore] = recipes(program);
    let hidden = bench.shell(&encrypt.replace("FILE", &path));
    assert_eq!(hidden.code(), 0, "{encrypt}: {hidden:?}");
    let encrypted = std::fs::read(format!("{path}.{ends}")).unwrap();
    assert!(!String::from_utf8_lossy(&encrypted).contains("secret-body"));
    assert!(!std::path::Path::new(&path).exists(), "the readable one is gone");
    let output = bench.shell(&restore.replace("FILE", &path));
    assert_eq!(output.code(), 0, "{restore}: {output:?}");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut back = bodies_of(&drain(&mut sqs, &dlq));
    back.sort();
    assert_eq!(back, ["a", "b", "secret-body"]);
}

#[test]
fn archive_is_encrypted_with_gpg_and_restored() {
    let (Some(server), true) = (SqsServer::start(), has_gpg()) else { return };
    let mut bench = bench("encrypt-gpg", &server.url);
    // A short path: a socket lies below it.
    let home = std::env::temp_dir().join(format!("dlq-gpg-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    bench.set("GNUPGHOME", &home);
    let key = "gpg --batch --quiet --passphrase '' --quick-generate-key ops@example.com";
    let made = bench.shell(key);
    assert_eq!(made.code(), 0, "{made:?}");
    round_trip(&mut bench, &server, "gpg", "gpg");
    bench.shell("gpgconf --kill all");
    let _ = std::fs::remove_dir_all(home);
}

#[test]
fn archive_is_encrypted_with_age_and_restored() {
    let (Some(server), true) = (SqsServer::start(), has_age()) else { return };
    let mut bench = bench("encrypt-age", &server.url);
    let made = bench.shell("age-keygen -o key.txt && age-keygen -y key.txt > recipients.txt");
    assert_eq!(made.code(), 0, "{made:?}");
    round_trip(&mut bench, &server, "age", "age");
}

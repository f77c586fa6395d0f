//! Secrets whose name stands elsewhere: in a head line, another element, a program, a sentence.

use super::forms::{GONE, leaks};
use super::*;

/// Label, text. `GONE` must be gone.
const SECRETS: &[(&str, &str)] = &[
    ("curl, -su", "curl -su 'admin:hunter2hunt3' https://x"),
    ("curl, a header", "curl -sH 'X-Auth: hunter2hunt3' https://x"),
    ("curl, a header in quotes", "curl -H \"X-Auth: hunter2hunt3\" https://x"),
    ("curl, a long header", "curl --header 'X-Custom-Auth: hunter2hunt3' https://x"),
    ("az", "az login -u bob -p hunter2hunt3"),
    ("keytool", "keytool -list -srcstorepass hunter2hunt3"),
    ("HTTPie", "http -a bob:hunter2hunt3 x"),
    ("mosquitto", "mosquitto_pub -h mq -u bob -P hunter2hunt3 -t x"),
    ("ldapsearch", "ldapsearch -x -D cn=admin -w hunter2hunt3 -b dc=x"),
    ("sqlcmd", "sqlcmd -S db -U sa -P hunter2hunt3 -Q x"),
    ("mongosh", "mongodump -u bob -p hunter2hunt3 --db x"),
    ("cqlsh", "cqlsh -u bob -p hunter2hunt3 db"),
    ("smbclient", "smbclient //srv/share -U bob%hunter2hunt3"),
    ("7z", "7z x -phunter2hunt3 a.7z"),
    ("unzip", "unzip -P hunter2hunt3 a.zip"),
    ("ipmitool", "ipmitool -H bmc -U root -P hunter2hunt3 power on"),
    ("aws configure", "aws configure set aws_secret_access_key hunter2hunt3"),
    ("npm config", "npm config set //registry.npmjs.org/:_authToken hunter2hunt3"),
    ("setx", "setx DB_PASSWORD hunter2hunt3"),
    ("CSV", "user,password,age\nbob,hunter2hunt3,3\nann,hunter2hunt3,4\n"),
    ("CSV, after a line with a comma too many", "user,password,age\nb,x,3,4\nann,hunter2hunt3,4\n"),
    ("CSV, in a line with a comma too many", "user,password\nsmith,bob,hunter2hunt3\n"),
    ("CSV, last column", "id;api_key\r\n1;hunter2hunt3\r\n"),
    ("CSV in quotes", "\"name\",\"Client Secret\"\n\"b,ob\",\"hunter2hunt3 x\""),
    ("TSV", "user\ttoken\nbob\thunter2hunt3"),
    ("a table", "| user | password |\n|---|---|\n| bob | hunter2hunt3 |"),
    ("psql", " user | password \n------+----------\n bob  | hunter2hunt3\n(1 row)"),
    ("SQL", "INSERT INTO users (user, password) VALUES ('bob', 'hunter2hunt3')"),
    ("SQL, rows", "INSERT INTO t (a,pwd,b) VALUES (1,'x''y',2),(2,'hunter2hunt3',3)"),
    ("SQL, quoted", "insert into \"t\" (`id`, \"api_key\") values (1, \"hunter2hunt3\");"),
    ("SQL, no quotes", "REPLACE INTO t(id,pin) VALUES (1,hunter2hunt3)"),
    ("pairs", r#"[["user","bob"],["password","hunter2hunt3"]]"#),
    ("pairs of a header", r#"{"headers":[["X-Api-Key","hunter2hunt3"],["A","b"]]}"#),
    ("pairs, broken", r#"x [["user","bob"],["password", "hunter2hunt3"]]"#),
    ("HTML", "<input type=\"password\" name=\"p\" value=\"hunter2hunt3\">"),
    ("HTML without quotes", "<input type=password value=hunter2hunt3>"),
    ("HTML, value first", "<input value=\"hunter2hunt3\" id=\"x\" type='password'/>"),
    ("HTML, a hidden field", "<input type=hidden name=csrf_token value=hunter2hunt3>"),
    ("HTML, a name after", "<input value=hunter2hunt3 name=\"client_secret\">"),
    ("HTML, meta", "<meta name=\"csrf-token\" content=\"hunter2hunt3\">"),
    ("pgpass", "db.internal:5432:orders:app:hunter2hunt3"),
    ("pgpass, any", "# x\nlocalhost:*:*:app:hunter2hunt3\n"),
    ("Kubernetes", "apiVersion: v1\nkind: Secret\nstringData:\n  a: hunter2hunt3\n  b: x\n"),
    ("German", "Das Passwort lautet hunter2hunt3."),
    ("German, is", "Ihr Passwort ist: hunter2hunt3"),
    ("French", "Votre mot de passe est hunter2hunt3"),
    ("French, spaced", "Mot de passe : hunter2hunt3"),
    ("Spanish", "Su contraseña es hunter2hunt3"),
    ("Spanish, plain", "contrasena es: hunter2hunt3"),
    ("Portuguese", "Sua senha é hunter2hunt3"),
    ("Italian", "La password è hunter2hunt3"),
    ("Dutch", "Het wachtwoord is hunter2hunt3"),
    ("Dutch, a key", "wachtwoord=hunter2hunt3"),
    ("a key", r#"{"wachtwoord":"hunter2hunt3","totp":"hunter2hunt3"}"#),
    ("keys", r#"{"csrf":"hunter2hunt3","xsrfToken":"hunter2hunt3","pword":"hunter2hunt3"}"#),
    ("a maiden name", r#"{"mothersMaidenName":"hunter2hunt3","securityAnswer2":"hunter2hunt3"}"#),
    ("a phrase", r#"{"recoveryPhrase":"a hunter2hunt3","seed_phrase":"b hunter2hunt3"}"#),
    ("keys of stores", r#"{"deployKey":"hunter2hunt3","licenseKey":"hunter2hunt3"}"#),
    ("a one time seed", "otpauth://totp/acme:bob?secret=hunter2hunt3&issuer=acme"),
    ("a one time seed by name", r#"{"totpSeed":"hunter2hunt3","mfa_seed":"hunter2hunt3"}"#),
];

/// Label, text, and what must be gone.
const TOKENS: &[(&str, &str, &str)] = &[
    ("Notion", "secret_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "abcdefghijklmnop"),
    ("Okta", "SSWS 00abcdefghijklmnopqrstuvwxyz0123456789ABCD", "abcdefghijklmnop"),
    ("PostHog", "phx_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "abcdefghijklmnop"),
    ("PostHog, a project's", "phc_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "abcdefghijklm"),
    (
        "Terraform",
        "a1B2c3D4e5F6g7.atlasv1.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ012",
        "abcdefghijklmnop",
    ),
    (
        "Terraform, its head",
        "a1B2c3D4e5F6g7.atlasv1.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ012",
        "a1B2c3D4",
    ),
    ("bcrypt", "hash $2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "OPST9"),
    (
        "argon2",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b7dWRWJTmaaJObG",
        "RdescudvJC",
    ),
    ("crypt", "root:$6$rounds=5000$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2:1", "qFmFH"),
    (
        "Django",
        "pbkdf2_sha256$260000$abcDEF123$x5mZ9yJ0Qh1k2l3m4n5o6p7q8r9s0t1u2v3w4x5y6z=",
        "x5mZ9",
    ),
    ("a magic link", "https://acme.io/magic?t=abcdef0123456789abcd&u=3", "abcdef0123456789"),
    ("a reset link", "https://acme.io/password/reset/abcdef0123456789abcd?u=3", "abcdef0123456789"),
    ("an invitation", "https://acme.io/invite?i=abcdef0123456789abcd", "abcdef0123456789"),
    (
        "a confirmation",
        "https:\\/\\/acme.io\\/verify-email?k=abcdef0123456789abcd",
        "abcdef0123456789",
    ),
    ("Stripe by name", r#"{"stripeKey":"abcdef0123456789abcd"}"#, "abcdef0123456789"),
    ("a vendor's key", "SENDGRID_KEY=abcdef0123456789abcd", "abcdef0123456789"),
    ("a refresh", r#"{"refresh":"abcdef0123456789abcd"}"#, "abcdef0123456789"),
    ("a DSN", r#"{"dsn":"abcdef0123456789abcd"}"#, "abcdef0123456789"),
    ("a connection", r#"{"connectionString":"abcdef0123456789abcd"}"#, "abcdef0123456789"),
    (
        "Sentry",
        "https://abcdef0123456789abcdef0123456789@o1.ingest.sentry.io/1",
        "abcdef0123456789",
    ),
    ("a Secret of Kubernetes", "kind: Secret\ndata:\n  a: aHVudGVyMmh1bnQz\n", "aHVudGVyMmh1"),
    ("a base85 by name", r#"{"encryptionKey":"Xk~0{Zy<MXa%^M"}"#, "Xk~0"),
];

/// Texts that people and the investigation need, and which stay unchanged.
const NEEDED: &[&str] = &[
    "curl -H 'Content-Type: application/json' -H 'X-Request-Id: 7f3c2a90' -sS -o out -X POST x",
    "sort -u a:b -p x; mkdir -p /var/lib/hunter2; cp -p a1b2c3 b; ssh -p 2222 host; nc -w 5 db 5432",
    "docker run -d mongo -p 27017:27017; docker run mysql -p 3306:3306",
    r#"{"lastRefresh":"2026-11-29T07:47:13.123Z","dsn":"mysql://db2.internal:3306/orders"}"#,
    "next_refresh=2026-11-29T07:47:13Z dsn=postgres://db1.internal:5432/orders x",
    "docker run -p 8080:80 img; psql -U app -p 5432; npm config set registry https://x.io/",
    "id,name,token_count,status\n1,bob,3,open\n2,ann,4,closed",
    "error,token,line\n",
    "Invalid token, try again\nseen by a, b, hunter2hunt3\nstatus,open",
    "user,password\n\nstatus,open,new\nx,y",
    "[\n \"--token\",\n \"next\",\n \"token\",\n \"email\",\n]",
    "a token, a password\nand 2 more, which failed",
    "Fields: user, password\nMissing: name, secret",
    "INSERT INTO orders (id, total, status) VALUES (42, 9.90, 'open')",
    "INSERT INTO users (user, password) VALUES ($1, $2)",
    "INSERT INTO users (user, password) VALUES (?, ?), (:a, :b), (NULL, NULL), (%s, %s)",
    r#"[["password","email"],["user","token"]]"#,
    r#"{"required":["password","user_name"],"order":[["name","asc"],["token","desc"]]}"#,
    "<input type=\"text\" name=\"city\" value=\"Berlin2000\">",
    "<input type=\"password\" name=\"p\" placeholder=\"your password\">",
    "<meta name=\"viewport\" content=\"width=device-width\">",
    "at 12:30:45:123:456 host:8080:a:b 10.0.0.1:443:tcp:open:x",
    "db.internal:5432: connection refused: timeout: retry",
    "orders.js:5432:12:at:handler main.go:42:7:a:b",
    "kind: ConfigMap\ndata:\n  region: eu-west-1\n  mode: aHVudGVyMg\n",
    r#"{"kind":"Order","data":{"a":"bGVtb25z"}}"#,
    "kind: SecretStore\nspec:\n  region: eu-west-1",
    "Das Passwort ist falsch. Le mot de passe est incorrect. La contraseña es incorrecta.",
    "A senha é obrigatória. La password è errata. Het wachtwoord is verlopen. Passwort abgelaufen",
    "Das Passwort muss 12 Zeichen lang sein; the password is at least 12x long",
    r#"{"refresh":true,"refreshInterval":"30s","refresh_rate":60,"seed":42,"salt":"v2"}"#,
    r#"{"key":"orders/2026/11/29/7f3c2a90-1b4d-4c7e","sort_key":"ORDER#2026-11-29T07:47:13"}"#,
    r#"{"partition_key":"tenant-0042-orders-2026","idempotency_key":"7f3c2a90-1b4d-4c7e-9a65-0d2e"}"#,
    r#"{"primaryKey":"order-2026-11-29-000042","cacheKey":"orders:v2:eu-west-1:000042"}"#,
    r#"{"publicKey":"orders-2026","foreignKey":"customer_0042_id","routing_key":"orders.v2.created"}"#,
    "secret_manager_config_loader_v2 secret_store and secret_santa2026",
    "phx_mean phc_variance a.atlasv1.b x.atlasv1.",
    "$2b$ costs $12$ or $6$7 $argon2 and pbkdf2_sha256 $1$ per unit",
    "https://acme.io/orders/verify?status=open&page=2 https://acme.io/reset?confirm=true",
    "https://acme.io/docs/password/reset https://acme.io/invite?lang=de&utm_source=newsletter2026",
    "https://acme.io/api/v2/confirmations/2026-11-29/orders-000042?x=1",
    "otp sent, totp required, dsn missing, connectionString is not set, csrf check failed",
    "vault login failed: permission denied; aws configure list; az login required first",
    "the -p option, a -P flag, and -w 10 with unzip2john or sqlcmd -Q x",
];

#[test]
fn secrets_named_elsewhere_are_hidden() {
    let plain = SECRETS.iter().map(|(what, text)| (*what, *text, GONE));
    let wrong: Vec<String> = plain
        .chain(TOKENS.iter().copied())
        .filter_map(|(what, text, gone)| {
            let found = leaks(text, gone);
            (!found.is_empty()).then(|| format!("{what}: {}", found.join("; ")))
        })
        .collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn secrets_named_by_their_object_are_hidden() {
    let rows = [
        (
            json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "x"}}),
            json!({"kind": "Secret", "data": {"a": "<secret:16>"}, "stringData": {"b": "<secret:8>"}}),
        ),
        (
            json!({"kind": "Order", "data": {"a": "x"}}),
            json!({"kind": "Order", "data": {"a": "x"}}),
        ),
        (
            json!([["password", "hunter2hunt3"], ["a", "b"]]),
            json!([["password", "<secret:16>"], ["a", "b"]]),
        ),
        (json!(["token", "desc"]), json!(["token", "desc"])),
        (json!(["password", "firstName"]), json!(["password", "firstName"])),
        (
            json!(["curl", "-H", "X-Auth: x", "-H", "Accept: x"]),
            json!(["curl", "-H", "<secret:16>", "-H", "Accept: x"]),
        ),
    ];
    for (value, expected) in rows {
        let once = in_json(value);
        assert_eq!(once, expected);
        assert_eq!(in_json(once.clone()), once);
    }
}

#[test]
fn texts_beside_the_names_of_secrets_are_kept() {
    let wrong: Vec<_> = NEEDED
        .iter()
        .map(|text| (redacted(text), *text))
        .filter(|(shown, text)| shown != text)
        .collect();
    assert!(wrong.is_empty(), "{}:\n{wrong:#?}", wrong.len());
    let value = json!(NEEDED);
    assert_eq!(in_json(value.clone()), value);
}

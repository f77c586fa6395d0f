//! Secrets in the forms that queues, logs and dumps have, and texts that people need to read.

use super::*;

/// The secret of the rows that do not name another.
pub(super) const GONE: &str = "hunter2hunt3";

/// Label, text. `GONE` must be gone.
const SECRETS: &[(&str, &str)] = &[
    ("env", "PATH=/bin\nDB_PASS=hunter2hunt3\nHOME=/root"),
    ("env, exported", "export PGPASSWORD=\"hunter2hunt3\""),
    ("env of MySQL", "MYSQL_PWD=hunter2hunt3 mysqldump"),
    ("env of Redis", "REDISCLI_AUTH=hunter2hunt3 redis-cli"),
    ("env of docker", "docker run -e DB_PASSWORD=hunter2hunt3 img"),
    ("Postgres", "postgres://app:hunter2hunt3@db.internal:5432/orders?sslmode=require"),
    ("Postgres with spaces", "host=db user=app password=hunter2hunt3 dbname=orders"),
    ("Postgres with quotes", "host=db password='hunter2hunt3 x' user=app"),
    ("MongoDB", "mongodb+srv://app:hunter2hunt3@c0.mongodb.net/?retryWrites=true"),
    ("MongoDB, two hosts", "mongodb://app:hunter2hunt3@a:27017,b:27017/x?replicaSet=r"),
    ("Postgres with a slash", "postgres://app:hunter2/hunt3hunter2hunt3@db/orders"),
    ("short names", r#"{"pw":"hunter2hunt3","a":{"psw":"hunter2hunt3"},"cred":"hunter2hunt3"}"#),
    ("a name with its version", r#"{"api_key_v2":"hunter2hunt3","sshKey":"hunter2hunt3"}"#),
    ("answers", r#"{"securityAnswer":"hunter2hunt3","mnemonic":"hunter2hunt3 apple"}"#),
    ("OAuth", "code_verifier=hunter2hunt3&client_assertion=hunter2hunt3"),
    ("AMQP", "amqp://guest:hunter2hunt3@mq:5672/%2f"),
    ("Redis", "rediss://default:hunter2hunt3@cache:6380/0"),
    ("redis-cli", "redis-cli -h cache -a hunter2hunt3 ping"),
    ("JDBC", "jdbc:postgresql://db/x?user=app&password=hunter2hunt3&ssl=true"),
    ("JDBC of SQL Server", "jdbc:sqlserver://db:1433;user=sa;password=hunter2hunt3;encrypt=true"),
    ("JDBC with braces", "jdbc:sqlserver://db;user=sa;password={hunter2hunt3};encrypt=true"),
    ("JDBC with a user", "jdbc:mysql://root:hunter2hunt3@db:3306/x"),
    ("MySQL of Go", "root:hunter2hunt3@tcp(db:3306)/orders?parseTime=true"),
    ("ADO.NET", "Server=tcp:db,1433;Uid=sa;Pwd=hunter2hunt3;Encrypt=True"),
    ("ADO.NET in quotes", "Data Source=db;User ID=sa;Password=\"a b hunter2hunt3\";"),
    ("ADO.NET in JSON", r#"{"cs":"Server=db;Password=a,hunter2hunt3;Encrypt=1"}"#),
    ("ADO.NET with signs", "Server=db;Password=a&)|hunter2hunt3;Encrypt=1"),
    ("Storage", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2hunt3==;E=c"),
    (
        "Kafka",
        "sasl.jaas.config=PlainLoginModule required username=\"u\" password=\"hunter2hunt3\";",
    ),
    ("SAS in a text", "https://a.blob.core.windows.net/c?sv=2022&ss=b&sig=hunter2hunt3%3D&se=2"),
    ("SAS of Service Bus", "SharedAccessSignature sr=x&sig=hunter2hunt3%3D&se=1764300000&skn=Root"),
    ("private_key_id", r#"{"type":"service_account","private_key_id":"hunter2hunt3"}"#),
    ("npmrc", "//registry.npmjs.org/:_authToken=hunter2hunt3"),
    ("npmrc, old", "_auth=hunter2hunt3aGVsbG8="),
    ("pip", "index-url = https://__token__:hunter2hunt3@pypi.acme.io/simple"),
    ("netrc", "machine api.acme.io login bob password hunter2hunt3"),
    ("cookie", "Cookie: sid=hunter2hunt3; theme=dark"),
    ("cookie in JSON", r#"{"headers":{"cookie":["sid=hunter2hunt3"]}}"#),
    ("cookies in a map", r#"{"cookies":{"sid":"hunter2hunt3"}}"#),
    ("Set-Cookie", "< set-cookie: sid=hunter2hunt3; Path=/; HttpOnly"),
    ("session of Java", "GET /cart;jsessionid=hunter2hunt3?x=1"),
    ("session of PHP", "GET /cart?PHPSESSID=hunter2hunt3&x=1"),
    ("session of Express", "connect.sid=s%3Ahunter2hunt3.abc"),
    ("session of ASP", "ASP.NET_SessionId=hunter2hunt3; path=/"),
    ("sid of a URL", "https://acme.io/cart?sid=hunter2hunt3&x=1"),
    ("code of a callback", "https://acme.io/callback?code=hunter2hunt3-0123&state=1"),
    ("function key in a URL", "https://a.azurewebsites.net/api/f?code=hunter2hunt3abcdefgh=="),
    ("assertion", "grant_type=x&assertion=hunter2hunt3abcd&scope=y"),
    ("XML of WSSE", "<wsse:Password Type=\"x#PasswordText\">hunter2hunt3</wsse:Password>"),
    ("XML attribute", "<user name=\"bob\" password=\"hunter2hunt3\"/>"),
    ("XML key and value", "<add key=\"ApiKey\" value=\"hunter2hunt3\" />"),
    ("XML element and value", "<entry><key>password</key><value>hunter2hunt3</value></entry>"),
    ("XML of Spring", "<property name=\"password\"><value>hunter2hunt3</value></property>"),
    ("XML, escaped", "&lt;password&gt;hunter2hunt3&lt;/password&gt;"),
    ("XML in JSON", r#"{"x":"\u003cpassword\u003ehunter2hunt3\u003c/password\u003e"}"#),
    ("plist", "<key>password</key>\n\t<string>hunter2hunt3</string>"),
    ("YAML", "db:\n  user: app\n  password: hunter2hunt3\n"),
    ("YAML, block", "password: |\n  hunter2hunt3\nuser: bob"),
    ("YAML, folded", "db:\n  password: >-\n    hunter2hunt3\n"),
    ("YAML, list", "- name: DB_PASSWORD\n  value: hunter2hunt3\n"),
    ("YAML, list in quotes", "env:\n- name: \"DB_PASSWORD\"\n  value: \"hunter2hunt3\"\n"),
    ("YAML, next line", "password:\n  hunter2hunt3\n"),
    ("headers", "> Host: acme.io\n> X-Api-Key: hunter2hunt3\n> Accept: */*"),
    ("headers of Python", "[('Accept', '*/*'), ('Authorization', 'Bearer hunter2hunt3')]"),
    ("headers of Go", "map[Authorization:[Bearer hunter2hunt3] Accept:[*/*]]"),
    ("headers of Java", "[X-Auth-Token:\"hunter2hunt3\", Accept:\"*/*\"]"),
    ("headers of Ruby", "{\"HTTP_AUTHORIZATION\"=>\"Token token=\\\"hunter2hunt3\\\"\"}"),
    ("Ocp", "Ocp-Apim-Subscription-Key: hunter2hunt3"),
    ("function key", "x-functions-key: hunter2hunt3"),
    ("SQL of MySQL", "CREATE USER 'bob'@'%' IDENTIFIED BY 'hunter2hunt3'"),
    ("SQL of MySQL 8", "ALTER USER bob IDENTIFIED WITH caching_sha2_password BY 'hunter2hunt3';"),
    ("SQL of Postgres", "ALTER ROLE bob WITH LOGIN PASSWORD 'hunter2hunt3' VALID UNTIL 'x'"),
    ("SQL, set", "UPDATE users SET password = 'hunter2hunt3' WHERE id = 1"),
    ("SQL, function", "SELECT PASSWORD('hunter2hunt3')"),
    ("Java map", "{user=bob, password=hunter2hunt3, age=3}"),
    ("Java record", "User[name=bob, password=hunter2hunt3]"),
    ("Kotlin", "User(name=bob, password=hunter2hunt3)"),
    ("Lombok, quoted", "User{name='bob', password='hunter2hunt3'}"),
    ("Scala", "Some(Login(password -> hunter2hunt3))"),
    ("Ruby", "{:user=>\"bob\", :password=>\"hunter2hunt3\"}"),
    ("Ruby 3.4", "{user: \"bob\", password: \"hunter2hunt3\"}"),
    ("Python", "{'user': 'bob', 'password': 'hunter2hunt3'}"),
    ("Python, bytes", "{'password': b'hunter2hunt3 x'}"),
    ("Python, old", "{u'password': u'hunter2 hunter2hunt3'}"),
    ("Python, pairs", "[('user', 'bob'), ('password', 'hunter2hunt3')]"),
    ("Go", "{Name:bob Password:hunter2hunt3 Age:3}"),
    ("Go, quoted", "main.User{Name:\"bob\", Password:\"hunter2hunt3\"}"),
    ("Go map", "map[password:hunter2hunt3 user:bob]"),
    ("Rust", "User { name: \"bob\", password: Some(\"hunter2hunt3\") }"),
    ("Elixir", "%{\"password\" => \"hunter2hunt3\"}"),
    ("Erlang", "[{user,<<\"bob\">>},{password,<<\"hunter2hunt3\">>}]"),
    ("Clojure", "{:user \"bob\" :password \"hunter2hunt3\"}"),
    ("Node", "{ user: 'bob', password: 'hunter2hunt3' }"),
    ("PHP", "array(2) { [\"password\"]=> string(12) \"hunter2hunt3\" }"),
    ("PHP, print_r", "Array\n(\n    [password] => hunter2hunt3\n)"),
    ("Perl", "$VAR1 = { 'password' => 'hunter2hunt3' };"),
    ("C#", "User { Name = bob, Password = hunter2hunt3 }"),
    ("Lua", "{ [\"password\"] = \"hunter2hunt3\" }"),
    ("properties", "password\\:hunter2hunt3"),
    ("HCL", "password = \"hunter2hunt3\""),
    ("GraphQL", "mutation { login(email: \"b\", password: \"hunter2hunt3\") { id } }"),
    ("DynamoDB", r#"{"password":{"S":"hunter2hunt3"}}"#),
    ("Debezium", r#"{"after":{"password_hash":"hunter2hunt3"}}"#),
    ("sentence", "the password is hunter2hunt3"),
    ("sentence with a colon", "Your temporary password is: hunter2hunt3"),
    ("sentence of a code", "wrong password 'hunter2hunt3' for user bob"),
    ("one time code", "otp_code=hunter2hunt3"),
    ("verification code", r#"{"verificationCode":"hunter2hunt3"}"#),
    ("reset link", "https://acme.io/reset-password/?reset_token=hunter2hunt3"),
    ("client secret", "client_id=a&client_secret=hunter2hunt3&grant_type=x"),
    ("refresh", r#"{"refreshToken":"hunter2hunt3","expiresIn":1}"#),
    ("access_token", "#access_token=hunter2hunt3&token_type=bearer"),
    ("SNMP", "snmpwalk -v2c -A hunter2hunt3 --password=hunter2hunt3"),
    ("Kubernetes", "kubectl create secret generic x --from-literal=password=hunter2hunt3"),
    ("openssl", "openssl enc -k x -pass pass:hunter2hunt3"),
    ("git", "git clone https://x-access-token:hunter2hunt3@github.com/a/b"),
    ("git with a token", "git clone https://hunter2hunt3@github.com/a/b"),
    ("Windows", "net use Z: \\\\srv\\share /user:bob /password:hunter2hunt3"),
    ("PowerShell", "-Credential bob -Password hunter2hunt3"),
    ("three JSONs", r#"x {\"a\":\"{\\\"password\\\":\\\"hunter2hunt3\\\"}\"}"#),
    ("four JSONs", r#"x \"{\\\"a\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"hunter2hunt3\\\\\\\""#),
    ("a name with spaces", "Password : hunter2hunt3"),
    ("a name in two words", "Client Secret: hunter2hunt3"),
    ("a name in two words, API", "API Key: hunter2hunt3"),
    ("a name with an index", "passwords[0]=hunter2hunt3"),
    ("German", "kennwort=hunter2hunt3"),
    ("French", "mot_de_passe=hunter2hunt3&motdepasse=hunter2hunt3"),
    ("Spanish", "contraseña=hunter2hunt3 contrasena=hunter2hunt3"),
    ("Portuguese", "senha: hunter2hunt3"),
    ("markdown", "| password | hunter2hunt3 |"),
    ("TSV of a pair", "password\thunter2hunt3"),
    ("aligned", "password       = hunter2hunt3"),
    ("logfmt", "level=error pass=hunter2hunt3 user=bob"),
];

/// Label, text, and what must be gone.
const TOKENS: &[(&str, &str, &str)] = &[
    ("SMTP", "AUTH PLAIN AGJvYgBodW50ZXIyaHVudDM=", "AGJvYgBodW"),
    (
        "Google key in a URL",
        "https://maps.googleapis.com/x?key=AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe&q=1",
        "DaGmWKa4",
    ),
    ("Telegram", "bot 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9", "AAHdqTcvCH1vGWJx"),
    ("Twilio key", "SK1234567890abcdef1234567890abcdef", "1234567890abcdef1234567890abcdef"),
    ("Mailgun", "key-3ax6xnjp29jd6fds4gc373sgvjxteol0", "3ax6xnjp29jd6"),
    ("Databricks", "dapi1234567890abcdef1234567890abcdef", "1234567890abcdef"),
    (
        "Atlassian",
        "ATATT3xFfGF0abcdefghijklmnopqrstuvwxyz0123456789_-=ABCDEF12",
        "abcdefghijklmnop",
    ),
    ("Linear", "lin_api_abcdefghijklmnopqrstuvwxyz0123456789ABCD", "abcdefghijklmnop"),
    ("Vault", "hvs.CAESIJabcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnop"),
    ("Google OAuth", "ya29.a0AfH6SMBabcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnop"),
    ("Google client", "GOCSPX-abcdefghijklmnopqrstuvwx1234", "abcdefghijklmnop"),
    ("Google refresh", "1//0gabcdefghijklmnopqrstuvwxyz-0123456789ABCDEF", "abcdefghijklmnop"),
    ("New Relic", "NRAK-ABCDEFGHIJKLMNOPQRSTUVWXYZ1", "ABCDEFGHIJKLMNOP"),
    ("Docker", "dckr_pat_abcdefghijklmnopqrstuvwx1-_", "abcdefghijklmnop"),
    ("RubyGems", "rubygems_0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ("Postman", "PMAK-0123456789abcdef01234567-0123456789abcdef0123456789abcdef01", "0123456789ab"),
    ("PlanetScale", "pscale_tkn_abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnop"),
    ("Supabase", "sbp_0123456789abcdef0123456789abcdef01234567", "0123456789abcdef"),
    ("Notion", "ntn_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ", "abcdefghijklmnop"),
    ("Figma", "figd_abcdefghijklmnopqrstuvwxyz-0123456789", "abcdefghijklmnop"),
    ("HubSpot", "pat-na1-12345678-1234-1234-1234-123456789abc", "12345678-1234"),
    ("Brevo", "xkeysib-0123456789abcdef0123456789abcdef-AbCdEfGhIj", "0123456789abcdef"),
    ("Groq", "gsk_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ", "abcdefghijklmnop"),
    ("xAI", "xai-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ", "abcdefghijklmnop"),
    ("Replicate", "r8_abcdefghijklmnopqrstuvwxyz0123456789A", "abcdefghijklmnop"),
    ("Pulumi", "pul-0123456789abcdef0123456789abcdef01234567", "0123456789abcdef"),
    ("Doppler", "dp.pt.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "abcdefghijklmnop"),
    ("Facebook", "EAACEdEose0cBA1234567890abcdefghijklmnopqrstuvwxyzABCDEF", "1234567890abcdef"),
    ("age", "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "QQQQQQQQQQQQQQQQQQ"),
    ("GitLab runner", "glrt-abcdefghij0123456789", "abcdefghij01"),
    ("Slack refresh", "xoxe.xoxp-1-Mi0yLTEyMzQ1Njc4OTAxMjM0NTY3ODkw", "Mi0yLTEyMzQ"),
    ("Slack config", "xoxe-1-My0xLTEyMzQ1Njc4OTAxMjM0NTY3ODkw", "My0xLTEyMzQ"),
    ("Stripe webhook", "whsec_abcdefghijklmnopqrstuvwxyz012345", "abcdefghijkl"),
    ("OpenAI service", "sk-svcacct-abcdefghij_klmnopqrst0123456789", "abcdefghij"),
    ("OpenRouter", "sk-or-v1-0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ("Azure AD", "abc8Q~abcdefghijklmnopqrstuvwxyz012345678", "abcdefghijklmnop"),
    ("Shopify custom", "shpca_0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ("Mailchimp", "0123456789abcdef0123456789abcdef-us12", "0123456789abcdef"),
    ("Bitbucket", "ATBBabcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnop"),
    ("Sendinblue SMTP", "xsmtpsib-0123456789abcdef0123456789abcdef-AbCdEfGhIj", "0123456789abcdef"),
    ("Heroku", "HRKU-12345678-1234-1234-1234-123456789abc", "12345678-1234"),
    ("Square", "EAAAEabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQR", "abcdefghijklmnop"),
    ("Plaid", "access-production-12345678-1234-1234-1234-123456789abc", "12345678-1234"),
    (
        "Teams flow",
        "https://prod-1.westus.logic.azure.com/workflows/0a/triggers/manual/paths/invoke?sig=abcDEF123",
        "abcDEF123",
    ),
    (
        "SSH key in one line",
        "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAA -----END OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1r",
    ),
    (
        "SSH key, escaped twice",
        r"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAA\\n-----END",
        "b3BlbnNzaC1r",
    ),
    (
        "PGP",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBFabcdef\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----",
        "lQOYBFabcdef",
    ),
    (
        "PuTTY",
        "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\nAAABAQCabcdefghijklmnopqrstuvwxyz0123\nPrivate-MAC: 0123456789abcdef0123456789abcdef01234567",
        "0123456789abcdef0123456789abcdef01234567",
    ),
    (
        "Secret key of a dump",
        "aws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "K7MDENG",
    ),
    (
        "Secret key of a CSV",
        "bob,AKIAIOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "K7MDENG",
    ),
    (
        "Secret key, escaped",
        r#"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY"#,
        "K7MDENG",
    ),
    (
        "JWT in lines",
        "eyJhbGciOiJIUzI1NiJ9.\neyJzdWIiOiJib2IifQ.\ndBjftJeZ4CVPmB92K27uhbUJU1p1r",
        "dBjftJeZ4CV",
    ),
    (
        "JWT broken in a line",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwi\nbmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fw\npMeJf36POk6yJV_adQssw5c",
        "pMeJf36POk6yJV",
    ),
    (
        "JWE",
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZ.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3.XFBoMYUZodetZdv",
        "XFBoMYUZodetZdv",
    ),
    (
        "session token",
        "IQoJb3JpZ2luX2VjEHoaCXVzLWVhc3QtMSJHMEUCIQDabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqr==",
        "abcdefghijklmnopqr",
    ),
    ("basic in a dump", "authorization=Basic%20Ym9iOmh1bnRlcjJodW50Mw%3D%3D", "Ym9iOmh1bnRlcjJ"),
    ("AMQP in base64", "YW1xcDovL2d1ZXN0Omh1bnRlcjJodW50M0BtcTo1Njcy", "YW1xcDovL2d1ZXN0Omh1bnRl"),
    ("HMAC in a header", "X-Signature: 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ("CVC beside a card", "card_number=4111111111111111&cvc=739&exp=12", "739"),
    ("IBAN in lower case", "iban: de89370400440532013000", "de89370400440532013000"),
    ("CPF with a name", r#"{"cpf":"12345678909"}"#, "12345678909"),
    ("card in an array", "{\"pan\":\"4111111111111111\"}", "4111111111111111"),
];

/// Texts that people and the investigation need, and which stay unchanged.
const NEEDED: &[&str] = &[
    "https://registry.example.com:4873/@scope/package and https://example.com/a:b@c",
    "{\"password_pwned\":0,\"backlog_seed\":42,\"credits\":3,\"pw_count\":1}",
    "7f3c2a90-1b4d-4c7e-9a65-0d2e8f1b3c4a",
    "arn:aws:lambda:eu-west-1:123456789012:function:orders-worker:42",
    "arn:aws:states:us-east-1:111122223333:execution:dunning:7f3c2a90-1b4d-4c7e-9a65-0d2e8f1b3c4a",
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf",
    "https://sqs.us-east-1.amazonaws.com/123456789012/orders-dlq",
    "order ORD-2026-000123, invoice INV/2026/0042, customer cus_NffrFeUfNV2Hib",
    "ch_3MmlLrLkdIwHu7ix0snN0B15 pi_3MtwBwLkdIwHu7ix28a3tqPa evt_1NG8Du2eZvKYlo2CUI79vXWy",
    "java.lang.IllegalStateException: order 42 at com.acme.orders.OrderService.ship(OrderService.java:118)",
    "  File \"/var/task/app/worker.py\", line 12, in handler\nKeyError: 'customer_id'",
    "    at Object.<anonymous> (/app/node_modules/express/lib/router/index.js:284:15)",
    "main.go:42 +0x1d4 goroutine 17 [running]: runtime.gopanic(0x4c2f20, 0xc000012345)",
    "thread 'main' panicked at src/main.rs:10:5: index out of bounds: the len is 3 but the index is 7",
    "/usr/lib/python3.12/site-packages/botocore/client.py:1005",
    "s3://acme-prod-uploads/2026/11/29/7f3c2a90/report_final.parquet",
    "acme-prod-uploads/year=2026/month=11/day=29/part-00000-tid-4611686018427387904-c000.snappy.parquet",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8, tree d8329fc1",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "etag \"9bb58f26192e4ba00f01e2e7b136bbd8-5\"",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
    "2026-11-29T07:47:13.123456789Z 29/Nov/2026:07:47:13 +0000 1764402433.123",
    "RequestId: 8f5c2d3a-6f6a-5c1e-9d7b-7a1f4a5c2b1d Duration: 3000.00 ms Billed Duration: 3000 ms",
    "Task timed out after 3.00 seconds, Runtime.ExitError, signal: killed, Memory Size: 128 MB",
    "com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException: Unrecognized field \"token\"",
    "missing field `password` at line 1 column 42",
    "KeyError: 'password'",
    "password must not be empty",
    "password: must not be blank, token: is invalid",
    "Field 'access_token' is required",
    "invalid token: unexpected end of JSON input",
    "SyntaxError: Unexpected token < in JSON at position 0",
    "Unexpected token: EOF",
    "The security token included in the request is expired",
    "ExpiredTokenException: The security token included in the request is expired",
    "SecretNotFound: secret prod/db does not exist",
    "authentication failed for user \"app\"",
    "session closed, Session timeout: 30s",
    "urllib3==2.2.1 boto3==1.34.0 @aws-sdk/client-sqs@3.540.0 org.springframework:spring-core:6.1.5",
    "registry.acme.io/orders/worker:1.42.0-rc.1+build.7@sha256:9f86d081884c7d659a2feaa0c55ad015",
    "i-0abcd1234efgh5678 vpc-0a1b2c3d4e5f67890 subnet-0bb1c79de3EXAMPLE sg-903004f8",
    "SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '42' for key 'PRIMARY'",
    "ERROR: duplicate key value violates unique constraint \"orders_pkey\" (SQLSTATE 23505)",
    "SELECT id, total FROM orders WHERE id = 42 AND status = 'open'",
    "nextToken=null, continuationToken=None, tokens=3, tokenType: bearer, token_type=Bearer",
    "max_tokens: 4096, prompt_tokens=12, total_tokens: 99, completion_tokens=87",
    "idempotency-key: order-42, routing_key=orders.created, partitionKey=42, key=orders/42",
    "primaryKey=42, foreignKey: order_id, sortKey=2026-11, cacheKey=orders:42, hashKey=id",
    "App\\Jobs\\SendInvoice, Illuminate\\Queue\\CallQueuedHandler@call",
    "Acme.Orders.Contracts.OrderPlaced, Acme.Orders, Version=1.0.0.0, Culture=neutral, PublicKeyToken=null",
    "urn:message:Acme.Orders.Contracts:OrderPlaced",
    "x-datadog-trace-id: 4611686018427387904, x-amzn-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793",
    "MessageGroupId=orders-42 MessageDeduplicationId=7f3c2a90 SequenceNumber=18849496460467696128",
    "49601189658422359378836298521827638475320189012309704722 shardId-000000000006:4960118965842",
    "507f1f77bcf86cd799439011 01ARZ3NDEKTSV4RRFFQ69G5FAV 2ZTNbUHXb4ORHZ1mQ5nWsdGfXvW",
    "ip 10.0.12.7, ::1, fe80::1ff:fe23:4567:890a, 192.168.0.0/16, mac 00:1b:44:11:3a:b7",
    "lat -23.550520, lon -46.633308, 4.5e+10, 1,234,567.89, 99.99 %, #FF00FF",
    "sku ABC-123-XL, ean 4006381333931, isbn 978-3-16-148410-0, tracking 1Z999AA10123456784",
    "GET /api/v1/orders/42?page=2&limit=50&sort=-created_at HTTP/1.1\" 500 1043",
    "curl -sS -X POST https://acme.io/orders -H 'Content-Type: application/json'",
    "Content-Type: application/json; charset=utf-8, User-Agent: axios/1.6.8, Accept: */*",
    "HTTP 401 Unauthorized, WWW-Authenticate: Bearer realm=\"acme\", error=\"invalid_request\"",
    "OrderCreatedEventHandler, ProcessPaymentCommand$Handler, lambda$main$0, <init>, <module>",
    "kernel: Out of memory: Killed process 1234 (java) total-vm:4023456kB, anon-rss:1023456kB",
    "author: bob, authority=x, passenger: 3, compass=north, secretary: ann, cookies enabled",
    "pin the version, one-time passcode sent, password reset requested, token refreshed",
    "state: OPEN, code: E1234, errorCode=ORA-00942, code=42P01, reason code: 7, zip code: 12345",
    "keyboard: de, monkey: 3, turkey=1, apiVersion: v1, apiKeyName: orders, credentialsProvider: x",
    "Step Functions: States.TaskFailed, HeartbeatTimeout, States.Runtime, Execution_Does_Not_Exist",
    "feature/ABC-123_add-retry, release-2026.11.29, v1.22.333-beta+exp.sha.5114f85",
];

pub(super) fn leaks(text: &str, gone: &str) -> Vec<String> {
    let mut found = Vec::new();
    let once = redacted(text);
    if once.contains(gone) {
        found.push(format!("text: {once}"));
    }
    if redacted(&once) != once {
        found.push(format!("again: {once} -> {}", redacted(&once)));
    }
    let value = in_json(json!({"note": text, "list": [text]}));
    if value.to_string().contains(gone) || value.to_string().contains(&gone.replace('\n', "\\n")) {
        found.push(format!("JSON: {value}"));
    }
    if in_json(value.clone()) != value {
        found.push(format!("JSON again: {value}"));
    }
    found
}

#[test]
fn secrets_of_many_forms_are_hidden() {
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
fn texts_that_people_need_are_kept() {
    let wrong: Vec<_> = NEEDED
        .iter()
        .map(|text| (redacted(text), *text))
        .filter(|(shown, text)| shown != text)
        .collect();
    assert!(wrong.is_empty(), "{}:\n{wrong:#?}", wrong.len());
    let value = json!(NEEDED);
    assert_eq!(in_json(value.clone()), value);
}

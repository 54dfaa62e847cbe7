//! Secrets to plant: for every detector, texts that hold one, made from a seed.
//!
//! They are put together from random pieces, so that no text of this source looks like a secret
//! to a scanner.

use super::bytes::{self, ALPHA, DIGIT, HEX, HEX_LOW, LOWER};
use super::detectors::{self, Category, Detector};
use super::prefixes::{Check, PREFIXED, PrefixRule};

/// Secrets per detector.
pub const PER_DETECTOR: usize = 10;

/// One secret and the shortest text that shows it for what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The detector that it is for.
    pub detector_id: &'static str,
    /// The category of that detector.
    pub category: Category,
    /// What must not be found after redaction.
    pub secret: String,
    /// The secret with what makes it known: its name, its scheme, its header; or the secret alone.
    pub text: String,
}

/// A small generator of random characters; the same seed gives the same characters.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// A generator for this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % bound
    }

    /// `len` characters of `alphabet`.
    pub fn chars(&mut self, alphabet: &str, len: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..len).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// `len` characters of these byte classes, with a digit and a letter among the first.
    fn of_class(&mut self, mask: u16, len: usize) -> String {
        let members: String = (33_u8..127).filter(|&byte| bytes::is(byte, mask)).map(char::from).collect();
        let digits: String = members.chars().filter(|&one| bytes::is(one as u8, DIGIT)).collect();
        let letters: String = members.chars().filter(|&one| bytes::is(one as u8, ALPHA)).collect();
        let digits = if digits.is_empty() { letters.clone() } else { digits };
        let ends = digits.clone() + &letters;
        let body = self.chars(&members, len.saturating_sub(4));
        self.chars(&letters, 1) + &self.chars(&digits, 1) + &self.chars(&letters, 1) + &body + &self.chars(&ends, 1)
    }
}

const WORD: u16 = bytes::ALNUM | bytes::DASH | bytes::UNDERSCORE;
const BASE64: u16 = bytes::ALNUM | bytes::PLUS_SLASH;

/// At least [`PER_DETECTOR`] secrets for every detector, always the same.
pub fn planted() -> Vec<Planted> {
    let mut dice = Dice::new(20_260_101);
    let mut planted = Vec::new();
    for rule in PREFIXED {
        for round in 0..PER_DETECTOR.max(rule.prefixes.len()) {
            let secret = prefixed(&mut dice, rule, round);
            planted.push(Planted {
                detector_id: rule.detector.id(),
                category: rule.detector.category(),
                text: secret.clone(),
                secret,
            });
        }
    }
    for detector in detectors::all().skip(PREFIXED.len()) {
        for round in 0..2 * PER_DETECTOR {
            let (secret, text) = coded(&mut dice, detector, round);
            planted.push(Planted { detector_id: detector.id(), category: detector.category(), secret, text });
        }
    }
    planted
}

fn prefixed(dice: &mut Dice, rule: &PrefixRule, round: usize) -> String {
    let prefix = rule.prefixes[round % rule.prefixes.len()];
    let body = match rule.check {
        Check::Dense => dice.of_class(bytes::ALNUM, rule.full.max(24)),
        Check::Free | Check::Mixed => {
            let extra = if rule.full > 100 { round } else { 0 };
            dice.of_class(rule.mask & !bytes::EQUALS & !bytes::DOT, rule.full + extra)
        }
    };
    format!("{prefix}{body}")
}

/// How a secret that needs a name beside it is made.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A password as people choose them.
    Chosen,
    /// Characters of these classes: how many, and whether each round has one more.
    Random(u16, usize, bool),
    /// An escaped signature.
    Signature,
    /// Base64 of a user and a password.
    Basic,
}

/// For each detector that knows a secret by its name: how the secret is made, and the texts around it.
const NAMED: &[(&str, Shape, &[&str])] = &[
    (
        "database_url",
        Shape::Chosen,
        &[
            "postgres://app:{}@db.internal:5432/main",
            "postgresql://svc:{}@10.0.0.4/prod?sslmode=require",
            "mysql://root:{}@localhost/shop",
            "mongodb+srv://admin:{}@cluster0.abcde.mongodb.net/test",
            "mongodb://u:{}@h1:27017,h2:27017/?replicaSet=r",
            "redis://:{}@cache:6379/0",
            "rediss://default:{}@cache:6380",
            "amqps://queue:{}@mq.internal/vhost",
            "jdbc:postgresql://app:{}@db/main",
            "clickhouse://default:{}@ch:9000/logs",
            "mssql://sa:{}@sql:1433/master",
            "postgresql+asyncpg://app:{}@db/main",
        ],
    ),
    (
        "database_dsn",
        Shape::Chosen,
        &[
            "app:{}@tcp(db:3306)/main",
            "root:{}@unix(/run/mysqld.sock)/shop",
            "jdbc:oracle:thin:scott/{}@//db:1521/orcl",
        ],
    ),
    (
        "aws_secret_access_key",
        Shape::Random(BASE64, 40, false),
        &[
            "aws_secret_access_key = {}",
            "AWS_SECRET_ACCESS_KEY={}",
            "\"SecretAccessKey\": \"{}\"",
            "secretAccessKey: '{}'",
        ],
    ),
    (
        "aws_session_token",
        Shape::Random(BASE64, 120, true),
        &["aws_session_token={}", "AWS_SESSION_TOKEN={}", "X-Amz-Security-Token: {}"],
    ),
    (
        "azure_account_key",
        Shape::Random(BASE64, 86, false),
        &[
            "DefaultEndpointsProtocol=https;AccountName=store;AccountKey={}==;EndpointSuffix=core.windows.net",
            "Endpoint=sb://bus/;SharedAccessKeyName=Root;SharedAccessKey={}=",
        ],
    ),
    (
        "azure_sas_signature",
        Shape::Signature,
        &["https://store.blob.core.windows.net/c/b?sv=2022-11-02&sr=b&sig={}%3D&se=2030"],
    ),
    (
        "authorization_header",
        Shape::Random(WORD, 30, true),
        &[
            "Authorization: Bearer {}",
            "authorization: token {}",
            "\"Authorization\": \"{}\"",
            "Authorization=ApiKey {}",
        ],
    ),
    ("basic_auth", Shape::Basic, &["Authorization: Basic {}", "proxy says Basic {}"]),
    ("bearer_token", Shape::Random(WORD, 24, true), &["Bearer {}", "bearer {}", "BEARER   {}"]),
    (
        "url_password",
        Shape::Chosen,
        &["https://deploy:{}@git.example.net/a/b.git", "ftp://u:{}@files.example.net", "smtp://m:{}@mail:587"],
    ),
    (
        "cookie_header",
        Shape::Random(WORD, 20, true),
        &["Cookie: theme=dark; auth={}", "Set-Cookie: s={}; Path=/; HttpOnly", "\"cookie\": \"id={}\""],
    ),
    (
        "session_cookie",
        Shape::Random(LOWER | DIGIT, 26, true),
        &["sessionid={}", "PHPSESSID={}", "JSESSIONID={}", "connect.sid={}", "session={}", "laravel_session={}"],
    ),
    (
        "private_key_assignment",
        Shape::Random(HEX, 64, false),
        &["private_key=0x{}", "\"privateKey\": \"{}\"", "PRIVATE-KEY: {}"],
    ),
    (
        "password_assignment",
        Shape::Chosen,
        &[
            "password={}",
            "passwd: {}",
            "pwd = {}",
            "\"password\": \"{}\"",
            "--password {}",
            "PASSWORD={}",
            "passphrase: '{}'",
            "db_password => '{}'",
            "<password>{}</password>",
            "DB_PASS={}",
            "password := \"{}\"",
            "config[\"password\"] = \"{}\"",
            "password: str = \"{}\"",
            "Server=db;User=sa;Pwd={};Encrypt=true",
            "\"name\": \"password\", \"value\": \"{}\"",
            "spring.datasource.password={}",
        ],
    ),
    (
        "secret_assignment",
        Shape::Random(WORD, 20, true),
        &["client_secret={}", "SECRET={}", "\"clientSecret\": \"{}\"", "app-secret: {}", "secret = '{}'"],
    ),
    (
        "api_key_assignment",
        Shape::Random(bytes::ALNUM, 32, false),
        &[
            "api_key={}",
            "apikey: {}",
            "x-api-key: {}",
            "MISTRAL_API_KEY={}",
            "\"apiKey\": \"{}\"",
            "--api-key {}",
            "API KEY: {}",
            "COHERE_KEY={}",
            "Ocp-Apim-Subscription-Key: {}",
        ],
    ),
    (
        "token_assignment",
        Shape::Random(WORD, 24, true),
        &[
            "access_token={}",
            "refresh_token: {}",
            "auth_token='{}'",
            "TOKEN={}",
            "\"idToken\": \"{}\"",
            "--token {}",
            "//registry.example.net/:_authToken={}",
        ],
    ),
    (
        "environment_variable",
        Shape::Random(LOWER | DIGIT, 12, false),
        &["BUILD_USER={}", "HOSTNAME={}", "export GREETING={}"],
    ),
];

impl Shape {
    fn make(self, dice: &mut Dice, round: usize) -> String {
        match self {
            Self::Chosen => chosen(dice),
            Self::Random(mask, len, grows) => dice.of_class(mask, len + if grows { round } else { 0 }),
            Self::Signature => dice.of_class(bytes::ALNUM, 40) + "%2F" + &dice.of_class(bytes::ALNUM, 6),
            Self::Basic => base64(format!("user:{}", chosen(dice)).as_bytes(), true),
        }
    }
}

fn chosen(dice: &mut Dice) -> String {
    let word = dice.of_class(bytes::ALNUM, 9);
    let mark = dice.chars("!.-_", 1);
    format!("{word}{mark}{}", dice.of_class(LOWER | DIGIT, 6))
}

/// The secret and the text of one round for a detector with code of its own.
fn coded(dice: &mut Dice, detector: &Detector, round: usize) -> (String, String) {
    if detector.id() == "pem_private_key" {
        return private_key(dice, round);
    }
    if let Some((_, shape, forms)) = NAMED.iter().find(|(id, ..)| *id == detector.id()) {
        let secret = shape.make(dice, round);
        let text = forms[round % forms.len()].replace("{}", &secret);
        return (secret, text);
    }
    let secret = shaped(dice, detector.id(), round);
    (secret.clone(), secret)
}

/// A secret that is known by its shape alone.
fn shaped(dice: &mut Dice, id: &str, round: usize) -> String {
    const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let pick = |choices: &[&'static str]| choices[round % choices.len()];
    match id {
        "jwt" => {
            let parts = [dice.of_class(WORD, 33), dice.of_class(WORD, 60 + round), dice.of_class(WORD, 43)];
            format!("{}J{}.{}J{}.{}", "ey", parts[0], "ey", parts[1], parts[2])
        }
        "aws_access_key_id" => {
            let base32 = format!("{CAPITALS}234567");
            format!("{}{}{}", pick(&["AKIA", "ASIA"]), dice.chars(CAPITALS, 2), dice.chars(&base32, 14))
        }
        "twilio_api_key" => format!("S{}{}", 'K', dice.of_class(HEX_LOW, 32)),
        "crates_io_token" => format!("ci{}{}", 'o', dice.of_class(bytes::ALNUM, 32)),
        "airtable_token" => {
            format!("pa{}{}.{}", 't', dice.of_class(bytes::ALNUM, 14), dice.of_class(HEX_LOW, 64))
        }
        "telegram_bot_token" => {
            format!("{}:A{}{}", dice.chars("123456789", 9 + round % 2), 'A', dice.of_class(WORD, 33))
        }
        "discord_bot_token" => {
            let id = format!("{}{}", 1 + round % 9, dice.chars("0123456789", 17));
            format!("{}.{}.{}", base64(id.as_bytes(), false), dice.of_class(WORD, 6), dice.of_class(WORD, 38))
        }
        "email_address" => {
            format!("{}.{}@mail{round}.example.com", dice.of_class(LOWER, 5), dice.of_class(LOWER, 5))
        }
        "phone_number" => {
            let (area, line) = (dice.chars("23456789", 3), dice.chars("0123456789", 4));
            match round % 3 {
                0 => format!("+49 30 {}{line}", dice.chars("123456789", 4)),
                1 => format!("+1-415-{area}-{line}"),
                _ => format!("({area}) {}-{line}", dice.chars("23456789", 3)),
            }
        }
        "unix_path" => {
            let root = pick(&["/home/", "/Users/", "/var/lib/", "/etc/", "/tmp/"]);
            format!("{root}{}/{}.txt", dice.of_class(LOWER, 6), dice.of_class(LOWER, 6))
        }
        "windows_path" => {
            let root = pick(&["C:\\Users\\", "D:\\", "\\\\share01\\"]);
            format!("{root}{}\\Zebra\\{}.txt", dice.chars("GHJKLM", 6), dice.chars("GHJKLM", 6))
        }
        other => unreachable!("the detector {other} has no secrets in the corpus"),
    }
}

/// An armoured key: whole, with `\n` or blanks for line ends, or cut off.
fn private_key(dice: &mut Dice, round: usize) -> (String, String) {
    let label = ["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "", "DSA "][round % 6];
    let line_end = ["\n", "\\n", " ", "\r\n", "\n  "][round % 5];
    let lines: Vec<String> = (0..6).map(|_| dice.of_class(BASE64, 64)).collect();
    let body = lines.join(line_end);
    let (dashes, kind) = ("-".repeat(5), format!("{label}PRIVATE {}", "KEY"));
    let begin = format!("{dashes}BEGIN {kind}{dashes}");
    let end = format!("{dashes}END {kind}{dashes}");
    let text = match round % 4 {
        3 => format!("{begin}{line_end}{body}"),
        2 if line_end.contains('\n') => format!("{body}{line_end}{end}"),
        _ => format!("{begin}{line_end}{body}{line_end}{end}"),
    };
    (lines[round % 6].clone(), text)
}

/// Base64 of `raw`: the standard alphabet with padding, or the URL-safe one without.
pub fn base64(raw: &[u8], standard: bool) -> String {
    let alphabet: &[u8; 64] = if standard {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    };
    let mut encoded = String::new();
    for group in raw.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            encoded.push(char::from(alphabet[(bits >> (18 - 6 * place) & 0x3f) as usize]));
        }
        if standard {
            encoded.extend(std::iter::repeat_n('=', 3 - group.len()));
        }
    }
    encoded
}

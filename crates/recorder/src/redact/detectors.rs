//! The list of detectors: what each is called and what it finds.

use super::prefixes::PREFIXED;

/// What kind of secret was found; the first part of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// A key for a service's API.
    ApiKey,
    /// A key for a cloud account.
    CloudKey,
    /// A database URL with its user and password.
    DatabaseUrl,
    /// A private key.
    PrivateKey,
    /// A password.
    Password,
    /// A token: JWT, OAuth, bearer, session.
    Token,
    /// An e-mail address (by policy).
    Email,
    /// A telephone number (by policy).
    Phone,
    /// An absolute path (by policy).
    Path,
    /// The value of an environment variable (by policy).
    Environment,
}

impl Category {
    /// Every category, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::ApiKey,
        Self::CloudKey,
        Self::DatabaseUrl,
        Self::PrivateKey,
        Self::Password,
        Self::Token,
        Self::Email,
        Self::Phone,
        Self::Path,
        Self::Environment,
    ];

    /// The name as it stands in a replacement.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::CloudKey => "cloud_key",
            Self::DatabaseUrl => "database_url",
            Self::PrivateKey => "private_key",
            Self::Password => "password",
            Self::Token => "token",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Path => "path",
            Self::Environment => "environment",
        }
    }

    /// Whether no policy can switch it off.
    pub fn is_always_on(self) -> bool {
        match self {
            Self::ApiKey | Self::CloudKey | Self::DatabaseUrl | Self::PrivateKey | Self::Password | Self::Token => true,
            Self::Email | Self::Phone | Self::Path | Self::Environment => false,
        }
    }
}

/// One detector: its stable id, its category and what it finds.
#[derive(Debug, PartialEq, Eq)]
pub struct Detector {
    id: &'static str,
    category: Category,
    finds: &'static str,
    rank: u8,
}

impl Detector {
    /// The stable id, the second part of a replacement.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What kind of secret it finds.
    pub fn category(&self) -> Category {
        self.category
    }

    /// What it finds, in words.
    pub fn finds(&self) -> &'static str {
        self.finds
    }

    /// Which of two detectors gives its name to a stretch both have found; lower wins.
    pub(super) fn rank(&self) -> u8 {
        self.rank
    }

    /// A detector that knows its secret by a prefix; a loose one yields its name to the others.
    pub(super) const fn by_prefix(id: &'static str, category: Category, finds: &'static str, loose: bool) -> Self {
        Self { id, category, finds, rank: if loose { 3 } else { 2 } }
    }

    const fn by_shape(id: &'static str, category: Category, finds: &'static str) -> Self {
        Self { id, category, finds, rank: 2 }
    }

    const fn whole(id: &'static str, category: Category, finds: &'static str) -> Self {
        Self { id, category, finds, rank: 1 }
    }

    const fn by_name(id: &'static str, category: Category, finds: &'static str) -> Self {
        Self { id, category, finds, rank: 4 }
    }

    const fn by_generic_name(id: &'static str, category: Category, finds: &'static str) -> Self {
        Self { id, category, finds, rank: 5 }
    }

    const fn by_policy(id: &'static str, category: Category, finds: &'static str) -> Self {
        Self { id, category, finds, rank: 9 }
    }
}

macro_rules! detectors {
    ($($name:ident = $make:ident($id:literal, $category:ident, $finds:literal);)*) => {
        $(pub(super) static $name: Detector = Detector::$make($id, Category::$category, $finds);)*
        /// The detectors that are not a row of the table of prefixes.
        static CODED: &[&Detector] = &[$(&$name),*];
    };
}

detectors! {
    PEM_PRIVATE_KEY = whole("pem_private_key", PrivateKey, "PEM, OpenSSH and PGP private keys, whole or cut off");
    DATABASE_URL = whole("database_url", DatabaseUrl, "database and broker URLs with a password");
    DATABASE_DSN = whole("database_dsn", DatabaseUrl, "user:password@tcp(host)/db and jdbc:oracle strings");
    JWT = by_shape("jwt", Token, "JSON web tokens, signed or encrypted");
    AWS_ACCESS_KEY_ID = by_shape("aws_access_key_id", CloudKey, "AWS access key ids and the secret key beside them");
    TWILIO_KEY = by_shape("twilio_api_key", ApiKey, "Twilio API keys (SK and 32 hex digits)");
    CRATES_IO = by_shape("crates_io_token", ApiKey, "crates.io tokens");
    AIRTABLE = by_shape("airtable_token", ApiKey, "Airtable personal access tokens");
    TELEGRAM_BOT = by_shape("telegram_bot_token", Token, "Telegram bot tokens");
    DISCORD_BOT = by_shape("discord_bot_token", Token, "Discord bot tokens");
    AWS_SECRET = by_name("aws_secret_access_key", CloudKey, "AWS secret access keys by their name");
    AWS_SESSION = by_name("aws_session_token", CloudKey, "AWS session tokens by their name");
    AZURE_ACCOUNT = by_name("azure_account_key", CloudKey, "AccountKey= and SharedAccessKey= of Azure");
    AZURE_SAS = by_name("azure_sas_signature", CloudKey, "sig= of Azure shared access signatures");
    AUTHORIZATION = by_name("authorization_header", Token, "credentials in Authorization headers");
    BASIC_AUTH = by_name("basic_auth", Password, "user and password of HTTP basic authentication");
    BEARER = by_name("bearer_token", Token, "bearer tokens");
    URL_PASSWORD = by_name("url_password", Password, "the password in the user part of any URL");
    COOKIE = by_name("cookie_header", Token, "values in Cookie and Set-Cookie headers");
    SESSION_COOKIE = by_name("session_cookie", Token, "session ids of web frameworks by their name");
    PRIVATE_KEY_FIELD = by_name("private_key_assignment", PrivateKey, "values named private key");
    PASSWORD = by_generic_name("password_assignment", Password, "values named password, passwd, pwd, passphrase");
    SECRET = by_generic_name("secret_assignment", ApiKey, "values named secret or client secret");
    API_KEY = by_generic_name("api_key_assignment", ApiKey, "values named API key, access key and the like");
    TOKEN = by_generic_name("token_assignment", Token, "values named token, access token, refresh token");
    EMAIL = by_policy("email_address", Email, "e-mail addresses");
    PHONE = by_policy("phone_number", Phone, "telephone numbers");
    UNIX_PATH = by_policy("unix_path", Path, "absolute Unix paths under the usual roots");
    WINDOWS_PATH = by_policy("windows_path", Path, "absolute Windows paths with a drive or a share");
    ENVIRONMENT = by_policy("environment_variable", Environment, "NAME=value pairs of a process environment");
}

/// Every detector, those known by a prefix first.
pub(super) fn all() -> impl Iterator<Item = &'static Detector> {
    PREFIXED.iter().map(|rule| &rule.detector).chain(CODED.iter().copied())
}

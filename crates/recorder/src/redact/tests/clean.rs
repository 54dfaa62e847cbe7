//! Texts without secrets pass unchanged.

use super::redactor;
use crate::redact::Context;

const CLEAN: &[&str] = &[
    "",
    "a",
    "0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00f067aa0ba902b7",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
    "req_011CSHoEeqs5C35K2UUqR7Fy",
    "chatcmpl-9nKx2LFh3Z1rT7vQ0pWcYbA4sDeUj",
    "toolu_01A09q90qw90lq917835lq9s",
    "call_Vx7Kq2mZ1pL0sT9rYwB3dEfG",
    "msg_01XFDUDYJgAACzvnptvVoYEL",
    "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
    "run_abc123",
    "thread_abc123",
    "asst_abc123DEF456ghi789JKL",
    "the password is wrong",
    "Password: required",
    "wrong password: try again",
    "enter your password: it must have 12 characters",
    "token count 12",
    "max_tokens=512",
    "tokens: 300",
    "\"total_tokens\": 1234, \"prompt_tokens\": 1200",
    "\"token\": \"Hello\", \"logprob\": -0.31",
    "token_type=bearer",
    "the bearer of bad news",
    "Bearer authentication is required",
    "basic understanding of authentication",
    "the secretary opened the secret garden",
    "secrets: inherit",
    "key: value",
    "primary_key=user_id",
    "idempotency_key=order-2024-000123-retry",
    "next_page_token=CAUQAA2b9f8c7d6e5f4a3b2c",
    "cancellation_token: 7f9c24e5b1d04c3a8e6f0a2b4c6d8e0f",
    "session_id=0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "sessionId: 0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "model_session_id=0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "session=0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "claude-3-5-sonnet-20241022",
    "gpt-4o-mini-2024-07-18",
    "gemini-1.5-pro-latest",
    "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "meta-llama/Meta-Llama-3.1-405B-Instruct",
    "awaiting_input",
    "sk-learn",
    "scikit-learn's sk-estimator-html-doc-link-container",
    "task-force disk-usage risk-assessment ask-me-anything-about-it",
    "2026-03-04T05:06:07.890123Z",
    "from 2026-03-04 05:06:07 to 2026-03-05 05:06:07",
    "took 1234567890 ns, 555 of 1000 rows, 12.5 %",
    "version 1.2.3-rc.4+build.5",
    "https://example.com/path?query=1&page=2#top",
    "http://localhost:8080/@vite/client",
    "https://registry.npmjs.org/@scope/pkg/-/pkg-1.0.0.tgz",
    "postgres://localhost:5432/main",
    "redis://cache:6379/0",
    "postgres://app:${DB_PASSWORD}@db/main",
    "password=${DB_PASSWORD}",
    "password = os.environ[\"DB_PASSWORD\"]",
    "api_key=os.getenv(\"OPENAI_API_KEY\")",
    "token = self.config.token",
    "password: ********",
    "api_key: <your-api-key>",
    "let token: Token = lexer.next_token();",
    "fn authorization(&self) -> Option<Authorization>",
    "Authorization: required",
    "Cookie: none",
    "cookie jar with three cookies",
    "src/redact/credentials.rs",
    "crates/recorder/src/redact/private_keys.rs",
    "image.tar.gz",
    "report_2026-03-04.pdf",
    "My Document (final).docx",
    "-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIQIRi6zePL6mKjOipn+dNuaTAKBggqhkjOPQQDAjASMRAw\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcXlHhK9k8Vh0mFq4yG8oQ0hXk0j8J7nY2v user",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "eyJhbGciOiJIUzI1NiJ9 is the header alone",
    "SGVsbG8gd29ybGQsIHRoaXMgaXMganVzdCBhIGdyZWV0aW5n",
    "48656c6c6f20776f726c642c2074686973206973206a757374",
    "100 % sure, 5%2 is 1, %d items, 20%25 off",
    "a \\n newline, a \\t tab, \\u00e9 and C:drive",
    "AT&T &amp; sons &lt;here&gt;",
    "caf\u{e9} \u{2014} na\u{ef}ve \u{201c}quotes\u{201d} \u{1f600}",
    "zero\u{200b}width and soft\u{ad}hyphen",
    "first line\nsecond line\n  third line\n\n\tfourth",
    "Asia and Africa; ASIA PACIFIC; akia",
    "the pass was high; bypass the compass; pass: 12, fail: 3",
    "PASS=3 FAIL=0",
    "passed=12 failed=0",
    "PWD=/srv",
    "npm_config_registry npm_lifecycle_event",
    "hf_model_name r8_thing xai-sdk pplx-api gsk_x",
    "SG. SG.1 SKU SK1234 skeleton asked",
    "AccountName=store;EndpointSuffix=core.windows.net",
    "public_key: 04a1b2c3d4e5f60718293a4b5c6d7e8f",
    "signature=valid",
    "sig=1",
    "auth: none",
    "credential: missing",
    "pub password: *mut c_char, pub pw_passwd: PWSTR,",
    "pub const ERROR_OTHER_PASSWORD: WIN32_ERROR = 2108u32;",
    "self.colon2_token == other.colon2_token",
    "let paren_token = parenthesized!(content in input);",
    "class Empty(Token):\n    \"\"\"Nothing.\"\"\"",
    "Make sure the tests pass:\n\n```\ncargo test\n```",
    "my $pass = $rc->lpa();",
    "docker run -u 1000:1000 image",
    "login name password",
    "[REDACTED:password:password_assignment]",
    "password=[REDACTED:password:password_assignment] user=bob",
    "internationalization_and_localization_of_user_interfaces",
    "com.example.project.module.submodule.ClassNameFactoryBuilder",
];

#[test]
fn clean_texts_pass_unchanged() {
    let redactor = redactor();
    let changed: Vec<_> = CLEAN
        .iter()
        .filter_map(|text| {
            let output = redactor.redact(text, Context::Token);
            (output != *text).then(|| format!("{text}  ->  {output}"))
        })
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(CLEAN.len() >= 60);
}

/// Clean also for the detectors of the policy.
const IMPERSONAL: &[&str] = &[
    "2026-03-04T05:06:07.890123Z",
    "from 2026-03-04 05:06:07 to 2026-03-05 05:06:07",
    "took 1234567890 ns, 555 of 1000 rows, 12.5 %",
    "0190a8c2-5f3e-7cc1-9f52-0b6d3f6f8a11",
    "127.0.0.1:8080 and 192.168.100.200",
    "cost 0.002345 usd, 12345678 tokens",
    "see /v1/chat/completions and https://example.com/home/page",
    "the ratio is 3/4 and/or 1/2",
    "x == y, a=b, max_tokens=512, A=1",
    "@mention and @scope/pkg, user@host",
    "src/main.rs:10:5: error[E0308]",
    "a 555 123 4567890 b",
];

#[test]
fn impersonal_texts_pass_the_policy_too() {
    let redactor = redactor();
    for text in IMPERSONAL {
        assert_eq!(redactor.redact(text, Context::FreeText), *text);
    }
}

#[test]
fn a_clean_text_is_borrowed() {
    let redactor = redactor();
    for text in CLEAN {
        assert!(matches!(redactor.redact(text, Context::Token), std::borrow::Cow::Borrowed(_)), "{text}");
        let (content, redacted) = redactor.redact_bytes(text.as_bytes());
        assert!(!redacted && content == text.as_bytes(), "{text}");
    }
}

//! The detectors that know a secret by its first characters.

use super::bytes::{ALNUM, DASH, DOT, EQUALS, HEX, HEX_LOW, PLUS_SLASH, UNDERSCORE, WORD};
use super::detectors::{Category, Detector};

/// What the characters after a prefix must look like beyond their class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing more: the prefix and the length say enough.
    Free,
    /// At least one digit and one letter.
    Mixed,
    /// A stretch of at least 16 letters and digits without a separator, with both in it.
    Dense,
}

/// What may stand directly before a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Anything: the prefix does not occur inside words.
    Any,
    /// Anything but a letter or a digit.
    Word,
    /// Anything but a letter, a digit, `-` or `_`.
    Apart,
}

/// One row: the prefixes of one kind of secret and the shape of what follows.
#[derive(Debug)]
pub(super) struct PrefixRule {
    pub(super) detector: Detector,
    pub(super) prefixes: &'static [&'static str],
    /// Classes of the bytes after the prefix.
    pub(super) mask: u16,
    /// Fewest bytes after the prefix.
    pub(super) min: usize,
    /// Usual count of bytes after the prefix; a token split over lines is followed that far.
    pub(super) full: usize,
    pub(super) check: Check,
    pub(super) edge: Edge,
}

/// Longest stretch that is read to judge a token, in bytes; a token that is one goes on to its end.
pub(super) const MAX_JUDGED_BYTES: usize = 256;
/// Longest token, in bytes.
pub(super) const MAX_TOKEN_BYTES: usize = 32 * 1024;

macro_rules! row {
    ($id:literal, $category:ident, $finds:literal, [$($prefix:literal),+], $mask:expr, $min:literal, $full:literal, $check:ident, $edge:ident) => {
        PrefixRule {
            detector: Detector::by_prefix($id, Category::$category, $finds, matches!(Check::$check, Check::Dense)),
            prefixes: &[$($prefix),+],
            mask: $mask,
            min: $min,
            full: $full,
            check: Check::$check,
            edge: Edge::$edge,
        }
    };
}

/// Every row: id, category, what it finds, prefixes, classes, fewest and usual bytes, check, edge.
#[rustfmt::skip]
pub(super) static PREFIXED: &[PrefixRule] = &[
    row!("openai_api_key", ApiKey, "OpenAI keys: project, service account, admin and older forms", ["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"], WORD, 20, 20, Mixed, Any),
    row!("anthropic_api_key", ApiKey, "Anthropic keys", ["sk-ant-"], WORD, 16, 24, Mixed, Any),
    row!("openrouter_api_key", ApiKey, "OpenRouter keys", ["sk-or-"], WORD, 20, 64, Mixed, Word),
    row!("langfuse_secret_key", ApiKey, "Langfuse secret keys", ["sk-lf-"], WORD, 20, 36, Mixed, Word),
    row!("sk_api_key", ApiKey, "keys of the form sk- and at least 20 characters", ["sk-"], WORD, 20, 20, Dense, Word),
    row!("google_api_key", ApiKey, "Google API keys", ["AIza"], WORD, 35, 35, Mixed, Word),
    row!("google_oauth_token", Token, "Google OAuth access tokens", ["ya29."], WORD | DOT, 20, 20, Mixed, Word),
    row!("google_oauth_client_secret", ApiKey, "Google OAuth client secrets", ["GOCSPX-"], WORD, 24, 28, Free, Any),
    row!("google_refresh_token", Token, "Google OAuth refresh tokens", ["1//0"], WORD, 30, 30, Mixed, Word),
    row!("groq_api_key", ApiKey, "Groq keys", ["gsk_"], ALNUM, 32, 52, Mixed, Word),
    row!("xai_api_key", ApiKey, "xAI keys", ["xai-"], ALNUM, 32, 80, Mixed, Word),
    row!("perplexity_api_key", ApiKey, "Perplexity keys", ["pplx-"], ALNUM, 32, 48, Mixed, Word),
    row!("huggingface_token", ApiKey, "Hugging Face tokens", ["hf_", "api_org_"], ALNUM, 30, 34, Free, Word),
    row!("replicate_api_token", ApiKey, "Replicate tokens", ["r8_"], ALNUM, 32, 37, Mixed, Word),
    row!("nvidia_api_key", ApiKey, "NVIDIA keys", ["nvapi-"], WORD, 40, 64, Mixed, Word),
    row!("cerebras_api_key", ApiKey, "Cerebras keys", ["csk-"], ALNUM, 32, 48, Mixed, Word),
    row!("fireworks_api_key", ApiKey, "Fireworks keys", ["fw_"], ALNUM, 22, 24, Dense, Apart),
    row!("pinecone_api_key", ApiKey, "Pinecone keys", ["pcsk_"], WORD, 40, 70, Mixed, Word),
    row!("jina_api_key", ApiKey, "Jina keys", ["jina_"], WORD, 40, 60, Mixed, Word),
    row!("e2b_api_key", ApiKey, "E2B keys", ["e2b_"], HEX_LOW, 40, 40, Mixed, Word),
    row!("elevenlabs_api_key", ApiKey, "ElevenLabs keys", ["sk_"], HEX_LOW, 40, 48, Mixed, Word),
    row!("tavily_api_key", ApiKey, "Tavily keys", ["tvly-"], WORD, 20, 32, Mixed, Word),
    row!("langsmith_api_key", ApiKey, "LangSmith keys", ["lsv2_pt_", "lsv2_sk_"], ALNUM | UNDERSCORE, 32, 43, Mixed, Word),
    row!("github_token", ApiKey, "GitHub tokens: personal, OAuth, user, server and refresh", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], ALNUM, 30, 36, Free, Any),
    row!("github_fine_grained_token", ApiKey, "GitHub fine-grained personal tokens", ["github_pat_"], ALNUM | UNDERSCORE, 40, 82, Mixed, Any),
    row!("gitlab_token", ApiKey, "GitLab tokens: personal, deploy, runner, CI", ["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-", "glft-"], WORD | DOT, 20, 20, Free, Any),
    row!("bitbucket_token", ApiKey, "Bitbucket and Atlassian access tokens", ["ATBB", "ATCTT3xFfGN0"], WORD | EQUALS, 24, 32, Mixed, Word),
    row!("atlassian_api_token", ApiKey, "Atlassian API tokens", ["ATATT3"], WORD | EQUALS, 40, 180, Mixed, Word),
    row!("slack_token", Token, "Slack bot, user, app and workspace tokens", ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-", "xoxo-", "xoxe.xoxp-", "xoxe.xoxb-", "xapp-"], WORD, 20, 40, Mixed, Any),
    row!("slack_webhook", ApiKey, "Slack webhook URLs", ["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"], WORD | PLUS_SLASH, 20, 44, Free, Any),
    row!("discord_webhook", ApiKey, "Discord webhook URLs", ["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], WORD | PLUS_SLASH, 40, 87, Free, Any),
    row!("stripe_key", ApiKey, "Stripe secret and restricted keys", ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], ALNUM, 16, 24, Free, Any),
    row!("stripe_webhook_secret", ApiKey, "Stripe webhook signing secrets", ["whsec_"], ALNUM | PLUS_SLASH | EQUALS, 20, 32, Mixed, Word),
    row!("square_token", ApiKey, "Square access tokens and secrets", ["sq0atp-", "sq0csp-", "EAAAE", "EAAAl"], WORD, 20, 43, Dense, Word),
    row!("sendgrid_api_key", ApiKey, "SendGrid keys", ["SG."], WORD | DOT, 50, 66, Mixed, Word),
    row!("mailgun_api_key", ApiKey, "Mailgun keys", ["key-"], HEX_LOW, 32, 32, Mixed, Word),
    row!("brevo_api_key", ApiKey, "Brevo (Sendinblue) keys", ["xkeysib-", "xsmtpsib-"], ALNUM | DASH, 40, 81, Mixed, Word),
    row!("resend_api_key", ApiKey, "Resend keys", ["re_"], ALNUM | UNDERSCORE, 30, 33, Dense, Apart),
    row!("npm_token", ApiKey, "npm access tokens", ["npm_"], ALNUM, 36, 36, Free, Word),
    row!("pypi_token", ApiKey, "PyPI upload tokens", ["pypi-AgE"], WORD, 40, 100, Free, Any),
    row!("rubygems_token", ApiKey, "RubyGems keys", ["rubygems_"], HEX_LOW, 40, 48, Mixed, Word),
    row!("docker_token", ApiKey, "Docker Hub access tokens", ["dckr_pat_", "dckr_oat_"], WORD, 24, 27, Free, Any),
    row!("digitalocean_token", CloudKey, "DigitalOcean tokens", ["dop_v1_", "doo_v1_", "dor_v1_"], HEX_LOW, 40, 64, Mixed, Any),
    row!("heroku_api_key", CloudKey, "Heroku keys", ["HRKU-"], WORD, 30, 60, Mixed, Word),
    row!("fly_io_token", CloudKey, "Fly.io tokens", ["fm1_", "fm2_", "FlyV1 fm2_", "fo1_"], WORD | PLUS_SLASH | EQUALS, 40, 100, Dense, Word),
    row!("netlify_token", CloudKey, "Netlify tokens", ["nfp_", "nfc_"], ALNUM, 30, 36, Free, Word),
    row!("render_api_key", CloudKey, "Render keys", ["rnd_"], ALNUM, 26, 28, Free, Word),
    row!("alibaba_access_key_id", CloudKey, "Alibaba Cloud access key ids", ["LTAI"], ALNUM, 16, 20, Dense, Word),
    row!("tencent_secret_id", CloudKey, "Tencent Cloud secret ids", ["AKID"], ALNUM, 30, 32, Dense, Word),
    row!("terraform_token", CloudKey, "Terraform Cloud tokens", [".atlasv1."], WORD, 40, 67, Mixed, Any),
    row!("pulumi_token", CloudKey, "Pulumi access tokens", ["pul-"], HEX_LOW, 40, 40, Mixed, Word),
    row!("shopify_token", ApiKey, "Shopify tokens and secrets", ["shpat_", "shpca_", "shppa_", "shpss_", "shptka_"], HEX, 32, 32, Free, Any),
    row!("linear_api_key", ApiKey, "Linear keys", ["lin_api_", "lin_oauth_"], ALNUM, 32, 40, Free, Any),
    row!("notion_token", ApiKey, "Notion integration tokens", ["ntn_", "secret_"], ALNUM, 40, 43, Mixed, Word),
    row!("figma_token", ApiKey, "Figma tokens", ["figd_", "figu_", "figo_"], WORD, 36, 40, Mixed, Word),
    row!("postman_api_key", ApiKey, "Postman keys", ["PMAK-"], HEX_LOW | DASH, 50, 59, Mixed, Word),
    row!("vault_token", Token, "HashiCorp Vault tokens", ["hvs.", "hvb.", "hvr."], WORD, 20, 90, Mixed, Word),
    row!("doppler_token", ApiKey, "Doppler tokens", ["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], ALNUM | DOT | DASH | UNDERSCORE, 36, 43, Mixed, Word),
    row!("databricks_token", CloudKey, "Databricks tokens", ["dapi"], HEX_LOW | DASH, 32, 34, Mixed, Word),
    row!("planetscale_token", ApiKey, "PlanetScale passwords and tokens", ["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], WORD | DOT, 30, 43, Free, Any),
    row!("supabase_token", ApiKey, "Supabase tokens and secret keys", ["sbp_", "sb_secret_"], WORD, 30, 40, Mixed, Word),
    row!("neon_api_key", ApiKey, "Neon keys", ["napi_"], ALNUM, 40, 64, Mixed, Word),
    row!("sentry_token", ApiKey, "Sentry tokens", ["sntrys_", "sntryu_"], WORD | PLUS_SLASH | EQUALS, 40, 64, Mixed, Any),
    row!("grafana_token", ApiKey, "Grafana service account and cloud tokens", ["glsa_", "glc_"], WORD | PLUS_SLASH | EQUALS, 32, 41, Mixed, Word),
    row!("newrelic_key", ApiKey, "New Relic keys", ["NRAK-", "NRII-", "NRRA-"], WORD, 24, 27, Free, Word),
    row!("dynatrace_token", ApiKey, "Dynatrace tokens", ["dt0c01.", "dt0s01.", "dt0s16."], ALNUM | DOT, 60, 89, Free, Any),
    row!("buildkite_token", ApiKey, "Buildkite tokens", ["bkua_"], HEX_LOW, 40, 40, Mixed, Word),
    row!("cloudflare_origin_key", CloudKey, "Cloudflare origin CA keys", ["v1.0-"], HEX_LOW | DASH, 150, 171, Mixed, Word),
    row!("facebook_token", Token, "Meta access tokens", ["EAAC", "EAAB", "EAAG", "EAAJ", "EAAD"], ALNUM, 80, 150, Mixed, Word),
    row!("age_secret_key", PrivateKey, "age identities", ["AGE-SECRET-KEY-1"], ALNUM, 50, 58, Free, Any),
    row!("private_key_der", PrivateKey, "bodies of private keys without their PEM lines", ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC", "MIIEpAIBAAKCAQEA", "MIIEowIBAAKCAQEA", "MIIEogIBAAKCAQEA", "MIIJKQIBAAKCAgEA", "MIIJKAIBAAKCAgEA", "MIGHAgEAMBMGByqGSM49", "MC4CAQAwBQYDK2VwBCIEI", "MHcCAQEEI", "b3BlbnNzaC1rZXktdjE"], ALNUM | PLUS_SLASH | EQUALS, 20, 100, Free, Word),
];

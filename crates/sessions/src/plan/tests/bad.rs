//! Plans with mistakes: each is one edit of a good plan, with the place that must be blamed between « and ».

use super::super::Plan;

/// A good plan that uses a bit of everything.
pub(super) const GOOD: &str = r#"[plan]
name = "test"
[limits]
spawn_depth = 2
[providers.stage]
kind = "scripted"
[providers.cloud]
kind = "openai"
base_url = "https://llm.example.com/v1"
api_key_env = "LLM_KEY"
[models.small]
provider = "stage"
[models.large]
provider = "cloud"
price = { input = 3, output = 15 }
[workspace]
directory = "."
commands = ["ls"]
[roles.lead]
model = "large"
spawns = ["coder"]
capabilities = ["spawn", "fs.read"]
budget = { tokens = 1000, cost_usd = 2 }
[roles.coder]
model = "small"
tools = ["read_file"]
[[sessions]]
name = "first"
role = "lead"
prompt = "Begin."
[[sessions]]
name = "second"
role = "coder"
input_from = ["first"]
[scripts.coder]
steps = [{ text = "Done." }]
"#;

/// What is told about a text, a line each.
fn told(text: &str) -> Vec<String> {
    let Err(errors) = Plan::parse(text) else { return Vec::new() };
    errors.errors.iter().map(|error| format!("{}:{}: {}", error.line, error.column, error.message)).collect()
}

/// The text without marks, and the places of the opening ones.
fn unmarked(marked: &str) -> (String, Vec<String>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    let (mut line, mut column) = (1, 1);
    for c in marked.chars() {
        match c {
            '«' => places.push(format!("{line}:{column}")),
            '»' => {}
            '\n' => {
                (line, column) = (line + 1, 1);
                text.push(c);
            }
            c => {
                column += 1;
                text.push(c);
            }
        }
    }
    (text, places)
}

/// An edit of [`GOOD`] and what is told about it, in the order of the marks.
type Case = (&'static str, &'static str, &'static [&'static str]);

#[track_caller]
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (from, to, messages) in cases {
        assert!(GOOD.contains(from), "the good plan has no {from:?}");
        let (text, places) = unmarked(&GOOD.replacen(from, to, 1));
        assert_eq!(places.len(), messages.len(), "a mark for each message: {to:?}");
        let expected: Vec<String> =
            places.iter().zip(messages.iter()).map(|(place, message)| format!("{place}: {message}")).collect();
        let told = told(&text);
        if told != expected {
            wrong.push(format!("{to}\n     told {told:#?}\n expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_good_plan_is_good() {
    assert_eq!(told(GOOD), [] as [&str; 0]);
}

#[test]
fn names_that_nothing_has() {
    check(&[
        ("model = \"small\"", "model = «\"smal\"»", &["unknown model `smal`; did you mean `small`?"]),
        ("provider = \"stage\"", "provider = «\"Stage\"»", &["unknown provider `Stage`; did you mean `stage`?"]),
        ("role = \"coder\"", "role = «\"xyz\"»", &["unknown role `xyz`"]),
        (
            "spawns = [\"coder\"]",
            "spawns = [\"coder\", «\"coders\"»]",
            &["unknown role `coders`; did you mean `coder`?"],
        ),
        ("[\"first\"]", "[«\"frist\"»]", &["unknown session `frist`; did you mean `first`?"]),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\nafter = [«\"sceond\"»]",
            &["unknown session `sceond`; did you mean `second`?"],
        ),
        ("[\"read_file\"]", "[«\"read_files\"»]", &["unknown tool `read_files`; did you mean `read_file`?"]),
        ("[\"spawn\", \"fs.read\"]", "[\"spawn\", \"fs.read\", «\"fs.write\"»]", &["unknown capability `fs.write`"]),
        (
            "spawn_depth = 2",
            "rates.«cloudy».requests_per_minute = 1",
            &["unknown provider `cloudy`; did you mean `cloud`?"],
        ),
        ("[workspace]", "[budgets.wp.«WP-1»]\ntokens = 5\n[workspace]", &["unknown work packet `WP-1`"]),
    ]);
}

#[test]
fn keys_that_are_not_known() {
    check(&[
        ("[limits]", "[«limit»]", &["unknown key `limit`; did you mean `limits`?"]),
        ("spawn_depth = 2", "«spawn-depth» = 2", &["unknown key `spawn-depth`; did you mean `spawn_depth`?"]),
        ("name = \"test\"", "name = \"test\"\n«sed» = 1", &["unknown key `sed`; did you mean `seed`?"]),
        ("base_url", "«baseurl»", &["unknown key `baseurl`; did you mean `base_url`?"]),
        ("output = 15", "output = 15, «cache» = 1", &["unknown key `cache`; did you mean `cached`?"]),
        ("tokens = 1000", "tokens = 1000, «cost» = 1", &["unknown key `cost`; did you mean `cost_usd`?"]),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\n«promt» = \"x\"",
            &["unknown key `promt`; did you mean `prompt`?"],
        ),
        ("commands =", "«command» =", &["unknown key `command`; did you mean `commands`?"]),
        ("steps = [", "«step» = 1\nsteps = [", &["unknown key `step`; did you mean `steps`?"]),
        ("{ text =", "{ «txt» =", &["unknown key `txt`; did you mean `text`?"]),
        ("spawn_depth = 2", "«x» = 1\n«y» = 2", &["unknown key `x`", "unknown key `y`"]),
    ]);
}

#[test]
fn values_of_a_wrong_type() {
    check(&[
        ("name = \"test\"", "name = «7»", &["`name` must be a string, found a whole number"]),
        ("[plan]\nname = \"test\"", "plan = «\"test\"»", &["`plan` must be a table, found a string"]),
        (
            "spawn_depth = 2",
            "spawn_depth = «\"2\"»",
            &["`spawn_depth` must be a whole number from 1 to 16, found a string"],
        ),
        (
            "spawn_depth = 2",
            "spawn_depth = «2.0»",
            &["`spawn_depth` must be a whole number from 1 to 16, without a point"],
        ),
        ("[\"read_file\"]", "«\"read_file\"»", &["`tools` must be a list of strings, found a string"]),
        (
            "[\"read_file\"]",
            "[\"read_file\", «true»]",
            &["`tools` must be a list of strings, found true or false in it"],
        ),
        ("{ input = 3, output = 15 }", "«3»", &["`price` of model `large` must be a table, found a whole number"]),
        ("input = 3,", "input = «\"3\"»,", &["`input` must be dollars, a number such as 0.15, found a string"]),
        ("input = 3,", "input = «0x3»,", &["`input` must be dollars, a number such as 0.15, found a whole number"]),
        ("[{ text = \"Done.\" }]", "«\"Done.\"»", &["`steps` must be a list of tables, found a string"]),
        ("{ text = \"Done.\" }", "{ text = «1» }", &["in a step: invalid type: integer `1`, expected a string"]),
        (
            "[scripts.coder]\n",
            "[scripts]\ncoder = «1»\n[scripts.lead]\n",
            &["script `coder` must be a table, found a whole number"],
        ),
        ("name = \"test\"", "name = «1979-05-27»", &["`name` must be a string, found a date"]),
    ]);
}

#[test]
fn numbers_out_of_their_bounds() {
    check(&[
        ("spawn_depth = 2", "spawn_depth = «0»", &["`spawn_depth` must be from 1 to 16, found `0`"]),
        ("spawn_depth = 2", "spawn_depth = «-1»", &["`spawn_depth` must be from 1 to 16, found `-1`"]),
        (
            "spawn_depth = 2",
            "spawn_depth = «99999999999999999999999»",
            &["`spawn_depth` must be from 1 to 16, found `99999999999999999999999`"],
        ),
        ("spawn_depth = 2", "per_model = «0»", &["`per_model` must be from 1 to 1024, found `0`"]),
        ("spawn_depth = 2", "lane_weights = { primary = «0» }", &["`primary` must be from 1 to 1000, found `0`"]),
        ("tokens = 1000,", "tokens = «0»,", &["`tokens` must be from 1 to 1000000000000000, found `0`"]),
        ("cost_usd = 2", "cost_usd = «0.0»", &["`cost_usd` must be more than zero"]),
        ("cost_usd = 2", "cost_usd = «-0.5»", &["`cost_usd` must not be negative"]),
        ("cost_usd = 2", "cost_usd = «inf»", &["`cost_usd` must be a plain decimal number"]),
        (
            "cost_usd = 2",
            "cost_usd = «0.0000000001»",
            &["`cost_usd` has more than nine digits after the point: a nano-dollar is the smallest unit"],
        ),
        (
            "cost_usd = 2",
            "cost_usd = «1e11»",
            &["`cost_usd` is more than can be counted, which is 18 thousand million dollars"],
        ),
        ("cost_usd = 2", "cost_usd = 2, warn_percent = «0»", &["`warn_percent` must be from 1 to 100, found `0`"]),
        ("cost_usd = 2", "cost_usd = 2, warn_percent = «101»", &["`warn_percent` must be from 1 to 100, found `101`"]),
        (
            "model = \"small\"",
            "model = \"small\"\npriority = «256»",
            &["`priority` must be from 0 to 255, found `256`"],
        ),
        (
            "model = \"small\"",
            "model = \"small\"\ntimeout_ms = «0»",
            &["`timeout_ms` must be from 1 to 86400000, found `0`"],
        ),
        ("model = \"small\"", "model = \"small\"\nmax_runs = «0»", &["`max_runs` must be from 1 to 10000, found `0`"]),
        (
            "name = \"test\"",
            "name = \"test\"\nseed = «-1»",
            &["`seed` must be from 0 to 9223372036854775807, found `-1`"],
        ),
        ("name = \"second\"", "name = \"second\"\ncount = «0»", &["`count` must be from 1 to 1024, found `0`"]),
    ]);
    // Both sessions are there from the start.
    let text = GOOD.replace("spawn_depth = 2", "live_sessions = 1");
    assert_eq!(told(&text), ["3:2: the plan has 2 sessions, and `live_sessions` allows 1"]);
}

#[test]
fn words_of_closed_lists() {
    check(&[
        ("kind = \"openai\"", "kind = «\"opena\"»", &["unknown `kind` `opena`; did you mean `openai`?"]),
        (
            "model = \"small\"",
            "model = \"small\"\nlane = «\"subagent\"»",
            &["unknown `lane` `subagent`; did you mean `SUBAGENT`?"],
        ),
        (
            "model = \"small\"",
            "model = \"small\"\nmode = «\"persistent\"»",
            &["unknown `mode` `persistent`; did you mean `SESSION_PERSISTENT`?"],
        ),
        (
            "model = \"small\"",
            "model = \"small\"\nretry_backoff = «\"FIX\"»",
            &["unknown `retry_backoff` `FIX`; did you mean `FIXED`?"],
        ),
        (
            "model = \"small\"",
            "model = \"small\"\nmemory_policy = «\"session\"»",
            &["unknown `memory_policy` `session`; did you mean `SESSION_SCOPED`?"],
        ),
        ("cost_usd = 2", "cost_usd = 2, action = «\"STOP\"»", &["unknown `action` `STOP`"]),
        (
            "provider = \"cloud\"",
            "provider = \"cloud\"\nbackend = «\"Local\"»",
            &["unknown `backend` `Local`; did you mean `local`?"],
        ),
        (
            "{ text = \"Done.\" }",
            "{ fail = { kind = «\"ratelimited\"» } }",
            &["unknown word `ratelimited`; did you mean `rate_limited`?"],
        ),
    ]);
}

#[test]
fn what_is_missing() {
    check(&[
        ("[plan]\nname = \"test\"\n", "«»", &["the plan has no `plan`"]),
        ("[plan]\nname = \"test\"", "«[plan]»", &["`plan` has no `name`"]),
        ("[providers.cloud]\nkind = \"openai\"", "«[providers.cloud]»", &["provider `cloud` has no `kind`"]),
        ("[models.small]\nprovider = \"stage\"", "«[models.small]»", &["model `small` has no `provider`"]),
        ("[roles.coder]\nmodel = \"small\"", "«[roles.coder]»", &["role `coder` has no `model`"]),
        ("{ input = 3, output = 15 }", "«{ input = 3 }»", &["`price` of model `large` has no `output`"]),
        ("{ tokens = 1000, cost_usd = 2 }", "«{ action = \"WARN\" }»", &["`budget` of role `lead` bounds nothing"]),
        ("[[sessions]]\nname = \"second\"", "«[[sessions]]»\nlabel = \"x\"", &["session 2 of the plan has no `name`"]),
        (
            "[[sessions]]\nname = \"second\"\nrole = \"coder\"",
            "«[[sessions]]»\nname = \"second\"",
            &["session `second` has no `role`"],
        ),
        (
            "[[sessions]]\nname = \"second\"\nrole = \"coder\"\ninput_from = [\"first\"]",
            "«[[sessions]]»\nname = \"second\"\nrole = \"coder\"",
            &["session `second` has no input, it would wait for ever"],
        ),
        ("[workspace]\ndirectory = \".\"", "«[workspace]»", &["`workspace` has no `directory`"]),
        ("prompt = \"Begin.\"", "prompt = «\" \"»", &["`prompt` must not be empty"]),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\n«prompt_file» = \"a.md\"",
            &["`prompt` and `prompt_file` exclude each other"],
        ),
        ("steps = [{ text = \"Done.\" }]", "steps = «[]»", &["a script has 1 to 1024 steps, script `coder` has 0"]),
    ]);
    assert_eq!(told(""), ["1:1: the plan has no `plan`", "1:1: the plan starts no session"]);
    assert_eq!(
        told("sessions = 3\nplan.name = \"x\""),
        ["1:1: `sessions` must be a list of tables, found a whole number"]
    );
}

#[test]
fn providers_and_their_secrets() {
    check(&[
        (
            "\"https://llm.example.com/v1\"",
            "«\"llm.example.com\"»",
            &["`base_url` must begin with http:// or https://"],
        ),
        (
            "\"https://llm.example.com/v1\"",
            "«\"file:///etc/passwd\"»",
            &["`base_url` must begin with http:// or https://"],
        ),
        (
            "\"https://llm.example.com/v1\"",
            "«\"https://u:p@llm.example.com\"»",
            &["`base_url` must not hold a user or a password: name the key's variable in `api_key_env`"],
        ),
        (
            "api_key_env = \"LLM_KEY\"",
            "«api_key» = \"sk-12345\"",
            &["`api_key` does not belong into a plan: plans are read by many"],
        ),
        (
            "api_key_env = \"LLM_KEY\"",
            "«API-Key» = \"12345\"",
            &["`API-Key` does not belong into a plan: plans are read by many"],
        ),
        (
            "api_key_env = \"LLM_KEY\"",
            "«headers» = { Authorization = \"Bearer 12345\" }",
            &["`headers` does not belong into a plan: plans are read by many"],
        ),
        (
            "\"LLM_KEY\"",
            "«\"sk-proj-12345\"»",
            &["`api_key_env` must be the name of an environment variable: capitals, digits and `_`, not a digit first"],
        ),
        (
            "\"LLM_KEY\"",
            "«\"$LLM_KEY\"»",
            &["`api_key_env` must be the name of an environment variable: capitals, digits and `_`, not a digit first"],
        ),
        (
            "kind = \"scripted\"",
            "kind = \"scripted\"\n«base_url» = \"http://localhost\"",
            &["a scripted provider is nowhere: it takes no `base_url`"],
        ),
    ]);
}

#[test]
fn no_secret_is_printed() {
    for (from, to) in [
        ("api_key_env = \"LLM_KEY\"", "api_key = \"hunter2\""),
        ("api_key_env = \"LLM_KEY\"", "headers = { x = \"hunter2\" }"),
        ("api_key_env = \"LLM_KEY\"", "surprise = \"hunter2\""),
        ("api_key_env = \"LLM_KEY\"", "api_key = \"hunter2"),
        ("\"LLM_KEY\"", "\"hunter2\""),
        ("\"LLM_KEY\"", "[\"hunter2\"]"),
        ("\"https://llm.example.com/v1\"", "\"https://a:hunter2@example.com\""),
        ("\"openai\"\nbase_url = \"https://llm.example.com/v1\"", "\"hunter2-is-the-secret\""),
    ] {
        let errors = Plan::parse(&GOOD.replace(from, to)).unwrap_err().to_string();
        let names_it = to.contains("hunter2-is");
        assert_eq!(errors.contains("hunter2"), names_it, "{errors}");
        assert!(!errors.contains(" | "), "no line is shown: {errors}");
    }
}

#[test]
fn rights_and_means() {
    check(&[
        (
            "capabilities = [\"spawn\", \"fs.read\"]",
            "«capabilities» = [\"fs.read\"]",
            &["`spawns` of role `lead` needs `spawn`, which its `capabilities` lack"],
        ),
        (
            "capabilities = [\"spawn\", \"fs.read\"]\nbudget = { tokens = 1000, cost_usd = 2 }\n[roles.coder]\nmodel = \"small\"\ntools = [\"read_file\"]",
            "[roles.coder]\nmodel = \"small\"\ntools = [«\"read_file\"»]",
            &["role `coder` may `fs.read`, but its parent, role `lead`, may not"],
        ),
        ("[\"read_file\"]", "[\"read_file\", «\"read_file\"»]", &["`read_file` stands twice in `tools`"]),
        (
            "[\"read_file\"]",
            "[\"read_file\", «\"spawn_session\"»]",
            &["`spawn_session` is offered by itself to whoever has `spawns`"],
        ),
        (
            "[\"read_file\"]",
            "[\"read_file\", «\"list_directory\"»]",
            &["role `coder` may `fs.list`, but its parent, role `lead`, may not"],
        ),
        (
            "tools = [\"read_file\"]",
            "tools = [\"read_file\"]\n«capabilities» = [\"spawn\"]",
            &["tool `read_file` of role `coder` needs `fs.read`, which its `capabilities` lack"],
        ),
        (
            "tools = [\"read_file\"]",
            "tools = [\"read_file\"]\ncapabilities = [\"fs.read\", «\"process.run\"»]",
            &["role `coder` may `process.run`, but its parent, role `lead`, may not"],
        ),
        (
            "tools = [\"read_file\"]",
            "tools = [\"read_file\"]\nbudget = { «tokens» = 1001, «cost_usd» = 2.000000001 }",
            &[
                "role `coder` has a larger budget of `tokens` than its parent, role `lead`",
                "role `coder` has a larger budget of `cost_usd` than its parent, role `lead`",
            ],
        ),
        ("tools = [\"read_file\"]", "tools = [\"read_file\"]\nbudget = { tokens = 1000, cost_usd = 2 }", &[]),
        (
            "tools = [\"read_file\"]",
            "tools = [\"read_file\"]\napprovals = [«\"run_command\"»]",
            &["`run_command` is to be approved, but is no tool of role `coder`"],
        ),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\n«capabilities» = [\"fs.read\"]",
            &["`spawns` of session `first` needs `spawn`, which its `capabilities` lack"],
        ),
    ]);
    // What a session says otherwise than its role is held against the children too; the blame is the child's.
    let text = GOOD.replace("prompt = \"Begin.\"", "prompt = \"Begin.\"\ncapabilities = [\"spawn\"]");
    assert_eq!(told(&text), ["26:10: role `coder` may `fs.read`, but its parent, session `first`, may not"]);
    let help = Plan::parse(&text).unwrap_err().errors.remove(0).help;
    assert_eq!(
        help,
        [
            "session `first` spawns it: line 21",
            "add `fs.read` to the `capabilities` of session `first` (line 31), or take it from the child",
        ]
    );
}

#[test]
fn tools_without_what_they_need() {
    let bare = GOOD.replace("[workspace]\ndirectory = \".\"\ncommands = [\"ls\"]\n", "");
    assert_eq!(told(&bare), ["23:10: tool `read_file` needs a [workspace], and the plan has none"]);
    check(&[(
        "commands = [\"ls\"]\n[roles.lead]\nmodel = \"large\"",
        "[roles.lead]\nmodel = \"large\"\ntools = [«\"run_command\"»]\n[roles.other]\nmodel = \"large\"",
        &["tool `run_command` has nothing to run: the [workspace] allows no `commands`"],
    )]);
}

#[test]
fn sessions_that_wait_for_each_other() {
    check(&[
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\nafter = [«\"second\"»]",
            &["these sessions wait for each other: `first` → `second` → `first`"],
        ),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\nafter = [«\"first\"»]",
            &["these sessions wait for each other: `first` → `first`"],
        ),
        (
            "prompt = \"Begin.\"",
            "prompt = \"Begin.\"\ncount = 3\nafter = [«\"first-2\"»]",
            &["these sessions wait for each other: `first` → `first`"],
        ),
    ]);
    let text = "[plan]\nname = \"t\"\n[providers.p]\nkind = \"scripted\"\n[models.m]\nprovider = \"p\"\n[roles.r]\n\
                model = \"m\"\n[scripts.r]\nsteps = [{}]\n";
    let sessions: String =
        ["d after a", "a after c", "b after a", "c input_from b", "e after d", "f after e", "e2 after f"]
            .map(|line| {
                let [name, key, on] = line.split(' ').collect::<Vec<_>>()[..] else { unreachable!() };
                format!("[[sessions]]\nname = \"{name}\"\nrole = \"r\"\nprompt = \"x\"\n{key} = [\"{on}\"]\n")
            })
            .concat();
    let errors = Plan::parse(&format!("{text}{sessions}")).unwrap_err();
    assert_eq!(errors.errors.len(), 1, "those that only wait for the circle are not blamed: {errors}");
    let error = &errors.errors[0];
    assert_eq!(error.message, "these sessions wait for each other: `a` → `c` → `b` → `a`");
    assert_eq!(error.help, ["line 20: `a` waits for `c`", "line 30: `c` waits for `b`", "line 25: `b` waits for `a`"]);
}

#[test]
fn names_that_two_have() {
    check(&[
        ("name = \"second\"", "name = «\"first\"»", &["two sessions are called `first`, the other one in line 28"]),
        (
            "name = \"first\"\nrole = \"lead\"\nprompt = \"Begin.\"\n[[sessions]]\nname = \"second\"\nrole = \"coder\"\ninput_from = [\"first\"]",
            "name = \"a\"\nrole = \"lead\"\ncount = 2\nprompt = \"x\"\n[[sessions]]\nname = «\"a-2\"»\nrole = \"coder\"\nprompt = \"x\"",
            &["two sessions are called `a-2`, the other one in line 28"],
        ),
    ]);
}

#[test]
fn keys_that_are_given_twice() {
    check(&[("kind = \"scripted\"", "kind = \"scripted\"\n«kind» = \"openai\"", &["this key was given before"])]);
    // What else is wrong is told as well.
    let text = GOOD.replace("[models.large]", "[models.small]").replace("\"first\"]", "\"frist\"]");
    assert_eq!(
        told(&text),
        [
            "13:9: this key was given before",
            "14:1: this key was given before",
            "20:9: unknown model `large`",
            "34:15: unknown session `frist`; did you mean `first`?",
        ]
    );
}

#[test]
fn scripts_that_are_missing_or_wrong() {
    let misspelt = told(&GOOD.replace("[scripts.coder]", "[scripts.code]"));
    assert_eq!(misspelt[2], "35:10: unknown session or role `code`; did you mean `coder`?");
    check(&[
        (
            "{ text = \"Done.\" }",
            "«{ text = \"x\", first_token_ms = 5, duration_ms = 4 }», «{ chunks = 0 }",
            &[
                "in a step: `first_token_ms` is at most `duration_ms`: the first chunk cannot come after the last",
                "in a step: `chunks` is between 1 and 10000, found 0",
            ],
        ),
        ("[scripts.coder]", "[scripts.default]", &[]),
    ]);
    let missing = ["24:8: role `coder` is spawned, has a scripted model and no script"];
    assert_eq!(told(&GOOD.replace("[scripts.coder]", "[scripts.second]")), missing);
    assert_eq!(
        told(&GOOD.replace("[scripts.coder]", "[scripts.lead]")),
        [missing[0], "31:1: session `second` has a scripted model and no script"]
    );
    // Two sessions of one label cannot play two scripts, nor take that of a role.
    let labelled = GOOD
        .replace("model = \"large\"\n", "model = \"small\"\n")
        .replace("prompt = \"Begin.\"", "prompt = \"Begin.\"\nlabel = \"twin\"")
        .replace("[\"first\"]", "[\"first\"]\nlabel = \"twin\"");
    let scripts = "[scripts.first]\nsteps = [{}]\n[scripts.second]\nsteps = [{}]\n";
    assert_eq!(
        told(&format!("{labelled}{scripts}")),
        ["32:1: the label of session `second` is that of others, who play other scripts"]
    );
    let of_role = GOOD.replace("[\"first\"]", "[\"first\"]\nlabel = \"lead\"");
    assert_eq!(
        told(&format!("{of_role}{}", "[scripts.second]\nsteps = [{}]\n")),
        ["31:1: the label of session `second` is that of others, who play other scripts"]
    );
}

#[test]
fn a_report_as_it_is_read() {
    let text = GOOD
        .replace("\"small\"\ntools", "\"smal\"\ntools")
        .replace("spawn_depth = 2", "spawn_depth = 2.5\nper_modell = 2")
        .replace("[\"first\"]", "[\"first\", \"third\"]");
    let errors = Plan::parse(&text).unwrap_err();
    assert_eq!(
        errors.in_file("plans/x.toml").to_string(),
        r#"plans/x.toml:4:15: `spawn_depth` must be a whole number from 1 to 16, without a point
  |
4 | spawn_depth = 2.5
  |               ^^^
plans/x.toml:5:1: unknown key `per_modell`; did you mean `per_model`?
  |
5 | per_modell = 2
  | ^^^^^^^^^^
  = keys of `limits`: `active_sessions`, `per_provider`, `per_model`, `per_group`, `lane_weights`, `spawn_depth`, `children_per_session`, `live_sessions`, `rates`
plans/x.toml:26:9: unknown model `smal`; did you mean `small`?
   |
26 | model = "smal"
   |         ^^^^^^
   = models: `large`, `small`
plans/x.toml:35:24: unknown session `third`
   |
35 | input_from = ["first", "third"]
   |                        ^^^^^^^
   = sessions: `first`, `second`
4 errors in plans/x.toml"#
    );
}

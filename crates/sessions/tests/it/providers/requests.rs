//! What providers are asked: addresses, keys, threads, tools and settings.

use flightrec_sessions::{
    Meter, ModelCall, ModelClient, ModelErrorKind, ProviderClient, ProviderKind, ProviderOptions, ToolRequest, Turn,
};
use serde_json::{Value, json};

use super::server::{Answer, Request, Server};
use super::{KINDS, client, dialects, id, live, question};

/// What was sent for a call, which succeeds.
async fn sent(kind: ProviderKind, call: ModelCall) -> Request {
    let server = Server::start(vec![Answer::stream(&dialects::text(kind))]).await;
    client(kind, &server.base_url).call(call, Meter::default()).await.unwrap();
    server.requests().remove(0)
}

/// A thread with everything that there is.
fn conversation() -> ModelCall {
    let ask = |id: &str, arguments: &str| ToolRequest {
        id: id.into(),
        name: "read_file".into(),
        arguments: arguments.into(),
    };
    let result = |call: &str, text: &str, failed| Turn::ToolResult {
        tool_call_id: id(call),
        tool: "read_file".into(),
        text: text.into(),
        failed,
    };
    let thread = vec![
        Turn::System("Be brief.".into()),
        Turn::User("Read a.rs and b.rs.".into()),
        Turn::Assistant { text: "".into(), tool_calls: vec![ask("c1", r#"{"path":"a.rs"}"#), ask("c2", "{\"path")] },
        result("c1", "fn main() {}", false),
        result("c2", "malformed_arguments: expected a value", true),
        Turn::Assistant { text: "".into(), tool_calls: vec![] },
        Turn::User("And?".into()),
    ];
    ModelCall { thread, ..question() }
}

#[test]
fn each_provider_is_asked_at_its_own_path_with_its_own_key_and_the_trace() {
    live(async {
        for kind in KINDS {
            let request = sent(kind, question()).await;
            let (path, header, key) = match kind {
                ProviderKind::OpenAi | ProviderKind::Ollama => {
                    ("/v1/chat/completions", "authorization", "Bearer sk-very-secret")
                }
                ProviderKind::Anthropic => ("/v1/messages", "x-api-key", "sk-very-secret"),
                ProviderKind::Gemini => {
                    ("/v1/models/model-1:streamGenerateContent?alt=sse", "x-goog-api-key", "sk-very-secret")
                }
            };
            assert_eq!((request.path.as_str(), request.header(header)), (path, Some(key)), "{kind:?}");
            let traceparent = "00-0a1b2c3d4e5f67890a1b2c3d4e5f6789-0a1b2c3d4e5f6789-01";
            assert_eq!(request.header("traceparent"), Some(traceparent), "{kind:?}");
            assert!(request.header("user-agent").unwrap().starts_with("flightrec/"), "{kind:?}");
            assert_eq!(request.header("accept-encoding"), None, "{kind:?}");
        }
    });
}

#[test]
fn without_a_key_none_is_made_up() {
    live(async {
        for kind in [ProviderKind::OpenAi, ProviderKind::Ollama] {
            let server = Server::start(vec![Answer::stream(&dialects::text(kind))]).await;
            let options = ProviderOptions { base_url: Some(server.base_url.clone()), ..ProviderOptions::new(kind) };
            let client = ProviderClient::new(options).unwrap();
            client.call(question(), Meter::default()).await.unwrap();
            let request = server.requests().remove(0);
            assert_eq!(request.header("authorization"), None, "{kind:?}");
            assert_eq!(request.body["model"], "model-1");
        }
    });
}

#[test]
fn openai_gets_the_thread_the_tools_and_the_limit() {
    live(async {
        for kind in [ProviderKind::OpenAi, ProviderKind::Ollama] {
            let body = sent(kind, conversation()).await.body;
            assert_eq!(
                (&body["model"], &body["stream"], &body["max_tokens"]),
                (&json!("model-1"), &json!(true), &json!(64))
            );
            assert_eq!(body["stream_options"]["include_usage"], true);
            assert_eq!(body["tools"][0]["function"]["name"], "read_file");
            assert_eq!(body["tools"][0]["function"]["parameters"], *super::tool().parameters);
            let messages = body["messages"].as_array().unwrap();
            let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
            assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
            let arguments = |n: usize| -> Value {
                serde_json::from_str(messages[2]["tool_calls"][n]["function"]["arguments"].as_str().unwrap()).unwrap()
            };
            assert_eq!(arguments(0), json!({"path": "a.rs"}));
            assert_eq!(arguments(1), json!({"malformed_arguments": "{\"path"}));
            assert_eq!((&messages[4]["tool_call_id"], &messages[3]["content"]), (&json!("c2"), &json!("fn main() {}")));
            assert_eq!(body.get("reasoning_effort"), None);
        }
    });
}

#[test]
fn anthropic_gets_results_in_one_message_and_hears_which_failed() {
    live(async {
        let body = sent(ProviderKind::Anthropic, conversation()).await.body;
        assert_eq!(
            (&body["model"], &body["system"], &body["max_tokens"]),
            (&json!("model-1"), &json!("Be brief."), &json!(64))
        );
        assert_eq!(body["tools"][0]["input_schema"], *super::tool().parameters);
        let messages = body["messages"].as_array().unwrap();
        let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "user", "user"]);
        assert_eq!(messages[1]["content"][1]["input"], json!({"malformed_arguments": "{\"path"}));
        let results = messages[2]["content"].as_array().unwrap();
        assert_eq!((results.len(), &results[0]["is_error"], &results[1]["is_error"]), (2, &Value::Null, &json!(true)));
        assert_eq!((&results[0]["tool_use_id"], &results[1]["tool_use_id"]), (&json!("c1"), &json!("c2")));
    });
}

#[test]
fn gemini_gets_results_in_one_turn_by_the_name_of_their_tool() {
    live(async {
        let body = sent(ProviderKind::Gemini, conversation()).await.body;
        assert_eq!(body["systemInstruction"]["parts"][0]["text"], "Be brief.");
        assert_eq!(body["generationConfig"]["maxOutputTokens"], 64);
        assert_eq!(body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"], *super::tool().parameters);
        let contents = body["contents"].as_array().unwrap();
        let roles: Vec<&str> = contents.iter().map(|content| content["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "model", "user", "user"]);
        assert_eq!(contents[1]["parts"][0]["functionCall"]["args"], json!({"path": "a.rs"}));
        let results = contents[2]["parts"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[1]["functionResponse"]["name"], "read_file");
    });
}

#[test]
fn a_models_name_is_sent_as_it_is() {
    live(async {
        for name in ["qwen-max", "gpt-5-high", "org/model:7b-none", "space::model-low"] {
            for kind in [ProviderKind::OpenAi, ProviderKind::Ollama, ProviderKind::Anthropic] {
                let body = sent(kind, ModelCall { model_id: id(name), ..question() }).await.body;
                assert_eq!(body["model"], name, "{kind:?}");
                for setting in ["reasoning_effort", "thinking", "output_config"] {
                    assert_eq!(body.get(setting), None, "{kind:?} {name}");
                }
            }
        }
        // With Gemini that cannot be done for all names; those are not asked for at all.
        let server = Server::start(vec![]).await;
        let call = ModelCall { model_id: id("gemini-2.5-pro-high"), ..question() };
        let failure = client(ProviderKind::Gemini, &server.base_url).call(call, Meter::default()).await.unwrap_err();
        assert_eq!((failure.kind, server.requests().len()), (ModelErrorKind::UnknownModel, 0));
    });
}

#[test]
fn a_key_that_no_header_can_carry_is_told_before_anything_is_sent() {
    let options = ProviderOptions {
        api_key: Some(flightrec_sessions::Secret::new("sk-very\nsecret")),
        ..ProviderOptions::new(ProviderKind::Anthropic)
    };
    let error = ProviderClient::new(options).unwrap_err().to_string();
    assert!(error.contains("anthropic") && !error.contains("secret"), "{error}");
}

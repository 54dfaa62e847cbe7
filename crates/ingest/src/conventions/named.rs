//! Spans that people make around their own agents and tools, without any convention: their names tell.
//!
//! Only forms that leave no doubt are read: a word for the kind of work, a mark, and the name of the agent or
//! tool. `tool:search_docs` is a tool call; `toolbar.render` is nothing.

use std::borrow::Cow;

use crate::attributes::Attributes;
use crate::facts::{Facts, Tool, Work};

/// Words that begin the name of a tool call, followed by a mark and the tool.
const TOOL_WORDS: &[&str] = &["tool", "tool_call", "tool-call", "call_tool", "execute_tool", "run_tool"];
/// Words that begin the name of an agent's run, followed by a mark and the agent.
const AGENT_WORDS: &[&str] = &["agent", "invoke_agent", "run_agent", "agent-run", "agent_run", "agent.run"];
/// Names of an agent's run that do not tell which.
const AGENT_NAMES: &[&str] = &["agent-run", "agent_run", "agent.run", "run_agent", "invoke_agent"];

/// Adds what the name of a span tells.
pub(super) fn read<'a>(facts: &mut Facts<'a>, name: &'a str, attributes: &Attributes<'a>) {
    if let Some(tool) = after_word(name, TOOL_WORDS) {
        let named = ["tool.name", "tool_name", "tool"].iter().find_map(|key| attributes.str(key));
        facts.work = Work::ToolCall;
        facts.tool = Some(Tool {
            name: Some(Cow::Borrowed(named.unwrap_or(tool))),
            call_id: ["tool.call.id", "tool_call_id", "tool_use_id"]
                .iter()
                .find_map(|key| attributes.str(key))
                .map(Cow::Borrowed),
            ..Tool::default()
        });
    } else if let Some(agent) = after_word(name, AGENT_WORDS) {
        facts.work = Work::Agent;
        facts.agent = Some(Cow::Borrowed(agent));
    } else if AGENT_NAMES.contains(&name) {
        facts.work = Work::Agent;
        facts.agent =
            ["agent.name", "agent_name", "agent"].iter().find_map(|key| attributes.str(key)).map(Cow::Borrowed);
    }
}

/// What stands behind one of the words and a mark.
fn after_word<'a>(name: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        let rest = name.strip_prefix(word)?;
        let named = rest.strip_prefix([':', ' '])?.trim();
        let is_name = !named.is_empty() && !named.contains(char::is_whitespace);
        is_name.then_some(named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Source;

    #[test]
    fn only_names_that_leave_no_doubt() {
        let read = |name: &'static str| {
            let mut facts = Facts::new(Source::Plain, Work::Plain);
            read(&mut facts, name, &Attributes::none());
            let tool = facts.tool.and_then(|tool| tool.name).map(Cow::into_owned);
            (facts.work, tool.or(facts.agent.map(Cow::into_owned)))
        };
        for (name, work, named) in [
            ("tool:search_docs", Work::ToolCall, Some("search_docs")),
            ("tool search", Work::ToolCall, Some("search")),
            ("execute_tool calculator", Work::ToolCall, Some("calculator")),
            ("agent:researcher", Work::Agent, Some("researcher")),
            ("agent-run", Work::Agent, None),
            ("toolbar.render", Work::Plain, None),
            ("tool:", Work::Plain, None),
            ("tool box of things", Work::Plain, None),
            ("agent", Work::Plain, None),
            ("GET /agents", Work::Plain, None),
        ] {
            assert_eq!(read(name), (work, named.map(str::to_owned)), "{name}");
        }
    }
}

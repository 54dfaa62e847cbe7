//! The tools and capabilities that a plan can name.

use flightrec_events::Id;
use toml::Spanned;

use super::errors::Report;
use crate::spec::SPAWN;
use crate::tools::WORKSPACE_TOOLS as TOOLS;

/// The tool that is there only if a workspace allows programs.
pub(super) const RUN_COMMAND: &str = "run_command";

/// What the runtime itself offers to sessions that spawn.
const SPAWN_TOOL: &str = "spawn_session";

/// Tells a tool that there is not.
pub(super) fn check(tool: &Spanned<Id>, report: &mut Report<'_>) {
    let name = tool.get_ref().as_str();
    if name == SPAWN_TOOL {
        report
            .error(tool.span(), "`spawn_session` is offered by itself to whoever has `spawns`")
            .help("leave it out here, and list the roles: spawns = [\"…\"]");
    } else if capability_of(tool.get_ref()).is_none() {
        report.unknown(tool.span(), "tool", name, ("tools", TOOLS.iter().map(|(name, _)| *name)));
    }
}

/// Tells a capability that nothing needs.
pub(super) fn check_capability(capability: &Spanned<Id>, report: &mut Report<'_>) {
    let all = TOOLS.iter().map(|(_, capability)| *capability).chain([SPAWN]);
    let name = capability.get_ref().as_str();
    if !all.clone().any(|known| known == name) {
        report.unknown(capability.span(), "capability", name, ("capabilities", all));
    }
}

/// What a session must be granted to call a tool.
pub(super) fn capability_of(tool: &Id) -> Option<&'static str> {
    TOOLS.iter().find(|(name, _)| *name == tool.as_str()).map(|(_, capability)| *capability)
}

//! From the models of a plan to the clients that reach them.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightrec_events::Id;

use super::prepare::Surroundings;
use super::problems::LaunchProblem;
use crate::model::{ModelClient, ModelRoute};
#[cfg(not(feature = "providers"))]
use crate::plan::ProviderKind as Spoken;
use crate::plan::{Plan, Provider, ProviderKind};
#[cfg(feature = "providers")]
use crate::providers::{ProviderClient, ProviderKind as Spoken, ProviderOptions, Secret};
use crate::scripted::ScriptedClient;

/// The routes of all models whose providers can be reached. Models of one provider share its client.
pub(super) fn routes(
    plan: &Plan,
    surroundings: &Surroundings<'_>,
    problems: &mut Vec<LaunchProblem>,
) -> BTreeMap<Id, ModelRoute> {
    let mut clients: BTreeMap<&Id, Arc<dyn ModelClient>> = BTreeMap::new();
    // A provider without a model is asked for nothing, and needs no key.
    let used = plan.providers.iter().filter(|(name, _)| plan.models.values().any(|model| model.provider == **name));
    for (name, provider) in used {
        match client(plan, name, provider, surroundings) {
            Ok(client) => {
                clients.insert(name, client);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let routes = plan.models.iter().filter_map(|(name, model)| {
        let route = ModelRoute {
            model_id: model.model_id.clone(),
            provider: model.provider.clone(),
            backend: model.backend,
            client: Arc::clone(clients.get(&model.provider)?),
            price: model.price,
        };
        Some((name.clone(), route))
    });
    routes.collect()
}

fn client(
    plan: &Plan,
    name: &Id,
    provider: &Provider,
    surroundings: &Surroundings<'_>,
) -> Result<Arc<dyn ModelClient>, LaunchProblem> {
    let spoken = match provider.kind {
        ProviderKind::Scripted => {
            return Ok(Arc::new(ScriptedClient::new(Arc::clone(&surroundings.time), plan.scripts.clone())));
        }
        ProviderKind::OpenAi => Spoken::OpenAi,
        ProviderKind::Anthropic => Spoken::Anthropic,
        ProviderKind::Gemini => Spoken::Gemini,
        ProviderKind::Ollama => Spoken::Ollama,
    };
    remote(name, spoken, provider, surroundings)
}

#[cfg(feature = "providers")]
fn remote(
    name: &Id,
    spoken: Spoken,
    provider: &Provider,
    surroundings: &Surroundings<'_>,
) -> Result<Arc<dyn ModelClient>, LaunchProblem> {
    let api_key = match &provider.api_key_env {
        Some(variable) => match (surroundings.variable)(variable).filter(|key| !key.trim().is_empty()) {
            Some(key) => Some(Secret::new(key)),
            None => return Err(LaunchProblem::NoKey { provider: name.clone(), variable: variable.clone() }),
        },
        None => None,
    };
    let options = ProviderOptions { base_url: provider.base_url.clone(), api_key, ..ProviderOptions::new(spoken) };
    match ProviderClient::new(options) {
        Ok(client) => Ok(Arc::new(client)),
        Err(source) => Err(LaunchProblem::Provider { provider: name.clone(), source }),
    }
}

#[cfg(not(feature = "providers"))]
fn remote(
    name: &Id,
    spoken: Spoken,
    _: &Provider,
    _: &Surroundings<'_>,
) -> Result<Arc<dyn ModelClient>, LaunchProblem> {
    Err(LaunchProblem::NotBuiltIn { provider: name.clone(), kind: spoken.as_str() })
}

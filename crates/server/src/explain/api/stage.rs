//! No stage of that name, or one that is behind the API.

use doctor::{Fix, Report, quote};

use super::Story;

impl Story<'_> {
    pub(super) fn no_stage(
        &self,
        stage: &str,
        near: Option<&str>,
        stages: &[String],
        deployments: usize,
        report: &mut Report,
    ) {
        let title = match (stages, near) {
            ([], _) if deployments == 0 => "the API was never deployed, so it has no stage".to_owned(),
            ([], _) => "the API has deployments and no stage that serves one".to_owned(),
            (_, Some(near)) => format!("the API has no stage `{stage}`; did you mean `{near}`?"),
            _ => format!("the API has no stage `{stage}`, only {}", stages.join(", ")),
        };
        self.find(report, title);
        if stages.is_empty() {
            report.fixes.push(self.deploy(if stage.is_empty() { "prod" } else { stage }));
        }
    }

    /// The deployment that brings a stage up to date. The owner is looked up: without a stage the trace has none.
    pub(super) fn deploy(&self, stage: &str) -> Fix {
        let api = &self.gateway.api_id;
        let (account, region) = match &self.gateway.deployment {
            Some(deployment) => (deployment.account.clone(), deployment.region.clone()),
            None => self.state.api(api).map(|api| (api.account, api.region)).unwrap_or_default(),
        };
        let command = format!(
            "aws apigateway create-deployment --region {region} --rest-api-id {api} --stage-name {}",
            quote(stage)
        );
        Fix::run(&account, "deploy the API as it is now", vec![command])
    }
}

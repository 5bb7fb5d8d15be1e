/**
 * Asks the mutating webhooks one after the other, each about what the one before made of the object. When one of them changed it, the chain runs
 * once more, and those that want to see the others' changes are asked again.
 */
import { applyJsonPatch } from '@slipway/api/patch/json-patch';
import { messageOf } from '@slipway/kit/errors';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite, WebhooksRun } from '../plugin.ts';
import { draftIn, replaceDraft } from '../replace-draft.ts';
import { matchesConditions } from '../webhooks/match-conditions.ts';
import { afterFailure, askWebhook, internalError, isExempt, type Webhook, webhooksOf } from '../webhooks/webhook.ts';

const webhooks = webhooksOf('mutatingwebhookconfigurations');

export const mutatingWebhooks: AdmissionPlugin = {
  name: 'MutatingAdmissionWebhook',
  asksOthers: true,
  on: [{ operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'], group: '*', resources: ['*/*'] }],

  mutate(write, deps) {
    const { all } = webhooks.of(deps.objects);
    if (all.length === 0 || isExempt(write)) return;
    if (write.isRerun) return write.webhooksRun && askAgain(write, write.webhooksRun, deps);
    const asked = all.filter(({ matcher }) => matcher.match(write, deps));
    if (asked.length > 0) return askInTurn(asked, write, deps);
  },
};

async function askInTurn(asked: readonly Webhook[], write: AdmissionWrite, deps: AdmissionDeps): Promise<void> {
  const eligible: string[] = [];
  const wanted = new Set<string>();
  let isChanged = false;
  for (const webhook of asked) {
    if (await askOne(webhook, write, deps)) {
      isChanged = true;
      // Whoever was asked before this change and wants to see it.
      for (const id of eligible) wanted.add(id);
    }
    if (webhook.spec.reinvocationPolicy === 'IfNeeded') eligible.push(webhook.id);
  }
  if (isChanged) write.wantsRerun = true;
  if (eligible.length > 0) write.webhooksRun = { wanted, eligible, output: JSON.stringify(write.draft) };
}

/** In the second run: those before a change, and all eligible ones when the rest of the chain has changed something since. */
async function askAgain(write: AdmissionWrite, run: WebhooksRun, deps: AdmissionDeps): Promise<void> {
  const isChanged = JSON.stringify(write.draft) !== run.output;
  const wanted = new Set(isChanged ? run.eligible : run.wanted);
  for (const webhook of webhooks.of(deps.objects).all) {
    if (wanted.has(webhook.id)) await askOne(webhook, write, deps);
  }
}

/** Whether the webhook changed the object. */
async function askOne(webhook: Webhook, write: AdmissionWrite, deps: AdmissionDeps): Promise<boolean> {
  const served = webhook.matcher.match(write, deps);
  if (!served || !matchesConditions(webhook, write, served, deps, 'admit')) return false;
  const response = await askWebhook(webhook, served, write, { mayPatch: true, deps });
  if (response?.patch === undefined) return false;
  const { draft, request } = write;
  const { subject } = request;
  const { name } = webhook.spec;
  if (!draft) {
    const problem = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw internalError(problem);
  }
  try {
    return replaceDraft(draft, applyJsonPatch(draftIn(draft, served, subject), response.patch), served, subject);
  } catch (error) {
    afterFailure(webhook.spec, messageOf(error), { phase: 'admit', write, metrics: deps.metrics });
    return false;
  }
}

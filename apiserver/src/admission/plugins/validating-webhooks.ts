/** Asks the validating webhooks, all at a time. No configuration, no cost. */
import type { AdmissionPlugin } from '../plugin.ts';
import { matchesConditions } from '../webhooks/match-conditions.ts';
import { askWebhook, isExempt, webhooksOf } from '../webhooks/webhook.ts';

const webhooks = webhooksOf('validatingwebhookconfigurations');

export const validatingWebhooks: AdmissionPlugin = {
  name: 'ValidatingAdmissionWebhook',
  asksOthers: true,
  on: [{ operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'], group: '*', resources: ['*/*'] }],

  validate(write, deps) {
    const { all } = webhooks.of(deps.objects);
    if (all.length === 0 || isExempt(write)) return;
    const asked = all.flatMap((webhook) => {
      const served = webhook.matcher.match(write, deps);
      return served && matchesConditions(webhook, write, served, deps, 'validate') ? [{ webhook, served }] : [];
    });
    if (asked.length === 0) return;
    const answers = asked.map(({ webhook, served }) => askWebhook(webhook, served, write, { mayPatch: false, deps }));
    return Promise.allSettled(answers).then((results) => {
      const refused = results.find(({ status }) => status === 'rejected');
      if (refused?.status === 'rejected') throw refused.reason;
    });
  },
};

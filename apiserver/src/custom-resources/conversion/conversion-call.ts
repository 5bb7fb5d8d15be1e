import { callWebhook, type WebhookWorld } from '../../admission/webhooks/call-webhook.ts';
import type { CallWebhook } from './converter.ts';

/** Upstream's time for a conversion. */
const timeoutSeconds = 30;

/** Asks conversion webhooks the way admission asks its own. */
export function conversionCall(world: WebhookWorld): CallWebhook {
  return async (client, review) => {
    const call = { client, body: JSON.stringify(review), timeoutSeconds, signal: new AbortController().signal };
    return JSON.parse(await callWebhook(call, world)) as unknown;
  };
}

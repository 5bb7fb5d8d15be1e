import type { Transport } from '@slipway/api/transport';
import type { Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { TokenRequestSpec } from './volume-plugin.ts';

interface HeldToken {
  readonly token: string;
  readonly refreshAtMs: number;
}

interface TokenRequestAnswer {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

/** A token is replaced after this part of its life, or after a day, whichever is first. */
const refreshAt = 0.8;
const refreshMsMax = 24 * 3600 * 1000;

/**
 * Tokens of pods' service accounts, bound to the pod, held in memory until four fifths of their life are over. They
 * appear in no log and on no disk.
 */
export class ServiceAccountTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #held = new Map<string, Map<string, HeldToken>>();

  constructor(transport: Transport, clock: Clock) {
    this.#client = new Client(transport);
    this.#clock = clock;
  }

  async token(pod: Pod, spec: TokenRequestSpec, signal: AbortSignal): Promise<string> {
    const { uid = '', namespace = '', name = '' } = pod.metadata;
    const key = `${spec.audience}\n${spec.expirationSeconds}`;
    const held = this.#held.get(uid)?.get(key);
    const nowMs = this.#clock.nowMs();
    if (held && held.refreshAtMs > nowMs) return held.token;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: spec.audience === '' ? [] : [spec.audience],
        expirationSeconds: spec.expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const account = { namespace, name: pod.spec.serviceAccountName || 'default' };
    const cause = { controller: 'kubelet', object: { kind: 'Pod', namespace, name, uid } };
    const answer = (await this.#client.createSubresource(kinds.serviceAccounts, account, 'token', body, {
      signal,
      cause,
    })) as TokenRequestAnswer;
    const token = answer.status?.token ?? '';
    const expiresAtMs = Date.parse(answer.status?.expirationTimestamp ?? '') || nowMs + spec.expirationSeconds * 1000;
    const refreshAtMs = nowMs + Math.min((expiresAtMs - nowMs) * refreshAt, refreshMsMax);
    const ofPod = this.#held.get(uid) ?? new Map<string, HeldToken>();
    this.#held.set(uid, ofPod.set(key, { token, refreshAtMs }));
    return token;
  }

  /** When the first token of the pod is to be replaced. */
  refreshAtMs(podUid: string): number | undefined {
    const times = [...(this.#held.get(podUid)?.values() ?? [])].map((held) => held.refreshAtMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  forget(podUid: string): void {
    this.#held.delete(podUid);
  }
}

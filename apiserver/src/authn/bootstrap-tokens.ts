/**
 * Tokens by which a machine that nobody knows yet asks for its certificate: `ID.SECRET`, kept in the Secret `bootstrap-token-ID` of
 * kube-system, of type `bootstrap.kubernetes.io/token`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { StrategyContext } from '../registry/strategy.ts';
import { forApiServer, type TokenAuthenticator, type TokenOutcome } from './token-outcome.ts';

const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const secretType = 'bootstrap.kubernetes.io/token';
const defaultGroup = 'system:bootstrappers';
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export interface BootstrapTokenDeps {
  readonly clock: Clock;
  readonly read: StrategyContext['read'];
  readonly apiAudiences: readonly string[];
}

export class BootstrapTokens implements TokenAuthenticator {
  readonly #deps: BootstrapTokenDeps;

  constructor(deps: BootstrapTokenDeps) {
    this.#deps = deps;
  }

  authenticate(token: string, audiences: readonly string[]): TokenOutcome | undefined {
    const [, id, secretPart] = tokenPattern.exec(token) ?? [];
    if (!id || !secretPart) return undefined;
    const secret = this.#deps.read('secrets', '', 'kube-system', `bootstrap-token-${id}`) as Secret | undefined;
    if (!secret || !isUsable(secret, id, secretPart, this.#deps.clock.nowMs())) return undefined;
    const groups = extraGroups(secret);
    if (!groups) return undefined;
    const user = { name: `system:bootstrap:${id}`, groups: [defaultGroup, ...groups, 'system:authenticated'] };
    return forApiServer(user, this.#deps.apiAudiences, audiences);
  }
}

function isUsable(secret: Secret, id: string, secretPart: string, nowMs: number): boolean {
  if (secret.type !== secretType || secret.metadata.deletionTimestamp !== undefined) return false;
  if (!sameSecret(field(secret, 'token-secret'), secretPart) || field(secret, 'token-id') !== id) return false;
  const expiration = field(secret, 'expiration');
  // One that cannot be read counts as past.
  if (expiration !== '' && !(Date.parse(expiration) > nowMs)) return false;
  return field(secret, 'usage-bootstrap-authentication') === 'true';
}

function field({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString();
}

/** In the same time whatever the difference is. */
function sameSecret(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Undefined when a group is named that no bootstrap token may have. */
function extraGroups(secret: Secret): readonly string[] | undefined {
  const groups = field(secret, 'auth-extra-groups')
    .split(',')
    .filter((group) => group !== '');
  return groups.every((group) => groupPattern.test(group)) ? [...new Set(groups)].sort() : undefined;
}

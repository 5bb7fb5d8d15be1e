/**
 * The access keys: Secrets of type `slipway.dev/aws-access-key` in kube-system, followed by the watch cache and found by their id.
 *
 *   accessKeyId, secretAccessKey, user   and, if they are wanted: groups (by commas), sessionToken, expiresAt (RFC 3339)
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { resourcePrefix } from '../../../registry/resource-context.ts';
import type { UserInfo } from '../../../registry/strategy.ts';
import type { ObjectStore, StoredObject } from '../../../storage/object-store.ts';
import { refusals } from './ecs-error.ts';
import {
  type CanonicalHeaders,
  canonicalHeaders,
  checkTime,
  parseAuthorization,
  SignatureVerifier,
  type SignedRequest,
} from './signature.ts';

export const accessKeyType = 'slipway.dev/aws-access-key';
const namespace = 'kube-system';
const accessKeyIdPattern = /^[\w-]{1,128}$/;

interface AccessKey {
  readonly secretKey: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly expiresAtMs: number;
  readonly user: UserInfo;
}

/** Who sent a request, and for which region. */
export interface Caller {
  readonly user: UserInfo;
  readonly accessKeyId: string;
  readonly region: string;
}

/** In a time that says nothing of where they differ. */
function isSameToken(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const [left, right] = [one, other].map((token) => createHash('sha256').update(token).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

export class AccessKeys {
  readonly #clock: Clock;
  readonly #verifier = new SignatureVerifier();
  /** By id; several Secrets may claim one, the first by its name has it. */
  readonly #byId = new Map<string, AccessKey[]>();
  readonly #idOf = new Map<string, string>();
  readonly #stop: () => void;

  constructor(objects: ObjectStore, clock: Clock) {
    this.#clock = clock;
    const prefix = `${resourcePrefix({ group: '', resource: 'secrets' })}${namespace}/`;
    this.#stop = objects.subscribe(prefix, undefined, {
      onEvents: (events) => {
        for (const { current, previous } of events) {
          if (current) this.#put(current);
          else if (previous) this.#remove(previous.key);
        }
      },
      onEnd: () => this.#byId.clear(),
    });
    for (const stored of objects.cachedList(prefix)) this.#put(stored);
  }

  /** Throws EcsError for every request that is not signed, now, by a key that holds. */
  authenticate(request: SignedRequest): { readonly caller: Caller; readonly headers: CanonicalHeaders } {
    const headers = canonicalHeaders(request.rawHeaders);
    const authorization = parseAuthorization(request, headers);
    checkTime(authorization.time, this.#clock.nowMs());
    const { accessKeyId, region } = authorization;
    const key = this.#byId.get(accessKeyId)?.[0];
    // One that nobody has is worked with all the same: the time of the answer does not say which ids there are.
    const isSigned = this.#verifier.verify(request, headers, authorization, key?.secretAccessKey ?? '-');
    if (!isSameToken(key?.sessionToken, authorization.sessionToken) || !key) throw refusals.unknownKey();
    if (!isSigned) throw refusals.badSignature();
    if (this.#clock.nowMs() >= key.expiresAtMs) throw refusals.expiredKey();
    return { caller: { user: key.user, accessKeyId, region }, headers };
  }

  close(): void {
    this.#stop();
  }

  #put(stored: StoredObject): void {
    this.#remove(stored.key);
    const secret = stored.object as Secret;
    const key = accessKeyOf(stored.key, secret);
    if (!key) return;
    const id = field(secret, 'accessKeyId');
    const keys = [...(this.#byId.get(id) ?? []), key].sort((a, b) => (a.secretKey < b.secretKey ? -1 : 1));
    this.#byId.set(id, keys);
    this.#idOf.set(stored.key, id);
  }

  #remove(secretKey: string): void {
    const id = this.#idOf.get(secretKey);
    if (id === undefined) return;
    this.#idOf.delete(secretKey);
    const rest = (this.#byId.get(id) ?? []).filter((key) => key.secretKey !== secretKey);
    if (rest.length === 0) this.#byId.delete(id);
    else this.#byId.set(id, rest);
  }
}

function accessKeyOf(secretKey: string, secret: Secret): AccessKey | undefined {
  if (secret.type !== accessKeyType || secret.metadata.deletionTimestamp !== undefined) return undefined;
  const secretAccessKey = field(secret, 'secretAccessKey');
  const name = field(secret, 'user');
  if (!accessKeyIdPattern.test(field(secret, 'accessKeyId')) || secretAccessKey === '' || name === '') return undefined;
  const expiresAt = field(secret, 'expiresAt');
  const parsed = Date.parse(expiresAt);
  return {
    secretKey,
    secretAccessKey,
    sessionToken: field(secret, 'sessionToken') || undefined,
    // A time that cannot be read counts as past.
    expiresAtMs: expiresAt === '' ? Number.POSITIVE_INFINITY : Number.isNaN(parsed) ? 0 : parsed,
    user: { name, groups: groupsOf(name, field(secret, 'groups')) },
  };
}

const serviceAccountPattern = /^system:serviceaccount:([^:]+):[^:]+$/;

function groupsOf(user: string, listed: string): readonly string[] {
  const [, accountNamespace] = serviceAccountPattern.exec(user) ?? [];
  const ofAccount = accountNamespace ? ['system:serviceaccounts', `system:serviceaccounts:${accountNamespace}`] : [];
  const named = listed.split(',').filter((group) => group.trim() !== '');
  return [...new Set([...ofAccount, ...named.map((group) => group.trim()), 'system:authenticated'])];
}

function field({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64')
    .toString()
    .trim();
}

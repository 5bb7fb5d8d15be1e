/** Tokens by which a client that asks twice gets once: what the first request was is remembered by a fingerprint. */
import { createHash } from 'node:crypto';
import { invalidParameter } from '../wire/ecs-error.ts';

/** Of what was made: what the request was, so that the same token with another request is noticed. */
export const requestAnnotation = 'slipway.dev/ecs-request';

export function fingerprintOf(request: object): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(request)))
    .digest('hex')
    .slice(0, 32);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** Throws EcsError. */
export function checkToken(token: string | undefined, max: number): void {
  if (token === undefined) return;
  if (token === '' || token.length > max || !/^[\x21-\x7e]+$/.test(token)) {
    throw invalidParameter(`clientToken must have 1 to ${max} ASCII characters in the range of 33-126.`);
  }
}

/** Where the next page of a list begins. Opaque to clients; the form is upstream's. */
import { badRequest } from './status-errors.ts';

export interface ContinueToken {
  /** The revision that all pages show; undefined = the newest (a list that goes on after its revision was compacted). */
  readonly revision: bigint | undefined;
  /** The key after which the page begins, below the prefix of the list. */
  readonly start: string;
}

const inconsistentRevision = -1;

export function encodeContinue({ revision, start }: ContinueToken): string {
  const rv = revision === undefined ? inconsistentRevision : Number(revision);
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start })).toString('base64url');
}

/** Throws StatusError BadRequest. */
export function decodeContinue(text: string): ContinueToken {
  const token = parseToken(text);
  if (token.v !== 'meta.k8s.io/v1') {
    throw badRequest(
      `continue key is not valid: server does not recognize this encoded version ${JSON.stringify(token.v)}`,
    );
  }
  const { rv, start } = token;
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) {
    throw badRequest('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '' || start.split('/').includes('..')) {
    throw badRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  }
  return { revision: rv < 0 ? undefined : BigInt(rv), start };
}

function parseToken(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch (error) {
    throw badRequest('continue key is not valid: it is not JSON in base64', error);
  }
  throw badRequest('continue key is not valid');
}

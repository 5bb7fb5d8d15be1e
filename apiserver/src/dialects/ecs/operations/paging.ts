import { invalidParameter } from '../wire/ecs-error.ts';

export interface PageRequest {
  readonly nextToken?: string;
  readonly maxResults?: number;
}

export interface Page {
  readonly items: readonly string[];
  readonly nextToken?: string;
}

const pageMax = 100;

/**
 * One page of names in their order. The token is the last name of the page before, so a list that changes on the way gives nothing
 * twice. Throws EcsError InvalidParameterException.
 */
export function pageOf(
  names: readonly string[],
  { nextToken, maxResults = pageMax }: PageRequest,
  isBefore: (name: string, other: string) => boolean = (name, other) => name < other,
): Page {
  if (maxResults < 1 || maxResults > pageMax) throw invalidParameter(`maxResults must be between 1 and ${pageMax}.`);
  const after = nextToken === undefined ? undefined : decodeToken(nextToken);
  const start = after === undefined ? 0 : firstAfter(names, after, isBefore);
  const items = names.slice(start, start + maxResults);
  const last = items.at(-1);
  return start + items.length < names.length && last !== undefined
    ? { items, nextToken: Buffer.from(`v1:${last}`).toString('base64url') }
    : { items };
}

function firstAfter(names: readonly string[], after: string, isBefore: (name: string, other: string) => boolean) {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(after, names[middle] ?? '')) high = middle;
    else low = middle + 1;
  }
  return low;
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('v1:')) throw invalidParameter('Invalid token in request.');
  return text.slice('v1:'.length);
}

/**
 * Reads the path of a URL as the address of a resource:
 *
 *   /api/VERSION/...           the core group
 *   /apis/GROUP/VERSION/...    any other
 *     RESOURCE                                    all, or cluster scoped
 *     RESOURCE/NAME[/SUBRESOURCE[/REST]]
 *     namespaces/NS/RESOURCE[/NAME[/SUBRESOURCE[/REST]]]
 *     watch/...                                   the old form of ?watch=1
 *
 * `namespaces/NAME`, `namespaces/NAME/status` and `namespaces/NAME/finalize` are the namespace itself.
 */
export interface ResourceAddress {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource, for proxies; without a leading slash. */
  readonly rest: string;
  readonly isWatch: boolean;
}

/** Undefined when the path is none of a resource: discovery, health, or nothing at all. */
export function parseResourcePath(path: string): ResourceAddress | undefined {
  const segments = path.split('/');
  if (segments.at(-1) === '') segments.pop();
  let at: number;
  let group: string;
  if (segments[1] === 'api') {
    group = '';
    at = 2;
  } else if (segments[1] === 'apis') {
    group = segments[2] ?? '';
    at = 3;
    if (group === '') return undefined;
  } else {
    return undefined;
  }
  const version = segments[at++];
  if (!version || at >= segments.length) return undefined;
  const isWatch = segments[at] === 'watch' && segments.length > at + 1;
  if (isWatch) at++;
  const rest = segments.slice(at).map(decodeSegment);
  if (rest.some((segment) => segment === undefined || segment === '')) return undefined;
  return { group, version, isWatch, ...addressOf(rest as string[]) };
}

function addressOf(segments: readonly string[]) {
  const isScoped =
    segments[0] === 'namespaces' &&
    segments.length > 2 &&
    !(segments.length === 3 && (segments[2] === 'status' || segments[2] === 'finalize'));
  const namespace = isScoped ? segments[1] : undefined;
  const [resource = '', name, subresource, ...rest] = isScoped ? segments.slice(2) : segments;
  return { resource, namespace, name, subresource, rest: rest.join('/') };
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

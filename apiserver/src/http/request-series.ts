/** The labels under which a request is counted, and whether it is one that lasts. */
import { connectSubresources, type ServedResource } from '../registry/kinds.ts';
import type { ResourceAddress } from './resource-path.ts';

/** Of a watch's events. */
export function eventSeriesOf({ group, version, resource }: ServedResource['api']): string {
  return `group="${group}",version="${version}",resource="${resource}"`;
}

const knownMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** As upstream: watches, and what is a stream to a container; they are not counted as requests in work. */
export function isLongRunning(address: ResourceAddress | undefined, query: string): boolean {
  if (!address) return false;
  return address.isWatch || isWatchQuery(query) || connectSubresources.includes(address.subresource ?? '');
}

function isWatchQuery(query: string): boolean {
  return query.includes('watch=') && /(?:^|&)watch=(?!(?:false|0)(?:&|$))/.test(query);
}

/** `address` undefined: nothing is served there, and what clients invent must not become labels. */
export function seriesOf(address: ResourceAddress | undefined, method: string, query: string): string {
  if (address) return resourceSeries(address, method, query);
  const verb = knownMethods.has(method) ? method : 'other';
  return `verb="${verb}",group="",resource="",version="",scope="",subresource=""`;
}

function resourceSeries(
  { group, version, resource, subresource, namespace, name, isWatch }: ResourceAddress,
  method: string,
  query: string,
) {
  const scope = name !== undefined ? 'resource' : namespace !== undefined ? 'namespace' : 'cluster';
  const collection = isWatch || isWatchQuery(query) ? 'WATCH' : 'LIST';
  const verb = name === undefined ? ({ GET: collection, DELETE: 'DELETECOLLECTION' }[method] ?? method) : method;
  const shown = subresource === undefined || /^[a-z]+$/.test(subresource) ? (subresource ?? '') : 'other';
  return `verb="${verb}",group="${group}",resource="${resource}",version="${version}",scope="${scope}",subresource="${shown}"`;
}

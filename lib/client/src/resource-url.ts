import type { RequestOptions, ResourcePath } from '@slipway/api/transport';

/** `/apis/apps/v1/namespaces/shop/deployments/web/scale`. */
export function pathOf(path: ResourcePath): string {
  const parts = path.group === '' ? ['api', path.version] : ['apis', path.group, path.version];
  if (path.namespace) parts.push('namespaces', path.namespace);
  parts.push(path.resource);
  if (path.name) parts.push(path.name);
  if (path.subresource) parts.push(...path.subresource.split('/'));
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

type QueryValue = string | number | boolean | undefined;

/** The query with its question mark, or nothing. */
export function queryOf(options: RequestOptions & { readonly [name: string]: QueryValue }): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

import type { ApiRequest } from '@slipway/api/transport';

export function isWrite({ verb }: ApiRequest): boolean {
  return verb !== 'get' && verb !== 'list';
}

/** `update apps/deployments/team-a/web/status` */
export function describeRequest({ verb, path, body }: ApiRequest): string {
  const { group, resource, namespace, subresource } = path;
  const name = path.name ?? nameIn(body);
  return `${verb} ${[group, resource, namespace, name, subresource].filter(Boolean).join('/')}`;
}

function nameIn(body: unknown): string | undefined {
  const { metadata } = (body ?? {}) as {
    readonly metadata?: { readonly name?: string; readonly generateName?: string };
  };
  return metadata?.name ?? (metadata?.generateName ? `${metadata.generateName}*` : undefined);
}

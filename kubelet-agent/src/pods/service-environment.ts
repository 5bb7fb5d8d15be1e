import type { Service } from '@slipway/api/types';

/** The namespace and name of the service whose variables every container gets, with or without service links. */
const apiService = { namespace: 'default', name: 'kubernetes' } as const;

/** Variables that tell about the services of the pod's namespace, in the form that Docker links had. Pure. */
export function serviceEnvironment(
  services: readonly Service[],
  pod: { readonly namespace: string; readonly enableServiceLinks: boolean },
): Map<string, string> {
  const seen = new Map<string, Service>();
  for (const service of services) {
    const { name = '', namespace = '' } = service.metadata;
    const { clusterIP } = service.spec;
    if (!clusterIP || clusterIP === 'None') continue;
    const isApi = namespace === apiService.namespace && name === apiService.name;
    if (namespace === pod.namespace && (pod.enableServiceLinks || isApi)) seen.set(name, service);
    else if (isApi && !seen.has(name)) seen.set(name, service);
  }
  const variables = new Map<string, string>();
  for (const service of seen.values()) addService(variables, service);
  return variables;
}

function addService(variables: Map<string, string>, { metadata, spec }: Service): void {
  const prefix = variableName(metadata.name ?? '');
  const ip = spec.clusterIP ?? '';
  const ports = spec.ports ?? [];
  const [first] = ports;
  if (!first) return;
  variables.set(`${prefix}_SERVICE_HOST`, ip);
  variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const { name, port } of ports) {
    if (name) variables.set(`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port));
  }
  ports.forEach(({ port, protocol = 'TCP' }, i) => {
    const scheme = protocol.toLowerCase();
    const host = ip.includes(':') ? `[${ip}]` : ip;
    const url = `${scheme}://${host}:${port}`;
    const portPrefix = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    if (i === 0) variables.set(`${prefix}_PORT`, url);
    variables.set(portPrefix, url);
    variables.set(`${portPrefix}_PROTO`, scheme);
    variables.set(`${portPrefix}_PORT`, String(port));
    variables.set(`${portPrefix}_ADDR`, ip);
  });
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** What clients expect to find in every cluster, made at start where it is missing: namespaces, roles, the service of the API itself. */
import { isIP } from 'node:net';
import { isStatus } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { KubeList, KubeObject, Service } from '@slipway/api/types';
import { type ApiServerConfig, isUnspecified } from '../config.ts';
import { systemPriorityClasses } from './priority-classes.ts';
import { reconcileRoles } from './reconcile-roles.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const serviceName = 'kubernetes';
const servicePort = 443;

/** Every name and address under which clients reach the server. */
export function bootstrapHosts(config: ApiServerConfig, hostName: string): readonly string[] {
  return [
    ...new Set([
      '127.0.0.1',
      'localhost',
      hostName.toLowerCase(),
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      firstAddress(config.serviceClusterIpRange),
      ...(isUnspecified(config.bindAddress) ? [] : [config.bindAddress]),
      ...(config.advertiseAddress === undefined ? [] : [config.advertiseAddress]),
      ...config.extraHosts,
    ]),
  ];
}

/** The address after the network's own: by convention that of the API server. */
export function firstAddress(cidr: string): string {
  const [network = ''] = cidr.split('/', 1);
  if (isIP(network) === 6) return `${network.replace(/::$/, '')}::1`;
  const value = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) + 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export async function bootstrap(
  transport: Transport,
  { config, signal }: { readonly config: ApiServerConfig; readonly signal: AbortSignal },
): Promise<void> {
  await ensureAll(
    transport,
    { group: '', version: 'v1', resource: 'namespaces' },
    namespaces.map(namespaceNamed),
    signal,
  );
  await Promise.all([
    reconcileRoles(transport, signal),
    ensureAll(
      transport,
      { group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' },
      systemPriorityClasses.map((each) => structuredClone(each)),
      signal,
    ),
    ensureService(transport, config, signal),
  ]);
}

function namespaceNamed(name: string): KubeObject {
  return { kind: 'Namespace', apiVersion: 'v1', metadata: { name } };
}

/** Creates what is missing; what is there stays as it is. */
async function ensureAll(
  transport: Transport,
  path: ResourcePath,
  wanted: readonly KubeObject[],
  signal: AbortSignal,
): Promise<void> {
  const list = (await transport.send({ verb: 'list', path }, signal)) as KubeList;
  const present = new Set(list.items.map(({ metadata }) => metadata.name));
  const missing = wanted.filter(({ metadata }) => !present.has(metadata.name));
  await Promise.all(
    missing.map((body) => transport.send({ verb: 'create', path, body }, signal).catch(ignoreExisting)),
  );
}

/** Another API server of the same storage was faster. */
function ignoreExisting(error: unknown): void {
  if (!isStatus(error, 'AlreadyExists')) throw error;
}

async function ensureService(transport: Transport, config: ApiServerConfig, signal: AbortSignal): Promise<void> {
  const path = { group: '', version: 'v1', resource: 'services', namespace: 'default' };
  const service: Service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: serviceName, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: firstAddress(config.serviceClusterIpRange),
      ports: [{ name: 'https', protocol: 'TCP', port: servicePort, targetPort: 6443 }],
      sessionAffinity: 'None',
    },
  };
  const port = service.spec.ports?.[0];
  if (port && config.securePort !== 0) port.targetPort = config.securePort;
  await ensureAll(transport, path, [service], signal);
}

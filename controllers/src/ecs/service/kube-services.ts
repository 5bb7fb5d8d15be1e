/**
 * The Kubernetes Services by which an ECS service is reached, from pods and from other tasks alike. Pure.
 *
 *     the service itself       NAME                       every port of its task definition
 *     loadBalancers            the target group's name    the container's port
 *     serviceRegistries        the registry's name        headless: A and SRV records of the tasks
 *     Service Connect          the alias' first label     the alias' port, in front of the named port
 */
import type { Service as EcsService, TaskDefinition } from '@slipway/api/ecs/kinds';
import { labelValueFrom } from '@slipway/api/ecs/names';
import type { PortMapping } from '@slipway/api/ecs/generated/types';
import { dns1035LabelProblems } from '@slipway/api/names';
import type { Service, ServicePort } from '@slipway/api/types';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { serviceLabel } from '../task/pod-from-task.ts';
import { registeredLabel } from '../task/registration.ts';

interface Wanted {
  readonly name: string;
  readonly ports: readonly ServicePort[];
  readonly isHeadless?: boolean;
}

export interface WantedServices {
  readonly services: readonly Service[];
  /** Names that no Service can have, and why. */
  readonly refused: readonly string[];
}

export function kubeServicesOf(service: EcsService, definition: TaskDefinition | undefined): WantedServices {
  const mappings = mappingsOf(definition);
  const wanted = [
    ...balanced(service, mappings),
    ...registered(service, mappings),
    ...connected(service, mappings),
    { name: service.metadata.name ?? '', ports: portsFrom(mappings.map(({ mapping }) => mapping)) },
  ].filter(({ ports }) => ports.length > 0);
  const byName = new Map<string, Wanted>();
  // What is asked for by name comes before what every service has.
  for (const each of wanted) if (!byName.has(each.name)) byName.set(each.name, each);
  const all = [...byName.values()];
  const isName = ({ name }: Wanted) => dns1035LabelProblems(name).length === 0;
  return {
    services: all.filter(isName).map((each) => serviceFrom(service, each)),
    refused: all.filter((each) => !isName(each)).map(({ name }) => name),
  };
}

interface NamedMapping {
  readonly container: string;
  readonly mapping: PortMapping;
}

function mappingsOf(definition: TaskDefinition | undefined): readonly NamedMapping[] {
  return (definition?.spec.containerDefinitions ?? []).flatMap(({ name = '', portMappings = [] }) =>
    portMappings.flatMap((mapping) => (mapping.containerPort === undefined ? [] : [{ container: name, mapping }])),
  );
}

function balanced({ spec }: EcsService, mappings: readonly NamedMapping[]): Wanted[] {
  return (spec.loadBalancers ?? []).flatMap(({ targetGroupArn, loadBalancerName, containerName, containerPort }) => {
    const name = nameInArn(targetGroupArn, 'targetgroup') ?? loadBalancerName;
    const mapping = mappings.find(
      ({ container, mapping: each }) => container === containerName && each.containerPort === containerPort,
    )?.mapping;
    if (!name || containerPort === undefined) return [];
    return [{ name, ports: portsFrom([mapping ?? { containerPort }]) }];
  });
}

/** Of `arn:...:targetgroup/NAME/ID` the name; a text that is no ARN is one. */
function nameInArn(text: string | undefined, kind: string): string | undefined {
  if (!text?.startsWith('arn:')) return text;
  const [, path = ''] = text.split(`:${kind}/`);
  return path.split('/')[0] || undefined;
}

function registered({ spec }: EcsService, mappings: readonly NamedMapping[]): Wanted[] {
  return (spec.serviceRegistries ?? []).flatMap(({ registryArn, port, containerPort }) => {
    const name = nameInArn(registryArn, 'service');
    if (!name) return [];
    const wanted = port ?? containerPort;
    const chosen = wanted === undefined ? mappings : mappings.filter(({ mapping }) => mapping.containerPort === wanted);
    const ports = chosen.length > 0 ? chosen.map(({ mapping }) => mapping) : [{ containerPort: wanted ?? 1 }];
    return [{ name, ports: portsFrom(ports), isHeadless: true }];
  });
}

function connected({ spec }: EcsService, mappings: readonly NamedMapping[]): Wanted[] {
  const { enabled, services = [] } = spec.serviceConnectConfiguration ?? { enabled: false };
  if (!enabled) return [];
  return services.flatMap(({ portName, discoveryName = portName, clientAliases = [] }) => {
    const mapping = mappings.find(({ mapping: each }) => each.name === portName)?.mapping;
    if (!mapping) return [];
    const aliases =
      clientAliases.length > 0 ? clientAliases : [{ port: mapping.containerPort ?? 0, dnsName: discoveryName }];
    return aliases.map(({ port, dnsName = discoveryName }) => ({
      name: dnsName.split('.')[0] ?? dnsName,
      ports: portsFrom([mapping]).map((each) => ({ ...each, port })),
    }));
  });
}

function portsFrom(mappings: readonly PortMapping[]): ServicePort[] {
  const known = new Set<string>();
  const ports = mappings.flatMap((mapping): ServicePort[] => {
    const { containerPort = 0, protocol = 'tcp', name, appProtocol } = mapping;
    const key = `${containerPort}/${protocol}`;
    if (known.has(key)) return [];
    known.add(key);
    const portName = name && /^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(name) ? name : `${protocol}-${containerPort}`;
    return [
      {
        name: portName,
        port: containerPort,
        protocol: protocol === 'udp' ? 'UDP' : 'TCP',
        targetPort: containerPort,
        ...(appProtocol ? { appProtocol } : {}),
      },
    ];
  });
  const names = new Set<string>();
  return ports.filter(({ name = '' }) => !names.has(name) && names.add(name));
}

function serviceFrom(owner: EcsService, { name, ports, isHeadless }: Wanted): Service {
  const { namespace, name: serviceName = '' } = owner.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, ownerReferences: [controllerReferenceTo(owner)] },
    spec: {
      ...(isHeadless ? { clusterIP: 'None' } : {}),
      selector: { [serviceLabel]: labelValueFrom(serviceName), [registeredLabel]: 'true' },
      ports: [...ports],
    },
  };
}

import type { ServiceSpec } from '@slipway/api/ecs/kinds';
import type { Service } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { PlanWorld } from '../../testing/plan-world.ts';
import { aDefinedContainer, aService, aTaskDefinition } from '../testing/ecs-builders.ts';
import { serviceIndexes } from './controller.ts';
import { observeService } from './observe.ts';
import { planService } from './plan.ts';

const portMappings = [
  { containerPort: 8080, name: 'http', appProtocol: 'http' as const },
  { containerPort: 53, protocol: 'udp' as const },
];

function servicesFor(spec: Partial<ServiceSpec>, others: readonly Service[] = [], change?: Partial<ServiceSpec>) {
  const world = new PlanWorld(serviceIndexes);
  world.put(kinds.ecsTaskDefinitions, aTaskDefinition({}, [aDefinedContainer('web', { portMappings })]));
  for (const other of others) world.put(kinds.services, other);
  const service = world.put(kinds.ecsServices, aService({ desiredCount: 0, ...spec }));
  const decider = { observe: observeService, plan: planService };
  world.settle(decider, kinds.ecsServices, 'shop/web');
  if (change) {
    world.put(kinds.ecsServices, { ...service, spec: { ...service.spec, ...change } });
    world.settle(decider, kinds.ecsServices, 'shop/web');
  }
  const shown = world.list(kinds.services).map(({ metadata, spec: { clusterIP, ports = [], selector } }) => ({
    name: metadata.name,
    ...(clusterIP ? { clusterIP } : {}),
    ports: ports.map(({ name, port, targetPort, protocol }) => `${name} ${port} ${targetPort} ${protocol}`),
    selector,
  }));
  return { shown, conditions: world.get(kinds.ecsServices, 'shop/web')?.status?.conditions };
}

const selector = { 'slipway.dev/ecs-service': 'web', 'slipway.dev/ecs-registered': 'true' };
const own = { name: 'web', ports: ['http 8080 8080 TCP', 'udp-53 53 53 UDP'], selector };

describe('the names of an ECS service', () => {
  it('are its own one, with all its ports', () => {
    expect(servicesFor({}).shown).toEqual([own]);
  });

  it('are those of target groups and registries too', () => {
    const { shown } = servicesFor({
      loadBalancers: [
        {
          targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/front/6d0ecf831eec9f09',
          containerName: 'web',
          containerPort: 8080,
        },
      ],
      serviceRegistries: [{ registryArn: 'arn:aws:servicediscovery:eu-central-1:1:service/found', port: 8080 }],
    });
    expect(shown).toEqual([
      { name: 'front', ports: ['http 8080 8080 TCP'], selector },
      { name: 'found', clusterIP: 'None', ports: ['http 8080 8080 TCP'], selector },
      own,
    ]);
  });

  it('are the aliases of Service Connect, at their own ports', () => {
    const services = [
      { portName: 'http', discoveryName: 'api', clientAliases: [{ port: 80, dnsName: 'api.internal' }] },
    ];
    const { shown } = servicesFor({ serviceConnectConfiguration: { enabled: true, services } });
    expect(shown).toEqual([{ name: 'api', ports: ['http 80 8080 TCP'], selector }, own]);
  });

  it('that somebody else has are left to them, and told of', () => {
    const other = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'shop', name: 'web' },
      spec: { ports: [] },
    };
    const { shown, conditions } = servicesFor({}, [other]);
    expect(shown).toEqual([{ name: 'web', ports: [] }]);
    expect(conditions?.filter(({ type }) => type === 'Reachable')).toMatchObject([
      { type: 'Reachable', status: 'False', reason: 'NameTaken', message: 'the Service web is one that somebody made' },
    ]);
  });

  it('go when they are not asked for any more', () => {
    const loadBalancers = [{ loadBalancerName: 'front', containerName: 'web', containerPort: 8080 }];
    expect(servicesFor({ loadBalancers }, [], { loadBalancers: [] }).shown).toEqual([own]);
    expect(servicesFor({}, [], { desiredStatus: 'INACTIVE' }).shown).toEqual([]);
  });
});

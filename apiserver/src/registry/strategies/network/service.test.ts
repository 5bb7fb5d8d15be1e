import type { Service } from '@slipway/api/types';
import { createServiceAllocators } from '../../allocators/service-allocators.ts';
import { createServiceStrategy } from './service.ts';
import { context, create, draftOf, type Given, update } from '../strategy-line.fixture.ts';

const strategyOfItsOwn = () => createServiceStrategy(createServiceAllocators({ serviceCidr: '10.96.0.0/16' }));
const strategy = strategyOfItsOwn();
const port = { port: 80 };
const aService = (spec: object): Given<Service> => ({ spec: { ports: [port], ...spec } });

async function allocated(given: Given<Service>, inStrategy = strategyOfItsOwn()): Promise<Service> {
  const { object, errors } = create(inStrategy, given);
  expect(errors).toEqual([]);
  await (await inStrategy.allocate?.(object, undefined, context))?.commit();
  return object;
}

describe('createServiceStrategy', () => {
  it('fills in what upstream does', async () => {
    const service = await allocated(aService({ selector: { app: 'a' }, clusterIP: '10.96.0.20' }));
    expect(service.spec).toEqual({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      selector: { app: 'a' },
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    expect(service.status).toEqual({ loadBalancer: {} });
  });

  it('knows sticky clients, load balancers and lists of endpoints', () => {
    expect(create(strategy, aService({ sessionAffinity: 'ClientIP' })).object.spec.sessionAffinityConfig).toEqual({
      clientIP: { timeoutSeconds: 10800 },
    });
    expect(create(strategy, aService({ type: 'LoadBalancer' })).object.spec).toMatchObject({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Cluster',
    });
    const list = create(strategy, aService({ clusterIP: 'None' }));
    expect(list.errors).toEqual([]);
    expect(list.object.spec).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] });
  });

  it.each<[string, Given<Service>, string[]]>([
    ['no ports', { spec: {} }, ['spec.ports: Required value']],
    [
      'a digit first',
      { ...aService({}), metadata: { name: '1a' } },
      [expect.stringContaining('a DNS-1035 label must') as unknown as string],
    ],
    [
      'two ports without names',
      aService({ ports: [port, { port: 81 }] }),
      ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
    ],
    [
      'one port twice',
      aService({
        ports: [
          { ...port, name: 'a' },
          { ...port, name: 'b' },
        ],
      }),
      ['spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}'],
    ],
    [
      'a target of no form',
      aService({ ports: [{ port: 80, targetPort: 'Not A Port' }] }),
      [
        'spec.ports[0].targetPort: Invalid value: "Not A Port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
    [
      'a type that is none',
      aService({ type: 'Magic' }),
      [
        'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'a node port of an inner service',
      aService({ ports: [{ port: 80, nodePort: 30000 }] }),
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'a headless node port',
      aService({ type: 'NodePort', clusterIP: 'None', selector: { a: 'b' } }),
      [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
    ],
    [
      'an address that is none',
      aService({ clusterIP: '10.96.0' }),
      ['spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'two forms that differ',
      aService({ clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.6'] }),
      ['spec.clusterIPs: Invalid value: ["10.96.0.6"]: first value must match `clusterIP`'],
    ],
    [
      'two families',
      aService({ ipFamilyPolicy: 'RequireDualStack' }),
      [
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      ],
    ],
    [
      'another family',
      aService({ ipFamilies: ['IPv6'] }),
      ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    ],
    ['a name of nothing', { spec: { type: 'ExternalName' } }, ['spec.externalName: Required value']],
    [
      'clients that stick for two days',
      aService({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 172800 } } }),
      [
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 172800: must be greater than 0 and less than 86400',
      ],
    ],
    [
      'an outer policy of an inner service',
      aService({ externalTrafficPolicy: 'Local' }),
      ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    ],
    [
      'the loopback as an outer address',
      aService({ externalIPs: ['127.0.0.1'] }),
      ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ],
  ])('refuses %s', (_what, given, texts) => {
    expect(create(strategy, given).errors).toEqual(texts);
  });

  it('keeps the address through updates that leave it out, and refuses another', async () => {
    const old = await allocated(aService({}));
    const left = update(strategy, old, ({ spec }) => {
      spec.clusterIP = undefined;
      spec.clusterIPs = undefined;
    });
    expect(left.errors).toEqual([]);
    expect(left.object.spec.clusterIPs).toEqual(old.spec.clusterIPs);
    const other = update(strategy, old, ({ spec }) => {
      spec.clusterIP = '10.96.0.99';
    });
    expect(other.errors).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.99"]: may not change once set']);
  });

  it('keeps node ports by protocol and port, and gives them up with the type', async () => {
    const own = strategyOfItsOwn();
    const old = await allocated(aService({ type: 'NodePort' }), own);
    const nodePort = old.spec.ports?.[0]?.nodePort;
    expect(nodePort).toBeGreaterThanOrEqual(30000);
    const applied = update(own, old, ({ spec }) => {
      spec.ports = [{ port: 80, targetPort: 8080 }];
    });
    expect(applied.object.spec.ports?.[0]).toMatchObject({ nodePort, targetPort: 8080 });
    const inner = update(own, old, ({ spec }) => {
      spec.type = 'ClusterIP';
    });
    expect(inner.errors).toEqual([]);
    expect(inner.object.spec.ports?.[0]?.nodePort).toBeUndefined();
    expect(inner.object.spec.externalTrafficPolicy).toBeUndefined();
  });

  it('gives the address up when it becomes a name, and takes one when it was one', async () => {
    const own = strategyOfItsOwn();
    const old = await allocated(aService({}), own);
    const named = update(own, old, ({ spec }) => {
      spec.type = 'ExternalName';
      spec.externalName = 'example.com';
    });
    expect(named.errors).toEqual([]);
    expect(named.object.spec.clusterIP).toBeUndefined();
    const back = update(own, named.object, ({ spec }) => {
      spec.type = 'ClusterIP';
    });
    expect(back.errors).toEqual([]);
    await (await own.allocate?.(back.object, named.object, context))?.commit();
    expect(back.object.spec).toMatchObject({ ipFamilies: ['IPv4'], clusterIP: expect.stringMatching(/^10\.96\./) });
    expect(back.object.spec.externalName).toBeUndefined();
  });

  it('warns of what has no effect', () => {
    const draft = draftOf(strategy, aService({ clusterIP: 'None', sessionAffinity: 'ClientIP', externalName: 'a.b' }));
    expect(strategy.warnings?.(draft, undefined)).toEqual([
      'spec.SessionAffinity is ignored for headless services',
      'spec.externalName is ignored when spec.type is not "ExternalName"',
    ]);
  });
});

import { aService, aSlice } from './builders.ts';
import { serviceRules } from './service-rules.ts';
import { staleFlows } from './stale-flows.ts';

const node = { nodeName: 'node-a', clusterCidr: '10.64.0.0/16' };
const clusterIp = '10.96.0.9';
const [one, two] = ['10.64.0.2', '10.64.0.3'];

type Rules = ReturnType<typeof serviceRules>;
const elementsIn = (rules: Rules, into: string) => rules.elements.filter((each) => each.into === into);
/** All rules that a packet meets from an element on, and the pods that it may reach, as one text. */
const reach = (rules: Rules, data: string | undefined): string => {
  const content = rules.chains.get(data?.replace('goto ', '') ?? '') ?? [];
  return content
    .map((rule) => {
      const next = [...rule.matchAll(/goto (\w+-\w+)/g)].map(([target]) => reach(rules, target));
      const [, map = ''] = /map @([\w-]+)/.exec(rule) ?? [];
      return [rule, ...next, ...elementsIn(rules, map).map((each) => `${each.key} to ${each.data}`)].join('\n');
    })
    .join('\n');
};
const toClusterIp = (rules: Rules) => reach(rules, elementsIn(rules, 'services4')[0]?.data);
const toNodePort = (rules: Rules) => reach(rules, elementsIn(rules, 'nodeports4')[0]?.data);

describe('serviceRules', () => {
  it('gives each endpoint the same chance', () => {
    const rules = serviceRules(aService({ clusterIp }), [aSlice({ addresses: [one, two] })], node);
    expect(toClusterIp(rules)).toContain('numgen random mod 2 map @backends-tcp4');
    expect(elementsIn(rules, 'backends-tcp4').map(({ key, data }) => [key, data])).toEqual([
      ['10.96.0.9 . 80 . 0', `${one} . 8080`],
      ['10.96.0.9 . 80 . 1', `${two} . 8080`],
    ]);
  });

  it.each([
    ['headless', { clusterIP: 'None', clusterIPs: ['None'] }],
    ['ExternalName', { type: 'ExternalName', externalName: 'example.com' }],
  ])('has nothing for %s services', (_what, spec) => {
    const rules = serviceRules(aService({ clusterIp, spec }), [aSlice({ addresses: [one] })], node);
    expect([...rules.elements, ...rules.chains]).toEqual([]);
  });

  it('refuses without endpoints', () => {
    const rules = serviceRules(aService({ clusterIp, nodePort: 30001 }), [], node);
    expect(rules.elements.map(({ into, data }) => [into, data])).toEqual([
      ['refused4', 'goto refuse'],
      ['refusedports4', 'goto refuse'],
    ]);
  });

  it('uses endpoints that terminate only while no other serves', () => {
    const ending = { ready: false, serving: true, terminating: true };
    const slices = [aSlice({ addresses: [one], conditions: ending })];
    expect(toClusterIp(serviceRules(aService({ clusterIp }), slices, node))).toContain(one);
    slices.push(aSlice({ name: 'more', addresses: [two] }));
    expect(toClusterIp(serviceRules(aService({ clusterIp }), slices, node))).not.toContain(one);
    const unready = { ready: false, serving: false, terminating: false };
    const rules = serviceRules(aService({ clusterIp }), [aSlice({ addresses: [one], conditions: unready })], node);
    expect(elementsIn(rules, 'services4')).toEqual([]);
  });

  it('drops with internalTrafficPolicy Local when endpoints are elsewhere', () => {
    const service = aService({ clusterIp, spec: { internalTrafficPolicy: 'Local' } });
    const away = serviceRules(service, [aSlice({ addresses: [one], nodeName: 'node-b' })], node);
    expect(elementsIn(away, 'refused4')[0]?.data).toBe('goto ignore');
    const here = serviceRules(service, [aSlice({ addresses: [one], nodeName: 'node-a' })], node);
    expect(toClusterIp(here)).toContain(one);
  });

  it('masquerades node ports, except for outside clients with externalTrafficPolicy Local', () => {
    const slices = [aSlice({ addresses: [one], nodeName: 'node-a' })];
    expect(toNodePort(serviceRules(aService({ clusterIp, nodePort: 30001 }), slices, node))).toMatch(
      /^jump mark-masquerade/,
    );
    const service = aService({ clusterIp, nodePort: 30001, spec: { externalTrafficPolicy: 'Local' } });
    expect(toNodePort(serviceRules(service, slices, node))).toMatch(/fib saddr type local jump mark-masquerade/);
  });

  it('lets only allowed sources through to the address of a load balancer', () => {
    const loadBalancerSourceRanges = ['192.0.2.0/24', '192.0.2.128/25', 'fd00::/8'];
    const service = {
      ...aService({ clusterIp, spec: { type: 'LoadBalancer', loadBalancerSourceRanges } }),
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.7', ipMode: 'VIP' }] } },
    };
    const rules = serviceRules(service, [aSlice({ addresses: [one] })], node);
    const [, toBalancer] = elementsIn(rules, 'services4');
    expect(toBalancer?.key).toBe('203.0.113.7 . 6 . 80');
    expect(rules.chains.get(toBalancer?.data?.replace('goto ', '') ?? '')).toEqual([
      expect.stringMatching(/^ip saddr 192.0.2.0\/24 goto ext-/),
      expect.stringMatching(/^ip saddr 192.0.2.128\/25 goto ext-/),
    ]);
    expect(elementsIn(rules, 'refused4').map(({ key, data }) => [key, data])).toEqual([
      ['203.0.113.7 . 6 . 80', 'goto ignore'],
    ]);
    expect(elementsIn(rules, 'balanced4').map(({ key }) => key)).toEqual(['203.0.113.7']);
  });

  it.each([
    ['the same zone', { zone: 'b' }, two],
    ['a zone without endpoints', { zone: 'c' }, one],
    ['no zone', {}, one],
  ])('follows hints on a node in %s', (_, place, expected) => {
    const hinted = (zone: string, address: string) => {
      const slice = aSlice({ name: zone, addresses: [address] });
      const endpoints = slice.endpoints?.map((each) => ({ ...each, hints: { forZones: [{ name: zone }] } }));
      return { ...slice, endpoints } as typeof slice;
    };
    const slices = [hinted('a', one), hinted('b', two)];
    const text = toClusterIp(serviceRules(aService({ clusterIp }), slices, { ...node, ...place }));
    expect(text).toContain(expected);
    expect(text.includes(one)).toBe(expected === one);
    const without = [...slices, aSlice({ name: 'bare', addresses: ['10.64.0.4'] })];
    expect(toClusterIp(serviceRules(aService({ clusterIp }), without, { ...node, ...place }))).toContain(one);
  });

  it('serves IPv6', () => {
    const spec = { clusterIPs: ['fd00::9'], clusterIP: 'fd00::9' };
    const rules = serviceRules(aService({ clusterIp, spec }), [aSlice({ addresses: ['fd64::2'] })], node);
    expect(reach(rules, elementsIn(rules, 'services6')[0]?.data)).toContain('to fd64::2 . 8080');
  });

  it('keeps the sets of clients when other endpoints change', () => {
    const service = aService({ clusterIp, spec: { sessionAffinity: 'ClientIP' } });
    const before = serviceRules(service, [aSlice({ addresses: [one] })], node);
    const after = serviceRules(service, [aSlice({ addresses: [one, two] })], node);
    const [kept = ''] = before.affinitySets.keys();
    expect(after.affinitySets.has(kept)).toBe(true);
    expect(before.affinitySets.get(kept)).toContain('timeout 10800s');
  });
});

describe('staleFlows', () => {
  const fronts = (entries: Record<string, string[]>) =>
    new Map(Object.entries(entries).map(([front, pods]) => [front, new Set(pods)]));

  it('forgets flows to pods that are gone, and flows to nowhere', () => {
    const front = '10.96.0.9 53';
    expect(staleFlows(fronts({ [front]: [one, two] }), fronts({ [front]: [two] }))).toEqual([
      ['-p', 'udp', '--orig-dst', '10.96.0.9', '--orig-port-dst', '53', '--reply-src', one],
    ]);
    expect(staleFlows(fronts({ '* 30053': [] }), fronts({ '* 30053': [two] }))).toEqual([
      ['-p', 'udp', '--orig-port-dst', '30053'],
    ]);
    expect(staleFlows(fronts({ [front]: [one] }), fronts({ [front]: [one, two] }))).toEqual([]);
  });
});

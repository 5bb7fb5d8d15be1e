import { aService, aSlice } from './builders.ts';
import { serviceRules } from './service-rules.ts';
import { staleFlows } from './stale-flows.ts';

const node = { nodeName: 'node-a', clusterCidr: '10.64.0.0/16' };
const clusterIp = '10.96.0.9';
const [one, two] = ['10.64.0.2', '10.64.0.3'];

type Rules = ReturnType<typeof serviceRules>;
const elementsIn = (rules: Rules, into: string) => rules.elements.filter((each) => each.into === into);
/** All rules that a packet meets from an element on, as one text. */
const reach = (rules: Rules, verdict: string | undefined): string => {
  const chain = verdict?.replace('goto ', '') ?? '';
  const content = rules.chains.get(chain) ?? [];
  return content
    .map((rule) => `${rule}\n${[...rule.matchAll(/goto (\w+-\w+)/g)].map(([v]) => reach(rules, v)).join('\n')}`)
    .join('\n');
};
const toClusterIp = (rules: Rules) => reach(rules, elementsIn(rules, 'services4')[0]?.verdict);
const toNodePort = (rules: Rules) => reach(rules, elementsIn(rules, 'nodeports4')[0]?.verdict);

describe('serviceRules', () => {
  it('gives each endpoint the same chance', () => {
    const rules = serviceRules(aService({ clusterIp }), [aSlice({ addresses: [one, two] })], node);
    expect(toClusterIp(rules)).toContain(`numgen random mod 2 map { 0 : ${one} . 8080, 1 : ${two} . 8080 }`);
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
    expect(rules.elements.map(({ into, verdict }) => [into, verdict])).toEqual([
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
    expect(elementsIn(away, 'refused4')[0]?.verdict).toBe('goto ignore');
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

  it('brackets IPv6 endpoints', () => {
    const spec = { clusterIPs: ['fd00::9'], clusterIP: 'fd00::9' };
    const rules = serviceRules(aService({ clusterIp, spec }), [aSlice({ addresses: ['fd64::2'] })], node);
    expect(reach(rules, elementsIn(rules, 'services6')[0]?.verdict)).toContain('dnat ip6 to [fd64::2]:8080');
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

import { parseNetwork } from '@slipway/cni';
import type { ClusterView, EndpointRecord, ServiceRecord } from './cluster-view.ts';
import { addressOfReverseName } from './reverse-name.ts';
import { resolveInZone, type ZoneAnswer } from './zone.ts';

const http = { name: 'http', protocol: 'tcp', port: 80 };
const service = (name: string, more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  namespace: 'default',
  name,
  isHeadless: false,
  externalName: undefined,
  clusterIps: ['10.96.0.20'],
  ports: [http, { name: 'dns', protocol: 'udp', port: 53 }],
  ...more,
});
const endpoint = (address: string, hostname: string): EndpointRecord => ({
  address,
  hostname,
  ports: [{ ...http, port: 8080 }],
});

const services = [
  service('web'),
  service('db', { isHeadless: true, clusterIps: [] }),
  service('empty', { isHeadless: true, clusterIps: [] }),
  service('outside', { externalName: 'www.example.com', clusterIps: [], ports: [] }),
  service('alias', { externalName: 'web.default.svc.cluster.local', clusterIps: [], ports: [] }),
  service('loop', { externalName: 'loop.default.svc.cluster.local', clusterIps: [], ports: [] }),
  service('dual', { clusterIps: ['10.96.0.21', 'fd00:96::21'] }),
];
const endpoints: Record<string, EndpointRecord[]> = {
  db: [endpoint('10.64.0.5', 'db-0'), endpoint('10.64.0.6', '10-64-0-6')],
  web: [endpoint('10.64.0.7', '10-64-0-7')],
};

const aliases: Record<string, string[]> = { 'lan/cache': ['10.1.0.5', '10.1.0.6'], 'shop.lan/cache': ['10.2.0.5'] };
const view: ClusterView = {
  isReady: true,
  serial: 1234,
  networksOf: (source) => (source === '10.64.0.9' ? ['default', 'lan', 'shop.lan'] : []),
  aliasAddresses: (network, alias) => aliases[`${network}/${alias}`] ?? [],
  aliasesWithIp: (ip) => (ip === '10.1.0.5' ? [{ network: 'lan', alias: 'cache' }] : []),
  hasNamespace: (namespace) => namespace === 'default',
  service: (namespace, name) => services.find((each) => each.namespace === namespace && each.name === name),
  endpoints: (_, name) => endpoints[name] ?? [],
  servicesWithIp: (ip) => services.filter((each) => each.clusterIps.includes(ip)),
  endpointsWithIp: (ip) =>
    services.flatMap((each) =>
      (endpoints[each.name] ?? [])
        .filter(({ address }) => address === ip)
        .map((found) => ({ service: each, endpoint: found })),
    ),
};
const options = {
  domain: 'cluster.local',
  dnsIp: '10.96.0.10',
  ownNetworks: [parseNetwork('10.64.0.0/16'), parseNetwork('10.96.0.0/16'), parseNetwork('fd00:96::/112')],
};
const ask = (name: string, type = 'A', source = '10.64.0.8') => resolveInZone({ name, type, source }, view, options);
const dataOf = (answer: ZoneAnswer) => (answer.kind === 'found' ? answer.answers.map(({ data }) => data) : answer.kind);
const svc = 'default.svc.cluster.local';

describe('resolveInZone', () => {
  it.each<[string, string, unknown]>([
    [`web.${svc}`, 'A', ['10.96.0.20']],
    [`web.${svc}`, 'AAAA', []],
    [`web.${svc}`, 'TXT', []],
    [`dual.${svc}`, 'AAAA', ['fd00:96::21']],
    [`db.${svc}`, 'A', ['10.64.0.5', '10.64.0.6']],
    [`empty.${svc}`, 'A', 'nxdomain'],
    [`db-0.db.${svc}`, 'A', ['10.64.0.5']],
    [`10-64-0-6.db.${svc}`, 'A', ['10.64.0.6']],
    [`db-9.db.${svc}`, 'A', 'nxdomain'],
    [`nope.${svc}`, 'A', 'nxdomain'],
    ['web.other.svc.cluster.local', 'A', 'nxdomain'],
    [svc, 'A', []],
    ['svc.cluster.local', 'A', []],
    ['cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['ns.dns.cluster.local', 'A', ['10.96.0.10']],
    ['dns-version.cluster.local', 'TXT', ['1.1.0']],
    [`example.com.${svc}`, 'A', 'nxdomain'],
    ['example.com.cluster.local', 'A', 'nxdomain'],
    ['10-64-0-9.default.pod.cluster.local', 'A', ['10.64.0.9']],
    ['fd00--9.default.pod.cluster.local', 'AAAA', ['fd00::9']],
    ['x.default.pod.cluster.local', 'A', 'nxdomain'],
    [`_nope._tcp.web.${svc}`, 'SRV', 'nxdomain'],
    [`_http._udp.web.${svc}`, 'SRV', 'nxdomain'],
    ['example.com', 'A', 'foreign'],
    ['notcluster.local', 'A', 'foreign'],
    ['20.0.96.10.in-addr.arpa', 'PTR', [`web.${svc}`]],
    ['5.0.64.10.in-addr.arpa', 'PTR', [`db-0.db.${svc}`]],
    ['99.0.64.10.in-addr.arpa', 'PTR', 'nxdomain'],
    ['8.8.8.8.in-addr.arpa', 'PTR', 'foreign'],
    ['1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa', 'PTR', [`dual.${svc}`]],
    ['x.10-64-0-9.default.pod.cluster.local', 'A', 'nxdomain'],
    ['10-64-0-9.other.pod.cluster.local', 'A', 'nxdomain'],
    ['default.pod.cluster.local', 'A', []],
    ['other.svc.cluster.local', 'A', 'nxdomain'],
    [`_http._tcp.web.${svc}`, 'A', ['10.96.0.20']],
    [`_http._tcp.db.${svc}`, 'A', ['10.64.0.5', '10.64.0.6']],
    [`http.tcp.web.${svc}`, 'AAAA', []],
    [`a._http._tcp.web.${svc}`, 'SRV', 'nxdomain'],
    [`10-64-0-7.web.${svc}`, 'A', ['10.64.0.7']],
    [`db-0.outside.${svc}`, 'A', 'nxdomain'],
    [`outside.${svc}`, 'CNAME', ['www.example.com']],
    [`web.${svc}`, 'CNAME', []],
    [`web.${svc}`, 'NS', []],
    [`web.${svc}`, 'SOA', []],
    ['cache', 'A', 'foreign'],
    ['cache.lan.networks.cluster.local', 'A', 'nxdomain'],
  ])('answers %s %s', (name, type, expected) => {
    expect(dataOf(ask(name, type))).toEqual(expected);
  });

  it('names the service itself, or each endpoint of a headless one, in SRV', () => {
    const web = ask(`_http._tcp.web.${svc}`, 'SRV');
    expect(dataOf(web)).toEqual([{ priority: 0, weight: 100, port: 80, target: `web.${svc}` }]);
    const db = ask(`_http._tcp.db.${svc}`, 'SRV');
    expect(dataOf(db)).toEqual([
      { priority: 0, weight: 50, port: 8080, target: `db-0.db.${svc}` },
      { priority: 0, weight: 50, port: 8080, target: `10-64-0-6.db.${svc}` },
    ]);
    expect(db.kind === 'found' && db.additionals.map(({ data }) => data)).toEqual(['10.64.0.5', '10.64.0.6']);
  });

  it('follows an alias inside, hands on one outside, and survives one to itself', () => {
    expect(dataOf(ask(`alias.${svc}`))).toEqual([`web.${svc}`, '10.96.0.20']);
    expect(ask(`outside.${svc}`)).toMatchObject({ kind: 'alias', target: 'www.example.com' });
    expect(dataOf(ask(`loop.${svc}`))).toEqual([`loop.${svc}`]);
  });

  it('tells aliases to the pods of a Network, and to nobody else', () => {
    const source = '10.64.0.9';
    expect(dataOf(ask('cache', 'A', source))).toEqual(['10.1.0.5', '10.1.0.6']);
    expect(dataOf(ask('cache.cluster.local', 'A', source))).toEqual(['10.1.0.5', '10.1.0.6']);
    expect(dataOf(ask('cache.cluster.local'))).toBe('nxdomain');
    expect(dataOf(ask('cache', 'AAAA', source))).toEqual([]);
    expect(dataOf(ask('other', 'A', source))).toBe('foreign');
    expect(dataOf(ask('cache.lan.networks.cluster.local', 'A', source))).toEqual(['10.1.0.5', '10.1.0.6']);
    expect(dataOf(ask('cache.shop.lan.networks.cluster.local', 'A', source))).toEqual(['10.2.0.5']);
    expect(dataOf(ask('nope.lan.networks.cluster.local', 'A', source))).toBe('nxdomain');
    expect(dataOf(ask('lan.networks.cluster.local', 'A', source))).toEqual([]);
    expect(dataOf(ask('5.0.1.10.in-addr.arpa', 'PTR', source))).toEqual(['cache.lan.networks.cluster.local']);
    expect(dataOf(ask('5.0.1.10.in-addr.arpa', 'PTR'))).toBe('foreign');
  });

  it('has one start', () => {
    expect(ask('cluster.local', 'SOA')).toMatchObject({ answers: [{ data: { serial: 1234, minimum: 5 } }] });
  });

  it('does not say that nothing exists before it has read the cluster', () => {
    const early = { ...view, isReady: false };
    expect(resolveInZone({ name: `web.${svc}`, type: 'A', source: '' }, early, options).kind).toBe('found');
    const empty = { name: `empty.${svc}`, type: 'A', source: '' };
    expect(resolveInZone(empty, early, options).kind).toBe('unknown-yet');
    const reverse = { name: '99.0.64.10.in-addr.arpa', type: 'PTR', source: '' };
    expect(resolveInZone(reverse, early, options).kind).toBe('unknown-yet');
    expect(resolveInZone({ name: `nope.${svc}`, type: 'A', source: '' }, early, options).kind).toBe('unknown-yet');
    expect(resolveInZone({ name: 'example.com', type: 'A', source: '' }, early, options).kind).toBe('foreign');
  });
});

describe('addressOfReverseName', () => {
  it.each(['1.2.3.in-addr.arpa', 'x.in-addr.arpa', '1.ip6.arpa', 'example.com'])('finds none in %s', (name) => {
    expect(addressOfReverseName(name)).toBeUndefined();
  });
});

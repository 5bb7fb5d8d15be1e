import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { EndpointSlice, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { type ExecError, exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { describeWith, findProgram, missingCapability } from '@slipway/kit/testing/capabilities';
import { aService, aSlice } from '../proxy/builders.ts';
import { createClusterDns } from './compose-dns.ts';
import type { Upstream } from './forward/exchange.ts';

/** Others' programs: dig asks, dnsmasq is the server of the host. */
describeWith(missingCapability({ programs: ['dig', 'dnsmasq'] }), 'cluster DNS among others’ programs', () => {
  const stop = new AbortController();
  let running: Promise<void>;
  let dnsmasq: ChildProcess;
  let port: number;

  const freePort = async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port: free } = socket.address();
    socket.close();
    return free;
  };

  /** dnsmasq is there when it answers. */
  const startDnsmasq = async (): Promise<Upstream> => {
    const upstream = { address: '127.0.0.1', port: await freePort() };
    const texts = Array.from({ length: 12 }, (_, i) => `--txt-record=long.example.com,${`${i}`.padEnd(200, 'x')}`);
    const args = [
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--bind-interfaces',
      '--listen-address=127.0.0.1',
      `--port=${upstream.port}`,
      '--local=/example.com/',
      '--host-record=www.example.com,203.0.113.5,2001:db8::5,90',
      '--cname=alias.example.com,www.example.com',
      ...texts,
    ];
    dnsmasq = spawn(findProgram('dnsmasq') ?? 'dnsmasq', args, { stdio: 'ignore' });
    for (;;) {
      if ((await dig(upstream.port, 'www.example.com', '+time=1')).includes('203.0.113.5')) return upstream;
      await systemClock.sleep(20, neverAborted);
    }
  };

  /** What it printed, whatever it thinks of the answer. */
  const dig = async (at: number, ...args: string[]) => {
    const options = ['@127.0.0.1', '-p', String(at), '+time=3', '+tries=1', ...args];
    const { stdout } = await exec('dig', options, { signal: neverAborted }).catch((error: ExecError) => error);
    return stdout.toString();
  };
  const ask = (...args: string[]) => dig(port, ...args);

  beforeAll(async () => {
    const upstream = await startDnsmasq();
    const services = new ObjectCache<Service>();
    const endpointSlices = new ObjectCache<EndpointSlice>();
    services.replace(
      [
        aService({
          name: 'web',
          clusterIp: '10.96.0.20',
          spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
        }),
        aService({ name: 'db', clusterIp: 'None', spec: { ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] } }),
        aService({ name: 'out', clusterIp: '', spec: { type: 'ExternalName', externalName: 'alias.example.com' } }),
      ],
      1n,
    );
    const addresses = Array.from({ length: 100 }, (_, i) => `10.64.0.${i + 2}`);
    endpointSlices.replace([aSlice({ service: 'db', addresses })], 1n);
    const dns = createClusterDns(
      {
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
        services,
        endpointSlices,
        pods: new ObjectCache<Pod>(),
        hostResolvers: async () => [upstream],
      },
      { address: '127.0.0.1', port: 0, clusterDomain: 'cluster.local', ownNetworks: ['10.96.0.0/16'] },
    );
    running = dns.run(stop.signal);
    ({ port } = await dns.ready);
  });
  afterAll(async () => {
    stop.abort();
    await running;
    dnsmasq.kill();
  });

  it.each<[string, readonly string[], readonly (string | RegExp)[]]>([
    [
      'a service',
      ['web.default.svc.cluster.local'],
      ['status: NOERROR', /flags: qr aa rd ra;/, /\s5\s+IN\s+A\s+10\.96\.0\.20/, 'udp: 1232'],
    ],
    [
      'its port',
      ['_http._tcp.web.default.svc.cluster.local', 'SRV'],
      [
        /SRV\s+0 100 80 web\.default\.svc\.cluster\.local\./,
        /web\.default\.svc\.cluster\.local\.\s+5\s+IN\s+A\s+10\.96\.0\.20/,
      ],
    ],
    ['the spelling', ['WeB.default.SVC.cluster.local'], [/WeB\.default\.SVC\.cluster\.local\.\s+5/]],
    [
      'no such record',
      ['web.default.svc.cluster.local', 'AAAA'],
      [
        'status: NOERROR',
        'ANSWER: 0',
        /cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 5/,
      ],
    ],
    ['no such name', ['nope.default.svc.cluster.local'], ['status: NXDOMAIN', 'SOA']],
    ['an address', ['-x', '10.96.0.20'], [/PTR\s+web\.default\.svc\.cluster\.local\./]],
    [
      'an alias to outside',
      ['out.default.svc.cluster.local'],
      [/CNAME\s+alias\.example\.com\./, /CNAME\s+www\.example\.com\./, '203.0.113.5'],
    ],
    ['outside', ['www.example.com', 'AAAA'], ['status: NOERROR', '2001:db8::5', 'udp: 1232']],
    ['outside without EDNS', ['+noedns', 'www.example.com'], ['203.0.113.5', 'ADDITIONAL: 0']],
    ['nothing outside', ['nope.example.com'], ['status: NXDOMAIN']],
    [
      'a long answer by UDP',
      ['+ignore', '+noedns', 'db.default.svc.cluster.local'],
      [/flags: qr aa tc rd ra/, /ANSWER: (2[0-9]|3[0-9]),/],
    ],
    ['a long answer by TCP', ['db.default.svc.cluster.local'], ['ANSWER: 100', '(TCP)']],
    ['a long answer from outside', ['+noedns', 'long.example.com', 'TXT'], ['ANSWER: 12', '(TCP)']],
    ['a long answer from outside, cut', ['+ignore', 'long.example.com', 'TXT'], [/flags: qr tc rd ra/, /ANSWER: 5,/]],
    [
      'several questions on one connection',
      ['+tcp', '+keepopen', 'web.default.svc.cluster.local', 'www.example.com'],
      ['10.96.0.20', '203.0.113.5'],
    ],
    ['ANY', ['+notcp', 'web.default.svc.cluster.local', 'ANY'], ['status: REFUSED']],
    ['another class', ['version.bind', 'TXT', 'CH'], ['status: REFUSED']],
    ['a transfer', ['cluster.local', 'AXFR'], ['Transfer failed']],
    ['another opcode', ['+opcode=notify', 'cluster.local', 'SOA'], ['status: NOTIMP']],
    ['a later EDNS', ['+edns=1', '+noednsnegotiation', 'web.default.svc.cluster.local'], ['status: BADVERS']],
    ['the start of the zone', ['cluster.local', 'SOA'], ['ANSWER: 1', 'SOA']],
  ])('answers %s', async (_, args, expected) => {
    const output = await ask(...args);
    for (const text of expected) expect(output).toMatch(text);
  });

  it('hands on what was kept with its age', async () => {
    const ttl = async () => Number(/www\.example\.com\.\s+(\d+)\s+IN\s+A/.exec(await ask('www.example.com'))?.[1]);
    expect(await ttl()).toBeLessThanOrEqual(90);
    expect(await ttl()).toBeGreaterThan(60);
  });
});

import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { type Chain, createChain } from '../chain/chain.ts';
import { parseConflist } from '../chain/parse-conflist.ts';
import { createResultCache } from '../chain/result-cache.ts';
import { builtInPlugins } from '../plugins/built-in-plugins.ts';
import { createPluginCaller } from '../skeleton/call-plugin.ts';
import { CniError } from '../spec/cni-error.ts';
import type { JsonObject } from '../spec/json.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

/** Other people's plugins as they should not be. DEL works with all of them but the one that hangs. */
const badPlugins: Readonly<Record<string, string>> = {
  hangs: 'sleep 60',
  'hangs-in-a-child': 'sleep 61 & wait',
  crashes: 'kill -SEGV $$',
  'fails-without-a-word': 'exit 3',
  rubbish: 'echo "<html>not JSON</html>"; exit 0',
  'says-nothing': 'exit 0',
  'is-a-list': 'echo "[]"',
  'wrong-result': `echo '{"cniVersion":"1.1.0","ips":[{"address":7}]}'`,
  megabytes: 'head -c 5000000 /dev/zero | tr "\\0" x',
  'half-an-error': `echo '{"code":17,"msg":"no more ports"}'; exit 1`,
};

const execTimeoutMs = 1_500;

describeWithNetwork('bad input', () => {
  let network: TestNetwork;
  let bin: string;
  let netns: string;
  const reservations = () => join(network.directory, 'ipam', 'pods');

  const chainOf = (plugins: readonly JsonObject[]): Chain =>
    createChain({
      list: parseConflist({ cniVersion: '1.1.0', name: 'pods', plugins }, 'pods.conflist'),
      cache: createResultCache(join(network.directory, 'results')),
      path: [bin],
      call: createPluginCaller({
        plugins: builtInPlugins,
        host: network.host,
        exec,
        env: { PATH: process.env.PATH },
        netns: network.hostNetns,
        execTimeoutMs,
      }),
    });
  const bridge = (more: JsonObject = {}, ipam: JsonObject = {}) => ({
    type: 'bridge',
    bridge: 'swt-bad',
    isDefaultGateway: true,
    ipMasq: true,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.89.0.0/24' }]],
      dataDir: join(network.directory, 'ipam'),
      ...ipam,
    },
    ...more,
  });
  const request = (containerId: string, capabilityArgs = {}) => ({
    containerId,
    netns,
    ifName: 'eth0',
    args: [],
    capabilityArgs,
  });
  const errorOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => (error instanceof AggregateError ? error.errors[0] : error),
    );
  const everything = async () => ({
    kernel: await network.kernelObjects(netns),
    addresses: await readdir(join(reservations(), 'attachments')),
    results: await readdir(join(network.directory, 'results')),
  });

  beforeAll(async () => {
    network = await createTestNetwork();
    bin = join(network.directory, 'bin');
    await mkdir(bin);
    for (const [name, body] of Object.entries(badPlugins)) {
      const script = `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\n${body}\n`;
      await writeFile(join(bin, name), script);
      await chmod(join(bin, name), 0o755);
    }
    netns = await network.addNetns();
    // What all attachments share is there from now on.
    const good = chainOf([bridge(), { type: 'portmap', capabilities: { portMappings: true } }]);
    const mapped = request('warm', { portMappings: [{ hostPort: 8989, containerPort: 80 }] });
    await good.add(mapped, neverAborted);
    await good.del(mapped, neverAborted);
  });
  afterAll(() => network?.remove());

  it.each<[string, number, string]>([
    ['hangs', 11, 'ADD took more than 1500 ms and was killed'],
    ['hangs-in-a-child', 11, 'was killed'],
    ['crashes', 999, 'SIGSEGV'],
    ['fails-without-a-word', 999, 'exit code 3'],
    ['rubbish', 6, 'not a JSON object'],
    ['says-nothing', 6, 'it printed nothing on ADD'],
    ['is-a-list', 6, 'not a JSON object'],
    ['wrong-result', 6, 'address: expected a string'],
    ['megabytes', 999, 'printed more than 1048576 bytes'],
    ['half-an-error', 17, 'no more ports'],
    ['not-installed', 7, 'failed to find plugin "not-installed"'],
  ])('undoes everything when a plugin %s', async (type, code, message) => {
    const before = await everything();
    const error = await errorOf(chainOf([bridge(), { type }, { type: 'tuning' }]).add(request('c1'), neverAborted));
    expect(error).toBeInstanceOf(CniError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect((error as CniError).message).toContain(type);
    expect(await everything()).toEqual(before);
  });

  it('leaves no process of a plugin that hung', async () => {
    const processes = (await exec('ps', ['-eo', 'args'], { signal: neverAborted })).stdout.toString();
    expect(processes.split('\n').filter((line) => /^sleep 6[01]$/.test(line))).toEqual([]);
  });

  it.each<[string, () => JsonObject, string]>([
    [
      'overlapping ranges',
      () => bridge({}, { ranges: [[{ subnet: '10.89.0.0/24' }], [{ subnet: '10.89.0.128/25' }]] }),
      'overlaps with',
    ],
    [
      'a range outside of its subnet',
      () => bridge({}, { ranges: [[{ subnet: '10.89.0.0/24', rangeEnd: '10.90.0.9' }]] }),
      'rangeEnd 10.90.0.9 not in network',
    ],
    [
      'a gateway that is no address',
      () => bridge({}, { ranges: [[{ subnet: '10.89.0.0/24', gateway: 'gw' }]] }),
      'invalid IP address "gw"',
    ],
    ['a subnet that is none', () => bridge({}, { ranges: [[{ subnet: '10.89.0.0' }]] }), 'invalid CIDR address'],
    ['a route that is none', () => bridge({}, { routes: [{ dst: '10.0.0.0/8' }, { dst: 'there' }] }), 'ipam.routes[1]'],
    [
      'a gateway that no subnet has',
      () => bridge({}, { routes: [{ dst: '10.0.0.0/8', gw: '172.31.0.1' }] }),
      '172.31.0.1',
    ],
    ['an MTU that no link has', () => bridge({ mtu: 20 }), 'mtu: invalid MTU 20'],
    ['an MTU that is a text', () => bridge({ mtu: '1500' }), 'mtu: expected a number'],
    ['a name that no interface can have', () => bridge({ bridge: 'a/b' }), 'invalid bridge name'],
    ['an address plugin that is not there', () => bridge({}, { type: 'dhcpx' }), 'failed to find plugin "dhcpx"'],
    ['a missing resolv.conf', () => bridge({}, { resolvConf: '/no/such/file' }), 'read resolvConf /no/such/file'],
  ])('refuses %s and says where', async (_what, pluginOf, message) => {
    const before = await everything();
    const error = await errorOf(chainOf([pluginOf()]).add(request('c1'), neverAborted));
    expect(error).toMatchObject({ name: 'CniError', message: expect.stringContaining(message) });
    expect(await everything()).toEqual(before);
  });

  it('says which range is exhausted, and gives the other address back', async () => {
    const before = await everything();
    const lone = { subnet: '10.87.0.0/24', rangeStart: '10.87.0.9', rangeEnd: '10.87.0.9', gateway: '10.87.0.9' };
    const plugin = bridge({}, { ranges: [[{ subnet: '10.89.0.0/24' }], [lone]] });
    for (let round = 0; round < 2; round++) {
      const error = await errorOf(chainOf([plugin]).add(request('c1'), neverAborted));
      expect(error).toMatchObject({
        code: 100,
        message: 'no IP addresses available in range set: 10.87.0.9-10.87.0.9',
      });
    }
    expect(await everything()).toEqual(before);
  });

  it('lets a taken host port fail the whole container', async () => {
    const chain = chainOf([bridge(), { type: 'portmap', capabilities: { portMappings: true } }]);
    const portMappings = [
      { hostPort: 8990, containerPort: 80 },
      { hostPort: 8991, containerPort: 80 },
    ];
    const first = { ...request('first', { portMappings: portMappings.slice(1) }), netns: await network.addNetns() };
    await chain.add(first, neverAborted);
    const before = await everything();
    const error = await errorOf(chain.add(request('second', { portMappings }), neverAborted));
    expect(error).toMatchObject({ code: 101, message: expect.stringContaining('8991/tcp is mapped to another') });
    expect(await everything()).toEqual(before);
    await chain.check(first, neverAborted);
    await chain.del(first, neverAborted);
  });
});

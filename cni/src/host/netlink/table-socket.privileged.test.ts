import { neverAborted } from '@slipway/kit/abort';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';
import type { TableEntry, TableStep } from '../table-step.ts';

const link = 'swt-vx';
const protocol = 90;
const signal = neverAborted;

describeWithNetwork('routes, neighbours and forwarding entries by netlink', () => {
  let network: TestNetwork;

  beforeEach(async () => {
    network = await createTestNetwork();
    const { host, hostNetns } = network;
    await host.ip(
      [`link add ${link} type vxlan id 7 dstport 4789 local 192.168.7.1 nolearning`, `link set ${link} up`],
      { signal },
    );
    await network.run(hostNetns, 'sysctl', '-qw', `net.ipv6.conf.${link}.disable_ipv6=0`);
  });
  afterEach(() => network?.remove());

  const entries: readonly TableEntry[] = [
    { kind: 'route', destination: '10.64.1.0/24', link, gateway: '192.168.7.2', isOnLink: true, protocol },
    { kind: 'route', destination: '10.64.2.9/32', link, gateway: 'fe80::1', protocol },
    { kind: 'route', destination: '10.64.3.0/24', link, protocol, table: 4711, priority: 77 },
    { kind: 'route', destination: 'fd00:1::/64', link, gateway: 'fe80::1', protocol },
    { kind: 'neighbour', link, address: '192.168.7.2', mac: '0a:00:00:00:00:02' },
    { kind: 'neighbour', link, address: 'fe80::1', mac: '0a:00:00:00:00:02' },
    { kind: 'forwarding', link, mac: '0a:00:00:00:00:02', remote: '192.168.7.2' },
    { kind: 'forwarding', link, mac: '0a:00:00:00:00:03', remote: 'fd00::7' },
  ];
  const all = (step: TableStep['step'], some = entries) => some.map((entry): TableStep => ({ step, entry }));
  /** Without what the kernel puts there itself. */
  const shown = async () => {
    const found = await network.host.showTables(link, { signal });
    return found.filter((entry) => entry.kind !== 'route' || entry.protocol === protocol);
  };

  it('shows what was added, and nothing once it is deleted', async () => {
    const v4 = entries.filter((entry) => !(entry.kind === 'forwarding' && entry.remote.includes(':')));
    expect(await network.host.changeTables(all('add', v4), { signal })).toEqual([]);
    expect(await shown()).toEqual(expect.arrayContaining([...v4]));
    expect(await shown()).toHaveLength(v4.length);
    const refused = await network.host.changeTables(all('add', v4), { signal });
    expect(refused.map(({ isExisting }) => isExisting)).toEqual(v4.map(() => true));
    expect(await network.host.changeTables(all('delete', v4), { signal })).toEqual([]);
    expect(await network.host.changeTables(all('delete', v4), { signal })).toEqual([]);
    expect(await shown()).toEqual([]);
  });

  it('goes on after a refusal, and replaces', async () => {
    const [route, , , , neighbour, , forwarding] = entries as [TableEntry, ...TableEntry[]];
    const bad: TableEntry = { kind: 'route', destination: '10.64.9.0/24', link, gateway: '203.0.113.1', protocol };
    const failures = await network.host.changeTables(all('add', [bad, route, neighbour, forwarding] as TableEntry[]), {
      signal,
    });
    expect(failures.map(({ step, message }) => [step.entry, message])).toEqual([
      [bad, expect.stringContaining('add route 10.64.9.0/24 via 203.0.113.1')],
    ]);
    const moved: TableEntry[] = [
      { kind: 'route', destination: '10.64.1.0/24', link, gateway: '192.168.7.4', isOnLink: true, protocol },
      { kind: 'neighbour', link, address: '192.168.7.2', mac: '0a:00:00:00:00:09' },
      { kind: 'forwarding', link, mac: '0a:00:00:00:00:02', remote: '192.168.7.9' },
    ];
    expect(await network.host.changeTables(all('replace', moved), { signal })).toEqual([]);
    expect(await shown()).toEqual(expect.arrayContaining(moved));
    expect(await shown()).toHaveLength(3);
  });

  it('answers for a link that is not there', async () => {
    const entry: TableEntry = { kind: 'neighbour', link: 'swt-none', address: '10.1.1.1', mac: '0a:00:00:00:00:01' };
    expect(await network.host.showTables('swt-none', { signal })).toEqual([]);
    expect(await network.host.changeTables([{ step: 'delete', entry }], { signal })).toEqual([]);
    const [failure] = await network.host.changeTables([{ step: 'add', entry }], { signal });
    expect(failure?.message).toContain('Cannot find device');
  });

  it('is quick with the peers of 5,000 nodes', async () => {
    const many = Array.from({ length: 5000 }, (_, i): TableEntry[] => {
      const [a, b] = [Math.floor(i / 250), i % 250];
      const [remote, mac] = [`172.16.${a}.${b + 1}`, `0a:00:00:00:${hex(a)}:${hex(b)}`];
      return [
        { kind: 'neighbour', link, address: remote, mac },
        { kind: 'forwarding', link, mac, remote },
        { kind: 'route', destination: `10.${100 + a}.${b}.0/24`, link, gateway: remote, isOnLink: true, protocol },
      ];
    }).flat();
    const begin = performance.now();
    expect(await network.host.changeTables(all('add', many), { signal })).toEqual([]);
    const added = performance.now();
    expect(await shown()).toHaveLength(many.length);
    const read = performance.now();
    console.info(`15,000 entries: added in ${(added - begin).toFixed(0)} ms, read in ${(read - added).toFixed(0)} ms`);
  });
});

const hex = (value: number) => value.toString(16).padStart(2, '0');

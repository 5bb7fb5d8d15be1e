import { neverAborted } from '@slipway/kit/abort';
import { join } from 'node:path';
import { inProcess } from '../../conformance/reach.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';
import type { JsonObject } from '../../spec/json.ts';

/** What tuning does beyond what the specification asks of every plugin: on a link that outlives the attachment. */
describeWithNetwork('tuning', () => {
  let network: TestNetwork;
  let netns: string;
  beforeAll(async () => {
    network = await createTestNetwork();
  });
  afterAll(() => network?.remove());
  beforeEach(async () => {
    netns = await network.addNetns();
    await network.host.ip(['link add eth0 type veth peer name far'], { netns, signal: neverAborted });
  });

  const tune = async (command: 'ADD' | 'CHECK' | 'DEL', more: JsonObject) => {
    const { call } = await inProcess.open(network);
    const prevResult = {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'eth0', sandbox: netns, mac: '02:00:00:00:00:01' }],
    };
    const dataDir = join(network.directory, 'tuning');
    const config = { cniVersion: '1.1.0', name: 'test', type: 'tuning', dataDir, prevResult, ...more };
    const whole = { command, containerId: 'c1', netns, ifName: 'eth0', args: '', path: [], config };
    return call('tuning', whole, neverAborted);
  };
  const state = () =>
    network.run(netns, 'sh', '-c', 'ip -details link show eth0; cat /proc/sys/net/ipv4/conf/eth0/arp_filter');

  it('sets back on DEL what it has set on ADD, and nothing else', async () => {
    const before = await state();
    const wanted = {
      mac: '02:11:22:33:44:55',
      mtu: 1400,
      promisc: true,
      allmulti: true,
      txQLen: 55,
      sysctl: { 'net/ipv4/conf/IFNAME/arp_filter': '1' },
    };
    const answer = await tune('ADD', wanted);
    expect(answer?.interfaces).toEqual([{ name: 'eth0', sandbox: netns, mac: '02:11:22:33:44:55', mtu: 1400 }]);
    const after = await state();
    for (const part of ['02:11:22:33:44:55', 'mtu 1400', 'promiscuity 1', 'qlen 55', '\n1\n'])
      expect(after).toContain(part);
    await tune('CHECK', wanted);
    await tune('DEL', wanted);
    await tune('DEL', wanted);
    expect(await state()).toBe(before);
  });

  it.each<[JsonObject, string]>([
    [{ sysctl: { 'kernel.shmmax': '1' } }, 'sysctl: kernel.shmmax is not a setting of a network namespace'],
    [{ sysctl: { 'net/../kernel/shmmax': '1' } }, 'is not a setting of a network namespace'],
    [
      { sysctl: { 'net.ipv4.no_such_thing': '1' } },
      'sysctl: net.ipv4.no_such_thing: the container has no such setting',
    ],
    [{ sysctl: { 'net.ipv4.ip_forward': 7 } }, 'the value of net.ipv4.ip_forward is not a string'],
    [{ sysctl: { 'net.ipv4.ip_forward': 'perhaps' }, mtu: 1300 }, 'sysctl: net.ipv4.ip_forward'],
    [{ mac: 'x' }, 'invalid MAC address "x"'],
    [{ mtu: 5 }, 'mtu: 5 is not between'],
  ])('refuses %j and leaves all as it was', async (wanted, message) => {
    const before = await state();
    await expect(tune('ADD', wanted)).rejects.toThrow(message);
    expect(await state()).toBe(before);
  });
});

import { neverAborted } from '@slipway/kit/abort';
import { type Attach, createAttacher } from '../../conformance/attacher.ts';
import { inProcess } from '../../conformance/reach.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';

/** What portmap does beyond what the specification asks of every plugin. */
describeWithNetwork('portmap', () => {
  let network: TestNetwork;
  let attach: Attach;
  beforeAll(async () => {
    network = await createTestNetwork();
    attach = await createAttacher(network);
    const addresses = ['address add 192.0.2.7/32 dev lo', 'address add 192.0.2.8/32 dev lo'];
    await network.host.ip(addresses, { signal: neverAborted });
  });
  afterAll(() => network?.remove());

  const mapped = (portMappings: readonly object[], more: object = {}) => {
    const ranges = [[{ subnet: '10.83.0.0/24' }], [{ subnet: 'fd00:83::/64' }]];
    const ipam = { type: 'host-local', ranges, dataDir: network.directory };
    return [
      { type: 'bridge', bridge: 'swt-p', isDefaultGateway: true, hairpinMode: true, ipam },
      { type: 'portmap', runtimeConfig: { portMappings }, ...more },
    ];
  };

  it('tells the same port of several addresses and protocols apart', async () => {
    const any = await attach(mapped([{ hostPort: 8083, containerPort: 83 }]));
    const one = await attach(mapped([{ hostPort: 8083, containerPort: 83, hostIP: '192.0.2.7' }]));
    const udp = await attach(mapped([{ hostPort: 8083, containerPort: 83, protocol: 'udp' }]));
    const stops = [
      network.serve(any.netns, 83, 'any'),
      network.serve(one.netns, 83, 'one'),
      network.serve(udp.netns, 83, 'udp', 'UDP4'),
    ];
    await Promise.all([network.untilServed(any.netns, 83), network.untilServed(one.netns, 83)]);
    const { hostNetns } = network;
    expect(await network.fetch(hostNetns, '192.0.2.7', 8083)).toMatch(/^one /);
    expect(await network.fetch(hostNetns, '192.0.2.8', 8083)).toMatch(/^any /);
    expect(await network.fetch(hostNetns, '192.0.2.7', 8083, 'UDP4')).toMatch(/^udp /);
    await expect(attach(mapped([{ hostPort: 8083, containerPort: 1, hostIP: '192.0.2.7' }]))).rejects.toThrow(
      '8083/tcp',
    );
    for (const stop of stops) await stop();
    for (const each of [any, one, udp]) await each.del();
  }, 30_000);

  it('leads datagrams to the new container at once when a port changes hands', async () => {
    const mapping = [{ hostPort: 8053, containerPort: 53, protocol: 'udp' }];
    for (const name of ['first', 'second']) {
      const container = await attach(mapped(mapping));
      const stop = network.serve(container.netns, 53, name, 'UDP4');
      // From one port, whose connection is tracked on; until the server listens there is no answer.
      const ask = 'echo ? | socat -T0.3 - UDP4:192.0.2.7:8053,sourceport=5353,reuseaddr | grep .';
      const script = `for i in $(seq 30); do ${ask} && break; done`;
      expect(await network.run(network.hostNetns, 'sh', '-c', script)).toMatch(new RegExp(`^${name} `));
      await stop();
      await container.del();
    }
  }, 30_000);

  it('maps ranges, also of IPv6, and loads rules for sctp', async () => {
    const container = await attach(
      mapped([
        { hostPort: 9100, containerPort: 100, range: 3 },
        { hostPort: 9100, containerPort: 100, protocol: 'sctp' },
      ]),
    );
    const server = network.run(container.netns, 'timeout', '10', 'socat', '-u', 'TCP6-LISTEN:102,reuseaddr', 'STDOUT');
    const connect = 'TCP6:[fd00:83::1]:9102,retry=50,interval=0.05';
    await network.run(network.hostNetns, 'sh', '-c', `echo through | socat -u STDIN ${connect}`);
    expect(await server).toBe('through\n');
    await container.check();
    await container.del();
  }, 30_000);

  it('leaves the mappings of another network alone when one is collected', async () => {
    const kept = await attach(mapped([{ hostPort: 8084, containerPort: 84 }]), { name: 'first' });
    const { call } = await inProcess.open(network);
    const config = { cniVersion: '1.1.0', name: 'second', type: 'portmap', 'cni.dev/valid-attachments': [] };
    const nobody = { containerId: '', netns: '', ifName: '', args: '', path: [] };
    await call('portmap', { ...nobody, command: 'GC', config }, neverAborted);
    await kept.check();
    await kept.del();
  });
});

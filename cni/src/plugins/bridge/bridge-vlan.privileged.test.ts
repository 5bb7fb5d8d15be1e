import { neverAborted } from '@slipway/kit/abort';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { type Attach, createAttacher } from '../../conformance/attacher.ts';
import {
  createTestNetwork,
  describeWithNetwork,
  kernelLacks,
  missingForNetworkTests,
  type TestNetwork,
} from '../../conformance/test-network.ts';

const missing =
  missingForNetworkTests() ??
  (await kernelLacks('bridge vlan filtering', ['link add swb type bridge vlan_filtering 1']));

describeWith(missing, 'VLANs of a bridge', () =>
  describeWithNetwork('bridge vlan filtering', () => {
    let network: TestNetwork;
    let attach: Attach;
    beforeAll(async () => {
      network = await createTestNetwork();
      attach = await createAttacher(network);
    });
    afterAll(() => network?.remove());

    /** Layer 2 on one bridge; addresses are given here, the same subnet in every VLAN. */
    const inVlan = async (vlans: object, address: string) => {
      const container = await attach([{ type: 'bridge', bridge: 'swt-vlan', preserveDefaultVlan: false, ...vlans }]);
      await container.run('ip', 'address', 'add', address, 'dev', 'eth0');
      return container;
    };
    const ping = (address: string) => ['busybox', 'ping', '-c1', '-W1', address] as const;

    it('keeps containers of different VLANs apart', async () => {
      const one = await inVlan({ vlan: 100 }, '10.5.0.1/24');
      const two = await inVlan({ vlan: 100 }, '10.5.0.2/24');
      const other = await inVlan({ vlan: 200 }, '10.5.0.3/24');
      await one.run(...ping('10.5.0.2'));
      await expect(one.run(...ping('10.5.0.3'))).rejects.toThrow();
      for (const each of [one, two, other]) {
        await each.check();
        await each.del();
      }
    });

    it('shows the VLANs of a port as the configuration has them', async () => {
      const trunk = await inVlan({ vlan: 100, vlanTrunk: [{ id: 7 }, { minID: 200, maxID: 201 }] }, '10.5.0.4/24');
      const port = trunk.result.interfaces[1]?.name ?? '';
      const shown = JSON.parse(await network.run(network.hostNetns, 'bridge', '-j', 'vlan', 'show', 'dev', port));
      const vlans = (shown[0]?.vlans ?? []) as { vlan: number; vlanEnd?: number; flags?: string[] }[];
      const ids = vlans.flatMap(({ vlan, vlanEnd = vlan }) =>
        Array.from({ length: vlanEnd - vlan + 1 }, (_, i) => vlan + i),
      );
      expect(ids).toEqual([7, 100, 200, 201]);
      expect(vlans.find(({ vlan }) => vlan === 100)?.flags).toEqual(
        expect.arrayContaining(['PVID', 'Egress Untagged']),
      );
      await trunk.del();
    });

    it('has a gateway in the VLAN', async () => {
      const ipam = { type: 'host-local', subnet: '10.6.0.0/24', dataDir: network.directory };
      const config = { type: 'bridge', bridge: 'swt-vgw', vlan: 300, isDefaultGateway: true, ipam };
      const container = await attach([config]);
      await container.run(...ping('10.6.0.1'));
      const [gateway] = await network.host.ipShow(['address', 'show', 'dev', 'swt-vgw.300'], { signal: neverAborted });
      expect(JSON.stringify(gateway)).toContain('10.6.0.1');
      const second = await attach([config]);
      await second.run(...ping(container.addresses[0] ?? ''));
      await container.del();
      await second.del();
    });
  }),
);
